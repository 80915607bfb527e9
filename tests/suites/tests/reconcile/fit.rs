//! What does not fit the profiles: launch hooks of their groups, and nodes that are InService without
//! their interfaces.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use aws_sdk_autoscaling::types::{AutoScalingGroup, Instance};
use hookline::aws::convert::profiled_group;
use hookline_domain::tags::own::INSTANCE_ID;
use hookline_local::World;
use hookline_local::eventbridge::Disturbance;
use hookline_simulator::run::{GROUP, MACHINE_ARN, Run, on_paused_clock};
use hookline_testkit::emf;
use hookline_testkit::scene::HOOK;
use serde_json::{Value, json};

use super::{LAUNCH, by_hand, made_for, nothing_done, pass, scenario, waiting};

/// The metrics of misfits since the last call, by name and dimension.
fn measured(run: &Run) -> Result<BTreeMap<String, f64>> {
    let now = run.local.with_world(|world| world.kernel.timestamp());
    let misfits = |document: &Value| {
        let names = ["HookProblems", "NodesWithoutInterfaces"];
        names.into_iter().any(|it| document.get(it).is_some())
    };
    let documents: Vec<Value> = run.measured().into_iter().filter(misfits).collect();
    let values = emf::values(&documents, now.as_second() * 1000)?;
    Ok(values
        .into_iter()
        .map(|(name, (value, _))| (name, value))
        .collect())
}

fn of(metric: &str, profile: &str, value: f64) -> BTreeMap<String, f64> {
    BTreeMap::from([(format!("{metric} Profile={profile}"), value)])
}

/// The calls of a round, by action.
async fn calls(run: &Run, round: impl Future<Output = Value>) -> (Value, BTreeMap<String, usize>) {
    let mark = run.local.calls().len();
    let report = round.await;
    let mut calls = BTreeMap::new();
    for call in run.local.calls().split_off(mark) {
        if call.user_agent.contains("app/Hookline") {
            *calls.entry(call.action).or_default() += 1;
        }
    }
    (report, calls)
}

pub(crate) async fn put_hook(
    run: &Run,
    name: &str,
    default_result: &str,
    seconds: i32,
) -> Result<()> {
    let call = run.scene.autoscaling.put_lifecycle_hook();
    call.auto_scaling_group_name(GROUP)
        .lifecycle_hook_name(name)
        .lifecycle_transition("autoscaling:EC2_INSTANCE_LAUNCHING")
        .default_result(default_result)
        .heartbeat_timeout(seconds)
        .send()
        .await?;
    Ok(())
}

/// A round with this profile, of a configuration that says this of the hooks.
async fn round(run: &Run, profile: &Value, hooks: Value) -> Value {
    let payload = json!({"stateMachineArn": MACHINE_ARN, "profiles": [profile], "hooks": hooks});
    run.invoke("reconcile", payload).await.expect("a round")
}

/// Hook and problem of each hook that a report names.
fn hooks_of(report: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let found = report["hookProblems"].as_array().expect("a list").iter();
    found
        .map(|it| (text(&it["hook"]), text(&it["problem"])))
        .collect()
}

fn problem(hook: &str, problem: &str) -> (String, String) {
    (hook.to_owned(), problem.to_owned())
}

#[test]
fn hook_that_was_changed_by_hand_is_named_until_it_is_right_again() -> Result<()> {
    on_paused_clock(async {
        let run = Run::new(scenario(0, false)).await?;
        let profile = run.scene.profile(GROUP);
        let put = json!({"heartbeatSeconds": {GROUP: [1_800]}});
        let report = round(&run, &profile, put.clone()).await;
        assert_eq!(hooks_of(&report), []);
        assert_eq!(measured(&run)?, BTreeMap::new());
        for (default_result, seconds) in [("CONTINUE", 1_800), ("ABANDON", 600), ("ABANDON", 3_600)]
        {
            put_hook(&run, HOOK, default_result, seconds).await?;
            let report = round(&run, &profile, put.clone()).await;
            let wanted = json!([{
                "group": GROUP, "hook": HOOK, "profile": GROUP, "problem": "UNSAFE",
                "defaultResult": default_result, "heartbeatSeconds": seconds,
            }]);
            assert_eq!(report["hookProblems"], wanted, "{report}");
            assert_eq!(measured(&run)?, of("HookProblems", GROUP, 1.0));
        }
        // Where something else puts the hook, a longer timeout is as good.
        assert_eq!(hooks_of(&by_hand(&run).await), []);
        put_hook(&run, HOOK, "ABANDON", 1_800).await?;
        let report = round(&run, &profile, put).await;
        assert_eq!(hooks_of(&report), []);
        Ok(())
    })
}

