//! `ContinueLaunch` and `AbandonLaunch`: completes the lifecycle action.
//!
//! Auto Scaling accepts one completion of an action, so this is where executions for the same launch (a duplicate
//! event, a replay) are told apart: the first completion counts. A failing execution abandons before it
//! releases anything, and releases only when the launch is really over.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::{info, warn};

use super::summary::Summary;
use super::{Context, Patience, Subject, read, write};
use crate::aws::autoscaling::{Completed, LifecycleActionResult};
use crate::metrics::Metric;
use hookline_domain::error::{Error, Input, Result};
use hookline_domain::event::LifecycleAction;
use hookline_domain::parse::from_value;
use hookline_domain::profile::Selector;

#[derive(Debug, Deserialize)]
struct Payload {
    event: Value,
    profile: Value,
    /// There once `TagNode` has found that the profile covers the instance.
    #[serde(default)]
    node: Value,
    /// There once `AttachInterfaces` has seen all as asked.
    #[serde(default)]
    wired: Value,
}

/// What became of the lifecycle action: `$.completion.outcome`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Outcome {
    /// Auto Scaling took this completion.
    Completed,
    /// It was completed the same way before: by a run of this state whose response was lost, or by another
    /// execution for the same launch.
    AlreadyCompleted,
    /// ABANDON came too late: the launch went on. What hangs on the node must stay.
    AlreadyContinued,
}

/// What the function returns: `$.completion`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Output {
    /// What was asked for.
    pub result: LifecycleActionResult,
    /// What became of it.
    pub outcome: Outcome,
    /// Auto Scaling's word for the instance's lifecycle state, where it was looked up.
    pub lifecycle_state: Option<String>,
    /// With CONTINUE: what the node has.
    #[serde(flatten)]
    pub summary: Option<Summary>,
}

/// Runs the function.
///
/// # Errors
/// `InvalidEvent`, `InvalidProfile`, `InvalidPayload`, `HookNotOurs`, `LaunchGone`, and what every call can fail with.
pub async fn handle(context: Context, mut payload: Value) -> Result<Value> {
    let result = payload.get_mut("result").map_or(Value::Null, Value::take);
    let result: LifecycleActionResult = from_value(Input::Payload, "result", result)?;
    let payload: Payload = read(payload)?;
    let subject = Subject::read(payload.event, payload.profile)?;
    let completed = complete(&context, &subject, result, !payload.node.is_null()).await;
    measure(&context, &subject, &completed);
    let mut output = completed?;
    if result == LifecycleActionResult::Continue {
        output.summary = summarize(&subject, payload.node, payload.wired);
        if let Some(summary) = &mut output.summary
            && output.outcome == Outcome::Completed
        {
            summary.seconds.event_to_continue = subject.seconds_since_event(&context);
        }
    }
    info!(
        result = output.result.as_str(),
        outcome = ?output.outcome,
        lifecycle_state = output.lifecycle_state,
        "lifecycle action completed"
    );
    write("CompleteLifecycleAction", &output)
}

/// What the states before have told of the node. It is for people: whatever of it cannot be read is left out, and the
/// launch goes on all the same.
fn summarize(subject: &Subject, node: Value, wired: Value) -> Option<Summary> {
    let of_node = |node| Some(Summary::new(subject, &node, Vec::new()));
    serde_json::from_value(wired)
        .ok()
        .or_else(|| serde_json::from_value(node).ok().and_then(of_node))
}

async fn complete(
    context: &Context,
    subject: &Subject,
    result: LifecycleActionResult,
    known_to_be_covered: bool,
) -> Result<Output> {
    let Some(action) = &subject.launch.action else {
        // An adopted node waits at no hook.
        let hook = subject.profile.hook.name.clone();
        return Err(Error::HookNotOurs { hook });
    };
    if !is_ours(context, subject, action, known_to_be_covered).await? {
        let hook = action.lifecycle_hook_name.clone();
        return Err(Error::HookNotOurs { hook });
    }
    let mut completed = context
        .aws
        .complete_lifecycle_action(action, result)
        .await?;
    // A token of another wait, as of an event that was replayed from elsewhere: the action of this instance at this hook is
    // meant all the same. Not on the way into a warm pool: the next wait is another launch, which needs interfaces.
    if completed == Completed::NoActiveAction
        && action.lifecycle_action_token.is_some()
        && !subject.launch.goes_to_warm_pool()
    {
        let by_instance = LifecycleAction {
            lifecycle_action_token: None,
            ..action.clone()
        };
        completed = context
            .aws
            .complete_lifecycle_action(&by_instance, result)
            .await?;
    }
    match completed {
        Completed::Accepted => Ok(Output {
            result,
            outcome: Outcome::Completed,
            lifecycle_state: None,
            summary: None,
        }),
        Completed::NoActiveAction => look(context, action, result).await,
    }
}

