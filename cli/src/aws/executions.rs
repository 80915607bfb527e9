//! State machines, their executions, and the history of one.

use aws_sdk_sfn::types::{ExecutionListItem, ExecutionStatus, HistoryEvent as SdkEvent};
use aws_smithy_runtime_api::client::result::SdkError;
use hookline_domain::execution::names::StateMachine;

use super::pages::back_to;
use super::{Aws, Error};
use crate::observed::execution::{Execution, HistoryEvent, ListedExecution};

/// The most executions, and the most events, of a page (Step Functions API Reference).
const PAGE: i32 = 1000;
/// The most pages of a history that are read. An execution has at most 25,000 events (Step
/// Functions quotas), and the first ones matter no more after this many.
const MAX_HISTORY_PAGES: usize = 10;

impl Aws {
    /// The names and ARNs of all state machines (ListStateMachines).
    ///
    /// # Errors
    /// Returns why a call failed.
    pub(crate) async fn state_machines(&self) -> Result<Vec<(String, String)>, Error> {
        let mut found = Vec::new();
        let mut token = None;
        loop {
            let call = self
                .sfn
                .list_state_machines()
                .max_results(PAGE)
                .set_next_token(token);
            let page = self.answer("states:ListStateMachines", call.send().await)?;
            let machines = page.state_machines.into_iter();
            found.extend(machines.map(|machine| (machine.name, machine.state_machine_arn)));
            token = page.next_token;
            if token.is_none() {
                return Ok(found);
            }
        }
    }

    /// A page of executions, newest first, and the token of the next page (ListExecutions).
    ///
    /// # Errors
    /// Returns why the call failed.
    pub(crate) async fn executions(
        &self,
        machine: &StateMachine,
        token: Option<String>,
    ) -> Result<(Vec<ListedExecution>, Option<String>), Error> {
        let call = self
            .sfn
            .list_executions()
            .state_machine_arn(machine.arn())
            .max_results(PAGE)
            .set_next_token(token);
        let page = self.answer("states:ListExecutions", call.send().await)?;
        let executions = page.executions.into_iter().map(listed).collect();
        Ok((executions, page.next_token))
    }

    /// The executions, newest first, at least back to those that began at `oldest`, in milliseconds
    /// since the epoch. At most so many pages are read; and whether that was enough.
    ///
    /// # Errors
    /// Returns why a call failed.
    pub(crate) async fn executions_back_to(
        &self,
        machine: &StateMachine,
        oldest: i64,
        pages: usize,
    ) -> Result<(Vec<ListedExecution>, bool), Error> {
        let reaches = |page: &[ListedExecution]| page.last().is_some_and(|it| it.started < oldest);
        let page = async |token| self.executions(machine, token).await;
        back_to(pages, reaches, page).await
    }

    /// An execution by its ARN (DescribeExecution); `None` if there is none.
    ///
    /// # Errors
    /// Returns why the call failed.
    pub(crate) async fn execution(&self, arn: &str) -> Result<Option<Execution>, Error> {
        let answer = self
            .sfn
            .describe_execution()
            .execution_arn(arn)
            .send()
            .await;
        if let Err(SdkError::ServiceError(error)) = &answer
            && error.err().is_execution_does_not_exist()
        {
            return Ok(None);
        }
        let found = self.answer("states:DescribeExecution", answer)?;
        Ok(Some(Execution {
            arn: found.execution_arn,
            name: found.name.unwrap_or_default(),
            status: found.status.as_str().to_owned(),
            started: milliseconds(&found.start_date),
            stopped: found.stop_date.as_ref().map(milliseconds),
            input: found.input.unwrap_or_default(),
            error: found.error,
            cause: found.cause,
        }))
    }

    /// The executions that run (ListExecutions). The list lags a little.
    ///
    /// # Errors
    /// Returns why a call failed.
    pub(crate) async fn running(
        &self,
        machine: &StateMachine,
    ) -> Result<Vec<ListedExecution>, Error> {
        let mut found = Vec::new();
        let mut token = None;
        loop {
            let call = self
                .sfn
                .list_executions()
                .state_machine_arn(machine.arn())
                .status_filter(ExecutionStatus::Running)
                .max_results(PAGE)
                .set_next_token(token);
            let page = self.answer("states:ListExecutions", call.send().await)?;
            found.extend(page.executions.into_iter().map(listed));
            token = page.next_token;
            if token.is_none() {
                return Ok(found);
            }
        }
    }

