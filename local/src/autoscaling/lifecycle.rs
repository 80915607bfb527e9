//! The states of an instance, and its lifecycle actions.
//!
//! ```text
//! launch ─▶ Pending ─▶ Pending:Wait ─▶ Pending:Proceed ─▶ InService ─▶ Terminating:Wait ─▶ Terminating:Proceed ─▶ gone
//!                          └──────────── ABANDON ─────────────────────▶ Terminating ─────────────────────────────▲
//! ```
//!
//! Every hook of a transition has a lifecycle action, token and event of its own. The instance goes
//! on when all of them are completed with CONTINUE, or one with ABANDON (Auto Scaling User Guide,
//! "How lifecycle hooks work"). The states of a warm pool are drawn in `warm_pool`.

use std::time::Duration;

use super::activity::{self, Route, Status};
use super::group::{LifecycleAction, LifecycleState, Transition, Verdict};
use super::record::{CompletedBy, Completion};
use super::{AutoScaling, Context, Timer, invalid, termination, warm_pool};
use crate::kernel::Kernel;
use crate::wire::error::ApiError;

/// How long an instance stays in `Pending:Proceed` and `Terminating:Proceed`.
const PROCEED: Duration = Duration::from_millis(100);

/// Puts an instance into a state.
pub(super) fn enter(
    autoscaling: &mut AutoScaling,
    kernel: &Kernel,
    group: &str,
    instance: &str,
    state: LifecycleState,
) {
    let at = kernel.elapsed();
    if let Some(member) = autoscaling.member_mut(group, instance) {
        member.state = state;
    }
    let history = autoscaling
        .histories
        .entry(instance.to_owned())
        .or_default();
    if history.group.is_empty() {
        group.clone_into(&mut history.group);
    }
    history.states.push((at, state));
}

/// Begins the lifecycle actions of a transition. Returns whether there are any.
pub(super) fn begin_actions(
    autoscaling: &mut AutoScaling,
    kernel: &mut Kernel,
    group_name: &str,
    instance: &str,
    transition: Transition,
) -> bool {
    let (now, at) = (kernel.now(), kernel.elapsed());
    let Some(group) = autoscaling.groups.get(group_name) else {
        return false;
    };
    let group_arn = group.arn.clone();
    let hooks: Vec<_> = group
        .hooks
        .iter()
        .filter(|(_, hook)| hook.transition == transition)
        .map(|(name, hook)| (name.clone(), hook.clone()))
        .collect();
    let mut actions = Vec::new();
    for (hook_name, hook) in hooks {
        let token = kernel.new_uuid();
        let global_deadline = now.checked_add(hook.global_timeout()).unwrap_or(now);
        actions.push(LifecycleAction {
            token,
            hook_name,
            hook,
            global_deadline,
            heartbeats: 0,
        });
    }
    if actions.is_empty() {
        return false;
    }
    let history = autoscaling
        .histories
        .entry(instance.to_owned())
        .or_default();
    history.actions.extend(
        actions
            .iter()
            .map(|action| (at, action.hook_name.clone(), action.token.clone())),
    );
    let Some(member) = autoscaling.member_mut(group_name, instance) else {
        return false;
    };
    member.actions = actions.clone();
    let (activity_id, route) = (member.activity_id.clone(), member.route);
    let waiting = match route {
        Route::INTO_POOL | Route::BACK_TO_POOL => LifecycleState::WarmedPendingWait,
        Route::TERMINATION_IN_POOL => LifecycleState::WarmedTerminatingWait,
        _ if transition == Transition::Launching => LifecycleState::PendingWait,
        _ => LifecycleState::TerminatingWait,
    };
    enter(autoscaling, kernel, group_name, instance, waiting);
    activity::wait(autoscaling, &activity_id);
    for action in &actions {
        set_timeout(autoscaling, kernel, group_name, instance, action);
        activity::announce_action(kernel, group_name, &group_arn, instance, route, action);
    }
    true
}

