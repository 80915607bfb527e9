//! The host of Lambda functions: its functions, limits, counters and logs.
//!
//! Programs take real time, so the host needs a running clock. On tokio's paused clock every
//! timeout would pass at once.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;

use super::function::{Counters, FunctionConfig, LogBuffer, LogLine, Versions};
use super::outcome::{InvokeError, Outcome, checked, failed};
use super::sandbox::Sandbox;
use crate::cloudwatch::CloudWatch;
use crate::local_aws::lock;

/// Lambda's default quota of concurrent executions per account and Region (Lambda Developer Guide,
/// "Lambda quotas").
const ACCOUNT_CONCURRENCY: u32 = 1000;

/// The host of Lambda functions. Clones share it.
#[derive(Clone)]
pub struct Lambda {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) region: String,
    pub(super) account: String,
    pub(super) state: Mutex<State>,
    /// What is extracted from the logs.
    pub(super) metrics: CloudWatch,
    pub(super) closed: watch::Sender<bool>,
    /// How many programs are running.
    pub(super) programs: watch::Sender<usize>,
}

pub(super) struct State {
    pub(super) endpoint: Option<String>,
    pub(super) concurrency: u32,
    pub(super) log_directory: Option<PathBuf>,
    pub(super) functions: BTreeMap<String, Function>,
    pub(super) sandboxes: u64,
    pub(super) requests: u64,
    in_process: Option<InProcess>,
}

/// Receives asynchronous invocations: the function's name and the payload.
type InProcess = Arc<dyn Fn(&str, Bytes) + Send + Sync>;

pub(super) struct Function {
    pub(super) config: FunctionConfig,
    pub(super) versions: Versions,
    pub(super) idle: Vec<(u64, Sandbox)>,
    pub(super) in_flight: u32,
    pub(super) counters: Counters,
    pub(super) log: LogBuffer,
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
                metrics: CloudWatch::default(),
                closed: watch::Sender::new(false),
                programs: watch::Sender::new(0),
            }),
        }
    }

    /// Registers a function, or replaces one of that name, whose versions stay. Returns its ARN.
    pub fn register(&self, config: FunctionConfig) -> String {
        let arn = self.arn(&config.name);
        let mut state = lock(&self.inner.state);
        let before = state.functions.remove(&config.name);
        let function = Function {
            versions: before.map(|before| before.versions).unwrap_or_default(),
            idle: Vec::new(),
            in_flight: 0,
            counters: Counters::default(),
            log: LogBuffer::default(),
            config,
        };
        let name = function.config.name.clone();
        state.functions.insert(name, function);
        arn
    }

    /// Publishes a version of a function, and returns its ARN, which has its number. `None` if
    /// there is no such function.
    pub fn publish(&self, name: &str) -> Option<String> {
        let mut state = lock(&self.inner.state);
        let function = state.functions.get_mut(name)?;
        let number = function.versions.publish(&function.config);
        Some(format!("{}:{number}", self.arn(name)))
    }

    /// Deletes a published version, by its ARN. Returns whether there was one.
    pub fn delete_version(&self, arn: &str) -> bool {
        let parts = arn.rsplit_once(':');
        let parts = parts.and_then(|(function, number)| Some((function, number.parse().ok()?)));
        let Some((function, number)) = parts else {
            return false;
        };
        let name = function.rsplit(':').next().unwrap_or_default();
        let mut state = lock(&self.inner.state);
        let function = state.functions.get_mut(name);
        function.is_some_and(|it| it.versions.published.remove(&number).is_some())
    }

    /// The ARN of a function with this name.
    pub fn arn(&self, name: &str) -> String {
        format!(
            "arn:aws:lambda:{}:{}:function:{name}",
            self.inner.region, self.inner.account
        )
    }

    /// Sets the endpoint of the fake AWS, which functions get in `AWS_ENDPOINT_URL`.
    pub fn set_endpoint(&self, url: impl Into<String>) {
        lock(&self.inner.state).endpoint = Some(url.into());
    }

    /// Sets how many invocations may run at once in the account: 1000 by default. A new account on
    /// AWS may have 10.
    pub fn set_concurrency_limit(&self, limit: u32) {
        lock(&self.inner.state).concurrency = limit;
    }

    /// How many invocations may run at once in the account.
    pub(crate) fn account_concurrency(&self) -> u32 {
        lock(&self.inner.state).concurrency
    }

    /// Also appends the functions' logs to `DIRECTORY/FUNCTION.log`.
    pub fn set_log_directory(&self, directory: impl Into<PathBuf>) {
        lock(&self.inner.state).log_directory = Some(directory.into());
    }

    /// The published versions of all functions, each with its number.
    pub(super) fn versions(&self) -> Vec<(u32, FunctionConfig)> {
        let state = lock(&self.inner.state);
        let versions = state.functions.values().map(|it| &it.versions.published);
        versions
            .flatten()
            .map(|(number, config)| (*number, config.clone()))
            .collect()
    }

    /// The configurations of all functions, by name.
    pub fn functions(&self) -> Vec<FunctionConfig> {
        lock(&self.inner.state)
            .functions
            .values()
            .map(|function| function.config.clone())
            .collect()
    }

    /// The counters of a function. `None` if there is no such function.
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

    /// The metrics that functions wrote to their logs.
    pub(crate) fn metrics(&self) -> &CloudWatch {
        &self.inner.metrics
    }

    /// The name of the function that `Invoke` names: by name, ARN or partial ARN, with or without
    /// `$LATEST` or a published version. An invocation of a version runs the program that the
    /// function is registered with now.
    pub(super) fn resolve(&self, function: &str) -> Result<String, InvokeError> {
        self.resolve_version(function).map(|(name, _)| name)
    }

    /// The same, with the number of the version if it names one.
    pub(super) fn resolve_version(
        &self,
        function: &str,
    ) -> Result<(String, Option<u32>), InvokeError> {
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
        if let Some(known) = lock(&self.inner.state).functions.get(name) {
            let number = qualifier.and_then(|qualifier| qualifier.parse().ok());
            if qualifier.is_none_or(|qualifier| qualifier == "$LATEST") {
                return Ok((name.to_owned(), None));
            }
            if number.is_some_and(|number| known.versions.published.contains_key(&number)) {
                return Ok((name.to_owned(), number));
            }
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

    /// Invokes a function and waits for the outcome. The invocation runs to its end even if the
    /// caller stops waiting.
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

    /// Queues an invocation (`InvocationType` Event). Function errors are retried twice, throttling
    /// as long as it lasts, as by Lambda's own queue (Lambda Developer Guide, "How Lambda handles
    /// errors and retries with asynchronous invocation").
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

    /// Runs no program for asynchronous invocations: `invoked` receives the function's name and the
    /// payload instead. This is for virtual time. Lambda's retries are then up to the caller.
    pub fn on_invoke_async(&self, invoked: impl Fn(&str, Bytes) + Send + Sync + 'static) {
        lock(&self.inner.state).in_process = Some(Arc::new(invoked));
    }

    /// Ends all sandboxes, including running invocations, and starts no more. Returns when every
    /// program has ended.
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
        // A killed program ends at once, unless the operating system holds it. Do not wait for
        // ever.
        let _ = tokio::time::timeout(
            Duration::from_secs(5),
            programs.wait_for(|programs| *programs == 0),
        )
        .await;
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.closed.send_replace(true);
    }
}
