//! Who calls AWS, and the errors that AWS answers.

use hookline_local::eks::Contents;
use serde_json::json;

use crate::cluster::{node, pod};
use crate::fake_aws::{Call, OWN_KEY, ROLE, ROLE_KEY, Refusal};
use crate::scene::{OBJECT, Scene};

async fn scene() -> Scene {
    let scene = Scene::new().await;
    scene.api.set_contents(Contents {
        nodes: vec![node(0)],
        pods: vec![pod(0, 1)],
        ..Contents::default()
    });
    scene
}

fn call(action: &'static str, access_key: &str, region: &str) -> Call {
    Call {
        action,
        access_key: access_key.to_owned(),
        region: region.to_owned(),
    }
}

#[tokio::test]
async fn a_run_calls_eks_ec2_and_s3_once_as_the_function() {
    let scene = scene().await;
    scene.extract().await;
    assert_eq!(
        scene.aws.calls(),
        [
            call("eks:DescribeCluster", OWN_KEY, "us-east-2"),
            call("ec2:DescribeInstances", OWN_KEY, "us-east-2"),
            call("s3:PutObject", OWN_KEY, "us-east-2"),
        ]
    );
    let mut callers = scene
        .api
        .requests()
        .into_iter()
        .map(|asked| asked.access_key);
    assert!(callers.all(|caller| caller == OWN_KEY));
}

#[tokio::test]
async fn a_role_reads_the_cluster_and_the_function_writes_the_object() {
    let scene = scene().await;
    let mut payload = scene.payload();
    payload["assumeRoleArn"] = json!(ROLE);
    scene.run(payload).await.unwrap();
    assert_eq!(
        scene.aws.calls(),
        [
            call("sts:AssumeRole", OWN_KEY, "us-east-2"),
            call("eks:DescribeCluster", ROLE_KEY, "us-east-2"),
            call("ec2:DescribeInstances", ROLE_KEY, "us-east-2"),
            call("s3:PutObject", OWN_KEY, "us-east-2"),
        ]
    );
    let mut callers = scene
        .api
        .requests()
        .into_iter()
        .map(|asked| asked.access_key);
    assert!(callers.all(|caller| caller == ROLE_KEY));
}

#[tokio::test]
async fn the_cluster_is_found_in_the_region_of_the_payload() {
    let scene = scene().await;
    let mut payload = scene.payload();
    payload["region"] = json!("eu-west-1");
    scene.run(payload).await.unwrap();
    assert_eq!(
        scene.aws.calls(),
        [
            call("eks:DescribeCluster", OWN_KEY, "eu-west-1"),
            call("ec2:DescribeInstances", OWN_KEY, "eu-west-1"),
            call("s3:PutObject", OWN_KEY, "us-east-2"),
        ]
    );
    let asked = scene.api.requests();
    assert!(
        asked.iter().all(|asked| asked.region == "eu-west-1"),
        "a token for STS of another Region: {asked:?}"
    );
}

#[tokio::test]
async fn a_role_that_cannot_be_assumed_ends_the_run() {
    let scene = scene().await;
    let mut payload = scene.payload();
    payload["assumeRoleArn"] = json!("arn:aws:iam::123456789012:role/another");
    let error = scene.run(payload).await.unwrap_err();
    assert_eq!(error.error_type(), "Hookline.AccessDenied");
    assert!(error.to_string().starts_with("sts:AssumeRole"), "{error}");
    assert!(scene.api.requests().is_empty());
}

#[tokio::test]
async fn a_cluster_that_is_missing_or_not_ready_ends_the_run() {
    let scene = scene().await;
    let mut payload = scene.payload();
    payload["cluster"] = json!("staging");
    let error = scene.run(payload).await.unwrap_err();
    assert_eq!(error.error_type(), "Hookline.ClusterNotFound");
    let creating = json!({"name": "prod", "status": "CREATING", "certificateAuthority": {}});
    scene.aws.hold_cluster("prod", creating);
    let error = scene.failure().await;
    assert_eq!(error.error_type(), "Hookline.ClusterNotReady");
    assert!(error.to_string().contains("CREATING"), "{error}");
}

#[tokio::test]
async fn an_error_of_describe_cluster_is_classified() {
    for (refusal, error_type) in [
        (
            Refusal(403, "AccessDeniedException", "no"),
            "Hookline.AccessDenied",
        ),
        (
            Refusal(429, "TooManyRequestsException", "no"),
            "Hookline.Throttled",
        ),
        (
            Refusal(500, "ServerException", "no"),
            "Hookline.AwsUnavailable",
        ),
        (
            Refusal(400, "InvalidParameterException", "no"),
            "Hookline.AwsRefused",
        ),
    ] {
        let scene = scene().await;
        scene.aws.refuse("eks:DescribeCluster", refusal);
        let error = scene.failure().await;
        assert_eq!(error.error_type(), error_type, "{error}");
        assert!(scene.api.requests().is_empty());
    }
}

#[tokio::test]
async fn a_failed_upload_ends_the_run() {
    for (refusal, expected) in [
        (Refusal(403, "AccessDenied", "no"), "Grant s3:PutObject"),
        (
            Refusal(404, "NoSuchBucket", "no such bucket"),
            "NoSuchBucket",
        ),
        (Refusal(500, "InternalError", "sorry"), "sorry"),
        (Refusal(503, "SlowDown", "slower"), "SlowDown"),
    ] {
        let scene = scene().await;
        scene.aws.refuse("s3:PutObject", refusal);
        let error = scene.failure().await;
        assert_eq!(error.error_type(), "Hookline.UploadFailed");
        let text = error.to_string();
        assert!(text.contains(OBJECT) && text.contains(expected), "{text}");
    }
}

#[tokio::test]
async fn an_invalid_payload_makes_no_call() {
    let scene = scene().await;
    let mut payload = scene.payload();
    payload["hour"] = json!("yesterday");
    let error = scene.run(payload).await.unwrap_err();
    assert_eq!(error.error_type(), "Hookline.InvalidPayload");
    assert!(scene.aws.calls().is_empty() && scene.api.requests().is_empty());
}
