//! What of a profile cannot be had.

use hookline_domain::instance::AttachmentPoint;
use hookline_domain::interface::Attachment;
use hookline_domain::reconcile::ProfileInput;
use serde_json::json;

use super::*;
use crate::fixtures::{NOW, case, id, instance, interface, limits, profile, subnet};
use crate::judge::Remedy;
use crate::observed::account::Reservation;
use crate::observed::case::Replacement;

fn kinds(case: &Case) -> Vec<Kind> {
    findings(case).iter().map(|finding| finding.kind).collect()
}

/// An interface of somebody else in a subnet.
fn foreign(n: u32, subnet: u32, description: &str) -> SeenInterface {
    let mut seen = interface(n, 9, "any", None);
    seen.interface.tags.clear();
    seen.interface.subnet_id = format!("subnet-{subnet:08x}").parse().unwrap();
    seen.interface.description = description.to_owned();
    let address = format!("10.0.48.{}", n % 250);
    seen.interface.private_ip_addresses = vec![address.parse().unwrap()];
    seen
}

#[test]
fn profile_that_fits_has_no_finding() {
    assert_eq!(kinds(&case()), []);
}

#[test]
fn missing_security_group_names_the_field_and_the_networks() {
    let mut case = case();
    case.security_groups.clear();
    let found = findings(&case);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        found[0].evidence,
        [
            "profile.securityGroupIds of the profile upf names it, for the networks signaling, user-plane."
        ]
    );
    let slots = &mut case.input.as_mut().unwrap().profile.slots;
    slots[1].security_group_ids = Some(vec!["sg-00000002".parse().unwrap()]);
    let fields: Vec<_> = findings(&case)
        .into_iter()
        .flat_map(|finding| finding.evidence)
        .collect();
    assert!(
        fields[1].starts_with("profile.slots[1].securityGroupIds "),
        "{fields:?}"
    );
}

#[test]
fn security_group_of_another_vpc_names_the_slot_both_vpcs_and_the_groups_to_choose_from() {
    let mut case = case();
    let elsewhere = [("sg-00000001".parse().unwrap(), "vpc-00000002".to_owned())];
    case.security_groups = elsewhere.into();
    // It may be associated with the subnet's VPC, and EC2 has not refused it.
    assert_eq!(kinds(&case), []);
    let mut case = case.with_execution("FAILED", Some("Hookline.X"), "CreateInterfaces");
    assert_eq!(kinds(&case), []);
    let refused =
        "Security group sg-00000001 and subnet subnet-00000001 belong to different networks.";
    case.executions[0].cause = Some(refused.to_owned());
    let found = findings(&case);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].kind, Kind::SecurityGroupInAnotherVpc);
    let words = format!("{:?}", found[0]);
    for says in [
        "sg-00000001 is in vpc-00000002, and the subnet subnet-00000001 of the network signaling is in vpc-00000001",
        "profile.securityGroupIds of the profile upf",
        "Name=vpc-id,Values=vpc-00000001",
        r#""--group-id", "sg-00000001", "--vpc-id", "vpc-00000001""#,
    ] {
        assert!(words.contains(says), "no {says:?} in {words}");
    }
}

#[test]
fn what_the_deployed_profile_does_not_have_any_more_is_not_to_be_corrected() {
    let mut case = case().with_execution("FAILED", Some("Hookline.X"), "CreateInterfaces");
    // As the execution was given it; another one is deployed now.
    let mut wrong = profile();
    wrong["securityGroupIds"] = json!(["sg-00000009"]);
    wrong["slots"][1]["subnetIds"] = json!(["subnet-00000009"]);
    let input = json!({"event": {}, "profile": wrong});
    case.executions[0].input = input.to_string();
    let profile = Profile::read(wrong.clone()).unwrap();
    case.input = Some(ProfileInput {
        value: wrong.clone(),
        profile,
    });
    let remedies = |case: &Case| {
        let found = findings(case);
        let kinds = [Kind::SecurityGroupMissing, Kind::SubnetMissing];
        assert_eq!(found.iter().map(|it| it.kind).collect::<Vec<_>>(), kinds);
        let first = found.into_iter().map(|it| format!("{:?}", it.remedy[0]));
        first.collect::<Vec<_>>()
    };
    for remedy in remedies(&case) {
        assert!(
            remedy.contains("the one that is deployed now does not have this"),
            "{remedy}"
        );
    }
    // The deployed one has the wrong subnet still.
    let deployed = &mut case.deployment.profiles[0];
    deployed.value["slots"][1]["subnetIds"] = json!(["subnet-00000009"]);
    deployed.profile = Profile::read(deployed.value.clone()).unwrap();
    let left = remedies(&case);
    assert!(
        left[0].contains("the one that is deployed now does not have this"),
        "{left:?}"
    );
    assert!(
        left[1].contains("Correct profile.slots[1].subnetIds"),
        "{left:?}"
    );
}

