//! One scale-out, from the first launch until everything is at rest.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use hookline_domain::profile::{Profile, TokenBucket};
use hookline_local::autoscaling::LifecycleState;
use hookline_local::node::{CniSettings, NodeSettings, Phase};
use hookline_local::{Latency, LocalAws, Settings};
use hookline_statemachine::{LAUNCH_NODE, StateMachine};
use hookline_testkit::invariants::{self, Violation};
use hookline_testkit::roles;
use hookline_testkit::rules::put_rule;
use hookline_testkit::scene::{Scene, Size, WarmPool};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::executions;
use crate::faults::Background;
use crate::lambda::{self, Lambda, Usage};
use crate::progress::Progress;
use crate::reconcile;
use crate::report::Report;
use crate::shared::Shared;
use crate::tap::Tap;
use crate::walker::{TaskError, Verdict};

/// The group that scales out.
pub const GROUP: &str = "nodes";
/// The state machine's ARN.
pub const MACHINE_ARN: &str = "arn:aws:states:us-west-2:123456789012:stateMachine:launch-node";

/// What a run does.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Nodes to launch.
    pub nodes: usize,
    /// The scene.
    pub size: Size,
    /// The number of waves that they are launched in, a minute apart.
    pub waves: usize,
    /// The seed of everything random.
    pub seed: u64,
    /// The settings of the fake AWS.
    pub settings: Settings,
    /// The settings of Lambda.
    pub lambda: lambda::Settings,
    /// A run that takes longer counts as hung.
    pub limit: Duration,
    /// How often the invariants are checked.
    pub look_every: Duration,
    /// Random faults during the whole run.
    pub background: Background,
    /// Whether a gate on each node holds kubelet back until its interfaces are there.
    pub gate: bool,
    /// What the profile says of EC2's bucket of ModifyNetworkInterfaceAttribute; `None` for what EC2
    /// publishes. The fake AWS has that one all the same.
    pub attributes: Option<TokenBucket>,
    /// The definition of the state machine; by default today's file.
    pub definition: &'static str,
    /// A warm pool beside the group. It is filled before the nodes are launched.
    pub warm_pool: Option<WarmPool>,
    /// Whether `reconcile` runs: every five minutes, and for executions that do not succeed.
    pub reconcile: bool,
}

impl Scenario {
    /// `nodes` launches at once, with latencies, a describe lag and token buckets like those of
    /// AWS. The nodes boot, have a gate, and run the VPC CNI.
    #[must_use]
    pub fn new(nodes: usize, size: Size, seed: u64) -> Self {
        let interfaces = nodes * (size.networks + 1);
        Self {
            nodes,
            size,
            waves: 1,
            seed,
            settings: Settings {
                seed,
                latency: Latency::millis(200, 1000),
                throttle: true,
                describe_lag: Duration::from_secs(2),
                instance_not_found_for: Duration::from_secs(1),
                instance_pending_for: Duration::from_secs(10),
                attach_for: Duration::from_secs(1),
                detach_for: Duration::from_secs(2),
                shutdown_for: Duration::from_secs(20),
                // The profile's, the primary one and the VPC CNI's; twice for replacements.
                network_interface_limit: (interfaces + nodes) * 2,
                node: Some(NodeSettings {
                    cni: Some(CniSettings {
                        // The node subnets of a scene have room for 4,091 addresses each.
                        secondary_addresses: 0,
                        ..CniSettings::default()
                    }),
                    ..NodeSettings::default()
                }),
                ..Settings::for_tests()
            },
            lambda: lambda::Settings::default(),
            limit: Duration::from_secs(6 * 3600),
            look_every: Duration::from_secs(5),
            background: Background::None,
            gate: true,
            attributes: None,
            definition: LAUNCH_NODE,
            warm_pool: None,
            reconcile: true,
        }
    }
}

/// A run in progress, for tests that interfere with it.
pub struct Run {
    /// The settings of the fake AWS.
    pub local: LocalAws,
    /// Its scene.
    pub scene: Scene,
    /// Injects faults into the functions' calls.
    pub tap: Tap,
    /// The profile.
    pub profile: Profile,
    pub(super) scenario: Scenario,
    pub(super) shared: Rc<Shared>,
    pub(super) started: Instant,
    pub(super) violations: RefCell<Vec<Violation>>,
}

