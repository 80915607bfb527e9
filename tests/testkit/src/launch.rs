//! One launch, function by function, in process. The handlers call the fake AWS, and their results
//! go into the execution's data as the state machine's ResultPaths say. This is for tests of single
//! functions; for whole executions, see [`crate::deployment`].

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use hookline::aws::Aws;
use hookline::handlers::{self, Context};
use hookline::metrics::Metrics;
use hookline::runtime::invoke;
use hookline_domain::Error;
use hookline_domain::profile::Profile;
use hookline_domain::tags::own;
use hookline_local::autoscaling::LifecycleState;
use hookline_local::ec2::{Instance, InstanceState, NetworkInterface};
use hookline_local::{LocalAws, Settings};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::calls::FunctionCalls;
use crate::connector::product_config;
use crate::roles;
use crate::scene::{HOOK, Scene, Size};
use crate::wait::wait_for;

mod state;

pub use state::State;
use state::nothing_made_yet;

/// The group that the launches are of.
pub const GROUP: &str = "upf";
/// The functions' timeout, as in a deployment.
const FUNCTION_TIMEOUT: Duration = Duration::from_secs(60);
/// Longer than anything here takes, in virtual time.
const LIMIT: Duration = Duration::from_secs(300);
const LAUNCH: &str = "EC2 Instance-launch Lifecycle Action";

/// One execution for one launch, and the process that its functions run in.
pub struct Launch {
    /// The scene.
    pub scene: Arc<Scene>,
    /// The execution's data: `event`, `profile`, and the results so far.
    pub data: Value,
    /// The instance.
    pub instance: String,
    aws: Aws,
    /// The metrics so far: documents of the embedded metric format.
    measured: Mutex<Vec<Value>>,
}

impl Launch {
    /// A launch that waits at its hook, with its instance running, in a small scene without delays
    /// or faults.
    ///
    /// # Errors
    /// If the scene cannot be made.
    pub async fn running() -> Result<Self> {
        Self::running_in(Settings::for_tests()).await
    }

    /// The same with other settings of the fake AWS.
    ///
    /// # Errors
    /// If the scene cannot be made.
    pub async fn running_in(settings: Settings) -> Result<Self> {
        let launch = Self::begin(settings, &small()).await?;
        launch.until_it_runs().await?;
        Ok(launch)
    }

    /// A launch whose event has just arrived, in a scene of its own.
    ///
    /// # Errors
    /// If the scene cannot be made.
    pub async fn begin(settings: Settings, size: &Size) -> Result<Self> {
        let scene = Scene::build(LocalAws::new(settings), size).await?;
        scene.group(GROUP).await?;
        Self::more(&Arc::new(scene), 1)
            .await?
            .pop()
            .context("no launch")
    }

    /// Launches more nodes in the scene's group. Returns their launches in the order in which they
    /// are served.
    ///
    /// # Errors
    /// If their events do not arrive.
    pub async fn more(scene: &Arc<Scene>, nodes: usize) -> Result<Vec<Self>> {
        let known: BTreeSet<String> = launched(&scene.local).into_iter().collect();
        scene
            .scale(GROUP, i32::try_from(known.len() + nodes)?)
            .await?;
        let mut new = wait_for(LIMIT, "the launches' events", async || {
            let mut new: Vec<String> = launched(&scene.local);
            new.retain(|instance| !known.contains(instance));
            Ok((new.len() == nodes).then_some(new))
        })
        .await?;
        new.sort_by_key(|instance| (launched_at(&scene.local, instance), instance.clone()));
        let mut launches = Vec::new();
        for instance in new {
            let event = event_of(&scene.local, &instance).context("no event")?;
            launches.push(Self {
                data: json!({"event": event, "profile": scene.profile(GROUP)}),
                aws: process(scene).await,
                scene: Arc::clone(scene),
                instance,
                measured: Mutex::default(),
            });
        }
        Ok(launches)
    }

