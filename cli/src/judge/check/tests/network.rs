//! Subnets, their room, and security groups.

use std::collections::BTreeSet;

use super::*;

#[test]
fn security_group_that_is_missing_is_found_with_its_field_and_one_of_another_vpc_is_noted() {
    let mut account = account();
    account.security_groups.as_mut().unwrap().clear();
    let finding = only(&account, Kind::SecurityGroupMissing);
    assert_says(
        &finding,
        &[
            "sg-00000001",
            "profile.securityGroupIds",
            "signaling, user-plane",
            "describe-security-groups",
        ],
    );
    let of_other_vpc = [("sg-00000001".parse().unwrap(), "vpc-00000002".to_owned())];
    account.security_groups = Some(of_other_vpc.into());
    // It may be associated with the subnet's VPC.
    assert_eq!(kinds(&account), []);
    let notes = notes(&account).join(" ");
    for says in [
        "sg-00000001 is in vpc-00000002",
        "is in vpc-00000001",
        "describe-security-group-vpc-associations",
    ] {
        assert!(notes.contains(says), "no {says:?} in {notes}");
    }
    account.security_groups = None;
    assert_eq!(kinds(&account), []);
}

#[test]
fn subnet_that_is_missing_or_not_in_the_zone_is_found_with_its_field() {
    let mut account = account();
    let subnets = account.subnets.as_mut().unwrap();
    let id = "subnet-00000002".parse().unwrap();
    let mut second = subnets.remove(&id).unwrap();
    let finding = only(&account, Kind::SubnetMissing);
    assert_says(
        &finding,
        &[
            "subnet-00000002",
            "profile.slots[1].subnetIds of the profile upf",
        ],
    );
    second.subnet.availability_zone = "us-west-2c".to_owned();
    account.subnets.as_mut().unwrap().insert(id, second);
    let finding = only(&account, Kind::NoSubnetInZone);
    assert_says(
        &finding,
        &[
            "user-plane has no subnet in us-west-2a",
            "are in us-west-2c",
            "profile.slots[1].subnetIds",
        ],
    );
}

#[test]
fn subnet_of_an_account_that_the_configuration_does_not_list_is_found() {
    let mut account = account();
    let id = "subnet-00000002".parse().unwrap();
    let shared = account.subnets.as_mut().unwrap().get_mut(&id).unwrap();
    shared.owner = Some("210987654321".to_owned());
    // Nothing says which accounts the deployment lists.
    assert_eq!(kinds(&account), []);
    let notes = notes(&account);
    assert_eq!(notes.len(), 1, "{notes:?}");
    for says in [
        "210987654321",
        "subnet-00000002",
        "is not known",
        "--config",
    ] {
        assert!(notes[0].contains(says), "no {says:?} in {notes:?}");
    }
    account.network_owners = Some(["333333333333".to_owned()].into());
    assert_eq!(super::super::notes(&account), [""; 0]);
    let finding = only(&account, Kind::SubnetOfAnotherAccount);
    assert_says(
        &finding,
        &[
            "user-plane has subnets of the account 210987654321",
            "subnet-00000002",
            "profile.slots[1].subnetIds of the profile upf",
            "IAM denies the create",
            "networkOwnerAccounts",
        ],
    );
    account.network_owners = Some(["210987654321".to_owned()].into());
    assert_eq!(kinds(&account), []);
    // The stack's own account need not be listed.
    account.network_owners = Some(BTreeSet::new());
    account.of_configuration = Some("210987654321".to_owned());
    let finding = only(&account, Kind::SubnetOfAnotherAccount);
    assert_says(&finding, &["signaling", "123456789012"]);
}

#[test]
fn account_of_the_stack_is_that_of_a_group_before_the_first_deployment() {
    let mut account = account();
    account.deployment = None;
    account.groups[0].arn =
        "arn:aws:autoscaling:us-west-2:210987654321:autoScalingGroup:x:autoScalingGroupName/upf"
            .to_owned();
    assert_eq!(account.id(), Some("210987654321"));
    account.groups.clear();
    assert_eq!(account.id(), None);
}

#[test]
fn slot_without_a_device_index_in_a_subnet_of_the_nodes_is_found() {
    let mut account = with_profile(|value| {
        value["slots"][1]["deviceIndex"] = Value::Null;
    });
    account.deployed = false;
    said(&mut account).gate.as_mut().unwrap().networks[0].device_index = Some(1);
    account.groups[0].subnets = vec!["subnet-00000001".parse().unwrap()];
    assert_eq!(kinds(&account), []);
    account.groups[0].subnets = vec!["subnet-00000002".parse().unwrap()];
    let finding = only(&account, Kind::SubnetOfNodes);
    assert_says(&finding, &["profile.slots[1].subnetIds", "user-plane"]);
}

