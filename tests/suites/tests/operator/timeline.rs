//! The page of a scale-out, of launches as they were.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use hookline_local::{Fault, FaultKind};
use hookline_testkit::stage::{LIMIT, Stage};
use hookline_testkit::wait::wait_for;
use serde_json::{Value, json};

use crate::{check_text, hookline, run, stage};

/// What `timeline` shows, as JSON. The page goes to a file that the next one replaces.
async fn shown(stage: &Stage) -> Result<Value> {
    hookline(stage, "timeline upf -o timeline.html").await
}

/// How often Hookline's functions have called an action.
fn called(stage: &Stage, action: &str) -> usize {
    let calls = stage.local.calls().into_iter();
    let own = calls.filter(|call| call.user_agent.contains("app/Hookline"));
    own.filter(|call| call.action == action).count()
}

fn of_state<'a>(shown: &'a Value, state: &str) -> Vec<&'a Value> {
    let nodes = shown["nodes"].as_array().into_iter().flatten();
    nodes.filter(|node| node["state"] == state).collect()
}

/// The phases of a node, and an error if a bar does not begin where the one before ends.
fn phases(node: &Value) -> Result<Vec<&str>> {
    let bars = node["bars"].as_array().context("no bars")?;
    for (earlier, later) in bars.iter().zip(bars.iter().skip(1)) {
        ensure!(earlier["to"] == later["from"], "a gap in {node:#}");
    }
    bars.iter()
        .map(|bar| bar["phase"].as_str().context("no phase"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn timeline_shows_launches_addresses_and_calls_as_they_were() -> Result<()> {
    let stage = stage().await?;
    stage.group("upf").await?;
    stage.scene.scale("upf", 3).await?;
    stage.in_service("upf", 3).await?;
    stage.ended(3).await?;

    let found = shown(&stage).await?;
    let ready = of_state(&found, "in-service");
    ensure!(ready.len() == 3, "{found:#}");
    let interfaces: BTreeMap<String, String> = stage.local.with_world(|world| {
        let all = world.ec2.network_interfaces();
        all.map(|it| {
            (
                it.network_interface_id.clone(),
                it.private_ip_address.to_string(),
            )
        })
        .collect()
    });
    for node in ready {
        assert_eq!(
            phases(node)?,
            [
                "starting",
                "waiting",
                "creating",
                "attaching",
                "proceeding",
                "in-service"
            ]
        );
        let given = node["addresses"].as_array().context("no addresses")?;
        assert_eq!(given.len(), 2, "{node:#}");
        for given in given {
            let id = given["networkInterfaceId"].as_str().unwrap_or_default();
            let address = interfaces.get(id).with_context(|| id.to_owned())?;
            assert_eq!(given["addresses"], json!([address]));
        }
    }
    // Nothing failed, so the count is exact.
    for calls in found["calls"].as_array().context("no calls")? {
        let action = calls["action"].as_str().unwrap_or_default();
        assert_eq!(calls["calls"], called(&stage, action), "{action}");
    }

    // One more has no address.
    let full = stage.scene.first_subnet(0)?.to_owned();
    stage.scene.fill(&full).await?;
    stage.scene.scale("upf", 4).await?;
    // The reason is known once the execution has ended.
    let first = wait_for(LIMIT, "an abandoned launch with its reason", async || {
        let found = shown(&stage).await?;
        let mut abandoned = of_state(&found, "abandoned").into_iter();
        Ok(abandoned
            .find(|launch| {
                launch["why"]
                    .as_str()
                    .is_some_and(|why| why.starts_with("Hookline."))
            })
            .cloned())
    })
    .await?;
    let why = first["why"].as_str().unwrap_or_default();
    ensure!(
        why.starts_with("Hookline.SubnetsFull: network signaling: no free address left"),
        "{first:#}"
    );
    ensure!(phases(&first)?.last() == Some(&"abandoning"), "{first:#}");
    let page = run(&stage, "timeline upf -o -").await?;
    let (instance, bars) = (&first["instance"], "<rect class=\"abandoning\"");
    let instance = instance.as_str().unwrap_or_default();
    ensure!(page.contains(instance) && page.contains(bars), "{page}");
    stage.deployment.shut_down().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_were_throttled_are_in_the_status_as_functions_counted_them() -> Result<()> {
    let stage = stage().await?;
    stage.group("upf").await?;
    // The SDK's own retries take these in their stride.
    let throttled = Fault::on("DescribeSubnets", FaultKind::Throttle);
    stage.local.inject(throttled.times(2));
    stage.scene.scale("upf", 1).await?;
    stage.in_service("upf", 1).await?;
    // The lines of a log come through a pipe, so they may be late.
    wait_for(LIMIT, "the metric", async || {
        let found = hookline(&stage, "status").await?["throttled"].take();
        ensure!(found["ofReconcileAndAdopt"] == 0, "{found:#}");
        Ok((found["ofProfiles"] == json!({"upf": 2})).then_some(()))
    })
    .await?;
    check_text(&stage, "status").await
}
