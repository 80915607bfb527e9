//! What is no trouble.

use hookline_domain::execution::names::StateMachine;
use serde_json::json;

use super::*;
use crate::fixtures::{MACHINE, fleet, profile, rules};

/// The deployment whose only profile reconcile alone has, in this field.
fn with_profile_in(field: &str) -> Fleet {
    let (_, mut rounds) = rules();
    let mut input = json!({"stateMachineArn": MACHINE, "profiles": []});
    input[field] = json!([profile()]);
    rounds.targets[0].input = Some(input.to_string());
    let machine = StateMachine::read(MACHINE).unwrap();
    Fleet {
        deployment: Deployment::of(machine, vec![rounds]),
        ..fleet()
    }
}

fn kinds(fleet: &Fleet) -> Vec<Kind> {
    of(fleet).iter().map(|finding| finding.kind).collect()
}

#[test]
fn retired_profile_needs_no_rule_no_hook_no_group_and_no_interfaces_on_its_nodes() {
    let of_field = |field: &str| {
        let mut fleet = with_profile_in(field).with(1, "InService", 600);
        fleet.hooks.clear();
        fleet
    };
    assert_eq!(
        kinds(&of_field("profiles")),
        [Kind::NoRule, Kind::HookMissing, Kind::NodeLacksInterfaces]
    );
    assert_eq!(kinds(&of_field("retiredProfiles")), []);
    let without_group = |field: &str| {
        let mut fleet = with_profile_in(field);
        fleet.groups.clear();
        kinds(&fleet)
    };
    assert_eq!(without_group("profiles"), [Kind::GroupMissing]);
    assert_eq!(without_group("retiredProfiles"), []);
}

#[test]
fn hook_of_a_retired_profile_is_expected_on_a_group_of_another() {
    let (rule, mut rounds) = rules();
    let mut retired = profile();
    retired["name"] = json!("upf-of-before");
    retired["hook"]["name"] = json!("before");
    let input =
        json!({"stateMachineArn": MACHINE, "profiles": [profile()], "retiredProfiles": [retired]});
    rounds.targets[0].input = Some(input.to_string());
    let machine = StateMachine::read(MACHINE).unwrap();
    let mut fleet = Fleet {
        deployment: Deployment::of(machine, vec![rule, rounds]),
        ..fleet()
    };
    let hook = |name: &str| Hook {
        name: name.to_owned(),
        default_result: "ABANDON".to_owned(),
        heartbeat_seconds: 1_800,
    };
    let hooks = ["hookline-launch", "before"].map(hook).to_vec();
    fleet.hooks.insert("upf".to_owned(), hooks);
    assert_eq!(kinds(&fleet), []);
}

#[test]
fn selector_of_tags_that_no_group_gives_is_trouble() {
    let mut by_tag = profile();
    by_tag["selector"] = json!({"tag": {"key": "role", "value": "upf"}});
    let (mut rule, _) = rules();
    rule.targets[0].template = Some(format!("{{\"profile\":{by_tag}}}"));
    rule.pattern["detail"]
        .as_object_mut()
        .unwrap()
        .remove("AutoScalingGroupName");
    let machine = StateMachine::read(MACHINE).unwrap();
    let mut fleet = Fleet {
        deployment: Deployment::of(machine, vec![rule]),
        ..fleet()
    };
    fleet.groups.clear();
    let found = of(&fleet);
    assert_eq!(found[0].kind, Kind::GroupMissing);
    assert!(
        found[0].problem.contains("the tag role with the value upf"),
        "{found:?}"
    );
    let tags = [("role".to_owned(), "upf".to_owned())].into();
    fleet.groups = vec![Group {
        name: "other".to_owned(),
        tags,
        ..Group::default()
    }];
    assert!(!kinds(&fleet).contains(&Kind::GroupMissing));
}

#[test]
fn two_rules_for_one_hook_are_trouble() {
    let (rule, rounds) = rules();
    let mut second = rule.clone();
    second.name = "launch-upf-b".to_owned();
    let of = |second: Rule| {
        let machine = StateMachine::read(MACHINE).unwrap();
        kinds(&Fleet {
            deployment: Deployment::of(machine, vec![rule.clone(), second, rounds.clone()]),
            ..fleet()
        })
    };
    assert_eq!(of(second.clone()), [Kind::HookAnsweredTwice]);
    let mut other = profile();
    other["name"] = json!("upf-b");
    let mut of_another = second.clone();
    of_another.targets[0].template = Some(format!("{{\"profile\":{other}}}"));
    assert_eq!(of(of_another), [Kind::HookAnsweredTwice]);
    second.enabled = false;
    assert_eq!(of(second), []);
}

#[test]
fn launch_whose_tag_says_continue_is_completed_before_a_hook_is_deleted() {
    let mut fleet = fleet()
        .with(1, "Pending:Wait", 10)
        .with(2, "Pending:Wait", 10);
    let instance = &mut fleet.instances.values_mut().next().unwrap().instance;
    let tag = (own::VERDICT.to_owned(), "CONTINUE".to_owned());
    instance.tags.extend([tag]);
    assert_eq!(wired(&fleet, &fleet.groups[0]).len(), 1);
    let mut pooled = fleet.groups[0].clone();
    pooled.has_warm_pool = true;
    assert!(wired(&fleet, &pooled).is_empty());
}

#[test]
fn launches_of_a_group_that_no_profile_covers_are_told_if_nobody_answers_their_hook() {
    let at = |hook: &str| {
        let mut fleet = fleet();
        let mut other = crate::fixtures::fleet()
            .with(7, "Pending:Wait", 60)
            .groups
            .remove(0);
        other.name = "upf-v2".to_owned();
        let hook = Hook {
            name: hook.to_owned(),
            default_result: "ABANDON".to_owned(),
            heartbeat_seconds: 1_800,
        };
        fleet.uncovered.groups = vec![(other, vec![hook])];
        fleet
    };
    let found = of(&at("hookline-launch"));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(
        (found[0].kind, found[0].group.as_deref()),
        (Kind::NoRule, Some("upf-v2"))
    );
    assert!(
        found[0]
            .problem
            .contains("No profile of the deployment covers the group upf-v2")
    );
    assert_eq!(
        found[0].evidence,
        ["1 launch waits now, at this hook or at another."]
    );
    // Somebody else's hook, also if a profile observes it, and another deployment's group.
    assert_eq!(of(&at("of-a-team")), []);
    let mut observed = at("hookline-launch");
    for input in &mut observed.deployment.profiles {
        input.profile.hook.complete = false;
    }
    let no_rule = |finding: &Finding| finding.kind == Kind::NoRule;
    assert!(!of(&observed).iter().any(no_rule));
    let mut of_another = at("hookline-launch");
    let mut rule = of_another.deployment.rules[0].clone();
    rule.pattern["detail"]["AutoScalingGroupName"] = json!(["upf-v2"]);
    rule.targets[0].arn = rule.targets[0]
        .arn
        .replace("hookline-launch-node", "other-launch-node");
    of_another.deployment.elsewhere = vec![rule];
    assert_eq!(of(&of_another), []);
}