#[test]
fn full_subnet_in_the_place_of_a_full_one_is_told_and_corrects_nothing() {
    let mut case = case().in_state("Pending:Wait").with_execution(
        "FAILED",
        Some("Hookline.X"),
        "CreateInterfaces",
    );
    for seen in &mut case.subnets {
        seen.available = 0;
    }
    // The deployed profile has the other subnet, which is full too.
    let deployed = &mut case.deployment.profiles[0];
    deployed.value["slots"][0]["subnetIds"] = json!(["subnet-00000002"]);
    deployed.value["slots"][1]["subnetIds"] = json!(["subnet-00000003"]);
    deployed.profile = Profile::read(deployed.value.clone()).unwrap();
    case.subnets.push(subnet(3, "10.0.50.0/28", 11));
    let found = findings(&case);
    let told: Vec<_> = found.iter().map(|it| (it.kind, it.ids.concat())).collect();
    let full = |n: u32| (Kind::SubnetFull, format!("subnet-0000000{n}"));
    assert_eq!(told, [full(1), full(2), full(2)], "{found:#?}");
    // That of signaling stays; user-plane has room with the deployed one.
    let remedy = |n: usize| format!("{:?}", found[n].remedy);
    assert!(!remedy(0).contains("was wrong"), "{found:#?}");
    assert!(remedy(1).contains("The replay below"), "{found:#?}");
    assert!(found[2].problem.contains("signaling"), "{found:#?}");
}

#[test]
fn subnet_whose_free_addresses_are_in_pieces_has_no_room_for_a_prefix() {
    let mut case = case();
    case.subnets = vec![subnet(1, "10.0.48.0/26", 57), subnet(2, "10.0.49.0/28", 11)];
    case.input.as_mut().unwrap().profile.slots[0].prefixes = 1;
    assert_eq!(kinds(&case), []);
    // One address in each block of 16.
    let pieces = [20, 36, 50].map(|last| foreign(last, 1, "in the way"));
    case.in_subnets = pieces.to_vec();
    let found = findings(&case);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].kind, Kind::SubnetFull);
    for says in [
        "signaling has no free block of 16",
        "the prefix",
        "in pieces",
    ] {
        assert!(found[0].problem.contains(says), "{found:#?}");
    }
    // A reservation for prefixes keeps a block whole, and no address is chosen there.
    case.in_subnets.remove(1);
    let block = Reservation {
        range: "10.0.48.32/28".parse().unwrap(),
        for_prefixes: true,
    };
    let id = case.subnets[0].subnet.id.clone();
    case.reservations.insert(id.clone(), vec![block]);
    assert_eq!(kinds(&case), []);
    let explicit = Reservation {
        for_prefixes: false,
        ..block
    };
    case.reservations.insert(id, vec![explicit]);
    assert_eq!(kinds(&case), [Kind::SubnetFull]);
}

#[test]
fn missing_subnet_and_missing_zone_are_told_apart() {
    let mut gone = case();
    gone.subnets.remove(0);
    let found = findings(&gone);
    assert_eq!(found[0].kind, Kind::SubnetMissing);
    assert!(
        found[0].evidence[0].starts_with("profile.slots[0].subnetIds "),
        "{found:?}"
    );
    let lists = format!("{:?}", found[0].remedy.last());
    assert!(lists.contains("Name=vpc-id,Values=vpc-00000001"), "{lists}");
    let mut elsewhere = case();
    elsewhere.subnets[1].subnet.availability_zone = "us-west-2b".to_owned();
    let found = findings(&elsewhere);
    assert_eq!(found[0].kind, Kind::NoSubnetInZone);
    assert!(
        found[0]
            .problem
            .contains("user-plane has no subnet in us-west-2a"),
        "{found:?}"
    );
}

#[test]
fn full_subnet_tells_who_holds_the_addresses() {
    let mut full = case();
    full.subnets[0].available = 0;
    full.in_subnets = (4..12).map(|n| foreign(n, 1, "probe")).collect();
    full.in_subnets.push(interface(12, 7, "signaling", None));
    full.in_subnets.push(interface(13, 8, "signaling", Some(1)));
    let mut nat = foreign(14, 1, "");
    (nat.kind, nat.requester) = ("nat_gateway".to_owned(), Some("128792236543".to_owned()));
    full.in_subnets.push(nat);
    let found = findings(&full);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].kind, Kind::SubnetFull);
    for says in [
        "subnet-00000001 (10.0.48.0/28) in us-west-2a has 0 free addresses",
        "8 by unattached interfaces of others, described \"probe\"",
        "1 by unattached interfaces of Hookline",
        "1 by interfaces of Hookline on nodes",
        "1 by interfaces of the type nat_gateway, requested by 128792236543",
    ] {
        assert!(
            found[0].evidence[0].contains(says),
            "no {says:?} in {found:?}"
        );
    }
    // A slot that has its interface needs no address.
    full.interfaces = vec![interface(1, 1, "signaling", Some(1))];
    assert_eq!(kinds(&full), []);
}

