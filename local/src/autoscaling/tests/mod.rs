//! The Auto Scaling API over its wire format, in virtual time.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use serde_json::Value;

use super::{CompletedBy, LifecycleState};
use crate::{LocalAws, Settings};

mod api;
mod cloudtrail;
mod hooks;
mod warm_pool;

const LAUNCH: &str = "EC2 Instance-launch Lifecycle Action";
const HOOK: &str = "&LifecycleHookSpecificationList.member.1.LifecycleHookName=ours\
                    &LifecycleHookSpecificationList.member.1.LifecycleTransition=autoscaling:EC2_INSTANCE_LAUNCHING\
                    &LifecycleHookSpecificationList.member.1.HeartbeatTimeout=60";

async fn call_version(
    local: &LocalAws,
    version: &str,
    query: &str,
) -> Result<String, (String, String)> {
    let body = Bytes::from(format!("Version={version}&Action={query}"));
    let response = local
        .handle(Request::post("/").body(body).unwrap())
        .await
        .unwrap();
    let text = String::from_utf8(response.body().to_vec()).unwrap();
    if response.status() == 200 {
        Ok(text)
    } else {
        Err((inner(&text, "Code"), inner(&text, "Message")))
    }
}

async fn call(local: &LocalAws, query: &str) -> Result<String, (String, String)> {
    call_version(local, "2011-01-01", query).await
}

async fn ec2(local: &LocalAws, query: &str) -> String {
    call_version(local, "2016-11-15", query).await.unwrap()
}

/// The text of the first element of that name.
fn inner(xml: &str, name: &str) -> String {
    let (_, rest) = xml
        .split_once(&format!("<{name}>"))
        .unwrap_or_else(|| panic!("no {name} in {xml}"));
    rest.split_once(&format!("</{name}>"))
        .unwrap()
        .0
        .replace("&apos;", "'")
}

