//! An execution that ended without a verdict: timed out, aborted in the console, or failed in a way that the state machine
//! does not catch. Its hook would wait for its timeout, and its interfaces for the next rounds.

use serde_json::Value;
use tokio::time::Instant;
use tracing::{info, warn};

use super::Report;
use crate::handlers::Context;
use crate::handlers::complete_hook::complete_hook;
use crate::handlers::release_interfaces::release_interfaces;
use crate::handlers::rounds::work_deadline;
use hookline_domain::error::{Error, Input, Result};
use hookline_domain::event::Event;
use hookline_domain::execution::names::StateMachine;
use hookline_domain::execution::{CompleteRequest, CompletionOutcome, ReleaseRequest};
use hookline_domain::ids::InstanceId;
use hookline_domain::reconcile::{Ended, LaunchAction, launch_action};

/// Sees to the launch of an execution that has ended.
pub(super) async fn handle(context: &Context, mut ended: Ended, report: &mut Report) -> Result<()> {
    let machine = StateMachine::read(&ended.state_machine_arn)?;
    // A long input is left out of the event, and some events lack the error.
    let failed = ended.status == "FAILED" && ended.error.is_none();
    if ended.input.is_none() || failed {
        match context.aws.execution(&ended.execution_arn).await? {
            // A person may have redriven it since: then it runs.
            Some(execution) => {
                ended.status = execution.status;
                ended.error = execution.error;
                ended.input = Some(execution.input);
            }
            None => {
                report.skip(&ended.execution_arn, "there is no such execution");
                return Ok(());
            }
        }
    }
    if let LaunchAction::Skip(reason) = launch_action(&ended.status, ended.error.as_deref()) {
        report.skip(&ended.execution_arn, reason);
        return Ok(());
    }
    let input = ended.input.unwrap_or_default();
    let input: Value = serde_json::from_str(&input).unwrap_or_default();
    // What it refused itself would have ended so; an execution that was aborted before it read its input is left as well.
    let event = input.get("event").cloned().unwrap_or_default();
    let Ok(Event::Launch(launch)) = Event::read(event) else {
        report.skip(&ended.execution_arn, "its input is not a launch");
        return Ok(());
    };
    let instance = &launch.instance_id;
    if launch.action.is_none() {
        report.skip(
            instance,
            "it was to be adopted: it is in service, and waits at no hook",
        );
        return Ok(());
    }
    let state = context.aws.lifecycle_state(instance).await?;
    if state.as_deref() != Some("Pending:Wait") {
        let state = state.unwrap_or_else(|| "unknown to Auto Scaling".to_owned());
        report.skip(instance, format!("it waits no more: it is {state}"));
        return Ok(());
    }
    let others = context
        .aws
        .instances_in_progress(&machine, Some(&ended.execution_arn), work_deadline(context))
        .await?;
    if others.contains(instance) {
        report.skip(instance, "another execution for it is running");
        return Ok(());
    }
    warn!(instance = %instance, execution = ended.execution_arn, status = ended.status, "its execution ended without a verdict");
    abandon_launch(context, instance, input, report).await
}

/// Gives a launch up: ABANDON first, and once that is decided the release, both by the functions of the state machine. `data`
/// is the execution's: its event and its profile.
pub(super) async fn abandon_launch(
    context: &Context,
    instance: &InstanceId,
    data: Value,
    report: &mut Report,
) -> Result<()> {
    let mut data = data;
    let mut field = |name| data.get_mut(name).map_or(Value::Null, Value::take);
    let (event, profile) = (field("event"), field("profile"));
    // Whose hook it is, and whether the profile covers the instance, is looked at in there.
    let request = CompleteRequest::abandon(event.clone(), profile);
    let completion = match complete_hook(context.clone(), request).await {
        Ok(completion) => completion,
        Err(
            error @ Error::Invalid {
                input: Input::Profile,
                ..
            },
        ) => {
            report.skip(instance, error);
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    match completion.outcome {
        CompletionOutcome::NotOurs => {
            report.skip(instance, "its hook is not Hookline's to complete");
            return Ok(());
        }
        CompletionOutcome::AlreadyContinued => {
            report.skip(instance, "it does not wait at this hook any more");
            return Ok(());
        }
        CompletionOutcome::Completed => report.abandoned.push(instance.clone()),
        // Another execution or a person abandoned it before. What is left of it is released all the same.
        CompletionOutcome::AlreadyCompleted => {}
    }
    let request = ReleaseRequest {
        event,
        plan: None,
        allocation: None,
    };
    release(context, instance, &request, report).await;
    Ok(())
}

/// Releases until all is gone or the time is over. What is left then, the rounds to come find without an owner.
async fn release(
    context: &Context,
    instance: &InstanceId,
    request: &ReleaseRequest,
    report: &mut Report,
) {
    let end = work_deadline(context);
    loop {
        match release_interfaces(context.clone(), request.clone()).await {
            Ok(release) => {
                report.released.extend(release.released);
                return;
            }
            Err(Error::StillDetaching(interfaces)) if Instant::now() < end => {
                info!(instance = %instance, interfaces = interfaces.len(), "still detaching");
            }
            Err(error) => {
                warn!(instance = %instance, %error, "input up, and not all of it released");
                report.skip(instance, error);
                return;
            }
        }
    }
}
