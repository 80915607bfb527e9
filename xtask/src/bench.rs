//! `cargo xtask bench`: builds what is measured, runs criterion's benchmark, and has the rest
//! measured and written to docs/performance.md by the program `bench` of the tests. Python measures
//! the cross-AZ traffic, and writes to docs/cross-az-traffic/accuracy.md.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::cargo::{Programs, REMEDY, cargo};
use crate::command;
use crate::package;
use crate::programs::{become_program, optimised, optimised_program};
use crate::traffic;
use crate::workspace::Workspace;

/// Where criterion leaves what it has measured; it reads the variable itself.
const CRITERION_HOME: &str = "CRITERION_HOME";

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The choice of an address among 60,000 taken ones, by criterion
    Allocator,
    /// From event to CONTINUE for one node, in virtual time
    Launch,
    /// The functions' start, memory and size
    ColdStart,
    /// Calls, state transitions and dollars
    Cost,
    /// Large scale-outs in virtual time; they take an hour, so they are not in the default
    ScaleOuts,
    /// How right the cross-AZ traffic is, and its query on ten million records; not in the default
    Traffic,
}

/// What to measure.
#[derive(Debug, Args)]
pub(crate) struct BenchOptions {
    /// Measure these only; may be given several times [default: all but scale-outs and traffic]
    #[arg(long, value_enum, value_name = "PART")]
    only: Vec<Part>,
    /// More arguments for the program that measures: --print, --trace, --seeds N, --starts N,
    /// --most-nodes N
    #[arg(last = true)]
    args: Vec<OsString>,
}

impl BenchOptions {
    fn includes(&self, part: Part) -> bool {
        if self.only.is_empty() {
            !matches!(part, Part::ScaleOuts | Part::Traffic)
        } else {
            self.only.contains(&part)
        }
    }

    /// The parts, in the order of their declaration, as arguments of the program. It does not know
    /// the traffic.
    fn to_args(&self) -> Vec<OsString> {
        Part::value_variants()
            .iter()
            .filter(|part| self.includes(**part) && **part != Part::Traffic)
            .filter_map(ValueEnum::to_possible_value)
            .flat_map(|part| ["--only".into(), part.get_name().into()])
            .collect()
    }
}

/// Measures. Returns only if something cannot be built or started.
pub(crate) fn run(workspace: &Workspace, options: &BenchOptions) -> Result<ExitCode> {
    if options.includes(Part::Traffic) {
        for mut measurement in traffic::measurements(workspace)? {
            command::run(&mut measurement, "Run it again: xtask sets Python up")?;
        }
        if options.to_args().is_empty() {
            return Ok(ExitCode::SUCCESS);
        }
    }
    let mut bench = Command::new(optimised_program(workspace, "tests/bench", "bench")?);
    // It writes to docs/.
    bench
        .current_dir(workspace.root())
        .arg("measure")
        .args(options.to_args());
    if options.includes(Part::ColdStart) {
        let deployed = Programs::build(workspace, &package::SELECTION)?;
        bench
            .arg("--functions")
            .arg(deployed.folder(workspace, "functions")?);
    }
    if options.includes(Part::Allocator) {
        let home = workspace.target()?.join("criterion");
        let mut criterion = cargo(workspace);
        criterion
            .args(["bench", "--locked"])
            .args(optimised(&["--bench", "allocator"]))
            .env(CRITERION_HOME, &home);
        command::run(&mut criterion, REMEDY)?;
        bench.arg("--criterion").arg(home);
    }
    bench.args(&options.args);
    become_program(&mut bench)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        bench: BenchOptions,
    }

    fn args(line: &str) -> Result<Vec<OsString>> {
        Ok(Cli::try_parse_from(line.split(' '))?.bench.to_args())
    }

    #[test]
    fn the_default_is_all_parts_but_the_scale_outs() -> Result<()> {
        assert_eq!(
            args("bench")?,
            [
                "--only",
                "allocator",
                "--only",
                "launch",
                "--only",
                "cold-start",
                "--only",
                "cost"
            ]
        );
        Ok(())
    }

    #[test]
    fn parts_can_be_chosen() -> Result<()> {
        assert_eq!(
            args("bench --only scale-outs --only launch")?,
            ["--only", "launch", "--only", "scale-outs"]
        );
        assert!(args("bench --only traffic")?.is_empty());
        assert!(args("bench --only speed").is_err());
        Ok(())
    }
}
