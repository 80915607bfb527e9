//! What `reconcile` measures.

use std::collections::BTreeMap;

use anyhow::Result;
use hookline_simulator::run::{GROUP, MACHINE_ARN, Run, on_paused_clock};
use hookline_testkit::emf;
use serde_json::{Value, json};

use super::{ENDED, LAUNCH, by_hand, pass, scenario, stopped_half_way, two_lost_launches, waiting};

/// The metrics since the last call, by name, without what launches measure that go on meanwhile. All are of
/// the whole deployment.
fn measured(run: &Run) -> Result<BTreeMap<String, f64>> {
    let now = run.local.with_world(|world| world.kernel.timestamp());
    let values = emf::values(&run.measured(), now.as_second() * 1000)?;
    let of_launches = |name: &str| {
        ["FreeAddresses ", "LaunchesWaiting "]
            .iter()
            .any(|of| name.starts_with(of))
    };
    Ok(values
        .into_iter()
        .filter(|(name, _)| !of_launches(name))
        .map(|(name, (value, _))| (name, value))
        .collect())
}

fn expected(different: &[(&str, f64)]) -> BTreeMap<String, f64> {
    let mut expected: BTreeMap<String, f64> = [
        "ReconcileStarted",
        "ReconcileAbandoned",
        "ReconcileReleased",
        "ReconcileDeleted",
        "ReconcileLeft",
        "ReconcileRefusedProfiles",
        "LaunchesOverdue",
    ]
    .into_iter()
    .map(|name| (name.to_owned(), 0.0))
    .collect();
    for (name, value) in different {
        expected.insert((*name).to_owned(), *value);
    }
    expected
}

#[test]
fn round_that_finds_nothing_measures_zeros() -> Result<()> {
    on_paused_clock(async {
        let run = Run::new(scenario(0, false)).await?;
        by_hand(&run).await;
        assert_eq!(measured(&run)?, expected(&[]));
        Ok(())
    })
}

#[test]
fn done_and_skipped_work_of_a_round_is_measured() -> Result<()> {
    on_paused_clock(async {
        let run = two_lost_launches().await?;
        pass(150).await;
        let profiles = [json!(7), run.scene.profile(GROUP)];
        run.reconcile(&profiles, &json!({})).await.expect("a round");
        assert_eq!(
            measured(&run)?,
            expected(&[("ReconcileStarted", 2.0), ("ReconcileRefusedProfiles", 1.0)])
        );
        Ok(())
    })
}

#[test]
fn launch_is_overdue_after_its_heartbeat_timeout_even_while_an_execution_runs() -> Result<()> {
    on_paused_clock(async {
        let mut scenario = scenario(1, false);
        // Nothing can be attached for as long, so the execution is still running.
        scenario.settings.instance_pending_for = std::time::Duration::from_secs(150);
        let mut run = Run::new(scenario).await?;
        run.launch().await?;
        pass(100).await;
        assert_eq!(waiting(&run).len(), 1);
        let profiles = [run.scene.profile(GROUP)];
        let mut theirs = run.scene.profile(GROUP);
        theirs["hook"]["complete"] = json!(false);
        let mut elsewhere = run.scene.profile(GROUP);
        elsewhere["selector"] = json!({"autoScalingGroupNames": ["another"]});
        run.measured();
        for (profiles, seconds, overdue) in [
            (&profiles[..], 1800, 0.0),
            (&profiles, 200, 0.0),
            (&profiles, 90, 1.0),
            (&[theirs, elsewhere], 90, 0.0),
        ] {
            let limits = json!({"overdueSeconds": seconds});
            let report = run.reconcile(profiles, &limits).await.expect("a round");
            assert_eq!(
                measured(&run)?,
                expected(&[("LaunchesOverdue", overdue)]),
                "{seconds}: {report}"
            );
        }
        Ok(())
    })
}

#[test]
fn end_of_an_execution_measures_only_the_work_done() -> Result<()> {
    on_paused_clock(async {
        let (run, instance, arn) = stopped_half_way().await?;
        run.measured();
        let input = json!({"event": {}, "profile": {}}).to_string();
        let event = |input: &str| {
            json!({"detail-type": ENDED, "detail": {
                "executionArn": arn, "stateMachineArn": MACHINE_ARN, "status": "ABORTED", "input": input,
            }})
        };
        run.invoke("reconcile", event(&input)).await.expect("left");
        assert_eq!(
            measured(&run)?,
            BTreeMap::from([("ReconcileLeft".to_owned(), 1.0)])
        );

        let events = run.local.eventbridge().events();
        let launch = events.iter().find(|event| {
            event["detail"]["EC2InstanceId"] == instance && event["detail-type"] == LAUNCH
        });
        let input = json!({"event": launch, "profile": run.scene.profile(GROUP)}).to_string();
        let report = run.invoke("reconcile", event(&input)).await;
        let report: Value = report.expect("given up");
        assert_eq!(report["abandoned"], json!([instance]));
        assert_eq!(
            measured(&run)?,
            BTreeMap::from([
                ("ReconcileAbandoned".to_owned(), 1.0),
                ("ReconcileReleased".to_owned(), 4.0),
                // The same launch, as its profile's.
                (format!("LaunchesAbandoned Profile={GROUP}"), 1.0),
            ])
        );
        run.watch_until("nothing of it", |run| super::made_for(run, &instance) == 0)
            .await?;
        Ok(())
    })
}
