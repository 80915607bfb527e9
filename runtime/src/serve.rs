//! The Lambda Runtime API: JSON in and out, errors by name, logs that say which invocation they are of.

use std::future::Future;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::Value;
use tokio::time::Instant;
use tracing_subscriber::filter::LevelFilter;

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
    // A second subscriber in one process would be a test's own; it stays.
    let _ = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        // The invocation's span, which holds what a search starts from; not the runtime's around it.
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false)
        .without_time()
        .with_max_level(level(std::env::var("AWS_LAMBDA_LOG_LEVEL").ok().as_deref()))
        .try_init();
}

/// Lambda's levels (Lambda Developer Guide, "Log-level filtering") are tracing's and FATAL, in capitals or not; INFO if it is none.
fn level(name: Option<&str>) -> LevelFilter {
    match name {
        Some(name) if name.eq_ignore_ascii_case("fatal") => LevelFilter::ERROR,
        Some(name) => name.parse().unwrap_or(LevelFilter::INFO),
        None => LevelFilter::INFO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lambdas_levels_are_known() {
        for (name, expected) in [
            ("TRACE", LevelFilter::TRACE),
            ("debug", LevelFilter::DEBUG),
            ("WARN", LevelFilter::WARN),
            ("FATAL", LevelFilter::ERROR),
            ("loud", LevelFilter::INFO),
        ] {
            assert_eq!(level(Some(name)), expected, "{name}");
        }
        assert_eq!(level(None), LevelFilter::INFO);
    }
}
