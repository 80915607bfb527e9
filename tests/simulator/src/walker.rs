//! A small stand-in for Step Functions in virtual time: it walks the state machine's own file. It knows what that file
//! uses, refuses what it does not know, and a test holds it against the real engine.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::paths;
use crate::retry::{Retriers, catcher};

/// Why a task failed: the error's name and its cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskError {
    /// What `ErrorEquals` compares.
    pub error: String,
    /// For people.
    pub cause: String,
}

/// A task's future.
pub type TaskFuture<'a> = Pin<Box<dyn Future<Output = Result<Value, TaskError>> + 'a>>;

/// Where tasks are done, and chance comes from.
pub trait World {
    /// Does a task: `resource` is as the file has it, `${TagNodeFunctionArn}`.
    fn task<'a>(&'a self, resource: &'a str, input: Value) -> TaskFuture<'a>;
    /// A number from 0 to 1.
    fn random(&self) -> f64;
    /// An execution has entered a state.
    fn entered(&self, _execution: &str, _state: &str) {}
    /// A state has failed; `again` says whether it is retried.
    fn failed(&self, _execution: &str, _state: &str, _error: &TaskError, _again: bool) {}
}

/// How an execution ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// `SUCCEEDED`, `FAILED`, `TIMED_OUT`, `ABORTED`.
    pub status: &'static str,
    /// The error's name, when it failed.
    pub error: Option<String>,
    /// The cause, when it failed.
    pub cause: Option<String>,
    /// The output, when it succeeded.
    pub output: Option<Value>,
    /// The states that it entered, in order.
    pub states: Vec<String>,
}

impl Verdict {
    fn without_output(status: &'static str, error: Option<String>, cause: Option<String>) -> Self {
        Self {
            status,
            error,
            cause,
            output: None,
            states: Vec::new(),
        }
    }

    /// Of an execution that somebody stopped.
    #[must_use]
    pub fn aborted() -> Self {
        Self::without_output("ABORTED", None, None)
    }

    /// Of an execution that came upon what the walker does not know, or what Step Functions cannot go on from.
    #[must_use]
    pub fn gave_up(error: &anyhow::Error) -> Self {
        let cause = Some(format!("{error:#}"));
        Self::without_output("FAILED", Some("States.Runtime".to_owned()), cause)
    }
}

/// Walks `machine` with `input` to its end.
///
/// # Errors
/// When the file uses what the walker does not know.
pub async fn run(
    machine: &Value,
    execution: &str,
    input: Value,
    world: &impl World,
) -> Result<Verdict> {
    let mut walk = Walk {
        machine,
        context: json!({"Execution": {"Name": execution}}),
        execution,
        world,
        states: Vec::new(),
    };
    let limit = machine.get("TimeoutSeconds").and_then(Value::as_u64);
    let end = match limit {
        None => walk.walk(input).await?,
        Some(seconds) => {
            match tokio::time::timeout(Duration::from_secs(seconds), walk.walk(input)).await {
                Ok(end) => end?,
                Err(_) => End {
                    status: "TIMED_OUT",
                    error: None,
                    cause: None,
                    output: None,
                },
            }
        }
    };
    Ok(Verdict {
        status: end.status,
        error: end.error,
        cause: end.cause,
        output: end.output,
        states: walk.states,
    })
}

struct End {
    status: &'static str,
    error: Option<String>,
    cause: Option<String>,
    output: Option<Value>,
}

struct Walk<'a, W> {
    machine: &'a Value,
    context: Value,
    execution: &'a str,
    world: &'a W,
    states: Vec<String>,
}

