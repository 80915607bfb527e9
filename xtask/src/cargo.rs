//! Cargo, as the commands call it: its command line, and the executables that a build made.

use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::command;
use crate::workspace::Workspace;

/// What to do when there is no cargo.
pub(crate) const REMEDY: &str = "install Rust with rustup";

/// A cargo command in the root of the workspace.
pub(crate) fn cargo(workspace: &Workspace) -> Command {
    let program = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(workspace.root());
    forget_package(&mut command);
    // Two builds of a hundred programs that link the AWS SDK: what an incremental build would keep
    // for the next one is gigabytes.
    if env::var_os("CARGO_INCREMENTAL").is_none() {
        command.env("CARGO_INCREMENTAL", "0");
    }
    command
}

/// Removes what Cargo told this program about its own package from the environment of a command
/// that calls Cargo. Build scripts (ring's is one) watch these variables, and would run again each
/// time that a build under xtask follows one without it.
pub(crate) fn forget_package(command: &mut Command) {
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
}

/// Runs a cargo command that builds, and gives each of the messages that it writes about what it made.
pub(crate) fn artifacts(mut build: Command, mut take: impl FnMut(&Value)) -> Result<()> {
    build
        .arg("--message-format=json-render-diagnostics")
        .stdout(Stdio::piped());
    let mut child = build
        .spawn()
        .map_err(|error| command::start_error(&build, error, REMEDY))?;
    let stdout = child.stdout.take().context("cargo has no output")?;
    for line in BufReader::new(stdout).lines() {
        // A line that is no JSON is not one of cargo's messages.
        if let Ok(message) = serde_json::from_str(&line.context("reading cargo's messages")?) {
            take(&message);
        }
    }
    let status = child.wait().context("waiting for cargo")?;
    if !status.success() {
        let args: Vec<_> = build.get_args().map(|arg| arg.to_string_lossy()).collect();
        bail!("cargo {} failed ({status})", args.join(" "));
    }
    Ok(())
}

/// The programs that a build made, by name, and where they are.
#[derive(Debug, Default)]
pub(crate) struct Programs {
    /// By the path of the package's Cargo.toml, then by the program's name.
    found: BTreeMap<PathBuf, BTreeMap<String, PathBuf>>,
}

impl Programs {
    /// Runs `cargo build --locked` with these arguments and notes the programs it made, or found
    /// already made. Progress and errors are shown as cargo shows them.
    pub(crate) fn build(workspace: &Workspace, args: &[&str]) -> Result<Self> {
        let mut build = cargo(workspace);
        build.arg("build").args(args).arg("--locked");
        let mut programs = Self::default();
        artifacts(build, |message| programs.note(message))?;
        Ok(programs)
    }

    /// Notes the program in one of cargo's messages, if there is one.
    fn note(&mut self, message: &Value) {
        let is_program = message.pointer("/target/kind/0").and_then(Value::as_str) == Some("bin")
            && message.pointer("/profile/test") == Some(&Value::Bool(false));
        let text = |pointer| message.pointer(pointer).and_then(Value::as_str);
        if let (true, Some(manifest), Some(name), Some(executable)) = (
            is_program,
            text("/manifest_path"),
            text("/target/name"),
            text("/executable"),
        ) {
            self.found
                .entry(manifest.into())
                .or_default()
                .insert(name.to_owned(), executable.into());
        }
    }

    /// One program of the package in a folder of the workspace.
    pub(crate) fn path(&self, workspace: &Workspace, package: &str, name: &str) -> Result<&Path> {
        self.of(workspace, package)
            .and_then(|programs| programs.get(name))
            .map(PathBuf::as_path)
            .with_context(|| format!("the package in {package}/ has no program named {name}"))
    }

    /// The folder that holds the programs of the package in a folder of the workspace.
    pub(crate) fn folder(&self, workspace: &Workspace, package: &str) -> Result<&Path> {
        self.of(workspace, package)
            .and_then(|programs| programs.values().next())
            .and_then(|program| program.parent())
            .with_context(|| format!("the package in {package}/ has no programs"))
    }

    /// The names of the programs of the package in a folder of the workspace.
    pub(crate) fn names(&self, workspace: &Workspace, package: &str) -> Vec<&str> {
        let programs = self.of(workspace, package);
        programs
            .into_iter()
            .flatten()
            .map(|(name, _)| name.as_str())
            .collect()
    }

    fn of(&self, workspace: &Workspace, package: &str) -> Option<&BTreeMap<String, PathBuf>> {
        self.found.get(&workspace.path(package).join("Cargo.toml"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_programs_of_a_build_are_noted_and_its_tests_and_libraries_are_not() -> Result<()> {
        let workspace = Workspace::find()?;
        let artifact = |kind: &str, name: &str, test: bool, executable: Option<&str>| {
            json!({
                "reason": "compiler-artifact",
                "manifest_path": workspace.path("functions/Cargo.toml"),
                "target": { "kind": [kind], "name": name },
                "profile": { "test": test },
                "executable": executable,
            })
        };
        let mut programs = Programs::default();
        programs.note(&artifact("lib", "hookline", false, None));
        programs.note(&artifact(
            "bin",
            "tag-node",
            true,
            Some("/t/debug/deps/tag_node-0a1b"),
        ));
        programs.note(&artifact(
            "bin",
            "tag-node",
            false,
            Some("/t/debug/tag-node"),
        ));
        programs.note(&json!({ "reason": "build-finished", "success": true }));

        assert_eq!(
            programs.path(&workspace, "functions", "tag-node")?,
            Path::new("/t/debug/tag-node")
        );
        assert_eq!(
            programs.folder(&workspace, "functions")?,
            Path::new("/t/debug")
        );
        assert!(programs.path(&workspace, "functions", "hookline").is_err());
        assert!(programs.folder(&workspace, "local").is_err());
        Ok(())
    }
}
