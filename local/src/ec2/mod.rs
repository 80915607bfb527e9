//! EC2, as far as nodes and their network interfaces need it: VPCs, subnets with CIDR reservations, security
//! groups, launch templates, instances and their volumes, network interfaces and their attachments, tags.
//!
//! Each file holds one kind of resource with its actions. Resources that Describe calls may lag behind on
//! (instances and network interfaces) are kept with their recent past, see `lagged`. A read through
//! [`Ec2`] is always the truth.

mod address;
mod attach;
mod create_interface;
mod describe_instances;
mod errors;
mod filter;
mod instance;
mod instance_type;
mod interface;
mod lagged;
mod launch;
mod launch_template;
mod modify_interface;
mod page;
mod reservation;
mod security_group;
mod subnet;
mod tags;
#[cfg(test)]
mod tests;
mod volume;
mod vpc;
mod zones;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use tokio::time::Instant;

pub use attach::{AttachmentRef, attach_network_interface, detach_network_interface};
pub use create_interface::{InterfaceSpec, create_network_interface};
pub use instance::{Instance, InstanceState, terminate};
pub use instance_type::InstanceType;
pub(crate) use interface::dns_name;
pub use interface::{Attachment, AttachmentStatus, NetworkInterface};
pub use launch::{InterfaceAtLaunch, LaunchSpec, launch};
pub use launch_template::{
    LaunchTemplate, LaunchTemplateData, LaunchTemplateRef, create_launch_template,
    resolve_launch_template,
};
pub use reservation::{CidrReservation, ReservationType, reserve_cidr};
pub use security_group::{SecurityGroup, create_security_group};
pub use subnet::{Subnet, SubnetSpec, create_subnet};
pub use tags::Tags;
pub use volume::{Volume, VolumeAtLaunch};
pub use vpc::{Vpc, create_vpc};
pub use zones::zone_id;

use crate::wire::error::ApiError;
use crate::wire::query::Params;
use crate::world::{self, World};
use errors::Kind;
use lagged::Lagged;

/// What happens later in EC2.
#[derive(Clone, Debug)]
pub enum Timer {
    /// An instance has started.
    InstanceRunning(String),
    /// An instance has stopped.
    InstanceStopped(String),
    /// An instance has shut down for good.
    InstanceTerminated(String),
    /// A terminated instance is no longer described.
    InstanceForgotten(String),
    /// An interface is usable on its instance.
    Attached(AttachmentRef),
    /// An interface is off its instance.
    Detached(AttachmentRef),
}

/// EC2's resources, by id.
#[derive(Default)]
pub struct Ec2 {
    vpcs: BTreeMap<String, Vpc>,
    subnets: BTreeMap<String, Subnet>,
    reservations: BTreeMap<String, CidrReservation>,
    security_groups: BTreeMap<String, SecurityGroup>,
    launch_templates: BTreeMap<String, LaunchTemplate>,
    instances: BTreeMap<String, Lagged<Instance>>,
    interfaces: BTreeMap<String, Lagged<NetworkInterface>>,
    volumes: BTreeMap<String, Volume>,
    /// CreateNetworkInterface's ClientTokens.
    tokens: BTreeMap<String, create_interface::UsedToken>,
    /// RunInstances' ClientTokens, with the reservation made.
    run_tokens: BTreeMap<String, (BTreeMap<String, String>, String)>,
}

impl Ec2 {
    /// The VPCs.
    pub fn vpcs(&self) -> impl Iterator<Item = &Vpc> {
        self.vpcs.values()
    }

    /// The subnets.
    pub fn subnets(&self) -> impl Iterator<Item = &Subnet> {
        self.subnets.values()
    }

    /// A subnet.
    #[must_use]
    pub fn subnet(&self, id: &str) -> Option<&Subnet> {
        self.subnets.get(id)
    }

    /// The CIDR reservations.
    pub fn reservations(&self) -> impl Iterator<Item = &CidrReservation> {
        self.reservations.values()
    }

    /// The launch templates.
    pub fn launch_templates(&self) -> impl Iterator<Item = &LaunchTemplate> {
        self.launch_templates.values()
    }

    /// The security groups.
    pub fn security_groups(&self) -> impl Iterator<Item = &SecurityGroup> {
        self.security_groups.values()
    }

    /// All instances, terminated ones among them for a while.
    pub fn instances(&self) -> impl Iterator<Item = &Instance> {
        self.instances.values().filter_map(Lagged::current)
    }

    /// An instance.
    #[must_use]
    pub fn instance(&self, id: &str) -> Option<&Instance> {
        self.instances.get(id)?.current()
    }

