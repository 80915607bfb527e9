//! At which device index the interface of a slot is attached.
//!
//! A slot with a `deviceIndex` has its place. A slot without one goes as high on its network card
//! as the instance type allows: the Amazon VPC CNI attaches its own interfaces at the lowest free
//! index (amazon-vpc-cni-k8s, `awsutils.go`, `awsGetFreeDeviceNumber`), so it comes there last. If
//! somebody else has the index all the same, the next lower free one is used.

use std::collections::BTreeSet;

use crate::error::{Error, Input, Result};
use crate::execution::PlannedInterface;
use crate::ids::SubnetId;
use crate::instance::AttachmentPoint;
use crate::instance_type::InstanceTypeLimits;
use crate::interface::Interface;
use crate::profile::{Profile, Slot};

/// Sets the device index of each planned interface. An index is absent where the instance type has
/// no room; [`InstanceTypeLimits::check`] refuses such a profile before.
pub fn place(profile: &Profile, limits: &InstanceTypeLimits, planned: &mut [PlannedInterface]) {
    for card in &limits.network_cards {
        let taken = fixed_indexes(profile, card.index);
        let here: Vec<&Slot> = profile
            .slots
            .iter()
            .filter(|slot| slot.network_card == card.index)
            .collect();
        let floating = here.iter().filter(|slot| slot.device_index.is_none());
        let mut free: Vec<u32> = (limits.lowest_index(card)..card.maximum_network_interfaces)
            .rev()
            .filter(|index| !taken.contains(index))
            .take(floating.count())
            .collect();
        // `free` has the lowest one last: the slots take them in their order.
        for slot in here {
            let index = slot.device_index.or_else(|| free.pop());
            if let Some(planned) = planned.iter_mut().find(|p| p.network == slot.network) {
                planned.device_index = index;
            }
        }
    }
}

/// Where to attach instead of at `place`, which somebody else has: the next lower device index of
/// the card that neither an interface of `listed` has nor another slot asks for. `None` for a slot
/// that has a fixed place, and if no index is left.
#[must_use]
pub fn next_place(
    profile: &Profile,
    slot: &Slot,
    place: AttachmentPoint,
    listed: &[Interface],
) -> Option<AttachmentPoint> {
    if slot.device_index.is_some() {
        return None;
    }
    let fixed = fixed_indexes(profile, place.network_card);
    // The primary interface is among those listed.
    (0..place.device_index)
        .rev()
        .map(|device_index| AttachmentPoint {
            device_index,
            ..place
        })
        .find(|place| {
            !fixed.contains(&place.device_index)
                && !listed.iter().any(|interface| interface.is_at(*place))
        })
}

/// Checks that a slot without a device index has no subnet of the primary interface. On the node its
/// interface is known by its subnet, and the VPC CNI's own interfaces are in the primary one's.
///
/// # Errors
/// [`Error::Invalid`] that names the slot.
pub fn check_open_slots(profile: &Profile, primary_subnet: &SubnetId) -> Result<()> {
    let mut slots = profile.slots.iter().enumerate();
    let ambiguous =
        |slot: &Slot| slot.device_index.is_none() && slot.subnet_ids.contains(primary_subnet);
    match slots.find(|(_, slot)| ambiguous(slot)) {
        None => Ok(()),
        Some((n, slot)) => Err(Error::invalid(
            Input::Profile,
            format!("profile.slots[{n}].subnetIds"),
            format!(
                "the network {:?} has no deviceIndex, and {primary_subnet} is the subnet of the node's primary interface",
                slot.network
            ),
            "Give the slot a deviceIndex, or a subnet of its own: the VPC CNI's interfaces are in that subnet too, and the node could not tell which is which",
        )),
    }
}

