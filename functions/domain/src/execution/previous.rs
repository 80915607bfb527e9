//! The data of executions that began under release 0.1, whose state machine they go on with: Step
//! Functions keeps the definition that an execution started with (Step Functions API Reference,
//! *UpdateStateMachine*), but the functions are those of today.
//!
//! In that release every function was given `{"execution": …, "launch": DATA}` with all of the
//! execution's data, and the state machine's Choice states read `$.node.next`,
//! `$.plan.waitSeconds`, `$.allocation.complete` and `$.allocation.throttled`. A payload of that
//! shape is translated before it is read, and what the function returns is translated back.
//!
//! Both directions work on JSON, so that a function does not carry the types of two releases. What
//! a request does not hold is found when it is read as today's type.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::allocation::{Allocation, AllocationOutcome};
use super::completion::{Completion, CompletionOutcome, Release};
use super::input::{Execution, HookOwner, NextStep};
use super::plan::{Plan, Step};
use super::summary::Summary;
use crate::error::{Error, Result};
use crate::event::Event;

/// Whether a payload is of an execution that began under release 0.1.
#[must_use]
pub fn is_previous(payload: &Value) -> bool {
    payload.pointer("/launch/event").is_some()
}

/// The payload in the shape of today. It holds what any of the functions is given.
#[must_use]
pub fn request(mut payload: Value) -> Value {
    let mut data = payload.get_mut("launch").map_or(Value::Null, Value::take);
    let event = field(&mut data, "event");
    let profile = field(&mut data, "profile");
    let plan = field(&mut data, "plan");
    let allocation = field(&mut data, "allocation");
    object([
        ("execution", field(&mut payload, "execution")),
        ("result", field(&mut payload, "result")),
        ("launch", json!(Event::read_launch(event.clone()).ok())),
        ("input", json!({"event": event, "profile": profile})),
        ("node", field(&mut data, "node")),
        ("plan", plan_of_today(plan)),
        ("allocation", allocation_of_today(allocation)),
        ("lost", field(&mut data, "lost")),
        ("wired", field(&mut data, "wired")),
        ("event", event),
        ("profile", profile),
    ])
}

/// `$.plan`: a plan to wait had `waitSeconds` above 0. The `clientToken` of a slot is computed from
/// the request today.
fn plan_of_today(mut before: Value) -> Value {
    if !before.is_object() {
        return before;
    }
    let step = match before.get("waitSeconds").and_then(Value::as_u64) {
        Some(seconds) if seconds > 0 => object([
            ("action", json!("WAIT")),
            ("seconds", json!(seconds)),
            ("reason", json!("TURN")),
            ("thenSeconds", field(&mut before, "thenSeconds")),
        ]),
        _ => object([
            ("action", json!("CREATE")),
            ("slots", field(&mut before, "slots")),
            ("surplus", field(&mut before, "surplus")),
        ]),
    };
    let mut lessons = field(&mut before, "lessons");
    let observations = object([
        ("takenAddresses", field(&mut lessons, "takenAddresses")),
        ("fullSubnets", field(&mut lessons, "fullSubnets")),
        ("created", field(&mut lessons, "made")),
    ]);
    object([
        ("step", step),
        ("round", field(&mut before, "round")),
        ("ahead", field(&mut before, "ahead")),
        ("observations", observations),
        ("nodeRunning", field(&mut before, "nodeRunning")),
        ("secondsSinceEvent", field(&mut before, "secondsSinceEvent")),
    ])
}

/// `$.allocation`: `complete` and `throttled` are one word today.
fn allocation_of_today(mut before: Value) -> Value {
    if !before.is_object() {
        return before;
    }
    let is = |value: &Value, name: &str| value.get(name).and_then(Value::as_bool) == Some(true);
    let outcome = if is(&before, "complete") {
        AllocationOutcome::Complete
    } else if is(&before, "throttled") {
        AllocationOutcome::Throttled
    } else {
        AllocationOutcome::Refused
    };
    object([
        ("outcome", json!(outcome)),
        ("interfaces", field(&mut before, "interfaces")),
        ("refused", field(&mut before, "refused")),
        // Not recorded by the first builds of that release.
        (
            "round",
            json!(before.get("round").and_then(Value::as_u64).unwrap_or(0)),
        ),
    ])
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
            // Its definition has no state to wait in, and `TagNode` does not ask it to.
            (NextStep::Wait, _) => {
                return Err(Error::Internal {
                    doing: "answering an execution of release 0.1",
                    detail: "its definition cannot wait until the node is tagged".to_owned(),
                });
            }
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
        let (wait_seconds, then_seconds, slots, surplus) = match self.step {
            Step::Wait {
                seconds,
                then_seconds,
                ..
            } => (seconds, then_seconds, Vec::new(), Vec::new()),
            Step::Create { slots, surplus } => (0, 0, slots, surplus),
        };
        Ok(json!({
            "round": self.round,
            "waitSeconds": wait_seconds,
            "thenSeconds": then_seconds,
            "ahead": self.ahead,
            "slots": slots,
            "surplus": surplus,
            "lessons": {
                "takenAddresses": self.observations.taken_addresses,
                "fullSubnets": self.observations.full_subnets,
                "made": self.observations.created,
            },
            "nodeRunning": self.node_running,
            "secondsSinceEvent": self.seconds_since_event,
        }))
    }
}

