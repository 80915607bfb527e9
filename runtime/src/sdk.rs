//! The settings of the AWS SDK: TLS, retries, time-outs, user agent.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, ConfigLoader};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::SharedHttpClient;

/// Names Hookline in the user agent of every call. CloudTrail records it.
const APP_NAME: &str = "Hookline";

/// An HTTPS client that uses rustls with ring.
#[must_use]
pub fn http_client() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https()
}

/// Adds the SDK settings of Hookline to `loader`. Production and tests use the same ones.
#[must_use]
pub fn settings(loader: ConfigLoader) -> ConfigLoader {
    let loader = loader
        // Few attempts: a retrier of the state machine waits at no cost, a running function does
        // not.
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