    /// All network interfaces.
    pub fn network_interfaces(&self) -> impl Iterator<Item = &NetworkInterface> {
        self.interfaces.values().filter_map(Lagged::current)
    }

    /// A network interface.
    #[must_use]
    pub fn network_interface(&self, id: &str) -> Option<&NetworkInterface> {
        self.interfaces.get(id)?.current()
    }

    /// The network interfaces of an instance, whatever the state of their attachment.
    pub fn interfaces_of<'a>(
        &'a self,
        instance_id: &'a str,
    ) -> impl Iterator<Item = &'a NetworkInterface> {
        self.network_interfaces().filter(move |interface| {
            let attachment = interface.attachment.as_ref();
            attachment.is_some_and(|a| a.instance_id == instance_id)
        })
    }

    /// The volumes of an instance, in the order of their ids.
    pub fn volumes_of<'a>(&'a self, instance_id: &'a str) -> impl Iterator<Item = &'a Volume> {
        let on_it = move |volume: &&Volume| volume.instance_id.as_deref() == Some(instance_id);
        self.volumes.values().filter(on_it)
    }

    /// A volume.
    #[must_use]
    pub fn volume(&self, id: &str) -> Option<&Volume> {
        self.volumes.get(id)
    }

    /// Contradictions in the model's own books; there should never be any. Tests ask at their end.
    #[must_use]
    pub fn contradictions(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut held: BTreeMap<(String, IpAddr), String> = BTreeMap::new();
        let mut places: BTreeMap<(String, u32, u32), String> = BTreeMap::new();
        for interface in self.network_interfaces() {
            let id = &interface.network_interface_id;
            let v4 = interface.private_ip_addresses().map(IpAddr::V4);
            let v6 = interface.ipv6_addresses.iter().copied().map(IpAddr::V6);
            for address in v4.chain(v6) {
                let key = (interface.subnet_id.clone(), address);
                if let Some(other) = held.insert(key, id.clone()) {
                    found.push(format!("{address} is on both {other} and {id}"));
                }
            }
            if let Some(attachment) = &interface.attachment {
                let place = (
                    attachment.instance_id.clone(),
                    attachment.network_card_index,
                    attachment.device_index,
                );
                if let Some(other) = places.insert(place.clone(), id.clone()) {
                    found.push(format!("{other} and {id} are both at {place:?}"));
                }
                let instance = self.instance(&attachment.instance_id);
                if instance.is_none_or(|i| i.state == InstanceState::Terminated) {
                    found.push(format!(
                        "{id} is on {}, which is gone",
                        attachment.instance_id
                    ));
                }
            }
        }
        for subnet in self.subnets() {
            for (address, id) in subnet.addresses.taken() {
                if held.remove(&(subnet.subnet_id.clone(), *address)).as_ref() != Some(id) {
                    found.push(format!("{address} of {} is not on {id}", subnet.subnet_id));
                }
            }
        }
        for ((subnet, address), id) in held {
            found.push(format!("{address} on {id} is not taken from {subnet}"));
        }
        found
    }

    /// Ids of everything that can have tags.
    fn ids(&self) -> Vec<String> {
        let instances = self.instances().map(|i| &i.instance_id);
        let interfaces = self.network_interfaces().map(|i| &i.network_interface_id);
        self.vpcs
            .keys()
            .chain(self.subnets.keys())
            .chain(self.reservations.keys())
            .chain(self.security_groups.keys())
            .chain(self.launch_templates.keys())
            .chain(self.volumes.keys())
            .chain(instances)
            .chain(interfaces)
            .cloned()
            .collect()
    }

    /// Drops what is gone and cannot be seen by those who lag behind either.
    fn forget(&mut self, lag: Duration, now: Instant) {
        let horizon = now.checked_sub(lag);
        self.interfaces
            .retain(|_, interface| !interface.is_gone(horizon));
        self.instances
            .retain(|_, instance| !instance.is_gone(horizon));
    }
}

impl World {
    /// Changes a network interface, if it exists.
    pub(crate) fn edit_interface<R>(
        &mut self,
        id: &str,
        change: impl FnOnce(&mut NetworkInterface) -> R,
    ) -> Option<R> {
        let (now, lag) = (self.now(), self.settings.describe_lag);
        self.ec2.interfaces.get_mut(id)?.edit(now, lag, change)
    }

