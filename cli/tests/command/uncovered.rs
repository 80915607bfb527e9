//! Groups that no profile covers, and whose launches wait at the hook of one: `status` and `check` look for
//! them among the groups of the Region.

use std::ops::Range;

use hookline_local::{CallRecord, Fault, FaultKind};
use hookline_testkit::rules::put_rule;
use serde_json::{Value, json};

use crate::check::{checked, kinds, right};
use crate::deployed::{Deployed, MACHINE};
use crate::fake::error;
use crate::watch::watched;
use crate::{check_text, stdout, unwrapped};

/// Creates groups of somebody else.
async fn add_groups(deployed: &Deployed, numbers: Range<usize>) {
    for n in numbers {
        let name = format!("other-{n:04}");
        deployed.scene.plain_group(&name, &[]).await.unwrap();
    }
}

/// Groups of somebody else, and one after them in the alphabet whose launch waits at the hook of the
/// profile, which does not cover it.
async fn uncovered_beyond(groups: usize) -> Deployed {
    let deployed = Deployed::start().await;
    add_groups(&deployed, 0..groups).await;
    deployed.scene.group("z-amf").await.unwrap();
    deployed.launch_in("z-amf", 1).await;
    deployed
}

/// The command's calls that list the groups of the Region.
fn listings(deployed: &Deployed) -> Vec<CallRecord> {
    let aws = &deployed.fake.aws;
    aws.calls_where(|call| {
        let named = call
            .params
            .keys()
            .any(|it| it.starts_with("AutoScalingGroupNames."));
        call.user_agent.contains("app/Hookline")
            && call.action == "DescribeAutoScalingGroups"
            && !named
    })
}

/// The fields `kind` and `group` of a finding.
fn kind_and_group(finding: &Value) -> (&Value, &Value) {
    (&finding["kind"], &finding["group"])
}

#[tokio::test(flavor = "multi_thread")]
async fn status_finds_a_group_that_no_profile_covers_beyond_the_first_page() {
    let deployed = uncovered_beyond(250).await;
    let status = deployed.json("status").await;
    let trouble = &status["trouble"][0];
    assert_eq!(
        (&trouble["kind"], &trouble["group"]),
        (&json!("no-rule"), &json!("z-amf")),
        "{status:#}"
    );
    assert_eq!(status["notes"], json!([]));
    assert!(deployed.calls_of_command() <= 20);
    deployed.check_policy("look");
}

