//! `NameNodes` when something is not as it should be: what fails for one node does not keep the
//! others from their names, and what was done is not done again.

use std::time::Duration;

use hookline_domain::Error;
use hookline_local::{Fault, FaultKind, Settings};
use hookline_testkit::calls::FunctionCalls as _;
use hookline_testkit::naming::{PlainGroup, cluster_nodegroup_ip, profile};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::any_input::{any_json, cases, mutate, mutation, virtual_time};
use crate::{counts, failed, refusal};

async fn group(nodes: usize) -> PlainGroup {
    PlainGroup::launched(Settings::for_tests(), nodes)
        .await
        .unwrap()
}

/// The tags of an instance in the record of its launch.
fn tags(event: &mut Value, n: usize) -> &mut Vec<Value> {
    let tags = format!("/detail/responseElements/instancesSet/items/{n}/tagSet/items");
    event.pointer_mut(&tags).unwrap().as_array_mut().unwrap()
}

fn with_tags(tags: Value) -> Value {
    let mut profile = profile();
    profile["nodeTags"] = tags;
    profile
}

#[tokio::test(start_paused = true)]
async fn launch_whose_record_has_no_tags_is_named_once_ec2_shows_them() {
    let settings = Settings {
        instance_tags_not_shown_for: Duration::from_secs(60),
        ..Settings::for_tests()
    };
    let group = PlainGroup::launched(settings, 2).await.unwrap();
    let mut event = group.cloudtrail().unwrap();
    let set = &mut event["detail"]["responseElements"]["instancesSet"]["items"];
    for instance in set.as_array_mut().unwrap() {
        instance["tagSet"] = json!({});
    }
    // The record has no ClientToken either: the ids of the instances are enough.
    event["detail"]["requestParameters"] = Value::Null;
    failed(
        group.name(&event, &profile()).await,
        "Hookline.InstanceNotFoundYet",
    );
    tokio::time::sleep(Duration::from_secs(60)).await;
    group.try_to_name(&event, &profile(), 1).await.unwrap();
    assert!(group.names().unwrap().iter().all(Option::is_some));
}

#[tokio::test(start_paused = true)]
async fn node_in_service_is_named_once_ec2_shows_its_tags() {
    let settings = Settings {
        instance_tags_not_shown_for: Duration::from_secs(600),
        ..Settings::for_tests()
    };
    let group = PlainGroup::launched(settings, 1).await.unwrap();
    let event = group.launch_successful().await.unwrap();
    let mut by_tag = profile();
    by_tag["selector"] = json!({"tags": [
        {"key": "eks:cluster-name", "value": "pre-eks-01"},
        {"key": "eks:nodegroup-name", "value": "web"},
    ]});
    for profile in [profile(), by_tag.clone()] {
        failed(
            group.name(&event, &profile).await,
            "Hookline.InstanceNotFoundYet",
        );
    }
    tokio::time::sleep(Duration::from_secs(600)).await;
    // Another cluster's node group of the same name.
    let mut other = by_tag.clone();
    other["selector"]["tags"][0]["value"] = json!("prod");
    let naming = group.try_to_name(&event, &other, 1).await.unwrap();
    assert_eq!(naming["outcome"], "IGNORED");
    group.try_to_name(&event, &by_tag, 1).await.unwrap();
    assert!(group.names().unwrap().iter().all(Option::is_some));
}

#[tokio::test(start_paused = true)]
async fn instance_not_shown_yet_is_retried() {
    let settings = Settings {
        instance_not_found_for: Duration::from_secs(5),
        ..Settings::for_tests()
    };
    let group = PlainGroup::launched(settings, 2).await.unwrap();
    let event = group.cloudtrail().unwrap();
    let says = failed(
        group.name(&event, &profile()).await,
        "Hookline.InstanceNotFoundYet",
    );
    assert!(
        says.starts_with("2 of 2 nodes could not be named: "),
        "{says}"
    );
    assert!(says.contains(&group.instances[1]), "{says}");
    failed(
        group.try_to_name(&event, &profile(), 1).await,
        "Hookline.InstanceNotFoundYet",
    );
    tokio::time::sleep(Duration::from_secs(6)).await;
    group.try_to_name(&event, &profile(), 2).await.unwrap();
    assert!(group.names().unwrap().iter().all(Option::is_some));
}

