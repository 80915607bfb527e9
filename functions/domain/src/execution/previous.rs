//! The data of executions that began under release 0.1, whose state machine they go on with: Step
//! Functions keeps the definition that an execution started with (Step Functions API Reference,
//! *UpdateStateMachine*), but the functions are those of today.
//!
//! Then every function was given `{"execution": …, "launch": DATA}` with all of the execution's
//! data, and the state machine's Choice states read [`PreviousPlan`], [`PreviousAllocation`] and
//! `$.node.next`. A payload of that shape is translated before it is read, and what the function
//! returns is translated back.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::allocation::{Allocation, CreatedInterface, RefusedCreate};
use super::completion::{Completion, CompletionOutcome, Release};
use super::input::{Execution, HookOwner, NextStep};
use super::plan::{Observations, Plan, PlannedInterface, Step, WaitReason};
use super::summary::Summary;
use crate::error::{Error, Input, Result};
use crate::event::Event;
use crate::ids::NetworkInterfaceId;
use crate::parse::from_value;

/// Whether a payload is of an execution that began under release 0.1.
#[must_use]
pub fn is_previous(payload: &Value) -> bool {
    payload.pointer("/launch/event").is_some()
}

/// The payload in the shape of today.
///
/// # Errors
/// [`Error::Invalid`] where a plan or an allocation cannot be read.
pub fn request(mut payload: Value) -> Result<Value> {
    let data = payload.get_mut("launch").map_or(Value::Null, Value::take);
    let at = |key: &str| data.get(key).cloned().unwrap_or_default();
    let plan: Option<PreviousPlan> = from_value(Input::Payload, "launch.plan", at("plan"))?;
    let allocation: Option<PreviousAllocation> =
        from_value(Input::Payload, "launch.allocation", at("allocation"))?;
    let launch = Event::read_launch(at("event")).ok();
    let mut request = Map::new();
    for (key, value) in [
        (
            "execution",
            payload.get("execution").cloned().unwrap_or_default(),
        ),
        ("result", payload.get("result").cloned().unwrap_or_default()),
        (
            "input",
            json!({"event": at("event"), "profile": at("profile")}),
        ),
        ("event", at("event")),
        ("profile", at("profile")),
        ("launch", json!(launch)),
        ("node", at("node")),
        ("plan", json!(plan.map(Plan::from))),
        ("allocation", json!(allocation.map(Allocation::from))),
        ("lost", at("lost")),
        ("wired", at("wired")),
    ] {
        request.insert(key.to_owned(), value);
    }
    Ok(request.into())
}

/// What a function returns.
pub trait Answer: Serialize {
    /// The answer in the shape of release 0.1.
    ///
    /// # Errors
    /// What that release answered by an error.
    fn previous(self) -> Result<Value>;
}

impl Answer for Execution {
    fn previous(self) -> Result<Value> {
        let next = match (self.next, self.hook) {
            (NextStep::Ignore, _) => "IGNORE",
            (NextStep::Wire, _) => "WIRE",
            (NextStep::Complete, HookOwner::Hookline) => "CONTINUE",
            (NextStep::Complete, _) => "DONE",
        };
        let mut answer = json!(self.node);
        match answer.as_object_mut() {
            Some(node) => drop(node.insert("next".to_owned(), json!(next))),
            None => answer = json!({"next": next, "reason": self.reason}),
        }
        Ok(answer)
    }
}

impl Answer for Plan {
    fn previous(self) -> Result<Value> {
        Ok(json!(PreviousPlan::from(self)))
    }
}

impl Answer for Allocation {
    fn previous(self) -> Result<Value> {
        Ok(json!(PreviousAllocation::from(self)))
    }
}

impl Answer for Summary {
    fn previous(self) -> Result<Value> {
        Ok(json!(self))
    }
}

impl Answer for Completion {
    fn previous(self) -> Result<Value> {
        match self.outcome {
            // Its state machine would release what is not to be touched.
            CompletionOutcome::NotOurs => Err(Error::HookNotOurs),
            _ => Ok(json!(self)),
        }
    }
}

impl Answer for Release {
    fn previous(self) -> Result<Value> {
        Ok(json!(self))
    }
}

/// `$.plan` of release 0.1.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PreviousPlan {
    /// As today.
    pub round: u32,
    /// 0 for a plan to create.
    pub wait_seconds: u32,
    /// As today.
    pub then_seconds: u32,
    /// As today.
    pub ahead: usize,
    /// None for a plan to wait. They had a `clientToken`, which is computed from the request today.
    pub slots: Vec<PlannedInterface>,
    /// As today.
    pub surplus: Vec<NetworkInterfaceId>,
    /// Today's observations.
    pub lessons: Lessons,
    /// As today.
    pub node_running: bool,
    /// As today.
    #[serde(default)]
    pub seconds_since_event: Option<u64>,
}

/// `$.plan.lessons` of release 0.1.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Lessons {
    /// As today, save for `created`.
    #[serde(flatten)]
    pub observations: Observations,
    /// Today's `created`.
    #[serde(default)]
    pub made: std::collections::BTreeMap<String, NetworkInterfaceId>,
}

impl From<PreviousPlan> for Plan {
    fn from(before: PreviousPlan) -> Self {
        let mut observations = before.lessons.observations;
        observations.created.extend(before.lessons.made);
        Self {
            step: if before.wait_seconds > 0 {
                Step::Wait {
                    seconds: before.wait_seconds,
                    reason: WaitReason::Turn,
                    then_seconds: before.then_seconds,
                }
            } else {
                Step::Create {
                    slots: before.slots,
                    surplus: before.surplus,
                }
            },
            round: before.round,
            ahead: before.ahead,
            observations,
            node_running: before.node_running,
            seconds_since_event: before.seconds_since_event,
        }
    }
}

