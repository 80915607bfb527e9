//! Each rule of a profile, and the field that its error names.

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
fn excluded_ranges_are_refused_where_ec2_chooses() {
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