impl Run {
    /// Prepares a run, and launches nothing yet. Must be called in a `LocalSet` on a paused clock.
    ///
    /// # Errors
    /// If the scene cannot be built.
    pub async fn new(scenario: Scenario) -> Result<Self> {
        // The SDK's back-off uses this generator.
        fastrand::seed(scenario.seed);
        let local = LocalAws::new(scenario.settings.clone());
        // The calls that build the scene are not part of the run.
        local.with_world(|world| world.kernel.settings.throttle = false);
        let size = Size {
            gate: scenario.gate,
            ..scenario.size.clone()
        };
        let scene = Scene::build(local.clone(), &size).await?;
        scene.group(GROUP).await?;
        roles::put(&local, &scene)?;
        let mut profile_json = scene.profile(GROUP);
        let node = scenario.settings.node.as_ref();
        let cni = node.and_then(|node| node.cni.as_ref());
        let mut rates = json!({
            "vpcCniInterfaces": cni.map_or(0, |cni| cni.warm_interfaces),
        });
        if let Some(bucket) = scenario.attributes {
            rates["modifyNetworkInterfaceAttribute"] = json!(bucket);
        }
        profile_json["requestRates"] = rates;
        // Nothing that a run does may brake a group, whatever the faults are.
        profile_json["brake"] = json!(true);
        let profile = Profile::read(profile_json.clone())?;
        put_rule(&local, MACHINE_ARN, "launch", &profile_json).await?;
        let invoked = match scenario.reconcile {
            true => Some(reconcile::deploy(&local, MACHINE_ARN, &[profile_json]).await?),
            false => None,
        };
        local.with_world(|world| world.kernel.settings.throttle = scenario.settings.throttle);

        let tap = Tap::default();
        let shared = Rc::new(Shared {
            machine: StateMachine::read(scenario.definition).context("the state machine")?,
            lambda: Lambda::new(&local, tap.clone(), scenario.lambda.clone()).await,
            local: local.clone(),
            tap: tap.clone(),
            rng: RefCell::new(ChaCha8Rng::seed_from_u64(scenario.seed)),
            begun: Instant::now(),
            running: RefCell::default(),
            verdicts: RefCell::default(),
            starts: RefCell::default(),
            retries: Cell::default(),
            reports: RefCell::default(),
            history: RefCell::default(),
        });
        let (starts, started) = mpsc::unbounded_channel();
        local.stepfunctions().on_start_execution(move |start| {
            // The receiver is gone only when the run is over.
            let _ = starts.send(start);
        });
        tokio::task::spawn_local(executions::walk_all(Rc::clone(&shared), started));
        if let Some(invoked) = invoked {
            tokio::task::spawn_local(reconcile::serve(Rc::clone(&shared), invoked));
        }
        Ok(Self {
            local,
            scene,
            tap,
            profile,
            scenario,
            shared,
            started: Instant::now(),
            violations: RefCell::default(),
        })
    }

    /// Launches the nodes, and waits until everything is at rest.
    ///
    /// # Errors
    /// If the fake AWS refuses the scale-out.
    pub async fn to_rest(&mut self) -> Result<Report> {
        self.to_rest_watched(|_| ()).await
    }

    /// As [`Run::to_rest`]; `watch` gets the progress each time that the invariants are checked.
    ///
    /// # Errors
    /// If the fake AWS refuses the scale-out.
    pub async fn to_rest_watched(&mut self, mut watch: impl FnMut(Progress)) -> Result<Report> {
        self.launch().await?;
        let mut calm = 0;
        while !self.is_over_limit() {
            tokio::time::sleep(self.scenario.look_every).await;
            self.look();
            let in_service = self.in_service();
            watch(Progress {
                elapsed: self.started.elapsed(),
                in_service,
                nodes: self.scenario.nodes,
                running: *self.shared.running.borrow(),
            });
            let resting = in_service >= self.scenario.nodes
                && self.is_idle()
                && self.all_have_joined()
                && self.is_settled();
            // Abandoned instances still terminate, and their interfaces detach, for a while.
            calm = if resting { calm + 1 } else { 0 };
            if calm * self.scenario.look_every > Duration::from_secs(60) {
                break;
            }
        }
        Ok(self.report())
    }

    /// Fills the warm pool, if there is one, and launches the nodes.
    ///
    /// # Errors
    /// If the fake AWS refuses.
    pub async fn launch(&mut self) -> Result<()> {
        self.fill_warm_pool().await?;
        self.scale_out().await
    }

