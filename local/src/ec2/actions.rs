//! The calls of EC2, by action, and the timers.

use super::instance::{self, StateObserver};
use super::{
    Ec2, Timer, attach, create_interface, describe_instances, instance_type, interface,
    launch_template, modify_interface, power, reservation, run_instances, security_group, subnet,
    tags, type_offerings, user_data, vpc, zones,
};
use crate::kernel::Kernel;
use crate::wire::error::ApiError;
use crate::wire::query::Params;

/// Performs an action. The answer is the content of `<ActionResponse>`.
pub(crate) fn act(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    observer: &mut dyn StateObserver,
    action: &str,
    params: &mut Params,
) -> Result<String, ApiError> {
    type Handler = fn(&mut Ec2, &mut Kernel, &mut Params) -> Result<String, ApiError>;
    type StateHandler =
        fn(&mut Ec2, &mut Kernel, &mut dyn StateObserver, &mut Params) -> Result<String, ApiError>;
    let change_states: Option<StateHandler> = match action {
        "StartInstances" => Some(power::start_all),
        "StopInstances" => Some(power::stop_all),
        "TerminateInstances" => Some(instance::terminate_all),
        _ => None,
    };
    if let Some(handler) = change_states {
        refuse_dry_run(params)?;
        return handler(ec2, kernel, observer, params);
    }
    let handler: Handler = match action {
        "AssignPrivateIpAddresses" => modify_interface::assign_addresses,
        "AssociateSubnetCidrBlock" => subnet::associate_cidr,
        "AttachNetworkInterface" => attach::attach,
        "CreateLaunchTemplate" => launch_template::create,
        "CreateLaunchTemplateVersion" => launch_template::create_version,
        "CreateNetworkInterface" => create_interface::create,
        "CreateSecurityGroup" => security_group::create,
        "CreateSubnet" => subnet::create,
        "CreateSubnetCidrReservation" => reservation::create,
        "CreateTags" => tags::create,
        "CreateVpc" => vpc::create,
        "DeleteLaunchTemplate" => launch_template::delete,
        "DeleteNetworkInterface" => create_interface::delete,
        "DeleteSecurityGroup" => security_group::delete,
        "DeleteSubnet" => subnet::delete,
        "DeleteSubnetCidrReservation" => reservation::delete,
        "DeleteTags" => tags::delete,
        "DeleteVpc" => vpc::delete,
        "DescribeAvailabilityZones" => zones::describe,
        "DescribeInstanceAttribute" => user_data::describe_attribute,
        "DescribeInstanceTypeOfferings" => type_offerings::describe,
        "DescribeInstanceTypes" => instance_type::describe,
        "DescribeInstances" => describe_instances::describe,
        "DescribeLaunchTemplateVersions" => launch_template::describe_versions,
        "DescribeLaunchTemplates" => launch_template::describe,
        "DescribeNetworkInterfaceAttribute" => modify_interface::describe_attribute,
        "DescribeNetworkInterfaces" => interface::describe,
        "DescribeSecurityGroups" => security_group::describe,
        "DescribeSubnets" => subnet::describe,
        "DescribeTags" => tags::describe,
        "DescribeVpcs" => vpc::describe,
        "DetachNetworkInterface" => attach::detach,
        "GetSubnetCidrReservations" => reservation::get,
        "ModifyNetworkInterfaceAttribute" => modify_interface::modify,
        "ModifySubnetAttribute" => subnet::modify,
        "RunInstances" => run_instances::run,
        "UnassignPrivateIpAddresses" => modify_interface::unassign_addresses,
        _ => return Err(ApiError::invalid_action(action)),
    };
    refuse_dry_run(params)?;
    handler(ec2, kernel, params)
}

fn refuse_dry_run(params: &mut Params) -> Result<(), ApiError> {
    if params.bool("DryRun")? == Some(true) {
        return Err(ApiError::with_status(
            412,
            "DryRunOperation",
            "Request would have succeeded, but DryRun flag is set.",
        ));
    }
    Ok(())
}

/// Runs EC2's next timer.
pub(crate) fn run_next_timer(ec2: &mut Ec2, kernel: &mut Kernel, observer: &mut dyn StateObserver) {
    match ec2.timers.pop() {
        None => {}
        Some(Timer::InstanceRunning(id)) => instance::running(ec2, kernel, observer, &id),
        Some(Timer::InstanceStopped(id)) => instance::stopped(ec2, kernel, observer, &id),
        Some(Timer::InstanceTerminated(id)) => instance::terminated(ec2, kernel, observer, &id),
        Some(Timer::InstanceForgotten(id)) => instance::forgotten(ec2, kernel, &id),
        Some(Timer::Attached(attachment)) => attach::attached(ec2, kernel, &attachment),
        Some(Timer::Detached(attachment)) => attach::detached(ec2, kernel, &attachment),
    }
}
