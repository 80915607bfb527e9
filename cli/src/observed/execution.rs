//! Executions of the state machine, as Step Functions shows them. Times are in milliseconds since the
//! epoch.

use hookline_domain::execution::names::{instance_of_input, instance_of_name};
use hookline_domain::ids::InstanceId;
use serde_json::Value;

/// An execution in a list. A list has neither input nor error.
#[derive(Clone, Debug)]
pub(crate) struct ListedExecution {
    pub(crate) arn: String,
    pub(crate) name: String,
    pub(crate) status: String,
    pub(crate) started: i64,
    pub(crate) stopped: Option<i64>,
}

impl ListedExecution {
    /// Whether it ended without success.
    pub(crate) fn has_failed(&self) -> bool {
        matches!(self.status.as_str(), "FAILED" | "TIMED_OUT" | "ABORTED")
    }

    pub(crate) fn is_running(&self) -> bool {
        matches!(self.status.as_str(), "RUNNING" | "PENDING_REDRIVE")
    }

    /// Its instance, if its name tells it.
    pub(crate) fn instance(&self) -> Option<InstanceId> {
        instance_of_name(&self.name)
    }
}

/// An execution that was described.
#[derive(Clone, Debug)]
pub(crate) struct Execution {
    pub(crate) arn: String,
    pub(crate) name: String,
    pub(crate) status: String,
    pub(crate) started: i64,
    pub(crate) stopped: Option<i64>,
    pub(crate) input: String,
    pub(crate) error: Option<String>,
    pub(crate) cause: Option<String>,
}

impl Execution {
    /// The instance that it is for.
    pub(crate) fn instance(&self) -> Option<InstanceId> {
        instance_of_input(&self.input)
    }

    pub(crate) fn is_running(&self) -> bool {
        matches!(self.status.as_str(), "RUNNING" | "PENDING_REDRIVE")
    }

    /// The group of its event.
    pub(crate) fn group(&self) -> Option<String> {
        let input: Value = serde_json::from_str(&self.input).ok()?;
        let group = input.pointer("/event/detail/AutoScalingGroupName")?;
        Some(group.as_str()?.to_owned())
    }

    /// The profile of its input.
    pub(crate) fn profile(&self) -> Option<Value> {
        let mut input: Value = serde_json::from_str(&self.input).ok()?;
        Some(input.get_mut("profile")?.take())
    }

    /// Its error, or what its status means.
    pub(crate) fn error(&self) -> &str {
        self.error.as_deref().unwrap_or(&self.status)
    }
}

/// An event of an execution's history.
#[derive(Clone, Debug)]
pub(crate) struct HistoryEvent {
    pub(crate) at: i64,
    /// As the API has it: `TaskStateEntered`, `LambdaFunctionFailed`, …
    pub(crate) kind: String,
    /// The state that was entered or left.
    pub(crate) state: Option<String>,
    /// The data with which a state was left.
    pub(crate) output: Option<String>,
    /// An error and its cause.
    pub(crate) failed: Option<(String, String)>,
}

/// The message of a cause. Lambda puts a function's own text into JSON, and the state machine's end
/// states put a sentence before that.
pub(crate) fn message(cause: &str) -> String {
    let inner = |text: &str| {
        let value: Value = serde_json::from_str(text).ok()?;
        Some(value.get("errorMessage")?.as_str()?.to_owned())
    };
    if let Some(message) = inner(cause) {
        return message;
    }
    let start = cause.find("{\"").unwrap_or(cause.len());
    let (before, json) = cause.split_at(start);
    match inner(json) {
        Some(message) => format!("{before}{message}"),
        None => cause.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_is_taken_out_of_lambdas_json() {
        let json = r#"{"errorType":"Hookline.SubnetsFull","errorMessage":"no address"}"#;
        assert_eq!(message(json), "no address");
        assert_eq!(
            message(&format!("It was abandoned. Cause: {json}")),
            "It was abandoned. Cause: no address"
        );
        for text in ["", "plain text", "{\"a\": 1}", "{broken"] {
            assert_eq!(message(text), text);
        }
    }
}
