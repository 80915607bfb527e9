//! `ContinueLaunch` and `AbandonLaunch`: completes the lifecycle action.
//!
//! Auto Scaling accepts one completion of an action. If there are several executions for a launch
//! (a duplicate event, a replay), the first completion counts. A failing execution abandons the
//! launch before it releases interfaces, and releases them only if the launch has ended.

use std::collections::BTreeMap;
use std::time::Duration;

use hookline_domain::error::{Error, Result};
use hookline_domain::event::{Launch, LifecycleAction};
use hookline_domain::execution::{
    CompleteRequest, Completion, CompletionNext, CompletionOutcome, HookOwner,
    LifecycleActionResult, verdict_tags,
};
use hookline_domain::ids::InstanceId;
use hookline_domain::lifecycle::AfterNoActiveAction;
use hookline_domain::profile::{Profile, Selector};
use hookline_domain::tags::Tags;
use serde_json::Value;
use tracing::{info, warn};

use super::{Backoff, Context, answer, data_name};
use crate::aws::autoscaling::CompleteResponse;
use crate::metrics::{Metric, Subject};

/// How long the tags of the verdict may take. The states after this one should not wait for them.
const MAX_TAGGING_TIME: Duration = Duration::from_secs(5);

/// Runs the function.
///
/// # Errors
/// `InvalidEvent`, `InvalidProfile`, `InvalidPayload`, `LaunchGone`, and those of every call.
pub async fn handle(context: Context, payload: Value) -> Result<Value> {
    answer(context, payload, complete_hook).await
}

/// Completes the lifecycle action of a launch, if Hookline owns its hook.
///
/// # Errors
/// Those of [`handle`].
pub(super) async fn complete_hook(
    context: Context,
    mut request: CompleteRequest,
) -> Result<Completion> {
    let (launch, profile) = request.subject()?;
    let covered = !request.node.is_null();
    let completed = complete(&context, &launch, &profile, request.result, covered).await;
    measure(&context, &launch, &profile, &completed);
    let mut completion = completed?;
    if completion.result == LifecycleActionResult::Continue {
        completion.summary = request.summary(&launch.group);
        if let Some(summary) = &mut completion.summary
            && completion.outcome == CompletionOutcome::Completed
        {
            summary.seconds.event_to_continue = context.seconds_since(&launch);
        }
        let summary = completion.summary.as_ref();
        // On its way into a warm pool, a node stays tainted: it takes no work there.
        if profile.startup_taint.is_some() && !launch.goes_to_warm_pool() {
            completion.next = CompletionNext::RemoveStartupTaint;
        } else if summary.is_some_and(|node| node.lacking_delete_on_termination().next().is_some())
        {
            completion.next = CompletionNext::SetDeleteOnTermination;
        }
    }
    log(&completion);
    let failure = request.failure.as_ref();
    // Where a launch into a warm pool ends late, the mark may be that of the next one.
    let is_marked = launch.is_marked(&profile) && !launch.goes_to_warm_pool();
    let execution = &request.execution;
    if let Some(tags) = verdict_tags(execution, &completion, covered, is_marked, failure) {
        let may_be_noted = completion.outcome == CompletionOutcome::AlreadyCompleted;
        note(&context, &launch.instance_id, &tags, may_be_noted).await;
    }
    Ok(completion)
}

/// Puts the execution and its verdict on the instance. The launch is decided by then, and these tags
/// are for people only: without them it ends all the same.
///
/// `may_be_noted` says that another run may have completed the action. If that has put its tags on the
/// instance, they stay.
async fn note(context: &Context, instance: &InstanceId, tags: &Tags, may_be_noted: bool) {
    let resources = [instance.to_string()];
    let call = async {
        if may_be_noted {
            let noted = context.aws.instance(instance).await?.tags;
            if tags.keys().any(|key| noted.contains_key(key)) {
                return Ok(());
            }
        }
        context.aws.create_tags(instance, &resources, tags).await
    };
    let answer = tokio::time::timeout(MAX_TAGGING_TIME, call).await;
    let error = match answer {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!(
            "not done in {} seconds: EC2 throttles CreateTags, or does not answer",
            MAX_TAGGING_TIME.as_secs()
        ),
    };
    warn!(error, "the instance does not tell its execution");
}

