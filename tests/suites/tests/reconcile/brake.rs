//! Launch loops, and the brake that ends them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context as _, Result};
use aws_sdk_autoscaling::types::{AutoScalingGroup, Tag};
use hookline_domain::tags::own;
use hookline_local::{Fault, FaultKind};
use hookline_simulator::run::{GROUP, MACHINE_ARN, Run, on_paused_clock};
use hookline_testkit::emf;
use serde_json::{Value, json};

use super::{by_hand, executions, lose, pass, scenario};
use crate::LAUNCH;

const ERROR: &str = "Hookline.ResourceNotFound";

/// From now on, every create fails by an error that does not pass.
fn break_creates(run: &Run) {
    let missing = FaultKind::Error {
        status: 400,
        code: "InvalidGroup.NotFound".to_owned(),
        message: "The security group 'sg-0badbadbadbadbad0' does not exist".to_owned(),
    };
    let fault = Fault::on("CreateNetworkInterface", missing);
    run.local.inject(fault.always());
}

/// Launches that all fail. Reconcile runs only when a test invokes it.
async fn failing(nodes: usize) -> Result<Run> {
    let mut run = Run::new(scenario(nodes, false)).await?;
    break_creates(&run);
    run.launch().await?;
    Ok(run)
}

async fn until_failed(run: &Run, number: usize) -> Result<()> {
    let what = format!("{number} abandoned launches");
    run.watch_until(&what, |run| {
        run.report().executions.get("FAILED") >= Some(&number)
    })
    .await?;
    Ok(())
}

/// Limits, of loops that need not have gone on for minutes.
fn limits() -> Value {
    json!({"loopSeconds": 0})
}

/// The profile as it is in the rule, but with or without a brake.
fn profile(run: &Run, brake: bool) -> Value {
    let mut profile = json!(run.profile);
    profile["brake"] = json!(brake);
    profile
}

/// A round with this profile.
async fn round(run: &Run, brake: bool) -> Value {
    let round = run.reconcile(&[profile(run, brake)], &limits()).await;
    round.expect("a round")
}

/// A report without a loop and without a brake.
fn assert_quiet(report: &Value) {
    assert_eq!(
        (&report["loops"], &report["braked"]),
        (&json!([]), &json!([]))
    );
}

async fn group(run: &Run) -> Result<AutoScalingGroup> {
    let call = run.scene.autoscaling.describe_auto_scaling_groups();
    let answer = call.auto_scaling_group_names(GROUP).send().await?;
    answer
        .auto_scaling_groups()
        .first()
        .cloned()
        .context("no group")
}

/// The tags of the group, and whether its instances get them.
async fn tags(run: &Run) -> Result<BTreeMap<String, (String, bool)>> {
    let group = group(run).await?;
    let tags = group.tags().iter().filter_map(|tag| {
        let value = tag.value().unwrap_or_default().to_owned();
        let propagates = tag.propagate_at_launch().unwrap_or(true);
        Some((tag.key()?.to_owned(), (value, propagates)))
    });
    Ok(tags.collect())
}

async fn is_suspended(run: &Run) -> Result<bool> {
    let group = group(run).await?;
    let mut processes = group.suspended_processes().iter();
    Ok(processes.any(|it| it.process_name() == Some("Launch")))
}

async fn resume(run: &Run) -> Result<()> {
    let call = run.scene.autoscaling.resume_processes();
    let call = call.auto_scaling_group_name(GROUP);
    call.scaling_processes("Launch").send().await?;
    Ok(())
}

/// As `hookline resume` does: the tag says since when launches count.
async fn resume_by_command(run: &Run) -> Result<()> {
    let now = run.local.with_world(|world| world.kernel.timestamp());
    let tag = Tag::builder()
        .resource_id(GROUP)
        .resource_type("auto-scaling-group")
        .key(own::RESUMED_AT)
        .value(now.as_second().to_string())
        .propagate_at_launch(false);
    let call = run.scene.autoscaling.create_or_update_tags();
    call.tags(tag.build()).send().await?;
    resume(run).await
}

/// The metric, if it was measured since the last call.
fn loops_measured(run: &Run) -> Result<Option<f64>> {
    let now = run.local.with_world(|world| world.kernel.timestamp());
    let measured = run.measured().into_iter();
    let of_loops: Vec<Value> = measured
        .filter(|document| document.get("LaunchLoops").is_some())
        .collect();
    let values = emf::values(&of_loops, now.as_second() * 1000)?;
    let of_profile = values.get(&format!("LaunchLoops Profile={GROUP}"));
    Ok(of_profile.map(|(value, _)| *value))
}

