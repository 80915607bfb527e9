//! `NameNodes`: what nodes are called and tagged, by which event, and with which calls.

use std::time::Duration;

use hookline_local::Settings;
use hookline_testkit::calls::FunctionCalls as _;
use hookline_testkit::naming::{PlainGroup, cluster_nodegroup_ip, profile};
use serde_json::{Value, json};

use crate::{counts, failed};

async fn group(nodes: usize) -> PlainGroup {
    PlainGroup::launched(Settings::for_tests(), nodes)
        .await
        .unwrap()
}

/// The profile of the group with other fields.
fn with(fields: Value) -> Value {
    let mut profile = profile();
    for (field, value) in fields.as_object().unwrap() {
        profile[field] = value.clone();
    }
    profile
}

/// A profile that names by a template.
fn named(template: &str) -> Value {
    let mut profile = with(json!({"nodeTags": {"Name": template}}));
    profile.as_object_mut().unwrap().remove("namePreset");
    profile
}

fn outcomes(naming: &Value) -> Vec<&str> {
    let nodes = naming["nodes"].as_array().unwrap();
    nodes
        .iter()
        .map(|node| node["outcome"].as_str().unwrap())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn launch_successful_names_the_node_once() {
    let group = group(1).await;
    let event = group.launch_successful().await.unwrap();
    let name = cluster_nodegroup_ip(&group.instance(0).unwrap());
    let mark = group.mark();
    let naming = group.name(&event, &profile()).await.unwrap();
    let node = |outcome: &str| {
        json!({
            "outcome": "NAMED",
            "nodes": [{"instanceId": group.instances[0], "name": name, "outcome": outcome}],
        })
    };
    assert_eq!(naming, node("TAGGED"));
    assert_eq!(group.names().unwrap(), [Some(name.clone())]);
    assert_eq!(
        group.actions_since(mark),
        counts([("DescribeInstances", 1), ("CreateTags", 1)])
    );
    // The same event again.
    let mark = group.mark();
    let naming = group.name(&event, &profile()).await.unwrap();
    assert_eq!(naming, node("UNCHANGED"));
    assert_eq!(
        group.actions_since(mark),
        counts([("DescribeInstances", 1)])
    );
}

#[tokio::test(start_paused = true)]
async fn cloudtrail_record_alone_names_every_node_of_a_launch() {
    let group = group(3).await;
    let event = group.cloudtrail().unwrap();
    let mark = group.mark();
    let naming = group.name(&event, &profile()).await.unwrap();
    assert_eq!(outcomes(&naming), ["TAGGED"; 3]);
    for n in 0..3 {
        let instance = group.instance(n).unwrap();
        assert_eq!(instance.tags["Name"], cluster_nodegroup_ip(&instance));
    }
    assert_eq!(group.actions_since(mark), counts([("CreateTags", 3)]));
    // After the record, the other event changes nothing.
    let event = group.launch_successful().await.unwrap();
    let mark = group.mark();
    let naming = group.name(&event, &profile()).await.unwrap();
    assert_eq!(outcomes(&naming), ["UNCHANGED"]);
    assert_eq!(
        group.actions_since(mark),
        counts([("DescribeInstances", 1)])
    );
}

#[tokio::test(start_paused = true)]
async fn presets_give_the_expected_names() {
    for (preset, wanted) in [
        ("cluster-nodegroup-ip", "pre-eks-01-web-ip-{}"),
        ("cluster-ip", "pre-eks-01.ip-{-}"),
        ("tags-ip", "vg-store-web-release-a-{2}"),
    ] {
        let group = group(1).await;
        let event = group.cloudtrail().unwrap();
        let profile = with(json!({"namePreset": preset}));
        group.name(&event, &profile).await.unwrap();
        let address = group.instance(0).unwrap().private_ip_address;
        let [.., c, d] = address.octets();
        let wanted = wanted
            .replace("{}", &address.to_string())
            .replace("{-}", &address.to_string().replace('.', "-"))
            .replace("{2}", &format!("{c}-{d}"));
        assert_eq!(group.names().unwrap(), [Some(wanted)]);
    }
}

#[tokio::test(start_paused = true)]
async fn tags_common_to_all_nodes_need_one_call() {
    let group = group(3).await;
    let event = group.cloudtrail().unwrap();
    let mut profile = named("node");
    profile["nodeTags"] = json!({"Team": "core", "Zone": "{{ az }}"});
    profile["interfaceTags"] = json!({"Team": "core", "Zone": "{{ az }}"});
    let mark = group.mark();
    group.name(&event, &profile).await.unwrap();
    assert_eq!(group.actions_since(mark), counts([("CreateTags", 1)]));
    for id in &group.instances {
        assert_eq!(group.interface_tags(id)[0]["Team"], "core");
    }
    assert_eq!(group.instance(2).unwrap().tags["Zone"], "us-west-2a");
}

#[tokio::test(start_paused = true)]
async fn instance_volumes_and_interfaces_are_tagged_by_the_same_calls() {
    let group = group(1).await;
    let event = group.launch_successful().await.unwrap();
    let devices = json!({"Name": "{{ name }}"});
    let profile = with(json!({"volumeTags": devices, "interfaceTags": devices}));
    let mark = group.mark();
    group.name(&event, &profile).await.unwrap();
    assert_eq!(
        group.actions_since(mark),
        counts([
            ("DescribeInstances", 1),
            ("DescribeTags", 1),
            ("CreateTags", 1)
        ])
    );
    let id = &group.instances[0];
    let name = cluster_nodegroup_ip(&group.instance(0).unwrap());
    assert_eq!(group.volume_tags(id)[0]["Name"], name);
    assert_eq!(group.interface_tags(id)[0]["Name"], name);
    // All tags are right.
    let mark = group.mark();
    let naming = group.name(&event, &profile).await.unwrap();
    assert_eq!(outcomes(&naming), ["UNCHANGED"]);
    assert_eq!(
        group.actions_since(mark),
        counts([("DescribeInstances", 1), ("DescribeTags", 1)])
    );
    // Somebody renames the volume. Only that is corrected.
    let volume = group.local().with_world(|world| {
        let mut volumes = world.ec2.volumes_of(id);
        volumes.next().unwrap().volume_id.clone()
    });
    group.set_tag(&volume, "Name", "mine").await.unwrap();
    let mark = group.mark();
    group.name(&event, &profile).await.unwrap();
    let calls = group.calls_since(mark);
    let put = calls
        .iter()
        .find(|call| call.action == "CreateTags")
        .unwrap();
    assert_eq!(put.params["ResourceId.1"], volume);
    assert_eq!(put.params.get("ResourceId.2"), None);
}

#[tokio::test(start_paused = true)]
async fn volumes_not_shown_yet_are_waited_for() {
    let settings = Settings {
        volume_attach_for: Duration::from_secs(10),
        ..Settings::for_tests()
    };
    let group = PlainGroup::launched(settings, 1).await.unwrap();
    let event = group.cloudtrail().unwrap();
    let profile = with(json!({"volumeTags": {"Team": "core"}}));
    let says = failed(
        group.name(&event, &profile).await,
        "Hookline.DevicesNotShownYet",
    );
    assert!(says.contains("the root volume"), "{says}");
    assert!(
        group.names().unwrap()[0].is_some(),
        "what is there has its tags already"
    );
    tokio::time::sleep(Duration::from_secs(10)).await;
    group.try_to_name(&event, &profile, 1).await.unwrap();
    assert_eq!(group.volume_tags(&group.instances[0])[0]["Team"], "core");
}

#[tokio::test(start_paused = true)]
async fn tag_set_by_a_person_is_replaced_or_kept_as_the_profile_says() {
    for (existing, name) in [("replace", None), ("keep", Some("mine"))] {
        let group = group(1).await;
        let id = group.instances[0].clone();
        group.set_tag(&id, "Name", "mine").await.unwrap();
        let profile = with(json!({
            "existingTags": existing,
            "nodeTags": {"Zone": "{{ az }}"},
            "interfaceTags": {"Name": "{{ name }}-eth0"},
        }));
        for event in [
            group.cloudtrail().unwrap(),
            group.launch_successful().await.unwrap(),
        ] {
            let mark = group.mark();
            let naming = group.name(&event, &profile).await.unwrap();
            let instance = group.instance(0).unwrap();
            let wanted = name.map_or_else(|| cluster_nodegroup_ip(&instance), str::to_owned);
            assert_eq!(instance.tags["Name"], wanted, "{existing}");
            assert_eq!(naming["nodes"][0]["name"], wanted);
            assert_eq!(instance.tags["Zone"], "us-west-2a", "what is new is put");
            assert_eq!(
                group.interface_tags(&id)[0]["Name"],
                format!("{wanted}-eth0")
            );
            let calls = group.actions_since(mark);
            assert!(
                !calls.contains_key("DeleteTags"),
                "replaced, not deleted first"
            );
            assert!(calls.get("CreateTags").is_none_or(|calls| *calls <= 2));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn name_from_the_launch_is_replaced_by_one_call() {
    let group = group(1).await;
    let id = group.instances[0].clone();
    group
        .set_tag(&id, "Name", "pre-eks-01-web-Node")
        .await
        .unwrap();
    let mut event = group.cloudtrail().unwrap();
    let tags = "/detail/responseElements/instancesSet/items/0/tagSet/items";
    let tags = event.pointer_mut(tags).unwrap().as_array_mut().unwrap();
    tags.push(json!({"key": "Name", "value": "pre-eks-01-web-Node"}));
    let mark = group.mark();
    group.name(&event, &profile()).await.unwrap();
    assert_eq!(group.actions_since(mark), counts([("CreateTags", 1)]));
    let name = cluster_nodegroup_ip(&group.instance(0).unwrap());
    assert_eq!(group.names().unwrap(), [Some(name.clone())]);
    // Launched with the right name, it needs no call.
    let tags = "/detail/responseElements/instancesSet/items/0/tagSet/items";
    let tags = event.pointer_mut(tags).unwrap().as_array_mut().unwrap();
    *tags.last_mut().unwrap() = json!({"key": "Name", "value": name});
    let mark = group.mark();
    let naming = group.name(&event, &profile()).await.unwrap();
    assert_eq!(outcomes(&naming), ["UNCHANGED"]);
    assert_eq!(group.actions_since(mark), counts([]));
}

#[tokio::test(start_paused = true)]
async fn other_groups_and_other_events_are_ignored_without_a_call() {
    let group = group(1).await;
    let record = group.cloudtrail().unwrap();
    let successful = group.launch_successful().await.unwrap();
    let other = with(json!({"selector": {"autoScalingGroupNames": ["other"]}}));
    let by_tag = with(json!({"selector": {"tag": {"key": "Env", "value": "other"}}}));
    let mut failure = record.clone();
    failure["detail"]["responseElements"] = Value::Null;
    failure["detail"]["errorCode"] = json!("Server.InsufficientInstanceCapacity");
    let mut by_person = record.clone();
    let tags = "/detail/responseElements/instancesSet/items/0/tagSet/items";
    *by_person.pointer_mut(tags).unwrap() = json!([{"key": "Name", "value": "bastion"}]);
    by_person["detail"]["sourceIPAddress"] = json!("192.0.2.1");
    by_person["detail"]["userIdentity"]["invokedBy"] = Value::Null;
    let mut unsuccessful = successful.clone();
    unsuccessful["detail-type"] = json!("EC2 Instance Launch Unsuccessful");
    let mark = group.mark();
    for (event, profile, says) in [
        (&record, &other, "instances of plain, which the selector"),
        (&record, &by_tag, "instances of plain, which the selector"),
        (
            &successful,
            &other,
            "instances of plain, which the selector",
        ),
        (
            &failure,
            &profile(),
            "a launch that failed (Server.InsufficientInstanceCapacity)",
        ),
        (&by_person, &profile(), "a launch for no Auto Scaling group"),
        (&unsuccessful, &profile(), "Launch Unsuccessful"),
    ] {
        let naming = group.name(event, profile).await.unwrap();
        assert_eq!(naming["outcome"], "IGNORED", "{says}");
        let reason = naming["reason"].as_str().unwrap();
        assert!(reason.contains(says), "wanted {says}\nfound  {reason}");
    }
    assert_eq!(group.actions_since(mark), counts([]));
    assert_eq!(group.names().unwrap(), [None]);
}

#[tokio::test(start_paused = true)]
async fn selector_by_tag_describes_the_instance_if_the_event_has_no_tags() {
    let group = group(1).await;
    let event = group.launch_successful().await.unwrap();
    for (value, outcome) in [("other", "IGNORED"), ("release", "NAMED")] {
        let selector = json!({"tag": {"key": "Env", "value": value}});
        let mark = group.mark();
        let profile = with(json!({"selector": selector}));
        let naming = group.name(&event, &profile).await.unwrap();
        assert_eq!(naming["outcome"], outcome);
        assert_eq!(group.actions_since(mark)["DescribeInstances"], 1);
    }
}

#[tokio::test(start_paused = true)]
async fn terminating_node_is_no_failure() {
    let group = group(2).await;
    let event = group.launch_successful().await.unwrap();
    let id = event["detail"]["EC2InstanceId"].as_str().unwrap();
    let scene = &group.scene;
    let terminate = scene.ec2.terminate_instances().instance_ids(id);
    terminate.send().await.unwrap();
    let mark = group.mark();
    let naming = group.name(&event, &profile()).await.unwrap();
    assert_eq!(outcomes(&naming), ["GONE"]);
    assert_eq!(
        group.actions_since(mark),
        counts([("DescribeInstances", 1)])
    );
}

/// The event of `tests/fixtures/events` with that name, for the group's own instances.
fn fixture(group: &PlainGroup, text: &str) -> Value {
    let mut event: Value = serde_json::from_str(text).unwrap();
    let items = "/detail/responseElements/instancesSet/items";
    let items = event.pointer_mut(items).unwrap().as_array_mut().unwrap();
    for (item, id) in items.iter_mut().zip(&group.instances) {
        item["instanceId"] = json!(id);
        let tags = item["tagSet"]["items"].as_array_mut().unwrap();
        let of_group = tags
            .iter_mut()
            .find(|tag| tag["key"] == "aws:autoscaling:groupName");
        of_group.unwrap()["value"] = json!("plain");
    }
    event
}

#[tokio::test(start_paused = true)]
async fn recorded_event_of_aws_names_the_node() {
    let group = group(3).await;
    let mark = group.mark();
    let one = fixture(
        &group,
        include_str!("../../../fixtures/events/run-instances.json"),
    );
    let naming = group.name(&one, &profile()).await.unwrap();
    assert_eq!(naming["nodes"][0]["name"], "test-test2-ip-172.31.25.27");
    assert_eq!(group.actions_since(mark), counts([("CreateTags", 1)]));
    let fleet = fixture(
        &group,
        include_str!("../../../fixtures/events/run-instances-fleet.json"),
    );
    let profile = named("{{ lifecycle }}-{{ private_ip | octets(1) }}");
    group.name(&fleet, &profile).await.unwrap();
    let names: Vec<_> = group.names().unwrap().into_iter().flatten().collect();
    assert_eq!(names, ["spot-27", "spot-4", "spot-201"]);
}

#[tokio::test(start_paused = true)]
async fn record_without_an_interface_is_completed_by_a_describe() {
    let group = group(1).await;
    let event = fixture(
        &group,
        include_str!("../../../fixtures/events/run-instances-no-interface.json"),
    );
    let mark = group.mark();
    let profile = with(json!({"interfaceTags": {"Team": "core"}}));
    group.name(&event, &profile).await.unwrap();
    let name = cluster_nodegroup_ip(&group.instance(0).unwrap());
    assert_eq!(group.names().unwrap(), [Some(name)]);
    assert_eq!(group.interface_tags(&group.instances[0])[0]["Team"], "core");
    assert_eq!(group.actions_since(mark)["DescribeInstances"], 1);
}

#[tokio::test(start_paused = true)]
async fn omitted_response_elements_are_replaced_by_a_describe() {
    let group = group(120).await;
    let event = group.cloudtrail().unwrap();
    assert_eq!(event["detail"]["responseElements"]["omitted"], true);
    let mut profile = named("node");
    profile["nodeTags"] = json!({"Team": "core"});
    let mark = group.mark();
    let naming = group.name(&event, &profile).await.unwrap();
    assert_eq!(outcomes(&naming), ["TAGGED"; 120]);
    assert_eq!(
        group.actions_since(mark),
        counts([("DescribeInstances", 2), ("CreateTags", 1)])
    );
    let tagged = |n| group.instance(n).unwrap().tags.contains_key("Team");
    assert!((0..120).all(tagged));
    // Not all of them are shown yet.
    let mut early = event.clone();
    let count = &mut early["detail"]["requestParameters"]["instancesSet"]["items"][0];
    count["minCount"] = json!(121);
    let says = failed(
        group.name(&early, &profile).await,
        "Hookline.AwsUnavailable",
    );
    assert!(says.contains("120 of 121 instances"), "{says}");
}

#[tokio::test(start_paused = true)]
async fn ipv6_only_node_is_named_without_an_ipv4_address() {
    let group = group(1).await;
    let event = fixture(
        &group,
        include_str!("../../../fixtures/events/run-instances-ipv6-only.json"),
    );
    let mark = group.mark();
    let profile = named("{{ cluster }}-{{ ipv6_address | dashed }}");
    group.name(&event, &profile).await.unwrap();
    assert_eq!(
        group.names().unwrap(),
        [Some(
            "test-2406-da18-77c-6100-1f2e-3d4c-5b6a-7988".to_owned()
        )]
    );
    assert_eq!(group.actions_since(mark), counts([("CreateTags", 1)]));
}
