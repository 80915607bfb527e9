//! Which launches reconcile finds, what it does about each, and the event that it makes.

use super::*;
use crate::event::Event;
use crate::fixtures::profile;

const MACHINE: &str = "arn:aws:states:us-west-2:123456789012:stateMachine:launch-node";

fn waiting(id: &str) -> Member {
    Member {
        instance: id.parse().unwrap(),
        group: "upf".to_owned(),
        group_arn: "arn:group".to_owned(),
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

fn found(profiles: &[ProfileInput], in_progress: &[&str], age: i64) -> usize {
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
        profiles,
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
fn instance_that_ec2_does_not_show_is_not_found() {
    let profiles = [input(|_| {})];
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
    assert_eq!(launch.instance_id, waiting.instance);
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
