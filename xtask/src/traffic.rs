//! The tests of `traffic/`: the cross-AZ query on generated flow logs, its state machine, its
//! manifests. They are Python, because the engines that run Athena's SQL on one machine are; and
//! the demo. Both run the pipeline with the fake AWS and the real extract-pods.

use std::ffi::OsString;
use std::process::{Command, Stdio};

use anyhow::Result;

use crate::cargo::Programs;
use crate::programs::{DEVELOPMENT, FUNCTIONS_DIR, LOCAL};
use crate::python;
use crate::workspace::Workspace;

/// The command that runs them. It writes a result line as `cargo test` does.
pub(crate) fn tests(workspace: &Workspace) -> Result<Command> {
    let mut command = script(workspace, "traffic/proof/run.py")?;
    command.stdout(Stdio::piped());
    Ok(command)
}

/// The demo: the pipeline on this machine, the table of the pairs that cost most, and the picture
/// of the zones.
pub(crate) fn demo(workspace: &Workspace, args: &[OsString]) -> Result<Command> {
    let mut command = script(workspace, "traffic/proof/demo.py")?;
    command.args(args);
    Ok(command)
}

/// What `cargo xtask bench --only traffic` runs, one after another: how right the result is, for
/// docs/cross-az-traffic/accuracy.md and `target/traffic-truth.json`, and the query on ten million records.
pub(crate) fn measurements(workspace: &Workspace) -> Result<[Command; 2]> {
    let python = python::set_up(workspace)?;
    let target = workspace.target()?;
    let command = |path: &str, args: &[&str], report: &str| {
        let mut command = Command::new(&python);
        command
            .args(["-B", path])
            .args(args)
            .arg("--report")
            .arg(target.join(report))
            .current_dir(workspace.root());
        command
    };
    Ok([
        command(
            "traffic/proof/truth.py",
            &["--page", "docs/cross-az-traffic/accuracy.md"],
            "traffic-truth.json",
        ),
        command("traffic/proof/bench.py", &[], "traffic-bench.json"),
    ])
}

/// A Python program that finds the fake AWS and extract-pods by variables. Builds both.
fn script(workspace: &Workspace, path: &str) -> Result<Command> {
    let python = python::set_up(workspace)?;
    let programs = Programs::build(workspace, &DEVELOPMENT)?;
    let mut command = Command::new(python);
    command
        // Write no bytecode beside the scripts.
        .args(["-B", path])
        .current_dir(workspace.root())
        .env(LOCAL, programs.path(workspace, "local", "hookline-local")?)
        .env(
            FUNCTIONS_DIR,
            programs.folder(workspace, "traffic/extract-pods")?,
        );
    Ok(command)
}