    /// Launches the nodes into the group, in waves.
    ///
    /// # Errors
    /// If the fake AWS refuses.
    pub async fn scale_out(&mut self) -> Result<()> {
        self.started = Instant::now();
        let waves = self.scenario.waves.max(1);
        for wave in 1..=waves {
            let nodes = self.scenario.nodes * wave / waves;
            self.scene.scale(GROUP, i32::try_from(nodes)?).await?;
            if wave == 1 {
                // Only now, so that SetDesiredCapacity itself succeeds.
                self.scenario.background.begin(&self.local);
            }
            if wave < waves {
                tokio::time::sleep(Duration::from_secs(60)).await;
            }
        }
        Ok(())
    }

    /// Puts the scenario's warm pool beside the group, if it has one, and waits until it is full.
    ///
    /// # Errors
    /// If the fake AWS refuses, or the pool is not full within an hour.
    pub async fn fill_warm_pool(&self) -> Result<()> {
        self.put_warm_pool().await?;
        if let Some(pool) = self.scenario.warm_pool {
            let prepared = usize::try_from(pool.prepared)?;
            self.watch_until("a full warm pool", |run| {
                run.ready_in_pool() == prepared && run.is_idle()
            })
            .await?;
        }
        Ok(())
    }

    /// Puts the scenario's warm pool beside the group, if it has one. Its instances launch then.
    ///
    /// # Errors
    /// If the fake AWS refuses.
    pub async fn put_warm_pool(&self) -> Result<()> {
        match self.scenario.warm_pool {
            Some(pool) => self.scene.put_warm_pool(GROUP, pool).await,
            None => Ok(()),
        }
    }

    /// Checks the invariants that always hold.
    pub fn look(&self) {
        let profiles = std::slice::from_ref(&self.profile);
        self.note_violations(invariants::always(&self.local, profiles));
    }

    pub(super) fn note_violations(&self, found: Vec<Violation>) {
        let mut violations = self.violations.borrow_mut();
        violations.extend(found);
        violations.sort();
        violations.dedup();
    }

    /// Waits until `holds`, which is called each time that `every` has passed. Returns how long it
    /// waited.
    ///
    /// # Errors
    /// If it does not hold within an hour, with the history.
    pub async fn until(
        &self,
        what: &str,
        every: Duration,
        holds: impl Fn(&Self) -> bool,
    ) -> Result<Duration> {
        let begun = Instant::now();
        while !holds(self) {
            anyhow::ensure!(
                begun.elapsed() < Duration::from_secs(3600),
                "waited an hour for {what}:\n{}",
                self.history().join("\n")
            );
            tokio::time::sleep(every).await;
        }
        Ok(begun.elapsed())
    }

    /// The same each second, with a check of the invariants each time.
    ///
    /// # Errors
    /// As [`Run::until`].
    pub async fn watch_until(&self, what: &str, holds: impl Fn(&Self) -> bool) -> Result<Duration> {
        let looked = |run: &Self| {
            run.look();
            holds(run)
        };
        self.until(what, Duration::from_secs(1), looked).await
    }

    /// How many nodes are InService.
    #[must_use]
    pub fn in_service(&self) -> usize {
        self.local
            .with_world(|world| world.autoscaling.in_service(GROUP))
    }

    /// All entries of one kind, as `started`, in the reports of `reconcile` so far.
    #[must_use]
    pub fn reported(&self, kind: &str) -> Vec<Value> {
        let reports = self.reconcile_reports();
        let entries = reports.iter().filter_map(|report| report[kind].as_array());
        entries.flatten().cloned().collect()
    }

