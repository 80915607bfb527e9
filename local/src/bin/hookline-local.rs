//! Runs the fake AWS until Ctrl-C.
//!
//! ```text
//! hookline-local --functions-dir target/debug --env HOOKLINE_DEPLOYMENT=hookline --python .venv/bin/python
//! export AWS_ENDPOINT_URL=http://127.0.0.1:4599 AWS_DEFAULT_REGION=us-west-2 AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test
//! aws autoscaling describe-auto-scaling-groups
//! ```

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use hookline_local::ec2::{RequesterManagedSpec, create_requester_managed_interface};
use hookline_local::eks::{Contents, Network};
use hookline_local::forward::Route;
use hookline_local::lambda::FunctionConfig;
use hookline_local::node::NodeSettings;
use hookline_local::server::Server;
use hookline_local::{Latency, LocalAws, Settings};

/// The fake AWS on this machine: EC2 network interfaces, Auto Scaling hooks, EventBridge, Lambda,
/// Step Functions, EKS.
#[derive(Debug, Parser)]
#[command(name = "hookline-local", version)]
struct Arguments {
    /// The port to listen on, on 127.0.0.1. 0 takes a free port.
    #[arg(long, default_value_t = 4599)]
    port: u16,
    /// A folder of function programs: files with the names of the functions, or `NAME/bootstrap`.
    /// Repeatable.
    #[arg(long, value_name = "DIR")]
    functions_dir: Vec<PathBuf>,
    /// Use only this function of the folders. Repeatable. Default: all executable files.
    #[arg(long = "function", value_name = "NAME")]
    functions: Vec<String>,
    /// The timeout of every function, in seconds.
    #[arg(long, default_value_t = 60)]
    function_timeout: u64,
    /// An environment variable of every function. Repeatable.
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = variable)]
    environment: Vec<(String, String)>,
    /// A folder for the logs of the functions and of the state machine engine.
    #[arg(long, value_name = "DIR")]
    log_dir: Option<PathBuf>,
    /// The Python interpreter of an environment with `moto[server,stepfunctions]`. Without it,
    /// there is no Step Functions.
    #[arg(long)]
    python: Option<PathBuf>,
    /// Forward the requests for these services to another server, such as
    /// `s3,glue,athena,monitoring=http://127.0.0.1:4566`. Use the names of SigV4 scopes.
    /// Repeatable.
    #[arg(long = "forward", value_name = "SERVICES=URL")]
    routes: Vec<Route>,
    /// An EKS cluster with an API server that lists these objects. The file holds `{"nodes": […],
    /// "pods": […], "services": […]}`, as `kubectl get -o json` writes them. Repeatable.
    #[arg(long = "cluster", value_name = "NAME=FILE", value_parser = cluster)]
    clusters: Vec<(String, PathBuf)>,
    /// Network interfaces of AWS services in the VPC of the clusters, 10.0.0.0/16. The file is a list
    /// of objects with networkInterfaceId, description, interfaceType, requesterId and
    /// privateIpAddress, as `aws ec2 describe-network-interfaces` writes them. Repeatable.
    #[arg(long = "interfaces", value_name = "FILE", requires = "clusters")]
    interfaces: Vec<PathBuf>,
    /// The Region. Its Availability Zones are a, b and c.
    #[arg(long, default_value = "us-west-2")]
    region: String,
    /// The seed of everything random.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The minimum latency of a call, in milliseconds.
    #[arg(long, default_value_t = 0)]
    min_latency: u64,
    /// The maximum latency of a call, in milliseconds.
    #[arg(long, default_value_t = 0)]
    max_latency: u64,
    /// How far Describe calls lag behind the current state, in milliseconds.
    #[arg(long, default_value_t = 0)]
    describe_lag: u64,
    /// How long an instance is pending, in milliseconds.
    #[arg(long, default_value_t = 1000)]
    instance_pending: u64,
    /// Give the instances software: they boot, wait at the gate if their user data has one, and run
    /// kubelet and the VPC CNI.
    #[arg(long)]
    nodes: bool,
    /// How long a machine boots after its instance runs, in milliseconds. By default 20 to 40
    /// seconds.
    #[arg(long, value_name = "MILLISECONDS", requires = "nodes")]
    node_boot: Option<u64>,
    /// The nodes run no VPC CNI.
    #[arg(long, requires = "nodes")]
    no_cni: bool,
    /// How long after a launch CloudTrail's event comes, in milliseconds. Without it, there is no
    /// trail.
    #[arg(long, value_name = "MILLISECONDS")]
    trail: Option<u64>,
    /// Throttle calls by EC2's token buckets.
    #[arg(long)]
    throttle: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let local = LocalAws::new(settings(&arguments));
    for route in &arguments.routes {
        local.forwarding().add(route.clone()).context("--forward")?;
    }
    let server = Server::start(&local, arguments.port)
        .await
        .with_context(|| format!("could not listen on port {}", arguments.port))?;

    if let Some(directory) = &arguments.log_dir {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("could not create {}", directory.display()))?;
        local.lambda().set_log_directory(directory);
    }
    let mut out = std::io::stdout();
    for directory in &arguments.functions_dir {
        for (name, program) in programs(directory)? {
            if !arguments.functions.is_empty() && !arguments.functions.contains(&name) {
                continue;
            }
            let mut function = FunctionConfig::new(name, program);
            function.timeout = Duration::from_secs(arguments.function_timeout);
            function.environment = arguments.environment.iter().cloned().collect();
            let arn = local.lambda().register(function);
            writeln!(out, "function {arn}")?;
        }
    }
    start_clusters(&local, &arguments, &mut out).await?;
    if let Some(python) = &arguments.python {
        let log = arguments
            .log_dir
            .as_ref()
            .map(|directory| directory.join("moto.log"));
        local
            .stepfunctions()
            .start_moto(python, server.address().port(), log.as_deref())
            .await?;
    }
    writeln!(out, "AWS_ENDPOINT_URL={}", server.url())?;
    out.flush()?;

    stop_signal().await.context("could not wait for Ctrl-C")?;
    local.lambda().shutdown().await;
    local.stepfunctions().shutdown().await;
    Ok(())
}

