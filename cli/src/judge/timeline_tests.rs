//! What a scale-out looks like, by what was observed.

use super::*;
use crate::fixtures::scale_out::{Run, in_service, scale_out};
use crate::fixtures::{NOW, id};

/// The phases of a node with their lengths, in milliseconds.
fn phases(node: &Node) -> Vec<(Phase, i64)> {
    let bars = node.bars.iter();
    bars.map(|bar| (bar.phase, bar.to - bar.from)).collect()
}

fn only(timeline: &Timeline) -> &Node {
    assert_eq!(timeline.nodes.len(), 1, "{timeline:#?}");
    &timeline.nodes[0]
}

#[test]
fn node_in_service_has_a_bar_for_each_phase() {
    let seen = scale_out(vec![in_service(1, 60, 5_000)], &[(1, "InService")]);
    // Auto Scaling says so ten seconds after the execution began.
    let timeline = of(&seen.launched(1, 62, "Successful", Some(50)));
    let node = only(&timeline);
    assert_eq!(
        phases(node),
        [
            // Two seconds until the execution began, then TagNode.
            (Phase::Starting, 2_400),
            (Phase::Waiting, 4_600),
            (Phase::Creating, 500),
            (Phase::Attaching, 1_500),
            (Phase::Proceeding, 3_000),
            (Phase::InService, 50_000),
        ]
    );
    assert_eq!((node.state, node.why.as_deref()), (State::InService, None));
    assert_eq!(node.name.as_deref(), Some("upf-1"));
    let given: Vec<_> = node
        .addresses
        .iter()
        .map(|it| (it.network.as_str(), it.addresses.join(" "), it.attached))
        .collect();
    assert_eq!(
        given,
        [
            ("signaling", "10.0.1.4".to_owned(), true),
            ("user-plane", "10.0.2.4".to_owned(), true),
        ]
    );
}

#[test]
fn node_in_service_without_an_activity_is_so_since_continue() {
    let seen = scale_out(vec![in_service(1, 60, 5_000)], &[(1, "InService")]);
    let timeline = of(&seen);
    let last = only(&timeline).bars.last().unwrap();
    assert_eq!(
        (last.phase, last.from, last.to),
        (Phase::InService, 1_000 * (NOW - 60) + 7_200, 1_000 * NOW)
    );
}

#[test]
fn abandoned_launch_has_its_cause_and_the_addresses_that_were_planned() {
    let run = Run::begun(1, 60).tagged("upf-1").planned(2_000);
    let run = run
        .enters(2_000, "CreateInterfaces")
        // It is retried, so it is no cause.
        .fails(
            2_100,
            "Hookline.Throttled",
            "CreateNetworkInterface: throttled",
        )
        .abandoned(3_000, "Hookline.SubnetsFull", "no free address left");
    let timeline = of(&scale_out(vec![run.traced()], &[]));
    let node = only(&timeline);
    assert_eq!(node.state, State::Abandoned);
    assert_eq!(
        node.why.as_deref(),
        Some("Hookline.SubnetsFull: no free address left")
    );
    assert_eq!(
        phases(node)[2..],
        [(Phase::Creating, 1_000), (Phase::Abandoning, 1_000)]
    );
    assert_eq!(node.addresses.len(), 2);
    assert!(node.addresses.iter().all(|given| !given.attached));
}

#[test]
fn launch_under_way_is_in_its_last_phase_until_now() {
    let begun = || Run::begun(1, 60).tagged("upf-1");
    let waits = begun()
        .enters(400, "PlanInterfaces")
        .enters(700, "WaitForTurn");
    let creates = begun().planned(2_000).enters(2_000, "CreateInterfaces");
    let attaches = begun().planned(2_000).enters(2_500, "AttachInterfaces");
    let sends = begun().planned(2_000).enters(4_000, "ContinueLaunch");
    for (run, state, phase) in [
        (begun(), State::Starting, Phase::Starting),
        (waits, State::Waiting, Phase::Waiting),
        (creates, State::Creating, Phase::Creating),
        (attaches, State::Attaching, Phase::Attaching),
        (sends, State::Proceeding, Phase::Proceeding),
    ] {
        let timeline = of(&scale_out(vec![run.traced()], &[(1, "Pending:Wait")]));
        let node = only(&timeline);
        let last = node.bars.last().unwrap();
        assert_eq!(
            (node.state, last.phase, last.to),
            (state, phase, 1_000 * NOW)
        );
        assert_eq!(node.why, None);
    }
}

#[test]
fn node_that_sent_continue_waits_for_in_service() {
    let run = in_service(1, 10, 2_000);
    for state in ["Pending:Wait", "Pending:Proceed"] {
        let timeline = of(&scale_out(vec![run.clone()], &[(1, state)]));
        assert_eq!(only(&timeline).state, State::Proceeding, "{state}");
    }
}

