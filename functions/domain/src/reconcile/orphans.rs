//! Orphaned interfaces: Hookline created them, they are unattached, and no execution uses them.
//!
//! A listing may be stale, so one is no proof. The first round that finds an orphaned interface
//! only tags it with the time. A later round deletes it if it has been orphaned for long enough
//! (invariants I2 and I4).

use std::collections::BTreeSet;

use super::limits::Limits;
use crate::deployment::{Deployment, Owner};
use crate::ids::{InstanceId, NetworkInterfaceId};
use crate::interface::Interface;
use crate::tags::own;

/// The tag that says since when an interface is orphaned, in seconds since the epoch.
pub const ORPHANED_SINCE: &str = "hookline:unowned-since";

/// What a round does about orphaned interfaces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrphanActions {
    /// Orphaned for the first time: these get the tag.
    pub mark: Vec<NetworkInterfaceId>,
    /// No longer orphaned: these lose the tag.
    pub unmark: Vec<NetworkInterfaceId>,
    /// Orphaned for long enough: these are deleted, the longest orphaned first.
    pub delete: Vec<NetworkInterfaceId>,
    /// The same, beyond the limit of one round.
    pub skipped: Vec<NetworkInterfaceId>,
    /// Orphaned, but no tag says of which deployment ([`Owner::Untagged`]): only a person can tell
    /// whether they are in use.
    pub untagged: Vec<NetworkInterfaceId>,
}

/// Whether the interface may be orphaned. Then it must be known which executions run.
#[must_use]
pub fn may_be_orphaned(interface: &Interface) -> bool {
    instance(interface).is_some() && !is_attached(interface)
}

/// Decides about the interfaces of a deployment, and about those of which no tag says whose they
/// are.
///
/// An attached interface is never orphaned, on whichever instance it is. EC2 may still delete it
/// with the instance. An unattached interface is orphaned unless an execution for its instance
/// runs. Whether the instance still exists makes no difference.
#[must_use]
pub fn decide(
    deployment: &Deployment,
    interfaces: &[Interface],
    in_progress: &BTreeSet<InstanceId>,
    now: i64,
    limits: Limits,
) -> OrphanActions {
    let mut actions = OrphanActions::default();
    let mut due = Vec::new();
    for interface in interfaces {
        let Some(instance) = instance(interface) else {
            continue;
        };
        match deployment.owner(&interface.tags) {
            Owner::This => {}
            Owner::Untagged => {
                let is_orphaned =
                    interface.status == "available" && !in_progress.contains(&instance);
                if is_orphaned {
                    actions.untagged.push(interface.id.clone());
                }
                continue;
            }
            Owner::Another | Owner::Nobody => continue,
        }
        let tag = interface.tags.get(ORPHANED_SINCE);
        if is_attached(interface) || in_progress.contains(&instance) {
            if tag.is_some() {
                actions.unmark.push(interface.id.clone());
            }
            continue;
        }
        // It is being created, attached or detached. The next round decides.
        if interface.status != "available" {
            continue;
        }
        match tag.and_then(|since| since.parse::<i64>().ok()) {
            Some(since) if now.saturating_sub(since) >= limits.orphaned_seconds => {
                due.push((since, interface.id.clone()));
            }
            // A time in the future is no mark of a round, and is replaced below.
            Some(since) if since <= now => {}
            _ => actions.mark.push(interface.id.clone()),
        }
    }
    due.sort();
    actions.delete = due.into_iter().map(|(_, id)| id).collect();
    actions.skipped = actions
        .delete
        .split_off(limits.deletes_per_round.min(actions.delete.len()));
    actions
}

/// The instance that the interface was created for; `None` if Hookline did not create it.
fn instance(interface: &Interface) -> Option<InstanceId> {
    interface.tags.get(own::INSTANCE_ID)?.parse().ok()
}

