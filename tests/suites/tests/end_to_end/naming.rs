//! Nodes of groups without a hook, named by either event or by both.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result};
use hookline_local::Settings;
use hookline_local::eventbridge::Disturbance;
use hookline_statemachine::NAME_NODE;
use hookline_testkit::naming::{
    CLOUDTRAIL, LAUNCH_SUCCESSFUL, LaunchEvent, cluster_nodegroup_ip, profile_of,
};
use hookline_testkit::scene::Size;
use hookline_testkit::stage::{LIMIT, Stage};
use hookline_testkit::wait::wait_for;
use serde_json::{Value, json};

use crate::as_aws_is;

const SIZE: Size = Size {
    azs: 2,
    networks: 0,
    subnets_per_az: 1,
    prefix: 24,
    instance_type: "m5.4xlarge",
    gate: false,
};

async fn stage() -> Result<Stage> {
    let settings = Settings {
        trail_delivers_after: Some(Duration::from_millis(500)),
        volume_attach_for: Duration::from_millis(800),
        ..as_aws_is()
    };
    let mut stage = Stage::set(settings, &SIZE).await?;
    stage.turn_to_naming(NAME_NODE).await?;
    Ok(stage)
}

/// Every instance of a group has the name that the preset gives it.
fn all_are_named(stage: &Stage, group: &str, nodes: usize) {
    stage.local.with_world(|world| {
        let members = world.autoscaling.states(group);
        assert_eq!(members.len(), nodes);
        for id in members.keys() {
            let instance = world.ec2.instance(id);
            let named = instance.map(|instance| instance.tags.get("Name").cloned());
            let wanted = instance.map(|instance| Some(cluster_nodegroup_ip(instance)));
            assert_eq!(named, wanted, "{id}");
        }
    });
}

fn calls_of(stage: &Stage, action: &str) -> usize {
    let calls = stage.local.calls();
    calls
        .iter()
        .filter(|call| call.action == action && call.user_agent.contains("app/Hookline"))
        .count()
}

/// How many instances the input of an execution names.
fn instances_of(input: &Value) -> usize {
    let items = input.pointer("/event/detail/responseElements/instancesSet/items");
    items.and_then(Value::as_array).map_or(1, Vec::len)
}

