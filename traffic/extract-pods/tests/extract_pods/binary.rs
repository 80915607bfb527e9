//! The executable, run as Lambda runs it.

use std::fs::{self, File};

use hookline_local::eks::{Contents, Fault, Resource};
use serde_json::{Value, json};

use crate::cluster::{node, pod};
use crate::runtime_api::Function;
use crate::scene::Scene;

#[tokio::test]
async fn the_function_returns_its_result_and_its_errors_by_name() {
    let scene = Scene::new().await;
    let pods = (0..1203).map(|number| pod(number, 3)).collect();
    let nodes = (0..3).map(node).collect();
    scene.api.set_contents(Contents {
        nodes,
        pods,
        ..Contents::default()
    });
    let path = concat!(env!("CARGO_TARGET_TMPDIR"), "/binary.log");
    let mut function = Function::start_with_log(&scene.aws.url, File::create(path).unwrap()).await;
    let result = function.invoke(scene.payload()).await.unwrap();
    assert_eq!(
        (&result["pods"], &result["nodes"]),
        (&json!(1203), &json!(3))
    );
    assert_eq!(scene.lines().len(), 1206);

    let error = function.invoke(json!({"cluster": "prod"})).await;
    assert_eq!(error.unwrap_err()["errorType"], "Hookline.InvalidPayload");

    scene
        .api
        .fail(|asked| (asked.resource == Resource::Pods).then_some(Fault::Status(403, None)));
    let error = function.invoke(scene.payload()).await.unwrap_err();
    assert_eq!(error["errorType"], "Hookline.KubernetesForbidden");
    assert!(
        error["errorMessage"].as_str().unwrap().contains("prod"),
        "{error}"
    );
    function.end().await;

    // Each failure is one line, although lambda_runtime logs errors too.
    let log = fs::read_to_string(path).unwrap();
    let lines = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let lines: Vec<Value> = lines.filter(|line| line["level"] != "WARN").collect();
    let said: Vec<_> = lines
        .iter()
        .map(|line| {
            ["level", "message", "error_type"].map(|name| line[name].as_str().unwrap_or(""))
        })
        .collect();
    assert_eq!(
        said,
        [
            ["INFO", "written", ""],
            ["INFO", "done", ""],
            ["ERROR", "failed", "Hookline.InvalidPayload"],
            ["ERROR", "failed", "Hookline.KubernetesForbidden"],
        ]
    );
    for line in lines {
        let ids = ["function", "request_id", "cluster"].map(|name| &line[name]);
        assert_eq!(ids, ["extract-pods", "request-1", "prod"], "{line}");
    }
}
