//! `cargo xtask faults`: runs the fault matrix, and prints a table and a count.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser;
use comfy_table::{Table, presets};
use hookline_simulator::faults::{Outcome, calls_of_a_launch, run_cell, run_random};
use hookline_simulator::setting::Setting;
use hookline_testkit::program::exit_code;
use serde_json::json;

/// Runs every fault at every call of a launch, in virtual time.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many random histories with several faults to run after the matrix.
    #[arg(long, default_value_t = 0)]
    random: u64,
    /// The seed of the matrix, and the first of the random histories.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Run only cells whose name contains this.
    #[arg(long)]
    only: Option<String>,
    /// Write the report to this file, as JSON.
    #[arg(long)]
    report: Option<PathBuf>,
}

fn main() -> ExitCode {
    exit_code("faults", run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<bool> {
    let calls = calls_of_a_launch(Setting::Gate)?;
    println!("A launch with four networks on cold functions makes {calls} calls.");
    let mut outcomes = Vec::new();
    let wanted = |name: &str| {
        arguments
            .only
            .as_ref()
            .is_none_or(|only| name.contains(only))
    };
    for setting in Setting::ALL {
        for cell in setting.cells()? {
            if wanted(&format!("{}, {}", setting.name(), cell.name())) {
                note(run_cell(setting, cell, arguments.seed)?, &mut outcomes);
            }
        }
    }
    for seed in arguments.seed..arguments.seed + arguments.random {
        note(run_random(seed)?, &mut outcomes);
    }

    let mut rows: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for outcome in &outcomes {
        let (passed, all) = rows.entry(&outcome.row).or_default();
        *passed += usize::from(outcome.problems.is_empty());
        *all += 1;
    }
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(["fault", "cells", "passed"]);
    for (row, (passed, all)) in rows {
        table.add_row([row.to_owned(), all.to_string(), passed.to_string()]);
    }
    println!("{table}");
    let passed = outcomes
        .iter()
        .filter(|outcome| outcome.problems.is_empty())
        .count();
    println!("{passed} of {} cells passed", outcomes.len());
    if let Some(path) = &arguments.report {
        let violations: Vec<&Outcome> =
            outcomes.iter().filter(|o| !o.problems.is_empty()).collect();
        let report = json!({"cells": outcomes.len(), "passed": passed, "violations": violations});
        std::fs::write(path, serde_json::to_string_pretty(&report)? + "\n")
            .with_context(|| format!("could not write {}", path.display()))?;
    }
    Ok(passed == outcomes.len())
}

/// Prints a violation with its history at once, so that it can be read during a long run.
fn note(outcome: Outcome, outcomes: &mut Vec<Outcome>) {
    if !outcome.problems.is_empty() {
        println!("\n{} (seed {})", outcome.cell, outcome.seed);
        for problem in &outcome.problems {
            println!("  VIOLATED {problem}");
        }
        for line in &outcome.history {
            println!("  {line}");
        }
    }
    outcomes.push(outcome);
}
