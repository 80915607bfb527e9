//! Scenes in which a rule starts the executions: a launch gets over its trouble, or is abandoned
//! and replaced.

use std::time::Duration;

use anyhow::{Context as _, Result};
use hookline_local::{Fault, FaultKind};
use hookline_testkit::invariants;
use hookline_testkit::scene::HOOK;
use hookline_testkit::stage::Stage;
use serde_json::{Value, json};

use crate::scenes::{
    GROUP, attach, completion, denied, error, first_create, impatient, launch_with_failures,
    listing, trouble,
};

pub(crate) async fn got_over(
    stage: &Stage,
    fault: fn(&Stage, FaultKind) -> Result<Fault>,
) -> Result<()> {
    let profile = stage.group(GROUP).await?;
    trouble(stage, |kind| fault(stage, kind))?;
    launch_with_failures(stage, &profile, &[]).await.map(drop)
}

/// Planning, creating and attaching are throttled until each state's retries are used up.
pub(crate) async fn throttled_for_long(stage: &Stage) -> Result<()> {
    // A first attempt and twelve retries, each with three attempts of the SDK.
    const CALLS: u32 = 3 * 13;
    let profile = stage.group(GROUP).await?;
    // The other creates are not throttled, so the plan continues with this one.
    let first_tried = 3;
    for (fault, calls) in [
        (listing(FaultKind::Throttle), CALLS),
        (
            first_create(stage, FaultKind::Throttle)?,
            first_tried + CALLS,
        ),
        (attach("1", FaultKind::Throttle), CALLS),
    ] {
        stage.local.inject(fault.times(calls));
    }
    launch_with_failures(stage, &profile, &[]).await?;
    assert_eq!(stage.local.faults_left(), 0);
    let calls = stage.local.calls();
    let heartbeats = calls
        .iter()
        .filter(|call| call.action == "RecordLifecycleActionHeartbeat" && call.is_ok());
    assert_eq!(heartbeats.count(), 4);
    Ok(())
}

pub(crate) async fn never_known(stage: &Stage) -> Result<()> {
    let profile = stage.group(GROUP).await?;
    let unknown = error(
        400,
        "InvalidInstanceID.NotFound",
        "The instance ID does not exist",
    );
    stage
        .local
        .inject(Fault::on("DescribeInstances", unknown).times(13));
    let failures = [("LaunchAbandoned", "Hookline.InstanceNotFoundYet")];
    let executions = launch_with_failures(stage, &profile, &failures).await?;
    let first = executions.first().context("no execution")?;
    let history = stage.deployment.history(&first.arn).await?;
    let tries = history
        .iter()
        .filter(|event| event.to_string().contains("Hookline.InstanceNotFoundYet\""));
    assert!(
        tries.count() >= 13,
        "the first try and twelve more: {history:#?}"
    );
    Ok(())
}

pub(crate) async fn slow_instance(stage: &Stage) -> Result<()> {
    impatient(stage)?;
    stage.local.with_world(|world| {
        world.kernel.settings.instance_not_found_for = Duration::from_secs(1);
        world.kernel.settings.instance_pending_for = Duration::from_secs(4);
    });
    let profile = stage.group(GROUP).await?;
    launch_with_failures(stage, &profile, &[]).await.map(drop)
}

/// EC2 does not return the interface for longer than any listing lags.
pub(crate) async fn interface_lost(stage: &Stage) -> Result<()> {
    let profile = stage.group(GROUP).await?;
    let unknown = error(
        400,
        "InvalidNetworkInterfaceID.NotFound",
        "The networkInterface ID does not exist",
    );
    stage.local.inject(attach("1", unknown).times(10));
    let executions = launch_with_failures(stage, &profile, &[]).await?;
    let first = executions.first().context("no execution")?;
    let states = stage.deployment.states(&first.arn).await?;
    let plans = states.iter().filter(|state| *state == "PlanInterfaces");
    assert_eq!(plans.count(), 2, "{states:?}");
    Ok(())
}

/// A profile in an account whose bucket does not serve all attributes at once.
pub(crate) fn scarce(stage: &Stage) -> Value {
    let mut profile = stage.scene.profile(GROUP);
    profile["requestRates"] = json!({
        "modifyNetworkInterfaceAttribute": {"capacity": 1, "refillPerSecond": 5},
    });
    profile
}

