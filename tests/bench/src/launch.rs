//! One launch with four networks in virtual time: from its event to the response of
//! CompleteLifecycleAction.
//!
//! It is measured many times, with a different seed each, beside the sequential algorithm of the
//! public samples and the critical path, both with the same latencies.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use hookline_local::eventbridge::Disturbance;
use hookline_local::{CallRecord, LocalAws, Settings};
use hookline_simulator::lambda::Usage;
use hookline_simulator::run::{GROUP, MACHINE_ARN, Run, Scenario, on_paused_clock};
use hookline_testkit::rules::put_rule;
use hookline_testkit::scene::{Scene, Size};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::critical_path::{Delays, Work, critical_path};
use crate::sequential::{self, Ended};

/// Networks of the node.
pub const NETWORKS: usize = 4;
/// DeleteOnTermination, and SourceDestCheck, which the scene's profile sets to false.
const ATTRIBUTES: usize = 2;

/// When the event arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Situation {
    /// At once: EC2 does not return the instance yet, and it is pending.
    JustLaunched,
    /// A minute later: the instance is running.
    Running,
}

impl Situation {
    /// The time from the launch to the event.
    fn event_after(self) -> Duration {
        match self {
            Self::JustLaunched => Duration::ZERO,
            Self::Running => Duration::from_secs(60),
        }
    }

    fn prepare(self, local: &LocalAws) {
        if self == Self::Running {
            local
                .eventbridge()
                .disturb(Disturbance::delay(self.event_after()));
        }
    }

    /// EC2's delays, counted from an event that arrives `since_launch` after the launch.
    fn delays(self, settings: &Settings, since_launch: Duration) -> Delays {
        let lag = settings.describe_lag;
        Delays {
            known_after: settings
                .instance_not_found_for
                .max(lag)
                .saturating_sub(since_launch),
            running_after: (settings.instance_pending_for + lag).saturating_sub(since_launch),
            describe_lag: lag,
            attach_for: settings.attach_for,
        }
    }
}

/// Whether the functions have served a launch before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Functions {
    /// New processes, which have cached nothing.
    Cold,
    /// Processes that have just served another launch.
    Warm,
}

/// One launch of the product.
#[derive(Debug, Clone)]
pub struct Launch {
    /// From the start of the execution to the answer of CompleteLifecycleAction.
    pub took: Duration,
    /// The time from the instance's launch to the start of the execution.
    pub since_launch: Duration,
    /// The calls, in order.
    pub calls: Vec<CallRecord>,
    /// When the execution started, on the clock of `calls`.
    pub began: Duration,
    /// State transitions: states entered, and retries.
    pub transitions: usize,
    /// What all functions used of Lambda.
    pub usage: Usage,
}

