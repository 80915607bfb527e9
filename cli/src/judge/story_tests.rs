//! How a history is told.

use serde_json::json;

use super::*;
use crate::fixtures::scale_out::event;

fn entered(at: i64, state: &str) -> HistoryEvent {
    event(at, "TaskStateEntered", Some(state))
}

fn exited(at: i64, state: &str, output: &Value) -> HistoryEvent {
    HistoryEvent {
        output: Some(output.to_string()),
        ..event(at, "TaskStateExited", Some(state))
    }
}

fn failed(at: i64, error: &str, message: &str) -> HistoryEvent {
    HistoryEvent {
        failed: Some((
            error.to_owned(),
            json!({"errorMessage": message}).to_string(),
        )),
        ..event(at, "LambdaFunctionFailed", None)
    }
}

fn wait_plan(ahead: usize) -> Value {
    json!({"plan": {
        "step": {"action": "WAIT", "seconds": 30, "reason": "TURN", "thenSeconds": 60},
        "round": 1,
        "ahead": ahead,
        "observations": {},
        "nodeRunning": true,
        "secondsSinceEvent": 3,
    }})
}

#[test]
fn states_have_their_times_and_what_they_did() {
    let node = json!({"next": "WIRE", "node": {
        "instanceType": "m5.large", "availabilityZone": "us-west-2a", "name": "upf-1",
    }});
    let history = [
        event(0, "ExecutionStarted", None),
        entered(10, "TagNode"),
        exited(500, "TagNode", &node),
        event(500, "ChoiceStateEntered", Some("WhatDoesTheLaunchNeed")),
        event(501, "ChoiceStateExited", Some("WhatDoesTheLaunchNeed")),
        entered(501, "PlanInterfaces"),
    ];
    let told = steps(&history);
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!((told[0].at, told[0].took), (10, Some(490)));
    assert_eq!(told[0].did, ["m5.large in us-west-2a, tagged \"upf-1\""]);
    // The execution is in it.
    assert_eq!(
        (told[1].state.as_str(), told[1].took),
        ("PlanInterfaces", None)
    );
}

#[test]
fn repeated_failures_are_told_once_with_the_newest_message() {
    let history = [
        entered(0, "AttachInterfaces"),
        failed(1, "Hookline.NotYetAttached", "first"),
        failed(2, "Hookline.NotYetAttached", "second"),
        failed(3, "Hookline.AccessDenied", "denied"),
        event(4, "FailStateEntered", Some("LaunchAbandoned")),
        event(5, "ExecutionFailed", None),
    ];
    let told = steps(&history);
    let failures: Vec<_> = told[0]
        .failures
        .iter()
        .map(|it| (it.error.as_str(), it.message.as_str(), it.times))
        .collect();
    assert_eq!(
        failures,
        [
            ("Hookline.NotYetAttached", "second", 2),
            ("Hookline.AccessDenied", "denied", 1)
        ]
    );
    assert_eq!(told[0].took, Some(4));
    assert_eq!(
        told[1].did,
        ["the launch is given up, and nothing of it is left"]
    );
}

#[test]
fn waits_in_turn_are_told_as_one_with_the_first_and_the_newest_plan() {
    let mut history = Vec::new();
    for (n, ahead) in [31_usize, 20, 1].into_iter().enumerate() {
        let at = 100_000 * i64::try_from(n).unwrap();
        history.push(entered(at, "PlanInterfaces"));
        history.push(exited(at + 100, "PlanInterfaces", &wait_plan(ahead)));
        history.push(event(at + 100, "WaitStateEntered", Some("WaitForTurn")));
        history.push(event(at + 30_100, "WaitStateExited", Some("WaitForTurn")));
        history.push(entered(at + 30_100, "ExtendHook"));
        history.push(exited(at + 30_200, "ExtendHook", &json!({})));
    }
    history.push(entered(300_000, "PlanInterfaces"));
    let told = steps(&history);
    let states: Vec<_> = told.iter().map(|step| step.state.as_str()).collect();
    assert_eq!(states, ["PlanInterfaces", "PlanInterfaces"]);
    assert_eq!(told[0].took, Some(230_200));
    assert_eq!(
        told[0].did,
        [
            "waits 90 s for its turn: 31 launches are before it",
            "then waits 90 s for its turn: 1 launch is before it"
        ]
    );
}

#[test]
fn what_was_created_refused_and_released_is_told() {
    let allocation = json!({"allocation": {
        "outcome": "REFUSED",
        "interfaces": [{"network": "n1", "networkInterfaceId": "eni-00000001"}],
        "refused": [
            {"reason": "ADDRESS_TAKEN", "network": "n2", "addresses": ["10.0.0.4"]},
            {"reason": "SUBNET_FULL", "network": "n3", "subnetId": "subnet-00000003"},
        ],
        "round": 1,
    }});
    assert_eq!(
        did("CreateInterfaces", &allocation, true),
        [
            "n1: eni-00000001",
            "n2: somebody else has 10.0.0.4",
            "n3: subnet-00000003 has no free address"
        ]
    );
    let release = json!({"release": {"released": ["eni-00000001"]}});
    assert_eq!(
        did("ReleaseInterfaces", &release, true),
        ["deleted 1 interface: eni-00000001"]
    );
    let abandoned = json!({"completion": {
        "result": "ABANDON", "outcome": "ALREADY_CONTINUED", "next": "END", "lifecycleState": "InService",
    }});
    assert_eq!(
        did("AbandonLaunch", &abandoned, true),
        ["ABANDON came too late: the launch had gone on (the instance is InService)"]
    );
}

#[test]
fn data_of_another_shape_is_told_without_details() {
    for output in [json!(null), json!({"plan": 7}), json!([])] {
        let history = [
            entered(0, "PlanInterfaces"),
            exited(1, "PlanInterfaces", &output),
        ];
        let told = steps(&history);
        assert_eq!((told.len(), told[0].did.len()), (1, 0));
    }
}

#[test]
fn interfaces_that_the_instance_keeps_are_not_said_to_be_gone() {
    let release = |kept: &[&str]| {
        let output = json!({"release": {"released": [], "kept": kept}});
        let history = [
            entered(0, "ReleaseInterfaces"),
            exited(10, "ReleaseInterfaces", &output),
            event(11, "FailStateEntered", Some("LaunchAbandoned")),
        ];
        let mut told = steps(&history);
        told.pop().unwrap().did
    };
    assert_eq!(release(&["eni-0123456789abcdef0"]), [KEPT]);
    assert_eq!(
        release(&[]),
        ["the launch is given up, and nothing of it is left"]
    );
}

#[test]
fn failures_are_in_the_order_in_which_they_came() {
    let history = [
        entered(0, "PlanInterfaces"),
        failed(1, "Hookline.Throttled", "wait"),
        failed(2, "Hookline.Throttled", "wait"),
        exited(3, "PlanInterfaces", &json!({})),
        entered(3, "CreateInterfaces"),
        failed(4, "Hookline.SubnetsFull", "full"),
    ];
    let told = steps(&history);
    let failures: Vec<_> = failures(&told)
        .into_iter()
        .map(|(state, failure)| (state, failure.error.as_str(), failure.times))
        .collect();
    assert_eq!(
        failures,
        [
            ("PlanInterfaces", "Hookline.Throttled", 2),
            ("CreateInterfaces", "Hookline.SubnetsFull", 1),
        ]
    );
}
