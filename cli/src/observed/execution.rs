//! Executions of the state machine, as Step Functions shows them. Times are in milliseconds since
//! the epoch.

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
        is_running(&self.status)
    }

    /// Its instance, if its name tells it.
    pub(crate) fn instance(&self) -> Option<InstanceId> {
        instance_of_name(&self.name)
    }
}

/// Whether an execution of this status runs. A redriven one that waits for its place is listed so
/// too.
pub(crate) fn is_running(status: &str) -> bool {
    matches!(status, "RUNNING" | "PENDING_REDRIVE")
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
        is_running(&self.status)
    }

    /// The group of its event.
    pub(crate) fn group(&self) -> Option<String> {
        let input: Value = serde_json::from_str(&self.input).ok()?;
        let group = input.pointer("/event/detail/AutoScalingGroupName")?;
        Some(group.as_str()?.to_owned())
    }

    /// The launch hook of its event.
    pub(crate) fn hook(&self) -> Option<String> {
        let input: Value = serde_json::from_str(&self.input).ok()?;
        let hook = input.pointer("/event/detail/LifecycleHookName")?;
        Some(hook.as_str()?.to_owned())
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
    /// The data with which the execution started.
    pub(crate) input: Option<String>,
    /// The data with which a state was left.
    pub(crate) output: Option<String>,
    /// An error and its cause.
    pub(crate) failed: Option<(String, String)>,
}

impl HistoryEvent {
    /// The state that was entered.
    pub(crate) fn entered(&self) -> Option<&str> {
        self.state
            .as_deref()
            .filter(|_| self.kind.ends_with("StateEntered"))
    }

    /// The state that was left.
    pub(crate) fn left(&self) -> Option<&str> {
        self.state
            .as_deref()
            .filter(|_| self.kind.ends_with("StateExited"))
    }

    /// The error of a function, and its cause: not those with which the execution ended.
    pub(crate) fn function_failure(&self) -> Option<&(String, String)> {
        self.failed
            .as_ref()
            .filter(|_| !self.kind.starts_with("Execution"))
    }
}

/// The message of a cause, for people. Lambda puts a function's own text into JSON, and the state
/// machine's end states put a sentence before that.
pub(crate) fn message(cause: &str) -> String {
    // A text of AWS that ends in a full stop, in a sentence.
    let text = without_debug(&without_encoded(&plain_message(cause))).replace(".. ", ". ");
    SAID_RELEASED
        .iter()
        .fold(text, |text, said| text.replace(said, " was abandoned. "))
}

/// What the state machine says of the interfaces of each launch that it abandoned, in this release
/// and before it. The story tells what was released and what the instance keeps (`$.release.kept`).
const SAID_RELEASED: [&str; 2] = [
    " was abandoned and its interfaces were released, but for what an instance that runs on keeps. ",
    " was abandoned and its interfaces were released. ",
];

/// What EC2 puts before a text that only `aws sts decode-authorization-message` can read
/// (<https://docs.aws.amazon.com/cli/latest/reference/sts/decode-authorization-message.html>).
const ENCODED: &str = "Encoded authorization failure message: ";

/// The text without what EC2 encoded: it says nothing to a reader, and is ten lines long.
fn without_encoded(text: &str) -> String {
    let Some((before, rest)) = text.split_once(ENCODED) else {
        return text.to_owned();
    };
    let is_encoded = |sign: char| sign.is_ascii_alphanumeric() || "-_=+/".contains(sign);
    let after = rest.trim_start_matches(is_encoded);
    format!("{}{}", before.trim_end(), without_encoded(after))
}

/// The text without the SDK's error in Rust's own notation, as `(TimeoutError(TimeoutError { …
/// }))`: the words before it say the same.
fn without_debug(text: &str) -> String {
    let Some((before, rest)) = text.split_once(" (TimeoutError(") else {
        return text.to_owned();
    };
    let mut open = 2;
    let end = rest.char_indices().find_map(|(at, sign)| {
        open += match sign {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        (open == 0).then_some(at + 1)
    });
    match end {
        Some(end) => format!("{before}{}", &rest[end..]),
        None => text.to_owned(),
    }
}

/// The text with each JSON of Lambda's in it replaced by its message. There may be two: of a
/// failure, and of the hook that could not be completed after it.
fn plain_message(cause: &str) -> String {
    let mut text = String::new();
    let mut rest = cause;
    while let Some(start) = rest.find("{\"") {
        let (before, json) = rest.split_at(start);
        text.push_str(before);
        let mut values = serde_json::Deserializer::from_str(json).into_iter::<Value>();
        let value = values.next().and_then(Result::ok);
        let message = value
            .as_ref()
            .and_then(|it| it.get("errorMessage")?.as_str());
        let end = match value.is_some() {
            true => values.byte_offset(),
            false => 1,
        };
        text.push_str(message.unwrap_or(&json[..end]));
        rest = &json[end..];
    }
    text + rest
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
        assert_eq!(
            message("The maximum has been reached.. Correct it"),
            "The maximum has been reached. Correct it"
        );
        let late = "request has timed out: after 30s (TimeoutError(TimeoutError { kind: Operation, of: (1) })). Try";
        assert_eq!(message(late), "request has timed out: after 30s. Try");
        let both = format!("Failure: {json}. Completion: {json}");
        assert_eq!(
            message(&both),
            "Failure: no address. Completion: no address"
        );
        let denied = "not allowed (no policy allows it. Encoded authorization failure message: eyJh-_b0=). Grant it";
        assert_eq!(
            message(denied),
            "not allowed (no policy allows it.). Grant it"
        );
        for said in SAID_RELEASED {
            assert_eq!(
                message(&format!("The launch of i-1{said}Cause: none")),
                "The launch of i-1 was abandoned. Cause: none"
            );
        }
        let machine = include_str!("../../../statemachine/launch-node.asl.json");
        assert!(machine.contains(SAID_RELEASED[0]));
        for text in ["", "plain text", "{\"a\": 1}", "{broken"] {
            assert_eq!(message(text), text);
        }
    }
}
