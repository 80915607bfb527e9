//! Auto Scaling, EventBridge, Lambda and Step Functions answer any request with a 2xx or a 4xx.

#![allow(missing_docs, clippy::unwrap_used)]

use bytes::Bytes;
use hookline_local::{LocalAws, Settings};
use http::{Method, Request};
use proptest::prelude::*;
use serde_json::json;

const ACTIONS: [&str; 16] = [
    "CreateAutoScalingGroup",
    "UpdateAutoScalingGroup",
    "DeleteAutoScalingGroup",
    "SetDesiredCapacity",
    "TerminateInstanceInAutoScalingGroup",
    "SuspendProcesses",
    "PutLifecycleHook",
    "DeleteLifecycleHook",
    "DescribeLifecycleHooks",
    "CompleteLifecycleAction",
    "RecordLifecycleActionHeartbeat",
    "DescribeAutoScalingGroups",
    "DescribeAutoScalingInstances",
    "DescribeScalingActivities",
    "CreateOrUpdateTags",
    "DescribeTags",
];

const NAMES: [&str; 24] = [
    "AutoScalingGroupName",
    "AutoScalingGroupNames.member.1",
    "MinSize",
    "MaxSize",
    "DesiredCapacity",
    "VPCZoneIdentifier",
    "LaunchTemplate.LaunchTemplateName",
    "LaunchTemplate.Version",
    "ForceDelete",
    "ShouldDecrementDesiredCapacity",
    "InstanceId",
    "InstanceIds.member.1",
    "LifecycleHookName",
    "LifecycleTransition",
    "LifecycleActionToken",
    "LifecycleActionResult",
    "HeartbeatTimeout",
    "DefaultResult",
    "MaxRecords",
    "NextToken",
    "Tags.member.1.Key",
    "Tags.member.1.ResourceId",
    "Filters.member.1.Name",
    "Filters.member.1.Values.member.1",
];

