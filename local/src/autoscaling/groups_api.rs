//! The calls that create, change and delete groups.

use std::collections::BTreeMap;
use std::time::Duration;

use super::group::{Group, Transition};
use super::group_request::GroupRequest;
use super::hooks_api::HookRequest;
use super::{Context, capacity, describe, invalid, tags_api, termination};
use crate::wire::error::ApiError;
use crate::wire::iso8601;
use crate::wire::query::Params;
use crate::wire::xml::Xml;

fn check_sizes(min: u32, max: u32, desired: u32) -> Result<(), ApiError> {
    if min > max {
        return Err(invalid(format!(
            "Max bound, {max}, must be greater than or equal to min bound, {min}"
        )));
    }
    if !(min..=max).contains(&desired) {
        return Err(invalid(format!(
            "Desired capacity:{desired} must be between the specified min size:{min} and max size:{max}"
        )));
    }
    Ok(())
}

pub(super) fn create(context: &mut Context<'_>, params: &mut Params) -> Result<String, ApiError> {
    let name = params.required_str("AutoScalingGroupName")?;
    let request = GroupRequest::read(&context.machines, params)?;
    let tags = tags_api::read(params)?;
    let mut hooks = BTreeMap::new();
    for mut specification in params.structs("LifecycleHookSpecificationList.member") {
        let hook_request = HookRequest::read(&mut specification)?;
        specification.finish()?;
        let hook = hook_request.resolve(None)?;
        hooks.insert(hook_request.name, hook);
    }
    params.finish()?;
    if name.len() > 255 || name.contains(':') {
        return Err(invalid(
            "Group name must have 1 to 255 characters, and no colon",
        ));
    }
    if context.autoscaling.groups.contains_key(&name) {
        return Err(ApiError::new(
            "AlreadyExists",
            format!(
                "AutoScalingGroup by this name already exists - A group with the name {name} already exists"
            ),
        ));
    }
    let min_size = request.min_size.ok_or_else(|| params.missing("MinSize"))?;
    let max_size = request.max_size.ok_or_else(|| params.missing("MaxSize"))?;
    let desired_capacity = request.desired_capacity.unwrap_or(min_size);
    check_sizes(min_size, max_size, desired_capacity)?;
    let launch_template = request.launch_template.ok_or_else(|| {
        invalid(
            "Valid requests must contain either LaunchTemplate, LaunchConfigurationName, InstanceId or \
             MixedInstancesPolicy parameter.",
        )
    })?;
    let subnets = request
        .subnets
        .ok_or_else(|| invalid("At least one Availability Zone or VPC Subnet is required."))?;
    let (region, account) = (
        context.kernel.settings.region.clone(),
        context.kernel.settings.account.clone(),
    );
    let uuid = context.kernel.new_uuid();
    let now = context.kernel.timestamp();
    let group = Group {
        arn: format!("arn:aws:autoscaling:{region}:{account}:autoScalingGroup:{uuid}:autoScalingGroupName/{name}"),
        created: now,
        launch_template,
        min_size,
        max_size,
        desired_capacity,
        default_cooldown: request.default_cooldown.unwrap_or(300),
        health_check_type: request.health_check_type.unwrap_or_else(|| "EC2".to_owned()),
        health_check_grace_period: request.health_check_grace_period.unwrap_or(0),
        protect_new_instances: request.protect_new_instances.unwrap_or(false),
        termination_policies: non_empty(request.termination_policies).unwrap_or_else(|| vec!["Default".to_owned()]),
        service_linked_role_arn: request.service_linked_role_arn.unwrap_or_else(|| {
            format!(
                "arn:aws:iam::{account}:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
            )
        }),
        subnets,
        tags: tags.into_iter().map(|tag| (tag.key, tag.tag)).collect(),
        hooks,
        members: Vec::new(),
        warm_pool: None,
        suspended: BTreeMap::new(),
        deleting: false,
        cause: format!(
            "At {} a user request created an AutoScalingGroup changing the desired capacity from 0 to \
             {desired_capacity}.",
            iso8601(now)
        ),
        name: name.clone(),
    };
    context.autoscaling.groups.insert(name.clone(), group);
    capacity::schedule_evaluation(context.autoscaling, context.kernel, &name, Duration::ZERO);
    Ok(String::new())
}

