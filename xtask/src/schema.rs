//! `functions/profile.schema.json`, the JSON Schema of a profile: written from the Rust types, by a program that has them.

use std::fs;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::cargo::Programs;
use crate::command;
use crate::workspace::Workspace;

/// The file, from the root of the workspace.
const FILE: &str = "functions/profile.schema.json";

/// The selection of packages and targets that the tests are built with, so that nothing is compiled twice for it.
const SELECTION: [&str; 3] = ["--workspace", "--bins", "--tests"];

/// Writes the schema if it is not what the types say.
pub(crate) fn write(workspace: &Workspace) -> Result<ExitCode> {
    let wanted = generate(workspace)?;
    let path = workspace.path(FILE);
    if fs::read(&path).ok().as_ref() != Some(&wanted) {
        fs::write(&path, &wanted).with_context(|| format!("writing {}", path.display()))?;
        println!("wrote {FILE}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Fails if the schema is not what the types say.
pub(crate) fn check(workspace: &Workspace) -> Result<ExitCode> {
    let path = workspace.path(FILE);
    let present = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
    if present != generate(workspace)? {
        bail!("{FILE}: not what the types say; run `cargo xtask schema`");
    }
    println!("{FILE} is current");
    Ok(ExitCode::SUCCESS)
}

/// The schema, as the file should have it.
fn generate(workspace: &Workspace) -> Result<Vec<u8>> {
    let programs = Programs::build(workspace, &SELECTION)?;
    let mut program = Command::new(programs.path(workspace, "tests", "profile-schema")?);
    let output = command::output(&mut program, "run the command again")?;
    if !output.status.success() {
        bail!(
            "profile-schema failed ({}): {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(output.stdout)
}
