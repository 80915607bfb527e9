//! cargo-deny, at one version, in `.local/tools`.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::cargo::{REMEDY, cargo};
use crate::command;
use crate::workspace::Workspace;

const VERSION: &str = "0.20.2";

/// Runs the checks that need nothing but the lock and the sources of the dependencies.
pub(crate) fn run(workspace: &Workspace) -> Result<ExitCode> {
    let tools = workspace.path(".local/tools");
    let program = tools.join("bin/cargo-deny");
    if !is_installed(&program) {
        let _held = workspace.hold_tools()?;
        println!("Installing cargo-deny {VERSION} into .local/tools (compiles it: some minutes) …");
        command::run(
            cargo(workspace)
                .args([
                    "install",
                    "--locked",
                    "--quiet",
                    "cargo-deny",
                    "--version",
                    VERSION,
                    "--root",
                ])
                .arg(&tools),
            REMEDY,
        )
        .context("installing cargo-deny")?;
    }
    command::run(
        Command::new(program)
            .current_dir(workspace.root())
            .args(["--locked", "check", "bans", "licenses", "sources"]),
        "run the command again",
    )?;
    Ok(ExitCode::SUCCESS)
}

/// Whether the program is there and of the version wanted.
fn is_installed(program: &Path) -> bool {
    Command::new(program)
        .arg("--version")
        .output()
        .is_ok_and(|output| {
            String::from_utf8_lossy(&output.stdout).trim() == format!("cargo-deny {VERSION}")
        })
}
