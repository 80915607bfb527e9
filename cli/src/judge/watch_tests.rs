//! How launches stand, by what Describe calls show.

use super::*;
use crate::fixtures::{NOW, fleet, id, interface};

/// The fleet with an instance that has the tags of its group and its name.
fn with(fleet: Fleet, n: u32, lifecycle_state: &str, age: i64) -> Fleet {
    let mut fleet = fleet.with(n, lifecycle_state, age);
    let tags = [
        (crate::observe::GROUP_TAG, "upf".to_owned()),
        ("Name", format!("upf-{n}")),
    ];
    let seen = fleet.instances.get_mut(&id(n)).unwrap();
    seen.instance
        .tags
        .extend(tags.map(|(key, value)| (key.to_owned(), value)));
    fleet
}

fn only(fleet: &Fleet) -> LaunchNow {
    let watched = of(fleet, &[]);
    assert_eq!(watched.launches.len(), 1, "{watched:?}");
    watched.launches[0].clone()
}

#[test]
fn launch_is_in_the_state_that_its_interfaces_show() {
    let waits = || with(fleet(), 1, "Pending:Wait", 60);
    // Its turn has come, and nothing is created yet.
    assert_eq!(only(&waits()).state, State::Creating);
    let mut created = waits();
    created.interfaces = vec![
        interface(1, 1, "signaling", None),
        interface(2, 1, "user-plane", None),
    ];
    let launch = only(&created);
    assert_eq!(
        (launch.state, launch.interfaces),
        (State::Attaching, Some((0, 2)))
    );
    created.interfaces[0] = interface(1, 1, "signaling", Some(1));
    assert_eq!(only(&created).interfaces, Some((1, 2)));
    // Those of another launch do not count.
    created.interfaces[0] = interface(1, 2, "signaling", Some(1));
    assert_eq!(only(&created).interfaces, Some((0, 2)));
    let proceeds = with(fleet(), 1, "Pending:Proceed", 60);
    assert_eq!(only(&proceeds).state, State::Proceeding);
    let pending = with(fleet(), 1, "Pending", 2);
    assert_eq!(only(&pending).state, State::Starting);
}

#[test]
fn launches_of_a_burst_wait_for_their_turn_in_the_order_of_the_queue() {
    let mut many = fleet();
    for n in 1..=60 {
        many = with(many, n, "Pending:Wait", 2);
        let seen = many.instances.get_mut(&id(n)).unwrap();
        seen.instance.marked_at = Some(seen.instance.launched_at);
    }
    let watched = of(&many, &[]);
    assert_eq!(watched.launches[0].ahead, None, "its turn has come");
    let last = watched.launches.last().unwrap();
    assert_eq!(last.state, State::Waiting);
    assert_eq!((last.node.as_str(), last.ahead), ("upf-60", Some(59)));
    assert!(last.turn_in > Some(10), "{last:?}");
    let ahead: Vec<_> = watched.launches.iter().map(|it| it.ahead).collect();
    assert!(ahead.is_sorted(), "{ahead:?}");
    assert_eq!(
        watched.groups,
        [GroupNow {
            name: "upf".to_owned(),
            wanted: 60,
            in_service: 0,
            launching: 60,
            into_pool: 0,
        }]
    );
}