#[test]
fn subnet_without_room_names_who_holds_its_addresses_and_one_with_little_room_the_growth() {
    let mut account = account();
    account.groups[0].max = 12;
    let finding = only(&account, Kind::SubnetSmall);
    assert_says(
        &finding,
        &[
            "room in us-west-2a for 11 more nodes, each with 1 address",
            "may grow there by 12",
            "subnet-00000001",
        ],
    );
    // A reservation takes three addresses, and an interface one.
    let range = "10.0.48.12/30".parse().unwrap();
    let reservation = |for_prefixes| Reservation {
        range,
        for_prefixes,
    };
    account
        .reservations
        .insert("subnet-00000001".parse().unwrap(), vec![reservation(false)]);
    account.groups[0].max = 8;
    assert_eq!(kinds(&account), []);
    account.interfaces = Some(vec![interface(1, 1, "signaling", Some(1))]);
    let finding = only(&account, Kind::SubnetSmall);
    assert_says(
        &finding,
        &[
            "for 7 more nodes",
            "1 by interfaces of Hookline on nodes",
            "CIDR reservations of 10.0.48.12/30",
        ],
    );

    let full = "10.0.48.0/28".parse().unwrap();
    let all = vec![Reservation {
        range: full,
        for_prefixes: false,
    }];
    account
        .reservations
        .insert("subnet-00000001".parse().unwrap(), all);
    account.groups[0].max = 0;
    let finding = only(&account, Kind::SubnetFull);
    assert_says(
        &finding,
        &[
            "signaling has no room in us-west-2a for one more node",
            "profile.slots[0].subnetIds",
        ],
    );
    // Without the interfaces, nobody knows.
    account.interfaces = None;
    assert_eq!(kinds(&account), []);
}

#[test]
fn prefixes_take_their_blocks_and_are_in_the_words() {
    let mut account = with_profile(|value| value["slots"][0]["prefixes"] = json!(1));
    account.deployed = false;
    // The smallest subnet has no whole block beside EC2's addresses.
    let finding = only(&account, Kind::SubnetFull);
    assert_says(&finding, &["takes 1 address and 1 prefix of 16"]);
}

#[test]
fn launches_in_flight_and_what_ec2_has_left_bound_the_room() {
    let mut account = account();
    account.groups[0].members = ["Pending", "Pending:Wait", "InService"]
        .into_iter()
        .zip(1..)
        .map(|(lifecycle_state, n)| Member {
            instance: fixtures::id(n),
            lifecycle_state: lifecycle_state.to_owned(),
            availability_zone: fixtures::ZONE.to_owned(),
        })
        .collect();
    assert_eq!(rooms(&account)[0].more_nodes, 9);
    account.groups[0].members[0].availability_zone = "us-west-2c".to_owned();
    assert_eq!(rooms(&account)[0].more_nodes, 10);
    let subnets = account.subnets.as_mut().unwrap();
    let second = subnets.get_mut(&"subnet-00000002".parse().unwrap());
    second.unwrap().available = 4;
    let room = &rooms(&account)[0];
    assert_eq!(room.more_nodes, 3);
    assert_eq!(room.limited_by.as_deref(), Some("user-plane"));
    let finding = only(&account, Kind::SubnetSmall);
    assert_says(&finding, &["has 4 left"]);
}

#[test]
fn growth_is_shared_by_the_zones_of_a_group() {
    let mut account = account();
    account.groups[0].zones.insert("us-west-2c".to_owned(), 0);
    account.groups[0].max = 23;
    let found = found(&account);
    let kinds: Vec<Kind> = found.iter().map(|finding| finding.kind).collect();
    assert_eq!(
        kinds,
        [
            Kind::NoSubnetInZone,
            Kind::NoSubnetInZone,
            Kind::SubnetSmall
        ]
    );
    assert_says(&found[2], &["may grow there by 12"]);
}

#[test]
fn subnet_of_the_nodes_without_a_free_address_is_found_before_auto_scaling_finds_it() {
    let mut account = account();
    let mut full = fixtures::subnet(7, "10.0.7.0/28", 0);
    let id = full.subnet.id.clone();
    account.groups[0].subnets = vec![id.clone()];
    account.node_subnets.insert(id.clone(), full.clone());
    let mut foreign = interface(3, 9, "any", None);
    foreign.interface.tags.clear();
    foreign.interface.subnet_id = id.clone();
    account.interfaces = Some(vec![foreign]);
    let finding = only(&account, Kind::SubnetFull);
    assert_says(
        &finding,
        &[
            "subnet-00000007",
            "1 by unattached interfaces of others",
            "delete-network-interface",
            "the subnets of the group upf",
            "Auto Scaling cannot launch",
            "CIDR reservations are not looked at",
        ],
    );
    let interfaces = account.interfaces.take();
    let finding = only(&account, Kind::SubnetFull);
    assert_says(&finding, &["Who holds the rest could not be looked at"]);
    assert!(!words(&finding).contains("nobody holds"), "{finding:#?}");
    account.interfaces = interfaces;
    // Another one of the zone has room.
    full.subnet.id = "subnet-00000008".parse().unwrap();
    full.available = 1;
    account.groups[0].subnets.push(full.subnet.id.clone());
    account.node_subnets.insert(full.subnet.id.clone(), full);
    assert_eq!(kinds(&account), []);
}
