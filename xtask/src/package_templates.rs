//! The synthesised CloudFormation templates, for `cargo xtask package`.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::workspace::Workspace;
use crate::{command, package};

/// Synthesises the examples of the CDK app, where there is one, and puts their templates under `dist`.
pub(crate) fn add(workspace: &Workspace, dist: &Path) -> Result<()> {
    let app = workspace.path("cdk");
    if !app.join("package.json").exists() {
        return Ok(());
    }
    ensure!(
        app.join("node_modules").exists(),
        "the CDK app has not been set up: run `npm ci` in cdk/"
    );
    command::run(
        Command::new("npm")
            .current_dir(&app)
            .args(["run", "--silent", "synth:examples"]),
        "install Node.js, which brings npm",
    )?;
    let folder = dist.join("templates");
    package::empty(&folder)?;
    let out = app.join("cdk.out");
    let context = || format!("reading {}", out.display());
    let mut count = 0;
    for entry in fs::read_dir(&out).with_context(context)? {
        let path = entry.with_context(context)?.path();
        let name = path.file_name().unwrap_or_default();
        if name.to_string_lossy().ends_with(".template.json") {
            fs::copy(&path, folder.join(name))
                .with_context(|| format!("copying {}", path.display()))?;
            count += 1;
        }
    }
    ensure!(count > 0, "no template in {}", out.display());
    println!("dist/templates  {count} templates");
    Ok(())
}
