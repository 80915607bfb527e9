//! The tests of `traffic/`: the cross-AZ query on generated flow logs, its state machine, its manifests. They are Python, because
//! the engines that run Athena's SQL on one machine are. And the demo of it.

use std::ffi::OsString;
use std::process::{Command, Stdio};

use anyhow::Result;

use crate::python;
use crate::workspace::Workspace;

/// The command that runs them. It writes a result line as `cargo test` does.
pub(crate) fn tests(workspace: &Workspace) -> Result<Command> {
    let mut command = Command::new(python::set_up(workspace)?);
    command
        // Nothing but the tests' own files is to lie beside them.
        .args(["-B", "traffic/proof/run.py"])
        .current_dir(workspace.root())
        .stdout(Stdio::piped());
    Ok(command)
}

/// The demo: the pipeline on this machine, the table of the pairs that cost most, and the picture of the zones.
pub(crate) fn demo(workspace: &Workspace, args: &[OsString]) -> Result<Command> {
    let mut command = Command::new(python::set_up(workspace)?);
    command
        .args(["-B", "traffic/proof/demo.py"])
        .args(args)
        .current_dir(workspace.root());
    Ok(command)
}
