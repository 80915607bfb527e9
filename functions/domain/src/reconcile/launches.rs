//! What is to become of launches that wait at their hook and that no execution is working on: the event was lost, or the
//! execution ended before it gave a verdict.
//!
//! A lifecycle action token cannot be looked up by any API, so an execution that reconcile starts is named after the
//! instance and the hook: Step Functions takes each name once in 90 days, and so starts it exactly once.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::error::{Error, Input, Result};
use crate::ids::InstanceId;
use crate::parse::from_value;
use crate::profile::{Profile, Selector};

/// What the executions that reconcile starts are named by; the instance's id and a digest of the hook's name follow.
const NAME: &str = "reconcile-";
/// The same for those that `adopt` starts; the instance's id, a digest of the profile's name and a number follow.
pub(crate) const ADOPT_NAME: &str = "adopt-";

/// Within what reconcile does its work: `limits` of its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Limits {
    /// How long after its launch an instance's event may take to start an execution.
    pub launch_age_seconds: i64,
    /// How long an interface must have been seen without an owner before it is deleted.
    pub unowned_seconds: i64,
    /// How many interfaces are deleted in one round.
    pub deletes_per_round: usize,
    /// How long after its launch a launch that still waits is overdue: the HeartbeatTimeout of the hook, after which it
    /// would be over had nobody extended it.
    pub overdue_seconds: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            launch_age_seconds: 120,
            unowned_seconds: 600,
            deletes_per_round: 50,
            overdue_seconds: 1800,
        }
    }
}

/// The ARN of a state machine, read into what is needed of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateMachine {
    arn: String,
    region: String,
    account: String,
}

impl StateMachine {
    /// Reads `arn:aws:states:REGION:ACCOUNT:stateMachine:NAME`, in any partition.
    ///
    /// # Errors
    /// [`Error::Invalid`] for anything else, the ARN of a version or an alias included: executions are named within
    /// the state machine.
    pub fn read(arn: &str) -> Result<Self> {
        match arn.split(':').collect::<Vec<_>>().as_slice() {
            ["arn", _, "states", region, account, "stateMachine", name] if !name.is_empty() => {
                Ok(Self {
                    arn: arn.to_owned(),
                    region: (*region).to_owned(),
                    account: (*account).to_owned(),
                })
            }
            _ => Err(Error::invalid(
                Input::Payload,
                "stateMachineArn",
                format!(
                    "expected arn:aws:states:REGION:ACCOUNT:stateMachine:NAME, found {:?}",
                    arn.chars().take(200).collect::<String>()
                ),
                "Give the ARN of the state machine",
            )),
        }
    }

    /// The ARN.
    #[must_use]
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// The account that it is in, twelve digits.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The region that it is in.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The ARN of its execution of this name.
    #[must_use]
    pub fn execution(&self, name: &str) -> String {
        let machine = self.arn.replacen(":stateMachine:", ":execution:", 1);
        format!("{machine}:{name}")
    }
}

/// The name of the execution that reconcile starts for a launch: the same one whenever it looks.
#[must_use]
pub fn execution_name(instance: &InstanceId, hook: &str) -> String {
    format!("{NAME}{instance}-{}", digest(hook))
}

/// Twelve characters for a name that may be longer than an execution's, and holds characters that those must not.
pub(crate) fn digest(name: &str) -> String {
    let digest = Sha256::digest(name.as_bytes());
    digest.iter().take(6).fold(String::new(), |mut text, byte| {
        text.push_str(&format!("{byte:02x}"));
        text
    })
}

/// The instance of an execution that reconcile or `adopt` started, by the execution's name.
#[must_use]
pub fn instance_of_name(name: &str) -> Option<InstanceId> {
    let instance = match name.strip_prefix(NAME) {
        Some(rest) => rest.rsplit_once('-')?.0,
        None => {
            let (rest, _) = name.strip_prefix(ADOPT_NAME)?.rsplit_once('-')?;
            rest.rsplit_once('-')?.0
        }
    };
    instance.parse().ok()
}

/// The instance of an execution, by its input.
#[must_use]
pub fn instance_of_input(input: &str) -> Option<InstanceId> {
    let input: Value = serde_json::from_str(input).ok()?;
    let id = input.pointer("/event/detail/EC2InstanceId")?;
    id.as_str()?.parse().ok()
}

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
pub struct Facts {
    /// In seconds since the epoch.
    pub launched_at: i64,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A profile that reconcile was given, as it came and as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
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
pub fn groups<'a>(profiles: impl IntoIterator<Item = &'a Given>) -> Groups {
    profiles.into_iter().fold(Groups::None, |groups, given| {
        match (groups, &given.profile.selector) {
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
    pub given: &'a Given,
}

/// The launches that nobody works on: covered by a profile whose hook is Hookline's to complete, old enough, and not in
/// the work of a running execution. A hook that two profiles name is looked at once, for the first of them.
#[must_use]
pub fn candidates<'a>(
    waiting: &'a [Member],
    facts: &BTreeMap<InstanceId, Facts>,
    profiles: &'a [Given],
    in_work: &BTreeSet<InstanceId>,
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
        if young || in_work.contains(&waiting.instance) {
            continue;
        }
        let mut hooks = BTreeSet::new();
        for given in profiles {
            let Profile { hook, selector, .. } = &given.profile;
            if hook.complete
                && selector.covers(&waiting.group, &facts.tags)
                && hooks.insert(&hook.name)
            {
                found.push(Candidate {
                    waiting,
                    launched_at: facts.launched_at,
                    given,
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
    facts: &BTreeMap<InstanceId, Facts>,
    profiles: &[Given],
    now: i64,
    limits: Limits,
) -> Vec<InstanceId> {
    let late = |waiting: &&Member| {
        facts.get(&waiting.instance).is_some_and(|facts| {
            now.saturating_sub(facts.launched_at) > limits.overdue_seconds
                && profiles.iter().any(|given| {
                    let Profile { hook, selector, .. } = &given.profile;
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
pub enum Next {
    /// Nothing, for this reason.
    Leave(&'static str),
    /// ABANDON, and then the release: nobody else will.
    GiveUp,
}

/// What follows from how an execution stands, for a launch that still waits.
#[must_use]
pub fn after(status: &str, error: Option<&str>) -> Next {
    match (status, error) {
        // Whose launch it is could not be told, so no hook is completed; a person may start again.
        (
            "FAILED",
            Some("Hookline.InvalidEvent" | "Hookline.InvalidProfile" | "Hookline.InvalidPayload"),
        ) => Next::Leave("its execution refused its input"),
        ("FAILED" | "TIMED_OUT" | "ABORTED", _) => Next::GiveUp,
        ("SUCCEEDED", _) => Next::Leave("its execution succeeded: another hook holds it"),
        _ => Next::Leave("its execution is running"),
    }
}

/// The event that did not come, in AWS's form, from what is known: without the token, and without where the instance came
/// from. It is the same whenever it is made up, as its execution's input must be.
///
/// `time` is the launch's, as RFC 3339.
#[must_use]
pub fn event(machine: &StateMachine, waiting: &Member, hook: &str, time: &str) -> Value {
    json!({
        "version": "0",
        "id": execution_name(&waiting.instance, hook),
        "detail-type": "EC2 Instance-launch Lifecycle Action",
        "source": "aws.autoscaling",
        "account": machine.account,
        "time": time,
        "region": machine.region,
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
