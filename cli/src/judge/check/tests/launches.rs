//! Launch templates: instance types, interfaces, user data.

use hookline_user_data::Refusal;

use super::*;

#[test]
fn instance_type_that_is_too_small_is_found_with_the_numbers() {
    let mut account = account();
    account
        .limits
        .insert("m5.4xlarge".to_owned(), Some(limits(2)));
    let finding = only(&account, Kind::InstanceTypeTooSmall);
    assert_says(
        &finding,
        &[
            "2 slots and the primary interface are 3 interfaces, m5.4xlarge has 2",
            "what the group upf launches: m5.4xlarge",
            // Two slots, the primary interface, and one of the VPC CNI.
            "MaximumNetworkInterfaces>=`4`",
        ],
    );
    // With three there is room for the slots, and none for the VPC CNI's.
    account
        .limits
        .insert("m5.4xlarge".to_owned(), Some(limits(3)));
    let found = found(&account);
    assert_eq!(found[0].kind, Kind::NoRoomForVpcCni, "{found:#?}");
    assert_says(
        &found[0],
        &[
            "and 1 of the VPC CNI are 4 interfaces, m5.4xlarge has 3",
            "vpcCniInterfaces",
            "MaximumNetworkInterfaces>=`4`",
        ],
    );
    account.limits.insert("m5.4xlarge".to_owned(), None);
    assert_says(
        &only(&account, Kind::InstanceTypeUnknown),
        &["EC2 does not know the instance type m5.4xlarge"],
    );
    account.limits.clear();
    assert_eq!(kinds(&account), []);
}

fn at(device_index: u32) -> AttachmentPoint {
    AttachmentPoint {
        network_card: 0,
        device_index,
    }
}

#[test]
fn interfaces_of_the_launch_template_take_room_and_places() {
    let mut account = account();
    template(&mut account).interfaces = vec![at(0), at(5)];
    assert_eq!(kinds(&account), []);
    template(&mut account).interfaces = vec![at(0), at(2)];
    let finding = only(&account, Kind::DeviceIndexTaken);
    assert_says(
        &finding,
        &[
            "attaches an interface at device index 2",
            "user-plane",
            "profile.slots[1].deviceIndex",
        ],
    );
    template(&mut account).interfaces = (0..8).filter(|n| !(1..3).contains(n)).map(at).collect();
    let finding = only(&account, Kind::NoRoomForVpcCni);
    assert_says(
        &finding,
        &[
            "6 interfaces of the launch template with the primary one",
            "MaximumNetworkInterfaces>=`9`",
        ],
    );
    let mut many: Vec<AttachmentPoint> = (3..9).map(at).collect();
    many.push(at(0));
    template(&mut account).interfaces = many;
    assert_eq!(kinds(&account), [Kind::InstanceTypeTooSmall]);
}

#[test]
fn lack_of_addresses_or_of_a_card_is_not_mended_by_more_interfaces() {
    let addresses = with_profile(|value| {
        value["slots"][0]["secondaryPrivateAddresses"] = json!(30);
    });
    let card = with_profile(|value| value["slots"][0]["networkCard"] = json!(1));
    for mut account in [addresses, card] {
        account.deployed = false;
        let found = found(&account);
        let mut found = found.iter();
        let small = found.find(|it| it.kind == Kind::InstanceTypeTooSmall);
        let words = words(small.unwrap());
        assert!(words.contains("Use a larger instance type"), "{words}");
        assert!(!words.contains("describe-instance-types"), "{words}");
    }
}

#[test]
fn every_type_of_a_mixed_policy_is_checked_and_a_missing_template_is_found() {
    let mut account = account();
    account
        .limits
        .insert("m5.large".to_owned(), Some(limits(2)));
    let types = ["m5.4xlarge", "m5.large"].map(|name| Override {
        instance_type: Some(name.to_owned()),
        template: None,
    });
    account.groups[0].launches.overrides = types.to_vec();
    assert_says(
        &only(&account, Kind::InstanceTypeTooSmall),
        &["what the group upf launches: m5.large"],
    );

    let mut account = fixtures::account();
    let other = TemplateRef {
        id: None,
        name: Some("nodes".to_owned()),
        version: "9".to_owned(),
    };
    account.templates.insert(other.clone(), None);
    account.groups[0].launches.overrides = vec![Override {
        instance_type: Some("m5.4xlarge".to_owned()),
        template: Some(other),
    }];
    assert_says(
        &only(&account, Kind::LaunchTemplateMissing),
        &["nodes (version 9)"],
    );
}

#[test]
fn types_that_attributes_choose_are_those_of_the_instances_or_noted() {
    let mut account = account();
    let own = template(&mut account);
    (own.by_attributes, own.instance_type) = (true, None);
    let noted = notes(&account);
    assert!(
        noted[0].contains("instance types of upf are not checked"),
        "{noted:?}"
    );
    assert_eq!(kinds(&account), []);
    account.groups[0].launches.present = ["m5.large".to_owned()].into();
    account
        .limits
        .insert("m5.large".to_owned(), Some(limits(2)));
    assert_eq!(notes(&account), Vec::<String>::new());
    assert_eq!(kinds(&account), [Kind::InstanceTypeTooSmall]);
}

