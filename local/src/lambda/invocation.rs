//! One invocation: it takes a concurrency slot, finds or starts a sandbox, runs, and ends.

use std::collections::VecDeque;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::oneshot;

use super::environment::environment;
use super::function::{FunctionConfig, LogLine};
use super::host::Lambda;
use super::outcome::{InvokeError, Outcome, failed, failed_with, succeeded};
use super::runtime_api::{Answer, Invocation, MAX_PAYLOAD};
use super::sandbox::Sandbox;
use crate::local_aws::lock;

/// How long a program may take from its start to its first `next`.
const INIT_TIMEOUT: Duration = Duration::from_secs(10);

impl Lambda {
    /// Takes a concurrency slot, and a warm sandbox if there is one.
    pub(super) fn begin(&self, name: &str) -> Result<StartedInvocation, InvokeError> {
        let mut state = lock(&self.inner.state);
        let reserved: u32 = state
            .functions
            .values()
            .filter_map(|f| f.config.reserved_concurrency)
            .sum();
        let unreserved_in_flight: u32 = state
            .functions
            .values()
            .filter(|f| f.config.reserved_concurrency.is_none())
            .map(|f| f.in_flight)
            .sum();
        let concurrency = state.concurrency;
        state.requests += 1;
        // Counted, not random: an id is unique, and the same in each run with the same order of
        // calls.
        let request_id = format!(
            "{:08x}-0000-4000-8000-{:012x}",
            state.requests, state.requests
        );
        let closed = *self.inner.closed.borrow();
        let Some(function) = state.functions.get_mut(name) else {
            return Err(InvokeError::NotFound {
                arn: self.arn(name),
            });
        };
        let refused = match function.config.reserved_concurrency {
            Some(limit) if function.in_flight >= limit => {
                Some("ReservedFunctionConcurrentInvocationLimitExceeded")
            }
            None if unreserved_in_flight >= concurrency.saturating_sub(reserved) => {
                Some("ConcurrentInvocationLimitExceeded")
            }
            _ if closed => Some("ConcurrentInvocationLimitExceeded"),
            _ => None,
        };
        if let Some(reason) = refused {
            function.counters.throttles += 1;
            return Err(InvokeError::TooManyRequests { reason });
        }
        // The sandbox that was used last is used first, so that the others become idle, as on AWS.
        let mut warm = None;
        while let Some((number, sandbox)) = function.idle.pop() {
            if sandbox.is_alive() {
                warm = Some((number, sandbox));
                break;
            }
        }
        function.in_flight += 1;
        function.counters.invocations += 1;
        function.counters.max_concurrency =
            function.counters.max_concurrency.max(function.in_flight);
        if warm.is_none() {
            function.counters.cold_starts += 1;
        }
        let config = function.config.clone();
        Ok(StartedInvocation {
            slot: ConcurrencySlot {
                host: self.clone(),
                name: name.to_owned(),
            },
            request_id,
            config,
            warm,
        })
    }

    pub(super) async fn run(&self, invocation: StartedInvocation, payload: Bytes) -> Outcome {
        let StartedInvocation {
            slot,
            request_id,
            config,
            warm,
        } = invocation;
        let mut closed = self.inner.closed.subscribe();
        let outcome = tokio::select! {
            outcome = self.run_in_sandbox(&config, &request_id, warm, payload) => outcome,
            _ = closed.wait_for(|closed| *closed) => failed(&request_id, "Sandbox.Failure", "the host is shutting down"),
        };
        if let Some(function) = lock(&self.inner.state).functions.get_mut(&config.name) {
            function.counters.errors += u64::from(outcome.function_error);
        }
        drop(slot);
        outcome
    }

