//! Interfaces that nobody owns any more.

use std::collections::BTreeSet;

use tokio::time::Instant;
use tracing::{info, warn};

use super::{Report, until};
use crate::aws::interfaces::RemovalOutcome;
use crate::handlers::Context;
use hookline_domain::error::Result;
use hookline_domain::ids::InstanceId;
use hookline_domain::interface::Interface;
use hookline_domain::reconcile::Limits;
use hookline_domain::reconcile::orphans;

/// Whether it must be known which executions run before anything is done about these.
pub(super) fn in_question(interfaces: &[Interface]) -> bool {
    interfaces.iter().any(orphans::is_in_question)
}

/// Marks, unmarks and deletes.
pub(super) async fn look_after(
    context: &Context,
    interfaces: &[Interface],
    in_work: &BTreeSet<InstanceId>,
    limits: Limits,
    report: &mut Report,
) -> Result<()> {
    let (aws, now) = (&context.aws, context.now);
    let work = orphans::sort(interfaces, in_work, now, limits);
    // What loses its mark first: a mark that stays too long could cost an interface, one that comes late costs nothing.
    if !work.unmark.is_empty() {
        report.unmarked = aws.unmark(&work.unmark).await?;
    }
    if !work.mark.is_empty() {
        report.marked = aws.mark_unowned(&work.mark, now).await?;
    }
    let end = until(context);
    for id in &work.delete {
        if Instant::now() >= end {
            report.left(id, "the time was over; the next round goes on");
            continue;
        }
        match aws.delete_interface(id).await? {
            RemovalOutcome::Done => {
                info!(interface = %id, "deleted");
                report.deleted.push(id.clone());
            }
            // EC2 refuses what hangs on an instance: somebody has attached it since the listing.
            RemovalOutcome::Busy => report.left(id, "it is in use"),
        }
    }
    if !work.left.is_empty() {
        warn!(
            left = work.left.len(),
            limit = limits.deletes_per_round,
            "left for the next round: one round deletes no more"
        );
    }
    for id in work.left {
        report.left(id, "one round deletes no more; the next round goes on");
    }
    Ok(())
}
