//! Nodes, pods and Services of the fake cluster, as API servers write them.

use serde_json::{Value, json};

/// A node in one of three AZs.
pub(crate) fn node(number: usize) -> Value {
    let zone = ["a", "b", "c"][number % 3];
    let address = format!("10.0.{}.{}", number / 250, number % 250 + 4);
    json!({
        "metadata": {
            "name": node_name(number),
            "uid": format!("00000000-0000-4000-8000-{number:012x}"),
            "resourceVersion": "1",
            "creationTimestamp": "2026-05-04T06:12:40Z",
            "labels": {
                "topology.kubernetes.io/zone": format!("us-east-2{zone}"),
                "topology.k8s.aws/zone-id": format!("use2-az{}", number % 3 + 1),
            },
        },
        "spec": {"providerID": format!("aws:///us-east-2{zone}/i-{number:017x}")},
        "status": {"addresses": [
            {"type": "InternalIP", "address": address},
            {"type": "Hostname", "address": node_name(number)},
        ]},
    })
}

/// The name of [`node`].
pub(crate) fn node_name(number: usize) -> String {
    format!("node-{number}.us-east-2.compute.internal")
}

/// A running pod of a Deployment, on one of `nodes` nodes.
pub(crate) fn pod(number: usize, nodes: usize) -> Value {
    let app = format!("app-{}", number % 40);
    json!({
        "metadata": {
            "name": format!("{app}-6f7c9d8b5-{number:05x}"),
            "namespace": format!("team-{}", number % 7),
            "uid": uid(number),
            "resourceVersion": "1",
            "creationTimestamp": "2026-05-04T08:00:10Z",
            "labels": {"app": app, "pod-template-hash": "6f7c9d8b5"},
            "ownerReferences": [{
                "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": format!("{app}-6f7c9d8b5"),
                "uid": "11111111-1111-4111-8111-111111111111", "controller": true,
            }],
        },
        "spec": {"nodeName": node_name(number % nodes), "containers": [{"name": "app"}]},
        "status": {
            "phase": "Running",
            "podIP": address(number),
            "podIPs": [{"ip": address(number)}],
            "startTime": "2026-05-04T08:00:11Z",
            "containerStatuses": [{"name": "app", "state": {"running": {"startedAt": "2026-05-04T08:00:15Z"}}}],
        },
    })
}

/// A Service in the namespace of [`pod`] `number`, which selects the pods of its Deployment.
pub(crate) fn service(number: usize) -> Value {
    let app = format!("app-{}", number % 40);
    json!({
        "metadata": {
            "name": app,
            "namespace": format!("team-{}", number % 7),
            "uid": format!("22222222-2222-4222-8222-{number:012x}"),
            "resourceVersion": "1",
            "creationTimestamp": "2026-05-04T07:00:00Z",
        },
        "spec": {
            "type": "ClusterIP",
            "clusterIP": "172.20.0.80",
            "clusterIPs": ["172.20.0.80"],
            "internalTrafficPolicy": "Cluster",
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "ports": [{"name": "http", "protocol": "TCP", "port": 80, "targetPort": 8080}],
            "selector": {"app": app},
            "sessionAffinity": "None",
        },
        "status": {"loadBalancer": {}},
    })
}

/// The UID of [`pod`]. It is as random as a real one: UIDs are most of what does not compress.
pub(crate) fn uid(number: usize) -> String {
    // Two draws of SplitMix64: the numbers are spread, and the same in every run.
    let mix = |seed: u64| {
        let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let (high, low) = (mix(2 * number as u64 + 1), mix(2 * number as u64 + 2));
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        low >> 52,
        low & 0xffff_ffff_ffff
    )
}

/// The address of [`pod`].
fn address(number: usize) -> String {
    format!(
        "10.{}.{}.{}",
        64 + number / 65536,
        number / 256 % 256,
        number % 256
    )
}
