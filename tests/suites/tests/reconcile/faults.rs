//! What goes wrong while `reconcile` itself is at work: every kind of fault at each of its calls.

use std::time::Duration;

use anyhow::{Result, ensure};
use hookline_local::{Fault, FaultKind};
use hookline_simulator::run::{GROUP, Run, on_paused_clock};
use hookline_simulator::tap::FaultAction;
use hookline_testkit::emf;
use hookline_testkit::scene::HOOK;
use serde_json::json;

use super::fit::put_hook;
use super::{ENDED, LAUNCH, abort, half_way, lose, made_for, pass, scenario, waiting};

/// More calls than a round makes before the execution that it starts makes its first.
const CALLS: usize = 8;

#[test]
fn lost_event_is_recovered_despite_any_fault() -> Result<()> {
    for strike in FaultAction::ALL {
        for position in 0..CALLS {
            on_paused_clock(async {
                let mut run = Run::new(scenario(1, true)).await?;
                lose(&run, LAUNCH);
                run.launch().await?;
                // Until just before the first round, which finds the launch.
                pass(250).await;
                run.tap.strike(position, strike);
                let what = format!("{strike:?} at call {position}");
                run.watch_until(&what, |run| run.in_service() == 1).await?;
                run.watch_until(&what, Run::is_idle).await?;
                let report = run.report();
                ensure!(
                    report.violations.is_empty() && report.abandoned == 0,
                    "{what}: {:?}\n{}",
                    report.violations,
                    run.history().join("\n")
                );
                Ok(())
            })?;
        }
    }
    Ok(())
}

#[test]
fn leftovers_of_an_aborted_execution_are_removed_despite_any_fault() -> Result<()> {
    for strike in FaultAction::ALL {
        for position in 0..CALLS * 2 {
            on_paused_clock(async {
                let mut run = Run::new(scenario(1, true)).await?;
                run.launch().await?;
                let (instance, arn) = half_way(&run).await?;
                // Every third time, only the schedule handles it.
                if position % 3 == 0 {
                    lose(&run, ENDED);
                }
                run.tap.strike(position, strike);
                abort(&run, &arn).await?;
                let what = format!("{strike:?} at call {position}");
                run.watch_until(&what, |run| run.in_service() == 1).await?;
                // At the latest by two rounds with ten minutes between them.
                let gone = |run: &Run| {
                    let wired = run.local.with_world(|world| {
                        world
                            .autoscaling
                            .states(super::GROUP)
                            .contains_key(&instance)
                    });
                    run.is_idle() && (wired || made_for(run, &instance) == 0)
                };
                let took = run.watch_until(&what, gone).await?;
                let report = run.report();
                ensure!(
                    report.violations.is_empty() && took < Duration::from_secs(1200),
                    "{what}: {took:?} {:?}\n{}",
                    report.violations,
                    run.history().join("\n")
                );
                Ok(())
            })?;
        }
    }
    Ok(())
}

#[test]
fn round_that_cannot_list_running_executions_still_does_the_rest_and_fails() -> Result<()> {
    on_paused_clock(async {
        let mut run = Run::new(scenario(2, false)).await?;
        lose(&run, LAUNCH);
        run.launch().await?;
        run.watch_until("one in service", |run| run.in_service() == 1)
            .await?;
        pass(150).await;
        put_hook(&run, HOOK, "CONTINUE", 1_800).await?;
        run.measured();
        let mark = run.local.calls().len();
        let denied = FaultKind::Error {
            status: 400,
            code: "AccessDeniedException".to_owned(),
            message: "no".to_owned(),
        };
        run.local.inject(Fault::on("ListExecutions", denied));
        let limits = json!({"overdueSeconds": 60});
        let failed = run.reconcile(&[run.scene.profile(GROUP)], &limits).await;
        let failed = failed.expect_err("a refused call");
        assert_eq!(failed.error, "Hookline.AccessDenied", "{}", failed.cause);
        let now = run.local.with_world(|world| world.kernel.timestamp());
        let values = emf::values(&run.measured(), now.as_second() * 1000)?;
        let value = |name: &str| values.get(name).map(|(value, _)| *value);
        assert_eq!(value(&format!("HookProblems Profile={GROUP}")), Some(1.0));
        assert_eq!(value("LaunchesOverdue"), Some(1.0), "{values:?}");
        // The brake lists those that have ended.
        let calls = run.local.calls().split_off(mark);
        let lists = calls.iter().filter(|call| call.action == "ListExecutions");
        assert_eq!(lists.count(), 2);
        // Nothing that rests on running executions was done.
        assert_eq!(value("ReconcileStarted"), Some(0.0));
        assert_eq!(waiting(&run).len(), 1);
        Ok(())
    })
}
