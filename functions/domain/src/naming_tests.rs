//! Which nodes of an event are looked up and tagged, and which error decides.

use serde_json::{Value, json};

use super::*;
use crate::fixtures::{facts, instance};

fn profile(change: impl FnOnce(&mut Value)) -> NamingProfile {
    let mut value = json!({
        "name": "plain",
        "selector": {"autoScalingGroupNames": ["upf"]},
        "nodeTags": {"Name": "node-{{ az }}"},
    });
    change(&mut value);
    NamingProfile::read(value).unwrap()
}

fn launched(details: Option<LaunchDetails>) -> LaunchedInstance {
    LaunchedInstance {
        id: facts().instance_id,
        group: Some("upf".to_owned()),
        region: "us-west-2".to_owned(),
        details,
    }
}

fn details() -> LaunchDetails {
    LaunchDetails {
        facts: facts(),
        interfaces: vec![("eni-00000001".parse().unwrap(), Tags::new())],
    }
}

#[test]
fn instance_is_looked_up_only_if_the_event_does_not_say_enough() {
    type Change = fn(&mut Value);
    let cases: [(Change, bool); 5] = [
        (|_| (), false),
        (|p| p["existingTags"] = json!("keep"), true),
        (|p| p["volumeTags"] = json!({"k": "v"}), true),
        (|p| p["interfaceTags"] = json!({"k": "v"}), false),
        (
            |p| p["nodeTags"]["Dns"] = json!("{{ private_dns_name }}"),
            true,
        ),
    ];
    for (change, expected) in cases {
        let profile = profile(change);
        let first = Namer::new(&profile, false);
        assert_eq!(
            first.must_look_up(Some(&details())),
            expected,
            "{profile:?}"
        );
        assert!(first.must_look_up(None));
        assert!(Namer::new(&profile, true).must_look_up(Some(&details())));
    }
    let with_interface_tags = profile(|p| p["interfaceTags"] = json!({"k": "v"}));
    let without_interfaces = LaunchDetails {
        interfaces: Vec::new(),
        ..details()
    };
    assert!(Namer::new(&with_interface_tags, false).must_look_up(Some(&without_interfaces)));
}

#[test]
fn event_without_tags_leaves_a_tag_selector_open() {
    let by_tag = profile(|p| p["selector"] = json!({"tag": {"key": "Env", "value": "prod"}}));
    let by_group = profile(|p| p["selector"] = json!({"autoScalingGroupNames": ["smf"]}));
    assert!(Namer::new(&by_tag, false).may_cover(&launched(None)));
    assert!(!Namer::new(&by_tag, false).may_cover(&launched(Some(details()))));
    assert!(!Namer::new(&by_group, false).may_cover(&launched(None)));
    let candidate = Candidate {
        launched: launched(None),
        found: Some(instance()),
    };
    assert!(!Namer::new(&by_tag, false).covers(&candidate));
}

#[test]
fn node_is_tagged_by_the_event_alone() {
    let profile = profile(|p| p["interfaceTags"] = json!({"k": "v"}));
    let candidate = Candidate {
        launched: launched(Some(details())),
        found: None,
    };
    let tagging = Namer::new(&profile, false)
        .prepare(candidate, &BTreeMap::new())
        .unwrap()
        .unwrap();
    assert_eq!(tagging.name.as_deref(), Some("node-us-west-2a"));
    assert_eq!(tagging.calls.len(), 2);
    assert_eq!(tagging.done().outcome, NodeOutcome::Tagged);
}

#[test]
fn node_with_right_tags_is_unchanged_and_an_ending_one_is_gone() {
    let profile = profile(|_| ());
    let namer = Namer::new(&profile, true);
    let prepare = |found: Option<Instance>| {
        let launched = launched(Some(details()));
        namer.prepare(Candidate { launched, found }, &BTreeMap::new())
    };
    let mut right = instance();
    right
        .tags
        .insert(NAME.to_owned(), "node-us-west-2a".to_owned());
    let tagging = prepare(Some(right)).unwrap().unwrap();
    assert_eq!(tagging.done().outcome, NodeOutcome::Unchanged);
    let ending = Instance {
        state: "terminated".to_owned(),
        ..instance()
    };
    assert!(prepare(Some(ending)).unwrap().is_none());
    let error = prepare(None).unwrap_err();
    assert_eq!(error.error_type(), "Hookline.InstanceNotFoundYet");
}

