//! `cargo xtask plot`: builds the program that simulates and draws scale-outs, and runs it in the root of the workspace.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::cargo::Programs;
use crate::programs::{become_program, optimised};
use crate::workspace::Workspace;

/// Builds and runs the plot. Returns only if it could not be started.
pub(crate) fn run(workspace: &Workspace, args: &[OsString]) -> Result<ExitCode> {
    let programs = Programs::build(workspace, &optimised(&["--bin", "bench"]))?;
    let mut plot = Command::new(programs.path(workspace, "tests", "bench")?);
    // It writes to docs/.
    plot.current_dir(workspace.root()).arg("plot").args(args);
    become_program(&mut plot)
}
