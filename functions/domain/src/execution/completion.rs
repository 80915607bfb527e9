//! How a launch ended: `$.completion` and `$.release`.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::summary::Summary;
use crate::ids::NetworkInterfaceId;

/// How the lifecycle action ended.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Completion {
    /// What the state asked for.
    pub result: LifecycleActionResult,
    /// What came of it.
    pub outcome: CompletionOutcome,
    /// What comes next.
    pub next: CompletionNext,
    /// The instance's lifecycle state in Auto Scaling's words; null unless it was looked up.
    pub lifecycle_state: Option<String>,
    /// The node; null after ABANDON.
    #[serde(flatten)]
    pub summary: Option<Summary>,
}

/// What a launch's hook is completed with (CompleteLifecycleAction, `LifecycleActionResult`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LifecycleActionResult {
    /// The instance goes InService.
    Continue,
    /// Auto Scaling terminates the instance, and replaces it.
    Abandon,
}

impl LifecycleActionResult {
    /// As the API has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Continue => "CONTINUE",
            Self::Abandon => "ABANDON",
        }
    }
}

/// What came of a completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CompletionOutcome {
    /// Auto Scaling accepted it.
    Completed,
    /// The action had ended the same way before: by a run of this state whose response was lost, or
    /// by another execution for the launch. With ABANDON also: the instance was in service, and is on its
    /// way out.
    AlreadyCompleted,
    /// ABANDON came too late: the launch went on. The node's interfaces stay.
    AlreadyContinued,
    /// The hook is not Hookline's to complete under this profile, or there is none. Nothing was
    /// called.
    NotOurs,
}

/// What comes after a completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CompletionNext {
    /// The node is ready, and its profile has a startup taint.
    RemoveStartupTaint,
    /// The node is ready, and some of its interfaces lack DeleteOnTermination.
    SetDeleteOnTermination,
    /// Nothing more for the node.
    End,
}

/// What `ReleaseInterfaces` returns.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Release {
    /// The interfaces that are gone now.
    pub released: BTreeSet<NetworkInterfaceId>,
    /// Those that the instance keeps, as it runs on and may have taken work. EC2 deletes them with it, or
    /// reconcile afterwards.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub kept: BTreeSet<NetworkInterfaceId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_is_written_as_the_api_has_it() {
        for (result, text) in [
            (LifecycleActionResult::Continue, "CONTINUE"),
            (LifecycleActionResult::Abandon, "ABANDON"),
        ] {
            assert_eq!(result.as_str(), text);
            assert_eq!(serde_json::to_value(result).unwrap(), text);
        }
    }
}
