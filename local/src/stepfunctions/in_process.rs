//! Executions without an engine: code in this process receives each start and reports the end. This
//! is for virtual time, in which a child process cannot take part.
//!
//! ListExecutions, DescribeExecution, GetExecutionHistory, StopExecution, ListStateMachines,
//! DescribeStateMachine and DescribeStateMachineForExecution are answered here. A state machine is known
//! by its executions, because nothing creates one; its definition and its role are what a test sets, and
//! so are the events of a history. The end of each execution is put on the event bus as *Step Functions Execution Status Change*. On AWS a start is such an
//! event too; the fake AWS does not send that one.

mod history;
mod page;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::watch;

use self::page::Page;
use super::{StartExecution, StepFunctions};
use crate::LocalAws;
use crate::local_aws::lock;
use crate::wire::error::ApiError;

/// The maximum length in bytes of an input in the event. A longer one is left out, because events
/// have a size limit.
const MAX_INPUT_IN_EVENT: usize = 248 * 1024;

type Started = Arc<dyn Fn(StartExecution) + Send + Sync>;

/// The executions in process.
#[derive(Default)]
pub(super) struct Executions {
    started: Option<Started>,
    known: BTreeMap<String, Execution>,
    /// The definitions of state machines, by the machine's ARN.
    definitions: BTreeMap<String, Definition>,
}

#[derive(Clone)]
struct Definition {
    definition: Value,
    role_arn: String,
    /// How many there were before it.
    revision: u32,
    since: Timestamp,
}

struct Execution {
    start: StartExecution,
    /// The definition that the state machine had then.
    definition: Option<Definition>,
    input: String,
    /// Its position among all executions, because several can start at one instant.
    number: usize,
    started_at: Timestamp,
    ended: Option<(Timestamp, ExecutionEnd)>,
    /// The events of its history that a test has set.
    history: Vec<Value>,
    running: watch::Sender<bool>,
}

/// How an execution ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExecutionEnd {
    /// `SUCCEEDED`, `FAILED`, `TIMED_OUT`, `ABORTED`.
    pub status: String,
    /// The error's name.
    pub error: Option<String>,
    /// The error's cause.
    pub cause: Option<String>,
    /// The output.
    pub output: Option<Value>,
}

impl StepFunctions {
    /// Answers `StartExecution` in process, without an engine. `started` receives each new
    /// execution. A name that was used before is the same execution while it is running with the
    /// same input; else it is `ExecutionAlreadyExists` (Step Functions API Reference,
    /// StartExecution).
    pub fn on_start_execution(&self, started: impl Fn(StartExecution) + Send + Sync + 'static) {
        lock(&self.engine).executions.started = Some(Arc::new(started));
    }

    /// Sets the definition and the role that DescribeStateMachine answers for a state machine.
    /// Executions that have begun keep the one before (Step Functions API Reference,
    /// UpdateStateMachine).
    pub fn set_definition(&self, local: &LocalAws, arn: &str, definition: Value, role_arn: &str) {
        let now = local.with_world(|world| world.kernel.timestamp());
        let mut engine = lock(&self.engine);
        let definitions = &mut engine.executions.definitions;
        let before = definitions.get(arn).map(|before| before.revision);
        let found = Definition {
            definition,
            role_arn: role_arn.to_owned(),
            revision: before.map_or(0, |before| before + 1),
            since: now,
        };
        definitions.insert(arn.to_owned(), found);
    }

    /// Ends an execution, and puts its event on the bus. Has no effect if the execution has ended:
    /// it was stopped.
    pub fn end_execution(&self, local: &LocalAws, arn: &str, end: ExecutionEnd) {
        let now = local.with_world(|world| world.kernel.timestamp());
        let detail = {
            let mut engine = lock(&self.engine);
            let Some(execution) = engine
                .executions
                .known
                .get_mut(arn)
                .filter(|execution| execution.ended.is_none())
            else {
                return;
            };
            execution.ended = Some((now, end));
            execution.running.send_replace(false);
            execution.event_detail()
        };
        local.with_world(|world| {
            world.kernel.emit(
                "aws.states",
                "Step Functions Execution Status Change",
                vec![arn.to_owned()],
                detail,
            );
        });
    }

    /// Waits until an execution is no longer running. Its runner stops then.
    pub async fn stopped(&self, arn: &str) {
        let running = lock(&self.engine)
            .executions
            .known
            .get(arn)
            .map(|execution| execution.running.subscribe());
        if let Some(mut running) = running {
            // An error means that the execution is no longer kept.
            let _ = running.wait_for(|running| !running).await;
        }
    }

