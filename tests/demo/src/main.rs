//! The demo: it scales a group from 0 to N on one machine. Every node is named and gets its
//! interfaces before it is InService. `cargo xtask demo` runs it.
//!
//! The state machine, its engine, the function binaries and the Runtime API are the real ones. EC2,
//! Auto Scaling and EventBridge are the fake AWS, with the latencies and the lag of AWS, only
//! shorter. So are the nodes: they boot, a gate holds kubelet back until their interfaces are
//! there, and then the VPC CNI attaches one of its own (docs/node.md).

// JSON is indexed by name here, which gives null where nothing is.
#![allow(clippy::indexing_slicing)]

mod naming;
mod node;
mod progress;
mod report;
mod timeline;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Parser;
use hookline_domain::profile::Profile;
use hookline_local::node::{NodeSettings, Phase};
use hookline_local::{Latency, LocalAws, Settings};
use hookline_testkit::deployment::{Deployment, Tools};
use hookline_testkit::invariants;
use hookline_testkit::program::exit_code;
use hookline_testkit::roles;
use hookline_testkit::scene::{Scene, Size};
use hookline_testkit::wait::wait_for;

const GROUP: &str = "upf";

/// Scales a node group from 0 to N on the fake AWS, and shows the interfaces of every node.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many nodes to launch at once.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=500))]
    nodes: u16,
    /// How many networks each node gets an interface on.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=7))]
    networks: u16,
    /// How many Availability Zones the nodes are spread over.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=3))]
    azs: u16,
    /// Show two plain groups without hooks, each named by one of the two events. Launch this many
    /// nodes in each.
    #[arg(long, conflicts_with = "report")]
    naming: bool,
    /// Show two nodes in namespaces, with the real programs of a node, up to a ping between their
    /// pods.
    #[arg(long, conflicts_with_all = ["naming", "nodes", "networks", "azs", "timeline"])]
    node: bool,
    /// Write the report to this file, as JSON.
    #[arg(long)]
    report: Option<PathBuf>,
    /// Write the page of the scale-out to this file, in HTML.
    #[arg(long, requires = "hookline", conflicts_with = "naming")]
    timeline: Option<PathBuf>,
    /// The program `hookline`, which writes the page.
    #[arg(long)]
    hookline: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    exit_code("demo", run(&Arguments::parse()).await)
}

async fn run(arguments: &Arguments) -> Result<bool> {
    let tools = Tools::from_environment()?;
    let local = LocalAws::new(Settings {
        latency: Latency::millis(10, 60),
        describe_lag: Duration::from_millis(300),
        instance_not_found_for: Duration::from_millis(300),
        instance_pending_for: Duration::from_secs(3),
        attach_for: Duration::from_millis(700),
        volume_attach_for: Duration::from_millis(700),
        node: match (arguments.naming, arguments.node) {
            (true, _) => None,
            (_, true) => Some(node::software()),
            _ => Some(software()),
        },
        trail_delivers_after: arguments.naming.then_some(naming::TRAIL_DELIVERS_AFTER),
        ..Settings::default()
    });
    let logs = PathBuf::from(".local").join("demo-logs");
    println!("Starting the state machine's engine and the functions …");
    let mut deployment = Deployment::start(local.clone(), &tools, Some(&logs)).await?;
    let outcome = if arguments.naming {
        naming::show(&mut deployment, &local, arguments.nodes).await
    } else if arguments.node {
        let report = arguments.report.as_deref();
        node::show(&deployment, &local, &tools, &logs, report).await
    } else {
        show(arguments, &deployment, &local).await
    };
    deployment.shut_down().await;
    outcome
}

/// The software on the instances. A machine boots in seconds instead of half a minute.
fn software() -> NodeSettings {
    NodeSettings {
        boot: Latency::millis(1_500, 3_000),
        kubelet_start: Latency::millis(200, 500),
        imds_lag: Latency::millis(50, 500),
        gate_poll: Duration::from_millis(200),
        ..NodeSettings::default()
    }
}

async fn show(arguments: &Arguments, deployment: &Deployment, local: &LocalAws) -> Result<bool> {
    let scene = Scene::build(
        local.clone(),
        &Size {
            azs: arguments.azs.into(),
            networks: arguments.networks.into(),
            gate: true,
            ..Size::default()
        },
    )
    .await?;
    roles::put(local, &scene)?;
    scene.group(GROUP).await?;
    let profile_json = scene.profile(GROUP);
    let profile = Profile::read(profile_json.clone())?;
    deployment.rule("launch", &profile_json).await?;

    let nodes = usize::from(arguments.nodes);
    println!(
        "Scaling {GROUP} from 0 to {nodes}: {} network(s) in {} AZ(s). Fake AWS at {}\n",
        arguments.networks, arguments.azs, deployment.endpoint
    );
    let calls_before = local.calls().len();
    let started = tokio::time::Instant::now();
    scene.scale(GROUP, i32::from(arguments.nodes)).await?;

    let mut progress = progress::Progress::new(
        nodes,
        usize::from(arguments.networks),
        local.with_world(|world| world.kernel.elapsed()),
    );
    // Far more than any such scale-out takes, so that a demo that hangs says so.
    let limit = Duration::from_secs(120 + u64::from(arguments.nodes) * 4);
    let all_in_service = wait_for(
        limit,
        "every node to be InService and to join, and every execution to end",
        async || {
            progress.show(local, GROUP);
            let in_service = local.with_world(|world| world.autoscaling.in_service(GROUP));
            let phases = local.nodes().all();
            let joined = phases.values().filter(|node| node.phase == Phase::Joined);
            if in_service < nodes || joined.count() < nodes {
                return Ok(None);
            }
            let statuses = deployment.statuses().await?;
            Ok((!statuses.contains_key("RUNNING")).then_some(()))
        },
    )
    .await;
    let seconds = started.elapsed().as_secs_f64();
    let violations = invariants::at_rest(local, std::slice::from_ref(&profile));
    let statuses = deployment.statuses().await?;
    let mut api_calls: BTreeMap<String, usize> = BTreeMap::new();
    for call in local.calls().into_iter().skip(calls_before) {
        if call.user_agent.contains("app/Hookline") {
            *api_calls.entry(call.action).or_default() += 1;
        }
    }
    let report = report::Report::new(local, GROUP, &profile, statuses, api_calls, seconds);
    println!("\n{}", report.table(&report::calls_by_instance(local)));
    println!("{}", report.summary());
    if let Some(path) = &arguments.report {
        let text = serde_json::to_string_pretty(&report)?;
        std::fs::write(path, text + "\n")
            .with_context(|| format!("could not write {}", path.display()))?;
        println!("Report: {}", path.display());
    }
    if let (Some(page), Some(hookline)) = (&arguments.timeline, &arguments.hookline) {
        timeline::write(hookline, &deployment.endpoint, GROUP, page).await?;
        println!("Timeline: {}", page.display());
    } else {
        println!(
            "The same as a page: cargo xtask demo --timeline (compiles the `hookline` command)"
        );
    }
    if let Err(error) = &all_in_service {
        println!("{error:#}");
    }
    for violation in &violations {
        println!("VIOLATED {violation}");
    }
    let good = all_in_service.is_ok() && violations.is_empty() && report.all_succeeded();
    if good {
        println!(
            "PASS: all {nodes} nodes are InService and have joined, and each has every interface in its profile."
        );
    } else {
        println!("FAIL: see above; the functions' logs are in .local/demo-logs.");
    }
    Ok(good)
}
