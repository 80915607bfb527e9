//! Building the functions for a machine that is not this one, or for an older glibc: Zig links, cargo-zigbuild puts the two
//! together. Both come from PyPI, by the lock `tools/zig/requirements.txt`, into `.local/zig`.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::cargo::{Programs, REMEDY, cargo};
use crate::elf::{Arch, GLIBC};
use crate::package::SELECTION;
use crate::workspace::Workspace;
use crate::{command, python};

/// Builds the functions, and gives the folder that they are in.
pub(crate) fn build(workspace: &Workspace, arch: Arch) -> Result<PathBuf> {
    ensure_target(workspace, arch)?;
    let python = python::set_up_zig(workspace)?;
    let tools = python.parent().context("a Python in no folder")?;
    let mut build = cargo(workspace);
    // Cargo finds `cargo-zigbuild` on the PATH, and that finds Zig by the Python there.
    let mut path = vec![tools.to_path_buf()];
    path.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    build
        .env("PATH", env::join_paths(path).context("the PATH")?)
        .arg("zigbuild")
        .args(SELECTION)
        .args(["--target", &format!("{}.{GLIBC}", arch.target())]);
    let programs = Programs::of_build(build)?;
    Ok(programs.folder(workspace, "functions")?.to_path_buf())
}

/// Fails unless Rust's standard library for that machine is there.
fn ensure_target(workspace: &Workspace, arch: Arch) -> Result<()> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = command::output(
        Command::new(rustc).current_dir(workspace.root()).args([
            "--print",
            "target-libdir",
            "--target",
            arch.target(),
        ]),
        REMEDY,
    )?;
    ensure!(
        output.status.success(),
        "rustc does not know {}: {}",
        arch.target(),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    let folder = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    if !folder.exists() {
        bail!(
            "Rust's standard library for {} is not installed: run `rustup target add {0}`",
            arch.target()
        );
    }
    Ok(())
}
