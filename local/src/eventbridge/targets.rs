//! The targets of rules, and the calls that put, remove and list them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::EventBridge;
use super::delivery::DeliveryOutcome;
use super::input::Input;
use super::json_path::Path;
use super::rules::{invalid, on_default_bus, page, read};
use crate::local_aws::lock;
use crate::wire::error::ApiError;

const MAX_TARGETS: usize = 5;
const MAX_RETRIES: u32 = 185;
const MAX_EVENT_AGE: u64 = 86400;

/// A valid target.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) id: String,
    pub(super) arn: String,
    /// The role that EventBridge calls the target with.
    pub(super) role_arn: Option<String>,
    pub(super) input: Input,
    pub(super) maximum_retry_attempts: u32,
    pub(super) maximum_event_age: Duration,
    has_dead_letter_queue: bool,
    /// The target as in the request, for ListTargetsByRule.
    as_requested: Value,
}

impl Target {
    /// The outcome for an event that could not be delivered to this target.
    pub(super) fn given_up(&self, error: String) -> DeliveryOutcome {
        if self.has_dead_letter_queue {
            DeliveryOutcome::DeadLetter(error)
        } else {
            DeliveryOutcome::Failed(error)
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct PutTargets {
    rule: String,
    event_bus_name: Option<String>,
    targets: Vec<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PutTarget {
    id: String,
    arn: String,
    role_arn: Option<String>,
    input: Option<String>,
    input_path: Option<String>,
    input_transformer: Option<InputTransformer>,
    retry_policy: Option<RetryPolicy>,
    dead_letter_config: Option<DeadLetterConfig>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct InputTransformer {
    #[serde(default)]
    input_paths_map: BTreeMap<String, String>,
    input_template: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RetryPolicy {
    maximum_retry_attempts: Option<u32>,
    maximum_event_age_in_seconds: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DeadLetterConfig {
    arn: Option<String>,
}

pub(super) fn put(bus: &EventBridge, call: PutTargets) -> Result<Value, ApiError> {
    on_default_bus(call.event_bus_name.as_ref())?;
    let targets = call
        .targets
        .into_iter()
        .map(read_target)
        .collect::<Result<Vec<_>, _>>()?;
    let mut state = lock(&bus.state);
    let rule = state.rules.get(&call.rule)?;
    let mut after = rule.targets.clone();
    for target in targets {
        match after.iter_mut().find(|known| known.id == target.id) {
            Some(known) => *known = target,
            None => after.push(target),
        }
    }
    if after.len() > MAX_TARGETS {
        return Err(ApiError::new(
            "LimitExceededException",
            "The requested resource exceeds the maximum number allowed.",
        ));
    }
    rule.targets = after;
    Ok(json!({ "FailedEntryCount": 0, "FailedEntries": [] }))
}

fn read_target(as_requested: Value) -> Result<Target, ApiError> {
    let target: PutTarget = read(as_requested.clone())?;
    let id_fits = (1..=64).contains(&target.id.len())
        && target
            .id
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
    if !id_fits {
        return Err(invalid(format!(
            "Value '{}' at 'targets.1.member.id' failed to satisfy constraint",
            target.id
        )));
    }
    if !target.arn.starts_with("arn:") {
        return Err(invalid(format!(
            "Parameter {} is not valid. Reason: Provided Arn is not in correct format.",
            target.arn
        )));
    }
    let input = match (target.input, target.input_path, target.input_transformer) {
        (None, None, None) => Ok(Input::Event),
        (Some(text), None, None) => Input::constant(&text),
        (None, Some(path), None) => Path::parse(&path).map(Input::Path),
        (None, None, Some(transformer)) => {
            Input::transformer(&transformer.input_paths_map, &transformer.input_template)
        }
        _ => {
            return Err(invalid(format!(
                "Only one of Input, InputPath, or InputTransformer must be provided for target {}.",
                target.id
            )));
        }
    };
    let input = input
        .map_err(|error| invalid(format!("Invalid input for target {}: {error}", target.id)))?;
    let policy = target.retry_policy.unwrap_or(RetryPolicy {
        maximum_retry_attempts: None,
        maximum_event_age_in_seconds: None,
    });
    let maximum_retry_attempts = policy.maximum_retry_attempts.unwrap_or(MAX_RETRIES);
    let maximum_event_age = policy.maximum_event_age_in_seconds.unwrap_or(MAX_EVENT_AGE);
    if maximum_retry_attempts > MAX_RETRIES || !(60..=MAX_EVENT_AGE).contains(&maximum_event_age) {
        return Err(invalid(
            "RetryPolicy is not valid: MaximumRetryAttempts 0 to 185, MaximumEventAgeInSeconds 60 to 86400.",
        ));
    }
    Ok(Target {
        id: target.id,
        arn: target.arn,
        role_arn: target.role_arn,
        input,
        maximum_retry_attempts,
        maximum_event_age: Duration::from_secs(maximum_event_age),
        has_dead_letter_queue: target
            .dead_letter_config
            .is_some_and(|config| config.arn.is_some()),
        as_requested,
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct RemoveTargets {
    rule: String,
    event_bus_name: Option<String>,
    ids: Vec<String>,
    #[serde(rename = "Force")]
    _force: Option<bool>,
}

pub(super) fn remove(bus: &EventBridge, call: &RemoveTargets) -> Result<Value, ApiError> {
    on_default_bus(call.event_bus_name.as_ref())?;
    let mut state = lock(&bus.state);
    let rule = state.rules.get(&call.rule)?;
    let unknown: Vec<Value> = call
        .ids
        .iter()
        .filter(|id| !rule.targets.iter().any(|target| target.id == **id))
        .map(|id| {
            json!({
                "TargetId": id,
                "ErrorCode": "ResourceNotFoundException",
                "ErrorMessage": format!("Target {id} does not exist on the rule."),
            })
        })
        .collect();
    rule.targets.retain(|target| !call.ids.contains(&target.id));
    Ok(json!({ "FailedEntryCount": unknown.len(), "FailedEntries": unknown }))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ListTargets {
    rule: String,
    event_bus_name: Option<String>,
    next_token: Option<String>,
    limit: Option<usize>,
}

pub(super) fn list(bus: &EventBridge, call: &ListTargets) -> Result<Value, ApiError> {
    on_default_bus(call.event_bus_name.as_ref())?;
    let mut state = lock(&bus.state);
    let targets = state
        .rules
        .get(&call.rule)?
        .targets
        .iter()
        .map(|target| target.as_requested.clone())
        .collect();
    page("Targets", targets, call.next_token.as_ref(), call.limit)
}
