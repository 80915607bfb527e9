//! `reconcile`: does what no execution can do for itself. A schedule invokes it every five minutes,
//! and EventBridge invokes it for each execution that did not succeed.
//!
//! - it starts an execution for a launch whose event was lost ([`launches`]);
//! - it abandons a launch whose execution ended without completing it ([`ended`]);
//! - it marks an orphaned interface, and deletes it in a later round ([`interfaces`]);
//! - it names launch loops, and brakes their groups if the profile says so ([`brake`]);
//! - it reports launch hooks and nodes that do not fit their profiles ([`fit`]);
//! - it sets DeleteOnTermination where no execution has set it ([`interfaces`]).
//!
//! Its configuration is in its payload. Two rounds at once do no harm. A dry run looks and decides as
//! a round does, and changes nothing.

pub mod brake;
pub mod ended;
pub mod fit;
pub mod interfaces;
pub mod launches;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::info;

use super::rounds::{Skipped, log_reasons, read_payload, read_profiles, work_deadline};
use super::{Context, log_list, write};
use crate::aws::waiting::ListedGroups;
use crate::metrics::{Metric, Metrics, Subject};
use hookline_domain::error::Result;
use hookline_domain::execution::names::StateMachine;
use hookline_domain::ids::{InstanceId, NetworkInterfaceId};
use hookline_domain::reconcile::loops::LaunchLoop;
use hookline_domain::reconcile::{Ended, Limits, Profiles, ReconcileInput};

use fit::{LackingNodes, UnfitHook};

/// What the function returns: what it did, and what it skipped. After a dry run: what a round would
/// do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Whether this is a dry run: nothing was changed. It cannot tell at which hook a launch waits,
    /// because only a heartbeat tells, so it says `started` of a launch that waits at another hook.
    #[serde(default)]
    pub dry_run: bool,
    /// Launches that got an execution.
    pub started: Vec<InstanceId>,
    /// Launches that were abandoned.
    pub abandoned: Vec<InstanceId>,
    /// Interfaces of these launches that were deleted.
    pub released: BTreeSet<NetworkInterfaceId>,
    /// Interfaces that are orphaned for the first time.
    pub marked: Vec<NetworkInterfaceId>,
    /// Interfaces that are no longer orphaned.
    pub unmarked: Vec<NetworkInterfaceId>,
    /// Interfaces that had been orphaned for long enough, and were deleted.
    pub deleted: Vec<NetworkInterfaceId>,
    /// Interfaces that got DeleteOnTermination.
    pub settled: Vec<NetworkInterfaceId>,
    /// Groups in a launch loop.
    #[serde(default)]
    pub loops: Vec<LaunchLoop>,
    /// Groups that are braked: by this round, or since an earlier one.
    #[serde(default)]
    pub braked: Vec<BrakedGroup>,
    /// Launch hooks that do not fit the profiles of their groups.
    #[serde(default)]
    pub hook_problems: Vec<UnfitHook>,
    /// Nodes that are InService and lack interfaces, by group and profile.
    #[serde(default)]
    pub nodes_without_interfaces: Vec<LackingNodes>,
    /// What was skipped, and why.
    #[serde(rename = "left")]
    pub skipped: Vec<Skipped>,
    /// Launches that have been waiting for too long, if this was checked.
    pub overdue: Option<Vec<InstanceId>>,
    /// Invalid profiles. The others were used.
    pub refused_profiles: Vec<Skipped>,
}

/// A group whose process Launch is suspended because of a launch loop.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BrakedGroup {
    /// The Auto Scaling group.
    pub group: String,
    /// The profile of its launches.
    pub profile: String,
    /// The error that they failed by.
    pub error: String,
}

impl Report {
    fn skip(&mut self, id: impl ToString, reason: impl ToString) {
        self.skipped.push(Skipped::new(id, reason));
    }

    /// A round also sends its zeros, so that missing values mean that no round ran. The invocation
    /// for one execution sends only what is not zero.
    fn measure(&self, metrics: &Metrics, is_round: bool) {
        for (metric, number) in [
            (Metric::ReconcileStarted, self.started.len()),
            (Metric::ReconcileAbandoned, self.abandoned.len()),
            (Metric::ReconcileReleased, self.released.len()),
            (Metric::ReconcileDeleted, self.deleted.len()),
            (Metric::ReconcileLeft, self.skipped.len()),
            (
                Metric::ReconcileRefusedProfiles,
                self.refused_profiles.len(),
            ),
        ] {
            if is_round || number > 0 {
                metrics.add(metric, Subject::All, number);
            }
        }
        let loops = self.loops.iter().map(|it| (&it.profile, &it.group));
        let braked = self.braked.iter().map(|it| (&it.profile, &it.group));
        let groups: BTreeSet<_> = loops.chain(braked).collect();
        for (profile, _) in groups {
            metrics.add(Metric::LaunchLoops, Subject::profile(profile), 1);
        }
        for unfit in &self.hook_problems {
            let of = Subject::profile(&unfit.profile);
            metrics.add(Metric::HookProblems, of, 1);
        }
        for nodes in self.lacking_nodes() {
            let of = Subject::profile(&nodes.profile);
            metrics.add(Metric::NodesWithoutInterfaces, of, nodes.count);
        }
        if let Some(overdue) = &self.overdue {
            metrics.add(Metric::LaunchesOverdue, Subject::All, overdue.len());
        }
    }

    /// The nodes without interfaces that are not older than their profile.
    fn lacking_nodes(&self) -> impl Iterator<Item = &LackingNodes> {
        let nodes = self.nodes_without_interfaces.iter();
        nodes.filter(|nodes| !nodes.may_be_older)
    }

