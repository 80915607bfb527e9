//! Nodes and pods, with the fields that a record needs. These types skip all other fields.
//!
//! The full types of `k8s-openapi` have some hundred fields per pod, and a page of them takes
//! several times the memory of its JSON. The `ObjectList` of kube also holds a whole page as
//! generic values while it reads it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use hookline_kubernetes::{Object, null_is_default};
use jiff::Timestamp;
use k8s_openapi::api::core::v1;
use serde::Deserialize;

/// The metadata of an object.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// The name. At one time it is unique in its namespace.
    pub name: String,
    /// The namespace. Empty for a node.
    #[serde(default)]
    pub namespace: String,
    /// The UID. No other object ever has it.
    pub uid: String,
    /// When the object was created.
    pub creation_timestamp: Timestamp,
    /// The labels.
    #[serde(default, deserialize_with = "null_is_default")]
    pub labels: BTreeMap<String, String>,
    /// The owners of the object.
    #[serde(default, deserialize_with = "null_is_default")]
    pub owner_references: Vec<OwnerReference>,
}

/// An owner of an object.
#[derive(Debug, Clone, Deserialize)]
pub struct OwnerReference {
    /// The owner's kind, for example `ReplicaSet`.
    pub kind: String,
    /// The owner's name.
    pub name: String,
    /// `true` for the owner that manages the object. There is at most one.
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
    /// For example `aws:///us-east-2a/i-0123456789abcdef0`.
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

/// One address of a node. It may be a host name.
#[derive(Debug, Clone, Deserialize)]
pub struct NodeAddress {
    /// `InternalIP`, `ExternalIP`, `Hostname`, `InternalDNS` or `ExternalDNS`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The address, or the host name.
    pub address: String,
}

impl Object for Node {
    type Full = v1::Node;
}

impl Node {
    /// The label with the name of the AZ.
    pub const ZONE: &str = "topology.kubernetes.io/zone";
    /// The label with the ID of the AZ. EKS's cloud controller sets it.
    pub const ZONE_ID: &str = "topology.k8s.aws/zone-id";

    /// The value of a label. Returns `None` if there is no such label, or if it is empty.
    #[must_use]
    pub fn label(&self, key: &str) -> Option<&str> {
        label(&self.metadata, key)
    }

    /// Every internal address, once each, in the order of the node.
    #[must_use]
    pub fn internal_ips(&self) -> Vec<IpAddr> {
        let internal = self.status.addresses.iter();
        let internal = internal.filter(|address| address.kind == "InternalIP");
        distinct(internal.filter_map(|address| address.address.parse().ok()))
    }

    /// The EC2 instance. Returns `None` if the node is not an instance, for example on Fargate.
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
    /// The node. `None` until the pod is bound to a node.
    pub node_name: Option<String>,
    /// `true` if the pod uses the addresses of its node.
    #[serde(default, deserialize_with = "null_is_default")]
    pub host_network: bool,
}

/// `status` of a pod.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodStatus {
    /// The phase of its life.
    #[serde(default)]
    pub phase: Phase,
    /// When kubelet accepted the pod.
    pub start_time: Option<Timestamp>,
    /// The first address of [`PodStatus::pod_ips`].
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

/// The phase of a pod's life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, serde::Serialize)]
pub enum Phase {
    /// Not all containers run yet.
    Pending,
    /// The containers run.
    Running,
    /// All containers have ended with success.
    Succeeded,
    /// All containers have ended, at least one with a failure.
    Failed,
    /// Kubernetes does not know the phase, or names one that this code does not know.
    #[default]
    #[serde(other)]
    Unknown,
}

/// One address of a pod.
#[derive(Debug, Clone, Deserialize)]
pub struct PodIp {
    /// The address.
    pub ip: String,
}

/// The status of one container.
#[derive(Debug, Clone, Deserialize)]
pub struct ContainerStatus {
    /// Its state now.
    #[serde(default, deserialize_with = "null_is_default")]
    pub state: ContainerState,
}

/// The state of a container. Of the three states, only `terminated` is read.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct ContainerState {
    /// Set if the container has ended.
    pub terminated: Option<Terminated>,
}

/// The end of a container.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Terminated {
    /// When it ended. `None` if kubelet does not know.
    pub finished_at: Option<Timestamp>,
}

impl Object for Pod {
    type Full = v1::Pod;
}

impl Pod {
    /// The value of a label. Returns `None` if there is no such label, or if it is empty.
    #[must_use]
    pub fn label(&self, key: &str) -> Option<&str> {
        label(&self.metadata, key)
    }

    /// The owner that manages the pod. Returns `None` if there is none.
    #[must_use]
    pub fn controller(&self) -> Option<&OwnerReference> {
        self.metadata
            .owner_references
            .iter()
            .find(|owner| owner.controller)
    }

    /// Every address of the pod, once each. Empty before the pod has one.
    #[must_use]
    pub fn ips(&self) -> Vec<IpAddr> {
        let all = self.status.pod_ips.iter().map(|pod_ip| pod_ip.ip.as_str());
        let all = all.chain(self.status.pod_ip.as_deref());
        distinct(all.filter_map(|ip| ip.parse().ok()))
    }

    /// The earliest time at which the pod can have had its addresses.
    #[must_use]
    pub fn start_time(&self) -> Timestamp {
        self.status
            .start_time
            .unwrap_or(self.metadata.creation_timestamp)
    }

    /// When the pod gave up its addresses: when its last container ended. Returns `None` if the pod
    /// has not ended, or if the time is not known.
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
        // The zero time of Go stands for a time that kubelet does not know.
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
