//! What every function's binary shares: clients made once a process, JSON in and out, structured logs, metrics, and
//! errors by name.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::Value;
use tokio::time::Instant;
use tracing::{Instrument, info, info_span, warn};
use tracing_subscriber::EnvFilter;

use crate::aws::Aws;
use crate::error::Result;
use crate::handlers::Context;
use crate::metrics::{Metric, Metrics, Of};

/// Serves `handler` as the Lambda function `name` until the environment is shut down.
///
/// # Errors
/// When the Runtime API cannot be reached.
pub async fn serve<H, F>(name: &'static str, handler: H) -> Result<(), lambda_runtime::Error>
where
    H: Fn(Context, Value) -> F,
    F: Future<Output = Result<Value>> + 'static,
{
    init_logs();
    let aws = Aws::from_environment().await;
    let (aws, handler) = (&aws, &handler);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        let milliseconds = i64::try_from(since_epoch().as_millis()).unwrap_or(i64::MAX);
        let metrics = Metrics::starting_at(milliseconds);
        let context = Context {
            aws: aws.clone(),
            deadline: Instant::now() + time_left(event.context.deadline),
            now: milliseconds / 1000,
            metrics: metrics.clone(),
        };
        let result = invoke(
            name,
            &event.context.request_id,
            context,
            event.payload,
            handler,
        )
        .await;
        // Whoever does not listen to stdout gets no metrics; the invocation is what it is.
        let _ = metrics.write_to(&mut std::io::stdout().lock());
        result.map_err(Diagnostic::from)
    }))
    .await
}

/// One invocation, in a span that carries what a search of the logs starts from. What it measures is in the context's
/// metrics then.
///
/// # Errors
/// The handler's.
pub async fn invoke<H, F>(
    name: &'static str,
    request_id: &str,
    context: Context,
    payload: Value,
    handler: H,
) -> Result<Value>
where
    H: Fn(Context, Value) -> F,
    F: Future<Output = Result<Value>> + 'static,
{
    let at = |pointer: &str| short(payload.pointer(pointer));
    let span = info_span!(
        "invocation",
        function = name,
        request_id,
        execution = at("/execution"),
        instance_id = at("/launch/event/detail/EC2InstanceId"),
        auto_scaling_group = at("/launch/event/detail/AutoScalingGroupName"),
        profile = at("/launch/profile/name"),
    );
    async {
        let started = Instant::now();
        let (aws, metrics) = (context.aws.clone(), context.metrics.clone());
        let (calls, throttled) = (aws.calls(), aws.throttled());
        let of = match payload.pointer("/launch/profile/name") {
            Some(Value::String(name)) => Of::profile(name),
            _ => Of::All,
        };
        // Boxed: the compiler gives up on the nested layout of a handler's future and the runtime's.
        let handled: Pin<Box<dyn Future<Output = Result<Value>>>> =
            Box::pin(handler(context, payload));
        let result = handled.await;
        // A number in the logs: JSON has none of 128 bits.
        let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        // A Lambda process serves one invocation at a time, so what was counted meanwhile is its own.
        let api_calls = aws.calls().saturating_sub(calls);
        let throttled = aws.throttled().saturating_sub(throttled);
        if throttled > 0 {
            let throttled = usize::try_from(throttled).unwrap_or(usize::MAX);
            metrics.add(Metric::ThrottledCalls, of, throttled);
        }
        match &result {
            Ok(_) => info!(milliseconds, api_calls, "done"),
            Err(error) => warn!(
                milliseconds,
                api_calls,
                error_type = error.error_type(),
                %error,
                "failed"
            ),
        }
        result
    }
    .instrument(span)
    .await
}

/// A log field from the payload: whatever came in, no more than a line of it goes out.
fn short(value: Option<&Value>) -> String {
    const LONGEST: usize = 128;
    value
        .and_then(Value::as_str)
        .unwrap_or_default()
        .chars()
        .take(LONGEST)
        .collect()
}

/// Lambda gives the deadline in milliseconds since the epoch.
fn time_left(deadline: u64) -> Duration {
    Duration::from_millis(deadline).saturating_sub(since_epoch())
}

fn since_epoch() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// JSON lines on stdout; `AWS_LAMBDA_LOG_LEVEL` is Lambda's own setting for the level.
fn init_logs() {
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
