//! How a deployment is read from its rules.

use serde_json::json;

use super::*;
use crate::observed::rule::{LAUNCH, Target};

const ARN: &str = "arn:aws:states:us-west-2:123456789012:stateMachine:";

pub(crate) fn machine(name: &str) -> StateMachine {
    StateMachine::read(&format!("{ARN}{name}")).unwrap()
}

fn profile(name: &str) -> Value {
    json!({
        "name": name,
        "selector": {"autoScalingGroupNames": [name]},
        "hook": {"name": "hookline-launch"},
        "nodeTags": {"Name": "a <b> \"c\" {{ asg }}"},
    })
}

fn launch_rule(name: &str, target: Option<Target>) -> Rule {
    Rule {
        name: name.to_owned(),
        enabled: true,
        pattern: json!({
            "detail-type": [LAUNCH],
            "detail": {"AutoScalingGroupName": [name], "LifecycleHookName": ["hookline-launch"]},
        }),
        targets: target.into_iter().collect(),
        ..Rule::default()
    }
}

fn target(machine: &str, profile: &Value) -> Target {
    Target {
        arn: format!("{ARN}{machine}"),
        template: Some(format!(
            "{{\"event\":<aws.events.event.json>,\"profile\":{profile}}}"
        )),
        ..Target::default()
    }
}

#[test]
fn stack_is_read_from_the_name_of_the_state_machine() {
    for (name, stack) in [
        ("launch-node", Some("")),
        ("hookline-launch-node", Some("hookline")),
        ("a-b-launch-node", Some("a-b")),
        ("-launch-node", None),
        ("relaunch-node", None),
        ("name-node", None),
    ] {
        assert_eq!(Deployment::stack_of(name), stack, "{name}");
        assert_eq!(
            Deployment::stack_of(&format!("{ARN}{name}")),
            stack,
            "{name}"
        );
    }
}

#[test]
fn profile_is_read_from_the_template_of_the_target() {
    let rule = launch_rule("upf", Some(target("launch-node", &profile("upf"))));
    let found = Deployment::of(machine("launch-node"), vec![rule]);
    assert_eq!(found.profiles.len(), 1);
    assert_eq!(found.profiles[0].value, profile("upf"));
    assert_eq!(found.unreadable, []);
}

#[test]
fn rule_whose_profile_cannot_be_read_says_why() {
    for (template, says) in [
        (None, "no input template"),
        (Some("{\"event\":<e>}"), "no profile"),
        (Some("{\"event\":<e>,"), "not JSON"),
        (Some("{\"event\":<e>,\"profile\":{\"name\":7}}"), "profile"),
    ] {
        let target = Target {
            arn: format!("{ARN}launch-node"),
            template: template.map(str::to_owned),
            ..Target::default()
        };
        let found = Deployment::of(
            machine("launch-node"),
            vec![launch_rule("upf", Some(target))],
        );
        let (rule, problem) = &found.unreadable[0];
        assert_eq!(rule, "upf");
        assert!(problem.contains(says), "{problem}");
    }
}

#[test]
fn rules_of_others_are_left_out_and_own_rules_without_a_target_are_kept() {
    let named = |name: &str, group: &str| Rule {
        name: name.to_owned(),
        ..launch_rule(group, None)
    };
    let rules = vec![
        launch_rule("upf", Some(target("a-launch-node", &profile("upf")))),
        launch_rule("smf", Some(target("b-launch-node", &profile("smf")))),
        // Of the stack by its name, and by the group and the hook of a profile.
        named("a-Launchamf-1X2Y3Z", "amf"),
        named("by-hand", "upf"),
        // Of another stack, and of nobody who is known.
        named("ab-Launchamf-1X2Y3Z", "amf"),
        named("audit", "batch"),
    ];
    let found = Deployment::of(machine("a-launch-node"), rules);
    let names: Vec<_> = found.rules.iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(names, ["a-Launchamf-1X2Y3Z", "by-hand", "upf"]);
    assert_eq!(found.named_groups(), ["amf", "upf"]);
    assert_eq!(found.function("adopt"), "a-adopt");
    let without_stack = Deployment::of(machine("launch-node"), vec![named("any", "amf")]);
    assert_eq!(without_stack.rules.len(), 1);
}

#[test]
fn rule_of_a_stack_whose_name_begins_with_another_s_is_its_own() {
    let stacks = ["", "edge", "edge-two"];
    let owned = |name: &str, own: &str| {
        let mut rule = Rule {
            name: name.to_owned(),
            ..launch_rule("upf", None)
        };
        rule.note_owner(own, stacks.into_iter());
        rule
    };
    for (name, own, of_another) in [
        ("edge-Launchupf-1X2Y3Z", "edge", false),
        ("edge-Launchupf-1X2Y3Z", "edge-two", true),
        ("edge-two-Launchupf-1X2Y3Z", "edge", true),
        ("edge-two-Launchupf-1X2Y3Z", "edge-two", false),
        ("edge-two-Launchupf-1X2Y3Z", "", true),
        ("edges", "", false),
        ("by-hand", "edge", false),
    ] {
        let rule = owned(name, own);
        assert_eq!(rule.of_another, of_another, "{name} {own}");
    }
    let rounds = Rule {
        pattern: Value::Null,
        schedule: Some("rate(5 minutes)".to_owned()),
        ..owned("edge-two-ReconcileRulesSchedule-1X2Y3Z", "edge")
    };
    let rules = vec![
        launch_rule("upf", Some(target("edge-launch-node", &profile("upf")))),
        owned("edge-two-Launchupf-1X2Y3Z", "edge"),
        rounds,
    ];
    let found = Deployment::of(machine("edge-launch-node"), rules);
    assert_eq!(found.rules.len(), 1, "{:#?}", found.rules);
    assert_eq!(found.elsewhere.len(), 1, "{:#?}", found.elsewhere);
    assert!(found.reconcile_without_target.is_empty());
}