#[test]
fn launch_whose_execution_ended_without_a_word_is_stuck_and_says_why() {
    let stopped = Run::begun(1, 60)
        .tagged("upf-1")
        .enters(400, "PlanInterfaces");
    let mut stopped = stopped.ends(9_000, "ABORTED").traced();
    stopped.execution.cause = Some("by the night shift".to_owned());
    let timeline = of(&scale_out(vec![stopped], &[(1, "Pending:Wait")]));
    let node = only(&timeline);
    assert_eq!(node.state, State::Stuck);
    assert_eq!(
        node.why.as_deref(),
        Some("Its execution was stopped in PlanInterfaces. by the night shift")
    );
    let hook = Run::begun(1, 60)
        .tagged("upf-1")
        .fails(500, "Hookline.SubnetsFull", "full")
        .enters(500, "AbandonLaunch")
        .enters(900, "HookNotCompleted")
        .ends(900, "FAILED");
    let timeline = of(&scale_out(vec![hook.traced()], &[(1, "Pending:Wait")]));
    let why = only(&timeline).why.clone().unwrap();
    assert_eq!(only(&timeline).state, State::Stuck);
    assert!(
        why.starts_with("Hookline.SubnetsFull: full the hook could not be completed"),
        "{why}"
    );
}

#[test]
fn launch_without_an_execution_is_told_by_its_activity() {
    let why = |seen: &ScaleOut| {
        let timeline = of(seen);
        let node = only(&timeline);
        (node.state, node.why.clone().unwrap_or_default())
    };
    let seen = || scale_out(Vec::new(), &[(1, "Pending:Wait")]);
    let missing = "No execution is found for it";
    assert_eq!(
        why(&seen().launched(1, 60, "InProgress", None)),
        (State::Stuck, format!("{missing}."))
    );
    // Its event may be on its way.
    assert_eq!(
        why(&seen().launched(1, 5, "InProgress", None)),
        (State::Starting, String::new())
    );
    let gone = scale_out(Vec::new(), &[]);
    assert_eq!(
        why(&gone.launched(1, 60, "Cancelled", Some(30))),
        (
            State::Abandoned,
            format!("{missing}. Auto Scaling says: It is Cancelled.")
        )
    );
    let mut unread = seen().launched(1, 60, "InProgress", None);
    unread.left_out.histories = 3;
    assert_eq!(
        why(&unread).1,
        format!("{missing} among those that were read.")
    );
}

#[test]
fn node_that_left_the_group_was_in_service_until_it_was_terminated() {
    let seen = scale_out(vec![in_service(1, 600, 1_000)], &[]);
    let seen = seen.launched(1, 601, "Successful", Some(590));
    let timeline = of(&seen.terminated(1, 100));
    let node = only(&timeline);
    assert_eq!(node.state, State::Gone);
    let last = node.bars.last().unwrap();
    assert_eq!(
        (last.phase, last.from, last.to),
        (Phase::InService, 1_000 * (NOW - 590), 1_000 * (NOW - 100))
    );
}

#[test]
fn launch_into_a_warm_pool_ends_there() {
    let mut run = in_service(1, 60, 1_000);
    let input = &mut run.execution.input;
    *input = input.replace("\"AutoScalingGroup\"", "\"WarmPool\"");
    let timeline = of(&scale_out(vec![run], &[]));
    let node = only(&timeline);
    assert_eq!(node.state, State::InWarmPool);
    assert_eq!(node.bars.last().unwrap().phase, Phase::InWarmPool);
}

#[test]
fn executions_for_one_instance_are_one_node_and_others_are_none() {
    let first = Run::begun(1, 60).tagged("upf-1").ends(20_000, "ABORTED");
    let replay = in_service(1, 30, 1_000);
    let ignored = Run::begun(2, 30)
        .enters(0, "NotForThisProfile")
        .ends(1, "SUCCEEDED");
    let executions = vec![replay, ignored.traced(), first.traced()];
    let timeline = of(&scale_out(executions, &[(1, "InService")]));
    let node = only(&timeline);
    assert_eq!(node.executions.len(), 2);
    assert_eq!((node.state, node.why.as_deref()), (State::InService, None));
    for (earlier, later) in node.bars.iter().zip(node.bars.iter().skip(1)) {
        assert!(earlier.to <= later.from, "{:#?}", node.bars);
    }
}

#[test]
fn nodes_are_in_the_order_of_their_launches_and_turns() {
    let executions = vec![
        in_service(1, 60, 9_000),
        in_service(2, 60, 2_000),
        in_service(3, 90, 2_000),
    ];
    let members = [(1, "InService"), (2, "InService"), (3, "InService")];
    let timeline = of(&scale_out(executions, &members));
    let order: Vec<_> = timeline
        .nodes
        .iter()
        .map(|it| it.instance.clone())
        .collect();
    assert_eq!(order, [3, 2, 1].map(|n| id(n).to_string()));
    assert_eq!(timeline.counts(), [(State::InService, 3)]);
}

