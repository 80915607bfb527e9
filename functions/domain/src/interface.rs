//! An interface, and whether it is as its slot says (invariant I1).

use std::collections::{BTreeMap, BTreeSet};

use crate::addresses::range::AddressRange;
use crate::execution::WiredInterface;
use crate::ids::{InstanceId, NetworkInterfaceId, SecurityGroupId, SubnetId};
use crate::instance::AttachmentPoint;
use crate::profile::{Ipv6, Profile, Slot};
use crate::tags::own;

/// An interface as EC2 describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// The interface.
    pub id: NetworkInterfaceId,
    /// Its subnet.
    pub subnet_id: SubnetId,
    /// Its Availability Zone's name.
    pub availability_zone: String,
    /// `available`, `in-use`, …
    pub status: String,
    /// Its attachment, while it has one.
    pub attachment: Option<Attachment>,
    /// Its security groups.
    pub security_group_ids: BTreeSet<SecurityGroupId>,
    /// Its private IPv4 addresses, the primary one first.
    pub private_ip_addresses: Vec<std::net::IpAddr>,
    /// Its IPv4 prefixes.
    pub prefixes: Vec<AddressRange>,
    /// Its IPv6 addresses.
    pub ipv6_addresses: Vec<std::net::IpAddr>,
    /// Its IPv6 prefixes.
    pub ipv6_prefixes: Vec<AddressRange>,
    /// Whether EC2 checks source and destination.
    pub source_dest_check: bool,
    /// Its description.
    pub description: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// How an interface is attached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// `eni-attach-…`
    pub id: String,
    /// The instance.
    pub instance_id: Option<InstanceId>,
    /// The device index.
    pub device_index: u32,
    /// The network card.
    pub network_card: u32,
    /// `attaching`, `attached`, `detaching`, `detached`.
    pub status: String,
    /// Whether EC2 deletes it with the instance.
    pub delete_on_termination: bool,
    /// When the attach began, in seconds since the epoch.
    pub since: Option<i64>,
}

impl Interface {
    /// Whether Hookline created it for this instance and network.
    #[must_use]
    pub fn is_created_for(&self, instance: &InstanceId, network: &str) -> bool {
        self.tags.get(own::INSTANCE_ID).map(String::as_str) == Some(instance.as_str())
            && self.tags.get(own::NETWORK).map(String::as_str) == Some(network)
    }

    /// The same interface, of another deployment: for this one, somebody else created it.
    #[must_use]
    pub fn of_others(mut self) -> Self {
        self.tags.remove(own::INSTANCE_ID);
        self.tags.remove(own::NETWORK);
        self
    }

    /// Whether it is attached to this point.
    #[must_use]
    pub fn is_at(&self, point: AttachmentPoint) -> bool {
        self.attachment.as_ref().is_some_and(|on| {
            (on.network_card, on.device_index) == (point.network_card, point.device_index)
        })
    }

    /// The interface in words, for people who look for its owner: its id and its description.
    #[must_use]
    pub fn in_words(&self) -> String {
        match self.description.as_str() {
            "" => self.id.to_string(),
            description => format!("{} ({description:?})", self.id),
        }
    }

    /// The interface as the execution's output shows it.
    #[must_use]
    pub fn wired_for(&self, slot: &Slot) -> WiredInterface {
        let on = self.attachment.as_ref();
        WiredInterface {
            network: slot.network.clone(),
            device_index: on.map(|on| on.device_index).or(slot.device_index),
            network_card: slot.network_card,
            network_interface_id: self.id.clone(),
            attachment_id: on.map(|on| on.id.clone()).unwrap_or_default(),
            delete_on_termination: on.is_some_and(|on| on.delete_on_termination),
            subnet_id: self.subnet_id.clone(),
            private_ip_addresses: self.private_ip_addresses.clone(),
            ipv6_addresses: self.ipv6_addresses.clone(),
        }
    }

    /// Whether it is attached, or being attached, to `instance`.
    #[must_use]
    pub fn is_attached_to(&self, instance: &InstanceId) -> bool {
        self.attachment.as_ref().is_some_and(|attachment| {
            attachment.instance_id.as_ref() == Some(instance)
                && matches!(attachment.status.as_str(), "attaching" | "attached")
        })
    }

    /// Every difference between the interface and what `slot` of `profile` asks for on `instance`
    /// in `zone`, in words.
    #[must_use]
    pub fn differences(
        &self,
        profile: &Profile,
        slot: &Slot,
        instance: &InstanceId,
        zone: &str,
        tags: &BTreeMap<String, String>,
    ) -> Vec<String> {
        self.attachment_difference(slot, instance)
            .into_iter()
            .chain(self.setting_differences(profile, slot, zone))
            .chain(self.address_differences(slot))
            .chain(self.tag_differences(tags))
            .map(|difference| self.of_network(slot, &difference))
            .collect()
    }

