//! Which addresses nodes get, and what happens when there are none.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::Result;
use hookline_local::eventbridge::Disturbance;
use hookline_testkit::invariants;
use hookline_testkit::scene::{HOOK, Size};
use hookline_testkit::stage::Stage;
use serde_json::json;

use crate::{SMALL, addresses, as_aws_is, lowest, made_for};

#[tokio::test(flavor = "multi_thread")]
async fn nine_nodes_over_three_azs_get_the_lowest_addresses_of_four_networks() -> Result<()> {
    let stage = Stage::set(as_aws_is(), &Size::default()).await?;
    let profile = stage.group("upf").await?;
    stage.scene.scale("upf", 9).await?;
    stage.in_service("upf", 9).await?;
    let executions = stage.ended(9).await?;
    assert_eq!(executions.len(), 9);
    for execution in &executions {
        stage.expect(execution, "SUCCEEDED", "NodeReady").await?;
    }
    stage.at_rest(std::slice::from_ref(&profile)).await?;
    for network in &stage.scene.networks {
        for subnet in &network.subnets {
            assert_eq!(
                addresses(&stage, subnet),
                lowest(&stage, subnet, 3),
                "{}",
                network.name
            );
        }
    }
    stage.local.with_world(|world| {
        assert_eq!(invariants::holes(world, &profile), 0);
        for (id, history) in world.autoscaling.histories() {
            let name = world
                .ec2
                .instance(id)
                .and_then(|instance| instance.tags.get("Name"));
            let named = name.is_some_and(|name| name.starts_with("upf-ip-10-0-"));
            assert!(named, "{id} of {}: {name:?}", history.group);
        }
    });
    let callers = callers_by_role(&stage);
    for (caller, role) in [
        ("app/Hookline", "AttachInterfacesRole"),
        ("app/Hookline", "CompleteHookRole"),
        ("app/Hookline", "CreateInterfacesRole"),
        ("app/Hookline", "PlanInterfacesRole"),
        ("app/Hookline", "TagNodeRole"),
        ("Boto3", "LaunchNodeRole"),
        ("events.amazonaws.com", "StartLaunchRole"),
    ] {
        let called = |(agent, of): &(String, String)| agent.contains(caller) && of.contains(role);
        assert!(
            callers.iter().any(called),
            "{caller} with {role}: {callers:?}"
        );
    }
    stage.deployment.shut_down().await;
    Ok(())
}

/// Who called with which role. Every call of a function has one.
fn callers_by_role(stage: &Stage) -> BTreeSet<(String, String)> {
    let calls = stage.local.calls();
    for call in &calls {
        let is_function = call.user_agent.contains("app/Hookline");
        assert!(!is_function || call.role.is_some(), "{call:?}");
    }
    calls
        .into_iter()
        .filter_map(|call| Some((call.user_agent, call.role?)))
        .collect()
}

/// A stage whose subnets are as small as AWS allows, and the second network's subnet.
async fn stage_with_small_subnets() -> Result<(Stage, String)> {
    let size = Size {
        prefix: 28,
        ..SMALL
    };
    let stage = Stage::set(as_aws_is(), &size).await?;
    let second = stage.scene.first_subnet(1)?.to_owned();
    Ok((stage, second))
}

#[tokio::test(flavor = "multi_thread")]
async fn full_subnet_is_skipped_for_the_next_of_its_slot() -> Result<()> {
    let (stage, full) = stage_with_small_subnets().await?;
    let next = stage.scene.subnet(0, "10.0.200.0/28").await?;
    stage.scene.fill(&full).await?;
    let mut profile = stage.scene.profile("upf");
    profile["slots"][1]["subnetIds"] = json!([full, next]);
    let profile = stage.group_with("upf", profile).await?;
    stage.scene.scale("upf", 2).await?;
    stage.in_service("upf", 2).await?;
    for execution in stage.ended(2).await? {
        stage.expect(&execution, "SUCCEEDED", "NodeReady").await?;
    }
    assert_eq!(addresses(&stage, &next), lowest(&stage, &next, 2));
    stage.at_rest(&[profile]).await?;
    stage.deployment.shut_down().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn node_without_another_subnet_is_abandoned_and_the_cause_says_what_to_do() -> Result<()> {
    let (stage, full) = stage_with_small_subnets().await?;
    stage.scene.fill(&full).await?;
    let profile = stage.group("upf").await?;
    stage.scene.scale("upf", 1).await?;
    stage.ended(1).await?;
    // The group replaces what was abandoned, which goes the same way, until somebody stops it.
    stage.no_replacements("upf").await?;
    for execution in stage.ended(1).await? {
        stage
            .expect(&execution, "FAILED", "LaunchAbandoned")
            .await?;
        assert_eq!(execution.error.as_deref(), Some("Hookline.SubnetsFull"));
        let instance = Stage::instance_of(&execution)?;
        let cause = execution.cause.unwrap_or_default();
        for says in [
            format!(
                "The launch of {instance} was abandoned and its interfaces were released, but for"
            ),
            format!("network user-plane: no free address left in {full}."),
            "Free some, add a subnet of this AZ to the slot, or narrow excludedRanges".to_owned(),
        ] {
            assert!(cause.contains(&says), "{says}\nis not in\n{cause}");
        }
        assert_eq!(made_for(&stage, &instance), 0);
    }
    stage.at_rest(&[profile]).await?;
    assert_eq!(
        addresses(&stage, stage.scene.first_subnet(0)?),
        Vec::<Ipv4Addr>::new()
    );
    stage.deployment.shut_down().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn event_delivered_again_at_once_and_late_prepares_the_node_once() -> Result<()> {
    let stage = Stage::set(as_aws_is(), &SMALL).await?;
    let profile = stage.group("upf").await?;
    let launch = || Disturbance::duplicate(1, Duration::from_millis(1)).containing(HOOK);
    stage.local.eventbridge().disturb(launch());
    stage.scene.scale("upf", 4).await?;
    stage.in_service("upf", 4).await?;
    let executions = stage.ended(8).await?;
    assert_eq!(executions.len(), 8);

    // Once more, after all is done: a replay with the same input.
    for execution in &executions {
        stage.deployment.execute(&execution.input).await?;
    }
    for execution in stage.ended(16).await? {
        stage.expect(&execution, "SUCCEEDED", "NodeReady").await?;
    }
    for n in 0..3 {
        let subnet = stage.scene.first_subnet(n)?;
        assert_eq!(
            addresses(&stage, subnet),
            lowest(&stage, subnet, 4),
            "as with one event each"
        );
    }
    stage.at_rest(&[profile]).await?;
    stage.deployment.shut_down().await;
    Ok(())
}
