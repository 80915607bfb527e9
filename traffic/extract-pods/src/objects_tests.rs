//! Reads nodes and pods from JSON as API servers write it.

use serde_json::{Value, json};

use super::*;

fn pod(spec: Value, status: Value) -> Pod {
    serde_json::from_value(json!({
        "metadata": {
            "name": "cart-6f7c9d8b5-x2x7p",
            "namespace": "shop",
            "uid": "a0c0f6cc-0a5f-4b0d-9a37-1d3a1a0c7c01",
            "creationTimestamp": "2026-05-04T08:00:10Z",
            "managedFields": [{"manager": "kubelet", "fieldsV1": {"f:status": {}}}],
        },
        "spec": spec,
        "status": status,
    }))
    .unwrap()
}

fn node(provider_id: &str, addresses: Value) -> Node {
    serde_json::from_value(json!({
        "metadata": {
            "name": "ip-10-0-1-10.us-east-2.compute.internal",
            "uid": "5d0a3b4e-7b0a-4a55-8a6e-0f1d9c7d2c11",
            "creationTimestamp": "2026-05-04T06:12:40Z",
            "labels": {Node::ZONE: "us-east-2a", Node::ZONE_ID: ""},
        },
        "spec": {"providerID": provider_id},
        "status": {"addresses": addresses},
    }))
    .unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn texts(ips: &[IpAddr]) -> Vec<String> {
    ips.iter().map(ToString::to_string).collect()
}

fn ended(at: Option<&str>) -> Value {
    json!({"name": "c", "state": {"terminated": {"exitCode": 0, "finishedAt": at}}})
}

#[test]
fn each_address_of_a_pod_is_kept_once_in_its_short_form() {
    let pod = pod(
        json!({}),
        json!({
            "podIP": "10.0.1.57",
            "podIPs": [{"ip": "10.0.1.57"}, {"ip": "2600:1F16:0abc:DE01:0:0:0:3d"}],
        }),
    );
    assert_eq!(texts(&pod.ips()), ["10.0.1.57", "2600:1f16:abc:de01::3d"]);
}

#[test]
fn an_address_in_pod_ip_alone_is_kept() {
    assert_eq!(
        texts(&pod(json!({}), json!({"podIP": "10.0.1.57"})).ips()),
        ["10.0.1.57"]
    );
}

#[test]
fn a_pod_without_an_address_has_an_empty_list() {
    for status in [
        json!({}),
        json!({"podIPs": null}),
        json!({"podIPs": [], "podIP": ""}),
        Value::Null,
    ] {
        assert!(pod(json!({}), status.clone()).ips().is_empty(), "{status}");
    }
}

#[test]
fn a_field_that_is_missing_or_null_has_its_default() {
    let pod = pod(json!({"hostNetwork": null}), json!({}));
    assert!(!pod.spec.host_network);
    assert_eq!(pod.spec.node_name, None);
    assert_eq!(pod.status.phase, Phase::Unknown);
}

#[test]
fn a_phase_of_a_newer_kubernetes_is_unknown() {
    let phase = pod(json!({}), json!({"phase": "Hibernating"})).status.phase;
    assert_eq!(phase, Phase::Unknown);
}

#[test]
fn a_pod_starts_when_kubelet_accepts_it_or_else_at_its_creation() {
    let accepted = pod(json!({}), json!({"startTime": "2026-05-04T08:00:11Z"}));
    assert_eq!(accepted.start_time(), at("2026-05-04T08:00:11Z"));
    assert_eq!(
        pod(json!({}), json!({})).start_time(),
        at("2026-05-04T08:00:10Z")
    );
}

#[test]
fn a_pod_ends_with_its_last_container() {
    let status = |phase: &str| {
        json!({
            "phase": phase,
            "initContainerStatuses": [ended(Some("2026-05-04T10:40:05Z"))],
            "containerStatuses": [
                ended(Some("2026-05-04T10:43:27Z")),
                ended(Some("2026-05-04T10:41:00Z")),
            ],
        })
    };
    for phase in ["Succeeded", "Failed"] {
        let end = pod(json!({}), status(phase)).end_time();
        assert_eq!(end, Some(at("2026-05-04T10:43:27Z")), "{phase}");
    }
    // A container of a running pod may have ended. The pod has not.
    for phase in ["Pending", "Running", "Unknown"] {
        assert_eq!(pod(json!({}), status(phase)).end_time(), None, "{phase}");
    }
}

#[test]
fn an_end_is_proved_by_every_container_that_ran() {
    let end = "2026-05-04T10:43:27Z";
    let runs = json!({"name": "c", "state": {"running": {"startedAt": "2026-05-04T08:00:15Z"}}});
    let waits = json!({"name": "c", "state": {"waiting": {"reason": "PodInitializing"}}});
    let restarts = json!({
        "name": "c", "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": ended(Some(end))["state"],
    });
    let time = |phase: &str, deleted: bool, main: &Value| {
        let status = json!({
            "phase": phase, "initContainerStatuses": [ended(Some(end))], "containerStatuses": [main],
        });
        let mut pod = pod(json!({}), status);
        pod.metadata.deletion_timestamp = deleted.then(|| at("2026-05-04T10:50:00Z"));
        pod.end_time()
    };
    let known = Some(at(end));
    assert_eq!(time("Failed", false, &ended(Some(end))), known);
    // The garbage collector of pods says Failed of a pod whose node is gone, and leaves its containers.
    assert_eq!(time("Failed", true, &runs), None);
    assert_eq!(time("Failed", true, &restarts), None);
    assert_eq!(time("Failed", true, &ended(None)), None);
    // An init container failed, so the other one never ran.
    assert_eq!(time("Failed", false, &waits), known);
    // kubelet of before 1.27 ends a deleted pod and leaves its phase.
    assert_eq!(time("Running", true, &ended(Some(end))), known);
    assert_eq!(time("Running", false, &ended(Some(end))), None);
    assert_eq!(time("Running", true, &runs), None);
    assert_eq!(time("Running", true, &waits), None);
}

#[test]
fn an_end_time_that_kubelet_does_not_know_is_none() {
    for containers in [
        json!([]),
        Value::Null,
        json!([ended(None)]),
        json!([ended(Some("0001-01-01T00:00:00Z"))]),
        json!([{"state": null}, {"state": {"waiting": {"reason": "Error"}}}]),
    ] {
        let status = json!({"phase": "Failed", "containerStatuses": containers});
        assert_eq!(pod(json!({}), status).end_time(), None, "{containers}");
    }
}

#[test]
fn the_controller_is_the_owner_that_manages_the_pod() {
    let mut pod = pod(json!({}), json!({}));
    let owner = |kind: &str, controller: bool| OwnerReference {
        kind: kind.to_owned(),
        name: "x".to_owned(),
        controller,
    };
    pod.metadata.owner_references = vec![owner("Backup", false)];
    assert!(pod.controller().is_none());
    pod.metadata
        .owner_references
        .push(owner("StatefulSet", true));
    assert_eq!(pod.controller().unwrap().kind, "StatefulSet");
}

#[test]
fn the_instance_of_a_node_comes_from_its_provider_id() {
    let instance = |provider_id: &str| {
        node(provider_id, json!([]))
            .instance_id()
            .map(ToOwned::to_owned)
    };
    assert_eq!(
        instance("aws:///us-east-2a/i-0a1b2c3d4e5f60718").as_deref(),
        Some("i-0a1b2c3d4e5f60718")
    );
    for other in [
        "",
        "aws:///us-east-2a/fargate-ip-10-0-1-5.us-east-2.compute.internal",
        "eks-hybrid:///us-east-2/prod/mi-0a1b2c3d4e5f60718",
        "aws:///us-east-2a/i-",
        "gce://project/zone/i-0a1b2c3d",
        "i-0a1b2c3d4e5f60718",
    ] {
        assert_eq!(instance(other), None, "{other}");
    }
}

#[test]
fn a_node_has_its_internal_addresses_and_its_zone() {
    let node = node(
        "",
        json!([
            {"type": "InternalIP", "address": "10.0.1.10"},
            {"type": "ExternalIP", "address": "3.14.15.92"},
            {"type": "InternalIP", "address": "2600:1f16::10"},
            {"type": "Hostname", "address": "ip-10-0-1-10"},
        ]),
    );
    assert_eq!(texts(&node.internal_ips()), ["10.0.1.10", "2600:1f16::10"]);
    assert_eq!(node.label(Node::ZONE), Some("us-east-2a"));
    assert_eq!(
        node.label(Node::ZONE_ID),
        None,
        "an empty label does not count"
    );
}

#[test]
fn addresses_in_other_networks_come_from_the_annotation_of_multus() {
    let with = |annotation: Value, spec: Value| {
        let mut json = json!({
            "metadata": {
                "name": "a", "namespace": "shop", "uid": "1", "creationTimestamp": "2026-05-04T08:00:10Z",
                "annotations": {"k8s.v1.cni.cncf.io/network-status": annotation, "another": "x"},
            },
            "spec": spec,
            "status": {"podIPs": [{"ip": "10.0.1.57"}]},
        });
        json["metadata"]["annotations"]["k8s.v1.cni.cncf.io/network-status"] = annotation;
        let pod: Pod = serde_json::from_value(json).unwrap();
        texts(&pod.ips())
    };
    // As Multus writes it: the pod's own network is the first one.
    let status = r#"[{"name": "aws-cni", "interface": "eth0", "ips": ["10.0.1.57"], "default": true, "dns": {}},
        {"name": "shop/storage", "interface": "net1", "ips": ["10.0.9.4", "2600:1F16:0abc::1"], "mac": "02:00:00:00:00:01", "dns": {}},
        {"name": "shop/bare", "interface": "net2", "dns": {}}]"#;
    assert_eq!(
        with(json!(status), json!({})),
        ["10.0.1.57", "10.0.9.4", "2600:1f16:abc::1"]
    );
    assert_eq!(
        with(json!(status), json!({"hostNetwork": true})),
        ["10.0.1.57"]
    );
    // A user may write anything there.
    for text in [
        "",
        "[]",
        "{}",
        "[{\"ips\": \"10.0.9.4\"}]",
        "[{\"ips\": [\"x\"]}]",
    ] {
        assert_eq!(with(json!(text), json!({})), ["10.0.1.57"], "{text}");
    }
}

