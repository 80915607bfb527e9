//! Interfaces that are left, and nodes that lack theirs.

use anyhow::{Context as _, Result};
use aws_sdk_ec2::types::{ResourceType, Tag, TagSpecification};
use hookline_domain::tags::own;
use hookline_testkit::roles;
use serde_json::json;

use crate::{deploy, explained, hookline, mend, no_trouble, stage, texts, trouble};

/// An instance that never existed.
const GONE: &str = "i-0123456789abcdef0";

#[tokio::test(flavor = "multi_thread")]
async fn leaked_interface_is_listed_with_its_time_and_can_be_deleted() -> Result<()> {
    let stage = stage().await?;
    stage.group("upf").await?;
    let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
    let tags = TagSpecification::builder()
        .resource_type(ResourceType::NetworkInterface)
        .tags(tag(own::INSTANCE_ID, GONE))
        .tags(tag(own::NETWORK, "signaling"))
        .tags(tag(own::DEPLOYMENT, roles::deployment().as_str()))
        .build();
    let create = stage
        .scene
        .ec2
        .create_network_interface()
        .subnet_id(stage.scene.first_subnet(0)?);
    let created = create.tag_specifications(tags).send().await?;
    let id = created
        .network_interface()
        .and_then(|it| it.network_interface_id())
        .context("no id")?;

    let status = hookline(&stage, "status").await?;
    let leaked = &status["leakedInterfaces"][0];
    assert_eq!(
        (&leaked["id"], &leaked["instance"]),
        (&json!(id), &json!(GONE)),
        "{status:#}"
    );
    let deleted_by = leaked["deletedBy"].as_i64().context("no time")?;
    let now = status["at"].as_i64().context("no time")?;
    assert!((600..=1_200).contains(&(deleted_by - now)), "{status:#}");
    let found = trouble(&stage, "interfaces-left").await?;
    mend(&stage, &found, "hookline release").await?;
    no_trouble(&stage, "interfaces-left").await?;
    stage.deployment.shut_down().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn node_without_interfaces_is_told_and_adopted() -> Result<()> {
    let stage = stage().await?;
    deploy(&stage, "adopt")?;
    // The event is lost, as there is no rule yet, and a person continues the launch.
    let instance = stage.node_without_interfaces("upf").await?;
    let instance = instance.as_str();
    stage
        .deployment
        .rule("upf", &stage.scene.profile("upf"))
        .await?;

    let found = trouble(&stage, "node-lacks-interfaces").await?;
    assert_eq!(found["ids"], json!([instance]), "{found:#}");
    // By the name that the node has in the cluster.
    let name = stage.local.with_world(|world| {
        let instance = world.ec2.instance(instance)?;
        Some(format!(
            "ip-{}.us-west-2.compute.internal",
            instance.private_ip_address.to_string().replace('.', "-")
        ))
    });
    let (_, cause) = explained(
        &stage,
        &name.context("no instance")?,
        "node-lacks-interfaces",
    )
    .await?;
    assert!(texts(&cause).contains("signaling, user-plane"), "{cause:#}");
    mend(&stage, &cause, "hookline adopt").await?;
    no_trouble(&stage, "node-lacks-interfaces").await?;
    let executions = stage.ended(1).await?;
    assert_eq!(executions[0].status, "SUCCEEDED");
    stage.deployment.shut_down().await;
    Ok(())
}
