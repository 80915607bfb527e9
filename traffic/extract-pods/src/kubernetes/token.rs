//! How a caller of AWS shows an EKS cluster who it is: by a presigned URL of STS's `GetCallerIdentity`, which the
//! cluster's authenticator calls to learn whose it is.
//!
//! The form is aws-iam-authenticator's (`pkg/token/token.go`): `k8s-aws-v1.` and the URL in base64url without padding;
//! the cluster's name as a signed header, so that a token for one cluster says nothing to another; a STS host of the
//! partition, path `/`, and no query parameter but those of the operation and of the signature.

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

use crate::error::{Error, Result};

const PREFIX: &str = "k8s-aws-v1.";
const CLUSTER_HEADER: &str = "x-k8s-aws-id";
/// `X-Amz-Expires`. Authenticators up to 0.3.0 take no more.
const EXPIRES: Duration = Duration::from_secs(60);
/// A token is signed anew before it expires; that costs no call.
const RENEW_AFTER: Duration = Duration::from_secs(45);
/// What errors of signing are reported as.
const ACTION: &str = "sts:GetCallerIdentity (presigned)";

/// Makes the tokens of one caller for one cluster.
#[derive(Debug)]
pub struct Tokens {
    /// The cluster's name.
    pub cluster: String,
    /// The region that the signature is for.
    pub region: String,
    /// STS's endpoint of that region, as `https://sts.us-east-2.amazonaws.com`.
    pub sts: String,
    /// Whose token it is.
    pub credentials: SharedCredentialsProvider,
    /// The last one made.
    pub current: Mutex<Option<(Instant, HeaderValue)>>,
}

impl Tokens {
    /// The value of the `Authorization` header: the token of before while it is good.
    ///
    /// # Errors
    /// [`Error::AwsUnavailable`] when there are no credentials to sign with.
    pub async fn bearer(&self) -> Result<HeaderValue> {
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
            .map_err(|error| unsigned(&DisplayErrorContext(error)))?;
        let token = token(
            &self.sts,
            &self.region,
            &self.cluster,
            credentials,
            SystemTime::now(),
        )?;
        let mut bearer =
            HeaderValue::from_str(&format!("Bearer {token}")).map_err(|error| unsigned(&error))?;
        bearer.set_sensitive(true);
        *current = Some((Instant::now(), bearer.clone()));
        Ok(bearer)
    }

    /// The next token is a new one.
    pub async fn forget(&self) {
        *self.current.lock().await = None;
    }
}

/// A token of `credentials` for `cluster`, signed at `now`.
fn token(
    sts: &str,
    region: &str,
    cluster: &str,
    credentials: Credentials,
    now: SystemTime,
) -> Result<String> {
    let url = format!(
        "{}/?Action=GetCallerIdentity&Version=2011-06-15",
        sts.trim_end_matches('/')
    );
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(EXPIRES);
    let identity = credentials.into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("sts")
        .time(now)
        .settings(settings)
        .build()
        .map_err(|error| unsigned(&error))?
        .into();
    let headers = std::iter::once((CLUSTER_HEADER, cluster));
    let request = SignableRequest::new("GET", url.as_str(), headers, SignableBody::Bytes(&[]))
        .map_err(|error| unsigned(&error))?;
    let (instructions, _) = sign(request, &params)
        .map_err(|error| unsigned(&error))?
        .into_parts();
    let mut presigned = http::Request::get(&url)
        .body(())
        .map_err(|error| unsigned(&error))?;
    instructions.apply_to_request_http1x(&mut presigned);
    let presigned = presigned.uri().to_string();
    Ok(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(presigned)))
}

fn unsigned(error: &dyn std::fmt::Display) -> Error {
    Error::AwsUnavailable {
        action: ACTION,
        detail: error.to_string(),
    }
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
