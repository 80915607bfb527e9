//! Launches that wait at their hook without a running execution. Either their event was lost, or
//! their execution ended without CONTINUE or ABANDON.
//!
//! No API returns a lifecycle action token. So an execution that reconcile starts is named after
//! the instance and the hook. Step Functions accepts a name once in 90 days, and so starts it
//! exactly once. In a group with a warm pool an instance launches again and again: there the name
//! has the id of the launch's scaling activity too.

use std::collections::{BTreeMap, BTreeSet};

use super::limits::Limits;
use super::profiles::{ProfileInput, Profiles};
use crate::error::{Input, Result};
use crate::event::TransitionEndpoint;
use crate::execution::names::{StateMachine, execution_name};
use crate::ids::InstanceId;
use crate::parse::from_value;
use crate::profile::Profile;
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

/// A member that waits at a hook: at a launch hook, or, in a warm pool, maybe at a termination hook
/// on its way back from the group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The instance, in its group.
    pub member: Member,
    /// Whether it waits on its way into the group's warm pool.
    pub to_warm_pool: bool,
    /// What Auto Scaling does with it. Looked up in a group with a warm pool only, where an instance
    /// is launched more than once; `None` if it was not found there.
    pub activity: Option<LaunchActivity>,
}

/// The scaling activity of a launch that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaunchActivity {
    /// Its id. Each launch of an instance has another.
    pub id: String,
    /// When it began, in seconds since the epoch.
    pub started_at: i64,
    /// Whether it takes the instance out of the warm pool.
    pub from_warm_pool: bool,
}

impl LaunchActivity {
    /// The instance that an activity launches, and whether out of a warm pool, by its description:
    /// `Launching a new EC2 instance: i-…`, or `… into warm pool: i-…`, or `… from warm pool: i-…`.
    /// `None` for an activity that launches nothing.
    #[must_use]
    pub fn read(description: &str) -> Option<(InstanceId, bool)> {
        let launched = description.strip_prefix("Launching a new EC2 instance")?;
        let (how, instance) = launched.rsplit_once(": ")?;
        Some((instance.parse().ok()?, how == " from warm pool"))
    }
}

impl Waiting {
    /// When its launch began, in seconds since the epoch, of an instance that EC2 last launched at
    /// `launched_at`. One that leaves a pool of running instances was launched long before.
    #[must_use]
    pub fn began_at(&self, launched_at: i64) -> i64 {
        let activity = self.activity.as_ref();
        activity.map_or(launched_at, |activity| activity.started_at.max(launched_at))
    }

    /// The name of the execution that reconcile starts for the launch at `hook`: another one for
    /// each launch of the instance, and the same one whenever it looks.
    #[must_use]
    pub fn execution_name(&self, hook: &str) -> String {
        let hook = match &self.activity {
            None => hook.to_owned(),
            Some(activity) => format!("{hook} {}", activity.id),
        };
        execution_name(&self.member.instance, &self.member.group, &hook)
    }
}

/// What EC2 says of a waiting instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaunchFacts {
    /// When it was launched, in seconds since the epoch.
    pub launched_at: i64,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A launch that may need help at the hook of a profile, if it still waits there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// The instance.
    pub waiting: &'a Waiting,
    /// When its launch began, in seconds since the epoch.
    pub began_at: i64,
    /// The profile that covers it.
    pub input: &'a ProfileInput,
    /// Whether no launch begins with this profile any more.
    pub is_retired: bool,
}

impl Candidate<'_> {
    /// Why no execution may start for the launch, if none has begun; `None` if one may.
    ///
    /// The configuration takes a profile out of use to end what began with it. A launch that begins
    /// with it later would keep it in use, and could lose its rights when the profile is removed. So
    /// the timeout of its hook ends such a launch.
    #[must_use]
    pub fn refusal(&self) -> Option<&'static str> {
        self.is_retired
            .then_some("its profile is retired: no launch begins with it any more")
    }
}

/// The launches without a running execution: old enough, and covered by a profile whose hook
/// Hookline completes. If two profiles name the same hook, the first of them counts, and one that is
/// not retired before one that is.
#[must_use]
pub fn candidates<'a>(
    waiting: &'a [Waiting],
    facts: &BTreeMap<InstanceId, LaunchFacts>,
    profiles: &'a Profiles,
    in_progress: &BTreeSet<InstanceId>,
    now: i64,
    limits: Limits,
) -> Vec<Candidate<'a>> {
    let mut found = Vec::new();
    for waiting in waiting {
        // EC2 does not know it yet, or no longer. The next round tries again.
        let Member {
            instance, group, ..
        } = &waiting.member;
        let Some(facts) = facts.get(instance) else {
            continue;
        };
        let began_at = waiting.began_at(facts.launched_at);
        let young = now.saturating_sub(began_at) < limits.launch_age_seconds;
        if young || in_progress.contains(instance) {
            continue;
        }
        let mut hooks = BTreeSet::new();
        let active = profiles.active.iter().map(|input| (input, false));
        let retired = profiles.retired.iter().map(|input| (input, true));
        for (input, is_retired) in active.chain(retired) {
            let Profile { hook, selector, .. } = &input.profile;
            if hook.complete && selector.covers(group, &facts.tags) && hooks.insert(&hook.name) {
                found.push(Candidate {
                    waiting,
                    began_at,
                    input,
                    is_retired,
                });
            }
        }
    }
    found
}

