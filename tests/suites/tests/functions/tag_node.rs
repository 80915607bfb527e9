//! `TagNode`: which events are for a profile, what the node is called, and what its launch needs
//! next.

use std::time::Duration;

use hookline_domain::tags::own::LAUNCHED_AT;
use hookline_local::Settings;
use hookline_local::ec2::InstanceState;
use hookline_testkit::calls::FunctionCalls as _;
use hookline_testkit::launch::{Launch, State, small};
use serde_json::{Value, json};

use crate::{counts, failed, refusal};

/// The payload of `TagNode` with another event.
fn with_event(launch: &Launch, change: impl FnOnce(&mut Value)) -> Value {
    let mut payload = launch.payload(State::TagNode);
    change(&mut payload["input"]["event"]);
    payload
}

#[tokio::test(start_paused = true)]
async fn launch_is_named_and_continues_with_its_interfaces() {
    let mut launch = Launch::running().await.unwrap();
    let mark = launch.mark();
    let node = launch.run(State::TagNode).await.unwrap();
    let instance = launch.node().unwrap();
    let name = format!(
        "upf-ip-{}",
        instance.private_ip_address.to_string().replace('.', "-")
    );
    assert_eq!(node["next"], "WIRE");
    assert_eq!(node["hook"], "HOOKLINE");
    assert_eq!(node["launch"]["instanceId"], launch.instance);
    assert_eq!(
        node["node"],
        json!({
            "instanceId": launch.instance,
            "name": name,
            "instanceType": "m5.4xlarge",
            "availabilityZone": "us-west-2a",
            "privateIpAddress": instance.private_ip_address.to_string(),
            "launchedAt": launch.local().with_world(|world| world.kernel.timestamp_at(instance.launch_time)).as_second(),
            "running": true,
        })
    );
    assert_eq!(instance.tags["Name"], name);
    assert_eq!(
        instance.tags["multus"], "upf",
        "what others have set is left alone"
    );
    assert_eq!(
        launch.actions_since(mark),
        counts([("DescribeInstances", 1), ("CreateTags", 1)])
    );
}

