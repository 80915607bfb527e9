//! The commands of docs/operations/updates.md, run as they are written there: by the AWS CLI, against
//! ministack, and for Auto Scaling against the fake AWS.

use std::path::Path;

use anyhow::{Context as _, Result, anyhow, ensure};
use hookline_testkit::deployment::{Deployment, functions_of_launches};
use hookline_testkit::ministack::Ministack;
use hookline_testkit::stage::LIMIT;
use serde_json::{Value, json};

/// The processes of a group that are suspended.
const SUSPENDED: &str = "aws autoscaling describe-auto-scaling-groups --auto-scaling-group-names \"$group\" \
     --query 'AutoScalingGroups[0].SuspendedProcesses[].ProcessName' --output json";

/// What the commands run on.
pub(crate) struct Documented<'a> {
    pub(crate) ministack: &'a Ministack,
    pub(crate) deployment: &'a Deployment,
    /// The folder of the AWS CLI, and that of `hookline`.
    pub(crate) programs: [&'a Path; 2],
    /// The stack's name.
    pub(crate) stack: &'a str,
}

impl Documented<'_> {
    /// Step 4 of "Remove a profile", and the second command of "Drain a group", while two launches of
    /// a profile run, whose group has its name.
    pub(crate) async fn running_launches_are_found(&self, profile: &str) -> Result<()> {
        let [running] = documented("Remove a profile")?;
        // The name of the profile is the reader's.
        let running = running.replace("profile=upf", &format!("profile={profile}"));
        let arns = self.shell(&running, profile).await?;
        ensure!(arns.lines().count() == 2, "{running}\n{arns}");
        let [drain, _] = documented("Drain a group")?;
        let (_, waiting) = drain.split_once('\n').context("not two commands")?;
        let waiting = self.shell(waiting, profile).await?;
        let waiting: Value = serde_json::from_str(&waiting)?;
        ensure!(waiting.as_array().map(Vec::len) == Some(2), "{waiting}");
        Ok(())
    }

    /// The commands of "Drain a group", and step 4 of "Remove a profile", when no launch runs.
    pub(crate) async fn group_is_drained(&self, group: &str) -> Result<()> {
        let [drain, resume] = documented("Drain a group")?;
        let (pause, waiting) = drain.split_once('\n').context("not two commands")?;
        for (command, suspended) in [(pause, json!(["Launch"])), (resume.as_str(), json!([]))] {
            self.shell(command, group).await?;
            let found = self.shell(SUSPENDED, group).await?;
            ensure!(
                serde_json::from_str::<Value>(&found)? == suspended,
                "{command}\n{found}"
            );
            let waiting = self.shell(waiting, group).await?;
            ensure!(
                serde_json::from_str::<Value>(&waiting)? == json!([]),
                "{waiting}"
            );
        }
        let [running] = documented("Remove a profile")?;
        let arns = self.shell(&running, group).await?;
        ensure!(arns.is_empty(), "{arns}");
        Ok(())
    }

    /// "Remove old versions": of three deployments, the versions of the first go. The ones of the
    /// second stay, as an update that fails goes back to them.
    pub(crate) async fn old_versions_go(&self) -> Result<()> {
        let [remove] = documented("Remove old versions")?;
        self.shell(&remove, "").await?;
        for function in functions_of_launches() {
            let name = format!("{}-{function}", self.stack);
            let list = [
                "lambda",
                "list-versions-by-function",
                "--function-name",
                &name,
            ];
            let found = self.ministack.aws(&list).await?;
            let versions = found["Versions"].as_array().context("no versions")?;
            let mut versions: Vec<&str> = versions
                .iter()
                .filter_map(|it| it["Version"].as_str())
                .collect();
            versions.sort_unstable();
            ensure!(versions == ["$LATEST", "2", "3"], "{name}: {versions:?}");
        }
        Ok(())
    }

    /// Runs a command line of the documentation in a shell, against ministack and the fake AWS.
    async fn shell(&self, line: &str, group: &str) -> Result<String> {
        let deployment = self.deployment;
        let [aws, hookline] = self.programs.map(Path::display);
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{aws}:{hookline}:{path}");
        let mut shell = self.ministack.client("/bin/bash");
        shell
            .args(["-uo", "pipefail", "-c", line])
            .env("PATH", path)
            .env("AWS_ENDPOINT_URL_AUTO_SCALING", &deployment.endpoint)
            .env("machine", &deployment.state_machine_arn)
            .env("stack", self.stack)
            .env("group", group);
        let output = tokio::time::timeout(LIMIT, shell.output())
            .await
            .with_context(|| format!("{line} did not end within {LIMIT:?}"))??;
        let wrote = String::from_utf8_lossy(&output.stderr);
        ensure!(wrote.is_empty(), "{line}\n{wrote}");
        Ok(String::from_utf8(output.stdout)?)
    }
}

/// The command lines of a section of docs/operations/updates.md: its blocks of shell, without their
/// indentation. Fails if there are not as many as its caller knows.
fn documented<const N: usize>(section: &str) -> Result<[String; N]> {
    const PAGE: &str = include_str!("../../../../docs/operations/updates.md");
    let mut sections = PAGE.split("\n## ");
    let found = sections
        .find_map(|text| text.strip_prefix(section))
        .with_context(|| format!("no section {section}"))?;
    let mut blocks: Vec<String> = Vec::new();
    let mut indent = None;
    for line in found.lines() {
        let text = line.trim_start();
        match (indent, text) {
            (None, "```sh") => {
                indent = Some(line.len() - text.len());
                blocks.push(String::new());
            }
            (Some(_), "```") => indent = None,
            (Some(width), _) => {
                let block = blocks.last_mut().context("no block")?;
                block.push_str(line.get(width..).unwrap_or_default());
                block.push('\n');
            }
            (None, _) => {}
        }
    }
    blocks
        .try_into()
        .map_err(|found: Vec<_>| anyhow!("{section}: {} blocks", found.len()))
}
