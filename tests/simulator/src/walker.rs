//! The walker of state machines: it takes the place of Step Functions in virtual time. It walks the
//! state machine's own file and refuses what it does not know. A test compares it with the real
//! engine.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use hookline_local::stepfunctions::StartExecution;
use hookline_statemachine::StateMachine;
use hookline_statemachine::state::{Choice, Fail, Pass, State, Task, Wait};
use hookline_statemachine::template::Expression;
use serde_json::{Value, json};

/// Step Functions' own limit of a task, in seconds. Step Functions Developer Guide, "Task workflow
/// state".
const TASK_LIMIT: u64 = 99_999_999;

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
    /// Does a task. `resource` is as the file has it: `${TagNodeFunctionArn}`.
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
    /// The error's name, if it failed.
    pub error: Option<String>,
    /// The cause, if it failed.
    pub cause: Option<String>,
    /// The output, if it succeeded.
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

    fn succeeded(output: Value) -> Self {
        Self {
            output: Some(output),
            ..Self::without_output("SUCCEEDED", None, None)
        }
    }

    /// The verdict of an execution that was stopped.
    #[must_use]
    pub fn aborted() -> Self {
        Self::without_output("ABORTED", None, None)
    }

    /// The verdict of an execution that reached something that the walker does not know, or that
    /// Step Functions fails on.
    #[must_use]
    pub fn gave_up(error: &anyhow::Error) -> Self {
        let cause = Some(format!("{error:#}"));
        Self::without_output("FAILED", Some("States.Runtime".to_owned()), cause)
    }
}

/// Walks `machine` to the end of an execution.
///
/// # Errors
/// If the state machine uses something that the walker does not know, or there is nothing at a
/// path.
pub async fn run(
    machine: &StateMachine,
    execution: &StartExecution,
    world: &impl World,
) -> Result<Verdict> {
    let mut walk = Walk {
        machine,
        context: json!({
            "Execution": {
                "Id": execution.execution_arn,
                "Name": execution.name,
                "Input": execution.input,
            },
        }),
        execution: &execution.name,
        world,
        states: Vec::new(),
    };
    let end = walk.walk(execution.input.clone());
    let verdict = match machine.timeout_seconds {
        None => end.await?,
        Some(seconds) => match tokio::time::timeout(Duration::from_secs(seconds), end).await {
            Ok(end) => end?,
            Err(_) => Verdict::without_output("TIMED_OUT", None, None),
        },
    };
    Ok(Verdict {
        states: walk.states,
        ..verdict
    })
}

struct Walk<'a, W> {
    machine: &'a StateMachine,
    /// The context object.
    context: Value,
    execution: &'a str,
    world: &'a W,
    /// The states entered so far.
    states: Vec<String>,
}

/// What follows a state.
enum Step<'a> {
    /// The state with this name, or the end of the execution; and the data.
    On(Option<&'a str>, Value),
    /// An end that the state itself decides.
    End(Verdict),
}

impl<'a, W: World> Walk<'a, W> {
    async fn walk(&mut self, mut data: Value) -> Result<Verdict> {
        let mut name = self.machine.start_at.as_str();
        loop {
            let state = self.machine.states.get(name);
            let state = state.with_context(|| format!("there is no state {name}"))?;
            self.states.push(name.to_owned());
            self.world.entered(self.execution, name);
            self.context["State"] = json!({"Name": name, "RetryCount": 0});
            let step = self.step(name, state, data).await;
            match step.with_context(|| name.to_owned())? {
                Step::On(Some(next), output) => {
                    name = next;
                    data = output;
                }
                Step::On(None, output) => return Ok(Verdict::succeeded(output)),
                Step::End(verdict) => return Ok(verdict),
            }
        }
    }

