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

#[test]
fn number_of_pods_is_held_against_the_addresses_beside_the_slots() {
    // 8 interfaces with 30 addresses, two of them for slots: 6 × 29 + 2 = 176, and 16 times as many
    // addresses with prefixes.
    let mut account = account();
    said(&mut account).max_pods = MaxPods::Set {
        pods: 2_787,
        from: "part 2, --max-pods".to_owned(),
        over: vec![(110, "part 1".to_owned())],
    };
    let finding = only(&account, Kind::MaxPodsTooLarge);
    assert_says(
        &finding,
        &[
            "sets the number of pods to 2787",
            "addresses for 2786 pods",
            "also if the VPC CNI gives prefixes",
            "from part 2, --max-pods; it wins over 110 (part 1)",
        ],
    );
    said(&mut account).max_pods = MaxPods::Set {
        pods: 110,
        from: "part 2, --max-pods".to_owned(),
        over: vec![(2787, "part 1".to_owned())],
    };
    assert_eq!(kinds(&account), []);
    said(&mut account).max_pods = MaxPods::Unknown;
    assert_eq!(kinds(&account), []);
    assert!(notes(&account)[0].contains("does not tell how many pods"));
    said(&mut account).max_pods = MaxPods::ByInstanceType;
    let finding = only(&account, Kind::MaxPodsTooLarge);
    assert_says(
        &finding,
        &[
            "sets no number of pods, and the image's own for m5.4xlarge is 234",
            "addresses for 176 pods",
        ],
    );
    // A node shows that the VPC CNI gives single addresses, or prefixes.
    let fleet = fixtures::fleet().with(1, "InService", 600);
    account.groups[0].members = fleet.groups[0].members.clone();
    let mut of_cni = interface(9, 1, "x", Some(3));
    of_cni.interface.tags.clear();
    of_cni.interface.description = "aws-K8S-i-1".to_owned();
    account.interfaces = Some(vec![of_cni.clone()]);
    said(&mut account).max_pods = fixtures::max_pods(177);
    assert_says(
        &only(&account, Kind::MaxPodsTooLarge),
        &[
            "addresses for 176 pods",
            "single addresses on the group's nodes",
        ],
    );
    of_cni.interface.prefixes = vec!["10.0.0.16/28".parse().unwrap()];
    account.interfaces = Some(vec![of_cni]);
    assert_eq!(kinds(&account), []);
}

#[test]
fn expression_of_max_pods_is_computed_for_each_instance_type() {
    let mut account = account();
    let mut set = |expression: &str| {
        said(&mut account).max_pods = MaxPods::Expression {
            expression: expression.to_owned(),
            from: "part 1, maxPodsExpression".to_owned(),
        };
        account.clone()
    };
    // Two of eight interfaces are the slots'.
    let without_slots = set("((default_enis - 2) * (ips_per_eni - 1)) + 2");
    assert_eq!(kinds(&without_slots), []);
    let finding = only(
        &set("default_enis * (ips_per_eni - 1) * 16 + 2"),
        Kind::MaxPodsTooLarge,
    );
    assert_says(
        &finding,
        &[
            "maxPodsExpression of the user data is",
            "on m5.4xlarge",
            "part 1, maxPodsExpression",
            "((default_enis - 2) * (ips_per_eni - 1)) + 2",
        ],
    );
    let more = set("int(double(max_pods) * 0.9)");
    assert_eq!(kinds(&more), []);
    let notes = notes(&more);
    let says = "has a maxPodsExpression with more of CEL than is followed here";
    assert!(notes.iter().any(|note| note.contains(says)), "{notes:?}");
}

/// The account whose group launches these types too, with the same launch template.
fn with_types(mut account: Account, types: &[(&str, u32, u32)]) -> Account {
    let own = ("m5.4xlarge".to_owned(), None);
    let more = types
        .iter()
        .map(|(name, ..)| ((*name).to_owned(), None::<TemplateRef>));
    let all = std::iter::once(own).chain(more);
    account.groups[0].launches.overrides = all
        .map(|(name, template)| Override {
            instance_type: Some(name),
            template,
        })
        .collect();
    for (name, interfaces, addresses) in types {
        let mut of_type = limits(*interfaces);
        of_type.instance_type = (*name).to_owned();
        of_type.ipv4_addresses_per_interface = *addresses;
        account.limits.insert((*name).to_owned(), Some(of_type));
    }
    account
}

