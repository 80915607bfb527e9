//! `reconcile`: does what no execution can do for itself. A schedule invokes it every five minutes,
//! and EventBridge invokes it for each execution that did not succeed.
//!
//! - it starts an execution for a launch whose event was lost ([`launches`]);
//! - it abandons a launch whose execution ended without completing it ([`ended`]);
//! - it marks an orphaned interface, and deletes it in a later round ([`interfaces`]);
//! - it sets DeleteOnTermination where no execution has set it ([`interfaces`]).
//!
//! Its configuration is in its payload. Two rounds at once do no harm.

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

/// What the function returns: what it did, and what it skipped.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
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
    /// What was skipped, and why.
    #[serde(rename = "left")]
    pub skipped: Vec<Skipped>,
    /// Launches that have been waiting for too long, if this was checked.
    pub overdue: Option<Vec<InstanceId>>,
    /// Invalid profiles. The others were used.
    pub refused_profiles: Vec<Skipped>,
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
                metrics.add(metric, Dimension::All, number);
            }
        }
        if let Some(overdue) = &self.overdue {
            metrics.add(Metric::LaunchesOverdue, Dimension::All, overdue.len());
        }
    }

    /// Logs one line: counts, and the ids of what needed help.
    fn log(&self) {
        info!(
            started = self.started.len(),
            abandoned = self.abandoned.len(),
            released = self.released.len(),
            marked = self.marked.len(),
            unmarked = self.unmarked.len(),
            deleted = self.deleted.len(),
            settled = self.settled.len(),
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

    // Interfaces before executions: the listing cannot have an interface of an execution that
    // starts later.
    let interfaces = context.aws.hookline_interfaces().await;
    let waiting = launches::waiting(context, &profiles).await;
    let may_have_orphans = interfaces
        .as_deref()
        .is_ok_and(interfaces::any_may_be_orphaned);
    let nothing_waits = waiting.as_ref().is_ok_and(Vec::is_empty);
    // If all is well, these two calls are enough.
    let mut in_progress = if may_have_orphans || !nothing_waits {
        let deadline = work_deadline(context);
        context
            .aws
            .instances_in_progress(&machine, None, deadline)
            .await?
    } else {
        BTreeSet::new()
    };

    // A failure of one part does not stop the others.
    let settled = match (&interfaces, &waiting) {
        (Ok(listed), Ok(waiting)) => {
            let limits = payload.limits;
            interfaces::settle(context, listed, !waiting.is_empty(), limits, report).await
        }
        // What failed is returned below.
        _ => Ok(()),
    };
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
    launches.and(interfaces).and(settled)
}
