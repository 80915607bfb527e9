//! Rules and hooks that are wrong.

use anyhow::{Context, Result, ensure};
use hookline_testkit::json_api::json_call;
use hookline_testkit::roles;
use hookline_testkit::scene::HOOK;
use hookline_testkit::stage::Stage;
use serde_json::{Value, json};

use crate::{
    check_lines, commands, explained, mend, no_trouble, replay, run_to_end, schedule_reconcile,
    shell, shell_after, stage, texts, trouble, trouble_that_says, waiting,
};

/// The role that a finding's command finds. The fake IAM has no trust policies, so the CLI's query is run by JMESPath, as
/// the CLI does, on an answer in the form of its reference (AWS CLI Command Reference, iam list-roles).
async fn role_that_is_found(stage: &Stage, cause: &Value) -> Result<String> {
    let find = commands(cause, "aws iam list-roles");
    let find = find.first().context("no command")?;
    let role = roles::of_rule_for(&stage.deployment.state_machine_arn).context("no role")?;
    let trusted = |arn: &str, service: &str| {
        let statement = json!({
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": "sts:AssumeRole",
        });
        let document = json!({"Version": "2012-10-17", "Statement": [statement]});
        json!({"RoleName": "role", "Arn": arn, "AssumeRolePolicyDocument": document})
    };
    let answer = json!({"Roles": [
        trusted("arn:aws:iam::123456789012:role/of-a-function", "lambda.amazonaws.com"),
        trusted(&role, "events.amazonaws.com"),
    ]});
    // Neither has a single quote.
    let program = format!(
        "import json, jmespath, sys\n\
         query = sys.argv[sys.argv.index(\"--query\") + 1]\n\
         print(\"\\t\".join(jmespath.search(query, json.loads({:?}))))",
        answer.to_string()
    );
    let answers = format!("aws() {{ python3 -c '{program}' \"$@\"; }}");
    let found = shell_after(stage, &answers, find).await?;
    ensure!(found.trim() == role, "{found} of {find}");
    Ok(role)
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_without_a_target_gets_it_back_and_the_launch_is_replayed() -> Result<()> {
    let stage = stage().await?;
    stage.group("upf").await?;
    let targets = json!({"Rule": "upf", "Ids": ["launch-node"]});
    json_call(&stage.local, "AWSEvents.RemoveTargets", &targets).await?;
    stage.scene.scale("upf", 1).await?;
    let instance = waiting(&stage).await?;

    trouble(&stage, "rule-without-target").await?;
    let (launch, cause) = explained(&stage, &instance, "rule-without-target").await?;
    assert!(
        texts(&cause).contains("The rule upf has no target"),
        "{cause:#}"
    );
    assert_eq!(launch["executions"], json!([]), "{launch:#}");
    let put = commands(&cause, "aws events put-targets");
    let put = put.first().context("no command")?;
    let role = role_that_is_found(&stage, &cause).await?;
    shell(&stage, &put.replace("ROLE_ARN", &role)).await?;
    no_trouble(&stage, "rule-without-target").await?;
    replay(&stage, &launch).await?;
    stage.in_service("upf", 1).await?;

    // The rule starts executions again.
    stage.scene.scale("upf", 2).await?;
    stage.in_service("upf", 2).await?;
    stage.deployment.shut_down().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_that_was_deleted_is_put_back_with_its_target() -> Result<()> {
    let stage = stage().await?;
    stage.group("upf").await?;
    schedule_reconcile(&stage, &stage.scene.profile("upf")).await?;
    let targets = json!({"Rule": "upf", "Ids": ["launch-node"]});
    json_call(&stage.local, "AWSEvents.RemoveTargets", &targets).await?;
    json_call(
        &stage.local,
        "AWSEvents.DeleteRule",
        &json!({"Name": "upf"}),
    )
    .await?;

    let gone = trouble(&stage, "no-rule").await?;
    let role = role_that_is_found(&stage, &gone).await?;
    mend(&stage, &gone, "aws events put-rule").await?;
    let put = commands(&gone, "aws events put-targets");
    let put = put.first().context("no command")?;
    shell(&stage, &put.replace("ROLE_ARN", &role)).await?;
    no_trouble(&stage, "no-rule").await?;
    stage.scene.scale("upf", 1).await?;
    stage.in_service("upf", 1).await?;
    stage.deployment.shut_down().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn launches_of_a_group_that_no_profile_covers_are_told_and_go_on_without_the_hook()
-> Result<()> {
    let stage = stage().await?;
    stage.group("upf").await?;
    stage.scene.group("upf-v2").await?;
    stage.scene.scale("upf-v2", 1).await?;
    let told = trouble_that_says(&stage, "no-rule", &["upf-v2", "1 launch waits now"]).await?;
    assert_eq!(told["group"], "upf-v2", "{told:#}");
    let (code, text) = run_to_end(&stage, "check").await?;
    check_lines(&text)?;
    let says = "No profile of the deployment covers the group upf-v2";
    assert!(code == 1 && text.contains(says), "{text}");
    // Its nodes need no interfaces.
    mend(&stage, &told, "aws autoscaling delete-lifecycle-hook").await?;
    stage.in_service("upf-v2", 1).await?;
    no_trouble(&stage, "no-rule").await?;
    stage.deployment.shut_down().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn disabled_rule_and_hook_with_continue_and_sixty_seconds_are_put_right() -> Result<()> {
    let stage = stage().await?;
    stage.group("upf").await?;
    let rule = json!({"Name": "upf"});
    json_call(&stage.local, "AWSEvents.DisableRule", &rule).await?;
    stage
        .scene
        .autoscaling
        .put_lifecycle_hook()
        .auto_scaling_group_name("upf")
        .lifecycle_hook_name(HOOK)
        .heartbeat_timeout(60)
        .default_result("CONTINUE")
        .send()
        .await?;
    let disabled = trouble(&stage, "rule-disabled").await?;
    let unsafe_hook = trouble(&stage, "hook-unsafe").await?;
    let words = texts(&unsafe_hook);
    assert!(
        words.contains("CONTINUE and a heartbeat timeout of 60 s"),
        "{words}"
    );
    // Nobody answers the hook, so it is not made to abandon launches.
    let puts = commands(&unsafe_hook, "aws autoscaling put-lifecycle-hook");
    assert!(puts.is_empty(), "{puts:?}");
    mend(&stage, &disabled, "aws events enable-rule").await?;
    let unsafe_hook = trouble(&stage, "hook-unsafe").await?;
    mend(&stage, &unsafe_hook, "aws autoscaling put-lifecycle-hook").await?;
    no_trouble(&stage, "rule-disabled").await?;
    no_trouble(&stage, "hook-unsafe").await?;
    stage.scene.scale("upf", 1).await?;
    stage.in_service("upf", 1).await?;
    stage.deployment.shut_down().await;
    Ok(())
}
