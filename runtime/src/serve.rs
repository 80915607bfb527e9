//! The Lambda Runtime API: JSON in, JSON out, errors by name, and logs as JSON lines.

use std::future::Future;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::Value;
use tokio::time::Instant;
use tracing_subscriber::filter::LevelFilter;

/// One invocation of the function.
#[derive(Debug)]
pub struct Invocation {
    /// Lambda's request id.
    pub request_id: String,
    /// When Lambda ends the invocation, even if the function still runs.
    pub deadline: Instant,
    /// The payload, as JSON.
    pub payload: Value,
}

/// Calls `handler` for every invocation, until Lambda shuts the execution environment down.
///
/// # Errors
/// Returns an error if the Runtime API cannot be reached.
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

/// The time until `deadline`, which Lambda gives in milliseconds since the Unix epoch. Zero if it
/// has passed.
fn time_left(deadline: u64) -> Duration {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Duration::from_millis(deadline).saturating_sub(now)
}

/// Writes logs as JSON lines to stdout. Lambda sets the level in `AWS_LAMBDA_LOG_LEVEL`.
pub fn init_logs() {
    // This fails if a test has set a subscriber of its own, which then stays.
    let _ = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        // The invocation's span has the fields that people search by. The list of spans would add
        // those of lambda_runtime.
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false)
        .without_time()
        .with_max_level(level(std::env::var("AWS_LAMBDA_LOG_LEVEL").ok().as_deref()))
        .try_init();
}

/// Lambda's levels (Lambda Developer Guide, "Log-level filtering") are those of tracing, and FATAL.
/// Case does not matter. Returns INFO if the level is unknown or not set.
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
    fn levels_of_lambda_map_to_levels_of_tracing() {
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
