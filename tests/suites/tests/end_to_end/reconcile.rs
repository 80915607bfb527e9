//! The binary of `reconcile` and the real engine: what the simulator does without either.

use anyhow::{Context as _, Result, ensure};
use hookline_testkit::deployment::{self, Tools};
use hookline_testkit::log_lines;
use hookline_testkit::stage::{LIMIT, Stage};
use hookline_testkit::wait::wait_for;
use serde_json::{Value, json};

use crate::{SMALL, as_aws_is};

async fn round(stage: &Stage, profile: &Value) -> Result<Value> {
    let payload = json!({
        "stateMachineArn": stage.deployment.state_machine_arn,
        "profiles": [profile],
        "limits": {"launchAgeSeconds": 0},
    });
    let payload = payload.to_string().into();
    let outcome = stage.local.lambda().invoke("reconcile", payload).await?;
    let answer = String::from_utf8_lossy(&outcome.payload).into_owned();
    ensure!(!outcome.function_error, "{answer}");
    serde_json::from_str(&answer).context(answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn launch_without_an_event_gets_one_execution() -> Result<()> {
    let stage = Stage::set(as_aws_is(), &SMALL).await?;
    let function = deployment::function(&Tools::from_environment()?, "reconcile")?;
    stage.local.lambda().register(function);
    // Without a rule, no execution starts for the launch.
    let profile = stage.scene.profile("upf");
    stage.scene.group("upf").await?;
    let event = stage.launch("upf").await?;
    let instance = &event["detail"]["EC2InstanceId"];

    // EC2 may not show the instance in the first rounds.
    wait_for(LIMIT, "a round that starts it", async || {
        let report = round(&stage, &profile).await?;
        Ok((report["started"] == json!([instance])).then_some(()))
    })
    .await?;
    stage.in_service("upf", 1).await?;
    let executions = stage.ended(1).await?;
    stage
        .expect(&executions[0], "SUCCEEDED", "NodeReady")
        .await?;
    let lines = log_lines::of_deployment(&stage.local);
    let started = lines
        .iter()
        .find(|line| line["message"] == "execution started: its event was lost");
    let started = started.context("reconcile logs what it starts")?;
    assert_eq!(&started["instance_id"], instance, "{started}");
    let name = executions[0].arn.rsplit(':').next();
    assert_eq!(started["execution"].as_str(), name, "{started}");
    let report = round(&stage, &profile).await?;
    assert_eq!(report["started"], json!([]), "{report}");
    assert_eq!(stage.ended(1).await?.len(), 1);
    let profile = hookline_domain::profile::Profile::read(profile)?;
    stage.at_rest(&[profile]).await?;
    stage.deployment.shut_down().await;
    Ok(())
}
