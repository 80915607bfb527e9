//! Which nodes lack interfaces, and which of them may be older than their profile.

use serde_json::json;

use super::*;
use crate::fixtures::{self, NOW};

const NETWORKS: [&str; 2] = ["signaling", "user-plane"];

fn id(n: u32) -> InstanceId {
    format!("i-{n:017x}").parse().unwrap()
}

fn input(value: serde_json::Value) -> ProfileInput {
    ProfileInput {
        profile: Profile::read(value.clone()).unwrap(),
        value,
    }
}

/// A running instance that was launched `age` seconds ago.
fn instance(n: u32, age: i64) -> Instance {
    Instance {
        id: id(n),
        launched_at: NOW - age,
        ..fixtures::instance()
    }
}

/// The interface of an instance, attached so many seconds ago at the place of its network.
fn interface(n: u32, network: &str, age: i64) -> Interface {
    let mut interface = fixtures::interface();
    let on = interface.attachment.as_mut().unwrap();
    on.instance_id = Some(id(n));
    on.device_index = if network == "signaling" { 1 } else { 2 };
    on.since = Some(NOW - age);
    interface.tags = own::tags(&id(n), "upf", "upf", network);
    interface
}

fn both(n: u32, age: i64) -> [Interface; 2] {
    NETWORKS.map(|network| interface(n, network, age))
}

fn member(n: u32, group: &str) -> Member {
    Member {
        instance: id(n),
        group: group.to_owned(),
        group_arn: String::new(),
    }
}

/// Those that lack interfaces, each with whether it may be older than its profile.
fn found(
    instances: &[Instance],
    interfaces: &[Interface],
    in_progress: &[u32],
) -> Vec<(InstanceId, bool)> {
    let profiles = [input(fixtures::profile())];
    let members: Vec<Member> = instances
        .iter()
        .map(|instance| Member {
            instance: instance.id.clone(),
            ..member(0, "upf")
        })
        .collect();
    let in_progress = in_progress.iter().map(|n| id(*n)).collect();
    let interfaces: Vec<&Interface> = interfaces.iter().collect();
    let known = |wanted: &InstanceId| instances.iter().find(|it| it.id == *wanted);
    let found = lacking(&profiles, &members, known, &in_progress, &interfaces);
    found
        .into_iter()
        .map(|node| {
            assert_eq!(node.profiles, [&profiles[0].profile]);
            (node.member.instance.clone(), node.may_be_older)
        })
        .collect()
}

#[test]
fn node_with_every_interface_lacks_none_and_one_without_a_network_does() {
    let fleet = [instance(1, 600)];
    assert_eq!(found(&fleet, &both(1, 500), &[]), []);
    let one = [interface(1, "signaling", 500)];
    assert_eq!(found(&fleet, &one, &[]), [(id(1), true)]);
    let mut detached = both(1, 500);
    detached[1].attachment = None;
    assert_eq!(found(&fleet, &detached, &[]).len(), 1);
}

#[test]
fn node_of_an_execution_or_that_does_not_run_is_left_alone() {
    let mut fleet = [instance(1, 600), instance(2, 600)];
    fleet[1].state = "stopping".to_owned();
    assert_eq!(found(&fleet, &[], &[1]), []);
}

#[test]
fn node_that_was_launched_after_its_group_had_the_network_is_not_older() {
    let fleet = [instance(1, 600), instance(2, 400), instance(3, 500)];
    // The first node got its interfaces 500 seconds ago.
    let interfaces = both(1, 500);
    assert_eq!(
        found(&fleet, &interfaces, &[]),
        [(id(2), false), (id(3), false)]
    );
    // An older one may be older than the profile.
    let fleet = [instance(1, 600), instance(2, 501)];
    assert_eq!(found(&fleet, &interfaces, &[]), [(id(2), true)]);
}

#[test]
fn nodes_are_older_than_a_network_that_a_profile_gets_later() {
    let fleet = [instance(1, 900), instance(2, 800), instance(3, 200)];
    let mut interfaces: Vec<Interface> = [1, 2]
        .iter()
        .map(|n| interface(*n, "signaling", 750))
        .collect();
    assert_eq!(
        found(&fleet[..2], &interfaces, &[]),
        [(id(1), true), (id(2), true)]
    );
    // The next launch has both, and one after that has none.
    interfaces.extend(both(3, 100));
    let fleet = [&fleet[..], &[instance(4, 50)]].concat();
    assert_eq!(
        found(&fleet, &interfaces, &[]),
        [(id(1), true), (id(2), true), (id(4), false)]
    );
}

#[test]
fn network_of_another_group_shows_no_age() {
    let mut others = both(9, 5_000);
    for interface in &mut others {
        let tags = &mut interface.tags;
        tags.insert(own::AUTO_SCALING_GROUP.to_owned(), "smf".to_owned());
    }
    assert_eq!(found(&[instance(1, 600)], &others, &[]), [(id(1), true)]);
}

fn group(name: &str, nodes: &[u32]) -> ProfiledGroup {
    ProfiledGroup {
        name: name.to_owned(),
        tags: BTreeMap::new(),
        in_service: nodes.iter().map(|n| member(*n, name)).collect(),
        is_being_deleted: false,
    }
}

#[test]
fn only_a_profile_whose_nodes_may_lack_interfaces_is_looked_at_further() {
    let by_name = || input(fixtures::profile());
    let mut by_tag = fixtures::profile();
    by_tag["name"] = json!("by-tag");
    by_tag["selector"] = json!({"tag": {"key": "Network", "value": "multus"}});
    let by_tag = || input(by_tag.clone());
    let mut only_names = fixtures::profile();
    only_names["slots"] = json!([]);
    let look = |profiles: &[ProfileInput], groups: &[ProfiledGroup]| {
        may_select_lacking(profiles, groups, &both(1, 500))
            .into_iter()
            .map(Selector::is_by_tag)
            .collect::<Vec<bool>>()
    };
    assert_eq!(
        look(&[by_name(), by_tag()], &[group("upf", &[1])]),
        [false; 0]
    );
    let lacking = [group("upf", &[1, 2])];
    // Each selector once.
    assert_eq!(look(&[by_name(), by_name()], &lacking), [false]);
    assert_eq!(look(&[input(only_names)], &lacking), [false; 0]);
    // A node of any group may have the tag.
    let elsewhere = [group("upf", &[1]), group("others", &[3])];
    assert_eq!(look(&[by_name(), by_tag()], &elsewhere), [true]);
    assert_eq!(look(&[by_name(), by_tag()], &[]), [false; 0]);
}