impl Answer for Allocation {
    fn previous(self) -> Result<Value> {
        Ok(json!({
            "complete": self.outcome == AllocationOutcome::Complete,
            "throttled": self.is_throttled(),
            "interfaces": self.interfaces,
            "refused": self.refused,
            "round": self.round,
        }))
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

/// Takes a field out of an object; null if there is none.
fn field(object: &mut Value, name: &str) -> Value {
    object.get_mut(name).map_or(Value::Null, Value::take)
}

fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let fields = fields.map(|(name, value)| (name.to_owned(), value));
    Map::from_iter(fields).into()
}

#[cfg(test)]
mod tests {
    use super::super::{CompletionNext, RefusedCreate};
    use super::*;
    use crate::fixtures::{launch_event, node, profile};
    use crate::profile::Profile;

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
        let request = request(payload());
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
        let plan: Plan = serde_json::from_value(plan_of_today(wait)).unwrap();
        assert!(matches!(plan.step, Step::Wait { seconds: 9, .. }));
        assert_eq!(plan.previous().unwrap()["waitSeconds"], 9);
        assert_eq!(plan_of_today(Value::Null), Value::Null);
    }

    #[test]
    fn allocation_keeps_what_it_was_and_its_round_may_be_missing() {
        for (complete, throttled, outcome) in [
            (true, false, "COMPLETE"),
            (false, true, "THROTTLED"),
            (false, false, "REFUSED"),
        ] {
            let before = json!({
                "complete": complete, "throttled": throttled, "interfaces": [], "refused": [],
            });
            let today = allocation_of_today(before);
            assert_eq!(today["outcome"], outcome);
            let today: Allocation = serde_json::from_value(today).unwrap();
            assert_eq!(today.round, 0);
        }
        assert_eq!(allocation_of_today(Value::Null), Value::Null);
    }

    #[test]
    fn answers_have_what_the_choices_of_release_0_1_read() {
        let plan: Plan = serde_json::from_value(plan_of_today(plan())).unwrap();
        let answer = plan.previous().unwrap();
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
            next: CompletionNext::End,
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

    #[test]
    fn answer_of_tag_node_is_the_node_with_the_next_step_of_release_0_1() {
        let next = |change: fn(&mut Value)| {
            let mut value = profile();
            change(&mut value);
            let profile = Profile::read(value).unwrap();
            let launch = Event::read_launch(launch_event()).unwrap();
            let execution = Execution::tagged(launch_event(), profile, launch, node());
            let mut answer = execution.previous().unwrap();
            let next = answer.as_object_mut().unwrap().remove("next").unwrap();
            assert_eq!(answer, json!(node()));
            next
        };
        assert_eq!(next(|_| ()), "WIRE");
        assert_eq!(next(|p| p["slots"] = json!([])), "CONTINUE");
        let done = |p: &mut Value| {
            p["slots"] = json!([]);
            p["hook"]["complete"] = json!(false);
        };
        assert_eq!(next(done), "DONE");
        let profile = Profile::read(profile()).unwrap();
        let ignored = Execution::ignored(launch_event(), profile, "not ours".to_owned());
        assert_eq!(
            ignored.previous().unwrap(),
            json!({"next": "IGNORE", "reason": "not ours"})
        );
    }

    #[test]
    fn summary_and_release_are_as_in_release_0_1() {
        let summary = Summary::new("upf", &node(), Vec::new());
        assert_eq!(
            summary.previous().unwrap(),
            json!({
                "node": {
                    "instanceId": "i-0123456789abcdef0",
                    "name": "upf-1",
                    "autoScalingGroup": "upf",
                    "availabilityZone": "us-west-2a",
                },
                "interfaces": [],
                "seconds": {"eventToTurn": null, "eventToWired": null, "eventToContinue": null},
            })
        );
        let release = Release {
            released: ["eni-00000001".parse().unwrap()].into(),
            kept: [].into(),
        };
        assert_eq!(
            release.previous().unwrap(),
            json!({"released": ["eni-00000001"]})
        );
    }
}
