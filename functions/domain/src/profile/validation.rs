//! The rules of a profile that its types alone do not enforce. None of them needs AWS. The rules
//! that do (the AZs of subnets, the limits of the instance type) are in
//! [`crate::addresses::subnet`] and [`crate::instance_type`].

mod tags;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::naming::NamingProfile;
use super::request_rates::{MAX_TOKENS, MAX_VPC_CNI_INTERFACES, RequestRates, TokenBucket};
use super::types::{Addressing, Ipv6, Profile, Selector, Slot};
use crate::error::{Error, Input, Result};
use crate::parse::from_value;
use crate::quotas::{
    MAX_COUNT, MAX_DESCRIPTION_LENGTH, MAX_LABEL_LENGTH, MAX_NAME_LENGTH, MAX_SECURITY_GROUPS,
    MAX_SLOTS, MAX_SUBNETS, MAX_TAG_KEY_LENGTH,
};
use crate::startup_taint::{StartupTaint, problem_of_cluster, problem_of_key};

impl Profile {
    /// Reads and validates a profile.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] that names the field and the remedy.
    pub fn read(value: Value) -> Result<Self> {
        let profile: Self = from_value(Input::Profile, "profile", value)?;
        self::profile(&profile)?;
        Ok(profile)
    }
}

impl NamingProfile {
    /// Reads and validates a profile.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] that names the field and the remedy.
    pub fn read(value: Value) -> Result<Self> {
        let profile: Self = from_value(Input::Profile, "profile", value)?;
        tags::naming_profile(&profile)?;
        Ok(profile)
    }
}

