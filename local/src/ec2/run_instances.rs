//! RunInstances, and the parameters that it shares with CreateLaunchTemplate.

use super::create_interface::{InterfaceSpec, parse_addresses};
use super::describe_instances::write_instances;
use super::errors::{invalid_combination, invalid_value};
use super::launch::{InterfaceAtLaunch, LaunchSpec, launch};
use super::launch_template::{LaunchTemplateRef, resolve_launch_template};
use super::tags::LaunchTags;
use super::volume::parse_volumes;
use super::{Ec2, volume};
use crate::kernel::Kernel;
use crate::wire::error::ApiError;
use crate::wire::query::Params;
use crate::wire::xml::Xml;

/// Reads `NetworkInterface.N` of a launch or of a launch template.
pub(crate) fn parse_interfaces(params: &mut Params) -> Result<Vec<InterfaceAtLaunch>, ApiError> {
    let mut interfaces = Vec::new();
    for mut fields in params.structs("NetworkInterface") {
        let mut interface = InterfaceAtLaunch {
            device_index: fields.u32("DeviceIndex")?.unwrap_or(0),
            network_card_index: fields.u32("NetworkCardIndex")?.unwrap_or(0),
            delete_on_termination: fields.bool("DeleteOnTermination")?,
            spec: InterfaceSpec {
                subnet_id: fields.str("SubnetId").unwrap_or_default(),
                description: fields.str("Description").unwrap_or_default(),
                groups: fields.list("SecurityGroupId"),
                interface_type: fields.str("InterfaceType").unwrap_or_default(),
                ..InterfaceSpec::default()
            },
        };
        fields.ignore(&["AssociatePublicIpAddress"]);
        parse_addresses(&mut fields, &mut interface.spec)?;
        fields.finish()?;
        interfaces.push(interface);
    }
    Ok(interfaces)
}

/// Whether the `InstanceMarketOptions` of a launch or a launch template request a Spot Instance.
pub(crate) fn parse_spot(params: &mut Params) -> Result<bool, ApiError> {
    let mut options = params.structure("InstanceMarketOptions");
    let market = options.str("MarketType");
    options.ignore(&["SpotOptions"]);
    options.finish()?;
    Ok(market.as_deref() == Some("spot"))
}

/// Parameters of a launch that have no effect in the fake AWS.
pub(crate) const IGNORED: [&str; 11] = [
    "CapacityReservationSpecification",
    "CpuOptions",
    "CreditSpecification",
    "DisableApiTermination",
    "EbsOptimized",
    "IamInstanceProfile",
    "InstanceInitiatedShutdownBehavior",
    "KeyName",
    "MetadataOptions",
    "Monitoring",
    "PrivateDnsNameOptions",
];

pub(crate) fn run(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    params: &mut Params,
) -> Result<String, ApiError> {
    let mut request = params.to_map();
    let token = params.str("ClientToken").filter(|token| !token.is_empty());
    let min = params.required_u32("MinCount")?;
    let max = params.required_u32("MaxCount")?;
    let launch_tags = LaunchTags::parse(params)?;
    let zone = params.str("Placement.AvailabilityZone");
    let mut spec = LaunchSpec {
        image_id: params.str("ImageId").unwrap_or_default(),
        instance_type: params.str("InstanceType").unwrap_or_default(),
        subnet_id: params.str("SubnetId").unwrap_or_default(),
        security_groups: params.list("SecurityGroupId"),
        tags: launch_tags.instance,
        interface_tags: launch_tags.interface,
        volume_tags: launch_tags.volume,
        volumes: parse_volumes(params)?,
        spot: parse_spot(params)?,
        user_data: params.str("UserData"),
        network_interfaces: parse_interfaces(params)?,
        launch_template: LaunchTemplateRef::parse(params)?,
        client_token: token.clone(),
        reservation_id: None,
    };
    let mut primary = InterfaceSpec::default();
    parse_addresses(params, &mut primary)?;
    params.ignore(&IGNORED);
    params.ignore(&["Placement"]);
    params.finish()?;
    if spec.network_interfaces.is_empty() {
        spec.network_interfaces.push(InterfaceAtLaunch {
            spec: primary,
            ..InterfaceAtLaunch::default()
        });
        if let Some(reference) = &spec.launch_template
            && !resolve_launch_template(ec2, reference)?
                .network_interfaces
                .is_empty()
        {
            spec.network_interfaces.clear();
        }
    } else if !spec.subnet_id.is_empty() || !spec.security_groups.is_empty() {
        return Err(invalid_combination(
            "Network interfaces and an instance-level subnet ID or security groups may not be specified on the same request",
        ));
    }
    if min == 0 || min > max || max > 1000 {
        return Err(invalid_value(format!(
            "Value ({max}) for parameter maxCount is invalid. Expecting at least minCount ({min}), from 1 to 1000."
        )));
    }
    if let (Some(zone), Some(subnet)) = (&zone, ec2.subnets.get(&spec.subnet_id))
        && subnet.availability_zone != *zone
    {
        return Err(invalid_combination(
            "The subnet is not in the availability zone that the placement names",
        ));
    }
    for protocol in ["Action", "Version", "ClientToken"] {
        request.remove(protocol);
    }
    if let Some(token) = &token
        && let Some((before, reservation)) = ec2.run_tokens.get(token)
    {
        if *before != request {
            return Err(ApiError::new(
                "IdempotentParameterMismatch",
                "The client token was already used with different parameters.",
            ));
        }
        return Ok(answer(ec2, kernel, &reservation.clone()));
    }
    let reservation_id = kernel.new_id("r");
    spec.reservation_id = Some(reservation_id.clone());
    for launched in 0..max {
        match launch(ec2, kernel, spec.clone()) {
            Ok(_) => {}
            Err(_) if launched >= min => break,
            Err(error) => {
                undo(ec2, kernel, &reservation_id);
                return Err(error);
            }
        }
    }
    if let Some(token) = token {
        ec2.run_tokens
            .insert(token, (request, reservation_id.clone()));
    }
    Ok(answer(ec2, kernel, &reservation_id))
}

/// Reverts a launch that could not reach `MinCount`: RunInstances launches at least that many or
/// none (EC2 API Reference, RunInstances).
fn undo(ec2: &mut Ec2, kernel: &mut Kernel, reservation_id: &str) {
    let launched: Vec<String> = ec2
        .instances()
        .filter(|instance| instance.reservation_id == reservation_id)
        .map(|instance| instance.instance_id.clone())
        .collect();
    for id in launched {
        super::attach::release_from(ec2, kernel, &id);
        volume::release_from(ec2, &id);
        ec2.instances.remove(&id);
    }
}

fn answer(ec2: &Ec2, kernel: &Kernel, reservation_id: &str) -> String {
    let instances = ec2
        .instances()
        .filter(|i| i.reservation_id == reservation_id);
    let mut xml = Xml::new();
    xml.text("reservationId", reservation_id);
    xml.text("ownerId", &kernel.settings.account);
    write_instances(&mut xml, ec2, kernel, instances, None);
    xml.into_string()
}
