//! `SetDeleteOnTermination`: for whom it waits, what it sets, and what it leaves to reconcile.

use std::time::Duration;

use hookline_local::{Fault, FaultKind};
use hookline_testkit::calls::FunctionCalls as _;
use hookline_testkit::launch::{Launch, State};
use serde_json::{Value, json};

use crate::{counts, failed, not_allowed};

/// A launch that is ready, in an account whose bucket does not serve all attributes at once.
async fn ready() -> Launch {
    let launch = Launch::running().await.unwrap();
    let mut launch = launch.with_profile(|profile| {
        profile["requestRates"] = json!({
            "modifyNetworkInterfaceAttribute": {"capacity": 1, "refillPerSecond": 5},
        });
    });
    launch.run_to(State::ContinueLaunch).await.unwrap();
    no_recent_listing().await;
    launch
}

/// A listing of the same process may be a minute old. On AWS each function has its own process.
async fn no_recent_listing() {
    tokio::time::sleep(Duration::from_secs(61)).await;
}

/// How many of its interfaces EC2 would delete with the instance.
fn settled(launch: &Launch) -> usize {
    let made = launch.made();
    let set = made
        .iter()
        .filter(|made| made.attachment.as_ref().unwrap().delete_on_termination);
    set.count()
}

#[tokio::test(start_paused = true)]
async fn node_is_ready_before_its_interfaces_have_delete_on_termination() {
    let launch = ready().await;
    assert_eq!((settled(&launch), launch.made().len()), (0, 2));
    let completion = &launch.data["completion"];
    assert_eq!(completion["outcome"], "COMPLETED");
    assert_eq!(completion["next"], "SET_DELETE_ON_TERMINATION");
    assert_eq!(completion["interfaces"][0]["deleteOnTermination"], false);
    assert!(launch.made().iter().all(|made| !made.source_dest_check));
}

#[tokio::test(start_paused = true)]
async fn it_is_set_by_one_listing_and_one_call_for_each_interface() {
    let mut launch = ready().await;
    let mark = launch.mark();
    let result = launch.run(State::SetDeleteOnTermination).await.unwrap();
    assert_eq!(result["step"]["action"], "END");
    assert_eq!(result["set"].as_array().unwrap().len(), 2);
    assert_eq!(result["step"]["left"], json!([]));
    assert_eq!(settled(&launch), 2);
    let wanted = counts([
        ("DescribeInstances", 1),
        ("ModifyNetworkInterfaceAttribute", 2),
    ]);
    assert_eq!(launch.actions_since(mark), wanted);
    // A repeated run does no harm.
    launch.run(State::SetDeleteOnTermination).await.unwrap();
    launch.nothing_is_broken().unwrap();
}

