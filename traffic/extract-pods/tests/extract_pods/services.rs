//! Kubernetes Services: which are written, with which groups, and what is left without them.

use std::fs::{self, File};
use std::time::Duration;

use hookline_local::eks::{Contents, Fault, Resource};
use serde_json::{Value, json};

use crate::cluster::{node, pod, service};
use crate::records::assert_fits;
use crate::runtime_api::Function;
use crate::scene::{Scene, all, missing};

/// A node, three pods of three Deployments in three namespaces, and these Services.
async fn scene(services: Vec<Value>) -> Scene {
    let scene = Scene::new().await;
    scene.api.set_contents(Contents {
        nodes: vec![node(0)],
        pods: (0..3).map(|number| pod(number, 1)).collect(),
        services,
    });
    scene
}

fn service_with(number: usize, change: impl FnOnce(&mut Value)) -> Value {
    let mut service = service(number);
    change(&mut service);
    service
}

/// The lines of Services.
fn services(scene: &Scene) -> Vec<Value> {
    let lines = scene.lines();
    assert_fits(&lines);
    let services = lines.into_iter().filter(|line| line["kind"] == "service");
    services.collect()
}

#[tokio::test]
async fn a_service_is_written_with_the_groups_of_its_pods() {
    let headless = service_with(1, |service| {
        service["spec"]["clusterIP"] = json!("None");
        service["spec"]["ports"] = json!(null);
    });
    let routed = service_with(2, |service| {
        service["metadata"]["annotations"] =
            json!({"service.kubernetes.io/topology-mode": "Auto", "other": "skipped"});
        service["spec"]["type"] = json!("LoadBalancer");
        service["spec"]["trafficDistribution"] = json!("PreferClose");
        service["spec"]["ports"][0]["targetPort"] = json!("web");
        service["spec"]
            .as_object_mut()
            .unwrap()
            .remove("internalTrafficPolicy");
    });
    let scene = scene(vec![service(0), headless, routed]).await;
    let result = scene.extract().await;
    assert_eq!(result["services"], 3);
    let mut lines = services(&scene);
    for line in &mut lines {
        assert_eq!(
            line.as_object_mut().unwrap().remove("observed_at"),
            Some(scene.lines()[0]["observed_at"].clone())
        );
    }
    let plain = json!({
        "kind": "service", "cluster": "prod", "namespace": "team-0", "name": "app-0",
        "uid": "22222222-2222-4222-8222-000000000000", "service_type": "ClusterIP", "headless": false,
        "ports": ["80/TCP 8080 http"], "traffic_distribution": null, "internal_traffic_policy": "Cluster",
        "topology_mode": null, "selected_groups": ["Label/app-0"],
        "selected_controllers": ["Label/app-0/Deployment/app-0"],
    });
    assert_eq!(lines[0], plain);
    assert_eq!(
        (&lines[1]["headless"], &lines[1]["ports"]),
        (&json!(true), &json!([]))
    );
    let fields = [
        "service_type",
        "ports",
        "traffic_distribution",
        "internal_traffic_policy",
        "topology_mode",
    ];
    assert_eq!(
        fields.map(|field| lines[2][field].clone()),
        [
            json!("LoadBalancer"),
            json!(["80/TCP web http"]),
            json!("PreferClose"),
            Value::Null,
            json!("Auto"),
        ]
    );
}

#[tokio::test]
async fn the_groups_are_those_of_the_payload() {
    let scene = scene(vec![service(0)]).await;
    let mut payload = scene.payload();
    payload["group"] = json!({"labels": []});
    scene.run(payload).await.unwrap();
    assert_eq!(
        services(&scene)[0]["selected_groups"],
        json!(["Deployment/app-0"])
    );
    // The group is the controller itself.
    assert_eq!(services(&scene)[0]["selected_controllers"], json!([]));
}

