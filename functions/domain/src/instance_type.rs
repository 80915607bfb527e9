//! Whether an instance type has room for a profile. This is checked before the first interface is
//! created.

use serde::{Deserialize, Serialize};

use std::collections::BTreeSet;

use crate::error::{Error, Result};
use crate::instance::AttachmentPoint;
use crate::profile::{Ipv6, Profile};
use crate::quotas::ADDRESSES_OF_A_PREFIX;

/// The pods with host network that every node has.
const HOST_NETWORK_PODS: u32 = 2;

/// The network limits of an instance type (DescribeInstanceTypes, `NetworkInfo`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct InstanceTypeLimits {
    /// As `m5.4xlarge`.
    pub instance_type: String,
    /// Interfaces in all, the primary one included.
    pub maximum_network_interfaces: u32,
    /// Private IPv4 addresses of an interface; a /28 prefix takes the place of one address.
    pub ipv4_addresses_per_interface: u32,
    /// IPv6 addresses of an interface.
    pub ipv6_addresses_per_interface: u32,
    /// The network card that the primary interface is on.
    pub default_network_card: u32,
    /// Interfaces of each network card, by index.
    pub network_cards: Vec<NetworkCard>,
}

/// One network card of an instance type.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct NetworkCard {
    /// The card's index.
    pub index: u32,
    /// Interfaces of this card, the primary one included on its card.
    pub maximum_network_interfaces: u32,
}

impl InstanceTypeLimits {
    /// Checks that there is room for every slot of `profile` and the primary interface.
    ///
    /// # Errors
    /// [`Error::InstanceTypeTooSmall`] that names the field and both numbers.
    pub fn check(&self, profile: &Profile) -> Result<()> {
        let wanted = profile.slots.len().saturating_add(1);
        if wanted > as_usize(self.maximum_network_interfaces) {
            return Err(self.too_small(
                "profile.slots".to_owned(),
                format!(
                    "{} slots and the primary interface are {wanted} interfaces, {} has {}",
                    profile.slots.len(),
                    self.instance_type,
                    self.maximum_network_interfaces
                ),
            ));
        }
        for (n, slot) in profile.slots.iter().enumerate() {
            let Some(card) = self
                .network_cards
                .iter()
                .find(|card| card.index == slot.network_card)
            else {
                return Err(self.too_small(
                    format!("profile.slots[{n}].networkCard"),
                    format!(
                        "network card {} is asked for, {} has {}",
                        slot.network_card,
                        self.instance_type,
                        self.network_cards.len()
                    ),
                ));
            };
            let primary = usize::from(card.index == self.default_network_card);
            if primary == 1 && slot.device_index == Some(0) {
                return Err(self.too_small(
                    format!("profile.slots[{n}].deviceIndex"),
                    format!(
                        "device index 0 of network card {} is the primary interface of {}",
                        card.index, self.instance_type
                    ),
                ));
            }
            let on_card = primary
                + profile
                    .slots
                    .iter()
                    .filter(|other| other.network_card == card.index)
                    .count();
            if on_card > as_usize(card.maximum_network_interfaces) {
                return Err(self.too_small(
                    format!("profile.slots[{n}].networkCard"),
                    format!(
                        "{on_card} interfaces on network card {}, {} has room for {}",
                        card.index, self.instance_type, card.maximum_network_interfaces
                    ),
                ));
            }
            let addresses = 1 + slot.secondary_private_addresses + slot.prefixes;
            if addresses > self.ipv4_addresses_per_interface {
                return Err(self.too_small(
                    format!("profile.slots[{n}].secondaryPrivateAddresses"),
                    format!(
                        "primary, secondary addresses and prefixes are {addresses}, {} has room for {} on an interface",
                        self.instance_type, self.ipv4_addresses_per_interface
                    ),
                ));
            }
            if slot.ipv6 != Ipv6::None && self.ipv6_addresses_per_interface == 0 {
                return Err(self.too_small(
                    format!("profile.slots[{n}].ipv6"),
                    format!("{} has no IPv6", self.instance_type),
                ));
            }
        }
        Ok(())
    }

