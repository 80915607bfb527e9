//! The parameters of a call that creates or changes a group.

use super::group::LaunchTemplate;
use super::{Machines, invalid};
use crate::wire::error::ApiError;
use crate::wire::query::Params;

/// The parameters that `CreateAutoScalingGroup` and `UpdateAutoScalingGroup` share.
pub(super) struct GroupRequest {
    pub(super) launch_template: Option<LaunchTemplate>,
    pub(super) min_size: Option<u32>,
    pub(super) max_size: Option<u32>,
    pub(super) desired_capacity: Option<u32>,
    pub(super) default_cooldown: Option<u32>,
    pub(super) health_check_type: Option<String>,
    pub(super) health_check_grace_period: Option<u32>,
    pub(super) protect_new_instances: Option<bool>,
    pub(super) termination_policies: Vec<String>,
    pub(super) service_linked_role_arn: Option<String>,
    pub(super) subnets: Option<Vec<(String, String)>>,
}

impl GroupRequest {
    pub(super) fn read(machines: &Machines<'_>, params: &mut Params) -> Result<Self, ApiError> {
        // Accepted without effect in the fake AWS.
        for ignored in [
            "CapacityRebalance",
            "DefaultInstanceWarmup",
            "DesiredCapacityType",
            "MaxInstanceLifetime",
        ] {
            let _ = params.str(ignored);
        }
        let launch_template = read_launch_template(machines, params)?;
        let zones = params.list("AvailabilityZones.member");
        let subnets = match params.str("VPCZoneIdentifier") {
            Some(text) => Some(read_subnets(machines, &text, &zones)?),
            None => None,
        };
        Ok(Self {
            launch_template,
            min_size: params.u32("MinSize")?,
            max_size: params.u32("MaxSize")?,
            desired_capacity: params.u32("DesiredCapacity")?,
            default_cooldown: params.u32("DefaultCooldown")?,
            health_check_type: params.str("HealthCheckType"),
            health_check_grace_period: params.u32("HealthCheckGracePeriod")?,
            protect_new_instances: params.bool("NewInstancesProtectedFromScaleIn")?,
            termination_policies: params.list("TerminationPolicies.member"),
            service_linked_role_arn: params.str("ServiceLinkedRoleARN"),
            subnets,
        })
    }
}

fn read_subnets(
    machines: &Machines<'_>,
    text: &str,
    zones: &[String],
) -> Result<Vec<(String, String)>, ApiError> {
    let mut subnets = Vec::new();
    for id in text.split(',').map(str::trim).filter(|id| !id.is_empty()) {
        let zone = machines
            .subnet_zone(id)
            .ok_or_else(|| invalid(format!("The subnet ID '{id}' does not exist")))?;
        if !zones.is_empty() && !zones.contains(&zone) {
            return Err(invalid(
                "The availability zones of the specified subnets and the Auto Scaling group do not match",
            ));
        }
        subnets.push((id.to_owned(), zone));
    }
    if subnets.is_empty() {
        return Err(invalid(
            "At least one Availability Zone or VPC Subnet is required.",
        ));
    }
    Ok(subnets)
}

/// Finds the launch template by id or name. The version is resolved at each launch, as on AWS.
fn read_launch_template(
    machines: &Machines<'_>,
    params: &mut Params,
) -> Result<Option<LaunchTemplate>, ApiError> {
    let id = params.str("LaunchTemplate.LaunchTemplateId");
    let name = params.str("LaunchTemplate.LaunchTemplateName");
    let version = params.str("LaunchTemplate.Version");
    if id.is_none() && name.is_none() {
        return Ok(None);
    }
    let (id, name) = machines
        .find_launch_template(id.as_deref(), name.as_deref(), version.as_deref())
        .map_err(|error| {
            invalid(format!(
                "You must use a valid fully-formed launch template. {}",
                error.message
            ))
        })?;
    Ok(Some(LaunchTemplate {
        id,
        name,
        version: version.unwrap_or_else(|| "$Default".to_owned()),
    }))
}