    /// The nodes to launch.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.scenario.nodes
    }

    /// How often the invariants are checked.
    #[must_use]
    pub fn look_every(&self) -> Duration {
        self.scenario.look_every
    }

    /// Whether neither an execution nor `reconcile` is running.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        *self.shared.running.borrow() == 0
    }

    /// Whether EC2 deletes every interface of Hookline's with its instance. An instance that ended
    /// between CONTINUE and then left its interfaces: reconcile has deleted those too.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let may_leave = self.scenario.attributes.is_some();
        self.local.with_world(|world| {
            invariants::unsettled(world).next().is_none()
                && (!may_leave || invariants::left_behind(world).is_empty())
        })
    }

    /// Whether no node is on its way into the cluster. One in a warm pool is not.
    #[must_use]
    pub fn all_have_joined(&self) -> bool {
        let nodes = self.local.nodes().all();
        self.local.with_world(|world| {
            let in_pool = |instance: &str| {
                let target = world.autoscaling.target_lifecycle_state(instance);
                target.is_some_and(LifecycleState::is_warm)
            };
            nodes.iter().all(|(instance, node)| {
                matches!(node.phase, Phase::Joined | Phase::Off) || in_pool(instance)
            })
        })
    }

    /// How many instances are ready in the warm pool.
    #[must_use]
    pub fn ready_in_pool(&self) -> usize {
        let states = self
            .local
            .with_world(|world| world.autoscaling.states(GROUP));
        let ready = states.values().filter(|state| state.is_ready_in_pool());
        ready.count()
    }

    /// Whether the run has taken longer than its limit.
    #[must_use]
    pub fn is_over_limit(&self) -> bool {
        self.started.elapsed() >= self.scenario.limit
    }

    /// How the executions have ended that are over.
    #[must_use]
    pub fn verdicts(&self) -> Vec<Verdict> {
        self.shared.verdicts.borrow().clone()
    }

    /// When these executions ran, in the order of [`Run::verdicts`].
    #[must_use]
    pub fn starts(&self) -> Vec<Instant> {
        self.shared.starts.borrow().clone()
    }

    /// How many retries of tasks there were, over all executions.
    #[must_use]
    pub fn retries(&self) -> usize {
        self.shared.retries.get()
    }

    /// What each function has used of Lambda.
    #[must_use]
    pub fn lambda_usage(&self) -> BTreeMap<String, Usage> {
        self.shared.lambda.usage()
    }

    /// Invokes `reconcile` by hand, as its schedule does, with these profiles and limits.
    ///
    /// # Errors
    /// The function's error.
    pub async fn reconcile(&self, profiles: &[Value], limits: &Value) -> Result<Value, TaskError> {
        let payload =
            json!({"stateMachineArn": MACHINE_ARN, "profiles": profiles, "limits": limits});
        self.invoke("reconcile", payload).await
    }

    /// Invokes a function by hand.
    ///
    /// # Errors
    /// The function's error.
    pub async fn invoke(&self, function: &str, payload: Value) -> Result<Value, TaskError> {
        self.shared.lambda.invoke(function, payload).await
    }

    /// The functions' metrics since the last call, as documents of the embedded metric format.
    pub fn measured(&self) -> Vec<Value> {
        self.shared.lambda.measured()
    }

    /// What `reconcile` returned each time that its schedule or its rule invoked it.
    #[must_use]
    pub fn reconcile_reports(&self) -> Vec<Value> {
        self.shared.reports.borrow().clone()
    }

    /// The history, line by line.
    #[must_use]
    pub fn history(&self) -> Vec<String> {
        self.shared.history.borrow().clone()
    }
}

/// Runs a scenario from an ordinary thread, on a paused clock of its own.
///
/// # Errors
/// If it cannot be set up.
pub fn simulate(scenario: Scenario) -> Result<(Report, Vec<String>)> {
    simulate_watched(scenario, |_| ())
}

/// As [`simulate`]; the history is one text.
///
/// # Errors
/// If it cannot be set up, or an invariant is violated; the error has the history.
pub fn simulate_checked(scenario: Scenario) -> Result<(Report, String)> {
    let (report, history) = simulate(scenario)?;
    let history = history.join("\n");
    let violations = &report.violations;
    anyhow::ensure!(violations.is_empty(), "{violations:#?}\n{history}");
    Ok((report, history))
}

/// As [`simulate`]; `watch` gets the progress.
///
/// # Errors
/// If it cannot be set up.
pub fn simulate_watched(
    scenario: Scenario,
    watch: impl FnMut(Progress),
) -> Result<(Report, Vec<String>)> {
    on_paused_clock(async move {
        let mut run = Run::new(scenario).await?;
        let report = run.to_rest_watched(watch).await?;
        Ok((report, run.history()))
    })
}

/// As [`simulate_watched`]; the report is compared with one launch alone in the same scene, which
/// runs first.
///
/// # Errors
/// If it cannot be set up.
pub fn simulate_beside_one_launch(
    scenario: Scenario,
    watch: impl FnMut(Progress),
) -> Result<(Report, Vec<String>)> {
    let alone = Scenario {
        nodes: 1,
        waves: 1,
        background: Background::None,
        warm_pool: scenario.warm_pool.map(|pool| WarmPool {
            prepared: pool.prepared.min(1),
            ..pool
        }),
        ..scenario.clone()
    };
    let (alone, _) = simulate(alone)?;
    let (mut report, history) = simulate_watched(scenario, watch)?;
    report.compare_with_one_launch(&alone);
    Ok((report, history))
}

/// Runs a future on one thread with a paused clock.
///
/// # Errors
/// The future's error.
pub fn on_paused_clock<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()?;
    tokio::task::LocalSet::new().block_on(&runtime, future)
}
