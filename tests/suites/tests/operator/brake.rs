//! A group whose every launch fails by the same permanent error, and whose profile has a brake.

use anyhow::{Result, ensure};
use hookline_testkit::stage::{LIMIT, Stage};
use hookline_testkit::wait::wait_for;
use serde_json::{Value, json};

use crate::{
    check_text, hookline, mend, no_trouble, schedule_reconcile_with, stage, texts, trouble,
};

/// What a round of reconcile did.
async fn a_round(stage: &Stage) -> Result<Value> {
    let mut said = hookline(stage, "reconcile --yes").await?;
    Ok(said["rounds"][0]["report"].take())
}

#[tokio::test(flavor = "multi_thread")]
async fn group_in_a_launch_loop_is_braked_until_it_is_mended_and_resumed() -> Result<()> {
    let stage = stage().await?;
    let mut right = stage.scene.profile("upf");
    right["brake"] = json!(true);
    let mut wrong = right.clone();
    wrong["slots"][1]["subnetIds"] = json!(["subnet-0badbadbadbadbad0"]);
    stage.group_with("upf", wrong.clone()).await?;
    schedule_reconcile_with(&stage, &wrong, &json!({"loopSeconds": 0})).await?;
    stage.scene.scale("upf", 1).await?;

    let rounds = wait_for(LIMIT, "a round that brakes the group", async || {
        let round = a_round(&stage).await?;
        Ok((round["braked"] != json!([])).then_some(round))
    });
    let round = rounds.await?;
    ensure!(
        round["loops"][0]["generations"].as_u64() >= Some(3),
        "{round:#}"
    );
    let braked = trouble(&stage, "group-braked").await?;
    for says in [
        "Hookline.ResourceNotFound",
        "braked since 20",
        "hookline resume",
        "upf",
    ] {
        ensure!(texts(&braked).contains(says), "no {says:?} in {braked:#}");
    }
    check_text(&stage, "explain upf").await?;
    let explained = hookline(&stage, "explain upf").await?;
    let group = explained["group"]["findings"].to_string();
    ensure!(group.contains("group-braked"), "{explained:#}");
    // What was under way ends, and nothing follows it.
    let ended = stage.ended(3).await?.len();
    let paused = hookline(&stage, "resume upf").await?;
    ensure!(
        paused["braked"]["error"] == "Hookline.ResourceNotFound",
        "{paused:#}"
    );
    check_text(&stage, "resume upf").await?;
    let round = a_round(&stage).await?;
    ensure!(
        round["loops"] == json!([]) && round["braked"][0]["group"] == "upf",
        "{round:#}"
    );
    ensure!(
        stage.ended(ended).await?.len() == ended,
        "a launch followed"
    );

    stage.deployment.rule("upf", &right).await?;
    mend(&stage, &braked, "hookline resume").await?;
    // The failures before do not count again.
    let round = a_round(&stage).await?;
    ensure!(round["braked"] == json!([]), "{round:#}");
    stage.in_service("upf", 1).await?;
    no_trouble(&stage, "group-braked").await?;
    stage.deployment.shut_down().await;
    Ok(())
}
