//! Valid inputs, for unit tests to change.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::admission::ObservedLaunch;
use crate::execution::Node;
use crate::instance::{Instance, LaunchOrder};
use crate::interface::{Attachment, Interface};
use crate::profile::Profile;
use crate::tags::facts::{CLUSTER_TAG, GROUP_TAG, NODEGROUP_TAG, NodeFacts, ON_DEMAND};

/// A small valid profile.
pub(crate) fn profile() -> Value {
    json!({
        "name": "upf",
        "selector": {"autoScalingGroupNames": ["upf"]},
        "hook": {"name": "hookline-launch"},
        "nodeTags": {"Name": "upf-{{ private_ip | dashed }}"},
        "securityGroupIds": ["sg-0123456789abcdef0"],
        "slots": [
            {"network": "signaling", "deviceIndex": 1, "subnetIds": ["subnet-0000000000000001a"]},
            {"network": "user-plane", "deviceIndex": 2, "subnetIds": ["subnet-0000000000000002a"],
             "sourceDestCheck": false}
        ]
    })
}

/// A launch event as AWS documents it.
pub(crate) fn launch_event() -> Value {
    json!({
        "version": "0",
        "id": "12345678-1234-1234-1234-123456789012",
        "detail-type": "EC2 Instance-launch Lifecycle Action",
        "source": "aws.autoscaling",
        "account": "123456789012",
        "time": "2026-01-02T03:04:05Z",
        "region": "us-west-2",
        "resources": ["arn:aws:autoscaling:us-west-2:123456789012:autoScalingGroup:uuid:autoScalingGroupName/upf"],
        "detail": {
            "LifecycleActionToken": "87654321-4321-4321-4321-210987654321",
            "AutoScalingGroupName": "upf",
            "LifecycleHookName": "hookline-launch",
            "EC2InstanceId": "i-0123456789abcdef0",
            "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
            "NotificationMetadata": "additional-info",
            "Origin": "EC2",
            "Destination": "AutoScalingGroup"
        }
    })
}

/// A node of a managed node group.
pub(crate) fn facts() -> NodeFacts {
    let tags = [
        (CLUSTER_TAG, "pre-eks-01"),
        (NODEGROUP_TAG, "web"),
        ("Env", "pre"),
        ("empty", ""),
    ];
    NodeFacts {
        instance_id: "i-0123456789abcdef0".parse().unwrap(),
        instance_type: "m5.4xlarge".to_owned(),
        az: "us-west-2a".to_owned(),
        region: "us-west-2".to_owned(),
        asg: "upf".to_owned(),
        private_ip: Some("10.0.22.100".to_owned()),
        ipv6_address: None,
        private_dns_name: None,
        lifecycle: ON_DEMAND.to_owned(),
        tags: tags
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
    }
}

/// A time, in seconds since the epoch.
pub(crate) const NOW: i64 = 1_800_000_000;

/// A running instance of a launch.
pub(crate) fn instance() -> Instance {
    Instance {
        id: "i-0123456789abcdef0".parse().unwrap(),
        instance_type: "m5.4xlarge".to_owned(),
        availability_zone: "us-west-2a".to_owned(),
        state: "running".to_owned(),
        launched_at: NOW,
        adopted_at: None,
        marked_at: None,
        private_ip: Some("10.0.22.100".to_owned()),
        ipv6_address: None,
        private_dns_name: None,
        lifecycle: ON_DEMAND.to_owned(),
        volumes: Vec::new(),
        root_volume_missing: false,
        interfaces: Vec::new(),
        tags: BTreeMap::from([(GROUP_TAG.to_owned(), "upf".to_owned())]),
        attached: BTreeMap::new(),
    }
}

/// An interface that is attached to that instance at device index 1.
pub(crate) fn interface() -> Interface {
    Interface {
        id: "eni-0123456789abcdef0".parse().unwrap(),
        subnet_id: "subnet-0000000000000001a".parse().unwrap(),
        availability_zone: "us-west-2a".to_owned(),
        status: "in-use".to_owned(),
        attachment: Some(Attachment {
            id: "eni-attach-1".to_owned(),
            instance_id: Some(instance().id),
            device_index: 1,
            network_card: 0,
            status: "attached".to_owned(),
            delete_on_termination: true,
            since: Some(NOW),
        }),
        security_group_ids: ["sg-0123456789abcdef0".parse().unwrap()].into(),
        private_ip_addresses: vec!["10.0.1.4".parse().unwrap()],
        prefixes: Vec::new(),
        ipv6_addresses: Vec::new(),
        ipv6_prefixes: Vec::new(),
        source_dest_check: true,
        description: String::new(),
        tags: BTreeMap::new(),
    }
}

/// The node of that instance.
pub(crate) fn node() -> Node {
    Node::new(&instance(), Some("upf-1".to_owned()))
}

/// A profile of four slots that need two attributes each: eight ModifyNetworkInterfaceAttribute
/// calls a launch. Its nodes have no VPC CNI.
pub(crate) fn four_slots() -> Profile {
    let mut value = profile();
    let slot = value["slots"][1].clone();
    value["slots"] = (1..=4)
        .map(|n| {
            let mut slot = slot.clone();
            slot["deviceIndex"] = json!(n);
            slot["network"] = json!(format!("n{n}"));
            slot
        })
        .collect();
    value["requestRates"] = json!({"vpcCniInterfaces": 0});
    Profile::read(value).unwrap()
}

/// The launch that decides: the last of those at its time.
pub(crate) fn me(since: i64) -> LaunchOrder {
    LaunchOrder {
        since,
        instance_id: "i-ffffffffffffffff1".parse().unwrap(),
    }
}

/// `count` other launches of that time, of running instances.
pub(crate) fn launches(count: usize, since: i64, wired: bool) -> Vec<ObservedLaunch> {
    let order = LaunchOrder {
        since,
        instance_id: "i-00000000000000001".parse().unwrap(),
    };
    vec![
        ObservedLaunch {
            order,
            running: true,
            wired,
            settled: wired,
            adopted: false,
        };
        count
    ]
}
