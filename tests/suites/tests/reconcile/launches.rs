//! Launches whose event was lost, and launches that only look so.

use std::time::Duration;

use anyhow::Result;
use hookline_local::eventbridge::Disturbance;
use hookline_simulator::run::{GROUP, MACHINE_ARN, Run, on_paused_clock};
use serde_json::{Value, json};

use super::{
    LAUNCH, by_hand, count, executions, lose, made, nothing_done, pass, scenario,
    two_lost_launches, waiting,
};

#[test]
fn launch_whose_event_was_lost_comes_in_service() -> Result<()> {
    on_paused_clock(async {
        let mut run = Run::new(scenario(3, true)).await?;
        lose(&run, LAUNCH);
        run.launch().await?;
        let took = run
            .watch_until("all in service", |run| run.in_service() == 3)
            .await?;
        assert!(took > Duration::from_secs(120), "{took:?}");
        assert!(took < Duration::from_secs(420), "{took:?}");
        let report = run.report();
        assert_eq!(report.violations, Vec::<String>::new());
        assert_eq!((report.hooks_timed_out, report.abandoned), (0, 0));
        assert_eq!(run.reported("started").len(), 1);
        let named = executions(&run).await?;
        let ours = named
            .iter()
            .filter(|(_, name, _)| name.starts_with("reconcile-i-"));
        assert_eq!((named.len(), ours.count()), (3, 1), "{named:?}");
        Ok(())
    })
}

#[test]
fn two_concurrent_rounds_and_a_later_one_start_one_execution() -> Result<()> {
    on_paused_clock(async {
        let run = two_lost_launches().await?;
        pass(60).await;
        nothing_done(&by_hand(&run).await);
        pass(90).await;
        let (one, two) = tokio::join!(by_hand(&run), by_hand(&run));
        by_hand(&run).await;
        assert!(count(&one, "started") + count(&two, "started") >= 2);
        assert_eq!(executions(&run).await?.len(), 2);
        run.watch_until("all in service", |run| run.in_service() == 2)
            .await?;
        assert_eq!(run.report().violations, Vec::<String>::new());
        Ok(())
    })
}

#[test]
fn event_delivered_after_reconcile_does_no_harm() -> Result<()> {
    on_paused_clock(async {
        let mut run = Run::new(scenario(1, true)).await?;
        let late = Disturbance::delay(Duration::from_secs(600)).detail_type(LAUNCH);
        run.local.eventbridge().disturb(late);
        run.launch().await?;
        run.watch_until("in service", |run| run.in_service() == 1)
            .await?;
        run.watch_until("the late execution's end", |run| run.verdicts().len() == 2)
            .await?;
        pass(60).await;
        let report = run.report();
        assert_eq!(report.violations, Vec::<String>::new());
        assert_eq!((report.in_service, report.abandoned), (1, 0));
        assert_eq!(report.executions.get("SUCCEEDED"), Some(&2));
        Ok(())
    })
}

#[test]
fn slow_execution_is_not_changed() -> Result<()> {
    on_paused_clock(async {
        let mut scenario = scenario(2, false);
        scenario.settings.instance_pending_for = Duration::from_secs(200);
        let mut run = Run::new(scenario).await?;
        run.launch().await?;
        pass(150).await;
        assert_eq!((waiting(&run).len(), made(&run).len()), (2, 8));
        nothing_done(&by_hand(&run).await);
        // A warm process has cached the executions, and only lists them.
        let mark = run.local.calls().len();
        nothing_done(&by_hand(&run).await);
        let described = run.local.calls()[mark..]
            .iter()
            .any(|call| call.action == "DescribeExecution");
        assert!(!described);
        run.watch_until("all in service", |run| run.in_service() == 2)
            .await?;
        assert_eq!(executions(&run).await?.len(), 2);
        Ok(())
    })
}

