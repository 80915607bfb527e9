//! Launches of instances with software: they boot, and the VPC CNI of each attaches interfaces of its
//! own. The times are shorter than on AWS.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, ensure};
use hookline_domain::tags::own;
use hookline_local::node::{CniSettings, NodeSettings, Phase};
use hookline_local::{Latency, Settings};
use hookline_testkit::scene::Size;
use hookline_testkit::stage::Stage;
use hookline_testkit::wait::wait_for;

use crate::as_aws_is;

const NODES: usize = 60;
/// For sixty nodes in one engine that is written in Python, on a busy machine.
const LIMIT: Duration = Duration::from_secs(420);

fn settings() -> Settings {
    Settings {
        instance_pending_for: Duration::from_secs(2),
        // The VPC CNI does not wait between the create and the attach, and the latency here is shorter
        // than on AWS.
        interface_not_found_for: Duration::ZERO,
        node: Some(NodeSettings {
            boot: Latency::millis(1_000, 3_000),
            kubelet_start: Latency::millis(100, 500),
            imds_lag: Latency::millis(100, 500),
            cni: Some(CniSettings {
                secondary_addresses: 0,
                ..CniSettings::default()
            }),
            ..NodeSettings::default()
        }),
        ..as_aws_is()
    }
}

/// Waits until so many nodes are InService and have joined their cluster, and every execution has
/// ended. None of them may have failed.
async fn all_join(stage: &Stage, group: &str, nodes: usize) -> Result<()> {
    wait_for(LIMIT, &format!("{nodes} nodes to join"), async || {
        let in_service = stage
            .local
            .with_world(|world| world.autoscaling.in_service(group));
        let all = stage.local.nodes().all();
        let joined = all
            .values()
            .filter(|node| node.reached.contains_key(&Phase::Joined));
        Ok((in_service == nodes && joined.count() == nodes).then_some(()))
    })
    .await?;
    let executions = stage.ended(nodes).await?;
    ensure!(executions.len() == nodes, "{} executions", executions.len());
    for execution in &executions {
        stage.expect(execution, "SUCCEEDED", "NodeReady").await?;
    }
    Ok(())
}

/// How many nodes have an interface of the VPC CNI that was created before the last of Hookline's was.
fn overtaken_by_the_vpc_cni(stage: &Stage) -> usize {
    stage.local.with_world(|world| {
        let mut last_of_hookline = BTreeMap::new();
        let mut of_cni = BTreeMap::new();
        for interface in world.ec2.network_interfaces() {
            let Some(attachment) = &interface.attachment else {
                continue;
            };
            let instance = attachment.instance_id.clone();
            if interface.tags.contains_key(own::INSTANCE_ID) {
                let last = last_of_hookline
                    .entry(instance)
                    .or_insert(attachment.attach_time);
                *last = attachment.attach_time.max(*last);
            } else if interface.description.starts_with("aws-K8S-") {
                of_cni.insert(instance, attachment.attach_time);
            }
        }
        let overtaken =
            |(instance, at)| last_of_hookline.get(instance).is_some_and(|last| at < last);
        of_cni.iter().filter(|node| overtaken(*node)).count()
    })
}

/// Launches sixty nodes at once. Returns on how many the VPC CNI came before Hookline was done.
async fn sixty_launches(size: &Size) -> Result<usize> {
    let stage = Stage::set(settings(), size).await?;
    let profile = stage.group("upf").await?;
    stage.scene.scale("upf", i32::try_from(NODES)?).await?;
    all_join(&stage, "upf", NODES).await?;
    let overtaken = overtaken_by_the_vpc_cni(&stage);
    stage.at_rest(&[profile]).await?;
    stage.deployment.shut_down().await;
    Ok(overtaken)
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_launches_with_a_gate_lose_no_node_to_the_vpc_cni() -> Result<()> {
    let size = Size {
        gate: true,
        ..Size::default()
    };
    assert_eq!(sixty_launches(&size).await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_launches_without_a_gate_lose_no_node_to_the_vpc_cni() -> Result<()> {
    let size = Size {
        gate: false,
        device_indexes: false,
        ..Size::default()
    };
    // Otherwise this would be no test.
    assert!(sixty_launches(&size).await? > 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn bare_metal_that_is_pending_for_long_is_waited_for() -> Result<()> {
    let mut settings = settings();
    // Longer than one invocation waits: the state machine waits, and extends the hook.
    let pending = Latency::fixed(Duration::from_secs(45));
    settings.pending_for_type = [("m5n.metal".to_owned(), pending)].into();
    let size = Size {
        azs: 1,
        networks: 3,
        instance_type: "m5n.metal",
        gate: true,
        ..Size::default()
    };
    let stage = Stage::set(settings, &size).await?;
    let profile = stage.group("upf").await?;
    stage.scene.scale("upf", 1).await?;
    all_join(&stage, "upf", 1).await?;
    let waited = stage
        .local
        .calls_where(|call| call.action == "RecordLifecycleActionHeartbeat" && call.is_ok());
    assert!(!waited.is_empty(), "the hook was not extended");
    stage.at_rest(&[profile]).await?;
    stage.deployment.shut_down().await;
    Ok(())
}
