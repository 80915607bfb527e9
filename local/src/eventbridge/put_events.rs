//! PutEvents and TestEventPattern.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::delivery::accept;
use super::pattern::Pattern;
use super::rules::{invalid, on_default_bus};
use crate::LocalAws;
use crate::wire::error::ApiError;
use crate::wire::iso8601_seconds;

const MAX_PUT_EVENTS: usize = 10;
const MAX_EVENT_SIZE: usize = 256 * 1024;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct PutEvents {
    entries: Vec<Entry>,
    #[serde(rename = "EndpointId")]
    _endpoint_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Entry {
    #[serde(rename = "Time")]
    time: Option<f64>,
    source: Option<String>,
    #[serde(default)]
    resources: Vec<String>,
    detail_type: Option<String>,
    detail: Option<String>,
    event_bus_name: Option<String>,
    #[serde(rename = "TraceHeader")]
    _trace_header: Option<String>,
}

pub(super) fn put(local: &LocalAws, call: PutEvents) -> Result<Value, ApiError> {
    if call.entries.is_empty() || call.entries.len() > MAX_PUT_EVENTS {
        return Err(invalid(format!(
            "1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have length \
             between 1 and {MAX_PUT_EVENTS}"
        )));
    }
    let mut failed = 0;
    let mut answers = Vec::new();
    for entry in call.entries {
        match put_event(local, entry) {
            Ok(id) => answers.push(json!({ "EventId": id })),
            Err((code, message)) => {
                failed += 1;
                answers.push(json!({ "ErrorCode": code, "ErrorMessage": message }));
            }
        }
    }
    Ok(json!({ "FailedEntryCount": failed, "Entries": answers }))
}

fn put_event(local: &LocalAws, entry: Entry) -> Result<String, (&'static str, String)> {
    let missing = |name: &str| {
        (
            "InvalidArgument",
            format!("Parameter {name} is not valid. Reason: {name} is a required argument."),
        )
    };
    let source = entry
        .source
        .filter(|text| !text.is_empty())
        .ok_or_else(|| missing("Source"))?;
    let detail_type = entry
        .detail_type
        .filter(|text| !text.is_empty())
        .ok_or_else(|| missing("DetailType"))?;
    let detail = entry.detail.ok_or_else(|| missing("Detail"))?;
    if source.starts_with("aws.") {
        return Err((
            "NotAuthorizedForSourceException",
            "Not authorized for the source.".to_owned(),
        ));
    }
    if on_default_bus(entry.event_bus_name.as_ref()).is_err() {
        return Err((
            "ResourceNotFoundException",
            "The event bus does not exist.".to_owned(),
        ));
    }
    if detail.len() > MAX_EVENT_SIZE {
        return Err((
            "EntrySizeExceeded",
            "Total size of the entries in the request is over the limit.".to_owned(),
        ));
    }
    let detail: Value = serde_json::from_str(&detail)
        .ok()
        .filter(Value::is_object)
        .ok_or_else(|| ("MalformedDetail", "Detail is malformed.".to_owned()))?;
    let (id, now, account, region) = local.with_world(|world| {
        let (account, region) = (
            world.kernel.settings.account.clone(),
            world.kernel.settings.region.clone(),
        );
        (
            world.kernel.new_uuid(),
            world.kernel.timestamp(),
            account,
            region,
        )
    });
    let time = entry
        .time
        .and_then(|since| SignedDuration::try_from_secs_f64(since).ok())
        .and_then(|since| Timestamp::UNIX_EPOCH.checked_add(since).ok())
        .unwrap_or(now);
    accept(
        local,
        json!({
            "version": "0",
            "id": id,
            "detail-type": detail_type,
            "source": source,
            "account": account,
            "time": iso8601_seconds(time),
            "region": region,
            "resources": entry.resources,
            "detail": detail,
        }),
    );
    Ok(id)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct TestEventPattern {
    event_pattern: String,
    event: String,
}

pub(super) fn test_pattern(call: &TestEventPattern) -> Result<Value, ApiError> {
    let pattern = Pattern::parse(&call.event_pattern)
        .map_err(|error| ApiError::new("InvalidEventPatternException", error.to_string()))?;
    let event: Value = serde_json::from_str(&call.event).map_err(|_| {
        invalid("Parameter Event is not valid. Reason: the event is not valid JSON.")
    })?;
    Ok(json!({ "Result": pattern.matches(&event) }))
}