#[test]
fn hook_that_is_missing_or_that_nobody_answers_is_named() -> Result<()> {
    on_paused_clock(async {
        let run = Run::new(scenario(0, false)).await?;
        let delete = run.scene.autoscaling.delete_lifecycle_hook();
        let delete = delete.auto_scaling_group_name(GROUP);
        delete.lifecycle_hook_name(HOOK).send().await?;
        put_hook(&run, "drain", "CONTINUE", 300).await?;
        // EKS's own, on the group of a managed node group.
        put_hook(&run, "Launch-LC-Hook", "CONTINUE", 1_800).await?;
        let terminating = run.scene.autoscaling.put_lifecycle_hook();
        terminating
            .auto_scaling_group_name(GROUP)
            .lifecycle_hook_name("Terminate-LC-Hook")
            .lifecycle_transition("autoscaling:EC2_INSTANCE_TERMINATING")
            .send()
            .await?;
        let both = [problem(HOOK, "MISSING"), problem("drain", "UNANSWERED")];
        assert_eq!(hooks_of(&by_hand(&run).await), both);
        assert_eq!(measured(&run)?, of("HookProblems", GROUP, 2.0));
        // The group gives its instances the tag by which this profile selects.
        let mut profile = run.scene.profile(GROUP);
        profile["selector"] = json!({"tag": {"key": "multus", "value": GROUP}});
        let report = round(&run, &profile, json!({})).await;
        assert_eq!(hooks_of(&report), both);
        profile["selector"] = json!({"tag": {"key": "multus", "value": "another"}});
        let report = round(&run, &profile, json!({})).await;
        assert_eq!(hooks_of(&report), []);
        // A profile that no launch begins with any more still answers its hook.
        let mut retired = run.scene.profile(GROUP);
        retired["name"] = json!("retired");
        retired["hook"]["name"] = json!("drain");
        let payload = json!({
            "stateMachineArn": MACHINE_ARN, "profiles": [run.scene.profile(GROUP)], "retiredProfiles": [retired],
        });
        let report = run.invoke("reconcile", payload).await.expect("a round");
        assert_eq!(hooks_of(&report), [problem(HOOK, "MISSING")]);
        let others = json!({"others": ["drain"]});
        let report = round(&run, &run.scene.profile(GROUP), others).await;
        assert_eq!(hooks_of(&report), [problem(HOOK, "MISSING")]);
        Ok(())
    })
}

#[test]
fn hooks_of_a_group_that_is_being_deleted_are_not_looked_at() -> Result<()> {
    on_paused_clock(async {
        let mut run = Run::new(scenario(1, false)).await?;
        run.to_rest().await?;
        let delete = run.scene.autoscaling.delete_auto_scaling_group();
        let delete = delete.auto_scaling_group_name(GROUP).force_delete(true);
        delete.send().await?;
        let (report, calls) = calls(&run, by_hand(&run)).await;
        assert_eq!(hooks_of(&report), []);
        assert!(!calls.contains_key("DescribeLifecycleHooks"), "{calls:?}");
        Ok(())
    })
}

/// More nodes, of which all events are lost, and which go InService without an execution.
async fn unprepared(run: &Run, desired: i32, lost: u32) -> Result<()> {
    let dropped = Disturbance::drop().detail_type(LAUNCH).times(lost);
    run.local.eventbridge().disturb(dropped);
    run.local
        .with_world(|world| world.kernel.settings.throttle = false);
    run.scene.scale(GROUP, desired).await?;
    let lost = usize::try_from(lost)?;
    run.watch_until("all wait", |run| waiting(run).len() == lost)
        .await?;
    for instance in waiting(run) {
        let complete = run.scene.complete(GROUP, HOOK, &instance, "CONTINUE");
        complete.await?;
    }
    let desired = usize::try_from(desired)?;
    run.watch_until("in service", |run| run.in_service() == desired)
        .await?;
    run.local
        .with_world(|world| world.kernel.settings.throttle = true);
    Ok(())
}

