//! What is no trouble.

use hookline_domain::execution::names::StateMachine;
use serde_json::json;

use super::*;
use crate::fixtures::{MACHINE, fleet, profile, rules};
use crate::observed::deployment::Deployment;
use crate::observed::group::Hook;

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
