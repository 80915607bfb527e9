//! SQS: standard queues that EventBridge's rules send events to, and programs receive from.
//!
//! | here | on AWS |
//! |---|---|
//! | a message is received once per visibility timeout, in the order in which it came | mostly so: a standard queue delivers at least once, in any order |
//! | messages have no MD5 digests | they have |
//! | no tags, no dead-letter queues, no FIFO queues | all of these |
//!
//! Source: Amazon SQS API Reference, of each action; for a rule's target, EventBridge User Guide,
//! "Using resource-based policies for Amazon EventBridge", "Amazon SQS permissions".

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::LocalAws;
use crate::local_aws::lock;
use crate::wire::error::ApiError;

mod policy;
#[cfg(test)]
mod tests;

/// The default visibility timeout.
const VISIBILITY_TIMEOUT: Duration = Duration::from_secs(30);
/// How often a receive that waits looks again.
const POLL: Duration = Duration::from_millis(100);

/// The queues, by name.
#[derive(Debug, Default)]
pub struct Sqs {
    queues: Mutex<BTreeMap<String, Queue>>,
}

#[derive(Debug, Default)]
struct Queue {
    attributes: BTreeMap<String, String>,
    messages: Vec<Message>,
}

#[derive(Debug)]
struct Message {
    id: String,
    body: String,
    receipt_handle: Option<String>,
    hidden_until: Option<Instant>,
}

impl Sqs {
    /// The names of all queues.
    #[must_use]
    pub fn queues(&self) -> Vec<String> {
        lock(&self.queues).keys().cloned().collect()
    }

