//! Nodes on instances of the fake AWS.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::time::Duration;

mod gate;
mod metadata;
mod warm_pool;

use super::*;
use crate::ec2::{self, InstanceState, InterfaceSpec, LaunchSpec, SubnetSpec};
use crate::{CallRecord, Fault, FaultKind, Latency, LocalAws, Settings};

/// A VPC with a subnet of the nodes and a subnet of a network.
struct Scene {
    local: LocalAws,
    node_subnet: String,
    network_subnet: String,
}

const BOOT: u64 = 20;

fn node_settings() -> NodeSettings {
    NodeSettings {
        boot: Latency::fixed(Duration::from_secs(BOOT)),
        kubelet_start: Latency::fixed(Duration::from_secs(2)),
        imds_lag: Latency::fixed(Duration::from_secs(3)),
        ..NodeSettings::default()
    }
}

impl Scene {
    fn new() -> Self {
        Self::with(Settings {
            node: Some(node_settings()),
            ..Settings::for_tests()
        })
    }

    fn with(settings: Settings) -> Self {
        let local = LocalAws::new(settings);
        let (node_subnet, network_subnet) = local.with_world(|world| {
            let (ec2, kernel) = (&mut world.ec2, &mut world.kernel);
            let block = "10.0.0.0/16".parse().unwrap();
            let ipv6 = Some("2001:db8::/56".parse().unwrap());
            let vpc = ec2::create_vpc(ec2, kernel, block, ipv6, ec2::Tags::new()).unwrap();
            let mut subnet = |cidr: &str, ipv6: Option<&str>| {
                let spec = SubnetSpec {
                    vpc_id: vpc.clone(),
                    availability_zone: "us-west-2a".to_owned(),
                    cidr_block: cidr.parse().unwrap(),
                    ipv6_cidr_block: ipv6.map(|block| block.parse().unwrap()),
                    tags: ec2::Tags::new(),
                };
                ec2::create_subnet(ec2, kernel, spec).unwrap()
            };
            (
                subnet("10.0.1.0/24", None),
                subnet("10.0.2.0/24", Some("2001:db8::/64")),
            )
        });
        Self {
            local,
            node_subnet,
            network_subnet,
        }
    }

    fn launch(&self, instance_type: &str, user_data: Option<String>) -> String {
        self.local.with_world(|world| {
            let spec = LaunchSpec {
                image_id: "ami-1".to_owned(),
                instance_type: instance_type.to_owned(),
                subnet_id: self.node_subnet.clone(),
                user_data,
                ..LaunchSpec::default()
            };
            ec2::launch(&mut world.ec2, &mut world.kernel, spec).unwrap()
        })
    }

    /// Attaches an interface in the network's subnet that the VPC CNI does not manage.
    fn attach(&self, instance: &str, device_index: u32) -> String {
        self.local.with_world(|world| {
            let (ec2, kernel) = (&mut world.ec2, &mut world.kernel);
            let spec = InterfaceSpec {
                subnet_id: self.network_subnet.clone(),
                tags: ec2::Tags::from([(
                    "node.k8s.amazonaws.com/no_manage".to_owned(),
                    "true".to_owned(),
                )]),
                ..InterfaceSpec::default()
            };
            let id = ec2::create_network_interface(ec2, kernel, spec).unwrap();
            ec2::attach_network_interface(ec2, kernel, &id, instance, device_index, 0).unwrap();
            id
        })
    }

    /// A gate that waits for one network.
    fn gate(&self, device_index: Option<u32>) -> String {
        Gate {
            gate: vec![GateNetwork {
                network: "signaling".to_owned(),
                subnet_ids: vec!["subnet-0".to_owned(), self.network_subnet.clone()],
                device_index,
                network_card: 0,
            }],
            ..Gate::default()
        }
        .to_user_data()
    }

    fn status(&self, instance: &str) -> NodeStatus {
        self.local.nodes().status(instance).expect("a node")
    }

