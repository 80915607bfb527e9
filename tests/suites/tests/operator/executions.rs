//! Executions that end early: with their instance, or because somebody stops them.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hookline_local::ec2::EndReason;
use hookline_local::{Fault, FaultKind};
use hookline_testkit::json_api::json_call;
use hookline_testkit::stage::Stage;
use serde_json::json;

use crate::{
    check_not_found, explained, hookline, no_trouble, replay, stage, texts, trouble, waiting,
};

/// Launches an instance whose second attach hangs for so long. Returns the instance.
pub(crate) async fn half_way(stage: &Stage, hangs: Duration) -> Result<String> {
    stage.group("upf").await?;
    let slow = Fault::on("AttachNetworkInterface", FaultKind::Delay(hangs));
    stage.local.inject(slow.when("DeviceIndex", "2"));
    stage.scene.scale("upf", 1).await?;
    let instance = waiting(stage).await?;
    stage
        .called("AttachNetworkInterface", ("DeviceIndex", "2"))
        .await?;
    Ok(instance)
}

#[tokio::test(flavor = "multi_thread")]
async fn instance_that_ended_midway_is_told_from_one_that_was_given_up() -> Result<()> {
    let stage = stage().await?;
    let instance = half_way(&stage, Duration::from_secs(2)).await?;
    stage
        .scene
        .ec2
        .terminate_instances()
        .instance_ids(&instance)
        .send()
        .await?;
    stage.in_service("upf", 1).await?;
    stage.ended(2).await?;

    let found = trouble(&stage, "launch-abandoned").await?;
    assert_eq!(found["ids"], json!([instance]), "{found:#}");
    let (launch, cause) = explained(&stage, &instance, "instance-ended").await?;
    assert!(texts(&cause).contains("User initiated"), "{cause:#}");
    assert_eq!(launch["replay"]["helps"], false, "{launch:#}");
    let story = launch["story"].to_string();
    for says in [
        "AttachInterfaces",
        "AbandonLaunch",
        "ReleaseInterfaces",
        "deleted 2 interfaces",
    ] {
        assert!(story.contains(says), "no {says:?} in {story}");
    }
    stage.deployment.shut_down().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn instance_that_ec2_ended_midway_is_told_with_ec2s_reason() -> Result<()> {
    let stage = stage().await?;
    let instance = half_way(&stage, Duration::from_secs(2)).await?;
    stage
        .local
        .with_world(|world| world.end_instance(&instance, EndReason::SpotTermination))?;
    stage.in_service("upf", 1).await?;
    stage.ended(2).await?;

    let (launch, cause) = explained(&stage, &instance, "instance-ended").await?;
    let words = texts(&cause);
    for says in ["EC2 ended", "Server.SpotInstanceTermination", "Spot"] {
        assert!(words.contains(says), "no {says:?} in {cause:#}");
    }
    check_not_found(&launch, "failed")?;
    stage.deployment.shut_down().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn end_of_a_node_that_was_ready_is_told_and_is_no_fault_of_its_launch() -> Result<()> {
    let stage = stage().await?;
    stage.group("upf").await?;
    stage.scene.scale("upf", 1).await?;
    stage.in_service("upf", 1).await?;
    let nodes = || {
        let states = stage
            .local
            .with_world(|world| world.autoscaling.states("upf"));
        states.into_keys()
    };
    let first = nodes().next().context("a node")?;
    let ended_by = async |instance: &str, by: &str, says: &str| -> Result<()> {
        let launch = hookline(&stage, &format!("explain {instance}")).await?["launch"].take();
        check_not_found(&launch, "instance-ended")?;
        ensure!(launch["ended"]["by"] == by, "{launch:#}");
        ensure!(launch["ended"]["at"].is_i64(), "{launch:#}");
        ensure!(texts(&launch["ended"]).contains(says), "{launch:#}");
        Ok(())
    };
    stage
        .local
        .with_world(|world| world.end_instance(&first, EndReason::SpotTermination))?;
    stage.ended(2).await?;
    ended_by(&first, "ec2", "Server.SpotInstanceTermination").await?;

    stage.in_service("upf", 1).await?;
    let second = nodes().find(|node| *node != first);
    let second = second.context("its replacement")?;
    stage.scene.scale("upf", 0).await?;
    stage.in_service("upf", 0).await?;
    ended_by(&second, "auto-scaling", "shrinking the capacity").await?;
    stage.deployment.shut_down().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_execution_is_told_and_a_replay_finishes_the_launch() -> Result<()> {
    let stage = stage().await?;
    let instance = half_way(&stage, Duration::from_secs(3)).await?;
    let executions = stage.deployment.executions().await?;
    let call = json!({"executionArn": executions[0].arn, "cause": "by mistake"});
    json_call(&stage.local, "AWSStepFunctions.StopExecution", &call).await?;

    let found = trouble(&stage, "execution-ended").await?;
    assert!(texts(&found).contains("was stopped"), "{found:#}");
    let (launch, cause) = explained(&stage, &instance, "execution-ended").await?;
    assert!(texts(&cause).contains("AttachInterfaces"), "{cause:#}");
    replay(&stage, &launch).await?;
    stage.in_service("upf", 1).await?;
    no_trouble(&stage, "execution-ended").await?;
    // By the execution's ARN it is the same story.
    let arn = launch["executions"][0]["arn"].as_str().unwrap_or_default();
    let again = hookline(&stage, &format!("explain {arn}")).await?;
    assert_eq!(again["launch"]["instance"], launch["instance"]);
    stage.deployment.shut_down().await;
    Ok(())
}