#[tokio::test(start_paused = true)]
async fn launches_of_a_burst_wait_for_their_turns_to_be_tagged() {
    let first = Launch::running().await.unwrap();
    // It was launched some time before the others.
    let launches = Launch::more(&first.scene, 50).await.unwrap();
    let mut launches: Vec<Launch> = launches
        .into_iter()
        .map(|launch| launch.in_process_of(&first))
        .collect();
    launches.insert(0, first);
    let mark = launches[0].mark();
    let mut turns = Vec::new();
    for launch in &mut launches {
        let answer = launch.run(State::TagNode).await.unwrap();
        match answer["next"].as_str() {
            Some("WAIT") => turns.push(answer["waitSeconds"].as_u64().unwrap()),
            next => assert_eq!((next, &answer["waitSeconds"]), (Some("WIRE"), &Value::Null)),
        }
    }
    // Thirty at once, and then eight a second.
    turns.sort_unstable();
    assert_eq!(turns, [vec![1; 8], vec![2; 8], vec![3; 4]].concat());
    // One look for the first launch, and one listing for all others of this process.
    let calls = counts([("DescribeInstances", 2), ("CreateTags", 31)]);
    assert_eq!(launches[0].actions_since(mark), calls);

    tokio::time::sleep(Duration::from_secs(3)).await;
    for launch in &mut launches {
        if launch.data["next"] == "WAIT" {
            let answer = launch.run(State::TagNode).await.unwrap();
            assert_eq!(answer["next"], "WIRE", "it waits once");
            assert!(launch.node().unwrap().tags.contains_key("Name"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn definition_of_the_first_release_is_not_asked_to_wait() {
    let first = Launch::running().await.unwrap();
    let launches = Launch::more(&first.scene, 49).await.unwrap();
    for launch in launches {
        let launch = launch.in_process_of(&first);
        let mut payload = launch.payload(State::TagNode);
        payload.as_object_mut().unwrap().remove("tried");
        let answer = launch.handle(State::TagNode, payload).await.unwrap();
        assert_eq!(answer["next"], "WIRE");
    }
}

#[tokio::test(start_paused = true)]
async fn event_of_another_group_is_ignored_without_a_call() {
    let launch = Launch::running().await.unwrap();
    type Change = fn(&mut Value);
    let cases: [(Change, &str); 7] = [
        (
            |event| {
                event["detail"] =
                    json!({"Event": "autoscaling:TEST_NOTIFICATION", "AutoScalingGroupName": "upf"})
            },
            "a test notification",
        ),
        (
            |event| event["detail"]["LifecycleTransition"] = json!("autoscaling:TEST_NOTIFICATION"),
            "a test notification",
        ),
        (
            |event| {
                event["detail"]["LifecycleTransition"] =
                    json!("autoscaling:EC2_INSTANCE_TERMINATING")
            },
            "the transition \"autoscaling:EC2_INSTANCE_TERMINATING\"",
        ),
        (
            |event| event["detail-type"] = json!("EC2 Instance Launch Successful"),
            "detail-type \"EC2 Instance Launch Successful\"",
        ),
        (
            |event| event["source"] = json!("acme.autoscaling"),
            "source \"acme.autoscaling\"",
        ),
        (
            |event| event["detail"]["LifecycleHookName"] = json!("Launch-LC-Hook"),
            "the hook Launch-LC-Hook",
        ),
        (
            |event| event["detail"]["AutoScalingGroupName"] = json!("smf"),
            "the Auto Scaling group smf",
        ),
    ];
    let mark = launch.mark();
    for (change, says) in cases {
        let payload = with_event(&launch, change);
        let node = launch.handle(State::TagNode, payload).await.unwrap();
        assert_eq!(node["next"], "IGNORE", "{says}");
        let reason = node["reason"].as_str().unwrap();
        assert!(reason.contains(says), "wanted {says}\nfound {reason}");
    }
    assert_eq!(launch.actions_since(mark), counts([]));
}

#[tokio::test(start_paused = true)]
async fn selector_by_tag_describes_the_instance() {
    let launch = Launch::running().await.unwrap();
    for (selector, next) in [
        (json!({"tag": {"key": "multus", "value": "upf"}}), "WIRE"),
        (json!({"tag": {"key": "multus"}}), "WIRE"),
        (json!({"tag": {"key": "multus", "value": "smf"}}), "IGNORE"),
        (json!({"tag": {"key": "Multus"}}), "IGNORE"),
    ] {
        let mut payload = launch.payload(State::TagNode);
        payload["input"]["profile"]["selector"] = selector.clone();
        let mark = launch.mark();
        let node = launch.handle(State::TagNode, payload).await.unwrap();
        assert_eq!(node["next"], next, "{selector}");
        if next == "IGNORE" {
            // It may describe, but it must change nothing (I4).
            assert_eq!(
                launch.actions_since(mark),
                counts([("DescribeInstances", 1)]),
                "{selector}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn instance_shown_without_any_tag_is_not_shown_yet() {
    let settings = Settings {
        instance_tags_not_shown_for: Duration::from_secs(30),
        ..Settings::for_tests()
    };
    let mut launch = Launch::running_in(settings).await.unwrap();
    for selector in [
        json!({"tag": {"key": "multus", "value": "upf"}}),
        json!({"autoScalingGroupNames": ["upf"]}),
    ] {
        launch = launch.with_profile(|profile| profile["selector"] = selector);
        failed(
            launch.run(State::TagNode).await,
            "Hookline.InstanceNotFoundYet",
        );
    }
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(launch.run(State::TagNode).await.unwrap()["next"], "WIRE");
}

#[tokio::test(start_paused = true)]
async fn node_gets_its_interfaces_wherever_it_goes() {
    let launch = Launch::running().await.unwrap();
    for destination in ["WarmPool", "AutoScalingGroup", "SomePlaceThatAwsAddsOneDay"] {
        let payload = with_event(&launch, |event| {
            event["detail"]["Destination"] = json!(destination);
        });
        let node = launch.handle(State::TagNode, payload).await.unwrap();
        assert_eq!(node["next"], "WIRE", "{destination}");
        assert!(launch.node().unwrap().tags.contains_key("Name"));
    }
}

#[tokio::test(start_paused = true)]
async fn stopping_instance_is_gone_unless_its_launch_passes_a_warm_pool() {
    let mut launch = Launch::running().await.unwrap();
    let stop = launch.scene.ec2.stop_instances();
    stop.instance_ids(&launch.instance).send().await.unwrap();
    failed(launch.run(State::TagNode).await, "Hookline.InstanceGone");
    for (field, place) in [("Origin", "WarmPool"), ("Destination", "WarmPool")] {
        let payload = with_event(&launch, |event| event["detail"][field] = json!(place));
        let node = launch.handle(State::TagNode, payload).await.unwrap();
        assert_eq!(node["next"], "WIRE", "{field}");
        assert_eq!(node["node"]["running"], false);
    }
}

/// The instance's mark of a launch under way.
fn mark_of(launch: &Launch) -> Option<String> {
    launch.node().unwrap().tags.remove(LAUNCHED_AT)
}

#[tokio::test(start_paused = true)]
async fn launch_that_gets_interfaces_is_marked_with_its_time() {
    let mut launch = Launch::running().await.unwrap();
    assert_eq!(mark_of(&launch), None);
    let node = launch.run(State::TagNode).await.unwrap();
    let launched_at = node["node"]["launchedAt"].to_string();
    assert_eq!(mark_of(&launch), Some(launched_at.clone()));
    // Once is enough.
    let mark = launch.mark();
    launch.run(State::TagNode).await.unwrap();
    assert_eq!(
        launch.actions_since(mark),
        counts([("DescribeInstances", 1)])
    );

    // From a warm pool it begins with the event.
    let event_time = "2099-01-02T03:04:05Z";
    let payload = with_event(&launch, |event| {
        event["detail"]["Origin"] = json!("WarmPool");
        event["time"] = json!(event_time);
    });
    launch.handle(State::TagNode, payload).await.unwrap();
    assert_eq!(mark_of(&launch).as_deref(), Some("4071006245"));
}

#[tokio::test(start_paused = true)]
async fn launch_that_gets_no_interfaces_has_no_mark() {
    let launch = Launch::running().await.unwrap();
    let mut without_slots = launch.payload(State::TagNode);
    without_slots["input"]["profile"]["slots"] = json!([]);
    launch.handle(State::TagNode, without_slots).await.unwrap();
    assert_eq!(mark_of(&launch), None);
}

#[tokio::test(start_paused = true)]
async fn node_that_leaves_a_warm_pool_with_its_interfaces_keeps_its_mark() {
    let mut launch = Launch::running().await.unwrap();
    launch.run_to(State::AttachInterfaces).await.unwrap();
    let entered = mark_of(&launch);
    assert!(entered.is_some());
    let payload = with_event(&launch, |event| {
        event["detail"]["Origin"] = json!("WarmPool");
        event["time"] = json!("2099-01-02T03:04:05Z");
    });
    let mark = launch.mark();
    launch.handle(State::TagNode, payload).await.unwrap();
    assert_eq!(mark_of(&launch), entered);
    assert_eq!(
        launch.actions_since(mark),
        counts([("DescribeInstances", 1)])
    );
}

#[tokio::test(start_paused = true)]
async fn profile_without_slots_only_names_the_node() {
    let mut launch = Launch::running()
        .await
        .unwrap()
        .with_profile(|profile| profile["slots"] = json!([]));
    let node = launch.run(State::TagNode).await.unwrap();
    assert_eq!(node["next"], "COMPLETE");
    assert!(launch.node().unwrap().tags.contains_key("Name"));
}

#[tokio::test(start_paused = true)]
async fn node_at_another_owners_hook_gets_its_interfaces() {
    let mut launch = Launch::running()
        .await
        .unwrap()
        .with_profile(|profile| profile["hook"]["complete"] = json!(false));
    let execution = launch.run(State::TagNode).await.unwrap();
    assert_eq!(execution["next"], "WIRE");
    assert_eq!(execution["hook"], "ANOTHER");
}

#[tokio::test(start_paused = true)]
async fn instance_that_ec2_does_not_return_yet_is_retried() {
    let settings = Settings {
        instance_not_found_for: Duration::from_secs(5),
        ..Settings::for_tests()
    };
    let mut launch = Launch::begin(settings, &small()).await.unwrap();
    let says = failed(
        launch.run(State::TagNode).await,
        "Hookline.InstanceNotFoundYet",
    );
    assert!(says.contains(&launch.instance), "{says}");
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(launch.run(State::TagNode).await.unwrap()["next"], "WIRE");
}

#[tokio::test(start_paused = true)]
async fn tagging_that_lags_behind_the_describe_is_retried() {
    let mut launch = Launch::running().await.unwrap();
    launch
        .local()
        .inject(refusal("CreateTags", "InvalidInstanceID.NotFound"));
    failed(
        launch.run(State::TagNode).await,
        "Hookline.InstanceNotFoundYet",
    );
    assert_eq!(launch.local().faults_left(), 0);
    launch.run(State::TagNode).await.unwrap();
    assert!(launch.node().unwrap().tags.contains_key("Name"));
}

#[tokio::test(start_paused = true)]
async fn terminating_instance_is_not_prepared() {
    let mut launch = Launch::running().await.unwrap();
    launch
        .scene
        .ec2
        .terminate_instances()
        .instance_ids(&launch.instance)
        .send()
        .await
        .unwrap();
    let says = failed(launch.run(State::TagNode).await, "Hookline.InstanceGone");
    assert!(says.contains("shutting-down"), "{says}");
    launch
        .until("the instance to be terminated", |launch| {
            launch
                .node()
                .is_ok_and(|node| node.state == InstanceState::Terminated)
        })
        .await
        .unwrap();
    let says = failed(launch.run(State::TagNode).await, "Hookline.InstanceGone");
    assert!(says.contains("terminated"), "{says}");
    assert!(!launch.node().unwrap().tags.contains_key("Name"));
}

#[tokio::test(start_paused = true)]
async fn second_run_tags_nothing() {
    let mut launch = Launch::running().await.unwrap();
    let first = launch.run(State::TagNode).await.unwrap();
    let mark = launch.mark();
    assert_eq!(launch.run(State::TagNode).await.unwrap(), first);
    assert_eq!(
        launch.actions_since(mark),
        counts([("DescribeInstances", 1)])
    );
}

/// The keys and values that CreateTags has put on the node since `mark`.
fn tags_put(launch: &Launch, mark: usize) -> Vec<String> {
    launch
        .calls_since(mark)
        .into_iter()
        .filter(|call| call.action == "CreateTags")
        .flat_map(|call| call.params)
        .filter(|(name, _)| name.starts_with("Tag."))
        .map(|(_, value)| value)
        .collect()
}

#[tokio::test(start_paused = true)]
async fn only_tags_that_differ_are_written() {
    let mut launch = Launch::running().await.unwrap().with_profile(|profile| {
        profile["nodeTags"] =
            json!({"multus": "{{ asg }}", "zone": "{{ az }}", "nothing": "{% if false %}x{% endif %}"});
    });
    let mark = launch.mark();
    let node = launch.run(State::TagNode).await.unwrap();
    let mark_of_launch = [LAUNCHED_AT, &mark_of(&launch).unwrap()];
    assert_eq!(
        tags_put(&launch, mark),
        [mark_of_launch, ["zone", "us-west-2a"]].concat()
    );
    assert_eq!(node["name"], Value::Null, "no tag of it is its name");
}

#[tokio::test(start_paused = true)]
async fn templates_can_use_every_variable_of_the_node() {
    let mut launch = Launch::running().await.unwrap().with_profile(|profile| {
        profile["nodeTags"] = json!({
            "facts": "{{ instance_id }} {{ instance_type }} {{ az }} {{ region }} {{ asg }} {{ private_ip }}",
            "tags": "{{ tags['multus'] }}-{{ tags['none'] | default('nothing') }}",
            "octets": "{{ private_ip | octets(2) }}",
        });
    });
    launch.run(State::TagNode).await.unwrap();
    let node = launch.node().unwrap();
    let address = node.private_ip_address;
    assert_eq!(
        node.tags["facts"],
        format!(
            "{} m5.4xlarge us-west-2a us-west-2 upf {address}",
            launch.instance
        )
    );
    assert_eq!(node.tags["tags"], "upf-nothing");
    let [.., c, d] = address.octets();
    assert_eq!(node.tags["octets"], format!("{c}-{d}"));
}

#[tokio::test(start_paused = true)]
async fn template_with_an_undefined_variable_names_no_node() {
    for (template, says) in [
        (
            "{{ tags['App'] }}",
            "profile.nodeTags[\"Name\"]: line 1, column ",
        ),
        (
            "{{ instance_id.nothing }}",
            "profile.nodeTags[\"Name\"]: line 1, column ",
        ),
        (
            "{% for n in instance_id %}{{ instance_id }}{% endfor %}",
            "profile.nodeTags[\"Name\"]: ",
        ),
    ] {
        let mut launch = Launch::running().await.unwrap().with_profile(|profile| {
            profile["nodeTags"] = json!({"Name": template, "zone": "{{ az }}"});
            profile["tagFailure"] = json!("abandon");
        });
        let before = launch.node().unwrap().tags;
        let found = failed(launch.run(State::TagNode).await, "Hookline.InvalidTemplate");
        assert!(found.starts_with(says), "wanted {says}\nfound {found}");
        assert_eq!(launch.node().unwrap().tags, before, "not half of the tags");
    }
}

#[tokio::test(start_paused = true)]
async fn volumes_and_interfaces_of_the_launch_are_tagged_and_interfaces_of_slots_are_not() {
    let mut launch = Launch::running().await.unwrap().with_profile(|profile| {
        profile["volumeTags"] = json!({"Name": "{{ name }}", "Team": "core"});
        profile["interfaceTags"] = json!({"Name": "{{ name }}", "Team": "core"});
    });
    let mark = launch.mark();
    launch.run_to(State::ContinueLaunch).await.unwrap();
    let name = launch.node().unwrap().tags["Name"].clone();
    assert_eq!(
        launch.actions_since(mark)["DescribeTags"],
        1,
        "one call for all of them"
    );
    let volume = launch.local().with_world(|world| {
        let mut volumes = world.ec2.volumes_of(&launch.instance);
        volumes.next().unwrap().tags.clone()
    });
    assert_eq!(volume["Name"], name);
    assert_eq!(volume["Team"], "core");
    // A second execution finds the interfaces of the slots attached. They are not the launch's own.
    let mark = launch.mark();
    launch
        .second_execution()
        .await
        .with_profile(|profile| {
            *profile = launch.payload(State::TagNode)["input"]["profile"].clone()
        })
        .run(State::TagNode)
        .await
        .unwrap();
    assert_eq!(
        launch.actions_since(mark),
        counts([("DescribeInstances", 1), ("DescribeTags", 1)])
    );
    for interface in launch.made() {
        assert!(!interface.tags.contains_key("Team"), "{:?}", interface.tags);
    }
    launch.nothing_is_broken().unwrap();
}

#[tokio::test(start_paused = true)]
async fn kept_name_is_used_for_the_interfaces() {
    let mut launch = Launch::running()
        .await
        .unwrap()
        .with_profile(|profile| profile["existingTags"] = json!("keep"));
    let tag = aws_sdk_ec2::types::Tag::builder().key("Name").value("mine");
    let create = launch.scene.ec2.create_tags().resources(&launch.instance);
    create.tags(tag.build()).send().await.unwrap();
    let mark = launch.mark();
    let node = launch.run(State::TagNode).await.unwrap();
    assert_eq!(node["node"]["name"], "mine");
    // The mark of the launch is Hookline's own tag, and no rule of the profile's.
    assert_eq!(
        tags_put(&launch, mark),
        [LAUNCHED_AT, &mark_of(&launch).unwrap()]
    );
}
