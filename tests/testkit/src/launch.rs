//! One launch, function by function, in process: the handlers in front of the fake AWS, their results folded into
//! the execution's data as the state machine's ResultPaths do. For tests of single functions; whole executions are
//! [`crate::deployment`]'s.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use hookline::aws::Aws;
use hookline::handlers::{self, Context};
use hookline::metrics::Metrics;
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
use crate::scene::{HOOK, Scene, Size};
use crate::wait::wait_for;

mod state;

pub use state::State;
use state::nothing_made_yet;

/// The group that the launches are of.
pub const GROUP: &str = "upf";
/// What Lambda gives a function (the same as in a deployment).
const FUNCTION_TIMEOUT: Duration = Duration::from_secs(60);
/// Longer than anything here takes, in virtual time.
const LIMIT: Duration = Duration::from_secs(300);
const LAUNCH: &str = "EC2 Instance-launch Lifecycle Action";

/// One execution for one launch, and the process that its functions run in.
pub struct Launch {
    /// The scene that it is in.
    pub scene: Arc<Scene>,
    /// The execution's data: `event`, `profile`, and the results so far.
    pub data: Value,
    /// The instance.
    pub instance: String,
    aws: Aws,
    /// What was measured so far: documents of the embedded metric format.
    measured: Mutex<Vec<Value>>,
}

impl Launch {
    /// A launch at its hook, the instance running, in a well-behaved scene with one AZ and two networks.
    ///
    /// # Errors
    /// When the scene cannot be made.
    pub async fn running() -> Result<Self> {
        Self::running_in(Settings::for_tests()).await
    }

    /// The same in another world.
    ///
    /// # Errors
    /// When the scene cannot be made.
    pub async fn running_in(settings: Settings) -> Result<Self> {
        let launch = Self::begin(settings, &small()).await?;
        launch.until_it_runs().await?;
        Ok(launch)
    }

    /// A launch whose event has just come, in a scene of its own.
    ///
    /// # Errors
    /// When the scene cannot be made.
    pub async fn begin(settings: Settings, size: &Size) -> Result<Self> {
        let scene = Scene::build(LocalAws::new(settings), size).await?;
        scene.group(GROUP).await?;
        Self::more(&Arc::new(scene), 1)
            .await?
            .pop()
            .context("no launch")
    }

    /// So many more launches of the scene's group, in the order in which they are served.
    ///
    /// # Errors
    /// When their events do not come.
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

    /// Another execution for the same launch, as a duplicate event or a replay starts it: the same input, and a
    /// process that remembers nothing.
    pub async fn second_execution(&self) -> Self {
        Self {
            scene: Arc::clone(&self.scene),
            data: json!({"event": self.data["event"], "profile": self.data["profile"]}),
            instance: self.instance.clone(),
            aws: process(&self.scene).await,
            measured: Mutex::default(),
        }
    }

    /// The payload that the state machine gives a state's function now.
    #[must_use]
    pub fn payload(&self, state: State) -> Value {
        let mut data = self.data.clone();
        if data.get("node").is_none() && state != State::TagNode {
            data = nothing_made_yet(&data);
        }
        let context = json!({"Execution": {"Name": "test"}});
        match &state.task().parameters {
            None => data,
            // What cannot be made is no payload: the function refuses it, and says why.
            Some(parameters) => parameters
                .evaluate(&data, &context)
                .unwrap_or_else(|error| json!(error.to_string())),
        }
    }

    /// Runs a state's function with a payload of one's own; the execution's data stays as it is.
    ///
    /// # Errors
    /// The function's.
    pub async fn handle(&self, state: State, payload: Value) -> hookline_domain::Result<Value> {
        self.invoke(async |context| Self::function(state, context, payload).await)
            .await
    }

    /// Runs `function` in this launch's process.
    ///
    /// # Errors
    /// The function's.
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