/// A VPC with a subnet in each of two zones, a launch template, and the group `g`.
async fn group(desired: u32, more: &str) -> LocalAws {
    let local = LocalAws::new(Settings::for_tests());
    let vpc = inner(
        &ec2(&local, "CreateVpc&CidrBlock=10.0.0.0/16").await,
        "vpcId",
    );
    let mut subnets = Vec::new();
    for (n, zone) in ["us-west-2a", "us-west-2b"].iter().enumerate() {
        let query =
            format!("CreateSubnet&VpcId={vpc}&CidrBlock=10.0.{n}.0/28&AvailabilityZone={zone}");
        subnets.push(inner(&ec2(&local, &query).await, "subnetId"));
    }
    ec2(
        &local,
        "CreateLaunchTemplate&LaunchTemplateName=nodes&LaunchTemplateData.ImageId=ami-12345678\
         &LaunchTemplateData.InstanceType=m5.large",
    )
    .await;
    let query = format!(
        "CreateAutoScalingGroup&AutoScalingGroupName=g&MinSize=0&MaxSize=20&DesiredCapacity={desired}\
         &VPCZoneIdentifier={}&LaunchTemplate.LaunchTemplateName=nodes&Tags.member.1.Key=team&Tags.member.1.Value=net\
         &Tags.member.1.PropagateAtLaunch=true{more}",
        subnets.join(",")
    );
    call(&local, &query).await.unwrap();
    local
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

fn states(local: &LocalAws) -> BTreeMap<String, LifecycleState> {
    local.with_world(|world| world.autoscaling.states("g"))
}

fn only(local: &LocalAws) -> (String, LifecycleState) {
    let states = states(local);
    assert_eq!(states.len(), 1, "{states:?}");
    states.into_iter().next().unwrap()
}

/// The details of all events of that type.
fn events(local: &LocalAws, detail_type: &str) -> Vec<Value> {
    let events = local.eventbridge().events();
    events
        .iter()
        .filter(|event| event["detail-type"] == detail_type)
        .map(|event| event["detail"].clone())
        .collect()
}

fn complete(which: &str, result: &str) -> String {
    format!(
        "CompleteLifecycleAction&AutoScalingGroupName=g&LifecycleHookName=ours&LifecycleActionResult={result}&{which}"
    )
}

#[tokio::test(start_paused = true)]
async fn without_hooks_a_running_instance_is_in_service() {
    let local = group(4, "").await;
    pass(2).await;
    assert_eq!(
        local.with_world(|world| world.autoscaling.in_service("g")),
        4
    );
    local.with_world(|world| {
        let mut zones: BTreeMap<&str, u32> = BTreeMap::new();
        for instance in world.ec2.instances() {
            *zones.entry(&instance.availability_zone).or_default() += 1;
            assert_eq!(instance.tags["team"], "net");
            assert_eq!(instance.tags["aws:autoscaling:groupName"], "g");
        }
        assert_eq!(
            zones,
            BTreeMap::from([("us-west-2a", 2), ("us-west-2b", 2)])
        );
    });
    let launched = events(&local, "EC2 Instance Launch Successful");
    assert_eq!(launched.len(), 4);
    assert_eq!(launched[0]["Details"]["Availability Zone"], "us-west-2a");
    assert_eq!(
        launched[0]["Description"],
        format!(
            "Launching a new EC2 instance: {}",
            launched[0]["EC2InstanceId"].as_str().unwrap()
        )
    );
    for field in [
        "ActivityId",
        "Cause",
        "EndTime",
        "RequestId",
        "StartTime",
        "StatusCode",
    ] {
        assert!(!launched[0][field].as_str().unwrap().is_empty(), "{field}");
    }
}

#[tokio::test(start_paused = true)]
async fn scale_in_waits_for_the_termination_hooks() {
    let local = group(2, "").await;
    let hook = "PutLifecycleHook&AutoScalingGroupName=g&LifecycleHookName=out\
                &LifecycleTransition=autoscaling:EC2_INSTANCE_TERMINATING&HeartbeatTimeout=300";
    call(&local, hook).await.unwrap();
    pass(5).await;
    call(
        &local,
        "SetDesiredCapacity&AutoScalingGroupName=g&DesiredCapacity=1",
    )
    .await
    .unwrap();
    pass(1).await;
    let announced = events(&local, "EC2 Instance-terminate Lifecycle Action");
    assert_eq!(announced.len(), 1);
    assert_eq!(
        (
            announced[0]["Origin"].as_str(),
            announced[0]["Destination"].as_str()
        ),
        (Some("AutoScalingGroup"), Some("EC2"))
    );
    let leaving = announced[0]["EC2InstanceId"].as_str().unwrap();
    assert_eq!(states(&local)[leaving], LifecycleState::TerminatingWait);
    let token = announced[0]["LifecycleActionToken"].as_str().unwrap();
    let query =
        complete(&format!("LifecycleActionToken={token}"), "CONTINUE").replace("=ours", "=out");
    call(&local, &query).await.unwrap();
    pass(5).await;
    assert_eq!(only(&local).1, LifecycleState::InService);
}

#[tokio::test(start_paused = true)]
async fn an_instance_terminated_from_outside_is_replaced() {
    let local = group(1, HOOK).await;
    pass(5).await;
    let (first, _) = only(&local);
    ec2(&local, &format!("TerminateInstances&InstanceId.1={first}")).await;
    pass(5).await;
    assert_ne!(only(&local).0, first);
    let refused = call(
        &local,
        &complete(&format!("InstanceId={first}"), "CONTINUE"),
    )
    .await
    .unwrap_err();
    assert_eq!(
        refused.1,
        format!("No active Lifecycle Action found with instance ID {first}")
    );
    let (second, _) = only(&local);
    call(
        &local,
        &complete(&format!("InstanceId={second}"), "CONTINUE"),
    )
    .await
    .unwrap();
    pass(1).await;
    ec2(&local, &format!("TerminateInstances&InstanceId.1={second}")).await;
    pass(5).await;
    assert_ne!(only(&local).0, second, "one in service is replaced as well");
}

#[tokio::test(start_paused = true)]
async fn a_failed_launch_emits_an_event_and_is_retried() {
    let local = group(20, "").await;
    // Each /28 has 11 addresses: fill one.
    pass(2).await;
    assert_eq!(
        local.with_world(|world| world.autoscaling.in_service("g")),
        20
    );
    call(
        &local,
        "UpdateAutoScalingGroup&AutoScalingGroupName=g&MaxSize=30&DesiredCapacity=25",
    )
    .await
    .unwrap();
    pass(1).await;
    let failed = events(&local, "EC2 Instance Launch Unsuccessful");
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0]["StatusCode"], "Failed");
    pass(60).await;
    assert_eq!(events(&local, "EC2 Instance Launch Unsuccessful").len(), 2);
    call(
        &local,
        "SetDesiredCapacity&AutoScalingGroupName=g&DesiredCapacity=22",
    )
    .await
    .unwrap();
    pass(5).await;
    assert_eq!(
        local.with_world(|world| world.autoscaling.in_service("g")),
        22
    );
}

#[tokio::test(start_paused = true)]
async fn one_seed_gives_one_history() {
    let history = || async {
        let local = group(5, HOOK).await;
        pass(300).await;
        local.with_world(|world| format!("{:?}", world.autoscaling.histories()))
    };
    assert_eq!(history().await, history().await);
}
