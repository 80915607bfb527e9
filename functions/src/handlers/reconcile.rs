//! `reconcile`: what no execution can do for itself. A schedule calls it every five minutes, and EventBridge calls it with
//! each execution that ended otherwise than well.
//!
//! - a launch whose event never came gets its execution ([`launches`]);
//! - a launch whose execution ended without a verdict is given up ([`ended`]);
//! - an interface that nobody owns any more is marked, and deleted in a later round ([`interfaces`]).
//!
//! It reads no configuration: what it is to look at is in its payload. Two rounds at once do no harm.

pub mod ended;
pub mod interfaces;
pub mod launches;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::info;

use super::rounds::{Skipped, log_list, log_reasons, read_payload, read_profiles, work_deadline};
use super::{Context, write};
use crate::metrics::{Dimension, Metric, Metrics};
use hookline_domain::error::Result;
use hookline_domain::execution::names::StateMachine;
use hookline_domain::ids::{InstanceId, NetworkInterfaceId};
use hookline_domain::reconcile::{Ended, Limits};

/// The constant input of the schedule's target.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Payload {
    state_machine_arn: String,
    profiles: Vec<Value>,
    #[serde(default)]
    limits: Limits,
}

/// What the function returns: what it did, and what it left.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Launches that got an execution.
    pub started: Vec<InstanceId>,
    /// Launches that were given up.
    pub abandoned: Vec<InstanceId>,
    /// Interfaces of these launches that are gone.
    pub released: BTreeSet<NetworkInterfaceId>,
    /// Interfaces that were first seen without an owner.
    pub marked: Vec<NetworkInterfaceId>,
    /// Interfaces that are owned again.
    pub unmarked: Vec<NetworkInterfaceId>,
    /// Interfaces that had no owner for long enough, and are gone.
    pub deleted: Vec<NetworkInterfaceId>,
    /// What was looked at and not done, and why.
    #[serde(rename = "left")]
    pub skipped: Vec<Skipped>,
    /// Launches that have been waiting for too long, if that was looked at.
    pub overdue: Option<Vec<InstanceId>>,
    /// Profiles that cannot be read. The others count.
    pub refused_profiles: Vec<Skipped>,
}

impl Report {
    fn skip(&mut self, id: impl ToString, reason: impl ToString) {
        self.skipped.push(Skipped::new(id, reason));
    }

    /// A round has its zeros measured too: sums need them, and that there are none says that no round ran. Of an execution's
    /// end only what was done counts.
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
                metrics.add(metric, Dimension::All, number);
            }
        }
        if let Some(overdue) = &self.overdue {
            metrics.add(Metric::LaunchesOverdue, Dimension::All, overdue.len());
        }
    }

    /// One line for the logs: counts, and the ids of what is not as it should be.
    fn log(&self) {
        info!(
            started = self.started.len(),
            abandoned = self.abandoned.len(),
            released = self.released.len(),
            marked = self.marked.len(),
            unmarked = self.unmarked.len(),
            deleted = self.deleted.len(),
            left = self.skipped.len(),
            refused_profiles = self.refused_profiles.len(),
            overdue = self.overdue.as_ref().map(Vec::len),
            started_for = log_list(&self.started),
            abandoned_for = log_list(&self.abandoned),
            marked_interfaces = log_list(&self.marked),
            overdue_launches = self.overdue.as_ref().map(log_list),
            deleted_interfaces = log_list(self.deleted.iter().chain(&self.released)),
            left_because = log_reasons(self.skipped.iter().chain(&self.refused_profiles)),
            "reconciled"
        );
    }
}

/// Runs the function.
///
/// # Errors
/// `InvalidPayload`, `InvalidEvent`, `InvalidProfile`, and what every call can fail with. What can be done in spite of a
/// failure has been done by then.
pub async fn handle(context: Context, payload: Value) -> Result<Value> {
    let mut report = Report::default();
    let is_round = !Ended::is(&payload);
    let done = if !is_round {
        ended::handle(&context, Ended::read(payload)?, &mut report).await
    } else {
        round(&context, payload, &mut report).await
    };
    report.log();
    report.measure(&context.metrics, is_round);
    done?;
    write("reconcile", &report)
}

async fn round(context: &Context, payload: Value, report: &mut Report) -> Result<()> {
    const REMEDY: &str = "Correct the input of the schedule's target (docs/operations.md)";
    let payload: Payload = read_payload(payload, REMEDY)?;
    let machine = StateMachine::read(&payload.state_machine_arn)
        .map_err(|error| error.with_remedy(REMEDY))?;
    let profiles = read_profiles(payload.profiles, &mut report.refused_profiles);

    // Interfaces first, and executions after them: what an execution makes after this listing cannot be in it.
    let interfaces = context.aws.hookline_interfaces().await;
    let waiting = launches::waiting(context, &profiles).await;
    let may_have_orphans = interfaces
        .as_deref()
        .is_ok_and(interfaces::any_may_be_orphaned);
    let nothing_waits = waiting.as_ref().is_ok_and(Vec::is_empty);
    // A healthy fleet needs no more calls than these two.
    let mut in_progress = if may_have_orphans || !nothing_waits {
        let deadline = work_deadline(context);
        context
            .aws
            .instances_in_progress(&machine, None, deadline)
            .await?
    } else {
        BTreeSet::new()
    };

    // Neither part keeps the other from its work.
    let launches = match waiting {
        Ok(waiting) => {
            let scope = launches::Scope {
                context,
                machine: &machine,
                profiles: &profiles,
                limits: payload.limits,
            };
            scope.recover(&waiting, &mut in_progress, report).await
        }
        Err(error) => Err(error),
    };
    let interfaces = match interfaces {
        Ok(listed) => {
            interfaces::clean_up(context, &listed, &in_progress, payload.limits, report).await
        }
        Err(error) => Err(error),
    };
    launches.and(interfaces)
}
