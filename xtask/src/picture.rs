//! `cargo xtask picture`: the picture of a timeline in README, docs/timeline.png. It runs the demo, and
//! takes the picture of the page that the demo writes in a browser without a window.

use std::process::{Command, ExitCode};

use anyhow::{Result, ensure};
use clap::Args;

use crate::cargo::Programs;
use crate::programs::{DEVELOPMENT, demo_of, page_of_demo, timeline};
use crate::workspace::Workspace;
use crate::{command, python};

/// The picture.
const PICTURE: &str = "docs/timeline.png";
/// Width and height, in pixels: the head of the page and its first nodes.
const SIZE: &str = "--window-size=1100,1000";

/// What the picture shows.
#[derive(Debug, Args)]
pub(crate) struct PictureOptions {
    /// How many nodes to launch at once
    #[arg(long, default_value_t = 24)]
    nodes: u16,
    /// The browser: Chromium, by its name or path
    #[arg(long, default_value = "chromium")]
    browser: String,
}

/// Runs the demo and takes the picture.
pub(crate) fn run(workspace: &Workspace, options: &PictureOptions) -> Result<ExitCode> {
    let python = python::set_up(workspace)?;
    let programs = Programs::build(workspace, &DEVELOPMENT)?;
    let functions = programs.folder(workspace, "functions")?;
    let mut demo = demo_of(workspace, &programs, functions, &python)?;
    demo.args(["--nodes", &options.nodes.to_string()])
        .args(page_of_demo(workspace, &programs)?);
    command::run(&mut demo, "run the command again")?;

    let picture = workspace.path(PICTURE);
    let profile = workspace.target()?.join("demo/browser");
    let mut browser = Command::new(&options.browser);
    browser
        .args([
            "--headless",
            "--disable-gpu",
            "--hide-scrollbars",
            "--no-first-run",
        ])
        .args([
            "--disable-background-networking",
            "--disable-component-update",
        ])
        // The page is the demo's own, and root has no sandbox.
        .args(["--disable-sync", "--no-sandbox", SIZE])
        .arg("--blink-settings=preferredColorScheme=1")
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("--screenshot={}", picture.display()))
        .arg(format!("file://{}", timeline(workspace)?.display()));
    let output = command::output(&mut browser, "install chromium, or name it with --browser")?;
    ensure!(
        output.status.success(),
        "{} failed ({})",
        options.browser,
        output.status
    );
    println!("wrote {PICTURE}");
    Ok(ExitCode::SUCCESS)
}
