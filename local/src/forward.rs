//! Services that are not simulated here: their requests go on, as they are, to a server that has them.
//!
//! ```text
//! hookline-local --forward s3,glue,athena,monitoring=http://127.0.0.1:4566
//! ```
//!
//! A request is for the service that its SigV4 scope names. It keeps its method, path and query byte for byte, its body, and its
//! headers but those of the connection; `Host` too, which the signature covers. Step Functions' engine is called by the same means.

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

/// The most that a request to, or an answer of, another server may hold: an execution's history, an object.
pub(crate) const MAX_FORWARDED: usize = 64 * 1024 * 1024;

/// Headers of one connection, which end with it (RFC 9110, 7.6.1), and the length, which the body tells.
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

/// Where requests for some services go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    services: Vec<String>,
    server: Authority,
}

/// What is wrong with a [`Route`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// There is no `=`.
    #[error("`{0}` is not SERVICE=URL, as s3,glue=http://127.0.0.1:4566")]
    Form(String),
    /// A service's name is none that a SigV4 scope can have.
    #[error("`{0}` is no service: name it as a SigV4 scope does, as s3 or monitoring")]
    Service(String),
    /// A service that is simulated here.
    #[error("{0} is simulated here: leave it out")]
    Implemented(String),
    /// A service that goes elsewhere already.
    #[error("{0} is forwarded already: name it once")]
    Duplicate(String),
    /// Not a server over plain HTTP.
    #[error("`{0}` is no server to forward to: give http://HOST:PORT, without a path")]
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
            if Service::implemented(service).is_some() {
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

/// The services that are handed on, and where to.
#[derive(Default)]
pub struct Forwarding {
    servers: Mutex<BTreeMap<Arc<str>, Authority>>,
    http: Http,
}

impl Forwarding {
    /// Hands on the requests of these services from now on.
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

    /// The service, if its requests are handed on.
    pub(crate) fn service(&self, name: &str) -> Option<Arc<str>> {
        let servers = lock(&self.servers);
        let (service, _) = servers.get_key_value(name)?;
        Some(Arc::clone(service))
    }

    /// Whether a request with this head is to be handed on.
    pub(crate) fn takes(&self, head: &http::request::Parts) -> bool {
        scope_service(&head.headers, &head.uri).is_some_and(|name| self.service(&name).is_some())
    }

    /// Hands a request on, and its answer back.
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
    /// The same request to another server, and that server's answer.
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
        // Of an answer without a body, the length is of the body that there would be.
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
            // A small body must not wait for the acknowledgement of its head.
            connector.set_nodelay(true);
            Client::builder(TokioExecutor::new())
                // Each call has a connection of its own: one that was kept may be closed at the moment that it is used again.
                .pool_max_idle_per_host(0)
                .build(connector)
        })
    }
}

/// Takes away the headers of the connection: those that are always, and those that `Connection` names.
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

/// An error with what is behind it: hyper's own says little.
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
