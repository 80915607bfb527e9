//! Failures of the API server during a listing. An object is written whole or not at all.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use hookline_local::eks::{ApiRequest, ApiServer, Contents, Fault, Resource, description};
use serde_json::json;

use crate::cluster::{node, pod, uid};
use crate::scene::{Scene, all};

async fn scene() -> Scene {
    let scene = Scene::new().await;
    let pods = (0..45).map(|number| pod(number, 2)).collect();
    let nodes = vec![node(0), node(1)];
    scene.api.set_contents(Contents {
        nodes,
        pods,
        ..Contents::default()
    });
    scene
}

/// Asserts that the object has every pod once.
fn assert_whole(scene: &Scene) {
    let uids = all(&scene.lines(), "pod", "uid");
    assert_eq!(uids.len(), 45);
    let uids: BTreeSet<_> = uids.into_iter().collect();
    assert_eq!(uids, (0..45).map(uid).collect());
}

fn pods_asked(scene: &Scene) -> usize {
    let asked = scene.api.requests();
    asked
        .iter()
        .filter(|asked| asked.resource == Resource::Pods)
        .count()
}

/// Returns `true` for requests for pods from the `first` to the `last`, both included.
fn pods_between(asked: &ApiRequest, first: usize, last: usize) -> bool {
    asked.resource == Resource::Pods && (first..=last).contains(&asked.nth)
}

#[tokio::test]
async fn a_failure_that_passes_is_retried() {
    for fault in [
        Fault::Status(500, None),
        Fault::Status(503, Some(0)),
        Fault::Status(504, None),
        Fault::Status(429, None),
        Fault::Cut,
        Fault::Garbage,
    ] {
        let scene = scene().await;
        // On the first page, on the third, and twice on the second.
        let again = fault.clone();
        scene.api.fail(move |asked| {
            (asked.resource == Resource::Pods && [1, 3, 4, 6].contains(&asked.nth))
                .then(|| again.clone())
        });
        scene.extract().await;
        assert_whole(&scene);
        assert_eq!(pods_asked(&scene), 5 + 4, "{fault:?}");
    }
}