    /// Another execution for the same launch, as a duplicate event or a replay starts it: with the
    /// same input, and with a process that has cached nothing.
    pub async fn second_execution(&self) -> Self {
        Self {
            scene: Arc::clone(&self.scene),
            data: json!({"event": self.data["event"], "profile": self.data["profile"]}),
            instance: self.instance.clone(),
            aws: process(&self.scene).await,
            measured: Mutex::default(),
        }
    }

    /// The payload that the state machine passes to a state's function now.
    #[must_use]
    pub fn payload(&self, state: State) -> Value {
        let mut data = self.data.clone();
        if data.get("node").is_none() && state != State::TagNode {
            data = nothing_made_yet(&data);
        }
        // What every catcher that leads there has left.
        if state == State::ReleaseInterfaces && data.get("completion").is_none() {
            data["completion"] = json!({"outcome": "COMPLETED"});
        }
        if state == State::AbandonLaunch && data.get("failure").is_none() {
            data["failure"] = json!({"Error": "Hookline.NoCapacity", "Cause": "test"});
        }
        let context = json!({"Execution": {"Name": "test"}, "State": {"RetryCount": 0}});
        match &state.task().parameters {
            None => data,
            // Without a payload, the function gets the error and refuses it.
            Some(parameters) => parameters
                .evaluate(&data, &context)
                .unwrap_or_else(|error| json!(error.to_string())),
        }
    }

    /// Runs a state's function with another payload. The execution's data does not change.
    ///
    /// # Errors
    /// The function's error.
    pub async fn handle(&self, state: State, payload: Value) -> hookline_domain::Result<Value> {
        let function = move |context, payload| Self::function(state, context, payload);
        self.invoke(async |context| {
            invoke(state.function(), "test", context, payload, function).await
        })
        .await
    }

    /// Runs `function` in this launch's process.
    ///
    /// # Errors
    /// The function's error.
    pub async fn invoke<T>(
        &self,
        function: impl AsyncFnOnce(Context) -> hookline_domain::Result<T>,
    ) -> hookline_domain::Result<T> {
        let context = context(self.aws.clone(), self.local(), FUNCTION_TIMEOUT);
        let metrics = context.metrics.clone();
        let result = function(context).await;
        let mut measured = self.measured.lock().unwrap_or_else(PoisonError::into_inner);
        measured.extend(metrics.take());
        result
    }

