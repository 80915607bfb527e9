//! `cargo xtask test`: every check, one after the other, and one line that says how they ended.

use std::fmt::Display;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context, Error, Result, anyhow, bail};
use clap::ValueEnum;
use fs_err as fs;

use crate::beside::Beside;
use crate::cargo::{Programs, REMEDY, cargo};
use crate::programs::{CDK, DEVELOPMENT, FUNCTIONS_DIR, NODE, PYTHON};
use crate::tally::{ResultLines, Results};
use crate::workspace::Workspace;
use crate::{
    cdk, command, diagram_files, generated, node, node_programs, python, state_machines,
    test_programs, traffic, workflows,
};

/// What `cargo doc` documents. `--examples`, of which there are none, makes Cargo choose the
/// features of the tests' dependencies, as clippy's build does: without it, the AWS SDK would be
/// checked twice. A program whose name begins with `hookline` is left out: its pages would have the
/// place of a library's.
const DOCUMENTATION: [&str; 9] = [
    "--workspace",
    "--locked",
    "--no-deps",
    "--keep-going",
    "--document-private-items",
    "--lib",
    "--bin",
    "[!h]*",
    "--examples",
];

/// One of the checks, in the order that they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Step {
    /// All Rust files are formatted by rustfmt
    Format,
    /// Clippy has no warning
    Clippy,
    /// The documentation of all crates has no warning
    Rustdoc,
    /// The workflows and Dependabot's file are valid
    Workflows,
    /// The state machines are valid Amazon States Language
    Asl,
    /// The generated files match the state machines and the types
    Docs,
    /// What runs on a node, on real parts: systemd-networkd, udev, CNI plugins
    Node,
    /// The tests, with the functions built and the Step Functions engine ready
    Tests,
    /// The CDK app: its lint and its tests
    Cdk,
    /// The cross-AZ query gives the right answers for generated flow logs; its manifests are valid
    Traffic,
}

impl Step {
    fn headline(self) -> &'static str {
        match self {
            Self::Format => "format: all Rust files are formatted by rustfmt",
            Self::Clippy => "clippy: no warnings",
            Self::Rustdoc => "rustdoc: no warnings",
            Self::Workflows => "workflows: the workflows and Dependabot's file are valid",
            Self::Asl => "asl: the state machines are valid",
            Self::Docs => {
                "docs: the diagrams match the state machines, the schemas match the types"
            }
            Self::Cdk => "cdk: lint, types and tests of the CDK app",
            Self::Traffic => "traffic: the cross-AZ query, its state machine, its manifests",
            Self::Node => "node: the gate, the interfaces, addresses for pods",
            Self::Tests => "tests: unit, end-to-end, simulation",
        }
    }

    fn run(self, workspace: &Workspace) -> Result<Results> {
        match self {
            Self::Format => {
                command::run(cargo(workspace).args(["fmt", "--all", "--check"]), REMEDY)
                    .map_err(|error| anyhow!("{error}; `cargo fmt --all` formats them"))?
            }
            Self::Clippy => command::run(
                cargo(workspace)
                    .args(["clippy", "--workspace", "--all-targets", "--locked", "--"])
                    .args(["-D", "warnings"]),
                REMEDY,
            )?,
            Self::Rustdoc => command::run(
                cargo(workspace)
                    .env("RUSTDOCFLAGS", "-D warnings")
                    .arg("doc")
                    .args(DOCUMENTATION),
                REMEDY,
            )?,
            Self::Workflows => workflows::check(workspace)?,
            Self::Asl => state_machines::validate(workspace)?,
            Self::Docs => {
                diagram_files::check(workspace)?;
                generated::check(workspace, generated::SCHEMAS)?;
                generated::check(workspace, generated::STATES)?;
                generated::check(workspace, generated::FACTS)?;
            }
            Self::Cdk => return cdk::test(workspace),
            Self::Traffic => return counted(traffic::tests(workspace)?, "traffic/proof/run.py"),
            Self::Node => return counted(node_programs::tests(workspace)?, "node/tests/run.py"),
            Self::Tests => return tests(workspace),
        }
        Ok(Results::passed())
    }
}

/// The checks that run beside the others: what they do is Node.js's and Python's, while the others
/// compile with one core idle for minutes, or wait.
const BESIDE: [Step; 2] = [Step::Cdk, Step::Traffic];