    fn phase(&self, instance: &str) -> Phase {
        self.status(instance).phase
    }

    fn cni_calls(&self) -> Vec<CallRecord> {
        let mut calls = self.local.calls();
        calls.retain(|call| is_of_vpc_cni(&call.user_agent));
        calls
    }

    fn cni_actions(&self) -> Vec<String> {
        let calls = self.cni_calls();
        calls.into_iter().map(|call| call.action).collect()
    }

    /// The device indexes that the interfaces of an instance are at, and whether they are the VPC
    /// CNI's.
    fn places(&self, instance: &str) -> Vec<(u32, bool)> {
        self.local.with_world(|world| {
            let mut places: Vec<_> = world
                .ec2
                .interfaces_of(instance)
                .map(|interface| {
                    let index = interface.attachment.as_ref().unwrap().device_index;
                    (index, interface.description.starts_with("aws-K8S-"))
                })
                .collect();
            places.sort_unstable();
            places
        })
    }
}

async fn seconds(n: u64) {
    tokio::time::sleep(Duration::from_secs(n)).await;
}

#[tokio::test(start_paused = true)]
async fn node_boots_and_joins_with_a_warm_interface_of_the_vpc_cni() {
    let scene = Scene::new();
    let id = scene.launch("m5.large", None);
    tokio::task::yield_now().await;
    assert_eq!(scene.phase(&id), Phase::Pending);
    seconds(2).await;
    assert_eq!(scene.phase(&id), Phase::Booting);
    assert_eq!(scene.cni_actions(), [""; 0]);
    seconds(60).await;
    let status = scene.status(&id);
    assert_eq!(status.phase, Phase::Joined);
    assert!(!status.reached.contains_key(&Phase::Held));
    let took = status.reached[&Phase::Starting] - status.reached[&Phase::Booting];
    assert_eq!(took, Duration::from_secs(BOOT));
    assert_eq!(
        scene.cni_actions(),
        [
            "DescribeNetworkInterfaces",
            "CreateTags",
            "ModifyNetworkInterfaceAttribute",
            "AssignPrivateIpAddresses",
            "DescribeSubnets",
            "CreateNetworkInterface",
            "DescribeInstances",
            "AttachNetworkInterface",
            "ModifyNetworkInterfaceAttribute",
        ]
    );
    assert!(scene.cni_calls().iter().all(CallRecord::is_ok));
    let mut counted = BTreeMap::<String, usize>::new();
    for action in scene.cni_actions() {
        *counted.entry(action).or_default() += 1;
    }
    for (action, count) in counted {
        assert_eq!(
            CniSettings::default().calls_per_node(&action),
            count,
            "{action}"
        );
    }
    assert_eq!(scene.places(&id), [(0, false), (1, true)]);
    scene.local.with_world(|world| {
        let is_own = |i: &&ec2::NetworkInterface| i.description == format!("aws-K8S-{id}");
        let own = world.ec2.interfaces_of(&id).find(is_own).unwrap();
        assert_eq!(own.subnet_id, scene.node_subnet);
        assert_eq!(own.tags["node.k8s.amazonaws.com/instance_id"], id);
        assert_eq!(own.tags["cluster.k8s.amazonaws.com/name"], "eks");
        assert_eq!(own.tags["eks:eni:owner"], "amazon-vpc-cni");
        assert!(own.tags.contains_key("node.k8s.amazonaws.com/createdAt"));
        assert_eq!(own.private_ip_addresses().count(), 2);
        assert!(own.attachment.as_ref().unwrap().delete_on_termination);
        let primary = world.ec2.interfaces_of(&id).find(|i| !is_own(i)).unwrap();
        assert_eq!(primary.tags["node.k8s.amazonaws.com/instance_id"], id);
        assert_eq!(own.groups, primary.groups);
    });
    let calls = scene.cni_calls().len();
    seconds(3600).await;
    assert_eq!(scene.cni_calls().len(), calls, "nothing is left to do");
}

