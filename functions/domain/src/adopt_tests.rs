//! The adoption status of nodes, and the names and inputs of their executions.

use serde_json::json;

use super::*;
use crate::event::Event;
use crate::execution::names::{adoption_name, instance_of_name};
use crate::fixtures::profile;
use crate::interface::Attachment;

const NODE: &str = "i-0123456789abcdef0";

fn node() -> InstanceId {
    NODE.parse().unwrap()
}

fn input() -> ProfileInput {
    ProfileInput {
        value: profile(),
        profile: Profile::read(profile()).unwrap(),
    }
}

/// An interface of Hookline's for a network, at a device index.
fn ours(network: &str, device_index: u32) -> Interface {
    Interface {
        id: "eni-00000000000000001".parse().unwrap(),
        subnet_id: "subnet-00000000".parse().unwrap(),
        availability_zone: "us-west-2a".to_owned(),
        status: "in-use".to_owned(),
        attachment: Some(Attachment {
            id: "eni-attach-0".to_owned(),
            instance_id: Some(node()),
            device_index,
            network_card: 0,
            status: "attached".to_owned(),
            delete_on_termination: true,
            since: None,
        }),
        security_group_ids: BTreeSet::new(),
        private_ip_addresses: Vec::new(),
        prefixes: Vec::new(),
        ipv6_addresses: Vec::new(),
        ipv6_prefixes: Vec::new(),
        source_dest_check: true,
        description: String::new(),
        tags: BTreeMap::from([(own::NETWORK.to_owned(), network.to_owned())]),
    }
}

/// The status of a node with its primary interface, interfaces of others, and Hookline's.
fn status_of(others: &[u32], ours: &[Interface]) -> AdoptionStatus {
    let attached = [0]
        .iter()
        .chain(others)
        .copied()
        .chain(ours.iter().filter_map(|interface| {
            let on = interface.attachment.as_ref()?;
            (on.instance_id == Some(node())).then_some(on.device_index)
        }))
        .map(|device_index| AttachmentPoint {
            network_card: 0,
            device_index,
        })
        .collect();
    let ours: Vec<&Interface> = ours.iter().collect();
    adoption_status(&input().profile, &node(), &attached, &ours)
}

#[test]
fn node_is_wired_if_every_slot_has_its_interface() {
    let (first, second) = (ours("signaling", 1), ours("user-plane", 2));
    assert_eq!(
        status_of(&[], &[first.clone(), second.clone()]),
        AdoptionStatus::Wired
    );
    assert_eq!(status_of(&[], &[first]), AdoptionStatus::Incomplete);
    assert_eq!(status_of(&[], &[]), AdoptionStatus::Incomplete);
    // Interfaces at other device indexes do not matter.
    assert_eq!(status_of(&[3, 4], &[second]), AdoptionStatus::Incomplete);
}

#[test]
fn slot_without_a_device_index_has_its_interface_wherever_it_is() {
    let mut value = profile();
    value["slots"][1]["deviceIndex"] = json!(null);
    let profile = Profile::read(value).unwrap();
    let status = |ours: &[Interface]| {
        // The VPC CNI's interface at index 2 is in nobody's way.
        let attached = [0, 1, 2, 7].map(|device_index| AttachmentPoint {
            network_card: 0,
            device_index,
        });
        let ours: Vec<&Interface> = ours.iter().collect();
        adoption_status(&profile, &node(), &attached.into(), &ours)
    };
    let (first, second) = (ours("signaling", 1), ours("user-plane", 7));
    assert_eq!(
        status(&[first.clone(), second.clone()]),
        AdoptionStatus::Wired
    );
    assert_eq!(
        status(std::slice::from_ref(&first)),
        AdoptionStatus::Incomplete
    );
    let mut detached = second;
    detached.attachment = None;
    assert_eq!(status(&[first, detached]), AdoptionStatus::Incomplete);
}

#[test]
fn interface_that_is_unattached_or_on_another_instance_does_not_count() {
    let mut free = ours("signaling", 1);
    free.attachment = None;
    let mut elsewhere = ours("user-plane", 2);
    let other = "i-0fedcba9876543210".parse().unwrap();
    elsewhere.attachment.as_mut().unwrap().instance_id = Some(other);
    assert_eq!(
        status_of(&[], &[free, elsewhere]),
        AdoptionStatus::Incomplete
    );
}

