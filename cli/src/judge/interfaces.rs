//! Interfaces beside the nodes and launches that need them: nodes that lack some, and interfaces
//! that nobody needs.

use std::collections::BTreeSet;

use hookline_domain::ids::InstanceId;
use hookline_domain::interface::Interface;
use hookline_domain::reconcile::Limits;
use hookline_domain::reconcile::Member;
use hookline_domain::reconcile::nodes;
use hookline_domain::reconcile::orphans::{self, ORPHANED_SINCE};
use hookline_domain::tags::own;
use serde::Serialize;

use super::words::{count, list};
use super::{Finding, Kind};
use crate::observed::fleet::Fleet;
use crate::observed::group::Group;
use crate::observed::network::created_for;

/// The most ids that a text lists.
const LISTED: usize = 3;

/// An unattached interface that no launch needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Leaked {
    pub(crate) id: String,
    pub(crate) subnet_id: String,
    pub(crate) addresses: Vec<String>,
    /// The instance that it was created for.
    pub(crate) instance: String,
    pub(crate) network: String,
    /// The deployment that created it; null if no tag says it. No round deletes such a one.
    pub(crate) deployment: Option<String>,
    /// When a round of reconcile first saw it, in seconds since the epoch.
    pub(crate) seen_at: Option<i64>,
    /// When a round of reconcile deletes it, at the latest, in seconds since the epoch; null if no
    /// round does. In the past if none did.
    pub(crate) deleted_by: Option<i64>,
    /// Whether that is longer ago than a round.
    pub(crate) overdue: bool,
}

/// The interfaces that no launch needs. `in_progress` are the instances whose launch goes on.
pub(crate) fn leaked(fleet: &Fleet, in_progress: &BTreeSet<InstanceId>) -> Vec<Leaked> {
    let rounds = fleet.deployment.rounds();
    let limits = rounds.map_or_else(Limits::default, |(limits, _)| limits);
    let interfaces: Vec<Interface> = fleet
        .interfaces
        .iter()
        .map(|seen| seen.interface.clone())
        .collect();
    let is_needed = |interface: &Interface| {
        created_for(interface).is_none_or(|owner| in_progress.contains(&owner))
    };
    let name = fleet.deployment.name(&fleet.interfaces);
    let decided = orphans::decide(&name, &interfaces, in_progress, fleet.now, limits);
    interfaces
        .iter()
        .filter(|interface| orphans::may_be_orphaned(interface) && !is_needed(interface))
        .filter(|interface| interface.status == "available")
        .map(|interface| {
            let tag = |key: &str| interface.tags.get(key).cloned().unwrap_or_default();
            let is_new = decided.mark.contains(&interface.id);
            let seen_at = tag(ORPHANED_SINCE).parse().ok().filter(|_| !is_new);
            // The first round only marks it. Each step may be one round late.
            let told = rounds.filter(|_| !decided.untagged.contains(&interface.id));
            let by = |(limits, every): (Limits, Option<i64>)| {
                let every = every.unwrap_or_default();
                let marked = seen_at.unwrap_or(fleet.now + every);
                marked + limits.orphaned_seconds + every
            };
            let every = rounds.and_then(|(_, every)| every);
            let deleted_by = told.map(by);
            let overdue = match (deleted_by, every) {
                (Some(by), Some(every)) => by + every < fleet.now,
                // A schedule by cron may run at any time.
                _ => false,
            };
            let deleted_by = match every {
                Some(_) => deleted_by,
                None => deleted_by.map(|by| by.max(fleet.now)),
            };
            Leaked {
                id: interface.id.to_string(),
                subnet_id: interface.subnet_id.to_string(),
                addresses: interface
                    .private_ip_addresses
                    .iter()
                    .map(ToString::to_string)
                    .collect(),
                instance: tag(own::INSTANCE_ID),
                network: tag(own::NETWORK),
                deployment: interface.tags.get(own::DEPLOYMENT).cloned(),
                seen_at,
                deleted_by,
                overdue,
            }
        })
        .collect()
}

/// The nodes of a group that are InService and lack interfaces of a profile, each with whether it
/// may be older than that.
pub(crate) fn lacking(fleet: &Fleet, group: &Group) -> Vec<(InstanceId, bool)> {
    let members: Vec<Member> = group
        .in_service()
        .map(|instance| Member {
            instance: instance.clone(),
            group: group.name.clone(),
            group_arn: group.arn.clone(),
        })
        .collect();
    let interfaces: Vec<&Interface> = fleet.interfaces.iter().map(|it| &it.interface).collect();
    let seen = |id: &InstanceId| fleet.instances.get(id).map(|seen| &seen.instance);
    let profiles: Vec<_> = fleet.deployment.active().cloned().collect();
    let found = nodes::lacking(&profiles, &members, seen, &fleet.in_progress(), &interfaces);
    found
        .into_iter()
        .map(|node| (node.member.instance.clone(), node.may_be_older))
        .collect()
}

