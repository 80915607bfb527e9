//! `cargo xtask plot`: scale-outs of growing size for each way to choose an address, as a plot and its data.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;
use hookline_bench::chart;
use hookline_bench::scale::{self, Grid, Scale};

/// What is run and drawn.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Nodes launched at once, in rising order.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 5, 10, 20, 50, 100, 200, 500])]
    nodes: Vec<usize>,
    /// Networks that each node gets an interface on.
    #[arg(long, default_value_t = 4)]
    networks: usize,
    /// Availability zones.
    #[arg(long, default_value_t = 1)]
    azs: usize,
    /// The prefix length of each network's subnets.
    #[arg(long, default_value_t = 20)]
    subnet_prefix: u8,
    /// The seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A run that is not at rest after so many seconds of virtual time is cut; larger ones of its strategy are not run.
    #[arg(long, default_value_t = 3600)]
    limit: u64,
    /// The strategies other than the product's are run up to so many nodes.
    #[arg(long, default_value_t = 200)]
    most_nodes_of_others: usize,
    /// Draw the data that is there already, and run nothing.
    #[arg(long)]
    draw_only: bool,
    /// The folder that scale.svg and scale.json are written to.
    #[arg(long, default_value = "docs")]
    out: PathBuf,
}

/// Runs and draws.
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