    /// Those of the [`differences`](Self::differences) that a change of the profile cannot explain: whether
    /// the interface is attached to `instance`, its SourceDestCheck, its tags [`own::OF_WIRING`].
    #[must_use]
    pub fn differences_of_wiring(
        &self,
        slot: &Slot,
        instance: &InstanceId,
        tags: &BTreeMap<String, String>,
    ) -> Vec<String> {
        let attached = match self.is_attached_to(instance) {
            true => None,
            false => self.attachment_difference(slot, instance),
        };
        let mut tags = tags.clone();
        tags.retain(|key, _| own::OF_WIRING.contains(&key.as_str()));
        attached
            .into_iter()
            .chain(self.source_dest_check_difference(slot))
            .chain(self.tag_differences(&tags))
            .map(|difference| self.of_network(slot, &difference))
            .collect()
    }

    fn of_network(&self, slot: &Slot, difference: &str) -> String {
        format!("{} of network {}: {difference}", self.id, slot.network)
    }

    fn source_dest_check_difference(&self, slot: &Slot) -> Option<String> {
        difference(
            "SourceDestCheck",
            &self.source_dest_check.to_string(),
            &slot.source_dest_check.to_string(),
        )
    }

    fn attachment_difference(&self, slot: &Slot, instance: &InstanceId) -> Option<String> {
        let place = |instance: &str, status: &str, card: u32, index: u32| {
            format!("{status} to {instance} at device index {index} of network card {card}")
        };
        let index = self.attachment.as_ref().map_or(0, |on| on.device_index);
        let attachment = match &self.attachment {
            None => "none".to_owned(),
            Some(on) => place(
                on.instance_id.as_ref().map_or("?", InstanceId::as_str),
                &on.status,
                on.network_card,
                on.device_index,
            ),
        };
        let wanted = place(
            instance.as_str(),
            "attached",
            slot.network_card,
            slot.device_index.unwrap_or(index),
        );
        difference("attachment", &attachment, &wanted)
    }

    fn setting_differences(&self, profile: &Profile, slot: &Slot, zone: &str) -> Vec<String> {
        let groups: BTreeSet<_> = profile.security_groups(slot).iter().cloned().collect();
        let found = [
            self.source_dest_check_difference(slot),
            difference("Availability Zone", &self.availability_zone, zone),
            difference(
                "security groups",
                &join(&self.security_group_ids),
                &join(&groups),
            ),
            match slot.subnet_ids.contains(&self.subnet_id) {
                true => None,
                false => difference("subnet", self.subnet_id.as_str(), &join(&slot.subnet_ids)),
            },
        ];
        found.into_iter().flatten().collect()
    }

    fn address_differences(&self, slot: &Slot) -> Vec<String> {
        // What there is besides is not Hookline's to judge: an address manager on the node may have
        // assigned it, or the subnet (AssignIpv6AddressOnCreation).
        let at_least = |what: &str, is: usize, wanted: usize| {
            difference(what, &is.to_string(), &wanted.max(is).to_string())
        };
        let counts = [
            at_least(
                "number of private IPv4 addresses",
                self.private_ip_addresses.len(),
                slot.ipv4_addresses(),
            ),
            at_least(
                "number of IPv4 prefixes",
                self.prefixes.len(),
                usize::try_from(slot.prefixes).unwrap_or(usize::MAX),
            ),
            at_least(
                "number of IPv6 addresses",
                self.ipv6_addresses.len(),
                usize::from(slot.ipv6 != Ipv6::None),
            ),
        ];
        let mut found: Vec<String> = counts.into_iter().flatten().collect();
        // Of several addresses, only the primary one is known to be Hookline's choice.
        let has_more_ipv4 = self.private_ip_addresses.len() > slot.ipv4_addresses();
        let chosen_ipv4 = match has_more_ipv4 {
            true => 1,
            false => self.private_ip_addresses.len(),
        };
        let chosen_ipv6 = usize::from(self.ipv6_addresses.len() == 1);
        for range in &slot.excluded_ranges {
            let chosen_here = [
                slot.has_named_addresses()
                    .then(|| self.private_ip_addresses.iter().take(chosen_ipv4)),
                (slot.ipv6 == Ipv6::LowestFree)
                    .then(|| self.ipv6_addresses.iter().take(chosen_ipv6)),
            ];
            for address in chosen_here.into_iter().flatten().flatten() {
                if (range.first()..=range.last()).contains(address) {
                    found.push(format!("address is {address}, wanted one outside {range}"));
                }
            }
        }
        found
    }

