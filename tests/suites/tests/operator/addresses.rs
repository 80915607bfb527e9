//! Subnets without a free address.

use anyhow::Result;

use crate::{
    check_not_found, check_text, commands, explained, hookline, shell, stage, texts,
    trouble_that_says,
};

#[tokio::test(flavor = "multi_thread")]
async fn full_subnet_is_explained_with_who_holds_it_and_deletes_make_room() -> Result<()> {
    let stage = stage().await?;
    stage.group("upf").await?;
    let full = stage.scene.first_subnet(0)?.to_owned();
    stage.scene.fill(&full).await?;
    stage.scene.scale("upf", 1).await?;

    let reason = ["Hookline.SubnetsFull"];
    let found = trouble_that_says(&stage, "repeated-failures", &reason).await?;
    assert_eq!(found["group"], "upf");

    let (launch, cause) = explained(&stage, "upf", "subnet-full").await?;
    let words = texts(&cause);
    for says in [
        full.as_str(),
        "signaling has 0 addresses free",
        "(10.0.16.0/28)",
        "11 by unattached interfaces of others",
        "profile.slots[0].subnetIds",
    ] {
        assert!(words.contains(says), "no {says:?} in {cause:#}");
    }
    assert_eq!(launch["replay"]["helps"], false, "{launch:#}");
    check_not_found(&launch, "failed")?;
    check_not_found(&launch, "instance-ended")?;
    // The other network has room.
    assert!(!words.contains(stage.scene.first_subnet(1)?), "{cause:#}");

    let deletes = commands(&cause, "aws ec2 delete-network-interface");
    assert!(!deletes.is_empty(), "{cause:#}");
    for line in deletes {
        shell(&stage, line).await?;
    }
    stage.in_service("upf", 1).await?;
    let after = hookline(&stage, "status").await?;
    assert_eq!(
        after["groups"][0]["lastLaunch"]["result"], "IN SERVICE",
        "{after:#}"
    );
    check_text(&stage, "status").await?;
    stage.deployment.shut_down().await;
    Ok(())
}
