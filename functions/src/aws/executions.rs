//! Executions of the state machine: which are running and for which instance, how one ended, and
//! StartExecution.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_sfn::types::ExecutionStatus;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{Instrument, Span};

use super::Aws;
use super::classify::{classify, code};
use hookline_domain::error::{Error, Result};
use hookline_domain::execution::names::{StateMachine, instance_of_input, instance_of_name};
use hookline_domain::ids::InstanceId;

/// The most DescribeExecution calls at once.
const AT_ONCE: usize = 20;

/// The instances of running executions, kept between the invocations of one process. The input of
/// an execution never changes, and ListExecutions does not return it.
#[derive(Debug, Default)]
pub(super) struct Memory {
    instances: Mutex<BTreeMap<String, Option<InstanceId>>>,
}

/// An execution, as DescribeExecution returns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// `RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT`, `ABORTED`, …
    pub status: String,
    /// Its input, as text.
    pub input: String,
    /// Its output, as text, if it succeeded.
    pub output: Option<String>,
    /// Why it failed: the name of the error.
    pub error: Option<String>,
    /// The same in words.
    pub cause: Option<String>,
}

impl Execution {
    /// Whether it is running, or will be once it is redriven.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.status.as_str(), "RUNNING" | "PENDING_REDRIVE")
    }
}

impl Aws {
    /// The instances of running executions (ListExecutions, and DescribeExecution for each new
    /// one). `except` is an execution that counts as ended even if it is listed: the list lags a
    /// little.
    ///
    /// # Errors
    /// Those of every call. The instances that are known by then are kept.
    pub async fn instances_in_progress(
        &self,
        machine: &StateMachine,
        except: Option<&str>,
        deadline: Instant,
    ) -> Result<BTreeSet<InstanceId>> {
        let mut running = Vec::new();
        let mut pages = self
            .sfn
            .list_executions()
            .state_machine_arn(machine.arn())
            .status_filter(ExecutionStatus::Running)
            .max_results(1000)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| classify("ListExecutions", &error))?;
            running.extend(
                page.executions
                    .into_iter()
                    .map(|execution| (execution.execution_arn, execution.name)),
            );
        }
        let mut known = self.executions.instances.lock().await;
        let arns: BTreeSet<&str> = running.iter().map(|(arn, _)| arn.as_str()).collect();
        known.retain(|arn, _| arns.contains(arn.as_str()));
        let mut unknown = Vec::new();
        for (arn, name) in &running {
            if known.contains_key(arn) {
                continue;
            }
            match instance_of_name(name) {
                Some(instance) => drop(known.insert(arn.clone(), Some(instance))),
                None => unknown.push(arn.clone()),
            }
        }
        self.learn(&mut known, unknown, deadline).await?;
        Ok(running
            .iter()
            .filter(|(arn, _)| Some(arn.as_str()) != except)
            .filter_map(|(arn, _)| known.get(arn).cloned().flatten())
            .collect())
    }

    /// Looks the inputs of executions up, several at once, until the deadline.
    async fn learn(
        &self,
        known: &mut BTreeMap<String, Option<InstanceId>>,
        mut unknown: Vec<String>,
        deadline: Instant,
    ) -> Result<()> {
        let mut lookups = JoinSet::new();
        let mut failure = None;
        loop {
            let late = Instant::now() >= deadline;
            while failure.is_none() && !late && lookups.len() < AT_ONCE {
                let Some(arn) = unknown.pop() else { break };
                let aws = self.clone();
                lookups.spawn(
                    async move { (aws.execution(&arn).await, arn) }.instrument(Span::current()),
                );
            }
            let Some(done) = lookups.join_next().await else {
                break;
            };
            match done {
                Ok((Ok(execution), arn)) => {
                    let instance = execution.and_then(|found| instance_of_input(&found.input));
                    known.insert(arn, instance);
                }
                Ok((Err(error), _)) => failure = Some(error),
                Err(error) => failure = Some(unavailable(error.to_string())),
            }
        }
        match failure {
            Some(error) => Err(error),
            None if unknown.is_empty() => Ok(()),
            None => Err(unavailable(format!(
                "{} running executions were not looked up in time; the next round continues",
                unknown.len()
            ))),
        }
    }

    /// An execution by its ARN (DescribeExecution); `None` if there is none, or it ended more than
    /// 90 days ago.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn execution(&self, arn: &str) -> Result<Option<Execution>> {
        match self
            .sfn
            .describe_execution()
            .execution_arn(arn)
            .send()
            .await
        {
            Ok(found) => Ok(Some(Execution {
                status: found.status.as_str().to_owned(),
                input: found.input.unwrap_or_default(),
                output: found.output,
                error: found.error,
                cause: found.cause,
            })),
            Err(error) if code(&error) == Some("ExecutionDoesNotExist") => Ok(None),
            Err(error) => Err(classify("DescribeExecution", &error)),
        }
    }

    /// Starts an execution with this name (StartExecution). Returns `false` if there has been one
    /// with the same name that has ended or has another input. If one is running with the same
    /// input, StartExecution succeeds again, so a lost response does no harm.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn start_execution(
        &self,
        machine: &StateMachine,
        name: &str,
        input: String,
    ) -> Result<bool> {
        let answer = self
            .sfn
            .start_execution()
            .state_machine_arn(machine.arn())
            .name(name)
            .input(input)
            .send()
            .await;
        match answer {
            Ok(_) => Ok(true),
            Err(error) if code(&error) == Some("ExecutionAlreadyExists") => Ok(false),
            Err(error) => Err(classify("StartExecution", &error)),
        }
    }
}

fn unavailable(detail: String) -> Error {
    Error::AwsUnavailable {
        action: "DescribeExecution",
        detail,
    }
}