    async fn run_in_sandbox(
        &self,
        config: &FunctionConfig,
        request_id: &str,
        warm: Option<(u64, Sandbox)>,
        payload: Bytes,
    ) -> Outcome {
        let (number, sandbox) = match warm {
            Some(warm) => warm,
            None => {
                let number = self.next_sandbox();
                let endpoint = lock(&self.inner.state).endpoint.clone();
                let environment = environment(config, &self.inner.region, endpoint, number);
                let log = self.log_sink(config, number);
                match Sandbox::start(&config.program, &environment, log, &self.inner.programs).await
                {
                    Ok(sandbox) => (number, sandbox),
                    Err(error) => {
                        let message = format!(
                            "Error: Couldn't start {}: {error}",
                            config.program.display()
                        );
                        return failed(request_id, "Runtime.InvalidEntrypoint", &message);
                    }
                }
            }
        };
        tokio::select! {
            biased;
            () = sandbox.ready() => {}
            error = sandbox.init_error() => return self.with_log(failed_with(request_id, error), config, number),
            how = sandbox.exited() => {
                let message = format!("Error: Runtime exited with error: {how}");
                return self.with_log(failed(request_id, "Runtime.ExitError", &message), config, number);
            }
            () = tokio::time::sleep(INIT_TIMEOUT) => {
                return self.with_log(self.timed_out(config, request_id, INIT_TIMEOUT), config, number);
            }
        }

        let (answer, answered) = oneshot::channel();
        let trace = format!("Root=1-{:08x}-{:024x};Sampled=0", 0x6500_0000, number);
        sandbox.dispatch(Invocation {
            request_id: request_id.to_owned(),
            function_arn: self.arn(&config.name),
            deadline_ms: (Timestamp::now() + config.timeout).as_millisecond(),
            trace_id: trace,
            payload,
            answer,
        });
        let outcome = tokio::select! {
            biased;
            Ok(answer) = answered => match answer {
                Answer::Response(payload) => succeeded(request_id, payload),
                Answer::Error(error) => failed_with(request_id, error),
                Answer::TooLarge(size) => failed(
                    request_id,
                    "Function.ResponseSizeTooLarge",
                    &format!("Response payload size ({size} bytes) exceeded maximum allowed payload size ({MAX_PAYLOAD} bytes)."),
                ),
            },
            how = sandbox.exited() => {
                let message = format!("Error: Runtime exited with error: {how}");
                return self.with_log(failed(request_id, "Runtime.ExitError", &message), config, number);
            }
            () = tokio::time::sleep(config.timeout) => {
                return self.with_log(self.timed_out(config, request_id, config.timeout), config, number);
            }
        };
        let mut state = lock(&self.inner.state);
        if let Some(function) = state.functions.get_mut(&config.name)
            && function.config.program == config.program
            && !*self.inner.closed.borrow()
        {
            function.idle.push((number, sandbox));
        }
        drop(state);
        self.with_log(outcome, config, number)
    }

    fn timed_out(&self, config: &FunctionConfig, request_id: &str, after: Duration) -> Outcome {
        if let Some(function) = lock(&self.inner.state).functions.get_mut(&config.name) {
            function.counters.timeouts += 1;
        }
        let message = format!(
            "Error: Task timed out after {:.2} seconds",
            after.as_secs_f64()
        );
        failed(request_id, "Sandbox.Timedout", &message)
    }

    fn next_sandbox(&self) -> u64 {
        let mut state = lock(&self.inner.state);
        state.sandboxes += 1;
        state.sandboxes
    }

    fn log_sink(&self, config: &FunctionConfig, sandbox: u64) -> super::sandbox::LogSink {
        // Weak, because a running program must not keep the host alive.
        let inner = Arc::downgrade(&self.inner);
        let name = config.name.clone();
        Arc::new(move |request_id, text| {
            let Some(inner) = inner.upgrade() else { return };
            inner.metrics.log(&text);
            let mut state = lock(&inner.state);
            if let Some(directory) = &state.log_directory {
                let file = std::fs::OpenOptions::new()
                    .create(true)
                    .append(true)
                    .open(directory.join(format!("{name}.log")));
                // A log file that cannot be written does not fail the function.
                if let Ok(mut file) = file {
                    let _ = writeln!(file, "{text}");
                }
            }
            if let Some(function) = state.functions.get_mut(&name) {
                function.log.push(LogLine {
                    sandbox,
                    request_id,
                    text,
                });
            }
        })
    }

    fn with_log(&self, mut outcome: Outcome, config: &FunctionConfig, sandbox: u64) -> Outcome {
        let mut tail = VecDeque::new();
        let mut size = 0;
        for line in self
            .logs(&config.name)
            .into_iter()
            .rev()
            .filter(|line| line.sandbox == sandbox)
        {
            size += line.text.len() + 1;
            if line.request_id.is_some_and(|id| id != outcome.request_id) || size > 4096 {
                break;
            }
            tail.push_front(line.text);
        }
        outcome.log_tail = tail.into();
        outcome
    }
}

/// An invocation with its concurrency slot.
pub(super) struct StartedInvocation {
    slot: ConcurrencySlot,
    pub(super) request_id: String,
    config: FunctionConfig,
    warm: Option<(u64, Sandbox)>,
}

/// One of the concurrent invocations. Dropping it frees the slot.
struct ConcurrencySlot {
    host: Lambda,
    name: String,
}

impl Drop for ConcurrencySlot {
    fn drop(&mut self) {
        if let Some(function) = lock(&self.host.inner.state).functions.get_mut(&self.name) {
            function.in_flight = function.in_flight.saturating_sub(1);
        }
    }
}