/// Runs the product's launch.
///
/// # Errors
/// If the node does not come InService.
pub fn product(situation: Situation, functions: Functions, seed: u64) -> Result<Launch> {
    on_paused_clock(async move {
        let nodes = match functions {
            Functions::Cold => 1,
            // The first one warms them up.
            Functions::Warm => 2,
        };
        let mut scenario = Scenario::new(nodes, size(), seed);
        scenario.reconcile = false;
        let run = Run::new(scenario).await?;
        situation.prepare(&run.local);
        let mut before = (0, Usage::default());
        for node in 1..=nodes {
            before = (run.retries(), total(&run));
            run.scene.scale(GROUP, i32::try_from(node)?).await?;
            while run.verdicts().len() < node {
                ensure!(!run.is_over_limit(), "the launch hangs (seed {seed})");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        let verdicts = run.verdicts();
        ensure!(
            verdicts.iter().all(|verdict| verdict.status == "SUCCEEDED"),
            "a launch failed (seed {seed}): {:?}",
            run.history()
        );
        let verdict = verdicts.last().context("no launch")?;
        let start = *run.starts().last().context("no launch")?;
        let now = Instant::now();
        let (launched, elapsed) = run.local.with_world(|world| {
            let last = world
                .ec2
                .instances()
                .map(|instance| instance.launch_time)
                .max();
            (last, world.kernel.elapsed())
        });
        let began = elapsed.saturating_sub(now.duration_since(start));
        let mut calls = run.local.calls();
        calls.retain(|call| call.at >= began && call.user_agent.contains("app/Hookline"));
        // A launch writes the verdict to the instance once the answer is there; the node takes work
        // already.
        let verdict_written = calls.last().filter(|call| call.action == "CreateTags");
        let answered = verdict_written.context("no verdict on the instance")?.at;
        let (retries, used) = before;
        let usage = total(&run);
        Ok(Launch {
            took: answered.saturating_sub(began),
            since_launch: start.duration_since(launched.context("no instance")?),
            calls,
            began,
            transitions: verdict.states.len() + run.retries() - retries,
            usage: Usage {
                invocations: usage.invocations - used.invocations,
                cold_starts: usage.cold_starts - used.cold_starts,
                billed: usage.billed.saturating_sub(used.billed),
            },
        })
    })
}

fn total(run: &Run) -> Usage {
    run.lambda_usage()
        .values()
        .fold(Usage::default(), |sum, usage| Usage {
            invocations: sum.invocations + usage.invocations,
            cold_starts: sum.cold_starts + usage.cold_starts,
            billed: sum.billed + usage.billed,
        })
}

/// The critical path of such a launch, with latencies from the same range.
#[must_use]
pub fn best(situation: Situation, since_launch: Duration, seed: u64) -> Duration {
    let settings = Scenario::new(1, size(), seed).settings;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let work = Work {
        interfaces: NETWORKS,
        attributes: ATTRIBUTES,
    };
    critical_path(situation.delays(&settings, since_launch), work, || {
        rng.random_range(settings.latency.min..=settings.latency.max)
    })
}

/// Runs the sequential algorithm on a warm function. Returns `None` if it abandons the launch.
///
/// # Errors
/// If the scene cannot be built, or a call fails.
pub fn one_after_the_other(situation: Situation, seed: u64) -> Result<Option<Duration>> {
    on_paused_clock(async move {
        let mut scenario = Scenario::new(1, size(), seed);
        // The algorithm would lose its node to the VPC CNI, which takes the lowest device indexes.
        scenario.settings.node = None;
        let overhead = scenario.lambda.overhead;
        fastrand::seed(seed);
        let local = LocalAws::new(scenario.settings);
        local.with_world(|world| world.kernel.settings.throttle = false);
        let scene = Scene::build(local.clone(), &size()).await?;
        scene.group(GROUP).await?;
        put_rule(&local, MACHINE_ARN, "launch", &scene.profile(GROUP)).await?;
        let (starts, mut started) = mpsc::unbounded_channel();
        local.stepfunctions().on_start_execution(move |start| {
            // The receiver is gone only when the run is over.
            let _ = starts.send(start);
        });
        situation.prepare(&local);
        scene.scale(GROUP, 1).await?;
        let start = started.recv().await.context("no event came")?;
        let began = Instant::now();
        let instance = start
            .input
            .pointer("/event/detail/EC2InstanceId")
            .and_then(serde_json::Value::as_str)
            .context("an event without an instance")?;
        tokio::time::sleep(overhead).await;
        // An instance that EC2 does not know yet: Lambda invokes an asynchronous function twice
        // more, after one minute and two. Generous to the algorithm: here it is only asked for
        // again.
        loop {
            match sequential::launch(&scene, GROUP, instance).await {
                Ok(Ended::Continued) => return Ok(Some(began.elapsed())),
                Ok(Ended::AttachRefused) => return Ok(None),
                Err(error) if format!("{error:#}").contains("DescribeInstances") => {
                    ensure!(
                        began.elapsed() < Duration::from_secs(60),
                        "the instance is never known: {error:#}"
                    );
                }
                Err(error) => return Err(error),
            }
        }
    })
}

fn size() -> Size {
    Size {
        azs: 1,
        networks: NETWORKS,
        ..Size::default()
    }
}

/// The results of many launches of one kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// When the event arrives.
    pub situation: Situation,
    /// Whether the functions were warm.
    pub functions: Functions,
    /// The median of the product's launches, in seconds.
    pub product_s: f64,
    /// The median of the critical paths, in seconds.
    pub critical_path_s: f64,
    /// The median of the sequential launches, in seconds; `None` if they were abandoned.
    pub sequential_s: Option<f64>,
    /// Calls of the median launch.
    pub calls: usize,
}

impl Row {
    /// Product ÷ critical path.
    #[must_use]
    pub fn over_critical_path(&self) -> f64 {
        self.product_s / self.critical_path_s
    }

    /// Sequential ÷ product.
    #[must_use]
    pub fn times_quicker(&self) -> Option<f64> {
        Some(self.sequential_s? / self.product_s)
    }
}

/// Measures `seeds` launches of each kind.
///
/// # Errors
/// If a launch fails.
pub fn measure(seeds: u64) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for situation in [Situation::Running, Situation::JustLaunched] {
        let mut sequential = Vec::new();
        for seed in 1..=seeds {
            sequential.extend(one_after_the_other(situation, seed)?);
        }
        for functions in [Functions::Warm, Functions::Cold] {
            let mut took = Vec::new();
            let mut paths = Vec::new();
            let mut calls = Vec::new();
            for seed in 1..=seeds {
                let launch = product(situation, functions, seed)?;
                paths.push(best(situation, launch.since_launch, seed));
                took.push(launch.took);
                calls.push(launch.calls.len());
            }
            rows.push(Row {
                situation,
                functions,
                product_s: median(took).as_secs_f64(),
                critical_path_s: median(paths).as_secs_f64(),
                sequential_s: (!sequential.is_empty())
                    .then(|| median(sequential.clone()).as_secs_f64()),
                calls: median(calls),
            });
        }
    }
    Ok(rows)
}

