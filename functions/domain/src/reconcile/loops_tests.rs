use proptest::prelude::*;
use serde_json::json;

use super::*;

const MISSING: &str = "Hookline.ResourceNotFound";
const DENIED: &str = "Hookline.AccessDenied";

fn launch(began_at: i64, ended_at: i64, end: LaunchEnd) -> EndedLaunch {
    EndedLaunch {
        group: "upf".to_owned(),
        profile: "upf".to_owned(),
        profile_value: json!({"name": "upf"}),
        began_at,
        ended_at,
        end,
    }
}

fn abandoned(began_at: i64, ended_at: i64, error: &str) -> EndedLaunch {
    launch(began_at, ended_at, LaunchEnd::Abandoned(error.to_owned()))
}

fn continued(began_at: i64, ended_at: i64) -> EndedLaunch {
    launch(began_at, ended_at, LaunchEnd::Continued)
}

/// The limits, of loops that need not have gone on for minutes.
fn limits() -> Limits {
    Limits {
        loop_seconds: 0,
        ..Limits::default()
    }
}

/// What is found when the last launch has just ended.
fn found(launches: &[EndedLaunch]) -> Vec<LaunchLoop> {
    launch_loops(launches, &BTreeMap::new(), limits(), 0)
}

/// Three generations of one launch each.
fn three() -> Vec<EndedLaunch> {
    vec![
        abandoned(1_000, 2_000, MISSING),
        abandoned(2_500, 3_000, MISSING),
        abandoned(3_000, 4_000, MISSING),
    ]
}

#[test]
fn three_generations_by_one_permanent_error_are_a_loop_and_two_are_none() {
    assert_eq!(
        found(&three()),
        [LaunchLoop {
            group: "upf".to_owned(),
            profile: "upf".to_owned(),
            error: MISSING.to_owned(),
            generations: 3,
            since: 1,
            decided_from: 1_000,
        }]
    );
    assert_eq!(found(&three()[..2]), []);
}

#[test]
fn number_of_generations_is_a_limit_of_at_least_two() {
    let with = |loop_generations| {
        let limits = Limits {
            loop_generations,
            ..limits()
        };
        launch_loops(&three(), &BTreeMap::new(), limits, 0).len()
    };
    assert_eq!((with(3), with(4)), (1, 0));
    let limits = Limits {
        loop_generations: 0,
        ..limits()
    };
    let one = &three()[..1];
    assert_eq!(launch_loops(one, &BTreeMap::new(), limits, 0), []);
}

#[test]
fn launches_of_one_scale_out_are_one_generation() {
    let at_once: Vec<_> = (0..500).map(|n| abandoned(n, 1_000 + n, MISSING)).collect();
    assert_eq!(found(&at_once), []);
}

#[test]
fn large_generations_count_once_each() {
    let launches: Vec<_> = (0..4)
        .flat_map(|generation| (0..100).map(move |n| 10_000 * generation + n))
        .map(|began_at| abandoned(began_at, began_at + 1_000, MISSING))
        .collect();
    assert_eq!(found(&launches)[0].generations, 4);
}

#[test]
fn success_in_between_begins_the_count_anew() {
    let mut launches = three();
    launches.push(continued(1_500, 3_500));
    assert_eq!(found(&launches), []);
    // Three more after it.
    launches.extend([
        abandoned(5_000, 6_000, MISSING),
        abandoned(7_000, 8_000, MISSING),
        abandoned(9_000, 9_500, MISSING),
    ]);
    let after = &found(&launches)[0];
    assert_eq!((after.generations, after.since), (3, 5));
}

#[test]
fn success_counts_for_its_group_with_whichever_profile() {
    let mut launches = three();
    let mut other = continued(1_500, 3_500);
    other.group = "smf".to_owned();
    launches.push(other);
    assert_eq!(found(&launches).len(), 1);
    let mut other = continued(1_500, 3_500);
    other.profile = "smf".to_owned();
    launches.push(other);
    assert_eq!(found(&launches), []);
}

#[test]
fn failures_of_a_staggered_scale_out_are_no_loop_and_those_that_go_on_are() {
    // Those of a zone without a subnet fail at once, and the others are not ready yet.
    let fails_at = |second: i64| abandoned(1_000 * second, 1_000 * second + 4_000, MISSING);
    let mut launches: Vec<_> = (0..12).map(|n| fails_at(5 * n)).collect();
    let with_defaults =
        |launches: &[EndedLaunch]| launch_loops(launches, &BTreeMap::new(), Limits::default(), 300);
    assert_eq!(with_defaults(&launches), []);
    launches.push(fails_at(295));
    assert_eq!(with_defaults(&launches), []);
    launches.push(fails_at(296));
    assert_eq!(with_defaults(&launches)[0].decided_from, 0);
}

#[test]
fn loop_that_has_ended_by_itself_is_none_any_more() {
    // It ended at 4 s.
    let at = |now| launch_loops(&three(), &BTreeMap::new(), limits(), now).len();
    assert_eq!((at(904), at(905)), (1, 0));
}

