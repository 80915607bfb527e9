//! What each function is given: the `Parameters` of its states.
//!
//! Each payload also has `execution`, the execution's name, for the logs.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::allocation::Allocation;
use super::completion::LifecycleActionResult;
use super::delete_on_termination::DeleteOnTermination;
use super::node::Node;
use super::plan::Plan;
use super::startup_taint::StartupTaintRemoval;
use super::summary::Summary;
use crate::error::{Error, Input, Result};
use crate::event::{Event, Launch};
use crate::profile::{Profile, Slot};

/// What `TagNode` is given: the execution's input.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct TagNodeRequest {
    /// `$`
    pub input: ExecutionInput,
    /// How often the state was retried: `$$.State.RetryCount`. Absent in executions of earlier
    /// releases.
    pub tried: Option<u64>,
}

/// What an execution starts with. A replay is: start again with the same.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionInput {
    /// The EventBridge event.
    pub event: Value,
    /// The profile.
    pub profile: Value,
    /// How long the launch has waited for its turn to be tagged, in seconds; null or absent if it has not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_seconds: Option<u32>,
}

/// What `PlanInterfaces` is given.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct PlanRequest {
    /// `$.launch`
    pub launch: Launch,
    /// `$.profile`
    pub profile: Profile,
    /// `$.node`
    pub node: Node,
    /// `$.plan`: the plan before this one, if there was one.
    pub plan: Option<Plan>,
    /// `$.allocation`: what came of an earlier plan.
    pub allocation: Option<Allocation>,
    /// `$.lost`: set by the catcher of `InterfaceLost`.
    pub lost: Option<Value>,
    /// `$.extension`: what came of the hook's last extension.
    pub extension: Option<Value>,
}

/// What `CreateInterfaces` is given.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct CreateRequest {
    /// `$.launch`
    pub launch: Launch,
    /// `$.profile`
    pub profile: Profile,
    /// `$.node`
    pub node: Node,
    /// `$.plan`
    pub plan: Plan,
}

/// What `AttachInterfaces` is given.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct AttachRequest {
    /// `$.launch`
    pub launch: Launch,
    /// `$.profile`
    pub profile: Profile,
    /// `$.node`
    pub node: Node,
    /// `$.plan`
    pub plan: Plan,
    /// `$.allocation`
    pub allocation: Allocation,
}

/// What `ContinueLaunch` and `AbandonLaunch` are given.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct CompleteRequest {
    /// CONTINUE or ABANDON.
    pub result: LifecycleActionResult,
    /// The execution's name. Empty if reconcile gives up a launch whose execution has ended.
    #[serde(default)]
    pub execution: String,
    /// `$.failure`, from `AbandonLaunch`: why.
    #[serde(default)]
    pub failure: Option<Value>,
    /// `$.launch`, from `ContinueLaunch`.
    pub launch: Option<Launch>,
    /// `$.event`, from `AbandonLaunch`: `TagNode` may have failed before it knew the launch.
    pub event: Option<Value>,
    /// `$.profile`
    pub profile: Value,
    /// `$.node`: null if `TagNode` did not find that the profile covers the instance.
    #[serde(default)]
    pub node: Value,
    /// `$.wired`: null for a profile without slots.
    #[serde(default)]
    pub wired: Value,
}

/// What `SetDeleteOnTermination` is given.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SetDeleteOnTerminationRequest {
    /// `$.launch`
    pub launch: Launch,
    /// `$.profile`
    pub profile: Profile,
    /// `$.node`
    pub node: Node,
    /// `$.wired`
    pub wired: Summary,
    /// `$.startupTaint`: what the state before this one returned, if the profile has a startup taint.
    #[serde(default)]
    pub startup_taint: Option<StartupTaintRemoval>,
    /// `$.deleteOnTermination`: what this state returned before, if it waited.
    pub delete_on_termination: Option<DeleteOnTermination>,
}

