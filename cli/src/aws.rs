//! AWS: the only place that makes clients, and the errors of calls.

mod account;
mod error;
mod events;
mod executions;
mod functions;
mod groups;
mod identity;
mod metrics;
mod network;
mod pages;
mod quotas;
mod roles;
mod stacks;
mod templates;
mod user_data;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sts::error::ProvideErrorMetadata;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::SdkError;
use hookline_runtime::sdk;
use tracing::{debug, info};

pub(crate) use error::Error;
pub(crate) use groups::MAX_IDS;
pub(crate) use network::Removal;

use crate::settings::AwsSettings;
use identity::Origin;

/// AWS in one Region, with one identity. Clones share their clients and their count of calls.
#[derive(Clone, Debug)]
pub(crate) struct Aws {
    config: SdkConfig,
    region: String,
    /// Where the credentials come from.
    origin: Origin,
    autoscaling: aws_sdk_autoscaling::Client,
    cloudformation: aws_sdk_cloudformation::Client,
    cloudwatch: aws_sdk_cloudwatch::Client,
    ec2: aws_sdk_ec2::Client,
    events: aws_sdk_eventbridge::Client,
    iam: aws_sdk_iam::Client,
    lambda: aws_sdk_lambda::Client,
    quotas: aws_sdk_servicequotas::Client,
    sfn: aws_sdk_sfn::Client,
    calls: Arc<AtomicUsize>,
}

/// Who the credentials are, by `sts:GetCallerIdentity`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CallerIdentity {
    pub(crate) account: String,
    pub(crate) arn: String,
    /// Where the call was sent.
    pub(crate) endpoint: String,
}

impl Aws {
    /// Reads what the environment and the AWS configuration files say, where `settings` are silent.
    /// Nothing is called.
    ///
    /// # Errors
    /// Returns an error if the AWS profile does not exist, or if no valid Region is set.
    pub(crate) async fn connect(settings: &AwsSettings) -> Result<Self, Error> {
        // First: an AWS profile that does not exist has no Region either.
        let origin = Origin::read(settings.profile.as_deref()).await?;
        let mut loader = sdk::settings(aws_config::defaults(BehaviorVersion::latest()))
            .http_client(sdk::http_client());
        if let Some(profile) = &settings.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(region) = &settings.region {
            loader = loader.region(Region::new(region.clone()));
        }
        let mut config = loader.load().await;
        let region = config.region().map(ToString::to_string);
        let region = region.filter(|region| !region.is_empty());
        let region = region.ok_or_else(|| Error::NoRegion {
            profile: origin.profile().map(str::to_owned),
        })?;
        if !is_host_label(&region) {
            return Err(Error::NotARegion { region });
        }
        if let Some(profile) = &settings.profile {
            // Otherwise keys in the environment would win over the option.
            let providers = ProviderConfig::without_region()
                .with_http_client(sdk::http_client())
                .with_region(config.region().cloned());
            let credentials = ProfileFileCredentialsProvider::builder()
                .configure(&providers)
                .profile_name(profile)
                .build();
            let credentials = SharedCredentialsProvider::new(credentials);
            config = config
                .into_builder()
                .credentials_provider(credentials)
                .build();
        }
        debug!(
            region,
            endpoint = config.endpoint_url(),
            "read the AWS settings"
        );
        Ok(Self {
            autoscaling: aws_sdk_autoscaling::Client::new(&config),
            cloudformation: aws_sdk_cloudformation::Client::new(&config),
            cloudwatch: aws_sdk_cloudwatch::Client::new(&config),
            ec2: aws_sdk_ec2::Client::new(&config),
            events: aws_sdk_eventbridge::Client::new(&config),
            iam: aws_sdk_iam::Client::new(&config),
            lambda: aws_sdk_lambda::Client::new(&config),
            quotas: aws_sdk_servicequotas::Client::new(&config),
            sfn: aws_sdk_sfn::Client::new(&config),
            config,
            region,
            origin,
            calls: Arc::default(),
        })
    }

    /// The same, with a count of calls that begins anew.
    pub(crate) fn counting_anew(&self) -> Self {
        Self {
            calls: Arc::default(),
            ..self.clone()
        }
    }

