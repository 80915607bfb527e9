//! Cargo's own tools, each at one version, in `.local/tools`.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::cargo::{REMEDY, cargo};
use crate::command;
use crate::workspace::Workspace;

/// Installs a tool from crates.io if this version is not there, and returns its executable. The
/// first time it is compiled, which takes minutes.
pub(crate) fn set_up(workspace: &Workspace, name: &str, version: &str) -> Result<PathBuf> {
    let _held = workspace.hold_tools()?;
    let tools = workspace.path(".local/tools");
    let program = tools.join("bin").join(name);
    if !program.exists() {
        println!("Installing {name} {version} into .local/tools (compiles it: some minutes) …");
    }
    // Cargo does nothing, and asks no registry, if exactly this version is installed.
    command::run(
        cargo(workspace)
            .args(["install", "--locked", "--quiet", name, "--version"])
            .arg(format!("={version}"))
            .arg("--root")
            .arg(&tools),
        REMEDY,
    )
    .with_context(|| format!("installing {name}"))?;
    Ok(program)
}
