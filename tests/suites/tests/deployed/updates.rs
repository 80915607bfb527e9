//! Updates of the stack while nodes launch, as docs/operations/updates.md describes them: an
//! execution ends with the versions of the functions that it began with, in every group.
//!
//! ministack publishes a version of a function only if its code or its settings changed, runs the
//! code of the version that an ARN names, keeps what a template says to retain, and ends an execution
//! with the definition that it began with, all as AWS does. Its roles, and its rules and hooks for
//! Auto Scaling, are read from it and put into the fake AWS, which authorises what the functions call
//! there. That takes longer than an update on AWS takes between the two. Going back is a deployment
//! of the earlier configuration here; [`roll_back`](crate::roll_back) has CloudFormation's own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use hookline_domain::profile::Profile;
use hookline_domain::tags::own;
use hookline_local::autoscaling::{CompletedBy, Completion};
use hookline_local::ec2::NetworkInterface;
use hookline_local::server::Server;
use hookline_local::{Fault, FaultKind, LocalAws, Settings};
use hookline_testkit::deployment::{Deployment, Execution, Tools};
use hookline_testkit::ministack::{ACCOUNT, Ministack, REGION};
use hookline_testkit::scene::{Scene, Size};
use hookline_testkit::stage::{LIMIT, Stage};
use hookline_testkit::wait::wait_for;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::app::{self, App, packages};
use crate::documented::Documented;
use crate::stack::{
    carry_over_hook, carry_over_removed_hooks, carry_over_roles, carry_over_rules,
    every_call_had_a_role, every_resource_is_there, nothing_is_left, output, stack_is,
};

/// The stack's name.
pub(crate) const STACK: &str = "hookline";
/// The group that every configuration has.
pub(crate) const STAYS: &str = "upf";
/// A group whose profile retires. Its hook is not the stack's, and stays.
const RETIRES: &str = "smf";
/// A group whose profile retires, and whose hook goes with it.
pub(crate) const LOSES_ITS_HOOK: &str = "amf";
/// The networks of the scene, and so the interfaces of a node.
const NETWORKS: usize = 2;
/// The engine's waits, of those that the definition says: a launch that is held back for as long as a
/// deployment takes waits up to a minute between two attempts otherwise.
const WAITS: f64 = 0.1;

/// What was deployed, and the fake AWS that its functions call.
pub(crate) struct Updated {
    pub(crate) stage: Stage,
    pub(crate) ministack: Ministack,
    tools: Tools,
    folder: PathBuf,
    /// The functions' code: of the first release, and of the second.
    releases: [PathBuf; 2],
}