/// The nodes that a report names, by whether they may be older than the profile.
fn nodes_of(report: &Value) -> Vec<(bool, u64)> {
    let found = report["nodesWithoutInterfaces"].as_array();
    let found = found.expect("a list").iter().map(|it| {
        assert_eq!(
            (&it["group"], &it["profile"]),
            (&json!(GROUP), &json!(GROUP))
        );
        let older = it["mayBeOlder"].as_bool().unwrap_or_default();
        (older, it["count"].as_u64().unwrap_or_default())
    });
    found.collect()
}

#[test]
fn node_that_went_in_service_without_an_execution_is_named_until_it_is_adopted() -> Result<()> {
    on_paused_clock(async {
        let mut run = Run::new(scenario(2, false)).await?;
        run.to_rest().await?;
        let (report, healthy) = calls(&run, by_hand(&run)).await;
        assert_eq!(nodes_of(&report), []);
        assert_eq!(healthy.values().sum::<usize>(), 3, "{healthy:?}");
        measured(&run)?;

        unprepared(&run, 3, 1).await?;
        // Its execution might not have begun yet.
        assert_eq!(nodes_of(&by_hand(&run).await), []);
        pass(120).await;
        let (report, lacking) = calls(&run, by_hand(&run)).await;
        nothing_done(&report);
        assert_eq!(nodes_of(&report), [(false, 1)], "{report}");
        assert_eq!(measured(&run)?, of("NodesWithoutInterfaces", GROUP, 1.0));
        for (action, number) in [
            ("DescribeInstances", 1),
            ("DescribeNetworkInterfaces", 2),
            ("ListExecutions", 1),
            ("DescribeLifecycleHooks", 1),
        ] {
            assert_eq!(lacking.get(action), Some(&number), "{lacking:?}");
        }
        // By whichever hook the nodes come: another owner may complete it.
        let mut observed = run.scene.profile(GROUP);
        observed["hook"]["complete"] = json!(false);
        let report = round(&run, &observed, json!({})).await;
        assert_eq!(nodes_of(&report), [(false, 1)], "{report}");

        let profile = run.scene.profile(GROUP);
        let adopt = json!({"stateMachineArn": MACHINE_ARN, "profiles": [profile]});
        let adopted = run.invoke("adopt", adopt).await.expect("adopted");
        assert_eq!(
            adopted["started"],
            report["nodesWithoutInterfaces"][0]["instances"]
        );
        measured(&run)?;
        // At any time of the adoption.
        while !run.is_idle() {
            assert_eq!(nodes_of(&by_hand(&run).await), []);
            pass(1).await;
        }
        pass(600).await;
        assert_eq!(nodes_of(&by_hand(&run).await), []);
        assert_eq!(measured(&run)?, BTreeMap::new());
        Ok(())
    })
}

/// The lifecycle states of the Auto Scaling User Guide, "Amazon EC2 Auto Scaling instance lifecycle".
#[test]
fn only_an_instance_that_is_in_service_may_lack_interfaces() {
    let states = [
        "Pending",
        "Pending:Wait",
        "Pending:Proceed",
        "InService",
        "EnteringStandby",
        "Standby",
        "Detaching",
        "Terminating:Wait",
        "Warmed:Running",
    ];
    let instances = (0..).zip(states).map(|(n, state)| {
        Instance::builder()
            .instance_id(format!("i-{n:017x}"))
            .lifecycle_state(state.into())
            .build()
    });
    let group = AutoScalingGroup::builder()
        .auto_scaling_group_name(GROUP)
        .set_instances(Some(instances.collect()))
        .build();
    let group = profiled_group(&group).expect("a group");
    let found: Vec<_> = group
        .in_service
        .iter()
        .map(|it| it.instance.as_str())
        .collect();
    assert_eq!(found, ["i-00000000000000003"]);
}