#[tokio::test(flavor = "multi_thread")]
async fn cloudtrail_record_of_several_launches_names_them_all() -> Result<()> {
    let stage = stage().await?;
    stage
        .plain_group("web", LaunchEvent::CloudTrail, &profile_of("web"))
        .await?;
    stage.scene.scale("web", 6).await?;
    // Six nodes over two subnets are two calls of RunInstances.
    let executions = stage.ended(2).await?;
    assert_eq!(executions.len(), 2);
    for execution in &executions {
        stage.expect(execution, "SUCCEEDED", "NodesNamed").await?;
        assert_eq!(instances_of(&execution.input), 3);
    }
    all_are_named(&stage, "web", 6);
    // No name is ever removed.
    assert_eq!(calls_of(&stage, "DeleteTags"), 0);
    stage.deployment.shut_down().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn launch_successful_names_instance_volumes_and_interfaces() -> Result<()> {
    let stage = stage().await?;
    let mut profile = profile_of("web");
    profile["volumeTags"] = json!({"Name": "{{ name }}", "Team": "core"});
    profile["interfaceTags"] = json!({"Name": "{{ name }}", "Team": "core"});
    stage
        .plain_group("web", LaunchEvent::LaunchSuccessful, &profile)
        .await?;
    stage.scene.scale("web", 3).await?;
    for execution in stage.ended(3).await? {
        stage.expect(&execution, "SUCCEEDED", "NodesNamed").await?;
    }
    all_are_named(&stage, "web", 3);
    stage.local.with_world(|world| {
        for instance in world.ec2.instances() {
            let name = instance.tags.get("Name");
            for volume in world.ec2.volumes_of(&instance.instance_id) {
                assert_eq!(volume.tags.get("Name"), name);
            }
            for interface in world.ec2.interfaces_of(&instance.instance_id) {
                assert_eq!(interface.tags.get("Name"), name);
                assert_eq!(interface.tags.get("Team").map(String::as_str), Some("core"));
            }
        }
    });
    assert_eq!(
        calls_of(&stage, "CreateTags"),
        6,
        "Name and Team differ: two a node"
    );
    stage.deployment.shut_down().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn both_events_delivered_twice_name_the_node_once() -> Result<()> {
    let stage = stage().await?;
    let profile = profile_of("web");
    stage
        .plain_group("web", LaunchEvent::CloudTrail, &profile)
        .await?;
    let pattern = LaunchEvent::LaunchSuccessful.pattern("web");
    stage
        .deployment
        .rule_with_pattern("web-in-service", &pattern, &profile)
        .await?;
    for detail_type in [CLOUDTRAIL, LAUNCH_SUCCESSFUL] {
        let twice = Disturbance::duplicate(1, Duration::from_millis(1)).containing(detail_type);
        stage.local.eventbridge().disturb(twice);
    }
    stage.scene.scale("web", 2).await?;
    // A record for each of two subnets and an event for each of two nodes, all of them twice.
    let executions = stage.ended(8).await?;
    for execution in &executions {
        stage.expect(execution, "SUCCEEDED", "NodesNamed").await?;
    }
    all_are_named(&stage, "web", 2);
    let arns: BTreeSet<_> = executions.iter().map(|one| &one.arn).collect();
    assert_eq!(arns.len(), 8);
    stage.deployment.shut_down().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_outside_the_selector_are_not_changed_by_a_wide_rule() -> Result<()> {
    let stage = stage().await?;
    let pattern = json!({"detail-type": [CLOUDTRAIL, LAUNCH_SUCCESSFUL]});
    let profile = profile_of("web");
    let deployment = &stage.deployment;
    deployment
        .rule_with_pattern("all", &pattern, &profile)
        .await?;
    for group in ["web", "other"] {
        stage
            .scene
            .plain_group(group, &hookline_testkit::naming::TAGS)
            .await?;
        stage.scene.scale(group, 1).await?;
    }
    let executions = stage.ended(4).await?;
    let ended_in = async |last: &str| {
        let mut found = 0;
        for execution in &executions {
            let states = deployment.states(&execution.arn).await?;
            found += usize::from(states.last().is_some_and(|state| state == last));
        }
        anyhow::Ok(found)
    };
    assert_eq!(ended_in("NodesNamed").await?, 2);
    assert_eq!(ended_in("NotForThisProfile").await?, 2);
    all_are_named(&stage, "web", 1);
    stage.local.with_world(|world| {
        for id in world.autoscaling.states("other").keys() {
            let instance = world.ec2.instance(id);
            assert!(instance.is_some_and(|one| !one.tags.contains_key("Name")));
        }
    });
    stage.deployment.shut_down().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn node_that_cannot_be_named_does_not_stop_the_others() -> Result<()> {
    let stage = stage().await?;
    stage
        .scene
        .plain_group("web", &hookline_testkit::naming::TAGS)
        .await?;
    stage.scene.scale("web", 4).await?;
    let record = wait_for(LIMIT, "a record", async || {
        let events = stage.local.eventbridge().events();
        Ok(events
            .into_iter()
            .find(|event| event["detail-type"] == CLOUDTRAIL))
    })
    .await?;
    // As if one of them had been launched without the tags of its node group.
    let mut event = record;
    let items = event
        .pointer_mut("/detail/responseElements/instancesSet/items")
        .and_then(Value::as_array_mut)
        .context("no instances")?;
    assert_eq!(items.len(), 2);
    let tags = items
        .first_mut()
        .and_then(|item| item.pointer_mut("/tagSet/items")?.as_array_mut())
        .context("no tags")?;
    tags.retain(|tag| tag["key"] != "eks:nodegroup-name");
    let execution = stage.run(&event, &profile_of("web")).await?;
    stage.expect(&execution, "FAILED", "NodesNotNamed").await?;
    assert_eq!(execution.error.as_deref(), Some("Hookline.InvalidTemplate"));
    let cause = execution.cause.unwrap_or_default();
    for says in ["1 of 2 nodes could not be named", "eks:nodegroup-name"] {
        assert!(cause.contains(says), "{says}\nis not in\n{cause}");
    }
    let named = stage.local.with_world(|world| {
        let instances = world.ec2.instances();
        instances
            .filter(|instance| instance.tags.contains_key("Name"))
            .count()
    });
    assert_eq!(named, 1);
    stage.deployment.shut_down().await;
    Ok(())
}
