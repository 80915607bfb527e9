//! What a launch costs: calls, state transitions, and dollars.
//!
//! The prices are AWS's list prices in us-west-2 (Oregon), without free tiers and discounts. They
//! were looked up on [`PRICES_OF`], in stored copies of AWS's pages and of articles that quote
//! them, which may be older.

use std::time::Duration;

use anyhow::{Result, ensure};
use hookline_simulator::run::{GROUP, Run, Scenario, on_paused_clock};
use hookline_testkit::scene::Size;

use crate::launch::{Functions, Situation, product};

/// When the prices were looked up.
pub const PRICES_OF: &str = "2026-11-21";
/// Dollars for a state transition of a Standard workflow: $0.025 per 1,000
/// (<https://aws.amazon.com/step-functions/pricing/>, US West (Oregon)).
pub const TRANSITION: f64 = 0.025 / 1e3;
/// Dollars for a request to Lambda: $0.20 per million (<https://aws.amazon.com/lambda/pricing/>).
pub const REQUEST: f64 = 0.20 / 1e6;
/// Dollars for a GB-second of Lambda on x86, in the first tier
/// (<https://aws.amazon.com/lambda/pricing/>).
pub const GB_SECOND: f64 = 0.000_016_666_7;
/// Dollars for a GB of logs that CloudWatch Logs takes in, in the first tier of Lambda's logs
/// (<https://aws.amazon.com/cloudwatch/pricing/>).
pub const LOG_GB: f64 = 0.50;
/// A function's configured memory, in GB. The functions need a twentieth of it, but with more
/// memory comes more CPU.
pub const MEMORY_GB: f64 = 0.25;
/// The bytes of a function's log line, roughly: those in docs/operations/logs.md have 400 to 570.
const LINE_BYTES: f64 = 500.0;
/// The bytes that Lambda logs for each invocation (START, END, REPORT), roughly.
const PLATFORM_BYTES: f64 = 400.0;
/// Lines that a launch logs besides the last one of each invocation: `tagged`, `plan made`, and
/// `planned`, `created` and `attached` for each interface.
const LINES_OF_A_NODE: f64 = 3.0;
/// See [`LINES_OF_A_NODE`].
const LINES_OF_AN_INTERFACE: f64 = 3.0;

/// What one launch uses, on average.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Use {
    /// Calls to EC2 and Auto Scaling.
    pub calls: f64,
    /// State transitions: states entered, and retries.
    pub transitions: f64,
    /// Invocations of functions.
    pub invocations: f64,
    /// The time that Lambda bills, in seconds.
    pub billed_s: f64,
    /// Interfaces.
    pub interfaces: f64,
}

/// Dollars for 1,000 nodes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dollars {
    /// Step Functions.
    pub step_functions: f64,
    /// Lambda: requests and time.
    pub lambda: f64,
    /// CloudWatch Logs: ingestion.
    pub logs: f64,
}

impl Dollars {
    /// The sum.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.step_functions + self.lambda + self.logs
    }
}

impl Use {
    /// The cost of a thousand such launches.
    #[must_use]
    pub fn dollars(&self) -> Dollars {
        let lines = self.invocations + LINES_OF_A_NODE + LINES_OF_AN_INTERFACE * self.interfaces;
        let log_bytes = lines * LINE_BYTES + self.invocations * PLATFORM_BYTES;
        Dollars {
            step_functions: 1e3 * self.transitions * TRANSITION,
            lambda: 1e3 * (self.invocations * REQUEST + self.billed_s * MEMORY_GB * GB_SECOND),
            logs: 1e3 * log_bytes / 1e9 * LOG_GB,
        }
    }

    fn of(nodes: usize, interfaces: usize, sums: Sums) -> Self {
        let each = |count: usize| as_f64(count) / as_f64(nodes.max(1));
        Self {
            calls: each(sums.calls),
            transitions: each(sums.transitions),
            invocations: each(sums.invocations),
            billed_s: sums.billed.as_secs_f64() / as_f64(nodes.max(1)),
            interfaces: as_f64(interfaces),
        }
    }
}

/// The sum over all launches of a run.
#[derive(Debug, Clone, Copy)]
struct Sums {
    calls: usize,
    transitions: usize,
    invocations: usize,
    billed: Duration,
}

/// One launch on warm or cold functions, with an event that arrives at once.
///
/// # Errors
/// If the launch fails.
pub fn of_one(functions: Functions, seed: u64) -> Result<Use> {
    let launch = product(Situation::JustLaunched, functions, seed)?;
    let sums = Sums {
        calls: launch.calls.len(),
        transitions: launch.transitions,
        invocations: launch.usage.invocations,
        billed: launch.usage.billed,
    };
    Ok(Use::of(1, super::launch::NETWORKS, sums))
}

