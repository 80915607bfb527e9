//! Nodes that run already, with the binary of `adopt`, the real engine, and what the binaries write
//! on stdout.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use hookline_local::autoscaling::LifecycleState;
use hookline_local::{Fault, FaultKind};
use hookline_testkit::deployment::{self, Tools};
use hookline_testkit::stage::Stage;
use hookline_testkit::wait::wait_for;
use hookline_testkit::{emf, invariants};
use serde_json::{Value, json};

use crate::{SMALL, addresses, as_aws_is, lowest};

async fn adopt(stage: &Stage, profile: &Value) -> Result<Value> {
    let payload = json!({
        "stateMachineArn": stage.deployment.state_machine_arn,
        "profiles": [profile],
    });
    let payload = payload.to_string().into();
    let outcome = stage.local.lambda().invoke("adopt", payload).await?;
    let answer = String::from_utf8_lossy(&outcome.payload).into_owned();
    ensure!(!outcome.function_error, "{answer}");
    serde_json::from_str(&answer).context(answer)
}

/// The metrics that a function wrote.
fn measured(stage: &Stage, function: &str) -> Result<emf::Values> {
    let documents: Vec<Value> = stage
        .local
        .lambda()
        .logs(function)
        .into_iter()
        .filter_map(|line| serde_json::from_str(&line.text).ok())
        .filter(|line: &Value| line.get("_aws").is_some())
        .collect();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    emf::values(&documents, i64::try_from(now.as_millis())?)
}

#[tokio::test(flavor = "multi_thread")]
async fn running_node_gets_its_interfaces_and_stays_in_service_on_failure() -> Result<()> {
    let stage = Stage::set(as_aws_is(), &SMALL).await?;
    let function = deployment::function(&Tools::from_environment()?, "adopt")?;
    stage.local.lambda().register(function);
    // Without a rule, and with a person who continues the launch: as before Hookline was installed.
    let instance = stage.node_without_interfaces("upf").await?;
    let instance = instance.as_str();
    let profile = stage.scene.profile("upf");

    let denied = FaultKind::Error {
        status: 403,
        code: "UnauthorizedOperation".to_owned(),
        message: "You are not authorized.".to_owned(),
    };
    let second = Fault::on("AttachNetworkInterface", denied).when("DeviceIndex", "2");
    stage.local.inject(second);
    // EC2 may show later than Auto Scaling that it is running.
    let report = wait_for(Duration::from_secs(60), "the node to run", async || {
        let report = adopt(&stage, &profile).await?;
        Ok(report["left"]
            .as_array()
            .is_some_and(Vec::is_empty)
            .then_some(report))
    })
    .await?;
    assert_eq!(report["started"], json!([instance]), "{report}");
    let executions = stage.ended(1).await?;
    stage
        .expect(&executions[0], "FAILED", "NodeNotWired")
        .await?;
    assert_eq!(
        executions[0].error.as_deref(),
        Some("Hookline.AccessDenied")
    );
    let state = |stage: &Stage| {
        let states = stage
            .local
            .with_world(|world| world.autoscaling.states("upf"));
        states.get(instance).copied()
    };
    assert_eq!(state(&stage), Some(LifecycleState::InService));

    let report = adopt(&stage, &profile).await?;
    assert_eq!(report["started"], json!([instance]), "{report}");
    let executions = stage.ended(2).await?;
    let last = executions.last().context("no execution")?;
    stage.expect(last, "SUCCEEDED", "NodeReady").await?;
    let output = last.output.as_ref().context("no output")?;
    assert_eq!(output["node"]["instanceId"], instance, "{output}");
    assert_eq!(output["interfaces"].as_array().map(Vec::len), Some(3));
    assert!(output["seconds"]["eventToWired"].is_u64(), "{output}");

    let report = adopt(&stage, &profile).await?;
    assert_eq!(report["alreadyWired"], json!([instance]), "{report}");
    assert_eq!(stage.ended(2).await?.len(), 2);
    let profile = hookline_domain::profile::Profile::read(profile)?;
    stage.local.with_world(|world| {
        let node = world.ec2.instance(instance).context("no instance")?;
        assert_eq!(
            invariants::differences(world, &profile, node),
            Vec::<String>::new()
        );
        anyhow::Ok(())
    })?;
    for network in 0..3 {
        let subnet = stage.scene.first_subnet(network)?;
        assert_eq!(addresses(&stage, subnet), lowest(&stage, subnet, 1));
    }
    assert_eq!(state(&stage), Some(LifecycleState::InService));
    stage.at_rest(std::slice::from_ref(&profile)).await?;

    let wired = measured(&stage, "attach-interfaces")?;
    let wired = wired
        .get("LaunchesWired Profile=upf")
        .map(|(value, _)| *value);
    assert_eq!(wired, Some(1.0));
    stage.deployment.shut_down().await;
    Ok(())
}
