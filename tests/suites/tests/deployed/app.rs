//! The CDK app, deployed as its user does it: by the CDK's own command line, from a configuration
//! file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use hookline_testkit::ministack::{ACCOUNT, Ministack, REGION};
use serde_json::Value;
use tokio::process::Command;

/// How long one command may take. A deployment takes half a minute, most of it in the CDK, and far
/// longer on a busy machine.
const COMMAND: Duration = Duration::from_secs(600);

/// The arguments with which the CDK deploys.
const DEPLOY: [&str; 4] = ["deploy", "--all", "--require-approval", "never"];

/// The folder of the app, with its packages installed: HOOKLINE_CDK. A relative path is relative to
/// the root of the workspace.
pub(crate) fn source() -> Result<PathBuf> {
    from_environment("HOOKLINE_CDK")
}

/// The JavaScript packages that `cargo xtask setup` installs: HOOKLINE_NODE, which is a
/// `node_modules`.
pub(crate) fn packages() -> Result<PathBuf> {
    from_environment("HOOKLINE_NODE")
}

fn from_environment(name: &str) -> Result<PathBuf> {
    let path = std::env::var_os(name)
        .with_context(|| format!("{name} is not set: run this by `cargo xtask test`"))?;
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path);
    path.canonicalize()
        .with_context(|| format!("{}: `cargo xtask setup` makes it", path.display()))
}

/// Runs a program to its end, within [`COMMAND`].
///
/// # Errors
/// If it fails, with all that it wrote.
pub(crate) async fn run(command: &mut Command) -> Result<()> {
    let name = format!("{:?}", command.as_std());
    let output = tokio::time::timeout(COMMAND, command.kill_on_drop(true).output())
        .await
        .with_context(|| format!("{name} did not end within {COMMAND:?}"))?
        .with_context(|| format!("could not start {name}"))?;
    ensure!(
        output.status.success(),
        "{name}: {}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// The app with one configuration.
pub(crate) struct App {
    source: PathBuf,
    configuration: PathBuf,
    functions: PathBuf,
    /// The folder that the CDK writes to.
    folder: PathBuf,
}

impl App {
    /// With an existing configuration. `functions` is a folder like that of `cargo xtask package`.
    /// The CDK writes to `folder`.
    pub(crate) fn of_file(configuration: &Path, functions: &Path, folder: &Path) -> Result<Self> {
        Ok(Self {
            source: source()?,
            configuration: configuration.to_owned(),
            functions: functions.to_owned(),
            folder: folder.to_owned(),
        })
    }

    /// With another configuration, which is written into `folder`.
    pub(crate) fn new(configuration: &Value, functions: &Path, folder: &Path) -> Result<Self> {
        let file = folder.join("hookline.config.json");
        std::fs::write(&file, format!("{configuration:#}"))?;
        Self::of_file(&file, functions, folder)
    }

    /// Prepares the account and the Region for the CDK.
    pub(crate) async fn bootstrap(&self, ministack: &Ministack) -> Result<()> {
        let environment = format!("aws://{ACCOUNT}/{REGION}");
        // Not in the app's folder, so that the CDK does not synthesise the app.
        run(self
            .cdk(ministack, &["bootstrap", &environment])
            .current_dir(&self.folder))
        .await
    }

    /// Synthesises and deploys.
    pub(crate) async fn deploy(&self, ministack: &Ministack) -> Result<()> {
        self.deploy_with(ministack, &[]).await
    }

    /// The same with more arguments of `cdk deploy`.
    pub(crate) async fn deploy_with(&self, ministack: &Ministack, more: &[&str]) -> Result<()> {
        let mut cdk = self.cdk(ministack, &[&DEPLOY[..], more].concat());
        self.with_app(&mut cdk);
        run(&mut cdk).await
    }

    /// Synthesises, and deploys nothing.
    pub(crate) async fn synthesise(&self, ministack: &Ministack) -> Result<()> {
        let mut cdk = self.cdk(ministack, &["synth", "--all", "--quiet"]);
        self.with_app(&mut cdk);
        run(&mut cdk).await
    }

    /// Deploys what was synthesised before. The program, to be run.
    pub(crate) fn deploy_synthesised(&self, ministack: &Ministack) -> Command {
        let mut cdk = self.cdk(ministack, &DEPLOY);
        cdk.arg("--app")
            .arg(self.assembly())
            .current_dir(&self.folder);
        cdk
    }

    /// The app, its configuration, and where the CDK writes to.
    fn with_app(&self, cdk: &mut Command) {
        cdk.arg("--context")
            .arg(format!("config={}", self.configuration.display()))
            .arg("--context")
            .arg(format!("functions={}", self.functions.display()))
            .arg("--output")
            .arg(self.assembly())
            .current_dir(&self.source);
    }

    /// The folder of the synthesised template and its assets.
    pub(crate) fn assembly(&self) -> PathBuf {
        self.folder.join("cdk.out")
    }

    /// Removes what was deployed.
    pub(crate) async fn destroy(&self, ministack: &Ministack) -> Result<()> {
        let mut cdk = self.cdk(ministack, &["destroy", "--all", "--force"]);
        cdk.arg("--app").arg(self.assembly());
        run(cdk.current_dir(&self.folder)).await
    }

    fn cdk(&self, ministack: &Ministack, arguments: &[&str]) -> Command {
        let mut cdk = ministack.client(self.source.join("node_modules/.bin/cdk"));
        cdk.args(arguments)
            .args(["--ci", "--no-notices", "--no-version-reporting"])
            // It leaves no files in the home of whoever runs the tests, and makes no other calls.
            .env("CDK_HOME", &self.folder)
            .env("CDK_DISABLE_CLI_TELEMETRY", "1")
            .env("CDK_DISABLE_VERSION_CHECK", "1");
        cdk
    }
}
