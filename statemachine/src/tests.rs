//! Tests of whole state machines.

use serde_json::{Value, json};

use super::*;

#[test]
fn every_state_machine_is_read_and_written_without_a_loss() {
    for text in [LAUNCH_NODE, NAME_NODE, CROSS_AZ_TRAFFIC] {
        let written: Value = serde_json::from_str(text).unwrap();
        let machine = StateMachine::read(text).unwrap();
        assert!(machine.states.len() > 3);
        assert_eq!(machine.to_json(), written);
    }
}

/// A definition that names a partition ends with `States.Runtime` in every other one.
#[test]
fn no_state_machine_names_a_partition() {
    for text in [LAUNCH_NODE, NAME_NODE, CROSS_AZ_TRAFFIC] {
        for partition in ["aws", "aws-cn", "aws-us-gov"] {
            assert!(!text.contains(&format!("arn:{partition}:")), "{partition}");
        }
    }
}

/// The console of Step Functions shows it beside the state.
#[test]
fn each_state_says_in_one_sentence_what_it_does() {
    for text in [LAUNCH_NODE, NAME_NODE, CROSS_AZ_TRAFFIC] {
        for (name, state) in &StateMachine::read(text).unwrap().states {
            let sentence = state.comment().strip_suffix('.');
            assert!(
                sentence.is_some_and(|words| !words.is_empty() && !words.contains(". ")),
                "{name}: {:?}",
                state.comment()
            );
        }
    }
}

/// A machine with a state of each type.
fn machine() -> Value {
    let branch = json!({"StartAt": "Inside", "States": {"Inside": {"Type": "Pass", "End": true}}});
    let mut processor = branch.clone();
    processor["ProcessorConfig"] = json!({"Mode": "INLINE"});
    json!({
        "StartAt": "Task",
        "TimeoutSeconds": 60,
        "States": {
            "Task": {
                "Type": "Task",
                "Resource": "arn",
                "ResultPath": null,
                "Retry": [{"ErrorEquals": ["A"], "BackoffRate": 1.5}],
                "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": "Fail"}],
                "Next": "Choice"
            },
            "Choice": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.a", "IsPresent": true, "Comment": "it is there", "Next": "Wait"}],
                "Default": "Pass"
            },
            "Wait": {"Type": "Wait", "SecondsPath": "$.a", "Next": "Pass"},
            "Pass": {"Type": "Pass", "Parameters": {"a.$": "$.b", "c": [1]}, "ResultPath": "$.d", "Next": "Map"},
            "Map": {"Type": "Map", "ItemsPath": "$.d", "ItemProcessor": processor, "Next": "Parallel"},
            "Parallel": {"Type": "Parallel", "Branches": [branch], "Next": "Succeed"},
            "Succeed": {"Type": "Succeed", "OutputPath": "$.d"},
            "Fail": {"Type": "Fail", "Error": "E", "CausePath": "States.Format('{}', $.failure.Cause)"}
        }
    })
}

/// The error of the machine with one value put in.
fn fault(pointer: &str, field: &str, value: Value) -> Option<String> {
    let mut machine = machine();
    machine.pointer_mut(pointer).unwrap()[field] = value;
    let read = StateMachine::read(&machine.to_string());
    read.err().map(|error| error.to_string())
}

#[test]
fn a_state_of_each_type_is_read_and_written() {
    let read = StateMachine::read(&machine().to_string()).unwrap();
    assert_eq!(read.to_json(), machine());
    let inside: Vec<&StateMachine> = read.states.values().flat_map(State::inner).collect();
    assert_eq!((read.states.len(), inside.len()), (8, 2));
    for (name, state) in &read.states {
        assert_eq!(state.kind(), name);
    }
}