#[test]
fn loop_is_braked_after_three_generations_and_a_resumed_group_comes_in_service() -> Result<()> {
    on_paused_clock(async {
        let run = failing(2).await?;
        until_failed(&run, 6).await?;
        let report = round(&run, true).await;
        assert_eq!(report["loops"][0]["error"], ERROR, "{report}");
        assert_eq!(report["loops"][0]["group"], GROUP);
        let braked = json!([{"group": GROUP, "profile": GROUP, "error": ERROR}]);
        assert_eq!(report["braked"], braked);
        assert_eq!(loops_measured(&run)?, Some(1.0));
        assert!(is_suspended(&run).await?);
        let set = tags(&run).await?;
        let by = set.get(own::BRAKED_BY).context("no tag")?;
        assert_eq!(*by, (ERROR.to_owned(), false));
        assert!(set.contains_key(own::BRAKED_AT) && set.contains_key(own::BRAKED_PROFILE));

        // Those that were under way end, and nothing follows them.
        run.watch_until("the last launches", Run::is_idle).await?;
        let ended = executions(&run).await?.len();
        pass(1_200).await;
        assert_eq!(executions(&run).await?.len(), ended);
        // The metric stays while the group is braked; nothing is braked a second time.
        let mark = run.local.calls().len();
        let report = round(&run, true).await;
        assert_eq!((&report["loops"], &report["braked"]), (&json!([]), &braked));
        assert_eq!(loops_measured(&run)?, Some(1.0));
        let calls = run.local.calls();
        assert!(
            !calls[mark..]
                .iter()
                .any(|call| call.action == "SuspendProcesses")
        );

        run.local.clear_faults();
        resume(&run).await?;
        let report = round(&run, true).await;
        assert_quiet(&report);
        assert!(tags(&run).await?.contains_key(own::RESUMED_AT));
        run.watch_until("all in service", |run| run.in_service() == 2)
            .await?;
        round(&run, true).await;
        assert_eq!(loops_measured(&run)?, None);
        assert!(!is_suspended(&run).await?);
        assert_eq!(run.report().violations, Vec::<String>::new());
        Ok(())
    })
}

/// Resumes a group whose cause is not mended.
fn resume_before_it_is_mended(by_hand: bool) -> Result<()> {
    on_paused_clock(async {
        let run = failing(1).await?;
        until_failed(&run, 3).await?;
        round(&run, true).await;
        assert!(is_suspended(&run).await?);
        run.watch_until("the last launch", Run::is_idle).await?;
        let before = executions(&run).await?.len();
        match by_hand {
            true => resume(&run).await?,
            false => resume_by_command(&run).await?,
        }
        assert_quiet(&round(&run, true).await);
        assert!(!is_suspended(&run).await?);
        until_failed(&run, before + 2).await?;
        let report = round(&run, true).await;
        assert_eq!(report["braked"], json!([]), "{report}");
        until_failed(&run, before + 3).await?;
        let report = round(&run, true).await;
        assert_eq!(report["loops"][0]["generations"], 3, "{report}");
        assert!(is_suspended(&run).await?);
        Ok(())
    })
}

#[test]
fn resume_is_not_undone_by_the_failures_before_it_but_by_three_more_generations() -> Result<()> {
    resume_before_it_is_mended(false)
}

/// As in Auto Scaling's console: no tag says it until reconcile finds it.
#[test]
fn resume_by_hand_is_not_undone_by_the_failures_before_it_either() -> Result<()> {
    resume_before_it_is_mended(true)
}

#[test]
fn loop_without_a_brake_is_only_reported_each_round() -> Result<()> {
    on_paused_clock(async {
        let run = failing(1).await?;
        until_failed(&run, 2).await?;
        assert_eq!(round(&run, false).await["loops"], json!([]));
        until_failed(&run, 3).await?;
        for _ in 0..2 {
            let report = round(&run, false).await;
            assert_eq!(report["loops"][0]["error"], ERROR, "{report}");
            assert_eq!(report["braked"], json!([]));
            assert_eq!(loops_measured(&run)?, Some(1.0));
        }
        assert!(!is_suspended(&run).await?);
        assert!(!tags(&run).await?.contains_key(own::BRAKED_AT));
        // A success ends it.
        run.local.clear_faults();
        run.watch_until("in service", |run| run.in_service() == 1)
            .await?;
        assert_eq!(round(&run, false).await["loops"], json!([]));
        assert_eq!(loops_measured(&run)?, None);
        Ok(())
    })
}

#[test]
fn dry_run_says_what_would_be_braked_and_changes_nothing() -> Result<()> {
    on_paused_clock(async {
        let run = failing(1).await?;
        until_failed(&run, 3).await?;
        let payload = json!({
            "stateMachineArn": MACHINE_ARN, "profiles": [profile(&run, true)], "dryRun": true, "limits": limits(),
        });
        let report = run.invoke("reconcile", payload).await.expect("a round");
        assert_eq!(report["braked"][0]["group"], GROUP, "{report}");
        assert!(!is_suspended(&run).await?);
        assert!(!tags(&run).await?.contains_key(own::BRAKED_AT));
        Ok(())
    })
}

