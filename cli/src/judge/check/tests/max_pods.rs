//! The number of pods of the user data, and `maxPodsExpression`.

use super::*;

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
    let more = set("size([max_pods])");
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
