//! A stage for one end-to-end test: a [`Deployment`], a [`Scene`] in its fake AWS, and what such
//! tests wait for and check. and look at.
//!
//! Every wait is for a condition. Its limit is far above what a slow machine needs, so a test that
//! reaches it has found a fault.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use hookline_domain::profile::Profile;
use hookline_local::{LocalAws, Settings};
use hookline_statemachine::LAUNCH_NODE;
use serde_json::{Value, json};

use crate::deployment::{Deployment, Execution, Tools};
use crate::invariants;
use crate::log_lines;
use crate::naming;
use crate::roles;
use crate::scene::{HOOK, Scene, Size};
use crate::wait::wait_for;

/// The limit of every wait. It ends a test that hangs and judges no speed: the longest scene waits
/// for a minute on an idle machine, and must not fail on one that has other work.
pub const LIMIT: Duration = Duration::from_secs(300);

/// A deployment with a scene.
pub struct Stage {
    /// The fake AWS.
    pub local: LocalAws,
    /// Hookline.
    pub deployment: Deployment,
    /// The VPC and what is in it.
    pub scene: Scene,
}

impl Stage {
    /// Deploys, and builds a scene. The functions, the state machine and the rules have the roles
    /// that the app deploys.
    ///
    /// # Errors
    /// If the tools are not there (see [`Tools::from_environment`]), or a part does not start.
    pub async fn set(settings: Settings, size: &Size) -> Result<Self> {
        Self::set_with(settings, size, LAUNCH_NODE).await
    }

    /// The same with another state machine definition.
    ///
    /// # Errors
    /// As [`Stage::set`].
    pub async fn set_with(settings: Settings, size: &Size, definition: &str) -> Result<Self> {
        let tools = Tools::from_environment()?;
        let local = LocalAws::new(settings);
        let deployment = Deployment::start_with(local.clone(), &tools, None, definition).await?;
        let scene = Scene::build(local.clone(), size).await?;
        roles::put(&local, &scene)?;
        Ok(Self {
            local,
            deployment,
            scene,
        })
    }

    /// Creates the state machine that names nodes, and uses it from now on.
    ///
    /// # Errors
    /// If the engine refuses.
    pub async fn turn_to_naming(&mut self, definition: &str) -> Result<()> {
        self.deployment.turn_to("name-node", definition).await
    }

    /// Creates a group without a hook, and the rule that names its nodes on one kind of event.
    ///
    /// # Errors
    /// If the fake AWS refuses.
    pub async fn plain_group(
        &self,
        name: &str,
        event: naming::LaunchEvent,
        profile: &Value,
    ) -> Result<()> {
        self.scene.plain_group(name, &naming::TAGS).await?;
        self.deployment
            .rule_with_pattern(name, &event.pattern(name), profile)
            .await
    }

    /// Creates a group, and puts the rule of its profile.
    ///
    /// # Errors
    /// If the fake AWS refuses.
    pub async fn group(&self, name: &str) -> Result<Profile> {
        self.group_with(name, self.scene.profile(name)).await
    }

    /// The same with another profile.
    ///
    /// # Errors
    /// If the fake AWS refuses, or the profile is not right.
    pub async fn group_with(&self, name: &str, profile: Value) -> Result<Profile> {
        self.scene.group(name).await?;
        roles::put_for_profile(&self.local, &self.scene, &profile)?;
        self.deployment.rule(name, &profile).await?;
        Ok(Profile::read(profile)?)
    }

    /// Waits until so many instances of a group are InService.
    ///
    /// # Errors
    /// If they are not within [`LIMIT`].
    pub async fn in_service(&self, group: &str, nodes: usize) -> Result<()> {
        let what = format!("{nodes} instances of {group} to be InService");
        let waited = wait_for(LIMIT, &what, async || {
            let in_service = self
                .local
                .with_world(|world| world.autoscaling.in_service(group));
            Ok((in_service == nodes).then_some(()))
        })
        .await;
        match waited {
            Ok(()) => Ok(()),
            // The executions tell why.
            Err(error) => Err(error.context(format!(
                "executions: {:#?}",
                self.deployment.executions().await
            ))),
        }
    }

    /// Waits until there are at least `at_least` executions and all have ended. Returns them,
    /// oldest first.
    ///
    /// # Errors
    /// If they do not end within [`LIMIT`].
    pub async fn ended(&self, at_least: usize) -> Result<Vec<Execution>> {
        let what = format!("{at_least} executions, and all to end");
        wait_for(LIMIT, &what, async || {
            let mut executions = self.deployment.executions().await?;
            // They are listed newest first.
            executions.reverse();
            let ended = executions.iter().all(|one| one.status != "RUNNING");
            Ok((ended && executions.len() >= at_least).then_some(executions))
        })
        .await
    }