    /// Logs one line: counts, and the ids of what needed help.
    fn log(&self) {
        info!(
            dry_run = self.dry_run,
            started = self.started.len(),
            abandoned = self.abandoned.len(),
            released = self.released.len(),
            marked = self.marked.len(),
            unmarked = self.unmarked.len(),
            deleted = self.deleted.len(),
            settled = self.settled.len(),
            loops = self.loops.len(),
            braked = self.braked.len(),
            hook_problems = self.hook_problems.len(),
            nodes_without_interfaces = self.lacking_nodes().map(|it| it.count).sum::<usize>(),
            left = self.skipped.len(),
            refused_profiles = self.refused_profiles.len(),
            overdue = self.overdue.as_ref().map(Vec::len),
            started_for = log_list(&self.started),
            abandoned_for = log_list(&self.abandoned),
            marked_interfaces = log_list(&self.marked),
            overdue_launches = self.overdue.as_ref().and_then(log_list),
            deleted_interfaces = log_list(self.deleted.iter().chain(&self.released)),
            loops_in = log_list(
                self.loops
                    .iter()
                    .map(|it| format!("{}: {}", it.group, it.error))
            ),
            braked_groups = log_list(
                self.braked
                    .iter()
                    .map(|it| format!("{}: {}", it.group, it.error))
            ),
            left_because = log_reasons(self.skipped.iter().chain(&self.refused_profiles)),
            "reconciled"
        );
    }
}

/// Runs the function.
///
/// # Errors
/// `InvalidPayload`, `InvalidEvent`, `InvalidProfile`, and those of every call. A failure of one
/// part does not stop the others.
pub async fn handle(context: Context, payload: Value) -> Result<Value> {
    let mut report = Report::default();
    let is_round = !Ended::is(&payload);
    let done = if !is_round {
        ended::handle(&context, Ended::read(payload)?, &mut report).await
    } else {
        round(&context, payload, &mut report).await
    };
    report.log();
    if !report.dry_run {
        report.measure(&context.metrics, is_round);
    }
    done?;
    write("reconcile", &report)
}

/// What the parts of a round work with.
#[derive(Clone, Copy)]
struct Round<'a> {
    context: &'a Context,
    machine: &'a StateMachine,
    profiles: &'a Profiles,
    limits: Limits,
}

async fn round(context: &Context, payload: Value, report: &mut Report) -> Result<()> {
    const REMEDY: &str =
        "Correct the input of the schedule's target (docs/operations/reconcile.md, \"Its input\")";
    let input: ReconcileInput = read_payload(payload, REMEDY)?;
    report.dry_run = input.dry_run;
    let machine =
        StateMachine::read(&input.state_machine_arn).map_err(|error| error.with_remedy(REMEDY))?;
    let refused = &mut report.refused_profiles;
    let profiles = Profiles {
        active: read_profiles("profiles", input.profiles, refused),
        retired: read_profiles("retiredProfiles", input.retired_profiles, refused),
    };
    let round = Round {
        context,
        machine: &machine,
        profiles: &profiles,
        limits: input.limits,
    };

    // Interfaces before executions: the listing cannot have an interface of an execution that
    // starts later.
    let interfaces = context.aws.hookline_interfaces().await;
    let (waiting, groups) = match launches::listed(context, &profiles).await {
        Ok(mut listed) => (Ok(std::mem::take(&mut listed.waiting)), listed),
        Err(error) => (Err(error), ListedGroups::default()),
    };
    let may_have_orphans = interfaces
        .as_deref()
        .is_ok_and(interfaces::any_may_be_orphaned);
    let nothing_waits = waiting.as_ref().is_ok_and(Vec::is_empty);
    // If all is well, these two calls are enough, and one for the hooks of each group.
    let looks_up = may_have_orphans || !nothing_waits;
    let mut in_progress = match looks_up {
        true => {
            let deadline = work_deadline(context);
            let running = context.aws.instances_in_progress(&machine, None, deadline);
            running.await
        }
        false => Ok(BTreeSet::new()),
    };

    // A failure of one part does not stop the others. What failed is returned at the end.
    let facts = match &waiting {
        Ok(waiting) => round.find_overdue(waiting, report).await,
        Err(_) => Ok(BTreeMap::new()),
    };
    let launches = match (&waiting, &facts, &mut in_progress) {
        (Ok(waiting), Ok(facts), Ok(in_progress)) => {
            round.recover(waiting, facts, in_progress, report).await
        }
        _ => Ok(()),
    };
    let cleaned_up = match (&interfaces, &in_progress) {
        (Ok(listed), Ok(in_progress)) => {
            interfaces::clean_up(context, listed, in_progress, input.limits, report).await
        }
        _ => Ok(()),
    };
    let brake = brake::Brake {
        round,
        groups: &groups.ours,
    };
    let braked = brake.run(report).await;
    let fit = fit::Fit {
        round,
        hooks: &input.hooks,
        groups: &groups.all,
    };
    let hooks_checked = fit.check_hooks(report).await;
    let nodes_checked = match (&interfaces, &in_progress) {
        (Ok(listed), Ok(in_progress)) => {
            let in_progress = looks_up.then_some(in_progress);
            fit.check_nodes(listed, in_progress, report).await
        }
        _ => Ok(()),
    };
    let (waiting, interfaces) = (waiting?, interfaces?);
    // Last, as it may take minutes, and no node waits for it.
    let pace = interfaces::Pace::of(&profiles, !waiting.is_empty(), input.other_targets);
    let settled = interfaces::settle(context, &interfaces, pace, input.limits, report).await;
    in_progress
        .and(facts)
        .and(launches)
        .and(cleaned_up)
        .and(braked)
        .and(hooks_checked)
        .and(nodes_checked)
        .and(settled)
}
