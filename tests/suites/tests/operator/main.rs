//! An operator with the `hookline` command in broken scenes: the real state machine in a real engine,
//! the real function binaries, the fake AWS. `status` shows what is wrong, `explain` says why, and the
//! command that it prints mends it: the commands run in a shell, with the AWS CLI. `check` says it before
//! a launch.
//!
//! Needs HOOKLINE_FUNCTIONS_DIR, where the command is too, and HOOKLINE_PYTHON, which has the AWS CLI
//! beside it. `cargo xtask test` sets both. It fails without them.

// JSON is indexed by name, which gives null for an absent field.
#![allow(clippy::indexing_slicing)]

mod acts;
mod addresses;
mod brake;
mod check;
mod executions;
mod hooks;
mod interfaces;
mod profiles;
mod session;
mod timeline;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use hookline_local::Settings;
use hookline_local::iam::credentials_of;
use hookline_testkit::deployment::{self, Tools};
use hookline_testkit::json_api::json_call;
use hookline_testkit::roles;
use hookline_testkit::scene::Size;
use hookline_testkit::stage::{LIMIT, Stage};
use hookline_testkit::wait::wait_for;
use serde_json::{Value, json};
use tokio::process::Command;

/// One AZ, two networks.
const SMALL: Size = Size {
    azs: 1,
    networks: 2,
    prefix: 28,
    subnets_per_az: 1,
    instance_type: "m5.4xlarge",
    gate: false,
    device_indexes: true,
};

/// The widest line of text, in columns.
const WIDTH: usize = 100;

async fn stage() -> Result<Stage> {
    stage_with(&SMALL).await
}

async fn stage_with(size: &Size) -> Result<Stage> {
    let settings = Settings {
        instance_pending_for: Duration::from_millis(200),
        ..Settings::default()
    };
    let stage = Stage::set(settings, size).await?;
    schedule_reconcile(&stage, &stage.scene.profile("upf")).await?;
    Ok(stage)
}

/// The policy for people that a command needs (docs/iam.md, "Policies for people"); `None` for what
/// takes more rights than these policies give: `check`, and the AWS CLI.
fn policy_of(line: &str) -> Result<Option<&'static str>> {
    let mut words = line.split_whitespace();
    if words.next() != Some("hookline") {
        return Ok(None);
    }
    Ok(match words.next().context("no command")? {
        "status" | "explain" | "timeline" | "plan" => Some("look"),
        "release" | "reconcile" => Some("repair"),
        "replay" if words.any(|word| word == "--replace") => Some("repair"),
        "replay" | "adopt" | "pause" | "resume" => Some("operate"),
        "check" => None,
        other => bail!("which policy does `hookline {other}` need?"),
    })
}

/// Runs a program with the operator's environment, and the rights that the command line needs.
/// Returns its output, if it succeeds.
async fn operate(stage: &Stage, program: Command, line: &str) -> Result<String> {
    let (code, text, errors) = operate_to_end(stage, program, line).await?;
    ensure!(code == 0, "exit code {code}: {errors}{text}");
    Ok(text)
}

/// The same, whatever its exit code is; with what it wrote to stderr.
async fn operate_to_end(
    stage: &Stage,
    mut program: Command,
    line: &str,
) -> Result<(i32, String, String)> {
    let tools = Tools::from_environment()?;
    let python = tools.python.parent().context("no folder of Python")?;
    let path = format!(
        "{}:{}:/usr/bin:/bin",
        tools.functions.display(),
        python.display()
    );
    // A remedy may write a file.
    let port = stage
        .deployment
        .endpoint
        .rsplit(':')
        .next()
        .unwrap_or_default();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("operator-{port}"));
    std::fs::create_dir_all(&folder)?;
    program
        .current_dir(folder)
        .env_clear()
        .env("PATH", path)
        .env("HOME", "/nonexistent")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_ENDPOINT_URL", &stage.deployment.endpoint)
        .env("AWS_REGION", "us-west-2")
        .env("AWS_DEFAULT_REGION", "us-west-2")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test");
    if let Some(policy) = policy_of(line)? {
        let role = roles::of_person(policy).with_context(|| format!("no policy {policy}"))?;
        let credentials = credentials_of(&role);
        program
            .env("AWS_ACCESS_KEY_ID", credentials.access_key_id())
            .env("AWS_SESSION_TOKEN", "test");
    }
    let output = program.output().await.context("starting a program")?;
    let text = String::from_utf8(output.stdout)?;
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let code = output.status.code();
    let code = code.with_context(|| format!("{program:?}: {errors}"))?;
    Ok((code, text, errors))
}

