//! Tests of the drawings: small state machines, and the lines that their drawings must have.

use serde_json::{Value, json};

use super::*;

fn read(machine: Value) -> Result<StateMachine> {
    Ok(StateMachine::read(&machine.to_string())?)
}

/// A machine with a Map, a Choice, a Catch and a Fail. Its states are written in no useful order.
fn machine() -> Value {
    json!({
        "Comment": "Wires one node.",
        "StartAt": "TagNode",
        "States": {
            "Abandon": { "Type": "Task", "Resource": "arn", "Next": "LaunchFailed" },
            "AllWired": {
                "Type": "Choice",
                "Choices": [{ "Variable": "$.left", "NumericEquals": 0, "Next": "CompleteHook" }],
                "Default": "AllocateInterfaces"
            },
            "AllocateInterfaces": {
                "Type": "Map",
                "Comment": "One interface for each slot.",
                "ItemProcessor": {
                    "StartAt": "Allocate",
                    "States": { "Allocate": {
                        "Type": "Task", "Resource": "arn",
                        "Comment": "Creates | finds it.",
                        "Retry": [{ "ErrorEquals": ["Throttled", "Ec2.Unavailable"] }],
                        "End": true
                    } }
                },
                "Catch": [
                    { "ErrorEquals": ["SubnetFull", "States.Timeout"], "Next": "Abandon" },
                    { "ErrorEquals": ["States.ALL"], "Next": "Abandon" }
                ],
                "Next": "AllWired"
            },
            "CompleteHook": { "Type": "Task", "Resource": "arn", "End": true },
            "LaunchFailed": { "Type": "Fail", "Error": "Hookline.LaunchFailed" },
            "TagNode": {
                "Type": "Task", "Resource": "arn", "Comment": "Names the node; tags it.", "Next": "AllocateInterfaces"
            }
        }
    })
}

#[test]
fn a_machine_is_drawn_in_the_order_that_an_execution_meets_its_states() -> Result<()> {
    let wanted = "\
```mermaid
stateDiagram-v2
    [*] --> TagNode
    TagNode
    note right of TagNode
        Names the node; tags it.
    end note
    TagNode --> AllocateInterfaces
    state \"AllocateInterfaces (for each)\" as AllocateInterfaces {
        [*] --> Allocate
        Allocate
        note right of Allocate
            Creates | finds it.
        end note
        Allocate --> [*]
    }
    note right of AllocateInterfaces
        One interface for each slot.
    end note
    AllocateInterfaces --> AllWired
    AllocateInterfaces --> Abandon : on SubnetFull, States.Timeout
    AllocateInterfaces --> Abandon : on any error
    state \"◇ AllWired\" as AllWired
    AllWired --> CompleteHook : $.left = 0
    AllWired --> AllocateInterfaces : otherwise
    CompleteHook
    CompleteHook --> [*]
    Abandon
    Abandon --> LaunchFailed
    LaunchFailed
    LaunchFailed --> [*] : Hookline.LaunchFailed
