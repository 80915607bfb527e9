//! A launch from end to end, in process and in virtual time: a group scales out, the event matches
//! a rule, the rule starts an execution, and the execution (a task of this test) completes the
//! lifecycle action.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

use std::time::Duration;

use bytes::Bytes;
use hookline_local::autoscaling::LifecycleState;
use hookline_local::eventbridge::Disturbance;
use hookline_local::stepfunctions::StartExecution;
use hookline_local::{LocalAws, Settings};
use http::Request;
use serde_json::json;

const MACHINE: &str = "arn:aws:states:us-west-2:123456789012:stateMachine:launch";

async fn query(local: &LocalAws, version: &str, query: &str) -> (u16, String) {
    let body = Bytes::from(format!("Version={version}&Action={query}"));
    let response = local
        .handle(Request::post("/").body(body).unwrap())
        .await
        .unwrap();
    (
        response.status().as_u16(),
        String::from_utf8(response.body().to_vec()).unwrap(),
    )
}

async fn events(local: &LocalAws, action: &str, body: serde_json::Value) {
    let request = Request::post("/").header("x-amz-target", format!("AWSEvents.{action}"));
    let response = local
        .handle(request.body(Bytes::from(body.to_string())).unwrap())
        .await
        .unwrap();
    assert_eq!(response.status(), 200, "{:?}", response.body());
}

fn inner(xml: &str, name: &str) -> String {
    let (_, rest) = xml.split_once(&format!("<{name}>")).unwrap();
    rest.split_once('<').unwrap().0.to_owned()
}

async fn group(local: &LocalAws, size: u32) {
    let ec2 = |text: String| async move {
        let (status, answer) = query(local, "2016-11-15", &text).await;
        assert_eq!(status, 200, "{answer}");
        answer
    };
    let vpc = inner(
        &ec2("CreateVpc&CidrBlock=10.0.0.0/16".to_owned()).await,
        "vpcId",
    );
    let mut subnets = Vec::new();
    for (n, zone) in ["a", "b", "c"].iter().enumerate() {
        let text = format!(
            "CreateSubnet&VpcId={vpc}&CidrBlock=10.0.{}.0/22&AvailabilityZone=us-west-2{zone}",
            n * 4
        );
        subnets.push(inner(&ec2(text).await, "subnetId"));
    }
    ec2(
        "CreateLaunchTemplate&LaunchTemplateName=nodes&LaunchTemplateData.ImageId=ami-12345678\
         &LaunchTemplateData.InstanceType=m5.large"
            .to_owned(),
    )
    .await;
    let text = format!(
        "CreateAutoScalingGroup&AutoScalingGroupName=nodes&MinSize=0&MaxSize=1000&DesiredCapacity={size}\
         &VPCZoneIdentifier={}&LaunchTemplate.LaunchTemplateName=nodes\
         &LifecycleHookSpecificationList.member.1.LifecycleHookName=hookline\
         &LifecycleHookSpecificationList.member.1.LifecycleTransition=autoscaling:EC2_INSTANCE_LAUNCHING\
         &LifecycleHookSpecificationList.member.1.HeartbeatTimeout=300",
        subnets.join(",")
    );
    let (status, answer) = query(local, "2011-01-01", &text).await;
    assert_eq!(status, 200, "{answer}");
}

/// Completes the lifecycle action of the event in the execution's input, a while later.
async fn execute(local: LocalAws, execution: StartExecution) {
    tokio::time::sleep(Duration::from_secs(20)).await;
    let detail = &execution.input["event"]["detail"];
    let text = format!(
        "CompleteLifecycleAction&AutoScalingGroupName={}&LifecycleHookName={}&LifecycleActionToken={}\
         &LifecycleActionResult=CONTINUE",
        detail["AutoScalingGroupName"].as_str().unwrap(),
        detail["LifecycleHookName"].as_str().unwrap(),
        detail["LifecycleActionToken"].as_str().unwrap(),
    );
    let (status, answer) = query(&local, "2011-01-01", &text).await;
    assert!(
        status == 200 || answer.contains("No active Lifecycle Action found"),
        "{answer}"
    );
}

#[tokio::test(start_paused = true)]
async fn five_hundred_nodes_reach_in_service_despite_late_duplicate_and_lost_events() {
    let local = LocalAws::new(Settings::for_tests());
    let weak = local.downgrade();
    local.stepfunctions().on_start_execution(move |execution| {
        if let Some(local) = weak.upgrade() {
            tokio::spawn(execute(local, execution));
        }
    });
    let pattern = json!({
        "source": ["aws.autoscaling"],
        "detail-type": ["EC2 Instance-launch Lifecycle Action"],
        "detail": { "LifecycleHookName": ["hookline"] },
    });
    events(
        &local,
        "PutRule",
        json!({ "Name": "launch", "EventPattern": pattern.to_string() }),
    )
    .await;
    let template = r#"{"event": <aws.events.event.json>, "profile": {"name": "gold"}}"#;
    let target =
        json!({ "Id": "m", "Arn": MACHINE, "InputTransformer": { "InputTemplate": template } });
    events(
        &local,
        "PutTargets",
        json!({ "Rule": "launch", "Targets": [target] }),
    )
    .await;
    let bus = local.eventbridge();
    bus.disturb(Disturbance::duplicate(1, Duration::from_secs(30)).chance(0.2));
    bus.disturb(Disturbance::delay(Duration::from_secs(100)).chance(0.2));
    bus.disturb(
        Disturbance::drop()
            .detail_type("EC2 Instance-launch Lifecycle Action")
            .times(10),
    );

    group(&local, 500).await;
    tokio::time::sleep(Duration::from_secs(250)).await;
    local.with_world(|world| {
        assert_eq!(
            world.autoscaling.in_service("nodes"),
            490,
            "all but those whose event was lost"
        );
    });
    // The launches whose event was lost time out, are abandoned and replaced. The events of the
    // replacements arrive.
    tokio::time::sleep(Duration::from_secs(300)).await;
    local.with_world(|world| {
        assert_eq!(world.autoscaling.in_service("nodes"), 500);
        let accepted = world
            .autoscaling
            .completions()
            .iter()
            .filter(|completion| completion.accepted)
            .count();
        assert_eq!(
            accepted, 510,
            "one for each instance, replaced ones included"
        );
        let abandoned = world
            .autoscaling
            .histories()
            .values()
            .filter(|h| h.reached(LifecycleState::Terminated).is_some());
        assert_eq!(abandoned.count(), 10);
        assert!(
            world
                .autoscaling
                .completions()
                .iter()
                .any(|completion| !completion.accepted),
            "the duplicates'"
        );
        assert!(world.ec2.contradictions().is_empty());
    });
}
