//! From the name of an EKS cluster to a client of its API server.

use std::fmt;

use aws_config::SdkConfig;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_eks::operation::describe_cluster::DescribeClusterError;
use aws_sdk_sts::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
use aws_smithy_types::error::display::DisplayErrorContext;
use hookline_runtime::aws_errors::AwsError;
use tokio::time::Instant;

use crate::client::{self, Endpoint};
use crate::error::{Error, RequestFailure, Result};
use crate::reader::{Backoff, Reader};
use crate::token::TokenSource;

/// Who calls EKS and the API server, and in which Region.
#[derive(Debug, Clone)]
pub struct Caller {
    config: SdkConfig,
    region: String,
    credentials: SharedCredentialsProvider,
    principal: String,
}

impl Caller {
    /// A caller with the credentials of `config`, for clusters in its Region. `principal` names the
    /// caller in error messages, as in "Grant the action to {principal}".
    ///
    /// # Errors
    /// Returns [`Error::IncompleteConfig`] if `config` has no Region or no credentials.
    pub fn new(config: SdkConfig, principal: impl Into<String>) -> Result<Self> {
        let region = config
            .region()
            .ok_or(Error::IncompleteConfig { missing: "Region" })?;
        let credentials = config
            .credentials_provider()
            .ok_or(Error::IncompleteConfig {
                missing: "credentials",
            })?;
        Ok(Self {
            region: region.as_ref().to_owned(),
            credentials,
            principal: principal.into(),
            config,
        })
    }

    /// The endpoint of `cluster`'s API server, and the ID of its VPC, by EKS's `DescribeCluster`.
    async fn describe(&self, cluster: &str) -> Result<(Endpoint, Option<String>)> {
        let described = aws_sdk_eks::Client::new(&self.config)
            .describe_cluster()
            .name(cluster)
            .send()
            .await
            .map_err(|error| match error.as_service_error() {
                Some(DescribeClusterError::ResourceNotFoundException(_)) => {
                    Error::ClusterNotFound {
                        cluster: cluster.to_owned(),
                        region: self.region.clone(),
                    }
                }
                _ => AwsError::of("eks:DescribeCluster", &self.principal, &error).into(),
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
        let vpc_id = description
            .resources_vpc_config
            .and_then(|config| config.vpc_id);
        let endpoint = Endpoint {
            url: description.endpoint.ok_or_else(|| not_ready("endpoint"))?,
            certificate_authority: authority.ok_or_else(|| not_ready("certificate authority"))?,
        };
        Ok((endpoint, vpc_id))
    }

    /// The caller's tokens for `cluster`.
    async fn tokens(&self, cluster: &str) -> Result<TokenSource> {
        let unknown = |detail| Error::TokenNotSigned {
            cluster: cluster.to_owned(),
            problem: format!("STS has no endpoint in {}: {detail}", self.region),
        };
        // This is always AWS's own endpoint, even if the configuration sends calls elsewhere: the
        // cluster's authenticator calls the URL in the token, and accepts no other host.
        let params = Params::builder()
            .region(&self.region)
            .build()
            .map_err(|error| unknown(DisplayErrorContext(error).to_string()))?;
        let sts = DefaultResolver::new()
            .resolve_endpoint(&params)
            .await
            .map_err(|error| unknown(DisplayErrorContext(&*error).to_string()))?;
        Ok(TokenSource::new(
            cluster,
            &self.region,
            sts.url(),
            self.credentials.clone(),
        ))
    }
}

/// An EKS cluster, with an authenticated client of its API server.
#[derive(Clone)]
pub struct Cluster {
    name: String,
    endpoint: String,
    vpc_id: Option<String>,
    client: kube::Client,
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Cluster {
    /// Looks the cluster up by its name, and prepares a client that calls it as `caller`. The
    /// client connects on its first request.
    ///
    /// # Errors
    /// Returns [`Error::ClusterNotFound`], [`Error::ClusterNotReady`], [`Error::UnusableEndpoint`],
    /// [`Error::TokenNotSigned`], or [`Error::Aws`] if `DescribeCluster` fails for another reason.
    pub async fn find(name: &str, caller: &Caller) -> Result<Self> {
        let (endpoint, vpc_id) = caller.describe(name).await?;
        let tokens = caller.tokens(name).await?;
        Ok(Self {
            name: name.to_owned(),
            vpc_id,
            client: client::authenticated(&endpoint, tokens)?,
            endpoint: endpoint.url,
        })
    }

    /// The cluster's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The URL of the API server. No other cluster ever has it.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The ID of the cluster's VPC. Returns `None` if EKS does not tell it.
    #[must_use]
    pub fn vpc_id(&self) -> Option<&str> {
        self.vpc_id.as_deref()
    }

    /// An authenticated client, for `kube::Api`. It makes each request once: it does not retry.
    #[must_use]
    pub fn client(&self) -> kube::Client {
        self.client.clone()
    }

    /// A reader with retries. It starts no retry after `deadline`.
    #[must_use]
    pub fn reader(&self, backoff: Backoff, deadline: Instant) -> Reader {
        Reader::new(self.clone(), backoff, deadline)
    }

    /// The error of a call that was made with [`Cluster::client`]. `action` says what the call was
    /// to do, for example `patch Node node-1`.
    #[must_use]
    pub fn error(&self, action: &str, error: kube::Error) -> Error {
        let failure = match error {
            kube::Error::Api(status) => RequestFailure::of_status(status.code, status.message),
            kube::Error::BuildRequest(error) => RequestFailure::Invalid {
                detail: error.to_string(),
            },
            kube::Error::Service(error) => match error.downcast::<Error>() {
                Ok(error) => return *error,
                Err(error) => RequestFailure::Unavailable {
                    detail: DisplayErrorContext(&*error).to_string(),
                },
            },
            error => RequestFailure::Unavailable {
                detail: DisplayErrorContext(error).to_string(),
            },
        };
        self.request_error(action, failure)
    }

    pub(crate) fn request_error(&self, action: &str, failure: RequestFailure) -> Error {
        Error::Request {
            cluster: self.name.clone(),
            action: action.to_owned(),
            failure,
        }
    }
}
