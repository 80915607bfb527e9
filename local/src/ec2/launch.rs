//! Launching instances: RunInstances, and the launches that Auto Scaling makes.

use super::attach::{begin_attachment, check_addresses, check_free_slot};
use super::create_interface::{InterfaceSpec, create_network_interface, remove};
use super::errors::{invalid_combination, invalid_value};
use super::instance::{Instance, InstanceState, announce};
use super::instance_type;
use super::interface::AttachmentStatus;
use super::lagged::Lagged;
use super::launch_template::{LaunchTemplateRef, resolve_launch_template};
use super::tags::Tags;
use super::volume::VolumeAtLaunch;
use super::{Ec2, Timer, volume};
use crate::kernel::Kernel;
use crate::wire::error::ApiError;
use crate::wire::xml::Written;

/// A network interface that a launch creates.
#[derive(Clone, Debug, Default)]
pub struct InterfaceAtLaunch {
    /// Its device index on the card.
    pub device_index: u32,
    /// The card.
    pub network_card_index: u32,
    /// Whether it is deleted with the instance (`true` if `None`).
    pub delete_on_termination: Option<bool>,
    /// Its properties. Without a subnet, it is in the launch's subnet.
    pub spec: InterfaceSpec,
}

/// The properties of an instance to launch. What is empty comes from the launch template, if there
/// is one.
#[derive(Clone, Debug, Default)]
pub struct LaunchSpec {
    /// The image.
    pub image_id: String,
    /// The name of the instance type.
    pub instance_type: String,
    /// The subnet of the primary interface.
    pub subnet_id: String,
    /// Ids of security groups.
    pub security_groups: Vec<String>,
    /// Tags of the instance, besides the template's.
    pub tags: Tags,
    /// Tags of the created interfaces, besides the template's.
    pub interface_tags: Tags,
    /// Tags of the created volumes, besides the template's.
    pub volume_tags: Tags,
    /// The ClientToken of the call.
    pub client_token: Option<String>,
    /// Volumes to create, besides the template's. There is always a root volume.
    pub volumes: Vec<VolumeAtLaunch>,
    /// Whether it is a Spot Instance. The template can set this too.
    pub spot: bool,
    /// User data in base64.
    pub user_data: Option<String>,
    /// Interfaces to create. If empty, one at device index 0.
    pub network_interfaces: Vec<InterfaceAtLaunch>,
    /// The template that provides the rest.
    pub launch_template: Option<LaunchTemplateRef>,
    /// The reservation of the launch. `None`: a new one.
    pub reservation_id: Option<String>,
}

/// Launches one instance, and returns its id.
///
/// # Errors
/// The errors of RunInstances.
pub fn launch(ec2: &mut Ec2, kernel: &mut Kernel, spec: LaunchSpec) -> Result<String, ApiError> {
    let mut spec = complete(ec2, spec)?;
    let kind = instance_type::find(&spec.instance_type)?;
    if spec.network_interfaces.is_empty() {
        spec.network_interfaces.push(InterfaceAtLaunch::default());
    }
    spec.network_interfaces.sort_by_key(|interface| {
        let (device, card) = (interface.device_index, interface.network_card_index);
        (!kind.is_primary(device, card), card, device)
    });
    check_offered(ec2, kernel, &spec, kind.name)?;
    let instance_id = kernel.new_id("i");
    let mut made = Vec::new();
    if let Err(error) = create_interfaces(ec2, kernel, &spec, kind, &instance_id, &mut made) {
        for id in made {
            remove(ec2, kernel, &id);
        }
        return Err(error);
    }
    let primary = made
        .first()
        .and_then(|id| ec2.network_interface(id))
        .cloned();
    let Some(primary) = primary else {
        return Err(ApiError::internal());
    };
    let now = kernel.now();
    let instance = Instance {
        instance_id: instance_id.clone(),
        reservation_id: spec.reservation_id.unwrap_or_else(|| kernel.new_id("r")),
        image_id: spec.image_id,
        instance_type: spec.instance_type,
        subnet_id: primary.subnet_id,
        vpc_id: primary.vpc_id,
        availability_zone: primary.availability_zone,
        private_ip_address: primary.private_ip_address,
        security_groups: primary.groups,
        state: InstanceState::Pending,
        tags: spec.tags,
        user_data: spec.user_data,
        client_token: spec.client_token,
        spot: spec.spot,
        launch_time: now,
        created_at: now,
        hibernated: false,
        ended: None,
        xml: Written::default(),
    };
    ec2.instances
        .insert(instance_id.clone(), Lagged::new(now, instance));
    volume::create_all(ec2, kernel, &instance_id, spec.volumes, &spec.volume_tags);
    announce(kernel, &instance_id, InstanceState::Pending);
    let timer = Timer::InstanceRunning(instance_id.clone());
    let pending = kernel.draw_pending(kind.name);
    kernel.schedule(&mut ec2.timers, pending, timer);
    Ok(instance_id)
}

