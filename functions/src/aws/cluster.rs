//! The cluster that a node joins: its node there, and the taints of that.

use std::collections::BTreeMap;
use std::time::Duration;

use hookline_domain::error::{Error, Result};
use hookline_domain::ids::InstanceId;
use hookline_domain::startup_taint::is_node_of;
use hookline_kubernetes::{Caller, Cluster, Error as ClusterError, RequestFailure};
use hookline_runtime::aws_errors::FUNCTION_ROLE;
use k8s_openapi::api::core::v1::{Node, Taint};
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::classify::{classify, code, of_failure};
use super::{Aws, convert};

/// What is left of an invocation's time for its last answer.
const MARGIN: Duration = Duration::from_secs(2);
/// How long one request to an API server may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a cluster's endpoint is cached: each launch looks several times.
const REMEMBER: Duration = Duration::from_secs(300);

/// The clusters that a process has found, and when.
pub(super) type Clusters = Mutex<BTreeMap<String, (Instant, Cluster)>>;

/// A client of a cluster's API server.
pub struct NodeCluster {
    cluster: Cluster,
    deadline: Instant,
}

/// A node of a cluster, and its taints as of a version of it.
#[derive(Debug, Clone, PartialEq)]
pub struct TaintedNode {
    /// Its name.
    pub name: String,
    version: Option<String>,
    taints: Vec<Taint>,
}

impl Aws {
    /// The names that the node of an instance can have in its cluster: the instance's private DNS
    /// name, as EKS's AMIs name it, or its id, with nodeadm's feature gate `InstanceIdNodeName`
    /// (DescribeInstances). `None` if the instance is gone or ending.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn node_names(&self, instance: &InstanceId) -> Result<Option<Vec<String>>> {
        let answer = self
            .ec2
            .describe_instances()
            .instance_ids(instance.as_str())
            .send()
            .await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) if code(&error) == Some("InvalidInstanceID.NotFound") => return Ok(None),
            Err(error) => return Err(classify("DescribeInstances", &error)),
        };
        let mut described = answer.reservations().iter().flat_map(|of| of.instances());
        let Some(found) = described.next() else {
            return Ok(None);
        };
        if convert::instance(found).is_some_and(|found| found.ensure_not_ending().is_err()) {
            return Ok(None);
        }
        let dns = found.private_dns_name().filter(|name| !name.is_empty());
        let names = dns.map(str::to_owned).into_iter();
        Ok(Some(names.chain([instance.to_string()]).collect()))
    }

    /// A client of the API server of a cluster (DescribeCluster, unless this process did so within
    /// some minutes). No request of it ends after
    /// `deadline`.
    ///
    /// # Errors
    /// [`Error::ResourceNotFound`] if there is no such cluster, and those of every call.
    pub async fn cluster(&self, name: &str, deadline: Instant) -> Result<NodeCluster> {
        let now = Instant::now();
        let mut known = self.clusters.lock().await;
        known.retain(|_, (at, _)| now.duration_since(*at) < REMEMBER);
        let cluster = match known.get(name) {
            Some((_, cluster)) => cluster.clone(),
            None => {
                let caller = Caller::new(self.config.clone(), FUNCTION_ROLE);
                let caller = caller.map_err(|error| of(&error))?;
                let found = Cluster::find(name, &caller).await;
                let found = found.map_err(|error| of(&error))?;
                known.insert(name.to_owned(), (now, found.clone()));
                found
            }
        };
        Ok(NodeCluster { cluster, deadline })
    }
}

impl NodeCluster {
    /// The cluster's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.cluster.name()
    }

    /// The node of an instance, which has one of these names; `None` if it has not registered.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn node_of(
        &self,
        instance: &InstanceId,
        names: &[String],
    ) -> Result<Option<TaintedNode>> {
        let nodes: Api<Node> = Api::all(self.cluster.client());
        for name in names {
            let action = format!("get Node {name}");
            let found = self.answer(&action, nodes.get_opt(name)).await?;
            let Some(node) = found else { continue };
            let spec = node.spec.unwrap_or_default();
            if is_node_of(spec.provider_id.as_deref(), instance) {
                return Ok(Some(TaintedNode {
                    name: name.clone(),
                    version: node.metadata.resource_version,
                    taints: spec.taints.unwrap_or_default(),
                }));
            }
        }
        Ok(None)
    }

    /// Removes the taints with this key from a node, if it has one. If the node has changed since it
    /// was read, that is an error, and a retry reads it again: the list of taints is replaced as a
    /// whole (core/v1 NodeSpec, `taints` is atomic).
    ///
    /// # Errors
    /// [`Error::AwsUnavailable`] if the node has changed, and those of every call.
    pub async fn remove_taint(&self, node: &TaintedNode, key: &str) -> Result<bool> {
        let left: Vec<&Taint> = node
            .taints
            .iter()
            .filter(|taint| taint.key != key)
            .collect();
        if left.len() == node.taints.len() {
            return Ok(false);
        }
        let patch = json!({
            "metadata": { "resourceVersion": node.version },
            "spec": { "taints": left },
        });
        let nodes: Api<Node> = Api::all(self.cluster.client());
        let action = format!("patch Node {}", node.name);
        let (params, patch) = (PatchParams::default(), Patch::Merge(&patch));
        let patched = nodes.patch(&node.name, &params, &patch);
        self.answer(&action, patched).await?;
        Ok(true)
    }

    /// The answer to a request, which the state machine repeats if there is none.
    async fn answer<T>(
        &self,
        action: &str,
        request: impl Future<Output = kube::Result<T>>,
    ) -> Result<T> {
        let end = (Instant::now() + REQUEST_TIMEOUT).min(self.deadline - MARGIN);
        match tokio::time::timeout_at(end, request).await {
            Ok(answer) => answer.map_err(|error| of(&self.cluster.error(action, error))),
            Err(_) => Err(Error::AwsUnavailable {
                action: REQUEST,
                detail: format!("no answer in time: {action}"),
            }),
        }
    }
}

/// How an error names the lookup of a cluster.
const DESCRIBE: &str = "eks:DescribeCluster";
/// How an error names a request to an API server. Its detail says which one.
const REQUEST: &str = "a request to the cluster's API server";

/// The error of a cluster, by its name in the state machine.
fn of(error: &ClusterError) -> Error {
    let detail = error.to_string();
    match error {
        ClusterError::ClusterNotFound { .. } => Error::not_found(detail),
        ClusterError::Aws(error) => of_failure(DESCRIBE, error.failure.clone()),
        ClusterError::Request { failure, .. } => match failure {
            RequestFailure::Throttled { .. } => Error::Throttled {
                action: REQUEST,
                code: detail,
            },
            RequestFailure::Unauthorized { .. } | RequestFailure::Forbidden { .. } => {
                Error::AccessDenied {
                    action: REQUEST,
                    detail,
                }
            }
            RequestFailure::Unavailable { .. }
            | RequestFailure::Conflict { .. }
            | RequestFailure::Expired { .. } => Error::AwsUnavailable {
                action: REQUEST,
                detail,
            },
            _ => Error::AwsRefused {
                action: REQUEST,
                code: "refused".to_owned(),
                message: detail,
            },
        },
        // The cluster is being created, or cannot be connected to safely.
        _ => Error::AwsRefused {
            action: DESCRIBE,
            code: "unusable".to_owned(),
            message: detail,
        },
    }
}
