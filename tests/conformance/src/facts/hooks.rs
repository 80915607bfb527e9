//! Lifecycle hooks: the waiting state, completions, heartbeats, time-outs.

use anyhow::{Context as _, Result};

use super::fact;
use crate::clients::refusal;
use crate::fact::{Expected, Fact, Observed, yes};
use crate::stage::Stage;

/// The message of an action that has ended.
const OVER: &[&str] = &["No active Lifecycle Action found"];

pub(super) const FACTS: &[Fact] = &[
    fact!(
        instance_waits_at_its_launch_hook_and_goes_in_service_after_continue,
        "A launching instance waits in Pending:Wait until its hook is completed with CONTINUE, and then goes InService.",
        HOOKS,
        Group,
        Expected::values(&[("before", "Pending:Wait"), ("after", "InService")])
    ),
    fact!(
        group_tags_are_on_the_instance_while_it_waits,
        "An instance of a group has the tag aws:autoscaling:groupName and the group's propagated tags while it waits.",
        GROUP_TAGS,
        Group,
        Expected::values(&[
            ("aws:autoscaling:groupName", "yes"),
            ("tag of the run", "yes")
        ])
    ),
    fact!(
        heartbeat_of_an_active_action_is_accepted,
        "RecordLifecycleActionHeartbeat is accepted while the action is active.",
        HEARTBEAT,
        Group,
        Expected::values(&[])
    ),
    fact!(
        completion_by_the_token_of_the_event_is_accepted,
        "CompleteLifecycleAction takes the token of the event.",
        COMPLETE,
        Group,
        Expected::values(&[])
    ),
    fact!(
        second_completion_by_the_token_is_refused,
        "A completion of an action that is over is refused, by its token.",
        COMPLETED_REPORT,
        Group,
        Expected::refusal(&["ValidationError"]).with_words(OVER)
    ),
    fact!(
        second_completion_by_the_instance_is_refused,
        "A completion of an action that is over is refused, by its instance.",
        COMPLETED_REPORT,
        Group,
        Expected::refusal(&["ValidationError"]).with_words(OVER)
    ),
    fact!(
        heartbeat_after_the_end_is_refused,
        "A heartbeat of an action that is over is refused.",
        HEARTBEAT,
        Group,
        Expected::refusal(&["ValidationError"]).with_words(OVER)
    ),
    fact!(
        completion_at_an_unknown_hook_is_refused,
        "A completion at a hook that the group does not have is refused.",
        COMPLETE,
        Group,
        Expected::refusal(&["ValidationError"]).with_words(&[
            "No Lifecycle Hook found",
            "No active Lifecycle Action found"
        ])
    ),
    fact!(
        completion_in_an_unknown_group_is_refused,
        "A completion in a group that does not exist is refused.",
        COMPLETE,
        Group,
        Expected::refusal(&["ValidationError"]).with_words(&[
            "AutoScalingGroup name not found",
            "No active Lifecycle Action found"
        ])
    ),
    fact!(
        heartbeat_timeout_is_30_to_7200_seconds,
        "PutLifecycleHook refuses a heartbeat timeout below 30 or above 7,200 seconds.",
        PUT_HOOK,
        Group,
        Expected::refusal(&["ValidationError"])
            .with_values(&[("29", "refused"), ("7201", "refused")])
    ),
    fact!(
        global_timeout_is_100_heartbeats_and_at_most_48_hours,
        "The global timeout of a hook is 100 times its heartbeat timeout, at most 172,800 seconds.",
        HOOK,
        Group,
        Expected::values(&[("of 30 s", "3000"), ("of 7200 s", "172800")])
    ),
];

async fn instance_waits_at_its_launch_hook_and_goes_in_service_after_continue(
    stage: &Stage,
) -> Result<Observed> {
    let story = stage.story().await?;
    Ok(Observed::new()
        .value("before", &story.waiting_state)
        .value("after", &story.final_state))
}