#[test]
fn launches_of_a_large_burst_wait_to_be_tagged_first() {
    let mut many = fleet();
    for n in 1..=150 {
        many = with(many, n, "Pending:Wait", 2);
    }
    let watched = of(&many, &[]);
    let last = watched.launches.last().unwrap();
    assert_eq!(
        (last.node.as_str(), last.state),
        ("upf-150", State::Untagged)
    );
    // 120 behind those that go at once, eight a second.
    assert_eq!(last.ahead, Some(149));
    assert!((9..20).contains(&last.turn_in.unwrap()), "{last:?}");
    // Once it has its tags, it waits for its turn to get interfaces.
    let seen = many.instances.get_mut(&id(150)).unwrap();
    seen.instance.marked_at = Some(NOW);
    let watched = of(&many, &[]);
    let tagged = watched.launches.iter().find(|it| it.node == "upf-150");
    assert_eq!(tagged.unwrap().state, State::Waiting);
    // It comes before those that are not tagged yet, though they began before it.
    let untagged = |launch: &LaunchNow| launch.state == State::Untagged;
    let tagged = watched.launches.iter().take_while(|it| !untagged(it));
    let tagged: Vec<&str> = tagged.map(|it| it.node.as_str()).collect();
    assert!(tagged.contains(&"upf-150"), "{tagged:?}");
    assert!(watched.launches.iter().any(untagged));
    // A launch into a warm pool comes at the pool's pace.
    let mut pooled = many.with_launch_into_pool(151, "Warmed:Pending:Wait", 2);
    let seen = pooled.instances.get_mut(&id(151)).unwrap();
    let tags = &mut seen.instance.tags;
    tags.insert(crate::observe::GROUP_TAG.to_owned(), "upf".to_owned());
    let watched = of(&pooled, &[]);
    let into_pool = watched
        .launches
        .iter()
        .find(|it| it.node == id(151).to_string());
    assert_ne!(into_pool.unwrap().state, State::Untagged);
}

#[test]
fn hook_ends_at_the_earliest_its_timeout_after_the_launch_began() {
    // The hook of the fixtures has 1,800 s.
    let launch = only(&with(fleet(), 1, "Pending:Wait", 60));
    assert_eq!(launch.deadline, Some(NOW + 1_740));
    // No hook holds these.
    for state in ["Pending", "Pending:Proceed"] {
        assert_eq!(only(&with(fleet(), 1, state, 60)).deadline, None);
    }
}

#[test]
fn launch_that_ended_lately_is_shown_with_what_auto_scaling_says() {
    let ended = fleet()
        .with_launch(1, "Cancelled", 30)
        .with_launch(2, "Successful", 20)
        .with_launch(3, "Successful", 601);
    let launches = of(&ended, &[]).launches;
    let shown: Vec<_> = launches
        .iter()
        .map(|it| (it.node.clone(), it.state))
        .collect();
    assert_eq!(
        shown,
        [
            (id(2).to_string(), State::InService),
            (id(1).to_string(), State::Abandoned),
        ]
    );
    let message = launches[1].message.as_deref().unwrap_or_default();
    assert!(message.contains("failed to complete"), "{message}");
}

#[test]
fn launch_into_a_warm_pool_is_shown_until_it_is_there() {
    let waits = fleet().with_launch_into_pool(1, "Warmed:Pending:Wait", 60);
    let launch = only(&waits);
    assert_eq!(launch.state, State::Creating);
    assert_eq!(
        (launch.deadline, launch.interfaces),
        (Some(NOW + 1_740), Some((0, 2)))
    );
    let group = &of(&waits, &[]).groups[0];
    assert_eq!((group.launching, group.into_pool), (0, 1));
    let proceeds = fleet().with_launch_into_pool(1, "Warmed:Pending:Proceed", 60);
    assert_eq!(only(&proceeds).state, State::Proceeding);
    let mut there = fleet().with_launch(1, "Successful", 20);
    assert_eq!(only(&there).state, State::InService);
    there.groups[0].has_warm_pool = true;
    assert_eq!(only(&there).state, State::InWarmPool);
}

#[test]
fn group_that_no_profile_covers_has_no_interfaces_to_show() {
    let mut plain = fleet().with(1, "Pending:Wait", 60);
    plain.groups[0].name = "smf".to_owned();
    let launch = only(&plain);
    assert_eq!((launch.interfaces, launch.deadline), (None, None));
    assert_eq!(launch.node, id(1).to_string());
}

#[test]
fn trouble_names_its_group() {
    let finding = Finding::new(super::super::Kind::RuleDisabled, "The rule is disabled.");
    let watched = of(&fleet(), &[finding.clone().of_group("upf"), finding]);
    assert_eq!(
        watched.trouble,
        ["upf: The rule is disabled.", "The rule is disabled."]
    );
}

#[test]
fn activities_that_were_not_read_are_told() {
    let mut cut = fleet();
    cut.all_activities = false;
    let told = of(&cut, &[]).trouble;
    assert!(
        told[0].starts_with("Launches that ended lately"),
        "{told:?}"
    );
    assert!(of(&fleet(), &[]).trouble.is_empty());
}
