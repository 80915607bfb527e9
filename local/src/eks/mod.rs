//! EKS: `DescribeCluster`, and an API server that lists nodes, pods and Services.
//!
//! - `api_server`: the Kubernetes API over TLS, with a certificate of its own;
//! - `lists`: the contents of a cluster, and lists of one snapshot in pages;
//! - `watch`: what happened to its pods;
//! - `authenticator`: the check of a token;
//! - `answer`: the API server's answer, whole or broken off;
//! - `contents`: a cluster in a file, for `hookline-local --cluster NAME=FILE`;
//! - `network`: the VPC of such clusters.
//!
//! TLS needs sockets and certificates, so the API server uses the machine's clock, not a paused
//! one.

mod answer;
mod api_server;
mod authenticator;
mod contents;
mod lists;
mod network;
mod watch;

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
pub use network::Network;

/// The clusters of the account.
#[derive(Default)]
pub struct Eks {
    clusters: Mutex<BTreeMap<String, Value>>,
    servers: Mutex<Vec<ApiServer>>,
}

impl Eks {
    /// Adds a cluster to `DescribeCluster`. `description` is the `cluster` of the answer, in EKS's
    /// JSON.
    pub fn add_cluster(&self, name: &str, description: Value) {
        lock(&self.clusters).insert(name.to_owned(), description);
    }

    /// Starts a cluster with these nodes, pods and Services. Its API server runs as long as the fake
    /// AWS. Callers with the credentials of functions ([`crate::lambda::credentials`]) may read all
    /// of it. `vpc_config` is its `resourcesVpcConfig`, as [`Network::vpc_config`] makes it. Returns the API
    /// server's URL.
    ///
    /// # Errors
    /// If the API server does not start.
    pub async fn start(
        &self,
        name: &str,
        contents: Contents,
        vpc_config: Value,
    ) -> Result<String, StartError> {
        let server = ApiServer::start(name, vec![crate::lambda::credentials()]).await?;
        server.set_contents(contents);
        let mut description = server.description();
        if let Value::Object(fields) = &mut description {
            fields.insert("resourcesVpcConfig".to_owned(), vpc_config);
        }
        self.add_cluster(name, description);
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

/// A cluster in EKS's JSON: the fields that its callers need.
#[must_use]
pub fn description(name: &str, endpoint: &str, certificate_authority: &str) -> Value {
    json!({
        "name": name,
        "status": "ACTIVE",
        "endpoint": endpoint,
        "certificateAuthority": { "data": certificate_authority },
    })
}

/// The action of a request, and its parameters.
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
            "The fake AWS has only DescribeCluster of EKS",
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

/// The name in `GET /clusters/NAME`. Cluster names need no encoding in a path.
fn cluster_of(request: &Request<Bytes>) -> Option<&str> {
    let name = request.uri().path().strip_prefix("/clusters/")?;
    (request.method() == Method::GET && !name.is_empty() && !name.contains('/')).then_some(name)
}

#[cfg(test)]
mod tests;
