//! The pods that were deleted: what a replay of the watch writes, where the next one begins, and what is missed.

use std::fs::{self, File};
use std::time::Duration;

use hookline_local::eks::{Contents, Fault, Resource};
use serde_json::{Value, json};

use crate::cluster::{node, pod, uid};
use crate::fake_aws::Refusal;
use crate::records::assert_fits;
use crate::runtime_api::Function;
use crate::scene::{Scene, all, lines};

const OBJECT: &str = "acme-traffic/pods/dt=2026-05-04/hour=11/prod.run-1.deleted.json.gz";
const STATE: &str = "acme-traffic/pods/_watch/prod.json";

/// What happened to [`pod`] `number` on the only node.
fn event(kind: &str, number: usize, version: u64, change: impl FnOnce(&mut Value)) -> Value {
    let mut pod = pod(number, 1);
    pod["metadata"]["resourceVersion"] = json!(version.to_string());
    change(&mut pod);
    json!({ "type": kind, "object": pod })
}

/// kubelet ended it, and then deleted it.
fn ended(pod: &mut Value) {
    pod["status"]["phase"] = json!("Succeeded");
    pod["status"]["containerStatuses"][0]["state"] = json!({
        "terminated": {"startedAt": "2026-05-04T08:00:15Z", "finishedAt": "2026-05-04T11:03:27Z"},
    });
}

/// It was deleted while its containers ran.
fn as_it_was(_: &mut Value) {}

/// A cluster with a node and some pods, after a first run.
async fn scene() -> Scene {
    let scene = Scene::new().await;
    scene.api.set_contents(Contents {
        nodes: vec![node(0)],
        pods: (0..35).map(|number| pod(number, 1)).collect(),
        ..Contents::default()
    });
    let first = replay(&scene).await;
    assert_eq!(
        (&first["missed"], &first["key"]),
        (&json!("first"), &Value::Null)
    );
    scene
}

async fn replay(scene: &Scene) -> Value {
    let result = scene.run(scene.payload_of_deleted_pods()).await;
    result.unwrap_or_else(|error| panic!("{error}; refused: {:?}", scene.api.refused()))
}

/// Where the next run begins.
fn version(scene: &Scene) -> String {
    let state: Value = serde_json::from_slice(&scene.aws.objects()[STATE]).unwrap();
    assert_eq!(state["endpoint"], scene.api.url());
    state["resourceVersion"].as_str().unwrap().to_owned()
}

/// The lines that were written, which must fit the schema.
fn written(scene: &Scene) -> Vec<Value> {
    let lines = lines(&scene.aws.objects()[OBJECT]);
    assert_fits(&lines);
    lines
}

fn watches(scene: &Scene) -> Vec<String> {
    let requests = scene.api.requests().into_iter();
    let watches = requests.filter(|asked| asked.resource == Resource::PodWatch);
    watches
        .map(|asked| asked.resource_version.unwrap())
        .collect()
}

#[tokio::test]
async fn the_first_run_remembers_the_present_and_writes_nothing() {
    let scene = scene().await;
    assert_eq!(scene.aws.objects().keys().collect::<Vec<_>>(), [STATE]);
    let asked = scene.api.requests();
    let asked: Vec<_> = asked
        .iter()
        .map(|asked| (asked.resource, asked.limit))
        .collect();
    assert_eq!(
        asked,
        [(Resource::Pods, 1)],
        "one pod is enough to tell the version"
    );
}

