//! Lists in pages: the object has every node and pod of one moment, once.

use std::collections::BTreeSet;

use hookline_local::eks::{Contents, Fault, Resource};
use serde_json::{Value, json};

use crate::cluster::{node, node_name, pod, uid};
use crate::scene::{OBJECT, Scene, all};

fn nodes(count: usize) -> Vec<Value> {
    (0..count).map(node).collect()
}

fn pods(numbers: impl IntoIterator<Item = usize>, nodes: usize) -> Vec<Value> {
    numbers
        .into_iter()
        .map(|number| pod(number, nodes))
        .collect()
}

/// Asserts that `found` has each of the expected texts once, and no others.
fn assert_same(found: Vec<String>, expected: Vec<String>) {
    assert_eq!(found.len(), expected.len());
    assert_eq!(
        found.into_iter().collect::<BTreeSet<_>>(),
        expected.into_iter().collect::<BTreeSet<_>>()
    );
}

#[tokio::test]
async fn every_node_and_pod_is_written_once() {
    let scene = Scene::new().await;
    // Both lists end in a page that is not full; the limit is 10.
    scene.api.set_contents(Contents {
        nodes: nodes(23),
        pods: pods(0..137, 23),
        ..Contents::default()
    });
    let result = scene.extract().await;
    let object = &scene.aws.objects()[OBJECT];
    assert_eq!(
        result,
        json!({
            "bucket": "acme-traffic",
            "key": "pods/dt=2026-05-04/hour=11/prod.run-1.json.gz",
            "pods": 137,
            "nodes": 23,
            "instances": 0,
            "interfaces": null,
            "services": 0,
            "bytes": object.len(),
        })
    );
    let lines = scene.lines();
    assert_eq!(lines.len(), 160);
    assert_same(
        all(&lines, "node", "name"),
        (0..23).map(node_name).collect(),
    );
    assert_same(all(&lines, "pod", "uid"), (0..137).map(uid).collect());
    let asked = scene.api.requests();
    assert!(asked.iter().all(|asked| asked.limit == 10));
    let of = |what| asked.iter().filter(|asked| asked.resource == what).count();
    assert_eq!(
        [
            Resource::Nodes,
            Resource::Services,
            Resource::Pods,
            Resource::Node
        ]
        .map(of),
        [3, 1, 14, 0]
    );
    assert!(scene.api.refused().is_empty());
}

#[tokio::test]
async fn a_full_last_page_is_followed_by_no_other() {
    let scene = Scene::new().await;
    scene.api.set_contents(Contents {
        nodes: nodes(10),
        pods: pods(0..20, 10),
        ..Contents::default()
    });
    let result = scene.extract().await;
    assert_eq!(
        (&result["nodes"], &result["pods"]),
        (&json!(10), &json!(20))
    );
    // A page of nodes, one of Services, two of pods.
    assert_eq!(scene.api.requests().len(), 4);
}

#[tokio::test]
async fn an_empty_cluster_makes_an_empty_object() {
    let scene = Scene::new().await;
    let result = scene.extract().await;
    assert_eq!((&result["nodes"], &result["pods"]), (&json!(0), &json!(0)));
    assert!(scene.lines().is_empty());
}

#[tokio::test]
async fn an_expired_list_starts_again_without_duplicates_or_losses() {
    for page in [2, 3, 5] {
        let scene = Scene::new().await;
        scene.api.set_contents(Contents {
            nodes: nodes(12),
            pods: pods(0..45, 12),
            ..Contents::default()
        });
        // Pods and a node are deleted and created: at the start, in the middle and at the end of
        // the list.
        let changed = Contents {
            nodes: (1..14).map(node).collect(),
            pods: pods((90..99).chain(5..20).chain(23..60), 14),
            ..Contents::default()
        };
        scene.api.fail(move |asked| {
            (asked.resource == Resource::Pods && asked.nth == page)
                .then(|| Fault::Expire(changed.clone()))
        });
        let result = scene.extract().await;
        let lines = scene.lines();
        let expected: Vec<_> = (90..99).chain(5..20).chain(23..60).map(uid).collect();
        assert_eq!(result["pods"], json!(expected.len()));
        assert_same(all(&lines, "pod", "uid"), expected);
        assert_same(
            all(&lines, "node", "name"),
            (1..14).map(node_name).collect(),
        );
        let moments: BTreeSet<_> = lines
            .iter()
            .map(|line| line["observed_at"].as_str())
            .collect();
        assert_eq!(moments.len(), 1, "one listing, one moment");
    }
}