fn non_empty<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

pub(super) fn update(context: &mut Context<'_>, params: &mut Params) -> Result<String, ApiError> {
    let name = params.required_str("AutoScalingGroupName")?;
    let request = GroupRequest::read(&context.machines, params)?;
    params.finish()?;
    let now = iso8601(context.kernel.timestamp());
    let group = context.autoscaling.group_mut(&name)?;
    let min_size = request.min_size.unwrap_or(group.min_size);
    let max_size = request.max_size.unwrap_or(group.max_size);
    // New bounds move the desired capacity into them; a requested one must fit (Auto Scaling API
    // Reference, UpdateAutoScalingGroup).
    let desired = match request.desired_capacity {
        Some(desired) => desired,
        None if min_size <= max_size => group.desired_capacity.clamp(min_size, max_size),
        None => group.desired_capacity,
    };
    check_sizes(min_size, max_size, desired)?;
    if desired != group.desired_capacity {
        group.cause = format!(
            "At {now} a user request update of AutoScalingGroup constraints to min: {min_size}, max: {max_size}, \
             desired: {desired} changing the desired capacity from {} to {desired}.",
            group.desired_capacity
        );
    }
    group.min_size = min_size;
    group.max_size = max_size;
    group.desired_capacity = desired;
    if let Some(launch_template) = request.launch_template {
        group.launch_template = launch_template;
    }
    if let Some(subnets) = request.subnets {
        group.subnets = subnets;
    }
    if let Some(policies) = non_empty(request.termination_policies) {
        group.termination_policies = policies;
    }
    group.default_cooldown = request.default_cooldown.unwrap_or(group.default_cooldown);
    group.health_check_grace_period = request
        .health_check_grace_period
        .unwrap_or(group.health_check_grace_period);
    group.protect_new_instances = request
        .protect_new_instances
        .unwrap_or(group.protect_new_instances);
    if let Some(kind) = request.health_check_type {
        group.health_check_type = kind;
    }
    if let Some(role) = request.service_linked_role_arn {
        group.service_linked_role_arn = role;
    }
    capacity::schedule_evaluation(context.autoscaling, context.kernel, &name, Duration::ZERO);
    Ok(String::new())
}

pub(super) fn delete(context: &mut Context<'_>, params: &mut Params) -> Result<String, ApiError> {
    let name = params.required_str("AutoScalingGroupName")?;
    let force = params.bool("ForceDelete")?.unwrap_or(false);
    params.finish()?;
    let group = context.autoscaling.group_mut(&name)?;
    if group.members.is_empty() {
        context.autoscaling.groups.remove(&name);
        return Ok(String::new());
    }
    if !force {
        return Err(ApiError::new(
            "ResourceInUse",
            "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance request(s) \
             still in the group.",
        ));
    }
    // ForceDelete skips the hooks (Auto Scaling API Reference, DeleteAutoScalingGroup).
    group.deleting = true;
    group.desired_capacity = 0;
    group
        .hooks
        .retain(|_, hook| hook.transition != Transition::Terminating);
    let instances: Vec<String> = group
        .members
        .iter()
        .map(|member| member.instance_id.clone())
        .collect();
    let now = iso8601(context.kernel.timestamp());
    for instance in instances {
        let cause = format!("At {now} a user request deleted the AutoScalingGroup.");
        termination::terminate_without_hooks(context, &name, &instance, cause);
    }
    Ok(String::new())
}