fn value() -> impl Strategy<Value = String> {
    let known = [
        "g",
        "nodes",
        "subnet",
        "0",
        "1",
        "4294967295",
        "-1",
        "true",
        "CONTINUE",
        "ABANDON",
        "60",
        "hook",
        "tag:a",
    ];
    let transitions = [
        "autoscaling:EC2_INSTANCE_LAUNCHING",
        "autoscaling:EC2_INSTANCE_TERMINATING",
    ];
    prop_oneof![
        6 => prop::sample::select(known.to_vec()).prop_map(str::to_owned),
        1 => prop::sample::select(transitions.to_vec()).prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}

fn encode(params: &[(&str, String)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(params)
        .finish()
}

fn paused<F: Future>(future: F) -> F::Output {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(future)
}

async fn status(local: &LocalAws, request: http::request::Builder, body: impl Into<Bytes>) -> u16 {
    match request.body(body.into()) {
        Ok(request) => local.handle(request).await.unwrap().status().as_u16(),
        // HTTP cannot carry this as a request.
        Err(_) => 400,
    }
}

/// With a launch template and the group `g`.
async fn scene() -> LocalAws {
    let local = LocalAws::new(Settings::for_tests());
    let ec2 = |query: String| {
        let local = local.clone();
        async move {
            let body = Bytes::from(format!("Version=2016-11-15&Action={query}"));
            let response = local
                .handle(Request::post("/").body(body).unwrap())
                .await
                .unwrap();
            String::from_utf8(response.body().to_vec()).unwrap()
        }
    };
    let id = |xml: &str, name: &str| {
        xml.split_once(&format!("<{name}>"))
            .unwrap()
            .1
            .split_once('<')
            .unwrap()
            .0
            .to_owned()
    };
    let vpc = id(
        &ec2("CreateVpc&CidrBlock=10.0.0.0/16".to_owned()).await,
        "vpcId",
    );
    let subnet =
        format!("CreateSubnet&VpcId={vpc}&CidrBlock=10.0.0.0/28&AvailabilityZone=us-west-2a");
    let subnet = id(&ec2(subnet).await, "subnetId");
    ec2(
        "CreateLaunchTemplate&LaunchTemplateName=nodes&LaunchTemplateData.ImageId=ami-12345678\
         &LaunchTemplateData.InstanceType=m5.large"
            .to_owned(),
    )
    .await;
    let group = format!(
        "Version=2011-01-01&Action=CreateAutoScalingGroup&AutoScalingGroupName=g&MinSize=0&MaxSize=4294967295\
         &DesiredCapacity=2&VPCZoneIdentifier={subnet}&LaunchTemplate.LaunchTemplateName=nodes"
    );
    assert_eq!(status(&local, Request::post("/"), group).await, 200);
    local
}

/// The number of cases: PROPTEST_CASES, for a long run; else a few.
fn cases() -> u32 {
    let asked = std::env::var("PROPTEST_CASES").ok();
    asked.and_then(|asked| asked.parse().ok()).unwrap_or(200)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn auto_scaling_answers_any_call(calls in prop::collection::vec(
        (prop::sample::select(&ACTIONS[..]), prop::collection::vec((prop::sample::select(&NAMES[..]), value()), 0..7)),
        1..20,
    )) {
        paused(async {
            let local = scene().await;
            for (action, params) in calls {
                let mut all = vec![("Version", "2011-01-01".to_owned()), ("Action", action.to_owned())];
                all.extend(params);
                assert!(status(&local, Request::post("/"), encode(&all)).await < 500, "{all:?}");
                tokio::time::sleep(std::time::Duration::from_secs(40)).await;
            }
            assert!(local.with_world(|world| world.ec2.contradictions()).is_empty());
        });
    }

    #[test]
    fn eventbridge_answers_any_pattern_and_template(pattern in r#"[\[\]{}":,a$*0-9 \\]{0,40}"#, template in r#"[<>{}":a-z.\\ é]{0,40}"#, path in r"[$.\[\]'*a0é]{0,20}") {
        paused(async {
            let local = LocalAws::new(Settings::for_tests());
            let call = |action: &'static str, body: serde_json::Value| {
                let local = local.clone();
                async move {
                    let request = Request::post("/").header("x-amz-target", format!("AWSEvents.{action}"));
                    status(&local, request, body.to_string()).await
                }
            };
            assert!(call("PutRule", json!({ "Name": "p", "EventPattern": pattern })).await < 500);
            assert_eq!(call("PutRule", json!({ "Name": "r", "EventPattern": r#"{"source":["s"]}"# })).await, 200);
            let target = |input: serde_json::Value| json!({ "Rule": "r", "Targets": [{ "Id": "t", "Arn": "arn:aws:x", "InputTransformer": input }] });
            assert!(call("PutTargets", target(json!({ "InputTemplate": template, "InputPathsMap": { "a": path } }))).await < 500);
            let event = json!({ "Source": "s", "DetailType": "d", "Detail": r#"{"a":[1,{"b":"é"}]}"# });
            assert_eq!(call("PutEvents", json!({ "Entries": [event] })).await, 200);
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        });
    }

    #[test]
    fn lambda_and_step_functions_answer_any_call(path in "[a-z:%/0-9$+]{0,30}", body in prop::collection::vec(any::<u8>(), 0..60), target in "[A-Za-z.]{0,20}") {
        paused(async {
            let local = LocalAws::new(Settings::for_tests());
            for method in [Method::GET, Method::POST, Method::DELETE] {
                let uri = format!("/2015-03-31/functions/{path}");
                assert!(status(&local, Request::builder().method(method).uri(uri), body.clone()).await < 500);
            }
            let request = Request::post("/").header("x-amz-target", format!("AWSStepFunctions.{target}"));
            assert!(status(&local, request, body.clone()).await < 500);
        });
    }
}