#[tokio::test(start_paused = true)]
async fn finished_work_is_not_repeated() {
    let group = group(3).await;
    let event = group.cloudtrail().unwrap();
    let late = refusal("CreateTags", "InvalidInstanceID.NotFound");
    let late = late.when("ResourceId.1", &group.instances[1]);
    group.local().inject(late);
    let says = failed(
        group.name(&event, &profile()).await,
        "Hookline.InstanceNotFoundYet",
    );
    assert!(
        says.starts_with("1 of 3 nodes could not be named: "),
        "{says}"
    );
    let mark = group.mark();
    group.try_to_name(&event, &profile(), 1).await.unwrap();
    assert_eq!(
        group.actions_since(mark),
        counts([("DescribeInstances", 1), ("CreateTags", 1)])
    );
    for n in 0..3 {
        let instance = group.instance(n).unwrap();
        assert_eq!(instance.tags["Name"], cluster_nodegroup_ip(&instance));
    }
    assert_eq!(group.local().faults_left(), 0);
}

#[tokio::test(start_paused = true)]
async fn missing_instance_does_not_stop_a_shared_call() {
    let group = group(3).await;
    let mut event = group.cloudtrail().unwrap();
    let items = "/detail/responseElements/instancesSet/items";
    let items = event.pointer_mut(items).unwrap();
    items[1]["instanceId"] = json!("i-0ffffffffffffffff");
    let mut profile = with_tags(json!({"Team": "core"}));
    profile.as_object_mut().unwrap().remove("namePreset");
    let says = failed(
        group.name(&event, &profile).await,
        "Hookline.InstanceNotFoundYet",
    );
    assert!(says.contains("i-0ffffffffffffffff"), "{says}");
    let tagged: Vec<bool> = (0..3)
        .map(|n| group.instance(n).unwrap().tags.contains_key("Team"))
        .collect();
    assert_eq!(tagged.iter().filter(|tagged| **tagged).count(), 2);
}

#[tokio::test(start_paused = true)]
async fn template_that_fails_for_one_node_names_the_others_and_the_missing_variable() {
    let group = group(3).await;
    let mut event = group.cloudtrail().unwrap();
    tags(&mut event, 1).retain(|tag| tag["key"] != "Env");
    let profile = with_tags(json!({"Stage": "{{ tags['Env'] }}"}));
    let says = failed(
        group.name(&event, &profile).await,
        "Hookline.InvalidTemplate",
    );
    for part in [
        "1 of 3 nodes could not be named: ",
        "Hookline.InvalidTemplate: profile.nodeTags[\"Stage\"]: line 1, column 4: undefined value: `tags['Env']` is undefined",
        "give what may be missing a default()",
    ] {
        assert!(says.contains(part), "{says}");
    }
    let named = group.names().unwrap().into_iter().flatten().count();
    assert_eq!(named, 2);
}

#[tokio::test(start_paused = true)]
async fn preset_names_every_missing_tag() {
    let group = group(1).await;
    let mut event = group.cloudtrail().unwrap();
    tags(&mut event, 0).retain(|tag| tag["key"] != "App");
    for tag in tags(&mut event, 0) {
        if tag["key"] == "Layer" {
            tag["value"] = json!("");
        }
    }
    let mut profile = profile();
    profile["namePreset"] = json!("tags-ip");
    let says = failed(
        group.name(&event, &profile).await,
        "Hookline.InvalidTemplate",
    );
    assert!(
        says.starts_with(
            "profile.namePreset: the instance has no tag \"App\", \"Layer\", or an empty one"
        ),
        "{says}"
    );
    assert_eq!(group.names().unwrap(), [None]);
}

