//! Which launches are found to be in trouble.

use hookline_domain::execution::names::StateMachine;
use hookline_domain::reconcile::brake::Brake;
use serde_json::{Value, json};

use super::*;
use crate::fixtures::{MACHINE, fleet, id, profile, rules};
use crate::judge::Remedy;
use crate::observed::deployment::Deployment;

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

#[test]
fn launch_into_a_warm_pool_that_waits_without_an_execution_or_too_long_is_found() {
    let into_pool = |age| fleet().with_launch_into_pool(1, "Warmed:Pending:Wait", age);
    assert_eq!(kinds(&into_pool(14)), []);
    let lost = into_pool(60);
    assert_eq!(kinds(&lost), [Kind::NoExecution]);
    assert_eq!(found(&lost)[0].ids, [id(1).to_string()]);
    let runs = |fleet: Fleet| fleet.with_execution(1, "RUNNING", None);
    assert_eq!(kinds(&runs(into_pool(60))), []);
    assert_eq!(kinds(&runs(into_pool(1_801))), [Kind::Overdue]);
    let stopped = into_pool(60).with_execution(1, "ABORTED", None);
    assert_eq!(kinds(&stopped), [Kind::ExecutionEnded]);
    let proceeds = fleet().with_launch_into_pool(1, "Warmed:Pending:Proceed", 60);
    assert_eq!(kinds(&proceeds), []);
}