// One test, as a deployment takes half a minute.
#[tokio::test(flavor = "multi_thread")]
async fn launches_that_an_update_overtakes_end_with_the_code_that_they_began_with() -> Result<()> {
    let updated = Updated::set("updates").await?;
    let (stage, ministack) = (&updated.stage, &updated.ministack);
    let (first, second) = (updated.configuration(), updated.next_configuration());
    let app = updated.app(&first, 0)?;
    app.bootstrap(ministack).await?;
    app.deploy(ministack).await?;
    every_resource_is_there(ministack, STACK).await?;
    carry_over_hook(ministack, &stage.scene, STAYS).await?;
    carry_over_hook(ministack, &stage.scene, LOSES_ITS_HOOK).await?;
    carry_over_roles(ministack, &stage.local).await?;
    ensure!(carry_over_rules(ministack, &stage.scene).await? == 3);
    let machine = output(ministack, STACK, "StateMachineArn").await?;
    ensure!(machine == stage.deployment.state_machine_arn, "{machine}");

    // The functions' code and the state machine change, a profile gets a field, and two retire.
    updated.hold_back_launches();
    stage.scene.scale(STAYS, 2).await?;
    stage.scene.scale(RETIRES, 2).await?;
    stage.scene.scale(LOSES_ITS_HOOK, 1).await?;
    let of_first = updated.begun(5).await?;
    stage.no_replacements(LOSES_ITS_HOOK).await?;
    updated.app(&second, 1)?.deploy(ministack).await?;
    stack_is(ministack, STACK, "UPDATE_COMPLETE").await?;
    let removed = carry_over_removed_hooks(ministack, &stage.scene, LOSES_ITS_HOOK).await?;
    ensure!(removed == 1, "{removed} hooks were removed");
    carry_over_roles(ministack, &stage.local).await?;
    ensure!(carry_over_rules(ministack, &stage.scene).await? == 1);
    stage.scene.scale(STAYS, 4).await?;
    let of_second = updated.begun(7).await?;
    let documented = Documented {
        ministack,
        deployment: &stage.deployment,
        programs: [
            updated.tools.python.parent().context("no folder")?,
            &updated.tools.functions,
        ],
        stack: STACK,
    };
    documented.running_launches_are_found(RETIRES).await?;

    stage.local.clear_faults();
    stage.in_service(STAYS, 4).await?;
    stage.in_service(RETIRES, 2).await?;
    stage.ended(7).await?;
    for arn in &of_first {
        let execution = updated.ended_with(arn, 1).await?;
        let (status, state) = match group_of(&execution)? {
            // Auto Scaling ends a launch when its hook goes.
            LOSES_ITS_HOOK => ("FAILED", "LaunchAbandoned"),
            _ => ("SUCCEEDED", "NodeReady"),
        };
        stage.expect(&execution, status, state).await?;
        updated.volumes_are_tagged(&execution, false)?;
    }
    for arn in of_second.difference(&of_first) {
        let execution = updated.ended_with(arn, 2).await?;
        stage.expect(&execution, "SUCCEEDED", "NodeReady").await?;
        updated.volumes_are_tagged(&execution, true)?;
    }
    updated.at_rest(&first, 6).await?;

    // The earlier configuration again: the field goes, and the profiles are back.
    updated.hold_back_launches();
    stage.scene.scale(STAYS, 5).await?;
    let of_second = &updated.begun(1).await?;
    updated.app(&first, 0)?.deploy(ministack).await?;
    carry_over_hook(ministack, &stage.scene, LOSES_ITS_HOOK).await?;
    carry_over_roles(ministack, &stage.local).await?;
    ensure!(carry_over_rules(ministack, &stage.scene).await? == 3);
    stage.scene.scale(RETIRES, 3).await?;
    let of_third = updated.begun(2).await?;
    stage.no_replacements(STAYS).await?;
    // The launch that began before cannot be completed, and is abandoned. It is still held back.
    let overtaken = of_second.first().context("no execution")?;
    let overtaken = stage.deployment.describe(overtaken).await?;
    let full = Fault::on(
        "AttachNetworkInterface",
        FaultKind::Error {
            status: 400,
            code: "AttachmentLimitExceeded".to_owned(),
            message: "Interface count exceeds the limit".to_owned(),
        },
    );
    let instance = Stage::instance_of(&overtaken)?;
    stage.local.clear_faults();
    stage.local.inject(full.when("InstanceId", instance));
    stage.in_service(RETIRES, 3).await?;
    stage.ended(9).await?;
    let execution = updated.ended_with(&overtaken.arn, 2).await?;
    stage
        .expect(&execution, "FAILED", "LaunchAbandoned")
        .await?;
    for arn in of_third.difference(of_second) {
        let execution = updated.ended_with(arn, 3).await?;
        stage.expect(&execution, "SUCCEEDED", "NodeReady").await?;
    }
    updated.at_rest(&first, 7).await?;
    every_call_had_a_role(&stage.local)?;

    documented.group_is_drained(RETIRES).await?;
    documented.old_versions_go().await?;
    updated.app(&first, 0)?.destroy(ministack).await?;
    nothing_is_left(ministack).await?;
    updated.end().await
}

