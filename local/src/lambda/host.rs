//! Which functions there are, and how an invocation finds a sandbox, runs, and ends.
//!
//! Programs take real time, so the host belongs on a running clock: on tokio's paused clock every timeout would
//! come at once.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::{oneshot, watch};

use super::environment::environment;
use super::function::{Counters, FunctionConfig, LogBuffer, LogLine};
use super::outcome::{InvokeError, Outcome, checked, failed, failed_with, succeeded};
use super::runtime_api::{Answer, Invocation, MAX_PAYLOAD};
use super::sandbox::Sandbox;
use crate::local_aws::lock;

/// How long a program may take from its start to its first `next`.
const INIT_TIMEOUT: Duration = Duration::from_secs(10);
/// Lambda's quota of concurrent executions, per account and region, unless it is raised.
const ACCOUNT_CONCURRENCY: u32 = 1000;

/// The host of Lambda functions. Clones share it.
#[derive(Clone)]
pub struct Lambda {
    inner: Arc<Inner>,
}

struct Inner {
    region: String,
    account: String,
    state: Mutex<State>,
    closed: watch::Sender<bool>,
    /// How many programs run.
    programs: watch::Sender<usize>,
}

struct State {
    endpoint: Option<String>,
    concurrency: u32,
    log_directory: Option<PathBuf>,
    functions: BTreeMap<String, Function>,
    sandboxes: u64,
    requests: u64,
    in_process: Option<InProcess>,
}

/// Told of the invocations that nobody waits for: the function's name and the payload.
type InProcess = Arc<dyn Fn(&str, Bytes) + Send + Sync>;

struct Function {
    config: FunctionConfig,
    idle: Vec<(u64, Sandbox)>,
    in_flight: u32,
    counters: Counters,
    log: LogBuffer,
}

impl fmt::Debug for Lambda {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lambda")
            .field("functions", &self.functions())
            .finish_non_exhaustive()
    }
}

impl Lambda {
    /// A host without functions.
    pub fn new(region: impl Into<String>, account: impl Into<String>) -> Self {
        Self {
            inner: Arc::new(Inner {
                region: region.into(),
                account: account.into(),
                state: Mutex::new(State {
                    endpoint: None,
                    concurrency: ACCOUNT_CONCURRENCY,
                    log_directory: None,
                    functions: BTreeMap::new(),
                    sandboxes: 0,
                    requests: 0,
                    in_process: None,
                }),
                closed: watch::Sender::new(false),
                programs: watch::Sender::new(0),
            }),
        }
    }

    /// Registers a function, or replaces one of that name. Returns its ARN.
    pub fn register(&self, config: FunctionConfig) -> String {
        let arn = self.arn(&config.name);
        let function = Function {
            idle: Vec::new(),
            in_flight: 0,
            counters: Counters::default(),
            log: LogBuffer::default(),
            config,
        };
        lock(&self.inner.state)
            .functions
            .insert(function.config.name.clone(), function);
        arn
    }

    /// The ARN that a function of this name has here.
    pub fn arn(&self, name: &str) -> String {
        format!(
            "arn:aws:lambda:{}:{}:function:{name}",
            self.inner.region, self.inner.account
        )
    }

    /// The endpoint of the simulated AWS, which functions find in `AWS_ENDPOINT_URL`.
    pub fn set_endpoint(&self, url: impl Into<String>) {
        lock(&self.inner.state).endpoint = Some(url.into());
    }

    /// How many invocations may run at once in the account: 1000, unless set; a young account on AWS has 10.
    pub fn set_concurrency_limit(&self, limit: u32) {
        lock(&self.inner.state).concurrency = limit;
    }

    /// Also appends what functions log to `DIRECTORY/FUNCTION.log`.
    pub fn set_log_directory(&self, directory: impl Into<PathBuf>) {
        lock(&self.inner.state).log_directory = Some(directory.into());
    }

    /// The configurations of all functions, by name.
    pub fn functions(&self) -> Vec<FunctionConfig> {
        lock(&self.inner.state)
            .functions
            .values()
            .map(|function| function.config.clone())
            .collect()
    }

    /// What happened to a function so far; `None` if there is no such function.
    pub fn counters(&self, name: &str) -> Option<Counters> {
        lock(&self.inner.state)
            .functions
            .get(name)
            .map(|function| function.counters)
    }

    /// The newest lines of a function's log.
    pub fn logs(&self, name: &str) -> Vec<LogLine> {
        lock(&self.inner.state)
            .functions
            .get(name)
            .map(|function| function.log.lines())
            .unwrap_or_default()
    }

