//! The Lambda Runtime API: JSON in and out, errors by name, logs that say which invocation they are of.

use std::future::Future;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::Value;
use tokio::time::Instant;
use tracing_subscriber::EnvFilter;

/// One call of the function.
#[derive(Debug)]
pub struct Invocation {
    /// Lambda's id of it.
    pub request_id: String,
    /// When Lambda ends it, whether it is done or not.
    pub deadline: Instant,
    /// What the function was given.
    pub payload: Value,
}

/// Serves `handler` until the environment is shut down.
///
/// # Errors
/// When the Runtime API cannot be reached.
pub async fn serve<H, F, E>(handler: H) -> Result<(), lambda_runtime::Error>
where
    H: Fn(Invocation) -> F,
    F: Future<Output = Result<Value, E>>,
    E: Into<Diagnostic> + std::fmt::Debug,
{
    let handler = &handler;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        handler(Invocation {
            request_id: event.context.request_id,
            deadline: Instant::now() + time_left(event.context.deadline),
            payload: event.payload,
        })
        .await
        .map_err(Into::<Diagnostic>::into)
    }))
    .await
}

/// Lambda gives the deadline in milliseconds since the epoch.
fn time_left(deadline: u64) -> Duration {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Duration::from_millis(deadline).saturating_sub(now)
}

/// JSON lines on stdout; `AWS_LAMBDA_LOG_LEVEL` is Lambda's own setting for the level.
pub fn init_logs() {
    let filter =
        EnvFilter::try_from_env("AWS_LAMBDA_LOG_LEVEL").unwrap_or_else(|_| EnvFilter::new("info"));
    // A second subscriber in one process would be a test's own; it stays.
    let _ = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        // The invocation's span, which holds what a search starts from; not the runtime's around it.
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false)
        .without_time()
        .with_env_filter(filter)
        .try_init();
}