fn fixed_indexes(profile: &Profile, card: u32) -> BTreeSet<u32> {
    profile
        .slots
        .iter()
        .filter(|slot| slot.network_card == card)
        .filter_map(|slot| slot.device_index)
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::fixtures::{interface, profile};
    use crate::instance_type::NetworkCard;

    /// A profile whose slots are on these cards, at these device indexes.
    fn slots(places: &[(u32, Option<u32>)]) -> Profile {
        let mut value = profile();
        let slot = value["slots"][0].clone();
        value["slots"] = places
            .iter()
            .enumerate()
            .map(|(n, (card, index))| {
                let mut slot = slot.clone();
                slot["network"] = json!(format!("n{n}"));
                slot["networkCard"] = json!(card);
                slot["deviceIndex"] = json!(index);
                slot["subnetIds"] = json!([format!("subnet-{n:08x}")]);
                slot
            })
            .collect::<Value>();
        Profile::read(value).unwrap()
    }

    #[test]
    fn slot_without_device_index_in_the_subnet_of_the_primary_interface_is_refused() {
        let profile = slots(&[(0, Some(1)), (0, None)]);
        let check = |subnet: &str| check_open_slots(&profile, &subnet.parse().unwrap());
        // The first slot has a place of its own.
        for subnet in ["subnet-00000000", "subnet-00000009"] {
            assert_eq!(check(subnet), Ok(()), "{subnet}");
        }
        let refused = check("subnet-00000001").unwrap_err();
        assert_eq!(refused.error_type(), "Hookline.InvalidProfile");
        let words = refused.to_string();
        assert!(words.contains("profile.slots[1].subnetIds"), "{words}");
        assert!(words.contains("\"n1\" has no deviceIndex"), "{words}");
    }

    /// Where the slots go on a type whose network cards have room for so many interfaces.
    fn placed(profile: &Profile, cards: &[u32]) -> Vec<Option<u32>> {
        let limits = InstanceTypeLimits {
            instance_type: "m9.large".to_owned(),
            maximum_network_interfaces: cards.iter().sum(),
            ipv4_addresses_per_interface: 10,
            ipv6_addresses_per_interface: 10,
            default_network_card: 0,
            network_cards: (0..)
                .zip(cards)
                .map(|(index, maximum)| NetworkCard {
                    index,
                    maximum_network_interfaces: *maximum,
                })
                .collect(),
        };
        let mut planned: Vec<PlannedInterface> = profile
            .slots
            .iter()
            .map(|slot| PlannedInterface {
                network: slot.network.clone(),
                existing: None,
                subnet_id: slot.subnet_ids[0].clone(),
                private_ip_addresses: Vec::new(),
                ipv6_addresses: Vec::new(),
                device_index: None,
                attempt: 0,
            })
            .collect();
        place(profile, &limits, &mut planned);
        planned.iter().map(|planned| planned.device_index).collect()
    }

    #[test]
    fn slot_without_a_device_index_goes_as_high_as_the_type_allows() {
        let floating = [(0, None), (0, None)];
        assert_eq!(placed(&slots(&floating), &[8]), [Some(6), Some(7)]);
        assert_eq!(placed(&slots(&floating), &[3]), [Some(1), Some(2)]);
    }

    #[test]
    fn fixed_slot_keeps_its_place_and_others_go_around_it() {
        let mixed = [(0, None), (0, Some(3)), (0, None), (0, Some(1))];
        let wanted = [Some(2), Some(3), Some(4), Some(1)];
        assert_eq!(placed(&slots(&mixed), &[5]), wanted);
    }

    #[test]
    fn each_network_card_has_its_own_indexes_and_the_primary_keeps_0_of_card_0() {
        let two_cards = [(0, None), (1, None), (1, None)];
        assert_eq!(
            placed(&slots(&two_cards), &[2, 2]),
            [Some(1), Some(0), Some(1)]
        );
        assert_eq!(placed(&slots(&[(0, None)]), &[1]), [None]);
    }

    fn at(network_card: u32, device_index: u32) -> AttachmentPoint {
        AttachmentPoint {
            network_card,
            device_index,
        }
    }

    #[test]
    fn taken_index_leads_to_the_next_lower_free_one() {
        let profile = slots(&[(0, None), (0, Some(4))]);
        let mut listed: Vec<Interface> = [0, 5, 3]
            .map(|index| {
                let mut interface = interface();
                let on = interface.attachment.as_mut().unwrap();
                (on.network_card, on.device_index) = (0, index);
                interface
            })
            .to_vec();
        let next = |from, listed: &[_]| next_place(&profile, &profile.slots[0], from, listed);
        // 5 and 3 are attached, 4 is the other slot's.
        assert_eq!(next(at(0, 6), &listed), Some(at(0, 2)));
        assert_eq!(next(at(0, 2), &listed), Some(at(0, 1)));
        assert_eq!(next(at(0, 1), &listed), None, "the primary has index 0");
        for interface in &mut listed {
            interface.attachment.as_mut().unwrap().network_card = 1;
        }
        assert_eq!(next(at(0, 6), &listed), Some(at(0, 5)));
    }

    #[test]
    fn slot_with_a_fixed_place_has_no_other() {
        let profile = slots(&[(0, Some(4))]);
        assert_eq!(next_place(&profile, &profile.slots[0], at(0, 4), &[]), None);
    }
}