#[tokio::test(start_paused = true)]
async fn address_missing_in_the_event_is_looked_up() {
    let group = group(1).await;
    let event = group.cloudtrail().unwrap();
    let mut profile = profile();
    profile.as_object_mut().unwrap().remove("namePreset");
    profile["nodeTags"] = json!({"Name": "{{ ipv6_address }}"});
    let mark = group.mark();
    let says = failed(
        group.name(&event, &profile).await,
        "Hookline.InvalidTemplate",
    );
    assert!(says.contains("`ipv6_address` is undefined"), "{says}");
    assert_eq!(
        group.actions_since(mark),
        counts([("DescribeInstances", 1)])
    );
}

#[tokio::test(start_paused = true)]
async fn too_many_tags_are_found_before_the_call() {
    let group = group(1).await;
    let id = group.instances[0].clone();
    for n in 0..43 {
        group.set_tag(&id, &format!("k{n}"), "v").await.unwrap();
    }
    let event = group.launch_successful().await.unwrap();
    let mark = group.mark();
    let says = failed(
        group.name(&event, &profile()).await,
        "Hookline.InvalidTemplate",
    );
    assert!(
        says.starts_with(&format!(
            "profile.nodeTags: {id} would have 51 tags, at most 50"
        )),
        "{says}"
    );
    assert_eq!(
        group.actions_since(mark),
        counts([("DescribeInstances", 1)])
    );
}

#[tokio::test(start_paused = true)]
async fn throttling_stops_the_rest_and_is_reported_as_throttled() {
    let group = group(3).await;
    let event = group.cloudtrail().unwrap();
    let throttle = Fault::on("CreateTags", FaultKind::Throttle).always();
    group.local().inject(throttle);
    let mark = group.mark();
    failed(group.name(&event, &profile()).await, "Hookline.Throttled");
    // The SDK's three attempts of one call. The other two calls are not made.
    assert_eq!(group.actions_since(mark), counts([("CreateTags", 3)]));
    group.local().clear_faults();
    group.try_to_name(&event, &profile(), 1).await.unwrap();
    assert!(group.names().unwrap().iter().all(Option::is_some));
}

