//! The rules of a profile that its shape alone does not hold. All of them can be checked without AWS;
//! what needs AWS (AZs of subnets, limits of the instance type) is in [`crate::addresses::plan`] and [`crate::instance_type`].

mod tags;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::naming::NamingProfile;
use super::request_rates::{MAX_TOKENS, RequestRates, TokenBucket};
use super::types::{Addressing, Ipv6, Profile, Selector, Slot};
use crate::error::{Error, Input, Result};
use crate::parse::from_value;
use crate::quotas::{
    MAX_COUNT, MAX_DESCRIPTION_LENGTH, MAX_LABEL_LENGTH, MAX_NAME_LENGTH, MAX_SECURITY_GROUPS,
    MAX_SLOTS, MAX_SUBNETS, MAX_TAG_KEY_LENGTH,
};

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
    request_rates(&profile.request_rates)?;
    let mut places = BTreeMap::new();
    let mut networks = BTreeMap::new();
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
        if let Some(other) = places.insert((slot.network_card, slot.device_index), n) {
            return Err(invalid(
                format!("{at}.deviceIndex"),
                format!(
                    "device index {} of network card {} is also that of profile.slots[{other}]",
                    slot.device_index, slot.network_card
                ),
                "Give each slot of a network card a device index of its own",
            ));
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

fn slot(at: &str, slot: &Slot) -> Result<()> {
    name(&format!("{at}.network"), &slot.network, MAX_LABEL_LENGTH)?;
    if slot.device_index == 0 {
        return Err(invalid(
            format!("{at}.deviceIndex"),
            "device index 0 is the instance's primary interface",
            "Use 1 or more",
        ));
    }
    for (field, found) in [
        ("deviceIndex", slot.device_index),
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
        // Ipv4PrefixCount goes with neither specific nor counted secondary addresses (CreateNetworkInterface).
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
            "EC2 chooses the addresses of this slot, and knows nothing of excluded ranges",
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
                    "Say what EC2 grants the account, or leave it out for what EC2 publishes",
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
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use crate::fixtures::profile;
    use crate::profile::Profile;

    fn refused(pointer: &str, value: Value) -> String {
        let mut profile = profile();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        profile.pointer_mut(parent).unwrap()[key] = value;
        let error = Profile::read(profile).unwrap_err();
        assert_eq!(error.error_type(), "Hookline.InvalidProfile");
        error.to_string()
    }

    #[test]
    fn each_rule_names_field_and_remedy() {
        for (pointer, value, says) in [
            ("/name", json!(""), "profile.name: 0 characters"),
            ("/name", json!("a\nb"), "profile.name: control characters"),
            (
                "/hook/name",
                json!("h".repeat(256)),
                "profile.hook.name: 256 characters",
            ),
            (
                "/selector",
                json!({"autoScalingGroupNames": []}),
                "profile.selector.autoScalingGroupNames: no group",
            ),
            (
                "/selector",
                json!({"tag": {"key": ""}}),
                "profile.selector.tag.key: 0 characters",
            ),
            (
                "/selector",
                json!({"everything": true}),
                "profile.selector: unknown variant `everything`",
            ),
            (
                "/securityGroupIds",
                json!([]),
                "profile.slots[0].securityGroupIds: no security group",
            ),
            (
                "/securityGroupIds",
                json!(["sg-1"]),
                "profile.securityGroupIds[0]: expected a security group id",
            ),
            (
                "/nodeTags",
                json!({"aws:x": "y"}),
                "profile.nodeTags[\"aws:x\"]: keys that begin with aws:",
            ),
            (
                "/nodeTags",
                json!({"Name": "{{ private_ip"}),
                "profile.nodeTags[\"Name\"]: ",
            ),
            (
                "/slots/1/deviceIndex",
                json!(0),
                "profile.slots[1].deviceIndex: device index 0",
            ),
            (
                "/slots/1/deviceIndex",
                json!(1),
                "profile.slots[1].deviceIndex: device index 1 of network card 0 is also",
            ),
            (
                "/slots/1/deviceIndex",
                json!(-1),
                "profile.slots[1].deviceIndex: invalid value",
            ),
            (
                "/slots/1/deviceIndex",
                json!(9999),
                "profile.slots[1].deviceIndex: 9999 is more",
            ),
            (
                "/slots/1/network",
                json!("signaling"),
                "profile.slots[1].network: the network \"signaling\" is also",
            ),
            (
                "/slots/1/subnetIds",
                json!([]),
                "profile.slots[1].subnetIds: 0 subnets",
            ),
            (
                "/slots/1/subnetIds",
                json!(["subnet-0000000000000002a", "subnet-0000000000000002a"]),
                "profile.slots[1].subnetIds: subnet-0000000000000002a is named twice",
            ),
            (
                "/slots/1/prefixes",
                json!(100_000),
                "profile.slots[1].prefixes: 100000 is more",
            ),
            (
                "/slots/1/addressing",
                json!("random"),
                "profile.slots[1].addressing: unknown variant",
            ),
            (
                "/slots/1/excludedRanges",
                json!(["10.0.0.9-10.0.0.1"]),
                "profile.slots[1].excludedRanges[0]: expected a range",
            ),
            (
                "/slots/1/tags",
                json!({"hookline:network": "x"}),
                "profile.slots[1].tags[\"hookline:network\"]: Hookline sets",
            ),
            (
                "/slots/1/tags",
                json!({"k": "v".repeat(257)}),
                "profile.slots[1].tags[\"k\"]: ",
            ),
            (
                "/slots/1/description",
                json!("d".repeat(256)),
                "profile.slots[1].description: longer than 255",
            ),
        ] {
            let error = refused(pointer, value);
            assert!(error.starts_with(says), "wanted {says}\nfound {error}");
        }
    }

    #[test]
    fn one_device_index_on_two_cards_is_no_clash() {
        let mut value = profile();
        value["slots"][1]["deviceIndex"] = json!(1);
        value["slots"][1]["networkCard"] = json!(1);
        assert!(Profile::read(value).is_ok());
    }

    #[test]
    fn excluded_ranges_need_somebody_to_heed_them() {
        let mut value = profile();
        value["slots"][0]["addressing"] = json!("subnet-assigned");
        value["slots"][0]["excludedRanges"] = json!(["10.0.0.0/28"]);
        let error = Profile::read(value).unwrap_err().to_string();
        assert!(
            error.starts_with("profile.slots[0].excludedRanges: EC2 chooses"),
            "{error}"
        );
    }

    #[test]
    fn too_many_slots() {
        let mut value = profile();
        let slot = value["slots"][0].clone();
        value["slots"] = json!(vec![slot; 1000]);
        let error = Profile::read(value).unwrap_err().to_string();
        assert!(error.starts_with("profile.slots: 1000 slots"), "{error}");
    }

    proptest! {
        /// Against the plain way: compare every pair of slots.
        #[test]
        fn slots_clash_when_two_of_them_do(
            slots in prop::collection::vec((0u32..3, 0u32..4, 0u8..6), 0..6),
        ) {
            let mut value = profile();
            let slot = value["slots"][0].clone();
            value["slots"] = slots
                .iter()
                .map(|(card, index, network)| {
                    let mut slot = slot.clone();
                    slot["networkCard"] = json!(card);
                    slot["deviceIndex"] = json!(index);
                    slot["network"] = json!(format!("n{network}"));
                    slot
                })
                .collect();
            let clash = slots.iter().enumerate().any(|(n, (card, index, network))| {
                let same = |other: &(u32, u32, u8)| (other.0, other.1) == (*card, *index) || other.2 == *network;
                *index == 0 || slots[n + 1..].iter().any(same)
            });
            let read = Profile::read(value);
            prop_assert_eq!(read.is_err(), clash, "{:?}", read);
            if let Ok(profile) = read {
                let written = serde_json::to_value(&profile).unwrap();
                prop_assert_eq!(Profile::read(written).unwrap(), profile);
            }
        }
    }
}