    /// What the functions have measured since this was last asked.
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
            State::ReleaseInterfaces => {
                handlers::release_interfaces::handle(context, payload).await
            }
        }
    }

    /// Runs a state, and keeps its result.
    ///
    /// # Errors
    /// The function's.
    pub async fn run(&mut self, state: State) -> hookline_domain::Result<Value> {
        let result = self.handle(state, self.payload(state)).await?;
        let data = std::mem::take(&mut self.data);
        match state.task().result_path.combine(data, result.clone()) {
            Ok(data) => self.data = data,
            Err(error) => unreachable!("{state:?}: {error}"),
        }
        Ok(result)
    }

    /// Runs a state as often as the state machine does when AWS throttles or does not answer.
    ///
    /// # Errors
    /// The function's, of another kind or for the tenth time.
    pub async fn run_until_answered(&mut self, state: State) -> hookline_domain::Result<Value> {
        for _ in 0..9 {
            match self.run(state).await {
                Err(Error::Throttled { .. } | Error::AwsUnavailable { .. }) => {}
                answered => return answered,
            }
        }
        self.run(state).await
    }

    /// Runs the states of a launch without failures, up to and with `last`.
    ///
    /// # Errors
    /// The first function's that fails.
    pub async fn run_to(&mut self, last: State) -> hookline_domain::Result<()> {
        for state in State::WAY {
            self.run(state).await?;
            if state == last {
                break;
            }
        }
        Ok(())
    }

    /// Another process of the functions, whose calls go through this HTTP client.
    pub async fn with_http_client(mut self, client: SharedHttpClient) -> Self {
        let config = product_config(self.local()).await;
        self.aws = Aws::new(&config.into_builder().http_client(client).build());
        self
    }

    /// Runs in the process that another launch runs in.
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

    /// The profile, for the invariants.
    ///
    /// # Errors
    /// When it is not right.
    pub fn profile(&self) -> hookline_domain::Result<Profile> {
        Profile::read(self.data["profile"].clone())
    }

    /// A network's subnet in the first AZ.
    ///
    /// # Errors
    /// When there is no such network.
    pub fn subnet(&self, network: usize) -> Result<&str> {
        self.scene
            .networks
            .get(network)
            .and_then(|network| network.subnets.first())
            .map(String::as_str)
            .with_context(|| format!("no network {network}"))
    }

    /// The n-th address of a subnet; its network address is the 0-th.
    ///
    /// # Errors
    /// When there is no such subnet.
    pub fn address(&self, subnet: &str, n: u32) -> Result<Ipv4Addr> {
        let first = self.local().with_world(|world| {
            world
                .ec2
                .subnet(subnet)
                .map(|found| u32::from(found.cidr_block.network()))
        });
        Ok(Ipv4Addr::from(first.context("no such subnet")? + n))
    }

    /// An interface that somebody else makes.
    ///
    /// # Errors
    /// When EC2 refuses.
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

    /// The instance, as it is.
    ///
    /// # Errors
    /// When it is not there any more.
    pub fn node(&self) -> Result<Instance> {
        self.local()
            .with_world(|world| world.ec2.instance(&self.instance).cloned())
            .context("the instance is gone")
    }

    /// The interfaces made for this launch, as they are, in the order of their networks' names.
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

    /// Waits until the instance runs.
    ///
    /// # Errors
    /// When it never does.
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
    /// When it never has.
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
    /// When it never does.
    pub async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) -> Result<()> {
        wait_for(LIMIT, what, async || Ok(holds(self).then_some(()))).await
    }

    /// Fails unless the fake AWS is free of contradictions and all invariants hold that always must.
    ///
    /// # Errors
    /// With what is broken.
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

/// What a handler runs with, in an invocation that begins now.
#[must_use]
pub fn context(aws: Aws, local: &LocalAws, timeout: Duration) -> Context {
    let now = local.with_world(|world| world.kernel.timestamp());
    let milliseconds = now.as_millisecond();
    Context {
        aws,
        deadline: Instant::now() + timeout,
        now: now.as_second(),
        metrics: Metrics::starting_at(milliseconds),
    }
}

/// A new process of the functions, which remembers nothing.
async fn process(scene: &Scene) -> Aws {
    Aws::new(&product_config(&scene.local).await)
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

/// In whole seconds, as EC2 tells it: launches of one second are served in the order of their ids.
fn launched_at(local: &LocalAws, instance: &str) -> Option<i64> {
    local.with_world(|world| {
        let launch_time = world.ec2.instance(instance)?.launch_time;
        Some(world.kernel.timestamp_at(launch_time).as_second())
    })
}

/// The event of the launch at our hook.
fn event_of(local: &LocalAws, instance: &str) -> Option<Value> {
    local.eventbridge().events().into_iter().find(|event| {
        event["detail-type"] == LAUNCH
            && event["detail"]["EC2InstanceId"] == instance
            && event["detail"]["LifecycleHookName"] == HOOK
    })
}
