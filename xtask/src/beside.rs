//! Checks that run beside the others, in a process of their own. What they write is kept, and shown at
//! the end.

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

/// Checks that have begun, and run one after the other.
pub(crate) struct Beside {
    child: Child,
    output: PathBuf,
    results: PathBuf,
}

impl Beside {
    /// Begins the checks: `cargo xtask test --only STEP …`, by this program itself.
    pub(crate) fn begin(workspace: &Workspace, steps: &[Step]) -> Result<Self> {
        let folder = workspace.target()?.join("tmp");
        fs::create_dir_all(&folder)?;
        let output = folder.join("test-beside.log");
        let results = folder.join("test-beside.json");
        // What another run left must not pass for what this one found.
        if results.exists() {
            fs::remove_file(&results)?;
        }
        let mut checks = Command::new(std::env::current_exe()?);
        checks.args(["test", "--results"]).arg(&results);
        for step in steps {
            let value = step.to_possible_value().context("a step without a name")?;
            checks.args(["--only", value.get_name()]);
        }
        let log =
            File::create(&output).with_context(|| format!("creating {}", output.display()))?;
        let child = checks
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("starting the checks that run beside the others")?;
        Ok(Self {
            child,
            output,
            results,
        })
    }

    /// Waits for their end, shows what they wrote, and returns their results.
    pub(crate) fn end(mut self) -> Result<Results> {
        let status = self.child.wait().context("waiting for the checks")?;
        io::copy(&mut fs::File::open(&self.output)?, &mut io::stdout())?;
        if !self.results.exists() {
            bail!("the checks ended without results ({status})");
        }
        serde_json::from_slice(&fs::read(&self.results)?)
            .with_context(|| format!("reading {}", self.results.display()))
    }
}