impl<W: World> Walk<'_, W> {
    async fn walk(&mut self, mut data: Value) -> Result<End> {
        let mut name = field(self.machine, "StartAt")?.to_owned();
        loop {
            let machine = self.machine;
            let state = machine["States"]
                .get(&name)
                .with_context(|| format!("no state {name}"))?;
            self.states.push(name.clone());
            self.world.entered(self.execution, &name);
            name = match field(state, "Type")? {
                "Task" => match self.task(&name, state, &mut data).await? {
                    Ok(next) => next,
                    Err(error) => {
                        return Ok(End {
                            status: "FAILED",
                            error: Some(error.error),
                            cause: Some(error.cause),
                            output: None,
                        });
                    }
                },
                "Choice" => self.choose(state, &data)?,
                "Wait" => {
                    let path = field(state, "SecondsPath")?;
                    let seconds = paths::read(path, &data, &self.context)?
                        .and_then(Value::as_u64)
                        .with_context(|| format!("{name}: no number of seconds at {path}"))?;
                    tokio::time::sleep(Duration::from_secs(seconds)).await;
                    field(state, "Next")?.to_owned()
                }
                "Succeed" => {
                    let data = match state.get("OutputPath").and_then(Value::as_str) {
                        None => data,
                        Some(path) => paths::read(path, &data, &self.context)?
                            .with_context(|| format!("States.Runtime: {path} finds nothing"))?
                            .clone(),
                    };
                    return Ok(End {
                        status: "SUCCEEDED",
                        error: None,
                        cause: None,
                        output: Some(data),
                    });
                }
                "Fail" => {
                    let text = |plain: &str, path: &str| -> Result<Option<String>> {
                        if let Some(text) = state.get(plain).and_then(Value::as_str) {
                            return Ok(Some(text.to_owned()));
                        }
                        state
                            .get(path)
                            .and_then(Value::as_str)
                            .map(|path| paths::text(path, &data, &self.context))
                            .transpose()
                    };
                    return Ok(End {
                        status: "FAILED",
                        error: text("Error", "ErrorPath")?,
                        cause: text("Cause", "CausePath")?,
                        output: None,
                    });
                }
                other => bail!("{name}: the walker does not know the type {other}"),
            };
        }
    }

    /// Does a task with its retriers and catchers; gives the next state, or the error that nothing caught.
    async fn task(
        &self,
        name: &str,
        state: &Value,
        data: &mut Value,
    ) -> Result<Result<String, TaskError>> {
        let resource = field(state, "Resource")?;
        let limit = state
            .get("TimeoutSeconds")
            .and_then(Value::as_u64)
            .unwrap_or(99_999_999);
        let mut retriers = Retriers::of(state)?;
        loop {
            let input = match state.get("Parameters") {
                None => data.clone(),
                Some(parameters) => paths::template(parameters, data, &self.context)?,
            };
            let task = self.world.task(resource, input);
            let result = match tokio::time::timeout(Duration::from_secs(limit), task).await {
                Ok(result) => result,
                Err(_) => Err(TaskError {
                    error: "States.Timeout".to_owned(),
                    cause: String::new(),
                }),
            };
            let error = match result {
                Ok(output) => {
                    match state.get("ResultPath") {
                        Some(Value::Null) => {}
                        path => {
                            paths::write(path.and_then(Value::as_str).unwrap_or("$"), data, output)?
                        }
                    }
                    return Ok(Ok(field(state, "Next")?.to_owned()));
                }
                Err(error) => error,
            };
            let delay = retriers.next(&error.error, self.world.random());
            self.world
                .failed(self.execution, name, &error, delay.is_some());
            if let Some(delay) = delay {
                tokio::time::sleep_until(Instant::now() + delay).await;
                continue;
            }
            let Some(catcher) = catcher(state, &error.error)? else {
                return Ok(Err(error));
            };
            let output = json!({"Error": error.error, "Cause": error.cause});
            paths::write(catcher.result_path.as_deref().unwrap_or("$"), data, output)?;
            return Ok(Ok(catcher.next));
        }
    }

    fn choose(&self, state: &Value, data: &Value) -> Result<String> {
        for rule in state["Choices"].as_array().into_iter().flatten() {
            if self.holds(rule, data)? {
                return Ok(field(rule, "Next")?.to_owned());
            }
        }
        Ok(field(state, "Default")?.to_owned())
    }

    fn holds(&self, rule: &Value, data: &Value) -> Result<bool> {
        if let Some(all) = rule.get("And").and_then(Value::as_array) {
            for rule in all {
                if !self.holds(rule, data)? {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        if let Some(any) = rule.get("Or").and_then(Value::as_array) {
            for rule in any {
                if self.holds(rule, data)? {
                    return Ok(true);
                }
            }
            return Ok(false);
        }
        let path = field(rule, "Variable")?;
        let found = paths::read(path, data, &self.context)?;
        let Some((operator, wanted)) = rule
            .as_object()
            .into_iter()
            .flatten()
            .find(|(key, _)| !matches!(key.as_str(), "Variable" | "Next" | "Comment"))
        else {
            bail!("a rule without an operator: {rule}");
        };
        if operator == "IsPresent" {
            return Ok(Some(found.is_some()) == wanted.as_bool());
        }
        let found = found.with_context(|| format!("States.Runtime: {path} finds nothing"))?;
        Ok(match operator.as_str() {
            "StringEquals" | "BooleanEquals" => found == wanted,
            "NumericGreaterThan" => found.as_f64() > wanted.as_f64(),
            other => bail!("the walker does not know the operator {other}"),
        })
    }
}

fn field<'a>(value: &'a Value, name: &str) -> Result<&'a str> {
    value
        .get(name)
        .and_then(Value::as_str)
        .with_context(|| format!("no {name}"))
}
