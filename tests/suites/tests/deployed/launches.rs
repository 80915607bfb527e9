//! Launches, through what `cdk deploy` made.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use hookline_domain::profile::Profile;
use hookline_local::eventbridge::Disturbance;
use hookline_local::server::Server;
use hookline_local::{Fault, FaultKind, LocalAws, Outcome, Settings};
use hookline_testkit::deployment::{Deployment, Tools};
use hookline_testkit::json_api::json_call;
use hookline_testkit::ministack::{ACCOUNT, Ministack, REGION};
use hookline_testkit::naming;
use hookline_testkit::scene::{HOOK, Scene, Size};
use hookline_testkit::stage::{LIMIT, Stage};
use hookline_testkit::wait::wait_for;
use serde_json::{Value, json};

use crate::app::{App, packages};
use crate::stack::{
    carry_over_hook, carry_over_roles, carry_over_rules, cluster, every_call_had_a_role,
    every_resource_is_there, hooks, node_group, nothing_is_left, output,
    reconcile_called_step_functions, roles_are_as_they_should_be, schedule_of_reconcile,
};
use crate::templates;

/// The stack's name.
const STACK: &str = "hookline";
/// A group of self-managed nodes; its profile selects by its name.
const GROUP: &str = "upf";
/// A managed node group; its profile selects by the tag that EKS puts on its nodes.
const NODE_GROUP: &str = "smf";
const CLUSTER: &str = "core";

/// The deployment, and the fake AWS that its functions call.
struct Deployed {
    stage: Stage,
    ministack: Ministack,
    app: App,
    /// The name that EKS gave to the group of the node group.
    managed: String,
    /// The profiles of the two groups.
    profiles: [Value; 2],
    /// What the deployment wrote.
    folder: PathBuf,
}

// One test, as a deployment takes half a minute.
#[tokio::test(flavor = "multi_thread")]
async fn deployed_app_prepares_nodes_recovers_from_faults_and_can_be_removed() -> Result<()> {
    let deployed = deploy().await?;
    let [ours, managed] = &deployed.profiles;
    let profiles = [
        Profile::read(ours.clone())?,
        Profile::read(managed.clone())?,
    ];
    let at_rest = async || deployed.stage.at_rest(&profiles).await;

    // Its execution extends the hook before it repeats the create.
    let fault = throttled_creates(&deployed.stage.scene)?;
    deployed.stage.local.inject(fault);
    a_launch_goes_from_its_event_to_in_service(&deployed, GROUP, ours, (0, 2)).await?;
    at_rest().await?;
    a_launch_goes_from_its_event_to_in_service(&deployed, &deployed.managed, managed, (2, 1))
        .await?;
    at_rest().await?;
    a_node_of_a_plain_group_is_named(&deployed).await?;
    a_launch_without_an_event_is_found_by_reconcile(&deployed).await?;
    at_rest().await?;
    a_launch_whose_execution_is_stopped_is_abandoned_by_reconcile(&deployed).await?;
    at_rest().await?;
    every_call_had_a_role(&deployed.stage.local)?;
    reconcile_called_step_functions(&deployed.stage.local)?;
    the_state_machine_extended_the_hook(&deployed).await?;

    let Deployed {
        stage,
        ministack,
        app,
        managed,
        folder,
        ..
    } = deployed;
    app.destroy(&ministack).await?;
    nothing_is_left(&ministack).await?;
    assert_eq!(hooks(&stage.scene, &managed).await?, []);
    stage.deployment.shut_down().await;
    ministack.shut_down().await?;
    crate::remove(&folder)
}

/// Waits until no function runs. A function of a stopped execution still runs, and ministack
/// creates its log group again for its last lines (on AWS no function may). The SDK's longest pause
/// between two attempts is shorter than this.
async fn nobody_calls(stage: &Stage) -> Result<()> {
    const QUIET: Duration = Duration::from_secs(10);
    let mut last = (stage.local.calls().len(), Instant::now());
    wait_for(LIMIT, "the functions to be quiet", async || {
        let calls = stage.local.calls().len();
        if calls != last.0 {
            last = (calls, Instant::now());
        }
        Ok((last.1.elapsed() > QUIET).then_some(()))
    })
    .await
}

