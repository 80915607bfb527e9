//! The scenes that together reach every part of `name-node`.

use std::time::Duration;

use anyhow::{Context as _, Result};
use hookline_local::{Fault, Settings, World};
use hookline_testkit::naming::{LaunchEvent, profile_of};
use hookline_testkit::scene::Size;
use hookline_testkit::stage::{LIMIT, Stage};
use hookline_testkit::wait::wait_for;
use serde_json::json;

use crate::scenes::{Scene, error, trouble};

const GROUP: &str = "plain";

pub(crate) const SCENES: &[(&str, Scene)] = &[
    ("trouble while naming is got over", |s| {
        Box::pin(got_over(s))
    }),
    ("an instance just launched is waited for", |s| {
        Box::pin(waited_for(s))
    }),
    ("another group's launch is left alone", |s| {
        Box::pin(not_for_this_profile(s))
    }),
    ("a profile that cannot be read is refused", |s| {
        Box::pin(refused(s))
    }),
    (
        "a missing permission is reported, and a replay succeeds",
        |s| Box::pin(not_named(s)),
    ),
];

/// A stage for `name-node`, on an AWS with a trail.
pub(crate) async fn stage(size: &Size, definition: &str) -> Result<Stage> {
    let settings = Settings {
        trail_delivers_after: Some(Duration::from_millis(300)),
        ..Settings::default()
    };
    let mut stage = Stage::set(settings, size).await?;
    stage.turn_to_naming(definition).await?;
    Ok(stage)
}

fn names(stage: &Stage) -> Vec<Option<String>> {
    stage.local.with_world(|world| {
        let instances = world.ec2.instances();
        instances
            .map(|instance| instance.tags.get("Name").cloned())
            .collect()
    })
}

async fn got_over(stage: &Stage) -> Result<()> {
    let profile = profile_of(GROUP);
    stage
        .plain_group(GROUP, LaunchEvent::LaunchSuccessful, &profile)
        .await?;
    trouble(stage, |kind| Ok(Fault::on("CreateTags", kind)))?;
    stage.scene.scale(GROUP, 1).await?;
    for execution in stage.ended(1).await? {
        stage.expect(&execution, "SUCCEEDED", "NodesNamed").await?;
    }
    assert_eq!(stage.local.faults_left(), 0);
    assert!(names(stage).iter().all(Option::is_some));
    Ok(())
}

/// EC2 does not return an instance once, and shows no volume until the function has described it
/// twice.
async fn waited_for(stage: &Stage) -> Result<()> {
    let mut profile = profile_of(GROUP);
    profile["volumeTags"] = json!({"Name": "{{ name }}"});
    let late = |shown_after| {
        let set = |world: &mut World| world.kernel.settings.volume_attach_for = shown_after;
        stage.local.with_world(set);
    };
    late(Duration::from_secs(3600));
    let unknown = error(400, "InvalidInstanceID.NotFound", "Does not exist");
    stage.local.inject(Fault::on("CreateTags", unknown));
    stage
        .plain_group(GROUP, LaunchEvent::CloudTrail, &profile)
        .await?;
    stage.scene.scale(GROUP, 2).await?;
    wait_for(LIMIT, "a second look", async || {
        let calls = stage.local.calls();
        let looked = calls
            .iter()
            .filter(|call| call.action == "DescribeInstances")
            .count();
        Ok((looked > 1).then_some(()))
    })
    .await?;
    late(Duration::ZERO);
    for execution in stage.ended(1).await? {
        stage.expect(&execution, "SUCCEEDED", "NodesNamed").await?;
    }
    assert_eq!(stage.local.faults_left(), 0);
    assert!(names(stage).iter().all(Option::is_some));
    Ok(())
}

async fn not_for_this_profile(stage: &Stage) -> Result<()> {
    let profile = profile_of("other");
    stage
        .plain_group(GROUP, LaunchEvent::CloudTrail, &profile)
        .await?;
    stage.scene.scale(GROUP, 1).await?;
    for execution in stage.ended(1).await? {
        stage
            .expect(&execution, "SUCCEEDED", "NotForThisProfile")
            .await?;
    }
    assert_eq!(names(stage), [None]);
    Ok(())
}

async fn refused(stage: &Stage) -> Result<()> {
    let mut profile = profile_of(GROUP);
    profile["nodeTags"] = json!({"Zone": "{{ zone }}"});
    stage
        .plain_group(GROUP, LaunchEvent::LaunchSuccessful, &profile)
        .await?;
    stage.scene.scale(GROUP, 1).await?;
    for execution in stage.ended(1).await? {
        stage.expect(&execution, "FAILED", "InputRefused").await?;
        assert_eq!(execution.error.as_deref(), Some("Hookline.InvalidProfile"));
        let cause = execution.cause.unwrap_or_default();
        assert!(cause.contains("line 1, column 4"), "{cause}");
    }
    Ok(())
}

async fn not_named(stage: &Stage) -> Result<()> {
    let profile = profile_of(GROUP);
    stage
        .plain_group(GROUP, LaunchEvent::LaunchSuccessful, &profile)
        .await?;
    let unauthorized = error(403, "UnauthorizedOperation", "Not authorized.");
    stage.local.inject(Fault::on("CreateTags", unauthorized));
    stage.scene.scale(GROUP, 1).await?;
    let executions = stage.ended(1).await?;
    let first = executions.first().context("no execution")?;
    stage.expect(first, "FAILED", "NodesNotNamed").await?;
    assert_eq!(first.error.as_deref(), Some("Hookline.AccessDenied"));
    let cause = first.cause.clone().unwrap_or_default();
    assert!(cause.starts_with("Not every node of event "), "{cause}");
    let event = first.input.get("event").context("no event")?;
    let again = stage.run(event, &profile).await?;
    stage.expect(&again, "SUCCEEDED", "NodesNamed").await?;
    assert!(names(stage).iter().all(Option::is_some));
    Ok(())
}
