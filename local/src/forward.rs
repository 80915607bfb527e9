//! Forwarding: requests for services that the fake AWS does not have go to a server that has them. So do
//! those for CloudWatch, of which it has a part, if they are asked to: then it answers none itself.
//!
//! ```text
//! hookline-local --forward s3,glue,athena,monitoring=http://127.0.0.1:4566
//! ```
//!
//! The SigV4 scope of a request names its service. The request keeps its method, its path and query
//! byte for byte, its body, and its end-to-end headers, including `Host`, which the signature
//! covers. Calls to the Step Functions engine go the same way.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, OnceLock};

use bytes::Bytes;
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderName, Method, Request, Response, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::local_aws::lock;
use crate::service::{Service, scope_service};
use crate::wire::error::ApiError;

/// The maximum size in bytes of a forwarded request or its answer, such as an execution's history
/// or an object.
pub(crate) const MAX_FORWARDED: usize = 64 * 1024 * 1024;

/// Headers that concern one connection only (RFC 9110, 7.6.1), and the length, which the body
/// determines.
const HOP_BY_HOP_HEADERS: [HeaderName; 9] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::EXPECT,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// The server for some services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    services: Vec<String>,
    server: Authority,
}

/// Why a [`Route`] is not valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// There is no `=`.
    #[error("`{0}` is not SERVICE=URL, such as s3,glue=http://127.0.0.1:4566")]
    Form(String),
    /// The text is not a service name of a SigV4 scope.
    #[error("`{0}` is not a service name: use the name in a SigV4 scope, such as s3 or monitoring")]
    Service(String),
    /// The fake AWS has this service itself.
    #[error("{0} is part of the fake AWS: remove it from the list")]
    Implemented(String),
    /// The service has a route already.
    #[error("{0} is already forwarded: name it once")]
    Duplicate(String),
    /// The URL is not a plain HTTP server.
    #[error("`{0}` is not a server URL: use http://HOST:PORT without a path")]
    Url(String),
}

impl FromStr for Route {
    type Err = RouteError;

    /// Reads `SERVICE[,SERVICE…]=http://HOST:PORT`.
    fn from_str(text: &str) -> Result<Self, RouteError> {
        let (services, url) = text
            .split_once('=')
            .ok_or_else(|| RouteError::Form(text.to_owned()))?;
        let services: Vec<String> = services.split(',').map(str::to_owned).collect();
        for service in &services {
            let named = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            if service.is_empty() || !service.bytes().all(named) {
                return Err(RouteError::Service(service.clone()));
            }
            if Service::implemented(service).is_some_and(|known| !known.may_be_forwarded()) {
                return Err(RouteError::Implemented(service.clone()));
            }
        }
        let parts = Uri::try_from(url).map(Uri::into_parts);
        let server = parts.ok().filter(|parts| {
            parts.scheme == Some(Scheme::HTTP)
                && parts.path_and_query.as_ref().is_none_or(|path| path == "/")
        });
        let server = server.and_then(|parts| parts.authority);
        Ok(Self {
            services,
            server: server.ok_or_else(|| RouteError::Url(url.to_owned()))?,
        })
    }
}

/// The forwarded services and their servers.
#[derive(Default)]
pub struct Forwarding {
    servers: Mutex<BTreeMap<Arc<str>, Authority>>,
    http: Http,
}

impl Forwarding {
    /// Forwards the requests of these services from now on.
    ///
    /// # Errors
    /// [`RouteError::Duplicate`]; then nothing is changed.
    pub fn add(&self, route: Route) -> Result<(), RouteError> {
        let mut servers = lock(&self.servers);
        let mut changed = servers.clone();
        for service in route.services {
            let name = Arc::from(service.as_str());
            if changed.insert(name, route.server.clone()).is_some() {
                return Err(RouteError::Duplicate(service));
            }
        }
        *servers = changed;
        Ok(())
    }

    /// The service, if it is forwarded.
    pub(crate) fn service(&self, name: &str) -> Option<Arc<str>> {
        let servers = lock(&self.servers);
        let (service, _) = servers.get_key_value(name)?;
        Some(Arc::clone(service))
    }

    /// Whether a request with this head is forwarded.
    pub(crate) fn takes(&self, head: &http::request::Parts) -> bool {
        scope_service(&head.headers, &head.uri).is_some_and(|name| self.service(&name).is_some())
    }

    /// Forwards a request, and returns the answer.
    pub(crate) async fn forward(
        &self,
        service: &str,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, ApiError> {
        let server = lock(&self.servers).get(service).cloned();
        let server = server.ok_or_else(ApiError::internal)?;
        let answer = self.http.forward_to(&server, request).await;
        answer.map_err(|error| {
            ApiError::with_status(
                503,
                "ServiceUnavailable",
                format!("The server for {service}, http://{server}, does not answer: {error}"),
            )
        })
    }
}

impl fmt::Debug for Forwarding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(lock(&self.servers).iter()).finish()
    }
}

/// Calls other servers. Clones share their settings.
#[derive(Clone, Default)]
pub(crate) struct Http {
    client: Arc<OnceLock<Client<HttpConnector, Full<Bytes>>>>,
}

impl Http {
    /// Sends the request to another server, and returns its answer.
    pub(crate) async fn forward_to(
        &self,
        server: &Authority,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, String> {
        let (mut head, body) = request.into_parts();
        let mut uri = http::uri::Parts::default();
        uri.scheme = Some(Scheme::HTTP);
        uri.authority = Some(server.clone());
        uri.path_and_query = Some(
            head.uri
                .path_and_query()
                .cloned()
                .unwrap_or_else(|| http::uri::PathAndQuery::from_static("/")),
        );
        head.uri = Uri::from_parts(uri).map_err(|error| error.to_string())?;
        head.version = http::Version::HTTP_11;
        head.extensions = http::Extensions::default();
        remove_hop_by_hop_headers(&mut head.headers);
        let is_head = head.method == Method::HEAD;
        let request = Request::from_parts(head, Full::new(body));
        let response = self.client().request(request).await;
        let (mut head, body) = response.map_err(|error| causes(&error))?.into_parts();
        // The answer to HEAD has no body. Its length is that of the body for GET.
        let length = head.headers.get(header::CONTENT_LENGTH).cloned();
        remove_hop_by_hop_headers(&mut head.headers);
        if let (true, Some(length)) = (is_head, length) {
            head.headers.insert(header::CONTENT_LENGTH, length);
        }
        head.version = http::Version::HTTP_11;
        head.extensions = http::Extensions::default();
        let body = Limited::new(body, MAX_FORWARDED).collect().await;
        let body = body.map_err(|error| error.to_string())?.to_bytes();
        Ok(Response::from_parts(head, body))
    }

    fn client(&self) -> &Client<HttpConnector, Full<Bytes>> {
        self.client.get_or_init(|| {
            let mut connector = HttpConnector::new();
            // Without this, a small body waits for the acknowledgement of its head.
            connector.set_nodelay(true);
            Client::builder(TokioExecutor::new())
                // Each call has a new connection, because the server may close a kept one just when
                // it is used again.
                .pool_max_idle_per_host(0)
                .build(connector)
        })
    }
}

/// Removes the hop-by-hop headers: the fixed ones, and those that `Connection` names.
fn remove_hop_by_hop_headers(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in HOP_BY_HOP_HEADERS.iter().chain(&named) {
        headers.remove(name);
    }
}

/// An error with its causes. hyper's own message says little.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests;
