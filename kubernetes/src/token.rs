//! Tokens that authenticate an AWS caller to an EKS cluster. A token is a presigned URL of STS's
//! `GetCallerIdentity`. The cluster's authenticator calls this URL, and so learns who the caller
//! is.
//!
//! The format is that of aws-iam-authenticator (`pkg/token/token.go`): `k8s-aws-v1.`, then the URL
//! in base64url without padding. The cluster's name is a signed header, so that a token is valid
//! for one cluster only. The URL has an STS host of the partition, the path `/`, and only the query
//! parameters of the operation and of the signature.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_types::error::display::DisplayErrorContext;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tower::BoxError;

use crate::error::{Error, Result};

const PREFIX: &str = "k8s-aws-v1.";
const CLUSTER_HEADER: &str = "x-k8s-aws-id";
/// `X-Amz-Expires`. Authenticators up to 0.3.0 accept no longer time.
const EXPIRES: Duration = Duration::from_secs(60);
/// A new token is signed before the old one expires. Signing makes no call.
const RENEW_AFTER: Duration = Duration::from_secs(45);

/// Signs the tokens of one caller for one cluster.
#[derive(Debug)]
pub(crate) struct TokenSource {
    /// The cluster's name.
    pub(crate) cluster: String,
    /// The Region of the signature.
    region: String,
    /// The endpoint of STS in this Region, for example `https://sts.us-east-2.amazonaws.com`.
    sts: String,
    /// The credentials of the caller.
    credentials: SharedCredentialsProvider,
    /// The newest token, and when it was signed.
    current: Mutex<Option<(Instant, HeaderValue)>>,
}

impl TokenSource {
    pub(crate) fn new(
        cluster: &str,
        region: &str,
        sts: &str,
        credentials: SharedCredentialsProvider,
    ) -> Self {
        Self {
            cluster: cluster.to_owned(),
            region: region.to_owned(),
            sts: sts.to_owned(),
            credentials,
            current: Mutex::default(),
        }
    }

    /// The value of the `Authorization` header. It has the current token, or a new one if that is
    /// about to expire.
    ///
    /// # Errors
    /// Returns [`Error::TokenNotSigned`] if the credentials cannot be loaded.
    pub(crate) async fn bearer(&self) -> Result<HeaderValue> {
        let mut current = self.current.lock().await;
        if let Some((made, bearer)) = current.as_ref()
            && made.elapsed() < RENEW_AFTER
        {
            return Ok(bearer.clone());
        }
        let credentials = self
            .credentials
            .provide_credentials()
            .await
            .map_err(|error| self.not_signed(DisplayErrorContext(error).to_string()))?;
        let token = self
            .token(credentials, SystemTime::now())
            .map_err(|error| self.not_signed(error.to_string()))?;
        let mut bearer = HeaderValue::from_str(&format!("Bearer {token}"))
            .map_err(|error| self.not_signed(error.to_string()))?;
        bearer.set_sensitive(true);
        *current = Some((Instant::now(), bearer.clone()));
        Ok(bearer)
    }

    /// Discards the current token. The next one is new.
    pub(crate) async fn discard(&self) {
        *self.current.lock().await = None;
    }

    fn not_signed(&self, problem: String) -> Error {
        Error::TokenNotSigned {
            cluster: self.cluster.clone(),
            problem,
        }
    }

    /// A token of `credentials`, signed at `now`.
    fn token(&self, credentials: Credentials, now: SystemTime) -> Result<String, BoxError> {
        let url = format!(
            "{}/?Action=GetCallerIdentity&Version=2011-06-15",
            self.sts.trim_end_matches('/')
        );
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(EXPIRES);
        let identity = credentials.into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("sts")
            .time(now)
            .settings(settings)
            .build()?
            .into();
        let headers = std::iter::once((CLUSTER_HEADER, self.cluster.as_str()));
        let body = SignableBody::Bytes(&[]);
        let request = SignableRequest::new("GET", url.as_str(), headers, body)?;
        let (instructions, _) = sign(request, &params)?.into_parts();
        let mut presigned = http::Request::get(&url).body(())?;
        instructions.apply_to_request_http1x(&mut presigned);
        let presigned = presigned.uri().to_string();
        Ok(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(presigned)))
    }
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
