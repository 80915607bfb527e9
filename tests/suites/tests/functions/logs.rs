//! What the functions log of a launch, with the ids by which people search.

use hookline_local::{Fault, Settings};
use hookline_testkit::calls::FunctionCalls as _;
use hookline_testkit::launch::{GROUP, Launch, State};
use hookline_testkit::log_lines::{Captured, broken};
use hookline_testkit::naming::{PlainGroup, profile};
use serde_json::{Value, json};

use crate::{failed, not_allowed};

/// The lines so far, each of which is about this launch.
fn lines_of(captured: &Captured, launch: &Launch) -> Vec<Value> {
    let lines = captured.lines();
    assert_eq!(broken(&lines), Vec::<String>::new());
    for line in &lines {
        let ids = [&line["instance_id"], &line["auto_scaling_group"]];
        assert_eq!(ids, [&json!(launch.instance), &json!(GROUP)], "{line}");
    }
    lines
}

fn messages(lines: &[Value]) -> Vec<&str> {
    let messages = lines.iter().map(|line| line["message"].as_str().unwrap());
    messages.collect()
}

fn line<'a>(lines: &'a [Value], message: &str) -> &'a Value {
    let found = lines.iter().find(|line| line["message"] == message);
    found.unwrap_or_else(|| panic!("no line {message:?}: {lines:#?}"))
}

#[tokio::test(start_paused = true)]
async fn every_line_of_a_launch_has_its_ids_by_the_same_names() {
    let mut launch = Launch::running().await.unwrap();
    let captured = Captured::begin();
    for state in State::WAY {
        launch.run(state).await.unwrap();
        assert_eq!(
            messages(&lines_of(&captured, &launch)).last(),
            Some(&"done"),
            "{state:?}"
        );
    }
    let mut launch = Launch::running().await.unwrap();
    launch.run_to(State::CreateInterfaces).await.unwrap();
    drop(captured.lines());
    for state in [State::AbandonLaunch, State::ReleaseInterfaces] {
        launch.run(state).await.unwrap();
    }
    let lines = lines_of(&captured, &launch);
    let completed = line(&lines, "lifecycle action completed");
    assert_eq!(
        (&completed["result"], &completed["outcome"]),
        (&json!("ABANDON"), &json!("COMPLETED"))
    );
    line(&lines, "deleted");
}

#[tokio::test(start_paused = true)]
async fn addresses_in_a_line_are_as_people_write_them() {
    let mut launch = Launch::running().await.unwrap();
    let captured = Captured::begin();
    launch.run_to(State::CreateInterfaces).await.unwrap();
    let lines = lines_of(&captured, &launch);
    for message in ["planned", "created"] {
        let addresses = line(&lines, message)["addresses"].as_str().unwrap();
        assert!(
            addresses.parse::<std::net::Ipv4Addr>().is_ok(),
            "{addresses}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn failure_of_a_function_is_one_line_at_the_level_error() {
    let launch = Launch::running().await.unwrap();
    launch
        .local()
        .inject(Fault::on("DescribeInstances", not_allowed()));
    let captured = Captured::begin();
    let payload = launch.payload(State::TagNode);
    let says = failed(
        launch.handle(State::TagNode, payload).await,
        "Hookline.AccessDenied",
    );
    let lines = lines_of(&captured, &launch);
    assert_eq!(messages(&lines), ["failed"]);
    assert_eq!(lines[0]["level"], "ERROR");
    assert_eq!(lines[0]["error"], says);
}

#[tokio::test(start_paused = true)]
async fn event_of_a_single_node_has_its_id_in_every_line() {
    let group = PlainGroup::launched(Settings::for_tests(), 1)
        .await
        .unwrap();
    let event = group.cloudtrail().unwrap();
    let captured = Captured::begin();
    group.name(&event, &profile()).await.unwrap();
    group.local().inject(Fault::on("CreateTags", not_allowed()));
    let mut renamed = profile();
    renamed["nodeTags"] = json!({"stage": "test"});
    group.name(&event, &renamed).await.unwrap_err();
    let lines = captured.lines();
    assert_eq!(broken(&lines), Vec::<String>::new());
    assert_eq!(messages(&lines), ["tagged", "done", "failed"]);
    for line in lines {
        assert_eq!(line["instance_id"], group.instances[0], "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn end_of_an_execution_that_reconcile_handles_has_the_ids_of_its_launch() {
    let launch = Launch::running().await.unwrap();
    let machine = "arn:aws:states:us-west-2:123456789012:stateMachine:launch-node";
    let ended = json!({
        "detail-type": "Step Functions Execution Status Change",
        "detail": {
            "executionArn": "arn:aws:states:us-west-2:123456789012:execution:launch-node:one",
            "stateMachineArn": machine,
            "status": "ABORTED",
            "input": launch.data.to_string(),
        },
    });
    let captured = Captured::begin();
    // Whether its calls succeed is of no matter here: the ids are there before them.
    let answer = launch
        .invoke(async |context| {
            let handler = hookline::handlers::reconcile::handle;
            hookline::runtime::invoke("reconcile", "test", context, ended, handler).await
        })
        .await;
    let lines = lines_of(&captured, &launch);
    let last = if answer.is_ok() { "done" } else { "failed" };
    assert_eq!(messages(&lines).last(), Some(&last));
    for line in &lines {
        let names = [&line["execution"], &line["profile"]];
        assert_eq!(names, [&json!("one"), &json!(GROUP)], "{line}");
    }
}
