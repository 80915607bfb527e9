//! `functions/profile.schema.json` and `naming-profile.schema.json`, the JSON Schemas of profiles:
//! written from the Rust types, by a program that has them.

use std::process::{Command, ExitCode};

use anyhow::{Result, bail};
use fs_err as fs;

use crate::cargo::Programs;
use crate::command;
use crate::programs::DEVELOPMENT;
use crate::workspace::Workspace;

/// The files, from the root of the workspace, and the program's arguments to write each.
const FILES: [(&str, &[&str]); 2] = [
    ("functions/profile.schema.json", &[]),
    ("functions/naming-profile.schema.json", &["naming"]),
];

/// Writes the schemas that differ from the types.
pub(crate) fn write(workspace: &Workspace) -> Result<ExitCode> {
    let programs = Programs::build(workspace, &DEVELOPMENT)?;
    for (file, arguments) in FILES {
        let wanted = generate(workspace, &programs, arguments)?;
        let path = workspace.path(file);
        if fs::read(&path).ok().as_ref() != Some(&wanted) {
            fs::write(&path, &wanted)?;
            println!("wrote {file}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Fails if a schema differs from the types.
pub(crate) fn check(workspace: &Workspace) -> Result<ExitCode> {
    let programs = Programs::build(workspace, &DEVELOPMENT)?;
    for (file, arguments) in FILES {
        if fs::read(workspace.path(file))? != generate(workspace, &programs, arguments)? {
            bail!("{file}: differs from the types; run `cargo xtask schema`");
        }
        println!("{file} is current");
    }
    Ok(ExitCode::SUCCESS)
}

/// A schema, as its file must have it.
fn generate(workspace: &Workspace, programs: &Programs, arguments: &[&str]) -> Result<Vec<u8>> {
    let mut program = Command::new(programs.path(workspace, "tests/testkit", "profile-schema")?);
    program.args(arguments);
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