/// Refuses a type that the subnet's zone does not offer, with EC2's code and message (runs-on/runs-on,
/// issue 5; fedora-copr/copr, issue 2840).
fn check_offered(
    ec2: &Ec2,
    kernel: &Kernel,
    spec: &LaunchSpec,
    kind: &str,
) -> Result<(), ApiError> {
    let settings = &kernel.settings;
    let of_primary = spec.network_interfaces.first();
    let of_primary = of_primary.map(|interface| interface.spec.subnet_id.as_str());
    let subnet = of_primary.filter(|id| !id.is_empty());
    let Some(subnet) = ec2.subnet(subnet.unwrap_or(&spec.subnet_id)) else {
        return Ok(());
    };
    let zone = &subnet.availability_zone;
    if settings.offers(zone, kind) {
        return Ok(());
    }
    let zones = settings.availability_zones.iter();
    let others: Vec<&str> = zones
        .filter(|zone| settings.offers(zone, kind))
        .map(String::as_str)
        .collect();
    Err(ApiError::new(
        "Unsupported",
        format!(
            "Your requested instance type ({kind}) is not supported in your requested Availability Zone ({zone}). \
             Please retry your request by not specifying an Availability Zone or choosing {}.",
            others.join(", ")
        ),
    ))
}

/// Adds the launch template's properties, and checks that nothing is missing.
fn complete(ec2: &Ec2, mut spec: LaunchSpec) -> Result<LaunchSpec, ApiError> {
    if let Some(reference) = &spec.launch_template {
        let template = resolve_launch_template(ec2, reference)?.clone();
        if spec.image_id.is_empty() {
            spec.image_id = template.image_id;
        }
        if spec.instance_type.is_empty() {
            spec.instance_type = template.instance_type;
        }
        if spec.security_groups.is_empty() {
            spec.security_groups = template.security_groups;
        }
        if spec.network_interfaces.is_empty() {
            spec.network_interfaces = template.network_interfaces;
        }
        spec.user_data = spec.user_data.or(template.user_data);
        let mut tags = template.instance_tags;
        tags.append(&mut spec.tags);
        spec.tags = tags;
        let mut tags = template.interface_tags;
        tags.append(&mut spec.interface_tags);
        spec.interface_tags = tags;
        let mut tags = template.volume_tags;
        tags.append(&mut spec.volume_tags);
        spec.volume_tags = tags;
        let named = |name: &str| spec.volumes.iter().any(|own| own.device_name == name);
        let mut volumes = template.volumes;
        volumes.retain(|volume| !named(&volume.device_name));
        spec.volumes.append(&mut volumes);
        spec.spot |= template.spot;
    }
    let missing = |name: &str| {
        ApiError::new(
            "MissingParameter",
            format!("The request must contain the parameter {name}"),
        )
    };
    if spec.image_id.is_empty() {
        return Err(missing("ImageId"));
    }
    if spec.instance_type.is_empty() {
        return Err(missing("InstanceType"));
    }
    Ok(spec)
}

fn create_interfaces(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    launch: &LaunchSpec,
    kind: &instance_type::InstanceType,
    instance_id: &str,
    made: &mut Vec<String>,
) -> Result<(), ApiError> {
    for (position, wanted) in launch.network_interfaces.iter().enumerate() {
        let place = (wanted.device_index, wanted.network_card_index);
        if position == 0 && !kind.is_primary(place.0, place.1) {
            return Err(invalid_value(
                "A network interface at device index 0 must be specified.",
            ));
        }
        let mut spec = wanted.spec.clone();
        if spec.subnet_id.is_empty() {
            spec.subnet_id.clone_from(&launch.subnet_id);
        }
        if spec.subnet_id.is_empty() {
            return Err(ApiError::new(
                "VPCIdNotSpecified",
                "No default VPC for this user",
            ));
        }
        if spec.groups.is_empty() {
            spec.groups.clone_from(&launch.security_groups);
        }
        for (key, value) in &launch.interface_tags {
            spec.tags
                .entry(key.clone())
                .or_insert_with(|| value.clone());
        }
        check_free_slot(ec2, instance_id, kind, place.0, place.1)?;
        let id = create_network_interface(ec2, kernel, spec)?;
        made.push(id.clone());
        if let Some(interface) = ec2.network_interface(&id) {
            check_addresses(kind, interface)?;
            let zone_of = |id: &String| Some(&ec2.network_interface(id)?.availability_zone);
            if made.first().and_then(zone_of) != Some(&interface.availability_zone) {
                return Err(invalid_combination(
                    "All network interfaces of an instance must be in the same availability zone",
                ));
            }
        }
        let delete_with_instance = wanted.delete_on_termination.unwrap_or(true);
        begin_attachment(
            ec2,
            kernel,
            &id,
            instance_id,
            place,
            delete_with_instance,
            AttachmentStatus::Attached,
        );
    }
    Ok(())
}
