//! An instance as EC2 describes it, and the order in which launches are served.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::ids::{InstanceId, NetworkInterfaceId, SubnetId, VolumeId};
use crate::profile::{Profile, Slot};
use crate::tags::facts::{GROUP_TAG, NodeFacts};

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
    /// The same interfaces, by where they are attached.
    pub attached: BTreeMap<AttachmentPoint, AttachedInterface>,
}

/// Where an interface is attached to an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AttachmentPoint {
    /// The index of the network card.
    pub network_card: u32,
    /// The device index on that card.
    pub device_index: u32,
}

/// An interface of an instance, as DescribeInstances shows it: without its tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachedInterface {
    /// Its subnet, if EC2 shows it.
    pub subnet_id: Option<SubnetId>,
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

    /// The instance, unless it is shutting down or terminated. A launch that passes a warm pool may
    /// find its instance stopped: EC2 has not started it yet, or has stopped it already.
    ///
    /// # Errors
    /// [`Error::InstanceGone`].
    pub fn ensure_not_ending(self) -> Result<Self> {
        match self.is_ending() {
            false => Ok(self),
            true => Err(Error::InstanceGone {
                instance: self.id,
                state: self.state,
            }),
        }
    }

    /// Whether EC2 shows the tags of an instance that Auto Scaling launched. It puts its own tag on
    /// each; an instance without it is shown before its tags are.
    #[must_use]
    pub fn shows_tags(&self) -> bool {
        self.tags.contains_key(GROUP_TAG)
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
    /// instance that leaves a warm pool and lacks an interface begins then. A start after a stop
    /// begins no launch, though EC2 shows it as the instance's launch time.
    #[must_use]
    pub fn in_flight_since(&self) -> i64 {
        let marks = [self.adopted_at, self.marked_at];
        marks
            .into_iter()
            .flatten()
            .max()
            .unwrap_or(self.launched_at)
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

    /// The subnet of its primary interface, which is at device index 0 of its default network card.
    #[must_use]
    pub fn primary_subnet(&self, default_network_card: u32) -> Option<&SubnetId> {
        let place = AttachmentPoint {
            network_card: default_network_card,
            device_index: 0,
        };
        self.attached.get(&place)?.subnet_id.as_ref()
    }

    /// Whether each slot of `profile` has an interface with what the node needs of it. The launch of
    /// such an instance makes no more calls that other launches could wait for.
    #[must_use]
    pub fn is_wired(&self, profile: &Profile) -> bool {
        profile.slots.iter().all(|slot| {
            let attached = self.attached_for(profile, slot);
            attached.is_some_and(|found| found.source_dest_check == slot.source_dest_check)
        })
    }

    /// Whether EC2 deletes the interface of each slot with the instance.
    #[must_use]
    pub fn is_settled(&self, profile: &Profile) -> bool {
        profile.slots.iter().all(|slot| {
            let attached = self.attached_for(profile, slot);
            attached.is_some_and(|found| found.delete_on_termination)
        })
    }

    /// What is attached for `slot`: at its device index, or else, by its subnet, at an index that
    /// no other slot has. EC2 shows no tags of interfaces here.
    fn attached_for(&self, profile: &Profile, slot: &Slot) -> Option<&AttachedInterface> {
        if let Some(place) = AttachmentPoint::fixed(slot) {
            return self.attached.get(&place);
        }
        let is_fixed = |place: &AttachmentPoint| {
            let mut slots = profile.slots.iter();
            slots.any(|other| AttachmentPoint::fixed(other).as_ref() == Some(place))
        };
        self.attached
            .iter()
            .filter(|(place, _)| place.network_card == slot.network_card)
            .filter(|(place, _)| !place.is_primary() && !is_fixed(place))
            .map(|(_, attached)| attached)
            .find(|attached| {
                attached
                    .subnet_id
                    .as_ref()
                    .is_some_and(|subnet| slot.subnet_ids.contains(subnet))
            })
    }
}

impl AttachmentPoint {
    /// Where the interface of `slot` goes, if its device index is fixed.
    #[must_use]
    pub fn fixed(slot: &Slot) -> Option<Self> {
        Some(Self {
            network_card: slot.network_card,
            device_index: slot.device_index?,
        })
    }

    /// Whether it is the instance's primary interface.
    #[must_use]
    pub const fn is_primary(&self) -> bool {
        self.network_card == 0 && self.device_index == 0
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures::{instance, profile};

    fn at(network_card: u32, device_index: u32) -> AttachmentPoint {
        AttachmentPoint {
            network_card,
            device_index,
        }
    }

    fn attached(subnet: &str) -> AttachedInterface {
        AttachedInterface {
            subnet_id: Some(subnet.parse().unwrap()),
            delete_on_termination: true,
            source_dest_check: true,
        }
    }

    /// Whether an instance is wired that has interfaces of these subnets at these places. The
    /// profile has `signaling` fixed at index 1, and `user-plane` without an index.
    fn is_wired(interfaces: &[(AttachmentPoint, &str)]) -> bool {
        let mut value = profile();
        value["slots"][1]["deviceIndex"] = json!(null);
        value["slots"][1]["sourceDestCheck"] = json!(true);
        let mut instance = instance();
        instance.attached = interfaces
            .iter()
            .map(|(place, subnet)| (*place, attached(subnet)))
            .collect();
        instance.is_wired(&Profile::read(value).unwrap())
    }

    #[test]
    fn primary_interface_is_at_index_0_of_the_default_network_card() {
        let mut instance = instance();
        assert_eq!(instance.primary_subnet(0), None);
        let places = [
            (at(0, 0), "subnet-0000000000000001a"),
            (at(1, 0), "subnet-0000000000000002a"),
            (at(1, 1), "subnet-0000000000000003a"),
        ];
        instance.attached = places
            .map(|(place, subnet)| (place, attached(subnet)))
            .into();
        for (card, subnet) in [(0, places[0].1), (1, places[1].1)] {
            let primary = instance.primary_subnet(card).map(SubnetId::as_str);
            assert_eq!(primary, Some(subnet));
        }
        assert_eq!(instance.primary_subnet(2), None);
    }

    #[test]
    fn slot_without_a_device_index_is_found_by_its_subnet() {
        const SIGNALING: (AttachmentPoint, &str) = (
            AttachmentPoint {
                network_card: 0,
                device_index: 1,
            },
            "subnet-0000000000000001a",
        );
        const USER_PLANE: &str = "subnet-0000000000000002a";
        assert!(is_wired(&[SIGNALING, (at(0, 7), USER_PLANE)]));
        assert!(is_wired(&[SIGNALING, (at(0, 2), USER_PLANE)]));
        assert!(!is_wired(&[SIGNALING]));
        assert!(!is_wired(&[
            SIGNALING,
            (at(0, 7), "subnet-0000000000000003a")
        ]));
        // Another card, the primary interface, and the fixed place of another slot.
        assert!(!is_wired(&[SIGNALING, (at(1, 7), USER_PLANE)]));
        assert!(!is_wired(&[SIGNALING, (at(0, 0), USER_PLANE)]));
        assert!(!is_wired(&[(at(0, 1), USER_PLANE)]));
    }

    #[test]
    fn start_after_a_stop_begins_no_launch() {
        let at = |launched_at, marked_at, adopted_at| {
            Instance {
                launched_at,
                marked_at,
                adopted_at,
                ..instance()
            }
            .in_flight_since()
        };
        assert_eq!(at(100, None, None), 100);
        assert_eq!(at(100, Some(100), None), 100);
        assert_eq!(at(100, Some(900), None), 900);
        assert_eq!(at(100, Some(100), Some(900)), 900);
        // Marked on its way into a warm pool, and started on its way out of it.
        assert_eq!(at(900, Some(100), None), 100);
    }

    #[test]
    fn instance_that_is_neither_pending_nor_running_is_gone() {
        let in_state = |state: &str| Instance {
            state: state.to_owned(),
            ..instance()
        };
        for state in ["pending", "running"] {
            assert_eq!(in_state(state).ensure_live(), Ok(in_state(state)));
        }
        for state in ["shutting-down", "terminated", "stopping", "stopped"] {
            let gone = Error::InstanceGone {
                instance: instance().id,
                state: state.to_owned(),
            };
            assert_eq!(in_state(state).ensure_live(), Err(gone.clone()));
            let stays = ["stopping", "stopped"].contains(&state);
            let wanted = if stays {
                Ok(in_state(state))
            } else {
                Err(gone)
            };
            assert_eq!(in_state(state).ensure_not_ending(), wanted);
        }
    }
}