    async fn step(&mut self, name: &str, state: &'a State, data: Value) -> Result<Step<'a>> {
        let context = &self.context;
        Ok(match state {
            State::Task(task) => self.task(name, state, task, data).await?,
            State::Pass(pass) => {
                let next = pass.next.as_deref();
                Step::On(next, self.pass(pass, data)?)
            }
            State::Choice(choice) => {
                let next = self.choose(choice, &data)?;
                Step::On(Some(next), data)
            }
            State::Wait(wait) => {
                let seconds = self.seconds(wait, &data)?;
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                Step::On(wait.next.as_deref(), data)
            }
            State::Succeed(succeed) => Step::On(None, succeed.output_path.select(data, context)?),
            State::Fail(fail) => Step::End(self.fail(fail, &data)?),
            State::Map(_) | State::Parallel(_) => {
                bail!("the walker does not know the type {}", state.kind())
            }
        })
    }

    /// Does a task with its retriers and catchers.
    async fn task(
        &mut self,
        name: &str,
        state: &'a State,
        task: &'a Task,
        data: Value,
    ) -> Result<Step<'a>> {
        let limit = Duration::from_secs(task.timeout_seconds.unwrap_or(TASK_LIMIT));
        // How often each retrier was used in this visit of the state.
        let mut used: BTreeMap<usize, u32> = BTreeMap::new();
        loop {
            self.context["State"]["RetryCount"] = json!(used.values().sum::<u32>());
            let mut input = task.input_path.select(data.clone(), &self.context)?;
            if let Some(parameters) = &task.parameters {
                input = parameters.evaluate(&input, &self.context)?;
            }
            let called = self.world.task(&task.resource, input);
            let called = tokio::time::timeout(limit, called).await;
            let error = match called {
                Ok(Ok(answer)) => {
                    let result = match &task.result_selector {
                        None => answer,
                        Some(selector) => selector.evaluate(&answer, &self.context)?,
                    };
                    let output = task.result_path.combine(data, result)?;
                    let output = task.output_path.select(output, &self.context)?;
                    return Ok(Step::On(task.next.as_deref(), output));
                }
                Ok(Err(error)) => error,
                Err(_) => TaskError {
                    error: "States.Timeout".to_owned(),
                    cause: String::new(),
                },
            };
            let random = self.world.random();
            let delay = state.retrier(&error.error).and_then(|(index, retrier)| {
                let used = used.entry(index).or_default();
                let delay = retrier.delay(*used, random);
                *used += u32::from(delay.is_some());
                delay
            });
            self.world
                .failed(self.execution, name, &error, delay.is_some());
            if let Some(delay) = delay {
                tokio::time::sleep(delay).await;
                continue;
            }
            let Some((_, catcher)) = state.catcher(&error.error) else {
                let (error, cause) = (Some(error.error), Some(error.cause));
                return Ok(Step::End(Verdict::without_output("FAILED", error, cause)));
            };
            let result = json!({"Error": error.error, "Cause": error.cause});
            let output = catcher.result_path.combine(data, result)?;
            return Ok(Step::On(Some(&catcher.next), output));
        }
    }

    fn pass(&self, pass: &Pass, data: Value) -> Result<Value> {
        let input = pass.input_path.select(data.clone(), &self.context)?;
        let result = match (&pass.result, &pass.parameters) {
            (Some(result), _) => result.clone(),
            (None, Some(parameters)) => parameters.evaluate(&input, &self.context)?,
            (None, None) => input,
        };
        let output = pass.result_path.combine(data, result)?;
        Ok(pass.output_path.select(output, &self.context)?)
    }

    fn choose(&self, choice: &'a Choice, data: &Value) -> Result<&'a str> {
        for rule in &choice.choices {
            if rule.condition.holds(data, &self.context)? {
                return Ok(&rule.next);
            }
        }
        let default = choice.default.as_deref();
        default.context("States.NoChoiceMatched: no rule holds, and there is no Default")
    }

    fn seconds(&self, wait: &Wait, data: &Value) -> Result<u64> {
        match (&wait.seconds, &wait.seconds_path) {
            (Some(seconds), _) => Ok(*seconds),
            (None, Some(path)) => path
                .value(data, &self.context)?
                .as_u64()
                .with_context(|| format!("no number of seconds at {path}")),
            (None, None) => bail!("it does not say how long"),
        }
    }

    fn fail(&self, fail: &Fail, data: &Value) -> Result<Verdict> {
        let text = |plain: &Option<String>, path: &Option<Expression>| match (plain, path) {
            (Some(text), _) => Ok(Some(text.clone())),
            (None, Some(path)) => path.text(data, &self.context).map(Some),
            (None, None) => Ok(None),
        };
        Ok(Verdict::without_output(
            "FAILED",
            text(&fail.error, &fail.error_path)?,
            text(&fail.cause, &fail.cause_path)?,
        ))
    }
}
