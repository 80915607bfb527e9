//! What came of a startup taint: `$.startupTaint`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What `RemoveStartupTaint` returns.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StartupTaintRemoval {
    /// What comes next.
    pub step: StartupTaintStep,
    /// When this state first ran, in seconds since the epoch.
    pub since: i64,
    /// The name of the node in the cluster; null until it has registered.
    pub node_name: Option<String>,
    /// Whether this state removed the taint. False for a node that did not have it.
    pub removed: bool,
}

/// What comes next after `RemoveStartupTaint`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(
    tag = "action",
    rename_all = "SCREAMING_SNAKE_CASE",
    rename_all_fields = "camelCase"
)]
pub enum StartupTaintStep {
    /// Wait, and look again: the node has not registered yet.
    Wait {
        /// How long to wait, in seconds.
        seconds: u32,
    },
    /// Some of the node's interfaces lack DeleteOnTermination.
    SetDeleteOnTermination,
    /// Nothing more for the node.
    End,
}