fn by_expression(mut account: Account, expression: &str) -> Account {
    said(&mut account).max_pods = MaxPods::Expression {
        expression: expression.to_owned(),
        from: "part 1, maxPodsExpression".to_owned(),
    };
    account
}

#[test]
fn expression_that_nodeadm_does_not_take_is_told_with_the_reason_and_the_types() {
    let types = [("c5.large", 4, 10), ("c5.xlarge", 5, 15)];
    // 38 pods of c5.large minus 38: 4 × 9 + 2.
    let account = by_expression(with_types(account(), &types), "max_pods - 38");
    let found = found(&account);
    let refused = &found[0];
    assert_eq!(refused.kind, Kind::MaxPodsExpression, "{found:#?}");
    assert_says(
        refused,
        &[
            "does not take maxPodsExpression of the user data on c5.large.",
            "On c5.large, its result is 0, and not 1 to 2147483647. The node takes 38 pods",
            "from part 1, maxPodsExpression",
            "--instance-type c5.large",
        ],
    );
    // That is what the type has by itself, where the VPC CNI gives single addresses: 2 × 9 + 2 beside the
    // slots. On the other types the expression holds, and whoever wrote it knows of prefixes.
    assert_eq!(found.len(), 2, "{found:#?}");
    assert_eq!(found[1].kind, Kind::MaxPodsTooLarge, "{found:#?}");
    assert_says(
        &found[1],
        &[
            "does not take maxPodsExpression of the user data on c5.large",
            "The number of pods is 38",
            "c5.large has addresses for 20 pods",
            "taken to give single addresses, as by default",
        ],
    );
    assert!(!words(&found[1]).contains("c5.xlarge"), "{found:#?}");

    // What is wrong on every type names none of them.
    let account = by_expression(with_types(super::account(), &types), "max_pods - pods");
    let found = super::found(&account);
    assert_eq!(found.len(), 2, "{found:#?}");
    assert_says(
        &found[1],
        &["c5.xlarge (72 of 44)", "m5.4xlarge (234 of 176)"],
    );
    assert_says(
        &found[0],
        &[
            "on any instance type",
            "On c5.xlarge, it names pods;",
            "On m5.4xlarge, it names pods;",
        ],
    );
}

#[test]
fn number_of_pods_is_told_for_each_instance_type_that_it_does_not_fit() {
    // The one with the fewest addresses takes fewer pods, so it hides none of the others.
    let types = [("c5.large", 4, 10), ("c5.xlarge", 5, 15)];
    let expression = "default_enis == 4 ? 5 : 5000";
    let account = by_expression(with_types(account(), &types), expression);
    let finding = only(&account, Kind::MaxPodsTooLarge);
    assert_says(
        &finding,
        &[
            "is 5000 on c5.xlarge",
            "Other instance types have too few addresses for their pods too: m5.4xlarge (5000 of 2786)",
        ],
    );
    assert!(!words(&finding).contains("c5.large "), "{finding:#?}");

    // A type whose slots are beside another card takes none of the VPC CNI's places.
    let mut account = with_types(super::account(), &types);
    said(&mut account).max_pods = fixtures::max_pods(2_787);
    let small = account
        .limits
        .get_mut("c5.large")
        .unwrap()
        .as_mut()
        .unwrap();
    small.ipv4_addresses_per_interface = 2;
    let finding = only(&account, Kind::MaxPodsTooLarge);
    assert_says(
        &finding,
        &[
            "c5.large has addresses for 34 pods",
            "c5.xlarge (2787 of",
            "m5.4xlarge (2787 of 2786)",
        ],
    );
}

#[test]
fn number_of_pods_is_held_against_the_types_of_its_own_launch_template() {
    let mut account = with_types(account(), &[("c5.large", 4, 10)]);
    let other = TemplateRef {
        id: Some("lt-00000002".to_owned()),
        name: Some("small".to_owned()),
        version: "1".to_owned(),
    };
    let mut small = template(&mut account).clone();
    match &mut small.user_data {
        UserData::Read(said) => said.max_pods = fixtures::max_pods(20),
        other => panic!("{other:?}"),
    }
    // Too many for the small type, which the other template launches.
    said(&mut account).max_pods = fixtures::max_pods(2_000);
    account.groups[0].launches.overrides[1].template = Some(other.clone());
    account.templates.insert(other, Some(small));
    assert_eq!(kinds(&account), []);
}