/// A launch that had ended the same way before is not late: that may have been this state itself, in a run whose response
/// was lost, or another execution for the launch.
fn measure(context: &Context, subject: &Subject, completed: &Result<Output>) {
    let metrics = &context.metrics;
    let of = subject.measured();
    match completed {
        Ok(Output {
            outcome: Outcome::Completed,
            result,
            ..
        }) => match result {
            LifecycleActionResult::Continue => {
                if let Some(passed) = subject.milliseconds_since_event(context) {
                    metrics.set(Metric::EventToContinue, of, passed);
                }
            }
            LifecycleActionResult::Abandon => metrics.add(Metric::LaunchesAbandoned, of, 1),
        },
        Ok(Output {
            outcome: Outcome::AlreadyContinued,
            ..
        })
        | Err(Error::LaunchGone { .. }) => metrics.add(Metric::LateVerdicts, of, 1),
        Ok(_) | Err(_) => {}
    }
}

/// Whether the hook is this profile's to complete (invariant I3). One rule may bring the launches of many groups, so
/// when `TagNode` failed before it knew, the selector is asked here.
async fn is_ours(
    context: &Context,
    subject: &Subject,
    action: &LifecycleAction,
    known_to_be_covered: bool,
) -> Result<bool> {
    let profile = &subject.profile;
    if !profile.hook.complete || profile.hook.name != action.lifecycle_hook_name {
        return Ok(false);
    }
    if known_to_be_covered {
        return Ok(true);
    }
    let tags = match profile.selector {
        Selector::AutoScalingGroupNames(_) => BTreeMap::new(),
        // Of an instance that is gone as well: its launch is to be abandoned, not left to time out.
        Selector::Tag(_) => context.aws.instance(&action.ec2_instance_id).await?.tags,
    };
    Ok(profile
        .selector
        .covers(&action.auto_scaling_group_name, &tags))
}

/// "No active Lifecycle Action": what became of the launch then?
async fn look(
    context: &Context,
    action: &LifecycleAction,
    result: LifecycleActionResult,
) -> Result<Output> {
    let mut patience = Patience::new(context);
    loop {
        let state = context.aws.lifecycle_state(&action.ec2_instance_id).await?;
        let gone = is_over(state.as_deref());
        let outcome = match (result, gone) {
            (LifecycleActionResult::Continue, true) => {
                return Err(Error::LaunchGone {
                    instance: action.ec2_instance_id.clone(),
                    state: state.unwrap_or_else(|| "unknown to Auto Scaling".to_owned()),
                });
            }
            (LifecycleActionResult::Continue, false) | (LifecycleActionResult::Abandon, true) => {
                Outcome::AlreadyCompleted
            }
            (LifecycleActionResult::Abandon, false) => {
                // Our own ABANDON of a moment ago may not show yet; another hook may also hold the launch.
                if state.as_deref() == Some("Pending:Wait") && patience.wait().await {
                    continue;
                }
                warn!(
                    lifecycle_state = state,
                    "ABANDON came too late: the launch went on"
                );
                Outcome::AlreadyContinued
            }
        };
        return Ok(Output {
            result,
            outcome,
            lifecycle_state: state,
            summary: None,
        });
    }
}

/// Whether an instance in this lifecycle state is on its way out of its group, or of the group's warm pool; `None` is
/// an instance that Auto Scaling does not know.
fn is_over(lifecycle_state: Option<&str>) -> bool {
    lifecycle_state.is_none_or(|state| {
        let state = state.strip_prefix("Warmed:").unwrap_or(state);
        state.starts_with("Terminat") || state.starts_with("Detach")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_on_its_way_out_is_over() {
        for state in [
            "Terminating",
            "Terminating:Wait",
            "Terminating:Proceed",
            "Terminated",
            "Detaching",
            "Detached",
            "Warmed:Terminating:Wait",
            "Warmed:Terminated",
        ] {
            assert!(is_over(Some(state)), "{state}");
        }
        assert!(is_over(None));
        for state in [
            "Pending",
            "Pending:Wait",
            "Pending:Proceed",
            "InService",
            "EnteringStandby",
            "Standby",
            "Warmed:Pending:Wait",
            "Warmed:Stopped",
            "Warmed:Running",
        ] {
            assert!(!is_over(Some(state)), "{state}");
        }
    }
}
