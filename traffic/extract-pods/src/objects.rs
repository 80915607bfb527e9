//! Nodes and pods, as much of them as a record needs.
//!
//! The full types of `k8s-openapi` would hold some hundred fields a pod, and a page of them several times its JSON;
//! kube's `ObjectList` keeps a whole page as generic values on its way. These types skip what they do not name.

use std::collections::BTreeMap;
use std::net::IpAddr;

use hookline_kubernetes::{Object, null_is_default};
use jiff::Timestamp;
use k8s_openapi::api::core::v1;
use serde::Deserialize;

/// What every object has.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// The name, unique in its namespace at one time.
    pub name: String,
    /// The namespace; empty for a node.
    #[serde(default)]
    pub namespace: String,
    /// Unique over all time.
    pub uid: String,
    /// When it was made.
    pub creation_timestamp: Timestamp,
    /// The labels.
    #[serde(default, deserialize_with = "null_is_default")]
    pub labels: BTreeMap<String, String>,
    /// Whose it is.
    #[serde(default, deserialize_with = "null_is_default")]
    pub owner_references: Vec<OwnerReference>,
}

/// An owner of an object.
#[derive(Debug, Clone, Deserialize)]
pub struct OwnerReference {
    /// As `ReplicaSet`.
    pub kind: String,
    /// The owner's name.
    pub name: String,
    /// Whether this is the one that manages the object. At most one does.
    #[serde(default, deserialize_with = "null_is_default")]
    pub controller: bool,
}

/// A node.
#[derive(Debug, Clone, Deserialize)]
pub struct Node {
    /// `metadata`
    pub metadata: Metadata,
    /// `spec`
    #[serde(default, deserialize_with = "null_is_default")]
    pub spec: NodeSpec,
    /// `status`
    #[serde(default, deserialize_with = "null_is_default")]
    pub status: NodeStatus,
}

/// `spec` of a node.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeSpec {
    /// As `aws:///us-east-2a/i-0123456789abcdef0`.
    #[serde(rename = "providerID")]
    pub provider_id: Option<String>,
}

/// `status` of a node.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct NodeStatus {
    /// Names and addresses.
    #[serde(default, deserialize_with = "null_is_default")]
    pub addresses: Vec<NodeAddress>,
}

/// One of a node's addresses, which may be a name.
#[derive(Debug, Clone, Deserialize)]
pub struct NodeAddress {
    /// `InternalIP`, `ExternalIP`, `Hostname`, `InternalDNS` or `ExternalDNS`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The address, or the name.
    pub address: String,
}

impl Object for Node {
    type Full = v1::Node;
}

impl Node {
    /// The label of the AZ's name.
    pub const ZONE: &str = "topology.kubernetes.io/zone";
    /// The label of the AZ's id, which EKS's cloud controller puts on nodes.
    pub const ZONE_ID: &str = "topology.k8s.aws/zone-id";

    /// The value of a label, where there is one and it is not empty.
    #[must_use]
    pub fn label(&self, key: &str) -> Option<&str> {
        label(&self.metadata, key)
    }

    /// Every internal address, in the node's order.
    #[must_use]
    pub fn internal_ips(&self) -> Vec<IpAddr> {
        let internal = self.status.addresses.iter();
        let internal = internal.filter(|address| address.kind == "InternalIP");
        distinct(internal.filter_map(|address| address.address.parse().ok()))
    }

    /// The EC2 instance; none on Fargate, say.
    #[must_use]
    pub fn instance_id(&self) -> Option<&str> {
        let provider_id = self.spec.provider_id.as_deref()?;
        let (_, last) = provider_id.strip_prefix("aws://")?.rsplit_once('/')?;
        let digits = last.strip_prefix("i-")?;
        let hexadecimal = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        (!digits.is_empty() && digits.bytes().all(hexadecimal)).then_some(last)
    }
}

/// A pod.
#[derive(Debug, Clone, Deserialize)]
pub struct Pod {
    /// `metadata`
    pub metadata: Metadata,
    /// `spec`
    #[serde(default, deserialize_with = "null_is_default")]
    pub spec: PodSpec,
    /// `status`
    #[serde(default, deserialize_with = "null_is_default")]
    pub status: PodStatus,
}

/// `spec` of a pod.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodSpec {
    /// None until the pod is bound to a node.
    pub node_name: Option<String>,
    /// Whether the pod has the node's addresses.
    #[serde(default, deserialize_with = "null_is_default")]
    pub host_network: bool,
}

