//! An update that CloudFormation rolls back while nodes launch. Launches that began before and after it
//! end ready. One that began in between has lost its versions of the functions; the deployed reconcile
//! abandons it, and its replacement ends ready (docs/adr/0027).
//!
//! The template gets a wait condition that comes after everything else, and waits for a signal. So the
//! update has changed all and is not over when a launch begins. A failure as the signal rolls it back
//! (CloudFormation User Guide, "Choose how to handle failures when provisioning resources").

use std::process::Output;

use anyhow::{Context as _, Result, anyhow, ensure};
use hookline_testkit::ministack::Ministack;
use hookline_testkit::stage::LIMIT;
use hookline_testkit::wait::wait_for;
use serde_json::{Value, json};

use crate::app::App;
use crate::stack::{
    carry_over_hook, carry_over_roles, carry_over_rules, every_call_had_a_role, nothing_is_left,
    stack_is,
};
use crate::updates::{LOSES_ITS_HOOK, STACK, STAYS, Updated};

/// The resource that fails.
const NEVER_READY: &str = "NeverReady";

#[tokio::test(flavor = "multi_thread")]
async fn launch_that_a_roll_back_overtakes_is_abandoned_and_replaced_and_no_other() -> Result<()> {
    let updated = Updated::set("roll_back").await?;
    let (stage, ministack) = (&updated.stage, &updated.ministack);
    let first = updated.configuration();
    let second = updated.with_new_field();
    let app = updated.app(&first, 0)?;
    app.bootstrap(ministack).await?;
    app.deploy(ministack).await?;
    carry_over_hook(ministack, &stage.scene, STAYS).await?;
    carry_over_hook(ministack, &stage.scene, LOSES_ITS_HOOK).await?;
    carry_over_roles(ministack, &stage.local).await?;
    ensure!(carry_over_rules(ministack, &stage.scene).await? == 3);

    updated.hold_back_launches();
    stage.scene.scale(STAYS, 1).await?;
    let before = updated.begun(1).await?;

    let next = updated.app(&second, 1)?;
    next.synthesise(ministack).await?;
    never_gets_ready(&next)?;
    let mut deployment = next.deploy_synthesised(ministack);
    let deployment = deployment.kill_on_drop(true).output();
    tokio::pin!(deployment);
    tokio::select! {
        under_way = is_being_created(ministack, NEVER_READY) => under_way?,
        deployed = &mut deployment => return Err(ended(&deployed?)),
    }
    carry_over_roles(ministack, &stage.local).await?;
    ensure!(carry_over_rules(ministack, &stage.scene).await? == 3);
    stage.scene.scale(STAYS, 2).await?;
    let during = updated.begun(2).await?;
    // Its replacement comes when all is as before, as the rules are carried over after the roll back.
    stage.no_replacements(STAYS).await?;

    let signal = ["signal-resource", "--stack-name", STACK, "--unique-id", "1"];
    let failure = ["--logical-resource-id", NEVER_READY, "--status", "FAILURE"];
    let call = [&["cloudformation"][..], &signal, &failure].concat();
    ministack.aws(&call).await?;
    let deployed = tokio::time::timeout(LIMIT, deployment).await??;
    let said = String::from_utf8_lossy(&deployed.stderr);
    ensure!(!deployed.status.success(), "the update succeeded: {said}");
    ensure!(said.contains(NEVER_READY), "{said}");
    stack_is(ministack, STACK, "UPDATE_ROLLBACK_COMPLETE").await?;
    carry_over_roles(ministack, &stage.local).await?;
    ensure!(carry_over_rules(ministack, &stage.scene).await? == 3);
    stage.scene.scale(STAYS, 3).await?;
    let resumed = stage.scene.autoscaling.resume_processes();
    resumed.auto_scaling_group_name(STAYS).send().await?;
    updated.begun(3).await?;

    stage.local.clear_faults();
    stage.in_service(STAYS, 3).await?;
    let executions = stage.ended(4).await?;
    ensure!(executions.len() == 4, "{executions:#?}");
    for execution in executions {
        let is_overtaken = during.contains(&execution.arn) && !before.contains(&execution.arn);
        let (version, status, state) = match is_overtaken {
            true => (2, "FAILED", "HookNotCompleted"),
            false => (1, "SUCCEEDED", "NodeReady"),
        };
        let execution = updated.ended_with(&execution.arn, version).await?;
        stage.expect(&execution, status, state).await?;
    }
    updated.at_rest(&first, 3).await?;
    every_call_had_a_role(&stage.local)?;
    app.destroy(ministack).await?;
    nothing_is_left(ministack).await?;
    updated.end().await
}

/// Adds the wait condition to the synthesised template, after every other resource.
fn never_gets_ready(app: &App) -> Result<()> {
    let file = app.assembly().join(format!("{STACK}.template.json"));
    let mut template: Value = serde_json::from_slice(&std::fs::read(&file)?)?;
    let resources = template["Resources"].as_object_mut();
    let resources = resources.context("no resources")?;
    let others: Vec<String> = resources.keys().cloned().collect();
    resources.insert(
        NEVER_READY.to_owned(),
        json!({
            "Type": "AWS::CloudFormation::WaitCondition",
            "CreationPolicy": {"ResourceSignal": {"Count": 1, "Timeout": "PT10M"}},
            "DependsOn": others,
        }),
    );
    Ok(std::fs::write(&file, template.to_string())?)
}

/// Waits until a resource of the stack is being created.
async fn is_being_created(ministack: &Ministack, resource: &str) -> Result<()> {
    let call = [
        "cloudformation",
        "describe-stack-events",
        "--stack-name",
        STACK,
    ];
    wait_for(LIMIT, "the last resource of the update", async || {
        let answer = ministack.aws(&call).await?;
        let events = answer["StackEvents"].as_array().into_iter().flatten();
        let mut of_resource = events.filter(|event| event["LogicalResourceId"] == resource);
        let newest = of_resource.next();
        // ministack says UPDATE_IN_PROGRESS of a resource that an update creates.
        let status = newest.and_then(|event| event["ResourceStatus"].as_str());
        Ok(status.filter(|it| it.ends_with("_IN_PROGRESS")).map(drop))
    })
    .await
}

/// Why an update ended before it was to.
fn ended(deployed: &Output) -> anyhow::Error {
    let said = String::from_utf8_lossy(&deployed.stderr);
    anyhow!("the update ended: {}\n{said}", deployed.status)
}
