//! A launch whose execution waits for a turn: for which, since when, and that nothing is wrong.

use hookline_domain::execution::{Plan, Step as PlanStep, WaitReason};

use super::words::{ago, duration};
use super::{Finding, Kind, story};
use crate::observed::case::Case;

/// The states between two waits of a launch for its turn to be tagged, and to get interfaces: it
/// goes through them to look again.
const TAG_WAITS: [&str; 3] = ["WaitForTagTurn", "TagNode", "WhatDoesTheLaunchNeed"];
const WAITS: [&str; 6] = [
    "WaitForTurn",
    "IsAnExtensionDue",
    "ExtendHook",
    "PlanInterfaces",
    "IsItOurTurn",
    "IsTheHookOurs",
];

/// A launch whose execution waits: for what, by its newest plan.
pub(super) fn finding(case: &Case) -> Option<Finding> {
    if !case.execution()?.is_running() {
        return None;
    }
    let mut events = case.history.iter().rev();
    let entered = events.find(|event| event.entered().is_some())?;
    let (problem, remedy) = match entered.entered()? {
        "WaitForTagTurn" => {
            let all: Option<i64> = waited_seconds(case);
            let ends = all.map(|all| entered.at / 1_000 + all - case.now);
            let ends = ends.map_or_else(String::new, |left| match left {
                1.. => format!(", which comes in {}", duration(left)),
                _ => ", which is now".to_owned(),
            });
            let since = waits_since(case, &TAG_WAITS)?;
            (
                format!(
                    "The execution has been waiting in WaitForTagTurn since {} for its turn to be tagged{ends}. Nothing is \
                     wrong.",
                    ago(since, case.now)
                ),
                "Nothing: many launches began at once, and they are tagged in turn, because EC2 limits the calls of CreateTags \
                 (docs/admission.md). Then it waits for its turn to get interfaces.",
            )
        }
        "WaitForTurn" => {
            let plan = newest_plan(case)?;
            let PlanStep::Wait { reason, .. } = &plan.step else {
                return None;
            };
            let since = waits_since(case, &WAITS)?;
            (
                format!(
                    "The execution has been waiting in WaitForTurn since {} {}.",
                    ago(since, case.now),
                    story::waits_for(*reason, plan.ahead)
                ),
                match reason {
                    WaitReason::Pending => {
                        "Nothing: EC2 starts the instance, and the launch goes on when it runs. After an hour it is given up. The \
                         hook is extended when it has to be."
                    }
                    WaitReason::AddressConflict => {
                        "Nothing: after a pause it plans other addresses. The hook is extended when it has to be."
                    }
                    WaitReason::Turn | WaitReason::Backlog => {
                        "Nothing: launches wait in a queue, because EC2 limits the calls (docs/admission.md). The hook is \
                         extended when it has to be."
                    }
                },
            )
        }
        _ => return None,
    };
    Some(Finding::new(Kind::WaitsForTurn, problem).say(remedy))
}

/// How long the newest wait to be tagged takes, in seconds.
fn waited_seconds(case: &Case) -> Option<i64> {
    let mut events = case.history.iter().rev();
    let tagged = events.find(|event| event.left() == Some("TagNode"))?;
    let data: serde_json::Value = serde_json::from_str(tagged.output.as_deref()?).ok()?;
    data.get("waitSeconds")?.as_i64()
}

/// Since when the execution has been in these states, the first of which is the wait, in seconds
/// since the epoch.
fn waits_since(case: &Case, states: &[&str]) -> Option<i64> {
    let entries = case.history.iter().rev();
    let entries = entries.filter_map(|event| Some((event.entered()?, event.at)));
    let together = entries.take_while(|(state, _)| states.contains(state));
    let waits = together.filter(|(state, _)| states.first() == Some(state));
    waits.last().map(|(_, at)| at / 1_000)
}

