//! The clients of the AWS services that the facts are about.

use anyhow::{Context as _, Result};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_sdk_iam::config::retry::RetryConfig;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_types::service_config::ServiceConfigKey;
use hookline_runtime::aws_errors::{code, message};
use hookline_runtime::sdk;

use crate::fact::Observed;

/// The clients.
#[derive(Clone, Debug)]
pub struct Clients {
    /// EC2.
    pub ec2: aws_sdk_ec2::Client,
    /// Auto Scaling.
    pub autoscaling: aws_sdk_autoscaling::Client,
    /// CloudFormation.
    pub cloudformation: aws_sdk_cloudformation::Client,
    /// EventBridge.
    pub events: aws_sdk_eventbridge::Client,
    /// IAM.
    pub iam: aws_sdk_iam::Client,
    /// Lambda.
    pub lambda: aws_sdk_lambda::Client,
    /// Step Functions.
    pub sfn: aws_sdk_sfn::Client,
    /// SQS.
    pub sqs: aws_sdk_sqs::Client,
    /// The account's number.
    pub account: String,
    /// The Region.
    pub region: String,
}

impl Clients {
    /// The clients of an SDK configuration.
    ///
    /// # Errors
    /// If the credentials are not valid, or no Region is configured.
    pub async fn new(config: &SdkConfig) -> Result<Self> {
        let region = config.region().context("no Region is configured")?;
        let caller = aws_sdk_sts::Client::new(config)
            .get_caller_identity()
            .send()
            .await
            .context("GetCallerIdentity")?;
        // Its simulator is asked more than a thousand times, and IAM throttles an account.
        let retries = RetryConfig::standard().with_max_attempts(IAM_ATTEMPTS);
        let iam = aws_sdk_iam::config::Builder::from(config).retry_config(retries);
        let iam = iam.build();
        Ok(Self {
            ec2: aws_sdk_ec2::Client::new(config),
            autoscaling: aws_sdk_autoscaling::Client::new(config),
            cloudformation: aws_sdk_cloudformation::Client::new(config),
            events: aws_sdk_eventbridge::Client::new(config),
            iam: aws_sdk_iam::Client::from_conf(iam),
            lambda: aws_sdk_lambda::Client::new(config),
            sfn: aws_sdk_sfn::Client::new(config),
            sqs: aws_sdk_sqs::Client::new(config),
            account: caller.account().context("no account")?.to_owned(),
            region: region.to_string(),
        })
    }

    /// The configuration of a fake AWS at this address. Its credentials are valid nowhere else.
    pub async fn of_endpoint(url: &str) -> SdkConfig {
        sdk::settings(aws_config::defaults(BehaviorVersion::latest()))
            .region(Region::new("us-west-2"))
            .credentials_provider(Credentials::from_keys("test", "test", None))
            .endpoint_url(url)
            .http_client(sdk::http_client())
            .load()
            .await
    }

    /// The configuration that the caller's environment and profile say.
    pub async fn of_environment() -> SdkConfig {
        sdk::settings(aws_config::defaults(BehaviorVersion::latest()))
            .http_client(sdk::http_client())
            .load()
            .await
    }
}

/// How often a call of IAM is made until it is given up.
const IAM_ATTEMPTS: u32 = 10;

/// The services of the clients, by the ids that the SDK looks for in the environment and the profile.
const SERVICES: [&str; 9] = [
    "EC2",
    "Auto Scaling",
    "CloudFormation",
    "EventBridge",
    "IAM",
    "Lambda",
    "SFN",
    "SQS",
    "STS",
];

/// The endpoints that the environment or the profile sets in place of AWS's own, for all services or
/// for one (AWS SDKs and Tools Reference Guide, "Service-specific endpoints").
#[must_use]
pub fn endpoints(config: &SdkConfig) -> Vec<String> {
    let of_service = |id: &&str| {
        let key = ServiceConfigKey::builder()
            .service_id(id)
            .env("AWS_ENDPOINT_URL")
            .profile("endpoint_url")
            .build();
        config.service_config()?.load_config(key.ok()?)
    };
    let mut found: Vec<String> = SERVICES.iter().filter_map(of_service).collect();
    found.extend(config.endpoint_url().map(str::to_owned));
    found.sort();
    found.dedup();
    found
}

/// What a call that may be refused shows: the error's code and message, or no error.
///
/// # Errors
/// If there was no answer.
pub fn refusal<T, E>(answer: Result<T, SdkError<E, HttpResponse>>) -> Result<Observed>
where
    E: aws_smithy_types::error::metadata::ProvideErrorMetadata
        + std::error::Error
        + Send
        + Sync
        + 'static,
{
    match answer {
        Ok(_) => Ok(Observed::new()),
        Err(error) => match code(&error) {
            Some(found) => Ok(Observed {
                code: Some(found.to_owned()),
                message: Some(message(&error).to_owned()),
                ..Observed::new()
            }),
            None => Err(error).context("no answer"),
        },
    }
}
