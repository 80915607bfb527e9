//! 50,000 pods within the memory of the smallest Lambda function.

#![cfg(target_os = "linux")]

use hookline_local::eks::Contents;
use serde_json::json;

use crate::cluster::{node, pod, service};
use crate::runtime_api::Function;
use crate::scene::Scene;

const PODS: usize = 50_000;
const NODES: usize = 2_000;
/// Each pod is selected by seven of them.
const SERVICES: usize = 2_000;
/// 128 MB, in KiB.
const MAX_MEMORY: u64 = 128 * 1024;

/// Fields that a real pod has and no record needs.
fn ballast() -> String {
    let entry = json!({
        "name": "SOME_SETTING",
        "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "some-setting"}},
    });
    let fields = json!({"f:status": {"f:conditions": {"k:{\"type\":\"Ready\"}": {".": {}, "f:status": {}}}}});
    let containers = json!([{"name": "app", "env": vec![entry; 40]}]);
    let ballast = json!({"initContainers": containers, "managedFields": vec![fields; 40]});
    ballast.to_string()
}

/// A pod of some 8 KB of JSON.
fn heavy_pod(number: usize, ballast: &str) -> String {
    let pod = pod(number, NODES).to_string();
    let rest = pod.strip_prefix('{').unwrap();
    format!(r#"{{"ballast":{ballast},{rest}"#)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_thousand_pods_fit_into_128_mb() {
    let scene = Scene::new().await;
    let nodes = (0..NODES).map(node).collect();
    scene.api.set_contents(Contents {
        services: (0..SERVICES).map(service).collect(),
        ..Contents::default()
    });
    let ballast = ballast();
    let size = heavy_pod(0, &ballast).len();
    assert!((7_500..9_000).contains(&size), "{size} bytes");
    scene
        .api
        .set_generated_pods(nodes, PODS, move |number| heavy_pod(number, &ballast));
    let mut function = Function::start(&scene.aws.url).await;
    let result = function.invoke(scene.payload()).await.unwrap();
    assert_eq!(
        (&result["pods"], &result["nodes"]),
        (&json!(PODS), &json!(NODES))
    );
    let peak = function.peak_memory();
    function.end().await;
    println!(
        "{PODS} pods of {size} bytes, {NODES} nodes, {SERVICES} Services: {peak} KiB at most, an object of {} bytes",
        result["bytes"]
    );
    assert!(peak < MAX_MEMORY, "{peak} KiB");
    assert_eq!(scene.lines().len(), PODS + NODES + SERVICES);
}
