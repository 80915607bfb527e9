//! `cargo xtask deny`: the rules of `deny.toml`, checked by cargo-deny.

use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::workspace::Workspace;
use crate::{cargo_tools, command};

const VERSION: &str = "0.20.2";

/// The checks that need only the lock and the sources of the dependencies.
const OFFLINE: [&str; 3] = ["bans", "licenses", "sources"];

/// The check that fetches a database of known vulnerabilities.
const ADVISORIES: &str = "advisories";

/// Runs the checks, with the security advisories if asked.
pub(crate) fn run(workspace: &Workspace, advisories: bool) -> Result<ExitCode> {
    let program = cargo_tools::set_up(workspace, "cargo-deny", VERSION)?;
    command::run(
        Command::new(program)
            .current_dir(workspace.root())
            .args(["--locked", "check"])
            .args(OFFLINE)
            .args(advisories.then_some(ADVISORIES)),
        "run the command again",
    )?;
    Ok(ExitCode::SUCCESS)
}
