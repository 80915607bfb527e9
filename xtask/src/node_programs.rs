//! The tests of `node/`: what runs on a node, on the real parts of an operating system. They are
//! Python, with nothing but its standard library. One of them runs `demo --node`, which has the
//! launches of the fake AWS too.

use std::process::{Command, Stdio};

use anyhow::{Result, ensure};

use crate::cargo::Programs;
use crate::programs::{CDK, DEVELOPMENT, FUNCTIONS_DIR, PYTHON};
use crate::workspace::Workspace;
use crate::{cdk, command, python};

/// Where the tests of `node/` find the demo: the program.
const DEMO: &str = "HOOKLINE_DEMO";

/// The command that runs them. It writes result lines as `cargo test` does, one for each file.
pub(crate) fn tests(workspace: &Workspace) -> Result<Command> {
    cdk::set_up(workspace)?;
    let engine = python::set_up(workspace)?;
    let programs = Programs::build(workspace, &DEVELOPMENT)?;
    let mut command = script(workspace, "node/tests/run.py")?;
    command
        .env(DEMO, programs.path(workspace, "tests/demo", "demo")?)
        .env(FUNCTIONS_DIR, programs.folder(workspace, "functions")?)
        .env(PYTHON, engine)
        .env(CDK, workspace.path("cdk"))
        .stdout(Stdio::piped());
    Ok(command)
}

/// Installs what the nodes of `demo --node` need, if that is possible here.
///
/// # Errors
/// If something is missing after that. The program has said what.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let mut check = script(workspace, "node/tests/two_nodes.py")?;
    let status = check
        .arg("--check")
        .status()
        .map_err(|error| command::start_error(&check, error, "install Python"))?;
    ensure!(status.success(), "demo --node cannot run here");
    Ok(())
}

fn script(workspace: &Workspace, path: &str) -> Result<Command> {
    let mut command = Command::new(python::find()?);
    command
        // Write no bytecode beside the scripts.
        .args(["-B", path])
        .current_dir(workspace.root());
    Ok(command)
}
