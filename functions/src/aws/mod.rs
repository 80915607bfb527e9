//! The calls to AWS, one function each. SDK types stay in this folder; errors leave it by their
//! names in the domain.

pub mod autoscaling;
mod calls;
mod classify;
pub mod cluster;
pub mod convert;
pub mod create_interface;
pub mod ended_executions;
pub mod executions;
pub mod fleet;
pub mod groups;
pub mod instances;
pub mod interfaces;
pub mod subnets;
pub mod tags;
mod throttled_once;
pub mod waiting;

use std::sync::Arc;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_ec2::config::retry::RetryPartition;
use calls::Calls;
use hookline_domain::deployment::Deployment;
use hookline_runtime::sdk;
use throttled_once::ThrottledOnce;

pub use hookline_runtime::sdk::settings;

/// The clients, and what is kept between invocations. A process makes one; clones share it.
#[derive(Debug, Clone)]
pub struct Aws {
    deployment: Deployment,
    config: SdkConfig,
    ec2: aws_sdk_ec2::Client,
    ec2_throttled_once: aws_sdk_ec2::Client,
    autoscaling: aws_sdk_autoscaling::Client,
    sfn: aws_sdk_sfn::Client,
    memory: Arc<subnets::Memory>,
    listing: Arc<instances::Listing>,
    last_look: Arc<instances::LastLook>,
    executions: Arc<executions::Memory>,
    ended: Arc<ended_executions::Memory>,
    clusters: Arc<cluster::Clusters>,
    calls: Calls,
}

impl Aws {
    /// Clients of a deployment, from Lambda's environment variables: Region, credentials, endpoint.
    pub async fn from_environment(deployment: Deployment) -> Self {
        let config = settings(aws_config::defaults(BehaviorVersion::latest()))
            .http_client(sdk::http_client())
            .load()
            .await;
        Self::new(&config, deployment)
    }

    /// Clients from `config`, which may have a test's HTTP client. `config` should come from
    /// [`settings`], so that retries and time-outs are those of the product.
    #[must_use]
    pub fn new(config: &SdkConfig, deployment: Deployment) -> Self {
        Self::with_ec2(config, deployment, |ec2| ec2)
    }

    /// As [`new`](Self::new), with a client of EC2 that a test has changed.
    #[must_use]
    pub fn with_ec2(
        config: &SdkConfig,
        deployment: Deployment,
        change: impl FnOnce(aws_sdk_ec2::config::Builder) -> aws_sdk_ec2::config::Builder,
    ) -> Self {
        let calls = Calls::default();
        // The SDK limits retries by a quota for each service and process. This makes it one for
        // each service and `Aws`. In production that is the same. In the scale-out simulator it
        // separates the sandboxes of one process.
        let retries = || RetryPartition::custom("hookline").build();
        let ec2 = aws_sdk_ec2::config::Builder::from(config)
            .interceptor(calls.clone())
            .retry_partition(retries());
        let autoscaling = aws_sdk_autoscaling::config::Builder::from(config)
            .interceptor(calls.clone())
            .retry_partition(retries());
        let sfn = aws_sdk_sfn::config::Builder::from(config)
            .interceptor(calls.clone())
            .retry_partition(retries());
        let ec2 = change(ec2);
        let throttled_once = ec2.clone().retry_classifier(ThrottledOnce);
        Self {
            deployment,
            config: config.clone(),
            ec2: aws_sdk_ec2::Client::from_conf(ec2.build()),
            ec2_throttled_once: aws_sdk_ec2::Client::from_conf(throttled_once.build()),
            autoscaling: aws_sdk_autoscaling::Client::from_conf(autoscaling.build()),
            sfn: aws_sdk_sfn::Client::from_conf(sfn.build()),
            memory: Arc::default(),
            listing: Arc::default(),
            last_look: Arc::default(),
            executions: Arc::default(),
            ended: Arc::default(),
            clusters: Arc::default(),
            calls,
        }
    }

    /// The same, but a call that EC2 throttles is not made again by the SDK. Others need its bucket more, or
    /// wait for it as well: then a retrier of the state machine waits longer, at no cost, and at a time of
    /// its own.
    #[must_use]
    pub fn throttled_once(&self) -> Self {
        Self {
            ec2: self.ec2_throttled_once.clone(),
            ..self.clone()
        }
    }

    /// The deployment that these calls are made for.
    #[must_use]
    pub fn deployment(&self) -> &Deployment {
        &self.deployment
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
