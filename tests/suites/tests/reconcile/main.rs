//! `reconcile` in virtual time: lost events, executions that end without completing their hook, orphaned
//! interfaces, and what does not fit the profiles.

// Helpers of tests may panic as tests do. JSON is indexed by name.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

mod brake;
mod dry_run;
mod ended;
mod faults;
mod fit;
mod interfaces;
mod launches;
mod metrics;
mod payloads;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use hookline_domain::reconcile::orphans::ORPHANED_SINCE;
use hookline_domain::tags::own::INSTANCE_ID;
use hookline_local::eventbridge::Disturbance;
use hookline_simulator::cells::launching;
use hookline_simulator::run::{GROUP, MACHINE_ARN, Run, Scenario};
use hookline_testkit::json_api::json_call;
use hookline_testkit::scene::Size;
use serde_json::{Value, json};

const LAUNCH: &str = "EC2 Instance-launch Lifecycle Action";
const ENDED: &str = "Step Functions Execution Status Change";
/// An instance that never existed.
const GONE: &str = "i-0123456789abcdef0";

/// A scenario of `nodes` launches. `reconcile` runs on its schedule, or only when a test invokes
/// it.
fn scenario(nodes: usize, reconcile: bool) -> Scenario {
    let size = Size {
        azs: 1,
        ..Size::default()
    };
    let mut scenario = Scenario::new(nodes, size, 11);
    scenario.reconcile = reconcile;
    scenario.settings.network_interface_limit = 100;
    scenario
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

fn lose(run: &Run, detail_type: &str) {
    let lost = Disturbance::drop().detail_type(detail_type).times(1);
    run.local.eventbridge().disturb(lost);
}

/// Two launches whose events are all lost. `reconcile` runs only when a test invokes it.
async fn two_lost_launches() -> Result<Run> {
    let mut run = Run::new(scenario(2, false)).await?;
    let lost = Disturbance::drop().detail_type(LAUNCH);
    run.local.eventbridge().disturb(lost);
    run.launch().await?;
    Ok(run)
}

/// One launch whose execution is stopped half-way; the event of its end is lost. Returns its
/// instance and the execution's ARN.
async fn stopped_half_way() -> Result<(Run, String, String)> {
    let mut run = Run::new(scenario(1, true)).await?;
    lose(&run, ENDED);
    run.launch().await?;
    let (instance, arn) = half_way(&run).await?;
    abort(&run, &arn).await?;
    Ok((run, instance, arn))
}

fn waiting(run: &Run) -> Vec<String> {
    run.local.with_world(|world| launching(world))
}

/// Hookline's interfaces, and when each was marked.
fn made(run: &Run) -> BTreeMap<String, Option<String>> {
    run.local.with_world(|world| {
        world
            .ec2
            .network_interfaces()
            .filter(|interface| interface.tags.contains_key(INSTANCE_ID))
            .map(|interface| {
                let since = interface.tags.get(ORPHANED_SINCE).cloned();
                (interface.network_interface_id.clone(), since)
            })
            .collect()
    })
}

fn made_for(run: &Run, instance: &str) -> usize {
    run.local.with_world(|world| {
        world
            .ec2
            .network_interfaces()
            .filter(|interface| {
                interface.tags.get(INSTANCE_ID).map(String::as_str) == Some(instance)
            })
            .count()
    })
}

/// The executions, newest first: ARN, name and status.
async fn executions(run: &Run) -> Result<Vec<(String, String, String)>> {
    let answer = json_call(
        &run.local,
        "AWSStepFunctions.ListExecutions",
        &json!({"stateMachineArn": MACHINE_ARN, "maxResults": 1000}),
    )
    .await?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok(answer["executions"]
        .as_array()
        .context("no executions")?
        .iter()
        .map(|one| {
            (
                text(&one["executionArn"]),
                text(&one["name"]),
                text(&one["status"]),
            )
        })
        .collect())
}

async fn abort(run: &Run, arn: &str) -> Result<()> {
    let call = json!({"executionArn": arn});
    json_call(&run.local, "AWSStepFunctions.StopExecution", &call).await?;
    Ok(())
}

fn count(report: &Value, kind: &str) -> usize {
    report[kind].as_array().map_or(usize::MAX, Vec::len)
}

async fn by_hand(run: &Run) -> Value {
    let profiles = [run.scene.profile(GROUP)];
    run.reconcile(&profiles, &json!({})).await.expect("a round")
}

fn nothing_done(report: &Value) {
    for kind in [
        "started",
        "abandoned",
        "released",
        "marked",
        "unmarked",
        "deleted",
        "settled",
    ] {
        assert_eq!(report[kind], json!([]), "{kind}: {report}");
    }
}

/// Runs one launch until its interfaces are created. Returns its instance and its execution.
async fn half_way(run: &Run) -> Result<(String, String)> {
    run.watch_until("interfaces", |run| made(run).len() == 4)
        .await?;
    let instance = waiting(run).pop().context("nothing waits")?;
    let running = executions(run).await?;
    let (arn, ..) = running
        .into_iter()
        .find(|(_, _, status)| status == "RUNNING")
        .context("no execution")?;
    Ok((instance, arn))
}
