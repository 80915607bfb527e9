//! EC2, as far as nodes and their network interfaces need it: VPCs, subnets with CIDR reservations,
//! security groups, launch templates, instances and their volumes, network interfaces and their
//! attachments, tags.
//!
//! Each file holds one kind of resource with its actions. Every action takes the state ([`Ec2`]),
//! the kernel and its parameters. Instances and network interfaces keep their recent past, because
//! Describe calls may lag behind (see `lagged`). A read through [`Ec2`] shows the current state.

mod actions;
mod address;
mod attach;
mod contradictions;
mod create_interface;
mod describe_instances;
mod errors;
mod filter;
mod instance;
mod instance_type;
mod interface;
mod interface_index;
mod interface_xml;
mod lagged;
mod launch;
mod launch_template;
mod modify_interface;
mod page;
mod power;
mod requester_managed;
mod reservation;
mod run_instances;
mod security_group;
mod subnet;
mod tags;
#[cfg(test)]
mod tests;
mod type_offerings;
mod user_data;
mod volume;
mod vpc;
mod zones;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

pub(crate) use actions::{act, run_next_timer};
pub use attach::{AttachmentRef, attach_network_interface, detach_network_interface};
pub use create_interface::{InterfaceSpec, create_network_interface};
pub use instance::{EndReason, Instance, InstanceState, StateObserver, terminate};
pub use instance_type::InstanceType;
pub(crate) use interface::dns_name;
pub use interface::{Attachment, AttachmentStatus, NetworkInterface};
pub use launch::{InterfaceAtLaunch, LaunchSpec, launch};
pub use launch_template::{
    LaunchTemplate, LaunchTemplateData, LaunchTemplateRef, create_launch_template,
    resolve_launch_template,
};
pub use power::{start, stop};
pub use requester_managed::{
    Requester, RequesterManagedError, RequesterManagedSpec, create_requester_managed_interface,
};
pub use reservation::{CidrReservation, ReservationType, reserve_cidr};
pub use security_group::{SecurityGroup, create_security_group};
pub use subnet::{Subnet, SubnetSpec, create_subnet};
pub use tags::Tags;
pub(crate) use tags::tags_of;
pub use volume::{Volume, VolumeAtLaunch};
pub use vpc::{Vpc, create_vpc, share_vpc};
pub use zones::zone_id;

use crate::kernel::{Kernel, TimerQueue};
use crate::wire::error::ApiError;
use errors::Kind;
use interface_index::InterfaceIndex;
use lagged::Lagged;

/// What EC2 does later.
#[derive(Clone, Debug)]
pub enum Timer {
    /// An instance has started.
    InstanceRunning(String),
    /// An instance has stopped.
    InstanceStopped(String),
    /// An instance has shut down.
    InstanceTerminated(String),
    /// A terminated instance is no longer described.
    InstanceForgotten(String),
    /// An attachment is complete.
    Attached(AttachmentRef),
    /// A detachment is complete.
    Detached(AttachmentRef),
}

/// EC2's resources, by id.
#[derive(Default)]
pub struct Ec2 {
    timers: TimerQueue<Timer>,
    vpcs: BTreeMap<String, Vpc>,
    subnets: BTreeMap<String, Subnet>,
    reservations: BTreeMap<String, CidrReservation>,
    security_groups: BTreeMap<String, SecurityGroup>,
    launch_templates: BTreeMap<String, LaunchTemplate>,
    instances: BTreeMap<String, Lagged<Instance>>,
    interfaces: BTreeMap<String, Lagged<NetworkInterface>>,
    interface_index: InterfaceIndex,
    /// The removed interfaces and instances that a lagging Describe call may still show, oldest
    /// first.
    removed: VecDeque<(Instant, String)>,
    volumes: BTreeMap<String, Volume>,
    /// The ids of the volumes that each instance was launched with.
    volumes_at_launch: BTreeMap<String, Vec<String>>,
    /// CreateNetworkInterface's ClientTokens.
    tokens: BTreeMap<String, create_interface::UsedToken>,
    /// RunInstances' ClientTokens: the request and the reservation of each.
    run_tokens: BTreeMap<String, (BTreeMap<String, String>, String)>,
}

impl Ec2 {
    pub(crate) fn timers(&self) -> &TimerQueue<Timer> {
        &self.timers
    }

    /// The VPCs.
    pub fn vpcs(&self) -> impl Iterator<Item = &Vpc> {
        self.vpcs.values()
    }

    /// A VPC.
    #[must_use]
    pub fn vpc(&self, id: &str) -> Option<&Vpc> {
        self.vpcs.get(id)
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

    /// All instances. Terminated ones stay for
    /// [`Settings::terminated_visible_for`](crate::Settings::terminated_visible_for).
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
        self.interfaces_of_at(instance_id, None)
    }

