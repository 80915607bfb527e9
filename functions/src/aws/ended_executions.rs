//! Executions that have ended, and what became of their launches.

use std::collections::BTreeMap;

use aws_sdk_sfn::types::ExecutionStatus;
use tokio::sync::Mutex;

use super::Aws;
use super::classify::classify;
use hookline_domain::error::Result;
use hookline_domain::execution::names::StateMachine;
use hookline_domain::reconcile::loops::{EndedExecution, EndedLaunch};

/// The most pages of executions, of a thousand each, that are listed.
const MAX_PAGES: usize = 10;

/// The launches of executions that have ended, by the execution's ARN, kept between the invocations of
/// one process; `None` of an execution for no launch that matters. A redriven execution ends again.
#[derive(Debug, Default)]
pub(super) struct Memory {
    launches: Mutex<BTreeMap<String, (EndedExecution, Option<EndedLaunch>)>>,
}

impl Aws {
    /// The executions that succeeded or failed and began at `since` or later, in milliseconds since the
    /// epoch, the newest first (ListExecutions, which returns the newest first).
    ///
    /// # Errors
    /// Those of every call.
    pub async fn ended_executions(
        &self,
        machine: &StateMachine,
        since: i64,
    ) -> Result<Vec<EndedExecution>> {
        let mut pages = self
            .sfn
            .list_executions()
            .state_machine_arn(machine.arn())
            .max_results(1000)
            .into_paginator()
            .send();
        let mut found = Vec::new();
        for _ in 0..MAX_PAGES {
            let Some(page) = pages.next().await else {
                break;
            };
            let page = page.map_err(|error| classify("ListExecutions", &error))?;
            let mut reached = false;
            for execution in page.executions {
                let milliseconds =
                    |time: &aws_smithy_types::DateTime| time.to_millis().unwrap_or(0);
                let started_at = milliseconds(&execution.start_date);
                reached |= started_at < since;
                let succeeded = match execution.status {
                    ExecutionStatus::Succeeded => true,
                    ExecutionStatus::Failed => false,
                    _ => continue,
                };
                let Some(stopped) = &execution.stop_date else {
                    continue;
                };
                if started_at >= since {
                    found.push(EndedExecution {
                        ended_at: milliseconds(stopped),
                        arn: execution.execution_arn,
                        succeeded,
                        started_at,
                    });
                }
            }
            if reached {
                break;
            }
        }
        Ok(found)
    }

    /// The launches that are known of these executions, by the execution's ARN. The others are
    /// forgotten.
    pub async fn known_launches(
        &self,
        executions: &[EndedExecution],
    ) -> BTreeMap<String, Option<EndedLaunch>> {
        let listed: BTreeMap<&str, &EndedExecution> = executions
            .iter()
            .map(|execution| (execution.arn.as_str(), execution))
            .collect();
        let mut launches = self.ended.launches.lock().await;
        launches.retain(|arn, (known, _)| listed.get(arn.as_str()) == Some(&&*known));
        launches
            .iter()
            .map(|(arn, (_, launch))| (arn.clone(), launch.clone()))
            .collect()
    }

    /// The launch of an execution that has ended (DescribeExecution); `None` if it is no launch, or
    /// ended neither with CONTINUE nor with ABANDON.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn ended_launch(&self, execution: &EndedExecution) -> Result<Option<EndedLaunch>> {
        let launch = self.execution(&execution.arn).await?.and_then(|found| {
            EndedLaunch::read(
                execution,
                &found.input,
                found.output.as_deref(),
                found.error.as_deref(),
                found.cause.as_deref(),
            )
        });
        let known = (execution.clone(), launch.clone());
        let mut launches = self.ended.launches.lock().await;
        launches.insert(execution.arn.clone(), known);
        Ok(launch)
    }
}
