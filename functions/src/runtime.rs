//! What every function's program shares: clients, made once in a process, JSON in and out,
//! structured logs, metrics, and named errors.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;
use std::time::{SystemTime, UNIX_EPOCH};

use hookline_runtime::Invocation;
use hookline_runtime::logs::log_end;
use hookline_runtime::payload::{log_field, shorten};
use lambda_runtime::Diagnostic;
use serde_json::Value;
use tokio::time::Instant;
use tracing::{Instrument, error, info_span};

use crate::aws::Aws;
use crate::handlers::Context;
use crate::metrics::{Metric, Metrics, Subject};
use hookline_domain::deployment::Deployment;
use hookline_domain::error::{Error, Result};

/// The environment variable with the name of the deployment ([`Deployment`]).
pub const DEPLOYMENT: &str = "HOOKLINE_DEPLOYMENT";

/// Serves `handler` as the Lambda function `name` until the environment is shut down.
///
/// # Errors
/// When the Runtime API cannot be reached.
pub async fn serve<H, F>(name: &'static str, handler: H) -> Result<(), lambda_runtime::Error>
where
    H: Fn(Context, Value) -> F,
    F: Future<Output = Result<Value>> + 'static,
{
    hookline_runtime::logs::init();
    // Without it, a function cannot tell whose an interface is. Each invocation says so, because
    // an error here would only be a crash in the state machine's history.
    let aws = match deployment(std::env::var(DEPLOYMENT).ok()) {
        Ok(deployment) => Ok(Aws::from_environment(deployment).await),
        Err(error) => Err(error),
    };
    let (aws, handler) = (&aws, &handler);
    hookline_runtime::serve(move |invocation: Invocation| async move {
        let aws = aws.as_ref().map_err(|error| {
            info_span!("invocation", function = name).in_scope(|| {
                error!(error_type = error.error_type(), %error, "failed");
            });
            Failure(error.clone())
        })?;
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
        let milliseconds =
            i64::try_from(since_epoch.unwrap_or_default().as_millis()).unwrap_or(i64::MAX);
        let metrics = Metrics::starting_at(milliseconds, aws.deployment());
        let context = Context {
            aws: aws.clone(),
            deadline: invocation.deadline,
            now: milliseconds / 1000,
            metrics: metrics.clone(),
        };
        let result = invoke(
            name,
            &invocation.request_id,
            context,
            invocation.payload,
            handler,
        )
        .await;
        // A failure to write metrics does not change the result of the invocation.
        let _ = metrics.write_to(&mut std::io::stdout().lock());
        result.map_err(Failure)
    })
    .await
}

/// The deployment from the value of [`DEPLOYMENT`].
fn deployment(name: Option<String>) -> Result<Deployment> {
    let name = name.unwrap_or_default();
    Deployment::read(&name).map_err(|error| {
        // Retried: during an update, Lambda sets a function's code a moment before its variables.
        Error::AwsUnavailable {
            action: DEPLOYMENT,
            detail: format!(
                "{error} in this environment variable. Set it to the prefix of the functions' names"
            ),
        }
    })
}

/// The result of a handler. A panic becomes [`Error::Internal`], which the state machine can catch
/// by its name.
async fn caught(mut handled: Pin<Box<dyn Future<Output = Result<Value>>>>) -> Result<Value> {
    std::future::poll_fn(|context| {
        let poll = AssertUnwindSafe(|| handled.as_mut().poll(context));
        catch_unwind(poll).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<&str>().copied();
            let text = text.or(panic.downcast_ref::<String>().map(String::as_str));
            Poll::Ready(Err(Error::Internal {
                doing: "the function",
                detail: shorten(text.unwrap_or("a panic without a message"), 300),
            }))
        })
    })
    .await
}

/// An [`Error`] on its way to the Runtime API.
#[derive(Debug)]
struct Failure(hookline_domain::Error);

impl From<Failure> for Diagnostic {
    fn from(Failure(error): Failure) -> Self {
        Self {
            error_type: error.error_type().to_owned(),
            error_message: error.to_string(),
        }
    }
}

/// Runs one invocation, in a span with the fields by which logs are searched. Its values are in the
/// context's metrics afterwards.
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
    // The first field that exists: in the payload of TagNode, of a later state, or of release 0.1.
    let at = |pointers: &[&str]| {
        let mut found = pointers.iter();
        found.find_map(|pointer| log_field(&payload, pointer))
    };
    let profile = at(&[
        "/profile/name",
        "/input/profile/name",
        "/launch/profile/name",
    ]);
    let span = info_span!(
        "invocation",
        function = name,
        request_id,
        execution = at(&["/execution"]),
        instance_id = at(&[
            "/launch/instanceId",
            "/event/detail/EC2InstanceId",
            "/input/event/detail/EC2InstanceId",
            "/launch/event/detail/EC2InstanceId",
        ]),
        auto_scaling_group = at(&[
            "/launch/autoScalingGroup",
            "/event/detail/AutoScalingGroupName",
            "/input/event/detail/AutoScalingGroupName",
            "/launch/event/detail/AutoScalingGroupName",
        ]),
        profile = profile.as_deref(),
    );
    async {
        let started = Instant::now();
        let (aws, metrics) = (context.aws.clone(), context.metrics.clone());
        let (calls, throttled) = (aws.calls(), aws.throttled());
        let of = profile.as_deref().map_or(Subject::All, Subject::profile);
        // Boxed, because the compiler cannot compute the layout of the nested futures.
        let handled: Pin<Box<dyn Future<Output = Result<Value>>>> =
            Box::pin(handler(context, payload));
        let result = caught(handled).await;
        // A Lambda process serves one invocation at a time, so all counted calls belong to it.
        let api_calls = aws.calls().saturating_sub(calls);
        let throttled = aws.throttled().saturating_sub(throttled);
        if throttled > 0 {
            let throttled = usize::try_from(throttled).unwrap_or(usize::MAX);
            metrics.add(Metric::ThrottledCalls, of, throttled);
        }
        log_end(started, Some(api_calls), &result, Error::error_type);
        result
    }
    .instrument(span)
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_or_invalid_name_of_the_deployment_is_said_with_the_remedy() {
        assert_eq!(
            deployment(Some("core".to_owned())).unwrap().as_str(),
            "core"
        );
        for name in [None, Some(String::new()), Some("a b".to_owned())] {
            let error = deployment(name).unwrap_err();
            assert_eq!(error.error_type(), "Hookline.AwsUnavailable");
            let text = error.to_string();
            assert!(text.starts_with("HOOKLINE_DEPLOYMENT: "), "{text}");
            assert!(text.contains("Set it to the prefix"), "{text}");
        }
    }
}