#[test]
fn an_unknown_field_is_refused_wherever_it_stands() {
    for pointer in [
        "",
        "/States/Task",
        "/States/Task/Retry/0",
        "/States/Task/Catch/0",
        "/States/Choice",
        "/States/Choice/Choices/0",
        "/States/Wait",
        "/States/Pass",
        "/States/Map",
        "/States/Map/ItemProcessor",
        "/States/Map/ItemProcessor/ProcessorConfig",
        "/States/Map/ItemProcessor/States/Inside",
        "/States/Parallel",
        "/States/Parallel/Branches/0",
        "/States/Succeed",
        "/States/Fail",
    ] {
        let fault = fault(pointer, "Nxet", json!("Fail")).unwrap_or_default();
        assert!(fault.contains("Nxet"), "{pointer}: {fault}");
    }
}

#[test]
fn a_fault_is_named_with_its_state() {
    for (pointer, field, value, expected) in [
        (
            "",
            "StartAt",
            json!("Nowhere"),
            "there is no state \"Nowhere\"",
        ),
        (
            "/States/Task",
            "Next",
            json!("Nowhere"),
            "state \"Task\": there is no state \"Nowhere\"",
        ),
        (
            "/States/Task",
            "End",
            json!(true),
            "state \"Task\": it has both of Next and End, or neither",
        ),
        (
            "/States/Task/Catch/0",
            "Next",
            json!("Nowhere"),
            "state \"Task\": there is no state \"Nowhere\"",
        ),
        (
            "/States/Choice",
            "Default",
            json!("Nowhere"),
            "state \"Choice\": there is no state \"Nowhere\"",
        ),
        (
            "/States/Choice",
            "Choices",
            json!([]),
            "state \"Choice\": it has no choices",
        ),
        (
            "/States/Wait",
            "Seconds",
            json!(1),
            "state \"Wait\": it has both of Seconds and SecondsPath, or neither",
        ),
        (
            "/States/Pass",
            "Result",
            json!(1),
            "state \"Pass\": it has both of Parameters and Result",
        ),
        (
            "/States/Pass",
            "Type",
            json!("Pas"),
            "state \"Pass\": unknown variant `Pas`",
        ),
        (
            "/States/Fail",
            "ErrorPath",
            json!("$.e"),
            "state \"Fail\": it has both of Error and ErrorPath",
        ),
        (
            "/States/Fail",
            "Cause",
            json!("c"),
            "state \"Fail\": it has both of Cause and CausePath",
        ),
        (
            "/States/Map/ItemProcessor",
            "StartAt",
            json!("Task"),
            "state \"Map\": there is no state \"Task\"",
        ),
    ] {
        let fault = fault(pointer, field, value).unwrap_or_default();
        assert!(fault.starts_with(expected), "{pointer}/{field}: {fault}");
    }
}

#[test]
fn what_is_no_state_machine_is_refused() {
    for text in [
        "",
        "[]",
        "{}",
        r#"{"StartAt": "A"}"#,
        r#"{"StartAt": "A", "States": {}}"#,
    ] {
        assert!(StateMachine::read(text).is_err(), "{text}");
    }
}

#[test]
fn the_first_retrier_and_the_first_catcher_for_an_error_are_used() {
    let mut task = machine()["States"]["Task"].clone();
    task["Retry"] = json!([{"ErrorEquals": ["A"]}, {"ErrorEquals": ["B", "A"]}]);
    task["Catch"] = json!([
        {"ErrorEquals": ["A"], "Next": "One"},
        {"ErrorEquals": ["States.ALL"], "Next": "Two"},
    ]);
    let task = serde_json::from_value::<State>(task).unwrap();
    let index = |error| task.retrier(error).map(|(index, _)| index);
    assert_eq!(
        [index("A"), index("B"), index("C")],
        [Some(0), Some(1), None]
    );
    let next = |error| {
        task.catcher(error)
            .map(|(_, catcher)| catcher.next.as_str())
    };
    assert_eq!([next("A"), next("B")], [Some("One"), Some("Two")]);
}
