//! Scenes in which somebody starts the executions: with an input that is wrong, after the launch is
//! over, or again.

use anyhow::{Context as _, Result};
use hookline_domain::profile::Profile;
use hookline_local::{Fault, World};
use hookline_testkit::scene::HOOK;
use hookline_testkit::stage::Stage;
use serde_json::{Value, json};

use crate::launches::heartbeats;
use crate::scenes::{GROUP, attach, completion, denied, error, first_create, listing};

/// A group without a rule and the launch event of its only instance.
async fn launched_by_hand(stage: &Stage) -> Result<(Value, Value)> {
    stage.scene.group(GROUP).await?;
    let event = stage.launch(GROUP).await?;
    Ok((event, stage.scene.profile(GROUP)))
}

/// Runs an execution that succeeds, and checks that all invariants hold then.
async fn succeeds(stage: &Stage, event: &Value, profile: Value, last: &str) -> Result<()> {
    let execution = stage.run(event, &profile).await?;
    stage.expect(&execution, "SUCCEEDED", last).await?;
    stage.at_rest(&[Profile::read(profile)?]).await
}

async fn fails(
    stage: &Stage,
    (event, profile): (&Value, &Value),
    last: &str,
    error: &str,
) -> Result<String> {
    let execution = stage.run(event, profile).await?;
    stage.expect(&execution, "FAILED", last).await?;
    assert_eq!(execution.error.as_deref(), Some(error), "{execution:#?}");
    execution.cause.context("no cause")
}

fn completions(stage: &Stage) -> usize {
    stage
        .local
        .with_world(|world| world.autoscaling.completions().len())
}

fn interfaces_of_ours(stage: &Stage) -> usize {
    let ours = hookline_domain::tags::own::INSTANCE_ID;
    stage.local.with_world(|world| {
        let interfaces = world.ec2.network_interfaces();
        interfaces
            .filter(|interface| interface.tags.contains_key(ours))
            .count()
    })
}

/// The instance of a launch's event.
fn instance_of(event: &Value) -> Result<&str> {
    let instance = event["detail"]["EC2InstanceId"].as_str();
    instance.context("no instance")
}

/// Fails because the instance is gone, and leaves nothing behind.
async fn is_abandoned_as_gone(stage: &Stage, event: Value, profile: Value) -> Result<()> {
    let input = (&event, &profile);
    fails(stage, input, "LaunchAbandoned", "Hookline.InstanceGone").await?;
    stage.at_rest(&[Profile::read(profile)?]).await
}

/// The launch event of an instance, as if its hook had begun long ago.
async fn launched_long_ago(stage: &Stage) -> Result<(Value, Value)> {
    let (mut event, profile) = launched_by_hand(stage).await?;
    event["time"] = json!("2026-01-02T03:04:05Z");
    Ok((event, profile))
}

/// Sixty instances are launched at once, and each is to get three calls of CreateTags. Of the executions for
/// two of them, the second finds that others come before it.
pub(crate) async fn tagged_in_turn(stage: &Stage) -> Result<()> {
    let (event, mut profile) = launched_by_hand(stage).await?;
    profile["slots"] = json!([]);
    profile["volumeTags"] = json!({"Team": "core"});
    profile["interfaceTags"] = json!({"Role": "node"});
    stage.scene.scale(GROUP, 60).await?;
    let launched = |world: &World| {
        let nodes = world.autoscaling.states(GROUP).into_keys();
        let order = |id: String| {
            let launched = world.ec2.instance(&id)?.launch_time;
            Some((world.kernel.timestamp_at(launched).as_second(), id))
        };
        nodes.filter_map(order).collect::<Vec<_>>()
    };
    let last = stage
        .local
        .with_world(|world| launched(world).into_iter().max());
    let mut of_last = event.clone();
    of_last["detail"]["EC2InstanceId"] = json!(last.context("no instance")?.1);
    for event in [event, of_last] {
        let execution = stage.run(&event, &profile).await?;
        stage.expect(&execution, "SUCCEEDED", "NodeReady").await?;
    }
    Ok(())
}

pub(crate) async fn extends_an_old_hook(stage: &Stage) -> Result<()> {
    let (event, profile) = launched_long_ago(stage).await?;
    succeeds(stage, &event, profile, "NodeReady").await?;
    assert_eq!(heartbeats(stage), 1, "once before it goes on");
    Ok(())
}

