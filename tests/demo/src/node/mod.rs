//! `--node`: two nodes, from their launch to a ping between their pods.
//!
//! The launch is the demo's own: the real state machine and functions on the fake AWS. The nodes
//! are those of `node/tests/two_nodes.py`: namespaces of this machine, with the real programs of
//! `node/`. Their metadata service answers from the books of the fake AWS.

mod books;
mod config;
mod machines;
mod outcome;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use hookline_domain::profile::Profile;
use hookline_local::node::NodeSettings;
use hookline_local::{Latency, LocalAws};
use serde_json::json;
use tokio::time::Instant;

use hookline_testkit::deployment::{Deployment, Tools};
use hookline_testkit::invariants;
use hookline_testkit::roles;
use hookline_testkit::scene::{Scene, Size};
use hookline_testkit::templates;
use hookline_testkit::wait::wait_for;

use books::Books;
use machines::{Line, Machines};
use outcome::Outcome;

use crate::GROUP;

const NODES: i32 = 2;
const INSTANCE_TYPE: &str = "m5.4xlarge";
/// How long the nodes may take, from the scale-out to the last ping. It is far more than they need.
const LIMIT: Duration = Duration::from_secs(180);
/// For what comes after the nodes are done.
const REST: Duration = Duration::from_secs(60);

/// What the reader must know of what follows.
const REAL_AND_NOT: &str = "\
launch     real: the state machine, its engine, the functions, their roles. EC2, Auto Scaling and EventBridge are the fake AWS
real       the user data and the definitions of the CDK app; cloud-init's parser; the gate and the configuration of interfaces
           (node/program); systemd-networkd and systemd-udevd; the CNI plugins
simulated  a machine: network, mount and process namespaces. An interface: a veth pair (so the driver is veth, not ena). The VPC: a bridge
           for each subnet. IMDS: a program of the tests, which shows what the fake EC2 knows. Multus: the plugin is called as it does
not there  kubelet, the container runtime, the VPC CNI, nodeadm, systemd as PID 1; AWS
";

/// The software on the fake instances: their metadata only. The nodes are elsewhere.
pub(crate) fn software() -> NodeSettings {
    NodeSettings {
        boot: Latency::default(),
        kubelet_start: Latency::default(),
        imds_lag: Latency::millis(300, 1_500),
        cni: None,
        ..NodeSettings::default()
    }
}

/// Launches two nodes, and shows what becomes of them. Returns whether all is right.
///
/// # Errors
/// If a part does not start, or the nodes are not done in time.
pub(crate) async fn show(
    deployment: &Deployment,
    local: &LocalAws,
    tools: &Tools,
    logs: &Path,
    report: Option<&Path>,
) -> Result<bool> {
    let size = Size {
        azs: 1,
        networks: 2,
        instance_type: INSTANCE_TYPE,
        ..Size::default()
    };
    let scene = Scene::build(local.clone(), &size).await?;
    roles::put(local, &scene)?;
    scene.group(GROUP).await?;
    let config = config::of(&scene, GROUP)?;
    let profile_json = config["profiles"][0].clone();
    let profile = Profile::read(profile_json.clone())?;
    let made = config::build(&config, logs, GROUP).await?;
    templates::launch_from(
        &scene,
        GROUP,
        "built",
        INSTANCE_TYPE,
        &made.user_data,
        NODES,
    )
    .await?;
    deployment.rule("launch", &profile_json).await?;

    println!("Two nodes, from their launch to a ping between their pods.\n\n{REAL_AND_NOT}");
    let mut machines = Machines::start(tools, LIMIT)?;
    machines
        .send(&json!({
            "nodes": NODES,
            "subnets": config::subnets(local, &scene),
            "manifests": made.manifests,
        }))
        .await?;
    let started = Instant::now();
    scene.scale(GROUP, NODES).await?;
    say(
        started,
        "launch",
        "",
        &format!("{GROUP} is scaled from 0 to {NODES}"),
    );

    let mut books = Books::default();
    let nodes = follow(&mut machines, &mut books, local, started);
    let outcome = tokio::time::timeout(LIMIT + REST, nodes)
        .await
        .context("the nodes did not end in time")??;
    machines.end().await?;
    wait_for(REST, "the nodes to be InService", async || {
        let done =
            local.with_world(|world| world.autoscaling.in_service(GROUP)) == outcome.pods.len();
        let statuses = deployment.statuses().await?;
        Ok((done && !statuses.contains_key("RUNNING")).then_some(()))
    })
    .await?;
    for (instance, text) in books.changes(local) {
        say(started, "launch", &instance, &text);
    }

    let statuses = deployment.statuses().await?;
    let seconds = started.elapsed().as_secs_f64();
    let mut wrong = outcome.against(local);
    let violations = invariants::at_rest(local, std::slice::from_ref(&profile));
    wrong.extend(violations.iter().map(ToString::to_string));
    if statuses.keys().any(|status| status != "SUCCEEDED") {
        wrong.push(format!("executions: {statuses:?}"));
    }
    println!("\n{}", outcome.table(local));
    if let Some(path) = report {
        let text = serde_json::to_string_pretty(&outcome.report(&statuses, &wrong, seconds))?;
        std::fs::write(path, text + "\n")
            .with_context(|| format!("could not write {}", path.display()))?;
        println!("Report: {}", path.display());
    }
    for what in &wrong {
        println!("WRONG {what}");
    }
    if wrong.is_empty() {
        println!(
            "PASS: each pod has an interface in every network, with an address that EC2 gave to that interface, and reaches the other pod by it."
        );
    } else {
        println!(
            "FAIL: see above; the functions' logs are in {}.",
            logs.display()
        );
    }
    Ok(wrong.is_empty())
}

/// Tells the nodes what the fake AWS knows, and shows what they do, until they are done.
async fn follow(
    machines: &mut Machines,
    books: &mut Books,
    local: &LocalAws,
    started: Instant,
) -> Result<Outcome> {
    loop {
        let line = tokio::select! {
            line = machines.next() => Some(line?),
            () = tokio::time::sleep(Duration::from_millis(100)) => None,
        };
        match line {
            Some(Line::Step { node, part, text }) => say(started, &part, &node, &text),
            Some(Line::Failed { error }) => bail!("{error}"),
            Some(Line::Done(outcome)) => {
                ensure!(!outcome.pings.is_empty(), "no pod sent a ping");
                return Ok(outcome);
            }
            None => {
                for (instance, text) in books.changes(local) {
                    say(started, "launch", &instance, &text);
                }
                for update in books.metadata(local) {
                    machines.send(&update).await?;
                }
            }
        }
    }
}

/// Prints a step.
fn say(started: Instant, part: &str, node: &str, text: &str) {
    let seconds = started.elapsed().as_secs_f64();
    println!("{seconds:6.1} s  {part:<9}  {node:<19}  {text}");
}
