//! `adopt` in virtual time: nodes that are InService already get their interfaces, and none is
//! terminated by it.

// Helpers of tests may panic as tests do. JSON is indexed by name.
#![allow(clippy::expect_used, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context as _, Result};
use hookline_domain::tags::own::ADOPTED_AT;
use hookline_local::autoscaling::LifecycleState;
use hookline_local::eventbridge::Disturbance;
use hookline_local::{Fault, FaultKind};
use hookline_simulator::cells::launching;
use hookline_simulator::run::{GROUP, MACHINE_ARN, Run, Scenario, on_paused_clock};
use hookline_testkit::invariants;
use hookline_testkit::json_api::json_call;
use hookline_testkit::scene::{HOOK, Size};
use serde_json::{Value, json};

const LAUNCH: &str = "EC2 Instance-launch Lifecycle Action";
/// Longer than a launch counts as in flight.
const LONG_AGO: Duration = Duration::from_secs(3 * 3600);

fn scenario(nodes: usize) -> Scenario {
    let size = Size {
        azs: 1,
        networks: 2,
        prefix: 22,
        ..Size::default()
    };
    let mut scenario = Scenario::new(nodes, size, 7);
    scenario.reconcile = false;
    scenario.settings.network_interface_limit = 5000;
    scenario
}

/// Nodes that went in service before there was a Hookline, long ago. No execution was started for
/// them.
async fn nodes_of_before(scenario: Scenario) -> Result<Run> {
    let nodes = scenario.nodes;
    let events = u32::try_from(nodes)?;
    let run = Run::new(scenario).await?;
    let lost = Disturbance::drop().detail_type(LAUNCH).times(events);
    run.local.eventbridge().disturb(lost);
    // Who builds the scene is not who is measured.
    run.local
        .with_world(|world| world.kernel.settings.throttle = false);
    // The first half long before the second.
    for nodes in [nodes / 2, nodes] {
        run.scene.scale(GROUP, i32::try_from(nodes)?).await?;
        let arrived = |run: &Run| {
            let waiting = run.local.with_world(|world| launching(world)).len();
            waiting + in_service(run).len() == nodes
        };
        until(&run, "all to wait", arrived).await?;
        for instance in run.local.with_world(|world| launching(world)) {
            run.scene
                .complete(GROUP, HOOK, &instance, "CONTINUE")
                .await?;
        }
        until(&run, "all in service", |run| in_service(run).len() == nodes).await?;
        tokio::time::sleep(LONG_AGO).await;
    }
    run.local
        .with_world(|world| world.kernel.settings.throttle = true);
    Ok(run)
}

async fn until(run: &Run, what: &str, holds: impl Fn(&Run) -> bool) -> Result<()> {
    run.until(what, Duration::from_secs(1), holds).await?;
    Ok(())
}

/// Until nothing runs, and EC2 shows what was done.
async fn to_rest(run: &Run) -> Result<()> {
    until(run, "the executions to end", Run::is_idle).await?;
    tokio::time::sleep(Duration::from_secs(10)).await;
    Ok(())
}

fn in_service(run: &Run) -> BTreeSet<String> {
    run.local.with_world(|world| {
        let states = world.autoscaling.states(GROUP).into_iter();
        states
            .filter(|(_, state)| *state == LifecycleState::InService)
            .map(|(instance, _)| instance)
            .collect()
    })
}

async fn adopt_with(run: &Run, payload: &Value) -> Value {
    let mut whole = json!({"stateMachineArn": MACHINE_ARN, "profiles": [run.scene.profile(GROUP)]});
    for (key, value) in payload.as_object().into_iter().flatten() {
        whole[key] = value.clone();
    }
    run.invoke("adopt", whole).await.expect("a round")
}

async fn adopt(run: &Run) -> Value {
    adopt_with(run, &json!({})).await
}

fn count(report: &Value, kind: &str) -> usize {
    report[kind].as_array().map_or(usize::MAX, Vec::len)
}

fn counts(report: &Value) -> (usize, usize, usize) {
    (
        count(report, "started"),
        count(report, "alreadyWired"),
        count(report, "left"),
    )
}