impl From<Plan> for PreviousPlan {
    fn from(plan: Plan) -> Self {
        let (wait_seconds, then_seconds, slots, surplus) = match plan.step {
            Step::Wait {
                seconds,
                then_seconds,
                ..
            } => (seconds, then_seconds, Vec::new(), Vec::new()),
            Step::Create { slots, surplus } => (0, 0, slots, surplus),
        };
        let mut observations = plan.observations;
        Self {
            round: plan.round,
            wait_seconds,
            then_seconds,
            ahead: plan.ahead,
            slots,
            surplus,
            lessons: Lessons {
                made: std::mem::take(&mut observations.created),
                observations,
            },
            node_running: plan.node_running,
            seconds_since_event: plan.seconds_since_event,
        }
    }
}

/// `$.allocation` of release 0.1.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PreviousAllocation {
    /// Whether every slot has its interface.
    pub complete: bool,
    /// As today.
    pub interfaces: Vec<CreatedInterface>,
    /// As today.
    pub refused: Vec<RefusedCreate>,
    /// Whether only throttling stands in the way.
    #[serde(default)]
    pub throttled: bool,
    /// As today.
    #[serde(default)]
    pub round: u32,
}

impl From<PreviousAllocation> for Allocation {
    fn from(before: PreviousAllocation) -> Self {
        Self::new(
            before.round,
            before.interfaces,
            before.refused,
            before.throttled,
        )
    }
}

impl From<Allocation> for PreviousAllocation {
    fn from(allocation: Allocation) -> Self {
        Self {
            complete: allocation.outcome == super::AllocationOutcome::Complete,
            throttled: allocation.is_throttled(),
            interfaces: allocation.interfaces,
            refused: allocation.refused,
            round: allocation.round,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{launch_event, profile};

    fn plan() -> Value {
        json!({
            "round": 2, "waitSeconds": 0, "thenSeconds": 0, "ahead": 3,
            "slots": [{
                "network": "signaling", "existing": null, "subnetId": "subnet-0000000000000001a",
                "privateIpAddresses": ["10.0.1.4"], "ipv6Addresses": [], "clientToken": "hookline-00",
            }],
            "surplus": ["eni-00000000000000001"],
            "lessons": {
                "takenAddresses": ["10.0.1.5"],
                "fullSubnets": {"signaling": ["subnet-0000000000000001b"]},
                "made": {"signaling": "eni-00000000000000002"},
            },
            "nodeRunning": true, "secondsSinceEvent": 7,
        })
    }

    fn payload() -> Value {
        json!({
            "execution": "e",
            "launch": {"event": launch_event(), "profile": profile(), "plan": plan(), "lost": {"Error": "e"}},
            "result": "ABANDON",
        })
    }

    #[test]
    fn payload_of_today_is_not_previous() {
        assert!(is_previous(&payload()));
        assert!(!is_previous(&json!({"launch": {"instanceId": "i-0"}})));
        assert!(!is_previous(&json!({"event": {}, "profile": {}})));
    }

    #[test]
    fn previous_payload_becomes_a_request_of_every_function() {
        let request = request(payload()).unwrap();
        assert_eq!(request["launch"]["instanceId"], "i-0123456789abcdef0");
        assert_eq!(request["input"]["profile"], profile());
        assert_eq!(request["result"], "ABANDON");
        assert_eq!(request["lost"]["Error"], "e");
        let plan: Plan = serde_json::from_value(request["plan"].clone()).unwrap();
        assert_eq!((plan.round, plan.ahead), (2, 3));
        assert_eq!(plan.observations.created.len(), 1);
        assert_eq!(plan.observations.taken_addresses.len(), 1);
        assert_eq!(plan.observations.full_subnets.len(), 1);
        assert!(matches!(plan.step, Step::Create { slots, .. } if slots.len() == 1));
    }

    #[test]
    fn plan_to_wait_and_plan_to_create_are_told_apart_by_wait_seconds() {
        let mut wait = plan();
        wait["waitSeconds"] = json!(9);
        wait["slots"] = json!([]);
        let before: PreviousPlan = serde_json::from_value(wait).unwrap();
        let plan = Plan::from(before);
        assert!(matches!(plan.step, Step::Wait { seconds: 9, .. }));
        assert_eq!(plan.previous().unwrap()["waitSeconds"], 9);
    }

    #[test]
    fn answers_have_what_the_choices_of_release_0_1_read() {
        let before: PreviousPlan = serde_json::from_value(plan()).unwrap();
        let answer = Plan::from(before).previous().unwrap();
        assert_eq!(answer["waitSeconds"], 0);
        assert_eq!(
            answer["lessons"]["made"]["signaling"],
            "eni-00000000000000002"
        );
        for (refused, throttled, wanted) in [
            (vec![], false, (true, false)),
            (vec![], true, (false, true)),
            (
                vec![RefusedCreate::AddressTaken {
                    network: "n".to_owned(),
                    addresses: Vec::new(),
                }],
                true,
                (false, false),
            ),
        ] {
            let answer = Allocation::new(1, Vec::new(), refused, throttled)
                .previous()
                .unwrap();
            assert_eq!(
                (&answer["complete"], &answer["throttled"]),
                (&json!(wanted.0), &json!(wanted.1))
            );
        }
    }

    #[test]
    fn hook_that_is_not_ours_is_the_error_that_release_0_1_knows() {
        let completion = Completion {
            result: super::super::LifecycleActionResult::Abandon,
            outcome: CompletionOutcome::NotOurs,
            lifecycle_state: None,
            summary: None,
        };
        assert_eq!(
            completion.previous().unwrap_err().error_type(),
            "Hookline.HookNotOurs"
        );
    }
}
