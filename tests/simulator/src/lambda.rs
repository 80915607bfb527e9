//! Lambda in virtual time: the real handlers in sandboxes with cold starts, reuse, a time limit and
//! a limit of concurrency. A sandbox has its own clients and so its own memory, as a process has.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::identity::IdentityCache;
use aws_credential_types::provider::SharedCredentialsProvider;
use hookline::aws::Aws;
use hookline::handlers::{self, Context};
use hookline_domain::error::Result as HandlerResult;
use hookline_local::LocalAws;
use hookline_local::iam::credentials_of;
use hookline_testkit::connector::{client, product_config};
use hookline_testkit::launch::context;
use hookline_testkit::roles;
use serde_json::Value;
use tokio::time::Instant;

use crate::listings::Listings;
use crate::strategy::Strategy;
use crate::tap::{Tap, Tapped};
use crate::walker::TaskError;

/// The settings of Lambda.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long a new sandbox takes to start.
    pub cold_start: Duration,
    /// How long an invocation takes besides its handler.
    pub overhead: Duration,
    /// The timeout of the functions that the state machine invokes.
    pub timeout: Duration,
    /// The timeout of `reconcile` and `adopt`, whose rounds cover all nodes.
    pub round_timeout: Duration,
    /// How many invocations of a function may run at once.
    pub concurrency: usize,
    /// The same for single functions: their reserved concurrency.
    pub reserved: BTreeMap<String, usize>,
    /// How addresses are chosen. All but the product's way are for comparison.
    pub strategy: Strategy,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            cold_start: Duration::from_millis(300),
            overhead: Duration::from_millis(15),
            // As the CDK deploys them (cdk/lib/shared/functions.ts).
            timeout: Duration::from_secs(60),
            round_timeout: Duration::from_secs(300),
            concurrency: 50,
            reserved: BTreeMap::new(),
            strategy: Strategy::default(),
        }
    }
}

struct Sandbox {
    aws: Aws,
    killed: std::sync::Arc<tokio::sync::Notify>,
}

/// What a function has used of Lambda so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Invocations, without those that were refused.
    pub invocations: usize,
    /// New sandboxes.
    pub cold_starts: usize,
    /// The time that Lambda bills: cold starts, overhead and handlers.
    pub billed: Duration,
}

#[derive(Default)]
struct Pool {
    warm: Vec<Sandbox>,
    running: usize,
    /// The most that ran at once.
    peak: usize,
    usage: Usage,
}

/// All functions of the deployment.
pub struct Lambda {
    settings: Settings,
    local: LocalAws,
    tap: Tap,
    base: SdkConfig,
    listings: Listings,
    pools: RefCell<BTreeMap<String, Pool>>,
    /// Documents of the embedded metric format.
    measured: RefCell<Vec<Value>>,
}

impl Lambda {
    /// Creates the functions. Their calls go through `tap` to `local`.
    pub async fn new(local: &LocalAws, tap: Tap, settings: Settings) -> Self {
        Self {
            base: product_config(local).await,
            listings: Listings::default(),
            local: local.clone(),
            tap,
            settings,
            pools: RefCell::default(),
            measured: RefCell::default(),
        }
    }

    /// What each function has used so far.
    pub fn usage(&self) -> BTreeMap<String, Usage> {
        self.pools
            .borrow()
            .iter()
            .map(|(function, pool)| (function.clone(), pool.usage))
            .collect()
    }

    /// The most invocations of each function that ran at once.
    pub fn peaks(&self) -> BTreeMap<String, usize> {
        let pools = self.pools.borrow();
        let peaks = pools.iter().map(|(name, pool)| (name.clone(), pool.peak));
        peaks.collect()
    }