/// What is not as the profile says, on all nodes in service.
fn differences(run: &Run) -> Vec<String> {
    let nodes = in_service(run);
    run.local.with_world(|world| {
        nodes
            .iter()
            .filter_map(|id| world.ec2.instance(id))
            .flat_map(|node| invariants::differences(world, &run.profile, node))
            .collect()
    })
}

/// The functions' calls since a mark, by action.
fn calls(run: &Run, mark: usize) -> BTreeMap<String, usize> {
    let mut calls = BTreeMap::new();
    for call in run.local.calls().split_off(mark) {
        if call.user_agent.contains("app/Hookline") {
            *calls.entry(call.action).or_default() += 1;
        }
    }
    calls
}

fn statuses(run: &Run) -> Vec<(&'static str, Option<String>)> {
    run.verdicts()
        .into_iter()
        .map(|verdict| (verdict.status, verdict.states.last().cloned()))
        .collect()
}

fn marked(run: &Run) -> usize {
    run.local.with_world(|world| {
        let nodes = world.autoscaling.states(GROUP);
        nodes
            .keys()
            .filter_map(|id| world.ec2.instance(id))
            .filter(|node| node.tags.contains_key(ADOPTED_AT))
            .count()
    })
}

#[test]
fn old_nodes_get_the_lowest_addresses_without_a_conflict_and_stay_in_service() -> Result<()> {
    on_paused_clock(async {
        let run = nodes_of_before(scenario(30)).await?;
        let (nodes, mark) = (in_service(&run), run.local.calls().len());
        let report = adopt_with(&run, &json!({"dryRun": true})).await;
        assert_eq!(
            (counts(&report), &report["dryRun"]),
            ((30, 0, 0), &json!(true))
        );
        to_rest(&run).await?;
        assert_eq!((marked(&run), run.verdicts().len()), (0, 0));
        let started: BTreeSet<String> = serde_json::from_value(report["started"].clone())?;
        assert_eq!(started, nodes);

        let report = adopt(&run).await;
        assert_eq!(counts(&report), (30, 0, 0), "{report}");
        assert_eq!(marked(&run), 30);
        to_rest(&run).await?;
        assert_eq!(differences(&run), Vec::<String>::new());
        assert_eq!(in_service(&run), nodes);
        let ready = ("SUCCEEDED", Some("NodeReady".to_owned()));
        assert_eq!(statuses(&run), vec![ready; 30]);
        let report = run.report();
        assert_eq!((report.holes, report.conflicts), (0, 0));
        assert_eq!(report.violations, Vec::<String>::new());
        let calls = calls(&run, mark);
        for never in [
            "CompleteLifecycleAction",
            "RecordLifecycleActionHeartbeat",
            "DeleteNetworkInterface",
            "DetachNetworkInterface",
            "TerminateInstances",
        ] {
            assert!(!calls.contains_key(never), "{calls:?}");
        }

        let report = adopt(&run).await;
        assert_eq!(counts(&report), (0, 30, 0), "{report}");
        to_rest(&run).await?;
        assert_eq!(run.verdicts().len(), 30);
        Ok(())
    })
}

#[test]
fn nodes_that_are_named_are_adopted_and_no_others() -> Result<()> {
    on_paused_clock(async {
        let run = nodes_of_before(scenario(3)).await?;
        let nodes = in_service(&run);
        let first = nodes.first().context("no node")?;
        let gone = "i-0123456789abcdef0";
        let only = json!({"instances": [first, gone], "dryRun": true});
        assert_eq!(counts(&adopt_with(&run, &only).await), (1, 0, 1));
        let only = json!({"instances": [first, gone]});
        let report = adopt_with(&run, &only).await;
        assert_eq!(report["started"], json!([first]), "{report}");
        assert_eq!(report["left"][0]["id"], gone, "{report}");
        to_rest(&run).await?;
        assert_eq!((marked(&run), run.verdicts().len()), (1, 1));
        let report = adopt_with(&run, &json!({"instances": []})).await;
        assert_eq!(counts(&report), (0, 0, 0), "{report}");
        Ok(())
    })
}

