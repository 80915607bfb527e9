//! Orphaned interfaces, and those that lack DeleteOnTermination.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, MissedTickBehavior};
use tracing::info;

use super::launches::groups_of;
use super::{Report, work_deadline};
use crate::aws::fleet::Tagged;
use crate::aws::interfaces::RemovalOutcome;
use crate::handlers::Context;
use hookline_domain::error::{Error, Result};
use hookline_domain::ids::{InstanceId, NetworkInterfaceId};
use hookline_domain::interface::Interface;
use hookline_domain::reconcile::unsettled::{self, Unsettled};
use hookline_domain::reconcile::{Groups, Limits, Profiles, orphans};
use hookline_domain::tags::own;

/// How often a round that sets attributes looks whether launches wait by now.
const LOOK_EVERY: Duration = Duration::from_secs(20);

/// Whether any of these may be orphaned. Then it must be known which executions run.
pub(super) fn any_may_be_orphaned(interfaces: &[Interface]) -> bool {
    interfaces.iter().any(orphans::may_be_orphaned)
}

/// How fast a round sets DeleteOnTermination, and what it gives way to.
pub(super) struct Pace {
    /// Calls in a second.
    calls_per_second: usize,
    /// Whether launches wait in the groups of this round's profiles.
    launches_wait: bool,
    /// Whether other targets of the schedule have the other profiles, whose launches need the calls
    /// as well.
    other_targets: bool,
    /// Whose launches need the calls.
    groups: Groups,
}

impl Pace {
    /// The pace of a round with these profiles.
    pub(super) fn of(profiles: &Profiles, launches_wait: bool, other_targets: bool) -> Self {
        let all = profiles.all().map(|input| &input.profile);
        Self {
            calls_per_second: unsettled::calls_per_second(all),
            launches_wait,
            other_targets,
            groups: match other_targets {
                true => Groups::All,
                false => groups_of(profiles),
            },
        }
    }
}

/// Sets DeleteOnTermination where no execution has set it: so many in a second, side by side. It
/// gives way to launches that wait, and to other callers if EC2 throttles; the next round goes on
/// with the rest.
pub(super) async fn settle(
    context: &Context,
    interfaces: &[Interface],
    pace: Pace,
    limits: Limits,
    report: &mut Report,
) -> Result<()> {
    let due = |launches_wait| unsettled::unsettled(interfaces, launches_wait, context.now, limits);
    let any_waits = async || {
        let waiting = context.aws.waiting(pace.groups.clone()).await?;
        Ok::<_, Error>(!waiting.is_empty())
    };
    let mut launches_wait = pace.launches_wait;
    let mut found = due(launches_wait);
    // The round has looked at its own groups.
    if pace.other_targets && !found.is_empty() && !launches_wait {
        launches_wait = any_waits().await?;
        found = due(launches_wait);
    }
    if report.dry_run {
        let interfaces = found.into_iter().map(|found| found.interface);
        report.settled.extend(interfaces);
        return Ok(());
    }
    let end = work_deadline(context);
    // What is overdue does not wait for launches, but leaves them the rate.
    let at_once = if launches_wait {
        1
    } else {
        pace.calls_per_second
    };
    let mut second = tokio::time::interval(Duration::from_secs(1));
    second.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut look_at = Instant::now() + LOOK_EVERY;
    let mut left = found.as_slice();
    while !left.is_empty() {
        second.tick().await;
        if Instant::now() >= end {
            skip_all(
                left,
                "the time was used up; the next round continues",
                report,
            );
            break;
        }
        if !launches_wait && Instant::now() >= look_at {
            if any_waits().await? {
                skip_all(left, "launches wait, which need the calls", report);
                break;
            }
            look_at = Instant::now() + LOOK_EVERY;
        }
        let (batch, rest) = left.split_at(at_once.min(left.len()));
        left = rest;
        if !set_each(context, batch, report).await? {
            skip_all(left, "EC2 refuses calls; the next round continues", report);
            break;
        }
    }
    Ok(())
}

/// Sets the attribute on some interfaces at once. Returns whether to go on.
async fn set_each(context: &Context, batch: &[Unsettled], report: &mut Report) -> Result<bool> {
    let aws = context.aws.throttled_once();
    let calls = batch
        .iter()
        .map(|found| aws.set_delete_on_termination(&found.interface, &found.attachment));
    let mut result = Ok(true);
    for (found, answer) in batch.iter().zip(join_all(calls).await) {
        let id = &found.interface;
        match answer {
            Ok(()) => report.settled.push(id.clone()),
            // It was detached after the listing.
            Err(Error::NotYetAttached(_)) => report.skip(id, "it is not attached any more"),
            // It is gone, or on a node of another deployment and without a tag that says so.
            Err(error @ Error::AccessDenied { .. }) => report.skip(id, error),
            Err(error @ (Error::Throttled { .. } | Error::AwsUnavailable { .. })) => {
                report.skip(id, error);
                result = result.map(|_| false);
            }
            Err(error) => result = result.and(Err(error)),
        }
    }
    result
}

fn skip_all(left: &[Unsettled], reason: &str, report: &mut Report) {
    for found in left {
        report.skip(&found.interface, reason);
    }
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
    if report.dry_run {
        report.unmarked = actions.unmark;
        report.marked = actions.mark;
        report.deleted = actions.delete;
        skip_others(actions.untagged, actions.skipped, report);
        return Ok(());
    }
    // Unmark first: a mark that stays too long could lead to a delete, but a late mark does no
    // harm.
    report.unmarked = done_of(aws.unmark(&actions.unmark).await?, report);
    report.marked = done_of(aws.mark_orphaned(&actions.mark, now).await?, report);
    let end = work_deadline(context);
    for id in &actions.delete {
        if Instant::now() >= end {
            report.skip(id, "the time was used up; the next round continues");
            continue;
        }
        match aws.delete_interface(id).await? {
            RemovalOutcome::Done => {
                let listed = interfaces.iter().find(|listed| listed.id == *id);
                let instance_id = listed.and_then(|listed| listed.tags.get(own::INSTANCE_ID));
                info!(interface = %id, instance_id, "deleted");
                report.deleted.push(id.clone());
            }
            // EC2 refuses to delete an attached interface. It was attached after the listing.
            RemovalOutcome::Busy => report.skip(id, "it is in use"),
            // It is gone since the listing, or the role may not delete it.
            RemovalOutcome::Denied(error) => report.skip(id, error),
        }
    }
    skip_others(actions.untagged, actions.skipped, report);
    Ok(())
}

/// Those whose tag is changed. The others are reported.
fn done_of(tagged: Tagged, report: &mut Report) -> Vec<NetworkInterfaceId> {
    for (id, reason) in tagged.refused {
        report.skip(id, reason);
    }
    tagged.done
}

/// Reports the orphaned interfaces of no deployment, and those beyond the limit of one round.
fn skip_others(
    untagged: Vec<NetworkInterfaceId>,
    beyond: Vec<NetworkInterfaceId>,
    report: &mut Report,
) {
    for id in untagged {
        report.skip(
            id,
            "no tag says which deployment created it (docs/operations/deployments.md)",
        );
    }
    for id in beyond {
        report.skip(
            id,
            "the limit of one round was reached; the next round continues",
        );
    }
}
