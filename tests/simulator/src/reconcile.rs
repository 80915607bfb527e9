//! The function `reconcile` in virtual time: its schedule, its rule for executions that do not
//! succeed, and the queue that Lambda keeps for both.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use hookline_local::LocalAws;
use hookline_local::lambda::FunctionConfig;
use hookline_testkit::json_api::json_call;
use hookline_testkit::roles;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::shared::Shared;

const NAME: &str = "reconcile";

/// Puts the schedule and the rule. Returns the payloads that they send to the function.
///
/// # Errors
/// If the fake AWS refuses.
pub(super) async fn deploy(
    local: &LocalAws,
    machine: &str,
    profiles: &[Value],
) -> Result<mpsc::UnboundedReceiver<Value>> {
    // The handler runs in this process, so there is no program.
    let arn = local
        .lambda()
        .register(FunctionConfig::new(NAME, PathBuf::new()));
    let (invocations, invoked) = mpsc::unbounded_channel();
    local.lambda().on_invoke_async(move |_, payload| {
        let payload = serde_json::from_slice(&payload).unwrap_or_default();
        // The receiver is gone only when the run is over.
        let _ = invocations.send(payload);
    });
    let rule = |part| roles::rule_of_reconcile(part).context("reconcile has no such rule");
    let schedule = json!({"Name": rule("Schedule")?, "ScheduleExpression": "rate(5 minutes)"});
    let input = json!({"stateMachineArn": machine, "profiles": profiles}).to_string();
    put(
        local,
        &schedule,
        json!({"Id": NAME, "Arn": arn, "Input": input}),
    )
    .await?;
    let pattern = json!({
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {"stateMachineArn": [machine], "status": ["TIMED_OUT", "ABORTED", "FAILED"]},
    });
    let ended = json!({"Name": rule("Ended")?, "EventPattern": pattern.to_string()});
    put(local, &ended, json!({"Id": NAME, "Arn": arn})).await?;
    Ok(invoked)
}

async fn put(local: &LocalAws, rule: &Value, target: Value) -> Result<()> {
    json_call(local, "AWSEvents.PutRule", rule).await?;
    let targets = json!({"Rule": rule["Name"], "Targets": [target]});
    let answer = json_call(local, "AWSEvents.PutTargets", &targets).await?;
    ensure!(answer["FailedEntryCount"] == 0, "PutTargets: {answer}");
    Ok(())
}

/// Invokes the function for each payload, as Lambda does for asynchronous invocations: one that
/// fails is retried after one minute, and again two minutes later.
pub(super) async fn serve(shared: Rc<Shared>, mut invoked: mpsc::UnboundedReceiver<Value>) {
    while let Some(payload) = invoked.recv().await {
        let shared = Rc::clone(&shared);
        *shared.running.borrow_mut() += 1;
        tokio::task::spawn_local(async move {
            for again in [Some(60), Some(120), None] {
                match shared.lambda.invoke(NAME, payload.clone()).await {
                    Ok(report) => {
                        shared.note(&format!("{NAME}  {report}"));
                        shared.reports.borrow_mut().push(report);
                        break;
                    }
                    Err(error) => {
                        shared.note(&format!("{NAME}  {} {}", error.error, error.cause));
                    }
                }
                if let Some(seconds) = again {
                    tokio::time::sleep(Duration::from_secs(seconds)).await;
                }
            }
            *shared.running.borrow_mut() -= 1;
        });
    }
}