/// The launches that have been waiting for too long, with or without an execution, and that a
/// profile covers whose hook Hookline completes. No API says at which hook of its group a launch
/// waits. An instance that returns to a warm pool is no launch.
#[must_use]
pub fn overdue<'a>(
    waiting: &[Waiting],
    facts: &BTreeMap<InstanceId, LaunchFacts>,
    profiles: impl IntoIterator<Item = &'a ProfileInput> + Clone,
    now: i64,
    limits: Limits,
) -> Vec<InstanceId> {
    let late = |waiting: &&Waiting| {
        let Member {
            instance, group, ..
        } = &waiting.member;
        let returns = waiting.to_warm_pool && waiting.activity.is_none();
        facts.get(instance).is_some_and(|facts| {
            let began_at = waiting.began_at(facts.launched_at);
            now.saturating_sub(began_at) > limits.overdue_seconds
                && !returns
                && profiles.clone().into_iter().any(|input| {
                    let Profile { hook, selector, .. } = &input.profile;
                    hook.complete && selector.covers(group, &facts.tags)
                })
        })
    };
    waiting
        .iter()
        .filter(late)
        .map(|waiting| waiting.member.instance.clone())
        .collect()
}

/// What reconcile does about a waiting launch that has had an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaunchAction {
    /// Nothing, for this reason.
    Skip(&'static str),
    /// Complete the hook with ABANDON, and release the interfaces.
    Abandon,
}

/// Decides by the status and the error of the execution.
#[must_use]
pub fn launch_action(status: &str, error: Option<&str>) -> LaunchAction {
    match (status, error) {
        // The execution could not read whose launch it is, so no hook is completed. A person can
        // replay it.
        (
            "FAILED",
            Some("Hookline.InvalidEvent" | "Hookline.InvalidProfile" | "Hookline.InvalidPayload"),
        ) => LaunchAction::Skip("its execution refused its input"),
        ("FAILED" | "TIMED_OUT" | "ABORTED", _) => LaunchAction::Abandon,
        ("SUCCEEDED", _) => LaunchAction::Skip("its execution succeeded: another hook holds it"),
        _ => LaunchAction::Skip("its execution is running"),
    }
}

/// The lost event, in AWS's format, without the token, which is not known. It is the same whenever
/// it is made, as the input of a repeated StartExecution must be.
///
/// `time` is the time of the launch, as RFC 3339.
#[must_use]
pub fn launch_event(machine: &StateMachine, waiting: &Waiting, hook: &str, time: &str) -> Value {
    let Member {
        instance,
        group,
        group_arn,
    } = &waiting.member;
    // Known in a group with a warm pool only, and of no matter elsewhere.
    let origin = waiting.activity.as_ref().map(|it| match it.from_warm_pool {
        true => TransitionEndpoint::WarmPool,
        false => TransitionEndpoint::EC2,
    });
    let destination = match waiting.to_warm_pool {
        true => TransitionEndpoint::WarmPool,
        false => TransitionEndpoint::AutoScalingGroup,
    };
    let mut event = json!({
        "version": "0",
        "id": waiting.execution_name(hook),
        "detail-type": "EC2 Instance-launch Lifecycle Action",
        "source": "aws.autoscaling",
        "account": machine.account(),
        "time": time,
        "region": machine.region(),
        "resources": [group_arn],
        "detail": {
            "AutoScalingGroupName": group,
            "LifecycleHookName": hook,
            "EC2InstanceId": instance,
            "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
            "Destination": destination,
        },
    });
    let detail = event.get_mut("detail").and_then(Value::as_object_mut);
    if let (Some(origin), Some(detail)) = (origin, detail) {
        detail.insert("Origin".to_owned(), json!(origin));
    }
    event
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

    /// Whether a payload is such an event and not that of the schedule.
    #[must_use]
    pub fn is(payload: &Value) -> bool {
        payload.get("detail-type").and_then(Value::as_str) == Some(Self::DETAIL_TYPE)
    }

    /// Reads the event.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`], which names the field.
    pub fn read(mut payload: Value) -> Result<Self> {
        let detail = payload.get_mut("detail").map_or(Value::Null, Value::take);
        from_value(Input::Payload, "detail", detail)
    }
}

#[cfg(test)]
#[path = "launches_tests.rs"]
mod tests;