async fn deploy() -> Result<Deployed> {
    let tools = Tools::from_environment()?;
    let folder = crate::folder("launches")?;
    let local = LocalAws::new(Settings::default());
    let server = Server::start(&local, 0).await?;
    let ministack = Ministack::start(&tools.python, &packages()?, &folder, &server.url()).await?;
    let scene = Scene::build(local.clone(), &Size::default()).await?;
    scene.plain_group(GROUP, &[("app", GROUP)]).await?;
    scene.plain_group(naming::GROUP, &naming::TAGS).await?;
    cluster(&ministack, CLUSTER).await?;
    let managed = node_group(&ministack, &scene, CLUSTER, NODE_GROUP).await?;

    let mut profiles = [scene.profile(GROUP), scene.profile(NODE_GROUP)];
    profiles[1]["selector"] = json!({"tag": {"key": "eks:nodegroup-name", "value": NODE_GROUP}});
    let configuration = json!({
        "stackName": STACK,
        "account": ACCOUNT,
        "region": REGION,
        "architecture": if cfg!(target_arch = "x86_64") { "x86_64" } else { "arm64" },
        "profiles": profiles,
        "naming": [{"profile": naming::profile()}],
        "hooks": [
            {"profile": GROUP, "autoScalingGroup": GROUP, "heartbeatTimeoutSeconds": 2400},
            {"profile": NODE_GROUP,
             "managedNodeGroup": {"clusterName": CLUSTER, "nodegroupName": NODE_GROUP}},
        ],
        "autoScalingGroupNamePatterns": [format!("eks-{NODE_GROUP}-*")],
    });
    let functions = crate::zip_functions(&tools, &folder).await?;
    let app = App::new(&configuration, &functions, &folder)?;
    app.bootstrap(&ministack).await?;
    app.deploy(&ministack).await?;
    every_resource_is_there(&ministack, STACK).await?;
    templates::check(&tools, &app.assembly()).await?;

    carry_over_hook(&ministack, &scene, GROUP).await?;
    let hook = |seconds| (HOOK.to_owned(), seconds, "ABANDON".to_owned());
    assert_eq!(hooks(&scene, GROUP).await?, [hook(2400)]);
    // The deployed custom resource has created it.
    assert_eq!(hooks(&scene, &managed).await?, [hook(1800)]);
    carry_over_roles(&ministack, &local).await?;
    roles_are_as_they_should_be(&ministack, &local, STACK).await?;
    // One for each profile, and one for the naming profile.
    let rules = carry_over_rules(&ministack, &scene).await?;
    assert_eq!(rules, profiles.len() + 1);

    let machine = output(&ministack, STACK, "StateMachineArn").await?;
    let deployment =
        Deployment::made_elsewhere(local.clone(), server, ministack.address(), machine);
    Ok(Deployed {
        stage: Stage {
            local,
            deployment,
            scene,
        },
        ministack,
        app,
        managed,
        profiles,
        folder,
    })
}

/// Launches the first instance of a group. `rules` deployed rules match its event: that of its own
/// profile, and perhaps one that selects by a tag, which no event has. There are `before`
/// executions already.
async fn a_launch_goes_from_its_event_to_in_service(
    deployed: &Deployed,
    group: &str,
    profile: &Value,
    (before, rules): (usize, usize),
) -> Result<()> {
    let stage = &deployed.stage;
    stage.scene.scale(group, 1).await?;
    stage.in_service(group, 1).await?;
    let executions = stage.ended(before + rules).await?;
    ensure!(executions.len() == before + rules, "{executions:#?}");
    let mut wired = 0;
    for execution in executions.iter().skip(before) {
        if execution.input["profile"] == *profile {
            wired += 1;
            stage.expect(execution, "SUCCEEDED", "NodeReady").await?;
        } else {
            let state = "NotForThisProfile";
            stage.expect(execution, "SUCCEEDED", state).await?;
        }
    }
    ensure!(wired == 1, "{executions:#?}");
    Ok(())
}

/// EC2 throttles creates until one is left of all attempts of the first launch: that one succeeds, and the
/// others are given back.
fn throttled_creates(scene: &Scene) -> Result<Fault> {
    /// As often as the SDK tries.
    const ATTEMPTS: usize = 3;
    let throttled = scene.networks.len() * ATTEMPTS - 1;
    let fault = Fault::on("CreateNetworkInterface", FaultKind::Throttle);
    Ok(fault.times(u32::try_from(throttled)?))
}