    /// Invokes a function.
    ///
    /// # Errors
    /// As Step Functions sees them: the function's own error, or Lambda's.
    pub async fn invoke(&self, function: &str, payload: Value) -> Result<Value, TaskError> {
        let _slot = Slot::take(self, function).ok_or_else(|| TaskError {
            error: "Lambda.TooManyRequestsException".to_owned(),
            cause: "Rate Exceeded.".to_owned(),
        })?;
        let began = Instant::now();
        let warm = {
            let mut pools = self.pools.borrow_mut();
            let pool = pools.entry(function.to_owned()).or_default();
            let warm = pool.warm.pop();
            pool.usage.invocations += 1;
            pool.usage.cold_starts += usize::from(warm.is_none());
            warm
        };
        let sandbox = match warm {
            Some(sandbox) => sandbox,
            None => {
                tokio::time::sleep(self.settings.cold_start).await;
                self.new_sandbox(function)
            }
        };
        tokio::time::sleep(self.settings.overhead).await;
        let timeout = match function {
            "reconcile" | "adopt" => self.settings.round_timeout,
            _ => self.settings.timeout,
        };
        let context = context(sandbox.aws.clone(), &self.local, timeout);
        let metrics = context.metrics.clone();
        let handled = tokio::select! {
            biased;
            () = sandbox.killed.notified() => None,
            handled = tokio::time::timeout(timeout, self.handle(function, context, payload)) => Some(handled),
        };
        // An invocation that is killed or times out writes no metrics.
        if matches!(handled, Some(Ok(_))) {
            self.measured.borrow_mut().extend(metrics.take());
        }
        if let Some(pool) = self.pools.borrow_mut().get_mut(function) {
            pool.usage.billed += began.elapsed();
        }
        // A sandbox that was killed or timed out is not used again.
        match handled {
            None => Err(TaskError {
                error: "Runtime.ExitError".to_owned(),
                cause: "RequestId: 0 Error: Runtime exited with error: signal: killed".to_owned(),
            }),
            Some(Err(_)) => Err(TaskError {
                error: "Sandbox.Timedout".to_owned(),
                cause: format!("RequestId: 0 Error: Task timed out after {timeout:?}"),
            }),
            Some(Ok(result)) => {
                self.pools
                    .borrow_mut()
                    .entry(function.to_owned())
                    .or_default()
                    .warm
                    .push(sandbox);
                result.map_err(|error| TaskError {
                    error: error.error_type().to_owned(),
                    cause: serde_json::json!({
                        "errorType": error.error_type(),
                        "errorMessage": error.to_string(),
                    })
                    .to_string(),
                })
            }
        }
    }

    /// The metrics since the last call.
    pub(super) fn measured(&self) -> Vec<Value> {
        self.measured.take()
    }

    /// Runs the handler of a function.
    async fn handle(
        &self,
        function: &str,
        context: Context,
        payload: Value,
    ) -> HandlerResult<Value> {
        let strategy = self.settings.strategy;
        match function {
            "plan-interfaces" => strategy.plan(&self.local, context, payload).await,
            "create-interfaces" => strategy.create(context, payload).await,
            _ => handle(function, context, payload).await,
        }
    }

    fn new_sandbox(&self, function: &str) -> Sandbox {
        let tapped = Tapped::new(self.tap.clone(), &self.local, function);
        let killed = tapped.killed();
        let mut config = self
            .base
            .clone()
            .into_builder()
            .http_client(client(tapped))
            // Each sandbox is a process. One cache for all would hold 64 of them, drop arbitrary ones, and
            // draw a random number for each that it loads again: no history would come twice.
            .identity_cache(IdentityCache::lazy().build());
        if let Some(role) = roles::of_function(function) {
            let credentials = SharedCredentialsProvider::new(credentials_of(&role));
            config = config.credentials_provider(credentials);
        }
        let config = config.build();
        Sandbox {
            aws: Aws::with_ec2(&config, roles::deployment(), |ec2| {
                ec2.interceptor(self.listings.clone())
            }),
            killed,
        }
    }
}

/// Runs the handler of a function that has only one way.
async fn handle(function: &str, context: Context, payload: Value) -> HandlerResult<Value> {
    match function {
        "tag-node" => handlers::tag_node::handle(context, payload).await,
        "attach-interfaces" => handlers::attach_interfaces::handle(context, payload).await,
        "complete-hook" => handlers::complete_hook::handle(context, payload).await,
        "remove-startup-taint" => handlers::remove_startup_taint::handle(context, payload).await,
        "set-delete-on-termination" => {
            handlers::set_delete_on_termination::handle(context, payload).await
        }
        "release-interfaces" => handlers::release_interfaces::handle(context, payload).await,
        "adopt" => handlers::adopt::handle(context, payload).await,
        "reconcile" => handlers::reconcile::handle(context, payload).await,
        other => Err(hookline_domain::Error::invalid(
            hookline_domain::error::Input::Payload,
            "function",
            format!("there is no function {other}"),
            "Add it to the simulator's Lambda",
        )),
    }
}

/// One of the function's concurrent invocations, until it is dropped.
struct Slot<'a> {
    lambda: &'a Lambda,
    function: String,
}

impl<'a> Slot<'a> {
    fn take(lambda: &'a Lambda, function: &str) -> Option<Self> {
        let mut pools = lambda.pools.borrow_mut();
        let pool = pools.entry(function.to_owned()).or_default();
        let reserved = lambda.settings.reserved.get(function);
        if pool.running >= reserved.copied().unwrap_or(lambda.settings.concurrency) {
            return None;
        }
        pool.running += 1;
        pool.peak = pool.peak.max(pool.running);
        Some(Self {
            lambda,
            function: function.to_owned(),
        })
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        if let Some(pool) = self.lambda.pools.borrow_mut().get_mut(&self.function) {
            pool.running -= 1;
        }
    }
}
