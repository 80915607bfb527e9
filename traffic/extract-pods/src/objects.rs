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
    /// When a graceful deletion is over at the latest, set by its request. It is not when the pod ended: kubelet may be slower, or gone.
    pub deletion_timestamp: Option<Timestamp>,
    /// The labels.
    #[serde(default, deserialize_with = "null_is_default")]
    pub labels: BTreeMap<String, String>,
    /// The annotations that tell of networks. All others are skipped.
    #[serde(default, deserialize_with = "null_is_default")]
    pub annotations: Annotations,
    /// The owners of the object.
    #[serde(default, deserialize_with = "null_is_default")]
    pub owner_references: Vec<OwnerReference>,
}

/// The annotations of a pod that tell of its networks.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Annotations {
    /// The state of every network of the pod, as JSON (Network Plumbing Working Group, "Kubernetes
    /// Network Custom Resource Definition De-facto Standard"). Multus writes it.
    #[serde(rename = "k8s.v1.cni.cncf.io/network-status")]
    pub network_status: Option<String>,
    /// The branch interface that only this pod has, as JSON. The VPC resource controller writes it
    /// (amazon-vpc-resource-controller-k8s, `pkg/provider/branch`).
    #[serde(rename = "vpc.amazonaws.com/pod-eni")]
    pub pod_eni: Option<String>,
}

/// One network in [`Annotations::network_status`].
#[derive(Debug, Deserialize)]
struct NetworkStatus {
    #[serde(default, deserialize_with = "null_is_default")]
    ips: Vec<String>,
}

/// One interface in [`Annotations::pod_eni`].
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PodEni {
    eni_id: String,
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
        (!digits.is_empty() && is_hexadecimal(digits)).then_some(last)
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
    /// The stages of its life.
    #[serde(default, deserialize_with = "null_is_default")]
    pub conditions: Vec<Condition>,
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

/// A condition of a pod.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Its name, for example `Ready`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// When the status became what it is.
    pub last_transition_time: Option<Timestamp>,
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
#[serde(rename_all = "camelCase")]
pub struct ContainerStatus {
    /// Its state now.
    #[serde(default, deserialize_with = "null_is_default")]
    pub state: ContainerState,
    /// Its state before the last restart.
    #[serde(default, deserialize_with = "null_is_default")]
    pub last_state: ContainerState,
}

/// The state of a container. `waiting` is not read.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct ContainerState {
    /// Set if the container runs.
    pub running: Option<Running>,
    /// Set if the container has ended.
    pub terminated: Option<Terminated>,
}

/// The run of a container.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Running {
    /// When it started.
    pub started_at: Option<Timestamp>,
}

/// The end of a container.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Terminated {
    /// When it started.
    pub started_at: Option<Timestamp>,
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

    /// Every address of the pod in all of its networks, once each. Empty before the pod has one.
    #[must_use]
    pub fn ips(&self) -> Vec<IpAddr> {
        let networks = self.networks();
        let all = self.status.pod_ips.iter().map(|pod_ip| pod_ip.ip.as_str());
        let all = all.chain(self.status.pod_ip.as_deref());
        let all = all.chain(networks.iter().flatten().map(String::as_str));
        distinct(all.filter_map(|ip| ip.parse().ok()))
    }

    /// The addresses in each network that Multus tells of. Empty with `hostNetwork`, and if the
    /// annotation cannot be read: a user may write anything there.
    fn networks(&self) -> Vec<Vec<String>> {
        let status = self.metadata.annotations.network_status.as_deref();
        let status = status.filter(|_| !self.spec.host_network);
        let networks: Vec<NetworkStatus> = status
            .and_then(|json| serde_json::from_str(json).ok())
            .unwrap_or_default();
        networks.into_iter().map(|network| network.ips).collect()
    }

    /// The network interface that only this pod has: its branch interface. Returns `None` if there
    /// is none, or if the annotation cannot be read.
    #[must_use]
    pub fn interface_id(&self) -> Option<String> {
        let json = self.metadata.annotations.pod_eni.as_deref()?;
        let interfaces: Vec<PodEni> = serde_json::from_str(json).ok()?;
        let id = interfaces.into_iter().next()?.eni_id;
        let digits = id.strip_prefix("eni-")?;
        (!digits.is_empty() && is_hexadecimal(digits)).then_some(id)
    }

    /// The earliest time at which the pod can have had its addresses.
    #[must_use]
    pub fn start_time(&self) -> Timestamp {
        self.status
            .start_time
            .unwrap_or(self.metadata.creation_timestamp)
    }

    /// When the pod's network was ready. Returns `None` before that.
    ///
    /// kubelet sets the condition when the sandbox is there and its network is configured
    /// (Kubernetes documentation, "Pod Lifecycle": since 1.29). Before that version, the first
    /// start of a container that is known is an upper limit.
    #[must_use]
    pub fn network_time(&self) -> Option<Timestamp> {
        let ready = self.status.conditions.iter().find(|condition| {
            condition.kind == "PodReadyToStartContainers" && condition.status == "True"
        });
        let ready = ready.and_then(|condition| condition.last_transition_time);
        let starts = self.containers().filter_map(|container| {
            let running = container.state.running.as_ref();
            let running = running.and_then(|running| running.started_at);
            let terminated = container.state.terminated.as_ref();
            running.or_else(|| terminated.and_then(|terminated| terminated.started_at))
        });
        let starts = starts.filter(|start| *start > Timestamp::UNIX_EPOCH);
        ready.into_iter().chain(starts).min()
    }

    fn containers(&self) -> impl Iterator<Item = &ContainerStatus> {
        let status = &self.status;
        status
            .init_container_statuses
            .iter()
            .chain(&status.container_statuses)
            .chain(&status.ephemeral_container_statuses)
    }

    /// When the pod gave up its addresses: when its last container ended. Returns `None` if the pod
    /// has not ended, or if the time is not known.
    ///
    /// What proves it (Kubernetes API Reference, `Pod`; Kubernetes documentation, "Pod Lifecycle"):
    /// - No container starts again: the phase is `Succeeded` or `Failed`, or, before Kubernetes 1.27, kubelet has ended the
    ///   containers of a pod that has a `deletionTimestamp` and leaves its phase.
    /// - Each container that ever ran has `state.terminated.finishedAt`, of kubelet. A phase alone proves nothing: the garbage collector of pods
    ///   sets `Failed` on those of a node that is gone, whose containers stay `running`. `deletionTimestamp` proves nothing
    ///   either: it is in the future when it is set, and kubelet may need longer.
    #[must_use]
    pub fn end_time(&self) -> Option<Timestamp> {
        let is_over = matches!(self.status.phase, Phase::Succeeded | Phase::Failed);
        if !is_over && self.metadata.deletion_timestamp.is_none() {
            return None;
        }
        let mut last = None;
        for container in self.containers() {
            match &container.state {
                ContainerState {
                    running: Some(_), ..
                } => return None,
                ContainerState {
                    terminated: Some(terminated),
                    ..
                } => {
                    // The zero time of Go stands for a time that kubelet does not know.
                    let end = terminated.finished_at;
                    let end = end.filter(|end| *end > Timestamp::UNIX_EPOCH)?;
                    last = last.max(Some(end));
                }
                // It waits for its first start, which does not come any more, or for a restart.
                _ if !is_over || container.last_state.terminated.is_some() => return None,
                _ => {}
            }
        }
        last
    }
}

fn is_hexadecimal(digits: &str) -> bool {
    let hexadecimal = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    digits.bytes().all(hexadecimal)
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
