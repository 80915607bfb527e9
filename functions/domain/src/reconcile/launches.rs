//! What is to become of launches that wait at their hook and that no execution is working on: the event was lost, or the
//! execution ended before it gave a verdict.
//!
//! A lifecycle action token cannot be looked up by any API, so an execution that reconcile starts is named after the
//! instance and the hook: Step Functions takes each name once in 90 days, and so starts it exactly once.

use std::collections::{BTreeMap, BTreeSet};

use super::limits::Limits;
use crate::error::{Input, Result};
use crate::execution::names::{StateMachine, execution_name};
use crate::ids::InstanceId;
use crate::parse::from_value;
use crate::profile::{Profile, Selector};
use serde::Deserialize;
use serde_json::{Value, json};

/// An instance of an Auto Scaling group, as the group lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The instance.
    pub instance: InstanceId,
    /// Its group.
    pub group: String,
    /// Its group's ARN.
    pub group_arn: String,
}

/// What EC2 says of an instance that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaunchFacts {
    /// In seconds since the epoch.
    pub launched_at: i64,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A profile that reconcile was given, as it came and as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileInput {
    /// What an execution gets in its input: the same as by the rule's target.
    pub value: Value,
    /// The same, read.
    pub profile: Profile,
}

/// The groups in which instances of some profiles may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Groups {
    /// None: there are no such profiles.
    None,
    /// Those of these names.
    Named(BTreeSet<String>),
    /// Any: tags are the instances', which a group may have from its launch template.
    All,
}

/// The groups that `profiles` may cover instances of.
#[must_use]
pub fn groups<'a>(profiles: impl IntoIterator<Item = &'a ProfileInput>) -> Groups {
    profiles.into_iter().fold(Groups::None, |groups, input| {
        match (groups, &input.profile.selector) {
            (Groups::All, _) | (_, Selector::Tag(_)) => Groups::All,
            (Groups::None, Selector::AutoScalingGroupNames(names)) => Groups::Named(names.clone()),
            (Groups::Named(mut all), Selector::AutoScalingGroupNames(names)) => {
                all.extend(names.iter().cloned());
                Groups::Named(all)
            }
        }
    })
}

/// A launch to look at more closely: at its profile's hook, if it still waits there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// The instance.
    pub waiting: &'a Member,
    /// In seconds since the epoch.
    pub launched_at: i64,
    /// The profile that covers it.
    pub input: &'a ProfileInput,
}

/// The launches that nobody works on: covered by a profile whose hook is Hookline's to complete, old enough, and not in
/// the work of a running execution. A hook that two profiles name is looked at once, for the first of them.
#[must_use]
pub fn candidates<'a>(
    waiting: &'a [Member],
    facts: &BTreeMap<InstanceId, LaunchFacts>,
    profiles: &'a [ProfileInput],
    in_progress: &BTreeSet<InstanceId>,
    now: i64,
    limits: Limits,
) -> Vec<Candidate<'a>> {
    let mut found = Vec::new();
    for waiting in waiting {
        // EC2 does not know it yet, or no more: the next round looks again.
        let Some(facts) = facts.get(&waiting.instance) else {
            continue;
        };
        let young = now.saturating_sub(facts.launched_at) < limits.launch_age_seconds;
        if young || in_progress.contains(&waiting.instance) {
            continue;
        }
        let mut hooks = BTreeSet::new();
        for input in profiles {
            let Profile { hook, selector, .. } = &input.profile;
            if hook.complete
                && selector.covers(&waiting.group, &facts.tags)
                && hooks.insert(&hook.name)
            {
                found.push(Candidate {
                    waiting,
                    launched_at: facts.launched_at,
                    input,
                });
            }
        }
    }
    found
}

