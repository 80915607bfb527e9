//! Orphaned interfaces, and those that lack DeleteOnTermination.

use std::collections::BTreeSet;

use tokio::time::Instant;
use tracing::info;

use super::{Report, work_deadline};
use crate::aws::interfaces::RemovalOutcome;
use crate::handlers::Context;
use hookline_domain::error::{Error, Result};
use hookline_domain::ids::InstanceId;
use hookline_domain::interface::Interface;
use hookline_domain::reconcile::Limits;
use hookline_domain::reconcile::{orphans, unsettled};

/// Whether any of these may be orphaned. Then it must be known which executions run.
pub(super) fn any_may_be_orphaned(interfaces: &[Interface]) -> bool {
    interfaces.iter().any(orphans::may_be_orphaned)
}

/// Sets DeleteOnTermination where no execution has set it. A failure ends the round's calls: EC2
/// throttles, or the next round finds the interface gone.
pub(super) async fn settle(
    context: &Context,
    interfaces: &[Interface],
    launches_wait: bool,
    limits: Limits,
    report: &mut Report,
) -> Result<()> {
    let end = work_deadline(context);
    for found in unsettled::unsettled(interfaces, launches_wait, context.now, limits) {
        if Instant::now() >= end {
            report.skip(
                &found.interface,
                "the time was used up; the next round continues",
            );
            continue;
        }
        let (id, attachment) = (&found.interface, &found.attachment);
        match context.aws.set_delete_on_termination(id, attachment).await {
            Ok(()) => report.settled.push(found.interface),
            // It was detached after the listing.
            Err(Error::NotYetAttached(_)) => report.skip(id, "it is not attached any more"),
            // It is gone, or on a node of another deployment and without a tag that says so.
            Err(error @ Error::AccessDenied { .. }) => report.skip(id, error),
            Err(error) => return Err(error),
        }
    }
    Ok(())
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
    let actions = orphans::decide(aws.deployment(), interfaces, in_progress, now, limits);
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
            // It is gone since the listing, or the role may not delete it.
            RemovalOutcome::Denied(error) => report.skip(id, error),
        }
    }
    for id in actions.untagged {
        report.skip(
            id,
            "no tag says which deployment created it (docs/operations/deployments.md)",
        );
    }
    for id in actions.skipped {
        report.skip(
            id,
            "the limit of one round was reached; the next round continues",
        );
    }
    Ok(())
}
