//! Warm pools in virtual time: launches into a pool and out of it, reuse on scale-in, lost events,
//! and what reconcile makes of a pool.

// Helpers of tests may panic as tests do. JSON is indexed by name.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context as _, Result};
use hookline_domain::tags::own::INSTANCE_ID;
use hookline_local::autoscaling::LifecycleState;
use hookline_local::ec2::InstanceState;
use hookline_local::eventbridge::Disturbance;
use hookline_local::node::Phase;
use hookline_simulator::faults::Background;
use hookline_simulator::run::{GROUP, MACHINE_ARN, Run, Scenario, on_paused_clock};
use hookline_testkit::json_api::json_call;
use hookline_testkit::rules::put_rule;
use hookline_testkit::scene::{Size, WarmPool};
use serde_json::{Value, json};

const LAUNCH: &str = "EC2 Instance-launch Lifecycle Action";
const STATES: [&str; 3] = ["Stopped", "Running", "Hibernated"];
/// The interfaces that the profile asks for.
const NETWORKS: usize = 4;

/// A scale-out of `nodes` beside a pool of `prepared` instances. `reconcile` runs on its schedule,
/// or only when a test invokes it.
fn scenario(nodes: usize, state: &'static str, prepared: i32, reconcile: bool) -> Scenario {
    let size = Size {
        azs: 1,
        ..Size::default()
    };
    let mut scenario = Scenario::new(nodes, size, 7);
    scenario.settings.network_interface_limit = 500;
    scenario.reconcile = reconcile;
    scenario.warm_pool = Some(WarmPool {
        state,
        prepared,
        reuse: true,
    });
    scenario
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

fn states(run: &Run) -> BTreeMap<String, LifecycleState> {
    run.local
        .with_world(|world| world.autoscaling.states(GROUP))
}

/// Hookline's interfaces that are attached, each with its instance.
fn attached(run: &Run) -> BTreeSet<(String, String)> {
    run.local.with_world(|world| {
        world
            .ec2
            .network_interfaces()
            .filter(|interface| interface.tags.contains_key(INSTANCE_ID))
            .filter_map(|interface| {
                let on = interface.attachment.as_ref()?;
                Some((
                    interface.network_interface_id.clone(),
                    on.instance_id.clone(),
                ))
            })
            .collect()
    })
}

/// How often Hookline has called `action` since `mark`.
fn calls(run: &Run, mark: usize, action: &str) -> usize {
    run.local.calls()[mark..]
        .iter()
        .filter(|call| call.action == action && call.user_agent.contains("app/Hookline"))
        .count()
}

fn lose(run: &Run, times: u32) {
    let lost = Disturbance::drop().detail_type(LAUNCH).times(times);
    run.local.eventbridge().disturb(lost);
}

async fn by_hand(run: &Run) -> Value {
    let profiles = [run.scene.profile(GROUP)];
    run.reconcile(&profiles, &json!({})).await.expect("a round")
}

/// Nothing is violated, abandoned or late, and every execution has succeeded.
fn all_is_well(run: &Run) {
    let report = run.report();
    let history = run.history().join("\n");
    assert_eq!(report.violations, Vec::<String>::new(), "{history}");
    assert_eq!(
        (report.abandoned, report.hooks_timed_out),
        (0, 0),
        "{history}"
    );
    let succeeded = report.executions.get("SUCCEEDED").copied();
    assert_eq!(
        report.executions.len(),
        1,
        "{:?}\n{history}",
        report.executions
    );
    assert!(succeeded.is_some());
}

#[test]
fn nodes_leave_a_pool_of_each_state_with_what_they_got_on_their_way_in() -> Result<()> {
    for state in STATES {
        on_paused_clock(async {
            let mut run = Run::new(scenario(5, state, 5, true)).await?;
            run.fill_warm_pool().await?;
            pass(60).await;
            let mark = run.local.calls().len();
            let prepared = attached(&run);
            assert_eq!(prepared.len(), 5 * NETWORKS);
            for (instance, node) in run.local.nodes().all() {
                // No node has joined the cluster, or will while it is in the pool.
                let wanted = if state == "Running" {
                    Phase::Held
                } else {
                    Phase::Off
                };
                assert_eq!(node.phase, wanted, "{state}: {instance}");
                assert!(!node.reached.contains_key(&Phase::Starting), "{state}");
            }
            run.launch().await?;
            let took = run
                .watch_until("all in service", |run| run.in_service() == 5)
                .await?;
            assert!(took < Duration::from_secs(30), "{state}: {took:?}");
            run.watch_until("all joined", |run| run.all_have_joined() && run.is_idle())
                .await?;
            assert_eq!(attached(&run), prepared, "{state}");
            for action in [
                "CreateNetworkInterface",
                "AttachNetworkInterface",
                "ModifyNetworkInterfaceAttribute",
            ] {
                assert_eq!(calls(&run, mark, action), 0, "{state}: {action}");
            }
            // What the launch out of the pool came to.
            assert_eq!(calls(&run, mark, "CreateTags"), 5, "{state}");
            all_is_well(&run);
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn depleted_pool_is_followed_by_cold_launches() -> Result<()> {
    on_paused_clock(async {
        let mut run = Run::new(scenario(8, "Stopped", 3, true)).await?;
        let report = run.to_rest().await?;
        assert_eq!((report.in_service, report.nodes), (8, 8));
        assert_eq!(attached(&run).len(), 8 * NETWORKS);
        all_is_well(&run);
        Ok(())
    })
}

/// One in a hundred calls fails, while nodes leave the pool and while others launch beside it.
#[test]
fn faults_on_the_way_out_of_a_pool_violate_no_invariant() -> Result<()> {
    for state in STATES {
        on_paused_clock(async {
            let mut scenario = scenario(6, state, 3, true);
            scenario.background = Background::Light;
            let mut run = Run::new(scenario).await?;
            let report = run.to_rest().await?;
            assert_eq!(report.in_service, 6, "{state}");
            assert_eq!(report.violations, Vec::<String>::new(), "{state}");
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn pool_of_running_nodes_without_a_gate_loses_no_launch() -> Result<()> {
    on_paused_clock(async {
        let mut scenario = scenario(4, "Running", 4, true);
        scenario.gate = false;
        scenario.size.device_indexes = false;
        let mut run = Run::new(scenario).await?;
        let report = run.to_rest().await?;
        assert_eq!(report.in_service, 4);
        all_is_well(&run);
        Ok(())
    })
}

#[test]
fn reused_instance_keeps_its_interfaces_in_the_pool_and_launches_again() -> Result<()> {
    for state in STATES {
        on_paused_clock(async {
            let mut run = Run::new(scenario(3, state, 3, true)).await?;
            run.to_rest().await?;
            let wired = attached(&run);
            for _ in 0..2 {
                run.scene.scale(GROUP, 0).await?;
                run.watch_until("all back in the pool", |run| run.ready_in_pool() == 3)
                    .await?;
                // Some rounds of reconcile: it judges no instance that waits.
                pass(3_600).await;
                run.look();
                assert_eq!(attached(&run), wired, "{state}");
                let mark = run.local.calls().len();
                run.scene.scale(GROUP, 3).await?;
                run.watch_until("all in service", |run| {
                    run.in_service() == 3 && run.is_idle()
                })
                .await?;
                assert_eq!(calls(&run, mark, "AttachNetworkInterface"), 0, "{state}");
                assert_eq!(attached(&run), wired, "{state}");
            }
            all_is_well(&run);
            assert_eq!(run.reported("started").len(), 0);
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn lost_event_of_each_launch_of_an_instance_is_found() -> Result<()> {
    for state in STATES {
        on_paused_clock(async {
            let run = Run::new(scenario(1, state, 1, true)).await?;
            // On its way into the pool, and then out of it, twice.
            lose(&run, 1);
            run.fill_warm_pool().await?;
            for round in 0..2 {
                lose(&run, 1);
                run.scene.scale(GROUP, 1).await?;
                let took = run
                    .watch_until("in service", |run| run.in_service() == 1)
                    .await?;
                assert!(took > Duration::from_secs(100), "{state} {round}: {took:?}");
                assert!(took < Duration::from_secs(460), "{state} {round}: {took:?}");
                run.scene.scale(GROUP, 0).await?;
                run.watch_until("back in the pool", |run| run.ready_in_pool() == 1)
                    .await?;
            }
            assert_eq!(run.reported("started").len(), 3, "{state}");
            all_is_well(&run);
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn instance_that_waits_in_the_pool_is_no_lost_launch() -> Result<()> {
    for state in STATES {
        on_paused_clock(async {
            let mut run = Run::new(scenario(0, state, 2, false)).await?;
            run.launch().await?;
            pass(7_200).await;
            let (mark, before) = (run.local.calls().len(), attached(&run));
            for _ in 0..3 {
                let report = by_hand(&run).await;
                for kind in [
                    "started",
                    "abandoned",
                    "marked",
                    "deleted",
                    "settled",
                    "left",
                    "nodesWithoutInterfaces",
                    "hookProblems",
                ] {
                    assert_eq!(report[kind], json!([]), "{state}: {report}");
                }
                assert_eq!(report["overdue"], json!([]));
                pass(300).await;
            }
            let made: Vec<String> = run.local.calls()[mark..]
                .iter()
                .filter(|call| call.user_agent.contains("app/Hookline"))
                .map(|call| call.action.clone())
                .take(3)
                .collect();
            assert_eq!(
                made,
                [
                    "DescribeNetworkInterfaces",
                    "DescribeAutoScalingGroups",
                    "DescribeWarmPool"
                ]
            );
            assert_eq!(attached(&run), before);
            Ok(())
        })?;
    }
    Ok(())
}

/// A node that returns waits at a termination hook of somebody else's, in the same state as a new
/// one.
#[test]
fn instance_that_waits_on_its_way_back_is_no_lost_launch() -> Result<()> {
    on_paused_clock(async {
        let mut run = Run::new(scenario(1, "Stopped", 1, false)).await?;
        run.to_rest().await?;
        let hook = run.scene.autoscaling.put_lifecycle_hook();
        hook.auto_scaling_group_name(GROUP)
            .lifecycle_hook_name("Terminate-LC-Hook")
            .lifecycle_transition("autoscaling:EC2_INSTANCE_TERMINATING")
            .heartbeat_timeout(7_200)
            .send()
            .await?;
        run.scene.scale(GROUP, 0).await?;
        pass(3_600).await;
        let waits = states(&run).into_values().next();
        assert_eq!(waits, Some(LifecycleState::WarmedPendingWait));
        let before = attached(&run);
        let report = by_hand(&run).await;
        assert_eq!(report["started"], json!([]), "{report}");
        assert_eq!(report["abandoned"], json!([]), "{report}");
        assert_eq!(report["overdue"], json!([]), "{report}");
        assert_eq!(attached(&run), before);
        Ok(())
    })
}

#[test]
fn instance_terminated_in_the_pool_leaves_nothing_behind_and_is_replaced() -> Result<()> {
    for state in STATES {
        on_paused_clock(async {
            let run = Run::new(scenario(2, state, 2, true)).await?;
            run.fill_warm_pool().await?;
            let (gone, _) = states(&run).into_iter().next().context("no instance")?;
            let terminate = run.scene.ec2.terminate_instances().instance_ids(&gone);
            terminate.send().await?;
            run.watch_until("another one", |run| {
                let there = states(run);
                run.ready_in_pool() == 2 && run.is_idle() && !there.contains_key(&gone)
            })
            .await?;
            let owners: BTreeSet<String> = attached(&run).into_iter().map(|(_, on)| on).collect();
            assert!(!owners.contains(&gone), "{state}");
            run.scene.scale(GROUP, 2).await?;
            run.watch_until("all in service", |run| {
                run.in_service() == 2 && run.is_idle()
            })
            .await?;
            pass(1_200).await;
            all_is_well(&run);
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn extra_address_on_a_pooled_interface_is_not_judged() -> Result<()> {
    on_paused_clock(async {
        let run = Run::new(scenario(1, "Running", 1, true)).await?;
        run.fill_warm_pool().await?;
        let (interface, _) = attached(&run).into_iter().next().context("no interface")?;
        let assign = run.scene.ec2.assign_private_ip_addresses();
        assign
            .network_interface_id(&interface)
            .secondary_private_ip_address_count(2)
            .send()
            .await?;
        run.scene.scale(GROUP, 1).await?;
        run.watch_until("in service", |run| run.in_service() == 1 && run.is_idle())
            .await?;
        all_is_well(&run);
        Ok(())
    })
}

/// A node of the pool is like a node that is InService: it keeps what it got.
#[test]
fn profile_that_changes_abandons_no_node_of_a_pool() -> Result<()> {
    for state in STATES {
        on_paused_clock(async {
            let mut run = Run::new(scenario(3, state, 3, false)).await?;
            run.fill_warm_pool().await?;
            let before = attached(&run);
            let other = run.scene.ec2.create_security_group().group_name("other");
            let other = other.description("other").vpc_id(&run.scene.vpc);
            let other = other.send().await?.group_id.context("no group")?;
            let mut profile = serde_json::to_value(&run.profile)?;
            profile["slots"][0]["securityGroupIds"] = json!([other]);
            profile["slots"][1]["tags"] = json!({"team": "core"});
            profile["slots"][2]["secondaryPrivateAddresses"] = json!(2);
            // The slots trade places.
            profile["slots"][2]["deviceIndex"] = json!(4);
            profile["slots"][3]["deviceIndex"] = json!(3);
            put_rule(&run.local, MACHINE_ARN, "launch", &profile).await?;
            run.launch().await?;
            let took = run
                .watch_until("all in service", |run| run.in_service() == 3)
                .await?;
            assert!(took < Duration::from_secs(60), "{state}: {took:?}");
            run.watch_until("idle", Run::is_idle).await?;
            assert_eq!(attached(&run), before, "{state}");
            let report = run.report();
            assert_eq!(
                (report.abandoned, report.hooks_timed_out),
                (0, 0),
                "{state}"
            );
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn node_whose_interface_was_taken_in_the_pool_gets_another_before_it_is_in_service() -> Result<()> {
    for state in STATES {
        on_paused_clock(async {
            let run = Run::new(scenario(1, state, 1, false)).await?;
            run.fill_warm_pool().await?;
            let before = attached(&run);
            let (taken, _) = before.iter().next().context("no interface")?.clone();
            let attachment = run.local.with_world(|world| {
                let interface = world.ec2.network_interface(&taken)?;
                Some(interface.attachment.as_ref()?.attachment_id.clone())
            });
            let detach = run.scene.ec2.detach_network_interface();
            let attachment = attachment.context("not attached")?;
            detach.attachment_id(attachment).send().await?;
            pass(30).await;
            let delete = run.scene.ec2.delete_network_interface();
            delete.network_interface_id(&taken).send().await?;
            run.scene.scale(GROUP, 1).await?;
            run.watch_until("in service", |run| run.in_service() == 1 && run.is_idle())
                .await?;
            let after = attached(&run);
            assert_eq!(after.len(), NETWORKS, "{state}");
            assert!(!after.iter().any(|(id, _)| *id == taken));
            let report = run.report();
            assert_eq!(
                (report.abandoned, report.hooks_timed_out),
                (0, 0),
                "{state}"
            );
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn entry_event_that_comes_again_when_the_node_is_in_the_pool_changes_nothing() -> Result<()> {
    for state in STATES {
        on_paused_clock(async {
            let run = Run::new(scenario(1, state, 1, true)).await?;
            let again = Disturbance::duplicate(1, Duration::from_secs(600)).detail_type(LAUNCH);
            run.local.eventbridge().disturb(again.times(1));
            run.fill_warm_pool().await?;
            let before = attached(&run);
            run.watch_until("the second execution", |run| run.verdicts().len() == 2)
                .await?;
            assert_eq!(run.ready_in_pool(), 1);
            assert_eq!(attached(&run), before);
            run.scene.scale(GROUP, 1).await?;
            run.watch_until("in service", |run| run.in_service() == 1 && run.is_idle())
                .await?;
            all_is_well(&run);
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn launch_into_the_pool_whose_execution_is_stopped_is_abandoned_and_replaced() -> Result<()> {
    on_paused_clock(async {
        let run = Run::new(scenario(0, "Stopped", 1, true)).await?;
        let pool = WarmPool {
            state: "Stopped",
            prepared: 1,
            reuse: false,
        };
        run.scene.put_warm_pool(GROUP, pool).await?;
        run.watch_until("interfaces", |run| !attached(run).is_empty())
            .await?;
        let (first, _) = states(&run).into_iter().next().context("no instance")?;
        let listed = json!({"stateMachineArn": MACHINE_ARN});
        let listed = json_call(&run.local, "AWSStepFunctions.ListExecutions", &listed).await?;
        let stop = json!({"executionArn": listed["executions"][0]["executionArn"]});
        json_call(&run.local, "AWSStepFunctions.StopExecution", &stop).await?;
        run.watch_until("another one in the pool", |run| {
            run.ready_in_pool() == 1 && !states(run).contains_key(&first)
        })
        .await?;
        pass(1_200).await;
        let report = run.report();
        assert_eq!(report.violations, Vec::<String>::new());
        assert_eq!((report.abandoned, report.hooks_timed_out), (1, 0));
        let state = run
            .local
            .with_world(|world| world.ec2.instance(&first).map(|i| i.state));
        assert_eq!(state, Some(InstanceState::Terminated));
        Ok(())
    })
}
