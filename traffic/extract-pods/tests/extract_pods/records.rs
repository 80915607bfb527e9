//! The content of the lines, and that it conforms to the schema.

use hookline_local::eks::Contents;
use serde_json::{Value, json};

use crate::cluster::{node, pod};
use crate::scene::Scene;

/// Asserts that every line conforms to `traffic/schema/pods.schema.json`.
pub(crate) fn assert_fits(lines: &[Value]) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../schema/pods.schema.json");
    let schema = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let mut wrong = lines[0].clone();
    wrong["observed_at"] = json!("yesterday");
    assert!(!schema.is_valid(&wrong), "the schema refuses nothing");
    for line in lines {
        if let Err(error) = schema.validate(line) {
            panic!("{error}: {line}");
        }
    }
}

/// A usual pod, with a change.
fn pod_with(number: usize, change: impl FnOnce(&mut Value)) -> Value {
    let mut pod = pod(number, 1);
    change(&mut pod);
    pod
}

fn unusual_pods() -> Vec<Value> {
    vec![
        pod_with(0, |pod| {
            pod["spec"]["hostNetwork"] = json!(true);
            pod["status"]["podIP"] = json!("10.0.0.4");
            pod["status"]["podIPs"] = json!([{"ip": "10.0.0.4"}]);
            pod["metadata"]["labels"] = json!(null);
            pod["metadata"]["ownerReferences"][0]["kind"] = json!("DaemonSet");
            pod["metadata"]["ownerReferences"][0]["name"] = json!("aws-node");
        }),
        pod_with(1, |pod| {
            pod["status"]["phase"] = json!("Succeeded");
            pod["status"]["podIPs"] =
                json!([{"ip": "10.64.0.1"}, {"ip": "2600:1F16:0ABC:de01:0:0:0:3d"}]);
            pod["status"]["containerStatuses"] = json!([{"name": "app", "state": {
                "terminated": {"exitCode": 0, "finishedAt": "2026-05-04T10:43:27Z"},
            }}]);
            pod["metadata"]["labels"] = json!({});
            pod["metadata"]["ownerReferences"] = json!([
                {"kind": "Job", "name": "report-29631360", "controller": true},
            ]);
        }),
        // Not bound to a node yet.
        pod_with(2, |pod| {
            pod["spec"] = json!({"containers": []});
            pod["status"] = json!({"phase": "Pending"});
            pod["metadata"]["labels"] = json!({});
            pod["metadata"]["ownerReferences"] = json!(null);
        }),
        pod_with(3, |pod| {
            pod["status"] = json!({"phase": "Failed", "reason": "Evicted"})
        }),
    ]
}

