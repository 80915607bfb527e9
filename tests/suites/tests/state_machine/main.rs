//! The state machines' files: rules that they follow, and scenes that reach every state, retrier,
//! catcher and branch in a real engine with the real function binaries.
//!
//! The second part needs HOOKLINE_FUNCTIONS_DIR and HOOKLINE_PYTHON, which `cargo xtask test` sets.
//! It fails without them.

// JSON is indexed by name, which gives null for an absent field.
#![allow(clippy::indexing_slicing)]

mod launches;
mod naming;
mod replays;
mod rules;
mod scenes;
mod taints;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use anyhow::{Result, bail, ensure};
use hookline_local::Settings;
use hookline_statemachine::retry::{Catcher, Retrier};
use hookline_statemachine::state::State;
use hookline_statemachine::{LAUNCH_NODE, NAME_NODE, StateMachine};
use hookline_testkit::coverage::{Definition, Part};
use hookline_testkit::scene::Size;
use hookline_testkit::stage::Stage;

/// How many scenes run side by side. Each has an engine of its own.
const SIDE_BY_SIDE: usize = 3;
/// One state machine is tested after the other, so that there are no more scenes at once.
static ONE_MACHINE: Mutex<()> = Mutex::new(());

/// A state machine with shorter pauses: every retrier waits up to a second. Names, order, counts
/// and everything else are those of the file.
fn with_short_pauses(definition: &str) -> Result<String> {
    let mut machine = StateMachine::read(definition)?;
    let mut shortened = 0;
    for state in machine.states.values_mut() {
        if let State::Task(task) = state {
            for retrier in &mut task.retry {
                retrier.interval_seconds = Some(1);
                retrier.max_delay_seconds = Some(1);
                shortened += 1;
            }
        }
    }
    ensure!(shortened > 0, "no retrier was found");
    Ok(machine.to_json().to_string())
}

/// Plays one scene. Returns the parts of `machine` that its executions reached.
fn play(machine: &str, scene: scenes::Scene) -> Result<BTreeSet<Part>> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let size = Size {
            azs: 1,
            networks: 2,
            ..Size::default()
        };
        let short = with_short_pauses(machine)?;
        let stage = if machine == LAUNCH_NODE {
            Stage::set_with(Settings::default(), &size, &short).await?
        } else {
            naming::stage(&size, &short).await?
        };
        scene(&stage).await?;
        let definition = Definition::read(machine)?;
        let mut reached = BTreeSet::new();
        for execution in stage.deployment.executions().await? {
            let history = stage.deployment.history(&execution.arn).await?;
            reached.extend(definition.reached(&history)?);
        }
        stage.deployment.shut_down().await;
        Ok(reached)
    })
}

#[test]
fn every_state_retrier_catcher_and_branch_is_reached_in_a_real_engine() -> Result<()> {
    every_part_is_reached(LAUNCH_NODE, scenes::SCENES)
}

#[test]
fn every_part_of_name_node_is_reached_in_a_real_engine() -> Result<()> {
    every_part_is_reached(NAME_NODE, naming::SCENES)
}

fn every_part_is_reached(machine: &str, scenes: &[(&'static str, scenes::Scene)]) -> Result<()> {
    // Checked once, before a dozen scenes fail for the same reason.
    hookline_testkit::deployment::Tools::from_environment()?;
    let _one = ONE_MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let waiting = Mutex::new(scenes.to_vec());
    let played: Mutex<BTreeMap<&str, Result<BTreeSet<Part>>>> = Mutex::default();
    std::thread::scope(|threads| {
        for _ in 0..SIDE_BY_SIDE {
            threads.spawn(|| {
                loop {
                    let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).pop();
                    let Some((name, scene)) = next else { return };
                    let reached = play(machine, scene);
                    let mut played = played.lock().unwrap_or_else(PoisonError::into_inner);
                    played.insert(name, reached);
                }
            });
        }
    });
    let played = played.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut missing = Definition::read(machine)?.parts();
    let mut failed = Vec::new();
    for (name, reached) in &played {
        match reached {
            Ok(reached) => missing.retain(|part| !reached.contains(part)),
            Err(error) => failed.push(format!("{name}: {error:#}")),
        }
    }
    ensure!(played.len() == scenes.len(), "a scene panicked");
    ensure!(failed.is_empty(), "{}", failed.join("\n\n"));
    if !missing.is_empty() {
        let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
        bail!("no scene reaches {}", missing.join(", "));
    }
    Ok(())
}

/// The states of both files, with their names.
fn states() -> Result<Vec<(String, State)>> {
    let mut states = Vec::new();
    for machine in [LAUNCH_NODE, NAME_NODE] {
        states.extend(StateMachine::read(machine)?.states);
    }
    Ok(states)
}

/// The error names of all retriers.
fn retried(retriers: &[Retrier]) -> impl Iterator<Item = &str> {
    let names = retriers.iter().flat_map(|retrier| &retrier.error_equals);
    names.map(String::as_str)
}

/// The error names of all catchers.
fn caught(catchers: &[Catcher]) -> impl Iterator<Item = &str> {
    let names = catchers.iter().flat_map(|catcher| &catcher.error_equals);
    names.map(String::as_str)
}
