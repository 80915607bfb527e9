//! The synthesised CloudFormation templates, for `cargo xtask package`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::workspace::Workspace;
use crate::{cdk, command, package};

/// Synthesises the examples of the CDK app with the functions packaged for `arch`, and puts their templates under `dist`.
pub(crate) fn add(workspace: &Workspace, dist: &Path, arch: &str) -> Result<()> {
    cdk::set_up(workspace)?;
    let app = workspace.path("cdk");
    let out = app.join("cdk.out").join("packaged");
    package::empty(&out)?;
    command::run(
        Command::new("npm")
            .current_dir(&app)
            .args(["run", "--silent", "synth:examples", "--"])
            .args(["--architecture", arch, "--functions"])
            .arg(dist.join("functions"))
            .arg("--out")
            .arg(&out),
        "install Node.js, which brings npm",
    )?;
    let folder = dist.join("templates");
    package::empty(&folder)?;
    let mut count = 0;
    for example in entries(&out)? {
        for path in entries(&example)? {
            let name = path.file_name().unwrap_or_default();
            if name.to_string_lossy().ends_with(".template.json") {
                fs::copy(&path, folder.join(name))
                    .with_context(|| format!("copying {}", path.display()))?;
                count += 1;
            }
        }
    }
    ensure!(count > 0, "no template in {}", out.display());
    println!("dist/templates  {count} templates");
    Ok(())
}

/// What is in a folder.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let context = || format!("reading {}", folder.display());
    fs::read_dir(folder)
        .with_context(context)?
        .map(|entry| Ok(entry.with_context(context)?.path()))
        .collect()
}
