//! What fails on the way: a refused call, an instance that goes, a function that does not end.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use hookline_local::{Fault, FaultKind};
use hookline_testkit::stage::Stage;
use serde_json::Value;

use crate::{SMALL, as_aws_is, failed, made_for};

/// Launches three nodes, one of which fails by `fault`; it must be replaced, and leave nothing.
async fn one_of_three_fails(fault: impl FnOnce(&Stage) -> Result<Fault>) -> Result<()> {
    let stage = Stage::set(as_aws_is(), &SMALL).await?;
    let profile = stage.group("upf").await?;
    stage.local.inject(fault(&stage)?);
    stage.scene.scale("upf", 3).await?;
    let executions = stage.ended(4).await?;
    stage.in_service("upf", 3).await?;
    let failed = failed(&executions);
    assert_eq!((executions.len(), failed.len()), (4, 1), "{executions:#?}");
    for execution in failed {
        stage.expect(execution, "FAILED", "LaunchAbandoned").await?;
        assert_eq!(execution.error.as_deref(), Some("Hookline.AccessDenied"));
        assert_eq!(made_for(&stage, &Stage::instance_of(execution)?), 0);
    }
    stage.at_rest(&[profile]).await?;
    stage.deployment.shut_down().await;
    Ok(())
}

fn denied() -> FaultKind {
    FaultKind::Error {
        status: 403,
        code: "UnauthorizedOperation".to_owned(),
        message: "You are not authorized to perform this operation.".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_third_attach_releases_all_interfaces_and_the_replacement_gets_its_own() -> Result<()>
{
    one_of_three_fails(|_| {
        Ok(Fault::on("AttachNetworkInterface", denied()).when("DeviceIndex", "3"))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_third_create_releases_all_interfaces_and_the_replacement_gets_its_own() -> Result<()>
{
    one_of_three_fails(|stage| {
        let third = stage.scene.first_subnet(2)?;
        Ok(Fault::on("CreateNetworkInterface", denied()).when("SubnetId", third))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn instance_terminated_half_way_leaves_nothing_and_is_replaced() -> Result<()> {
    let stage = Stage::set(as_aws_is(), &SMALL).await?;
    let profile = stage.group("upf").await?;
    let slow = FaultKind::Delay(Duration::from_secs(2));
    stage
        .local
        .inject(Fault::on("AttachNetworkInterface", slow).when("DeviceIndex", "2"));
    stage.scene.scale("upf", 1).await?;
    stage
        .called("AttachNetworkInterface", ("DeviceIndex", "2"))
        .await?;
    let first = stage
        .local
        .with_world(|world| world.autoscaling.histories().keys().next().cloned());
    let first = first.context("no instance")?;
    stage
        .scene
        .ec2
        .terminate_instances()
        .instance_ids(&first)
        .send()
        .await?;

    stage.in_service("upf", 1).await?;
    let executions = stage.ended(2).await?;
    for execution in &executions {
        let (status, last) = if Stage::instance_of(execution)? == first {
            assert_eq!(execution.error.as_deref(), Some("Hookline.InstanceGone"));
            ("FAILED", "LaunchAbandoned")
        } else {
            ("SUCCEEDED", "NodeReady")
        };
        stage.expect(execution, status, last).await?;
    }
    assert_eq!(made_for(&stage, &first), 0);
    stage.at_rest(&[profile]).await?;
    stage.deployment.shut_down().await;
    Ok(())
}

/// Launches a node while a call of a function hangs, does `harm` to the function's program, and
/// expects that the launch ends as if nothing had been, with the function's error in the history.
async fn survives(
    function: &str,
    timeout: Duration,
    error: &str,
    hanging: impl FnOnce(&Stage) -> Result<(&'static str, &'static str, String)>,
    harm: impl AsyncFnOnce(&Path) -> Result<()>,
) -> Result<()> {
    let stage = Stage::set(as_aws_is(), &SMALL).await?;
    let profile = stage.group("upf").await?;
    let (action, parameter, value) = hanging(&stage)?;
    let pids = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("{function}-{}.pids", timeout.as_secs()));
    std::fs::write(&pids, "")?;
    stage.deployment.reconfigure(function, |config| {
        let noted = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/noted-program.sh");
        let program = std::mem::replace(&mut config.program, noted);
        config
            .environment
            .insert("NOTED_PIDS".to_owned(), pids.display().to_string());
        config
            .environment
            .insert("NOTED_PROGRAM".to_owned(), program.display().to_string());
        config.timeout = timeout;
    })?;
    let hangs = FaultKind::Delay(Duration::from_secs(300));
    stage
        .local
        .inject(Fault::on(action, hangs).when(parameter, &value));
    stage.scene.scale("upf", 1).await?;
    stage.called(action, (parameter, &value)).await?;
    harm(&pids).await?;

    stage.in_service("upf", 1).await?;
    let executions = stage.ended(1).await?;
    assert_eq!(executions.len(), 1, "no replacement was needed");
    let execution = executions.first().context("no execution")?;
    stage.expect(execution, "SUCCEEDED", "NodeReady").await?;
    let history = stage.deployment.history(&execution.arn).await?;
    let said = |event: &&Value| event.to_string().contains(error);
    assert!(
        history.iter().any(|event| said(&event)),
        "{error} is not in {history:#?}"
    );
    stage.at_rest(&[profile]).await?;
    stage.deployment.shut_down().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn function_killed_between_two_attaches_is_retried() -> Result<()> {
    let hanging = |_: &Stage| Ok(("AttachNetworkInterface", "DeviceIndex", "2".to_owned()));
    let kill = async |pids: &Path| {
        let pids = std::fs::read_to_string(pids)?;
        let pid = pids.lines().last().context("no program was started")?;
        let mut kill = tokio::process::Command::new("kill");
        let status = kill.args(["-9", pid]).status().await?;
        ensure!(status.success(), "kill -9 {pid}: {status}");
        Ok(())
    };
    survives(
        "attach-interfaces",
        Duration::from_secs(60),
        "Runtime.ExitError",
        hanging,
        kill,
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn function_that_times_out_between_creates_is_retried() -> Result<()> {
    // The third network's create hangs; the other two are done when Lambda ends the function.
    let hanging = |stage: &Stage| {
        Ok((
            "CreateNetworkInterface",
            "SubnetId",
            stage.scene.first_subnet(2)?.to_owned(),
        ))
    };
    let wait = async |_: &Path| Ok(());
    survives(
        "create-interfaces",
        Duration::from_secs(3),
        "Sandbox.Timedout",
        hanging,
        wait,
    )
    .await
}
