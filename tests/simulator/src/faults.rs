//! The fault matrix: one launch and one fault in each run. There is a run for every call that a
//! launch makes and every way that the call can fail, for every way that the delivery of its event
//! can fail, and for what others may do during it. Every run must end with no invariant violated.
//! If the fault passes, the launched node itself must be InService.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Result;
use hookline_local::eventbridge::Disturbance;
use hookline_local::{Fault, FaultKind, LocalAws};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use hookline_statemachine::LAUNCH_NODE;

use crate::cells::{Cell, DeliveryFault, Interference};
use crate::run::{GROUP, Run, on_paused_clock};
use crate::setting::Setting;
use crate::tap::FaultAction;

/// Random faults of the calls of EC2 and Auto Scaling, during the whole run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Background {
    /// No faults.
    #[default]
    None,
    /// One call in a hundred.
    Light,
    /// One call in ten.
    Heavy,
}

impl std::str::FromStr for Background {
    type Err = String;

    fn from_str(name: &str) -> std::result::Result<Self, String> {
        Ok(match name {
            "none" => Self::None,
            "light" => Self::Light,
            "heavy" => Self::Heavy,
            _ => return Err("none, light or heavy".to_owned()),
        })
    }
}

impl Background {
    /// Injects the faults, from now on.
    pub fn begin(self, local: &LocalAws) {
        let chance = match self {
            Self::None => return,
            Self::Light => 0.01,
            Self::Heavy => 0.1,
        };
        let kinds = [
            FaultKind::Throttle,
            FaultKind::InternalError,
            FaultKind::ResetBefore,
            FaultKind::ResetAfter,
        ];
        for kind in kinds {
            for service in ["ec2", "autoscaling"] {
                let fault = Fault::on("*", kind.clone()).service(service);
                local.inject(fault.chance(chance / 4.0).always());
            }
        }
    }
}

/// The outcome of a cell.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// The cell.
    pub cell: String,
    /// Its row.
    pub row: String,
    /// The seed of the run.
    pub seed: u64,
    /// What is wrong. Empty if the cell passed.
    pub problems: Vec<String>,
    /// The run's history, if something is wrong.
    pub history: Vec<String>,
    /// The actions that each function called.
    #[serde(skip)]
    pub actions: BTreeMap<String, BTreeSet<String>>,
}

/// How many calls the functions make for one launch without faults, on cold sandboxes.
///
/// # Errors
/// If the scene cannot be built.
pub fn calls_of_a_launch(setting: Setting) -> Result<usize> {
    on_paused_clock(async move {
        let mut scenario = setting.scenario(1, 1);
        // Its calls are not part of a launch.
        scenario.reconcile = false;
        let mut run = Run::new(scenario).await?;
        setting.prepare(&run).await?;
        let before = run.tap.passed();
        let problems = settle(&mut run, setting, true).await?;
        anyhow::ensure!(problems.is_empty(), "{}: {problems:?}", setting.name());
        Ok(run.tap.passed() - before)
    })
}

/// Runs one cell.
///
/// # Errors
/// If the scene cannot be built.
pub fn run_cell(setting: Setting, cell: Cell, seed: u64) -> Result<Outcome> {
    run_cell_of(LAUNCH_NODE, setting, cell, seed)
}

/// Runs one cell with another definition of the state machine.
///
/// # Errors
/// If the scene cannot be built.
pub fn run_cell_of(
    definition: &'static str,
    setting: Setting,
    cell: Cell,
    seed: u64,
) -> Result<Outcome> {
    on_paused_clock(async move {
        let mut scenario = setting.scenario(1, seed);
        scenario.definition = definition;
        if let Cell::Lag { seconds, varies } = cell {
            scenario.settings.describe_lag = Duration::from_secs(seconds);
            scenario.settings.describe_lag_varies = varies;
        }
        let mut run = Run::new(scenario).await?;
        setting.prepare(&run).await?;
        match cell {
            Cell::Call {
                position,
                strike,
                times,
            } => {
                for n in 0..times {
                    run.tap.strike(position + n, strike);
                }
            }
            Cell::Event(astray) => {
                let disturbance = match astray {
                    DeliveryFault::Duplicate => Disturbance::duplicate(1, Duration::ZERO),
                    DeliveryFault::DuplicateLate => {
                        Disturbance::duplicate(1, Duration::from_secs(30))
                    }
                    DeliveryFault::Delayed => Disturbance::delay(Duration::from_secs(600)),
                    DeliveryFault::Lost => Disturbance::drop(),
                };
                run.local.eventbridge().disturb(
                    disturbance
                        .detail_type("EC2 Instance-launch Lifecycle Action")
                        .times(1),
                );
            }
            Cell::Interference { what, position } => {
                let intervention = what.intervention(&run);
                run.tap.interfere(position, intervention);
            }
            Cell::Lag { .. } => {}
        }
        let problems = settle(&mut run, setting, cell.is_transient()).await?;
        let name = format!("{}, {}", setting.name(), cell.name());
        Ok(outcome(name, cell.row(), seed, problems, &run))
    })
}

