//! The network interfaces of other things in the cluster's VPC, as EC2 describes them.

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

/// A scene with a cluster in a VPC.
struct Network {
    scene: Scene,
    subnet: String,
}

impl Network {
    async fn new() -> Self {
        let scene = Scene::new().await;
        scene.api.set_contents(Contents {
            nodes: vec![node(0)],
            pods: vec![pod(0, 1)],
            ..Contents::default()
        });
        let (vpc_id, subnet) = vpc::subnet(&scene, "10.0.0.0/16", "10.0.1.0/24");
        let mut cluster = scene.api.description();
        // EKS API Reference, `Cluster`, `resourcesVpcConfig`.
        cluster["resourcesVpcConfig"] = json!({ "vpcId": vpc_id });
        scene.aws.hold_cluster("prod", cluster);
        Self { scene, subnet }
    }

    /// Launches an instance. Returns its ID.
    fn launch(&self, subnet: &str, tag: &str) -> String {
        vpc::launch(&self.scene, subnet, tag)
    }

    /// Attaches an interface to an instance, once the instance can have it. Returns its ID.
    fn attach(&self, instance: &str, description: &str) -> String {
        self.scene.aws.local.with_world(|world| {
            let (ec2, kernel) = (&mut world.ec2, &mut world.kernel);
            let spec = ec2::InterfaceSpec {
                subnet_id: self.subnet.clone(),
                description: description.to_owned(),
                ..ec2::InterfaceSpec::default()
            };
            let id = ec2::create_network_interface(ec2, kernel, spec).unwrap();
            ec2::attach_network_interface(ec2, kernel, &id, instance, 1, 0).unwrap();
            id
        })
    }

    /// Runs the function until every instance runs.
    async fn settle(&self) {
        loop {
            self.scene.extract().await;
            let lines = self.scene.lines();
            let mut instances = lines.iter().filter(|line| line["kind"] == "instance");
            if instances.all(|line| line["phase"] == "running") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn interfaces(&self) -> Vec<Value> {
        let lines = self.scene.lines();
        assert_fits(&lines);
        let interfaces = lines.into_iter().filter(|line| line["kind"] == "interface");
        interfaces.collect()
    }
}

#[tokio::test]
async fn an_interface_of_the_vpc_is_written_with_its_service_and_zone() {
    let network = Network::new().await;
    let instance = network.launch(&network.subnet, "another");
    network.launch(&network.subnet, "kubernetes.io/cluster/prod");
    network.settle().await;
    let balancer = network.attach(&instance, "ELB net/shop/0a1b2c3d");
    let result = network.scene.extract().await;
    let lines = network.interfaces();
    assert_eq!(result["interfaces"], lines.len());
    assert_eq!(lines.len(), 2, "{lines:?}");
    let line = lines.iter().find(|line| line["uid"] == balancer).unwrap();
    assert_eq!(
        [
            &line["group_kind"],
            &line["group_name"],
            &line["az"],
            &line["az_id"]
        ],
        [
            &json!("NetworkLoadBalancer"),
            &json!("shop"),
            &json!("us-west-2b"),
            &json!(ec2::zone_id(&Settings::for_tests(), "us-west-2b"))
        ]
    );
    assert_eq!(line["interface_ids"], json!([balancer]));
    let ips = line["ips"].as_array().unwrap();
    assert!(
        ips.len() == 1 && ips[0].as_str().unwrap().starts_with("10.0.1."),
        "{line}"
    );
    let other = lines.iter().find(|line| line["uid"] != balancer).unwrap();
    assert_eq!(
        [&other["group_kind"], &other["group_name"]],
        [&json!("Instance"), &json!(instance)]
    );
}

#[tokio::test]
async fn an_interface_for_pods_is_written_only_of_another_clusters_node() {
    let network = Network::new().await;
    let other = network.launch(&network.subnet, "kubernetes.io/cluster/staging");
    let own = network.launch(&network.subnet, "kubernetes.io/cluster/prod");
    network.settle().await;
    network.attach(&own, &format!("aws-K8S-{own}"));
    let for_pods = network.attach(&other, &format!("aws-K8S-{other}"));
    network.scene.extract().await;
    let lines = network.interfaces();
    // The other node's primary interface, and the one for its pods.
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines.iter().any(|line| line["uid"] == for_pods));
    for line in lines {
        assert_eq!(line["group_kind"], "Instance");
        assert_eq!(line["group_name"], json!(other));
    }
}

#[tokio::test]
async fn an_interface_of_another_vpc_is_not_written() {
    let network = Network::new().await;
    let (_, other) = vpc::subnet(&network.scene, "10.8.0.0/16", "10.8.1.0/24");
    network.launch(&other, "another");
    network.settle().await;
    assert_eq!(network.scene.extract().await["interfaces"], 0);
}

#[tokio::test]
async fn no_interface_is_described_if_eks_does_not_tell_the_vpc() {
    let network = Network::new().await;
    let scene = &network.scene;
    scene.aws.hold_cluster("prod", scene.api.description());
    assert!(scene.extract().await["interfaces"].is_null());
}

#[tokio::test]
async fn an_error_of_describe_network_interfaces_does_not_end_the_listing() {
    for (refusal, told) in [
        (Refusal(403, "UnauthorizedOperation", "no"), "refused"),
        (Refusal(503, "RequestLimitExceeded", "slow down"), "failed"),
    ] {
        let network = Network::new().await;
        network.launch(&network.subnet, "kubernetes.io/cluster/prod");
        let scene = &network.scene;
        scene.aws.refuse("ec2:DescribeNetworkInterfaces", refusal);
        let result = scene.extract().await;
        assert_eq!(
            [
                &result["nodes"],
                &result["pods"],
                &result["instances"],
                &result["interfaces"]
            ],
            [&json!(1), &json!(1), &json!(1), &json!(null)]
        );
        assert_eq!(missing(&scene.lines()), [format!("interfaces {told}")]);
    }
}
