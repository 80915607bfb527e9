//! The page of the scale-out: what an operator's `hookline timeline` writes.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use tokio::process::Command;

/// Writes the page of a group, as the deployment at this endpoint shows it.
pub(crate) async fn write(program: &Path, endpoint: &str, group: &str, page: &Path) -> Result<()> {
    if let Some(folder) = page.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("could not create {}", folder.display()))?;
    }
    let output = Command::new(program)
        .args(["timeline", group, "--output"])
        .arg(page)
        .env_clear()
        // Otherwise the SDK asks for credentials at the address of an instance's metadata.
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_REGION", "us-west-2")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .output()
        .await
        .with_context(|| format!("could not start {}", program.display()))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "hookline timeline: {errors}");
    Ok(())
}
