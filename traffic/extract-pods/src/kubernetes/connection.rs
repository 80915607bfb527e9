//! Requests to the API server: with a token, over TLS by the cluster's own authority, again where that can help.

use std::time::Duration;

use aws_smithy_types::error::display::DisplayErrorContext;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookline_runtime::payload::shorten;
use http::header::{AUTHORIZATION, RETRY_AFTER};
use http::{HeaderMap, StatusCode, Uri};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use kube::client::Body;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use tracing::debug;

use crate::error::{Error, Result};
use crate::kubernetes::token::Tokens;

/// What a connection waits for, and how often it tries.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// How often one request is made at most.
    pub tries: u32,
    /// The pause before the second try. Each further one is twice as long.
    pub pause: Duration,
    /// How long one try may take, its answer's body included.
    pub attempt: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            tries: 5,
            pause: Duration::from_millis(500),
            attempt: Duration::from_secs(60),
        }
    }
}

/// Where a cluster's API server is, and how to know it.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// As `https://0123456789ABCDEF.gr7.us-east-2.eks.amazonaws.com`.
    pub url: String,
    /// Its certificate authority: PEM in base64, as `DescribeCluster` gives it.
    pub certificate_authority: String,
}

/// Why a request has no answer that could be used.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// HTTP 410: what the continue token stands for is gone.
    Expired(String),
    /// HTTP 404
    NotFound,
    /// The answer is larger than [`LARGEST`].
    TooLarge,
    /// Anything else.
    Failed(Error),
}

/// No answer beyond this is read: what is held at a time stays within a small function's memory.
const LARGEST: usize = 16 * 1024 * 1024;
/// Longest pause between two tries, where the API server does not ask for a longer one.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// A connection to one cluster's API server.
pub struct Connection {
    client: kube::Client,
    tokens: Tokens,
    patience: Patience,
    /// No pause goes beyond it.
    until: Instant,
}

/// What one try came to.
enum Attempt {
    Status {
        status: StatusCode,
        retry_after: Option<Duration>,
        message: String,
    },
    /// No answer, or none that can be read.
    Broken(String),
    TooLarge,
    Unsigned(Error),
}

impl Connection {
    /// Prepares a connection; the first request makes it. Requests are not tried again once `until` is near.
    ///
    /// # Errors
    /// [`Error::AwsUnavailable`] when the endpoint is none that could be asked in safety.
    pub fn new(
        endpoint: &Endpoint,
        tokens: Tokens,
        patience: Patience,
        until: Instant,
    ) -> Result<Self> {
        let unusable = |detail: String| Error::AwsUnavailable {
            action: "eks:DescribeCluster",
            detail,
        };
        let url: Uri = endpoint
            .url
            .parse()
            .map_err(|error| unusable(format!("the endpoint {:?}: {error}", endpoint.url)))?;
        // The token must not go out in the clear, whatever the answer says.
        if url.scheme_str() != Some("https") {
            return Err(unusable(format!(
                "the endpoint {:?} is not https",
                endpoint.url
            )));
        }
        let authority = |problem: String| unusable(format!("certificateAuthority.data {problem}"));
        let pem = STANDARD
            .decode(&endpoint.certificate_authority)
            .map_err(|error| authority(format!("is not base64: {error}")))?;
        let certificates: Vec<Vec<u8>> = CertificateDer::pem_slice_iter(&pem)
            .map(|certificate| certificate.map(|der| der.to_vec()))
            .collect::<Result<_, _>>()
            .map_err(|error| authority(format!("is not PEM: {error}")))?;
        if certificates.is_empty() {
            return Err(authority("has no certificate".to_owned()));
        }
        let mut config = kube::Config::new(url);
        config.root_cert = Some(certificates);
        config.connect_timeout = Some(Duration::from_secs(5));
        // Done here, where the body, the deadline and every status that can pass are looked at as well.
        config.default_retry = false;
        let client = kube::Client::try_from(config)
            .map_err(|error| authority(DisplayErrorContext(error).to_string()))?;
        Ok(Self {
            client,
            tokens,
            patience,
            until,
        })
    }

    /// The cluster's name.
    #[must_use]
    pub fn cluster(&self) -> &str {
        &self.tokens.cluster
    }

