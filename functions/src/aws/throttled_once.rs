//! Calls that the SDK does not make again when AWS throttles them.

use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction};

use super::calls::is_throttled;

/// Forbids the retry of a throttled call. What else the SDK retries, it does: a lost connection, an error
/// of the server.
#[derive(Debug)]
pub(super) struct ThrottledOnce;

impl ClassifyRetry for ThrottledOnce {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        match context.response().is_some_and(is_throttled) {
            true => RetryAction::RetryForbidden,
            false => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "ThrottledOnce"
    }
}
