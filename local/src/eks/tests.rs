//! `DescribeCluster` over its wire protocol, lists of one snapshot, and files that are not
//! clusters.

use std::path::Path;

use serde_json::{Value, json};

use super::contents::Contents;
use super::lists::{Lists, PageError, PatchError};
use super::*;
use crate::{Outcome, Settings};

/// A call of EKS: its status, error code and body.
async fn get(local: &LocalAws, path: &str) -> (u16, String, Value) {
    let request = Request::get(path)
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=test/20260504/us-west-2/eks/aws4_request, SignedHeaders=host, Signature=0",
        )
        .body(Bytes::new())
        .unwrap();
    let response = local.handle(request).await.unwrap();
    let code = response.headers().get("x-amzn-errortype");
    let code = code.map_or("", |code| code.to_str().unwrap()).to_owned();
    let body = serde_json::from_slice(response.body()).unwrap();
    (response.status().as_u16(), code, body)
}

#[tokio::test]
async fn a_cluster_is_described_with_what_its_callers_need() {
    let local = LocalAws::new(Settings::for_tests());
    let (network, config) = local.with_world(|world| {
        let network = Network::create(world).unwrap();
        let config = network.vpc_config(world, "prod").unwrap();
        (network, config)
    });
    let started = local.eks().start("prod", Contents::default(), config);
    let url = started.await.unwrap();
    let (status, _, body) = get(&local, "/clusters/prod").await;
    assert_eq!(status, 200);
    let cluster = &body["cluster"];
    assert_eq!(
        (&cluster["name"], &cluster["status"], &cluster["endpoint"]),
        (&json!("prod"), &json!("ACTIVE"), &json!(url))
    );
    assert!(cluster["certificateAuthority"]["data"].is_string());
    let config = &cluster["resourcesVpcConfig"];
    assert_eq!(config["vpcId"], network.vpc_id);
    assert_eq!(config["subnetIds"], json!(network.subnet_ids));
    assert_eq!(config["endpointPublicAccess"], true);
    local.with_world(|world| {
        let mut groups = world.ec2.security_groups();
        let group = groups.find(|group| config["clusterSecurityGroupId"] == group.group_id);
        assert_eq!(group.unwrap().vpc_id, network.vpc_id);
    });
    let calls = local.calls();
    assert_eq!(
        (calls[0].service.as_str(), calls[0].action.as_str()),
        ("eks", "DescribeCluster")
    );
    assert_eq!(calls[0].params["name"], "prod");
}

#[tokio::test]
async fn an_unknown_cluster_is_not_found() {
    let local = LocalAws::new(Settings::for_tests());
    let (status, code, body) = get(&local, "/clusters/nope").await;
    assert_eq!((status, code.as_str()), (404, "ResourceNotFoundException"));
    assert_eq!(body["message"], "No cluster found for name: nope.");
    let error = Outcome::Error("ResourceNotFoundException".to_owned());
    assert_eq!(local.calls()[0].outcome, error);
}

#[tokio::test]
async fn an_unknown_operation_is_refused() {
    let local = LocalAws::new(Settings::for_tests());
    for path in ["/clusters", "/clusters/", "/clusters/prod/node-groups"] {
        let (status, code, _) = get(&local, path).await;
        assert_eq!((status, code.as_str()), (404, "UnknownOperationException"));
    }
}

fn names(numbers: impl IntoIterator<Item = usize>) -> Vec<Value> {
    let node = |number| json!({ "metadata": { "name": format!("n{number}") } });
    numbers.into_iter().map(node).collect()
}

#[test]
fn a_list_keeps_its_snapshot_until_it_expires() {
    let mut lists = Lists::default();
    let hold = |lists: &mut Lists, nodes| {
        lists.set_contents(Contents {
            nodes,
            ..Contents::default()
        });
    };
    let read = |page: &str| -> (Vec<Value>, String) {
        let page: Value = serde_json::from_str(page).unwrap();
        let next = page["metadata"]["continue"].as_str().unwrap().to_owned();
        (page["items"].as_array().unwrap().clone(), next)
    };
    hold(&mut lists, names(0..5));
    let nodes = lists.nodes.clone();
    let (mut items, next) = read(&lists.first_page(nodes, 2));
    hold(&mut lists, names(7..9));
    let (more, next) = read(&lists.next_page(&next, 2).unwrap());
    items.extend(more);
    let (more, end) = read(&lists.next_page(&next, 2).unwrap());
    items.extend(more);
    assert_eq!((items, end.as_str()), (names(0..5), ""));
    assert_eq!(lists.next_page("7:0", 2), Err(PageError::InvalidToken));
    lists.forget_snapshots();
    assert_eq!(lists.next_page(&next, 2), Err(PageError::Expired));
}

#[test]
fn a_node_is_changed_by_a_merge_patch_for_its_version_only() {
    let mut lists = Lists::default();
    let node = json!({
        "metadata": { "name": "n1", "resourceVersion": "7", "labels": { "a": "1", "b": "2" } },
        "spec": { "taints": [{ "key": "x" }, { "key": "y" }] },
    });
    lists.unlisted_nodes = names(2..3);
    lists.set_contents(Contents {
        nodes: vec![node],
        ..Contents::default()
    });
    let patch = |version: &str| {
        json!({
            "metadata": { "resourceVersion": version, "labels": { "a": null, "c": "3" } },
            "spec": { "taints": [{ "key": "y" }] },
        })
    };
    assert_eq!(
        lists.patch_node("n1", &patch("6")),
        Err(PatchError::Conflict)
    );
    assert_eq!(
        lists.patch_node("n3", &patch("7")),
        Err(PatchError::NotFound)
    );
    let patched = lists.patch_node("n1", &patch("7")).unwrap();
    let expected = json!({
        "metadata": { "name": "n1", "resourceVersion": "8", "labels": { "b": "2", "c": "3" } },
        "spec": { "taints": [{ "key": "y" }] },
    });
    assert_eq!((&patched, lists.node("n1")), (&expected, Some(&expected)));
    assert_eq!(
        lists.patch_node("n1", &patch("7")),
        Err(PatchError::Conflict)
    );
    // Without a version, it is for any.
    let unlisted = lists.patch_node("n2", &json!({ "spec": null })).unwrap();
    assert_eq!(unlisted["metadata"]["resourceVersion"], "1");
    assert_eq!(lists.node("n2"), Some(&unlisted));
}

#[test]
fn an_invalid_cluster_file_is_refused_with_the_expected_form() {
    for (text, said) in [
        ("nodes: []", "at line 1 column 2"),
        (r#"{"nodes": []}"#, "missing field `pods`"),
        (
            r#"{"nodes": [], "pods": [], "secrets": []}"#,
            "unknown field `secrets`",
        ),
        (r#"{"nodes": {}, "pods": []}"#, "expected a sequence"),
        (
            r#"{"nodes": [{}], "pods": []}"#,
            "nodes[0].metadata.name is missing or not a string",
        ),
        (
            r#"{"nodes": [], "pods": [{"metadata": {"name": "a", "namespace": "b"}}, {"metadata": {"name": "c"}}]}"#,
            "pods[1].metadata.namespace is missing or not a string",
        ),
        (
            r#"{"nodes": [], "pods": [], "services": [{"metadata": {"name": "a"}}]}"#,
            "services[0].metadata.namespace is missing or not a string",
        ),
    ] {
        let error = Contents::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(said), "{text}: {error}");
    }
    let error = Contents::read(Path::new("/nowhere/cluster.json")).unwrap_err();
    assert!(error.to_string().contains("could not read it"), "{error}");
}