/// The newest plan in the execution's data.
fn newest_plan(case: &Case) -> Option<Plan> {
    let mut events = case.history.iter().rev();
    let planned = events.find(|event| event.left() == Some("PlanInterfaces"))?;
    let data: serde_json::Value = serde_json::from_str(planned.output.as_deref()?).ok()?;
    serde_json::from_value(data.get("plan")?.clone()).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::fixtures::{NOW, case};
    use crate::observed::execution::HistoryEvent;

    fn event(at: i64, kind: &str, state: &str, output: Option<Value>) -> HistoryEvent {
        HistoryEvent {
            at: 1_000 * at,
            kind: kind.to_owned(),
            state: Some(state.to_owned()),
            input: None,
            output: output.map(|output| output.to_string()),
            failed: None,
        }
    }

    /// A launch whose execution went through these states and is in the last one.
    fn in_states(states: &[(i64, &str, Option<Value>)]) -> Case {
        let mut case = case().with_execution("RUNNING", None, "TagNode");
        case.history.clear();
        for (at, state, output) in states {
            let entered = match state.starts_with("WaitFor") {
                true => "WaitStateEntered",
                false => "TaskStateEntered",
            };
            case.history.push(event(*at, entered, state, None));
            if let Some(output) = output {
                let left = event(*at, "TaskStateExited", state, Some(output.clone()));
                case.history.push(left);
            }
        }
        case
    }

    #[test]
    fn launch_that_waits_to_be_tagged_is_told_since_when_and_for_how_long() {
        let wait = |seconds: u32| Some(json!({"next": "WAIT", "waitSeconds": seconds}));
        let waits = in_states(&[
            (NOW - 100, "TagNode", wait(60)),
            (NOW - 99, "WaitForTagTurn", None),
            (NOW - 39, "TagNode", wait(50)),
            (NOW - 38, "WhatDoesTheLaunchNeed", None),
            (NOW - 38, "WaitForTagTurn", None),
        ]);
        let found = finding(&waits).unwrap();
        assert_eq!(found.kind, Kind::WaitsForTurn);
        assert_eq!(
            found.problem,
            "The execution has been waiting in WaitForTagTurn since 99 s ago for its turn to be tagged, which comes in 12 s. \
             Nothing is wrong."
        );
        let words = serde_json::to_string(&found).unwrap();
        assert!(
            words.contains("Nothing: many launches began at once"),
            "{words}"
        );
        // The data of the state could not be read.
        let waits = in_states(&[(NOW - 3, "WaitForTagTurn", None)]);
        let found = finding(&waits).unwrap();
        assert!(
            found
                .problem
                .contains("since 3 s ago for its turn to be tagged. ")
        );
    }

    #[test]
    fn launch_that_waits_in_the_queue_is_told_since_its_first_wait_and_why() {
        let plan = |reason: &str| {
            let step = json!({"action": "WAIT", "seconds": 30, "reason": reason, "extendHook": false, "thenSeconds": 0});
            Some(json!({"plan": {
                "step": step,
                "ahead": 7,
                "round": 1,
                "observations": {},
                "nodeRunning": true,
                "secondsSinceEvent": 3,
            }}))
        };
        let waits = |reason: &str| {
            in_states(&[
                (NOW - 90, "PlanInterfaces", plan("TURN")),
                (NOW - 90, "WaitForTurn", None),
                (NOW - 60, "PlanInterfaces", plan(reason)),
                (NOW - 60, "WaitForTurn", None),
            ])
        };
        for (reason, says) in [
            (
                "TURN",
                "since 90 s ago for its turn: 7 launches are before it.",
            ),
            (
                "BACKLOG",
                "since 90 s ago because other callers use EC2's request rates.",
            ),
            (
                "PENDING",
                "since 90 s ago for EC2 to show the instance as running.",
            ),
        ] {
            let found = finding(&waits(reason)).unwrap();
            assert!(found.problem.ends_with(says), "{found:?}");
            let words = serde_json::to_string(&found).unwrap();
            let of_queue = words.contains("launches wait in a queue");
            assert_eq!(of_queue, reason != "PENDING", "{words}");
        }
        // It does not wait.
        let works = in_states(&[(NOW - 90, "PlanInterfaces", None)]);
        assert_eq!(finding(&works), None);
    }
}
