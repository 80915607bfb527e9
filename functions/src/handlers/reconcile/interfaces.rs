//! Orphaned interfaces.

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

/// Whether any of these may be orphaned. Then it must be known which executions run.
pub(super) fn any_may_be_orphaned(interfaces: &[Interface]) -> bool {
    interfaces.iter().any(orphans::may_be_orphaned)
}

/// Marks, unmarks and deletes interfaces.
pub(super) async fn clean_up(
    context: &Context,
    interfaces: &[Interface],
    in_progress: &BTreeSet<InstanceId>,
    limits: Limits,
    report: &mut Report,
) -> Result<()> {
    let (aws, now) = (&context.aws, context.now);
    let actions = orphans::decide(interfaces, in_progress, now, limits);
    // Unmark first: a mark that stays too long could lead to a delete, but a late mark does no
    // harm.
    if !actions.unmark.is_empty() {
        report.unmarked = aws.unmark(&actions.unmark).await?;
    }
    if !actions.mark.is_empty() {
        report.marked = aws.mark_orphaned(&actions.mark, now).await?;
    }
    let end = work_deadline(context);
    for id in &actions.delete {
        if Instant::now() >= end {
            report.skip(id, "the time was used up; the next round continues");
            continue;
        }
        match aws.delete_interface(id).await? {
            RemovalOutcome::Done => {
                info!(interface = %id, "deleted");
                report.deleted.push(id.clone());
            }
            // EC2 refuses to delete an attached interface. It was attached after the listing.
            RemovalOutcome::Busy => report.skip(id, "it is in use"),
        }
    }
    for id in actions.skipped {
        report.skip(
            id,
            "the limit of one round was reached; the next round continues",
        );
    }
    Ok(())
}