/// Whether it is attached, attaching or detaching. EC2 may show an attachment that is `detached`.
fn is_attached(interface: &Interface) -> bool {
    interface
        .attachment
        .as_ref()
        .is_some_and(|on| on.status != "detached")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::interface::Attachment;

    const OWNER: &str = "i-0123456789abcdef0";
    const NOW: i64 = 10_000;

    fn interface(n: u32, since: Option<&str>) -> Interface {
        let mut tags = BTreeMap::from([
            (own::INSTANCE_ID.to_owned(), OWNER.to_owned()),
            (own::DEPLOYMENT.to_owned(), "core".to_owned()),
        ]);
        if let Some(since) = since {
            tags.insert(ORPHANED_SINCE.to_owned(), since.to_owned());
        }
        Interface {
            id: format!("eni-{n:017x}").parse().unwrap(),
            subnet_id: "subnet-00000000".parse().unwrap(),
            availability_zone: "us-west-2a".to_owned(),
            status: "available".to_owned(),
            attachment: None,
            security_group_ids: BTreeSet::new(),
            private_ip_addresses: Vec::new(),
            prefixes: Vec::new(),
            ipv6_addresses: Vec::new(),
            ipv6_prefixes: Vec::new(),
            source_dest_check: true,
            description: String::new(),
            tags,
        }
    }

    fn on(mut interface: Interface, instance: &str, status: &str) -> Interface {
        interface.status = "in-use".to_owned();
        interface.attachment = Some(Attachment {
            id: "eni-attach-0".to_owned(),
            instance_id: Some(instance.parse().unwrap()),
            device_index: 1,
            network_card: 0,
            status: status.to_owned(),
            delete_on_termination: false,
            since: None,
        });
        interface
    }

    fn decide_for_core(interfaces: &[Interface], in_progress: &[&str]) -> OrphanActions {
        let core = Deployment::read("core").unwrap();
        let in_progress = in_progress.iter().map(|id| id.parse().unwrap()).collect();
        decide(&core, interfaces, &in_progress, NOW, Limits::default())
    }

    fn actions(interfaces: &[Interface]) -> OrphanActions {
        decide_for_core(interfaces, &[])
    }

    #[test]
    fn interface_orphaned_for_the_first_time_is_only_marked() {
        let one = interface(1, None);
        assert!(may_be_orphaned(&one));
        let expected = OrphanActions {
            mark: vec![one.id.clone()],
            ..OrphanActions::default()
        };
        assert_eq!(actions(&[one]), expected);
    }

    #[test]
    fn interface_is_deleted_after_ten_minutes() {
        assert_eq!(
            actions(&[interface(1, Some("9401"))]),
            OrphanActions::default()
        );
        assert_eq!(actions(&[interface(1, Some("9400"))]).delete.len(), 1);
    }

    #[test]
    fn invalid_time_is_replaced() {
        for since in ["", "yesterday", "2026-01-01T00:00:00Z", "10001"] {
            assert_eq!(
                actions(&[interface(1, Some(since))]).mark.len(),
                1,
                "{since}"
            );
        }
        let longest = i64::MIN.to_string();
        assert_eq!(actions(&[interface(1, Some(&longest))]).delete.len(), 1);
    }

    #[test]
    fn interface_in_use_only_loses_the_tag() {
        let marked = || interface(1, Some("1"));
        let other = "i-0fedcba9876543210";
        for owned in [
            on(marked(), OWNER, "attached"),
            on(marked(), OWNER, "attaching"),
            on(marked(), OWNER, "detaching"),
            on(marked(), other, "attached"),
        ] {
            assert!(!may_be_orphaned(&owned));
            let expected = OrphanActions {
                unmark: vec![owned.id.clone()],
                ..OrphanActions::default()
            };
            assert_eq!(actions(&[owned]), expected);
        }
        let decided = decide_for_core(&[marked()], &[OWNER]);
        assert_eq!((decided.unmark.len(), decided.delete.len()), (1, 0));
        assert_eq!(
            actions(&[on(interface(1, None), OWNER, "attached")]),
            OrphanActions::default()
        );
    }

    #[test]
    fn interface_that_is_changing_or_of_others_is_skipped() {
        let mut pending = interface(1, Some("1"));
        pending.status = "pending".to_owned();
        let mut untagged = interface(2, Some("1"));
        untagged.tags.remove(own::INSTANCE_ID);
        let mut foreign = interface(3, Some("1"));
        foreign
            .tags
            .insert(own::INSTANCE_ID.to_owned(), "mine".to_owned());
        assert!(!may_be_orphaned(&untagged));
        assert_eq!(
            actions(&[pending, untagged, foreign]),
            OrphanActions::default()
        );
    }

    #[test]
    fn interface_of_another_deployment_is_left_alone() {
        let of = |deployment: &str, mut interface: Interface| {
            let deployment = deployment.to_owned();
            interface
                .tags
                .insert(own::DEPLOYMENT.to_owned(), deployment);
            interface
        };
        assert_eq!(
            actions(&[of("core", interface(1, Some("1")))]).delete.len(),
            1
        );
        let others = [
            of("core-2", interface(1, Some("1"))),
            of("core-2", interface(2, None)),
            of("core-2", on(interface(3, Some("1")), OWNER, "attached")),
        ];
        assert_eq!(actions(&others), OrphanActions::default());
    }

    #[test]
    fn orphaned_interface_without_a_deployment_is_only_reported() {
        let untagged = |n: u32, since| {
            let mut interface = interface(n, since);
            interface.tags.remove(own::DEPLOYMENT);
            interface
        };
        let interfaces = [
            untagged(1, None),
            untagged(2, Some("1")),
            on(untagged(3, Some("1")), OWNER, "attached"),
        ];
        let expected = OrphanActions {
            untagged: vec![interfaces[0].id.clone(), interfaces[1].id.clone()],
            ..OrphanActions::default()
        };
        assert_eq!(actions(&interfaces), expected);
        let during_its_launch = decide_for_core(&interfaces, &[OWNER]);
        assert_eq!(during_its_launch, OrphanActions::default());
    }

    #[test]
    fn round_deletes_the_longest_orphaned_up_to_its_limit() {
        let interfaces: Vec<_> = (0..60)
            .map(|n| interface(n, Some(&(1000 - i64::from(n)).to_string())))
            .collect();
        let decided = actions(&interfaces);
        assert_eq!((decided.delete.len(), decided.skipped.len()), (50, 10));
        assert_eq!(decided.delete.first(), Some(&interfaces[59].id));
        assert_eq!(decided.skipped.last(), Some(&interfaces[0].id));
    }
}