    /// The network interfaces that an instance has at an instant in the past. `None`: now.
    fn interfaces_of_at<'a>(
        &'a self,
        instance_id: &'a str,
        at: Option<Instant>,
    ) -> impl Iterator<Item = &'a NetworkInterface> {
        let ids = self.interface_index.of_instance(instance_id);
        ids.filter_map(move |id| {
            let interface = self.interfaces.get(id)?;
            match at {
                Some(at) => interface.as_of(at),
                None => interface.current(),
            }
        })
        .filter(move |interface| {
            let attachment = interface.attachment.as_ref();
            attachment.is_some_and(|a| a.instance_id == instance_id)
        })
    }

    /// The network interface with an attachment, and the attachment.
    #[must_use]
    pub fn attachment(&self, id: &str) -> Option<(&NetworkInterface, &Attachment)> {
        let interface = self.interface_index.of_attachment(id)?;
        let interface = self.network_interface(interface)?;
        let attachment = interface.attachment.as_ref()?;
        (attachment.attachment_id == id).then_some((interface, attachment))
    }

    /// The volumes of an instance, in the order of their ids.
    pub fn volumes_of<'a>(&'a self, instance_id: &'a str) -> impl Iterator<Item = &'a Volume> {
        let ids = self
            .volumes_at_launch
            .get(instance_id)
            .into_iter()
            .flatten();
        ids.filter_map(|id| self.volumes.get(id))
            .filter(move |volume| volume.instance_id.as_deref() == Some(instance_id))
    }

    /// A volume.
    #[must_use]
    pub fn volume(&self, id: &str) -> Option<&Volume> {
        self.volumes.get(id)
    }

    /// The ids of all resources that can have tags.
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

    /// Drops resources that are gone and that no lagging Describe call can show any more.
    fn forget(&mut self, lag: Duration, now: Instant) {
        let Some(horizon) = now.checked_sub(lag) else {
            return;
        };
        while let Some((_, id)) = self.removed.pop_front_if(|(at, _)| *at <= horizon) {
            let horizon = Some(horizon);
            if self.interfaces.get(&id).is_some_and(|i| i.is_gone(horizon)) {
                self.interfaces.remove(&id);
                self.interface_index.remove(&id);
            } else if self.instances.get(&id).is_some_and(|i| i.is_gone(horizon)) {
                self.instances.remove(&id);
            }
        }
    }

    /// Changes a network interface, if it exists.
    pub(crate) fn edit_interface<R>(
        &mut self,
        kernel: &Kernel,
        id: &str,
        change: impl FnOnce(&mut NetworkInterface) -> R,
    ) -> Option<R> {
        let (now, lag) = (kernel.now(), kernel.settings.describe_lag);
        let interface = self.interfaces.get_mut(id)?;
        let result = interface.edit(now, lag, change);
        if let Some(interface) = interface.current() {
            self.interface_index.add(interface);
        }
        result
    }

    /// Changes an instance, if it exists.
    pub(crate) fn edit_instance<R>(
        &mut self,
        kernel: &Kernel,
        id: &str,
        change: impl FnOnce(&mut Instance) -> R,
    ) -> Option<R> {
        let (now, lag) = (kernel.now(), kernel.settings.describe_lag);
        self.instances.get_mut(id)?.edit(now, lag, change)
    }

    /// The network interface that a mutating call names. A new interface is unknown for
    /// [`Settings::interface_not_found_for`](crate::Settings::interface_not_found_for): EC2's API
    /// is eventually consistent (EC2 Developer Guide, "Eventual consistency in the Amazon EC2
    /// API").
    fn known_interface(&self, kernel: &Kernel, id: &str) -> Result<&NetworkInterface, ApiError> {
        let known_after = kernel.settings.interface_not_found_for;
        let age = |interface: &&NetworkInterface| {
            kernel.now().saturating_duration_since(interface.created_at) >= known_after
        };
        match self.network_interface(id).filter(age) {
            Some(interface) => Ok(interface),
            None => {
                Kind::Interface.check(id)?;
                Err(Kind::Interface.not_found(id))
            }
        }
    }

    /// Refuses an instance that a mutating call names and that is not known yet; see
    /// [`Settings::instance_not_found_for`](crate::Settings::instance_not_found_for).
    fn check_known_instance(&self, kernel: &Kernel, id: &str) -> Result<(), ApiError> {
        let known_after = kernel.settings.instance_not_found_for;
        let age = |instance: &&Instance| {
            kernel.now().saturating_duration_since(instance.created_at) >= known_after
        };
        match self.instance(id).filter(age) {
            Some(_) => Ok(()),
            None => {
                Kind::Instance.check(id)?;
                Err(Kind::Instance.not_found(id))
            }
        }
    }
}

/// The type of the resource with this id, as EC2 names it: `network-interface`.
pub(crate) fn resource_type(id: &str) -> Option<&'static str> {
    Kind::of(id).map(Kind::resource_type)
}

/// What EC2 answers to most actions that change something.
fn done() -> String {
    "<return>true</return>".to_owned()
}