#[test]
fn user_data_without_a_gate_is_found_and_never_shown() {
    let mut account = account();
    said(&mut account).gate = None;
    assert_says(
        &only(&account, Kind::GateMissing),
        &["Looked for: settings that a script gives to install.sh"],
    );
    template(&mut account).user_data = UserData::Absent;
    assert_says(&only(&account, Kind::GateMissing), &["has no user data"]);
    template(&mut account).user_data = UserData::Unreadable(Refusal::Bomb);
    assert_eq!(kinds(&account), []);
    assert!(notes(&account)[0].contains("is not read, because it decodes to more than"));
}

#[test]
fn gate_that_would_hold_a_node_for_ever_or_wire_it_wrongly_is_found() {
    type Change = fn(&mut Value);
    let cases: [(Change, &str); 5] = [
        (
            |profile| profile["slots"][0]["deviceIndex"] = json!(3),
            "for signaling the gate waits at device index 1, and the profile has 3",
        ),
        (
            |profile| {
                profile["slots"][1]["subnetIds"] = json!(["subnet-00000001", "subnet-00000002"])
            },
            "for user-plane the gate does not know subnet-00000001",
        ),
        (
            |profile| profile["slots"][1]["network"] = json!("data"),
            "takes the interface of data for that of user-plane",
        ),
        (
            |profile| {
                profile["slots"].as_array_mut().unwrap().pop();
            },
            "waits for the network user-plane, which the profile does not have",
        ),
        (
            |profile| {
                let slot =
                    json!({"network": "oam", "deviceIndex": 3, "subnetIds": ["subnet-00000002"]});
                profile["slots"].as_array_mut().unwrap().push(slot);
            },
            "knows user-plane by its subnet subnet-00000002 alone, where the profile has oam too",
        ),
    ];
    for (change, says) in cases {
        let mut account = with_profile(change);
        account.deployment = None;
        let gate = said(&mut account).gate.as_mut().unwrap();
        gate.networks[0].device_index = Some(1);
        let found = found(&account);
        let differs: Vec<_> = found
            .iter()
            .filter(|finding| finding.kind == Kind::GateDiffers)
            .collect();
        assert_eq!(differs.len(), 1, "{says}: {found:#?}");
        assert_says(
            differs[0],
            &[
                says,
                "does not fit the profile upf",
                "settings are in part 2",
                "nodes (version $Latest)",
                "in a new version of the launch template",
            ],
        );
    }
}

#[test]
fn gate_that_tells_by_the_subnet_alone_in_the_nodes_own_is_found() {
    let mut account = account();
    account.groups[0].subnets = vec!["subnet-00000002".parse().unwrap()];
    assert_says(
        &only(&account, Kind::GateDiffers),
        &[
            "knows user-plane by its subnet alone, and subnet-00000002 has the nodes' primary interfaces too",
        ],
    );
    let gate = said(&mut account).gate.as_mut().unwrap();
    gate.networks[1].device_index = Some(2);
    assert_eq!(kinds(&account), []);
}

#[test]
fn gate_that_waits_for_networks_of_a_profile_without_slots_is_found() {
    let mut account = with_profile(|profile| profile["slots"] = json!([]));
    account.deployment = None;
    let found = found(&account);
    let differs = |finding: &&Finding| finding.kind == Kind::GateDiffers;
    assert_eq!(found.iter().filter(differs).count(), 2, "{found:#?}");
    said(&mut account).gate = None;
    assert!(!kinds(&account).contains(&Kind::GateMissing));
}

#[test]
fn gate_without_a_network_of_the_profile_is_a_note_as_an_ignored_one_is() {
    let mut account = account();
    said(&mut account).gate = Some(fixtures::gate(&[("signaling", 1)]));
    assert_eq!(kinds(&account), []);
    let noted = notes(&account);
    assert!(
        noted[0].contains("does not wait for the network user-plane of the profile"),
        "{noted:?}"
    );
    assert!(noted[0].contains("add it to the gate"), "{noted:?}");
}

#[test]
fn launch_template_that_the_deployment_makes_anew_is_held_against_the_file_as_a_note() {
    let mut account = with_profile(|profile| profile["slots"][1]["network"] = json!("data"));
    account.deployed = false;
    account.deployment = None;
    account.to_be_put = vec![("upf".to_owned(), None)];
    assert!(!kinds(&account).contains(&Kind::GateDiffers));
    let noted = notes(&account);
    let of_gate = noted
        .iter()
        .find(|note| note.contains("takes the interface of data"));
    assert!(
        of_gate
            .unwrap()
            .contains("until the deployment has changed it"),
        "{noted:?}"
    );
}
