//! When DeleteOnTermination is set, and what came of it: `$.deleteOnTermination`.
//!
//! The attribute serves the clean-up after the node, so a launch may go on without it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::NetworkInterfaceId;

/// When a launch sets DeleteOnTermination on its interfaces.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DeleteOnTerminationTiming {
    /// As soon as an interface is attached.
    #[default]
    AtOnce,
    /// After CONTINUE, because other launches need the calls to become ready.
    AfterContinue,
}

/// What `SetDeleteOnTermination` returns.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeleteOnTermination {
    /// What comes next.
    pub step: DeleteOnTerminationStep,
    /// When this state first ran after CONTINUE, or `RemoveStartupTaint` before it, in seconds since the
    /// epoch.
    pub since: i64,
    /// The interfaces on which it is set so far.
    #[serde(default)]
    pub set: Vec<NetworkInterfaceId>,
}

/// What comes next after `SetDeleteOnTermination`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(
    tag = "action",
    rename_all = "SCREAMING_SNAKE_CASE",
    rename_all_fields = "camelCase"
)]
pub enum DeleteOnTerminationStep {
    /// Wait, and look again: launches that are not ready need the calls, or EC2 throttled one.
    Wait {
        /// How long to wait, in seconds.
        seconds: u32,
    },
    /// The execution ends.
    End {
        /// The interfaces that lack it: the launches before this one take too long. Reconcile sets
        /// it on them.
        left: Vec<NetworkInterfaceId>,
    },
}