#[tokio::test]
async fn a_failure_that_does_not_pass_ends_the_run_after_five_attempts() {
    for (fault, error_type) in [
        (Fault::Status(500, None), "Hookline.KubernetesUnavailable"),
        (
            Fault::Status(503, Some(0)),
            "Hookline.KubernetesUnavailable",
        ),
        (Fault::Cut, "Hookline.KubernetesUnavailable"),
        (Fault::Garbage, "Hookline.KubernetesUnavailable"),
        (Fault::Status(429, Some(0)), "Hookline.Throttled"),
    ] {
        let scene = scene().await;
        let always = fault.clone();
        scene
            .api
            .fail(move |asked| pods_between(asked, 3, usize::MAX).then(|| always.clone()));
        let error = scene.failure().await;
        assert_eq!(error.error_type(), error_type, "{fault:?}: {error}");
        assert_eq!(pods_asked(&scene), 2 + 5, "{fault:?}: five attempts");
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_reported_with_its_field() {
    let scene = scene().await;
    scene
        .api
        .fail(|asked| (asked.resource == Resource::Pods).then_some(Fault::Garbage));
    let text = scene.failure().await.to_string();
    assert!(text.contains("items[0].metadata"), "{text}");
}

#[tokio::test]
async fn a_retry_waits_as_long_as_retry_after_says() {
    let scene = scene().await;
    scene
        .api
        .fail(|asked| pods_between(asked, 2, 2).then_some(Fault::Status(429, Some(1))));
    let started = Instant::now();
    scene.extract().await;
    assert!(started.elapsed() >= Duration::from_secs(1));
    assert_whole(&scene);
}

#[tokio::test]
async fn a_retry_after_beyond_the_deadline_ends_the_run() {
    let scene = scene().await;
    scene
        .api
        .fail(|asked| pods_between(asked, 2, 2).then_some(Fault::Status(429, Some(3600))));
    let error = scene.failure().await;
    assert_eq!(error.error_type(), "Hookline.Throttled");
    assert_eq!(pods_asked(&scene), 2, "no retry");
}

#[tokio::test]
async fn a_token_that_is_refused_is_replaced_once() {
    let mut scene = scene().await;
    // Two tokens that are signed within one second are equal.
    scene.settings.backoff.initial_pause = Duration::from_millis(1_100);
    scene
        .api
        .fail(|asked| pods_between(asked, 2, 2).then_some(Fault::Status(401, None)));
    scene.extract().await;
    assert_whole(&scene);
    assert!(scene.api.refused().is_empty());
    let tokens = scene.api.requests().into_iter();
    let tokens: Vec<_> = tokens.map(|asked| asked.token).collect();
    // A page of nodes, one of Services, one of pods, the refused request, and the same page again.
    assert_eq!(tokens[2], tokens[3]);
    assert_ne!(tokens[3], tokens[4]);
}

#[tokio::test]
async fn a_caller_that_the_cluster_does_not_know_is_unauthorized() {
    let scene = scene().await;
    scene.api.fail(|_| Some(Fault::Status(401, None)));
    let error = scene.failure().await;
    assert_eq!(error.error_type(), "Hookline.KubernetesUnauthorized");
    assert!(error.to_string().contains("access entry"), "{error}");
    assert_eq!(scene.api.requests().len(), 2);
}

#[tokio::test]
async fn a_token_is_valid_for_its_own_cluster_only() {
    let scene = scene().await;
    // EKS returns the endpoint of `prod` for `other`. The authenticator of `prod` refuses the
    // token.
    scene.aws.hold_cluster("other", scene.api.description());
    let mut payload = scene.payload();
    payload["cluster"] = json!("other");
    let error = scene.run(payload).await.unwrap_err();
    assert_eq!(error.error_type(), "Hookline.KubernetesUnauthorized");
    let refused = scene.api.refused();
    assert!(
        refused.iter().all(|why| why.contains("another cluster")),
        "{refused:?}"
    );
    assert_eq!((refused.len(), scene.api.requests().len()), (2, 0));
}

#[tokio::test]
async fn a_caller_that_may_not_list_is_forbidden_without_a_retry() {
    let scene = scene().await;
    scene
        .api
        .fail(|asked| (asked.resource == Resource::Pods).then_some(Fault::Status(403, None)));
    let error = scene.failure().await;
    assert_eq!(error.error_type(), "Hookline.KubernetesForbidden");
    assert!(error.to_string().contains("ClusterRole"), "{error}");
    assert_eq!(pods_asked(&scene), 1);
}

#[tokio::test]
async fn a_refused_request_is_not_retried() {
    let scene = scene().await;
    scene
        .api
        .fail(|asked| (asked.resource == Resource::Pods).then_some(Fault::Status(400, None)));
    let error = scene.failure().await;
    assert_eq!(error.error_type(), "Hookline.KubernetesRefused");
    assert_eq!(pods_asked(&scene), 1);
}

#[tokio::test]
async fn a_server_with_another_certificate_authority_gets_no_token() {
    let scene = scene().await;
    let other = ApiServer::start("prod", Vec::new()).await.unwrap();
    let mixed = description("prod", scene.api.url(), other.certificate_authority());
    scene.aws.hold_cluster("prod", mixed);
    let error = scene.failure().await;
    assert_eq!(error.error_type(), "Hookline.KubernetesUnavailable");
    assert!(error.to_string().contains("certificate"), "{error}");
    assert!(scene.api.requests().is_empty() && scene.api.refused().is_empty());
}

#[tokio::test]
async fn an_api_server_that_is_not_there_is_unavailable() {
    let scene = scene().await;
    // A port that was free a moment ago.
    let gone = ApiServer::start("prod", Vec::new()).await.unwrap();
    let nowhere = gone.description();
    drop(gone);
    scene.aws.hold_cluster("prod", nowhere);
    let error = scene.failure().await;
    assert_eq!(error.error_type(), "Hookline.KubernetesUnavailable");
}

#[tokio::test]
async fn an_attempt_without_an_answer_is_retried() {
    let mut scene = scene().await;
    scene.settings.backoff.attempt_timeout = Duration::from_secs(2);
    scene
        .api
        .fail(|asked| pods_between(asked, 2, 2).then_some(Fault::Hang));
    scene.extract().await;
    assert_whole(&scene);
}

#[tokio::test]
async fn a_listing_that_takes_too_long_is_out_of_time() {
    let mut scene = scene().await;
    // 15 s are kept for the upload.
    scene.timeout = Duration::from_millis(15_300);
    scene
        .api
        .fail(|asked| (asked.resource == Resource::Pods).then_some(Fault::Hang));
    let error = scene.failure().await;
    assert_eq!(error.error_type(), "Hookline.OutOfTime");
}