#[test]
fn addresses_that_the_slot_excludes_are_not_free() {
    let mut case = case();
    let slot = &mut case.input.as_mut().unwrap().profile.slots[0];
    slot.excluded_ranges = vec!["10.0.48.0/28".parse().unwrap()];
    let found = findings(&case);
    assert_eq!(found[0].kind, Kind::SubnetFull);
    assert!(
        found[0].evidence[0]
            .contains("11 by the subnet's CIDR reservations and the slot's excludedRanges"),
        "{found:?}"
    );
}

#[test]
fn second_subnet_with_room_is_enough() {
    let mut case = case();
    case.subnets[0].available = 0;
    let slot = &mut case.input.as_mut().unwrap().profile.slots[0];
    slot.subnet_ids.push("subnet-00000003".parse().unwrap());
    case.subnets.push(subnet(3, "10.0.50.0/28", 11));
    assert_eq!(kinds(&case), []);
}

#[test]
fn small_instance_type_is_told_with_what_is_attached_already() {
    let mut case = case();
    case.limits = Some(limits(2));
    let found = findings(&case);
    assert_eq!(found[0].kind, Kind::InstanceTypeTooSmall);
    assert!(
        found[0].evidence[0].contains("are 3 interfaces, m5.4xlarge has 2"),
        "{found:?}"
    );
    // The primary interface and one of somebody else, with two more to come.
    case.limits = Some(limits(3));
    let seen = case.seen.as_mut().unwrap();
    let primary = seen.instance.attached.values().next().unwrap().clone();
    let place = AttachmentPoint {
        network_card: 0,
        device_index: 5,
    };
    seen.instance.attached.insert(place, primary);
    let found = findings(&case);
    assert!(
        found[0]
            .problem
            .contains("room for 3 interfaces: 2 of others are attached"),
        "{found:?}"
    );
}

#[test]
fn interface_at_a_slots_place_is_told_with_where_it_came_from() {
    for (since, description, says) in [
        (NOW - 60, "any", "It came with the instance's launch"),
        (
            NOW - 30,
            "any",
            "Somebody attached it 30 s after the instance's launch",
        ),
        (NOW - 30, "aws-K8S-i-1", "The VPC CNI attached it"),
        // The trunk interface of security groups for pods.
        (NOW - 30, "aws-k8s-trunk-eni", "The VPC CNI attached it"),
    ] {
        let mut case = case();
        let mut holder = foreign(4, 5, description);
        holder.interface.status = "in-use".to_owned();
        holder.interface.attachment = Some(Attachment {
            id: "eni-attach-7".to_owned(),
            instance_id: Some(id(1)),
            device_index: 1,
            network_card: 0,
            status: "attached".to_owned(),
            delete_on_termination: true,
            since: Some(since),
        });
        case.interfaces = vec![holder];
        let found = findings(&case);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].kind, Kind::DeviceIndexTaken);
        assert!(found[0].evidence[0].starts_with(says), "{found:?}");
        // The VPC CNI needs its interface.
        let detaches = found[0]
            .remedy
            .iter()
            .any(|it| matches!(it, Remedy::Run(words) if words.last().unwrap() == "eni-attach-7"));
        assert_eq!(
            detaches,
            !description.to_ascii_lowercase().starts_with("aws-k8s-"),
            "{found:?}"
        );
    }
}

#[test]
fn place_that_is_taken_on_the_replacement_is_told_of_an_instance_that_is_gone() {
    let mut case = case();
    case.seen.as_mut().unwrap().instance.state = "terminated".to_owned();
    let mut holder = interface(4, 2, "signaling", Some(1));
    holder.interface.tags.clear();
    case.replacement = Some(Replacement {
        seen: instance(2, 60),
        interfaces: vec![holder],
    });
    let found = findings(&case);
    assert_eq!(found[0].kind, Kind::DeviceIndexTaken);
    assert!(found[0].problem.contains(id(2).as_str()), "{found:?}");
    assert!(found[0].evidence[1].contains(id(1).as_str()), "{found:?}");
}