/// Runs `hookline`. Returns its exit code, which may be that of findings, and its output.
async fn run_to_end(stage: &Stage, line: &str) -> Result<(i32, String)> {
    let (code, text, errors) = run_with_errors(stage, line).await?;
    ensure!(code <= 1, "{line}: exit code {code}: {errors}{text}");
    Ok((code, text))
}

/// Runs `hookline`. Returns its exit code, its output, and what it wrote to stderr.
async fn run_with_errors(stage: &Stage, line: &str) -> Result<(i32, String, String)> {
    operate_to_end(stage, command(line)?, &format!("hookline {line}")).await
}

/// Runs `hookline`.
async fn run(stage: &Stage, line: &str) -> Result<String> {
    operate(stage, command(line)?, &format!("hookline {line}")).await
}

/// `hookline` with these arguments.
fn command(line: &str) -> Result<Command> {
    let program = Tools::from_environment()?.functions.join("hookline");
    let mut command = Command::new(program);
    command.args(line.split(' '));
    Ok(command)
}

/// Runs `hookline`, for its JSON.
async fn hookline(stage: &Stage, line: &str) -> Result<Value> {
    let text = run(stage, &format!("{line} --json")).await?;
    serde_json::from_str(&text).context("not JSON")
}

/// Runs `hookline`, for its text, and fails if that is not fit to print.
async fn check_text(stage: &Stage, line: &str) -> Result<()> {
    let text = run(stage, line).await?;
    session::keep(&format!("hookline {line}"), &text)?;
    check_lines(&text)
}

/// Fails if a text is not fit to print.
fn check_lines(text: &str) -> Result<()> {
    for line in text.lines() {
        ensure!(!line.chars().any(char::is_control), "{line:?}");
        // An ARN or a document in a command is not broken.
        let long_word = line.split(' ').any(|word| word.len() > WIDTH / 2) || line.contains('{');
        ensure!(line.chars().count() <= WIDTH || long_word, "{line}");
    }
    Ok(())
}

/// Runs a command line in a shell.
async fn shell(stage: &Stage, line: &str) -> Result<String> {
    shell_after(stage, "", line).await
}

/// As [`shell`], after other lines that no operator types: they are not kept.
async fn shell_after(stage: &Stage, before: &str, line: &str) -> Result<String> {
    let mut command = Command::new("/bin/bash");
    command.args(["-euc", &format!("{before}\n{line}")]);
    let text = operate(stage, command, line)
        .await
        .with_context(|| line.to_owned())?;
    session::keep(line, &text)?;
    Ok(text)
}

/// The finding of a kind in a list.
fn finding<'a>(findings: &'a Value, kind: &str) -> Result<&'a Value> {
    let mut list = findings.as_array().into_iter().flatten();
    list.find(|finding| finding["kind"] == kind)
        .with_context(|| format!("no {kind} in {findings:#}"))
}

/// Waits until `status` shows a trouble of this kind, and returns it.
async fn trouble(stage: &Stage, kind: &str) -> Result<Value> {
    trouble_that_says(stage, kind, &[]).await
}

/// Waits until `status` shows a trouble of this kind whose texts have all of these words.
///
/// Auto Scaling tells of an abandoned launch before its execution has ended with the reason.
async fn trouble_that_says(stage: &Stage, kind: &str, words: &[&str]) -> Result<Value> {
    let mut last = Value::Null;
    let found = wait_for(LIMIT, kind, async || {
        last = hookline(stage, "status").await?["trouble"].take();
        let found = finding(&last, kind).ok();
        let says_all = |found: &&Value| words.iter().all(|word| texts(found).contains(*word));
        Ok(found.filter(says_all).cloned())
    })
    .await;
    check_text(stage, "status").await?;
    found.with_context(|| format!("no {kind} with {words:?} in {last:#}"))
}

