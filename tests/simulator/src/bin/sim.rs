//! `cargo xtask sim`: a scale-out of any size in virtual time, with the real handlers and the real
//! SDK.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::Parser;
use hookline_local::Latency;
use hookline_simulator::faults::Background;
use hookline_simulator::progress::each_minute;
use hookline_simulator::run::{Scenario, simulate_beside_one_launch};
use hookline_simulator::strategy::Strategy;
use hookline_testkit::program::exit_code;
use hookline_testkit::scene::{Size, WarmPool};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Simulates a scale-out in virtual time: hours pass in seconds, and one seed always gives the same
/// history.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many nodes to launch.
    #[arg(long, default_value_t = 500)]
    nodes: usize,
    /// How many networks each node gets an interface on.
    #[arg(long, default_value_t = 4)]
    networks: usize,
    /// How many Availability Zones.
    #[arg(long, default_value_t = 1)]
    azs: usize,
    /// The prefix length of each network's subnets.
    #[arg(long, default_value_t = 20)]
    subnet_prefix: u8,
    /// Subnets of each network in each AZ. When one is full, the next is used.
    #[arg(long, default_value_t = 1)]
    subnets_per_az: usize,
    /// How many waves to launch the nodes in, a minute apart.
    #[arg(long, default_value_t = 1)]
    waves: usize,
    /// The seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How long a launched instance is pending, in seconds.
    #[arg(long, default_value_t = 10)]
    pending: u64,
    /// Concurrent invocations of each function.
    #[arg(long, default_value_t = 50)]
    concurrency: usize,
    /// How addresses are chosen: rank (the product's way), lowest-free, random-window,
    /// next-on-conflict.
    #[arg(long, default_value = "rank")]
    strategy: Strategy,
    /// How many calls of EC2 and Auto Scaling fail: none, light (1 in 100) or heavy (1 in 10).
    #[arg(long, default_value = "none")]
    faults: Background,
    /// The nodes have no gate: kubelet and the VPC CNI start when the machine has booted.
    #[arg(long)]
    no_gate: bool,
    /// The slots have device indexes, from 1 on. They always have with a gate.
    #[arg(long)]
    device_indexes: bool,
    /// The nodes come out of a warm pool in this state: Stopped, Running or Hibernated.
    #[arg(long, value_name = "STATE", value_parser = ["Stopped", "Running", "Hibernated"])]
    warm_pool: Option<String>,
    /// How many instances the warm pool has. By default as many as nodes are launched.
    #[arg(long, value_name = "N", requires = "warm_pool")]
    prepared: Option<usize>,
    /// The nodes run no VPC CNI.
    #[arg(long)]
    no_cni: bool,
    /// How long a machine boots after its instance runs, in seconds. By default 20 to 40.
    #[arg(long, value_name = "SECONDS")]
    boot: Option<u64>,
    /// End the run after this many seconds of virtual time.
    #[arg(long, default_value_t = 6 * 3600)]
    limit: u64,
    /// Print the whole history.
    #[arg(long)]
    history: bool,
    /// Write the report to this file, as JSON.
    #[arg(long)]
    report: Option<PathBuf>,
}

fn main() -> ExitCode {
    exit_code("sim", run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<bool> {
    let size = Size {
        azs: arguments.azs,
        networks: arguments.networks,
        prefix: arguments.subnet_prefix,
        subnets_per_az: arguments.subnets_per_az,
        device_indexes: arguments.device_indexes || !arguments.no_gate,
        ..Size::default()
    };
    let mut scenario = Scenario::new(arguments.nodes, size, arguments.seed);
    scenario.waves = arguments.waves;
    scenario.settings.instance_pending_for = Duration::from_secs(arguments.pending);
    scenario.lambda.concurrency = arguments.concurrency;
    scenario.lambda.strategy = arguments.strategy;
    scenario.background = arguments.faults;
    scenario.gate = !arguments.no_gate;
    if let Some(state) = &arguments.warm_pool {
        scenario.warm_pool = Some(WarmPool {
            state: match state.as_str() {
                "Running" => "Running",
                "Hibernated" => "Hibernated",
                _ => "Stopped",
            },
            prepared: i32::try_from(arguments.prepared.unwrap_or(arguments.nodes))?,
            reuse: false,
        });
    }
    if let Some(node) = &mut scenario.settings.node {
        if arguments.no_cni {
            node.cni = None;
        }
        if let Some(seconds) = arguments.boot {
            node.boot = Latency::fixed(Duration::from_secs(seconds));
        }
    }
    scenario.limit = Duration::from_secs(arguments.limit);
    let began = Instant::now();
    let (report, history) = simulate_beside_one_launch(scenario, each_minute())?;
    if arguments.history {
        for line in &history {
            println!("{line}");
        }
    }
    let text = serde_json::to_string_pretty(&report)?;
    println!("{text}");
    eprintln!("{:.1} s of real time", began.elapsed().as_secs_f64());
    if let Some(path) = &arguments.report {
        std::fs::write(path, text + "\n")
            .with_context(|| format!("could not write {}", path.display()))?;
    }
    Ok(report.in_service == report.nodes && report.violations.is_empty())
}
