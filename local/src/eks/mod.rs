//! A simulated EKS: `DescribeCluster`, and the API server behind it, of which nodes and pods can be listed.
//!
//! - `api_server`: the Kubernetes API over TLS, with a certificate of its own;
//! - `lists`: what a cluster holds, and lists of one moment in pages;
//! - `authenticator`: whether a token is of a caller that the cluster knows;
//! - `answer`: what the API server says, whole or broken off;
//! - `contents`: a cluster in a file, for `hookline-local --cluster NAME=FILE`.
//!
//! Over TLS there are sockets and certificates, so the API server goes by the machine's clock, and not by a paused one.

mod answer;
mod api_server;
mod authenticator;
mod contents;
mod lists;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;

use bytes::Bytes;
use http::{Method, Request, Response};
use serde_json::{Value, json};

use crate::LocalAws;
use crate::local_aws::lock;
use crate::wire::error::{ApiError, respond};

pub use api_server::{ApiRequest, ApiServer, Fault, Resource, StartError};
pub use contents::{Contents, ContentsError};

/// The clusters of the account.
#[derive(Default)]
pub struct Eks {
    clusters: Mutex<BTreeMap<String, Value>>,
    servers: Mutex<Vec<ApiServer>>,
}

impl Eks {
    /// A cluster that `DescribeCluster` knows from now on: the `cluster` of its answer, in EKS's JSON.
    pub fn add_cluster(&self, name: &str, description: Value) {
        lock(&self.clusters).insert(name.to_owned(), description);
    }

    /// A cluster with these nodes and pods, whose API server runs as long as this AWS does. Callers with the credentials
    /// of functions ([`crate::lambda::credentials`]) may read all of it. Returns the API server's URL.
    ///
    /// # Errors
    /// When the API server cannot be started.
    pub async fn start(&self, name: &str, contents: Contents) -> Result<String, StartError> {
        let server = ApiServer::start(name, vec![crate::lambda::credentials()]).await?;
        server.set_contents(contents);
        self.add_cluster(name, server.description());
        let url = server.url().to_owned();
        lock(&self.servers).push(server);
        Ok(url)
    }
}

impl fmt::Debug for Eks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clusters = lock(&self.clusters);
        f.debug_set().entries(clusters.keys()).finish()
    }
}

/// A cluster in EKS's JSON, as much of it as callers of its API need.
#[must_use]
pub fn description(name: &str, endpoint: &str, certificate_authority: &str) -> Value {
    json!({
        "name": name,
        "status": "ACTIVE",
        "endpoint": endpoint,
        "certificateAuthority": { "data": certificate_authority },
    })
}

/// The action that a request asks for, and its parameters.
pub(crate) fn call(request: &Request<Bytes>) -> (String, BTreeMap<String, String>) {
    match cluster_of(request) {
        Some(name) => (
            "DescribeCluster".to_owned(),
            BTreeMap::from([("name".to_owned(), name.to_owned())]),
        ),
        None => (request.method().to_string(), BTreeMap::new()),
    }
}

/// Answers a call.
pub(crate) fn act(
    local: &LocalAws,
    request: &Request<Bytes>,
    request_id: &str,
) -> Result<Response<Bytes>, ApiError> {
    let Some(name) = cluster_of(request) else {
        return Err(ApiError::with_status(
            404,
            "UnknownOperationException",
            "Of EKS, only DescribeCluster is simulated",
        ));
    };
    let Some(cluster) = lock(&local.eks().clusters).get(name).cloned() else {
        return Err(ApiError::with_status(
            404,
            "ResourceNotFoundException",
            format!("No cluster found for name: {name}."),
        ));
    };
    let body = json!({ "cluster": cluster }).to_string();
    Ok(respond(200, "application/json", request_id, body.into()))
}

/// The name in `GET /clusters/NAME`. A cluster's name has no character that a path cannot have as it is.
fn cluster_of(request: &Request<Bytes>) -> Option<&str> {
    let name = request.uri().path().strip_prefix("/clusters/")?;
    (request.method() == Method::GET && !name.is_empty() && !name.contains('/')).then_some(name)
}

#[cfg(test)]
mod tests;