pub(crate) async fn cannot_extend_its_hook(stage: &Stage) -> Result<()> {
    let (event, profile) = launched_long_ago(stage).await?;
    let heartbeat = Fault::on("RecordLifecycleActionHeartbeat", denied());
    stage.local.inject(heartbeat.times(10));
    succeeds(stage, &event, profile, "NodeReady").await?;
    assert_eq!(
        stage.local.faults_left(),
        0,
        "each of ten tries was refused"
    );
    Ok(())
}

pub(crate) async fn left_behind(stage: &Stage) -> Result<()> {
    let (event, profile) = launched_by_hand(stage).await?;
    stage.no_replacements(GROUP).await?;
    stage.local.inject(attach("1", denied()));
    stage
        .local
        .inject(Fault::on("DeleteNetworkInterface", denied()));
    let cause = fails(
        stage,
        (&event, &profile),
        "InterfacesLeftBehind",
        "Hookline.InterfacesLeftBehind",
    )
    .await?;
    let instance = instance_of(&event)?;
    assert!(
        cause.contains(&format!(
            "interfaces tagged hookline:instance-id={instance} may be left"
        )),
        "{cause}"
    );

    is_abandoned_as_gone(stage, event, profile).await
}

pub(crate) async fn input_refused(stage: &Stage) -> Result<()> {
    let (event, mut profile) = launched_by_hand(stage).await?;
    profile["slots"][0]["deviceIndex"] = json!(0);
    let cause = fails(
        stage,
        (&event, &profile),
        "InputRefused",
        "Hookline.InvalidProfile",
    )
    .await?;
    assert!(cause.contains("profile.slots[0].deviceIndex"), "{cause}");
    assert_eq!(completions(stage), 0);

    // The state says: "Correct the profile and start again with the same event".
    succeeds(stage, &event, stage.scene.profile(GROUP), "NodeReady").await
}

pub(crate) async fn not_for_this_profile(stage: &Stage) -> Result<()> {
    let (event, _) = launched_by_hand(stage).await?;
    succeeds(
        stage,
        &event,
        stage.scene.profile("smf"),
        "NotForThisProfile",
    )
    .await?;
    assert_eq!(completions(stage), 0);
    Ok(())
}

pub(crate) async fn hook_not_ours(stage: &Stage) -> Result<()> {
    let (event, mut profile) = launched_by_hand(stage).await?;
    profile["hook"]["complete"] = json!(false);
    succeeds(stage, &event, profile, "NodeReady").await?;
    assert_eq!((interfaces_of_ours(stage), completions(stage)), (2, 0));
    Ok(())
}

pub(crate) async fn tags_only_at_a_hook_not_ours(stage: &Stage) -> Result<()> {
    let (event, mut profile) = launched_by_hand(stage).await?;
    profile["hook"]["complete"] = json!(false);
    profile["slots"] = json!([]);
    let execution = stage.run(&event, &profile).await?;
    stage.expect(&execution, "SUCCEEDED", "NodeReady").await?;
    let output = execution.output.context("no output")?;
    assert_eq!(output["outcome"], "NOT_OURS");
    let node = &output["node"];
    assert_eq!(node["instanceId"], event["detail"]["EC2InstanceId"]);
    assert!(node["name"].is_string(), "{node}");
    assert_eq!(completions(stage), 0);
    Ok(())
}

