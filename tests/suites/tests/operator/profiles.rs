//! Profiles that do not fit: a security group that does not exist, an instance type that is too small,
//! a device index that somebody else has.

use std::time::Duration;

use anyhow::{Context as _, Result};
use hookline_local::{Fault, FaultKind};
use hookline_testkit::scene::{HOOK, Size};
use hookline_testkit::stage::LIMIT;
use hookline_testkit::wait::wait_for;
use serde_json::json;

use crate::{
    SMALL, check_not_found, explained, mend, no_trouble, replay, stage, stage_with, texts, trouble,
    trouble_that_says, waiting,
};

#[tokio::test(flavor = "multi_thread")]
async fn missing_security_group_is_named_with_the_field_and_a_corrected_rule_ends_the_loop()
-> Result<()> {
    let stage = stage().await?;
    let right = stage.scene.profile("upf");
    let mut wrong = right.clone();
    wrong["slots"][1]["securityGroupIds"] = json!(["sg-0badbadbadbadbad0"]);
    stage.group_with("upf", wrong).await?;
    stage.scene.scale("upf", 1).await?;

    let reason = ["sg-0badbadbadbadbad0"];
    let found = trouble_that_says(&stage, "repeated-failures", &reason).await?;
    let (launch, cause) = explained(&stage, "upf", "security-group-missing").await?;
    check_not_found(&launch, "instance-ended")?;
    let words = texts(&cause);
    for says in [
        "sg-0badbadbadbadbad0",
        "profile.slots[1].securityGroupIds",
        "user-plane",
    ] {
        assert!(words.contains(says), "no {says:?} in {cause:#}");
    }
    // Its command lists the groups that there are.
    let groups = mend(&stage, &cause, "aws ec2 describe-security-groups").await?;
    assert!(groups.contains(&stage.scene.security_group), "{groups}");

    mend(&stage, &found, "hookline pause").await?;
    stage.deployment.rule("upf", &right).await?;
    let suspended = trouble(&stage, "launches-suspended").await?;
    mend(&stage, &suspended, "hookline resume").await?;
    stage.in_service("upf", 1).await?;
    no_trouble(&stage, "launches-suspended").await?;
    stage.deployment.shut_down().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn instance_type_that_is_too_small_is_named_with_its_limit() -> Result<()> {
    let stage = stage_with(&Size {
        networks: 3,
        instance_type: "m5.large",
        ..SMALL
    })
    .await?;
    stage.group("upf").await?;
    stage.scene.scale("upf", 1).await?;
    trouble(&stage, "repeated-failures").await?;
    let (launch, cause) = explained(&stage, "upf", "instance-type-too-small").await?;
    check_not_found(&launch, "instance-ended")?;
    let words = texts(&cause);
    for says in ["m5.large", "4 interfaces", "m5.large has 3"] {
        assert!(words.contains(says), "no {says:?} in {cause:#}");
    }
    let types = mend(&stage, &cause, "aws ec2 describe-instance-types").await?;
    assert!(
        types.contains("m5.4xlarge") && !types.contains("m5.large\t"),
        "{types}"
    );
    stage.deployment.shut_down().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn interface_at_the_device_index_is_named_and_its_detach_and_a_replay_mend_it() -> Result<()>
{
    let stage = stage().await?;
    // The launch is not abandoned, so that it can be looked at.
    let mut profile = stage.scene.profile("upf");
    profile["hook"]["complete"] = json!(false);
    stage.group_with("upf", profile).await?;
    let slow = FaultKind::Delay(Duration::from_secs(5));
    stage.local.inject(
        Fault::on("CreateNetworkInterface", slow).when("SubnetId", stage.scene.first_subnet(0)?),
    );
    stage.scene.scale("upf", 1).await?;
    let instance = waiting(&stage).await?;
    stage
        .called(
            "CreateNetworkInterface",
            ("SubnetId", stage.scene.first_subnet(0)?),
        )
        .await?;
    // So that EC2's times, in whole seconds, tell it from an interface of the launch template.
    let launched = stage.local.with_world(|world| world.kernel.elapsed());
    wait_for(LIMIT, "two seconds after the launch", async || {
        let now = stage.local.with_world(|world| world.kernel.elapsed());
        Ok((now >= launched + Duration::from_secs(2)).then_some(()))
    })
    .await?;
    let create = stage
        .scene
        .ec2
        .create_network_interface()
        .description("monitoring probe");
    let created = create
        .subnet_id(&stage.scene.node_subnets[0])
        .send()
        .await?;
    let foreign = created
        .network_interface()
        .and_then(|it| it.network_interface_id());
    let foreign = foreign.context("no id")?;
    let attach = stage
        .scene
        .ec2
        .attach_network_interface()
        .network_interface_id(foreign);
    attach.instance_id(&instance).device_index(1).send().await?;

    trouble(&stage, "execution-ended").await?;
    let (launch, cause) = explained(&stage, &instance, "device-index-taken").await?;
    let words = texts(&cause);
    for says in [
        foreign,
        "monitoring probe",
        "Device index 1",
        "signaling",
        "Somebody attached it",
    ] {
        assert!(words.contains(says), "no {says:?} in {cause:#}");
    }
    mend(&stage, &cause, "aws ec2 detach-network-interface").await?;
    wait_for(LIMIT, "the detach", async || {
        let status = stage.local.with_world(|world| {
            world
                .ec2
                .network_interface(foreign)
                .map(|it| it.attachment.is_none())
        });
        Ok((status == Some(true)).then_some(()))
    })
    .await?;
    replay(&stage, &launch).await?;
    no_trouble(&stage, "execution-ended").await?;
    let executions = stage.ended(2).await?;
    assert_eq!(
        executions.last().map(|it| it.status.as_str()),
        Some("SUCCEEDED")
    );
    stage
        .scene
        .complete("upf", HOOK, &instance, "CONTINUE")
        .await?;
    stage.in_service("upf", 1).await?;
    stage.deployment.shut_down().await;
    Ok(())
}
