//! Which launches reconcile finds, what it does about each, and the event that it makes.

use super::*;
use crate::event::Event;
use crate::fixtures::profile;

const MACHINE: &str = "arn:aws:states:us-west-2:123456789012:stateMachine:launch-node";

fn waiting(id: &str) -> Waiting {
    Waiting {
        member: Member {
            instance: id.parse().unwrap(),
            group: "upf".to_owned(),
            group_arn: "arn:group".to_owned(),
        },
        to_warm_pool: false,
        activity: None,
    }
}

/// An instance in a group with a warm pool, whose launch began at `started_at`.
fn launched_again(id: &str, activity: &str, started_at: i64) -> Waiting {
    let activity = LaunchActivity {
        id: activity.to_owned(),
        started_at,
        from_warm_pool: true,
    };
    Waiting {
        activity: Some(activity),
        ..waiting(id)
    }
}

fn input(change: impl FnOnce(&mut Value)) -> ProfileInput {
    let mut value = profile();
    change(&mut value);
    ProfileInput {
        profile: Profile::read(value.clone()).unwrap(),
        value,
    }
}

const A: &str = "i-0123456789abcdef0";

/// A payload's profiles, none of them retired.
fn active(profiles: &[ProfileInput]) -> Profiles {
    Profiles {
        active: profiles.to_vec(),
        retired: Vec::new(),
    }
}

fn found(profiles: &[ProfileInput], in_progress: &[&str], age: i64) -> usize {
    let profiles = active(profiles);
    let waiting = [waiting(A)];
    let facts = LaunchFacts {
        launched_at: 1000,
        tags: BTreeMap::from([("multus".to_owned(), "upf".to_owned())]),
    };
    let facts = BTreeMap::from([(A.parse().unwrap(), facts)]);
    let in_progress = in_progress.iter().map(|id| id.parse().unwrap()).collect();
    candidates(
        &waiting,
        &facts,
        &profiles,
        &in_progress,
        1000 + age,
        Limits::default(),
    )
    .len()
}

#[test]
fn launch_without_execution_is_found_after_two_minutes() {
    let profiles = [input(|_| {})];
    assert_eq!(found(&profiles, &[], 119), 0);
    assert_eq!(found(&profiles, &[], 120), 1);
    assert_eq!(found(&profiles, &["i-00000000"], 120), 1);
    assert_eq!(found(&profiles, &[A], 120), 0);
    assert_eq!(found(&[], &[], 120), 0);
}

#[test]
fn only_hooks_that_hookline_completes_are_found_and_each_once() {
    let foreign = input(|p| p["hook"]["complete"] = json!(false));
    let elsewhere = input(|p| p["selector"] = json!({"autoScalingGroupNames": ["smf"]}));
    let by_tag = input(|p| p["selector"] = json!({"tag": {"key": "multus"}}));
    let other_hook = input(|p| p["hook"]["name"] = json!("second"));
    assert_eq!(found(&[foreign, elsewhere], &[], 500), 0);
    assert_eq!(found(&[by_tag.clone(), input(|_| {})], &[], 500), 1);
    assert_eq!(found(&[by_tag, other_hook], &[], 500), 2);
}

#[test]
fn launch_of_a_retired_profile_is_found_and_refused() {
    let facts = LaunchFacts {
        launched_at: 1000,
        tags: BTreeMap::new(),
    };
    let facts = BTreeMap::from([(A.parse().unwrap(), facts)]);
    let waiting = [waiting(A)];
    let refusals = |profiles: &Profiles| {
        let limits = Limits::default();
        let found = candidates(&waiting, &facts, profiles, &BTreeSet::new(), 9999, limits);
        assert_eq!(
            overdue(&waiting, &facts, profiles.all(), 9999, limits).len(),
            1
        );
        found
            .iter()
            .map(|found| (found.input.value["name"].clone(), found.refusal()))
            .collect::<Vec<_>>()
    };
    let named = |name: &str| input(|profile| profile["name"] = json!(name));
    let mut profiles = active(&[named("upf")]);
    assert_eq!(refusals(&profiles), [(json!("upf"), None)]);
    // One that is not retired counts first, as after a profile was renamed.
    profiles.retired = vec![named("old")];
    assert_eq!(refusals(&profiles), [(json!("upf"), None)]);
    profiles.active.clear();
    let refusal = Some("its profile is retired: no launch begins with it any more");
    assert_eq!(refusals(&profiles), [(json!("old"), refusal)]);
}