#[tokio::test(start_paused = true)]
async fn nodes_that_look_in_the_same_minute_share_a_listing() {
    let mut launch = ready().await;
    launch.run(State::SetDeleteOnTermination).await.unwrap();
    let mark = launch.mark();
    tokio::time::sleep(Duration::from_secs(50)).await;
    launch.run(State::SetDeleteOnTermination).await.unwrap();
    let calls = launch.actions_since(mark);
    assert!(!calls.contains_key("DescribeInstances"), "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn launches_that_are_not_ready_are_waited_for() {
    let mut first = ready().await;
    let mut others = Launch::more(&first.scene, 10).await.unwrap();
    let result = first.run(State::SetDeleteOnTermination).await.unwrap();
    assert_eq!(result["step"]["action"], "WAIT", "{result}");
    assert!(result["step"]["seconds"].as_u64().unwrap() >= 5);
    assert_eq!(settled(&first), 0);
    for other in &mut others {
        other.run_to(State::ContinueLaunch).await.unwrap();
    }
    // Not by the listing of the look before, which is younger than a minute.
    tokio::time::sleep(Duration::from_secs(10)).await;
    let result = first.run(State::SetDeleteOnTermination).await.unwrap();
    assert_eq!(result["step"]["action"], "END", "{result}");
    assert_eq!(settled(&first), 2);
}

#[tokio::test(start_paused = true)]
async fn execution_ends_when_the_others_take_too_long() {
    let mut first = ready().await;
    let _others = Launch::more(&first.scene, 10).await.unwrap();
    let before = first.run(State::SetDeleteOnTermination).await.unwrap();
    assert_eq!(before["step"]["action"], "WAIT");
    let since = before["since"].as_i64().unwrap();
    first.data["deleteOnTermination"]["since"] = json!(since - 840);
    let result = first.run(State::SetDeleteOnTermination).await.unwrap();
    assert_eq!(result["step"]["action"], "END");
    assert_eq!(result["step"]["left"].as_array().unwrap().len(), 2);
    assert_eq!((settled(&first), result["set"].clone()), (0, json!([])));
}

#[tokio::test(start_paused = true)]
async fn time_for_a_startup_taint_counts() {
    let mut first = ready().await;
    let _others = Launch::more(&first.scene, 10).await.unwrap();
    let since = first.run(State::SetDeleteOnTermination).await.unwrap()["since"]
        .as_i64()
        .unwrap();
    first.data["deleteOnTermination"] = Value::Null;
    first.data["startupTaint"] = json!({
        "step": {"action": "SET_DELETE_ON_TERMINATION"},
        "since": since - 600, "nodeName": "node", "removed": true,
    });
    let result = first.run(State::SetDeleteOnTermination).await.unwrap();
    assert_eq!(result["step"]["action"], "WAIT", "{result}");
    assert_eq!(result["since"], since - 600);
    first.data["deleteOnTermination"] = Value::Null;
    first.data["startupTaint"]["since"] = json!(since - 840);
    let result = first.run(State::SetDeleteOnTermination).await.unwrap();
    assert_eq!(result["step"]["action"], "END", "{result}");
}

#[tokio::test(start_paused = true)]
async fn all_calls_end_although_one_fails() {
    let mut launch = ready().await;
    let denied = Fault::on("ModifyNetworkInterfaceAttribute", not_allowed());
    launch.local().inject(denied);
    failed(
        launch.run(State::SetDeleteOnTermination).await,
        "Hookline.AccessDenied",
    );
    assert_eq!(settled(&launch), 1);
    launch.run(State::SetDeleteOnTermination).await.unwrap();
    assert_eq!(settled(&launch), 2);
}

#[tokio::test(start_paused = true)]
async fn throttled_call_is_not_repeated_but_waited_for() {
    let mut launch = ready().await;
    let throttled = Fault::on("ModifyNetworkInterfaceAttribute", FaultKind::Throttle);
    // The first interface gets it, the second one is refused.
    launch.local().inject(throttled.skip(1));
    let mark = launch.mark();
    let result = launch.run(State::SetDeleteOnTermination).await.unwrap();
    assert_eq!(result["step"]["action"], "WAIT", "{result}");
    let seconds = result["step"]["seconds"].as_u64().unwrap();
    assert!((15..30).contains(&seconds), "{seconds}");
    assert_eq!(result["set"].as_array().unwrap().len(), 1);
    assert_eq!(settled(&launch), 1);
    let calls = launch.actions_since(mark);
    assert_eq!(calls["ModifyNetworkInterfaceAttribute"], 2);

    no_recent_listing().await;
    let mark = launch.mark();
    let result = launch.run(State::SetDeleteOnTermination).await.unwrap();
    assert_eq!(result["step"], json!({"action": "END", "left": []}));
    assert_eq!(result["set"].as_array().unwrap().len(), 2);
    assert_eq!(settled(&launch), 2);
    let calls = launch.actions_since(mark);
    assert_eq!(calls["ModifyNetworkInterfaceAttribute"], 1);
}

#[tokio::test(start_paused = true)]
async fn node_that_is_gone_is_left() {
    let mut launch = ready().await;
    let instance = launch.instance.clone();
    launch
        .local()
        .with_world(|world| world.terminate_instance(&instance))
        .unwrap();
    tokio::time::sleep(Duration::from_secs(120)).await;
    let mark = launch.mark();
    let result = launch.run(State::SetDeleteOnTermination).await.unwrap();
    assert_eq!(result["step"]["left"].as_array().unwrap().len(), 2);
    let wanted = counts([("DescribeInstances", 1)]);
    assert_eq!(launch.actions_since(mark), wanted);
}
