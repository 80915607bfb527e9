//! The AWS SDK as Hookline runs it, and what its calls fail with, by kind.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, ConfigLoader};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// Names Hookline in the user agent of every call, and so in CloudTrail.
const APP_NAME: &str = "Hookline";

/// HTTPS by rustls with ring.
#[must_use]
pub fn http_client() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https()
}

/// The SDK settings that the product runs with, in production and in tests.
#[must_use]
pub fn settings(loader: ConfigLoader) -> ConfigLoader {
    let loader = loader
        // Few tries here: the state machine's retriers wait without paying for a running function.
        .retry_config(RetryConfig::standard().with_max_attempts(3))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(Duration::from_secs(3))
                .operation_attempt_timeout(Duration::from_secs(10))
                .operation_timeout(Duration::from_secs(30))
                .build(),
        );
    match AppName::new(APP_NAME) {
        Ok(name) => loader.app_name(name),
        Err(_) => loader,
    }
}

/// Whether an AWS error code says that too many calls were made.
#[must_use]
pub fn is_throttling(code: &str) -> bool {
    matches!(
        code,
        "RequestLimitExceeded"
            | "Throttling"
            | "ThrottlingException"
            | "ThrottledException"
            | "RequestThrottled"
            | "RequestThrottledException"
            | "TooManyRequestsException"
            | "EC2ThrottledException"
            | "SlowDown"
    )
}

/// What a call failed with, as far as it is the same for every AWS service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Too many calls; the SDK's own retries did not help.
    Throttled {
        /// AWS's error code.
        code: String,
    },
    /// The caller may not do this.
    AccessDenied {
        /// AWS's words.
        detail: String,
    },
    /// A server error, or no answer at all.
    Unavailable {
        /// What came back, or did not.
        detail: String,
    },
    /// Refused for a reason that trying again does not change.
    Refused {
        /// AWS's error code.
        code: String,
        /// AWS's words.
        message: String,
    },
}

impl Failure {
    /// Sorts `error` by AWS's error code, and by the status where the code says nothing.
    pub fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let Some(service) = error.as_service_error() else {
            return Self::Unavailable {
                detail: DisplayErrorContext(error).to_string(),
            };
        };
        let code = service.code().unwrap_or("no error code").to_owned();
        let message = service.message().unwrap_or_default().to_owned();
        let status = error
            .raw_response()
            .map_or(0, |response| response.status().as_u16());
        match code.as_str() {
            throttled if is_throttling(throttled) => Self::Throttled { code },
            "UnauthorizedOperation"
            | "AccessDenied"
            | "AccessDeniedException"
            | "AuthFailure"
            | "OptInRequired" => Self::AccessDenied { detail: message },
            _ if status >= 500 => Self::Unavailable {
                detail: format!("{code}: {message}"),
            },
            _ => Self::Refused { code, message },
        }
    }
}