#[test]
fn errors_that_pass_and_mixed_errors_are_no_loop() {
    for error in [
        "Hookline.Throttled",
        "Hookline.SubnetsFull",
        "Hookline.InstanceNotRunning",
        "States.Timeout",
    ] {
        let launches: Vec<_> = (0..9)
            .map(|n| abandoned(2_000 * n, 2_000 * n + 1_000, error))
            .collect();
        assert_eq!(found(&launches), [], "{error}");
    }
    let mixed = [
        abandoned(1_000, 2_000, MISSING),
        abandoned(3_000, 4_000, DENIED),
        abandoned(5_000, 6_000, MISSING),
        abandoned(7_000, 8_000, DENIED),
    ];
    assert_eq!(found(&mixed), []);
}

#[test]
fn error_with_the_most_generations_names_the_loop() {
    let mut launches = three();
    launches.extend((0..4).map(|n| abandoned(2_000 * n, 2_000 * n + 1_000, DENIED)));
    let loops = found(&launches);
    assert_eq!((loops.len(), loops[0].error.as_str()), (1, DENIED));
    // Of equally many, always the same one, so that one loop is not two.
    launches.pop();
    let loops = found(&launches);
    assert_eq!((loops.len(), loops[0].error.as_str()), (1, DENIED));
}

#[test]
fn launches_before_a_brake_or_a_resume_do_not_count() {
    let with = |seconds| {
        let counts_from = BTreeMap::from([("upf".to_owned(), seconds)]);
        launch_loops(&three(), &counts_from, limits(), 0).len()
    };
    assert_eq!((with(1), with(2)), (1, 0));
}

#[test]
fn loop_is_decided_by_its_newest_generations() {
    let launches: Vec<_> = (0..10)
        .map(|n| abandoned(2_000 * n, 2_000 * n + 1_000, MISSING))
        .collect();
    let decided = &found(&launches)[0];
    assert_eq!((decided.generations, decided.since), (10, 0));
    assert_eq!(decided.decided_from, 14_000);
}

fn listed(n: i64, succeeded: bool, started_at: i64) -> EndedExecution {
    EndedExecution {
        arn: format!("arn:{n}"),
        succeeded,
        started_at,
        ended_at: started_at + 1_000,
    }
}

#[test]
fn one_execution_of_each_minute_is_described_before_a_second_one() {
    // A hundred in each of three minutes, and successes beside them.
    let executions: Vec<_> = (0..300)
        .map(|n| listed(n, false, 60_000 * (n / 100) + n))
        .chain((300..400).map(|n| listed(n, true, 60_000)))
        .collect();
    let minutes = |described: &[EndedExecution]| -> Vec<i64> {
        described.iter().map(|it| it.started_at / 60_000).collect()
    };
    let first = to_describe(&executions, &BTreeSet::new(), 4);
    assert_eq!(minutes(&first), [2, 1, 0, 2]);
    // Of a minute, the newest.
    let newest = ["arn:299", "arn:199", "arn:99", "arn:298"];
    assert!(first.iter().map(|it| it.arn.as_str()).eq(newest));
    // What is known is not described again.
    let known: BTreeSet<&str> = first.iter().map(|it| it.arn.as_str()).collect();
    let second = to_describe(&executions, &known, 3);
    assert_eq!(minutes(&second), [1, 0, 2]);
    assert!(second.iter().all(|it| !known.contains(it.arn.as_str())));
}

#[test]
fn only_a_success_after_the_deciding_generations_may_end_a_loop() {
    let executions = [
        listed(1, true, 1),
        listed(2, true, 5_000),
        listed(3, false, 5_000),
    ];
    let loops = found(&three());
    let none = BTreeSet::new();
    let wanted = may_end_a_loop(&executions, &none, &loops);
    assert_eq!(wanted.len(), 2);
    assert_eq!(wanted[0].arn, "arn:2");
    let known = BTreeSet::from(["arn:2"]);
    assert_eq!(may_end_a_loop(&executions, &known, &loops).len(), 1);
    assert_eq!(may_end_a_loop(&executions, &none, &[]), []);
}

fn input(detail: &str) -> String {
    json!({
        "event": {
            "version": "0", "id": "1", "detail-type": detail, "source": "aws.autoscaling",
            "account": "123456789012", "time": "1970-01-01T00:00:01Z", "region": "us-west-2",
            "resources": [],
            "detail": {
                "LifecycleActionToken": "t", "AutoScalingGroupName": "upf",
                "LifecycleHookName": "hookline-launch", "EC2InstanceId": "i-0123456789abcdef0",
                "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
            },
        },
        "profile": {"name": "upf"},
    })
    .to_string()
}

const LAUNCH: &str = "EC2 Instance-launch Lifecycle Action";
const CAUSE: &str = "The launch of i-0 was abandoned and its interfaces were released, but for what an instance that runs on keeps. Cause: {}";