    /// Waits until a call is in the log of calls.
    ///
    /// # Errors
    /// If it does not within [`LIMIT`].
    pub async fn called(&self, action: &str, parameter: (&str, &str)) -> Result<()> {
        let (name, value) = parameter;
        let what = format!("a call of {action} with {name} {value}");
        wait_for(LIMIT, &what, async || {
            let calls = self.local.calls();
            let called = calls.iter().any(|call| {
                call.action == action && call.params.get(name).map(String::as_str) == Some(value)
            });
            Ok(called.then_some(()))
        })
        .await
    }

    /// Launches one instance in a group that has no rule, and waits for its event at Hookline's
    /// hook.
    ///
    /// # Errors
    /// If there is none within [`LIMIT`].
    pub async fn launch(&self, group: &str) -> Result<Value> {
        self.scene.scale(group, 1).await?;
        wait_for(LIMIT, "the launch event", async || {
            Ok(self.local.eventbridge().events().into_iter().find(|event| {
                event["detail"]["AutoScalingGroupName"] == group
                    && event["detail"]["LifecycleHookName"] == HOOK
            }))
        })
        .await
    }

    /// Creates a group without a rule, and launches a node in it that a person lets go InService. No
    /// execution knows of it. Returns the instance.
    ///
    /// # Errors
    /// If it is not InService within [`LIMIT`].
    pub async fn node_without_interfaces(&self, group: &str) -> Result<String> {
        self.scene.group(group).await?;
        let event = self.launch(group).await?;
        let instance = event["detail"]["EC2InstanceId"].as_str();
        let instance = instance.context("no instance")?;
        self.scene
            .complete(group, HOOK, instance, "CONTINUE")
            .await?;
        self.in_service(group, 1).await?;
        Ok(instance.to_owned())
    }

    /// Starts an execution, and waits until it ends.
    ///
    /// # Errors
    /// If the engine refuses, or the execution does not end within [`LIMIT`].
    pub async fn run(&self, event: &Value, profile: &Value) -> Result<Execution> {
        let input = json!({"event": event, "profile": profile});
        let arn = self.deployment.execute(&input).await?;
        match self.deployment.ended(&arn, LIMIT).await {
            Ok(execution) => Ok(execution),
            Err(error) => {
                Err(error.context(format!("after {:?}", self.deployment.states(&arn).await)))
            }
        }
    }

    /// Keeps a group from launching replacements.
    ///
    /// # Errors
    /// If the fake AWS refuses.
    pub async fn no_replacements(&self, group: &str) -> Result<()> {
        self.scene
            .autoscaling
            .suspend_processes()
            .auto_scaling_group_name(group)
            .scaling_processes("Launch")
            .send()
            .await
            .context("SuspendProcesses Launch")?;
        Ok(())
    }

    /// The instance that an execution was for.
    ///
    /// # Errors
    /// If its input names none.
    pub fn instance_of(execution: &Execution) -> Result<String> {
        execution
            .input
            .pointer("/event/detail/EC2InstanceId")
            .and_then(Value::as_str)
            .map(str::to_owned)
            .with_context(|| format!("no instance in {}", execution.input))
    }

    /// Asserts how an execution ended: its status, and the last state that it was in.
    ///
    /// # Errors
    /// If it ended otherwise.
    pub async fn expect(&self, execution: &Execution, status: &str, state: &str) -> Result<()> {
        let states = self.deployment.states(&execution.arn).await?;
        ensure!(
            execution.status == status && states.last().map(String::as_str) == Some(state),
            "{status} in {state} was expected, after {states:?}: {execution:#?}"
        );
        Ok(())
    }

    /// Waits until all invariants hold that hold at rest, and no injected fault is left. All log lines so
    /// far must be right.
    ///
    /// # Errors
    /// If an invariant is still violated after [`LIMIT`].
    pub async fn at_rest(&self, profiles: &[Profile]) -> Result<()> {
        ensure!(
            self.local.faults_left() == 0,
            "a fault did not strike: {} left",
            self.local.faults_left()
        );
        let broken = invariants::always(&self.local, profiles);
        ensure!(broken.is_empty(), "{broken:#?}");
        let broken = log_lines::broken(&log_lines::of_deployment(&self.local));
        ensure!(broken.is_empty(), "log lines: {broken:#?}");
        // An interface is deleted with its instance, which takes a moment. Nothing else is waited
        // for.
        let gone = wait_for(LIMIT, "interfaces to go with their instances", async || {
            let broken = invariants::at_rest(&self.local, profiles);
            Ok(broken.is_empty().then_some(()))
        })
        .await;
        gone.with_context(|| format!("{:#?}", invariants::at_rest(&self.local, profiles)))
    }
}