#[test]
fn occupied_device_index_is_named() {
    let says = |status: AdoptionStatus| match status {
        AdoptionStatus::Occupied(error) => (error.error_type(), error.to_string()),
        other => panic!("{other:?}"),
    };
    // Another owner's interface, although the other slot has its own.
    let (name, words) = says(status_of(&[2], &[ours("signaling", 1)]));
    assert_eq!(name, "Hookline.DeviceIndexTaken");
    assert!(
        words.contains("device index 2 of network card 0"),
        "{words}"
    );
    // Hookline's own, of another network.
    let (name, _) = says(status_of(&[], &[ours("user-plane", 1)]));
    assert_eq!(name, "Hookline.DeviceIndexTaken");
}

fn assessed(
    instance: Option<&Instance>,
    in_progress: &BTreeSet<InstanceId>,
    created: &[Interface],
) -> (usize, Vec<String>, bool) {
    let profiles = [input()];
    let member = Member {
        instance: node(),
        group: "upf".to_owned(),
        group_arn: "arn:group".to_owned(),
    };
    let created: Vec<&Interface> = created.iter().collect();
    let found = assess(&profiles, &member, instance, in_progress, &created);
    let lacks =
        instance.is_some_and(Instance::is_running) && in_progress.is_empty() && !found.wired;
    assert_eq!(found.lacks.len(), usize::from(lacks));
    (found.incomplete.len(), found.skipped, found.wired)
}

#[test]
fn node_is_adopted_only_if_it_runs_and_no_execution_does() {
    use crate::fixtures::instance;

    let (idle, busy) = (BTreeSet::new(), BTreeSet::from([node()]));
    let skipped = |reason: &str| (0, vec![reason.to_owned()], false);
    assert_eq!(assessed(Some(&instance()), &idle, &[]), (1, vec![], false));
    assert_eq!(assessed(None, &idle, &[]), skipped("EC2 does not know it"));
    assert_eq!(
        assessed(Some(&instance()), &busy, &[]),
        skipped("an execution for it is running")
    );
    let stopping = Instance {
        state: "stopping".to_owned(),
        ..instance()
    };
    assert_eq!(
        assessed(Some(&stopping), &idle, &[]),
        skipped("EC2 says that it is stopping")
    );
    let both = [ours("signaling", 1), ours("user-plane", 2)];
    assert_eq!(assessed(Some(&instance()), &idle, &both), (0, vec![], true));
    let wrong = [ours("user-plane", 1)];
    let (incomplete, reasons, wired) = assessed(Some(&instance()), &idle, &wrong);
    assert_eq!((incomplete, reasons.len(), wired), (0, 1, false));
}

#[test]
fn execution_name_contains_its_instance_and_differs_by_profile_and_number() {
    let input = input();
    let name = adoption_name(&node(), "upf", &input.profile.name, 1);
    assert!(name.len() <= 80, "{name}");
    assert_eq!(instance_of_name(&name), Some(node()));
    assert_ne!(name, adoption_name(&node(), "upf", &input.profile.name, 2));
    let mut other = input.clone();
    other.profile.name = "Zürich *".to_owned();
    let of_other = adoption_name(&node(), "upf", &other.profile.name, 1);
    assert_ne!(name, of_other);
    assert!(
        of_other
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-')
    );
    for other in [
        "adopt-",
        "adopt-x-1",
        "adopt-i-x-y-z",
        &format!("adopt-{NODE}"),
    ] {
        assert_eq!(instance_of_name(other), None, "{other}");
    }
}

#[test]
fn execution_input_is_an_adopt_event_with_the_profile_as_it_came() {
    let machine = "arn:aws:states:us-west-2:123456789012:stateMachine:launch-node";
    let machine = StateMachine::read(machine).unwrap();
    let member = Member {
        instance: node(),
        group: "upf".to_owned(),
        group_arn: "arn:group".to_owned(),
    };
    let input = input();
    let execution_input = execution_input(&machine, &member, &input, "n", "2026-01-02T03:04:05Z");
    assert_eq!(execution_input["profile"], input.value);
    assert_eq!(execution_input["event"]["resources"], json!(["arn:group"]));
    let launch = Event::read_launch(execution_input["event"].clone()).unwrap();
    assert_eq!((launch.instance_id, launch.action), (node(), None));
    assert_eq!(launch.region, "us-west-2");
    assert_eq!(launch.group, "upf");
}