    /// Checks that beside the slots of `profile` there is room for what the launch template attaches,
    /// the primary interface included, and for so many interfaces of the VPC CNI, which it attaches
    /// on the default network card (aws/amazon-vpc-cni-k8s, `pkg/ipamd/ipamd.go`, `hasRoomForEni`).
    /// Call [`InstanceTypeLimits::check`] before.
    ///
    /// # Errors
    /// [`Error::InstanceTypeTooSmall`] with all the numbers.
    pub fn check_beside(
        &self,
        profile: &Profile,
        of_template: &[AttachmentPoint],
        of_vpc_cni: u32,
    ) -> Result<()> {
        let others = self.attached_by(of_template);
        let of_cni = as_usize(of_vpc_cni);
        let wanted = self.interfaces_beside(profile, of_template, of_vpc_cni);
        let words = |slots: usize, others: usize| {
            format!(
                "{slots} slots, {others} interfaces of the launch template with the primary one, and {of_cni} of the \
                 VPC CNI"
            )
        };
        if wanted > as_usize(self.maximum_network_interfaces) {
            return Err(self.too_small(
                "profile.slots".to_owned(),
                format!(
                    "{} are {wanted} interfaces, {} has {}",
                    words(profile.slots.len(), others.len()),
                    self.instance_type,
                    self.maximum_network_interfaces
                ),
            ));
        }
        for card in &self.network_cards {
            let of_card = others
                .iter()
                .filter(|place| place.network_card == card.index)
                .count();
            let of_cni = match card.index == self.default_network_card {
                true => of_cni,
                false => 0,
            };
            let slots = self.slots_on(profile, card.index);
            let wanted = slots + of_card + of_cni;
            if slots > 0 && wanted > as_usize(card.maximum_network_interfaces) {
                return Err(self.too_small(
                    "profile.slots".to_owned(),
                    format!(
                        "{} are {wanted} interfaces on network card {}, {} has room for {}",
                        words(slots, of_card),
                        card.index,
                        self.instance_type,
                        card.maximum_network_interfaces
                    ),
                ));
            }
        }
        Ok(())
    }

    /// How many interfaces a node has: the slots', what the launch template attaches, the primary
    /// one included, and so many of the VPC CNI.
    #[must_use]
    pub fn interfaces_beside(
        &self,
        profile: &Profile,
        of_template: &[AttachmentPoint],
        of_vpc_cni: u32,
    ) -> usize {
        profile.slots.len() + self.attached_by(of_template).len() + as_usize(of_vpc_cni)
    }

    /// Where interfaces are from the launch on. The primary one is attached whether the launch template
    /// names it or not.
    fn attached_by(&self, of_template: &[AttachmentPoint]) -> BTreeSet<AttachmentPoint> {
        let primary = AttachmentPoint {
            network_card: self.default_network_card,
            device_index: 0,
        };
        of_template.iter().copied().chain([primary]).collect()
    }

    fn slots_on(&self, profile: &Profile, card: u32) -> usize {
        let slots = profile.slots.iter();
        slots.filter(|slot| slot.network_card == card).count()
    }

    /// For how many pods the VPC CNI has addresses beside so many slots on the default network card:
    /// interfaces of the card without them × (addresses of an interface − 1) + 2, with
    /// [`ADDRESSES_OF_A_PREFIX`] times as many addresses if it has prefixes. The two pods have host
    /// network: kube-proxy and the VPC CNI (aws/amazon-vpc-cni-k8s, `pkg/ipamd/ipamd.go`,
    /// `hasRoomForEni`; awslabs/amazon-eks-ami, `nodeadm/internal/kubelet`).
    #[must_use]
    pub fn pods(&self, slots: usize, prefixes: bool) -> u32 {
        let mut cards = self.network_cards.iter();
        let card = cards.find(|card| card.index == self.default_network_card);
        let interfaces = card
            .map_or(self.maximum_network_interfaces, |card| {
                card.maximum_network_interfaces
            })
            .saturating_sub(u32::try_from(slots).unwrap_or(u32::MAX));
        let of_an_address = match prefixes {
            true => ADDRESSES_OF_A_PREFIX,
            false => 1,
        };
        interfaces
            .saturating_mul(self.ipv4_addresses_per_interface.saturating_sub(1))
            .saturating_mul(of_an_address)
            .saturating_add(HOST_NETWORK_PODS)
    }

    /// How many slots of a profile are on the network card of the primary interface, where the VPC
    /// CNI has its own.
    #[must_use]
    pub fn slots_beside_the_vpc_cni(&self, profile: &Profile) -> usize {
        self.slots_on(profile, self.default_network_card)
    }

    /// The lowest device index of a card that a slot can have: the primary interface has index 0 of
    /// its card.
    #[must_use]
    pub fn lowest_index(&self, card: &NetworkCard) -> u32 {
        u32::from(card.index == self.default_network_card)
    }

    fn too_small(&self, field: String, problem: String) -> Error {
        Error::InstanceTypeTooSmall {
            field,
            problem,
            remedy: "Ask for less, or use a larger instance type in the launch template".to_owned(),
        }
    }
}

fn as_usize(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
#[path = "instance_type_tests.rs"]
mod tests;
