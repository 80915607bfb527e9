use serde_json::json;

use super::*;
use crate::fixtures::{self, NOW, account, interface};

fn forecast() -> Forecast {
    let account = account();
    let subnets = account.subnets.unwrap();
    let available = subnets.iter();
    let available = available.map(|(id, seen)| (id.clone(), seen.available));
    Forecast {
        now: NOW,
        group: account.groups[0].clone(),
        input: account.profiles[0].clone(),
        limits: account.limits["m5.4xlarge"].clone(),
        instances: Vec::new(),
        available: available.collect(),
        subnets: subnets
            .into_iter()
            .map(|(id, seen)| (id, seen.subnet))
            .collect(),
        attached: Vec::new(),
        prefix_reservations: BTreeMap::new(),
        allocated: Vec::new(),
    }
}

fn first_addresses(plan: &Plan) -> Vec<String> {
    let launches = plan.launches.iter();
    launches
        .map(|launch| launch.interfaces[0].private_ip_addresses[0].to_string())
        .collect()
}

#[test]
fn next_launches_get_the_lowest_free_addresses_in_their_order() {
    let mut seen = forecast();
    seen.allocated = vec![interface(1, 1, "signaling", Some(1)).interface.into()];
    let plan = plan(&seen, 3);
    // 10.0.48.4 is taken.
    assert_eq!(
        first_addresses(&plan),
        ["10.0.48.5", "10.0.48.6", "10.0.48.7"]
    );
    let first = &plan.launches[0];
    assert_eq!((first.number, first.turn_after_seconds), (1, 0));
    let second = &first.interfaces[1];
    assert_eq!(second.network, "user-plane");
    assert_eq!(second.device_index, Some(2));
    assert_eq!(second.chosen_by_ec2, [""; 0]);
    assert_eq!(plan.launches[2].availability_zone, fixtures::ZONE);
    assert_eq!(plan.ready_after_seconds, ONE_LAUNCH_SECONDS);
}

#[test]
fn launch_in_flight_comes_first() {
    let mut seen = forecast();
    let mut other = fixtures::instance(1, 10).instance;
    other.marked_at = Some(NOW - 9);
    seen.instances = vec![other];
    let plan = plan(&seen, 1);
    assert_eq!(plan.in_flight, 1);
    assert_eq!(first_addresses(&plan), ["10.0.48.5"]);
}

#[test]
fn launches_are_spread_over_the_zones_with_the_fewest_nodes() {
    let mut seen = forecast();
    seen.group.zones = [("a", 2), ("b", 0), ("c", 1)]
        .map(|(zone, nodes)| (zone.to_owned(), nodes))
        .into();
    assert_eq!(zones(&seen, 5), ["b", "b", "c", "a", "b"]);
    seen.group.zones.clear();
    assert_eq!(zones(&seen, 5), [""; 0]);
}

#[test]
fn launch_without_an_address_or_without_room_says_why() {
    let mut seen = forecast();
    let twelve = plan(&seen, 12);
    let last = &twelve.launches[11];
    assert_eq!(last.interfaces.len(), 0);
    let problem = last.problem.as_deref().unwrap();
    assert!(problem.contains("signaling"), "{problem}");
    assert!(twelve.launches[10].problem.is_none());
    seen.limits = Some(fixtures::limits(2));
    let small = plan(&seen, 1);
    let problem = small.launches[0].problem.as_deref().unwrap();
    assert!(problem.contains("m5.4xlarge has 2"), "{problem}");
}

#[test]
fn what_ec2_chooses_is_told() {
    let mut value = fixtures::profile();
    value["slots"][0]["addressing"] = json!("subnet-assigned");
    value["slots"][1]["prefixes"] = json!(1);
    let mut seen = forecast();
    seen.input.profile = Profile::read(value).unwrap();
    // A subnet with whole blocks for prefixes.
    let second: SubnetId = "subnet-00000002".parse().unwrap();
    seen.subnets.get_mut(&second).unwrap().ipv4 = Some("10.0.49.0/24".parse().unwrap());
    seen.available.insert(second, 251);
    let launches = plan(&seen, 1).launches;
    let chosen = launches[0].interfaces.iter().map(|it| &it.chosen_by_ec2);
    let chosen: Vec<&Vec<&str>> = chosen.collect();
    // Beside prefixes, EC2 chooses the addresses too.
    assert_eq!(chosen, [&vec!["addresses"], &vec!["addresses", "prefixes"]]);
}

