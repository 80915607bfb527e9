//! EventBridge rules that start an execution for each launch.

use anyhow::{Result, ensure};
use hookline_local::LocalAws;
use serde_json::{Value, json};

use crate::json_api::json_call;
use crate::roles;

/// Puts the rule of a profile: a launch at its hook starts an execution with `{ event, profile }`.
/// The rule matches by hook name, and by group name if the profile selects groups by name.
///
/// # Errors
/// If the fake AWS refuses.
pub async fn put_rule(
    local: &LocalAws,
    state_machine: &str,
    name: &str,
    profile: &Value,
) -> Result<()> {
    let mut detail = json!({});
    if let Some(hook) = profile.pointer("/hook/name") {
        detail["LifecycleHookName"] = json!([hook]);
    }
    if let Some(groups) = profile.pointer("/selector/autoScalingGroupNames") {
        detail["AutoScalingGroupName"] = groups.clone();
    }
    let pattern = json!({
        "source": ["aws.autoscaling"],
        "detail-type": ["EC2 Instance-launch Lifecycle Action"],
        "detail": detail,
    });
    put_rule_with_pattern(local, state_machine, name, &pattern, profile).await
}

/// As [`put_rule`], with another event pattern.
///
/// # Errors
/// If the fake AWS refuses.
pub async fn put_rule_with_pattern(
    local: &LocalAws,
    state_machine: &str,
    name: &str,
    pattern: &Value,
    profile: &Value,
) -> Result<()> {
    json_call(
        local,
        "AWSEvents.PutRule",
        &json!({"Name": name, "EventPattern": pattern.to_string()}),
    )
    .await?;
    let template = format!("{{\"event\": <aws.events.event.json>, \"profile\": {profile}}}");
    let answer = json_call(
        local,
        "AWSEvents.PutTargets",
        &json!({
            "Rule": name,
            "Targets": [{
                "Id": "launch-node",
                "Arn": state_machine,
                "RoleArn": roles::of_rule_for(state_machine),
                "InputTransformer": {"InputTemplate": template},
            }],
        }),
    )
    .await?;
    ensure!(answer["FailedEntryCount"] == 0, "PutTargets: {answer}");
    Ok(())
}
