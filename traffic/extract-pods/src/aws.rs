//! What AWS is asked: where the cluster is, for a role in its account, and to take the object.

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_eks::operation::describe_cluster::DescribeClusterError;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_sts::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
use aws_smithy_types::error::display::DisplayErrorContext;
use hookline_runtime::sdk::{self, Failure};
use tokio::sync::Mutex;

use crate::error::{Error, Result};
use crate::kubernetes::connection::Endpoint;
use crate::kubernetes::token::Tokens;
use crate::payload::Payload;

/// Who lacks a permission, unless a role was assumed.
const OWN_ROLE: &str = "the role of this function";

/// The clients. Made once a process; clones share it.
#[derive(Debug, Clone)]
pub struct Aws {
    config: SdkConfig,
    s3: aws_sdk_s3::Client,
}

/// Who reads the cluster, and where it is.
#[derive(Debug, Clone)]
pub struct Reader {
    config: SdkConfig,
    region: String,
    credentials: SharedCredentialsProvider,
    role: String,
}

impl Aws {
    /// Clients from what Lambda puts into the environment: region, credentials, endpoint.
    pub async fn from_environment() -> Self {
        let config = sdk::settings(aws_config::defaults(BehaviorVersion::latest()))
            .http_client(sdk::http_client())
            .load()
            .await;
        Self::new(config)
    }

    /// Clients from `config`, which should come from [`sdk::settings`], for the retries and time-outs that the product
    /// runs with.
    #[must_use]
    pub fn new(config: SdkConfig) -> Self {
        let s3 = aws_sdk_s3::config::Builder::from(&config)
            // A large object goes out slowly from a small function.
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

    /// Who is to read the cluster: the function's own role, or the one that the payload names.
    ///
    /// # Errors
    /// When no region is known, or the role cannot be assumed.
    pub async fn reader(&self, payload: &Payload) -> Result<Reader> {
        let own_region = self
            .config
            .region()
            .map(|region| region.as_ref().to_owned());
        let region = payload.region.clone().or(own_region).ok_or_else(|| {
            Error::invalid(
                "region",
                "is not given, and the function has none of its own",
                "Give the region of the cluster",
            )
        })?;
        let own = self
            .config
            .credentials_provider()
            .ok_or_else(|| Error::AwsUnavailable {
                action: "credentials",
                detail: "the function has none".to_owned(),
            })?;
        let (credentials, role) = match &payload.assume_role_arn {
            None => (own, OWN_ROLE.to_owned()),
            Some(role) => (self.assume(role, &region).await?, role.clone()),
        };
        Ok(Reader {
            config: self.config.clone(),
            region,
            credentials,
            role,
        })
    }

    async fn assume(&self, role: &str, region: &str) -> Result<SharedCredentialsProvider> {
        const ACTION: &str = "sts:AssumeRole";
        let config = aws_sdk_sts::config::Builder::from(&self.config)
            .region(Region::new(region.to_owned()))
            .build();
        let assumed = aws_sdk_sts::Client::from_conf(config)
            .assume_role()
            .role_arn(role)
            .role_session_name("hookline-extract-pods")
            // The shortest there is, and as long as a function can run.
            .duration_seconds(900)
            .send()
            .await
            .map_err(|error| Error::aws(ACTION, OWN_ROLE, Failure::of(&error)))?;
        let session = assumed.credentials.ok_or_else(|| Error::AwsUnavailable {
            action: ACTION,
            detail: "the answer has no credentials".to_owned(),
        })?;
        Ok(SharedCredentialsProvider::new(Credentials::new(
            session.access_key_id,
            session.secret_access_key,
            Some(session.session_token),
            None,
            "sts:AssumeRole",
        )))
    }

    /// Stores the object, whole or not at all.
    ///
    /// # Errors
    /// [`Error::UploadFailed`]
    pub async fn store(&self, payload: &Payload, bytes: Vec<u8>) -> Result<()> {
        let stored = self
            .s3
            .put_object()
            .bucket(&payload.bucket)
            .key(&payload.key)
            .content_type("application/gzip")
            .body(ByteStream::from(bytes))
            .send()
            .await;
        let Err(error) = stored else {
            return Ok(());
        };
        let detail = match Failure::of(&error) {
            Failure::Throttled { code } => format!("throttled ({code})"),
            Failure::AccessDenied { detail } => {
                format!("not allowed ({detail}). Grant s3:PutObject to {OWN_ROLE}")
            }
            Failure::Unavailable { detail } => detail,
            Failure::Refused { code, message } => format!("{code}: {message}"),
        };
        Err(Error::UploadFailed {
            bucket: payload.bucket.clone(),
            key: payload.key.clone(),
            detail,
        })
    }
}

impl Reader {
    /// Where the cluster's API server is.
    ///
    /// # Errors
    /// [`Error::ClusterNotFound`], [`Error::ClusterNotReady`], or what the call fails with.
    pub async fn endpoint(&self, cluster: &str) -> Result<Endpoint> {
        let config = aws_sdk_eks::config::Builder::from(&self.config)
            .region(Region::new(self.region.clone()))
            .credentials_provider(self.credentials.clone())
            .build();
        let described = aws_sdk_eks::Client::from_conf(config)
            .describe_cluster()
            .name(cluster)
            .send()
            .await
            .map_err(|error| {
                if let Some(DescribeClusterError::ResourceNotFoundException(_)) =
                    error.as_service_error()
                {
                    return Error::ClusterNotFound {
                        cluster: cluster.to_owned(),
                        region: self.region.clone(),
                    };
                }
                Error::aws("eks:DescribeCluster", &self.role, Failure::of(&error))
            })?;
        let description = described.cluster;
        let status = description
            .as_ref()
            .and_then(|cluster| cluster.status())
            .map_or("of no known status", |status| status.as_str())
            .to_owned();
        let not_ready = |missing| Error::ClusterNotReady {
            cluster: cluster.to_owned(),
            status: status.clone(),
            missing,
        };
        let description = description.ok_or_else(|| not_ready("endpoint"))?;
        let authority = description
            .certificate_authority
            .and_then(|authority| authority.data);
        Ok(Endpoint {
            url: description.endpoint.ok_or_else(|| not_ready("endpoint"))?,
            certificate_authority: authority.ok_or_else(|| not_ready("certificate authority"))?,
        })
    }

    /// The reader's tokens for the cluster.
    ///
    /// # Errors
    /// [`Error::AwsUnavailable`] when STS has no endpoint in the region.
    pub async fn tokens(&self, cluster: &str) -> Result<Tokens> {
        let unknown = |detail| Error::AwsUnavailable {
            action: "the endpoint of STS",
            detail,
        };
        // Always AWS's own, whatever endpoint calls go to: the cluster's authenticator calls it, and takes no other.
        let params = Params::builder()
            .region(&self.region)
            .build()
            .map_err(|error| unknown(DisplayErrorContext(error).to_string()))?;
        let sts = DefaultResolver::new()
            .resolve_endpoint(&params)
            .await
            .map_err(|error| unknown(DisplayErrorContext(&*error).to_string()))?;
        Ok(Tokens {
            cluster: cluster.to_owned(),
            region: self.region.clone(),
            sts: sts.url().to_owned(),
            credentials: self.credentials.clone(),
            current: Mutex::default(),
        })
    }
}
