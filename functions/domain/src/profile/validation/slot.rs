//! The rules of a slot, alone and beside the other slots.

use std::collections::{BTreeMap, BTreeSet};

use super::{Problems, invalid, name, security_groups, tags};
use crate::ids::SubnetId;
use crate::profile::types::{Ipv6, Slot};
use crate::quotas::{MAX_COUNT, MAX_DESCRIPTION_LENGTH, MAX_LABEL_LENGTH, MAX_SUBNETS};

/// Checks every rule of a slot alone.
pub(super) fn rules(at: &str, slot: &Slot, problems: &mut Problems) {
    problems.check(name(
        &format!("{at}.network"),
        &slot.network,
        MAX_LABEL_LENGTH,
    ));
    if (slot.network_card, slot.device_index) == (0, Some(0)) {
        problems.add(invalid(
            format!("{at}.deviceIndex"),
            "device index 0 of network card 0 is the instance's primary interface",
            "Use 1 or more, or another network card",
        ));
    }
    for (field, found) in [
        ("deviceIndex", slot.device_index.unwrap_or_default()),
        ("networkCard", slot.network_card),
        (
            "secondaryPrivateAddresses",
            slot.secondary_private_addresses,
        ),
        ("prefixes", slot.prefixes),
    ] {
        if found > MAX_COUNT {
            problems.add(invalid(
                format!("{at}.{field}"),
                format!("{found} is more than {MAX_COUNT}"),
                "Use a number that an instance type has room for",
            ));
        }
    }
    if slot.secondary_private_addresses > 0 && slot.prefixes > 0 {
        // CreateNetworkInterface refuses Ipv4PrefixCount together with secondary addresses.
        problems.add(invalid(
            format!("{at}.prefixes"),
            "EC2 assigns secondary addresses or prefixes, not both at once",
            "Set one of secondaryPrivateAddresses and prefixes to 0",
        ));
    }
    let mut seen = BTreeSet::new();
    if slot.subnet_ids.is_empty() || slot.subnet_ids.len() > MAX_SUBNETS {
        problems.add(invalid(
            format!("{at}.subnetIds"),
            format!(
                "{} subnets, expected 1 to {MAX_SUBNETS}",
                slot.subnet_ids.len()
            ),
            "Name the subnets of this network, at least one for each AZ of the group",
        ));
    }
    if let Some(twice) = slot.subnet_ids.iter().find(|id| !seen.insert(*id)) {
        problems.add(invalid(
            format!("{at}.subnetIds"),
            format!("{twice} is named twice"),
            "Name each subnet once",
        ));
    }
    if let Some(groups) = &slot.security_group_ids {
        let field = format!("{at}.securityGroupIds");
        problems.check(security_groups(&field, groups.len()));
    }
    let chosen_here = slot.has_named_addresses() || slot.ipv6 == Ipv6::LowestFree;
    if !slot.excluded_ranges.is_empty() && !chosen_here {
        problems.add(invalid(
            format!("{at}.excludedRanges"),
            "EC2 chooses the addresses of this slot and does not know excluded ranges",
            "Use lowest-free addressing without prefixes, or reserve the ranges in the subnet (CreateSubnetCidrReservation)",
        ));
    }
    if let Some(description) = &slot.description
        && description.chars().count() > MAX_DESCRIPTION_LENGTH
    {
        problems.add(invalid(
            format!("{at}.description"),
            format!("longer than {MAX_DESCRIPTION_LENGTH} characters"),
            "Shorten it",
        ));
    }
    tags::of_slot(&format!("{at}.tags"), &slot.tags, problems);
}

/// What the slots before one have: each may be there once.
#[derive(Default)]
pub(super) struct OtherSlots<'a> {
    /// By network card and device index.
    places: BTreeMap<(u32, u32), usize>,
    networks: BTreeMap<&'a str, usize>,
    /// The subnets of slots without a device index.
    open_subnets: BTreeMap<&'a SubnetId, usize>,
}

impl<'a> OtherSlots<'a> {
    /// Compares slot `n` with those before it.
    pub(super) fn compare(&mut self, n: usize, at: &str, slot: &'a Slot, problems: &mut Problems) {
        if let Some(index) = slot.device_index {
            if let Some(other) = self.places.insert((slot.network_card, index), n) {
                problems.add(invalid(
                    format!("{at}.deviceIndex"),
                    format!(
                        "device index {index} of network card {} is also that of profile.slots[{other}]",
                        slot.network_card
                    ),
                    "Give each slot of a network card a device index of its own",
                ));
            }
        } else {
            for subnet in &slot.subnet_ids {
                let other = self.open_subnets.insert(subnet, n);
                // A slot that names one twice is told so elsewhere.
                if let Some(other) = other.filter(|other| *other != n) {
                    problems.add(invalid(
                        format!("{at}.deviceIndex"),
                        format!(
                            "absent here and in profile.slots[{other}], and both have {subnet}: nothing would tell on the node which interface is of which network"
                        ),
                        "Give one of them a device index, or each a subnet of its own",
                    ));
                }
            }
        }
        if let Some(other) = self.networks.insert(&slot.network, n) {
            problems.add(invalid(
                format!("{at}.network"),
                format!(
                    "the network {:?} is also that of profile.slots[{other}]",
                    slot.network
                ),
                "Give each slot a network name of its own",
            ));
        }
    }
}