/// Runs a random history: a few launches with several faults at random positions.
///
/// # Errors
/// If the scene cannot be built.
pub fn run_random(seed: u64) -> Result<Outcome> {
    on_paused_clock(async move {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let nodes = rng.random_range(1..=3);
        let setting = Setting::ALL[rng.random_range(0..Setting::ALL.len())];
        let mut scenario = setting.scenario(nodes, seed);
        scenario.settings.describe_lag = Duration::from_millis(rng.random_range(0..=10_000));
        scenario.settings.describe_lag_varies = rng.random_bool(0.5);
        let mut run = Run::new(scenario).await?;
        setting.prepare(&run).await?;
        let mut name = format!("{nodes} node(s), {}", setting.name());
        let mut transient = true;
        for _ in 0..rng.random_range(1..=5) {
            let position = rng.random_range(0..60);
            let strike = FaultAction::ALL[rng.random_range(0..FaultAction::ALL.len())];
            let times = rng.random_range(1..=3);
            for n in 0..times {
                run.tap.strike(position + n, strike);
            }
            name.push_str(&format!(", call {position} {} x{times}", strike.name()));
        }
        if rng.random_bool(0.3) {
            let late = Duration::from_secs(rng.random_range(0..60));
            run.local
                .eventbridge()
                .disturb(Disturbance::duplicate(1, late));
            name.push_str(&format!(", event again after {late:?}"));
        }
        if rng.random_bool(0.3) {
            let what = Interference::ALL[rng.random_range(0..Interference::ALL.len())];
            let position = rng.random_range(0..60);
            let intervention = what.intervention(&run);
            run.tap.interfere(position, intervention);
            transient = false;
            name.push_str(&format!(", {what:?} before call {position}"));
        }
        let problems = settle(&mut run, setting, transient).await?;
        Ok(outcome(
            name,
            "random history".to_owned(),
            seed,
            problems,
            &run,
        ))
    })
}

fn outcome(cell: String, row: String, seed: u64, problems: Vec<String>, run: &Run) -> Outcome {
    let history = if problems.is_empty() {
        Vec::new()
    } else {
        run.history()
    };
    Outcome {
        cell,
        row,
        seed,
        problems,
        history,
        actions: run.tap.actions(),
    }
}

/// Runs until everything is at rest, and returns what is wrong. A launch that cannot succeed is
/// replaced again and again. So if its first execution fails, the group is scaled in.
async fn settle(run: &mut Run, setting: Setting, transient: bool) -> Result<Vec<String>> {
    setting.begin(run).await?;
    let nodes = run.nodes();
    let mut calm = 0;
    let mut scaled_in = false;
    while calm < 60 {
        if run.is_over_limit() {
            break;
        }
        tokio::time::sleep(run.look_every()).await;
        run.look();
        let failed = run
            .verdicts()
            .iter()
            .any(|verdict| verdict.status != "SUCCEEDED");
        if !transient && failed && !scaled_in {
            setting.scale_in(run).await?;
            scaled_in = true;
        }
        let ready = setting.ready(run);
        let members = run
            .local
            .with_world(|world| world.autoscaling.states(GROUP).len());
        let settled = if scaled_in {
            members == 0
        } else {
            ready == nodes
        };
        calm = if settled && run.is_idle() && run.is_settled() {
            calm + 1
        } else {
            0
        };
    }
    let report = run.report();
    let mut problems = report.violations.clone();
    if run.is_over_limit() {
        problems.push("it never came to rest".to_owned());
    }
    // The profile has a brake, and no fault lasts for three generations of launches.
    let braked = run.reported("braked");
    if !braked.is_empty() {
        problems.push(format!("reconcile braked the group: {braked:?}"));
    }
    let ready = setting.ready(run);
    if transient && (ready != nodes || report.abandoned > 0) {
        problems.push(format!(
            "the fault passed, yet {ready} of {nodes} node(s) are ready and {} were given up",
            report.abandoned
        ));
    }
    Ok(problems)
}