/// What `RemoveStartupTaint` is given.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RemoveStartupTaintRequest {
    /// `$.launch`
    pub launch: Launch,
    /// `$.profile`
    pub profile: Profile,
    /// `$.wired`: null for a profile without slots.
    pub wired: Option<Summary>,
    /// `$.startupTaint`: what this state returned before, if it waited.
    pub startup_taint: Option<StartupTaintRemoval>,
}

/// How a launch ended whose interfaces are released.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LaunchOutcome {
    /// This execution abandoned it: the node never took work.
    Completed,
    /// The launch had ended before: by another execution, by a person, by the hook's timeout, or by this
    /// execution, if that answer was lost. Its node may have taken work.
    AlreadyCompleted,
    /// The same, and this execution came with CONTINUE.
    LaunchGone,
}

/// What `ReleaseInterfaces` is given.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct ReleaseRequest {
    /// `$.completion.outcome`; null in the definition of an earlier release, and by hand.
    #[serde(default)]
    pub outcome: Option<LaunchOutcome>,
    /// `$.event`
    pub event: Value,
    /// `$.plan`
    pub plan: Option<Plan>,
    /// `$.allocation`
    pub allocation: Option<Allocation>,
}

impl CompleteRequest {
    /// To give up the launch of `event` under `profile`, both as an execution's input has them.
    #[must_use]
    pub fn abandon(event: Value, profile: Value) -> Self {
        Self {
            result: LifecycleActionResult::Abandon,
            execution: String::new(),
            failure: None,
            launch: None,
            event: Some(event),
            profile,
            node: Value::Null,
            wired: Value::Null,
        }
    }

    /// The launch and the profile.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the event is not a launch's, or the profile is not valid.
    pub fn subject(&mut self) -> Result<(Launch, Profile)> {
        let launch = match self.launch.take() {
            Some(launch) => launch,
            None => Event::read_launch(self.event.take().unwrap_or_default())?,
        };
        Ok((launch, Profile::read(self.profile.take())?))
    }

    /// What the states before have told of the node. It is for people: what cannot be read of it is
    /// left out, and the launch goes on.
    #[must_use]
    pub fn summary(&mut self, group: &str) -> Option<Summary> {
        let node = self.node.take();
        serde_json::from_value(self.wired.take()).ok().or_else(|| {
            let node: Node = serde_json::from_value(node).ok()?;
            Some(Summary::new(group, &node, Vec::new()))
        })
    }
}

/// The slot of `network`.
///
/// # Errors
/// [`Error::Invalid`], which names `field`, if the profile has no such network.
pub fn slot<'a>(profile: &'a Profile, field: &str, network: &str) -> Result<&'a Slot> {
    profile
        .slots
        .iter()
        .find(|slot| slot.network == network)
        .ok_or_else(|| {
            Error::invalid(
                Input::Payload,
                field,
                format!("the profile has no network {network:?}"),
                "Start a new execution with the same event",
            )
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures::{launch_event, node, profile};

    #[test]
    fn summary_is_what_was_wired_or_else_the_node() {
        let summary = |node: Value, wired: Value| {
            let mut request = CompleteRequest::abandon(launch_event(), profile());
            (request.node, request.wired) = (node, wired);
            request.summary("upf")
        };
        let of_the_node = Summary::new("upf", &node(), Vec::new());
        let mut wired = of_the_node.clone();
        wired.seconds.event_to_wired = Some(9);
        assert_eq!(summary(json!(node()), json!(wired)), Some(wired));
        assert_eq!(summary(json!(node()), Value::Null), Some(of_the_node));
        assert_eq!(summary(json!({"instanceId": 7}), json!([])), None);
    }

    #[test]
    fn slot_is_found_by_its_network() {
        let profile = Profile::read(profile()).unwrap();
        let found = |network: &str| slot(&profile, "plan.slots[0].network", network);
        assert_eq!(found("signaling"), Ok(&profile.slots[0]));
        assert_eq!(found("user-plane"), Ok(&profile.slots[1]));
        let error = found("n6").unwrap_err().to_string();
        assert!(
            error.starts_with("plan.slots[0].network: the profile has no network \"n6\""),
            "{error}"
        );
    }
}
