//! `TagNode` when something cannot be tagged: what is waited for, what a launch goes on without, and
//! what abandons it.

use std::time::Duration;

use hookline_domain::tags::own::LAUNCHED_AT;
use hookline_local::{Fault, FaultKind, Settings};
use hookline_testkit::calls::FunctionCalls as _;
use hookline_testkit::launch::{Launch, State};
use serde_json::{Value, json};

use crate::{failed, not_allowed, refusal};

/// A profile that tags volumes.
fn with_volume_tags(profile: &mut Value) {
    profile["volumeTags"] = json!({"Team": "core"});
}

#[tokio::test(start_paused = true)]
async fn volumes_not_shown_yet_are_waited_for() {
    let settings = Settings {
        volume_attach_for: Duration::from_secs(30),
        ..Settings::for_tests()
    };
    let mut launch = Launch::running_in(settings)
        .await
        .unwrap()
        .with_profile(with_volume_tags);
    failed(
        launch.run(State::TagNode).await,
        "Hookline.DevicesNotShownYet",
    );
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(launch.run(State::TagNode).await.unwrap()["next"], "WIRE");
}

/// The failures of tags that `$.node` has, and the instance's tags.
fn tag_failures(launch: &Launch, data: &Value) -> (Vec<String>, Vec<String>) {
    let failures = serde_json::from_value(data["node"]["tagFailures"].clone());
    let tags = launch.node().unwrap().tags.into_keys();
    (failures.unwrap_or_default(), tags.collect())
}

#[tokio::test(start_paused = true)]
async fn launch_goes_on_without_a_tag_that_its_node_cannot_have() {
    let mut launch = Launch::running().await.unwrap().with_profile(|profile| {
        profile["nodeTags"] = json!({"Name": "{{ tags['App'] }}", "zone": "{{ az }}"});
    });
    let data = launch.run(State::TagNode).await.unwrap();
    assert_eq!(data["next"], "WIRE");
    assert_eq!(data["node"]["name"], Value::Null);
    let (failures, tags) = tag_failures(&launch, &data);
    assert_eq!(failures.len(), 1);
    let says = "Hookline.InvalidTemplate: profile.nodeTags[\"Name\"]: line 1, column ";
    assert!(failures[0].starts_with(says), "{failures:?}");
    assert!(tags.contains(&"zone".to_owned()) && tags.contains(&LAUNCHED_AT.to_owned()));
}

#[tokio::test(start_paused = true)]
async fn launch_whose_tags_are_refused_is_marked_and_goes_on() {
    let refused = |code: &str| FaultKind::Error {
        status: 403,
        code: code.to_owned(),
        message: "no".to_owned(),
    };
    for (code, name) in [
        ("UnauthorizedOperation", "Hookline.AccessDenied"),
        ("TagPolicyViolation", "Hookline.AwsRefused"),
    ] {
        let mut launch = Launch::running().await.unwrap();
        let local = launch.scene.local.clone();
        local.inject(Fault::on("CreateTags", refused(code)).times(1));
        let data = launch.run(State::TagNode).await.unwrap();
        assert_eq!(data["next"], "WIRE");
        assert_eq!(data["node"]["name"], Value::Null, "the name was refused");
        let (failures, tags) = tag_failures(&launch, &data);
        assert!(
            failures[0].starts_with(&format!("{name}: CreateTags")),
            "{failures:?}"
        );
        assert!(tags.contains(&LAUNCHED_AT.to_owned()), "{tags:?}");

        // A profile that insists on its tags.
        let mut launch = Launch::running().await.unwrap();
        launch = launch.with_profile(|profile| profile["tagFailure"] = json!("abandon"));
        let local = launch.scene.local.clone();
        local.inject(Fault::on("CreateTags", refused(code)).times(1));
        failed(launch.run(State::TagNode).await, name);
    }
}

#[tokio::test(start_paused = true)]
async fn throttled_tags_are_tried_again() {
    let mut launch = Launch::running().await.unwrap();
    let local = launch.scene.local.clone();
    local.inject(Fault::on("CreateTags", FaultKind::Throttle).always());
    failed(launch.run(State::TagNode).await, "Hookline.Throttled");
}

#[tokio::test(start_paused = true)]
async fn throttled_look_is_left_to_the_state_machine() {
    // Hundreds of launches may begin in a process each. Their next looks must not come within the
    // second.
    let mut launch = Launch::running().await.unwrap();
    let local = launch.scene.local.clone();
    local.inject(Fault::on("DescribeInstances", FaultKind::Throttle).always());
    let mark = launch.mark();
    failed(launch.run(State::TagNode).await, "Hookline.Throttled");
    let looks = launch.actions_since(mark);
    assert_eq!(looks["DescribeInstances"], 1, "{looks:?}");
}

