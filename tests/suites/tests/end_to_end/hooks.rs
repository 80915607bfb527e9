//! Hooks and groups that are somebody else's.

use anyhow::{Context as _, Result};
use hookline_domain::profile::Profile;
use hookline_local::autoscaling::LifecycleState;
use hookline_testkit::invariants;
use hookline_testkit::scene::{HOOK, HOOK_SECONDS};
use hookline_testkit::stage::Stage;
use serde_json::json;

use crate::{SMALL, as_aws_is};

#[tokio::test(flavor = "multi_thread")]
async fn group_that_the_profile_does_not_select_is_not_changed() -> Result<()> {
    let stage = Stage::set(as_aws_is(), &SMALL).await?;
    stage.scene.group("smf").await?;
    // A rule that matches the launches of every group.
    let pattern = json!({"source": ["aws.autoscaling"], "detail": {"LifecycleHookName": [HOOK]}});
    let profile = stage.scene.profile("upf");
    stage
        .deployment
        .rule_with_pattern("all", &pattern, &profile)
        .await?;
    stage.scene.scale("smf", 1).await?;
    for execution in stage.ended(1).await? {
        stage
            .expect(&execution, "SUCCEEDED", "NotForThisProfile")
            .await?;
        let reason = execution
            .output
            .and_then(|output| Some(output.pointer("/reason")?.as_str()?.to_owned()));
        let reason = reason.context("no reason")?;
        assert!(
            reason.contains("group smf, which the selector of profile upf does not cover"),
            "{reason}"
        );
    }
    stage.local.with_world(|world| {
        assert_eq!(world.autoscaling.completions(), []);
        let states = world.autoscaling.states("smf");
        assert!(
            states
                .values()
                .all(|state| *state == LifecycleState::PendingWait),
            "{states:?}"
        );
    });
    let changed = stage.local.calls().into_iter().find(|call| {
        call.user_agent.contains("app/Hookline") && !call.action.starts_with("Describe")
    });
    assert!(changed.is_none(), "{changed:?}");
    stage.deployment.shut_down().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn hook_of_another_owner_is_not_completed_after_the_node_is_ready() -> Result<()> {
    let stage = Stage::set(as_aws_is(), &SMALL).await?;
    let mut profile = stage.scene.profile("upf");
    profile["hook"]["complete"] = json!(false);
    let profile = stage.group_with("upf", profile).await?;
    stage.scene.scale("upf", 1).await?;
    let executions = stage.ended(1).await?;
    let execution = executions.first().context("no execution")?;
    stage.expect(execution, "SUCCEEDED", "NodeReady").await?;
    let instance = Stage::instance_of(execution)?;
    stage.local.with_world(|world| {
        assert_eq!(world.autoscaling.completions(), []);
        let node = world.ec2.instance(&instance).context("no instance")?;
        assert_eq!(
            invariants::differences(world, &profile, node),
            Vec::<String>::new()
        );
        anyhow::Ok(())
    })?;

    stage
        .scene
        .complete("upf", HOOK, &instance, "CONTINUE")
        .await?;
    stage.in_service("upf", 1).await?;
    stage.at_rest(&[profile]).await?;
    stage.deployment.shut_down().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn hooks_of_eks_and_hookline_are_completed_by_their_owners() -> Result<()> {
    const EKS_HOOK: &str = "Launch-LC-Hook";
    let stage = Stage::set(as_aws_is(), &SMALL).await?;
    stage.scene.group("upf").await?;
    let hook = stage.scene.autoscaling.put_lifecycle_hook();
    hook.auto_scaling_group_name("upf")
        .lifecycle_hook_name(EKS_HOOK)
        .lifecycle_transition("autoscaling:EC2_INSTANCE_LAUNCHING")
        .heartbeat_timeout(HOOK_SECONDS)
        .default_result("CONTINUE")
        .send()
        .await?;
    // By the group's name only, so that both hooks' events match: two events for one launch.
    let pattern = json!({"source": ["aws.autoscaling"], "detail": {"AutoScalingGroupName": ["upf"]},
        "detail-type": ["EC2 Instance-launch Lifecycle Action"]});
    let profile = stage.scene.profile("upf");
    stage
        .deployment
        .rule_with_pattern("upf", &pattern, &profile)
        .await?;
    stage.scene.scale("upf", 1).await?;
    let executions = stage.ended(2).await?;
    for execution in &executions {
        let eks =
            execution.input.pointer("/event/detail/LifecycleHookName") == Some(&json!(EKS_HOOK));
        let last = if eks {
            "NotForThisProfile"
        } else {
            "NodeReady"
        };
        stage.expect(execution, "SUCCEEDED", last).await?;
    }
    let instance = Stage::instance_of(executions.first().context("no execution")?)?;
    let state = stage
        .local
        .with_world(|world| world.autoscaling.states("upf").get(&instance).copied());
    assert_eq!(
        state,
        Some(LifecycleState::PendingWait),
        "the hook of EKS still holds it"
    );

    stage
        .scene
        .complete("upf", EKS_HOOK, &instance, "CONTINUE")
        .await?;
    stage.in_service("upf", 1).await?;
    stage.at_rest(&[Profile::read(profile)?]).await?;
    stage.deployment.shut_down().await;
    Ok(())
}