#[tokio::test(flavor = "multi_thread")]
async fn status_tells_that_the_groups_take_too_many_calls_to_list() {
    let deployed = uncovered_beyond(2_500).await;
    let text = stdout(&deployed.run("status").await.success());
    check_text(&text);
    let calls = deployed.calls_of_command();
    assert!(calls <= 20, "{calls} calls");
    let says = "The Region has more Auto Scaling groups than the ";
    assert!(unwrapped(&text).contains(says), "{text}");
    assert!(text.contains("No trouble."), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_finds_a_group_that_no_profile_covers_or_tells_what_was_not_looked_at() {
    let deployed = right(100).await;
    add_groups(&deployed, 0..250).await;
    deployed.scene.group("z-amf").await.unwrap();
    deployed.launch_in("z-amf", 1).await;
    let found = checked(&deployed, "check", 1).await;
    let finding = &found["findings"][0];
    assert_eq!(
        (&finding["kind"], &finding["group"]),
        (&json!("no-rule"), &json!("z-amf")),
        "{found:#}"
    );
    assert_eq!(found["notes"], json!([]));
    let calls = deployed.calls_of_command();
    assert!(calls <= 25, "{calls} calls");

    add_groups(&deployed, 250..2_500).await;
    let found = checked(&deployed, "check", 0).await;
    let note = found["notes"][0].as_str().unwrap();
    let says = "The Region has more Auto Scaling groups than the ";
    assert!(note.starts_with(says), "{note}");
}

#[tokio::test(flavor = "multi_thread")]
async fn watch_lists_no_more_than_a_page_of_the_region_s_groups() {
    let deployed = uncovered_beyond(250).await;
    let seen = watched(&deployed).await;
    assert_eq!(seen["code"], 0, "{seen:#}");
    let listings = listings(&deployed);
    assert!(!listings.is_empty());
    let is_further = |call: &CallRecord| call.params.contains_key("NextToken");
    assert!(!listings.iter().any(is_further), "{}", listings.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_lists_no_groups_of_the_region() {
    let deployed = uncovered_beyond(250).await;
    deployed.run("explain upf").await.success();
    assert_eq!(listings(&deployed).len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_looks_up_no_hooks_of_other_groups_where_a_profile_selects_by_tags() {
    let deployed = uncovered_beyond(0).await;
    let mut by_tag = deployed.profile.clone();
    by_tag["name"] = json!("by-tag");
    by_tag["selector"] = json!({"tag": {"key": "multus", "value": "smf"}});
    let rule = put_rule(&deployed.fake.aws, MACHINE, "by-tag", &by_tag);
    rule.await.unwrap();
    deployed.run("explain upf").await.success();
    let aws = &deployed.fake.aws;
    let of_others = aws.calls_where(|call| {
        call.user_agent.contains("app/Hookline")
            && call.action == "DescribeLifecycleHooks"
            && call.params["AutoScalingGroupName"] != "upf"
    });
    assert_eq!(of_others.len(), 0);
}

/// Two groups that no profile covers and whose launches wait, on the first page of the groups and
/// beyond it.
async fn uncovered_on_two_pages() -> Deployed {
    let deployed = right(100).await;
    add_groups(&deployed, 0..250).await;
    for name in ["a-amf", "z-amf"] {
        deployed.scene.group(name).await.unwrap();
        deployed.launch_in(name, 1).await;
    }
    deployed
}

#[tokio::test(flavor = "multi_thread")]
async fn listing_of_groups_that_fails_ends_neither_status_nor_check() {
    let deployed = uncovered_on_two_pages().await;
    let fail_after = |calls| {
        let throttled = Fault::on("DescribeAutoScalingGroups", FaultKind::Throttle);
        let aws = &deployed.fake.aws;
        aws.clear_faults();
        aws.inject(throttled.skip(calls).always());
    };
    let of_first_page = (json!("no-rule"), json!("a-amf"));
    let of_first_page = (&of_first_page.0, &of_first_page.1);
    let check_notes = |found: &Value| {
        let notes = [&found["notes"][0], &found["notes"][1]].map(|it| it.as_str().unwrap());
        let says = "The Region has more Auto Scaling groups than the 100 that were looked at";
        assert!(notes[0].starts_with(says), "{notes:?}");
        let says = "covers broke off: autoscaling:DescribeAutoScalingGroups";
        assert!(notes[1].contains(says), "{notes:?}");
    };
    // The groups of the profile take one call, the first page of the others the second.
    fail_after(2);
    let status = deployed.json("status").await;
    let trouble = &status["trouble"][0];
    assert_eq!(kind_and_group(trouble), of_first_page, "{status:#}");
    check_notes(&status);
    fail_after(2);
    let found = checked(&deployed, "check", 1).await;
    let finding = &found["findings"][0];
    assert_eq!(kind_and_group(finding), of_first_page, "{found:#}");
    check_notes(&found);
    // Of that page, nothing is seen.
    fail_after(1);
    let found = checked(&deployed, "check", 0).await;
    let note = found["notes"][0].as_str().unwrap();
    let says = "The Region has Auto Scaling groups that were not looked at";
    assert!(note.starts_with(says), "{note}");
}

#[tokio::test(flavor = "multi_thread")]
async fn hooks_of_a_group_that_cannot_be_looked_up_leave_the_others() {
    let deployed = uncovered_on_two_pages().await;
    let fail = |kind| {
        let aws = &deployed.fake.aws;
        aws.clear_faults();
        let fault = Fault::on("DescribeLifecycleHooks", kind);
        aws.inject(fault.when("AutoScalingGroupName", "a-amf").always());
    };
    let other = (json!("no-rule"), json!("z-amf"));
    let other = (&other.0, &other.1);
    let says = "it was not looked at which hooks: a-amf.";
    fail(FaultKind::Throttle);
    let status = deployed.json("status").await;
    assert_eq!(kind_and_group(&status["trouble"][0]), other, "{status:#}");
    let note = status["notes"][0].as_str().unwrap();
    assert!(note.contains(says), "{note}");
    // What a policy denies is a finding of `check`.
    fail(error(403, "AccessDenied"));
    let found = checked(&deployed, "check", 1).await;
    assert_eq!(kinds(&found), ["no-rule", "could-not-look"], "{found:#}");
    let notes = found["notes"].as_array().unwrap();
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].as_str().unwrap().contains(says), "{notes:?}");
}
