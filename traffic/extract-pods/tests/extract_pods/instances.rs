//! The EC2 instances of the cluster, as EC2 describes them.

use std::time::Duration;

use hookline_local::Settings;
use hookline_local::ec2;
use hookline_local::eks::Contents;
use serde_json::{Value, json};

use crate::cluster::{node, pod};
use crate::fake_aws::Refusal;
use crate::records::assert_fits;
use crate::scene::{Scene, missing};
use crate::vpc;

/// A scene with a subnet, and a function that launches an instance there with tags.
struct Fleet {
    scene: Scene,
    subnet: String,
}

impl Fleet {
    async fn new() -> Self {
        let scene = Scene::new().await;
        scene.api.set_contents(Contents {
            nodes: vec![node(0)],
            pods: vec![pod(0, 1)],
            ..Contents::default()
        });
        let (_, subnet) = vpc::subnet(&scene, "10.0.0.0/16", "10.0.1.0/24");
        Self { scene, subnet }
    }

    fn launch(&self, tag: &str) -> String {
        vpc::launch(&self.scene, &self.subnet, tag)
    }

    /// Runs the function until each of its instances is in this state. Returns their lines.
    async fn lines_in(&self, state: &str) -> Vec<Value> {
        loop {
            self.scene.extract().await;
            let lines = self.instances();
            if lines.iter().all(|line| line["phase"] == state) {
                return lines;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Attaches an interface with a secondary address and a prefix to an instance that runs. Returns
    /// its ID.
    fn attach(&self, instance: &str, index: u32, description: &str) -> String {
        self.scene.aws.local.with_world(|world| {
            let (ec2, kernel) = (&mut world.ec2, &mut world.kernel);
            let spec = ec2::InterfaceSpec {
                subnet_id: self.subnet.clone(),
                description: description.to_owned(),
                secondary_private_ip_address_count: 1,
                ipv4_prefix_count: 1,
                ..ec2::InterfaceSpec::default()
            };
            let id = ec2::create_network_interface(ec2, kernel, spec).unwrap();
            ec2::attach_network_interface(ec2, kernel, &id, instance, index, 0).unwrap();
            id
        })
    }

    fn instances(&self) -> Vec<Value> {
        self.of_kind("instance")
    }

    fn of_kind(&self, kind: &str) -> Vec<Value> {
        let lines = self.scene.lines();
        assert_fits(&lines);
        let found = lines.into_iter().filter(|line| line["kind"] == kind);
        found.collect()
    }
}

#[tokio::test]
async fn the_instances_of_the_cluster_are_written_with_their_zone_and_interfaces() {
    let fleet = Fleet::new().await;
    let id = fleet.launch("kubernetes.io/cluster/prod");
    fleet.launch("kubernetes.io/cluster/another");
    let lines = fleet.lines_in("running").await;
    assert_eq!(lines.len(), 1);
    let line = &lines[0];
    assert_eq!(
        [&line["uid"], &line["name"], &line["instance_id"]],
        [&json!(id); 3]
    );
    assert_eq!(line["az"], "us-west-2b");
    assert_eq!(
        line["az_id"],
        json!(ec2::zone_id(&Settings::for_tests(), "us-west-2b"))
    );
    assert_eq!(line["interface_ids"].as_array().unwrap().len(), 1);
    let ips = line["ips"].as_array().unwrap();
    assert!(
        ips.len() == 1 && ips[0].as_str().unwrap().starts_with("10.0.1."),
        "{line}"
    );
    assert!(line["end_time"].is_null(), "{line}");
}

#[tokio::test]
async fn the_addresses_of_further_interfaces_are_written_with_their_instance_and_zone() {
    let fleet = Fleet::new().await;
    let id = fleet.launch("kubernetes.io/cluster/prod");
    fleet.lines_in("running").await;
    let multus = fleet.attach(&id, 1, "n6 of upf");
    // The VPC CNI's: the listed pods have its addresses.
    fleet.attach(&id, 2, &format!("aws-K8S-{id}"));
    fleet.scene.extract().await;
    let lines = fleet.of_kind("attached");
    let told = |line: &Value| {
        ["uid", "group_kind", "group_name"].map(|name| line[name].as_str().unwrap().to_owned())
    };
    assert_eq!(
        lines.iter().map(told).collect::<Vec<_>>(),
        [
            [multus.as_str(), "Node", "(nodes)"],
            [multus.as_str(), "Unknown", "(unknown)"],
        ]
    );
    for line in &lines {
        assert_eq!(
            (&line["instance_id"], &line["az"]),
            (&json!(id), &json!("us-west-2b"))
        );
    }
    // A secondary address, and those of the prefix.
    assert_eq!(lines[1]["ips"].as_array().unwrap().len(), 17);
    assert_eq!(lines[0]["ips"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_terminated_instance_is_written_with_its_end_and_without_its_address() {
    let fleet = Fleet::new().await;
    let id = fleet.launch("kubernetes.io/cluster/prod");
    fleet.lines_in("running").await;
    fleet.scene.aws.local.with_world(|world| {
        world.terminate_instance(&id).unwrap();
    });
    let lines = fleet.lines_in("terminated").await;
    assert_eq!(lines[0]["ips"], json!([]));
    assert_eq!(lines[0]["interface_ids"], json!([]));
    assert_eq!(lines[0]["az"], "us-west-2b");
    assert!(lines[0]["end_time"].is_string(), "{}", lines[0]);
}

#[tokio::test]
async fn more_instances_than_a_page_has_are_all_written() {
    let fleet = Fleet::new().await;
    for _ in 0..130 {
        fleet.launch("kubernetes.io/cluster/prod");
    }
    let result = fleet.scene.extract().await;
    assert_eq!(result["instances"], 130);
    assert_eq!(fleet.instances().len(), 130);
    let calls = fleet.scene.aws.calls();
    let described = calls
        .iter()
        .filter(|call| call.action == "ec2:DescribeInstances");
    assert_eq!(described.count(), 2);
}

#[tokio::test]
async fn an_error_of_describe_instances_does_not_end_the_listing() {
    for (refusal, told) in [
        (Refusal(403, "UnauthorizedOperation", "no"), "refused"),
        (Refusal(503, "RequestLimitExceeded", "slow down"), "failed"),
        (Refusal(500, "InternalError", "no"), "failed"),
        (Refusal(400, "InvalidParameterValue", "no"), "failed"),
    ] {
        let fleet = Fleet::new().await;
        fleet.launch("kubernetes.io/cluster/prod");
        fleet.scene.aws.refuse("ec2:DescribeInstances", refusal);
        let result = fleet.scene.extract().await;
        assert_eq!((&result["nodes"], &result["pods"]), (&json!(1), &json!(1)));
        assert!(result["instances"].is_null(), "{result}");
        assert!(fleet.instances().is_empty());
        assert_eq!(missing(&fleet.scene.lines()), [format!("instances {told}")]);
    }
}

#[tokio::test]
async fn ec2_that_does_not_answer_leaves_time_to_write_the_object() {
    let mut fleet = Fleet::new().await;
    fleet.scene.aws.never_answer("ec2:DescribeInstances");
    // 15 s of it are for the upload.
    fleet.scene.timeout = Duration::from_secs(20);
    let result = fleet.scene.extract().await;
    assert!(result["instances"].is_null(), "{result}");
    assert_eq!(fleet.scene.lines().len(), 3);
    assert_eq!(missing(&fleet.scene.lines()), ["instances failed"]);
}