#[test]
fn transient_error_decides_and_at_most_20_failures_are_reported() {
    let failure = |error: Error| NamingFailure {
        instance: Some(facts().instance_id),
        error,
    };
    let lasting = failure(Error::HookNotOurs);
    let transient = failure(Error::Throttled {
        action: "CreateTags",
        code: "RequestLimitExceeded".to_owned(),
    });
    assert_eq!(invocation_error(&[], 1), None);
    let single = invocation_error(std::slice::from_ref(&lasting), 1);
    assert_eq!(single, Some(Error::HookNotOurs));
    let failures = [vec![lasting; 29], vec![transient]].concat();
    let Some(error @ Error::NodesNotNamed { .. }) = invocation_error(&failures, 31) else {
        panic!("an error for all nodes");
    };
    assert_eq!(error.error_type(), "Hookline.Throttled");
    let Error::NodesNotNamed { failures, of, .. } = error else {
        unreachable!()
    };
    assert_eq!((failures.len(), of), (20, 31));
}

#[test]
fn node_is_covered_by_what_ec2_says_of_it_and_else_by_the_event() {
    let by_group = profile(|_| ());
    let namer = Namer::new(&by_group, false);
    let candidate = |group: &str, found: Option<Instance>| Candidate {
        launched: LaunchedInstance {
            group: Some(group.to_owned()),
            ..launched(None)
        },
        found,
    };
    assert!(namer.covers(&candidate("upf", Some(instance()))));
    assert!(!namer.covers(&candidate("smf", Some(instance()))));
    // The event has been matched before.
    assert!(namer.covers(&candidate("upf", None)));
}

#[test]
fn devices_of_live_instances_are_looked_up() {
    let profile = profile(|p| p["volumeTags"] = json!({"k": "v"}));
    let candidate = |state: &str, volume: &str| Candidate {
        launched: launched(None),
        found: Some(Instance {
            state: state.to_owned(),
            volumes: vec![volume.parse().unwrap()],
            ..instance()
        }),
    };
    let not_found = Candidate {
        launched: launched(None),
        found: None,
    };
    let candidates = [
        candidate("running", "vol-00000001"),
        candidate("terminated", "vol-00000002"),
        not_found,
        candidate("pending", "vol-00000003"),
    ];
    assert_eq!(
        Namer::new(&profile, false).devices(&candidates),
        ["vol-00000001", "vol-00000003"]
    );
}

#[test]
fn node_whose_tags_ec2_does_not_show_yet_is_looked_up_again() {
    let by_tag = profile(|p| p["selector"] = json!({"tag": {"key": "Env", "value": "prod"}}));
    let by_group = profile(|_| ());
    let without_tags = |group: Option<&str>, state: &str| Candidate {
        launched: LaunchedInstance {
            group: group.map(str::to_owned),
            ..launched(None)
        },
        found: Some(Instance {
            state: state.to_owned(),
            // A tag of the launch template. Auto Scaling's are not there yet.
            tags: Tags::from([("Team".to_owned(), "core".to_owned())]),
            ..instance()
        }),
    };
    for (profile, group) in [(&by_tag, Some("upf")), (&by_tag, None), (&by_group, None)] {
        let namer = Namer::new(profile, false);
        let candidate = without_tags(group, "running");
        assert!(namer.may_cover(&candidate.launched));
        assert!(namer.covers(&candidate));
        let error = namer.prepare(candidate, &BTreeMap::new()).unwrap_err();
        assert_eq!(error.error_type(), "Hookline.InstanceNotFoundYet");
        let gone = namer.prepare(without_tags(group, "terminated"), &BTreeMap::new());
        assert!(gone.unwrap().is_none());
    }
    // The event says that the instance is of another group.
    assert!(!Namer::new(&by_group, false).covers(&without_tags(Some("smf"), "running")));
}

#[test]
fn group_that_the_event_does_not_say_is_that_of_the_instance() {
    let profile = profile(|p| p["nodeTags"]["Name"] = json!("{{ asg }}"));
    let candidate = |group: &str| {
        let mut found = instance();
        found.tags.insert(GROUP_TAG.to_owned(), group.to_owned());
        Candidate {
            launched: LaunchedInstance {
                group: None,
                ..launched(None)
            },
            found: Some(found),
        }
    };
    let namer = Namer::new(&profile, false);
    assert!(!namer.covers(&candidate("smf")));
    assert!(namer.covers(&candidate("upf")));
    let tagging = namer.prepare(candidate("upf"), &BTreeMap::new()).unwrap();
    assert_eq!(tagging.unwrap().name.as_deref(), Some("upf"));
}