/// With the event that `adopt` creates. The profile's hook is Hookline's to complete, but this node
/// waits at no hook.
pub(crate) async fn adopted(stage: &Stage) -> Result<()> {
    let (launch, profile) = launched_by_hand(stage).await?;
    let instance = launch["detail"]["EC2InstanceId"]
        .as_str()
        .context("no instance")?;
    stage
        .scene
        .complete(GROUP, HOOK, instance, "CONTINUE")
        .await?;
    stage.in_service(GROUP, 1).await?;
    let mut event = launch.clone();
    event["source"] = json!("hookline");
    event["detail-type"] = json!("Hookline Adopt Node");
    event["detail"] = json!({"EC2InstanceId": instance, "AutoScalingGroupName": GROUP});

    let taken = error(
        400,
        "InvalidIPAddress.InUse",
        "The specified address is already in use.",
    );
    stage.local.inject(first_create(stage, taken)?);
    stage.local.inject(attach("2", denied()));
    let failed = (&event, &profile);
    let cause = fails(stage, failed, "NodeNotWired", "Hookline.AccessDenied").await?;
    assert!(cause.contains("start again with the same input"), "{cause}");
    stage.in_service(GROUP, 1).await?;
    assert_eq!(interfaces_of_ours(stage), 2, "nothing was taken away");

    let execution = stage.run(&event, &profile).await?;
    stage.expect(&execution, "SUCCEEDED", "NodeReady").await?;
    let output = execution.output.context("no output")?;
    assert_eq!(output["node"]["instanceId"], instance);
    assert_eq!(output["interfaces"][1]["deviceIndex"], 2, "{output}");
    let heartbeat = |call: &hookline_local::CallRecord| {
        call.action == "RecordLifecycleActionHeartbeat"
            || call.action == "CompleteLifecycleAction" && call.user_agent.contains("app/Hookline")
    };
    assert!(!stage.local.calls().iter().any(heartbeat));
    stage.at_rest(&[Profile::read(profile)?]).await
}

pub(crate) async fn failed_at_a_hook_not_ours(stage: &Stage) -> Result<()> {
    let (event, mut profile) = launched_by_hand(stage).await?;
    profile["hook"]["complete"] = json!(false);
    let denied_once = |fault| async {
        stage.local.inject(fault);
        let cause = fails(
            stage,
            (&event, &profile),
            "NodeNotWired",
            "Hookline.AccessDenied",
        )
        .await?;
        assert!(cause.contains("start again with the same input"), "{cause}");
        // Nothing decides between executions here: one may have attached what another created.
        assert_eq!((interfaces_of_ours(stage), completions(stage)), (2, 0));
        anyhow::Ok(())
    };
    denied_once(attach("2", denied())).await?;
    succeeds(stage, &event, profile.clone(), "NodeReady").await?;
    denied_once(listing(denied())).await?;
    stage.at_rest(&[Profile::read(profile.clone())?]).await
}

pub(crate) async fn gone_before_it_is_tagged(stage: &Stage) -> Result<()> {
    let (event, mut profile) = launched_by_hand(stage).await?;
    stage.no_replacements(GROUP).await?;
    // Only the instance's tags tell whether the profile selects the launch.
    profile["selector"] = json!({"tag": {"key": "multus", "value": GROUP}});
    let instance = instance_of(&event)?;
    stage
        .scene
        .ec2
        .terminate_instances()
        .instance_ids(instance)
        .send()
        .await?;
    is_abandoned_as_gone(stage, event, profile).await
}

pub(crate) async fn went_on(stage: &Stage) -> Result<()> {
    let (event, profile) = launched_by_hand(stage).await?;
    let instance = instance_of(&event)?;
    stage
        .scene
        .complete(GROUP, HOOK, instance, "CONTINUE")
        .await?;
    stage.in_service(GROUP, 1).await?;
    stage.local.inject(attach("2", denied()));
    let cause = fails(
        stage,
        (&event, &profile),
        "LaunchWentOn",
        "Hookline.AccessDenied",
    )
    .await?;
    assert!(
        cause.contains("check whether it has all its interfaces"),
        "{cause}"
    );
    assert_eq!(
        interfaces_of_ours(stage),
        2,
        "what hangs on a node in service stays"
    );

    succeeds(stage, &event, profile, "NodeReady").await
}

pub(crate) async fn hook_not_completed(stage: &Stage) -> Result<()> {
    let (event, profile) = launched_by_hand(stage).await?;
    for result in ["CONTINUE", "ABANDON"] {
        stage.local.inject(completion(result, denied()));
    }
    let cause = fails(
        stage,
        (&event, &profile),
        "HookNotCompleted",
        "Hookline.HookNotCompleted",
    )
    .await?;
    assert!(cause.contains("its hook could not be completed"), "{cause}");
    assert_eq!((interfaces_of_ours(stage), completions(stage)), (2, 0));

    succeeds(stage, &event, profile, "NodeReady").await?;
    stage.in_service(GROUP, 1).await
}