    /// The functions' metrics since the last call.
    pub fn measured(&self) -> Vec<Value> {
        std::mem::take(&mut *self.measured.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn function(
        state: State,
        context: Context,
        payload: Value,
    ) -> hookline_domain::Result<Value> {
        match state {
            State::TagNode => handlers::tag_node::handle(context, payload).await,
            State::PlanInterfaces => handlers::plan_interfaces::handle(context, payload).await,
            State::CreateInterfaces => handlers::create_interfaces::handle(context, payload).await,
            State::AttachInterfaces => handlers::attach_interfaces::handle(context, payload).await,
            State::ContinueLaunch | State::AbandonLaunch => {
                handlers::complete_hook::handle(context, payload).await
            }
            State::RemoveStartupTaint => {
                handlers::remove_startup_taint::handle(context, payload).await
            }
            State::SetDeleteOnTermination => {
                handlers::set_delete_on_termination::handle(context, payload).await
            }
            State::ReleaseInterfaces => {
                handlers::release_interfaces::handle(context, payload).await
            }
        }
    }

    /// Runs a state, and puts its result into the execution's data.
    ///
    /// # Errors
    /// The function's error.
    pub async fn run(&mut self, state: State) -> hookline_domain::Result<Value> {
        let result = self.handle(state, self.payload(state)).await?;
        let data = std::mem::take(&mut self.data);
        match state.task().result_path.combine(data, result.clone()) {
            Ok(data) => self.data = data,
            Err(error) => unreachable!("{state:?}: {error}"),
        }
        Ok(result)
    }

    /// Runs `TagNode`, and again when its turn has come, as the state machine does.
    ///
    /// # Errors
    /// The function's error.
    pub async fn tag(&mut self) -> hookline_domain::Result<Value> {
        let answer = self.run(State::TagNode).await?;
        let Some(seconds) = answer["waitSeconds"].as_u64() else {
            return Ok(answer);
        };
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        self.run(State::TagNode).await
    }

    /// Runs a state, and retries it as the state machine does while AWS throttles or is
    /// unavailable.
    ///
    /// # Errors
    /// The function's error, if it is of another kind or the tenth.
    pub async fn run_until_answered(&mut self, state: State) -> hookline_domain::Result<Value> {
        for _ in 0..9 {
            match self.run(state).await {
                Err(Error::Throttled { .. } | Error::AwsUnavailable { .. }) => {}
                answered => return answered,
            }
        }
        self.run(state).await
    }

    /// Runs the states of a launch without failures, up to `last` inclusive.
    ///
    /// # Errors
    /// The error of the first function that fails.
    pub async fn run_to(&mut self, last: State) -> hookline_domain::Result<()> {
        for state in State::WAY {
            match state {
                State::TagNode => self.tag().await?,
                _ => self.run(state).await?,
            };
            if state == last {
                break;
            }
        }
        Ok(())
    }

    /// The same launch with another process of the functions, which uses this HTTP client.
    pub async fn with_http_client(mut self, client: SharedHttpClient) -> Self {
        let config = product_config(self.local()).await;
        self.aws = Aws::new(
            &config.into_builder().http_client(client).build(),
            roles::deployment(),
        );
        self
    }

    /// The same launch in the process of another launch.
    #[must_use]
    pub fn in_process_of(mut self, other: &Self) -> Self {
        self.aws = other.aws.clone();
        self
    }

    /// Changes the profile, as a user does before anything starts.
    #[must_use]
    pub fn with_profile(mut self, change: impl FnOnce(&mut Value)) -> Self {
        change(&mut self.data["profile"]);
        self
    }

    /// The profile, as the invariants need it.
    ///
    /// # Errors
    /// If it is invalid.
    pub fn profile(&self) -> hookline_domain::Result<Profile> {
        Profile::read(self.data["profile"].clone())
    }

    /// A network's subnet in the first AZ.
    ///
    /// # Errors
    /// If there is no such network.
    pub fn subnet(&self, network: usize) -> Result<&str> {
        self.scene.first_subnet(network)
    }

    /// The n-th address of a subnet; its network address is the 0-th.
    ///
    /// # Errors
    /// If there is no such subnet.
    pub fn address(&self, subnet: &str, n: u32) -> Result<Ipv4Addr> {
        let first = self.local().with_world(|world| {
            world
                .ec2
                .subnet(subnet)
                .map(|found| u32::from(found.cidr_block.network()))
        });
        Ok(Ipv4Addr::from(first.context("no such subnet")? + n))
    }

    /// Creates an interface that is not Hookline's.
    ///
    /// # Errors
    /// If EC2 refuses.
    pub async fn foreign_interface(&self, subnet: &str, address: Ipv4Addr) -> Result<String> {
        self.scene
            .ec2
            .create_network_interface()
            .subnet_id(subnet)
            .private_ip_address(address.to_string())
            .description("somebody else's")
            .send()
            .await
            .context("CreateNetworkInterface")?
            .network_interface()
            .and_then(|interface| interface.network_interface_id())
            .map(str::to_owned)
            .context("no id")
    }

    /// The instance in its current state.
    ///
    /// # Errors
    /// If it no longer exists.
    pub fn node(&self) -> Result<Instance> {
        self.local()
            .with_world(|world| world.ec2.instance(&self.instance).cloned())
            .context("the instance is gone")
    }

    /// The interfaces that were created for this launch, in their current state, ordered by network
    /// name.
    #[must_use]
    pub fn made(&self) -> Vec<NetworkInterface> {
        let mut made: Vec<_> = self.local().with_world(|world| {
            world
                .ec2
                .network_interfaces()
                .filter(|interface| interface.tags.get(own::INSTANCE_ID) == Some(&self.instance))
                .cloned()
                .collect()
        });
        made.sort_by(|a, b| a.tags.get(own::NETWORK).cmp(&b.tags.get(own::NETWORK)));
        made
    }

    /// Extends the hook, as the state `ExtendHook` does.
    ///
    /// # Errors
    /// If Auto Scaling refuses.
    pub async fn extend_hook(&self) -> Result<()> {
        let action = &self.data["launch"]["lifecycleAction"];
        let named = |name: &str| action[name].as_str().unwrap_or_default().to_owned();
        self.scene
            .autoscaling
            .record_lifecycle_action_heartbeat()
            .auto_scaling_group_name(named("AutoScalingGroupName"))
            .lifecycle_hook_name(named("LifecycleHookName"))
            .instance_id(&self.instance)
            .send()
            .await
            .context("RecordLifecycleActionHeartbeat")?;
        Ok(())
    }

    /// Waits until the instance runs.
    ///
    /// # Errors
    /// If it never does.
    pub async fn until_it_runs(&self) -> Result<()> {
        self.until("the instance to run", |launch| {
            launch
                .node()
                .is_ok_and(|node| node.state == InstanceState::Running)
        })
        .await
    }

    /// Waits until Auto Scaling has the instance in a state.
    ///
    /// # Errors
    /// If it never does.
    pub async fn until_lifecycle_state(&self, state: LifecycleState) -> Result<()> {
        self.until(&format!("{state:?}"), |launch| {
            let now = launch
                .local()
                .with_world(|world| world.autoscaling.states(GROUP).remove(&launch.instance));
            now == Some(state)
        })
        .await
    }

    /// Waits until `holds`.
    ///
    /// # Errors
    /// If it never does.
    pub async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) -> Result<()> {
        wait_for(LIMIT, what, async || Ok(holds(self).then_some(()))).await
    }

    /// Checks that the fake AWS is consistent and that the invariants hold that always must.
    ///
    /// # Errors
    /// The violations.
    pub fn nothing_is_broken(&self) -> Result<()> {
        let broken = crate::invariants::always(self.local(), &[self.profile()?]);
        ensure!(broken.is_empty(), "{broken:?}");
        Ok(())
    }
}

impl FunctionCalls for Launch {
    fn local(&self) -> &LocalAws {
        &self.scene.local
    }
}

/// The scene that most tests of single functions need.
#[must_use]
pub fn small() -> Size {
    Size {
        azs: 1,
        networks: 2,
        ..Size::default()
    }
}

/// The context of an invocation that begins now.
#[must_use]
pub fn context(aws: Aws, local: &LocalAws, timeout: Duration) -> Context {
    let now = local.with_world(|world| world.kernel.timestamp());
    let milliseconds = now.as_millisecond();
    Context {
        metrics: Metrics::starting_at(milliseconds, aws.deployment()),
        aws,
        deadline: Instant::now() + timeout,
        now: now.as_second(),
    }
}

/// A new process of the functions, which has cached nothing.
async fn process(scene: &Scene) -> Aws {
    Aws::new(&product_config(&scene.local).await, roles::deployment())
}

fn launched(local: &LocalAws) -> Vec<String> {
    let mut instances: Vec<String> = local
        .eventbridge()
        .events()
        .iter()
        .filter(|event| event["detail-type"] == LAUNCH)
        .filter_map(|event| event["detail"]["EC2InstanceId"].as_str().map(str::to_owned))
        .collect();
    instances.sort();
    instances.dedup();
    instances
}

/// The launch time in whole seconds, as EC2 returns it. Launches of the same second are served in
/// the order of their ids.
fn launched_at(local: &LocalAws, instance: &str) -> Option<i64> {
    local.with_world(|world| {
        let launch_time = world.ec2.instance(instance)?.launch_time;
        Some(world.kernel.timestamp_at(launch_time).as_second())
    })
}

/// The event of the launch at Hookline's hook.
fn event_of(local: &LocalAws, instance: &str) -> Option<Value> {
    local.eventbridge().events().into_iter().find(|event| {
        event["detail-type"] == LAUNCH
            && event["detail"]["EC2InstanceId"] == instance
            && event["detail"]["LifecycleHookName"] == HOOK
    })
}
