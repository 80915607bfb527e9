//! EnterStandby and ExitStandby (Auto Scaling User Guide, "Temporarily remove instances from your
//! Auto Scaling group"; API Reference, EnterStandby and ExitStandby).
//!
//! Either is over at once: `EnteringStandby`, and `Pending` on the way back, last for as long as
//! nobody looks. No page says whether launch hooks hold an instance that comes back; here, none
//! does.

use std::time::Duration;

use super::activity::Moved;
use super::group::LifecycleState;
use super::{Context, activity, capacity, describe, invalid, lifecycle};
use crate::wire::error::ApiError;
use crate::wire::iso8601;
use crate::wire::query::Params;
use crate::wire::xml::Xml;

/// Puts instances on standby.
pub(super) fn enter(context: &mut Context<'_>, params: &mut Params) -> Result<String, ApiError> {
    let name = params.required_str("AutoScalingGroupName")?;
    let instances = params.list("InstanceIds.member");
    let decrement = params
        .bool("ShouldDecrementDesiredCapacity")?
        .ok_or_else(|| params.missing("ShouldDecrementDesiredCapacity"))?;
    params.finish()?;
    check_states(context, &name, &instances, LifecycleState::InService)?;
    let group = context.autoscaling.group_mut(&name)?;
    if decrement {
        let number = u32::try_from(instances.len()).unwrap_or(u32::MAX);
        let (min, max, desired) = (group.min_size, group.max_size, group.desired_capacity);
        let left = desired.checked_sub(number).filter(|left| *left >= min);
        let Some(left) = left else {
            return Err(invalid(format!(
                "AutoScalingGroup {name} has min-size={min}, max-size={max}, and desired-size={desired}. To place into \
                 standby {number} instance, please update the AutoScalingGroup sizes appropriately."
            )));
        };
        group.desired_capacity = left;
    }
    // If it is not decremented, the group launches others in their place.
    Ok(move_all(
        context,
        &name,
        &instances,
        LifecycleState::Standby,
    ))
}

/// Puts instances back into service: "the desired capacity is incremented".
pub(super) fn exit(context: &mut Context<'_>, params: &mut Params) -> Result<String, ApiError> {
    let name = params.required_str("AutoScalingGroupName")?;
    let instances = params.list("InstanceIds.member");
    params.finish()?;
    check_states(context, &name, &instances, LifecycleState::Standby)?;
    let group = context.autoscaling.group_mut(&name)?;
    let number = u32::try_from(instances.len()).unwrap_or(u32::MAX);
    group.desired_capacity = group.desired_capacity.saturating_add(number);
    Ok(move_all(
        context,
        &name,
        &instances,
        LifecycleState::InService,
    ))
}

/// No page has AWS's words for an instance in another state.
fn check_states(
    context: &mut Context<'_>,
    group: &str,
    instances: &[String],
    wanted: LifecycleState,
) -> Result<(), ApiError> {
    let group = context.autoscaling.group_mut(group)?;
    let is_right = |id: &&String| group.member(id).is_some_and(|it| it.state == wanted);
    match instances.iter().find(|id| !is_right(id)) {
        Some(wrong) => Err(invalid(format!("The instance {wrong} is not in {wanted}."))),
        None => Ok(()),
    }
}

/// Puts each into this state, with an activity for each.
fn move_all(
    context: &mut Context<'_>,
    group: &str,
    instances: &[String],
    state: LifecycleState,
) -> String {
    let (what, how) = match state {
        LifecycleState::Standby => ("Moving EC2 instance to Standby", "moved to standby"),
        _ => ("Moving EC2 instance out of Standby", "moved out of standby"),
    };
    let now = iso8601(context.kernel.timestamp());
    let mut xml = Xml::new();
    let mut activities = Vec::new();
    for instance in instances {
        let autoscaling = &mut *context.autoscaling;
        lifecycle::enter(autoscaling, context.kernel, group, instance, state);
        let moved = Moved {
            group,
            instance,
            description: format!("{what}: {instance}"),
            cause: format!("At {now} instance {instance} was {how} in response to a user request."),
            into_service: state == LifecycleState::InService,
        };
        activities.extend(activity::moved(autoscaling, context.kernel, moved));
    }
    xml.members("Activities", &activities, describe::write_activity);
    capacity::schedule_evaluation(context.autoscaling, context.kernel, group, Duration::ZERO);
    xml.into_string()
}
