//! The CDK app deployed by `cdk deploy`, through CloudFormation, to a second AWS on this machine; and a launch that goes
//! through what was deployed: rule, state machine, function binaries.
//!
//! Real here: the CDK's command line, the template with every resource in it, its assets, the rule's pattern and input
//! transformer, the state machine's definition as it was deployed, the function binaries (debug builds, in the zips that
//! the template names).
//!
//! Not as on AWS: ministack answers CloudFormation, IAM, S3, Step Functions and Lambda, and checks no permission. Its
//! engine for state machines ignores `JitterStrategy`, `MaxDelaySeconds` and the machine's `TimeoutSeconds`. It takes no
//! event from `aws.autoscaling`, and has no lifecycle hooks to make one; so the deployed rule, its target and the deployed
//! hook are read back from ministack and put, as they are, into the simulated AWS of this repository, which has both. The
//! functions call EC2 and Auto Scaling there too: ministack's environment names the endpoints, which its functions inherit.
//!
//! Needs HOOKLINE_FUNCTIONS_DIR, HOOKLINE_PYTHON and HOOKLINE_CDK, which `cargo xtask test` sets; fails without.

// JSON is indexed by name here, which gives null where nothing is.
#![allow(clippy::indexing_slicing)]

mod app;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use hookline::domain::profile::Profile;
use hookline_local::eventbridge::Disturbance;
use hookline_local::server::Server;
use hookline_local::{Fault, FaultKind, LocalAws, Settings};
use hookline_tests::deployment::{Deployment, Tools, json_call, wait_for};
use hookline_tests::ministack::Ministack;
use hookline_tests::scene::{HOOK, Scene, Size};
use hookline_tests::stage::{LIMIT, Stage};
use serde_json::{Value, json};

use crate::app::App;

/// The name of the stack that the app makes.
const STACK: &str = "Hookline";
const GROUP: &str = "upf";

/// What was deployed, and the world that its functions see.
struct Deployed {
    stage: Stage,
    ministack: Ministack,
    app: App,
    profile: Value,
}

// One test, as a deployment takes half a minute.
#[tokio::test(flavor = "multi_thread")]
async fn what_cdk_deploys_wires_nodes_mends_what_goes_wrong_and_can_be_removed() -> Result<()> {
    let deployed = deploy().await?;
    let profiles = [Profile::read(deployed.profile.clone())?];
    a_launch_goes_from_its_event_to_in_service(&deployed).await?;
    deployed.stage.at_rest(&profiles).await?;
    a_launch_without_an_event_is_found_by_reconcile(&deployed).await?;
    deployed.stage.at_rest(&profiles).await?;
    a_launch_whose_execution_is_stopped_is_abandoned_by_reconcile(&deployed).await?;
    deployed.stage.at_rest(&profiles).await?;

    let Deployed {
        stage,
        ministack,
        app,
        ..
    } = deployed;
    app.destroy(&ministack).await?;
    nothing_is_left(&ministack).await?;
    stage.deployment.shut_down().await;
    ministack.shut_down().await
}

async fn deploy() -> Result<Deployed> {
    let tools = Tools::from_environment()?;
    let folder = folder("launch")?;
    let local = LocalAws::new(Settings::default());
    let server = Server::start(&local, 0).await?;
    let ministack = Ministack::start(&tools.python, &folder, &server.url()).await?;
    let scene = Scene::build(local.clone(), &Size::default()).await?;

    let zips = folder.join("functions");
    zip_functions(&ministack, &tools, &zips).await?;
    let profile = scene.profile(GROUP);
    let app = App::new(&folder, &json!({"functions": zips, "profiles": [profile]}))?;
    app.deploy(&ministack).await?;
    every_resource_is_there(&ministack).await?;

    let machine = output(&ministack, "StateMachineArn").await?;
    let deployment =
        Deployment::made_elsewhere(local.clone(), server, ministack.address(), machine);
    let stage = Stage {
        local,
        deployment,
        scene,
    };
    stage.scene.group(GROUP).await?;
    carry_over_hooks(&ministack, &stage).await?;
    carry_over_rules(&ministack, &stage).await?;
    Ok(Deployed {
        stage,
        ministack,
        app,
        profile,
    })
}

async fn a_launch_goes_from_its_event_to_in_service(deployed: &Deployed) -> Result<()> {
    let stage = &deployed.stage;
    stage.scene.scale(GROUP, 1).await?;
    stage.in_service(GROUP, 1).await?;
    let executions = stage.ended(1).await?;
    ensure!(executions.len() == 1, "{executions:#?}");
    stage
        .expect(&executions[0], "SUCCEEDED", "NodeReady")
        .await?;
    ensure!(executions[0].input["profile"] == deployed.profile);
    Ok(())
}

