//! Terminating an instance of a group: the reasons for it, the termination hooks, and what follows.

use std::time::Duration;

use super::activity::{self, Begin, Route, Status};
use super::capacity::schedule_evaluation;
use super::group::{LifecycleState, Transition};
use super::{Context, lifecycle};
use crate::wire::iso8601;

/// Begins to terminate an instance. Its termination hooks run only if it was InService, or in the
/// warm pool: "A final lifecycle hook runs immediately before the instance is terminated" (Auto
/// Scaling User Guide, "Warm pool instance lifecycle"). An instance that never was there has
/// nothing to drain.
pub(super) fn begin_termination(
    context: &mut Context<'_>,
    group_name: &str,
    instance: &str,
    cause: String,
) {
    let Some(group) = context.autoscaling.groups.get_mut(group_name) else {
        return;
    };
    let group_arn = group.arn.clone();
    let Some(member) = group.member_mut(instance) else {
        return;
    };
    let was = member.state;
    if !was.counts() && !was.stays_warm() && was != LifecycleState::Standby {
        return;
    }
    let route = match was.is_warm() {
        true => Route::TERMINATION_IN_POOL,
        false => Route::TERMINATION,
    };
    member.actions.clear();
    let launch_activity = member.activity_id.clone();
    let (subnet, zone) = (member.subnet_id.clone(), member.availability_zone.clone());
    // An activity that has ended stays as it is.
    if !matches!(was, LifecycleState::InService | LifecycleState::Standby) {
        let message = "Instance was terminated while waiting for it to be in InService state";
        activity::end(
            context.autoscaling,
            context.kernel,
            &launch_activity,
            Status::Cancelled,
            message,
        );
    }
    let activity_id = activity::begin(
        context.autoscaling,
        context.kernel,
        Begin {
            group: group_name,
            group_arn: &group_arn,
            instance: Some(instance),
            transition: Transition::Terminating,
            route,
            cause,
            subnet: &subnet,
            availability_zone: &zone,
        },
    );
    if let Some(member) = context.autoscaling.member_mut(group_name, instance) {
        member.activity_id = activity_id;
        member.route = route;
    }
    let hooks_wait = (was == LifecycleState::InService || was.is_warm())
        && lifecycle::begin_actions(
            context.autoscaling,
            context.kernel,
            group_name,
            instance,
            Transition::Terminating,
        );
    if !hooks_wait {
        enter_terminating(context, group_name, instance);
    }
}

/// Puts an instance into Terminating, where no hook holds it, and has EC2 terminate it.
fn enter_terminating(context: &mut Context<'_>, group: &str, instance: &str) {
    let member = context.autoscaling.member(group, instance);
    let state = match member.is_some_and(|member| member.state.is_warm()) {
        true => LifecycleState::WarmedTerminating,
        false => LifecycleState::Terminating,
    };
    lifecycle::enter(context.autoscaling, context.kernel, group, instance, state);
    terminate_in_ec2(context, group, instance);
}

/// Terminates an instance without its hooks, whatever its state.
pub(super) fn terminate_without_hooks(
    context: &mut Context<'_>,
    group: &str,
    instance: &str,
    cause: String,
) {
    begin_termination(context, group, instance, cause);
    let Some(member) = context.autoscaling.member_mut(group, instance) else {
        return;
    };
    if matches!(
        member.state,
        LifecycleState::TerminatingWait
            | LifecycleState::TerminatingProceed
            | LifecycleState::WarmedTerminatingWait
            | LifecycleState::WarmedTerminatingProceed
    ) {
        member.actions.clear();
        enter_terminating(context, group, instance);
    }
}

/// Terminates an instance whose launch was abandoned. The group launches another one afterwards
/// (Auto Scaling User Guide, "How lifecycle hooks work").
pub(super) fn abandon_launch(
    context: &mut Context<'_>,
    group: &str,
    instance: &str,
    message: &str,
) {
    let Some(member) = context.autoscaling.member(group, instance) else {
        return;
    };
    let launch_activity = member.activity_id.clone();
    activity::end(
        context.autoscaling,
        context.kernel,
        &launch_activity,
        Status::Cancelled,
        message,
    );
    let now = iso8601(context.kernel.timestamp());
    let cause =
        format!("At {now} an instance was taken out of service because its launch was abandoned.");
    begin_termination(context, group, instance, cause);
}

/// Replaces an instance that was stopped or terminated from outside, as a health check finds it.
pub(super) fn replace_missing(context: &mut Context<'_>, group: &str, instance: &str) {
    let Some(member) = context.autoscaling.member_mut(group, instance) else {
        return;
    };
    if !member.state.counts() && !member.state.stays_warm() {
        return;
    }
    member.healthy = false;
    let now = iso8601(context.kernel.timestamp());
    let cause = format!(
        "At {now} an instance was taken out of service in response to an EC2 health check indicating it has been \
         terminated or stopped."
    );
    begin_termination(context, group, instance, cause);
}

/// Has EC2 terminate an instance. It may be gone already.
pub(super) fn terminate_in_ec2(context: &mut Context<'_>, group: &str, instance: &str) {
    if context.machines.is_gone(instance) || context.terminate(instance).is_err() {
        finish(context, group, instance);
    }
}

/// EC2 reports that an instance is terminated.
pub(super) fn terminated(context: &mut Context<'_>, group: &str, instance: &str) {
    let state = context.autoscaling.member(group, instance).map(|m| m.state);
    // In every other state, the group did not terminate it: the health check finds it.
    if matches!(
        state,
        Some(
            LifecycleState::Terminating
                | LifecycleState::TerminatingProceed
                | LifecycleState::WarmedTerminating
                | LifecycleState::WarmedTerminatingProceed
        )
    ) {
        finish(context, group, instance);
    }
}

/// Removes a terminated instance from its group.
fn finish(context: &mut Context<'_>, group_name: &str, instance: &str) {
    let member = context.autoscaling.member(group_name, instance);
    let state = match member.is_some_and(|member| member.state.is_warm()) {
        true => LifecycleState::WarmedTerminated,
        false => LifecycleState::Terminated,
    };
    lifecycle::enter(
        context.autoscaling,
        context.kernel,
        group_name,
        instance,
        state,
    );
    let Some(group) = context.autoscaling.groups.get_mut(group_name) else {
        return;
    };
    let Some(index) = group
        .members
        .iter()
        .position(|member| member.instance_id == instance)
    else {
        return;
    };
    let member = group.members.remove(index);
    let remove_group = group.deleting && group.members.is_empty();
    if group.pooled().next().is_none() && group.warm_pool.as_ref().is_some_and(|p| p.deleting) {
        group.warm_pool = None;
    }
    activity::end(
        context.autoscaling,
        context.kernel,
        &member.activity_id,
        Status::Successful,
        "",
    );
    if remove_group {
        context.autoscaling.groups.remove(group_name);
    } else {
        schedule_evaluation(
            context.autoscaling,
            context.kernel,
            group_name,
            Duration::ZERO,
        );
    }
}
