//! The EventBridge API and delivery, in virtual time.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};

use super::{DeliveryOutcome, Disturbance};
use crate::stepfunctions::StartExecution;
use crate::{Fault, FaultKind, LocalAws, Settings};

const MACHINE: &str = "arn:aws:states:us-west-2:123456789012:stateMachine:launch";

async fn call(local: &LocalAws, action: &str, body: Value) -> Result<Value, String> {
    let request = Request::post("/")
        .header("x-amz-target", format!("AWSEvents.{action}"))
        .body(Bytes::from(body.to_string()))
        .unwrap();
    let response = local.handle(request).await.unwrap();
    let body: Value = serde_json::from_slice(response.body()).unwrap();
    if response.status() == 200 {
        Ok(body)
    } else {
        Err(body["__type"].as_str().unwrap().to_owned())
    }
}

/// A rule for `source: mine` that starts the machine, and the executions that it started.
async fn with_rule(target: Value) -> (LocalAws, Arc<Mutex<Vec<StartExecution>>>) {
    let local = LocalAws::new(Settings::for_tests());
    let started = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&started);
    local
        .stepfunctions()
        .on_start_execution(move |execution| log.lock().unwrap().push(execution));
    call(
        &local,
        "PutRule",
        json!({ "Name": "r", "EventPattern": r#"{"source":["mine"]}"# }),
    )
    .await
    .unwrap();
    let mut put = json!({ "Id": "t", "Arn": MACHINE });
    put.as_object_mut()
        .unwrap()
        .extend(target.as_object().unwrap().clone());
    call(
        &local,
        "PutTargets",
        json!({ "Rule": "r", "Targets": [put] }),
    )
    .await
    .unwrap();
    (local, started)
}

async fn put(local: &LocalAws, source: &str) -> Value {
    let entry =
        json!({ "Source": source, "DetailType": "d", "Detail": r#"{"x":1}"#, "Resources": ["a"] });
    call(local, "PutEvents", json!({ "Entries": [entry] }))
        .await
        .unwrap()
}

/// Lets this many seconds pass.
async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn an_event_starts_an_execution() {
    let (local, started) = with_rule(json!({
        "InputTransformer": {
            "InputPathsMap": { "x": "$.detail.x" },
            "InputTemplate": r#"{"event": <aws.events.event.json>, "x": <x>, "rule": "<aws.events.rule-name>"}"#
        }
    }))
    .await;
    let id = put(&local, "mine").await["Entries"][0]["EventId"].clone();
    put(&local, "other").await;
    pass(1).await;
    let started = started.lock().unwrap();
    assert_eq!(started.len(), 1);
    assert_eq!(started[0].state_machine_arn, MACHINE);
    assert_eq!(started[0].input["x"], 1);
    assert_eq!(started[0].input["rule"], "r");
    assert_eq!(
        started[0].input["event"],
        json!({
            "version": "0", "id": id, "detail-type": "d", "source": "mine", "account": "123456789012",
            "time": "2026-01-01T00:00:00Z", "region": "us-west-2", "resources": ["a"], "detail": { "x": 1 },
        })
    );
    let deliveries = local.eventbridge().deliveries();
    assert_eq!(deliveries.len(), 1);
    assert_eq!(
        deliveries[0].outcome,
        DeliveryOutcome::Delivered(Some(started[0].execution_arn.clone()))
    );
    assert_eq!(local.eventbridge().events().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn events_can_be_dropped_delayed_and_duplicated() {
    let (local, started) = with_rule(json!({})).await;
    let count = || started.lock().unwrap().len();
    local.eventbridge().disturb(Disturbance::drop().times(1));
    put(&local, "mine").await;
    pass(60).await;
    assert_eq!(count(), 0, "dropped");
    local.eventbridge().disturb(
        Disturbance::delay(Duration::from_secs(30))
            .detail_type("d")
            .times(1),
    );
    put(&local, "mine").await;
    pass(29).await;
    assert_eq!(count(), 0, "delayed");
    pass(2).await;
    assert_eq!(count(), 1);
    local.eventbridge().disturb(
        Disturbance::duplicate(2, Duration::from_secs(5))
            .containing(r#""x":1"#)
            .skip(1),
    );
    put(&local, "mine").await;
    pass(60).await;
    assert_eq!(count(), 2, "skipped");
    put(&local, "mine").await;
    pass(60).await;
    assert_eq!(count(), 5, "three times");
    let started = started.lock().unwrap();
    assert_eq!(started[2].input["id"], started[4].input["id"]);
    assert_ne!(
        started[2].name, started[4].name,
        "a duplicate is a second execution"
    );
}

#[tokio::test(start_paused = true)]
async fn delivery_is_retried_until_the_policy_is_exhausted() {
    let (local, started) =
        with_rule(json!({ "RetryPolicy": { "MaximumRetryAttempts": 3 }, "DeadLetterConfig": { "Arn": "arn:aws:sqs:x" } }))
            .await;
    local.inject(Fault::on("StartExecution", FaultKind::ResetBefore).times(2));
    put(&local, "mine").await;
    pass(60).await;
    assert_eq!(started.lock().unwrap().len(), 1);
    assert_eq!(local.eventbridge().deliveries()[0].attempts, 3);

    local.inject(Fault::on("StartExecution", FaultKind::Throttle).always());
    put(&local, "mine").await;
    pass(600).await;
    assert_eq!(local.eventbridge().deliveries()[1].attempts, 4);
    assert!(matches!(
        local.eventbridge().deliveries()[1].outcome,
        DeliveryOutcome::DeadLetter(_)
    ));
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_does_not_start_a_second_execution() {
    let (local, started) = with_rule(json!({})).await;
    local.inject(Fault::on("StartExecution", FaultKind::ResetAfter));
    put(&local, "mine").await;
    pass(60).await;
    assert_eq!(started.lock().unwrap().len(), 1);
    assert_eq!(local.eventbridge().deliveries()[0].attempts, 2);
}

#[tokio::test(start_paused = true)]
async fn a_refused_delivery_is_not_retried() {
    let (local, _) =
        with_rule(json!({ "Arn": "arn:aws:lambda:us-west-2:123456789012:function:none" })).await;
    put(&local, "mine").await;
    pass(60).await;
    let delivery = &local.eventbridge().deliveries()[0];
    assert_eq!(delivery.attempts, 1);
    assert!(
        matches!(&delivery.outcome, DeliveryOutcome::Failed(why) if why.contains("Function not found"))
    );
}

#[tokio::test(start_paused = true)]
async fn schedules_fire_at_their_rate() {
    let (local, started) = with_rule(json!({})).await;
    let rule = json!({ "Name": "r", "ScheduleExpression": "rate(5 minutes)" });
    call(&local, "PutRule", rule).await.unwrap();
    pass(16 * 60).await;
    assert_eq!(started.lock().unwrap().len(), 3);
    assert_eq!(
        started.lock().unwrap()[0].input["detail-type"],
        "Scheduled Event"
    );
    call(&local, "DisableRule", json!({ "Name": "r" }))
        .await
        .unwrap();
    pass(3600).await;
    assert_eq!(started.lock().unwrap().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn rules_and_targets_can_be_read_and_removed() {
    let (local, started) = with_rule(json!({ "Input": "{\"a\":1}" })).await;
    let rule = call(&local, "DescribeRule", json!({ "Name": "r" }))
        .await
        .unwrap();
    assert_eq!(rule["Arn"], "arn:aws:events:us-west-2:123456789012:rule/r");
    assert_eq!(
        (rule["State"].as_str(), rule["EventPattern"].as_str()),
        (Some("ENABLED"), Some(r#"{"source":["mine"]}"#))
    );
    let targets = call(&local, "ListTargetsByRule", json!({ "Rule": "r" }))
        .await
        .unwrap();
    assert_eq!(
        targets["Targets"],
        json!([{ "Id": "t", "Arn": MACHINE, "Input": "{\"a\":1}" }])
    );
    assert_eq!(
        call(&local, "ListRules", json!({ "NamePrefix": "r" }))
            .await
            .unwrap()["Rules"][0]["Name"],
        "r"
    );
    call(&local, "DisableRule", json!({ "Name": "r" }))
        .await
        .unwrap();
    put(&local, "mine").await;
    call(&local, "EnableRule", json!({ "Name": "r" }))
        .await
        .unwrap();
    put(&local, "mine").await;
    pass(1).await;
    assert_eq!(started.lock().unwrap().len(), 1);
    assert_eq!(started.lock().unwrap()[0].input, json!({ "a": 1 }));

    let delete = || call(&local, "DeleteRule", json!({ "Name": "r" }));
    assert_eq!(delete().await.unwrap_err(), "ValidationException");
    let removed = call(
        &local,
        "RemoveTargets",
        json!({ "Rule": "r", "Ids": ["t", "u"] }),
    )
    .await
    .unwrap();
    assert_eq!(removed["FailedEntryCount"], 1);
    delete().await.unwrap();
    assert_eq!(
        call(&local, "DescribeRule", json!({ "Name": "r" }))
            .await
            .unwrap_err(),
        "ResourceNotFoundException"
    );
}

#[tokio::test(start_paused = true)]
async fn bad_calls_are_refused() {
    let (local, _) = with_rule(json!({})).await;
    let target = |more: Value| {
        let mut target = json!({ "Id": "t", "Arn": MACHINE });
        target
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!({ "Rule": "r", "Targets": [target] })
    };
    let many: Vec<Value> = (0..6)
        .map(|n| json!({ "Id": n.to_string(), "Arn": MACHINE }))
        .collect();
    for (action, body, code) in [
        (
            "PutRule",
            json!({ "Name": "a b", "EventPattern": "{}" }),
            "ValidationException",
        ),
        ("PutRule", json!({ "Name": "x" }), "ValidationException"),
        (
            "PutRule",
            json!({ "Name": "x", "EventPattern": "{}" }),
            "InvalidEventPatternException",
        ),
        (
            "PutRule",
            json!({ "Name": "x", "ScheduleExpression": "rate(1 minutes)" }),
            "ValidationException",
        ),
        (
            "PutRule",
            json!({ "Name": "x", "Patern": "" }),
            "ValidationException",
        ),
        ("PutRule", json!(7), "ValidationException"),
        (
            "PutTargets",
            json!({ "Rule": "none", "Targets": [] }),
            "ResourceNotFoundException",
        ),
        (
            "PutTargets",
            json!({ "Rule": "r", "Targets": many }),
            "LimitExceededException",
        ),
        (
            "PutTargets",
            target(json!({ "Input": "{" })),
            "ValidationException",
        ),
        (
            "PutTargets",
            target(json!({ "Input": "1", "InputPath": "$" })),
            "ValidationException",
        ),
        (
            "PutTargets",
            target(json!({ "InputTransformer": { "InputTemplate": "<x>" } })),
            "ValidationException",
        ),
        (
            "PutTargets",
            target(json!({ "RetryPolicy": { "MaximumRetryAttempts": 186 } })),
            "ValidationException",
        ),
        ("PutEvents", json!({ "Entries": [] }), "ValidationException"),
        (
            "ListRules",
            json!({ "EventBusName": "other" }),
            "ResourceNotFoundException",
        ),
        (
            "ListRules",
            json!({ "NextToken": "x" }),
            "ValidationException",
        ),
        ("Dance", json!({}), "UnknownOperationException"),
    ] {
        assert_eq!(
            call(&local, action, body.clone()).await.unwrap_err(),
            code,
            "{action} {body}"
        );
    }
    let refused = put(&local, "aws.autoscaling").await;
    assert_eq!(refused["FailedEntryCount"], 1);
    assert_eq!(
        refused["Entries"][0]["ErrorCode"],
        "NotAuthorizedForSourceException"
    );
}

#[tokio::test(start_paused = true)]
async fn test_event_pattern_returns_whether_it_matches() {
    let local = LocalAws::new(Settings::for_tests());
    let body = json!({ "EventPattern": r#"{"a":[1]}"#, "Event": r#"{"a":1}"# });
    assert_eq!(
        call(&local, "TestEventPattern", body).await.unwrap(),
        json!({ "Result": true })
    );
}

#[tokio::test(start_paused = true)]
async fn a_start_execution_with_a_known_name_is_the_same_execution() {
    let (local, started) = with_rule(json!({})).await;
    let start = |input: &'static str| {
        let local = local.clone();
        async move {
            let body =
                json!({ "stateMachineArn": MACHINE, "name": "n", "input": input }).to_string();
            let request =
                Request::post("/").header("x-amz-target", "AWSStepFunctions.StartExecution");
            local
                .handle(request.body(Bytes::from(body)).unwrap())
                .await
                .unwrap()
        }
    };
    assert_eq!(start("{}").await.status(), 200);
    assert_eq!(start("{}").await.status(), 200);
    let refused = start("{\"a\":1}").await;
    assert_eq!(refused.status(), 400);
    assert!(
        refused
            .body()
            .starts_with(b"{\"__type\":\"ExecutionAlreadyExists\"")
    );
    assert_eq!(started.lock().unwrap().len(), 1);
}
