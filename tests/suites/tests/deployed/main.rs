//! The CDK app: its templates are checked ([`templates`]), and `cdk deploy` deploys them through
//! CloudFormation to a second AWS on this machine: the examples ([`examples`]), and a configuration
//! whose launches then use the deployed rule, state machine, function binaries ([`launches`]), also
//! while an update changes them ([`updates`]), or CloudFormation rolls one back ([`roll_back`]); a stack that keeps its logs ([`kept_logs`]); and a stack
//! of 50 profiles ([`large`]).
//!
//! These are real: the CDK's command line, the template with every resource in it, its assets, the
//! rule's pattern and input transformer, the state machine's definition as it was deployed, the
//! function binaries (debug builds, in the zips that the template names).
//!
//! These differ from AWS: ministack answers CloudFormation, IAM, S3, Step Functions and Lambda, and
//! checks no permission. The deployed roles are read from it, and the fake AWS of this repository
//! authorises with them what is called there: EC2, Auto Scaling, and who starts an execution. Its engine for state machines ignores `JitterStrategy`, `MaxDelaySeconds`
//! and the machine's `TimeoutSeconds`. It takes no event from `aws.autoscaling`, and has no
//! lifecycle hooks to send one. So the deployed rule, its target and the deployed hook are read
//! from ministack and put unchanged into the fake AWS of this repository, which has both. The
//! functions call EC2 and Auto Scaling there too, and so does the custom resource that puts a hook
//! on the group of a managed node group: ministack's environment names the endpoints, which its
//! functions inherit.
//!
//! Needs HOOKLINE_FUNCTIONS_DIR, HOOKLINE_PYTHON, HOOKLINE_NODE and HOOKLINE_CDK, which `cargo
//! xtask test` sets. It fails without them.

// JSON is indexed by name, which gives null for an absent field.
#![allow(clippy::indexing_slicing)]

mod app;
mod documented;
mod examples;
mod kept_logs;
mod large;
mod launches;
mod roll_back;
mod stack;
mod templates;
mod updates;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use hookline_testkit::deployment::Tools;
use hookline_testkit::permissions;
use tokio::process::Command;

/// An empty folder for one test, without the files of an earlier run.
fn folder(name: &str) -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("deployed")
        .join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Removes the folder of a test that passed: half a gigabyte, most of it zips of debug builds. What a
/// failed test wrote stays to be looked at.
fn remove(folder: &Path) -> Result<()> {
    std::fs::remove_dir_all(folder).with_context(|| format!("removing {}", folder.display()))
}

/// The names of the functions.
fn function_names() -> Result<Vec<String>> {
    let mut names: Vec<String> = permissions::of_programs()?.into_keys().collect();
    // A state machine has actions too, but no program.
    names.retain(|name| {
        let machine = format!("../../statemachine/{name}.asl.json");
        !Path::new(env!("CARGO_MANIFEST_DIR"))
            .join(machine)
            .is_file()
    });
    Ok(names)
}

/// Zips the functions that are deployed. Returns the folder of the zips, in `folder`.
async fn zip_functions(tools: &Tools, folder: &Path) -> Result<PathBuf> {
    zip_programs(tools, &tools.functions, folder).await
}

/// Zips programs that do nothing, with the names of the functions: for stacks whose functions do not run.
async fn zip_idle_functions(tools: &Tools, folder: &Path) -> Result<PathBuf> {
    let programs = folder.join("programs");
    std::fs::create_dir(&programs)?;
    for name in function_names()? {
        std::fs::write(programs.join(name), "#!/bin/sh\n")?;
    }
    zip_programs(tools, &programs, folder).await
}

/// Zips programs with the names of the functions.
async fn zip_programs(tools: &Tools, programs: &Path, folder: &Path) -> Result<PathBuf> {
    let zips = folder.join("functions");
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/deployed/zip_functions.py"
    );
    let mut zip = Command::new(&tools.python);
    zip.arg(script).arg(&zips);
    for name in function_names()? {
        zip.arg(programs.join(name));
    }
    app::run(&mut zip).await?;
    Ok(zips)
}
