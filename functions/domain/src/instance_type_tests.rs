//! Limits of instance types, and profiles within and beyond them.

use serde_json::{Value, json};

use super::*;
use crate::fixtures::profile;

fn check(change: impl FnOnce(&mut Value)) -> Result<()> {
    check_on(0, change)
}

/// Checks a profile on an instance type whose primary interface is on this card.
fn check_on(default_network_card: u32, change: impl FnOnce(&mut Value)) -> Result<()> {
    let mut value = profile();
    change(&mut value);
    InstanceTypeLimits {
        instance_type: "t9.tiny".to_owned(),
        maximum_network_interfaces: 4,
        ipv4_addresses_per_interface: 6,
        ipv6_addresses_per_interface: 0,
        default_network_card,
        network_cards: vec![
            NetworkCard {
                index: 0,
                maximum_network_interfaces: 3,
            },
            NetworkCard {
                index: 1,
                maximum_network_interfaces: 1,
            },
        ],
    }
    .check(&Profile::read(value).unwrap())
}

#[test]
fn profile_within_the_limits_is_accepted() {
    check(|_| ()).unwrap();
    check(|p| p["slots"][0]["secondaryPrivateAddresses"] = json!(5)).unwrap();
}

#[test]
fn primary_interface_counts_on_the_default_network_card() {
    let on_card_1 = |p: &mut Value| p["slots"][0]["networkCard"] = json!(1);
    check_on(0, on_card_1).unwrap();
    let error = check_on(1, on_card_1).unwrap_err().to_string();
    assert!(
        error.starts_with("profile.slots[0].networkCard: 2 interfaces on network card 1"),
        "{error}"
    );
}

#[test]
fn device_index_0_is_free_on_every_card_but_the_default_one() {
    let at_0 = |p: &mut Value| {
        p["slots"][0]["networkCard"] = json!(1);
        p["slots"][0]["deviceIndex"] = json!(0);
    };
    check_on(0, at_0).unwrap();
    let error = check_on(1, at_0).unwrap_err().to_string();
    assert!(
        error.starts_with("profile.slots[0].deviceIndex: device index 0 of network card 1"),
        "{error}"
    );
}

fn tiny() -> InstanceTypeLimits {
    InstanceTypeLimits {
        instance_type: "t9.tiny".to_owned(),
        maximum_network_interfaces: 4,
        ipv4_addresses_per_interface: 6,
        ipv6_addresses_per_interface: 0,
        default_network_card: 0,
        network_cards: vec![
            NetworkCard {
                index: 0,
                maximum_network_interfaces: 4,
            },
            NetworkCard {
                index: 1,
                maximum_network_interfaces: 1,
            },
        ],
    }
}

fn at(network_card: u32, device_index: u32) -> AttachmentPoint {
    AttachmentPoint {
        network_card,
        device_index,
    }
}

#[test]
fn room_beside_the_slots_is_for_the_launch_template_and_the_vpc_cni() {
    let profile = Profile::read(profile()).unwrap();
    let check = |template: &[AttachmentPoint], of_cni| {
        let checked = tiny().check_beside(&profile, template, of_cni);
        checked.map_err(|error| error.to_string())
    };
    // Two slots, the primary interface and one of the VPC CNI are four.
    for template in [&[][..], &[at(0, 0)]] {
        assert_eq!(check(template, 1), Ok(()));
        let error = check(template, 2).unwrap_err();
        assert!(
            error.starts_with(
                "profile.slots: 2 slots, 1 interfaces of the launch template with the primary one, and 2 of the \
                 VPC CNI are 5 interfaces, t9.tiny has 4"
            ),
            "{error}"
        );
    }
    assert_eq!(check(&[at(0, 0), at(0, 3)], 0), Ok(()));
    assert!(check(&[at(0, 0), at(0, 3)], 1).is_err());
    // A second network card has its own limit, and the VPC CNI is not there.
    let mut on_card_1 = crate::fixtures::profile();
    on_card_1["slots"][0]["networkCard"] = json!(1);
    let on_card_1 = Profile::read(on_card_1).unwrap();
    assert_eq!(tiny().check_beside(&on_card_1, &[], 1), Ok(()));
    let error = tiny().check_beside(&on_card_1, &[at(1, 5)], 0).unwrap_err();
    assert!(
        error.to_string().contains("2 interfaces on network card 1"),
        "{error}"
    );
}

#[test]
fn vpc_cni_counts_on_the_default_network_card_and_a_card_without_slots_is_not_judged() {
    let profile = Profile::read(profile()).unwrap();
    let mut limits = tiny();
    limits.maximum_network_interfaces = 10;
    limits.network_cards[0].maximum_network_interfaces = 3;
    assert_eq!(limits.check_beside(&profile, &[], 0), Ok(()));
    let error = limits.check_beside(&profile, &[], 1).unwrap_err();
    assert!(
        error.to_string().contains("4 interfaces on network card 0"),
        "{error}"
    );
    // What the launch template puts on a card without slots is no matter of the profile.
    let of_template = [at(1, 1), at(1, 2)];
    assert_eq!(limits.check_beside(&profile, &of_template, 0), Ok(()));
}

#[test]
fn pods_have_the_addresses_of_the_interfaces_that_no_slot_takes() {
    assert_eq!(tiny().pods(0, false), 4 * 5 + 2);
    assert_eq!(tiny().pods(1, false), 3 * 5 + 2);
    assert_eq!(tiny().pods(1, true), 3 * 5 * 16 + 2);
    assert_eq!(tiny().pods(9, false), 2);
    let profile = Profile::read(profile()).unwrap();
    assert_eq!(tiny().slots_beside_the_vpc_cni(&profile), 2);
}

#[test]
fn profile_beyond_a_limit_names_the_field() {
    let add = |p: &mut Value, index: u32, card: u32| {
        let mut slot = p["slots"][0].clone();
        slot["network"] = json!(format!("n{card}{index}"));
        slot["deviceIndex"] = json!(index);
        slot["networkCard"] = json!(card);
        p["slots"].as_array_mut().unwrap().push(slot);
    };
    type Change = Box<dyn Fn(&mut Value)>;
    let cases: Vec<(Change, &str)> = vec![
        (
            Box::new(move |p| {
                add(p, 3, 0);
                add(p, 4, 0)
            }),
            "profile.slots: 4 slots and the primary interface are 5 interfaces, t9.tiny has 4",
        ),
        (
            Box::new(move |p| add(p, 3, 0)),
            "profile.slots[0].networkCard: 4 interfaces on network card 0, t9.tiny has room for 3",
        ),
        (
            Box::new(|p| p["slots"][1]["networkCard"] = json!(7)),
            "profile.slots[1].networkCard: network card 7 is asked for, t9.tiny has 2",
        ),
        (
            Box::new(|p| p["slots"][1]["prefixes"] = json!(6)),
            "profile.slots[1].secondaryPrivateAddresses: primary, secondary addresses and prefixes are 7",
        ),
        (
            Box::new(|p| p["slots"][1]["ipv6"] = json!("lowest-free")),
            "profile.slots[1].ipv6: t9.tiny has no IPv6",
        ),
    ];
    for (change, says) in cases {
        let error = check(|p| change(p)).unwrap_err();
        assert_eq!(error.error_type(), "Hookline.InstanceTypeTooSmall");
        assert!(
            error.to_string().starts_with(says),
            "wanted {says}\nfound {error}"
        );
    }
}
