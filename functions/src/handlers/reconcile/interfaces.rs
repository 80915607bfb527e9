//! Interfaces that nobody owns any more.

use std::collections::BTreeSet;

use tokio::time::Instant;
use tracing::info;

use super::{Report, work_deadline};
use crate::aws::interfaces::RemovalOutcome;
use crate::handlers::Context;
use hookline_domain::error::Result;
use hookline_domain::ids::InstanceId;
use hookline_domain::interface::Interface;
use hookline_domain::reconcile::Limits;
use hookline_domain::reconcile::orphans;

/// Whether it must be known which executions run before anything is done about these.
pub(super) fn any_may_be_orphaned(interfaces: &[Interface]) -> bool {
    interfaces.iter().any(orphans::may_be_orphaned)
}

/// Marks, unmarks and deletes.
pub(super) async fn clean_up(
    context: &Context,
    interfaces: &[Interface],
    in_progress: &BTreeSet<InstanceId>,
    limits: Limits,
    report: &mut Report,
) -> Result<()> {
    let (aws, now) = (&context.aws, context.now);
    let actions = orphans::decide(interfaces, in_progress, now, limits);
    // What loses its mark first: a mark that stays too long could cost an interface, one that comes late costs nothing.
    if !actions.unmark.is_empty() {
        report.unmarked = aws.unmark(&actions.unmark).await?;
    }
    if !actions.mark.is_empty() {
        report.marked = aws.mark_orphaned(&actions.mark, now).await?;
    }
    let end = work_deadline(context);
    for id in &actions.delete {
        if Instant::now() >= end {
            report.skip(id, "the time was over; the next round goes on");
            continue;
        }
        match aws.delete_interface(id).await? {
            RemovalOutcome::Done => {
                info!(interface = %id, "deleted");
                report.deleted.push(id.clone());
            }
            // EC2 refuses what hangs on an instance: somebody has attached it since the listing.
            RemovalOutcome::Busy => report.skip(id, "it is in use"),
        }
    }
    for id in actions.skipped {
        report.skip(id, "one round deletes no more; the next round goes on");
    }
    Ok(())
}