/// The second launch keeps the first one waiting, as its instance runs late. Faults strike between.
pub(crate) async fn scarce_calls(stage: &Stage) -> Result<()> {
    let profile = stage.group_with(GROUP, scarce(stage)).await?;
    stage.local.with_world(|world| {
        world.kernel.settings.instance_pending_for = Duration::ZERO;
    });
    stage.scene.scale(GROUP, 1).await?;
    stage.local.with_world(|world| {
        world.kernel.settings.instance_pending_for = Duration::from_secs(4);
    });
    stage.scene.scale(GROUP, 2).await?;
    stage.in_service(GROUP, 2).await?;
    let executions = stage.ended(2).await?;
    let mut waited = 0;
    for execution in &executions {
        stage.expect(execution, "SUCCEEDED", "NodeReady").await?;
        let states = stage.deployment.states(&execution.arn).await?;
        assert!(
            states.iter().any(|state| state == "SetDeleteOnTermination"),
            "{states:?}"
        );
        waited += usize::from(states.iter().any(|state| state == "WaitForOthers"));
    }
    assert!(waited >= 1, "nobody waited");
    stage.at_rest(&[profile]).await
}

/// The calls for all interfaces fail together. What the SDK makes again, the fault strikes in every
/// attempt.
pub(crate) async fn trouble_after_continue(stage: &Stage) -> Result<()> {
    const ATTEMPTS: u32 = 3;
    let profile = stage.group_with(GROUP, scarce(stage)).await?;
    let calls = u32::try_from(stage.scene.networks.len())?;
    let not_found = error(
        400,
        "InvalidAttachmentID.NotFound",
        "The attachment ID does not exist",
    );
    for (kind, attempts) in [(not_found, 1), (FaultKind::InternalError, ATTEMPTS)] {
        let fault = Fault::on("ModifyNetworkInterfaceAttribute", kind);
        let fault = fault.when("Attachment.DeleteOnTermination", "true");
        stage.local.inject(fault.times(calls * attempts));
    }
    // The first listing is that of `PlanInterfaces`.
    let throttled = Fault::on("DescribeInstances", FaultKind::Throttle)
        .when("Filter.2.Name", "instance-state-name")
        .skip(1);
    stage.local.inject(throttled.times(ATTEMPTS));
    let executions = launch_with_failures(stage, &profile, &[]).await?;
    let first = executions.first().context("no execution")?;
    let states = stage.deployment.states(&first.arn).await?;
    assert!(
        states.iter().any(|state| state == "SetDeleteOnTermination"),
        "{states:?}"
    );
    Ok(())
}

pub(crate) async fn instance_not_found_by_an_attach(stage: &Stage) -> Result<()> {
    let profile = stage.group(GROUP).await?;
    let unknown = error(
        400,
        "InvalidInstanceID.NotFound",
        "The instance ID does not exist",
    );
    stage.local.inject(attach("1", unknown));
    launch_with_failures(stage, &profile, &[]).await.map(drop)
}

pub(crate) async fn denied_after_continue(stage: &Stage) -> Result<()> {
    stage.group_with(GROUP, scarce(stage)).await?;
    let interfaces = stage.scene.networks.len();
    for _ in 0..interfaces {
        // SourceDestCheck is set before CONTINUE.
        let fault = Fault::on("ModifyNetworkInterfaceAttribute", denied());
        stage
            .local
            .inject(fault.when("Attachment.DeleteOnTermination", "true"));
    }
    stage.scene.scale(GROUP, 1).await?;
    stage.in_service(GROUP, 1).await?;
    let executions = stage.ended(1).await?;
    let execution = executions.first().context("no execution")?;
    stage.expect(execution, "SUCCEEDED", "NodeReady").await?;
    let left = stage
        .local
        .with_world(|world| invariants::unsettled(world).count());
    assert_eq!(left, interfaces);
    Ok(())
}

pub(crate) async fn slow_abandon(stage: &Stage) -> Result<()> {
    impatient(stage)?;
    stage.local.with_world(|world| {
        world.kernel.settings.detach_for = Duration::from_secs(3);
        // Otherwise the interface is deleted with the instance, before the detach has to be waited
        // for.
        world.kernel.settings.shutdown_for = Duration::from_secs(6);
    });
    let profile = stage.group(GROUP).await?;
    stage.local.inject(attach("2", denied()));
    trouble(stage, |kind| Ok(completion("ABANDON", kind)))?;
    let failures = [("LaunchAbandoned", "Hookline.AccessDenied")];
    launch_with_failures(stage, &profile, &failures)
        .await
        .map(drop)
}

pub(crate) async fn trouble_while_releasing(stage: &Stage) -> Result<()> {
    let profile = stage.group(GROUP).await?;
    stage.local.inject(attach("1", denied()));
    trouble(stage, |kind| Ok(Fault::on("DeleteNetworkInterface", kind)))?;
    let failures = [("LaunchAbandoned", "Hookline.AccessDenied")];
    launch_with_failures(stage, &profile, &failures)
        .await
        .map(drop)
}