impl Updated {
    /// Starts the two AWSs, and makes the groups and the code of both releases, in the folder of a
    /// test with this name.
    pub(crate) async fn set(name: &str) -> Result<Self> {
        let tools = Tools::from_environment()?;
        let folder = crate::folder(name)?;
        let local = LocalAws::new(Settings::default());
        let server = Server::start(&local, 0).await?;
        let fake_aws = server.url();
        let ministack =
            Ministack::start_with_waits(&tools.python, &packages()?, &folder, &fake_aws, WAITS)
                .await?;
        let size = Size {
            networks: NETWORKS,
            ..Size::default()
        };
        let scene = Scene::build(local.clone(), &size).await?;
        scene.plain_group(STAYS, &[("app", STAYS)]).await?;
        scene.plain_group(LOSES_ITS_HOOK, &[]).await?;
        scene.group(RETIRES).await?;

        let first = crate::zip_functions(&tools, &folder).await?;
        let second = folder.join("next-functions");
        let script = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/deployed/next_release.py"
        );
        let mut next = Command::new(&tools.python);
        app::run(next.arg(script).arg(&first).arg(&second)).await?;
        let machine = format!("arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{STACK}-launch-node");
        let deployment =
            Deployment::made_elsewhere(local.clone(), server, ministack.address(), machine);
        let stage = Stage {
            local,
            deployment,
            scene,
        };
        Ok(Self {
            stage,
            ministack,
            tools,
            folder,
            releases: [first, second],
        })
    }

    /// Ends the two AWSs, and removes what was written.
    pub(crate) async fn end(self) -> Result<()> {
        self.stage.deployment.shut_down().await;
        self.ministack.shut_down().await?;
        crate::remove(&self.folder)
    }

    pub(crate) fn app(&self, configuration: &Value, release: usize) -> Result<App> {
        let functions = self.releases.get(release).context("no such release")?;
        App::new(configuration, functions, &self.folder)
    }

    /// The first configuration.
    pub(crate) fn configuration(&self) -> Value {
        let scene = &self.stage.scene;
        json!({
            "stackName": STACK,
            "account": ACCOUNT,
            "region": REGION,
            "architecture": if cfg!(target_arch = "x86_64") { "x86_64" } else { "arm64" },
            "profiles": [scene.profile(STAYS), scene.profile(RETIRES), scene.profile(LOSES_ITS_HOOK)],
            "hooks": [
                {"profile": STAYS, "autoScalingGroup": STAYS},
                {"profile": LOSES_ITS_HOOK, "autoScalingGroup": LOSES_ITS_HOOK},
            ],
        })
    }

    /// The same with a new field in one profile.
    pub(crate) fn with_new_field(&self) -> Value {
        let mut next = self.configuration();
        next["profiles"][0]["volumeTags"] = json!({"app": STAYS});
        next
    }

    /// The same without the two other profiles.
    fn next_configuration(&self) -> Value {
        let mut next = self.with_new_field();
        let mut profiles = next["profiles"].take();
        next["profiles"] = json!([profiles[0].take()]);
        next["retiredProfiles"] = json!([profiles[1].take(), profiles[2].take()]);
        next["hooks"] = json!([next["hooks"][0].take()]);
        next
    }

    /// From now on, no launch gets past CreateInterfaces.
    pub(crate) fn hold_back_launches(&self) {
        let throttle = Fault::on("CreateNetworkInterface", FaultKind::Throttle);
        self.stage.local.inject(throttle.always());
    }

    /// Waits until so many executions run, all held back. Returns their ARNs.
    pub(crate) async fn begun(&self, running: usize) -> Result<BTreeSet<String>> {
        let what = format!("{running} launches that are held back");
        let mut states = BTreeMap::new();
        let begun = wait_for(LIMIT, &what, async || {
            states.clear();
            for execution in self.stage.deployment.executions().await? {
                if execution.status == "RUNNING" {
                    let entered = self.stage.deployment.states(&execution.arn).await?;
                    states.insert(execution.arn, entered);
                }
            }
            let held = |states: &Vec<String>| states.iter().any(|one| one == "CreateInterfaces");
            Ok((states.len() == running && states.values().all(held)).then_some(()))
        })
        .await;
        begun.with_context(|| format!("{states:#?}"))?;
        Ok(states.into_keys().collect())
    }

    /// An execution that has ended, and checks that it invoked this version of each function, and
    /// no other.
    pub(crate) async fn ended_with(&self, arn: &str, version: u32) -> Result<Execution> {
        let history = self.stage.deployment.history(arn).await?;
        let mut invoked = 0;
        for event in &history {
            let resource = event.pointer("/taskScheduledEventDetails/resource");
            let Some(function) = resource.and_then(Value::as_str) else {
                continue;
            };
            if !function.contains(":function:") {
                continue;
            }
            let is_right = function.ends_with(&format!(":{version}"));
            ensure!(is_right, "{arn}, of version {version}, invoked {function}");
            invoked += 1;
        }
        ensure!(
            invoked > 3,
            "{arn} invoked {invoked} functions: {history:#?}"
        );
        self.stage.deployment.describe(arn).await
    }

    /// Checks the effect of the field that the next configuration adds.
    fn volumes_are_tagged(&self, execution: &Execution, tagged: bool) -> Result<()> {
        let instance = Stage::instance_of(execution)?;
        self.stage.local.with_world(|world| {
            for volume in world.ec2.volumes_of(&instance) {
                let has_tag = volume.tags.contains_key("app");
                ensure!(has_tag == tagged, "{instance}: {volume:?}");
            }
            Ok(())
        })
    }

    /// Checks that every launch that ever began has one verdict, given by a call; that the
    /// invariants hold; and that the interfaces are those of so many nodes, each with an address of
    /// its own.
    pub(crate) async fn at_rest(&self, configuration: &Value, nodes: usize) -> Result<()> {
        let profiles = configuration["profiles"].as_array();
        let profiles: Result<Vec<Profile>, _> = profiles
            .into_iter()
            .flatten()
            .cloned()
            .map(Profile::read)
            .collect();
        self.stage.at_rest(&profiles?).await?;
        self.stage.local.with_world(|world| {
            for (instance, history) in world.autoscaling.histories() {
                let of_launch =
                    |one: &&Completion| one.accepted && one.instance.as_ref() == Some(instance);
                let verdicts = world.autoscaling.completions().iter().filter(of_launch);
                let verdicts: Vec<CompletedBy> = verdicts.map(|one| one.by).collect();
                ensure!(
                    verdicts == [CompletedBy::Call],
                    "{instance}: {verdicts:?} {history:?}"
                );
            }
            let created = world
                .ec2
                .network_interfaces()
                .filter(|interface| interface.tags.contains_key(own::INSTANCE_ID));
            let addresses: Vec<_> = created
                .flat_map(NetworkInterface::private_ip_addresses)
                .collect();
            let different: BTreeSet<_> = addresses.iter().collect();
            ensure!(
                addresses.len() == nodes * NETWORKS && different.len() == addresses.len(),
                "{nodes} nodes: {addresses:?}"
            );
            Ok(())
        })
    }
}

/// The group of the instance that an execution was for.
fn group_of(execution: &Execution) -> Result<&str> {
    execution.input["event"]["detail"]["AutoScalingGroupName"]
        .as_str()
        .with_context(|| format!("no group in {}", execution.input))
}