    /// Starts an execution and returns its ARN (StartExecution). With the input of a running
    /// execution of this name, that one is returned. `None` if the name was used otherwise, in the
    /// last 90 days.
    ///
    /// # Errors
    /// Returns why the call failed.
    pub(crate) async fn start_execution(
        &self,
        machine: &StateMachine,
        name: &str,
        input: &str,
    ) -> Result<Option<String>, Error> {
        let call = self
            .sfn
            .start_execution()
            .state_machine_arn(machine.arn())
            .name(name)
            .input(input);
        let answer = call.send().await;
        if let Err(SdkError::ServiceError(error)) = &answer
            && error.err().is_execution_already_exists()
        {
            return Ok(None);
        }
        let started = self.answer("states:StartExecution", answer)?;
        Ok(Some(started.execution_arn))
    }

    /// Stops an execution (StopExecution). One that has ended stays as it is.
    ///
    /// # Errors
    /// Returns why the call failed.
    pub(crate) async fn stop_execution(&self, arn: &str, cause: &str) -> Result<(), Error> {
        let call = self.sfn.stop_execution().execution_arn(arn).cause(cause);
        self.answer("states:StopExecution", call.send().await)?;
        Ok(())
    }

    /// The events of an execution, oldest first, and whether these are all (GetExecutionHistory).
    ///
    /// # Errors
    /// Returns why a call failed.
    pub(crate) async fn history(&self, arn: &str) -> Result<(Vec<HistoryEvent>, bool), Error> {
        let mut events = Vec::new();
        let mut token = None;
        for _ in 0..MAX_HISTORY_PAGES {
            let call = self
                .sfn
                .get_execution_history()
                .execution_arn(arn)
                .max_results(PAGE)
                .set_next_token(token);
            let page = self.answer("states:GetExecutionHistory", call.send().await)?;
            events.extend(page.events.iter().map(event));
            token = page.next_token;
            if token.is_none() {
                return Ok((events, true));
            }
        }
        Ok((events, false))
    }
}

fn milliseconds(time: &aws_sdk_sfn::primitives::DateTime) -> i64 {
    time.to_millis().unwrap_or_default()
}

fn listed(item: ExecutionListItem) -> ListedExecution {
    ListedExecution {
        status: item.status.as_str().to_owned(),
        started: milliseconds(&item.start_date),
        stopped: item.stop_date.as_ref().map(milliseconds),
        arn: item.execution_arn,
        name: item.name,
    }
}

/// What is needed of an event: the state and its data, or an error and its cause.
fn event(event: &SdkEvent) -> HistoryEvent {
    let entered = event.state_entered_event_details();
    let exited = event.state_exited_event_details();
    let failure = |error: Option<&str>, cause: Option<&str>| {
        error.map(|error| (error.to_owned(), cause.unwrap_or_default().to_owned()))
    };
    let failed = None
        .or_else(|| {
            event
                .lambda_function_failed_event_details()
                .and_then(|it| failure(it.error(), it.cause()))
        })
        .or_else(|| {
            event
                .lambda_function_timed_out_event_details()
                .and_then(|it| failure(it.error(), it.cause()))
        })
        .or_else(|| {
            let it = event.lambda_function_schedule_failed_event_details()?;
            failure(it.error(), it.cause())
        })
        .or_else(|| {
            event
                .task_failed_event_details()
                .and_then(|it| failure(it.error(), it.cause()))
        })
        .or_else(|| {
            event
                .task_timed_out_event_details()
                .and_then(|it| failure(it.error(), it.cause()))
        })
        .or_else(|| {
            event
                .task_start_failed_event_details()
                .and_then(|it| failure(it.error(), it.cause()))
        })
        .or_else(|| {
            event
                .task_submit_failed_event_details()
                .and_then(|it| failure(it.error(), it.cause()))
        })
        .or_else(|| {
            event
                .execution_failed_event_details()
                .and_then(|it| failure(it.error(), it.cause()))
        })
        .or_else(|| {
            event
                .execution_aborted_event_details()
                .and_then(|it| failure(it.error(), it.cause()))
        });
    HistoryEvent {
        at: milliseconds(event.timestamp()),
        kind: event.r#type().as_str().to_owned(),
        state: None
            .or_else(|| entered.map(|it| it.name()))
            .or_else(|| exited.map(|it| it.name()))
            .map(str::to_owned),
        input: event
            .execution_started_event_details()
            .and_then(|it| it.input())
            .map(str::to_owned),
        output: exited.and_then(|it| it.output()).map(str::to_owned),
        failed,
    }
}