/// Checks every rule.
fn profile(profile: &Profile) -> Result<()> {
    name("profile.name", &profile.name, MAX_LABEL_LENGTH)?;
    name("profile.hook.name", &profile.hook.name, MAX_NAME_LENGTH)?;
    selector(&profile.selector)?;
    tags::tag_rules(&profile.tag_rules())?;
    security_groups("profile.securityGroupIds", profile.security_group_ids.len())?;
    if profile.slots.len() > MAX_SLOTS {
        return Err(invalid(
            "profile.slots",
            format!("{} slots, at most {MAX_SLOTS}", profile.slots.len()),
            "Remove slots: no instance type has so many interfaces",
        ));
    }
    if let Some(taint) = &profile.startup_taint {
        startup_taint(taint)?;
    }
    request_rates(&profile.request_rates)?;
    let mut places = BTreeMap::new();
    let mut networks = BTreeMap::new();
    let mut subnets = BTreeMap::new();
    for (n, slot) in profile.slots.iter().enumerate() {
        let at = format!("profile.slots[{n}]");
        self::slot(&at, slot)?;
        if profile.security_groups(slot).is_empty() {
            return Err(invalid(
                format!("{at}.securityGroupIds"),
                "no security group",
                "Name at least one, here or in profile.securityGroupIds",
            ));
        }
        if let Some(index) = slot.device_index {
            if let Some(other) = places.insert((slot.network_card, index), n) {
                return Err(invalid(
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
                if let Some(other) = subnets.insert(subnet, n) {
                    return Err(invalid(
                        format!("{at}.deviceIndex"),
                        format!(
                            "absent here and in profile.slots[{other}], and both have {subnet}: nothing would tell on the node which interface is of which network"
                        ),
                        "Give one of them a device index, or each a subnet of its own",
                    ));
                }
            }
        }
        if let Some(other) = networks.insert(&slot.network, n) {
            return Err(invalid(
                format!("{at}.network"),
                format!(
                    "the network {:?} is also that of profile.slots[{other}]",
                    slot.network
                ),
                "Give each slot a network name of its own",
            ));
        }
    }
    Ok(())
}

fn startup_taint(taint: &StartupTaint) -> Result<()> {
    for (field, text, problem) in [
        (
            "cluster",
            &taint.cluster,
            problem_of_cluster(&taint.cluster),
        ),
        ("key", &taint.key, problem_of_key(&taint.key)),
    ] {
        if let Some(problem) = problem {
            let text: String = text.chars().take(MAX_NAME_LENGTH).collect();
            return Err(invalid(
                format!("profile.startupTaint.{field}"),
                format!("{text:?} {problem}"),
                "Use the name of the EKS cluster, and the key of the taint that kubelet registers with",
            ));
        }
    }
    Ok(())
}

fn slot(at: &str, slot: &Slot) -> Result<()> {
    name(&format!("{at}.network"), &slot.network, MAX_LABEL_LENGTH)?;
    if (slot.network_card, slot.device_index) == (0, Some(0)) {
        return Err(invalid(
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
            return Err(invalid(
                format!("{at}.{field}"),
                format!("{found} is more than {MAX_COUNT}"),
                "Use a number that an instance type has room for",
            ));
        }
    }
    if slot.secondary_private_addresses > 0 && slot.prefixes > 0 {
        // CreateNetworkInterface refuses Ipv4PrefixCount together with secondary addresses.
        return Err(invalid(
            format!("{at}.prefixes"),
            "EC2 assigns secondary addresses or prefixes, not both at once",
            "Set one of secondaryPrivateAddresses and prefixes to 0",
        ));
    }
    let mut seen = BTreeSet::new();
    if slot.subnet_ids.is_empty() || slot.subnet_ids.len() > MAX_SUBNETS {
        return Err(invalid(
            format!("{at}.subnetIds"),
            format!(
                "{} subnets, expected 1 to {MAX_SUBNETS}",
                slot.subnet_ids.len()
            ),
            "Name the subnets of this network, at least one for each AZ of the group",
        ));
    }
    if let Some(twice) = slot.subnet_ids.iter().find(|id| !seen.insert(*id)) {
        return Err(invalid(
            format!("{at}.subnetIds"),
            format!("{twice} is named twice"),
            "Name each subnet once",
        ));
    }
    if let Some(groups) = &slot.security_group_ids {
        security_groups(&format!("{at}.securityGroupIds"), groups.len())?;
    }
    let chosen_here = slot.addressing == Addressing::LowestFree || slot.ipv6 == Ipv6::LowestFree;
    if !slot.excluded_ranges.is_empty() && !chosen_here {
        return Err(invalid(
            format!("{at}.excludedRanges"),
            "EC2 chooses the addresses of this slot and does not know excluded ranges",
            "Use lowest-free addressing, or reserve the ranges in the subnet (CreateSubnetCidrReservation)",
        ));
    }
    if let Some(description) = &slot.description
        && description.chars().count() > MAX_DESCRIPTION_LENGTH
    {
        return Err(invalid(
            format!("{at}.description"),
            format!("longer than {MAX_DESCRIPTION_LENGTH} characters"),
            "Shorten it",
        ));
    }
    tags::of_slot(&format!("{at}.tags"), &slot.tags)
}

fn request_rates(rates: &RequestRates) -> Result<()> {
    if rates.vpc_cni_interfaces > MAX_VPC_CNI_INTERFACES {
        return Err(invalid(
            "profile.requestRates.vpcCniInterfaces",
            format!(
                "{}, expected 0 to {MAX_VPC_CNI_INTERFACES}",
                rates.vpc_cni_interfaces
            ),
            "Set the VPC CNI's WARM_ENI_TARGET, 0 for nodes without the VPC CNI, or leave it out",
        ));
    }
    for (
        bucket,
        TokenBucket {
            capacity,
            refill_per_second,
        },
    ) in rates.by_field()
    {
        for (field, found) in [
            ("capacity", capacity),
            ("refillPerSecond", refill_per_second),
        ] {
            if !(1..=MAX_TOKENS).contains(&found) {
                return Err(invalid(
                    format!("profile.requestRates.{bucket}.{field}"),
                    format!("{found}, expected 1 to {MAX_TOKENS}"),
                    "Set the rate that EC2 grants the account, or leave it out to use the published one",
                ));
            }
        }
    }
    Ok(())
}

fn selector(selector: &Selector) -> Result<()> {
    match selector {
        Selector::AutoScalingGroupNames(names) => {
            if names.is_empty() {
                return Err(invalid(
                    "profile.selector.autoScalingGroupNames",
                    "no group is named",
                    "Name at least one Auto Scaling group, or select by tag",
                ));
            }
            for group in names {
                name(
                    "profile.selector.autoScalingGroupNames",
                    group,
                    MAX_NAME_LENGTH,
                )?;
            }
            Ok(())
        }
        Selector::Tag(tag) => name("profile.selector.tag.key", &tag.key, MAX_TAG_KEY_LENGTH),
    }
}

fn security_groups(field: &str, count: usize) -> Result<()> {
    if count > MAX_SECURITY_GROUPS {
        return Err(invalid(
            field,
            format!("{count} security groups, at most {MAX_SECURITY_GROUPS}"),
            "Remove some: EC2 takes no more on an interface",
        ));
    }
    Ok(())
}

fn name(field: &str, text: &str, max_length: usize) -> Result<()> {
    let length = text.chars().count();
    if length == 0 || length > max_length {
        return Err(invalid(
            field,
            format!("{length} characters long, expected 1 to {max_length}"),
            "Give a name of that length",
        ));
    }
    if text.chars().any(char::is_control) {
        return Err(invalid(
            field,
            "control characters",
            "Use printable characters",
        ));
    }
    Ok(())
}

fn invalid(field: impl Into<String>, problem: impl Into<String>, remedy: &str) -> Error {
    Error::invalid(Input::Profile, field, problem, remedy)
}

#[cfg(test)]
#[path = "validation_tests.rs"]
mod tests;