#[tokio::test(start_paused = true)]
async fn aws_errors_have_their_names_in_every_call() {
    let profile = {
        let mut profile = profile();
        profile["volumeTags"] = json!({"Team": "core"});
        profile
    };
    for action in ["DescribeInstances", "DescribeTags", "CreateTags"] {
        for (kind, name) in [
            (FaultKind::Throttle, "Hookline.Throttled"),
            (FaultKind::InternalError, "Hookline.AwsUnavailable"),
            (FaultKind::ResetBefore, "Hookline.AwsUnavailable"),
            (
                FaultKind::Error {
                    status: 403,
                    code: "UnauthorizedOperation".to_owned(),
                    message: format!("You are not authorized to perform {action}"),
                },
                "Hookline.AccessDenied",
            ),
        ] {
            let group = group(1).await;
            let event = group.cloudtrail().unwrap();
            group.local().inject(Fault::on(action, kind).always());
            let says = failed(group.name(&event, &profile).await, name);
            assert!(says.starts_with(&format!("{action}: ")), "{says}");
            group.local().clear_faults();
            group.try_to_name(&event, &profile, 1).await.unwrap();
            assert_eq!(group.volume_tags(&group.instances[0])[0]["Team"], "core");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn transient_failure_is_reported_before_a_permanent_one() {
    let group = group(2).await;
    let mut event = group.cloudtrail().unwrap();
    tags(&mut event, 0).retain(|tag| tag["key"] != "eks:cluster-name");
    let late = refusal("CreateTags", "InvalidInstanceID.NotFound");
    group.local().inject(late);
    let says = failed(
        group.name(&event, &profile()).await,
        "Hookline.InstanceNotFoundYet",
    );
    assert!(says.contains("Hookline.InvalidTemplate: "), "{says}");
}

#[tokio::test(start_paused = true)]
async fn invalid_input_is_refused_without_a_call() {
    let group = group(2).await;
    let event = group.cloudtrail().unwrap();
    let good = json!({"event": event, "profile": profile()});
    let mark = group.mark();
    for (pointer, wrong, name, field) in [
        ("/event", json!(null), "Hookline.InvalidEvent", "event"),
        (
            "/event/detail",
            json!([]),
            "Hookline.InvalidEvent",
            "event.detail",
        ),
        (
            "/event/detail/responseElements",
            json!({"instancesSet": {"items": 7}}),
            "Hookline.InvalidEvent",
            "event.detail.responseElements.instancesSet.items",
        ),
        ("/profile", json!("x"), "Hookline.InvalidProfile", "profile"),
        (
            "/profile/namePreset",
            json!("x"),
            "Hookline.InvalidProfile",
            "profile.namePreset",
        ),
    ] {
        let mut launch = good.clone();
        *launch.pointer_mut(pointer).unwrap() = wrong;
        let payload = json!({"input": launch, "tried": 0});
        let says = failed(group.handle(payload).await, name);
        assert!(says.starts_with(field), "wanted {field}\nfound  {says}");
    }
    let payload = json!({"input": good, "tried": "often"});
    failed(group.handle(payload).await, "Hookline.InvalidPayload");
    assert_eq!(group.actions_since(mark), counts([]));
}

#[tokio::test(start_paused = true)]
async fn unreadable_node_of_the_record_does_not_hide_the_others() {
    let group = group(2).await;
    let mut event = group.cloudtrail().unwrap();
    let items = "/detail/responseElements/instancesSet/items";
    event.pointer_mut(items).unwrap()[0]["instanceId"] = json!(7);
    let says = failed(
        group.name(&event, &profile()).await,
        "Hookline.InvalidEvent",
    );
    assert!(
        says.contains("event.detail.responseElements.instancesSet.items[0].instanceId"),
        "{says}"
    );
    assert_eq!(group.names().unwrap().into_iter().flatten().count(), 1);
}

#[tokio::test(start_paused = true)]
async fn node_of_which_the_record_is_unreadable_is_looked_up() {
    let group = group(2).await;
    let mut event = group.cloudtrail().unwrap();
    let items = "/detail/responseElements/instancesSet/items";
    event.pointer_mut(items).unwrap()[0]["placement"] = json!({});
    let mark = group.mark();
    group.name(&event, &profile()).await.unwrap();
    assert_eq!(group.actions_since(mark).get("DescribeInstances"), Some(&1));
    assert_eq!(group.names().unwrap().into_iter().flatten().count(), 2);
}

/// A result or a typed error, for any payload.
fn answers(
    runtime: &tokio::runtime::Runtime,
    group: &PlainGroup,
    payload: Value,
) -> Result<(), TestCaseError> {
    if let Err(error) = runtime.block_on(group.handle(payload)) {
        prop_assert!(Error::TYPES.contains(&error.error_type()));
        prop_assert!(error.to_string().len() < 20_000);
    }
    Ok(())
}

#[test]
fn any_input_gets_a_result_or_an_error() {
    let runtime = virtual_time();
    let group = runtime.block_on(group(2));
    let mut profile = profile();
    profile["nodeTags"] = json!({"Zone": "{{ az }}"});
    profile["volumeTags"] = json!({"Name": "{{ name }}"});
    profile["interfaceTags"] = json!({"Ip": "{{ private_ip | octets(2) }}"});
    let record = group.cloudtrail().unwrap();
    let events = [record, runtime.block_on(group.launch_successful()).unwrap()];
    let inputs = (
        prop::sample::select(events.to_vec()),
        prop::collection::vec((any::<prop::sample::Index>(), mutation()), 1..4),
        any_json(),
    );
    TestRunner::new(Config::with_cases(cases(800)))
        .run(&inputs, |(event, mutations, any)| {
            let launch = json!({"event": event, "profile": profile});
            let mut payload = json!({"input": launch, "tried": 0});
            for (place, mutation) in mutations {
                mutate(&mut payload, &place, mutation);
            }
            answers(&runtime, &group, payload)?;
            answers(&runtime, &group, any)
        })
        .unwrap();
}