#[test]
fn a_branch_interface_comes_from_the_annotation_of_the_resource_controller() {
    let id = |annotation: &str| {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {
                "name": "a", "namespace": "shop", "uid": "1", "creationTimestamp": "2026-05-04T08:00:10Z",
                "annotations": {"vpc.amazonaws.com/pod-eni": annotation},
            },
        }))
        .unwrap();
        pod.interface_id()
    };
    let branch = r#"[{"eniId":"eni-0a1b2c3d4e5f60718","ifAddress":"0a:58:0a:00:01:01","privateIp":"10.0.1.101","vlanId":1,"subnetCidr":"10.0.1.0/24"}]"#;
    assert_eq!(id(branch).as_deref(), Some("eni-0a1b2c3d4e5f60718"));
    for annotation in [
        "",
        "[]",
        r#"[{"eniId":"eni-"}]"#,
        r#"[{"eniId":"x'y"}]"#,
        "{}",
    ] {
        assert_eq!(id(annotation), None, "{annotation}");
    }
}

#[test]
fn the_network_is_ready_at_its_condition_or_at_the_first_start_of_a_container() {
    let condition = |status: &str| {
        json!([{"type": "Ready", "status": "True", "lastTransitionTime": "2026-05-04T08:00:01Z"},
        {"type": "PodReadyToStartContainers", "status": status, "lastTransitionTime": "2026-05-04T08:00:13Z"}])
    };
    let running = json!([{"name": "a", "state": {"running": {"startedAt": "2026-05-04T08:00:20Z"}}},
        {"name": "b", "state": {"terminated": {"startedAt": "2026-05-04T08:00:15Z", "finishedAt": null}}},
        {"name": "c", "state": {"terminated": {"startedAt": "1970-01-01T00:00:00Z"}}},
        {"name": "d", "state": {"waiting": {"reason": "ContainerCreating"}}}]);
    let time = |status: Value| pod(json!({}), status).network_time();
    assert_eq!(
        time(json!({"conditions": condition("True"), "containerStatuses": running})),
        Some(at("2026-05-04T08:00:13Z"))
    );
    assert_eq!(
        time(json!({"conditions": condition("False"), "containerStatuses": running})),
        Some(at("2026-05-04T08:00:15Z"))
    );
    assert_eq!(time(json!({"conditions": condition("False")})), None);
    assert_eq!(time(json!({})), None);
}
