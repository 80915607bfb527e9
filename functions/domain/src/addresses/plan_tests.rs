//! Each rule of a plan, and the property that simultaneous launches take the lowest addresses.

use proptest::prelude::*;
use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::fixtures::profile;

const ZONE: &str = "us-west-2a";

fn subnet(id: &str, zone: &str, ipv4: &str) -> (SubnetId, Subnet) {
    let id: SubnetId = id.parse().unwrap();
    let subnet = Subnet {
        id: id.clone(),
        availability_zone: zone.to_owned(),
        ipv4: Some(ipv4.parse().unwrap()),
        ipv6: Some("2001:db8::/64".parse().unwrap()),
        reservations: Vec::new(),
    };
    (id, subnet)
}

/// Two networks with one subnet each; the first has a second, small one, and one in another AZ.
fn subnets() -> BTreeMap<SubnetId, Subnet> {
    BTreeMap::from([
        subnet("subnet-0000000000000001a", ZONE, "10.0.1.0/28"),
        subnet("subnet-0000000000000001b", ZONE, "10.0.11.0/28"),
        subnet("subnet-0000000000000001c", "us-west-2c", "10.0.21.0/28"),
        subnet("subnet-0000000000000002a", ZONE, "10.0.2.0/24"),
    ])
}

fn launch(n: u32) -> LaunchOrder {
    LaunchOrder {
        since: 1_000,
        instance_id: format!("i-{n:017x}").parse().unwrap(),
    }
}

struct Scene {
    profile: Value,
    subnets: BTreeMap<SubnetId, Subnet>,
    allocated: Vec<AllocatedInterface>,
    in_flight: Vec<LaunchOrder>,
    may_be_in_flight: Vec<LaunchOrder>,
    observations: Observations,
    round: u32,
    lost: bool,
}

impl Scene {
    fn new() -> Self {
        let mut profile = profile();
        profile["slots"][0]["subnetIds"] = json!([
            "subnet-0000000000000001c",
            "subnet-0000000000000001a",
            "subnet-0000000000000001b"
        ]);
        Self {
            profile,
            subnets: subnets(),
            allocated: Vec::new(),
            in_flight: Vec::new(),
            may_be_in_flight: Vec::new(),
            observations: Observations::default(),
            round: 1,
            lost: false,
        }
    }

    fn plan(&self, n: u32) -> Result<AddressPlan> {
        self.plan_and_count(n).0
    }

    fn plan_and_count(&self, n: u32) -> (Result<AddressPlan>, BTreeMap<SubnetId, u64>) {
        AddressPlanner {
            lost: self.lost,
            profile: &Profile::read(self.profile.clone()).unwrap(),
            launch: &launch(n),
            availability_zone: ZONE,
            subnets: &self.subnets,
            allocated: &self.allocated,
            in_flight: &self.in_flight,
            may_be_in_flight: &self.may_be_in_flight,
            observations: self.observations.clone(),
            round: self.round,
        }
        .plan_and_count()
    }

    /// The plans of launches that come one after the other, after those in flight.
    fn plans_of(&self, launches: &[LaunchOrder]) -> Vec<Result<AddressPlan>> {
        AddressPlanner {
            lost: self.lost,
            profile: &Profile::read(self.profile.clone()).unwrap(),
            launch: &launch(0),
            availability_zone: ZONE,
            subnets: &self.subnets,
            allocated: &self.allocated,
            in_flight: &self.in_flight,
            may_be_in_flight: &self.may_be_in_flight,
            observations: self.observations.clone(),
            round: self.round,
        }
        .plans_of(launches)
    }