/// Waits until `status` shows no trouble of this kind.
async fn no_trouble(stage: &Stage, kind: &str) -> Result<()> {
    let mut last = Value::Null;
    let gone = wait_for(LIMIT, &format!("no {kind}"), async || {
        last = hookline(stage, "status").await?["trouble"].take();
        Ok(finding(&last, kind).is_err().then_some(()))
    })
    .await;
    gone.with_context(|| format!("{last:#}"))?;
    check_text(stage, "status").await
}

/// Waits until `explain` has a finding of a kind, and returns the launch that it tells of, and that
/// finding.
async fn explained(stage: &Stage, what: &str, kind: &str) -> Result<(Value, Value)> {
    let mut launch = Value::Null;
    let found = wait_for(LIMIT, kind, async || {
        launch = hookline(stage, &format!("explain {what}")).await?["launch"].take();
        Ok(finding(&launch["findings"], kind).ok().cloned())
    })
    .await
    .with_context(|| format!("no {kind} in {launch:#}"))?;
    check_text(stage, &format!("explain {what}")).await?;
    Ok((launch, found))
}

/// Fails if `explain` has a finding of a kind for a launch.
fn check_not_found(launch: &Value, kind: &str) -> Result<()> {
    ensure!(finding(&launch["findings"], kind).is_err(), "{launch:#}");
    Ok(())
}

/// All texts of a finding: the problem, how it shows, and what to do.
fn texts(finding: &Value) -> String {
    finding.to_string()
}

/// The commands of a finding that begin so.
fn commands<'a>(finding: &'a Value, start: &'a str) -> Vec<&'a str> {
    let remedies = finding["remedy"].as_array().into_iter().flatten();
    let commands = remedies.filter_map(|remedy| remedy["run"].as_str());
    commands.filter(|line| line.starts_with(start)).collect()
}

/// Runs the first command of a finding that begins so.
async fn mend(stage: &Stage, finding: &Value, start: &str) -> Result<String> {
    let commands = commands(finding, start);
    let line = commands
        .first()
        .with_context(|| format!("no {start} in {finding:#}"))?;
    shell(stage, line).await
}

/// Runs the command that replays a launch.
async fn replay(stage: &Stage, launch: &Value) -> Result<String> {
    let replay = &launch["replay"];
    ensure!(replay["helps"] == true, "{replay:#}");
    let line = replay["command"]["run"]
        .as_str()
        .with_context(|| format!("no command in {replay:#}"))?;
    shell(stage, line).await
}

/// The only instance that waits at a hook.
async fn waiting(stage: &Stage) -> Result<String> {
    wait_for(LIMIT, "a launch that waits", async || {
        let states = stage
            .local
            .with_world(|world| world.autoscaling.states("upf"));
        let mut waiting = states.into_iter().filter(|(_, state)| {
            *state == hookline_local::autoscaling::LifecycleState::PendingWait
        });
        Ok(waiting.next().map(|(instance, _)| instance))
    })
    .await
}

/// Deploys a function that the state machine does not call.
fn deploy(stage: &Stage, function: &str) -> Result<()> {
    let function = deployment::function(&Tools::from_environment()?, function)?;
    stage.local.lambda().register(function);
    Ok(())
}

/// Deploys reconcile with its schedule.
async fn schedule_reconcile(stage: &Stage, profile: &Value) -> Result<()> {
    schedule_reconcile_with(stage, profile, &json!({})).await
}

/// The same with other limits.
async fn schedule_reconcile_with(stage: &Stage, profile: &Value, limits: &Value) -> Result<()> {
    deploy(stage, "reconcile")?;
    let input = json!({
        "stateMachineArn": stage.deployment.state_machine_arn,
        "profiles": [profile],
        "limits": limits,
    });
    let target = json!({
        "Id": "reconcile",
        "Arn": "arn:aws:lambda:us-west-2:123456789012:function:reconcile",
        "Input": input.to_string(),
    });
    let rule = json!({"Name": "reconcile", "ScheduleExpression": "rate(5 minutes)"});
    json_call(&stage.local, "AWSEvents.PutRule", &rule).await?;
    let targets = json!({"Rule": "reconcile", "Targets": [target]});
    json_call(&stage.local, "AWSEvents.PutTargets", &targets).await?;
    Ok(())
}