#[test]
fn launch_is_read_from_its_execution() {
    let failed = listed(1, false, 1_500);
    assert_eq!(
        EndedLaunch::read(&failed, &input(LAUNCH), None, Some(MISSING), Some(CAUSE)),
        Some(abandoned(1_000, 2_500, MISSING))
    );
    let succeeded = listed(1, true, 1_500);
    assert_eq!(
        EndedLaunch::read(
            &succeeded,
            &input(LAUNCH),
            Some(r#"{"next": "END"}"#),
            None,
            None
        ),
        Some(continued(1_000, 2_500))
    );
}

#[test]
fn execution_that_neither_continued_nor_abandoned_a_launch_is_none() {
    let (failed, succeeded) = (listed(1, false, 1_500), listed(1, true, 1_500));
    let read = |execution, input: &str, output, error, cause| {
        EndedLaunch::read(execution, input, output, error, cause)
    };
    let launch = input(LAUNCH);
    // It refused its input, or the hook is of somebody else: nothing was abandoned.
    for cause in [None, Some("{\"errorMessage\": \"profile.name: missing\"}")] {
        assert_eq!(read(&failed, &launch, None, Some(MISSING), cause), None);
    }
    assert_eq!(read(&failed, &launch, None, None, Some(CAUSE)), None);
    let went_on = Some("i-0 went InService without this execution, which failed: check it.");
    assert_eq!(
        read(&failed, &launch, None, Some(MISSING), went_on),
        Some(continued(1_000, 2_500))
    );
    let ignored = Some(r#"{"next": "IGNORE"}"#);
    assert_eq!(read(&succeeded, &launch, ignored, None, None), None);
    for no_launch in ["", "{}", &input("EC2 Instance Launch Successful")] {
        assert_eq!(read(&succeeded, no_launch, None, None, None), None);
    }
}

#[test]
fn state_machine_says_in_these_words_how_a_launch_ended() {
    let file = include_str!("../../../../statemachine/launch-node.asl.json");
    let machine: Value = serde_json::from_str(file).unwrap();
    for (name, state) in machine["States"].as_object().unwrap() {
        let cause = state["CausePath"].as_str().unwrap_or_default();
        assert_eq!(
            cause.contains(ABANDONED),
            name == "LaunchAbandoned",
            "{name}"
        );
        assert_eq!(
            IN_SERVICE.iter().any(|says| cause.contains(says)),
            ["StartupTaintLeft", "LaunchWentOn"].contains(&name.as_str()),
            "{name}"
        );
    }
}

fn any_launch() -> impl Strategy<Value = EndedLaunch> {
    let end = prop_oneof![
        4 => Just(LaunchEnd::Abandoned(MISSING.to_owned())),
        1 => Just(LaunchEnd::Abandoned(DENIED.to_owned())),
        1 => Just(LaunchEnd::Continued),
    ];
    (0..400_i64, 0..60_i64, end).prop_map(|(began, took, end)| launch(began, began + took, end))
}

fn any_launches() -> impl Strategy<Value = Vec<EndedLaunch>> {
    proptest::collection::vec(any_launch(), 0..24)
}

/// The longest chain, by trying every launch as the last one.
fn longest_chain(launches: &[&EndedLaunch]) -> usize {
    let mut sorted = launches.to_vec();
    sorted.sort_by_key(|launch| (launch.began_at, launch.ended_at));
    let mut lengths: Vec<usize> = Vec::new();
    for (n, last) in sorted.iter().enumerate() {
        let before = sorted.iter().take(n).zip(&lengths);
        let longest = before
            .filter(|(earlier, _)| earlier.ended_at <= last.began_at)
            .map(|(_, length)| *length)
            .max();
        lengths.push(longest.unwrap_or(0) + 1);
    }
    lengths.into_iter().max().unwrap_or(0)
}

proptest! {
    #[test]
    fn generations_are_the_longest_chain(launches in any_launches()) {
        let all: Vec<&EndedLaunch> = launches.iter().collect();
        prop_assert_eq!(generations(&all).len(), longest_chain(&all));
    }

    #[test]
    fn order_of_the_launches_does_not_matter(launches in any_launches()) {
        let mut reversed = launches.clone();
        reversed.reverse();
        prop_assert_eq!(found(&launches), found(&reversed));
    }

    #[test]
    fn part_of_the_failures_never_makes_a_loop(launches in any_launches(), every in 2..5_usize) {
        let some: Vec<EndedLaunch> = launches
            .iter()
            .enumerate()
            .filter(|(n, it)| it.end == LaunchEnd::Continued || n % every != 0)
            .map(|(_, it)| it.clone())
            .collect();
        for part in found(&some) {
            let whole = found(&launches);
            prop_assert!(whole.iter().any(|it| it.generations >= part.generations), "{whole:?}");
        }
    }

    #[test]
    fn success_at_the_end_ends_every_loop(mut launches in any_launches()) {
        let last = launches.iter().map(|it| it.ended_at).max().unwrap_or(0) + 1;
        launches.push(continued(last, last));
        prop_assert_eq!(found(&launches), []);
    }
}