    /// Creates the interfaces of a plan, as EC2 would.
    fn carry_out(&mut self, n: u32, plan: &AddressPlan) {
        for slot in plan.slots.iter().filter(|slot| slot.existing.is_none()) {
            let id = format!("eni-{:017x}", self.allocated.len())
                .parse()
                .unwrap();
            let addresses: Vec<AddressRange> = slot
                .private_ip_addresses
                .iter()
                .map(|a| (*a).into())
                .collect();
            for address in &addresses {
                assert!(
                    self.allocated
                        .iter()
                        .all(|other| !other.addresses.contains(address)),
                    "{address} is given twice"
                );
            }
            self.allocated.push(AllocatedInterface {
                id,
                subnet_id: slot.subnet_id.clone(),
                attached: false,
                owner: Some(launch(n).instance_id),
                network: Some(slot.network.clone()),
                addresses,
            });
        }
    }
}

/// An interface that is not Hookline's, in the subnet of the second network.
fn of_somebody_else(addresses: &[&str]) -> AllocatedInterface {
    let addresses = addresses.iter().map(|address| address.parse().unwrap());
    AllocatedInterface {
        id: "eni-00000000000000009".parse().unwrap(),
        subnet_id: "subnet-0000000000000002a".parse().unwrap(),
        attached: true,
        owner: None,
        network: None,
        addresses: addresses.collect(),
    }
}

fn first_addresses(plan: &AddressPlan) -> Vec<String> {
    plan.slots
        .iter()
        .map(|slot| slot.private_ip_addresses[0].to_string())
        .collect()
}

#[test]
fn single_launch_takes_the_lowest_addresses() {
    let plan = Scene::new().plan(1).unwrap();
    assert_eq!(first_addresses(&plan), ["10.0.1.4", "10.0.2.4"]);
}

#[test]
fn third_launch_in_flight_leaves_addresses_for_two() {
    let mut scene = Scene::new();
    scene.in_flight = (1..=5).map(launch).collect();
    let plan = scene.plan(3).unwrap();
    assert_eq!(first_addresses(&plan), ["10.0.1.6", "10.0.2.6"]);
}

#[test]
fn instance_that_may_be_a_launch_gets_an_address_if_there_are_enough() {
    let mut scene = Scene::new();
    scene.in_flight = vec![launch(1), launch(5)];
    scene.may_be_in_flight = (2..=4).map(launch).collect();
    let plan = scene.plan(5).unwrap();
    assert_eq!(first_addresses(&plan), ["10.0.1.8", "10.0.2.8"]);
}

#[test]
fn instances_that_may_be_launches_fill_no_subnet() {
    let mut scene = Scene::new();
    // Two /28 have room for 22.
    scene.in_flight = vec![launch(1), launch(30)];
    scene.may_be_in_flight = (2..=25).map(launch).collect();
    let plan = scene.plan(30).unwrap();
    assert_eq!(first_addresses(&plan), ["10.0.1.5", "10.0.2.5"]);
    let (_, free) = scene.plan_and_count(30);
    let first = "subnet-0000000000000001a".parse().unwrap();
    assert_eq!(free.get(&first), Some(&9));
    // Launches do.
    scene.in_flight = (1..=25).map(launch).collect();
    scene.may_be_in_flight = (26..=29).map(launch).collect();
    assert_eq!(
        scene.plan(30).unwrap_err().error_type(),
        "Hookline.SubnetsFull"
    );
}

#[test]
fn plan_does_not_change_when_a_launch_before_it_finishes() {
    let mut scene = Scene::new();
    scene.in_flight = (1..=3).map(launch).collect();
    let before = scene.plan(3).unwrap();
    let first = scene.plan(1).unwrap();
    scene.carry_out(1, &first);
    assert_eq!(scene.plan(3).unwrap().slots, before.slots);
}

#[test]
fn taken_reserved_and_excluded_addresses_are_skipped() {
    let mut scene = Scene::new();
    scene.profile["slots"][1]["excludedRanges"] = json!(["10.0.2.4-10.0.2.6"]);
    let wide = scene
        .subnets
        .get_mut(&"subnet-0000000000000002a".parse().unwrap())
        .unwrap();
    wide.reservations = vec!["10.0.2.16/28".parse().unwrap()];
    scene.observations.taken_addresses = ["10.0.2.7".parse().unwrap()].into();
    // A primary, a secondary and a /28 prefix.
    let addresses = ["10.0.2.8", "10.0.2.9-10.0.2.15", "10.0.2.32/28"];
    scene.allocated = vec![of_somebody_else(&addresses)];
    assert_eq!(first_addresses(&scene.plan(1).unwrap())[1], "10.0.2.48");
}