/// The event is lost. A round of the deployed reconcile, with the input of its deployed schedule, starts the execution.
async fn a_launch_without_an_event_is_found_by_reconcile(deployed: &Deployed) -> Result<()> {
    let stage = &deployed.stage;
    let lost = Disturbance::drop().containing(HOOK).times(1);
    stage.local.eventbridge().disturb(lost);
    stage.scene.scale(GROUP, 2).await?;
    let schedule = schedule_of_reconcile(&deployed.ministack).await?;
    let mut payload: Value = serde_json::from_str(schedule["Input"].as_str().context("no Input")?)?;
    // Not two minutes: nobody else starts this one.
    payload["limits"]["launchAgeSeconds"] = json!(0);

    // EC2 may not show the instance in the first rounds.
    wait_for(LIMIT, "a round that starts the launch", async || {
        let report = deployed
            .ministack
            .invoke(schedule["Arn"].as_str().context("no Arn")?, &payload)
            .await?;
        let started = report["started"].as_array().context("no list")?;
        Ok((started.len() == 1).then_some(()))
    })
    .await?;
    stage.in_service(GROUP, 2).await?;
    let executions = stage.ended(2).await?;
    ensure!(executions.len() == 2, "{executions:#?}");
    let last = executions.last().context("no execution")?;
    ensure!(last.arn.contains(":reconcile-i-"), "{}", last.arn);
    stage.expect(last, "SUCCEEDED", "NodeReady").await
}

/// Somebody stops an execution while EC2 throttles it. Its end is an event of ministack's own, which the deployed rule
/// takes to the deployed reconcile; that abandons the launch.
async fn a_launch_whose_execution_is_stopped_is_abandoned_by_reconcile(
    deployed: &Deployed,
) -> Result<()> {
    let stage = &deployed.stage;
    stage
        .local
        .inject(Fault::on("CreateNetworkInterface", FaultKind::Throttle).always());
    stage.scene.scale(GROUP, 3).await?;
    let execution = wait_for(LIMIT, "an execution that EC2 throttles", async || {
        let mut executions = stage.deployment.executions().await?;
        executions.retain(|one| one.status == "RUNNING");
        Ok(executions.pop())
    })
    .await?;
    let instance = Stage::instance_of(&execution)?;
    stage.no_replacements(GROUP).await?;
    let stop = json!({"executionArn": execution.arn});
    json_call(&stage.local, "AWSStepFunctions.StopExecution", &stop).await?;

    stage
        .called("CompleteLifecycleAction", ("InstanceId", &instance))
        .await?;
    let what = format!("{instance} to leave the group");
    wait_for(LIMIT, &what, async || {
        let states = stage
            .local
            .with_world(|world| world.autoscaling.states(GROUP));
        Ok((!states.contains_key(&instance)).then_some(()))
    })
    .await?;
    stage.local.clear_faults();
    let execution = stage.deployment.describe(&execution.arn).await?;
    ensure!(execution.status == "ABORTED", "{execution:#?}");
    Ok(())
}

/// An empty folder for one deployment; what an earlier run left there is removed.
fn folder(name: &str) -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("deployed")
        .join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

async fn zip_functions(ministack: &Ministack, tools: &Tools, folder: &Path) -> Result<()> {
    let names = [
        "tag-node",
        "plan-interfaces",
        "create-interfaces",
        "attach-interfaces",
        "complete-hook",
        "release-interfaces",
        "reconcile",
    ];
    let output = ministack
        .client(&tools.python)
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/deployed/zip_functions.py"
        ))
        .arg(folder)
        .args(names.map(|name| tools.functions.join(name)))
        .output()
        .await?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// Fails unless the stack and each of its resources is CREATE_COMPLETE.
async fn every_resource_is_there(ministack: &Ministack) -> Result<()> {
    let answer = ministack
        .aws(&[
            "cloudformation",
            "describe-stack-resources",
            "--stack-name",
            STACK,
        ])
        .await?;
    let resources = answer["StackResources"].as_array().context("no list")?;
    let mut statuses: BTreeMap<&str, usize> = BTreeMap::new();
    for resource in resources {
        let status = resource["ResourceStatus"].as_str().unwrap_or_default();
        *statuses.entry(status).or_default() += 1;
    }
    ensure!(
        statuses.len() == 1 && statuses.contains_key("CREATE_COMPLETE"),
        "{statuses:?} {answer:#}"
    );
    Ok(())
}