fn set_timeout(
    autoscaling: &mut AutoScaling,
    kernel: &mut Kernel,
    group: &str,
    instance: &str,
    action: &LifecycleAction,
) {
    let left = action
        .global_deadline
        .saturating_duration_since(kernel.now());
    let timer = Timer::Timeout {
        group: group.to_owned(),
        instance: instance.to_owned(),
        token: action.token.clone(),
        heartbeats: action.heartbeats,
    };
    kernel.schedule(
        &mut autoscaling.timers,
        action.hook.heartbeat_timeout.min(left),
        timer,
    );
}

/// The lifecycle action that a call names.
pub(super) struct ActionRef {
    pub(super) group: String,
    pub(super) hook: String,
    pub(super) token: Option<String>,
    pub(super) instance: Option<String>,
}

impl ActionRef {
    /// The instance and token of the action, if it is not completed yet.
    fn find(&self, autoscaling: &AutoScaling) -> Result<(String, String), ApiError> {
        let group = autoscaling.group(&self.group)?;
        if !group.hooks.contains_key(&self.hook)
            && !group
                .members
                .iter()
                .flat_map(|member| &member.actions)
                .any(|action| action.hook_name == self.hook)
        {
            return Err(invalid(format!(
                "No Lifecycle Hook found with name {}",
                self.hook
            )));
        }
        let found = group
            .members
            .iter()
            .flat_map(|member| member.actions.iter().map(move |action| (member, action)))
            .filter(|(_, action)| action.hook_name == self.hook)
            .find(|(member, action)| match (&self.token, &self.instance) {
                (Some(token), _) => action.token == *token,
                (None, Some(instance)) => member.instance_id == *instance,
                (None, None) => false,
            });
        match (found, &self.token, &self.instance) {
            (Some((member, action)), _, _) => {
                Ok((member.instance_id.clone(), action.token.clone()))
            }
            (None, Some(token), _) => Err(invalid(format!(
                "No active Lifecycle Action found with token {token}"
            ))),
            (None, None, Some(instance)) => Err(invalid(format!(
                "No active Lifecycle Action found with instance ID {instance}"
            ))),
            (None, None, None) => Err(invalid(
                "Either InstanceId or LifecycleActionToken must be specified",
            )),
        }
    }
}

/// Completes a lifecycle action for a caller.
pub(super) fn complete(
    context: &mut Context<'_>,
    action: &ActionRef,
    verdict: Verdict,
) -> Result<(), ApiError> {
    let found = action.find(context.autoscaling);
    let (instance, token) = match &found {
        Ok((instance, token)) => (Some(instance.clone()), Some(token.clone())),
        Err(_) => (action.instance.clone(), action.token.clone()),
    };
    let at = context.kernel.elapsed();
    context.autoscaling.completions.push(Completion {
        at,
        group: action.group.clone(),
        hook: action.hook.clone(),
        instance,
        token,
        result: verdict.to_string(),
        accepted: found.is_ok(),
        by: CompletedBy::Call,
    });
    let (instance, token) = found?;
    let why = format!("Lifecycle Action Completed with {verdict} Result");
    settle(context, &action.group, &instance, &token, verdict, &why);
    Ok(())
}

/// Restarts the heartbeat timeout of a lifecycle action, within its global timeout.
pub(super) fn heartbeat(
    autoscaling: &mut AutoScaling,
    kernel: &mut Kernel,
    action_ref: &ActionRef,
) -> Result<(), ApiError> {
    let (instance, token) = action_ref.find(autoscaling)?;
    let mut prolonged = None;
    if let Some(action) = autoscaling
        .group_mut(&action_ref.group)?
        .member_mut(&instance)
        .and_then(|member| {
            member
                .actions
                .iter_mut()
                .find(|action| action.token == token)
        })
    {
        action.heartbeats += 1;
        prolonged = Some(action.clone());
    }
    if let Some(action) = prolonged {
        set_timeout(autoscaling, kernel, &action_ref.group, &instance, &action);
    }
    Ok(())
}

