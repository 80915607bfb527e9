//! The calls about warm pools.

use std::time::Duration;

use super::describe::{self, Window};
use super::warm_pool::PoolState;
use super::{AutoScaling, Context, capacity, invalid, termination};
use crate::wire::error::ApiError;
use crate::wire::iso8601;
use crate::wire::query::Params;

/// Creates or changes a warm pool. What is missing stays as it is, else it is the default.
pub(super) fn put(context: &mut Context<'_>, params: &mut Params) -> Result<String, ApiError> {
    let name = params.required_str("AutoScalingGroupName")?;
    let max_prepared = params.parsed::<i32>("MaxGroupPreparedCapacity", "an integer")?;
    let min_size = params.parsed::<i32>("MinSize", "an integer")?;
    let state = params.str("PoolState");
    let mut policy = params.structure("InstanceReusePolicy");
    let reuse = policy.bool("ReuseOnScaleIn")?;
    policy.finish()?;
    params.finish()?;
    let state = state
        .map(|text| {
            PoolState::parse(&text).ok_or_else(|| {
                invalid(format!(
                    "1 validation error detected: Value '{text}' at 'poolState' failed to satisfy constraint: Member \
                     must satisfy enum value set: [Stopped, Running, Hibernated]"
                ))
            })
        })
        .transpose()?;
    let at_least = |field: &str, value: Option<i32>, least: i32| match value {
        Some(value) if value < least => Err(invalid(format!(
            "1 validation error detected: Value '{value}' at '{field}' failed to satisfy constraint: Member must have \
             value greater than or equal to {least}"
        ))),
        value => Ok(value),
    };
    let max_prepared = at_least("maxGroupPreparedCapacity", max_prepared, -1)?;
    let min_size = at_least("minSize", min_size, 0)?;
    let group = context.autoscaling.group_mut(&name)?;
    if group.warm_pool.as_ref().is_some_and(|pool| pool.deleting) {
        return Err(invalid(
            "The warm pool of the Auto Scaling group is being deleted.",
        ));
    }
    let pool = group.warm_pool.get_or_insert_default();
    if let Some(max_prepared) = max_prepared {
        // -1 removes the value (API Reference, PutWarmPool).
        pool.max_prepared = u32::try_from(max_prepared).ok();
    }
    if let Some(min_size) = min_size {
        pool.min_size = u32::try_from(min_size).unwrap_or(0);
    }
    pool.state = state.unwrap_or(pool.state);
    pool.reuse_on_scale_in = reuse.unwrap_or(pool.reuse_on_scale_in);
    capacity::schedule_evaluation(context.autoscaling, context.kernel, &name, Duration::ZERO);
    Ok(String::new())
}

/// Describes a warm pool and its instances: at most 50 in a page.
pub(super) fn describe(autoscaling: &AutoScaling, params: &mut Params) -> Result<String, ApiError> {
    let name = params.required_str("AutoScalingGroupName")?;
    let window = Window::read_up_to(50, params)?;
    params.finish()?;
    Ok(describe::warm_pool(autoscaling.group(&name)?, &window))
}

/// Deletes a warm pool. With `ForceDelete`, its instances are terminated without their hooks.
pub(super) fn delete(context: &mut Context<'_>, params: &mut Params) -> Result<String, ApiError> {
    let name = params.required_str("AutoScalingGroupName")?;
    let force = params.bool("ForceDelete")?.unwrap_or(false);
    params.finish()?;
    let group = context.autoscaling.group_mut(&name)?;
    let instances: Vec<String> = group
        .pooled()
        .map(|member| member.instance_id.clone())
        .collect();
    let Some(pool) = &mut group.warm_pool else {
        return Err(invalid(format!(
            "The Auto Scaling group {name} has no warm pool."
        )));
    };
    if instances.is_empty() {
        group.warm_pool = None;
        return Ok(String::new());
    }
    if !force {
        return Err(ApiError::new(
            "ResourceInUse",
            "You cannot delete a warm pool while there are instances still in it.",
        ));
    }
    pool.deleting = true;
    let now = iso8601(context.kernel.timestamp());
    for instance in instances {
        let cause = format!("At {now} a user request deleted the warm pool.");
        termination::terminate_without_hooks(context, &name, &instance, cause);
    }
    Ok(String::new())
}
