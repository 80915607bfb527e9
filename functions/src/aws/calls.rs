//! Counts the calls and those that AWS throttled, for the logs and the metrics. They show how much
//! of the account's request rates a launch uses.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use serde_json::Value;

use super::classify::is_throttling;

/// The counts of one process. They count attempts: the SDK's retries are calls too.
#[derive(Debug, Clone, Default)]
pub(super) struct Calls(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    made: AtomicU64,
    throttled: AtomicU64,
}

impl Calls {
    pub(super) fn made(&self) -> u64 {
        self.0.made.load(Ordering::Relaxed)
    }

    pub(super) fn throttled(&self) -> u64 {
        self.0.throttled.load(Ordering::Relaxed)
    }
}

#[dyn_dispatch_hint]
impl Intercept for Calls {
    fn name(&self) -> &'static str {
        "Calls"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.made.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if is_throttled(context.response()) {
            self.0.throttled.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Whether AWS has throttled a call. Where its response is at hand, the operation's error type is
/// erased, so the code is read from the response.
pub(super) fn is_throttled(response: &HttpResponse) -> bool {
    let code = match response.status().is_success() {
        true => None,
        false => response.body().bytes().and_then(error_code),
    };
    code.as_deref().is_some_and(is_throttling)
}

/// The error code in an answer of the query protocols (`<Code>`), or of JSON 1.0 and 1.1 (`__type`,
/// which may have a namespace).
fn error_code(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    if let Some((_, rest)) = text.split_once("<Code>") {
        return rest.split_once("</Code>").map(|(code, _)| code.to_owned());
    }
    let answer: Value = serde_json::from_str(text).ok()?;
    let kind = answer.get("__type")?.as_str()?;
    Some(kind.rsplit('#').next().unwrap_or(kind).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_code_is_read_from_the_response() {
        for (body, code) in [
            (
                "<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>m</Message></Error></Errors></Response>",
                Some("RequestLimitExceeded"),
            ),
            (
                "<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code></Error></ErrorResponse>",
                Some("Throttling"),
            ),
            (
                r#"{"__type":"com.amazonaws.states#ThrottlingException","message":"m"}"#,
                Some("ThrottlingException"),
            ),
            (
                r#"{"__type":"ThrottlingException"}"#,
                Some("ThrottlingException"),
            ),
            ("<Code>", None),
            ("{}", None),
            ("", None),
            ("<html>502</html>", None),
        ] {
            assert_eq!(error_code(body.as_bytes()).as_deref(), code, "{body}");
        }
        assert_eq!(error_code(&[0xff]), None);
    }
}
