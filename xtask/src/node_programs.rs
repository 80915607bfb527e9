//! The tests of `node/`: what runs on a node, on the real parts of an operating system. They are
//! Python, with nothing but its standard library.

use std::process::{Command, Stdio};

use anyhow::Result;

use crate::python;
use crate::workspace::Workspace;

/// The command that runs them. It writes result lines as `cargo test` does, one for each file.
pub(crate) fn tests(workspace: &Workspace) -> Result<Command> {
    let mut command = Command::new(python::find()?);
    command
        // Write no bytecode beside the scripts.
        .args(["-B", "node/tests/run.py"])
        .current_dir(workspace.root())
        .stdout(Stdio::piped());
    Ok(command)
}