/// An output of the stack.
async fn output(ministack: &Ministack, name: &str) -> Result<String> {
    let answer = ministack
        .aws(&["cloudformation", "describe-stacks", "--stack-name", STACK])
        .await?;
    let outputs = answer["Stacks"][0]["Outputs"].as_array();
    outputs
        .into_iter()
        .flatten()
        .find(|output| output["OutputKey"] == name)
        .and_then(|output| output["OutputValue"].as_str())
        .map(str::to_owned)
        .with_context(|| format!("no output {name}: {answer:#}"))
}

/// Puts the deployed lifecycle hooks of the group into the simulated Auto Scaling.
async fn carry_over_hooks(ministack: &Ministack, stage: &Stage) -> Result<()> {
    let answer = ministack
        .aws(&[
            "autoscaling",
            "describe-lifecycle-hooks",
            "--auto-scaling-group-name",
            GROUP,
        ])
        .await?;
    let hooks = answer["LifecycleHooks"].as_array().context("no list")?;
    ensure!(
        hooks.len() == 1 && hooks[0]["LifecycleHookName"] == HOOK,
        "{answer:#}"
    );
    for hook in hooks {
        let seconds = hook["HeartbeatTimeout"].as_i64().context("no timeout")?;
        stage
            .scene
            .autoscaling
            .put_lifecycle_hook()
            .auto_scaling_group_name(GROUP)
            .lifecycle_hook_name(HOOK)
            .lifecycle_transition(hook["LifecycleTransition"].as_str().unwrap_or_default())
            .heartbeat_timeout(i32::try_from(seconds)?)
            .default_result(hook["DefaultResult"].as_str().unwrap_or_default())
            .send()
            .await
            .context("PutLifecycleHook")?;
    }
    Ok(())
}

/// Puts the deployed rules for Auto Scaling's events, with their targets, into the simulated EventBridge.
async fn carry_over_rules(ministack: &Ministack, stage: &Stage) -> Result<()> {
    let answer = ministack.aws(&["events", "list-rules"]).await?;
    let mut carried = 0;
    for rule in answer["Rules"].as_array().into_iter().flatten() {
        let Some(pattern) = rule["EventPattern"].as_str() else {
            continue;
        };
        if serde_json::from_str::<Value>(pattern)?["source"] != json!(["aws.autoscaling"]) {
            continue;
        }
        let name = rule["Name"].as_str().context("a rule without a name")?;
        let put = json!({"Name": name, "EventPattern": pattern, "State": rule["State"]});
        json_call(&stage.local, "AWSEvents.PutRule", &put).await?;
        let targets = ministack
            .aws(&["events", "list-targets-by-rule", "--rule", name])
            .await?;
        let put = json!({"Rule": name, "Targets": targets["Targets"]});
        let answer = json_call(&stage.local, "AWSEvents.PutTargets", &put).await?;
        ensure!(answer["FailedEntryCount"] == 0, "PutTargets: {answer}");
        carried += 1;
    }
    ensure!(carried == 1, "{carried} rules for launches: {answer:#}");
    Ok(())
}

/// The target of the deployed schedule.
async fn schedule_of_reconcile(ministack: &Ministack) -> Result<Value> {
    let answer = ministack.aws(&["events", "list-rules"]).await?;
    let rule = answer["Rules"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|rule| rule["ScheduleExpression"].is_string())
        .with_context(|| format!("no schedule: {answer:#}"))?;
    let name = rule["Name"].as_str().context("a rule without a name")?;
    let mut answer = ministack
        .aws(&["events", "list-targets-by-rule", "--rule", name])
        .await?;
    ensure!(answer["Targets"][0]["Input"].is_string(), "{answer:#}");
    Ok(answer["Targets"][0].take())
}

/// Fails unless the stack is gone, and with it all functions, state machines, rules, queues and hooks.
async fn nothing_is_left(ministack: &Ministack) -> Result<()> {
    let stacks = ministack
        .aws(&["cloudformation", "describe-stacks"])
        .await?;
    let stacks: Vec<&Value> = stacks["Stacks"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|stack| &stack["StackName"])
        .collect();
    // The CDK's own, which is the account's and not Hookline's.
    ensure!(stacks == [&json!("CDKToolkit")], "{stacks:?}");
    for (call, list) in [
        (["lambda", "list-functions"], "Functions"),
        (["stepfunctions", "list-state-machines"], "stateMachines"),
        (["events", "list-rules"], "Rules"),
        (["sqs", "list-queues"], "QueueUrls"),
        (["cloudwatch", "describe-alarms"], "MetricAlarms"),
        (["logs", "describe-log-groups"], "logGroups"),
    ] {
        let answer = ministack.aws(&call).await?;
        let left = answer[list].as_array().map_or(0, Vec::len);
        ensure!(left == 0, "{call:?}: {answer:#}");
    }
    Ok(())
}