/// What [`complete_hook`] would do, without the call: `Completed` or `NotOurs`. Only the call tells
/// whether another caller has completed the action before.
///
/// # Errors
/// `InvalidEvent`, `InvalidProfile`, `InvalidPayload`, and those of every call that reads.
pub(super) async fn would_complete(
    context: &Context,
    mut request: CompleteRequest,
) -> Result<CompletionOutcome> {
    let (launch, profile) = request.subject()?;
    let covered = !request.node.is_null();
    let is_ours = match &launch.action {
        Some(action) => is_ours(context, &launch, action, &profile, covered).await?,
        None => false,
    };
    Ok(match is_ours {
        true => CompletionOutcome::Completed,
        false => CompletionOutcome::NotOurs,
    })
}

fn log(completion: &Completion) {
    let result = completion.result.as_str();
    let outcome = data_name(&completion.outcome);
    let lifecycle_state = completion.lifecycle_state.as_deref();
    match completion.outcome {
        CompletionOutcome::Completed => {
            info!(result, outcome, "lifecycle action completed");
        }
        CompletionOutcome::AlreadyCompleted => info!(
            result,
            outcome, lifecycle_state, "lifecycle action was completed before"
        ),
        CompletionOutcome::AlreadyContinued => warn!(
            result,
            outcome, lifecycle_state, "ABANDON came too late: the launch went on"
        ),
        CompletionOutcome::NotOurs => info!(
            result,
            outcome, "no lifecycle action completed: Hookline does not own the hook"
        ),
    }
}

async fn complete(
    context: &Context,
    launch: &Launch,
    profile: &Profile,
    result: LifecycleActionResult,
    covered: bool,
) -> Result<Completion> {
    let action = match &launch.action {
        Some(action) if is_ours(context, launch, action, profile, covered).await? => action,
        _ => return Ok(completion(result, CompletionOutcome::NotOurs, None)),
    };
    if !waits_here(context, launch, action).await? {
        return outcome_of_ended_action(context, launch, action, result).await;
    }
    let mut completed = complete_action(context, action, result).await?;
    // The token may be of an earlier lifecycle action, for example after a replay. Then the current
    // action of this instance at this hook is meant. This does not hold on the way into a warm
    // pool: the next action belongs to another launch, which is checked again.
    if completed == CompleteResponse::NoActiveAction
        && action.lifecycle_action_token.is_some()
        && !launch.goes_to_warm_pool()
    {
        let by_instance = LifecycleAction {
            lifecycle_action_token: None,
            ..action.clone()
        };
        completed = complete_action(context, &by_instance, result).await?;
    }
    match completed {
        CompleteResponse::Accepted => Ok(completion(result, CompletionOutcome::Completed, None)),
        CompleteResponse::NoActiveAction => {
            outcome_of_ended_action(context, launch, action, result).await
        }
    }
}

/// Completes the action. IAM may allow this by a tag of the group, and a deleted group has no tags.
/// So if the call is denied and Auto Scaling does not know the instance, there is no active action.
async fn complete_action(
    context: &Context,
    action: &LifecycleAction,
    result: LifecycleActionResult,
) -> Result<CompleteResponse> {
    let answer = context.aws.complete_lifecycle_action(action, result).await;
    if matches!(answer, Err(Error::AccessDenied { .. }))
        && context
            .aws
            .lifecycle_state(&action.ec2_instance_id)
            .await?
            .is_none()
    {
        return Ok(CompleteResponse::NoActiveAction);
    }
    answer
}

