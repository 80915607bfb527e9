//! The project's commands. `cargo xtask --help` lists them.
//!
//! There is no other task runner. What a command needs beside Rust (a Python with the Step
//! Functions engine, a Node.js tool that reads state machines) it sets up by itself in `.local/`,
//! from the locks in `tools/`. This file has the commands and their options; each file beside it
//! does what its name says. The commands run on Linux and macOS.

mod bench;
mod beside;
mod cargo;
mod cargo_lambda;
mod cargo_tools;
mod cdk;
mod command;
mod deny;
mod diagram;
mod diagram_files;
mod elf;
mod folder;
mod generated;
mod mutants;
mod node;
mod node_programs;
mod package;
mod package_templates;
mod picture;
mod plot;
mod programs;
mod property;
mod python;
mod session;
mod stamp;
mod state_machines;
mod tally;
mod test;
mod test_programs;
mod traffic;
mod workflows;
mod workspace;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

/// The project's commands.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

/// One of the project's commands.
#[derive(Debug, Subcommand)]
enum Task {
    /// Run every check: format, lints, documentation, workflows, state machines, generated files,
    /// tests
    ///
    /// A check that fails does not stop the checks after it. The last line of the output is `N
    /// passed, N failed`: each test counts as one, and so does each check that is not a test.
    Test {
        /// Run this check only; may be repeated
        #[arg(long, value_name = "STEP")]
        only: Vec<test::Step>,
        /// Write the counts and what is known of the failures to a file as JSON, and not at the end
        #[arg(long, value_name = "FILE")]
        results: Option<PathBuf>,
    },
    /// Show a scale-out on the fake AWS, from the first instance to the last hook
    Demo(programs::DemoOptions),
    /// Start the fake AWS and leave it running
    ///
    /// All arguments go to hookline-local; `cargo xtask local -- --help` shows its options.
    Local {
        /// Arguments of hookline-local
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Simulate a scale-out of any size in virtual time
    ///
    /// Runs the real handlers and the real AWS SDK on a paused clock. The first optimised build
    /// compiles the SDK (some minutes). `cargo xtask sim -- --help` shows the options: --nodes,
    /// --networks, --azs, --waves, --seed, --no-gate, --no-cni, --pending, --report and more.
    Sim {
        /// Arguments of the scale-out simulator
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Run every fault at every place of a launch, in virtual time
    ///
    /// `cargo xtask faults -- --help` shows the options: --random N, --seed, --only TEXT, --report.
    Faults {
        /// Arguments of the fault matrix
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Print the calls that the deployed roles allow and the attacks that they deny
    ///
    /// Each has its reason; the last line is a count. The roles are those that the CDK app
    /// synthesises (`npm run generate` in cdk/). The exit status is 0 only if all are as they should
    /// be.
    Permissions,
    /// Try the facts about AWS that the product and the fake AWS rest on
    ///
    /// On the fake AWS, or with --aws --vpc VPC --yes in an AWS account (docs/conformance.md). With
    /// --aws --stack STACK it only looks at the roles of a deployment. The last line is a count; the
    /// exit status is 0 only if there is no difference. `cargo xtask conformance -- --help` shows the
    /// options: --endpoint, --cleanup, --only, --report, --record, --replay and more.
    Conformance {
        /// Arguments of the conformance suite
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Draw how scale-outs grow: docs/scale.svg and docs/scale.json
    ///
    /// Simulates scale-outs of 1 to 500 nodes for each way to choose an address. `cargo xtask plot
    /// -- --help` shows the options: --nodes, --seed, --limit, --most-nodes-of-others, --draw-only
    /// and more.
    Plot {
        /// Arguments of the plot
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Take the picture of a timeline: docs/timeline.png
    ///
    /// Runs the demo, and shows the page that it writes in Chromium without a window.
    Picture(picture::PictureOptions),
    /// Write down an operator's session in ten broken scenes: docs/operations/session.md
    ///
    /// Runs the tests of these scenes, and takes what `hookline` prints in them.
    Session,
    /// Measure, and write the results to docs/performance.md
    Bench(bench::BenchOptions),
    /// Run the property tests of every parser, with a million random cases each
    Property(property::PropertyOptions),
    /// Run mutation tests of the domain crate; fail if a change of its code goes unnoticed
    ///
    /// cargo-mutants changes one place at a time and runs the crate's tests. A mutant that no test
    /// notices fails the command, unless .cargo/mutants-accepted.json names it with a reason.
    /// Installs cargo-mutants into .local/tools the first time, which compiles it (some minutes).
    Mutants(mutants::Options),
    /// Draw the state machines: statemachine/NAME.md, and the marked place of docs/launch.md
    Diagram {
        /// Write nothing; fail if a drawing differs from its state machine
        #[arg(long)]
        check: bool,
    },
    /// Write docs/states.md: the data of an execution, from its Rust types and from runs
    States {
        /// Write nothing; fail when the page is not current
        #[arg(long)]
        check: bool,
    },
    /// Write docs/facts.md: the facts of the conformance suite and their sources
    Facts {
        /// Write nothing; fail if the page is not current
        #[arg(long)]
        check: bool,
    },
    /// Write functions/profile.schema.json, the JSON Schema of a profile, from its Rust types
    Schema {
        /// Write nothing; fail if the file differs from the types
        #[arg(long)]
        check: bool,
    },
    /// Build what is deployed into dist/: the functions' zips, the state machines, the templates,
    /// with checksums
    ///
    /// Builds the functions optimised, and checks that Lambda has their architecture, their
    /// libraries and their glibc.
    Package(package::Options),
    /// Check the dependencies' licences, sources and duplicates with cargo-deny
    ///
    /// Installs cargo-deny into .local/tools the first time, which compiles it (some minutes).
    Deny {
        /// Look up security advisories as well; fetches their database
        #[arg(long)]
        advisories: bool,
    },
    /// Set up the Python and JavaScript tools in .local/, and do nothing else
    Setup,
}

fn main() -> ExitCode {
    run(Cli::parse().task).unwrap_or_else(|error| {
        // An error that `main` returns is printed with a backtrace of this program. One line is
        // enough.
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn run(task: Task) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    match task {
        Task::Test { only, results } => test::run(&workspace, &only, results.as_deref()),
        Task::Demo(options) => programs::demo(&workspace, &options),
        Task::Local { args } => programs::local(&workspace, &args),
        Task::Sim { args } => programs::sim(&workspace, &args),
        Task::Faults { args } => programs::faults(&workspace, &args),
        Task::Permissions => programs::permissions(&workspace),
        Task::Conformance { args } => programs::conformance(&workspace, &args),
        Task::Plot { args } => plot::run(&workspace, &args),
        Task::Picture(options) => picture::run(&workspace, &options),
        Task::Session => session::run(&workspace),
        Task::Bench(options) => bench::run(&workspace, &options),
        Task::Property(options) => property::run(&workspace, &options),
        Task::Mutants(options) => mutants::run(&workspace, &options),
        Task::Diagram { check: false } => diagram_files::write(&workspace),
        Task::Diagram { check: true } => diagram_files::check(&workspace),
        Task::Schema { check: false } => generated::write(&workspace, generated::SCHEMAS),
        Task::Schema { check: true } => generated::check(&workspace, generated::SCHEMAS),
        Task::Facts { check: false } => generated::write(&workspace, generated::FACTS),
        Task::Facts { check: true } => generated::check(&workspace, generated::FACTS),
        Task::States { check: false } => generated::write(&workspace, generated::STATES),
        Task::States { check: true } => generated::check(&workspace, generated::STATES),
        Task::Package(options) => package::run(&workspace, &options),
        Task::Deny { advisories } => deny::run(&workspace, advisories),
        Task::Setup => {
            let python = python::set_up(&workspace)?;
            let node = node::set_up(&workspace)?;
            cdk::set_up(&workspace)?;
            println!("Python tools: {}", python.display());
            println!("JavaScript tools: {}", node.packages.display());
            println!("CDK app: {}", workspace.path("cdk").display());
            Ok(ExitCode::SUCCESS)
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