#[test]
fn concurrent_launches_plan_other_addresses() -> Result<()> {
    on_paused_clock(async {
        let run = nodes_of_before(scenario(12)).await?;
        adopt(&run).await;
        // Their marks must show before the launches plan, as EC2's listings lag.
        run.scene.scale(GROUP, 20).await?;
        until(&run, "all in service", |run| in_service(run).len() == 20).await?;
        to_rest(&run).await?;
        assert_eq!(differences(&run), Vec::<String>::new());
        let report = run.report();
        assert_eq!((report.holes, report.conflicts), (0, 0));
        assert_eq!(report.violations, Vec::<String>::new());
        assert_eq!(report.executions.get("SUCCEEDED"), Some(&20));
        Ok(())
    })
}

#[test]
fn two_concurrent_rounds_start_one_execution_for_each_node() -> Result<()> {
    on_paused_clock(async {
        let run = nodes_of_before(scenario(3)).await?;
        let (one, two) = tokio::join!(adopt(&run), adopt(&run));
        assert!(count(&one, "started") + count(&two, "started") >= 3);
        let third = adopt(&run).await;
        assert_eq!(counts(&third), (0, 0, 3), "{third}");
        assert_eq!(third["left"][0]["reason"], "an execution for it is running");
        to_rest(&run).await?;
        assert_eq!(run.verdicts().len(), 3);
        assert_eq!(differences(&run), Vec::<String>::new());
        Ok(())
    })
}

#[test]
fn failure_leaves_the_node_in_service_and_the_next_round_retries() -> Result<()> {
    on_paused_clock(async {
        let run = nodes_of_before(scenario(1)).await?;
        let nodes = in_service(&run);
        let kind = FaultKind::Error {
            status: 403,
            code: "UnauthorizedOperation".to_owned(),
            message: "You are not authorized.".to_owned(),
        };
        let second = Fault::on("AttachNetworkInterface", kind).when("DeviceIndex", "2");
        run.local.inject(second.times(2));
        for failed in 1..=2 {
            assert_eq!(count(&adopt(&run).await, "started"), 1);
            to_rest(&run).await?;
            let not_wired = ("FAILED", Some("NodeNotWired".to_owned()));
            assert_eq!(statuses(&run), vec![not_wired; failed]);
            assert_eq!(in_service(&run), nodes);
        }
        assert_eq!(count(&adopt(&run).await, "started"), 1);
        to_rest(&run).await?;
        assert_eq!(run.verdicts().len(), 3);
        assert_eq!(differences(&run), Vec::<String>::new());
        assert_eq!(in_service(&run), nodes);
        Ok(())
    })
}

#[test]
fn occupied_device_index_is_reported_and_nothing_is_changed() -> Result<()> {
    on_paused_clock(async {
        let run = nodes_of_before(scenario(2)).await?;
        let nodes = in_service(&run);
        let instance = nodes.first().context("no node")?;
        let subnet = run.scene.node_subnets.first().context("no subnet")?;
        let ec2 = &run.scene.ec2;
        let made = ec2
            .create_network_interface()
            .subnet_id(subnet)
            .send()
            .await?;
        let foreign = made
            .network_interface()
            .and_then(|made| made.network_interface_id())
            .context("no interface")?;
        ec2.attach_network_interface()
            .network_interface_id(foreign)
            .instance_id(instance)
            .device_index(2)
            .send()
            .await?;
        tokio::time::sleep(Duration::from_secs(10)).await;
        let report = adopt(&run).await;
        assert_eq!(counts(&report), (1, 0, 1), "{report}");
        assert_eq!(report["left"][0]["id"], *instance);
        let reason = report["left"][0]["reason"].as_str().unwrap_or_default();
        assert!(
            reason.contains("device index 2 of network card 0 is taken"),
            "{reason}"
        );
        to_rest(&run).await?;

        // If somebody still starts an execution, or attaches an interface too early, the execution
        // fails with the reason.
        let mut input = json!({"profile": run.scene.profile(GROUP)});
        input["event"] = json!({
            "id": "by-hand", "source": "hookline", "detail-type": "Hookline Adopt Node", "account": "123456789012",
            "region": "us-west-2", "time": "2026-01-01T00:00:00Z",
            "detail": {"EC2InstanceId": instance, "AutoScalingGroupName": GROUP},
        });
        let start = json!({"stateMachineArn": MACHINE_ARN, "input": input.to_string()});
        json_call(&run.local, "AWSStepFunctions.StartExecution", &start).await?;
        to_rest(&run).await?;
        let verdicts = run.verdicts();
        let last = verdicts.last().context("no verdict")?;
        assert_eq!(last.error.as_deref(), Some("Hookline.DeviceIndexTaken"));
        assert_eq!(last.states.last().map(String::as_str), Some("NodeNotWired"));
        assert_eq!(in_service(&run), nodes);
        let attached = run.local.with_world(|world| {
            let foreign = world.ec2.network_interface(foreign);
            foreign.and_then(|foreign| Some(foreign.attachment.as_ref()?.instance_id.clone()))
        });
        assert_eq!(attached.as_ref(), Some(instance));
        Ok(())
    })
}