/// The launch whose create was throttled extended its hook, with the rights of the state machine's role.
async fn the_state_machine_extended_the_hook(deployed: &Deployed) -> Result<()> {
    let machine = &deployed.stage.deployment.state_machine_arn;
    let describe = [
        "stepfunctions",
        "describe-state-machine",
        "--state-machine-arn",
        machine,
    ];
    let machine = deployed.ministack.aws(&describe).await?;
    let extended = deployed
        .stage
        .local
        .calls_where(|call| call.action == "RecordLifecycleActionHeartbeat");
    // Reconcile extends hooks, too.
    ensure!(
        extended
            .iter()
            .any(|call| call.is_ok() && call.role.as_deref() == machine["roleArn"].as_str()),
        "{extended:#?}"
    );
    Ok(())
}

/// An instance of a group without a hook: the deployed naming rule starts the deployed machine
/// `name-node`, which names it.
async fn a_node_of_a_plain_group_is_named(deployed: &Deployed) -> Result<()> {
    let stage = &deployed.stage;
    let machine = output(&deployed.ministack, STACK, "NamingStateMachineArn").await?;
    stage.scene.scale(naming::GROUP, 1).await?;
    let execution = wait_for(LIMIT, "the execution that names the node", async || {
        let mut executions = stage.deployment.executions_of(&machine).await?;
        executions.retain(|one| one.status != "RUNNING");
        Ok(executions.pop())
    })
    .await?;
    stage.expect(&execution, "SUCCEEDED", "NodesNamed").await?;
    stage.local.with_world(|world| {
        let members = world.autoscaling.states(naming::GROUP);
        ensure!(members.len() == 1, "{members:?}");
        for id in members.keys() {
            let instance = world.ec2.instance(id).context("no instance")?;
            let name = instance.tags.get("Name").map(String::as_str);
            ensure!(
                name == Some(&naming::cluster_nodegroup_ip(instance)),
                "{name:?}"
            );
        }
        Ok(())
    })
}

/// The event is lost. The deployed reconcile, with the input of its deployed schedule, starts the
/// execution.
async fn a_launch_without_an_event_is_found_by_reconcile(deployed: &Deployed) -> Result<()> {
    let stage = &deployed.stage;
    let lost = Disturbance::drop().containing(HOOK).times(1);
    stage.local.eventbridge().disturb(lost);
    stage.scene.scale(GROUP, 2).await?;
    let schedule = schedule_of_reconcile(&deployed.ministack).await?;
    let mut payload: Value = serde_json::from_str(schedule["Input"].as_str().context("no Input")?)?;
    // Less than two minutes is enough, as nothing else starts this one.
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
    let executions = stage.ended(4).await?;
    ensure!(executions.len() == 4, "{executions:#?}");
    let last = executions.last().context("no execution")?;
    ensure!(last.arn.contains(":reconcile-i-"), "{}", last.arn);
    stage.expect(last, "SUCCEEDED", "NodeReady").await
}

/// Somebody stops an execution while EC2 throttles it. ministack sends the event of its end, which
/// the deployed rule passes to the deployed reconcile. That abandons the launch.
async fn a_launch_whose_execution_is_stopped_is_abandoned_by_reconcile(
    deployed: &Deployed,
) -> Result<()> {
    let stage = &deployed.stage;
    stage
        .local
        .inject(Fault::on("CreateNetworkInterface", FaultKind::Throttle).always());
    stage.scene.scale(GROUP, 3).await?;
    // The execution of the other profile's rule must end first: reconcile abandons no launch while
    // an execution runs for it.
    let what = "one execution, which EC2 throttles";
    let execution = wait_for(LIMIT, what, async || {
        let throttled = stage.local.calls().iter().any(|call| {
            call.action == "CreateNetworkInterface" && matches!(call.outcome, Outcome::Error(_))
        });
        let mut running = stage.deployment.executions().await?;
        running.retain(|one| one.status == "RUNNING");
        let running = running.pop().filter(|_| throttled && running.is_empty());
        Ok(running.filter(|one| one.input["profile"] == deployed.profiles[0]))
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
    // Its function still runs, and would create interfaces as soon as EC2 throttles it no more.
    nobody_calls(stage).await?;
    stage.local.clear_faults();
    let execution = stage.deployment.describe(&execution.arn).await?;
    ensure!(execution.status == "ABORTED", "{execution:#?}");
    Ok(())
}