    /// How many calls have been answered so far. The SDK's own retries do not count.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    /// The answer of a call of `action`, counted and logged.
    fn answer<T, E>(
        &self,
        action: &'static str,
        answer: Result<T, SdkError<E, HttpResponse>>,
    ) -> Result<T, Error>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        self.calls.fetch_add(1, Ordering::Relaxed);
        match answer {
            Ok(answer) => {
                info!(action, "AWS answered");
                Ok(answer)
            }
            Err(error) => Err(Error::of(action, &self.region, &self.origin, &error)),
        }
    }

    /// The name of the Region.
    pub(crate) fn region(&self) -> &str {
        &self.region
    }

    /// Asks AWS who makes the calls.
    ///
    /// # Errors
    /// Returns why the call failed.
    pub(crate) async fn caller_identity(&self) -> Result<CallerIdentity, Error> {
        const ACTION: &str = "sts:GetCallerIdentity";
        // The SDK shows the endpoint that it chose in the request only.
        let endpoint = Arc::new(Mutex::new(String::new()));
        let seen = Arc::clone(&endpoint);
        let answer = aws_sdk_sts::Client::new(&self.config)
            .get_caller_identity()
            .customize()
            .mutate_request(move |request| {
                *seen.lock().unwrap_or_else(PoisonError::into_inner) = origin(request);
            })
            .send()
            .await;
        let answer = self.answer(ACTION, answer)?;
        let endpoint = endpoint
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        match (answer.account, answer.arn) {
            (Some(account), Some(arn)) => Ok(CallerIdentity {
                account,
                arn,
                endpoint,
            }),
            _ => Err(Error::incomplete(
                ACTION,
                &self.region,
                "no account or no ARN",
            )),
        }
    }
}

/// Where a request goes, such as `https://sts.eu-west-1.amazonaws.com`.
fn origin(request: &HttpRequest) -> String {
    let uri = request.uri();
    let Some((scheme, rest)) = uri.split_once("://") else {
        return uri.to_owned();
    };
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    format!("{scheme}://{host}")
}

/// Returns `true` if `text` can be a part of a host's name, as a Region is.
fn is_host_label(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    text.len() <= 63
        && text.bytes().all(is_allowed)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn region_is_a_host_label() {
        for region in ["us-west-2", "eu-isoe-west-1", "cn-north-1"] {
            assert!(is_host_label(region), "{region}");
        }
        for not in [
            "us west 2",
            "us-west-2.evil.example",
            "-x",
            "x-",
            "us_west_2",
            "é",
        ] {
            assert!(!is_host_label(not), "{not}");
        }
    }

    #[tokio::test]
    async fn calls_that_are_counted_anew_are_counted_apart() {
        let settings = AwsSettings {
            region: Some("us-west-2".to_owned()),
            ..AwsSettings::default()
        };
        let aws = Aws::connect(&settings).await.unwrap();
        aws.calls.fetch_add(20, Ordering::Relaxed);
        let anew = aws.counting_anew();
        anew.calls.fetch_add(1, Ordering::Relaxed);
        assert_eq!((aws.calls(), anew.calls()), (20, 1));
        assert_eq!(aws.clone().calls(), 20);
    }

    #[test]
    fn document_has_every_action() {
        let code = [
            include_str!("aws.rs"),
            include_str!("aws/account.rs"),
            include_str!("aws/events.rs"),
            include_str!("aws/executions.rs"),
            include_str!("aws/functions.rs"),
            include_str!("aws/groups.rs"),
            include_str!("aws/metrics.rs"),
            include_str!("aws/network.rs"),
            include_str!("aws/quotas.rs"),
            include_str!("aws/roles.rs"),
            include_str!("aws/stacks.rs"),
            include_str!("aws/templates.rs"),
            include_str!("aws/user_data.rs"),
        ];
        let services = [
            "autoscaling:",
            "cloudformation:",
            "cloudwatch:",
            "ec2:",
            "events:",
            "iam:",
            "lambda:",
            "servicequotas:",
            "states:",
            "sts:",
        ];
        let is_action = |text: &&str| services.iter().any(|service| text.starts_with(service));
        let texts = code
            .iter()
            .flat_map(|code| code.split('"').skip(1).step_by(2));
        let used: BTreeSet<&str> = texts
            .filter(is_action)
            .filter(|text| !text.ends_with(':') && !text.contains('_'))
            .collect();
        let document = include_str!("../../docs/iam.md");
        let (_, section) = document.split_once("## What a person needs").unwrap();
        let section = section.split("\n## ").next().unwrap();
        let told: BTreeSet<&str> = section
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(is_action)
            .collect();
        assert_eq!(used, told);
    }

    #[test]
    fn origin_has_no_path() {
        for (uri, expected) in [
            ("http://127.0.0.1:4599/", "http://127.0.0.1:4599"),
            (
                "https://sts.us-west-2.amazonaws.com/?x=/",
                "https://sts.us-west-2.amazonaws.com",
            ),
        ] {
            let mut request = HttpRequest::empty();
            request.set_uri(uri).unwrap();
            assert_eq!(origin(&request), expected);
        }
    }
}
