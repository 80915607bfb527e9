//! Subnets, the interfaces in them, and whether the subnets can serve a profile.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

use super::range::AddressRange;
use crate::error::{Error, Input, Result};
use crate::ids::{InstanceId, NetworkInterfaceId, SubnetId};
use crate::interface::Interface;
use crate::profile::{Ipv6, Profile, Slot};
use crate::tags::own;

/// A subnet, with its reservations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subnet {
    /// The subnet.
    pub id: SubnetId,
    /// Its Availability Zone's name.
    pub availability_zone: String,
    /// Its IPv4 block; none in an IPv6-only subnet.
    pub ipv4: Option<IpNet>,
    /// Its IPv6 block.
    pub ipv6: Option<IpNet>,
    /// Its CIDR reservations, `explicit` and `prefix` alike.
    pub reservations: Vec<IpNet>,
}

/// An interface in one of the subnets, with all its addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllocatedInterface {
    /// The interface.
    pub id: NetworkInterfaceId,
    /// Its subnet.
    pub subnet_id: SubnetId,
    /// Whether it is attached, or being attached, to an instance.
    pub attached: bool,
    /// The instance that Hookline created it for, if it did.
    pub owner: Option<InstanceId>,
    /// The network that Hookline created it for, if it did.
    pub network: Option<String>,
    /// All its private addresses and prefixes, of both families.
    pub addresses: Vec<AddressRange>,
}

impl From<Interface> for AllocatedInterface {
    fn from(interface: Interface) -> Self {
        let addresses = interface
            .private_ip_addresses
            .iter()
            .chain(&interface.ipv6_addresses)
            .map(|address| (*address).into())
            .chain(interface.prefixes.iter().copied())
            .chain(interface.ipv6_prefixes.iter().copied())
            .collect();
        Self {
            attached: interface
                .attachment
                .as_ref()
                .is_some_and(|on| matches!(on.status.as_str(), "attaching" | "attached")),
            owner: interface
                .tags
                .get(own::INSTANCE_ID)
                .and_then(|id| id.parse().ok()),
            network: interface.tags.get(own::NETWORK).cloned(),
            id: interface.id,
            subnet_id: interface.subnet_id,
            addresses,
        }
    }
}

/// The subnets of `slot` in an Availability Zone, in the profile's order.
pub(super) fn in_az<'a>(
    slot: &'a Slot,
    zone: &'a str,
    subnets: &'a BTreeMap<SubnetId, Subnet>,
) -> impl Iterator<Item = &'a Subnet> {
    slot.subnet_ids
        .iter()
        .filter_map(|id| subnets.get(id))
        .filter(move |subnet| subnet.availability_zone == zone)
}

/// The error of a subnet that does not exist, with the field of `profile` that names it. Returns
/// other errors as they are.
#[must_use]
pub fn with_field(profile: &Profile, error: Error) -> Error {
    let Error::ResourceNotFound { problem, remedy } = error else {
        return error;
    };
    let fields = profile.slots.iter().enumerate().flat_map(|(n, slot)| {
        let ids = slot.subnet_ids.iter().enumerate();
        ids.map(move |(m, id)| (id, format!("profile.slots[{n}].subnetIds[{m}]")))
    });
    let mut fields = fields.filter(|(id, _)| problem.contains(id.as_str()));
    let problem = match fields.next() {
        Some((_, field)) => format!("{field}: {problem}"),
        None => problem,
    };
    Error::ResourceNotFound { problem, remedy }
}

/// Checks that every slot has subnets in the node's AZ, with the blocks that it needs.
///
/// # Errors
/// [`Error::Invalid`] that names the slot.
pub fn check_subnets(
    profile: &Profile,
    zone: &str,
    subnets: &BTreeMap<SubnetId, Subnet>,
) -> Result<()> {
    for (n, slot) in profile.slots.iter().enumerate() {
        let invalid = |problem: String, remedy: &str| {
            let field = format!("profile.slots[{n}].subnetIds");
            Err(Error::invalid(Input::Profile, field, problem, remedy))
        };
        if in_az(slot, zone, subnets).next().is_none() {
            let zones: BTreeSet<_> = slot
                .subnet_ids
                .iter()
                .filter_map(|id| subnets.get(id))
                .map(|subnet| subnet.availability_zone.as_str())
                .collect();
            return invalid(
                format!(
                    "no subnet of network {} in the node's AZ {zone}; its subnets are in {}",
                    slot.network,
                    zones.into_iter().collect::<Vec<_>>().join(", ")
                ),
                "Add a subnet of that AZ to the slot, or keep the group out of the AZ",
            );
        }
        for subnet in in_az(slot, zone, subnets) {
            if subnet.ipv4.is_none() {
                return invalid(
                    format!("{} has no IPv4 block", subnet.id),
                    "Name subnets with an IPv4 block",
                );
            }
            if slot.ipv6 != Ipv6::None && subnet.ipv6.is_none() {
                return invalid(
                    format!("ipv6 is asked for, and {} has no IPv6 block", subnet.id),
                    "Associate an IPv6 block with the subnet, or set ipv6 to none",
                );
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::profile;

    #[test]
    fn error_of_a_missing_subnet_names_the_field() {
        let profile = Profile::read(profile()).unwrap();
        let words = |problem: &str| with_field(&profile, Error::not_found(problem)).to_string();
        assert_eq!(
            words("The subnet ID 'subnet-0000000000000002a' does not exist"),
            "profile.slots[1].subnetIds[0]: The subnet ID 'subnet-0000000000000002a' does not exist. \
             Correct the profile, or create what it names in this account and Region"
        );
        let other = "The security group 'sg-0123456789abcdef0' does not exist";
        assert!(words(other).starts_with(other));
        assert_eq!(with_field(&profile, Error::HookNotOurs), Error::HookNotOurs);
    }
}
