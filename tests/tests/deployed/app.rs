//! The CDK app, deployed as its user does it: by the CDK's own command line, from a configuration file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use hookline_tests::ministack::{ACCOUNT, Ministack, REGION};
use serde_json::Value;

/// How long one command may take. A deployment takes half a minute, most of it in the CDK.
const COMMAND: Duration = Duration::from_secs(300);

/// The app, with the files of one deployment.
pub(crate) struct App {
    /// The folder of the app, with its packages installed.
    source: PathBuf,
    /// Where this deployment's files are.
    folder: PathBuf,
}

impl App {
    /// The app in the folder that HOOKLINE_CDK names; what is relative is meant from the root of the workspace. `folder` gets
    /// the configuration and what the CDK writes.
    pub(crate) fn new(folder: &Path, configuration: &Value) -> Result<Self> {
        let source = std::env::var_os("HOOKLINE_CDK")
            .context("HOOKLINE_CDK is not set: run this by `cargo xtask test`")?;
        let source = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("..")
            .join(source)
            .canonicalize()?;
        let app = Self {
            source,
            folder: folder.to_owned(),
        };
        ensure!(
            app.program().is_file(),
            "{} is not there: `cargo xtask setup` installs it",
            app.program().display()
        );
        std::fs::write(app.configuration(), format!("{configuration:#}"))?;
        Ok(app)
    }

    fn program(&self) -> PathBuf {
        self.source.join("node_modules/.bin/cdk")
    }

    fn configuration(&self) -> PathBuf {
        self.folder.join("hookline.config.json")
    }

    /// Prepares the account and the Region for the CDK, and deploys.
    pub(crate) async fn deploy(&self, ministack: &Ministack) -> Result<()> {
        let environment = format!("aws://{ACCOUNT}/{REGION}");
        self.cdk(ministack, &["bootstrap", &environment]).await?;
        let deploy = ["deploy", "--all", "--require-approval", "never"];
        self.cdk(ministack, &deploy).await
    }

    /// Removes what was deployed.
    pub(crate) async fn destroy(&self, ministack: &Ministack) -> Result<()> {
        self.cdk(ministack, &["destroy", "--all", "--force"]).await
    }

    async fn cdk(&self, ministack: &Ministack, arguments: &[&str]) -> Result<()> {
        let output = ministack
            .client(self.program())
            .args(arguments)
            .arg("--context")
            .arg(format!("config={}", self.configuration().display()))
            .arg("--output")
            .arg(self.folder.join("cdk.out"))
            .args(["--ci", "--no-notices", "--no-version-reporting"])
            .current_dir(&self.source)
            // It leaves nothing behind in the home of whoever runs the tests, and calls nobody.
            .env("CDK_HOME", &self.folder)
            .env("CDK_DISABLE_CLI_TELEMETRY", "1")
            .env("CDK_DISABLE_VERSION_CHECK", "1")
            .output();
        let output = tokio::time::timeout(COMMAND, output)
            .await
            .with_context(|| format!("cdk {arguments:?} did not end within {COMMAND:?}"))?
            .with_context(|| format!("could not start {}", self.program().display()))?;
        ensure!(
            output.status.success(),
            "cdk {arguments:?}: {}\n{}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }
}