async fn group_tags_are_on_the_instance_while_it_waits(stage: &Stage) -> Result<Observed> {
    let story = stage.story().await?;
    let has = |key: &str, value: &str| {
        let mut tags = story.tags.iter();
        yes(tags.any(|(of, is)| of == key && is == value))
    };
    Ok(Observed::new()
        .value(
            "aws:autoscaling:groupName",
            has("aws:autoscaling:groupName", &stage.name()),
        )
        .value("tag of the run", has(crate::stage::TAG, &stage.run)))
}

async fn heartbeat_of_an_active_action_is_accepted(stage: &Stage) -> Result<Observed> {
    Ok(stage.story().await?.heartbeat.clone())
}

async fn completion_by_the_token_of_the_event_is_accepted(stage: &Stage) -> Result<Observed> {
    Ok(stage.story().await?.completion.clone())
}

async fn second_completion_by_the_token_is_refused(stage: &Stage) -> Result<Observed> {
    Ok(stage.story().await?.again_by_token.clone())
}

async fn second_completion_by_the_instance_is_refused(stage: &Stage) -> Result<Observed> {
    Ok(stage.story().await?.again_by_instance.clone())
}

async fn heartbeat_after_the_end_is_refused(stage: &Stage) -> Result<Observed> {
    Ok(stage.story().await?.late_heartbeat.clone())
}

async fn completion_at_an_unknown_hook_is_refused(stage: &Stage) -> Result<Observed> {
    Ok(stage.story().await?.unknown_hook.clone())
}

async fn completion_in_an_unknown_group_is_refused(stage: &Stage) -> Result<Observed> {
    Ok(stage.story().await?.unknown_group.clone())
}

/// Puts a second hook on the group, for terminating instances, so that no launch waits at it.
async fn put_hook(stage: &Stage, name: &str, heartbeat: i32) -> Result<Observed> {
    let call = stage.clients.autoscaling.put_lifecycle_hook();
    let call = call
        .auto_scaling_group_name(stage.name())
        .lifecycle_hook_name(name)
        .lifecycle_transition("autoscaling:EC2_INSTANCE_TERMINATING")
        .default_result("CONTINUE")
        .heartbeat_timeout(heartbeat);
    refusal(call.send().await)
}

async fn delete_hook(stage: &Stage, name: &str) -> Result<()> {
    let call = stage.clients.autoscaling.delete_lifecycle_hook();
    let call = call.auto_scaling_group_name(stage.name());
    let call = call.lifecycle_hook_name(name);
    call.send().await.context("DeleteLifecycleHook")?;
    Ok(())
}

async fn heartbeat_timeout_is_30_to_7200_seconds(stage: &Stage) -> Result<Observed> {
    const NAME: &str = "conformance-timeout";
    stage.story().await?;
    let short = put_hook(stage, NAME, 29).await?;
    let long = put_hook(stage, NAME, 7201).await?;
    let said = |answer: &Observed| match answer.code {
        None => "accepted",
        Some(_) => "refused",
    };
    let (of_short, of_long) = (said(&short), said(&long));
    if [of_short, of_long].contains(&"accepted") {
        delete_hook(stage, NAME).await?;
    }
    Ok(short.value("29", of_short).value("7201", of_long))
}

async fn global_timeout_is_100_heartbeats_and_at_most_48_hours(stage: &Stage) -> Result<Observed> {
    const NAME: &str = "conformance-global";
    stage.story().await?;
    let mut observed = Observed::new();
    for heartbeat in [30, 7200] {
        let put = put_hook(stage, NAME, heartbeat).await?;
        if put.code.is_some() {
            return Ok(put);
        }
        let call = stage.clients.autoscaling.describe_lifecycle_hooks();
        let call = call.auto_scaling_group_name(stage.name());
        let hooks = call.lifecycle_hook_names(NAME).send().await;
        let hooks = hooks.context("DescribeLifecycleHooks")?;
        let hook = hooks.lifecycle_hooks().first().context("no hook")?;
        let global = hook.global_timeout().unwrap_or_default();
        observed = observed.value(&format!("of {heartbeat} s"), global);
    }
    delete_hook(stage, NAME).await?;
    Ok(observed)
}
