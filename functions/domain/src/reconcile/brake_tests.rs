use serde_json::{Value, json};

use super::*;
use crate::fixtures::four_slots;

const ERROR: &str = "Hookline.ResourceNotFound";

fn braked(at: &str, resumed_at: Option<&str>) -> Marks {
    let mut tags = BTreeMap::from([
        (own::BRAKED_AT.to_owned(), at.to_owned()),
        (own::BRAKED_BY.to_owned(), ERROR.to_owned()),
        (own::BRAKED_PROFILE.to_owned(), "upf".to_owned()),
    ]);
    tags.extend(resumed_at.map(|at| (own::RESUMED_AT.to_owned(), at.to_owned())));
    Marks::read(&tags)
}

fn found() -> LaunchLoop {
    LaunchLoop {
        group: "upf".to_owned(),
        profile: "upf".to_owned(),
        error: ERROR.to_owned(),
        generations: 3,
        since: 1,
        decided_from: 1_000,
    }
}

#[test]
fn brake_holds_while_the_process_is_suspended_and_nobody_has_resumed_it() {
    let marks = braked("100", None);
    let brake = Brake {
        at: 100,
        error: ERROR.to_owned(),
        profile: "upf".to_owned(),
    };
    assert_eq!(marks.holds(true), Some(&brake));
    assert_eq!(marks.was_released(true), None);
    assert_eq!(marks.holds(false), None);
    assert_eq!(marks.was_released(false), Some(&brake));
}

#[test]
fn group_tells_its_brake_by_its_tags_and_its_process() {
    let group = |launch_is_suspended| GroupState {
        name: "upf".to_owned(),
        may_lack_instances: true,
        launch_is_suspended,
        marks: braked("100", None),
    };
    let at = |brake: Option<&Brake>| brake.map(|brake| brake.at);
    let (held, released) = (group(true), group(false));
    assert_eq!((at(held.brake()), at(held.released())), (Some(100), None));
    let of_released = (at(released.brake()), at(released.released()));
    assert_eq!(of_released, (None, Some(100)));
}

#[test]
fn brake_before_a_resume_is_over_and_a_later_one_is_not() {
    let over = braked("100", Some("100"));
    assert_eq!((over.holds(true), over.was_released(false)), (None, None));
    assert!(braked("101", Some("100")).holds(true).is_some());
}

#[test]
fn launches_count_from_the_last_brake_or_resume() {
    assert_eq!(braked("100", None).counts_from(), Some(100));
    assert_eq!(braked("100", Some("200")).counts_from(), Some(200));
    assert_eq!(braked("300", Some("200")).counts_from(), Some(300));
    assert_eq!(Marks::default().counts_from(), None);
}

#[test]
fn failure_with_another_profile_does_not_count_and_its_brake_is_no_matter() {
    let mut value = crate::fixtures::profile();
    let active = ProfileInput {
        profile: Profile::read(value.clone()).unwrap(),
        value: value.clone(),
    };
    let profiles = Profiles {
        active: vec![active],
        retired: Vec::new(),
    };
    let launch = |profile_value: &Value, end: LaunchEnd| EndedLaunch {
        group: "upf".to_owned(),
        profile: "upf".to_owned(),
        profile_value: profile_value.clone(),
        began_at: 1_000,
        ended_at: 2_000,
        end,
    };
    let failed = || LaunchEnd::Abandoned(ERROR.to_owned());
    assert!(counts(&launch(&value, failed()), &profiles));
    value["brake"] = json!(true);
    assert!(counts(&launch(&value, failed()), &profiles));
    // What is its default says nothing.
    value["hook"]["complete"] = json!(true);
    assert!(counts(&launch(&value, failed()), &profiles));
    value["slots"][0]["subnetIds"] = json!(["subnet-0badbadbadbadbad0"]);
    assert!(!counts(&launch(&value, failed()), &profiles));
    assert!(counts(&launch(&value, LaunchEnd::Continued), &profiles));
}

#[test]
fn tag_that_is_no_time_is_no_brake() {
    for at in ["", "yesterday", "1.5"] {
        assert_eq!(braked(at, None).brake, None, "{at}");
    }
}

#[test]
fn tags_of_a_brake_are_read_as_they_are_written() {
    let mut tags = brake_tags(&found(), 100);
    assert_eq!(Marks::read(&tags), braked("100", None));
    tags.extend(resume_tags(200));
    assert_eq!(Marks::read(&tags), braked("100", Some("200")));
}

#[test]
fn only_an_active_profile_with_a_brake_whose_hook_is_completed_brakes() {
    let profiles = |change: fn(&mut crate::profile::Profile), retired: bool| {
        let mut profile = four_slots();
        profile.brake = true;
        change(&mut profile);
        let input = vec![ProfileInput {
            value: json!({}),
            profile,
        }];
        match retired {
            true => Profiles {
                retired: input,
                ..Profiles::default()
            },
            false => Profiles {
                active: input,
                ..Profiles::default()
            },
        }
    };
    let name = four_slots().name;
    let asks = |profiles: &Profiles| (is_watched(&name, profiles), has_brake(&name, profiles));
    assert_eq!(asks(&profiles(|_| (), false)), (true, true));
    assert_eq!(asks(&profiles(|it| it.brake = false, false)), (true, false));
    assert_eq!(asks(&profiles(|_| (), true)), (false, false));
    assert_eq!(
        asks(&profiles(|it| it.hook.complete = false, false)),
        (false, false)
    );
    assert_eq!(
        asks(&profiles(|it| it.name = "another".to_owned(), false)),
        (false, false)
    );
}