#[test]
fn what_ec2_chooses_takes_room_and_a_launch_beyond_it_is_abandoned() {
    let mut value = fixtures::profile();
    value["slots"][0]["addressing"] = json!("subnet-assigned");
    let mut seen = forecast();
    seen.input.profile = Profile::read(value.clone()).unwrap();
    let problems = |seen: &Forecast, nodes: usize| -> Vec<usize> {
        let launches = plan(seen, nodes).launches.into_iter();
        let failing = launches.filter(|launch| launch.problem.is_some());
        failing.map(|launch| launch.number).collect()
    };
    assert_eq!(problems(&seen, 12), [12]);
    // EC2 has fewer than the interfaces show.
    seen.available.insert("subnet-00000001".parse().unwrap(), 5);
    assert_eq!(problems(&seen, 7), [6, 7]);
    let problem = plan(&seen, 6).launches[5].problem.clone().unwrap();
    assert!(problem.contains("signaling"), "{problem}");
    // A launch in flight takes one of them.
    let mut other = fixtures::instance(1, 10).instance;
    other.marked_at = Some(NOW - 9);
    seen.instances = vec![other];
    assert_eq!(problems(&seen, 5), [5]);
    seen.instances.clear();
    // A second subnet serves the rest.
    value["slots"][0]["subnetIds"] = json!(["subnet-00000001", "subnet-00000002"]);
    seen.input.profile = Profile::read(value).unwrap();
    let launches = plan(&seen, 6).launches;
    let subnet = |n: usize| launches[n].interfaces[0].subnet_id.to_string();
    assert_eq!(
        [subnet(4), subnet(5)],
        ["subnet-00000001", "subnet-00000002"]
    );
}

#[test]
fn prefixes_need_whole_blocks_in_a_plan_too() {
    let mut value = fixtures::profile();
    value["slots"][1]["prefixes"] = json!(1);
    let mut seen = forecast();
    seen.input.profile = Profile::read(value).unwrap();
    let problem = plan(&seen, 1).launches[0].problem.clone().unwrap();
    assert!(problem.contains("user-plane"), "{problem}");
}

#[test]
fn interface_of_the_launch_template_takes_its_place() {
    let at = |device_index| AttachmentPoint {
        network_card: 0,
        device_index,
    };
    let mut seen = forecast();
    seen.attached = vec![at(0), at(2)];
    let problem = plan(&seen, 1).launches[0].problem.clone().unwrap();
    assert!(problem.contains("user-plane"), "{problem}");
    assert!(problem.contains("device index 2"), "{problem}");
    // Four interfaces with the primary one are one too many.
    seen.attached = vec![at(0), at(3)];
    seen.limits = Some(fixtures::limits(3));
    let problem = plan(&seen, 1).launches[0].problem.clone().unwrap();
    assert!(problem.contains("m5.4xlarge has 3"), "{problem}");
    // A slot without a place goes around it.
    let mut value = fixtures::profile();
    value["slots"][1]["deviceIndex"] = serde_json::Value::Null;
    seen.input.profile = Profile::read(value).unwrap();
    seen.limits = Some(fixtures::limits(8));
    seen.attached = vec![at(0), at(7)];
    let launches = plan(&seen, 1).launches;
    assert_eq!(launches[0].interfaces[1].device_index, Some(6));
}

#[test]
fn time_grows_with_the_launches_as_the_timetable_and_the_bound_say() {
    let mut seen = forecast();
    // Two slots and the VPC CNI's interface are three attaches, of a bucket of 50 with 5 a second.
    let hundred = plan(&seen, 100);
    assert_eq!(hundred.bound_seconds, (3 * 100 - 1 - 50_u32).div_ceil(5));
    let turns: Vec<u32> = hundred
        .launches
        .iter()
        .map(|it| it.turn_after_seconds)
        .collect();
    assert!(turns.is_sorted(), "{turns:?}");
    assert_eq!(hundred.ready_after_seconds, turns[99] + ONE_LAUNCH_SECONDS);
    assert!(turns[99] >= hundred.bound_seconds - 10, "{turns:?}");
    let largest = hundred.largest_in_time;
    seen.group.zones.clear();
    let profile = &seen.input.profile;
    assert_eq!(largest, launches_within(profile, 840));
    assert!(largest > 1_000);
}
