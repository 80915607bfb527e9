//! The report of a scale-out, beside the least time that EC2's token buckets allow for it.

use std::collections::BTreeMap;
use std::time::Duration;

use hookline_domain::admission::bound::{Calls, least_seconds};
use hookline_local::autoscaling::LifecycleState;
use hookline_local::node::Phase;
use hookline_local::{Bucket, CallRecord};
use hookline_testkit::invariants;
use serde::Serialize;

use crate::minutes::{Minute, is_ours, is_throttled, minutes};
use crate::run::{GROUP, Run};

/// The report of a scale-out, in the form of `--report`.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The nodes to launch.
    pub nodes: usize,
    /// The interfaces to create.
    pub interfaces: usize,
    /// Nodes InService at the end.
    pub in_service: usize,
    /// Launches that were abandoned.
    pub abandoned: usize,
    /// From the scale-out to the last node InService, in seconds of virtual time.
    pub in_service_s: f64,
    /// From the scale-out until the last node has joined its cluster, in seconds. 0 if the
    /// instances have no software.
    pub joined_s: f64,
    /// From the scale-out to the last call that sets DeleteOnTermination, in seconds.
    pub settled_s: f64,
    /// The least time in which the token buckets allow the last node to be InService, in seconds.
    pub bound_s: f64,
    /// `in_service_s` of one launch alone in the same scene. 0 if none was run.
    pub one_launch_s: f64,
    /// `in_service_s` ÷ (`bound_s` + `one_launch_s`).
    pub ratio: f64,
    /// The functions' calls by action, refused ones too.
    pub api_calls: BTreeMap<String, usize>,
    /// The functions' calls for each node, refused ones too.
    pub calls_per_node: f64,
    /// Creates that were refused because an address was taken.
    pub conflicts: usize,
    /// The functions' throttled calls.
    pub throttles: usize,
    /// The same by action.
    pub throttled_calls: BTreeMap<String, usize>,
    /// The functions' throttled calls for each of their calls that succeeded.
    pub throttles_per_success: f64,
    /// The most invocations of each function that ran at once.
    pub peak_concurrency: BTreeMap<String, usize>,
    /// Hooks that timed out.
    pub hooks_timed_out: usize,
    /// Addresses left free below the highest one in use.
    pub holes: usize,
    /// Executions by status.
    pub executions: BTreeMap<String, usize>,
    /// Minute by minute: the nodes that became InService, and the calls.
    pub minutes: Vec<Minute>,
    /// The violated invariants.
    pub violations: Vec<String>,
}

