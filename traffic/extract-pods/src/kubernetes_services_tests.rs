use serde_json::{Value, json};

use super::*;

fn service(name: &str, spec: Value) -> Service {
    serde_json::from_value(json!({
        "metadata": {"name": name, "namespace": "shop", "uid": name},
        "spec": spec,
    }))
    .unwrap()
}

fn selecting(name: &str, selector: Value) -> Service {
    service(name, json!({"type": "ClusterIP", "selector": selector}))
}

fn pod(namespace: &str, labels: Value, change: impl FnOnce(&mut Value)) -> Pod {
    let mut pod = json!({
        "metadata": {
            "name": "pod", "namespace": namespace, "uid": "u",
            "creationTimestamp": "2026-05-04T11:01:20Z", "labels": labels,
        },
        "status": {"phase": "Running", "podIP": "10.0.0.9"},
    });
    change(&mut pod);
    serde_json::from_value(pod).unwrap()
}

fn cart() -> Pod {
    pod("shop", json!({"app": "cart", "tier": "front"}), |_| {})
}

/// What these Services select of these pods: each name with its groups.
fn selected(services: Vec<Service>, pods: &[Pod]) -> Vec<(String, Vec<String>)> {
    let mut selections = Selections::new(services);
    for pod in pods {
        selections.add(pod, &Grouping::default());
    }
    let found = selections.with_pods().map(|(service, selected)| {
        let groups = selected.groups.iter().cloned().collect();
        (service.metadata.name.clone(), groups)
    });
    found.collect()
}

fn is(name: &str, groups: &[&str]) -> (String, Vec<String>) {
    let groups = groups.iter().map(|&group| group.to_owned()).collect();
    (name.to_owned(), groups)
}

#[test]
fn a_service_selects_the_pods_that_have_all_labels_of_its_selector() {
    let services = vec![
        selecting("all", json!({"app": "cart", "tier": "front"})),
        selecting("other-value", json!({"app": "cart", "tier": "back"})),
        selecting("another-label", json!({"app": "cart", "zone": "a"})),
        selecting("one", json!({"tier": "front"})),
    ];
    let found = selected(services, &[cart(), cart()]);
    assert_eq!(
        found,
        [is("all", &["Label/cart"]), is("one", &["Label/cart"])]
    );
}

#[test]
fn a_service_may_select_several_groups_and_a_group_have_several_services() {
    let checkout = pod("shop", json!({"tier": "front"}), |pod| {
        pod["metadata"]["labels"]["pod-template-hash"] = json!("5d8");
        pod["metadata"]["ownerReferences"] =
            json!([{"kind": "ReplicaSet", "name": "checkout-5d8", "controller": true}]);
    });
    let services = vec![
        selecting("front", json!({"tier": "front"})),
        selecting("cart", json!({"app": "cart"})),
    ];
    let found = selected(services, &[checkout, cart()]);
    assert_eq!(
        found,
        [
            is("front", &["Deployment/checkout", "Label/cart"]),
            is("cart", &["Label/cart"]),
        ]
    );
}

#[test]
fn the_controllers_of_a_group_that_a_label_names_are_told() {
    let owned = |labels: Value, kind: &str, name: &str| {
        pod("shop", labels, |pod| {
            pod["metadata"]["ownerReferences"] =
                json!([{"kind": kind, "name": name, "controller": true}]);
        })
    };
    let labels = || json!({"app": "db", "tier": "back"});
    let pods = [
        owned(labels(), "StatefulSet", "db-main"),
        owned(
            json!({"app": "db", "tier": "back", "pod-template-hash": "5d8"}),
            "ReplicaSet",
            "db-proxy-5d8",
        ),
        // Nothing controls this one, and the group of the last one is its controller.
        pod("shop", labels(), |_| {}),
        owned(json!({"tier": "back"}), "StatefulSet", "queue"),
    ];
    let mut selections = Selections::new(vec![selecting("back", json!({"tier": "back"}))]);
    for pod in &pods {
        selections.add(pod, &Grouping::default());
    }
    let (_, selected) = selections.with_pods().next().unwrap();
    assert_eq!(
        Vec::from_iter(&selected.controllers),
        [
            "Label/db/Deployment/db-proxy",
            "Label/db/StatefulSet/db-main"
        ]
    );
    assert_eq!(
        Vec::from_iter(&selected.groups),
        ["Label/db", "StatefulSet/queue"]
    );
}

#[test]
fn a_service_selects_pods_of_its_own_namespace_only() {
    let elsewhere = pod("team", json!({"app": "cart"}), |_| {});
    let services = vec![selecting("cart", json!({"app": "cart"}))];
    assert_eq!(selected(services, &[elsewhere]), []);
}

#[test]
fn services_that_select_no_pods_are_left_out() {
    let services = vec![
        service("without", json!({"type": "ClusterIP"})),
        service("empty", json!({"type": "ClusterIP", "selector": {}})),
        service("null", json!({"type": "ClusterIP", "selector": null})),
        service(
            "external",
            json!({"type": "ExternalName", "externalName": "a.example", "selector": {"app": "cart"}}),
        ),
        selecting("nobody", json!({"app": "nobody"})),
    ];
    assert_eq!(selected(services, &[cart()]), []);
}

#[test]
fn a_pod_that_is_no_endpoint_is_not_selected() {
    let service = || vec![selecting("cart", json!({"app": "cart"}))];
    for phase in ["Succeeded", "Failed"] {
        let ended = pod("shop", json!({"app": "cart"}), |pod| {
            pod["status"]["phase"] = json!(phase);
        });
        assert_eq!(selected(service(), &[ended]), [], "{phase}");
    }
    let without_address = pod("shop", json!({"app": "cart"}), |pod| {
        pod["status"] = json!({"phase": "Pending"});
    });
    assert_eq!(selected(service(), &[without_address]), []);
}

#[test]
fn only_the_cluster_ip_none_is_headless() {
    let of = |cluster_ip: Value| service("s", json!({ "clusterIP": cluster_ip })).is_headless();
    assert!(of(json!("None")));
    for cluster_ip in [json!("172.20.0.10"), json!(""), Value::Null] {
        assert!(!of(cluster_ip.clone()), "{cluster_ip}");
    }
}

#[test]
fn a_port_has_the_defaults_of_kubernetes() {
    let ports = json!([
        {"port": 80, "targetPort": 8080, "protocol": "TCP", "name": "http"},
        {"port": 53, "targetPort": "dns", "protocol": "UDP"},
        {"port": 9090, "name": ""},
    ]);
    let service = service("s", json!({ "ports": ports }));
    assert_eq!(
        service.ports(),
        ["80/TCP 8080 http", "53/UDP dns", "9090/TCP 9090"]
    );
}

#[test]
fn a_type_that_is_missing_or_new_is_read() {
    assert_eq!(service("s", json!({})).spec.kind, Kind::ClusterIP);
    let new = service("s", json!({"type": "Teleport"}));
    assert_eq!(new.spec.kind, Kind::Unknown);
}