#[test]
fn instance_that_ec2_does_not_show_is_not_found() {
    let profiles = active(&[input(|_| {})]);
    let waiting = [waiting(A)];
    let none = candidates(
        &waiting,
        &BTreeMap::new(),
        &profiles,
        &BTreeSet::new(),
        9999,
        Limits::default(),
    );
    assert!(none.is_empty());
}

#[test]
fn made_event_is_read_as_a_launch() {
    let machine = StateMachine::read(MACHINE).unwrap();
    let waiting = waiting(A);
    let event = launch_event(
        &machine,
        &waiting,
        "hookline-launch",
        "2026-01-02T03:04:05Z",
    );
    let launch = Event::read_launch(event).unwrap();
    assert_eq!(launch.region, "us-west-2");
    assert_eq!(launch.instance_id, waiting.member.instance);
    assert_eq!(launch.action.unwrap().lifecycle_action_token, None);
}

#[test]
fn launch_is_abandoned_only_if_its_execution_ended_without_completing_it() {
    for (status, error) in [
        ("TIMED_OUT", None),
        ("ABORTED", None),
        ("FAILED", None),
        ("FAILED", Some("States.Runtime")),
        ("FAILED", Some("Hookline.HookNotCompleted")),
        ("FAILED", Some("Hookline.InvalidTemplate")),
    ] {
        assert_eq!(
            launch_action(status, error),
            LaunchAction::Abandon,
            "{status} {error:?}"
        );
    }
    let refused = "its execution refused its input";
    let succeeded = "its execution succeeded: another hook holds it";
    let running = "its execution is running";
    for (status, error, reason) in [
        ("FAILED", Some("Hookline.InvalidEvent"), refused),
        ("FAILED", Some("Hookline.InvalidProfile"), refused),
        ("FAILED", Some("Hookline.InvalidPayload"), refused),
        ("SUCCEEDED", None, succeeded),
        ("RUNNING", None, running),
        ("PENDING_REDRIVE", None, running),
        ("A_NEW_STATUS", None, running),
    ] {
        assert_eq!(
            launch_action(status, error),
            LaunchAction::Skip(reason),
            "{status} {error:?}"
        );
    }
}

#[test]
fn status_change_of_an_execution_is_read() {
    let event = json!({
        "detail-type": Ended::DETAIL_TYPE, "source": "aws.states",
        "detail": {
            "executionArn": "e", "stateMachineArn": MACHINE, "name": "n", "status": "TIMED_OUT",
            "startDate": 1, "stopDate": 2, "input": "{}", "inputDetails": {"included": true},
            "output": null, "outputDetails": null,
        },
    });
    assert!(Ended::is(&event));
    let ended = Ended::read(event).unwrap();
    assert_eq!((ended.status.as_str(), ended.error), ("TIMED_OUT", None));
    assert!(!Ended::is(&json!({"profiles": []})));
    assert!(Ended::read(json!({"detail": {"status": 7}})).is_err());
}

#[test]
fn launch_is_overdue_after_the_heartbeat_timeout() {
    let waiting = [waiting(A)];
    let facts = LaunchFacts {
        launched_at: 1000,
        tags: BTreeMap::new(),
    };
    let facts = BTreeMap::from([(A.parse().unwrap(), facts)]);
    let limits = Limits::default();
    let at =
        |profiles: &[ProfileInput], now| overdue(&waiting, &facts, profiles, now, limits).len();
    let profiles = [input(|_| {}), input(|_| {})];
    assert_eq!(at(&profiles, 2800), 0);
    assert_eq!(at(&profiles, 2801), 1);
    assert_eq!(at(&[], 2801), 0);
    let theirs = input(|p| p["hook"]["complete"] = json!(false));
    assert_eq!(at(&[theirs], 2801), 0);
    // EC2 does not show the instance yet.
    assert_eq!(
        overdue(&waiting, &BTreeMap::new(), &profiles, 2801, limits).len(),
        0
    );
}