impl Run {
    /// The report of the run so far.
    #[must_use]
    pub fn report(&self) -> Report {
        let profiles = std::slice::from_ref(&self.profile);
        self.note_violations(invariants::at_rest(&self.local, profiles));
        let violations = self.violations.borrow();
        let mut report = Report {
            nodes: self.scenario.nodes,
            interfaces: self.scenario.nodes * self.profile.slots.len(),
            in_service: 0,
            abandoned: 0,
            in_service_s: 0.0,
            joined_s: 0.0,
            settled_s: 0.0,
            bound_s: 0.0,
            one_launch_s: 0.0,
            ratio: 0.0,
            api_calls: BTreeMap::new(),
            calls_per_node: 0.0,
            conflicts: 0,
            throttles: 0,
            throttled_calls: BTreeMap::new(),
            throttles_per_success: 0.0,
            peak_concurrency: self.shared.lambda.peaks(),
            hooks_timed_out: 0,
            holes: 0,
            executions: BTreeMap::new(),
            minutes: Vec::new(),
            violations: violations.iter().map(ToString::to_string).collect(),
        };
        // The scale-out began this long after the start of the fake AWS.
        let began = self.local.with_world(|world| {
            let elapsed = world.kernel.elapsed();
            elapsed.saturating_sub(self.started.elapsed())
        });
        let since = |at: Duration| at.saturating_sub(began).as_secs_f64();
        let ready: Vec<Duration> = self.local.with_world(|world| {
            let histories = world.autoscaling.histories().values();
            histories
                .filter_map(|history| history.reached(LifecycleState::InService))
                .collect()
        });
        self.local.with_world(|world| {
            report.in_service = world.autoscaling.in_service(GROUP);
            report.holes = invariants::holes(world, &self.profile);
            report.in_service_s = since(ready.iter().max().copied().unwrap_or_default());
            for completion in world.autoscaling.completions() {
                let by_timeout = completion.by == hookline_local::autoscaling::CompletedBy::Timeout;
                report.hooks_timed_out += usize::from(by_timeout);
                report.abandoned +=
                    usize::from(completion.accepted && completion.result == "ABANDON");
            }
        });
        let nodes = self.local.nodes().all();
        let joined = nodes
            .values()
            .filter_map(|node| node.reached.get(&Phase::Joined));
        report.joined_s = since(joined.max().copied().unwrap_or_default());
        let mut succeeded: BTreeMap<String, usize> = BTreeMap::new();
        let calls = self.local.calls();
        report.minutes = minutes(began, &calls, ready);
        for call in calls.into_iter().filter(is_ours) {
            match &call.outcome {
                hookline_local::Outcome::Ok => {
                    *succeeded.entry(call.action.clone()).or_default() += 1;
                    if sets_delete_on_termination(&call) {
                        report.settled_s = report.settled_s.max(since(call.at));
                    }
                }
                hookline_local::Outcome::Error(code) => {
                    report.conflicts += usize::from(code == "InvalidIPAddress.InUse");
                    if is_throttled(&call) {
                        report.throttles += 1;
                        *report
                            .throttled_calls
                            .entry(call.action.clone())
                            .or_default() += 1;
                    }
                }
                _ => {}
            }
            *report.api_calls.entry(call.action).or_default() += 1;
        }
        report.throttles_per_success = ratio(
            as_f64(report.throttles),
            as_f64(succeeded.values().sum::<usize>()),
        );
        report.calls_per_node = ratio(
            as_f64(report.api_calls.values().sum::<usize>()),
            as_f64(self.scenario.nodes),
        );
        report.bound_s = self.bound();
        report.ratio = ratio(report.in_service_s, report.bound_s);
        for verdict in self.shared.verdicts.borrow().iter() {
            *report
                .executions
                .entry(verdict.status.to_owned())
                .or_default() += 1;
        }
        report
    }

    /// The least time in which the token buckets allow the last node to be InService, if each is
    /// full at first. These calls must come before: every node is tagged and its hook completed
    /// once, every interface is created and attached once, and SourceDestCheck is set once where it
    /// is false. DeleteOnTermination may come later. The VPC CNI's calls on all other nodes are
    /// added. A node out of a warm pool has all of it; only its hook is completed, and its VPC CNI
    /// comes afterwards.
    fn bound(&self) -> f64 {
        let slots = &self.profile.slots;
        let attributes = slots.iter().filter(|slot| !slot.source_dest_check).count();
        let node = self.scenario.settings.node.as_ref();
        let cni = node.and_then(|node| node.cni.as_ref());
        let buckets = [
            ("CreateTags", 1),
            ("CreateNetworkInterface", slots.len()),
            ("AttachNetworkInterface", slots.len()),
            ("ModifyNetworkInterfaceAttribute", attributes),
            ("CompleteLifecycleAction", 1),
        ]
        .into_iter()
        .map(|(action, calls)| {
            let bucket = Bucket::of(action);
            let nodes = self.scenario.nodes;
            let prepared = self.scenario.warm_pool.map_or(0, |pool| pool.prepared);
            let new = nodes.saturating_sub(usize::try_from(prepared).unwrap_or(0));
            let launches = match action {
                "CompleteLifecycleAction" => nodes,
                _ => new,
            };
            let of_cni = cni.map_or(0, |cni| cni.calls_per_node(action));
            Calls {
                capacity: bucket.capacity,
                refill_per_second: bucket.refill_per_second,
                calls: calls * launches + of_cni * new.saturating_sub(1),
            }
        });
        least_seconds(buckets)
    }
}

impl Report {
    /// Sets `one_launch_s` and `ratio`. `alone` is the report of one launch in the same scene.
    pub fn compare_with_one_launch(&mut self, alone: &Self) {
        self.one_launch_s = alone.in_service_s;
        self.ratio = ratio(self.in_service_s, self.bound_s + self.one_launch_s);
    }
}

fn sets_delete_on_termination(call: &CallRecord) -> bool {
    let value = call.params.get("Attachment.DeleteOnTermination");
    value.is_some_and(|value| value == "true")
}

#[allow(clippy::cast_precision_loss)] // counts of calls are far below 2^53
fn as_f64(count: usize) -> f64 {
    count as f64
}

fn ratio(a: f64, b: f64) -> f64 {
    if b > 0.0 { a / b } else { 0.0 }
}