/// The median. Of an even number of values, the lower of the two in the middle.
pub fn median<T: Copy + Default + Ord>(mut values: Vec<T>) -> T {
    values.sort_unstable();
    let middle = values.len().saturating_sub(1) / 2;
    values.get(middle).copied().unwrap_or_default()
}

/// The calls of a launch, line by line, each with its time since the start of the execution.
#[must_use]
pub fn trace(launch: &Launch) -> Vec<String> {
    launch
        .calls
        .iter()
        .map(|call| {
            let at = call.at.saturating_sub(launch.began).as_secs_f64();
            format!("{at:7.3} s  {} {:?}", call.action, call.outcome)
        })
        .collect()
}

/// The table for docs/performance.md.
#[must_use]
pub fn table(rows: &[Row], seeds: u64) -> String {
    let mut table = format!(
        "Median of {seeds} launches, seeds 1 to {seeds}:\n\n\
         | the event comes | functions | Hookline | critical path | ratio | one after the other | ratio | calls |\n\
         |---|---|---|---|---|---|---|---|\n"
    );
    for row in rows {
        let situation = match row.situation {
            Situation::Running => "when the instance runs",
            Situation::JustLaunched => "at once; the instance is pending for 10 s",
        };
        let functions = match row.functions {
            Functions::Warm => "warm",
            Functions::Cold => "cold",
        };
        let sequential = row
            .sequential_s
            .map_or("given up".to_owned(), |seconds| format!("{seconds:.1} s"));
        let quicker = row
            .times_quicker()
            .map_or("–".to_owned(), |times| format!("{times:.2}"));
        table += &format!(
            "| {situation} | {functions} | {:.1} s | {:.1} s | {:.2} | {sequential} | {quicker} | {} |\n",
            row.product_s,
            row.critical_path_s,
            row.over_critical_path(),
            row.calls,
        );
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_launch_is_faster_than_its_critical_path() {
        for situation in [Situation::Running, Situation::JustLaunched] {
            for functions in [Functions::Warm, Functions::Cold] {
                let launch = product(situation, functions, 1).unwrap();
                // The same latencies for both: the quickest that there are.
                let settings = Scenario::new(1, size(), 1).settings;
                let delays = situation.delays(&settings, launch.since_launch);
                let work = Work {
                    interfaces: NETWORKS,
                    attributes: ATTRIBUTES,
                };
                let path = critical_path(delays, work, || settings.latency.min);
                assert!(
                    launch.took > path,
                    "{situation:?} {functions:?}: {:?}, path {path:?}",
                    launch.took
                );
            }
        }
    }

    #[test]
    fn calls_of_a_launch_are_its_own_and_fewer_on_warm_functions() {
        let calls = |functions| product(Situation::Running, functions, 1).unwrap();
        let (cold, warm) = (calls(Functions::Cold), calls(Functions::Warm));
        // 4 creates, 4 attaches, 8 attributes, two tags, a completion, and at least three looks.
        assert!(warm.calls.len() >= 22, "{:#?}", trace(&warm));
        // The instance's type, the subnets, and the CIDR reservations of each are remembered.
        let remembered = |launch: &Launch| {
            let actions = launch.calls.iter().map(|call| call.action.as_str());
            actions
                .filter(|action| {
                    matches!(
                        *action,
                        "DescribeInstanceTypes" | "DescribeSubnets" | "GetSubnetCidrReservations"
                    )
                })
                .count()
        };
        assert_eq!((remembered(&cold), remembered(&warm)), (6, 0));
        assert_eq!((cold.usage.cold_starts, warm.usage.cold_starts), (5, 0));
        assert_eq!(warm.usage.invocations, 5);
        assert_eq!(warm.transitions, 10, "five tasks, four choices, the end");
    }

    #[test]
    fn sequential_launch_takes_28_calls_and_its_sleeps_and_cannot_attach_to_a_pending_instance() {
        let took = one_after_the_other(Situation::Running, 1).unwrap().unwrap();
        // 28 calls and the completion of at least 0.2 s each, and four sleeps.
        let least = 29 * Duration::from_millis(200) + 4 * sequential::SLEEP;
        assert!(took > least, "{took:?}");
        assert_eq!(
            one_after_the_other(Situation::JustLaunched, 1).unwrap(),
            None
        );
    }

    #[test]
    fn median_is_in_the_middle() {
        assert_eq!(median(vec![3, 1, 2]), 2);
        assert_eq!(median(vec![4, 1, 2, 3]), 2);
        assert_eq!(median(Vec::<u32>::new()), 0);
    }

    #[test]
    fn table_shows_abandoned_launches() {
        let row = Row {
            situation: Situation::JustLaunched,
            functions: Functions::Warm,
            product_s: 12.0,
            critical_path_s: 10.0,
            sequential_s: None,
            calls: 22,
        };
        let text = table(&[row], 3);
        assert!(
            text.ends_with("| at once; the instance is pending for 10 s | warm | 12.0 s | 10.0 s | 1.20 | given up | – | 22 |\n"),
            "{text}"
        );
    }
}