/// The average of many launches at once.
///
/// # Errors
/// If a launch fails.
pub fn of_many(nodes: usize, seed: u64) -> Result<Use> {
    on_paused_clock(async move {
        let size = Size {
            azs: 1,
            prefix: 20,
            ..Size::default()
        };
        let interfaces = size.networks;
        let mut scenario = Scenario::new(nodes, size, seed);
        scenario.reconcile = false;
        // The cost is Hookline's own. The nodes' software would only share EC2's rates.
        scenario.settings.node = None;
        let mut run = Run::new(scenario).await?;
        let report = run.to_rest().await?;
        ensure!(
            report.in_service == nodes,
            "{} of {nodes} nodes of {GROUP} are InService",
            report.in_service
        );
        let usage = run.lambda_usage();
        let states: usize = run
            .verdicts()
            .iter()
            .map(|verdict| verdict.states.len())
            .sum();
        let sums = Sums {
            calls: report.api_calls.values().sum(),
            transitions: states + run.retries(),
            invocations: usage.values().map(|usage| usage.invocations).sum(),
            billed: usage.values().map(|usage| usage.billed).sum(),
        };
        Ok(Use::of(nodes, interfaces, sums))
    })
}

/// The table for docs/performance.md.
#[must_use]
pub fn table(rows: &[(String, Use)]) -> String {
    let mut table = "\
        | a node with four networks | API calls | state transitions | invocations | billed | Step Functions | Lambda | logs | 1,000 nodes |\n\
        |---|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for (name, used) in rows {
        let dollars = used.dollars();
        table += &format!(
            "| {name} | {:.1} | {:.1} | {:.1} | {:.1} s | ${:.2} | ${:.2} | ${:.2} | **${:.2}** |\n",
            used.calls,
            used.transitions,
            used.invocations,
            used.billed_s,
            dollars.step_functions,
            dollars.lambda,
            dollars.logs,
            dollars.total()
        );
    }
    table
        + &format!(
            "\nAWS's list prices in us-west-2, as copies of AWS's pages and articles about them had them on {PRICES_OF}: ${:.3} per 1,000 state transitions (Standard), ${:.2} per million \
         requests and ${GB_SECOND:.10} per GB-second (x86, functions of {:.0} MB), ${LOG_GB:.2} per GB of logs. The logs are an \
         estimate: {LINE_BYTES:.0} bytes a line, and {PLATFORM_BYTES:.0} for what Lambda writes of each invocation. A call to EC2 or \
         Auto Scaling costs nothing.\n",
            TRANSITION * 1e3,
            REQUEST * 1e6,
            MEMORY_GB * 1024.0,
        )
}

#[allow(clippy::cast_precision_loss)] // counts are far below 2^53
fn as_f64(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const USE: Use = Use {
        calls: 30.0,
        transitions: 10.0,
        invocations: 5.0,
        billed_s: 12.0,
        interfaces: 4.0,
    };

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-6
    }

    #[test]
    fn cost_of_a_thousand_nodes_is_in_dollars() {
        let dollars = USE.dollars();
        // 10,000 transitions at 0.025 per thousand.
        assert!(near(dollars.step_functions, 0.25), "{dollars:?}");
        // 5,000 requests, and 12,000 s of a quarter of a GB.
        assert!(
            near(dollars.lambda, 0.001 + 3_000.0 * 0.000_016_666_7),
            "{dollars:?}"
        );
        // 20 lines of 500 bytes and 5 times 400 bytes: 12 kB a node, 12 MB in all.
        assert!(near(dollars.logs, 0.006), "{dollars:?}");
        assert!(near(dollars.total(), 0.307_000_1), "{dollars:?}");
    }

    #[test]
    fn average_is_over_the_nodes() {
        let sums = Sums {
            calls: 64,
            transitions: 21,
            invocations: 10,
            billed: Duration::from_secs(25),
        };
        let used = Use::of(2, 4, sums);
        assert!(near(used.calls, 32.0) && near(used.transitions, 10.5));
        assert!(near(used.billed_s, 12.5) && near(used.invocations, 5.0));
    }

    #[test]
    fn the_table_has_a_row_for_each_kind_and_names_its_prices() {
        let text = table(&[("alone".to_owned(), USE)]);
        assert!(
            text.contains(
                "| alone | 30.0 | 10.0 | 5.0 | 12.0 s | $0.25 | $0.05 | $0.01 | **$0.31** |"
            ),
            "{text}"
        );
        assert!(
            text.contains("$0.025 per 1,000 state transitions"),
            "{text}"
        );
        assert!(text.contains("$0.0000166667 per GB-second"), "{text}");
    }

    #[test]
    fn launch_among_others_uses_a_little_more_than_a_single_launch() {
        let (alone, among) = (of_one(Functions::Cold, 1).unwrap(), of_many(3, 1).unwrap());
        assert!(
            alone.transitions >= 10.0 && alone.invocations >= 5.0,
            "{alone:?}"
        );
        assert!(
            among.transitions >= 10.0 && among.invocations >= 5.0,
            "{among:?}"
        );
        assert!(
            alone.billed_s > 1.0 && among.calls > 20.0,
            "{alone:?} {among:?}"
        );
    }
}
