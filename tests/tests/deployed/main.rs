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
use hookline_local::server::Server;
use hookline_local::{LocalAws, Settings};
use hookline_tests::deployment::{Deployment, Tools, json_call};
use hookline_tests::ministack::Ministack;
use hookline_tests::scene::{HOOK, Scene, Size};
use hookline_tests::stage::Stage;
use serde_json::{Value, json};

use crate::app::App;

const GROUP: &str = "upf";

#[tokio::test(flavor = "multi_thread")]
async fn what_cdk_deploys_takes_a_launch_from_its_event_to_in_service() -> Result<()> {
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
    every_resource_is_there(&ministack, "Hookline").await?;

    let machine = output(&ministack, "Hookline", "StateMachineArn").await?;
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

    stage.scene.scale(GROUP, 1).await?;
    stage.in_service(GROUP, 1).await?;
    let executions = stage.ended(1).await?;
    assert_eq!(executions.len(), 1, "{executions:#?}");
    for execution in &executions {
        stage.expect(execution, "SUCCEEDED", "NodeReady").await?;
    }
    stage.at_rest(&[Profile::read(profile)?]).await?;

    app.destroy(&ministack).await?;
    stage.deployment.shut_down().await;
    ministack.shut_down().await
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

/// Fails unless a stack and each of its resources is CREATE_COMPLETE.
async fn every_resource_is_there(ministack: &Ministack, stack: &str) -> Result<()> {
    let answer = ministack
        .aws(&[
            "cloudformation",
            "describe-stack-resources",
            "--stack-name",
            stack,
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
        "{stack}: {statuses:?} {answer:#}"
    );
    Ok(())
}

/// An output of a stack.
async fn output(ministack: &Ministack, stack: &str, name: &str) -> Result<String> {
    let answer = ministack
        .aws(&["cloudformation", "describe-stacks", "--stack-name", stack])
        .await?;
    let outputs = answer["Stacks"][0]["Outputs"].as_array();
    outputs
        .into_iter()
        .flatten()
        .find(|output| output["OutputKey"] == name)
        .and_then(|output| output["OutputValue"].as_str())
        .map(str::to_owned)
        .with_context(|| format!("{stack} has no output {name}: {answer:#}"))
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