#[test]
fn healthy_fleet_of_one_group_costs_three_calls_and_is_not_changed() -> Result<()> {
    on_paused_clock(async {
        let mut run = Run::new(scenario(6, false)).await?;
        run.to_rest().await?;
        let (before, mark) = (made(&run), run.local.calls().len());
        let report = by_hand(&run).await;
        nothing_done(&report);
        assert_eq!(report["left"], json!([]));
        let calls: Vec<String> = run.local.calls()[mark..]
            .iter()
            .map(|call| call.action.clone())
            .collect();
        assert_eq!(
            calls,
            [
                "DescribeNetworkInterfaces",
                "DescribeAutoScalingGroups",
                "DescribeLifecycleHooks"
            ]
        );
        assert_eq!(made(&run), before);
        Ok(())
    })
}

#[test]
fn invalid_profile_does_not_stop_the_others() -> Result<()> {
    on_paused_clock(async {
        let mut run = Run::new(scenario(1, false)).await?;
        lose(&run, LAUNCH);
        run.launch().await?;
        pass(150).await;
        let mut bad = run.scene.profile(GROUP);
        bad["slots"][0]["deviceIndex"] = json!(0);
        let profiles = [bad, json!(7), run.scene.profile(GROUP)];
        let report = run.reconcile(&profiles, &json!({})).await.expect("a round");
        assert_eq!(count(&report, "refusedProfiles"), 2, "{report}");
        assert_eq!(report["refusedProfiles"][0]["id"], "profiles[0]");
        assert_eq!(count(&report, "started"), 1);
        run.watch_until("in service", |run| run.in_service() == 1)
            .await?;
        Ok(())
    })
}

#[test]
fn hook_of_another_owner_is_not_changed() -> Result<()> {
    on_paused_clock(async {
        let mut run = Run::new(scenario(1, false)).await?;
        lose(&run, LAUNCH);
        run.launch().await?;
        pass(150).await;
        let profile = run.scene.profile(GROUP);
        let with = |path: &str, value: Value| {
            let mut profile = profile.clone();
            *profile.pointer_mut(path).expect("a field") = value;
            profile
        };
        let profiles = [
            with(
                "/hook",
                json!({"name": "hookline-launch", "complete": false}),
            ),
            with("/selector", json!({"autoScalingGroupNames": ["another"]})),
            with(
                "/selector",
                json!({"tag": {"key": "multus", "value": "another"}}),
            ),
            with("/hook", json!({"name": "no-such-hook"})),
        ];
        let report = run.reconcile(&profiles, &json!({})).await.expect("a round");
        nothing_done(&report);
        assert_eq!(count(&report, "left"), 1, "{report}");
        assert_eq!(waiting(&run).len(), 1);
        // Its tag identifies it.
        let by_tag = with(
            "/selector",
            json!({"tag": {"key": "multus", "value": GROUP}}),
        );
        let report = run.reconcile(&[by_tag], &json!({})).await.expect("a round");
        assert_eq!(count(&report, "started"), 1, "{report}");
        Ok(())
    })
}

#[test]
fn launch_of_a_retired_profile_gets_no_execution_and_its_hook_times_out() -> Result<()> {
    on_paused_clock(async {
        let mut run = Run::new(scenario(1, false)).await?;
        lose(&run, LAUNCH);
        run.launch().await?;
        pass(150).await;
        let mark = run.local.calls().len();
        let payload = json!({
            "stateMachineArn": MACHINE_ARN,
            "profiles": [],
            "retiredProfiles": [run.scene.profile(GROUP), json!(7)],
        });
        let report = run.invoke("reconcile", payload).await.expect("a round");
        nothing_done(&report);
        let left = report["left"][0]["reason"].as_str().unwrap_or_default();
        assert!(left.contains("retired"), "{report}");
        assert_eq!(report["refusedProfiles"][0]["id"], "retiredProfiles[1]");
        let extended = run.local.calls()[mark..]
            .iter()
            .any(|call| call.action == "RecordLifecycleActionHeartbeat");
        assert!(!extended && executions(&run).await?.is_empty());
        run.watch_until("the hook to time out", |run| waiting(run).is_empty())
            .await?;
        assert_eq!(made(&run), std::collections::BTreeMap::new());
        Ok(())
    })
}
