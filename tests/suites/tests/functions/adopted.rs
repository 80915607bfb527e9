//! The functions of an execution for a node that is in service already.

use hookline_local::autoscaling::LifecycleState;
use hookline_testkit::calls::FunctionCalls as _;
use hookline_testkit::launch::{GROUP, Launch, State};
use serde_json::json;

use crate::failed;

/// A node in service, without interfaces, and the data of an execution that adopts it.
async fn in_service() -> Launch {
    let mut launch = Launch::running().await.unwrap();
    launch.run(State::TagNode).await.unwrap();
    launch.run(State::ContinueLaunch).await.unwrap();
    launch
        .until_lifecycle_state(LifecycleState::InService)
        .await
        .unwrap();
    let mut event = launch.data["event"].take();
    event["source"] = json!("hookline");
    event["detail-type"] = json!("Hookline Adopt Node");
    event["detail"] = json!({"EC2InstanceId": launch.instance, "AutoScalingGroupName": GROUP});
    launch.data = json!({"event": event, "profile": launch.data["profile"]});
    launch
}

#[tokio::test(start_paused = true)]
async fn it_is_wired_like_a_launch() {
    let mut launch = in_service().await;
    let node = launch.run(State::TagNode).await.unwrap();
    assert_eq!(node["next"], "WIRE");
    launch.run_to(State::AttachInterfaces).await.unwrap();
    assert_eq!(launch.made().len(), 2);
    launch.nothing_is_broken().unwrap();
}

#[tokio::test(start_paused = true)]
async fn with_tags_only_nothing_is_left_to_do() {
    let mut launch = in_service().await.with_profile(|profile| {
        profile["slots"] = json!([]);
    });
    let node = launch.run(State::TagNode).await.unwrap();
    assert_eq!(node["next"], "COMPLETE");
    assert_eq!(node["hook"], "NOBODY");
}

#[tokio::test(start_paused = true)]
async fn another_groups_node_is_left_alone() {
    let mut launch = in_service().await.with_profile(|profile| {
        profile["selector"] = json!({"autoScalingGroupNames": ["smf"]});
    });
    let node = launch.run(State::TagNode).await.unwrap();
    assert_eq!(node["next"], "IGNORE");
}

#[tokio::test(start_paused = true)]
async fn whatever_is_asked_for_nothing_is_completed_and_nothing_taken_away() {
    let mut launch = in_service().await;
    launch.run_to(State::AttachInterfaces).await.unwrap();
    let mark = launch.mark();
    for state in [State::ContinueLaunch, State::AbandonLaunch] {
        assert_eq!(launch.run(state).await.unwrap()["outcome"], "NOT_OURS");
    }
    let says = failed(
        launch.run(State::ReleaseInterfaces).await,
        "Hookline.InvalidEvent",
    );
    assert!(
        says.contains("was adopted: it is in service and uses its interfaces"),
        "{says}"
    );
    assert!(launch.calls_since(mark).is_empty());
    assert_eq!(launch.made().len(), 2);
}
