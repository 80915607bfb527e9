//! Launches, rounds of reconcile and others, in virtual time: together they make every call that a
//! function may make.

use anyhow::{Context as _, Result, bail, ensure};
use aws_credential_types::Credentials;
use hookline_domain::tags::own::{DEPLOYMENT, INSTANCE_ID, NETWORK};
use hookline_local::autoscaling::LifecycleState;
use hookline_local::ec2::{self, InterfaceSpec};
use hookline_local::eks::ApiServer;
use hookline_local::{Fault, FaultKind, Settings};
use hookline_simulator::cells::{Cell, DeliveryFault, Interference, launching};
use hookline_simulator::faults::run_cell;
use hookline_simulator::run::{GROUP, Run, Scenario, on_paused_clock};
use hookline_simulator::setting::Setting;
use hookline_testkit::calls::FunctionCalls as _;
use hookline_testkit::json_api::json_call;
use hookline_testkit::launch::{Launch, State as LaunchState, small};
use hookline_testkit::naming::{self, PlainGroup};
use hookline_testkit::permissions::Actions;
use hookline_testkit::roles;
use hookline_testkit::scene::{HOOK, Size, WarmPool};
use serde_json::{Value, json};
use std::time::Duration;

/// An instance that never was.
const GONE: &str = "i-0123456789abcdef0";

pub(crate) fn scenario(nodes: usize) -> Scenario {
    let size = Size {
        azs: 1,
        ..Size::default()
    };
    Scenario::new(nodes, size, 1)
}

/// Waits until `holds`.
pub(crate) async fn until(run: &Run, what: &str, holds: impl Fn(&Run) -> bool) -> Result<()> {
    run.until(what, Duration::from_millis(200), holds).await?;
    Ok(())
}

/// How many interfaces of Hookline's are there, and how many of them are attached.
fn made(run: &Run) -> (usize, usize) {
    run.local.with_world(|world| {
        let ours = || {
            world
                .ec2
                .network_interfaces()
                .filter(|interface| interface.tags.contains_key(INSTANCE_ID))
        };
        let attached = ours().filter(|interface| interface.attachment.is_some());
        (ours().count(), attached.count())
    })
}

fn waiting(run: &Run) -> Result<String> {
    run.local
        .with_world(|world| launching(world))
        .pop()
        .context("nothing waits")
}