    /// Puts a message for a rule into the queue with this ARN.
    pub(crate) fn send_for_rule(
        &self,
        local: &LocalAws,
        queue_arn: &str,
        rule_arn: &str,
        body: &str,
    ) -> Result<(), String> {
        let id = local.with_world(|world| world.kernel.new_uuid());
        let name = queue_arn.rsplit(':').next().unwrap_or_default();
        let mut queues = lock(&self.queues);
        let queue = queues
            .get_mut(name)
            .ok_or_else(|| format!("the queue {queue_arn} does not exist"))?;
        let document = queue.attributes.get("Policy").map_or("", String::as_str);
        match policy::allows_events(document, queue_arn, rule_arn) {
            Ok(true) => {}
            Ok(false) => {
                return Err(format!(
                    "no policy of {queue_arn} allows sqs:SendMessage for {rule_arn}"
                ));
            }
            Err(error) => return Err(format!("the policy of {queue_arn}: {error}")),
        }
        queue.messages.push(Message {
            id,
            body: body.to_owned(),
            receipt_handle: None,
            hidden_until: None,
        });
        Ok(())
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct CreateQueue {
    queue_name: String,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
    #[serde(rename = "tags")]
    _tags: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ListQueues {
    queue_name_prefix: Option<String>,
    #[serde(rename = "MaxResults")]
    _max_results: Option<u32>,
    #[serde(rename = "NextToken")]
    _next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct OfQueue {
    queue_url: String,
    #[serde(rename = "AttributeNames")]
    _attribute_names: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct SetQueueAttributes {
    queue_url: String,
    attributes: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ReceiveMessage {
    queue_url: String,
    max_number_of_messages: Option<usize>,
    wait_time_seconds: Option<u64>,
    visibility_timeout: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DeleteMessage {
    queue_url: String,
    receipt_handle: String,
}

/// Answers one call of the SQS API.
pub(crate) async fn act(local: &LocalAws, action: &str, body: Value) -> Result<Value, ApiError> {
    match action {
        "CreateQueue" => create(local, read(body)?),
        "ListQueues" => Ok(list(local, &read(body)?)),
        "GetQueueAttributes" => attributes(local, &read(body)?),
        "SetQueueAttributes" => set_attributes(local, read(body)?),
        "ReceiveMessage" => receive(local, &read(body)?).await,
        "DeleteMessage" => delete_message(local, &read(body)?),
        "DeleteQueue" => {
            let call: OfQueue = read(body)?;
            with_queue(local, &call.queue_url, |_| Ok(()))?;
            lock(&local.sqs().queues).remove(name_in(&call.queue_url));
            Ok(json!({}))
        }
        _ => Err(ApiError::new(
            "UnknownOperationException",
            format!("The operation {action} is not known"),
        )),
    }
}

fn read<T: serde::de::DeserializeOwned>(body: Value) -> Result<T, ApiError> {
    serde_json::from_value(body)
        .map_err(|error| ApiError::new("InvalidParameterValue", error.to_string()))
}

fn name_in(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or_default()
}

fn place(local: &LocalAws, name: &str) -> (String, String) {
    local.with_world(|world| {
        let (region, account) = (
            &world.kernel.settings.region,
            &world.kernel.settings.account,
        );
        (
            format!("https://sqs.{region}.amazonaws.com/{account}/{name}"),
            format!("arn:aws:sqs:{region}:{account}:{name}"),
        )
    })
}

fn with_queue<T>(
    local: &LocalAws,
    url: &str,
    act: impl FnOnce(&mut Queue) -> Result<T, ApiError>,
) -> Result<T, ApiError> {
    let mut queues = lock(&local.sqs().queues);
    let queue = queues.get_mut(name_in(url)).ok_or_else(|| {
        ApiError::new(
            "QueueDoesNotExist",
            "The specified queue does not exist.".to_owned(),
        )
    })?;
    act(queue)
}

fn create(local: &LocalAws, call: CreateQueue) -> Result<Value, ApiError> {
    let name_fits = (1..=80).contains(&call.queue_name.len())
        && call
            .queue_name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if !name_fits {
        return Err(ApiError::new(
            "InvalidParameterValue",
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
        ));
    }
    let (url, _) = place(local, &call.queue_name);
    let mut queues = lock(&local.sqs().queues);
    match queues.get(&call.queue_name) {
        Some(known) if known.attributes != call.attributes => Err(ApiError::new(
            "QueueNameExists",
            "A queue already exists with the same name and a different value for an attribute",
        )),
        Some(_) => Ok(json!({ "QueueUrl": url })),
        None => {
            let queue = Queue {
                attributes: call.attributes,
                messages: Vec::new(),
            };
            queues.insert(call.queue_name, queue);
            Ok(json!({ "QueueUrl": url }))
        }
    }
}

/// All in one page: an account of the fake AWS has few queues.
fn list(local: &LocalAws, call: &ListQueues) -> Value {
    let prefix = call.queue_name_prefix.as_deref().unwrap_or_default();
    let urls: Vec<String> = local
        .sqs()
        .queues()
        .iter()
        .filter(|name| name.starts_with(prefix))
        .map(|name| place(local, name).0)
        .collect();
    json!({ "QueueUrls": urls })
}

fn attributes(local: &LocalAws, call: &OfQueue) -> Result<Value, ApiError> {
    let (_, arn) = place(local, name_in(&call.queue_url));
    with_queue(local, &call.queue_url, |queue| {
        let mut attributes = queue.attributes.clone();
        attributes.insert("QueueArn".to_owned(), arn);
        attributes.insert(
            "ApproximateNumberOfMessages".to_owned(),
            queue.messages.len().to_string(),
        );
        Ok(json!({ "Attributes": attributes }))
    })
}

fn set_attributes(local: &LocalAws, call: SetQueueAttributes) -> Result<Value, ApiError> {
    with_queue(local, &call.queue_url, |queue| {
        queue.attributes.extend(call.attributes);
        Ok(json!({}))
    })
}

/// Waits for a message for up to `WaitTimeSeconds` (long polling).
async fn receive(local: &LocalAws, call: &ReceiveMessage) -> Result<Value, ApiError> {
    let most = call.max_number_of_messages.unwrap_or(1);
    if !(1..=10).contains(&most) {
        return Err(ApiError::new(
            "InvalidParameterValue",
            format!(
                "Value {most} for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided."
            ),
        ));
    }
    let hidden_for = call
        .visibility_timeout
        .map_or(VISIBILITY_TIMEOUT, Duration::from_secs);
    let end = Instant::now() + Duration::from_secs(call.wait_time_seconds.unwrap_or(0).min(20));
    loop {
        let handles: Vec<String> =
            local.with_world(|world| (0..most).map(|_| world.kernel.new_uuid()).collect());
        let messages = with_queue(local, &call.queue_url, |queue| {
            Ok(take(queue, handles, hidden_for))
        })?;
        if !messages.is_empty() || Instant::now() >= end {
            return Ok(json!({ "Messages": messages }));
        }
        tokio::time::sleep(POLL).await;
    }
}

fn take(queue: &mut Queue, handles: Vec<String>, hidden_for: Duration) -> Vec<Value> {
    let now = Instant::now();
    let visible = queue
        .messages
        .iter_mut()
        .filter(|message| message.hidden_until.is_none_or(|until| until <= now));
    visible
        .zip(handles)
        .map(|(message, handle)| {
            message.receipt_handle = Some(handle.clone());
            message.hidden_until = Some(now + hidden_for);
            json!({ "MessageId": message.id, "ReceiptHandle": handle, "Body": message.body })
        })
        .collect()
}

/// Deletes a message by the receipt handle of its last receive. One that is gone is no error.
fn delete_message(local: &LocalAws, call: &DeleteMessage) -> Result<Value, ApiError> {
    with_queue(local, &call.queue_url, |queue| {
        queue
            .messages
            .retain(|message| message.receipt_handle.as_ref() != Some(&call.receipt_handle));
        Ok(json!({}))
    })
}