    /// Answers a call in process. `None` if executions do not run in process, or for other calls.
    pub(super) fn answer_in_process(
        &self,
        local: &LocalAws,
        action: &str,
        body: &[u8],
    ) -> Option<Result<Value, ApiError>> {
        lock(&self.engine).executions.started.as_ref()?;
        let act = match action {
            "StartExecution" => Self::start,
            "DescribeExecution" => Self::describe,
            "DescribeStateMachine" => Self::describe_state_machine,
            "DescribeStateMachineForExecution" => Self::describe_state_machine_for_execution,
            "GetExecutionHistory" => Self::history,
            "ListExecutions" => Self::list,
            "ListStateMachines" => Self::list_state_machines,
            "StopExecution" => Self::stop,
            _ => return None,
        };
        Some(
            serde_json::from_slice(body)
                .map_err(|error| ApiError::new("SerializationException", error.to_string()))
                .and_then(|call: Value| act(self, local, &call)),
        )
    }

    fn start(&self, local: &LocalAws, call: &Value) -> Result<Value, ApiError> {
        let state_machine_arn = required(call, "stateMachineArn")?;
        let text = text(call, "input").unwrap_or_else(|| "{}".to_owned());
        let input: Value = serde_json::from_str(&text).map_err(|error| {
            ApiError::new(
                "InvalidExecutionInput",
                format!("Invalid State Machine Execution Input: '{error}'"),
            )
        })?;
        let now = local.with_world(|world| world.kernel.timestamp());
        let name = self::text(call, "name")
            .unwrap_or_else(|| local.with_world(|world| world.kernel.new_uuid()));
        let execution_arn = format!(
            "{}:{name}",
            state_machine_arn.replace(":stateMachine:", ":execution:")
        );
        let mut engine = lock(&self.engine);
        if let Some(known) = engine.executions.known.get(&execution_arn) {
            if known.ended.is_some() || known.start.input != input {
                let message = format!("Execution Already Exists: '{execution_arn}'");
                return Err(ApiError::new("ExecutionAlreadyExists", message));
            }
            let started_at = known.started_at;
            return Ok(json!({ "executionArn": execution_arn, "startDate": seconds(started_at) }));
        }
        let start = StartExecution {
            execution_arn: execution_arn.clone(),
            state_machine_arn,
            name,
            input,
        };
        let definitions = &engine.executions.definitions;
        let execution = Execution {
            definition: definitions.get(&start.state_machine_arn).cloned(),
            start: start.clone(),
            input: text,
            number: engine.executions.known.len(),
            started_at: now,
            ended: None,
            history: Vec::new(),
            running: watch::Sender::new(true),
        };
        engine
            .executions
            .known
            .insert(execution_arn.clone(), execution);
        let started = engine.executions.started.clone();
        drop(engine);
        if let Some(started) = started {
            started(start);
        }
        Ok(json!({ "executionArn": execution_arn, "startDate": seconds(now) }))
    }

    fn describe(&self, _: &LocalAws, call: &Value) -> Result<Value, ApiError> {
        let arn = required(call, "executionArn")?;
        let engine = lock(&self.engine);
        let execution = engine.executions.get(&arn)?;
        let mut found = execution.listed();
        let end = execution.ended.as_ref().map(|(_, end)| end);
        if let Some(fields) = found.as_object_mut() {
            fields.insert("input".to_owned(), json!(execution.input));
            fields.insert("inputDetails".to_owned(), json!({ "included": true }));
            let error = end.and_then(|end| end.error.clone());
            let cause = end.and_then(|end| end.cause.clone());
            let output = end.and_then(|end| end.output.as_ref());
            fields.insert("error".to_owned(), json!(error));
            fields.insert("cause".to_owned(), json!(cause));
            fields.insert("output".to_owned(), json!(output.map(Value::to_string)));
        }
        Ok(found)
    }

    fn list(&self, _: &LocalAws, call: &Value) -> Result<Value, ApiError> {
        let machine = required(call, "stateMachineArn")?;
        let status = text(call, "statusFilter");
        let page = Page::of(call)?;
        let engine = lock(&self.engine);
        let mut found: Vec<&Execution> = engine
            .executions
            .known
            .values()
            .filter(|execution| {
                execution.start.state_machine_arn == machine
                    && status
                        .as_ref()
                        .is_none_or(|status| status == execution.status())
            })
            .collect();
        // The newest first.
        found.sort_by_key(|execution| std::cmp::Reverse(execution.number));
        let found: Vec<Value> = found.iter().map(|execution| execution.listed()).collect();
        Ok(page.answer("executions", &found))
    }

    /// All in one page: a test has a few (Step Functions API Reference, ListStateMachines).
    fn list_state_machines(&self, _: &LocalAws, _: &Value) -> Result<Value, ApiError> {
        let engine = lock(&self.engine);
        let mut machines: BTreeMap<&str, Timestamp> = BTreeMap::new();
        for execution in engine.executions.known.values() {
            let since = machines
                .entry(&execution.start.state_machine_arn)
                .or_insert(execution.started_at);
            *since = execution.started_at.min(*since);
        }
        let machines: Vec<Value> = machines
            .into_iter()
            .map(|(arn, since)| {
                json!({
                    "stateMachineArn": arn,
                    "name": arn.rsplit(':').next(),
                    "type": "STANDARD",
                    "creationDate": seconds(since),
                })
            })
            .collect();
        Ok(json!({ "stateMachines": machines }))
    }

