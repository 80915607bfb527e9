//! Who calls AWS, and the object in S3: assume a role in the cluster's account, write the object.

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_s3::primitives::ByteStream;
use hookline_runtime::aws_errors::{AwsError, FUNCTION_ROLE, Failure};
use hookline_runtime::sdk;

use crate::error::{Error, Result};
use crate::payload::Payload;

/// The clients. They are made once per process; clones share them.
#[derive(Debug, Clone)]
pub struct Aws {
    config: SdkConfig,
    s3: aws_sdk_s3::Client,
}

impl Aws {
    /// Clients from what Lambda puts into the environment: Region, credentials, endpoint.
    pub async fn from_environment() -> Self {
        let config = sdk::settings(aws_config::defaults(BehaviorVersion::latest()))
            .http_client(sdk::http_client())
            .load()
            .await;
        Self::new(config)
    }

    /// Clients from `config`. It should come from [`sdk::settings`], which has the product's
    /// retries and time-outs.
    #[must_use]
    pub fn new(config: SdkConfig) -> Self {
        let s3 = aws_sdk_s3::config::Builder::from(&config)
            // The upload of a large object takes longer than other calls: a small function has
            // little CPU.
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(Duration::from_secs(3))
                    .operation_attempt_timeout(Duration::from_secs(60))
                    .operation_timeout(Duration::from_secs(150))
                    .build(),
            )
            .build();
        Self {
            s3: aws_sdk_s3::Client::from_conf(s3),
            config,
        }
    }

    /// Who reads the cluster and describes its instances: the function's own role, or the role that
    /// the payload names. Returns its configuration in the cluster's Region, and its name.
    ///
    /// # Errors
    /// Returns an error if no Region is known, or if the role cannot be assumed.
    pub async fn reader<'a>(&self, payload: &'a Payload) -> Result<(SdkConfig, &'a str)> {
        let region = payload.region.clone().map(Region::new);
        let region = region.or(self.config.region().cloned()).ok_or_else(|| {
            Error::invalid(
                "region",
                "is not given, and the function has none of its own",
                "Give the region of the cluster",
            )
        })?;
        let config = self.config.to_builder().region(region).build();
        let Some(role) = &payload.assume_role_arn else {
            return Ok((config, FUNCTION_ROLE));
        };
        let session = assume(&config, role).await?;
        let config = config.into_builder().credentials_provider(session).build();
        Ok((config, role))
    }

    /// Where the last replay of the pods' watch ended. Returns `None` if there was none: then S3 answers 404, or 403 to a caller without
    /// `s3:ListBucket` (S3 API Reference, `GetObject`).
    ///
    /// # Errors
    /// Returns [`Error::Aws`] if S3 does not answer well.
    pub async fn watch_state(&self, payload: &Payload) -> Result<Option<Vec<u8>>> {
        const ACTION: &str = "s3:GetObject";
        let object = self.s3.get_object();
        let object = object.bucket(&payload.bucket).key(&payload.state_key);
        let object = match object.send().await {
            Ok(object) => object,
            Err(error) => {
                return match Failure::of(&error) {
                    Failure::Refused { code, .. } if code == "NoSuchKey" => Ok(None),
                    Failure::AccessDenied { .. } => Ok(None),
                    _ => Err(AwsError::of(ACTION, FUNCTION_ROLE, &error).into()),
                };
            }
        };
        let content = object.body.collect().await.map_err(|error| {
            let detail = format!("its answer broke off: {error}");
            AwsError::incomplete(ACTION, FUNCTION_ROLE, &detail)
        })?;
        Ok(Some(content.to_vec()))
    }

    /// Writes the listing, whole or not at all.
    ///
    /// # Errors
    /// Returns [`Error::UploadFailed`] if S3 does not accept the object.
    pub async fn store(&self, payload: &Payload, bytes: Vec<u8>) -> Result<()> {
        self.put(payload, &payload.key, "application/gzip", bytes)
            .await
    }

    /// Remembers where a replay ended.
    ///
    /// # Errors
    /// Returns [`Error::UploadFailed`] if S3 does not accept the object.
    pub async fn store_watch_state(&self, payload: &Payload, bytes: Vec<u8>) -> Result<()> {
        self.put(payload, &payload.state_key, "application/json", bytes)
            .await
    }

    async fn put(
        &self,
        payload: &Payload,
        key: &str,
        content_type: &str,
        bytes: Vec<u8>,
    ) -> Result<()> {
        let stored = self
            .s3
            .put_object()
            .bucket(&payload.bucket)
            .key(key)
            .content_type(content_type)
            .body(ByteStream::from(bytes))
            .send()
            .await;
        let Err(error) = stored else {
            return Ok(());
        };
        let detail = match Failure::of(&error) {
            Failure::Throttled { code } => format!("throttled ({code})"),
            Failure::AccessDenied { detail } => {
                format!("not allowed ({detail}). Grant s3:PutObject to {FUNCTION_ROLE}")
            }
            Failure::Unavailable { detail } => detail,
            Failure::Refused { code, message } => format!("{code}: {message}"),
        };
        Err(Error::UploadFailed {
            bucket: payload.bucket.clone(),
            key: key.to_owned(),
            detail,
        })
    }
}

/// A session of `role`, in the Region of `config`.
async fn assume(config: &SdkConfig, role: &str) -> Result<SharedCredentialsProvider> {
    const ACTION: &str = "sts:AssumeRole";
    let assumed = aws_sdk_sts::Client::new(config)
        .assume_role()
        .role_arn(role)
        .role_session_name("hookline-extract-pods")
        // The shortest duration that STS accepts, and as long as a function can run.
        .duration_seconds(900)
        .send()
        .await
        .map_err(|error| AwsError::of(ACTION, FUNCTION_ROLE, &error))?;
    let session = assumed.credentials.ok_or_else(|| {
        AwsError::incomplete(ACTION, FUNCTION_ROLE, "the answer has no credentials")
    })?;
    Ok(SharedCredentialsProvider::new(Credentials::new(
        session.access_key_id,
        session.secret_access_key,
        Some(session.session_token),
        None,
        ACTION,
    )))
}