pub(super) fn set_desired_capacity(
    context: &mut Context<'_>,
    params: &mut Params,
) -> Result<String, ApiError> {
    let name = params.required_str("AutoScalingGroupName")?;
    let desired = params.required_u32("DesiredCapacity")?;
    // Accepted without effect: the fake AWS has no cooldowns.
    let _ = params.bool("HonorCooldown")?;
    params.finish()?;
    let now = iso8601(context.kernel.timestamp());
    let group = context.autoscaling.group_mut(&name)?;
    if desired > group.max_size {
        return Err(invalid(format!(
            "New SetDesiredCapacity value {desired} is above max value {} for the AutoScalingGroup.",
            group.max_size
        )));
    }
    if desired < group.min_size {
        return Err(invalid(format!(
            "New SetDesiredCapacity value {desired} is below min value {} for the AutoScalingGroup.",
            group.min_size
        )));
    }
    group.cause = format!(
        "At {now} a user request explicitly set group desired capacity changing the desired capacity from {} to \
         {desired}.",
        group.desired_capacity
    );
    group.desired_capacity = desired;
    capacity::schedule_evaluation(context.autoscaling, context.kernel, &name, Duration::ZERO);
    Ok(String::new())
}

pub(super) fn terminate_instance(
    context: &mut Context<'_>,
    params: &mut Params,
) -> Result<String, ApiError> {
    let instance = params.required_str("InstanceId")?;
    let decrement = params
        .bool("ShouldDecrementDesiredCapacity")?
        .ok_or_else(|| params.missing("ShouldDecrementDesiredCapacity"))?;
    params.finish()?;
    let now = iso8601(context.kernel.timestamp());
    let group = context
        .autoscaling
        .groups
        .values_mut()
        .find(|group| {
            group
                .member(&instance)
                .is_some_and(|member| member.state.counts())
        })
        .ok_or_else(|| {
            invalid(format!(
                "Instance Id not found - No managed instance found for instance ID: {instance}"
            ))
        })?;
    if decrement {
        if group.desired_capacity <= group.min_size {
            return Err(invalid(format!(
                "Currently, desiredSize equals minSize ({}). Terminating instance without replacement will violate \
                 group's min size constraint. Either set shouldDecrementDesiredCapacity flag to false or lower \
                 group's min size.",
                group.min_size
            )));
        }
        group.desired_capacity -= 1;
    }
    let name = group.name.clone();
    let cause = format!(
        "At {now} instance {instance} was taken out of service in response to a user request."
    );
    termination::begin_termination(context, &name, &instance, cause);
    let mut xml = Xml::new();
    if let Some(activity) = context
        .autoscaling
        .activities
        .iter()
        .rev()
        .find(|activity| {
            activity.transition == Transition::Terminating
                && activity.instance.as_ref() == Some(&instance)
        })
    {
        xml.element("Activity", |xml| describe::write_activity(xml, activity));
    }
    Ok(xml.into_string())
}

/// Suspends or resumes processes. Both calls may be repeated (API Reference, SuspendProcesses and
/// ResumeProcesses, name no error for it).
pub(super) fn suspend(
    context: &mut Context<'_>,
    params: &mut Params,
    suspended: bool,
) -> Result<String, ApiError> {
    const PROCESSES: [&str; 9] = [
        "AZRebalance",
        "AddToLoadBalancer",
        "AlarmNotification",
        "HealthCheck",
        "InstanceRefresh",
        "Launch",
        "ReplaceUnhealthy",
        "ScheduledActions",
        "Terminate",
    ];
    let name = params.required_str("AutoScalingGroupName")?;
    let mut processes = params.list("ScalingProcesses.member");
    params.finish()?;
    if let Some(unknown) = processes
        .iter()
        .find(|process| !PROCESSES.contains(&process.as_str()))
    {
        return Err(invalid(format!(
            "{unknown} is not a valid Scaling Process type."
        )));
    }
    if processes.is_empty() {
        processes = PROCESSES.map(str::to_owned).to_vec();
    }
    let now = context.kernel.timestamp();
    let group = context.autoscaling.group_mut(&name)?;
    for process in processes {
        if suspended {
            // No source says that a second call changes the time of the first.
            group.suspended.entry(process).or_insert(now);
        } else {
            group.suspended.remove(&process);
        }
    }
    capacity::schedule_evaluation(context.autoscaling, context.kernel, &name, Duration::ZERO);
    Ok(String::new())
}