/// Completes an action with the hook's default result, unless a heartbeat came since the timer was
/// set.
pub(super) fn time_out(
    context: &mut Context<'_>,
    group: &str,
    instance: &str,
    token: &str,
    heartbeats: u64,
) {
    let Some(action) = context
        .autoscaling
        .member(group, instance)
        .and_then(|member| member.actions.iter().find(|action| action.token == token))
        .filter(|action| action.heartbeats == heartbeats)
    else {
        return;
    };
    let (hook, verdict) = (action.hook_name.clone(), action.hook.default_result);
    let at = context.kernel.elapsed();
    context.autoscaling.completions.push(Completion {
        at,
        group: group.to_owned(),
        hook,
        instance: Some(instance.to_owned()),
        token: Some(token.to_owned()),
        result: verdict.to_string(),
        accepted: true,
        by: CompletedBy::Timeout,
    });
    settle(
        context,
        group,
        instance,
        token,
        verdict,
        "Heartbeat Timeout",
    );
}

/// Ends an action, and lets the instance go on if it waits for no other.
fn settle(
    context: &mut Context<'_>,
    group: &str,
    instance: &str,
    token: &str,
    verdict: Verdict,
    why: &str,
) {
    let Some(member) = context.autoscaling.member_mut(group, instance) else {
        return;
    };
    member.actions.retain(|action| action.token != token);
    if verdict == Verdict::Abandon {
        member.actions.clear();
    }
    let (state, done) = (member.state, member.actions.is_empty());
    let is_launch = state == LifecycleState::PendingWait
        || (state == LifecycleState::WarmedPendingWait && member.route == Route::INTO_POOL);
    if is_launch && verdict == Verdict::Abandon {
        let message = format!(
            "Instance failed to complete user's Lifecycle Action: Lifecycle Action with token {token} was \
             abandoned: {why}"
        );
        termination::abandon_launch(context, group, instance, &message);
        return;
    }
    // With either result a termination goes on, and so does the return to a warm pool.
    let next = match state {
        LifecycleState::PendingWait => LifecycleState::PendingProceed,
        LifecycleState::WarmedPendingWait => LifecycleState::WarmedPendingProceed,
        LifecycleState::TerminatingWait => LifecycleState::TerminatingProceed,
        LifecycleState::WarmedTerminatingWait => LifecycleState::WarmedTerminatingProceed,
        _ => return,
    };
    if done {
        enter(context.autoscaling, context.kernel, group, instance, next);
        schedule_proceed(context.autoscaling, context.kernel, group, instance);
    }
}

fn schedule_proceed(
    autoscaling: &mut AutoScaling,
    kernel: &mut Kernel,
    group: &str,
    instance: &str,
) {
    let timer = Timer::Proceed {
        group: group.to_owned(),
        instance: instance.to_owned(),
    };
    kernel.schedule(&mut autoscaling.timers, PROCEED, timer);
}

/// Puts an instance without open actions into service or into the warm pool once it is running, or
/// terminates it.
pub(super) fn proceed(context: &mut Context<'_>, group: &str, instance: &str) {
    let Some(member) = context.autoscaling.member(group, instance) else {
        return;
    };
    let activity_id = member.activity_id.clone();
    match member.state {
        LifecycleState::Pending | LifecycleState::PendingProceed
            if context.machines.is_running(instance) =>
        {
            enter(
                context.autoscaling,
                context.kernel,
                group,
                instance,
                LifecycleState::InService,
            );
            activity::end(
                context.autoscaling,
                context.kernel,
                &activity_id,
                Status::Successful,
                "",
            );
        }
        LifecycleState::WarmedPending | LifecycleState::WarmedPendingProceed
            if context.machines.is_running(instance) =>
        {
            warm_pool::settle(context, group, instance);
        }
        LifecycleState::TerminatingProceed | LifecycleState::WarmedTerminatingProceed => {
            termination::terminate_in_ec2(context, group, instance)
        }
        _ => {}
    }
}