#[test]
fn launch_of_an_activity_is_read_from_its_description() {
    let instance = A.parse().unwrap();
    for (how, from_warm_pool) in [
        ("", false),
        (" into warm pool", false),
        (" from warm pool", true),
    ] {
        let description = format!("Launching a new EC2 instance{how}: {A}");
        let read = LaunchActivity::read(&description);
        assert_eq!(read, Some((InstanceId::clone(&instance), from_warm_pool)));
    }
    for other in [
        "",
        "Launching a new EC2 instance",
        "Launching a new EC2 instance: soon",
        "Terminating EC2 instance: i-0123456789abcdef0",
    ] {
        assert_eq!(LaunchActivity::read(other), None, "{other}");
    }
}

#[test]
fn launch_out_of_a_warm_pool_begins_with_its_activity() {
    let profiles = [input(|_| {})];
    let facts = LaunchFacts {
        launched_at: 1000,
        tags: BTreeMap::new(),
    };
    let facts = BTreeMap::from([(A.parse().unwrap(), facts)]);
    let profiles = active(&profiles);
    let waiting = [launched_again(A, "one", 5000)];
    let limits = Limits::default();
    let found = |now| {
        let found = candidates(&waiting, &facts, &profiles, &BTreeSet::new(), now, limits);
        found.first().map(|found| found.began_at)
    };
    assert_eq!(found(5119), None);
    assert_eq!(found(5120), Some(5000));
    let late = |waiting: &Waiting, now| {
        overdue(
            std::slice::from_ref(waiting),
            &facts,
            profiles.all(),
            now,
            limits,
        )
        .len()
    };
    assert_eq!((late(&waiting[0], 6800), late(&waiting[0], 6801)), (0, 1));
    // Started after the activity began: by then it was no longer stopped.
    assert_eq!(launched_again(A, "one", 900).began_at(1000), 1000);
}

#[test]
fn instance_that_returns_to_a_warm_pool_is_not_overdue() {
    let profiles = [input(|_| {})];
    let facts = LaunchFacts {
        launched_at: 1000,
        tags: BTreeMap::new(),
    };
    let facts = BTreeMap::from([(A.parse().unwrap(), facts)]);
    let returns = Waiting {
        to_warm_pool: true,
        ..waiting(A)
    };
    let enters = Waiting {
        to_warm_pool: true,
        ..launched_again(A, "one", 1000)
    };
    let late = |waiting| overdue(&[waiting], &facts, &profiles, 9999, Limits::default()).len();
    assert_eq!((late(returns), late(enters)), (0, 1));
}

#[test]
fn each_launch_of_an_instance_has_an_execution_of_its_own() {
    let hook = "hookline-launch";
    let names = [
        waiting(A).execution_name(hook),
        launched_again(A, "one", 1000).execution_name(hook),
        launched_again(A, "two", 1000).execution_name(hook),
        launched_again(A, "two", 1000).execution_name("other"),
    ];
    let different: BTreeSet<&String> = names.iter().collect();
    assert_eq!(different.len(), names.len(), "{names:?}");
    assert_eq!(
        launched_again(A, "two", 1000).execution_name(hook),
        launched_again(A, "two", 7000).execution_name(hook)
    );
}

#[test]
fn made_event_says_where_the_instance_comes_from_and_goes() {
    let machine = StateMachine::read(MACHINE).unwrap();
    let made = |waiting: &Waiting| {
        let event = launch_event(&machine, waiting, "hookline-launch", "2026-01-02T03:04:05Z");
        let launch = Event::read_launch(event).unwrap();
        (launch.passes_warm_pool(), launch.waits_in())
    };
    assert_eq!(made(&waiting(A)), (false, "Pending:Wait"));
    assert_eq!(
        made(&launched_again(A, "one", 1000)),
        (true, "Pending:Wait")
    );
    let mut enters = launched_again(A, "one", 1000);
    enters.to_warm_pool = true;
    if let Some(activity) = &mut enters.activity {
        activity.from_warm_pool = false;
    }
    assert_eq!(made(&enters), (true, "Warmed:Pending:Wait"));
}