#[tokio::test]
async fn a_line_has_the_fields_that_the_query_needs() {
    let scene = Scene::new().await;
    let mut pods = vec![pod(7, 1)];
    pods.extend(unusual_pods());
    scene.api.set_contents(Contents {
        nodes: vec![node(0)],
        pods,
        ..Contents::default()
    });
    scene.extract().await;
    let mut lines = scene.lines();
    assert_fits(&lines);
    let observed_at = lines[0]["observed_at"].clone();
    for line in &mut lines {
        let line = line.as_object_mut().unwrap();
        assert_eq!(line.remove("observed_at").as_ref(), Some(&observed_at));
    }
    let expected_node = json!({
        "kind": "node", "cluster": "prod", "name": "node-0.us-east-2.compute.internal",
        "uid": "00000000-0000-4000-8000-000000000000", "ips": ["10.0.0.4"], "az": "us-east-2a",
        "az_id": "use2-az1", "instance_id": "i-00000000000000000", "interface_ids": [], "start_time": "2026-05-04T06:12:40Z",
    });
    assert_eq!(lines[0], expected_node);
    let expected_pod = json!({
        "kind": "pod", "cluster": "prod", "namespace": "team-0", "name": "app-7-6f7c9d8b5-00007",
        "uid": crate::cluster::uid(7), "ips": ["10.64.0.7"], "node": "node-0.us-east-2.compute.internal",
        "az": "us-east-2a", "az_id": "use2-az1", "host_network": false, "phase": "Running",
        "interface_id": null, "group_name": "app-7", "group_kind": "Label", "start_time": "2026-05-04T08:00:11Z",
        "network_time": "2026-05-04T08:00:15Z", "end_time": null,
    });
    assert_eq!(lines[1], expected_pod);
    let fields = |line: &Value, names: &[&str]| -> Vec<Value> {
        names.iter().map(|name| line[*name].clone()).collect()
    };
    assert_eq!(
        fields(
            &lines[2],
            &["host_network", "ips", "group_kind", "group_name"]
        ),
        [
            json!(true),
            json!(["10.0.0.4"]),
            json!("DaemonSet"),
            json!("aws-node")
        ]
    );
    assert_eq!(
        fields(
            &lines[3],
            &["phase", "ips", "end_time", "group_kind", "group_name"]
        ),
        [
            json!("Succeeded"),
            json!(["10.64.0.1", "2600:1f16:abc:de01::3d"]),
            json!("2026-05-04T10:43:27Z"),
            json!("CronJob"),
            json!("report"),
        ]
    );
    assert_eq!(
        fields(
            &lines[4],
            &[
                "phase",
                "ips",
                "node",
                "az",
                "az_id",
                "start_time",
                "group_kind",
                "group_name"
            ]
        ),
        [
            json!("Pending"),
            json!([]),
            Value::Null,
            Value::Null,
            Value::Null,
            json!("2026-05-04T08:00:10Z"),
            json!("Namespace"),
            json!("team-2"),
        ]
    );
    assert_eq!(
        fields(&lines[5], &["phase", "ips", "end_time"]),
        [json!("Failed"), json!([]), Value::Null]
    );
}

#[tokio::test]
async fn a_node_without_an_instance_and_a_zone_conforms_to_the_schema() {
    let scene = Scene::new().await;
    let mut bare = node(0);
    bare["metadata"]["labels"] = json!({});
    bare["spec"] = json!({});
    bare["status"] = json!({});
    scene.api.set_contents(Contents {
        nodes: vec![bare],
        pods: vec![pod(0, 1)],
        ..Contents::default()
    });
    scene.extract().await;
    let lines = scene.lines();
    assert_fits(&lines);
    for line in &lines {
        assert!(line["az"].is_null() && line["az_id"].is_null(), "{line}");
    }
    assert_eq!(lines[0]["ips"], json!([]));
}

#[tokio::test]
async fn the_labels_of_the_payload_name_the_group() {
    let scene = Scene::new().await;
    let labelled = pod_with(0, |pod| {
        pod["metadata"]["labels"]["team"] = json!("checkout")
    });
    scene.api.set_contents(Contents {
        nodes: vec![node(0)],
        pods: vec![labelled, pod(1, 1)],
        ..Contents::default()
    });
    let groups = async |labels: Value| {
        let mut payload = scene.payload();
        payload["group"] = json!({"labels": labels});
        scene.run(payload).await.unwrap();
        let of = |field| crate::scene::all(&scene.lines(), "pod", field);
        let (kinds, names) = (of("group_kind"), of("group_name"));
        [
            format!("{} {}", kinds[0], names[0]),
            format!("{} {}", kinds[1], names[1]),
        ]
    };
    assert_eq!(
        groups(json!(["team"])).await,
        ["Label checkout", "Deployment app-1"]
    );
    assert_eq!(
        groups(json!(["team", "app"])).await,
        ["Label checkout", "Label app-1"]
    );
    assert_eq!(
        groups(json!([])).await,
        ["Deployment app-0", "Deployment app-1"]
    );
    assert_eq!(groups(Value::Null).await, ["Label app-0", "Label app-1"]);
}
