//! Launches and terminates instances until a group has its desired capacity.

use std::collections::BTreeMap;
use std::time::Duration;

use super::activity::{self, Begin, Route, Status};
use super::group::{Group, LifecycleState, Member, Transition};
use super::{AutoScaling, Context, Timer, lifecycle, termination, warm_pool};
use crate::kernel::Kernel;
use crate::wire::error::ApiError;
use crate::wire::iso8601;

/// How long a group waits after a failed launch before it tries again.
const RETRY_LAUNCH: Duration = Duration::from_secs(60);

/// Schedules the comparison of a group with its desired capacity, after the call that changed it.
pub(super) fn schedule_evaluation(
    autoscaling: &mut AutoScaling,
    kernel: &mut Kernel,
    group: &str,
    after: Duration,
) {
    let timer = Timer::Evaluate {
        group: group.to_owned(),
    };
    kernel.schedule(&mut autoscaling.timers, after, timer);
}

/// Tries again later, after a launch that failed.
pub(super) fn retry_launch(context: &mut Context<'_>, group: &str) {
    schedule_evaluation(context.autoscaling, context.kernel, group, RETRY_LAUNCH);
}

/// Launches or terminates until the group's capacity is the desired one, and its warm pool has its
/// size.
pub(super) fn evaluate(context: &mut Context<'_>, name: &str) {
    let mut launched = Vec::new();
    balance(context, name, &mut launched);
    warm_pool::fill(context, name, &mut launched);
    context.machines.record_launch(context.kernel, &launched);
}

fn balance(context: &mut Context<'_>, name: &str, launched: &mut Vec<String>) {
    while let Some(group) = context.autoscaling.groups.get(name) {
        let (capacity, desired) = (group.capacity(), group.desired_capacity);
        if group.deleting {
            return;
        }
        if capacity < desired && !group.suspended.contains_key("Launch") {
            // The warm pool comes first; if it has none ready, new instances are launched.
            let result = match warm_pool::next_to_leave(context, name) {
                Some(instance) => warm_pool::leave(context, name, &instance),
                None => launch(context, name, Route::LAUNCH).map(|id| launched.push(id)),
            };
            if result.is_err() {
                retry_launch(context, name);
                return;
            }
        } else if capacity > desired && !group.suspended.contains_key("Terminate") {
            let Some(victim) = choose_instance_to_terminate(group) else {
                return;
            };
            let reuses = group.reuses()
                && group
                    .member(&victim)
                    .is_some_and(|member| member.state == LifecycleState::InService);
            let now = iso8601(context.kernel.timestamp());
            let cause = format!(
                "{} At {now} an instance was taken out of service in response to a difference between desired and \
                 actual capacity, shrinking the capacity from {capacity} to {}. At {now} instance {victim} was \
                 selected for termination.",
                reason(context.autoscaling, name),
                capacity - 1
            );
            match reuses {
                true => warm_pool::return_to(context, name, &victim, cause),
                false => termination::begin_termination(context, name, &victim, cause),
            }
        } else {
            return;
        }
    }
}

fn reason(autoscaling: &AutoScaling, group: &str) -> String {
    autoscaling
        .groups
        .get(group)
        .map(|group| group.cause.clone())
        .unwrap_or_default()
}

/// The subnet for the next instance: the one with the fewest instances in the zone with the fewest
/// (Auto Scaling User Guide, "Availability Zones").
fn choose_subnet(group: &Group, route: Route) -> Option<(String, String)> {
    let into_pool = route == Route::INTO_POOL;
    let count = |matches: &dyn Fn(&Member) -> bool| {
        group
            .members
            .iter()
            .filter(|member| match into_pool {
                true => member.state.stays_warm(),
                false => member.state.counts(),
            })
            .filter(|member| matches(member))
            .count()
    };
    group
        .subnets
        .iter()
        .min_by_key(|(subnet, zone)| {
            (
                count(&|member| member.availability_zone == *zone),
                count(&|member| member.subnet_id == *subnet),
            )
        })
        .cloned()
}

/// The instance to terminate when the group has too many: the oldest in the zone with the most. A
/// short form of the default policy (Auto Scaling User Guide, "Configure termination policies").
fn choose_instance_to_terminate(group: &Group) -> Option<String> {
    let mut zones: BTreeMap<&str, usize> = BTreeMap::new();
    for member in group.members.iter().filter(|member| member.state.counts()) {
        *zones.entry(&member.availability_zone).or_default() += 1;
    }
    let candidates = || {
        group
            .members
            .iter()
            .filter(|member| member.state.counts() && !member.protected)
    };
    let fullest = candidates()
        .filter_map(|member| zones.get(member.availability_zone.as_str()))
        .max()?;
    candidates()
        .find(|member| zones.get(member.availability_zone.as_str()) == Some(fullest))
        .map(|member| member.instance_id.clone())
}

/// Launches an instance into the group or into its warm pool, and returns its id.
pub(super) fn launch(
    context: &mut Context<'_>,
    name: &str,
    route: Route,
) -> Result<String, ApiError> {
    let group = context.autoscaling.group_mut(name)?;
    let capacity = group.capacity();
    let into_pool = route == Route::INTO_POOL;
    let (subnet, zone) = choose_subnet(group, route).unwrap_or_default();
    // Copies the group without its instances, because a large group would be copied for each
    // launch.
    let members = std::mem::take(&mut group.members);
    let copy = group.clone();
    group.members = members;
    let group = copy;
    let now = iso8601(context.kernel.timestamp());
    let cause = match into_pool {
        true => format!(
            "{} At {now} an instance was launched into the warm pool.",
            group.cause
        ),
        false => format!(
            "{} At {now} an instance was started in response to a difference between desired and actual capacity, \
             increasing the capacity from {capacity} to {}.",
            group.cause,
            capacity + 1
        ),
    };
    let launched = context.machines.launch(context.kernel, &group, &subnet);
    let activity_id = activity::begin(
        context.autoscaling,
        context.kernel,
        Begin {
            group: name,
            group_arn: &group.arn,
            instance: launched
                .as_ref()
                .ok()
                .map(|(instance, _)| instance.as_str()),
            transition: Transition::Launching,
            route,
            cause,
            subnet: &subnet,
            availability_zone: &zone,
        },
    );
    let (instance, instance_type) = match launched {
        Ok(launched) => launched,
        Err(error) => {
            let message = format!("{} Launching EC2 instance failed.", error.message);
            activity::end(
                context.autoscaling,
                context.kernel,
                &activity_id,
                Status::Failed,
                &message,
            );
            context
                .machines
                .record_failure(context.kernel, &subnet, &error);
            return Err(error);
        }
    };
    let state = match into_pool {
        true => LifecycleState::WarmedPending,
        false => LifecycleState::Pending,
    };
    context.autoscaling.group_mut(name)?.members.push(Member {
        instance_id: instance.clone(),
        instance_type,
        availability_zone: zone,
        subnet_id: subnet,
        launch_template: group.launch_template,
        state,
        healthy: true,
        protected: group.protect_new_instances,
        actions: Vec::new(),
        activity_id,
        route,
        pool_state: group.warm_pool.map(|pool| pool.state).unwrap_or_default(),
    });
    lifecycle::enter(context.autoscaling, context.kernel, name, &instance, state);
    if !lifecycle::begin_actions(
        context.autoscaling,
        context.kernel,
        name,
        &instance,
        Transition::Launching,
    ) {
        lifecycle::proceed(context, name, &instance);
    }
    Ok(instance)
}