/// The launches that have been waiting for too long, whoever works on them: covered by a profile whose hook is Hookline's
/// to complete. Which of its group's hooks a launch waits at, no API tells.
#[must_use]
pub fn overdue(
    waiting: &[Member],
    facts: &BTreeMap<InstanceId, LaunchFacts>,
    profiles: &[ProfileInput],
    now: i64,
    limits: Limits,
) -> Vec<InstanceId> {
    let late = |waiting: &&Member| {
        facts.get(&waiting.instance).is_some_and(|facts| {
            now.saturating_sub(facts.launched_at) > limits.overdue_seconds
                && profiles.iter().any(|input| {
                    let Profile { hook, selector, .. } = &input.profile;
                    hook.complete && selector.covers(&waiting.group, &facts.tags)
                })
        })
    };
    waiting
        .iter()
        .filter(late)
        .map(|waiting| waiting.instance.clone())
        .collect()
}

/// What is to be done about a launch whose execution has this status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaunchAction {
    /// Nothing, for this reason.
    Skip(&'static str),
    /// ABANDON, and then the release: nobody else will.
    Abandon,
}

/// What follows from how an execution stands, for a launch that still waits.
#[must_use]
pub fn launch_action(status: &str, error: Option<&str>) -> LaunchAction {
    match (status, error) {
        // Whose launch it is could not be told, so no hook is completed; a person may start again.
        (
            "FAILED",
            Some("Hookline.InvalidEvent" | "Hookline.InvalidProfile" | "Hookline.InvalidPayload"),
        ) => LaunchAction::Skip("its execution refused its input"),
        ("FAILED" | "TIMED_OUT" | "ABORTED", _) => LaunchAction::Abandon,
        ("SUCCEEDED", _) => LaunchAction::Skip("its execution succeeded: another hook holds it"),
        _ => LaunchAction::Skip("its execution is running"),
    }
}

/// The event that did not come, in AWS's form, from what is known: without the token, and without where the instance came
/// from. It is the same whenever it is made up, as its execution's input must be.
///
/// `time` is the launch's, as RFC 3339.
#[must_use]
pub fn launch_event(machine: &StateMachine, waiting: &Member, hook: &str, time: &str) -> Value {
    json!({
        "version": "0",
        "id": execution_name(&waiting.instance, hook),
        "detail-type": "EC2 Instance-launch Lifecycle Action",
        "source": "aws.autoscaling",
        "account": machine.account(),
        "time": time,
        "region": machine.region(),
        "resources": [waiting.group_arn],
        "detail": {
            "AutoScalingGroupName": waiting.group,
            "LifecycleHookName": hook,
            "EC2InstanceId": waiting.instance,
            "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
            // On its way into a warm pool it would be in Warmed:Pending:Wait.
            "Destination": "AutoScalingGroup",
        },
    })
}

/// The end of an execution: `detail` of *Step Functions Execution Status Change*
/// (Step Functions Developer Guide, "Automating Step Functions event delivery with EventBridge").
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ended {
    /// The execution.
    pub execution_arn: String,
    /// Its state machine.
    pub state_machine_arn: String,
    /// `TIMED_OUT`, `ABORTED`, `FAILED`, …
    pub status: String,
    /// Its input as text; absent when it is too long for an event.
    #[serde(default)]
    pub input: Option<String>,
    /// Why it failed.
    #[serde(default)]
    pub error: Option<String>,
}

impl Ended {
    /// The detail type of these events.
    pub const DETAIL_TYPE: &str = "Step Functions Execution Status Change";

    /// Whether a payload is such an event, and not a schedule's.
    #[must_use]
    pub fn is(payload: &Value) -> bool {
        payload.get("detail-type").and_then(Value::as_str) == Some(Self::DETAIL_TYPE)
    }

    /// Reads the event.
    ///
    /// # Errors
    /// [`Error::Invalid`] that names the field.
    pub fn read(mut payload: Value) -> Result<Self> {
        let detail = payload.get_mut("detail").map_or(Value::Null, Value::take);
        from_value(Input::Payload, "detail", detail)
    }
}

#[cfg(test)]
#[path = "launches_tests.rs"]
mod tests;
