//! The report of a scale-out, beside the least time that EC2's token buckets allow for it.

use std::collections::BTreeMap;

use hookline_local::Bucket;
use hookline_local::autoscaling::LifecycleState;
use hookline_testkit::invariants;
use serde::Serialize;

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
    pub makespan_s: f64,
    /// The least time that the token buckets allow for this work, in seconds.
    pub bound_s: f64,
    /// Makespan ÷ bound.
    pub ratio: f64,
    /// The functions' calls by action, refused ones too.
    pub api_calls: BTreeMap<String, usize>,
    /// Creates that were refused because an address was taken.
    pub conflicts: usize,
    /// Throttled calls.
    pub throttles: usize,
    /// Throttled calls for each call that succeeded.
    pub throttles_per_success: f64,
    /// Hooks that timed out.
    pub hooks_timed_out: usize,
    /// Addresses left free below the highest one in use.
    pub holes: usize,
    /// Executions by status.
    pub executions: BTreeMap<String, usize>,
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
            makespan_s: 0.0,
            bound_s: 0.0,
            ratio: 0.0,
            api_calls: BTreeMap::new(),
            conflicts: 0,
            throttles: 0,
            throttles_per_success: 0.0,
            hooks_timed_out: 0,
            holes: 0,
            executions: BTreeMap::new(),
            violations: violations.iter().map(ToString::to_string).collect(),
        };
        let began = self.started.duration_since(self.shared.begun);
        self.local.with_world(|world| {
            let offset = world
                .kernel
                .elapsed()
                .saturating_sub(self.shared.begun.elapsed());
            report.in_service = world.autoscaling.in_service(GROUP);
            report.holes = invariants::holes(world, &self.profile);
            let last = world
                .autoscaling
                .histories()
                .values()
                .filter_map(|history| history.reached(LifecycleState::InService))
                .max();
            report.makespan_s = last
                .unwrap_or_default()
                .saturating_sub(offset)
                .saturating_sub(began)
                .as_secs_f64();
            for completion in world.autoscaling.completions() {
                let by_timeout = completion.by == hookline_local::autoscaling::CompletedBy::Timeout;
                report.hooks_timed_out += usize::from(by_timeout);
                report.abandoned +=
                    usize::from(completion.accepted && completion.result == "ABANDON");
            }
        });
        let mut succeeded: BTreeMap<String, usize> = BTreeMap::new();
        for call in self.local.calls() {
            if !call.user_agent.contains("app/Hookline") {
                continue;
            }
            match &call.outcome {
                hookline_local::Outcome::Ok => {
                    *succeeded.entry(call.action.clone()).or_default() += 1
                }
                hookline_local::Outcome::Error(code) => {
                    report.conflicts += usize::from(code == "InvalidIPAddress.InUse");
                    report.throttles +=
                        usize::from(code == "RequestLimitExceeded" || code == "Throttling");
                }
                _ => {}
            }
            *report.api_calls.entry(call.action).or_default() += 1;
        }
        report.throttles_per_success = ratio(
            as_f64(report.throttles),
            as_f64(succeeded.values().sum::<usize>()),
        );
        report.bound_s = self.bound();
        report.ratio = ratio(report.makespan_s, report.bound_s);
        for verdict in self.shared.verdicts.borrow().iter() {
            *report
                .executions
                .entry(verdict.status.to_owned())
                .or_default() += 1;
        }
        report
    }

    /// The least time that the token buckets allow for this work, if each is full at first: every
    /// node is tagged and its hook completed once, every interface is created and attached once,
    /// and each attribute that differs from EC2's default is set once. The calls that others make
    /// for each node are added.
    fn bound(&self) -> f64 {
        let slots = &self.profile.slots;
        let attributes: usize = slots
            .iter()
            .map(|slot| 1 + usize::from(!slot.source_dest_check))
            .sum();
        [
            ("CreateTags", 1),
            ("CreateNetworkInterface", slots.len()),
            ("AttachNetworkInterface", slots.len()),
            ("ModifyNetworkInterfaceAttribute", attributes),
            ("CompleteLifecycleAction", 1),
        ]
        .into_iter()
        .map(|(action, calls)| {
            let bucket = Bucket::of(action);
            let calls = calls + self.scenario.others.calls_per_node(action);
            (as_f64(calls * self.scenario.nodes) - bucket.capacity).max(0.0)
                / bucket.refill_per_second
        })
        .fold(0.0, f64::max)
    }
}

#[allow(clippy::cast_precision_loss)] // counts of calls are far below 2^53
fn as_f64(count: usize) -> f64 {
    count as f64
}

fn ratio(a: f64, b: f64) -> f64 {
    if b > 0.0 { a / b } else { 0.0 }
}