#[tokio::test(start_paused = true)]
async fn instance_without_software_is_no_node() {
    let scene = Scene::with(Settings::for_tests());
    let id = scene.launch("m5.large", None);
    seconds(300).await;
    assert_eq!(scene.local.nodes().status(&id), None);
    assert_eq!(scene.local.calls().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn node_without_the_vpc_cni_joins_and_calls_nothing() {
    let scene = Scene::with(Settings {
        node: Some(NodeSettings {
            cni: None,
            ..node_settings()
        }),
        ..Settings::for_tests()
    });
    let id = scene.launch("m5.large", None);
    seconds(60).await;
    assert_eq!(scene.phase(&id), Phase::Joined);
    assert_eq!(scene.local.calls().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn gate_holds_kubelet_until_the_interface_is_there() {
    let scene = Scene::new();
    let id = scene.launch("m5.large", Some(scene.gate(Some(1))));
    seconds(7200).await;
    let status = scene.status(&id);
    assert_eq!(status.phase, Phase::Held, "it never opens by itself");
    let missing = Missing {
        network: "signaling".to_owned(),
        since: status.reached[&Phase::Held],
    };
    assert_eq!(status.missing, [missing]);
    assert_eq!(scene.cni_actions(), [""; 0]);
    scene.attach(&id, 1);
    seconds(60).await;
    let status = scene.status(&id);
    assert_eq!((status.phase, status.missing), (Phase::Joined, Vec::new()));
    assert_eq!(
        scene.places(&id),
        [(0, false), (1, false), (2, true)],
        "the VPC CNI comes after the network"
    );
}

#[tokio::test(start_paused = true)]
async fn gate_waits_until_the_device_number_is_shown() {
    let scene = Scene::new();
    let fixed = scene.launch("m5.large", Some(scene.gate(Some(1))));
    let free = scene.launch("m5.large", Some(scene.gate(None)));
    seconds(BOOT + 5).await;
    for id in [&fixed, &free] {
        assert_eq!(scene.phase(id), Phase::Held);
        scene.attach(id, 1);
    }
    // The interface is attached after half a second, and its number is 0 for three more.
    seconds(2).await;
    assert_eq!(scene.phase(&fixed), Phase::Held);
    assert_eq!(scene.phase(&free), Phase::Starting);
    seconds(3).await;
    assert_eq!(scene.phase(&fixed), Phase::Starting);
}

#[tokio::test(start_paused = true)]
async fn gate_with_a_malformed_list_stays_closed_and_says_why() {
    use base64::Engine as _;
    let scene = Scene::new();
    let list = br#"{"gate": [{"network": "signaling"}]}"#;
    let user_data = base64::engine::general_purpose::STANDARD.encode(list);
    let id = scene.launch("m5.large", Some(user_data));
    seconds(600).await;
    let status = scene.status(&id);
    assert_eq!(status.phase, Phase::Held);
    let says = &status.missing[0].network;
    assert!(says.contains("missing field `subnetIds`"), "{says}");
}

#[tokio::test(start_paused = true)]
async fn user_data_without_a_gate_holds_nothing() {
    let scene = Scene::new();
    // `#!`, and what is no base64.
    for user_data in ["IyE=", "?"] {
        let id = scene.launch("m5.large", Some(user_data.to_owned()));
        seconds(60).await;
        assert_eq!(scene.phase(&id), Phase::Joined);
    }
}

/// What the metadata service shows of an interface at a place.
fn shown(subnet: &str, network_card: Option<u32>, device_number: u32) -> ImdsInterface {
    ImdsInterface {
        device_number,
        network_card,
        interface_id: "eni-1".to_owned(),
        subnet_id: subnet.to_owned(),
        vpc_id: "vpc-1".to_owned(),
        security_group_ids: Vec::new(),
        local_ipv4s: Vec::new(),
        ipv4_prefixes: Vec::new(),
        subnet_ipv4_cidr_block: None,
        ipv6s: Vec::new(),
        subnet_ipv6_cidr_block: None,
    }
}

/// The metadata of a node whose primary interface is in the subnet `node`.
fn imds(others: &[ImdsInterface]) -> Imds {
    let primary = ("02:00".to_owned(), shown("node", Some(0), 0));
    let others = others.iter().enumerate();
    let others = others.map(|(n, interface)| (format!("02:0{}", n + 1), interface.clone()));
    Imds {
        mac: "02:00".to_owned(),
        macs: std::iter::once(primary).chain(others).collect(),
        target_lifecycle_state: None,
    }
}

fn network(name: &str, subnet: &str, place: Option<(u32, u32)>) -> GateNetwork {
    GateNetwork {
        network: name.to_owned(),
        subnet_ids: vec![subnet.to_owned()],
        device_index: place.map(|(_, index)| index),
        network_card: place.map_or(0, |(card, _)| card),
    }
}

#[tokio::test(start_paused = true)]
async fn gate_opens_again_after_a_stop_and_a_start() {
    let scene = Scene::new();
    let id = scene.launch("m5.large", Some(scene.gate(Some(1))));
    seconds(2).await;
    scene.attach(&id, 1);
    seconds(60).await;
    assert_eq!(scene.phase(&id), Phase::Joined);
    for (action, phase) in [
        ("StopInstances", Phase::Off),
        ("StartInstances", Phase::Joined),
    ] {
        let body = format!("Action={action}&Version=2016-11-15&InstanceId.1={id}");
        let request = http::Request::post("/").body(body.into()).unwrap();
        scene.local.handle(request).await.unwrap();
        seconds(60).await;
        assert_eq!(scene.phase(&id), phase);
    }
    assert_eq!(scene.places(&id), [(0, false), (1, false), (2, true)]);
}

#[tokio::test(start_paused = true)]
async fn node_of_a_terminated_instance_stops() {
    let scene = Scene::new();
    let id = scene.launch("m5.large", None);
    seconds(BOOT).await;
    scene
        .local
        .with_world(|world| world.terminate_instance(&id))
        .unwrap();
    seconds(600).await;
    assert_eq!(scene.phase(&id), Phase::Off);
    assert_eq!(scene.cni_actions(), [""; 0]);
    let state = |world: &mut crate::World| world.ec2.instance(&id).unwrap().state;
    assert_eq!(scene.local.with_world(state), InstanceState::Terminated);
}

#[tokio::test(start_paused = true)]
async fn vpc_cni_tries_throttled_calls_again() {
    let scene = Scene::new();
    for action in ["CreateNetworkInterface", "AttachNetworkInterface"] {
        scene
            .local
            .inject(Fault::on(action, FaultKind::Throttle).times(2));
    }
    let id = scene.launch("m5.large", None);
    seconds(60).await;
    assert_eq!(scene.places(&id), [(0, false), (1, true)]);
    let actions = scene.cni_actions();
    let count = |action| actions.iter().filter(|a| *a == action).count();
    assert_eq!(count("CreateNetworkInterface"), 3);
    assert_eq!(count("AttachNetworkInterface"), 3);
    assert_eq!(count("DeleteNetworkInterface"), 0);
}

#[tokio::test(start_paused = true)]
async fn vpc_cni_deletes_an_interface_that_it_cannot_attach_and_takes_the_next_index() {
    let scene = Scene::with(Settings {
        node: Some(node_settings()),
        describe_lag: Duration::from_secs(4),
        ..Settings::for_tests()
    });
    let id = scene.launch("m5.large", None);
    // Just before the VPC CNI looks for a free index, another caller takes it.
    seconds(BOOT + 2).await;
    scene.attach(&id, 1);
    seconds(60).await;
    let actions = scene.cni_actions();
    let count = |action| actions.iter().filter(|a| *a == action).count();
    assert_eq!(scene.places(&id), [(0, false), (1, false), (2, true)]);
    assert_eq!(count("AttachNetworkInterface"), 2);
    assert_eq!(count("DeleteNetworkInterface"), 1);
    assert_eq!(scene.phase(&id), Phase::Joined);
    let interfaces = scene
        .local
        .with_world(|w| w.ec2.network_interfaces().count());
    assert_eq!(interfaces, 3, "none is left behind");
}

#[tokio::test(start_paused = true)]
async fn vpc_cni_frees_an_interface_whose_deletion_with_the_instance_it_cannot_set() {
    let scene = Scene::new();
    let refused = FaultKind::Error {
        status: 400,
        code: "InvalidParameterValue".to_owned(),
        message: String::new(),
    };
    let fault = Fault::on("ModifyNetworkInterfaceAttribute", refused);
    scene
        .local
        .inject(fault.when("Attachment.DeleteOnTermination", "true"));
    let id = scene.launch("m5.large", None);
    seconds(60).await;
    let actions = scene.cni_actions();
    let count = |action| actions.iter().filter(|a| *a == action).count();
    assert_eq!(count("DetachNetworkInterface"), 1);
    assert_eq!(count("DeleteNetworkInterface"), 1);
    assert_eq!(count("CreateNetworkInterface"), 2);
    assert_eq!(scene.places(&id), [(0, false), (1, true)]);
}

#[tokio::test(start_paused = true)]
async fn vpc_cni_counts_the_interfaces_that_it_does_not_manage_against_the_limit() {
    let scene = Scene::new();
    // A t3.medium has three interfaces.
    let id = scene.launch("t3.medium", None);
    seconds(2).await;
    scene.attach(&id, 1);
    scene.attach(&id, 2);
    seconds(600).await;
    assert_eq!(scene.phase(&id), Phase::Joined);
    let actions = scene.cni_actions();
    assert!(
        !actions.contains(&"CreateNetworkInterface".to_owned()),
        "{actions:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn pending_and_boot_times_follow_the_instance_type() {
    let minutes = |n: u64| Latency::fixed(Duration::from_secs(60 * n));
    let mut node = node_settings();
    node.boot_for_type
        .insert("m5n.metal".to_owned(), minutes(20));
    let mut settings = Settings {
        node: Some(node),
        ..Settings::for_tests()
    };
    settings
        .pending_for_type
        .insert("m5n.metal".to_owned(), minutes(8));
    let scene = Scene::with(settings);
    let (metal, large) = (
        scene.launch("m5n.metal", None),
        scene.launch("m5.large", None),
    );
    seconds(7 * 60).await;
    assert_eq!(scene.phase(&metal), Phase::Pending);
    assert_eq!(scene.phase(&large), Phase::Joined);
    seconds(20 * 60).await;
    assert_eq!(scene.phase(&metal), Phase::Booting);
    seconds(2 * 60).await;
    assert_eq!(scene.phase(&metal), Phase::Joined);
}

#[tokio::test(start_paused = true)]
async fn one_seed_gives_one_history_of_nodes() {
    async fn history(seed: u64) -> Vec<String> {
        let scene = Scene::with(Settings {
            seed,
            throttle: true,
            latency: Latency::millis(100, 900),
            node: Some(NodeSettings::default()),
            ..Settings::for_tests()
        });
        for _ in 0..60 {
            scene.launch("m5.large", None);
        }
        seconds(300).await;
        let nodes = scene.local.nodes().all();
        assert!(nodes.values().all(|node| node.phase == Phase::Joined));
        let calls = scene.cni_calls();
        let calls = calls.iter().map(|call| format!("{call:?}"));
        calls.chain([format!("{nodes:?}")]).collect()
    }
    let first = history(7).await;
    assert_eq!(first, history(7).await);
    assert_ne!(first, history(8).await);
}
