//! Which interfaces are missing, and which are left.

use super::*;
use crate::fixtures::{NOW, fleet, id, interface};
use crate::judge::Remedy;

fn lacking_nodes(fleet: &Fleet) -> Vec<String> {
    let finding = nodes_that_lack(fleet, &fleet.groups[0]);
    finding.map(|finding| finding.ids).unwrap_or_default()
}

#[test]
fn node_that_lacks_an_interface_is_found() {
    let mut fleet = fleet()
        .with(1, "InService", 600)
        .with(2, "Pending:Wait", 600);
    fleet.interfaces = vec![interface(1, 1, "signaling", Some(1))];
    assert_eq!(lacking_nodes(&fleet), [id(1).to_string()]);
    fleet
        .interfaces
        .push(interface(2, 1, "user-plane", Some(2)));
    assert_eq!(lacking_nodes(&fleet), Vec::<String>::new());
}

#[test]
fn node_that_may_be_older_than_its_profile_is_told_as_that() {
    let mut fleet = fleet().with(1, "InService", 600).with(2, "InService", 300);
    let evidence = |fleet: &Fleet| {
        let finding = nodes_that_lack(fleet, &fleet.groups[0]).unwrap();
        (finding.ids.len(), finding.evidence.join(" "))
    };
    let (nodes, says) = evidence(&fleet);
    assert!(
        nodes == 2 && says.starts_with("2 nodes may be older"),
        "{says}"
    );
    // The first node's interfaces show what the profile was when the second was launched.
    for (n, network) in [(1, "signaling"), (2, "user-plane")] {
        let mut of_first = interface(n, 1, network, Some(n));
        let tags = &mut of_first.interface.tags;
        tags.insert(own::AUTO_SCALING_GROUP.to_owned(), "upf".to_owned());
        let on = of_first.interface.attachment.as_mut().unwrap();
        on.since = Some(NOW - 400);
        fleet.interfaces.push(of_first);
    }
    assert_eq!(evidence(&fleet), (1, String::new()));
}

#[test]
fn node_that_an_execution_works_on_is_left_alone() {
    let fleet = fleet()
        .with(1, "InService", 600)
        .with_execution(1, "RUNNING", None);
    assert_eq!(lacking_nodes(&fleet), Vec::<String>::new());
}

fn left(fleet: &Fleet) -> Vec<Leaked> {
    leaked(fleet, &BTreeSet::from([id(2)]))
}

#[test]
fn unattached_interface_that_no_launch_needs_is_left_until_reconcile_deletes_it() {
    let mut fleet = fleet();
    fleet.interfaces = vec![
        interface(1, 1, "signaling", None),
        interface(2, 2, "signaling", None),
        interface(3, 3, "signaling", Some(1)),
    ];
    let found = left(&fleet);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].instance, id(1).to_string());
    // A round marks it within five minutes, and the first one after ten more deletes it.
    assert_eq!(
        (found[0].seen_at, found[0].deleted_by),
        (None, Some(NOW + 300 + 600 + 300))
    );

    let tags = &mut fleet.interfaces[0].interface.tags;
    tags.insert(ORPHANED_SINCE.to_owned(), (NOW - 100).to_string());
    let found = left(&fleet);
    assert_eq!(found[0].seen_at, Some(NOW - 100));
    assert_eq!(found[0].deleted_by, Some(NOW + 500 + 300));
    assert!(!found[0].overdue);
}

#[test]
fn interface_that_reconcile_should_have_deleted_is_told_as_overdue() {
    let mut fleet = fleet();
    fleet.interfaces = vec![interface(1, 1, "signaling", None)];
    // Ten minutes after the mark, and a round of five.
    let mut marked = |ago: i64| {
        let tags = &mut fleet.interfaces[0].interface.tags;
        tags.insert(ORPHANED_SINCE.to_owned(), (NOW - ago).to_string());
        left(&fleet)
    };
    assert!(!marked(1_200)[0].overdue);
    let late = marked(1_201);
    assert_eq!(
        (late[0].deleted_by, late[0].overdue),
        (Some(NOW - 301), true)
    );
    let finding = interfaces_left(&late, 0).unwrap();
    assert!(
        finding.evidence[0].contains("should have deleted eni-"),
        "{finding:?}"
    );
    assert!(
        finding
            .remedy
            .contains(&Remedy::run(["hookline", "reconcile"])),
        "{finding:?}"
    );
}

#[test]
fn no_round_deletes_an_interface_where_reconcile_is_disabled() {
    let mut fleet = fleet();
    fleet.interfaces = vec![interface(1, 1, "signaling", None)];
    fleet.deployment.reconcile[0].enabled = false;
    let found = left(&fleet);
    assert_eq!(found[0].deleted_by, None);
    let finding = interfaces_left(&found, 0).unwrap();
    assert!(
        finding
            .remedy
            .iter()
            .any(|remedy| *remedy == Remedy::run(["hookline", "release", &found[0].id, "--yes"])),
        "{finding:?}"
    );
    assert_eq!(interfaces_left(&[], 0), None);
    // An execution whose instance is not known may use it.
    let unsure = interfaces_left(&found, 1).unwrap();
    let commands = |finding: &Finding| {
        finding
            .remedy
            .iter()
            .filter(|it| !matches!(it, Remedy::Do(_)))
            .count()
    };
    assert_eq!((commands(&finding), commands(&unsure)), (1, 0));
}

#[test]
fn interface_without_a_deployments_tag_is_told_and_never_deleted() {
    let mut fleet = fleet();
    fleet.interfaces = vec![interface(1, 1, "signaling", None)];
    fleet.interfaces[0].interface.tags.remove(own::DEPLOYMENT);
    let found = left(&fleet);
    assert_eq!(
        (found[0].deployment.as_ref(), found[0].deleted_by),
        (None, None)
    );
    let finding = interfaces_left(&found, 0).unwrap();
    assert!(
        finding.evidence[0].starts_with("No tag says which deployment created"),
        "{finding:?}"
    );
    // `release` refuses it, as reconcile does.
    assert_eq!(
        finding.remedy.last(),
        Some(&Remedy::run(["hookline", "migrate", "--yes"]))
    );
}
