//! A check that runs beside those before it, in a process of its own. What it writes is kept, and
//! shown at its turn.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use fs_err as fs;

use crate::tally::Results;
use crate::test::Step;
use crate::workspace::Workspace;

/// A check that has begun.
pub(crate) struct Beside {
    child: Child,
    output: PathBuf,
    results: PathBuf,
}

impl Beside {
    /// Begins the check: `cargo xtask test --only STEP`, by this program itself, so that no cargo
    /// waits for another.
    pub(crate) fn begin(workspace: &Workspace, step: Step) -> Result<Self> {
        let value = step.to_possible_value().context("a step without a name")?;
        let folder = workspace.target()?.join("tmp");
        fs::create_dir_all(&folder)?;
        let output = folder.join(format!("test-{}.log", value.get_name()));
        let results = folder.join(format!("test-{}.json", value.get_name()));
        // What another run left must not pass for what this one found.
        if results.exists() {
            fs::remove_file(&results)?;
        }
        let log =
            File::create(&output).with_context(|| format!("creating {}", output.display()))?;
        let child = Command::new(std::env::current_exe()?)
            .args(["test", "--only", value.get_name(), "--results"])
            .arg(&results)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("starting the check `{}`", value.get_name()))?;
        Ok(Self {
            child,
            output,
            results,
        })
    }

    /// Waits for its end, shows what it wrote, and returns its results.
    pub(crate) fn end(mut self) -> Result<Results> {
        let status = self.child.wait().context("waiting for the check")?;
        io::copy(&mut fs::File::open(&self.output)?, &mut io::stdout())?;
        if !self.results.exists() {
            bail!("the check ended without results ({status})");
        }
        serde_json::from_slice(&fs::read(&self.results)?)
            .with_context(|| format!("reading {}", self.results.display()))
    }
}