#[test]
fn secondary_addresses_are_consecutive_and_ipv6_is_chosen_too() {
    let mut scene = Scene::new();
    scene.profile["slots"][1]["secondaryPrivateAddresses"] = json!(2);
    scene.profile["slots"][1]["ipv6"] = json!("lowest-free");
    scene.in_flight = (1..=2).map(launch).collect();
    let slot = &scene.plan(2).unwrap().slots[1];
    let text: Vec<_> = slot
        .private_ip_addresses
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(text, ["10.0.2.7", "10.0.2.8", "10.0.2.9"]);
    assert_eq!(slot.ipv6_addresses[0].to_string(), "2001:db8::5");
}

#[test]
fn ec2_chooses_the_primary_address_beside_prefixes() {
    let mut scene = Scene::new();
    scene.profile["slots"][1]["prefixes"] = json!(1);
    let slots = scene.plan(1).unwrap().slots;
    assert_eq!(slots[0].private_ip_addresses.len(), 1);
    assert_eq!(slots[1].private_ip_addresses, [] as [IpAddr; 0]);
    // The ClientToken of each round differs, because nothing else in the request does.
    assert_eq!((slots[0].attempt, slots[1].attempt), (0, 1));
}

#[test]
fn next_subnet_of_the_az_is_used_when_one_is_full() {
    let mut scene = Scene::new();
    // Eleven fit into the first /28, so the twelfth begins the second.
    scene.in_flight = (1..=12).map(launch).collect();
    assert_eq!(first_addresses(&scene.plan(11).unwrap())[0], "10.0.1.14");
    assert_eq!(first_addresses(&scene.plan(12).unwrap())[0], "10.0.11.4");
}

#[test]
fn subnet_that_ec2_called_full_is_skipped() {
    let mut scene = Scene::new();
    scene.observations.full_subnets = BTreeMap::from([(
        "signaling".to_owned(),
        ["subnet-0000000000000001a".parse().unwrap()].into(),
    )]);
    assert_eq!(first_addresses(&scene.plan(1).unwrap())[0], "10.0.11.4");
}

#[test]
fn error_names_the_subnets_if_all_are_full() {
    let mut scene = Scene::new();
    scene.in_flight = (1..=23).map(launch).collect();
    let error = scene.plan(23).unwrap_err();
    assert_eq!(error.error_type(), "Hookline.SubnetsFull");
    let text = error.to_string();
    assert!(
        text.contains("subnet-0000000000000001a, subnet-0000000000000001b"),
        "{text}"
    );
    assert!(
        !text.contains("1c"),
        "a subnet of another AZ was not tried: {text}"
    );
}

#[test]
fn existing_interface_is_kept_and_a_duplicate_is_surplus() {
    let mut scene = Scene::new();
    let mine = |n: u32, attached: bool| AllocatedInterface {
        id: format!("eni-{n:017x}").parse().unwrap(),
        subnet_id: "subnet-0000000000000002a".parse().unwrap(),
        attached,
        owner: Some(launch(1).instance_id),
        network: Some("user-plane".to_owned()),
        addresses: vec!["10.0.2.4".parse().unwrap()],
    };
    scene.allocated = vec![mine(1, false), mine(2, true), mine(3, false)];
    let plan = scene.plan(1).unwrap();
    assert_eq!(plan.slots[1].existing, Some(mine(2, true).id));
    assert_eq!(plan.surplus, [mine(1, false).id, mine(3, false).id]);
    assert_eq!(plan.slots[0].existing, None);
}

