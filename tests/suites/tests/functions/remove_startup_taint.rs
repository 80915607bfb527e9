//! `RemoveStartupTaint`: which node it takes for the instance's, what it changes there, and how it
//! fails. The API server's TLS needs the machine's clock, so time is not paused here.

use aws_credential_types::Credentials;
use hookline_local::Settings;
use hookline_local::eks::{ApiServer, Contents, Fault, Resource};
use hookline_testkit::calls::FunctionCalls as _;
use hookline_testkit::launch::{Launch, State, small};
use serde_json::{Value, json};

use crate::{counts, failed};

const KEY: &str = "hookline.io/not-ready";

/// A launch whose node joins `prod`, and the API server of that.
async fn launch() -> (Launch, ApiServer) {
    let launch = Launch::begin(Settings::for_tests(), &small())
        .await
        .unwrap();
    let mut launch = launch.with_profile(|profile| {
        profile["startupTaint"] = json!({ "cluster": "prod" });
    });
    launch.run(State::TagNode).await.unwrap();
    let caller = Credentials::from_keys("test", "test", None);
    let server = ApiServer::start("prod", vec![caller]).await.unwrap();
    let eks = launch.local().eks();
    eks.add_cluster("prod", server.description());
    (launch, server)
}

/// The private DNS name of the instance.
fn dns(launch: &Launch) -> String {
    let address = launch.data["node"]["privateIpAddress"].as_str().unwrap();
    format!(
        "ip-{}.us-west-2.compute.internal",
        address.replace('.', "-")
    )
}

fn register(server: &ApiServer, name: &str, instance: &str, taints: &[&str]) {
    let taints: Vec<Value> = taints
        .iter()
        .map(|key| json!({ "key": key, "effect": "NoSchedule", "value": "true" }))
        .collect();
    let node = json!({
        "metadata": { "name": name, "resourceVersion": "41", "labels": { "a": "b" } },
        "spec": { "providerID": format!("aws:///us-west-2a/{instance}"), "taints": taints },
    });
    server.set_contents(Contents {
        nodes: vec![node],
        ..Contents::default()
    });
}

