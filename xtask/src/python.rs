//! The private Python environments: `.local/python`, with the Step Functions engine and the AWS
//! clients that the tests drive, and `.local/zig`, with what links for other machines.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use fs_err as fs;

use crate::workspace::Workspace;
use crate::{command, folder, stamp};

/// The oldest Python that the lock was made for (`--python-version` in docs/development.md).
const OLDEST: (u32, u32) = (3, 10);

/// Names to look for, best first. Some systems keep an old `python3` beside newer ones.
const NAMES: [&str; 6] = [
    "python3",
    "python3.14",
    "python3.13",
    "python3.12",
    "python3.11",
    "python3.10",
];

/// Writes "MAJOR MINOR" and, if the modules that make an environment are missing, which one.
const PROBE: &str = r#"
import importlib.util, sys
print(sys.version_info[0], sys.version_info[1])
print(" ".join(m for m in ("venv", "ensurepip") if importlib.util.find_spec(m) is None))
"#;

/// Makes `.local/python` if it is not there or not of the present lock, and returns its Python.
pub(crate) fn set_up(workspace: &Workspace) -> Result<PathBuf> {
    environment(workspace, "python", "Python tools")
}

/// The same for `.local/cargo-lambda`.
pub(crate) fn set_up_cargo_lambda(workspace: &Workspace) -> Result<PathBuf> {
    environment(workspace, "cargo-lambda", "cargo-lambda and Zig")
}

/// Makes the environment `.local/NAME` of `tools/NAME/requirements.txt`.
fn environment(workspace: &Workspace, name: &str, what: &str) -> Result<PathBuf> {
    let _held = workspace.hold_tools()?;
    let lock_name = format!("tools/{name}/requirements.txt");
    let lock_path = workspace.path(&lock_name);
    let lock = fs::read(&lock_path)?;
    let directory = workspace.path(&format!(".local/{name}"));
    let python = directory.join("bin/python");
    if digest(&lock, &directory).is_some_and(|digest| stamp::is_current(&directory, &digest)) {
        return Ok(python);
    }

    let base = find()?;
    println!(
        "Setting up the {what} in .local/{name} (the first time, and when their lock changes) …"
    );
    folder::make_empty(&directory)?;
    command::run(
        Command::new(base).args(["-m", "venv"]).arg(&directory),
        "install Python",
    )?;
    command::run(
        Command::new(&python)
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--no-input",
                "--disable-pip-version-check",
            ])
            .args(["--require-hashes", "--requirement"])
            .arg(&lock_path),
        "run the command again",
    )
    .with_context(|| format!("installing {lock_name} into .local/{name}"))?;
    let digest = digest(&lock, &directory).context("the new environment has no Python")?;
    stamp::write(&directory, &digest)?;
    Ok(python)
}

/// What the environment is made from: the lock, its own place (an environment names itself in its
/// scripts and cannot be moved) and the Python under it. None if that Python is not there.
fn digest(lock: &[u8], directory: &Path) -> Option<String> {
    // Through all links: after the system's python3 went from one version to the next, this names
    // another file, and the packages, which lie in a folder named for the version, are out of
    // reach.
    let base = fs::canonicalize(directory.join("bin/python")).ok()?;
    Some(stamp::digest(&[
        lock,
        directory.as_os_str().as_encoded_bytes(),
        base.as_os_str().as_encoded_bytes(),
    ]))
}

/// The first Python of the list that is new enough and can make environments. It has the standard
/// library, and may have nothing else.
pub(crate) fn find() -> Result<&'static str> {
    let mut refused = Vec::new();
    for name in NAMES {
        let Ok(output) = Command::new(name).args(["-c", PROBE]).output() else {
            continue;
        };
        match judge(&String::from_utf8_lossy(&output.stdout)) {
            Ok(()) => return Ok(name),
            Err(reason) => refused.push(format!("{name} {reason}")),
        }
    }
    let (major, minor) = OLDEST;
    if refused.is_empty() {
        bail!(
            "python3 was not found: install Python {major}.{minor} or newer, with its venv module"
        );
    }
    bail!(
        "no Python here will do ({}): install Python {major}.{minor} or newer, with its venv module",
        refused.join("; ")
    )
}

/// What the probe's answer says against this Python, if anything.
fn judge(answer: &str) -> Result<(), String> {
    let mut lines = answer.lines();
    let mut numbers = lines
        .next()
        .unwrap_or_default()
        .split(' ')
        .map(str::parse::<u32>);
    let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else {
        return Err("does not run".to_owned());
    };
    if (major, minor) < OLDEST {
        return Err(format!("is Python {major}.{minor}"));
    }
    match lines.next().unwrap_or_default() {
        "" => Ok(()),
        missing => Err(format!(
            "has no {} (on Debian and Ubuntu: install python{major}.{minor}-venv)",
            missing.replace(' ', " and ")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_python_is_judged_by_its_version_and_its_modules() {
        assert_eq!(judge("3 10\n\n"), Ok(()));
        assert_eq!(judge("3 14\n\n"), Ok(()));
        assert_eq!(judge("3 9\n\n"), Err("is Python 3.9".to_owned()));
        assert_eq!(judge(""), Err("does not run".to_owned()));
        assert_eq!(
            judge("3 11\nensurepip\n"),
            Err("has no ensurepip (on Debian and Ubuntu: install python3.11-venv)".to_owned())
        );
    }

    #[test]
    fn without_an_interpreter_there_is_no_digest() {
        assert_eq!(digest(b"lock", Path::new("/nowhere")), None);
    }
}