#[tokio::test(start_paused = true)]
async fn look_that_fails_otherwise_is_made_again_within_the_function() {
    for fault in [FaultKind::InternalError, FaultKind::ResetBefore] {
        let mut launch = Launch::running().await.unwrap();
        let local = launch.scene.local.clone();
        local.inject(Fault::on("DescribeInstances", fault.clone()).times(1));
        let mark = launch.mark();
        launch.run(State::TagNode).await.unwrap();
        let looks = launch.actions_since(mark);
        assert_eq!(looks["DescribeInstances"], 2, "{fault:?}: {looks:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn throttled_listing_of_a_burst_is_made_again_within_the_function() {
    // It has a page for each thousand instances: to give up at the second would waste the first.
    let first = Launch::running().await.unwrap();
    let second = Launch::more(&first.scene, 1).await.unwrap().remove(0);
    second.until_it_runs().await.unwrap();
    let tag = async |launch: &Launch| {
        let mut payload = launch.payload(State::TagNode);
        payload["tried"] = json!(0);
        first.handle(State::TagNode, payload).await.unwrap();
    };
    tag(&first).await;
    let local = first.scene.local.clone();
    local.inject(Fault::on("DescribeInstances", FaultKind::Throttle).times(1));
    let mark = first.mark();
    tag(&second).await;
    let looks = first.actions_since(mark);
    assert_eq!(looks["DescribeInstances"], 2, "{looks:?}");
}

#[tokio::test(start_paused = true)]
async fn launch_goes_on_when_volumes_are_not_shown_for_long() {
    let settings = Settings {
        volume_attach_for: Duration::from_secs(300),
        ..Settings::for_tests()
    };
    let launch = Launch::running_in(settings)
        .await
        .unwrap()
        .with_profile(with_volume_tags);
    let tried = |count: u64| {
        let mut payload = launch.payload(State::TagNode);
        payload["tried"] = json!(count);
        launch.handle(State::TagNode, payload)
    };
    failed(tried(9).await, "Hookline.DevicesNotShownYet");
    let data = tried(10).await.unwrap();
    assert_eq!(data["next"], "WIRE");
    let (failures, _) = tag_failures(&launch, &data);
    assert!(
        failures[0].starts_with("Hookline.DevicesNotShownYet: "),
        "{failures:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn volume_that_ec2_does_not_know_yet_is_waited_for() {
    let launch = Launch::running()
        .await
        .unwrap()
        .with_profile(with_volume_tags);
    let tried = |count: Option<u64>| {
        let not_found = refusal("CreateTags", "InvalidVolume.NotFound");
        launch.local().inject(not_found);
        let mut payload = launch.payload(State::TagNode);
        payload["tried"] = json!(count);
        launch.handle(State::TagNode, payload)
    };
    failed(tried(None).await, "Hookline.DevicesNotShownYet");
    failed(tried(Some(9)).await, "Hookline.DevicesNotShownYet");
    let data = tried(Some(10)).await.unwrap();
    assert_eq!(data["next"], "WIRE");
}

#[tokio::test(start_paused = true)]
async fn node_whose_volume_cannot_be_tagged_has_its_new_name() {
    let mut launch = Launch::running()
        .await
        .unwrap()
        .with_profile(with_volume_tags);
    // The call for the node comes first, and the one for its volume then.
    let refused = Fault::on("CreateTags", not_allowed());
    launch.local().inject(refused.skip(1).times(1));
    let data = launch.run(State::TagNode).await.unwrap();
    assert_eq!(launch.local().faults_left(), 0);
    let name = launch.node().unwrap().tags["Name"].clone();
    assert_eq!(data["node"]["name"], name);
    let (failures, _) = tag_failures(&launch, &data);
    assert_eq!(failures.len(), 1, "{failures:?}");
}

#[tokio::test(start_paused = true)]
async fn launch_whose_volume_tags_cannot_be_read_goes_on() {
    let refused = || Fault::on("DescribeTags", not_allowed()).always();
    let mut launch = Launch::running().await.unwrap();
    launch = launch.with_profile(with_volume_tags);
    launch.local().inject(refused());
    let data = launch.run(State::TagNode).await.unwrap();
    assert_eq!(data["next"], "WIRE");
    let (failures, tags) = tag_failures(&launch, &data);
    assert_eq!(failures.len(), 1, "{failures:?}");
    let says = "Hookline.AccessDenied: DescribeTags";
    assert!(failures[0].starts_with(says), "{failures:?}");
    assert!(tags.contains(&"Name".to_owned()), "{tags:?}");

    // A profile that insists on its tags.
    let mut launch = Launch::running().await.unwrap();
    launch = launch.with_profile(with_volume_tags);
    launch = launch.with_profile(|profile| profile["tagFailure"] = json!("abandon"));
    launch.local().inject(refused());
    failed(launch.run(State::TagNode).await, "Hookline.AccessDenied");
}
