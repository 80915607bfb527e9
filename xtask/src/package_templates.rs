//! The synthesised CloudFormation templates, for `cargo xtask package`.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};
use fs_err as fs;

use crate::workspace::Workspace;
use crate::{cdk, command, folder};

/// Synthesises the examples of the CDK app with the functions packaged for `arch`, and puts their
/// templates under `dist`.
pub(crate) fn add(workspace: &Workspace, dist: &Path, arch: &str) -> Result<()> {
    cdk::set_up(workspace)?;
    let app = workspace.path("cdk");
    let out = app.join("cdk.out").join("packaged");
    folder::make_empty(&out)?;
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
    let templates = dist.join("templates");
    folder::make_empty(&templates)?;
    let mut count = 0;
    for example in folder::list(&out)? {
        for path in folder::list(&example)? {
            let name = path.file_name().unwrap_or_default();
            if name.to_string_lossy().ends_with(".template.json") {
                fs::copy(&path, templates.join(name))?;
                count += 1;
            }
        }
    }
    ensure!(count > 0, "no template in {}", out.display());
    println!("dist/templates  {count} templates");
    Ok(())
}