#[test]
fn reconcile_gives_its_limits_and_the_profiles_of_rules_without_a_target() {
    let input = json!({
        "stateMachineArn": format!("{ARN}launch-node"),
        "profiles": [profile("upf"), profile("smf")],
        "limits": {"unownedSeconds": 60},
    });
    let schedule = Rule {
        name: "rounds-of-reconcile".to_owned(),
        enabled: true,
        schedule: Some("rate(5 minutes)".to_owned()),
        targets: vec![Target {
            input: Some(input.to_string()),
            ..Target::default()
        }],
        ..Rule::default()
    };
    assert!(schedule.is_of_interest(""));
    let upf = launch_rule("upf", Some(target("launch-node", &profile("upf"))));
    let found = Deployment::of(machine("launch-node"), vec![upf, schedule]);
    let names: Vec<_> = found
        .profiles
        .iter()
        .map(|input| input.profile.name.as_str())
        .collect();
    assert_eq!(names, ["upf", "smf"]);
    let (limits, every) = found.rounds().unwrap();
    assert_eq!((limits.orphaned_seconds, every), (60, Some(300)));
}

#[test]
fn pattern_by_source_alone_matches_launches() {
    for (pattern, expected) in [
        (json!({"source": ["aws.autoscaling"]}), true),
        (
            json!({"source": ["aws.autoscaling"], "detail-type": [LAUNCH]}),
            true,
        ),
        (
            json!({"source": ["aws.states"], "detail-type": [LAUNCH]}),
            false,
        ),
        (
            json!({"source": ["aws.autoscaling"], "detail-type": ["other"]}),
            false,
        ),
        (json!({"detail": {}}), false),
        (Value::Null, false),
    ] {
        let rule = Rule {
            pattern: pattern.clone(),
            ..Rule::default()
        };
        assert_eq!(rule.matches_launches(), expected, "{pattern}");
    }
}

#[test]
fn rule_lets_through_what_its_pattern_names() {
    let rule = launch_rule("upf", None);
    assert!(rule.lets_through("upf", "hookline-launch"));
    assert!(!rule.lets_through("smf", "hookline-launch"));
    assert!(!rule.lets_through("upf", "other"));
    let mut by_prefix = rule.clone();
    by_prefix.pattern["detail"]["AutoScalingGroupName"] = json!([{"prefix": "u"}]);
    assert!(by_prefix.lets_through("upf", "hookline-launch"));
    assert!(!by_prefix.lets_through("smf", "hookline-launch"));
    assert!(!by_prefix.cannot_tell("upf", "hookline-launch"));
    for (filter, expected) in [
        (json!({"suffix": "pf"}), Some(true)),
        (json!({"equals-ignore-case": "UPF"}), Some(true)),
        (json!({"anything-but": "upf"}), Some(false)),
        (json!({"anything-but": ["smf"]}), Some(true)),
        (json!({"exists": true}), Some(true)),
        (json!({"wildcard": "u*"}), None),
        (json!({"anything-but": {"prefix": "u"}}), None),
    ] {
        let mut rule = rule.clone();
        rule.pattern["detail"]["AutoScalingGroupName"] = json!([filter]);
        let allows = rule.allows("AutoScalingGroupName", "upf");
        assert_eq!(allows, expected, "{filter}");
        assert_eq!(
            rule.cannot_tell("upf", "hookline-launch"),
            expected.is_none()
        );
    }
    let mut of_ends = rule;
    of_ends.pattern["detail-type"] = json!(["EC2 Instance Launch Successful"]);
    assert!(!of_ends.lets_through("upf", "hookline-launch"));
}

#[test]
fn group_is_covered_by_a_profile_or_a_rule_that_names_it_or_by_its_tags() {
    let mut by_tag = profile("by-tag");
    by_tag["selector"] = json!({"tag": {"key": "multus", "value": "yes"}});
    let rules = vec![
        launch_rule("upf", Some(target("launch-node", &profile("upf")))),
        // It has no target, and so no profile.
        launch_rule("smf", None),
        launch_rule("by-tag", Some(target("launch-node", &by_tag))),
    ];
    let deployment = Deployment::of(machine("launch-node"), rules);
    let tags = |value: &str| BTreeMap::from([("multus".to_owned(), value.to_owned())]);
    for (name, tags, is_covered) in [
        ("upf", BTreeMap::new(), true),
        ("smf", BTreeMap::new(), true),
        ("amf", BTreeMap::new(), false),
        ("amf", tags("no"), false),
        ("amf", tags("yes"), true),
    ] {
        let group = Group {
            name: name.to_owned(),
            tags,
            ..Group::default()
        };
        assert_eq!(deployment.covers(&group), is_covered, "{group:?}");
    }
    assert!(deployment.selects("amf", &tags("yes")));
    assert!(!deployment.selects("smf", &tags("no")));
}

#[test]
fn name_is_the_stacks_or_that_of_its_groups_interfaces() {
    use crate::fixtures::interface;
    let name = |machine: &str, of_tag: &str| {
        let rule = launch_rule("upf", None);
        let found = Deployment::of(super::tests::machine(machine), vec![rule]);
        let mut seen = interface(1, 1, "signaling", None);
        seen.interface
            .tags
            .insert(own::DEPLOYMENT.to_owned(), of_tag.to_owned());
        found.name(&[seen]).to_string()
    };
    assert_eq!(name("core-launch-node", "other"), "core");
    assert_eq!(name("launch-node", "other"), "other");
    assert_eq!(name("launch-node", "no name"), "hookline");
}