/// Runs all the checks, or some. With a file, the results go there and not to the end of the output.
pub(crate) fn run(workspace: &Workspace, only: &[Step], file: Option<&Path>) -> Result<ExitCode> {
    let mut beside = None;
    let mut steps = only.to_vec();
    if steps.is_empty() {
        beside = Some(Beside::begin(workspace, &BESIDE)?);
        steps = Step::value_variants().to_vec();
        steps.retain(|step| !BESIDE.contains(step));
    }
    let mut total = Results::default();
    let mut told = Vec::new();
    let mut note = |headline: &str, results: Results| {
        for failure in &results.failures {
            told.push(format!("\nFAILED {headline}\n{failure}"));
        }
        total.add(results);
    };
    for (index, step) in steps.iter().enumerate() {
        let headline = step.headline();
        say(format_args!(
            "\n=== {}/{} {headline}",
            index + 1,
            steps.len()
        ));
        let start = Instant::now();
        let results = step.run(workspace).unwrap_or_else(|error| said(&error));
        let verdict = if results.tally.is_success() {
            "passed"
        } else {
            "FAILED"
        };
        say(format_args!(
            "--- {verdict} in {:.1} s",
            start.elapsed().as_secs_f64()
        ));
        note(headline, results);
    }
    if let Some(beside) = beside {
        let headline = "the checks that ran beside these";
        say(format_args!("\n=== {headline}"));
        note(headline, beside.end().unwrap_or_else(|error| said(&error)));
    }
    if let Some(file) = file {
        fs::write(file, serde_json::to_vec(&total)?)?;
    } else {
        // Once more, as the output above is long.
        for failure in told {
            say(failure);
        }
        say(format_args!("\n{}", total.tally));
    }
    Ok(if total.tally.is_success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Builds the functions, sets up the tools, runs the tests and adds up their results. A preparation
/// that fails counts as one failure; the tests still run, since most do not need it.
fn tests(workspace: &Workspace) -> Result<Results> {
    let mut total = Results::default();
    let mut environment = Vec::new();
    let tools = [
        (PYTHON, python::set_up(workspace)),
        (NODE, node::set_up(workspace).map(|tools| tools.packages)),
        (CDK, cdk::set_up(workspace).map(|()| workspace.path("cdk"))),
    ];
    for (name, place) in tools {
        match place {
            Ok(place) => environment.push((name, place)),
            Err(error) => total.add(said(&error)),
        }
    }
    // The tests are the same code, so there is no use in going on if this fails.
    let programs = Programs::build(workspace, &DEVELOPMENT)?;
    match programs.folder(workspace, "functions") {
        Ok(folder) => environment.push((FUNCTIONS_DIR, folder.to_owned())),
        Err(error) => total.add(said(&error)),
    }

    total.add(test_programs::run(
        &test_programs::build(workspace)?,
        &environment,
        io::stdout(),
    ));
    let mut examples = cargo(workspace);
    examples
        .args(["test", "--workspace", "--locked", "--no-fail-fast", "--doc"])
        .stdout(Stdio::piped());
    total.add(counted(examples, "cargo test --doc")?);
    Ok(total)
}

/// Runs a program that writes result lines as `cargo test` does, and adds them up.
pub(crate) fn counted(mut program: Command, name: &str) -> Result<Results> {
    let mut child = program
        .spawn()
        .map_err(|error| command::start_error(&program, error, REMEDY))?;
    let stdout = child
        .stdout
        .take()
        .with_context(|| format!("{name} has no output"))?;
    let mut results =
        pass_through(stdout).with_context(|| format!("reading the output of {name}"))?;
    let status = child
        .wait()
        .with_context(|| format!("waiting for {name}"))?;
    if !status.success() && results.tally.failed == 0 {
        // A test program did not compile, or ended before it printed how many tests failed.
        results.add(said(&anyhow!("{name} failed ({status})")));
    } else if results.tally.passed == 0 && results.tally.failed == 0 {
        bail!("no test ran");
    }
    Ok(results)
}

/// Copies the output to our own as it comes, and adds up the results in it.
fn pass_through(mut output: impl Read) -> io::Result<Results> {
    let mut results = ResultLines::default();
    let mut buffer = vec![0; 8192];
    loop {
        let length = output.read(&mut buffer)?;
        let Some(piece) = buffer.get(..length).filter(|piece| !piece.is_empty()) else {
            return Ok(results.finish());
        };
        let mut stdout = io::stdout();
        stdout.write_all(piece)?;
        stdout.flush()?;
        results.push(piece);
    }
}

/// A failure that is told at once.
pub(crate) fn said(error: &Error) -> Results {
    let error = format!("error: {error:#}");
    say(&error);
    Results::failed(error)
}

/// Writes a line between the lines of the programs that the checks run.
fn say(line: impl Display) {
    // If this fails, the output is closed; the exit status still tells the result.
    let _ = writeln!(io::stdout(), "{line}").and_then(|()| io::stdout().flush());
}