#[test]
fn every_page_is_read_and_groups_without_a_profile_are_not_described() -> Result<()> {
    on_paused_clock(async {
        // More than one call of DescribeInstances takes.
        let run = nodes_of_before(scenario(210)).await?;
        let mut by_tag = run.scene.profile(GROUP);
        by_tag["selector"] = json!({"tag": {"key": "multus", "value": GROUP}});
        let dry = |profile: &Value| json!({"dryRun": true, "profiles": [profile]});
        let mark = run.local.calls().len();
        let report = adopt_with(&run, &dry(&by_tag)).await;
        assert_eq!(counts(&report), (210, 0, 0));
        assert_eq!(calls(&run, mark)["DescribeInstances"], 2);
        let mut elsewhere = run.scene.profile(GROUP);
        elsewhere["selector"] = json!({"autoScalingGroupNames": ["another"]});
        let mut other_tag = by_tag.clone();
        other_tag["selector"] = json!({"tag": {"key": "multus", "value": "another"}});
        for profile in [elsewhere, other_tag] {
            let report = adopt_with(&run, &dry(&profile)).await;
            assert_eq!(counts(&report), (0, 0, 0), "{report}");
        }
        Ok(())
    })
}

#[test]
fn invalid_payload_names_the_field_and_an_invalid_profile_does_not_stop_the_others() -> Result<()> {
    on_paused_clock(async {
        let run = nodes_of_before(scenario(1)).await?;
        let good = json!({"stateMachineArn": MACHINE_ARN, "profiles": []});
        let with = |key: &str, value: Value| {
            let mut payload = good.clone();
            payload[key] = value;
            payload
        };
        for (payload, says) in [
            (Value::Null, "payload: "),
            (json!({}), "payload: missing field"),
            (with("dryRun", json!("yes")), "payload.dryRun: "),
            (with("dry", json!(true)), "payload.dry: unknown field"),
            (with("instances", json!(["upf"])), "payload.instances"),
            (
                with("stateMachineArn", json!("m")),
                "stateMachineArn: expected arn:aws:states",
            ),
        ] {
            let error = run.invoke("adopt", payload).await.expect_err(says);
            assert_eq!(error.error, "Hookline.InvalidPayload", "{}", error.cause);
            assert!(error.cause.contains(says), "{says}: {}", error.cause);
            assert!(
                error.cause.contains("Correct the payload"),
                "{}",
                error.cause
            );
        }
        let mut bad = run.scene.profile(GROUP);
        bad["slots"][0]["deviceIndex"] = json!(0);
        let report = adopt_with(&run, &json!({"profiles": [bad, run.scene.profile(GROUP)]})).await;
        assert_eq!(counts(&report), (1, 0, 0), "{report}");
        assert_eq!(report["refusedProfiles"][0]["id"], "profiles[0]");
        to_rest(&run).await?;
        assert_eq!(differences(&run), Vec::<String>::new());
        Ok(())
    })
}