#[test]
fn existing_interface_keeps_its_subnet_and_an_attached_duplicate_is_not_surplus() {
    let mut scene = Scene::new();
    let mine = |n: u32, attached: bool, subnet: &str| AllocatedInterface {
        id: format!("eni-{n:017x}").parse().unwrap(),
        subnet_id: subnet.parse().unwrap(),
        attached,
        owner: Some(launch(1).instance_id),
        network: Some("signaling".to_owned()),
        addresses: Vec::new(),
    };
    let (first, second) = ("subnet-0000000000000001a", "subnet-0000000000000001b");
    scene.allocated = vec![
        mine(1, false, first),
        mine(2, true, second),
        mine(3, true, first),
    ];
    let plan = scene.plan(1).unwrap();
    assert_eq!(plan.slots[0].existing, Some(mine(2, true, second).id));
    assert_eq!(plan.slots[0].subnet_id.as_str(), second);
    assert_eq!(plan.surplus, [mine(1, false, first).id]);
}

#[test]
fn attempt_is_the_round_only_if_ec2_chooses_all_addresses_or_an_interface_was_lost() {
    let mut scene = Scene::new();
    scene.round = 3;
    scene.profile["slots"][0]["addressing"] = json!("subnet-assigned");
    let attempts = |scene: &Scene| {
        let slots = scene.plan(1).unwrap().slots;
        slots.iter().map(|slot| slot.attempt).collect::<Vec<_>>()
    };
    // Hookline chooses the IPv4 address of the second slot, and it has no IPv6 address.
    assert_eq!(attempts(&scene), [3, 0]);
    // One address that Hookline chooses tells the requests of two rounds apart.
    scene.profile["slots"][0]["ipv6"] = json!("lowest-free");
    assert_eq!(attempts(&scene), [0, 0]);
    scene.lost = true;
    assert_eq!(attempts(&scene), [3, 3]);
}

#[test]
fn interface_created_a_moment_ago_is_kept_although_no_listing_shows_it() {
    let mut scene = Scene::new();
    let made: NetworkInterfaceId = "eni-00000000000000007".parse().unwrap();
    scene.observations.created = BTreeMap::from([("signaling".to_owned(), made.clone())]);
    assert_eq!(scene.plan(1).unwrap().slots[0].existing, Some(made));
}

#[test]
fn az_without_a_subnet_is_a_profile_error() {
    let mut scene = Scene::new();
    scene.profile["slots"][0]["subnetIds"] = json!(["subnet-0000000000000001c"]);
    let error = scene.plan(1).unwrap_err().to_string();
    assert!(
        error.starts_with("profile.slots[0].subnetIds: no subnet of network signaling in the node's AZ us-west-2a; its subnets are in us-west-2c"),
        "{error}"
    );
}

#[test]
fn ipv6_without_a_block_is_a_profile_error() {
    let mut scene = Scene::new();
    scene.profile["slots"][1]["ipv6"] = json!("subnet-assigned");
    scene
        .subnets
        .get_mut(&"subnet-0000000000000002a".parse().unwrap())
        .unwrap()
        .ipv6 = None;
    let error = scene.plan(1).unwrap_err().to_string();
    assert!(
        error.starts_with("profile.slots[1].subnetIds: ipv6 is asked for"),
        "{error}"
    );
}

#[test]
fn plan_after_the_last_round_is_an_error() {
    let mut scene = Scene::new();
    scene.round = MAX_ROUNDS;
    assert!(scene.plan(1).is_ok());
    scene.round = MAX_ROUNDS + 1;
    assert_eq!(
        scene.plan(1).unwrap_err().error_type(),
        "Hookline.AddressContention"
    );
}

/// The rounds until a launch has an address in a /20 in which somebody unseen has `taken`, counted from
/// the first address that EC2 gives. `None` if it gives up.
fn rounds_past(taken: std::ops::Range<u32>) -> Option<u32> {
    let mut scene = Scene::new();
    let slot = scene.profile["slots"][1].clone();
    scene.profile["slots"] = json!([slot]);
    scene.subnets = BTreeMap::from([subnet("subnet-0000000000000002a", ZONE, "10.0.16.0/20")]);
    let first = u32::from(std::net::Ipv4Addr::new(10, 0, 16, 4));
    loop {
        let plan = scene.plan(1).ok()?;
        let IpAddr::V4(address) = plan.slots[0].private_ip_addresses[0] else {
            unreachable!("an IPv4 address was planned");
        };
        if !taken.contains(&(u32::from(address) - first)) {
            return Some(scene.round);
        }
        let new = scene.observations.taken_addresses.insert(address.into());
        assert!(new, "{address} is planned again");
        scene.round += 1;
    }
}