    /// Gets what is at `uri`, and tries again what may pass.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        action: &'static str,
        uri: &Uri,
    ) -> Result<T, Trouble> {
        let mut pause = self.patience.pause;
        let mut tries = 1;
        loop {
            let attempt = match self.once(uri).await {
                Ok(answer) => return Ok(answer),
                Err(attempt) => attempt,
            };
            let (error, after) = self.judge(action, attempt, tries)?;
            let after = after.unwrap_or(pause);
            if tries >= self.patience.tries || Instant::now() + after > self.until {
                return Err(Trouble::Failed(error));
            }
            debug!(action, tries, %error, "again");
            tokio::time::sleep(after).await;
            tries += 1;
            pause = (pause * 2).min(LONGEST_PAUSE);
            if matches!(error, Error::KubernetesUnauthorized { .. }) {
                self.tokens.forget().await;
            }
        }
    }

    /// What an attempt fails with unless another one helps, and the pause that the API server asks for.
    fn judge(
        &self,
        action: &'static str,
        attempt: Attempt,
        tries: u32,
    ) -> Result<(Error, Option<Duration>), Trouble> {
        let cluster = self.cluster().to_owned();
        let unavailable = |detail| Error::KubernetesUnavailable {
            cluster: cluster.clone(),
            action,
            detail,
        };
        let (status, retry_after, detail) = match attempt {
            Attempt::Unsigned(error) => return Err(Trouble::Failed(error)),
            Attempt::TooLarge => return Err(Trouble::TooLarge),
            Attempt::Broken(detail) => return Ok((unavailable(detail), None)),
            Attempt::Status {
                status,
                retry_after,
                message,
            } => (status, retry_after, message),
        };
        match status {
            StatusCode::GONE => Err(Trouble::Expired(detail)),
            StatusCode::NOT_FOUND => Err(Trouble::NotFound),
            StatusCode::FORBIDDEN => Err(Trouble::Failed(Error::KubernetesForbidden {
                cluster,
                action,
                detail,
            })),
            StatusCode::UNAUTHORIZED => {
                let error = Error::KubernetesUnauthorized { cluster, detail };
                // Once more with a new token: the authenticator says no as well when it does not reach STS.
                match tries {
                    1 => Ok((error, None)),
                    _ => Err(Trouble::Failed(error)),
                }
            }
            StatusCode::TOO_MANY_REQUESTS => {
                let error = Error::Throttled {
                    action,
                    code: format!("HTTP 429 from cluster {cluster}"),
                };
                Ok((error, retry_after))
            }
            status if status.is_server_error() => Ok((
                unavailable(format!("HTTP {}: {detail}", status.as_u16())),
                retry_after,
            )),
            status => Err(Trouble::Failed(Error::KubernetesRefused {
                cluster,
                action,
                status: status.as_u16(),
                detail,
            })),
        }
    }

    /// One try.
    async fn once<T: DeserializeOwned>(&self, uri: &Uri) -> Result<T, Attempt> {
        let bearer = self.tokens.bearer().await.map_err(Attempt::Unsigned)?;
        let request = http::Request::get(uri.clone())
            .header(AUTHORIZATION, bearer)
            .header(http::header::ACCEPT, "application/json")
            .body(Body::empty())
            .map_err(|error| Attempt::Broken(error.to_string()))?;
        let (status, headers, body) =
            match tokio::time::timeout(self.patience.attempt, self.exchange(request)).await {
                Ok(answer) => answer?,
                Err(_) => {
                    let seconds = self.patience.attempt.as_secs_f32();
                    return Err(Attempt::Broken(format!("no answer within {seconds} s")));
                }
            };
        if !status.is_success() {
            return Err(Attempt::Status {
                status,
                retry_after: retry_after(&headers),
                message: message(&body),
            });
        }
        let mut json = serde_json::Deserializer::from_slice(&body);
        serde_path_to_error::deserialize(&mut json).map_err(|error| {
            Attempt::Broken(format!(
                "its answer cannot be read: {}",
                shorten(&error.to_string(), 300)
            ))
        })
    }

    async fn exchange(
        &self,
        request: http::Request<Body>,
    ) -> Result<(StatusCode, HeaderMap, bytes::Bytes), Attempt> {
        let response = self
            .client
            .send(request)
            .await
            .map_err(|error| Attempt::Broken(DisplayErrorContext(error).to_string()))?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, LARGEST);
        let body = body
            .collect()
            .await
            .map_err(|error| match error.is::<LengthLimitError>() {
                true => Attempt::TooLarge,
                false => Attempt::Broken(format!(
                    "its answer broke off: {}",
                    DisplayErrorContext(&*error)
                )),
            })?;
        Ok((head.status, head.headers, body.to_bytes()))
    }
}

/// In seconds, as API servers give it.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// What the API server says, in a `Status` or in plain text.
fn message(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Status {
        message: String,
    }
    let text = match serde_json::from_slice::<Status>(body) {
        Ok(status) => status.message,
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    };
    shorten(text.trim(), 300)
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;
