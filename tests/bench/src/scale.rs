//! Scale-outs of growing size, for each way to choose an address: the data of docs/scale.svg.

use std::thread;
use std::time::Duration;

use anyhow::{Result, anyhow};
use serde::{Deserialize, Serialize};

use hookline_simulator::report::Report;
use hookline_simulator::run::{Scenario, simulate};
use hookline_simulator::strategy::Strategy;
use hookline_testkit::scene::Size;

/// The scale-outs to run.
#[derive(Debug, Clone)]
pub struct Grid {
    /// Nodes launched at once, in rising order.
    pub nodes: Vec<usize>,
    /// Networks, and so interfaces, of each node.
    pub networks: usize,
    /// Availability zones.
    pub azs: usize,
    /// The prefix length of each network's subnets.
    pub prefix: u8,
    /// The seed.
    pub seed: u64,
    /// A run that is not at rest after this virtual time is cut off, and its strategy runs no
    /// larger one.
    pub limit: Duration,
    /// The largest number of nodes for strategies other than the product's.
    pub most_nodes_of_others: usize,
}

/// One scale-out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// The strategy's name.
    pub strategy: String,
    /// Nodes launched at once.
    pub nodes: usize,
    /// From the scale-out to the last node InService, in seconds of virtual time.
    pub makespan_s: f64,
    /// The least time that the token buckets allow, in seconds.
    pub bound_s: f64,
    /// Calls to EC2 and Auto Scaling, refused ones too, for each interface to create.
    pub calls_per_interface: f64,
    /// Creates that were refused because an address was taken.
    pub conflicts: usize,
    /// Throttled calls for each call that succeeded.
    pub throttles_per_success: f64,
    /// Nodes InService at the end.
    pub in_service: usize,
    /// Launches that were abandoned.
    pub abandoned: usize,
    /// Addresses left free below the highest one in use.
    pub holes: usize,
    /// Whether it was not at rest at the limit. The makespan is then that of the nodes InService by
    /// then.
    pub cut: bool,
}

/// All runs, in the form of docs/scale.json.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scale {
    /// Networks of each node.
    pub networks: usize,
    /// Availability zones.
    pub azs: usize,
    /// The prefix length of each network's subnets.
    pub subnet_prefix: u8,
    /// The seed.
    pub seed: u64,
    /// See [`Grid::limit`], in seconds of virtual time.
    pub limit_s: u64,
    /// See [`Grid::most_nodes_of_others`].
    pub most_nodes_of_others: usize,
    /// The least calls for each interface: its share of CreateTags and CompleteLifecycleAction, its
    /// create, its attach and its two attributes.
    pub fewest_calls_per_interface: f64,
    /// The runs, by strategy and then by nodes.
    pub points: Vec<Point>,
}

impl Scale {
    /// The runs of a strategy.
    pub fn of(&self, strategy: Strategy) -> impl Iterator<Item = &Point> {
        let name = strategy.name();
        self.points
            .iter()
            .filter(move |point| point.strategy == name)
    }
}

/// Runs all scale-outs, with a thread for each strategy. Calls `done` after each.
///
/// # Errors
/// If a scale-out cannot be set up.
pub fn run(grid: &Grid, done: impl Fn(&Point) + Sync) -> Result<Scale> {
    let done = &done;
    let runs: Vec<Result<Vec<Point>>> = thread::scope(|scope| {
        let threads: Vec<_> = Strategy::ALL
            .into_iter()
            .map(|strategy| scope.spawn(move || run_one(grid, strategy, done)))
            .collect();
        threads
            .into_iter()
            .map(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|_| Err(anyhow!("a simulation panicked")))
            })
            .collect()
    });
    let mut points = Vec::new();
    for run in runs {
        points.extend(run?);
    }
    Ok(Scale {
        networks: grid.networks,
        azs: grid.azs,
        subnet_prefix: grid.prefix,
        seed: grid.seed,
        limit_s: grid.limit.as_secs(),
        most_nodes_of_others: grid.most_nodes_of_others,
        fewest_calls_per_interface: fewest_calls(grid.networks),
        points,
    })
}

fn run_one(grid: &Grid, strategy: Strategy, done: &impl Fn(&Point)) -> Result<Vec<Point>> {
    let mut points = Vec::new();
    for nodes in &grid.nodes {
        if strategy != Strategy::Rank && *nodes > grid.most_nodes_of_others {
            break;
        }
        let size = Size {
            azs: grid.azs,
            networks: grid.networks,
            prefix: grid.prefix,
            ..Size::default()
        };
        let mut scenario = Scenario::new(*nodes, size, grid.seed);
        scenario.lambda.strategy = strategy;
        scenario.limit = grid.limit;
        // The plot compares launches. What runs on the nodes is the same for every strategy.
        scenario.settings.node = None;
        let (report, _) = simulate(scenario)?;
        let point = Point::of(strategy, &report);
        done(&point);
        let cut = point.cut;
        points.push(point);
        if cut {
            break;
        }
    }
    Ok(points)
}

impl Point {
    fn of(strategy: Strategy, report: &Report) -> Self {
        let calls: usize = report.api_calls.values().sum();
        Self {
            strategy: strategy.name().to_owned(),
            nodes: report.nodes,
            makespan_s: report.in_service_s,
            bound_s: report.bound_s,
            calls_per_interface: rounded(per(calls, report.interfaces)),
            conflicts: report.conflicts,
            throttles_per_success: rounded(report.throttles_per_success),
            in_service: report.in_service,
            abandoned: report.abandoned,
            holes: report.holes,
            // An abandoned launch is replaced, so a run at rest has every node.
            cut: report.in_service < report.nodes,
        }
    }
}

#[allow(clippy::cast_precision_loss)] // counts of calls are far below 2^53
fn per(count: usize, of: usize) -> f64 {
    count as f64 / of.max(1) as f64
}

/// Rounded to three digits after the point, as more would only make files differ.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// A create, an attach and two attributes for each interface, CreateTags and
/// CompleteLifecycleAction for each node.
fn fewest_calls(networks: usize) -> f64 {
    per(networks * 4 + 2, networks)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> Grid {
        Grid {
            nodes: vec![1, 3],
            networks: 4,
            azs: 1,
            prefix: 24,
            seed: 1,
            limit: Duration::from_secs(3600),
            most_nodes_of_others: 1,
        }
    }

    #[test]
    fn product_runs_all_sizes_and_other_strategies_up_to_their_limit() {
        let scale = run(&small(), |_| ()).unwrap();
        let nodes = |strategy| {
            scale
                .of(strategy)
                .map(|point| (point.nodes, point.in_service))
                .collect::<Vec<_>>()
        };
        assert_eq!(nodes(Strategy::Rank), [(1, 1), (3, 3)]);
        assert_eq!(nodes(Strategy::LowestFree), [(1, 1)]);
        assert!((scale.fewest_calls_per_interface - 4.5).abs() < 1e-9);
        assert!(
            scale
                .points
                .iter()
                .all(|point| point.calls_per_interface >= 4.5 && !point.cut)
        );
    }

    #[test]
    fn run_that_does_not_come_to_rest_is_cut_off_and_larger_ones_are_skipped() {
        let grid = Grid {
            limit: Duration::from_secs(5),
            most_nodes_of_others: 3,
            ..small()
        };
        let scale = run(&grid, |_| ()).unwrap();
        for strategy in Strategy::ALL {
            let points: Vec<_> = scale.of(strategy).collect();
            assert_eq!(points.len(), 1, "{points:?}");
            assert!(points[0].cut);
        }
    }
}