#[test]
fn one_address_that_no_listing_shows_costs_one_round() {
    assert_eq!(rounds_past(0..0), Some(1));
    assert_eq!(rounds_past(0..1), Some(2));
    assert_eq!(rounds_past(0..4), Some(5));
}

#[test]
fn hundreds_of_addresses_that_no_listing_shows_are_leapt_over() {
    assert_eq!(rounds_past(0..200), Some(10));
    // A /20 has 4,091; all but the last.
    assert!(rounds_past(0..4090).is_some());
    assert_eq!(rounds_past(0..4091), None, "there is no room at all");
}

#[test]
fn addresses_that_a_listing_shows_cause_no_leap() {
    let mut scene = Scene::new();
    scene.round = LEAPS_FROM;
    let refused: IpAddr = "10.0.2.4".parse().unwrap();
    scene.observations.taken_addresses = [refused].into();
    let next = |scene: &Scene| scene.plan(1).unwrap().slots[1].private_ip_addresses[0].to_string();
    assert_eq!(next(&scene), "10.0.2.6");
    // Nor do other addresses of the listing hide it.
    scene.allocated = vec![of_somebody_else(&["10.0.2.9"])];
    assert_eq!(next(&scene), "10.0.2.6");
    scene.allocated = vec![of_somebody_else(&["10.0.2.4"])];
    assert_eq!(next(&scene), "10.0.2.5");
}

proptest! {
    /// Wherever they begin and however many they are: if one address is free, a launch finds it.
    #[test]
    fn launch_gets_past_any_run_of_addresses_that_no_listing_shows(length in 0u32..4091) {
        prop_assert!(rounds_past(0..length).is_some(), "{length} addresses");
    }

    /// Plans from one listing never clash, in whichever order they are carried out, and N launches
    /// take the N lowest addresses (invariant I8).
    #[test]
    fn simultaneous_launches_take_the_lowest_addresses_and_never_clash(
        order in Just((1..=20u32).collect::<Vec<_>>()).prop_shuffle(),
        done_first in 0usize..20,
    ) {
        let mut scene = Scene::new();
        scene.profile["slots"][0]["subnetIds"] = json!(["subnet-0000000000000002a"]);
        scene.profile["slots"][0]["secondaryPrivateAddresses"] = json!(1);
        scene.in_flight = (1..=20).map(launch).collect();
        // Some launches finish first. The others plan from the listing after that.
        for n in &order[..done_first] {
            let plan = scene.plan(*n).unwrap();
            scene.carry_out(*n, &plan);
        }
        let plans: Vec<_> = order[done_first..].iter().map(|n| (*n, scene.plan(*n).unwrap())).collect();
        for (n, plan) in plans {
            scene.carry_out(n, &plan);
        }
        let mut used: Vec<IpAddr> =
            scene.allocated.iter().flat_map(|h| &h.addresses).map(AddressRange::first).collect();
        used.sort();
        let lowest: Vec<IpAddr> =
            (4..4 + 60).map(|n| std::net::Ipv4Addr::new(10, 0, 2, n).into()).collect();
        prop_assert_eq!(used, lowest);
    }
}

