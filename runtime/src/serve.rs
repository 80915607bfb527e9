//! The Lambda Runtime API: JSON in, JSON out, and errors by name.

use std::future::Future;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::Value;
use tokio::time::Instant;

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