/// `status` of a pod.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodStatus {
    /// Where it is in its life.
    #[serde(default)]
    pub phase: Phase,
    /// When kubelet took it on.
    pub start_time: Option<Timestamp>,
    /// The first of [`PodStatus::pod_ips`].
    #[serde(rename = "podIP")]
    pub pod_ip: Option<String>,
    /// At most one address of each family.
    #[serde(rename = "podIPs", default, deserialize_with = "null_is_default")]
    pub pod_ips: Vec<PodIp>,
    /// `initContainerStatuses`
    #[serde(default, deserialize_with = "null_is_default")]
    pub init_container_statuses: Vec<ContainerStatus>,
    /// `containerStatuses`
    #[serde(default, deserialize_with = "null_is_default")]
    pub container_statuses: Vec<ContainerStatus>,
    /// `ephemeralContainerStatuses`
    #[serde(default, deserialize_with = "null_is_default")]
    pub ephemeral_container_statuses: Vec<ContainerStatus>,
}

/// Where a pod is in its life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, serde::Serialize)]
pub enum Phase {
    /// Not all of its containers run yet.
    Pending,
    /// They do.
    Running,
    /// They have ended, and well.
    Succeeded,
    /// They have ended, and not well.
    Failed,
    /// Kubernetes does not know, or this code does not know what it says.
    #[default]
    #[serde(other)]
    Unknown,
}

/// One of a pod's addresses.
#[derive(Debug, Clone, Deserialize)]
pub struct PodIp {
    /// The address.
    pub ip: String,
}

/// How one container of a pod is.
#[derive(Debug, Clone, Deserialize)]
pub struct ContainerStatus {
    /// What it does now.
    #[serde(default, deserialize_with = "null_is_default")]
    pub state: ContainerState,
}

/// What a container does; of its three states the one that is over.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct ContainerState {
    /// It has ended.
    pub terminated: Option<Terminated>,
}

/// The end of a container.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Terminated {
    /// When it ended. Null when kubelet does not know.
    pub finished_at: Option<Timestamp>,
}

impl Object for Pod {
    type Full = v1::Pod;
}

impl Pod {
    /// The value of a label, where there is one and it is not empty.
    #[must_use]
    pub fn label(&self, key: &str) -> Option<&str> {
        label(&self.metadata, key)
    }

    /// The owner that manages the pod.
    #[must_use]
    pub fn controller(&self) -> Option<&OwnerReference> {
        self.metadata
            .owner_references
            .iter()
            .find(|owner| owner.controller)
    }

    /// Every address of the pod; none before it has one.
    #[must_use]
    pub fn ips(&self) -> Vec<IpAddr> {
        let all = self.status.pod_ips.iter().map(|pod_ip| pod_ip.ip.as_str());
        let all = all.chain(self.status.pod_ip.as_deref());
        distinct(all.filter_map(|ip| ip.parse().ok()))
    }

    /// From when on the pod may have held its addresses.
    #[must_use]
    pub fn start_time(&self) -> Timestamp {
        self.status
            .start_time
            .unwrap_or(self.metadata.creation_timestamp)
    }

    /// When a pod that has ended let go of its addresses, as far as is known: when its last container ended.
    #[must_use]
    pub fn end_time(&self) -> Option<Timestamp> {
        if !matches!(self.status.phase, Phase::Succeeded | Phase::Failed) {
            return None;
        }
        let containers = [
            &self.status.init_container_statuses,
            &self.status.container_statuses,
            &self.status.ephemeral_container_statuses,
        ];
        let ends = containers
            .into_iter()
            .flatten()
            .filter_map(|container| container.state.terminated.as_ref()?.finished_at);
        // Go's zero time stands for one that kubelet does not know.
        ends.filter(|end| *end > Timestamp::UNIX_EPOCH).max()
    }
}

fn label<'a>(metadata: &'a Metadata, key: &str) -> Option<&'a str> {
    let value = metadata.labels.get(key)?;
    (!value.is_empty()).then_some(value)
}

fn distinct(ips: impl Iterator<Item = IpAddr>) -> Vec<IpAddr> {
    let mut distinct = Vec::new();
    for ip in ips {
        if !distinct.contains(&ip) {
            distinct.push(ip);
        }
    }
    distinct
}

#[cfg(test)]
#[path = "objects_tests.rs"]
mod tests;