#[test]
fn subnet_without_room_for_prefixes_has_free_addresses() {
    let mut scene = Scene::new();
    scene.profile["slots"][1]["prefixes"] = json!(2);
    let subnet: SubnetId = "subnet-0000000000000002a".parse().unwrap();
    scene.observations.full_subnets =
        BTreeMap::from([("user-plane".to_owned(), [subnet.clone()].into())]);
    let (plan, free) = scene.plan_and_count(1);
    let error = plan.unwrap_err();
    assert_eq!(error.error_type(), "Hookline.SubnetsFull");
    let text = error.to_string();
    assert!(
        text.starts_with(
            "network user-plane: no room for an address and 2 /28 prefixes left in subnet-0000000000000002a. A prefix needs 16 free addresses"
        ),
        "{text}"
    );
    assert!(text.contains("CreateSubnetCidrReservation"), "{text}");
    assert_eq!(free.get(&subnet), Some(&251));
}

#[test]
fn free_addresses_are_counted_even_if_the_plan_fails() {
    let free = |scene: &Scene, subnet: &str| {
        let (_, free) = scene.plan_and_count(2);
        free.get(&subnet.parse().unwrap()).copied()
    };
    let mut scene = Scene::new();
    let (first, second) = ("subnet-0000000000000001a", "subnet-0000000000000002a");
    // Eleven in a /28, less this launch's own address.
    assert_eq!(free(&scene, first), Some(10));
    assert_eq!(free(&scene, "subnet-0000000000000001b"), Some(11));
    assert_eq!(free(&scene, "subnet-0000000000000001c"), None);
    // One before it.
    scene.in_flight = vec![launch(1), launch(2), launch(3)];
    assert_eq!(free(&scene, first), Some(9));
    let network = scene.profile["slots"][0]["network"].as_str().unwrap();
    let full = BTreeSet::from([first.parse().unwrap()]);
    scene.observations.full_subnets = BTreeMap::from([(network.to_owned(), full)]);
    assert_eq!(free(&scene, first), Some(0));
    scene.profile["slots"][1]["excludedRanges"] = json!(["10.0.0.0/8"]);
    assert_eq!(free(&scene, second), Some(0));
    assert!(scene.plan(2).is_err());
}

#[test]
fn plans_of_several_launches_are_those_that_each_makes_itself() {
    let mut scene = Scene::new();
    scene.profile["slots"][1]["secondaryPrivateAddresses"] = json!(2);
    scene.in_flight = vec![launch(1)];
    scene.may_be_in_flight = vec![launch(2)];
    // The first network has 22 addresses for 25 launches.
    let next: Vec<LaunchOrder> = (3..26).map(launch).collect();
    let plans = scene.plans_of(&next);
    assert_eq!(plans.len(), 23);
    assert!(plans.iter().any(Result::is_err));
    for (n, plan) in (3..26).zip(plans) {
        scene.in_flight = (1..n).filter(|n| *n != 2).map(launch).collect();
        assert_eq!(plan, scene.plan(n), "{n}");
    }
}

#[test]
fn launch_that_has_interfaces_keeps_them_among_the_plans_of_several() {
    let mut scene = Scene::new();
    let plan = scene.plan(5).unwrap();
    scene.carry_out(5, &plan);
    let next: Vec<LaunchOrder> = (4..7).map(launch).collect();
    let plans = scene.plans_of(&next);
    let exist = |plan: &Result<AddressPlan>| {
        let slots = &plan.as_ref().unwrap().slots;
        slots.iter().filter(|slot| slot.existing.is_some()).count()
    };
    assert_eq!(plans.iter().map(exist).collect::<Vec<_>>(), [0, 2, 0]);
    for (n, plan) in (4..7).zip(plans) {
        scene.in_flight = (4..n).map(launch).collect();
        assert_eq!(plan, scene.plan(n), "{n}");
    }
}

#[test]
fn plans_of_launches_in_a_zone_without_a_subnet_are_refused() {
    let mut scene = Scene::new();
    scene.profile["slots"][1]["subnetIds"] = json!(["subnet-0000000000000001c"]);
    let plans = scene.plans_of(&[launch(1), launch(2)]);
    assert_eq!(plans.len(), 2);
    assert!(
        plans
            .iter()
            .all(|plan| plan == &Err(scene.plan(1).unwrap_err()))
    );
}
