//! The thin part: one function a call. SDK types go no further than this folder; errors leave it sorted by name.

pub mod autoscaling;
mod calls;
mod classify;
mod convert;
pub mod executions;
pub mod fleet;
pub mod instances;
pub mod interfaces;
pub mod subnets;
pub mod tags;

use std::sync::Arc;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, SdkConfig};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

use calls::Calls;

/// Names Hookline in the user agent of every call, and so in CloudTrail.
const APP_NAME: &str = "Hookline";

/// The clients, and what is remembered between invocations. Made once a process; clones share it.
#[derive(Debug, Clone)]
pub struct Aws {
    ec2: aws_sdk_ec2::Client,
    autoscaling: aws_sdk_autoscaling::Client,
    sfn: aws_sdk_sfn::Client,
    memory: Arc<subnets::Memory>,
    executions: Arc<executions::Memory>,
    calls: Calls,
}

impl Aws {
    /// Clients from what Lambda puts into the environment: region, credentials, endpoint.
    pub async fn from_environment() -> Self {
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let config = settings(aws_config::defaults(BehaviorVersion::latest()))
            .http_client(http)
            .load()
            .await;
        Self::new(&config)
    }

    /// Clients from `config`, whose HTTP client may be another than the real one. `config` should come from
    /// [`settings`], for the retries and time-outs that the product runs with.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        let calls = Calls::default();
        let ec2 = aws_sdk_ec2::config::Builder::from(config).interceptor(calls.clone());
        let autoscaling =
            aws_sdk_autoscaling::config::Builder::from(config).interceptor(calls.clone());
        let sfn = aws_sdk_sfn::config::Builder::from(config).interceptor(calls.clone());
        Self {
            ec2: aws_sdk_ec2::Client::from_conf(ec2.build()),
            autoscaling: aws_sdk_autoscaling::Client::from_conf(autoscaling.build()),
            sfn: aws_sdk_sfn::Client::from_conf(sfn.build()),
            memory: Arc::default(),
            executions: Arc::default(),
            calls,
        }
    }

    /// How many API calls have been made so far, the SDK's own retries included.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls.made()
    }

    /// How many of these AWS has throttled.
    #[must_use]
    pub fn throttled(&self) -> u64 {
        self.calls.throttled()
    }
}

/// The SDK settings that the product runs with, in production and in tests.
#[must_use]
pub fn settings(loader: aws_config::ConfigLoader) -> aws_config::ConfigLoader {
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
