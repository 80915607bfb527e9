//! Unmodified clients of the fake AWS: the AWS CLI and a boto3 script.
//!
//! Needs HOOKLINE_FUNCTIONS_DIR and HOOKLINE_PYTHON, which `cargo xtask test` sets. It fails
//! without them. The CLI is the `aws` beside the Python interpreter.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use hookline_local::Settings;
use hookline_testkit::deployment::Tools;
use hookline_testkit::scene::Size;
use hookline_testkit::stage::Stage;
use serde_json::{Value, json};
use tokio::process::Command;

/// The states of a launch without faults.
const STATES: [&str; 10] = [
    "TagNode",
    "WhatDoesTheLaunchNeed",
    "PlanInterfaces",
    "IsItOurTurn",
    "CreateInterfaces",
    "IsEverySlotServed",
    "AttachInterfaces",
    "ContinueLaunch",
    "WhatIsLeft",
    "NodeReady",
];

/// The networks come after the nodes' own /20, and the launch takes the first address.
const TAKEN: &str = "10.0.16.4";
const FREE: &str = "10.0.16.5";

/// A stage after one launch, the subnet of its network, and the execution's ARN.
async fn after_a_launch() -> Result<(Stage, String, String)> {
    let size = Size {
        azs: 1,
        networks: 1,
        ..Size::default()
    };
    let stage = Stage::set(Settings::default(), &size).await?;
    stage.group("upf").await?;
    stage.scene.scale("upf", 1).await?;
    stage.in_service("upf", 1).await?;
    let executions = stage.ended(1).await?;
    let arn = executions.first().context("no execution")?.arn.clone();
    let network = stage.scene.networks.first().context("no network")?;
    let subnet = network.subnets.first().context("no subnet")?.clone();
    Ok((stage, subnet, arn))
}

/// Runs a client with only the endpoint, a Region and credentials in its environment.
async fn run(stage: &Stage, program: &Path, arguments: &[&str]) -> Result<(bool, String, String)> {
    let output = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("AWS_ENDPOINT_URL", &stage.deployment.endpoint)
        .env("AWS_REGION", "us-west-2")
        .env("AWS_DEFAULT_REGION", "us-west-2")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_PAGER", "")
        // Not the configuration of whoever runs the tests.
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .kill_on_drop(true)
        .output()
        .await
        .with_context(|| format!("could not start {}", program.display()))?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok((
        output.status.success(),
        text(output.stdout),
        text(output.stderr),
    ))
}

async fn aws(stage: &Stage, arguments: &[&str]) -> Result<Value> {
    let (succeeded, output, errors) = run_aws(stage, arguments).await?;
    ensure!(succeeded, "aws {arguments:?}: {errors}");
    if output.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(&output).with_context(|| format!("aws {arguments:?}: {output}"))
}

async fn run_aws(stage: &Stage, arguments: &[&str]) -> Result<(bool, String, String)> {
    let program = Tools::from_environment()?.python.with_file_name("aws");
    let arguments = [&["--output", "json"], arguments].concat();
    run(stage, &program, &arguments).await
}

#[tokio::test(flavor = "multi_thread")]
async fn aws_cli_creates_lists_and_deletes_an_interface_and_reads_a_history() -> Result<()> {
    let (stage, subnet, arn) = after_a_launch().await?;
    let created = aws(
        &stage,
        &[
            "ec2",
            "create-network-interface",
            "--subnet-id",
            &subnet,
            "--private-ip-address",
            FREE,
        ],
    )
    .await?;
    let created = &created["NetworkInterface"];
    assert_eq!(created["PrivateIpAddress"], FREE, "{created}");
    let id = created["NetworkInterfaceId"].as_str().context("no id")?;

    let filter = format!("Name=subnet-id,Values={subnet}");
    let query = "sort(NetworkInterfaces[].PrivateIpAddress)";
    let list = [
        "ec2",
        "describe-network-interfaces",
        "--filters",
        &filter,
        "--query",
        query,
    ];
    assert_eq!(aws(&stage, &list).await?, json!([TAKEN, FREE]));
    aws(
        &stage,
        &[
            "ec2",
            "delete-network-interface",
            "--network-interface-id",
            id,
        ],
    )
    .await?;
    assert_eq!(aws(&stage, &list).await?, json!([TAKEN]));

    let again = [
        "ec2",
        "delete-network-interface",
        "--network-interface-id",
        id,
    ];
    let (succeeded, _, errors) = run_aws(&stage, &again).await?;
    assert!(
        !succeeded && errors.contains("(InvalidNetworkInterfaceID.NotFound)"),
        "{errors}"
    );

    let query = "events[].stateEnteredEventDetails.name";
    let history = [
        "stepfunctions",
        "get-execution-history",
        "--execution-arn",
        &arn,
        "--query",
        query,
    ];
    assert_eq!(aws(&stage, &history).await?, json!(STATES));
    stage.deployment.shut_down().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_script_creates_lists_and_deletes_an_interface_and_reads_a_history() -> Result<()> {
    let (stage, subnet, arn) = after_a_launch().await?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/interfaces.py");
    let python = Tools::from_environment()?.python;
    let (succeeded, output, errors) = run(&stage, &python, &[script, &subnet, FREE, &arn]).await?;
    ensure!(succeeded, "{errors}");
    let saw: Value = serde_json::from_str(&output).context(output)?;
    assert_eq!(saw["listed"], json!([saw["created"]]), "{saw}");
    assert_eq!(saw["address"], FREE, "{saw}");
    assert_eq!(saw["after"], "InvalidNetworkInterfaceID.NotFound", "{saw}");
    assert_eq!(saw["states"], json!(STATES), "{saw}");
    stage.deployment.shut_down().await;
    Ok(())
}
