//! The connection to an API server: TLS by the cluster's own certificate authority, and a token
//! with each request.

use std::sync::Arc;
use std::time::Duration;

use aws_smithy_types::error::display::DisplayErrorContext;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{Request, StatusCode, Uri};
use kube::client::Body;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tower::BoxError;

use crate::error::{Error, Result};
use crate::token::TokenSource;

/// Where a cluster's API server is, and how to recognize it.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    /// For example `https://0123456789ABCDEF.gr7.us-east-2.eks.amazonaws.com`.
    pub(crate) url: String,
    /// The certificate authority: PEM in base64, as `DescribeCluster` returns it.
    pub(crate) certificate_authority: String,
}

/// A client of the API server at `endpoint`. The first request opens the connection.
///
/// # Errors
/// Returns [`Error::UnusableEndpoint`] if the connection would not be safe.
pub(crate) fn authenticated(endpoint: &Endpoint, tokens: TokenSource) -> Result<kube::Client> {
    let unusable = |problem: String| Error::UnusableEndpoint {
        cluster: tokens.cluster.clone(),
        problem,
    };
    let anonymous =
        kube::Client::try_from(config(endpoint).map_err(unusable)?).map_err(|error| {
            unusable(format!(
                "certificateAuthority.data: {}",
                DisplayErrorContext(error)
            ))
        })?;
    let tokens = Arc::new(tokens);
    let send = move |mut request: Request<Body>| {
        let (anonymous, tokens) = (anonymous.clone(), Arc::clone(&tokens));
        async move {
            let bearer = tokens.bearer().await?;
            request.headers_mut().insert(AUTHORIZATION, bearer);
            let response = anonymous.send(request).await?;
            if response.status() == StatusCode::UNAUTHORIZED {
                tokens.discard().await;
            }
            Ok::<_, BoxError>(response)
        }
    };
    Ok(kube::Client::new(tower::service_fn(send), "default"))
}

/// The settings of the connection, or what is wrong with the endpoint.
fn config(endpoint: &Endpoint) -> Result<kube::Config, String> {
    let url: Uri = endpoint
        .url
        .parse()
        .map_err(|error| format!("the endpoint {:?}: {error}", endpoint.url))?;
    // The token must not be sent in clear text, whatever DescribeCluster returns.
    if url.scheme_str() != Some("https") {
        return Err(format!("the endpoint {:?} is not https", endpoint.url));
    }
    let pem = STANDARD
        .decode(&endpoint.certificate_authority)
        .map_err(|error| format!("certificateAuthority.data is not base64: {error}"))?;
    let certificates: Vec<Vec<u8>> = CertificateDer::pem_slice_iter(&pem)
        .map(|certificate| certificate.map(|der| der.to_vec()))
        .collect::<Result<_, _>>()
        .map_err(|error| format!("certificateAuthority.data is not PEM: {error}"))?;
    if certificates.is_empty() {
        return Err("certificateAuthority.data has no certificate".to_owned());
    }
    let mut config = kube::Config::new(url);
    config.root_cert = Some(certificates);
    config.connect_timeout = Some(Duration::from_secs(5));
    // The Reader retries: it also sees the body, the deadline, and every status that a retry can
    // help with.
    config.default_retry = false;
    Ok(config)
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