/// The finding about the nodes of a group that lack interfaces.
pub(crate) fn nodes_that_lack(fleet: &Fleet, group: &Group) -> Option<Finding> {
    let lacking = lacking(fleet, group);
    let older = lacking.iter().filter(|(_, may_be_older)| *may_be_older);
    let older = older.count();
    let ids: Vec<InstanceId> = lacking.into_iter().map(|(id, _)| id).collect();
    let first = ids.first()?;
    let what = match ids.len() {
        1 => "1 node is InService and lacks interfaces".to_owned(),
        many => format!("{many} nodes are InService and lack interfaces"),
    };
    let mut finding = Finding::new(
        Kind::NodeLacksInterfaces,
        format!("{what}: {}.", list(&ids, LISTED)),
    )
    .of_group(&group.name)
    .about(&ids);
    let older = match older {
        0 => None,
        1 => Some("1 node may be older than the profile or the network that it lacks: no alarm counts it.".to_owned()),
        many => Some(format!(
            "{many} nodes may be older than the profile or the network that they lack: no alarm counts them."
        )),
    };
    finding.evidence.extend(older);
    Some(finding.run(["hookline", "explain", first.as_str()]))
}

/// The finding about leaked interfaces. While executions run of which it is not known which
/// instances they are for, no command deletes anything: one of them may use the interface.
pub(crate) fn interfaces_left(leaked: &[Leaked], running_for_unknown: usize) -> Option<Finding> {
    leaked.first()?;
    let ids: Vec<&str> = leaked
        .iter()
        .map(|interface| interface.id.as_str())
        .collect();
    let finding = Finding::new(
        Kind::InterfacesLeft,
        format!(
            "{} of Hookline {} unattached, and no launch needs {}.",
            count(ids.len(), "interface", "interfaces"),
            match ids.len() {
                1 => "is",
                _ => "are",
            },
            match ids.len() {
                1 => "it",
                _ => "them",
            }
        ),
    )
    .about(&ids);
    let untagged = leaked
        .iter()
        .filter(|interface| interface.deployment.is_none());
    let untagged: Vec<&str> = untagged.map(|interface| interface.id.as_str()).collect();
    let finding = match untagged.is_empty() {
        true => finding,
        false => finding.shown_by(format!(
            "No tag says which deployment created {}: reconcile leaves what has none \
             (docs/operations/deployments.md).",
            list(untagged, LISTED)
        )),
    };
    if running_for_unknown > 0 {
        return Some(finding.say(format!(
            "Wait: {} for instances that are not known here, and may still use them.",
            count(running_for_unknown, "execution runs", "executions run")
        )));
    }
    let own = leaked
        .iter()
        .filter(|interface| interface.deployment.is_some());
    let own: Vec<&str> = own.map(|interface| interface.id.as_str()).collect();
    if own.is_empty() {
        return Some(
            finding
                .say("To give them this deployment's tag, if they are its own:")
                .run(["hookline", "migrate", "--yes"]),
        );
    }
    let overdue = leaked.iter().filter(|interface| interface.overdue);
    let overdue: Vec<&str> = overdue.map(|interface| interface.id.as_str()).collect();
    let finding = match overdue.is_empty() {
        true => finding,
        false => finding
            .shown_by(format!(
                "Reconcile should have deleted {} by now: its rounds fail, or have more to do than they can.",
                list(&overdue, LISTED)
            ))
            .say("See what a round does, and why it fails (docs/operations/reconcile.md):")
            .run(["hookline", "reconcile"]),
    };
    let finding = match leaked
        .iter()
        .any(|interface| interface.deleted_by.is_some())
    {
        true => finding.say("Reconcile deletes them at the times above. To delete them now:"),
        false => finding.say("No round of reconcile deletes them. To delete them:"),
    };
    Some(finding.run(release(&own)))
}

/// Advises to delete interfaces of others that are attached to nothing; the first of them by a
/// command.
pub(crate) fn delete_unattached(finding: Finding, ids: &[&str]) -> Finding {
    const NAMED: usize = 3;
    let finding = finding.say(format!(
        "{} of others there. If nobody needs them, delete them, as in:",
        count(
            ids.len(),
            "unattached interface is",
            "unattached interfaces are"
        )
    ));
    let named = ids.iter().take(NAMED);
    named.fold(finding, |finding, id| finding.run(delete(id)))
}

/// The command that deletes unattached interfaces of this deployment: as many as a line may name.
pub(crate) fn release(ids: &[&str]) -> Vec<String> {
    const NAMED: usize = 20;
    let named = ids.iter().take(NAMED).copied();
    let words = ["hookline", "release"].into_iter().chain(named);
    words.chain(["--yes"]).map(str::to_owned).collect()
}

/// The command that deletes an unattached interface of others.
fn delete(id: &str) -> Vec<String> {
    [
        "aws",
        "ec2",
        "delete-network-interface",
        "--network-interface-id",
        id,
    ]
    .map(str::to_owned)
    .to_vec()
}

#[cfg(test)]
#[path = "interfaces_tests.rs"]
mod tests;