    /// Changes an instance, if it exists.
    pub(crate) fn edit_instance<R>(
        &mut self,
        id: &str,
        change: impl FnOnce(&mut Instance) -> R,
    ) -> Option<R> {
        let (now, lag) = (self.now(), self.settings.describe_lag);
        self.ec2.instances.get_mut(id)?.edit(now, lag, change)
    }

    /// The interface that a mutating call names: one just made may not be known yet.
    fn known_interface(&self, id: &str) -> Result<&NetworkInterface, ApiError> {
        let known_after = self.settings.interface_not_found_for;
        let age = |interface: &&NetworkInterface| {
            self.now().saturating_duration_since(interface.created_at) >= known_after
        };
        match self.ec2.network_interface(id).filter(age) {
            Some(interface) => Ok(interface),
            None => {
                Kind::Interface.check(id)?;
                Err(Kind::Interface.not_found(id))
            }
        }
    }

    /// Refuses an instance that a mutating call names and that is not known yet.
    fn check_known_instance(&self, id: &str) -> Result<(), ApiError> {
        let known_after = self.settings.instance_not_found_for;
        let age = |instance: &&Instance| {
            self.now().saturating_duration_since(instance.launch_time) >= known_after
        };
        match self.ec2.instance(id).filter(age) {
            Some(_) => Ok(()),
            None => {
                Kind::Instance.check(id)?;
                Err(Kind::Instance.not_found(id))
            }
        }
    }

    /// A subnet to take addresses from, and the randomness to pick them with.
    fn subnet_and_rng(&mut self, id: &str) -> Option<(&mut Subnet, &mut ChaCha8Rng)> {
        let (ec2, rng) = self.ec2_and_rng();
        Some((ec2.subnets.get_mut(id)?, rng))
    }

    /// The instant whose state a Describe call shows; `None` is before everything.
    fn view_from(&mut self) -> Option<Instant> {
        let mut lag = self.settings.describe_lag;
        if self.settings.describe_lag_varies && !lag.is_zero() {
            lag = self.rng().random_range(Duration::ZERO..=lag);
        }
        self.now().checked_sub(lag)
    }

    fn schedule_ec2(&mut self, after: Duration, timer: Timer) {
        self.schedule(after, world::Timer::Ec2(timer));
    }
}

/// What EC2 answers to most actions that change something.
fn done() -> String {
    "<return>true</return>".to_owned()
}

/// Does an action; the answer is what stands within `<ActionResponse>`.
pub(crate) fn act(
    world: &mut World,
    action: &str,
    params: &mut Params,
) -> Result<String, ApiError> {
    let handler: fn(&mut World, &mut Params) -> Result<String, ApiError> = match action {
        "AssignPrivateIpAddresses" => modify_interface::assign_addresses,
        "AssociateSubnetCidrBlock" => subnet::associate_cidr,
        "AttachNetworkInterface" => attach::attach,
        "CreateLaunchTemplate" => launch_template::create,
        "CreateNetworkInterface" => create_interface::create,
        "CreateSecurityGroup" => security_group::create,
        "CreateSubnet" => subnet::create,
        "CreateSubnetCidrReservation" => reservation::create,
        "CreateTags" => tags::create,
        "CreateVpc" => vpc::create,
        "DeleteNetworkInterface" => create_interface::delete,
        "DeleteSecurityGroup" => security_group::delete,
        "DeleteSubnetCidrReservation" => reservation::delete,
        "DeleteTags" => tags::delete,
        "DescribeAvailabilityZones" => zones::describe,
        "DescribeInstanceTypes" => instance_type::describe,
        "DescribeInstances" => describe_instances::describe,
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
        "RunInstances" => launch::run,
        "StartInstances" => instance::start_all,
        "StopInstances" => instance::stop_all,
        "TerminateInstances" => instance::terminate_all,
        "UnassignPrivateIpAddresses" => modify_interface::unassign_addresses,
        _ => return Err(ApiError::invalid_action(action)),
    };
    if params.bool("DryRun")? == Some(true) {
        return Err(ApiError::with_status(
            412,
            "DryRunOperation",
            "Request would have succeeded, but DryRun flag is set.",
        ));
    }
    handler(world, params)
}

/// Does what was set to happen now.
pub(crate) fn fire(world: &mut World, timer: Timer) {
    match timer {
        Timer::InstanceRunning(id) => instance::running(world, &id),
        Timer::InstanceStopped(id) => instance::stopped(world, &id),
        Timer::InstanceTerminated(id) => instance::terminated(world, &id),
        Timer::InstanceForgotten(id) => instance::forgotten(world, &id),
        Timer::Attached(at) => attach::attached(world, &at),
        Timer::Detached(at) => attach::detached(world, &at),
    }
}