#[tokio::test]
async fn an_expired_list_of_nodes_starts_again() {
    let scene = Scene::new().await;
    scene.api.set_contents(Contents {
        nodes: nodes(25),
        pods: pods(0..5, 25),
        ..Contents::default()
    });
    let changed = Contents {
        nodes: (3..30).map(node).collect(),
        pods: pods(0..5, 25),
        ..Contents::default()
    };
    scene.api.fail(move |asked| {
        (asked.resource == Resource::Nodes && asked.nth == 3)
            .then(|| Fault::Expire(changed.clone()))
    });
    scene.extract().await;
    assert_same(
        all(&scene.lines(), "node", "name"),
        (3..30).map(node_name).collect(),
    );
}

#[tokio::test]
async fn a_list_that_expires_in_every_listing_ends_the_run() {
    let scene = Scene::new().await;
    scene.api.set_contents(Contents {
        nodes: nodes(3),
        pods: pods(0..45, 3),
        ..Contents::default()
    });
    scene.api.fail(|asked| {
        let same = Contents {
            nodes: nodes(3),
            pods: pods(0..45, 3),
            ..Contents::default()
        };
        (asked.resource == Resource::Pods && asked.continued).then_some(Fault::Expire(same))
    });
    let error = scene.failure().await;
    assert_eq!(error.error_type(), "Hookline.KubernetesUnavailable");
    assert!(error.to_string().contains("expired 3 times"), "{error}");
}

#[tokio::test]
async fn the_zone_of_a_node_that_joined_after_the_list_is_asked_for() {
    let scene = Scene::new().await;
    // Pods 0 to 7 on nodes 0 to 3, of which the list has two and the cluster three.
    scene.api.set_contents(Contents {
        nodes: nodes(2),
        pods: pods(0..8, 4),
        ..Contents::default()
    });
    scene.api.set_unlisted_nodes(vec![node(2)]);
    let result = scene.extract().await;
    assert_eq!(result["nodes"], json!(3));
    let lines = scene.lines();
    let zone = |number: usize| {
        let pod = lines.iter().find(|line| line["uid"] == uid(number));
        pod.unwrap()["az_id"].clone()
    };
    assert_eq!(
        [zone(0), zone(1), zone(4)],
        ["use2-az1", "use2-az2", "use2-az1"]
    );
    assert_eq!(
        [zone(2), zone(6)],
        ["use2-az3", "use2-az3"],
        "the late node"
    );
    assert_eq!(
        [zone(3), zone(7)],
        [Value::Null, Value::Null],
        "a node that is gone"
    );
    // The line of a node comes before the lines of its pods.
    let at = |wanted: &str| lines.iter().position(|line| line["name"] == wanted);
    let late = at(&node_name(2)).unwrap();
    assert!(
        lines[..late]
            .iter()
            .all(|line| line["node"] != json!(node_name(2)))
    );
    let got = scene.api.requests();
    let got = got
        .iter()
        .filter(|asked| asked.resource == Resource::Node)
        .count();
    assert_eq!(got, 2, "each of the two once");
}

#[tokio::test]
async fn a_page_that_is_too_large_is_read_in_smaller_pages() {
    let scene = Scene::new().await;
    let annotations = format!(r#"{{"annotations":{{"huge":"{}"}},"#, "x".repeat(4 << 20));
    let large = move |number| pod(number, 1).to_string().replacen('{', &annotations, 1);
    // 40 MB in one page; 16 are read at most.
    scene.api.set_generated_pods(nodes(1), 10, large);
    let result = scene.extract().await;
    assert_eq!(result["pods"], json!(10));
    assert_same(
        all(&scene.lines(), "pod", "uid"),
        (0..10).map(uid).collect(),
    );
    let limits: Vec<usize> = scene
        .api
        .requests()
        .iter()
        .filter(|asked| asked.resource == Resource::Pods)
        .map(|asked| asked.limit)
        .collect();
    assert_eq!(limits, [10, 5, 2, 2, 2, 2, 2]);
}

#[tokio::test]
async fn a_retry_of_an_execution_writes_the_same_object() {
    let scene = Scene::new().await;
    scene.api.set_contents(Contents {
        nodes: nodes(1),
        pods: pods(0..3, 1),
        ..Contents::default()
    });
    scene.extract().await;
    scene.api.set_contents(Contents {
        nodes: nodes(1),
        pods: pods(0..4, 1),
        ..Contents::default()
    });
    scene.extract().await;
    assert_eq!(scene.aws.objects().len(), 1);
    assert_eq!(all(&scene.lines(), "pod", "uid").len(), 4);
    let mut other = scene.payload();
    other["execution"] = json!("run-2");
    scene.run(other).await.unwrap();
    assert_eq!(
        scene.aws.objects().len(),
        2,
        "another execution, another object"
    );
}
