//! `cargo xtask plot`: runs scale-outs of growing size for each way to choose an address, and plots
//! them.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;
use hookline_bench::chart;
use hookline_bench::scale::{self, Grid, Scale};

/// What to run and plot.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// How many nodes to launch at once, in rising order.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000])]
    nodes: Vec<usize>,
    /// How many networks each node gets an interface on.
    #[arg(long, default_value_t = 4)]
    networks: usize,
    /// How many Availability Zones.
    #[arg(long, default_value_t = 1)]
    azs: usize,
    /// The prefix length of each network's subnets.
    #[arg(long, default_value_t = 20)]
    subnet_prefix: u8,
    /// The seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Cut off a run after this many seconds of virtual time, and skip larger ones of its strategy.
    #[arg(long, default_value_t = 3600)]
    limit: u64,
    /// Run strategies other than the product's up to this many nodes.
    #[arg(long, default_value_t = 200)]
    most_nodes_of_others: usize,
    /// Plot the existing data, and run nothing.
    #[arg(long)]
    draw_only: bool,
    /// The folder to write scale.svg and scale.json to.
    #[arg(long, default_value = "docs")]
    out: PathBuf,
}

/// Runs the scale-outs and plots them.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let data = arguments.out.join("scale.json");
    let scale = if arguments.draw_only {
        let text = std::fs::read_to_string(&data)
            .with_context(|| format!("could not read {}", data.display()))?;
        serde_json::from_str::<Scale>(&text)
            .with_context(|| format!("could not read {}", data.display()))?
    } else {
        let grid = Grid {
            nodes: arguments.nodes.clone(),
            networks: arguments.networks,
            azs: arguments.azs,
            prefix: arguments.subnet_prefix,
            seed: arguments.seed,
            limit: Duration::from_secs(arguments.limit),
            most_nodes_of_others: arguments.most_nodes_of_others,
        };
        let scale = scale::run(&grid, |point| {
            eprintln!(
                "{} {}: {:.0} s, {} calls for each interface, {} of {} InService{}",
                point.strategy,
                point.nodes,
                point.makespan_s,
                point.calls_per_interface,
                point.in_service,
                point.nodes,
                if point.cut { ", cut" } else { "" }
            );
        })?;
        let text = serde_json::to_string_pretty(&scale)? + "\n";
        std::fs::write(&data, text)
            .with_context(|| format!("could not write {}", data.display()))?;
        scale
    };
    let plot = arguments.out.join("scale.svg");
    std::fs::write(&plot, chart::draw(&scale)? + "\n")
        .with_context(|| format!("could not write {}", plot.display()))?;
    println!("wrote {} and {}", plot.display(), data.display());
    Ok(())
}