#[test]
fn large_generation_is_one_and_a_round_describes_a_part_of_it() -> Result<()> {
    on_paused_clock(async {
        let run = failing(60).await?;
        until_failed(&run, 60).await?;
        let report = round_of_few_calls(&run).await?;
        // Perhaps some replacements have failed already: no more than a second generation.
        assert_eq!(report["loops"], json!([]), "{report}");
        let loops = |run: &Run| run.report().executions.get("FAILED") >= Some(&300);
        run.watch_until("five generations", loops).await?;
        let report = round_of_few_calls(&run).await?;
        assert_eq!(report["braked"][0]["group"], GROUP, "{report}");
        Ok(())
    })
}

/// A round that describes at most a hundred of the executions that have ended. It describes those
/// that run as well, and those that begin meanwhile.
async fn round_of_few_calls(run: &Run) -> Result<Value> {
    let executions = executions(run).await?.into_iter();
    let ended: BTreeSet<String> = executions
        .filter(|(_, _, status)| status != "RUNNING")
        .map(|(arn, ..)| arn)
        .collect();
    let mark = run.local.calls().len();
    let report = round(run, true).await;
    let calls = run.local.calls();
    let described = calls[mark..].iter().filter(|call| {
        let arn = call.params.get("executionArn");
        call.action == "DescribeExecution" && arn.is_some_and(|arn| ended.contains(arn))
    });
    let described = described.count();
    assert!(described > 0, "no call had the ARN of one that ended");
    assert!(described <= 100, "{described}");
    Ok(report)
}

#[test]
fn errors_that_pass_brake_nothing() -> Result<()> {
    on_paused_clock(async {
        let mut run = Run::new(scenario(1, false)).await?;
        let full = FaultKind::Error {
            status: 400,
            code: "InsufficientFreeAddressesInSubnet".to_owned(),
            message: "The specified subnet does not have enough free addresses".to_owned(),
        };
        let fault = Fault::on("CreateNetworkInterface", full);
        run.local.inject(fault.always());
        run.launch().await?;
        until_failed(&run, 4).await?;
        let report = round(&run, true).await;
        assert_quiet(&report);
        assert!(!is_suspended(&run).await?);
        Ok(())
    })
}

#[test]
fn retired_profile_brakes_nothing() -> Result<()> {
    on_paused_clock(async {
        let run = failing(1).await?;
        until_failed(&run, 3).await?;
        let payload = json!({
            "stateMachineArn": MACHINE_ARN, "profiles": [], "retiredProfiles": [profile(&run, true)], "limits": limits(),
        });
        let report = run.invoke("reconcile", payload).await.expect("a round");
        assert_quiet(&report);
        Ok(())
    })
}

#[test]
fn brake_that_fails_half_way_is_repeated_by_the_next_round() -> Result<()> {
    on_paused_clock(async {
        let run = failing(1).await?;
        until_failed(&run, 3).await?;
        let refused = FaultKind::Error {
            status: 400,
            code: "ValidationError".to_owned(),
            message: "no".to_owned(),
        };
        run.local.inject(Fault::on("CreateOrUpdateTags", refused));
        let failed = run.reconcile(&[profile(&run, true)], &limits()).await;
        assert!(failed.is_err(), "{failed:?}");
        // The process is suspended, and no tag says why yet.
        assert!(is_suspended(&run).await?);
        let report = round(&run, true).await;
        assert_eq!(report["braked"][0]["error"], ERROR, "{report}");
        assert!(tags(&run).await?.contains_key(own::BRAKED_AT));
        Ok(())
    })
}

#[test]
fn round_looks_at_executions_only_while_a_group_lacks_instances() -> Result<()> {
    on_paused_clock(async {
        let mut run = Run::new(scenario(2, false)).await?;
        lose(&run, LAUNCH);
        run.launch().await?;
        run.watch_until("one in service", |run| run.in_service() == 1)
            .await?;
        let lists = |from: usize| {
            let calls = run.local.calls();
            let calls = calls[from..].iter();
            calls.filter(|call| call.action == "ListExecutions").count()
        };
        let mark = run.local.calls().len();
        by_hand(&run).await;
        // The running ones, and those that have ended.
        assert_eq!(lists(mark), 2);
        pass(150).await;
        by_hand(&run).await;
        run.watch_until("all in service", |run| run.in_service() == 2)
            .await?;
        run.watch_until("rest", Run::is_idle).await?;
        let mark = run.local.calls().len();
        by_hand(&run).await;
        assert_eq!(lists(mark), 0);
        Ok(())
    })
}

#[test]
fn schedule_ends_a_loop_by_itself_within_minutes() -> Result<()> {
    on_paused_clock(async {
        let mut run = Run::new(scenario(3, true)).await?;
        break_creates(&run);
        run.launch().await?;
        let took = run
            .watch_until("the brake", |run| !run.reported("braked").is_empty())
            .await?;
        assert!(took < Duration::from_secs(900), "{took:?}");
        assert!(is_suspended(&run).await?);
        Ok(())
    })
}