    fn tag_differences(&self, tags: &BTreeMap<String, String>) -> Vec<String> {
        let found = tags.iter().filter_map(|(key, wanted)| {
            let is = self.tags.get(key);
            let is = is.map_or_else(|| "absent".to_owned(), |value| format!("{value:?}"));
            difference(&format!("tag {key}"), &is, &format!("{wanted:?}"))
        });
        found.collect()
    }
}

/// The difference in words, if there is one.
fn difference(what: &str, is: &str, wanted: &str) -> Option<String> {
    (is != wanted).then(|| format!("{what} is {is}, wanted {wanted}"))
}

fn join<'a, T: ToString + 'a>(items: impl IntoIterator<Item = &'a T>) -> String {
    items
        .into_iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::profile;

    fn right() -> (Profile, Interface, InstanceId) {
        let instance: InstanceId = "i-0123456789abcdef0".parse().unwrap();
        let interface = Interface {
            tags: BTreeMap::from([("k".to_owned(), "v".to_owned())]),
            ..crate::fixtures::interface()
        };
        (Profile::read(profile()).unwrap(), interface, instance)
    }

    fn differences(change: impl FnOnce(&mut Interface)) -> Vec<String> {
        let (profile, mut interface, instance) = right();
        change(&mut interface);
        let tags = BTreeMap::from([("k".to_owned(), "v".to_owned())]);
        interface.differences(&profile, &profile.slots[0], &instance, "us-west-2a", &tags)
    }

    #[test]
    fn right_interface_has_no_differences() {
        assert_eq!(differences(|_| ()), Vec::<String>::new());
    }

    #[test]
    fn any_device_index_is_right_where_the_slot_has_none() {
        let (mut profile, mut interface, instance) = right();
        profile.slots[0].device_index = None;
        let mut found = |index, card| {
            let on = interface.attachment.as_mut().unwrap();
            (on.device_index, on.network_card) = (index, card);
            let tags = &interface.tags;
            interface.differences(&profile, &profile.slots[0], &instance, "us-west-2a", tags)
        };
        assert_eq!(found(7, 0), Vec::<String>::new());
        assert!(found(7, 1)[0].contains(
            "wanted attached to i-0123456789abcdef0 at device index 7 of network card 0"
        ));
    }

    #[test]
    fn interface_in_words_has_its_description() {
        let mut interface = crate::fixtures::interface();
        assert_eq!(interface.in_words(), "eni-0123456789abcdef0");
        interface.description = "aws-K8S-i-0".to_owned();
        assert_eq!(
            interface.in_words(),
            "eni-0123456789abcdef0 (\"aws-K8S-i-0\")"
        );
    }

    #[test]
    fn each_wrong_attribute_is_a_difference() {
        type Change = fn(&mut Interface);
        fn on(interface: &mut Interface) -> &mut Attachment {
            interface.attachment.as_mut().unwrap()
        }
        let cases: [(Change, &str); 10] = [
            (
                |i| on(i).status = "attaching".to_owned(),
                "attachment is attaching to",
            ),
            (|i| on(i).device_index = 2, "at device index 2"),
            (|i| on(i).network_card = 1, "of network card 1"),
            (
                |i| on(i).instance_id = Some("i-00000000".parse().unwrap()),
                "attached to i-00000000",
            ),
            (|i| i.source_dest_check = false, "SourceDestCheck is false"),
            (
                |i| i.availability_zone = "us-west-2b".to_owned(),
                "Availability Zone is us-west-2b",
            ),
            (
                |i| i.security_group_ids.clear(),
                "security groups is , wanted sg-",
            ),
            (
                |i| i.subnet_id = "subnet-00000000".parse().unwrap(),
                "subnet is subnet-00000000",
            ),
            (
                |i| i.private_ip_addresses.clear(),
                "number of private IPv4 addresses is 0",
            ),
            (|i| i.tags.clear(), "tag k is absent, wanted \"v\""),
        ];
        for (change, says) in cases {
            let found = differences(change);
            assert_eq!(found.len(), 1, "{says}: {found:?}");
            assert!(found[0].contains(says), "{says}: {found:?}");
        }
        assert_eq!(differences(|i| i.attachment = None).len(), 1);
    }

    #[test]
    fn extra_addresses_and_prefixes_are_no_difference() {
        type Change = fn(&mut Interface);
        let cases: [Change; 4] = [
            |i| {
                i.private_ip_addresses.push("10.0.1.200".parse().unwrap());
            },
            |i| i.prefixes.push("10.0.0.0/28".parse().unwrap()),
            |i| i.ipv6_addresses.push("::1".parse().unwrap()),
            |i| i.ipv6_prefixes.push("2001:db8::/80".parse().unwrap()),
        ];
        for (n, change) in cases.into_iter().enumerate() {
            assert_eq!(differences(change), Vec::<String>::new(), "case {n}");
        }
    }

    #[test]
    fn fewer_addresses_and_prefixes_than_asked_for_are_a_difference() {
        let (mut profile, interface, instance) = right();
        let slot = &mut profile.slots[0];
        (slot.secondary_private_addresses, slot.prefixes) = (1, 2);
        slot.ipv6 = Ipv6::SubnetAssigned;
        let slot = &profile.slots[0];
        let tags = BTreeMap::new();
        let found = interface.differences(&profile, slot, &instance, "us-west-2a", &tags);
        let says = [
            "number of private IPv4 addresses is 1, wanted 2",
            "number of IPv4 prefixes is 0, wanted 2",
            "number of IPv6 addresses is 0, wanted 1",
        ];
        assert_eq!(found.len(), says.len(), "{found:?}");
        for (found, says) in found.iter().zip(says) {
            assert!(found.ends_with(says), "{found}");
        }
    }

    #[test]
    fn extra_address_in_an_excluded_range_is_no_difference() {
        let (mut profile, mut interface, instance) = right();
        let slot = &mut profile.slots[0];
        slot.excluded_ranges = vec!["10.0.1.128/25".parse().unwrap()];
        let extra = "10.0.1.200".parse().unwrap();
        let slot = &profile.slots[0];
        let tags = BTreeMap::new();
        interface.private_ip_addresses.push(extra);
        let found = interface.differences(&profile, slot, &instance, "us-west-2a", &tags);
        assert_eq!(found, Vec::<String>::new());
        interface.private_ip_addresses = vec![extra];
        let found = interface.differences(&profile, slot, &instance, "us-west-2a", &tags);
        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn excluded_secondary_address_is_a_difference_if_hookline_chose_every_address() {
        let (mut profile, mut interface, instance) = right();
        let slot = &mut profile.slots[0];
        slot.secondary_private_addresses = 1;
        slot.excluded_ranges = vec!["10.0.1.128/25".parse().unwrap()];
        let slot = &profile.slots[0];
        let tags = BTreeMap::new();
        let mut found = |address: &str| {
            interface
                .private_ip_addresses
                .push(address.parse().unwrap());
            interface.differences(&profile, slot, &instance, "us-west-2a", &tags)
        };
        let both_chosen = found("10.0.1.200");
        assert_eq!(both_chosen.len(), 1, "{both_chosen:?}");
        assert!(both_chosen[0].contains("address is 10.0.1.200, wanted one outside"));
        // With a third, nothing says which of the secondary ones Hookline chose.
        assert_eq!(found("10.0.1.5"), Vec::<String>::new());
    }

    #[test]
    fn excluded_address_is_a_difference() {
        let (mut profile, interface, instance) = right();
        profile.slots[0].excluded_ranges = vec!["10.0.1.0/24".parse().unwrap()];
        let found = interface.differences(
            &profile,
            &profile.slots[0],
            &instance,
            "us-west-2a",
            &BTreeMap::new(),
        );
        assert!(
            found[0].contains("address is 10.0.1.4, wanted one outside"),
            "{found:?}"
        );
    }

    #[test]
    fn interface_is_attached_to_its_instance_until_it_is_detaching() {
        let (_, mut interface, instance) = right();
        let other: InstanceId = "i-0fedcba9876543210".parse().unwrap();
        for (status, expected) in [
            ("attaching", true),
            ("attached", true),
            ("detaching", false),
            ("detached", false),
        ] {
            interface.attachment.as_mut().unwrap().status = status.to_owned();
            assert_eq!(interface.is_attached_to(&instance), expected, "{status}");
            assert!(!interface.is_attached_to(&other), "{status}");
        }
        interface.attachment.as_mut().unwrap().instance_id = None;
        assert!(!interface.is_attached_to(&instance));
        interface.attachment = None;
        assert!(!interface.is_attached_to(&instance));
    }

    #[test]
    fn excluded_ipv6_address_is_a_difference_only_if_hookline_chose_it() {
        let (mut profile, mut interface, instance) = right();
        profile.slots[0].excluded_ranges = vec!["2001:db8::/64".parse().unwrap()];
        for (ipv6, addresses, differences) in [
            (Ipv6::LowestFree, &["2001:db8::5"][..], 1),
            (Ipv6::SubnetAssigned, &["2001:db8::5"], 0),
            // Nothing says which of the two Hookline chose.
            (Ipv6::LowestFree, &["2001:db8::5", "2001:db8::6"], 0),
        ] {
            profile.slots[0].ipv6 = ipv6;
            interface.ipv6_addresses = addresses.iter().map(|one| one.parse().unwrap()).collect();
            let tags = BTreeMap::new();
            let slot = &profile.slots[0];
            let found = interface.differences(&profile, slot, &instance, "us-west-2a", &tags);
            assert_eq!(found.len(), differences, "{addresses:?}: {found:?}");
        }
    }
}
