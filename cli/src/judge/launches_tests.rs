//! Which launches are found to be in trouble.

use super::*;
use crate::fixtures::{fleet, id};

fn found(fleet: &Fleet) -> Vec<Finding> {
    findings(fleet, &fleet.groups[0])
}

fn kinds(fleet: &Fleet) -> Vec<Kind> {
    found(fleet).iter().map(|finding| finding.kind).collect()
}

#[test]
fn launch_with_a_running_execution_is_in_no_trouble() {
    let fleet = fleet()
        .with(1, "Pending:Wait", 600)
        .with_execution(1, "RUNNING", None);
    assert_eq!(kinds(&fleet), []);
}

#[test]
fn launch_without_an_execution_is_found_when_its_event_should_have_come() {
    assert_eq!(kinds(&fleet().with(1, "Pending:Wait", 14)), []);
    assert_eq!(kinds(&fleet().with(1, "InService", 600)), []);
    let two = fleet()
        .with(1, "Pending:Wait", 15)
        .with(2, "Pending:Wait", 90);
    let found = found(&two);
    assert_eq!(found[0].kind, Kind::NoExecution);
    assert_eq!(found[0].ids, [id(1).to_string(), id(2).to_string()]);
    assert!(
        found[0]
            .problem
            .starts_with("2 launches wait without a running execution"),
        "{found:?}"
    );
}

/// A running execution that was not described.
fn with_unknown(mut fleet: Fleet) -> Fleet {
    fleet = fleet.with_execution(9, "RUNNING", None);
    fleet.described.clear();
    fleet
}

#[test]
fn tag_of_an_execution_tells_where_the_running_executions_are_not_known() {
    let mut fleet = with_unknown(fleet().with(1, "Pending:Wait", 119));
    assert_eq!(kinds(&fleet), [], "it may be the unknown one's");
    fleet
        .instances
        .get_mut(&id(1))
        .unwrap()
        .instance
        .launched_at -= 1;
    assert_eq!(kinds(&fleet), [Kind::NoExecution]);
    fleet.instances.get_mut(&id(1)).unwrap().instance.marked_at = Some(fleet.now - 100);
    assert_eq!(kinds(&fleet), []);
}

#[test]
fn launch_whose_execution_was_stopped_still_waits() {
    let stopped = fleet()
        .with(1, "Pending:Wait", 60)
        .with_execution(1, "ABORTED", None);
    let found_here = found(&stopped);
    assert_eq!(found_here.len(), 1, "{found_here:?}");
    assert_eq!(found_here[0].kind, Kind::ExecutionEnded);
    assert!(
        found_here[0].problem.contains("was stopped 30 s ago"),
        "{found_here:?}"
    );
    let replayed = stopped.with_execution(1, "RUNNING", None);
    assert_eq!(kinds(&replayed), []);
}

#[test]
fn launches_that_are_given_up_again_and_again_are_a_loop_with_their_errors() {
    let one = fleet().with_launch(1, "Cancelled", 60).with_execution(
        1,
        "FAILED",
        Some("Hookline.ResourceNotFound"),
    );
    assert_eq!(kinds(&one), [Kind::LaunchAbandoned]);
    let two = one
        .with_launch(2, "Cancelled", 300)
        .with_execution(2, "FAILED", Some("Hookline.ResourceNotFound"))
        .with_launch(3, "Successful", 400);
    let found = found(&two);
    assert_eq!(found[0].kind, Kind::LaunchLoop);
    assert_eq!(
        found[0].problem,
        "2 launches were given up and replaced in 5 min, the last one 60 s ago."
    );
    assert_eq!(
        found[0].evidence,
        ["Hookline.ResourceNotFound (2×): the cause"]
    );
}

#[test]
fn launch_that_was_given_up_long_ago_is_not_told() {
    assert_eq!(kinds(&fleet().with_launch(1, "Cancelled", 3_601)), []);
    assert_eq!(
        kinds(&fleet().with_launch(1, "Cancelled", 3_600)),
        [Kind::LaunchAbandoned]
    );
}

#[test]
fn group_that_cannot_launch_is_told_until_a_launch_succeeds() {
    let mut refused = fleet().with_launch(1, "Failed", 60);
    refused.activities[0].instance = None;
    refused.activities[0].message = "Insufficient capacity".to_owned();
    let found = found(&refused);
    assert_eq!(found[0].kind, Kind::CannotLaunch);
    assert_eq!(
        found[0].evidence,
        ["Auto Scaling says: Insufficient capacity"]
    );
    let mut later = refused;
    later.activities.insert(
        0,
        fleet()
            .with_launch(2, "Successful", 10)
            .activities
            .remove(0),
    );
    assert_eq!(kinds(&later), []);
}

#[test]
fn suspended_launches_are_told_only_while_instances_are_missing() {
    let mut fleet = fleet().with(1, "InService", 600);
    fleet.groups[0].suspended.insert("Launch".to_owned());
    assert_eq!(kinds(&fleet), []);
    fleet.groups[0].desired = 2;
    assert_eq!(kinds(&fleet), [Kind::LaunchesSuspended]);
}

#[test]
fn launch_that_waits_longer_than_the_timeout_is_overdue() {
    let waits = |age| {
        fleet()
            .with(1, "Pending:Wait", age)
            .with_execution(1, "RUNNING", None)
    };
    assert_eq!(kinds(&waits(1_800)), []);
    assert_eq!(kinds(&waits(1_801)), [Kind::Overdue]);
}
