//! Builds the functions for another architecture than this machine's, or for an older glibc, with
//! cargo-lambda and Zig. Both come from PyPI, by the lock `tools/cargo-lambda/requirements.txt`,
//! into `.local/cargo-lambda`.

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::cargo::{REMEDY, cargo};
use crate::elf::{Arch, GLIBC};
use crate::package::SELECTION;
use crate::workspace::Workspace;
use crate::{command, python};

/// cargo-lambda's options beside the selection and the target.
///
/// - `--disable-optimizations`: the profile `release` of Cargo.toml decides. cargo-lambda's own
///   settings include `panic = "abort"`, with which `lambda_runtime` cannot report a panic as an
///   error of the function.
/// - `--output-format binary`: the zip is made by `package.rs`. cargo-lambda 1.9 puts the time of
///   the build into its zips, so the same executable gives another zip each time
///   (cargo-lambda/cargo-lambda, issue 658).
const OPTIONS: [&str; 5] = [
    "--disable-optimizations",
    "--compiler",
    "cargo-zigbuild",
    "--output-format",
    "binary",
];

/// Builds the functions and returns the folder of their executables, `NAME/bootstrap` each.
/// cargo-lambda adds Rust's target with rustup if it is missing.
pub(crate) fn build(workspace: &Workspace, arch: Arch) -> Result<PathBuf> {
    let python = python::set_up_cargo_lambda(workspace)?;
    let tools = python.parent().context("the Python has no folder")?;
    let folder = workspace.target()?.join("lambda").join(arch.name());
    // Cargo finds `cargo-lambda` on the PATH, and cargo-lambda finds the Python package ziglang by
    // the Python there.
    let mut path = vec![tools.to_path_buf()];
    path.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    command::run(
        cargo(workspace)
            .env("PATH", env::join_paths(path).context("the PATH")?)
            .args(["lambda", "build", "--locked"])
            .args(OPTIONS)
            .args(SELECTION)
            .args(["--target", &format!("{}.{GLIBC}", arch.target())])
            .arg("--lambda-dir")
            .arg(&folder),
        REMEDY,
    )?;
    Ok(folder)
}