    /// Step Functions API Reference, DescribeStateMachine.
    fn describe_state_machine(&self, _: &LocalAws, call: &Value) -> Result<Value, ApiError> {
        let arn = required(call, "stateMachineArn")?;
        let engine = lock(&self.engine);
        let found = engine.executions.definitions.get(&arn);
        let found = found.ok_or_else(|| no_state_machine(&arn))?;
        let mut answer = found.described(&arn);
        if let Some(fields) = answer.as_object_mut() {
            fields.insert("status".to_owned(), json!("ACTIVE"));
            fields.insert("type".to_owned(), json!("STANDARD"));
            fields.insert("creationDate".to_owned(), json!(seconds(found.since)));
        }
        Ok(answer)
    }

    /// The definition that the execution began with (Step Functions API Reference,
    /// DescribeStateMachineForExecution).
    fn describe_state_machine_for_execution(
        &self,
        _: &LocalAws,
        call: &Value,
    ) -> Result<Value, ApiError> {
        let arn = required(call, "executionArn")?;
        let engine = lock(&self.engine);
        let execution = engine.executions.get(&arn)?;
        let machine = &execution.start.state_machine_arn;
        let found = execution.definition.as_ref();
        let found = found.ok_or_else(|| no_state_machine(machine))?;
        let mut answer = found.described(machine);
        if let Some(fields) = answer.as_object_mut() {
            fields.insert("updateDate".to_owned(), json!(seconds(found.since)));
        }
        Ok(answer)
    }

    fn stop(&self, local: &LocalAws, call: &Value) -> Result<Value, ApiError> {
        let arn = required(call, "executionArn")?;
        lock(&self.engine).executions.get(&arn)?;
        let end = ExecutionEnd {
            status: "ABORTED".to_owned(),
            error: text(call, "error"),
            cause: text(call, "cause"),
            output: None,
        };
        self.end_execution(local, &arn, end);
        let now = local.with_world(|world| world.kernel.timestamp());
        Ok(json!({ "stopDate": seconds(now) }))
    }
}

impl Definition {
    /// What both calls say of it. The first definition of a state machine has no revision id.
    fn described(&self, machine: &str) -> Value {
        json!({
            "stateMachineArn": machine,
            "name": machine.rsplit(':').next(),
            "definition": self.definition.to_string(),
            "roleArn": self.role_arn,
            "revisionId": (self.revision > 0).then(|| format!("revision-{}", self.revision)),
        })
    }
}

fn no_state_machine(arn: &str) -> ApiError {
    ApiError::new(
        "StateMachineDoesNotExist",
        format!("State Machine Does Not Exist: '{arn}'"),
    )
}

impl Executions {
    fn get(&self, arn: &str) -> Result<&Execution, ApiError> {
        self.known.get(arn).ok_or_else(|| {
            ApiError::new(
                "ExecutionDoesNotExist",
                format!("Execution Does Not Exist: '{arn}'"),
            )
        })
    }
}

impl Execution {
    fn status(&self) -> &str {
        self.ended
            .as_ref()
            .map_or("RUNNING", |(_, end)| end.status.as_str())
    }

    /// As in ListExecutions.
    fn listed(&self) -> Value {
        let mut listed = json!({
            "executionArn": self.start.execution_arn,
            "stateMachineArn": self.start.state_machine_arn,
            "name": self.start.name,
            "status": self.status(),
            "startDate": seconds(self.started_at),
        });
        if let (Some((at, _)), Some(fields)) = (&self.ended, listed.as_object_mut()) {
            fields.insert("stopDate".to_owned(), json!(seconds(*at)));
        }
        listed
    }

    fn event_detail(&self) -> Value {
        let end = self.ended.as_ref();
        let included = self.input.len() <= MAX_INPUT_IN_EVENT;
        let output = end.and_then(|(_, end)| end.output.as_ref());
        json!({
            "executionArn": self.start.execution_arn,
            "stateMachineArn": self.start.state_machine_arn,
            "name": self.start.name,
            "status": self.status(),
            "startDate": millis(self.started_at),
            "stopDate": end.map(|(at, _)| millis(*at)),
            "input": included.then_some(&self.input),
            "inputDetails": { "included": included },
            "output": output.map(Value::to_string),
            "outputDetails": output.map(|_| json!({ "included": true })),
            "error": end.and_then(|(_, end)| end.error.as_ref()),
            "cause": end.and_then(|(_, end)| end.cause.as_ref()),
        })
    }
}

fn text(call: &Value, name: &str) -> Option<String> {
    call.get(name).and_then(Value::as_str).map(str::to_owned)
}

fn required(call: &Value, name: &str) -> Result<String, ApiError> {
    text(call, name)
        .ok_or_else(|| ApiError::new("ValidationException", format!("{name} must not be null")))
}

fn millis(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// A time in the protocol's form: seconds since 1970.
#[allow(clippy::cast_precision_loss)] // milliseconds of this millennium are far below 2^53
fn seconds(at: Timestamp) -> f64 {
    millis(at) as f64 / 1000.0
}
