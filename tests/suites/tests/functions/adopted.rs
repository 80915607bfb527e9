//! The functions of an execution for a node that is in service already.

use hookline_local::autoscaling::LifecycleState;
use hookline_testkit::calls::FunctionCalls as _;
use hookline_testkit::launch::{GROUP, Launch, State};
use serde_json::json;

use crate::{counts, failed};

/// A node that is InService without interfaces, and the data of an execution that adopts it.
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
async fn adopted_node_gets_interfaces_as_a_launch_does() {
    let mut launch = in_service().await;
    let node = launch.run(State::TagNode).await.unwrap();
    assert_eq!(node["next"], "WIRE");
    launch.run_to(State::AttachInterfaces).await.unwrap();
    assert_eq!(launch.made().len(), 2);
    launch.nothing_is_broken().unwrap();
}

#[tokio::test(start_paused = true)]
async fn adopted_node_without_slots_gets_only_tags() {
    let mut launch = in_service().await.with_profile(|profile| {
        profile["slots"] = json!([]);
    });
    let node = launch.run(State::TagNode).await.unwrap();
    assert_eq!(node["next"], "COMPLETE");
    assert_eq!(node["hook"], "NOBODY");
}

#[tokio::test(start_paused = true)]
async fn node_of_another_group_is_not_adopted() {
    let mut launch = in_service().await.with_profile(|profile| {
        profile["selector"] = json!({"autoScalingGroupNames": ["smf"]});
    });
    let node = launch.run(State::TagNode).await.unwrap();
    assert_eq!(node["next"], "IGNORE");
}

#[tokio::test(start_paused = true)]
async fn completion_and_release_of_an_adopted_node_only_note_the_verdict() {
    let mut launch = in_service().await;
    launch.run_to(State::AttachInterfaces).await.unwrap();
    let mark = launch.mark();
    for state in [State::ContinueLaunch, State::AbandonLaunch] {
        assert_eq!(launch.run(state).await.unwrap()["outcome"], "NOT_OURS");
    }
    // The state machine does not go there.
    launch.data["completion"]["outcome"] = json!("COMPLETED");
    let says = failed(
        launch.run(State::ReleaseInterfaces).await,
        "Hookline.InvalidEvent",
    );
    assert!(
        says.contains("was adopted: it is in service and uses its interfaces"),
        "{says}"
    );
    assert_eq!(launch.actions_since(mark), counts([("CreateTags", 2)]));
    assert_eq!(launch.made().len(), 2);
}
