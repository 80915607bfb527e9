//! Executions that end without completing their hook: handled on the event of their end, and on the
//! schedule.

use std::time::Duration;

use anyhow::{Context as _, Result};
use hookline_local::eventbridge::Disturbance;
use hookline_local::stepfunctions::ExecutionEnd;
use hookline_simulator::run::{GROUP, MACHINE_ARN, Run, on_paused_clock};
use hookline_testkit::json_api::json_call;
use serde_json::json;

use super::{
    ENDED, LAUNCH, abort, by_hand, half_way, lose, made_for, pass, scenario, stopped_half_way,
    waiting,
};

/// Checks that the launch was abandoned, and that its replacement is InService.
async fn replaced(run: &mut Run, instance: &str) -> Result<()> {
    run.watch_until("the replacement", |run| run.in_service() == 1)
        .await?;
    assert_eq!(made_for(run, instance), 0);
    let report = run.report();
    assert_eq!(report.violations, Vec::<String>::new());
    assert_eq!((report.abandoned, report.hooks_timed_out), (1, 0));
    let abandoned = run.reported("abandoned");
    assert_eq!(
        abandoned,
        [json!(instance)],
        "{:#?}",
        run.reconcile_reports()
    );
    Ok(())
}

#[test]
fn execution_that_ends_without_completing_its_hook_is_handled_at_once() -> Result<()> {
    for status in ["ABORTED", "TIMED_OUT", "FAILED"] {
        on_paused_clock(async {
            let mut run = Run::new(scenario(1, true)).await?;
            run.launch().await?;
            let (instance, arn) = half_way(&run).await?;
            if status == "ABORTED" {
                abort(&run, &arn).await?;
            } else {
                let end = ExecutionEnd {
                    status: status.to_owned(),
                    error: (status == "FAILED").then(|| "States.Runtime".to_owned()),
                    ..ExecutionEnd::default()
                };
                run.local
                    .stepfunctions()
                    .end_execution(&run.local, &arn, end);
            }
            let took = run
                .watch_until("the release", |run| made_for(run, &instance) == 0)
                .await?;
            assert!(took < Duration::from_secs(60), "{took:?}");
            replaced(&mut run, &instance).await
        })?;
    }
    Ok(())
}

#[test]
fn execution_whose_end_event_is_lost_is_handled_by_the_schedule() -> Result<()> {
    on_paused_clock(async {
        let mut run = Run::new(scenario(1, true)).await?;
        lose(&run, LAUNCH);
        lose(&run, ENDED);
        run.launch().await?;
        // By the schedule's first round.
        let (instance, arn) = half_way(&run).await?;
        assert!(arn.contains("reconcile-"), "{arn}");
        abort(&run, &arn).await?;
        let took = run
            .watch_until("the release", |run| made_for(run, &instance) == 0)
            .await?;
        assert!(took < Duration::from_secs(360), "{took:?}");
        replaced(&mut run, &instance).await
    })
}

#[test]
fn launch_that_began_with_a_profile_that_is_retired_since_is_abandoned() -> Result<()> {
    on_paused_clock(async {
        let mut run = Run::new(scenario(1, false)).await?;
        lose(&run, LAUNCH);
        lose(&run, ENDED);
        run.launch().await?;
        pass(150).await;
        by_hand(&run).await;
        let (instance, arn) = half_way(&run).await?;
        abort(&run, &arn).await?;
        let payload = json!({
            "stateMachineArn": MACHINE_ARN,
            "profiles": [],
            "retiredProfiles": [run.scene.profile(GROUP)],
        });
        let report = run.invoke("reconcile", payload).await.expect("a round");
        assert_eq!(report["abandoned"], json!([instance]), "{report}");
        assert_eq!(made_for(&run, &instance), 0);
        assert_eq!(run.report().violations, Vec::<String>::new());
        Ok(())
    })
}

#[test]
fn aborted_execution_whose_end_event_is_lost_is_started_again() -> Result<()> {
    on_paused_clock(async {
        let (run, instance, _) = stopped_half_way().await?;
        run.watch_until("in service", |run| run.in_service() == 1)
            .await?;
        pass(60).await;
        assert_eq!(
            made_for(&run, &instance),
            4,
            "the same node, and no interface too many"
        );
        let report = run.report();
        assert_eq!(report.violations, Vec::<String>::new());
        assert_eq!((report.abandoned, report.hooks_timed_out), (0, 0));
        Ok(())
    })
}

#[test]
fn launch_with_another_running_execution_is_not_abandoned() -> Result<()> {
    on_paused_clock(async {
        let mut scenario = scenario(1, true);
        scenario.settings.instance_pending_for = Duration::from_secs(60);
        let mut run = Run::new(scenario).await?;
        let twice = Disturbance::duplicate(1, Duration::from_secs(1)).detail_type(LAUNCH);
        run.local.eventbridge().disturb(twice);
        run.launch().await?;
        let (instance, arn) = half_way(&run).await?;
        abort(&run, &arn).await?;
        run.watch_until("in service", |run| run.in_service() == 1)
            .await?;
        pass(60).await;
        let report = run.report();
        assert_eq!(report.violations, Vec::<String>::new());
        assert_eq!(report.abandoned, 0);
        assert_eq!(run.reported("left")[0]["id"], json!(instance));
        Ok(())
    })
}

#[test]
fn execution_that_refused_its_input_completes_nothing() -> Result<()> {
    on_paused_clock(async {
        let mut run = Run::new(scenario(1, true)).await?;
        lose(&run, LAUNCH);
        run.launch().await?;
        run.watch_until("a launch", |run| waiting(run).len() == 1)
            .await?;
        let event = run
            .local
            .eventbridge()
            .events()
            .into_iter()
            .find(|event| event["detail-type"] == LAUNCH)
            .context("no event")?;
        let input = json!({"event": event, "profile": {"name": "not much of a profile"}});
        let call = json!({"stateMachineArn": MACHINE_ARN, "input": input.to_string()});
        json_call(&run.local, "AWSStepFunctions.StartExecution", &call).await?;
        run.watch_until("its end", |run| run.verdicts().len() == 1)
            .await?;
        pass(30).await;
        assert_eq!(waiting(&run).len(), 1);
        let left = run.reported("left");
        assert_eq!(
            left[0]["reason"], "its execution refused its input",
            "{left:?}"
        );
        Ok(())
    })
}