```
";
    assert_eq!(draw(&read(machine())?)?, wanted);
    Ok(())
}

#[test]
fn the_table_has_the_states_inside_a_state_after_it() -> Result<()> {
    let table = table(&read(machine())?);
    let rows: Vec<&str> = table.lines().collect();
    assert_eq!(rows.len(), 2 + 7);
    assert_eq!(
        rows.get(3),
        Some(&"| `AllocateInterfaces` | Map | One interface for each slot. |  |")
    );
    assert_eq!(
        rows.get(4),
        Some(&"| `Allocate` | Task | Creates \\| finds it. | Throttled, Ec2.Unavailable |")
    );
    Ok(())
}

#[test]
fn the_branches_of_a_parallel_are_drawn_side_by_side() -> Result<()> {
    let branch = |name: &str| json!({ "StartAt": name, "States": { name: { "Type": "Pass", "End": true } } });
    let drawing = draw(&read(json!({
        "StartAt": "Both",
        "States": { "Both": { "Type": "Parallel", "Branches": [branch("Tag"), branch("Wire")], "End": true } }
    }))?)?;
    let inside = "\
    state \"Both\" as Both {
        [*] --> Tag
        Tag
        Tag --> [*]
        --
        [*] --> Wire
        Wire
        Wire --> [*]
    }
    Both --> [*]
";
    assert!(drawing.contains(inside), "{drawing}");
    Ok(())
}

#[test]
fn conditions_are_said_in_words() -> Result<()> {
    let said = [
        (
            json!({ "Variable": "$.a", "StringEquals": "x" }),
            "$.a = \"x\"",
        ),
        (
            json!({ "Variable": "$.a", "NumericLessThanEqualsPath": "$.b" }),
            "$.a at most $.b",
        ),
        (
            json!({ "Variable": "$.a", "NumericGreaterThan": 3 }),
            "$.a above 3",
        ),
        (
            json!({ "Variable": "$.a", "IsPresent": true }),
            "$.a is present",
        ),
        (
            json!({ "Variable": "$.a", "IsNull": false }),
            "$.a is not null",
        ),
        (
            json!({ "Variable": "$.a", "StringMatches": "eni-*" }),
            "$.a like \"eni-*\"",
        ),
        (
            json!({ "And": [
                { "Variable": "$.a", "IsPresent": true },
                { "Not": { "Variable": "$.a", "BooleanEquals": true } }
            ] }),
            "$.a is present and not ($.a = true)",
        ),
    ];
    for (mut rule, words) in said {
        rule["Next"] = json!("Done");
        let rule: ChoiceRule = serde_json::from_value(rule)?;
        assert_eq!(chosen(&rule), (Some("Done"), words.to_owned()));
    }
    Ok(())
}

#[test]
fn the_comment_of_a_rule_says_more_than_its_condition() -> Result<()> {
    let rule =
        json!({ "Comment": "all wired", "Variable": "$.a", "NumericEquals": 0, "Next": "Done" });
    let choice = serde_json::from_value(json!({ "Type": "Choice", "Choices": [rule] }))?;
    assert_eq!(onward(&choice), [(Some("Done"), "all wired".to_owned())]);
    Ok(())
}

#[test]
fn names_that_mermaid_would_misread_are_given_others() -> Result<()> {
    let drawing = draw(&read(json!({
        "StartAt": "End",
        "States": {
            "End": { "Type": "Pass", "Next": "Tag node" },
            "Tag node": { "Type": "Pass", "Next": "Tag_node" },
            "Tag_node": { "Type": "Succeed" }
        }
    }))?)?;
    assert!(drawing.contains("state \"End\" as End_\n"), "{drawing}");
    assert!(drawing.contains("End_ --> Tag_node\n"), "{drawing}");
    assert!(drawing.contains("Tag_node --> Tag_node_\n"), "{drawing}");
    assert!(drawing.contains("Tag_node_ --> [*]\n"), "{drawing}");
    Ok(())
}

#[test]
fn labels_have_no_character_that_ends_them() {
    assert_eq!(plain("at 10:30; or\nlater"), "at 10∶30, or later");
}

#[test]
fn long_comments_are_left_to_the_table_and_short_ones_are_wrapped() -> Result<()> {
    let draw_with = |comment: &str| {
        draw(&read(json!({
            "StartAt": "A",
            "States": { "A": { "Type": "Pass", "Comment": comment, "End": true } }
        }))?)
    };
    assert!(!draw_with(&"long ".repeat(40))?.contains("note"));
    assert!(draw_with("twelve chars and twelve chars and twelve")?.contains(
        "    note right of A\n        twelve chars and twelve chars\n        and twelve\n    end note\n"
    ));
    Ok(())
}

#[test]
fn what_is_no_state_machine_is_an_error_that_names_the_fault() {
    let fault = |machine| read(machine).err().map(|error| format!("{error:#}"));
    assert_eq!(
        fault(json!({ "StartAt": "A" })),
        Some("missing field `States` at line 1 column 15".to_owned())
    );
    assert_eq!(
        fault(json!({ "StartAt": "A", "States": { "A": { "Type": "Pass", "Next": "B" } } })),
        Some("state \"A\": there is no state \"B\"".to_owned())
    );
}