/// An interface as an execution for `instance` leaves it behind.
fn leave_behind(run: &Run, instance: &str) -> Result<String> {
    let network = run.profile.slots.first().context("no slot")?;
    let spec = InterfaceSpec {
        subnet_id: run.scene.networks[0].subnets[0].clone(),
        tags: [
            (INSTANCE_ID, instance),
            (NETWORK, network.network.as_str()),
            (DEPLOYMENT, roles::STACK),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into(),
        ..InterfaceSpec::default()
    };
    run.local
        .with_world(|world| ec2::create_network_interface(&mut world.ec2, &mut world.kernel, spec))
        .map_err(|error| anyhow::anyhow!("{error:?}"))
}

/// More launches at once than EC2's rates allow: some wait for their turn. All wait for their instances,
/// and extend their hooks.
fn launches_that_wait() -> Result<Actions> {
    on_paused_clock(async {
        let mut scenario = scenario(14);
        scenario.settings.instance_pending_for = Duration::from_secs(45);
        let mut run = Run::new(scenario).await?;
        let report = run.to_rest().await?;
        ensure!(report.in_service == 14, "{report:?}");
        Ok(run.tap.actions())
    })
}

/// The third create is refused for good: the two before it are undone.
fn a_create_that_is_refused() -> Result<Actions> {
    on_paused_clock(async {
        let mut run = Run::new(scenario(1)).await?;
        let refused = FaultKind::Error {
            status: 400,
            code: "InvalidParameterValue".to_owned(),
            message: "no".to_owned(),
        };
        run.local
            .inject(Fault::on("CreateNetworkInterface", refused).skip(2));
        run.launch().await?;
        until(&run, "the replacement", |run| run.in_service() == 1).await?;
        Ok(run.tap.actions())
    })
}

/// An interface is made twice, and the second is seen only when all are attached.
fn an_interface_too_many() -> Result<Actions> {
    on_paused_clock(async {
        let mut run = Run::new(scenario(1)).await?;
        run.launch().await?;
        until(&run, "an attachment", |run| made(run).1 > 0).await?;
        leave_behind(&run, &waiting(&run)?)?;
        until(&run, "the node", |run| run.in_service() == 1).await?;
        ensure!(made(&run) == (4, 4), "{:?}", made(&run));
        Ok(run.tap.actions())
    })
}

/// TagNode fails on a launch that is selected by tag: whether the hook is ours is for its
/// completion to find out.
fn an_abandon_by_tag() -> Result<Actions> {
    on_paused_clock(async {
        let mut run = Run::new(scenario(1)).await?;
        // Nobody else is to complete it.
        let lost = hookline_local::eventbridge::Disturbance::drop().times(1);
        run.local.eventbridge().disturb(lost);
        run.launch().await?;
        until(&run, "a launch", |run| waiting(run).is_ok()).await?;
        let instance = waiting(&run)?;
        let mut profile = run.scene.profile(GROUP);
        profile["selector"] = json!({"tag": {"key": "hookline-profile"}});
        let event = run
            .local
            .eventbridge()
            .events()
            .into_iter()
            .find(|event| event["detail"]["EC2InstanceId"] == instance.as_str())
            .context("no event")?;
        let payload =
            json!({"execution": "test", "event": event, "profile": profile, "result": "ABANDON"});
        // The instance does not carry the tag, which EC2 can tell once it knows the instance.
        for _ in 0..60 {
            match run.invoke("complete-hook", payload.clone()).await {
                Ok(completion) if completion["outcome"] == "NOT_OURS" => {
                    return Ok(run.tap.actions());
                }
                Err(error) if error.error == "Hookline.InstanceNotFoundYet" => {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                other => bail!("{other:?}"),
            }
        }
        bail!("EC2 never knew {instance}")
    })
}

/// An execution is stopped when its node has half of its interfaces: reconcile gives the launch up
/// and releases them.
fn an_execution_that_is_stopped() -> Result<Actions> {
    on_paused_clock(async {
        let mut run = Run::new(scenario(1)).await?;
        run.launch().await?;
        until(&run, "an attachment", |run| made(run).1 > 0).await?;
        let call = json!({"stateMachineArn": hookline_simulator::run::MACHINE_ARN});
        let listed = json_call(&run.local, "AWSStepFunctions.ListExecutions", &call).await?;
        let call = json!({"executionArn": listed["executions"][0]["executionArn"]});
        json_call(&run.local, "AWSStepFunctions.StopExecution", &call).await?;
        until(&run, "the replacement", |run| run.in_service() == 1).await?;
        Ok(run.tap.actions())
    })
}

/// A launch is abandoned, and its interfaces may not be detached: `ReleaseInterfaces` asks whether the
/// instance ends, and waits for that.
fn a_detach_that_is_denied_while_the_instance_ends() -> Result<Actions> {
    on_paused_clock(async {
        let mut scenario = scenario(1);
        scenario.settings.shutdown_for = Duration::from_secs(60);
        let mut run = Run::new(scenario).await?;
        let denied = FaultKind::Error {
            status: 403,
            code: "UnauthorizedOperation".to_owned(),
            message: "You are not authorized to perform this operation.".to_owned(),
        };
        let attach = Fault::on("AttachNetworkInterface", denied.clone());
        run.local.inject(attach.when("DeviceIndex", "3"));
        let detach = Fault::on("DetachNetworkInterface", denied);
        run.local.inject(detach.always());
        run.launch().await?;
        until(&run, "the replacement", |run| run.in_service() == 1).await?;
        until(&run, "the end of both executions", Run::is_idle).await?;
        let failed = run.report().executions.get("FAILED").copied();
        ensure!(failed == Some(1) && made(&run) == (4, 4), "{failed:?}");
        Ok(run.tap.actions())
    })
}

/// Every launch fails by an error that does not pass: reconcile brakes the group. A person ends the brake
/// without the command.
fn a_launch_loop() -> Result<Actions> {
    on_paused_clock(async {
        let mut run = Run::new(scenario(1)).await?;
        let missing = FaultKind::Error {
            status: 400,
            code: "InvalidGroup.NotFound".to_owned(),
            message: "The security group 'sg-0' does not exist".to_owned(),
        };
        let fault = Fault::on("CreateNetworkInterface", missing);
        run.local.inject(fault.always());
        run.launch().await?;
        until(&run, "the brake", |run| !run.reported("braked").is_empty()).await?;
        run.local.clear_faults();
        run.scene
            .autoscaling
            .resume_processes()
            .auto_scaling_group_name(GROUP)
            .send()
            .await?;
        until(&run, "the node", |run| run.in_service() == 1).await?;
        Ok(run.tap.actions())
    })
}

/// The event of a launch out of a warm pool is lost: reconcile looks into the pool, and at the
/// activities of the group.
fn a_launch_in_a_warm_pool_whose_event_is_lost() -> Result<Actions> {
    on_paused_clock(async {
        let mut scenario = scenario(1);
        scenario.warm_pool = Some(WarmPool {
            state: "Running",
            prepared: 2,
            reuse: false,
        });
        let mut run = Run::new(scenario).await?;
        run.fill_warm_pool().await?;
        let lost = hookline_local::eventbridge::Disturbance::drop().times(1);
        let of_launches = lost.detail_type("EC2 Instance-launch Lifecycle Action");
        run.local.eventbridge().disturb(of_launches);
        run.launch().await?;
        until(&run, "the node", |run| run.in_service() == 1).await?;
        Ok(run.tap.actions())
    })
}

/// Orphaned interfaces: one is marked and deleted, one is marked and then no longer orphaned.
fn interfaces_that_nobody_owns() -> Result<Actions> {
    on_paused_clock(async {
        let mut run = Run::new(scenario(1)).await?;
        run.to_rest().await?;
        let node = run
            .local
            .with_world(|world| world.autoscaling.states(GROUP))
            .into_iter()
            .find(|(_, state)| *state == LifecycleState::InService)
            .map(|(instance, _)| instance)
            .context("no node")?;
        let left = leave_behind(&run, GONE)?;
        let back = leave_behind(&run, &node)?;
        let reported = |run: &Run, kind: &str, interface: &str| {
            run.reconcile_reports().iter().any(|report| {
                report[kind]
                    .as_array()
                    .is_some_and(|ids| ids.iter().any(|id| id == interface))
            })
        };
        until(&run, "the mark", |run| reported(run, "marked", &back)).await?;
        run.scene
            .ec2
            .attach_network_interface()
            .network_interface_id(&back)
            .instance_id(&node)
            .device_index(9)
            .send()
            .await?;
        until(&run, "the end of the mark", |run| {
            reported(run, "unmarked", &back)
        })
        .await?;
        until(&run, "the delete", |run| reported(run, "deleted", &left)).await?;
        until(&run, "DeleteOnTermination", |run| {
            reported(run, "settled", &back)
        })
        .await?;
        Ok(run.tap.actions())
    })
}

/// Volumes are to be tagged too: which tags they have is asked.
fn a_launch_whose_volumes_are_tagged() -> Result<Actions> {
    on_paused_clock(async {
        let mut run = Run::new(scenario(1)).await?;
        run.to_rest().await?;
        let event = launch_event(&run)?;
        let mut profile = run.scene.profile(GROUP);
        profile["volumeTags"] = json!({"Name": "{{ name }}"});
        let launch = json!({"event": event, "profile": profile});
        let payload = json!({"execution": "test", "input": launch});
        run.invoke("tag-node", payload)
            .await
            .map_err(|error| anyhow::anyhow!("{error:?}"))?;
        Ok(run.tap.actions())
    })
}

fn launch_event(run: &Run) -> Result<Value> {
    run.local
        .eventbridge()
        .events()
        .into_iter()
        .find(|event| event["detail"]["LifecycleHookName"] == HOOK)
        .context("no event")
}

/// A node in service without interfaces: one that nobody heard of, or one whose execution is under
/// way while a person has let it go on.
async fn node_in_service(heard_of: bool) -> Result<Run> {
    let mut scenario = scenario(1);
    scenario.reconcile = false;
    let mut run = Run::new(scenario).await?;
    if !heard_of {
        let lost = hookline_local::eventbridge::Disturbance::drop()
            .detail_type("EC2 Instance-launch Lifecycle Action")
            .times(1);
        run.local.eventbridge().disturb(lost);
    }
    run.launch().await?;
    until(&run, "a launch", |run| waiting(run).is_ok()).await?;
    run.scene
        .complete(GROUP, HOOK, &waiting(&run)?, "CONTINUE")
        .await?;
    until(&run, "the node", |run| run.in_service() == 1).await?;
    Ok(run)
}

async fn adopt(run: &Run) -> Result<Value> {
    let payload = json!({
        "stateMachineArn": hookline_simulator::run::MACHINE_ARN,
        "profiles": [run.scene.profile(GROUP)],
    });
    let round = run.invoke("adopt", payload).await;
    round.map_err(|error| anyhow::anyhow!("{error:?}"))
}

fn a_node_that_is_adopted() -> Result<Actions> {
    on_paused_clock(async {
        let run = node_in_service(false).await?;
        // Until every view of EC2 shows it running.
        tokio::time::sleep(Duration::from_secs(120)).await;
        let round = adopt(&run).await?;
        ensure!(
            round["started"]
                .as_array()
                .is_some_and(|ids| ids.len() == 1),
            "{round:#}"
        );
        until(&run, "the interfaces", |run| made(run) == (4, 4)).await?;
        until(&run, "the execution's end", Run::is_idle).await?;
        Ok(run.tap.actions())
    })
}

fn a_node_that_is_not_adopted_as_its_execution_is_under_way() -> Result<Actions> {
    on_paused_clock(async {
        let run = node_in_service(true).await?;
        let round = adopt(&run).await?;
        ensure!(
            round["left"].as_array().is_some_and(|ids| ids.len() == 1),
            "{round:#}"
        );
        Ok(run.tap.actions())
    })
}

/// A startup taint is removed. The API server's TLS needs the machine's clock.
fn a_node_with_a_startup_taint() -> Result<Actions> {
    let clock = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    clock.block_on(async {
        let launch = Launch::begin(Settings::for_tests(), &small()).await?;
        let mut launch = launch.with_profile(|profile| {
            profile["startupTaint"] = json!({"cluster": "prod"});
        });
        launch.run(LaunchState::TagNode).await?;
        let caller = Credentials::from_keys("test", "test", None);
        let server = ApiServer::start("prod", vec![caller]).await?;
        let eks = launch.local().eks();
        eks.add_cluster("prod", server.description());
        let mark = launch.mark();
        launch.run(LaunchState::RemoveStartupTaint).await?;
        let called = launch.calls_since(mark).into_iter();
        let actions = called.map(|call| format!("{}:{}", call.service, call.action));
        Ok(Actions::from([(
            "remove-startup-taint".to_owned(),
            actions.collect(),
        )]))
    })
}

/// Nodes without a hook, their volumes and their interfaces are named, by either event.
fn nodes_without_a_hook() -> Result<Actions> {
    let clock = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()?;
    clock.block_on(async {
        let group = PlainGroup::launched(Settings::for_tests(), 2).await?;
        let mut profile = naming::profile();
        profile["volumeTags"] = json!({"Name": "{{ name }}"});
        profile["interfaceTags"] = json!({"Name": "{{ name }}"});
        let mark = group.mark();
        group
            .name(&group.launch_successful().await?, &profile)
            .await?;
        group.name(&group.cloudtrail()?, &profile).await?;
        let called = group.calls_since(mark).into_iter();
        let actions = called.map(|call| format!("{}:{}", call.service, call.action));
        Ok(Actions::from([(
            "name-nodes".to_owned(),
            actions.collect(),
        )]))
    })
}

/// What the functions call in all of these.
pub(crate) fn called() -> Result<Actions> {
    let mut called = Actions::new();
    let mut scenes = vec![
        launches_that_wait()?,
        a_create_that_is_refused()?,
        an_interface_too_many()?,
        an_abandon_by_tag()?,
        an_execution_that_is_stopped()?,
        a_launch_loop()?,
        a_detach_that_is_denied_while_the_instance_ends()?,
        a_launch_in_a_warm_pool_whose_event_is_lost()?,
        interfaces_that_nobody_owns()?,
        a_launch_whose_volumes_are_tagged()?,
        a_node_that_is_adopted()?,
        a_node_that_is_not_adopted_as_its_execution_is_under_way()?,
        nodes_without_a_hook()?,
        a_node_with_a_startup_taint()?,
    ];
    for astray in [
        DeliveryFault::Duplicate,
        DeliveryFault::DuplicateLate,
        DeliveryFault::Delayed,
        DeliveryFault::Lost,
    ] {
        for setting in [Setting::Gate, Setting::ScarceAttributes] {
            scenes.push(run_cell(setting, Cell::Event(astray), 1)?.actions);
        }
    }
    for position in (0..32).step_by(6) {
        for what in [Interference::Terminated, Interference::HookEnded] {
            scenes.push(run_cell(Setting::Gate, Cell::Interference { what, position }, 1)?.actions);
        }
    }
    for (caller, actions) in scenes.into_iter().flatten() {
        called.entry(caller).or_default().extend(actions);
    }
    Ok(called)
}