pub(crate) async fn refused_everywhere(stage: &Stage) -> Result<()> {
    let mut profile = stage.scene.profile(GROUP);
    // By default a launch goes on without tags that it may not have.
    profile["tagFailure"] = json!("abandon");
    let profile = stage.group_with(GROUP, profile).await?;
    for fault in [
        Fault::on("CreateTags", denied()),
        listing(denied()),
        first_create(stage, denied())?,
        attach("2", denied()),
        completion("CONTINUE", denied()),
    ] {
        stage.local.inject(fault);
    }
    let failures = [("LaunchAbandoned", "Hookline.AccessDenied"); 5];
    let executions = launch_with_failures(stage, &profile, &failures).await?;
    for execution in executions.iter().take(failures.len()) {
        let cause = execution.cause.as_deref().unwrap_or_default();
        let says = "Grant the action to the role of this function";
        assert!(cause.contains(says), "{cause}");
    }
    Ok(())
}

pub(crate) async fn no_slots(stage: &Stage) -> Result<()> {
    let mut profile = stage.scene.profile(GROUP);
    profile["slots"] = json!([]);
    let profile = stage.group_with(GROUP, profile).await?;
    launch_with_failures(stage, &profile, &[]).await.map(drop)
}

/// Somebody else takes two planned addresses. After that, a launch waits before it plans again.
fn conflicts(stage: &Stage) -> Result<()> {
    let message = "The specified address is already in use.";
    let taken = error(400, "InvalidIPAddress.InUse", message);
    stage.local.inject(first_create(stage, taken)?.times(2));
    Ok(())
}

/// How many heartbeats of a launch Auto Scaling got.
pub(crate) fn heartbeats(stage: &Stage) -> usize {
    let calls = stage.local.calls().into_iter();
    calls
        .filter(|call| call.action == "RecordLifecycleActionHeartbeat" && call.is_ok())
        .count()
}

pub(crate) async fn waits_after_conflicts(stage: &Stage) -> Result<()> {
    let profile = stage.group(GROUP).await?;
    conflicts(stage)?;
    launch_with_failures(stage, &profile, &[]).await?;
    assert_eq!(heartbeats(stage), 0, "its hook is new");
    Ok(())
}

pub(crate) async fn goes_when_its_turn_comes(stage: &Stage) -> Result<()> {
    let mut profile = stage.scene.profile(GROUP);
    // A burst serves one launch, so the second one waits for some seconds.
    profile["requestRates"] = json!({
        "attachNetworkInterface": {"capacity": 5, "refillPerSecond": 5},
    });
    let profile = stage.group_with(GROUP, profile).await?;
    stage.scene.scale(GROUP, 2).await?;
    stage.in_service(GROUP, 2).await?;
    let executions = stage.ended(2).await?;
    for execution in &executions {
        stage.expect(execution, "SUCCEEDED", "NodeReady").await?;
    }
    assert_eq!(heartbeats(stage), 0, "a hook was extended after the wait");
    stage.at_rest(&[profile]).await
}

pub(crate) async fn waits_at_a_hook_not_ours(stage: &Stage) -> Result<()> {
    let mut profile = stage.scene.profile(GROUP);
    profile["hook"]["complete"] = json!(false);
    let profile = stage.group_with(GROUP, profile).await?;
    // One create is throttled until the function gives the plan back.
    let throttled = first_create(stage, FaultKind::Throttle)?;
    stage.local.inject(throttled.times(3));
    stage.scene.scale(GROUP, 1).await?;
    let executions = stage.ended(1).await?;
    let execution = executions.first().context("no execution")?;
    stage.expect(execution, "SUCCEEDED", "NodeReady").await?;
    assert_eq!(heartbeats(stage), 0, "a hook of others was extended");
    stage.at_rest(&[profile]).await
}

pub(crate) async fn continued_too_late(stage: &Stage) -> Result<()> {
    let profile = stage.group(GROUP).await?;
    let slow = FaultKind::Delay(Duration::from_secs(3));
    stage.local.inject(completion("CONTINUE", slow));
    stage.scene.scale(GROUP, 1).await?;
    stage
        .called(
            "CompleteLifecycleAction",
            ("LifecycleActionResult", "CONTINUE"),
        )
        .await?;
    let instances = stage
        .local
        .with_world(|world| world.autoscaling.states(GROUP));
    let instance = instances.keys().next().context("no instance")?;
    stage
        .scene
        .complete(GROUP, HOOK, instance, "ABANDON")
        .await?;
    let failures = [("LaunchAbandoned", "Hookline.LaunchGone")];
    launch_with_failures(stage, &profile, &failures)
        .await
        .map(drop)
}
