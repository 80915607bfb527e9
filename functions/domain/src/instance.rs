//! An instance as EC2 describes it, and the order in which launches are served.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::ids::{InstanceId, NetworkInterfaceId, VolumeId};
use crate::profile::Profile;
use crate::tags::facts::NodeFacts;

/// An instance as EC2 describes it (EC2 API Reference, *Instance*).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// The instance.
    pub id: InstanceId,
    /// The instance type, as `m5.4xlarge`.
    pub instance_type: String,
    /// The name of its Availability Zone.
    pub availability_zone: String,
    /// `pending`, `running`, …
    pub state: String,
    /// When it was launched, in seconds since the epoch.
    pub launched_at: i64,
    /// When `adopt` last started an execution for it, in seconds since the epoch: its tag
    /// [`ADOPTED_AT`](crate::tags::own::ADOPTED_AT).
    pub adopted_at: Option<i64>,
    /// When the launch began for which it gets interfaces, in seconds since the epoch: its tag
    /// [`LAUNCHED_AT`](crate::tags::own::LAUNCHED_AT).
    pub marked_at: Option<i64>,
    /// The primary private IPv4 address.
    pub private_ip: Option<String>,
    /// The first IPv6 address of the primary interface.
    pub ipv6_address: Option<String>,
    /// The private DNS name.
    pub private_dns_name: Option<String>,
    /// `spot` or `on-demand`, or EC2's word for another lifecycle.
    pub lifecycle: String,
    /// The volumes that EC2 deletes with the instance, as far as they are attached yet.
    pub volumes: Vec<VolumeId>,
    /// Whether the instance has a root volume that EC2 does not show yet.
    pub root_volume_missing: bool,
    /// The interfaces that are attached, or being attached.
    pub interfaces: Vec<NetworkInterfaceId>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The attributes of the interfaces that are attached, or being attached.
    pub attached: BTreeMap<AttachmentPoint, Attributes>,
}

/// Where an interface is attached to an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AttachmentPoint {
    /// The index of the network card.
    pub network_card: u32,
    /// The device index on that card.
    pub device_index: u32,
}

/// What EC2 sets on an interface once it is attached (ModifyNetworkInterfaceAttribute).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attributes {
    /// Whether EC2 deletes the interface with the instance.
    pub delete_on_termination: bool,
    /// Whether EC2 checks source and destination.
    pub source_dest_check: bool,
}

/// The order in which launches are served: by time, and then by id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LaunchOrder {
    /// When the instance was launched, or adopted, in seconds since the epoch.
    pub since: i64,
    /// The instance.
    pub instance_id: InstanceId,
}

impl Instance {
    /// Whether interfaces can be attached.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.state == "running"
    }

    /// Whether it is shutting down or terminated.
    #[must_use]
    pub fn is_ending(&self) -> bool {
        matches!(self.state.as_str(), "shutting-down" | "terminated")
    }

    /// The instance, if it is pending or running.
    ///
    /// # Errors
    /// [`Error::InstanceGone`] for any other state. A stopped instance counts as gone, because a
    /// launch does not stop one.
    pub fn ensure_live(self) -> Result<Self> {
        match self.state.as_str() {
            "pending" | "running" => Ok(self),
            _ => Err(Error::InstanceGone {
                instance: self.id,
                state: self.state,
            }),
        }
    }

    /// What templates can use.
    #[must_use]
    pub fn facts(&self, region: &str, group: &str) -> NodeFacts {
        NodeFacts {
            instance_id: self.id.clone(),
            instance_type: self.instance_type.clone(),
            az: self.availability_zone.clone(),
            region: region.to_owned(),
            asg: group.to_owned(),
            private_ip: self.private_ip.clone(),
            ipv6_address: self.ipv6_address.clone(),
            private_dns_name: self.private_dns_name.clone(),
            lifecycle: self.lifecycle.clone(),
            tags: self.tags.clone(),
        }
    }

    /// When its launch, or its adoption, began, in seconds since the epoch. The launch of an
    /// instance that leaves a warm pool of running instances begins then.
    #[must_use]
    pub fn in_flight_since(&self) -> i64 {
        let marks = [self.adopted_at, self.marked_at];
        marks.into_iter().flatten().fold(self.launched_at, i64::max)
    }

    /// Whether Hookline has begun to give it interfaces.
    #[must_use]
    pub fn is_marked(&self) -> bool {
        self.adopted_at.is_some() || self.marked_at.is_some()
    }

    /// Its position among the launches.
    #[must_use]
    pub fn order(&self) -> LaunchOrder {
        LaunchOrder {
            since: self.in_flight_since(),
            instance_id: self.id.clone(),
        }
    }

    /// Whether each slot of `profile` has an interface with the right attributes. The launch of
    /// such an instance makes no more calls that draw on EC2's request rates.
    #[must_use]
    pub fn is_wired(&self, profile: &Profile) -> bool {
        profile.slots.iter().all(|slot| {
            let wanted = Attributes {
                delete_on_termination: true,
                source_dest_check: slot.source_dest_check,
            };
            self.attached.get(&AttachmentPoint::of(slot)) == Some(&wanted)
        })
    }
}

impl AttachmentPoint {
    /// Where the interface of `slot` goes.
    #[must_use]
    pub fn of(slot: &crate::profile::Slot) -> Self {
        Self {
            network_card: slot.network_card,
            device_index: slot.device_index,
        }
    }
}