#[tokio::test]
async fn a_deleted_pod_is_written_with_its_end_if_kubelet_told_it() {
    let scene = scene().await;
    let begin = version(&scene);
    scene.api.add_pod_event(event("ADDED", 90, 101, as_it_was));
    scene.api.add_pod_event(event("MODIFIED", 90, 102, ended));
    scene.api.add_pod_event(event("DELETED", 90, 103, ended));
    // By force: the containers run on, and nobody will tell when they ended.
    scene.api.add_pod_event(event("DELETED", 91, 104, |pod| {
        pod["metadata"]["deletionTimestamp"] = json!("2026-05-04T11:03:00Z");
        pod["metadata"]["deletionGracePeriodSeconds"] = json!(0);
    }));
    // By the garbage collector, with a node that is gone.
    scene.api.add_pod_event(event("DELETED", 92, 105, |pod| {
        pod["spec"]["nodeName"] = json!("gone.us-east-2.compute.internal");
        pod["status"]["phase"] = json!("Failed");
    }));
    let result = replay(&scene).await;
    let size = scene.aws.objects()[OBJECT].len();
    assert_eq!(
        result,
        json!({
            "bucket": "acme-traffic", "key": OBJECT.strip_prefix("acme-traffic/"), "deleted": 3, "bytes": size, "missed": null,
        })
    );
    let lines = written(&scene);
    assert_eq!(all(&lines, "deleted", "uid"), [uid(90), uid(91), uid(92)]);
    let told = |field: &str| {
        lines
            .iter()
            .map(|line| line[field].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        told("end_time"),
        [json!("2026-05-04T11:03:27Z"), Value::Null, Value::Null]
    );
    assert_eq!(told("network_time"), vec![json!("2026-05-04T08:00:15Z"); 3]);
    let instance = json!(format!("i-{:017x}", 0));
    assert_eq!(
        told("instance_id"),
        [instance.clone(), instance, Value::Null]
    );
    assert_eq!(
        told("az_id"),
        [json!("use2-az1"), json!("use2-az1"), Value::Null]
    );
    assert_eq!(lines[0]["group_name"], "app-10");

    assert_eq!(version(&scene), "105");
    let second = replay(&scene).await;
    assert_eq!(
        (&second["deleted"], &second["key"]),
        (&json!(0), &Value::Null)
    );
    assert_eq!(watches(&scene), [begin.as_str(), "105"]);
}

#[tokio::test]
async fn what_proves_no_address_is_not_written() {
    let scene = scene().await;
    scene.api.add_pod_event(event("DELETED", 90, 101, |pod| {
        ended(pod);
        pod["spec"]["hostNetwork"] = json!(true);
    }));
    scene.api.add_pod_event(event("DELETED", 91, 102, |pod| {
        pod["status"] = json!({"phase": "Pending", "podIP": "10.64.0.91"});
    }));
    scene.api.add_pod_event(event("DELETED", 92, 103, |pod| {
        ended(pod);
        pod["status"]["podIP"] = Value::Null;
        pod["status"]["podIPs"] = json!([]);
    }));
    assert_eq!(replay(&scene).await["deleted"], 0);
    assert_eq!(version(&scene), "103");
}

#[tokio::test]
async fn a_node_that_is_younger_than_the_pod_is_not_its_node() {
    let scene = scene().await;
    let mut next = node(0);
    next["metadata"]["creationTimestamp"] = json!("2026-05-04T11:04:00Z");
    scene.api.set_contents(Contents {
        nodes: vec![next],
        ..Contents::default()
    });
    scene.api.add_pod_event(event("DELETED", 90, 101, ended));
    scene.api.add_pod_event(event("DELETED", 91, 102, ended));
    replay(&scene).await;
    for line in written(&scene) {
        assert_eq!(
            (&line["instance_id"], &line["az_id"]),
            (&Value::Null, &Value::Null)
        );
    }
    let requests = scene.api.requests();
    let nodes = requests
        .iter()
        .filter(|asked| asked.resource == Resource::Node);
    assert_eq!(nodes.count(), 1, "a node is read once");
}

#[tokio::test]
async fn what_the_api_server_has_forgotten_is_missed_and_the_next_run_begins_anew() {
    // As an event of the type ERROR, and as a status.
    for as_a_status in [false, true] {
        let scene = scene().await;
        scene.api.add_pod_event(event("DELETED", 90, 101, ended));
        if as_a_status {
            scene.api.fail(|asked| {
                (asked.resource == Resource::PodWatch && asked.nth == 1)
                    .then_some(Fault::Status(410, None))
            });
        } else {
            scene.api.forget_pod_events();
        }
        let result = replay(&scene).await;
        assert_eq!(
            (&result["missed"], &result["deleted"]),
            (&json!("forgotten"), &json!(0))
        );
        assert!(!scene.aws.objects().contains_key(OBJECT));
        scene.api.add_pod_event(event("DELETED", 91, 201, ended));
        let result = replay(&scene).await;
        assert_eq!(
            (&result["missed"], &result["deleted"]),
            (&Value::Null, &json!(1))
        );
        assert_eq!(all(&written(&scene), "deleted", "uid"), [uid(91)]);
    }
}

#[tokio::test]
async fn a_role_that_does_not_allow_to_watch_costs_the_deletions_only() {
    let scene = scene().await;
    let begin = version(&scene);
    scene
        .api
        .fail(|asked| (asked.resource == Resource::PodWatch).then_some(Fault::Status(403, None)));
    assert_eq!(replay(&scene).await["missed"], "refused");
    assert_eq!(version(&scene), begin);
    assert_eq!(
        scene.extract().await["pods"],
        35,
        "the listing is as before"
    );
}

#[tokio::test]
async fn an_error_before_any_event_is_the_runs_and_leaves_all_to_the_next_one() {
    let scene = scene().await;
    let begin = version(&scene);
    scene.api.fail(|asked| {
        (asked.resource == Resource::PodWatch && asked.nth == 1).then_some(Fault::Cut)
    });
    let error = scene
        .run(scene.payload_of_deleted_pods())
        .await
        .unwrap_err();
    assert_eq!(error.error_type(), "Hookline.KubernetesUnavailable");
    assert_eq!(version(&scene), begin);
    scene.api.add_pod_event(json!({"type": "ERROR", "object": {"kind": "Status", "code": 500, "message": "etcd is away"}}));
    scene.api.add_pod_event(event("DELETED", 90, 101, ended));
    let error = scene
        .run(scene.payload_of_deleted_pods())
        .await
        .unwrap_err();
    assert_eq!(error.error_type(), "Hookline.KubernetesUnavailable");
    assert!(
        error.to_string().contains("watch pods") && error.to_string().contains("etcd is away"),
        "{error}"
    );
    assert_eq!(version(&scene), begin);
    assert!(!scene.aws.objects().contains_key(OBJECT));
}

#[tokio::test]
async fn an_error_after_some_events_keeps_them_and_the_next_run_goes_on_there() {
    for fault in ["error", "garbage", "half"] {
        let scene = scene().await;
        scene.api.add_pod_event(event("DELETED", 90, 101, ended));
        match fault {
            "error" => scene
                .api
                .add_pod_event(json!({"type": "ERROR", "object": {"kind": "Status", "code": 500}})),
            "garbage" => scene
                .api
                .add_pod_event(json!({"type": "DELETED", "object": {"metadata": 7}})),
            // The second event is longer, so the answer ends within it.
            _ => {
                scene.api.add_pod_event(event("DELETED", 91, 102, |pod| {
                    ended(pod);
                    pod["metadata"]["annotations"] = json!({"long": "x".repeat(20_000)});
                }));
                scene.api.fail(|asked| {
                    (asked.resource == Resource::PodWatch && asked.nth == 1).then_some(Fault::Half)
                });
            }
        }
        assert_eq!(replay(&scene).await["deleted"], 1, "{fault}");
        assert_eq!(all(&written(&scene), "deleted", "uid"), [uid(90)]);
        assert_eq!(version(&scene), "101", "{fault}");
        if fault == "half" {
            replay(&scene).await;
            assert_eq!(all(&written(&scene), "deleted", "uid"), [uid(91)]);
        }
    }
}

#[tokio::test]
async fn events_out_of_order_are_true_all_the_same() {
    let scene = scene().await;
    scene.api.add_pod_event(event("DELETED", 90, 110, ended));
    scene.api.add_pod_event(event("DELETED", 91, 105, ended));
    scene.api.add_pod_event(event("ADDED", 92, 111, as_it_was));
    assert_eq!(replay(&scene).await["deleted"], 2);
    assert_eq!(all(&written(&scene), "deleted", "uid"), [uid(90), uid(91)]);
    assert_eq!(version(&scene), "111");
}

#[tokio::test]
async fn a_watch_that_ends_before_its_bookmark_is_followed_by_another() {
    let scene = scene().await;
    let begin = version(&scene);
    scene.api.limit_watches(4);
    for number in 0..10 {
        let version = 101 + number as u64;
        scene
            .api
            .add_pod_event(event("DELETED", 90 + number, version, ended));
    }
    assert_eq!(replay(&scene).await["deleted"], 10);
    let expected: Vec<_> = (90..100).map(uid).collect();
    assert_eq!(all(&written(&scene), "deleted", "uid"), expected);
    assert_eq!(watches(&scene), [begin.as_str(), "104", "108"]);
}

#[tokio::test]
async fn many_changes_are_followed_until_the_next_run_is_due() {
    let now = jiff::Timestamp::now();
    let an_hour = jiff::SignedDuration::from_hours(1);
    for (scheduled_at, changes, expected) in [
        (now, 41, Some("141")),
        (now, 40, None),
        // By hand, for an hour of the past.
        (now - an_hour, 41, None),
    ] {
        let scene = scene().await;
        let begin = version(&scene);
        for number in 1..changes {
            scene
                .api
                .add_pod_event(event("MODIFIED", 90, 100 + number, as_it_was));
        }
        scene
            .api
            .add_pod_event(event("DELETED", 90, 100 + changes, ended));
        let mut payload = scene.payload_of_deleted_pods();
        payload["hour"] = json!(scheduled_at.to_string());
        let result = scene.run(payload).await.unwrap();
        assert_eq!(result["deleted"], 1);
        let watches = watches(&scene);
        assert_eq!(
            (&watches[0], &watches[1..]),
            (&begin, expected.map(str::to_owned).as_slice()),
            "{changes} changes"
        );
    }
}

#[tokio::test]
async fn a_watch_without_an_answer_ends_in_time() {
    let mut scene = scene().await;
    let begin = version(&scene);
    scene.settings.replay_limit = Duration::from_millis(100);
    scene
        .api
        .fail(|asked| (asked.resource == Resource::PodWatch).then_some(Fault::Hang));
    assert_eq!(replay(&scene).await["deleted"], 0);
    assert_eq!(version(&scene), begin);
}

#[tokio::test]
async fn what_another_cluster_of_this_name_left_is_not_used() {
    let scene = scene().await;
    for state in [
        r#"{"endpoint": "https://other.eks.amazonaws.com", "resourceVersion": "5"}"#,
        "not JSON",
        "",
    ] {
        scene.aws.put(STATE, state);
        assert_eq!(replay(&scene).await["missed"], "first", "{state}");
        version(&scene);
    }
    assert!(watches(&scene).is_empty());
}

#[tokio::test]
async fn without_permission_to_read_what_it_left_each_run_is_the_first() {
    let scene = scene().await;
    scene.aws.refuse(
        "s3:GetObject",
        Refusal(403, "AccessDenied", "Access Denied"),
    );
    assert_eq!(replay(&scene).await["missed"], "first");
    scene
        .aws
        .refuse("s3:GetObject", Refusal(400, "InvalidRequest", "no"));
    let error = scene
        .run(scene.payload_of_deleted_pods())
        .await
        .unwrap_err();
    assert_eq!(error.error_type(), "Hookline.AwsRefused");
}

#[tokio::test]
async fn an_object_that_is_not_accepted_leaves_all_to_the_next_run() {
    let scene = scene().await;
    let begin = version(&scene);
    scene.api.add_pod_event(event("DELETED", 90, 101, ended));
    scene.aws.refuse(
        "s3:PutObject",
        Refusal(403, "AccessDenied", "Access Denied"),
    );
    let error = scene
        .run(scene.payload_of_deleted_pods())
        .await
        .unwrap_err();
    assert_eq!(error.error_type(), "Hookline.UploadFailed");
    assert_eq!(version(&scene), begin);
}

#[tokio::test]
async fn the_log_says_why_deletions_are_missed_and_the_stack_counts_it() {
    let scene = scene().await;
    scene.api.fail(|asked| {
        (asked.resource == Resource::PodWatch && asked.nth == 1).then_some(Fault::Status(403, None))
    });
    let path = concat!(env!("CARGO_TARGET_TMPDIR"), "/deleted-pods.log");
    let mut function = Function::start_with_log(&scene.aws.url, File::create(path).unwrap()).await;
    let payload = scene.payload_of_deleted_pods();
    assert_eq!(
        function.invoke(payload.clone()).await.unwrap()["missed"],
        "refused"
    );
    scene.api.add_pod_event(event("DELETED", 90, 101, ended));
    assert_eq!(function.invoke(payload).await.unwrap()["deleted"], 1);
    function.end().await;
    let log = fs::read_to_string(path).unwrap();
    let lines = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let told = lines.map(|line| {
        ["level", "message", "cluster"].map(|field| line[field].as_str().unwrap_or("").to_owned())
    });
    // The stack counts the first line by its message and its cluster.
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            ["WARN", "deletions missed", "prod"],
            ["INFO", "deleted pods written", "prod"],
            ["INFO", "done", "prod"],
            ["INFO", "deleted pods written", "prod"],
            ["INFO", "done", "prod"],
        ]
    );
    assert!(log.contains("watch of pods"), "{log}");
}
