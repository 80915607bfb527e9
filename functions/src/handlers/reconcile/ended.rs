//! An execution that ended without completing its hook: it timed out, was aborted in the console,
//! or failed with an error that the state machine does not catch. Without reconcile, the hook would
//! time out, and the interfaces would wait for the next rounds.

use serde_json::Value;
use tokio::time::Instant;
use tracing::{Span, info, warn};

use super::Report;
use crate::handlers::Context;
use crate::handlers::complete_hook::{complete_hook, would_complete};
use crate::handlers::release_interfaces::{release_interfaces, to_release};
use crate::handlers::rounds::work_deadline;
use hookline_domain::error::{Error, Input, Result};
use hookline_domain::event::Event;
use hookline_domain::execution::names::StateMachine;
use hookline_domain::execution::{
    CompleteRequest, CompletionOutcome, LaunchOutcome, ReleaseRequest,
};
use hookline_domain::ids::InstanceId;
use hookline_domain::reconcile::{Ended, LaunchAction, launch_action};
use hookline_runtime::payload::log_field;

/// Abandons the launch of an ended execution, if it still waits.
pub(super) async fn handle(context: &Context, mut ended: Ended, report: &mut Report) -> Result<()> {
    let machine = StateMachine::read(&ended.state_machine_arn)?;
    // EventBridge omits a long input, and some events lack the error.
    let failed = ended.status == "FAILED" && ended.error.is_none();
    if ended.input.is_none() || failed {
        match context.aws.execution(&ended.execution_arn).await? {
            // A person may have redriven the execution since. Then it is running.
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
    // An execution that refused its input was skipped above. This skips one that was aborted before
    // it read its input.
    let event = input.get("event").cloned().unwrap_or_default();
    let Ok(Event::Launch(launch)) = Event::read(event) else {
        report.skip(&ended.execution_arn, "its input is not a launch");
        return Ok(());
    };
    let instance = &launch.instance_id;
    // Then every line of this invocation is about it.
    let span = Span::current();
    span.record("execution", ended.execution_arn.rsplit(':').next());
    span.record("instance_id", instance.as_str());
    span.record("auto_scaling_group", &launch.group);
    span.record("profile", log_field(&input, "/profile/name"));
    if launch.action.is_none() {
        report.skip(
            instance,
            "it is an adopted node: it is InService and waits at no hook",
        );
        return Ok(());
    }
    let state = context.aws.lifecycle_state(instance).await?;
    if state.as_deref() != Some(launch.waits_in()) {
        let state = state.unwrap_or_else(|| "unknown to Auto Scaling".to_owned());
        report.skip(instance, format!("it no longer waits: it is {state}"));
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
    warn!(
        status = ended.status,
        "its execution ended without completing the hook"
    );
    abandon_launch(context, instance, input, report).await
}

/// Completes the hook of a launch with ABANDON, and then releases the interfaces, both with the
/// functions of the state machine. In a dry run it says what they would do. `data` is the input of
/// the execution.
pub(super) async fn abandon_launch(
    context: &Context,
    instance: &InstanceId,
    data: Value,
    report: &mut Report,
) -> Result<()> {
    let mut data = data;
    let mut field = |name| data.get_mut(name).map_or(Value::Null, Value::take);
    let (event, profile) = (field("event"), field("profile"));
    // `complete_hook` checks who owns the hook and whether the profile covers the instance.
    let request = CompleteRequest::abandon(event.clone(), profile);
    let completed = match report.dry_run {
        true => would_complete(context, request).await,
        false => complete_hook(context.clone(), request)
            .await
            .map(|completion| completion.outcome),
    };
    let outcome = match completed {
        Ok(outcome) => outcome,
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
    let outcome = match outcome {
        CompletionOutcome::NotOurs => {
            report.skip(instance, "Hookline does not own its hook");
            return Ok(());
        }
        CompletionOutcome::AlreadyContinued => {
            report.skip(instance, "it no longer waits at this hook");
            return Ok(());
        }
        CompletionOutcome::Completed => {
            report.abandoned.push(instance.clone());
            LaunchOutcome::Completed
        }
        // Another execution or a person has abandoned it, or it was in service and is on its way
        // out.
        CompletionOutcome::AlreadyCompleted => LaunchOutcome::AlreadyCompleted,
    };
    if report.dry_run {
        report.released.extend(to_release(context, instance).await?);
        return Ok(());
    }
    let request = ReleaseRequest {
        outcome: Some(outcome),
        event,
        plan: None,
        allocation: None,
    };
    release(context, instance, &request, report).await;
    Ok(())
}

/// Releases the interfaces until all are deleted or the time is used up. Later rounds find the
/// others as orphaned.
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
                if !release.kept.is_empty() {
                    let kept = release.kept.len();
                    report.skip(instance, format!("it runs on, and keeps {kept} interfaces"));
                }
                return;
            }
            Err(Error::StillDetaching(interfaces)) if Instant::now() < end => {
                info!(interfaces = interfaces.len(), "still detaching");
            }
            Err(error) => {
                report.skip(instance, error);
                return;
            }
        }
    }
}
