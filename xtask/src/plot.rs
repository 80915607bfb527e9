//! `cargo xtask plot`: builds the program that simulates and draws scale-outs, and runs it in the
//! root of the workspace.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::programs::{become_program, optimised_program};
use crate::workspace::Workspace;

/// Builds and runs the plot. Returns only if it could not be started.
pub(crate) fn run(workspace: &Workspace, args: &[OsString]) -> Result<ExitCode> {
    let mut plot = Command::new(optimised_program(workspace, "tests/bench", "bench")?);
    // It writes to docs/.
    plot.current_dir(workspace.root()).arg("plot").args(args);
    become_program(&mut plot)
}
