//! `cargo xtask property`: the property tests of all that reads input from outside, optimised, with many cases.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::cargo::{REMEDY, cargo};
use crate::command;
use crate::programs::{OPTIMISED, optimised};
use crate::workspace::Workspace;

/// How many cases each property test runs; the tests read it themselves.
const CASES: &str = "PROPTEST_CASES";

/// What is given random input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Target {
    /// Events, profiles, payloads, templates, ranges, ids: as text
    Parsing,
    /// The simulated AWS's wire: the query protocol, JSON, XML, the Lambda Runtime API
    Wire,
    /// AWS's answers to the functions
    Answers,
    /// The functions' payloads as JSON, and changed ones, with the calls that come of them
    Payloads,
    /// The simulated AWS's services: series of calls with random parameters (milliseconds a case)
    Services,
}

impl Target {
    /// Cargo's selections of its tests.
    fn tests(self) -> &'static [Selection] {
        match self {
            Self::Parsing => &[Selection::All(&["--test", "any_text"])],
            Self::Wire => &[
                Selection::All(&["--test", "any_bytes"]),
                Selection::Local(&["--lib", "runtime_api::"]),
            ],
            Self::Answers => &[Selection::All(&["--test", "functions", "any_answer"])],
            Self::Payloads => &[Selection::All(&["--test", "functions", "any_input"])],
            Self::Services => &[
                Selection::All(&["--test", "any_input"]),
                Selection::Local(&["--lib", "ec2::tests::random"]),
            ],
        }
    }
}

/// Where tests are.
#[derive(Clone, Copy, Debug)]
enum Selection {
    /// In one of the packages, built as everything is.
    All(&'static [&'static str]),
    /// In the simulated AWS itself. It is built alone, as it needs no AWS SDK and the others' unit tests do.
    Local(&'static [&'static str]),
}

impl Selection {
    fn to_args(self) -> Vec<&'static str> {
        match self {
            Self::All(targets) => optimised(targets),
            Self::Local(targets) => {
                let mut args = OPTIMISED.to_vec();
                args.extend(["--package", "hookline-local"]);
                args.extend(targets);
                args
            }
        }
    }
}

/// How much.
#[derive(Debug, Args)]
pub(crate) struct PropertyOptions {
    /// Cases for each property
    #[arg(long, default_value_t = 1_000_000)]
    cases: u32,
    /// Run this only; may be given several times. All but services unless told
    #[arg(long, value_enum, value_name = "TARGET")]
    only: Vec<Target>,
}

impl PropertyOptions {
    fn targets(&self) -> Vec<Target> {
        if !self.only.is_empty() {
            return self.only.clone();
        }
        let all = Target::value_variants().iter().copied();
        all.filter(|target| *target != Target::Services).collect()
    }
}

/// Runs the tests; the first that fails ends it, with its input as proptest shows it.
pub(crate) fn run(workspace: &Workspace, options: &PropertyOptions) -> Result<ExitCode> {
    let runs: Vec<_> = options
        .targets()
        .into_iter()
        .flat_map(Target::tests)
        .collect();
    for selection in &runs {
        let mut test = cargo(workspace);
        test.arg("test")
            .arg("--locked")
            .args(selection.to_args())
            .env(CASES, options.cases.to_string());
        command::run(&mut test, REMEDY)?;
    }
    println!("{} cases of each property: nothing panicked", options.cases);
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        property: PropertyOptions,
    }

    #[test]
    fn a_million_cases_of_all_but_what_takes_days() -> Result<()> {
        let options = Cli::try_parse_from(["property"])?.property;
        assert_eq!(options.cases, 1_000_000);
        assert_eq!(
            options.targets(),
            [
                Target::Parsing,
                Target::Wire,
                Target::Answers,
                Target::Payloads
            ]
        );
        Ok(())
    }

    #[test]
    fn or_what_is_asked_for() -> Result<()> {
        let line = ["property", "--cases", "5", "--only", "services"];
        let options = Cli::try_parse_from(line)?.property;
        assert_eq!(
            (options.cases, options.targets()),
            (5, vec![Target::Services])
        );
        assert!(Cli::try_parse_from(["property", "--cases", "many"]).is_err());
        Ok(())
    }
}
