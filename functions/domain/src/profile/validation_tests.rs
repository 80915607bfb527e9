//! Each rule of a profile, and the field that its error names.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::fixtures::profile;
use crate::profile::{NamingProfile, Profile};

/// A valid profile with this value at `pointer`.
fn with(pointer: &str, value: Value) -> Value {
    let mut profile = profile();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = profile.pointer_mut(parent).unwrap();
    match key.parse::<usize>() {
        Ok(index) => parent[index] = value,
        Err(_) => parent[key] = value,
    }
    profile
}

fn refused(pointer: &str, value: Value) -> String {
    let error = Profile::read(with(pointer, value)).unwrap_err();
    assert_eq!(error.error_type(), "Hookline.InvalidProfile");
    error.to_string()
}

#[test]
fn each_rule_names_its_field() {
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
            json!({"tags": []}),
            "profile.selector.tags: 0 tags, expected 1 to 10",
        ),
        (
            "/selector",
            json!({"tags": [{"key": "k", "value": "a"}, {"key": "k", "value": "b"}]}),
            "profile.selector.tags[1].key: \"k\" is named twice",
        ),
        (
            "/startupTaint",
            json!({"cluster": "-", "key": "example.com/wiring"}),
            "profile.startupTaint.cluster: \"-\"",
        ),
        (
            "/startupTaint",
            json!({"cluster": "prod", "key": "not a key"}),
            "profile.startupTaint.key: \"not a key\"",
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

/// Tags with `count` keys.
fn tags(count: usize) -> Value {
    (0..count).map(|n| (n.to_string(), json!("v"))).collect()
}

/// Ids of `count` resources.
fn ids(kind: &str, count: usize) -> Value {
    (0..count).map(|n| format!("{kind}-{n:017x}")).collect()
}

#[test]
fn value_at_its_limit_is_accepted_and_one_more_is_refused() {
    type Make = fn(usize) -> Value;
    let text: Make = |length| json!("é".repeat(length));
    let number: Make = |number| json!(number);
    let cases: [(&str, usize, Make, &str); 22] = [
        (
            "/selector",
            10,
            |count| json!({"tags": (0..count).map(|n| json!({"key": format!("k{n}"), "value": "v"})).collect::<Vec<_>>()}),
            "profile.selector.tags: 11 tags, expected 1 to 10",
        ),
        (
            "/requestRates",
            15,
            |number| json!({"vpcCniInterfaces": number}),
            "profile.requestRates.vpcCniInterfaces: 16, expected 0 to 15",
        ),
        ("/name", 64, text, "profile.name: 65 characters"),
        ("/hook/name", 255, text, "profile.hook.name: 256 characters"),
        (
            "/selector/autoScalingGroupNames/0",
            255,
            text,
            "profile.selector.autoScalingGroupNames: 256 characters",
        ),
        (
            "/selector",
            128,
            |length| json!({"tag": {"key": "k".repeat(length)}}),
            "profile.selector.tag.key: 129 characters",
        ),
        (
            "/securityGroupIds",
            16,
            |count| ids("sg", count),
            "profile.securityGroupIds: 17 security groups",
        ),
        ("/nodeTags", 50, tags, "profile.nodeTags: 51 tags"),
        ("/volumeTags", 50, tags, "profile.volumeTags: 51 tags"),
        ("/interfaceTags", 50, tags, "profile.interfaceTags: 51 tags"),
        (
            "/nodeTags",
            128,
            |length| json!({"k".repeat(length): "v"}),
            "profile.nodeTags[\"kkk",
        ),
        (
            "/slots",
            128,
            |count| {
                let slot = |n: usize| {
                    json!({
                        "network": n.to_string(),
                        "deviceIndex": n + 1,
                        "subnetIds": ["subnet-0000000000000001a"],
                    })
                };
                (0..count).map(slot).collect()
            },
            "profile.slots: 129 slots",
        ),
        (
            "/slots/1/network",
            64,
            text,
            "profile.slots[1].network: 65 characters",
        ),
        (
            "/slots/1/deviceIndex",
            255,
            number,
            "profile.slots[1].deviceIndex: 256 is more",
        ),
        (
            "/slots/1/networkCard",
            255,
            number,
            "profile.slots[1].networkCard: 256 is more",
        ),
        (
            "/slots/1/secondaryPrivateAddresses",
            255,
            number,
            "profile.slots[1].secondaryPrivateAddresses: 256 is more",
        ),
        (
            "/slots/1/prefixes",
            255,
            number,
            "profile.slots[1].prefixes: 256 is more",
        ),
        (
            "/slots/1/subnetIds",
            200,
            |count| ids("subnet", count),
            "profile.slots[1].subnetIds: 201 subnets",
        ),
        (
            "/slots/1/securityGroupIds",
            16,
            |count| ids("sg", count),
            "profile.slots[1].securityGroupIds: 17 security groups",
        ),
        (
            "/slots/1/description",
            255,
            text,
            "profile.slots[1].description: longer than 255",
        ),
        ("/slots/1/tags", 40, tags, "profile.slots[1].tags: 41 tags"),
        (
            "/requestRates",
            1_000_000,
            |number| json!({"createNetworkInterface": {"capacity": number, "refillPerSecond": 1}}),
            "profile.requestRates.createNetworkInterface.capacity: 1000001, expected",
        ),
    ];
    for (pointer, limit, make, says) in cases {
        if let Err(error) = Profile::read(with(pointer, make(limit))) {
            panic!("{pointer} at its limit: {error}");
        }
        let error = refused(pointer, make(limit + 1));
        assert!(error.starts_with(says), "wanted {says}\nfound {error}");
    }
}

#[test]
fn all_problems_are_told_and_not_only_the_first() {
    let mut value = with("/name", json!(""));
    value["slots"][0]["securityGroupIds"] = json!([]);
    value["securityGroupIds"] = json!([]);
    let profile: Profile = serde_json::from_value(value).unwrap();
    let problems: Vec<String> = profile
        .problems()
        .into_iter()
        .map(|problem| problem.to_string())
        .collect();
    assert!(problems.len() > 1, "{problems:?}");
    assert!(problems[0].starts_with("profile.name: "), "{problems:?}");
    let naming = json!({
        "name": "",
        "selector": {"autoScalingGroupNames": []},
        "nodeTags": {"Name": "{{ instance_id }}"},
    });
    let naming: NamingProfile = serde_json::from_value(naming).unwrap();
    assert!(naming.problems().into_iter().count() > 1);
}

#[test]
fn token_bucket_of_nothing_is_refused() {
    for bucket in [
        "createNetworkInterface",
        "attachNetworkInterface",
        "modifyNetworkInterfaceAttribute",
        "createTags",
    ] {
        for (capacity, refill, field) in [(0, 5, "capacity"), (5, 0, "refillPerSecond")] {
            let tokens = json!({"capacity": capacity, "refillPerSecond": refill});
            let error = refused("/requestRates", json!({bucket: tokens}));
            let says = format!("profile.requestRates.{bucket}.{field}: 0, expected 1");
            assert!(error.starts_with(&says), "wanted {says}\nfound {error}");
        }
    }
}

#[test]
fn secondary_addresses_and_prefixes_are_refused_together() {
    let slot = |secondary: u32, prefixes: u32| {
        let mut slot = profile()["slots"][1].clone();
        slot["secondaryPrivateAddresses"] = json!(secondary);
        slot["prefixes"] = json!(prefixes);
        slot
    };
    for (secondary, prefixes) in [(0, 0), (0, 2), (2, 0)] {
        let read = Profile::read(with("/slots/1", slot(secondary, prefixes)));
        assert!(read.is_ok(), "{secondary}, {prefixes}: {read:?}");
    }
    let error = refused("/slots/1", slot(1, 1));
    assert!(
        error.starts_with("profile.slots[1].prefixes: EC2 assigns"),
        "{error}"
    );
}

#[test]
fn slots_without_a_device_index_need_subnets_of_their_own() {
    let mut value = profile();
    value["slots"][0]["deviceIndex"] = json!(null);
    value["slots"][1]["subnetIds"] = value["slots"][0]["subnetIds"].clone();
    // The other slot's place tells them apart.
    assert!(Profile::read(value.clone()).is_ok());
    value["slots"][1]
        .as_object_mut()
        .unwrap()
        .remove("deviceIndex");
    let error = Profile::read(value).unwrap_err().to_string();
    let says = "profile.slots[1].deviceIndex: absent here and in profile.slots[0], and both have subnet-0000000000000001a";
    assert!(error.starts_with(says), "{error}");
}

#[test]
fn device_index_repeated_on_another_card_is_accepted() {
    let mut value = profile();
    value["slots"][1]["deviceIndex"] = json!(1);
    value["slots"][1]["networkCard"] = json!(1);
    assert!(Profile::read(value).is_ok());
}

#[test]
fn excluded_ranges_are_refused_where_ec2_chooses_every_address() {
    let slot = |addressing: &str, ipv6: &str| {
        let mut slot = profile()["slots"][1].clone();
        slot["addressing"] = json!(addressing);
        slot["ipv6"] = json!(ipv6);
        slot["excludedRanges"] = json!(["10.0.0.0/28"]);
        slot
    };
    for (addressing, ipv6) in [
        ("lowest-free", "none"),
        ("lowest-free", "subnet-assigned"),
        ("subnet-assigned", "lowest-free"),
        ("lowest-free", "lowest-free"),
    ] {
        let read = Profile::read(with("/slots/1", slot(addressing, ipv6)));
        assert!(read.is_ok(), "{addressing}, {ipv6}: {read:?}");
    }
    for ipv6 in ["none", "subnet-assigned"] {
        let error = refused("/slots/1", slot("subnet-assigned", ipv6));
        assert!(
            error.starts_with("profile.slots[1].excludedRanges: EC2 chooses"),
            "{error}"
        );
    }
}

#[test]
fn too_many_slots_are_refused() {
    let mut value = profile();
    let slot = value["slots"][0].clone();
    value["slots"] = json!(vec![slot; 1000]);
    let error = Profile::read(value).unwrap_err().to_string();
    assert!(error.starts_with("profile.slots: 1000 slots"), "{error}");
}

proptest! {
    /// Compares with a plain check of every pair of slots.
    #[test]
    fn profile_is_refused_if_any_two_slots_clash(
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
            (*card, *index) == (0, 0) || slots[n + 1..].iter().any(same)
        });
        let read = Profile::read(value);
        prop_assert_eq!(read.is_err(), clash, "{:?}", read);
        if let Ok(profile) = read {
            let written = serde_json::to_value(&profile).unwrap();
            prop_assert_eq!(Profile::read(written).unwrap(), profile);
        }
    }
}
