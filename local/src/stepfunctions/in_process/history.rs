//! GetExecutionHistory of an execution without an engine (Step Functions API Reference,
//! GetExecutionHistory and HistoryEvent): its start, what a test has set, and its end.

use serde_json::{Value, json};

use super::page::Page;
use super::{Execution, ExecutionEnd, required, seconds};
use crate::LocalAws;
use crate::local_aws::lock;
use crate::stepfunctions::StepFunctions;
use crate::wire::error::ApiError;

impl StepFunctions {
    /// Sets the events that GetExecutionHistory answers between the start of an execution and its end,
    /// in the API's form and without ids. Has no effect if there is no such execution.
    pub fn set_history(&self, arn: &str, events: Vec<Value>) {
        let mut engine = lock(&self.engine);
        if let Some(execution) = engine.executions.known.get_mut(arn) {
            execution.history = events;
        }
    }

    pub(super) fn history(&self, _: &LocalAws, call: &Value) -> Result<Value, ApiError> {
        let arn = required(call, "executionArn")?;
        let page = Page::of(call)?;
        let mut events = {
            let engine = lock(&self.engine);
            engine.executions.get(&arn)?.events()
        };
        // Ids are from 1, in the order of time.
        for (event, id) in events.iter_mut().zip(1..) {
            if let Some(fields) = event.as_object_mut() {
                fields.insert("id".to_owned(), json!(id));
                fields.insert("previousEventId".to_owned(), json!(id - 1));
            }
        }
        if call.get("reverseOrder") == Some(&json!(true)) {
            events.reverse();
        }
        Ok(page.answer("events", &events))
    }
}

impl Execution {
    fn events(&self) -> Vec<Value> {
        let started = json!({
            "timestamp": seconds(self.started_at),
            "type": "ExecutionStarted",
            "executionStartedEventDetails": {
                "input": self.input,
                "inputDetails": { "truncated": false },
            },
        });
        let ended = self.ended.as_ref().map(|(at, end)| {
            let word = word(end);
            let mut event =
                json!({ "timestamp": seconds(*at), "type": format!("Execution{word}") });
            if let (Some(details), Some(fields)) = (details(end), event.as_object_mut()) {
                fields.insert(format!("execution{word}EventDetails"), details);
            }
            event
        });
        let between = self.history.iter().cloned();
        [started].into_iter().chain(between).chain(ended).collect()
    }
}

/// The end in the names of an event's type and of its details.
fn word(end: &ExecutionEnd) -> &'static str {
    match end.status.as_str() {
        "SUCCEEDED" => "Succeeded",
        "TIMED_OUT" => "TimedOut",
        "ABORTED" => "Aborted",
        _ => "Failed",
    }
}

/// The details of the end. A success without an output has none.
fn details(end: &ExecutionEnd) -> Option<Value> {
    match word(end) {
        "Succeeded" => Some(json!({ "output": end.output.as_ref()?.to_string() })),
        _ => Some(json!({ "error": end.error, "cause": end.cause })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Settings;

    const MACHINE: &str = "arn:aws:states:us-west-2:123456789012:stateMachine:m";

    #[tokio::test(start_paused = true)]
    async fn history_is_paged_in_either_order_and_has_the_start_and_the_end() {
        let local = LocalAws::new(Settings::for_tests());
        let engine = local.stepfunctions();
        let start = json!({ "stateMachineArn": MACHINE, "input": "{\"a\":1}" });
        let started = engine.start(&local, &start).unwrap();
        let arn = started["executionArn"].as_str().unwrap();
        let entered =
            json!({ "type": "TaskStateEntered", "stateEnteredEventDetails": { "name": "T" } });
        engine.set_history(arn, vec![entered]);
        let end = ExecutionEnd {
            status: "FAILED".to_owned(),
            error: Some("E".to_owned()),
            ..ExecutionEnd::default()
        };
        engine.end_execution(&local, arn, end);
        let ask = |more: Value| {
            let mut call = json!({ "executionArn": arn });
            call.as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            engine.history(&local, &call).unwrap()
        };
        let kinds = |answer: &Value| {
            let events = answer["events"].as_array().unwrap().iter();
            let kinds = events.map(|event| format!("{} {}", event["id"], event["type"]));
            kinds.collect::<Vec<_>>().join(", ").replace('"', "")
        };
        let all = ask(json!({}));
        assert_eq!(
            kinds(&all),
            "1 ExecutionStarted, 2 TaskStateEntered, 3 ExecutionFailed"
        );
        assert_eq!(
            all["events"][0]["executionStartedEventDetails"]["input"],
            "{\"a\":1}"
        );
        assert_eq!(
            all["events"][2]["executionFailedEventDetails"]["error"],
            "E"
        );
        assert!(all["nextToken"].is_null());
        let first = ask(json!({ "maxResults": 2, "reverseOrder": true }));
        assert_eq!(kinds(&first), "3 ExecutionFailed, 2 TaskStateEntered");
        let token = &first["nextToken"];
        let rest = ask(json!({ "maxResults": 2, "reverseOrder": true, "nextToken": token }));
        assert_eq!(kinds(&rest), "1 ExecutionStarted");
        let unknown = json!({ "executionArn": "arn:none" });
        let error = engine.history(&local, &unknown).unwrap_err();
        assert_eq!(error.code, "ExecutionDoesNotExist");
    }
}