/// Starts the clusters, all in one VPC, with the interfaces of services there.
async fn start_clusters(
    local: &LocalAws,
    arguments: &Arguments,
    out: &mut std::io::Stdout,
) -> anyhow::Result<()> {
    if arguments.clusters.is_empty() {
        return Ok(());
    }
    let network = local.with_world(Network::create)?;
    for file in &arguments.interfaces {
        let asked = || format!("--interfaces {}", file.display());
        for spec in RequesterManagedSpec::read(file).with_context(asked)? {
            local
                .with_world(|world| {
                    let (ec2, kernel) = (&mut world.ec2, &mut world.kernel);
                    create_requester_managed_interface(ec2, kernel, &network.vpc_id, &spec)
                })
                .with_context(asked)?;
        }
    }
    for (name, file) in &arguments.clusters {
        let asked = || format!("--cluster {name}={}", file.display());
        let contents = Contents::read(file).with_context(asked)?;
        let vpc_config = local.with_world(|world| network.vpc_config(world, name));
        let started = local
            .eks()
            .start(name, contents, vpc_config.with_context(asked)?);
        let url = started.await.with_context(asked)?;
        writeln!(out, "cluster {name} {url}")?;
    }
    Ok(())
}

/// Waits for Ctrl-C or SIGTERM.
async fn stop_signal() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            result = tokio::signal::ctrl_c() => result,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

fn settings(arguments: &Arguments) -> Settings {
    Settings {
        availability_zones: ["a", "b", "c"]
            .map(|zone| format!("{}{zone}", arguments.region))
            .to_vec(),
        region: arguments.region.clone(),
        seed: arguments.seed,
        latency: Latency::millis(
            arguments.min_latency,
            arguments.max_latency.max(arguments.min_latency),
        ),
        describe_lag: Duration::from_millis(arguments.describe_lag),
        instance_pending_for: Duration::from_millis(arguments.instance_pending),
        trail_delivers_after: arguments.trail.map(Duration::from_millis),
        throttle: arguments.throttle,
        node: arguments.nodes.then(|| node_settings(arguments)),
        ..Settings::default()
    }
}

fn node_settings(arguments: &Arguments) -> NodeSettings {
    let mut node = NodeSettings::default();
    if let Some(boot) = arguments.node_boot {
        node.boot = Latency::millis(boot, boot);
    }
    if arguments.no_cni {
        node.cni = None;
    }
    node
}

/// Reads `NAME=FILE`.
fn cluster(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, file)) if !name.is_empty() && !file.is_empty() => {
            Ok((name.to_owned(), PathBuf::from(file)))
        }
        _ => Err("use NAME=FILE, such as prod=cluster.json".to_owned()),
    }
}

/// Reads an environment variable.
fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("use NAME=VALUE, such as HOOKLINE_DEPLOYMENT=hookline".to_owned()),
    }
}

/// The executable files of a folder, and the `bootstrap` files in its folders, by function name.
fn programs(directory: &Path) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    let entries = std::fs::read_dir(directory)
        .with_context(|| format!("could not read {}", directory.display()))?;
    for entry in entries {
        let path = entry?.path();
        let Some(name) = path
            .file_name()
            .and_then(|name| name.to_str())
            .map(str::to_owned)
        else {
            continue;
        };
        let program = if path.is_dir() {
            path.join("bootstrap")
        } else {
            path
        };
        if is_executable(&program) && !name.contains('.') {
            found.push((name, program.canonicalize()?));
        }
    }
    found.sort();
    Ok(found)
}

fn is_executable(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        path.metadata()
            .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    }
    #[cfg(not(unix))]
    path.is_file()
}