#[test]
fn launch_with_a_retired_profile_is_not_said_to_be_started_by_reconcile() {
    let lost = fleet().with(1, "Pending:Wait", 60);
    assert!(says(&found(&lost)[0], "Reconcile starts"), "{lost:?}");
    let of_rounds = |rounds: Value| {
        let mut fleet = lost.clone();
        let (_, mut rule) = rules();
        rule.targets[0].input = Some(rounds.to_string());
        fleet.deployment = Deployment::of(StateMachine::read(MACHINE).unwrap(), vec![rule]);
        found(&fleet).remove(0)
    };
    let retired =
        json!({"stateMachineArn": MACHINE, "profiles": [], "retiredProfiles": [profile()]});
    let retired = of_rounds(retired);
    assert_eq!(retired.kind, Kind::NoExecution);
    assert!(!says(&retired, "Reconcile starts"), "{retired:?}");
    assert!(says(&retired, "its profile is retired"), "{retired:?}");
    assert!(says(&retired, "move it back"), "{retired:?}");
    // Another owner completes the hook.
    let mut of_other = profile();
    of_other["hook"]["complete"] = json!(false);
    let left = of_rounds(json!({"stateMachineArn": MACHINE, "profiles": [of_other]}));
    assert!(!says(&left, "Reconcile"), "{left:?}");
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
fn launch_that_waits_for_its_turn_to_be_tagged_is_not_without_an_execution() {
    // Eight are tagged a second, after the first thirty: the last of these has its turn four minutes
    // after its launch.
    let scale_out = |age: i64| {
        let mut fleet = fleet();
        for n in 1..=1_970 {
            fleet = fleet.with(n, "Pending:Wait", age);
            let seen = fleet.instances.get_mut(&id(n)).unwrap();
            let tags = &mut seen.instance.tags;
            tags.insert(crate::observe::GROUP_TAG.to_owned(), "upf".to_owned());
            if n < 1_970 {
                seen.instance.marked_at = Some(seen.instance.launched_at);
            }
        }
        fleet = fleet.with_execution(5_000, "RUNNING", None);
        fleet.described.clear();
        fleet
    };
    assert_eq!(kinds(&scale_out(200)), []);
    assert_eq!(kinds(&scale_out(350)), []);
    assert_eq!(kinds(&scale_out(370)), [Kind::NoExecution]);
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
    assert_eq!(found[0].kind, Kind::RepeatedFailures);
    assert_eq!(
        found[0].problem,
        "2 launches were given up and replaced within 4 min, the last one 60 s ago."
    );
    assert_eq!(
        found[0].evidence,
        ["Hookline.ResourceNotFound (2×): the cause"]
    );
    assert!(says(&found[0], "hookline pause"), "{found:?}");
    let mut cut = two;
    cut.all_activities = false;
    let problem = &super::findings(&cut, &cut.groups[0])[0].problem;
    assert!(problem.starts_with("At least 2 launches"), "{problem}");
}

#[test]
fn loop_that_is_over_or_stopped_is_not_to_be_paused() {
    let looping = || {
        let two = fleet().with_launch(1, "Cancelled", 60);
        two.with_launch(2, "Cancelled", 300)
    };
    let mut over = looping();
    over.activities
        .splice(0..0, fleet().with_launch(3, "Successful", 20).activities);
    let found_here = found(&over);
    assert_eq!(found_here[0].kind, Kind::RepeatedFailures);
    assert!(
        says(&found_here[0], "A launch succeeded after that, 20 s ago"),
        "{found_here:?}"
    );
    assert!(!says(&found_here[0], "pause"), "{found_here:?}");
    let mut stopped = looping();
    let group = stopped.groups.first_mut().unwrap();
    group.suspended.insert(LAUNCH.to_owned(), String::new());
    let found_here = found(&stopped);
    let kinds: Vec<Kind> = found_here.iter().map(|finding| finding.kind).collect();
    assert!(kinds.contains(&Kind::RepeatedFailures), "{kinds:?}");
    assert!(
        !found_here.iter().any(|finding| says(finding, "pause")),
        "{found_here:?}"
    );
}

fn says(finding: &Finding, text: &str) -> bool {
    serde_json::to_string(finding).unwrap().contains(text)
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
fn launch_that_never_had_an_instance_was_not_given_up() {
    let mut ended = fleet()
        .with_launch(1, "Successful", 10)
        .with_launch(2, "Cancelled", 10)
        .with_launch(3, "Failed", 10);
    ended.activities[2].instance = None;
    let outcomes: Vec<&str> = ended.activities.iter().map(outcome).collect();
    assert_eq!(outcomes, ["IN SERVICE", "GIVEN UP", "NO INSTANCE"]);
}

#[test]
fn launch_that_was_given_up_fails_no_more_if_a_later_one_succeeded() {
    let one = fleet().with_launch(1, "Cancelled", 60);
    let says = |fleet: &Fleet| {
        let found = found(fleet);
        assert_eq!(found[0].kind, Kind::LaunchAbandoned);
        found[0]
            .remedy
            .iter()
            .any(|it| matches!(it, Remedy::Do(text) if text.ends_with("it fails no more.")))
    };
    assert!(!says(&one));
    assert!(!says(&one.clone().with_launch(2, "Successful", 90)));
    assert!(says(&one.with_launch(2, "Successful", 30)));
}

#[test]
fn suspended_launches_are_told_only_while_instances_are_missing() {
    let mut fleet = fleet().with(1, "InService", 600);
    fleet.groups[0]
        .suspended
        .insert("Launch".to_owned(), "User suspended".to_owned());
    assert_eq!(kinds(&fleet), []);
    fleet.groups[0].desired = 2;
    assert_eq!(kinds(&fleet), [Kind::LaunchesSuspended]);
}

#[test]
fn braked_group_is_told_with_its_error_and_its_resume_until_it_is_resumed() {
    let mut fleet = fleet().with(1, "InService", 600);
    let group = &mut fleet.groups[0];
    let reason = "User suspended at 2026-01-02T03:00:00Z".to_owned();
    group.suspended.insert("Launch".to_owned(), reason);
    group.desired = 2;
    group.marks.brake = Some(Brake {
        at: 1_767_323_045 - 120,
        error: "Hookline.ResourceNotFound".to_owned(),
        profile: "upf".to_owned(),
    });
    let braked = found(&fleet);
    assert_eq!(braked.len(), 1, "{braked:?}");
    assert_eq!(braked[0].kind, Kind::GroupBraked);
    for says in [
        "2026-01-02T03:02:05Z",
        "2 min ago",
        "Hookline.ResourceNotFound",
        "1 instance is",
    ] {
        assert!(
            braked[0].problem.contains(says),
            "no {says:?} in {braked:?}"
        );
    }
    let resume = Remedy::run(["hookline", "resume", "upf", "--yes"]);
    assert_eq!(braked[0].remedy.last(), Some(&resume));
    fleet.groups[0].marks.resumed_at = Some(fleet.now);
    assert_eq!(kinds(&fleet), [Kind::LaunchesSuspended]);
}

#[test]
fn launches_whose_executions_were_stopped_and_not_described_are_not_lost() {
    let mut stopped = fleet()
        .with(1, "Pending:Wait", 60)
        .with(2, "Pending:Wait", 60)
        .with(3, "Pending:Wait", 60)
        .with(4, "Pending:Wait", 60)
        .with_execution(1, "ABORTED", None);
    for n in [1, 2, 3] {
        let seen = stopped.instances.get_mut(&id(n)).unwrap();
        seen.instance.marked_at = Some(seen.instance.launched_at + 2);
    }
    let found = found(&stopped);
    let of_kind = |kind: Kind| {
        let of_kind = found.iter().filter(|it| it.kind == kind);
        of_kind.map(|it| it.ids.len()).collect::<Vec<_>>()
    };
    // That which was described has its instance and its ARN.
    assert_eq!(of_kind(Kind::ExecutionEnded), [2, 2], "{found:#?}");
    assert_eq!(of_kind(Kind::NoExecution), [1], "{found:#?}");
    assert!(
        found[1].problem.starts_with("2 more launches wait"),
        "{found:#?}"
    );
    // In a warm pool's group, the mark may be older than the launch.
    stopped.groups[0].has_warm_pool = true;
    assert_eq!(kinds(&stopped), [Kind::ExecutionEnded, Kind::NoExecution]);
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

#[test]
fn failure_that_a_later_execution_mended_is_told_no_more() {
    let mut mended =
        fleet()
            .with(1, "InService", 600)
            .with_execution(1, "FAILED", Some("Hookline.X"));
    assert_eq!(mended.failed_of("upf").count(), 1);
    let mut replay = mended.listed[0].clone();
    (replay.arn, replay.status) = ("arn:replay".to_owned(), "SUCCEEDED".to_owned());
    replay.name = format!("replay-{}-0123456789ab", id(1));
    // One that ran beside it was no replay.
    replay.started = mended.listed[0].started + 1;
    mended.listed.insert(0, replay);
    assert_eq!(mended.failed_of("upf").count(), 1);
    mended.listed[0].started = mended.listed[1].stopped.unwrap() + 1;
    assert_eq!(mended.failed_of("upf").count(), 0);
}

#[test]
fn errors_are_those_of_the_launches_that_were_given_up() {
    let one = fleet()
        .with_launch(1, "Cancelled", 60)
        .with_execution(1, "FAILED", Some("Hookline.X"))
        .with_execution(2, "FAILED", Some("Hookline.Y"))
        .with_execution(1, "ABORTED", None);
    assert_eq!(
        found(&one)[0].evidence,
        ["ABORTED (1×)", "Hookline.X (1×): the cause"]
    );
}

#[test]
fn node_without_its_interfaces_does_not_end_a_loop() {
    let mut looping = fleet().with(3, "InService", 600);
    let launches = fleet()
        .with_launch(3, "Successful", 20)
        .with_launch(1, "Cancelled", 60)
        .with_launch(2, "Cancelled", 300);
    looping.activities = launches.activities;
    let first = &found(&looping)[0];
    assert_eq!(first.kind, Kind::RepeatedFailures);
    assert!(!says(first, "A launch succeeded"), "{first:?}");
    assert!(says(first, "hookline pause"), "{first:?}");
}