    /// Resolves what `Invoke` takes for a function (name, ARN or partial ARN, with `$LATEST` or without).
    pub(super) fn resolve(&self, function: &str) -> Result<String, InvokeError> {
        let parts: Vec<&str> = function.split(':').collect();
        let (region, account) = (self.inner.region.as_str(), self.inner.account.as_str());
        let (name, qualifier) = match parts.as_slice() {
            [name] => (*name, None),
            [name, qualifier] => (*name, Some(*qualifier)),
            [a, "function", name] if *a == account => (*name, None),
            ["arn", "aws", "lambda", r, a, "function", name] if *r == region && *a == account => {
                (*name, None)
            }
            ["arn", "aws", "lambda", r, a, "function", name, qualifier]
                if *r == region && *a == account =>
            {
                (*name, Some(*qualifier))
            }
            _ => (function, None),
        };
        let known = lock(&self.inner.state).functions.contains_key(name);
        if known && qualifier.is_none_or(|qualifier| qualifier == "$LATEST") {
            return Ok(name.to_owned());
        }
        let arn = if function.starts_with("arn:") {
            function.to_owned()
        } else {
            match qualifier {
                Some(qualifier) => format!("{}:{qualifier}", self.arn(name)),
                None => self.arn(name),
            }
        };
        Err(InvokeError::NotFound { arn })
    }

    /// Invokes a function and waits for its end. The invocation runs to its end even if the caller stops waiting.
    pub async fn invoke(&self, function: &str, payload: Bytes) -> Result<Outcome, InvokeError> {
        let name = self.resolve(function)?;
        let payload = checked(payload)?;
        let invocation = self.begin(&name)?;
        let request_id = invocation.request_id.clone();
        let host = self.clone();
        match tokio::spawn(async move { host.run(invocation, payload).await }).await {
            Ok(outcome) => Ok(outcome),
            Err(_) => Ok(failed(
                &request_id,
                "Sandbox.Failure",
                "the host is shutting down",
            )),
        }
    }

    /// Queues an invocation (`InvocationType` Event): errors of the function are retried twice, throttling for as
    /// long as it lasts, as Lambda's own queue does.
    pub fn invoke_async(&self, function: &str, payload: Bytes) -> Result<(), InvokeError> {
        let name = self.resolve(function)?;
        let payload = checked(payload)?;
        let in_process = lock(&self.inner.state).in_process.clone();
        if let Some(invoked) = in_process {
            invoked(&name, payload);
            return Ok(());
        }
        let host = self.clone();
        tokio::spawn(async move {
            let mut closed = host.inner.closed.subscribe();
            let work = async {
                let mut errors = 0;
                let mut throttled = Duration::from_secs(1);
                loop {
                    match host.invoke(&name, payload.clone()).await {
                        Ok(outcome) if outcome.function_error && errors < 2 => {
                            errors += 1;
                            tokio::time::sleep(Duration::from_secs(60 * errors)).await;
                        }
                        Err(InvokeError::TooManyRequests { .. }) => {
                            tokio::time::sleep(throttled).await;
                            throttled = (throttled * 2).min(Duration::from_secs(300));
                        }
                        _ => return,
                    }
                }
            };
            tokio::select! {
                () = work => {}
                _ = closed.wait_for(|closed| *closed) => {}
            }
        });
        Ok(())
    }

    /// Runs no program for the invocations that nobody waits for: `invoked` is told of each, with the function's name and
    /// the payload. For virtual time; what Lambda does about a function that fails is the caller's then.
    pub fn on_invoke_async(&self, invoked: impl Fn(&str, Bytes) + Send + Sync + 'static) {
        lock(&self.inner.state).in_process = Some(Arc::new(invoked));
    }

    /// Ends all sandboxes, running invocations included, and begins no more. Returns when every program is gone.
    pub async fn shutdown(&self) {
        self.inner.closed.send_replace(true);
        let idle: Vec<_> = {
            let mut state = lock(&self.inner.state);
            state
                .functions
                .values_mut()
                .flat_map(|function| std::mem::take(&mut function.idle))
                .collect()
        };
        drop(idle);
        let mut programs = self.inner.programs.subscribe();
        // A killed program is gone at once, unless the kernel holds it: no reason to hang.
        let _ = tokio::time::timeout(
            Duration::from_secs(5),
            programs.wait_for(|programs| *programs == 0),
        )
        .await;
    }

    /// Takes a slot among the concurrent invocations, and a warm sandbox if there is one.
    fn begin(&self, name: &str) -> Result<StartedInvocation, InvokeError> {
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
        // Made, not drawn: an id must be unique, and the same in each run as far as the order of calls is.
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
        // The one that worked last comes first: so the others grow idle, as on AWS.
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

    async fn run(&self, invocation: StartedInvocation, payload: Bytes) -> Outcome {
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
        // Weak: a program that lives on must not keep the host.
        let inner = Arc::downgrade(&self.inner);
        let name = config.name.clone();
        Arc::new(move |request_id, text| {
            let Some(inner) = inner.upgrade() else { return };
            let mut state = lock(&inner.state);
            if let Some(directory) = &state.log_directory {
                let file = std::fs::OpenOptions::new()
                    .create(true)
                    .append(true)
                    .open(directory.join(format!("{name}.log")));
                // A log that cannot be written is no reason to fail the function.
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

/// An invocation that has its slot.
struct StartedInvocation {
    slot: ConcurrencySlot,
    request_id: String,
    config: FunctionConfig,
    warm: Option<(u64, Sandbox)>,
}

/// One of the concurrent invocations; its drop makes room for the next.
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

impl Drop for Inner {
    fn drop(&mut self) {
        self.closed.send_replace(true);
    }
}
