//! Queues as the targets of rules, in virtual time.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};

use crate::eventbridge::DeliveryOutcome;
use crate::{LocalAws, Settings};

const RULE: &str = "arn:aws:events:us-west-2:123456789012:rule/r";
const QUEUE: &str = "arn:aws:sqs:us-west-2:123456789012:q";

async fn call(local: &LocalAws, target: &str, body: Value) -> Result<Value, String> {
    let request = Request::post("/")
        .header("x-amz-target", target)
        .body(Bytes::from(body.to_string()))
        .unwrap();
    let response = local.handle(request).await.unwrap();
    let answer: Value = serde_json::from_slice(response.body()).unwrap();
    match response.status().as_u16() {
        200 => Ok(answer),
        _ => Err(answer["__type"].as_str().unwrap().to_owned()),
    }
}

/// A rule for `source: mine` whose target is a queue with a policy for one rule.
async fn with_queue(allowed_rule: &str) -> (LocalAws, String) {
    let local = LocalAws::new(Settings::for_tests());
    let queue = call(&local, "AmazonSQS.CreateQueue", json!({"QueueName": "q"}));
    let url = queue.await.unwrap()["QueueUrl"]
        .as_str()
        .unwrap()
        .to_owned();
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage",
        "Resource": QUEUE, "Condition": {"ArnEquals": {"aws:SourceArn": allowed_rule}},
    }]});
    for (target, body) in [
        (
            "AmazonSQS.SetQueueAttributes",
            json!({"QueueUrl": url, "Attributes": {"Policy": policy.to_string()}}),
        ),
        (
            "AWSEvents.PutRule",
            json!({"Name": "r", "EventPattern": r#"{"source":["mine"]}"#}),
        ),
        (
            "AWSEvents.PutTargets",
            json!({"Rule": "r", "Targets": [{"Id": "q", "Arn": QUEUE}]}),
        ),
        (
            "AWSEvents.PutEvents",
            json!({"Entries": [{"Source": "mine", "DetailType": "T", "Detail": "{\"n\":1}"}]}),
        ),
    ] {
        call(&local, target, body).await.unwrap();
    }
    (local, url)
}

async fn receive(local: &LocalAws, url: &str, wait: u64) -> Vec<Value> {
    let body = json!({"QueueUrl": url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": wait});
    let answer = call(local, "AmazonSQS.ReceiveMessage", body).await.unwrap();
    answer["Messages"].as_array().unwrap().clone()
}

#[tokio::test(start_paused = true)]
async fn event_is_received_until_it_is_deleted() {
    let (local, url) = with_queue(RULE).await;
    let messages = receive(&local, &url, 20).await;
    assert_eq!(messages.len(), 1);
    let event: Value = serde_json::from_str(messages[0]["Body"].as_str().unwrap()).unwrap();
    assert_eq!(event["detail"], json!({"n": 1}));
    assert_eq!(event["source"], "mine");
    assert!(receive(&local, &url, 0).await.is_empty(), "it is hidden");
    let again = receive(&local, &url, 20).await;
    assert!(again.is_empty(), "it is hidden for 30 seconds");
    let again = receive(&local, &url, 20).await;
    assert_eq!(again[0]["MessageId"], messages[0]["MessageId"]);
    let handle = again[0]["ReceiptHandle"].clone();
    let delete = json!({"QueueUrl": url, "ReceiptHandle": handle});
    call(&local, "AmazonSQS.DeleteMessage", delete)
        .await
        .unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    assert!(receive(&local, &url, 0).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn queue_whose_policy_names_another_rule_receives_nothing() {
    let (local, url) = with_queue("arn:aws:events:us-west-2:123456789012:rule/other").await;
    assert!(receive(&local, &url, 20).await.is_empty());
    let delivery = local.eventbridge().deliveries().pop().unwrap();
    assert!(matches!(delivery.outcome, DeliveryOutcome::Failed(_)));
}

#[tokio::test(start_paused = true)]
async fn deleted_queue_does_not_exist() {
    let (local, url) = with_queue(RULE).await;
    let of_queue = json!({"QueueUrl": url});
    call(&local, "AmazonSQS.DeleteQueue", of_queue.clone())
        .await
        .unwrap();
    assert_eq!(
        call(&local, "AmazonSQS.GetQueueAttributes", of_queue).await,
        Err("QueueDoesNotExist".to_owned())
    );
    let listed = call(&local, "AmazonSQS.ListQueues", json!({}))
        .await
        .unwrap();
    assert_eq!(listed["QueueUrls"], json!([]));
}