#[test]
fn calls_are_counted_by_the_runs_of_functions() {
    let timeline = of(&scale_out(
        vec![in_service(1, 60, 5_000)],
        &[(1, "InService")],
    ));
    let began = 1_000 * (NOW - 60);
    let [create, attach, modify, tag] = &timeline.calls[..] else {
        panic!("{:?}", timeline.calls);
    };
    // Two interfaces, both creates at once.
    assert_eq!(create.action, "CreateNetworkInterface");
    assert_eq!(create.at, [began + 5_000, began + 5_000]);
    assert_eq!((create.most_in_a_second, create.least_tokens), (2, 98.0));
    // One attach after the other.
    assert_eq!(attach.at, [began + 5_500, began + 6_250]);
    assert_eq!(attach.bucket.capacity, 50);
    // SourceDestCheck is as EC2 creates it, and DeleteOnTermination comes later.
    assert!(modify.at.is_empty(), "{modify:?}");
    // One in TagNode, and one after the verdict.
    assert_eq!(tag.action, "CreateTags");
    assert_eq!(tag.at, [began + 10, began + 7_200]);
    assert_eq!(
        (tag.bucket.capacity, tag.bucket.refill_per_second),
        (100, 10)
    );
}

#[test]
fn node_is_tagged_once_however_many_executions_it_has() {
    let first = Run::begun(1, 60).tagged("upf-1").ends(20_000, "ABORTED");
    let replay = in_service(1, 30, 1_000);
    let timeline = of(&scale_out(
        vec![replay, first.traced()],
        &[(1, "InService")],
    ));
    let began = |seconds: i64| 1_000 * (NOW - seconds);
    assert_eq!(timeline.calls[3].at, [began(60) + 10, began(30) + 3_200]);
    let throttled = Run::begun(1, 60)
        .enters(0, "TagNode")
        .fails(100, "Hookline.Throttled", "CreateTags: throttled")
        .runs(2_000)
        .enters(2_000, "TagNode")
        .tagged("upf-1");
    let timeline = of(&scale_out(vec![throttled.traced()], &[(1, "Pending")]));
    let tag = &timeline.calls[3];
    assert_eq!((tag.at.len(), tag.throttled.len()), (2, 1), "{tag:?}");
}

#[test]
fn retry_of_a_throttled_create_counts_again() {
    let run = Run::begun(1, 60).tagged("upf-1").planned(2_000);
    let run = run
        .enters(2_000, "CreateInterfaces")
        .runs(2_010)
        .fails(
            2_100,
            "Hookline.Throttled",
            "CreateNetworkInterface: throttled (x)",
        )
        .runs(4_000)
        .leaves(
            4_500,
            "CreateInterfaces",
            &serde_json::json!({"allocation": {
                "outcome": "THROTTLED", "interfaces": [], "refused": [], "round": 1,
            }}),
        );
    let timeline = of(&scale_out(vec![run.traced()], &[(1, "Pending:Wait")]));
    let began = 1_000 * (NOW - 60);
    let create = &timeline.calls[0];
    assert_eq!(create.at, [2_010, 2_010, 4_000, 4_000].map(|at| began + at));
    assert_eq!(create.throttled, [2_100, 4_500].map(|at| began + at));
}

#[test]
fn buckets_are_those_of_the_profile() {
    let mut run = in_service(1, 60, 5_000);
    let mut input: serde_json::Value = serde_json::from_str(&run.execution.input).unwrap();
    input["profile"]["requestRates"] =
        serde_json::json!({"createNetworkInterface": {"capacity": 7, "refillPerSecond": 3}});
    run.execution.input = input.to_string();
    let timeline = of(&scale_out(vec![run], &[(1, "InService")]));
    let create = &timeline.calls[0];
    assert_eq!(
        (create.bucket.capacity, create.bucket.refill_per_second),
        (7, 3)
    );
    assert_eq!(timeline.calls[1].bucket.capacity, 50);
}

#[test]
fn what_was_left_out_is_said_with_its_reason() {
    let mut seen = scale_out(Vec::new(), &[]);
    assert_eq!(of(&seen).left_out, [""; 0]);
    seen.left_out = LeftOut {
        histories: 12,
        events: 1,
        executions: true,
        activities: true,
    };
    let told = of(&seen).left_out;
    assert_eq!(told.len(), 4);
    assert!(
        told[0].starts_with(
            "12 executions of this deployment, the oldest, are not read: the command reads 600"
        ),
        "{told:?}"
    );
}

#[test]
fn history_that_makes_no_sense_does_no_harm() {
    // Times that go backwards, data that is no JSON, states that nobody knows.
    let mut run = Run::begun(1, 60)
        .leaves(5_000, "CreateInterfaces", &serde_json::json!("text"))
        .enters(-99_999_999, "AttachInterfaces")
        .enters(10, "SomethingNew")
        .fails(0, "", "")
        .ends(-5, "FAILED")
        .traced();
    for event in &mut run.history {
        event.output = event.output.take().map(|_| "{".to_owned());
    }
    run.execution.input.insert_str(0, "");
    let timeline = of(&scale_out(vec![run], &[]));
    let node = only(&timeline);
    assert!(node.bars.iter().all(|bar| bar.from <= bar.to), "{node:?}");
}