/// Whether the lifecycle action that the instance waits at may be this one. Without a token, on the
/// way into a warm pool, the call would as well complete the action on the way out of it.
async fn waits_here(context: &Context, launch: &Launch, action: &LifecycleAction) -> Result<bool> {
    if action.lifecycle_action_token.is_some() || !launch.goes_to_warm_pool() {
        return Ok(true);
    }
    let state = context.aws.lifecycle_state(&action.ec2_instance_id).await?;
    Ok(state.as_deref() == Some(launch.waits_in()))
}

fn completion(
    result: LifecycleActionResult,
    outcome: CompletionOutcome,
    lifecycle_state: Option<String>,
) -> Completion {
    Completion {
        result,
        outcome,
        next: CompletionNext::End,
        lifecycle_state,
        summary: None,
    }
}

/// A completion is not late if the launch has ended the same way before. This state may have
/// completed it in a run whose response was lost, or another execution may have.
fn measure(context: &Context, launch: &Launch, profile: &Profile, completed: &Result<Completion>) {
    let metrics = &context.metrics;
    let of = Subject::profile(&profile.name);
    match completed {
        Ok(Completion {
            outcome: CompletionOutcome::Completed,
            result,
            ..
        }) => match result {
            LifecycleActionResult::Continue => {
                if let Some(passed) = context.milliseconds_since(launch) {
                    metrics.set(Metric::EventToContinue, of, passed);
                }
            }
            LifecycleActionResult::Abandon => metrics.add(Metric::LaunchesAbandoned, of, 1),
        },
        Ok(Completion {
            outcome: CompletionOutcome::AlreadyContinued,
            ..
        })
        | Err(Error::LaunchGone { .. }) => metrics.add(Metric::LateVerdicts, of, 1),
        Ok(_) | Err(_) => {}
    }
}

/// Whether Hookline completes the hook under this profile (invariant I3). One rule may match the
/// launches of many groups. If `TagNode` failed before it checked the selector, it is checked here.
async fn is_ours(
    context: &Context,
    launch: &Launch,
    action: &LifecycleAction,
    profile: &Profile,
    covered: bool,
) -> Result<bool> {
    if HookOwner::of(launch, profile) != HookOwner::Hookline
        || profile.hook.name != action.lifecycle_hook_name
    {
        return Ok(false);
    }
    if covered {
        return Ok(true);
    }
    let tags = match profile.selector {
        Selector::AutoScalingGroupNames(_) => BTreeMap::new(),
        // This includes a terminated instance: its launch is abandoned instead of timing out.
        Selector::Tag(_) | Selector::Tags(_) => {
            context.aws.instance(&action.ec2_instance_id).await?.tags
        }
    };
    Ok(profile
        .selector
        .covers(&action.auto_scaling_group_name, &tags))
}

/// Finds out how the launch ended, after Auto Scaling said that it has no active lifecycle action.
async fn outcome_of_ended_action(
    context: &Context,
    launch: &Launch,
    action: &LifecycleAction,
    result: LifecycleActionResult,
) -> Result<Completion> {
    let mut backoff = Backoff::new(context);
    loop {
        let state = context.aws.lifecycle_state(&action.ec2_instance_id).await?;
        let outcome = match AfterNoActiveAction::of(result, state.as_deref(), launch.waits_in()) {
            AfterNoActiveAction::TooLate => {
                return Err(Error::LaunchGone {
                    instance: action.ec2_instance_id.clone(),
                    state: state.unwrap_or_else(|| "unknown to Auto Scaling".to_owned()),
                });
            }
            AfterNoActiveAction::LookAgain if backoff.wait().await => continue,
            AfterNoActiveAction::LookAgain => CompletionOutcome::AlreadyContinued,
            AfterNoActiveAction::Ended(outcome) => outcome,
        };
        return Ok(completion(result, outcome, state));
    }
}
