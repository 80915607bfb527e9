//! `cargo xtask property`: the property tests of all parsers of input from outside, optimised, with
//! many cases.

use std::process::{ExitCode, Stdio};

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::cargo::cargo;
use crate::programs::{OPTIMISED, optimised};
use crate::test::counted;
use crate::workspace::Workspace;

/// How many cases each property test runs; the tests read it themselves.
const CASES: &str = "PROPTEST_CASES";

/// What is given random input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Target {
    /// Events, profiles, payloads, templates, ranges, ids: as text
    Parsing,
    /// The wire of the fake AWS: the query protocol, JSON, XML, the Lambda Runtime API
    Wire,
    /// User data: forms of all kinds, and changed fixtures
    UserData,
    /// AWS's answers to the functions
    Answers,
    /// The functions' payloads as JSON, and changed ones, with the calls that follow from them
    Payloads,
    /// The services of the fake AWS: series of calls with random parameters (milliseconds a case)
    Services,
}

impl Target {
    /// Cargo's selections of its tests.
    fn tests(self) -> &'static [Selection] {
        match self {
            Self::Parsing => &[Selection::One(DOMAIN, &["--test", "any_text"])],
            Self::Wire => &[
                Selection::All(&["--test", "any_bytes"]),
                Selection::One(LOCAL, &["--lib", "runtime_api::"]),
            ],
            Self::UserData => &[Selection::One(USER_DATA, &["--test", "any_user_data"])],
            Self::Answers => &[Selection::All(&["--test", "functions", "any_answer"])],
            Self::Payloads => &[Selection::All(&["--test", "functions", "any_input"])],
            Self::Services => &[
                Selection::All(&["--test", "any_input"]),
                Selection::One(LOCAL, &["--lib", "ec2::tests::random"]),
            ],
        }
    }
}

/// The package of the domain.
const DOMAIN: &str = "hookline-domain";
/// The package of the fake AWS.
const LOCAL: &str = "hookline-local";
/// The package that explains user data.
const USER_DATA: &str = "hookline-user-data";

/// Where tests are.
#[derive(Clone, Copy, Debug)]
enum Selection {
    /// In one of the packages that are built together.
    All(&'static [&'static str]),
    /// In this package, which is built alone because it needs no AWS SDK.
    One(&'static str, &'static [&'static str]),
}

impl Selection {
    fn to_args(self) -> Vec<&'static str> {
        match self {
            Self::All(targets) => optimised(targets),
            Self::One(package, targets) => {
                let mut args = OPTIMISED.to_vec();
                args.extend(["--package", package]);
                args.extend(targets);
                args
            }
        }
    }
}

/// Which property tests run, and with how many cases.
#[derive(Debug, Args)]
pub(crate) struct PropertyOptions {
    /// Cases for each property
    #[arg(long, default_value_t = 1_000_000)]
    cases: u32,
    /// Run these only; may be given several times [default: all but services]
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

/// Runs the tests. The first one that fails ends the command; proptest shows its input. A selection
/// without a test is an error.
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
            .env(CASES, options.cases.to_string())
            .stdout(Stdio::piped());
        if !counted(test, "cargo test")?.tally.is_success() {
            return Ok(ExitCode::FAILURE);
        }
    }
    println!("every property holds for {} random cases", options.cases);
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
    fn the_default_is_a_million_cases_of_all_but_services() -> Result<()> {
        let options = Cli::try_parse_from(["property"])?.property;
        assert_eq!(options.cases, 1_000_000);
        assert_eq!(
            options.targets(),
            [
                Target::Parsing,
                Target::Wire,
                Target::UserData,
                Target::Answers,
                Target::Payloads
            ]
        );
        Ok(())
    }

    #[test]
    fn cases_and_targets_can_be_chosen() -> Result<()> {
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
