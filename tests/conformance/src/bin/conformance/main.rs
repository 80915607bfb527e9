//! `cargo xtask conformance`: tries the facts about AWS on the fake AWS or in an AWS account. The
//! last line is a count. The exit status is 0 only if there is no difference.

mod args;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Parser as _;
use hookline_conformance::cleanup::{self, Scope};
use hookline_conformance::clients::{Clients, endpoints};
use hookline_conformance::recording::{self, About};
use hookline_conformance::report;
use hookline_conformance::run::{Outcome, new_id};
use hookline_conformance::{estimate, fake, page};
use hookline_testkit::program::exit_code;
use tokio::signal::unix::{SignalKind, signal};

use args::{Arguments, Target};

/// How long the facts may take in an account. The removal comes after it, and takes five minutes at
/// most: 15 in all, with the calls that end late.
const LIMIT: Duration = Duration::from_secs(9 * 60);

fn main() -> ExitCode {
    exit_code("conformance", run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<bool> {
    if arguments.page {
        print!("{}", page::page()?);
        return Ok(true);
    }
    if let Some(folder) = &arguments.replay {
        return replay(folder, arguments);
    }
    match arguments.target()? {
        Target::InProcess => {
            let outcomes = fake::run(&arguments.plan(), |outcome| {
                println!("{}", report::lines(outcome));
            })?;
            let about = About {
                target: "a fake AWS".to_owned(),
                region: "us-west-2".to_owned(),
            };
            finish(arguments, &about, "complete", &outcomes, &[])
        }
        target => {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(elsewhere(arguments, &target))
        }
    }
}

/// Compares the fake AWS with a recording.
fn replay(folder: &std::path::Path, arguments: &Arguments) -> Result<bool> {
    let recording = recording::read(folder)?;
    let about = &recording.about;
    println!("A recording of {}, Region {}", about.target, about.region);
    let outcomes = fake::run(&arguments.plan(), |_| ())?;
    let (mut compared, mut different) = (0, 0);
    for outcome in &outcomes {
        let name = outcome.fact.name;
        let Some(recorded) = recording.observed.get(name) else {
            println!("not recorded  {name}");
            continue;
        };
        compared += 1;
        let fake = outcome.observed().map(recording::scrubbed);
        let found = match &fake {
            Some(fake) => recording::differences(&outcome.fact.expected, recorded, fake),
            None => vec![report::lines(outcome)],
        };
        let word = if found.is_empty() {
            "the same"
        } else {
            "DIFFERENT"
        };
        println!("{word:<12}  {name}");
        found
            .iter()
            .for_each(|line| println!("              {line}"));
        different += usize::from(!found.is_empty());
    }
    println!("{compared} recorded facts, {different} differences of the fake AWS");
    Ok(different == 0)
}

/// A run, or a clean-up, in an account or at an endpoint.
async fn elsewhere(arguments: &Arguments, target: &Target) -> Result<bool> {
    let (config, name) = match target {
        Target::Endpoint(url) => (Clients::of_endpoint(url).await, "a fake AWS"),
        _ => {
            let config = Clients::of_environment().await;
            let others = endpoints(&config);
            ensure!(
                others.is_empty(),
                "--aws is for AWS, but the environment or the AWS profile sets another endpoint: {}. Use --endpoint for a fake AWS. Nothing was made",
                others.join(", ")
            );
            (config, "AWS")
        }
    };
    let clients = Clients::new(&config).await?;
    if arguments.cleanup {
        // In an account, no run makes a VPC.
        let scope = Scope::every_run().with_vpcs(!arguments.is_account());
        return clean_up(&clients, scope, arguments.may_change()).await;
    }
    let (plan, run) = (arguments.plan(), new_id());
    for line in estimate::lines(&plan, &run, &clients.region, &clients.account) {
        println!("{line}");
    }
    if !arguments.may_change() {
        bail!("nothing was made: add --yes to go on");
    }
    let on_fake = fake::run(&plan, |_| ())?;
    let mut outcomes = Vec::new();
    let ended = plan.run(&clients, &run, stopped(), |outcome| {
        println!("{}", report::lines(outcome));
        outcomes.push(outcome.clone());
    });
    let ended = ended.await;
    let about = About {
        target: name.to_owned(),
        region: clients.region.clone(),
    };
    let how = match &ended {
        Ok(_) => "complete".to_owned(),
        Err(error) => format!("{error:#}"),
    };
    let agrees = finish(arguments, &about, &how, &outcomes, &on_fake)?;
    ended.map(|_| agrees)
}

async fn clean_up(clients: &Clients, scope: Scope<'_>, may_change: bool) -> Result<bool> {
    let left = cleanup::left(clients, scope).await?;
    left.iter().for_each(|line| println!("{line}"));
    if left.is_empty() {
        println!("nothing is left of any run");
        return Ok(true);
    }
    ensure!(may_change, "nothing was removed: add --yes to remove these");
    cleanup::remove(clients, scope).await?;
    println!("removed {}", left.len());
    Ok(true)
}

/// Resolves when the run must stop: at Ctrl-C, when the process is asked to end, when its terminal
/// is closed, or after the limit.
async fn stopped() -> &'static str {
    let sent = async |kind| match signal(kind) {
        Ok(mut signal) => drop(signal.recv().await),
        Err(_) => std::future::pending().await,
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => "stopped by Ctrl-C",
        () = sent(SignalKind::terminate()) => "stopped by a signal",
        () = sent(SignalKind::hangup()) => "stopped, as its terminal was closed",
        () = tokio::time::sleep(LIMIT) => "stopped after 9 minutes",
    }
}

/// Writes what was asked for, and prints the differences and the count.
fn finish(
    arguments: &Arguments,
    about: &About,
    ended: &str,
    outcomes: &[Outcome],
    on_fake: &[Outcome],
) -> Result<bool> {
    if let Some(file) = &arguments.report {
        report::write(file, &report::report(about, ended, outcomes, on_fake))?;
        println!("report: {}", file.display());
    }
    if let Some(folder) = &arguments.record {
        recording::write(folder, about, outcomes).context("the recording")?;
        println!("recording: {}", folder.display());
    }
    for outcome in outcomes {
        for line in report::fake_differs(outcome, on_fake) {
            println!("the fake AWS differs: {}: {line}", outcome.fact.name);
        }
    }
    println!("{}", report::summary(outcomes));
    Ok(!outcomes.iter().any(Outcome::is_difference))
}