fn patches(server: &ApiServer) -> usize {
    let requests = server.requests().into_iter();
    requests
        .filter(|request| request.resource == Resource::NodePatch)
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn taint_is_removed_whatever_its_value_and_others_stay() {
    let (mut launch, server) = launch().await;
    let name = dns(&launch);
    register(&server, &name, &launch.instance, &["a", KEY, "b", KEY]);
    let mark = launch.mark();
    let result = launch.run(State::RemoveStartupTaint).await.unwrap();
    assert_eq!(result["step"], json!({ "action": "END" }));
    assert_eq!(
        (&result["nodeName"], &result["removed"]),
        (&json!(name), &json!(true))
    );
    let node = server.node(&name).unwrap();
    let keys = |node: &Value| -> Vec<Value> {
        let taints = node["spec"]["taints"].as_array().unwrap().iter();
        taints.map(|taint| taint["key"].clone()).collect()
    };
    assert_eq!(keys(&node), ["a", "b"]);
    assert_eq!(node["metadata"]["labels"], json!({ "a": "b" }));
    let calls = counts([("DescribeInstances", 1), ("DescribeCluster", 1)]);
    assert_eq!(launch.actions_since(mark), calls);
    // A second execution finds nothing to do.
    let again = launch.run(State::RemoveStartupTaint).await.unwrap();
    assert_eq!(again["removed"], false);
    assert_eq!(patches(&server), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn node_is_known_by_its_provider_id_and_not_by_its_name() {
    let (mut launch, server) = launch().await;
    let name = dns(&launch);
    // An earlier instance had the same address, and its node is still there.
    register(&server, &name, "i-0123456789abcdef0", &[KEY]);
    let result = launch.run(State::RemoveStartupTaint).await.unwrap();
    assert_eq!(result["step"]["action"], "WAIT", "{result}");
    assert!(result["step"]["seconds"].as_u64().unwrap() >= 5, "{result}");
    assert_eq!(result["nodeName"], Value::Null);
    assert_eq!(patches(&server), 0);
    // Nodes can also be named by their instance.
    register(&server, &launch.instance, &launch.instance, &[KEY]);
    let result = launch.run(State::RemoveStartupTaint).await.unwrap();
    assert_eq!(result["nodeName"], json!(launch.instance));
    assert_eq!(result["removed"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn node_that_does_not_register_is_given_up_after_fourteen_minutes() {
    let (mut launch, _server) = launch().await;
    let first = launch.run(State::RemoveStartupTaint).await.unwrap();
    let since = first["since"].as_i64().unwrap();
    launch.data["startupTaint"]["since"] = json!(since - 500);
    let result = launch.run(State::RemoveStartupTaint).await.unwrap();
    assert_eq!(result["step"]["action"], "WAIT", "{result}");
    assert_eq!(result["since"], json!(since - 500));
    launch.data["startupTaint"]["since"] = json!(since - 840);
    let says = failed(
        launch.run(State::RemoveStartupTaint).await,
        "Hookline.NodeNotRegistered",
    );
    let wanted = format!(
        "the node of {} has not registered in cluster prod within 14 minutes",
        launch.instance
    );
    assert!(says.starts_with(&wanted), "{says}");
}

#[tokio::test(flavor = "multi_thread")]
async fn change_of_the_node_in_between_is_tried_again_with_its_new_taints() {
    let (mut launch, server) = launch().await;
    let name = dns(&launch);
    register(&server, &name, &launch.instance, &[KEY]);
    server.fail(|request| {
        (request.resource == Resource::NodePatch && request.nth == 1)
            .then_some(Fault::Status(409, None))
    });
    let says = failed(
        launch.run(State::RemoveStartupTaint).await,
        "Hookline.AwsUnavailable",
    );
    assert!(says.contains(&format!("patch Node {name}")), "{says}");
    // The node controller has added a taint.
    register(&server, &name, &launch.instance, &[KEY, "later"]);
    launch.run(State::RemoveStartupTaint).await.unwrap();
    let node = server.node(&name).unwrap();
    assert_eq!(node["spec"]["taints"][0]["key"], "later");
    assert_eq!(node["spec"]["taints"][1], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_failure_of_the_cluster_has_its_name() {
    let (mut launch, server) = launch().await;
    register(&server, &dns(&launch), &launch.instance, &[KEY]);
    for (status, name) in [
        (401, "Hookline.AccessDenied"),
        (403, "Hookline.AccessDenied"),
        (429, "Hookline.Throttled"),
        (500, "Hookline.AwsUnavailable"),
        (422, "Hookline.AwsRefused"),
    ] {
        server.fail(move |_| Some(Fault::Status(status, None)));
        let says = failed(launch.run(State::RemoveStartupTaint).await, name);
        assert!(says.contains("in cluster prod"), "{status}: {says}");
    }
    launch.data["profile"]["startupTaint"]["cluster"] = json!("nope");
    let says = failed(
        launch.run(State::RemoveStartupTaint).await,
        "Hookline.ResourceNotFound",
    );
    assert!(says.contains("nope"), "{says}");
}

#[tokio::test(flavor = "multi_thread")]
async fn instance_that_is_gone_needs_nothing() {
    let (mut launch, server) = launch().await;
    let local = launch.local().clone();
    let ec2 = &launch.scene.ec2;
    let ended = ec2.terminate_instances().instance_ids(&launch.instance);
    ended.send().await.unwrap();
    local.with_world(|world| world.kernel.settings.describe_lag = std::time::Duration::ZERO);
    let result = launch.run(State::RemoveStartupTaint).await.unwrap();
    assert_eq!(result["step"], json!({ "action": "END" }));
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn taint_comes_next_after_continue_but_not_on_the_way_into_a_warm_pool() {
    for (destination, next) in [
        ("AutoScalingGroup", "REMOVE_STARTUP_TAINT"),
        ("WarmPool", "END"),
    ] {
        let launch = Launch::running().await.unwrap();
        let mut launch = launch.with_profile(|profile| {
            profile["startupTaint"] = json!({ "cluster": "prod" });
            // Only the next step is looked at.
            profile["hook"]["complete"] = json!(false);
        });
        launch.data["event"]["detail"]["Destination"] = json!(destination);
        launch.run_to(State::ContinueLaunch).await.unwrap();
        assert_eq!(launch.data["completion"]["next"], next, "{destination}");
    }
}