#[test]
fn interface_that_somebody_detaches_is_missed() -> Result<()> {
    on_paused_clock(async {
        let mut run = Run::new(scenario(1, false)).await?;
        run.to_rest().await?;
        pass(60).await;
        run.scene.scale(GROUP, 2).await?;
        run.watch_until("in service", |run| run.in_service() == 2)
            .await?;
        run.watch_until("rest", Run::is_idle).await?;
        pass(300).await;
        let last = run.local.with_world(|world| {
            let interfaces = world.ec2.network_interfaces();
            let ours = interfaces.filter(|it| it.tags.contains_key(INSTANCE_ID));
            let attachments = ours.filter_map(|it| it.attachment.as_ref());
            let last = attachments.max_by_key(|on| on.attach_time);
            last.map(|on| on.attachment_id.clone())
        });
        let detach = run.scene.ec2.detach_network_interface();
        detach
            .attachment_id(last.context("nothing is attached")?)
            .send()
            .await?;
        pass(10).await;
        assert_eq!(nodes_of(&by_hand(&run).await), [(false, 1)]);
        Ok(())
    })
}

#[test]
fn nodes_that_are_older_than_their_profile_are_named_without_an_alarm() -> Result<()> {
    on_paused_clock(async {
        let mut scenario = scenario(0, false);
        scenario.settings.network_interface_limit = 2_000;
        let run = Run::new(scenario).await?;
        unprepared(&run, 210, 210).await?;
        pass(600).await;
        let (report, calls) = calls(&run, by_hand(&run)).await;
        nothing_done(&report);
        assert_eq!(nodes_of(&report), [(true, 210)]);
        let named = report["nodesWithoutInterfaces"][0]["instances"].as_array();
        assert_eq!(named.map(Vec::len), Some(20));
        assert_eq!(measured(&run)?, BTreeMap::new());
        let wanted = [
            ("DescribeAutoScalingGroups", 1),
            ("DescribeInstances", 1),
            ("DescribeLifecycleHooks", 1),
            // All of them, and again for 200 nodes and for 10.
            ("DescribeNetworkInterfaces", 3),
            ("ListExecutions", 1),
        ];
        let wanted = wanted.map(|(action, number)| (action.to_owned(), number));
        assert_eq!(calls, BTreeMap::from(wanted));
        Ok(())
    })
}

#[test]
fn instance_that_a_profile_does_not_select_by_its_tag_lacks_nothing() -> Result<()> {
    on_paused_clock(async {
        let mut run = Run::new(scenario(1, false)).await?;
        run.to_rest().await?;
        run.scene.plain_group("others", &[("multus", "no")]).await?;
        run.scene.scale("others", 1).await?;
        run.watch_until("the other group", |run| {
            let in_service = |world: &mut World| world.autoscaling.in_service("others");
            run.local.with_world(in_service) == 1
        })
        .await?;
        pass(300).await;
        let mut profile = run.scene.profile(GROUP);
        profile["selector"] = json!({"tag": {"key": "multus", "value": GROUP}});
        let round = round(&run, &profile, json!({}));
        let (report, calls) = calls(&run, round).await;
        assert_eq!((nodes_of(&report), hooks_of(&report)), (vec![], vec![]));
        // One call finds the nodes that carry the tag, and no other is needed.
        assert_eq!(calls.get("DescribeInstances"), Some(&1));
        assert_eq!(calls.values().sum::<usize>(), 4, "{calls:?}");
        Ok(())
    })
}

/// Another owner completes the hook as soon as there is an interface: the node is InService while its
/// execution attaches the others.
#[test]
fn no_node_is_named_while_its_execution_goes_on() -> Result<()> {
    on_paused_clock(async {
        let mut run = Run::new(scenario(4, false)).await?;
        run.launch().await?;
        let mut early = 0;
        while run.in_service() < 4 || !run.is_idle() {
            for instance in waiting(&run) {
                if made_for(&run, &instance) > 0 {
                    let complete = run.scene.complete(GROUP, HOOK, &instance, "CONTINUE");
                    // Its execution may have just completed it.
                    early += usize::from(complete.await.is_ok());
                }
            }
            // Every node counts, however young it is.
            let limits = json!({"launchAgeSeconds": 0});
            let report = run.reconcile(&[run.scene.profile(GROUP)], &limits).await;
            assert_eq!(nodes_of(&report.expect("a round")), []);
            assert_eq!(measured(&run)?, BTreeMap::new());
            pass(1).await;
        }
        assert!(early > 0);
        Ok(())
    })
}