#[tokio::test]
async fn services_without_pods_are_not_written() {
    let external = service_with(0, |service| {
        service["spec"]["type"] = json!("ExternalName");
        service["spec"]["externalName"] = json!("db.example.com");
    });
    let without_selector = service_with(1, |service| {
        service["spec"].as_object_mut().unwrap().remove("selector");
    });
    // Its pods are in another namespace.
    let elsewhere = service_with(2, |service| {
        service["metadata"]["namespace"] = json!("team-0");
    });
    let scene = scene(vec![external, without_selector, elsewhere]).await;
    assert_eq!(scene.extract().await["services"], 0);
    assert!(services(&scene).is_empty());
    // They are listed, and there is none with pods.
    assert!(missing(&scene.lines()).is_empty());
}

#[tokio::test]
async fn the_services_of_all_pages_are_matched_with_the_pods_of_all_pages() {
    let scene = Scene::new().await;
    scene.api.set_contents(Contents {
        nodes: vec![node(0)],
        pods: (0..35).map(|number| pod(number, 1)).collect(),
        services: (0..35).map(service).collect(),
    });
    assert_eq!(scene.extract().await["services"], 35);
    let found = all(&services(&scene), "service", "name");
    let expected: Vec<_> = (0..35).map(|number| format!("app-{number}")).collect();
    assert_eq!(found, expected);
    let asked = scene.api.requests();
    let asked = asked
        .iter()
        .filter(|asked| asked.resource == Resource::Services);
    assert_eq!(asked.count(), 4, "the limit is 10");
}

#[tokio::test]
async fn a_cluster_that_does_not_list_services_loses_nothing_else() {
    let expired = Contents {
        nodes: vec![node(0)],
        pods: (0..3).map(|number| pod(number, 1)).collect(),
        services: Vec::new(),
    };
    for (fault, told) in [
        (Fault::Status(403, None), "refused"),
        (Fault::Status(503, Some(0)), "failed"),
        (Fault::Garbage, "failed"),
        (Fault::Expire(expired), "failed"),
    ] {
        let scene = scene((0..25).map(service).collect()).await;
        let again = fault.clone();
        scene.api.fail(move |asked| {
            (asked.resource == Resource::Services && asked.nth >= 2).then(|| again.clone())
        });
        let result = scene.extract().await;
        let found = [&result["nodes"], &result["pods"], &result["services"]];
        assert_eq!(found, [&json!(1), &json!(3), &Value::Null], "{fault:?}");
        assert_eq!(scene.lines().len(), 5);
        assert_eq!(missing(&scene.lines()), [format!("services {told}")]);
    }
}

#[tokio::test]
async fn a_list_of_services_without_an_answer_leaves_time_for_the_pods() {
    let mut scene = scene(vec![service(0)]).await;
    // 15 s of it are for the upload.
    scene.timeout = Duration::from_secs(20);
    scene
        .api
        .fail(|asked| (asked.resource == Resource::Services).then_some(Fault::Hang));
    let result = scene.extract().await;
    assert_eq!(
        (&result["pods"], &result["services"]),
        (&json!(3), &Value::Null)
    );
    assert_eq!(missing(&scene.lines()), ["services failed"]);
}

#[tokio::test]
async fn the_log_names_the_rule_that_is_missing() {
    let scene = scene(vec![service(0)]).await;
    scene
        .api
        .fail(|asked| (asked.resource == Resource::Services).then_some(Fault::Status(403, None)));
    let path = concat!(env!("CARGO_TARGET_TMPDIR"), "/services-forbidden.log");
    let mut function = Function::start_with_log(&scene.aws.url, File::create(path).unwrap()).await;
    let result = function.invoke(scene.payload()).await.unwrap();
    function.end().await;
    assert_eq!(result["pods"], 3);
    let log = fs::read_to_string(path).unwrap();
    let warning = log.lines().find(|line| line.contains("WARN")).unwrap();
    for text in [
        "the listing has no Kubernetes Services",
        "ClusterRole that allows get and list of nodes, pods and services",
    ] {
        assert!(warning.contains(text), "{warning}");
    }
    // The stack's alarm counts the line of each object by these two fields.
    let lines = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let written = lines.filter(|line| line["message"] == "written");
    let clusters: Vec<_> = written.map(|line| line["cluster"].clone()).collect();
    assert_eq!(clusters, [json!("prod")]);
}
