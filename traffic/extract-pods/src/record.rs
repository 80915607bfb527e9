//! The lines of an object. The schema is `traffic/schema/pods.schema.json`. The fields are the
//! columns of a Glue table.

use std::collections::BTreeSet;
use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::attached::AttachedRecord;
use crate::error::Error;
use crate::grouping::Grouping;
use crate::instances::Instance;
use crate::interfaces::Interface;
use crate::kubernetes_services::{self, Selected, Service};
use crate::objects::{Node, Phase, Pod};

/// An Availability Zone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Zone {
    /// The name, for example `us-east-2a`. It stands for another zone in another account.
    pub name: Option<String>,
    /// The ID, for example `use2-az1`. It stands for the same zone in every account.
    pub id: Option<String>,
}

impl Zone {
    /// The zone of a node.
    #[must_use]
    pub fn of(node: &Node) -> Self {
        let label = |key| node.label(key).map(ToOwned::to_owned);
        Self {
            name: label(Node::ZONE),
            id: label(Node::ZONE_ID),
        }
    }
}

/// One line.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Record<'a> {
    /// A node.
    Node(NodeRecord<'a>),
    /// A pod.
    Pod(PodRecord<'a>),
    /// A pod that was deleted.
    Deleted(DeletedRecord<'a>),
    /// An EC2 instance.
    Instance(InstanceRecord<'a>),
    /// Addresses of a further network interface of an instance.
    Attached(AttachedRecord<'a>),
    /// A network interface of something else in the cluster's VPC.
    Interface(InterfaceRecord<'a>),
    /// A Kubernetes Service.
    Service(ServiceRecord<'a>),
    /// What the listing lacks.
    Missing(MissingRecord<'a>),
}

/// A node, as one run listed it.
#[derive(Debug, Serialize)]
pub struct NodeRecord<'a> {
    /// The EKS cluster's name.
    pub cluster: &'a str,
    /// `metadata.name`
    pub name: &'a str,
    /// `metadata.uid`
    pub uid: &'a str,
    /// Every address of type InternalIP.
    pub ips: Vec<IpAddr>,
    /// The name of the AZ.
    pub az: Option<&'a str>,
    /// The ID of the AZ.
    pub az_id: Option<&'a str>,
    /// The EC2 instance.
    pub instance_id: Option<&'a str>,
    /// Empty: the instance's record has its interfaces. A reader that takes the columns from the
    /// lines finds this one even if EC2 describes no instance.
    pub interface_ids: [&'a str; 0],
    /// When it joined the cluster.
    #[serde(serialize_with = "whole_seconds")]
    pub start_time: Timestamp,
    /// When the run started to list.
    #[serde(serialize_with = "whole_seconds")]
    pub observed_at: Timestamp,
}

/// A pod, as one run listed it.
#[derive(Debug, Serialize)]
pub struct PodRecord<'a> {
    /// The EKS cluster's name.
    pub cluster: &'a str,
    /// `metadata.namespace`
    pub namespace: &'a str,
    /// `metadata.name`
    pub name: &'a str,
    /// `metadata.uid`
    pub uid: &'a str,
    /// Every address. With `host_network`, these are the addresses of its node.
    pub ips: Vec<IpAddr>,
    /// `spec.nodeName`
    pub node: Option<&'a str>,
    /// The name of its node's AZ.
    pub az: Option<&'a str>,
    /// The ID of its node's AZ.
    pub az_id: Option<&'a str>,
    /// The network interface that only this pod has.
    pub interface_id: Option<String>,
    /// `spec.hostNetwork`
    pub host_network: bool,
    /// `status.phase`
    pub phase: Phase,
    /// The name of the group that it is counted under.
    pub group_name: String,
    /// Where that name comes from: [`Group::kind`](crate::grouping::Group::kind).
    pub group_kind: String,
    /// The earliest time at which it can have had its addresses.
    #[serde(serialize_with = "whole_seconds")]
    pub start_time: Timestamp,
    /// When its network was ready: it had its addresses then, and no other pod had them.
    #[serde(serialize_with = "optional_whole_seconds")]
    pub network_time: Option<Timestamp>,
    /// When it gave them up, if the pod has ended and the time is known.
    #[serde(serialize_with = "optional_whole_seconds")]
    pub end_time: Option<Timestamp>,
    /// When the run started to list.
    #[serde(serialize_with = "whole_seconds")]
    pub observed_at: Timestamp,
}

/// A pod that was deleted, as it was then. Its `observed_at` is when the run started that replayed the deletion, which may be minutes later.
#[derive(Debug, Serialize)]
pub struct DeletedRecord<'a> {
    /// The pod.
    #[serde(flatten)]
    pub pod: PodRecord<'a>,
    /// The EC2 instance of its node. No line of the same object has the node.
    pub instance_id: Option<&'a str>,
}

/// An EC2 instance of the cluster, as one run described it.
#[derive(Debug, Serialize)]
pub struct InstanceRecord<'a> {
    /// The EKS cluster's name.
    pub cluster: &'a str,
    /// The instance's ID.
    pub name: &'a str,
    /// The instance's ID.
    pub uid: &'a str,
    /// The addresses of its primary interface. Empty if it is terminated.
    pub ips: &'a [IpAddr],
    /// The name of the AZ.
    pub az: Option<&'a str>,
    /// The ID of the AZ.
    pub az_id: Option<&'a str>,
    /// The instance's ID.
    pub instance_id: &'a str,
    /// The IDs of its network interfaces.
    pub interface_ids: &'a [String],
    /// Its state, for example `running`.
    pub phase: &'a str,
    /// When it was launched.
    #[serde(serialize_with = "whole_seconds")]
    pub start_time: Timestamp,
    /// When its termination began, if that is known.
    #[serde(serialize_with = "optional_whole_seconds")]
    pub end_time: Option<Timestamp>,
    /// When the run started to list.
    #[serde(serialize_with = "whole_seconds")]
    pub observed_at: Timestamp,
}

/// A network interface in the cluster's VPC that is not a node's, as one run described it.
#[derive(Debug, Serialize)]
pub struct InterfaceRecord<'a> {
    /// The EKS cluster's name.
    pub cluster: &'a str,
    /// The interface's ID.
    pub name: &'a str,
    /// The interface's ID.
    pub uid: &'a str,
    /// Its private addresses.
    pub ips: &'a [IpAddr],
    /// The name of its AZ.
    pub az: Option<&'a str>,
    /// The ID of its AZ.
    pub az_id: Option<&'a str>,
    /// Its ID, as the only one.
    pub interface_ids: [&'a str; 1],
    /// Whose it is: [`Service::name`](crate::services::Service::name).
    pub group_name: &'a str,
    /// What that is: [`Service::kind`](crate::services::Service::kind).
    pub group_kind: &'a str,
    /// When it was attached; if EC2 does not tell it, when the run started to list.
    #[serde(serialize_with = "whole_seconds")]
    pub start_time: Timestamp,
    /// When the run started to list.
    #[serde(serialize_with = "whole_seconds")]
    pub observed_at: Timestamp,
}

/// A Kubernetes Service that selects pods, as one run listed it. It has no field of an address, so
/// that nothing takes it for the holder of one.
#[derive(Debug, Serialize)]
pub struct ServiceRecord<'a> {
    /// The EKS cluster's name.
    pub cluster: &'a str,
    /// `metadata.namespace`
    pub namespace: &'a str,
    /// `metadata.name`
    pub name: &'a str,
    /// `metadata.uid`
    pub uid: &'a str,
    /// `spec.type`
    pub service_type: kubernetes_services::Kind,
    /// Whether it has no address of its own.
    pub headless: bool,
    /// Its ports: [`Service::ports`].
    pub ports: Vec<String>,
    /// `spec.trafficDistribution`
    pub traffic_distribution: Option<&'a str>,
    /// `spec.internalTrafficPolicy`
    pub internal_traffic_policy: Option<&'a str>,
    /// The annotation `service.kubernetes.io/topology-mode`.
    pub topology_mode: Option<&'a str>,
    /// The groups of the pods that it selects, each `KIND/NAME`.
    pub selected_groups: &'a BTreeSet<String>,
    /// The controllers of those that a label groups: [`Selected::controllers`].
    pub selected_controllers: &'a BTreeSet<String>,
    /// When the run started to list.
    #[serde(serialize_with = "whole_seconds")]
    pub observed_at: Timestamp,
}

/// That a listing has nothing of a kind although there may be some. Without it, a cluster that
/// refuses to list its Services would look like one without Services.
#[derive(Debug, Serialize)]
pub struct MissingRecord<'a> {
    /// The EKS cluster's name.
    pub cluster: &'a str,
    /// What is missing.
    pub name: Part,
    /// Why.
    pub phase: Reason,
    /// When the run started to list.
    #[serde(serialize_with = "whole_seconds")]
    pub observed_at: Timestamp,
}

/// A part of a listing that the rest is of use without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// What EC2 describes of the cluster's instances.
    Instances,
    /// What EC2 describes of the other interfaces in its VPC.
    Interfaces,
    /// The Kubernetes Services.
    Services,
}

/// Why a part of a listing is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    /// A permission is missing. It stays so until someone grants it.
    Refused,
    /// Anything else, such as no answer in time. The next listing may have it.
    Failed,
}

impl Reason {
    /// What an error says.
    #[must_use]
    pub fn of(error: &Error) -> Self {
        match error.error_type() {
            "Hookline.KubernetesForbidden" | "Hookline.AccessDenied" => Self::Refused,
            _ => Self::Failed,
        }
    }
}

impl<'a> ServiceRecord<'a> {
    /// The record of `service`, and of what it selects.
    #[must_use]
    pub fn of(
        cluster: &'a str,
        service: &'a Service,
        selected: &'a Selected,
        observed_at: Timestamp,
    ) -> Self {
        let spec = &service.spec;
        Self {
            cluster,
            namespace: &service.metadata.namespace,
            name: &service.metadata.name,
            uid: &service.metadata.uid,
            service_type: spec.kind,
            headless: service.is_headless(),
            ports: service.ports(),
            traffic_distribution: spec.traffic_distribution.as_deref(),
            internal_traffic_policy: spec.internal_traffic_policy.as_deref(),
            topology_mode: service.metadata.annotations.topology_mode.as_deref(),
            selected_groups: &selected.groups,
            selected_controllers: &selected.controllers,
            observed_at,
        }
    }
}

impl<'a> InterfaceRecord<'a> {
    /// The record of `interface`.
    #[must_use]
    pub fn of(cluster: &'a str, interface: &'a Interface, observed_at: Timestamp) -> Self {
        Self {
            cluster,
            name: &interface.id,
            uid: &interface.id,
            ips: &interface.ips,
            az: interface.zone.name.as_deref(),
            az_id: interface.zone.id.as_deref(),
            interface_ids: [&interface.id],
            group_name: &interface.service.name,
            group_kind: &interface.service.kind,
            start_time: interface.attach_time.unwrap_or(observed_at),
            observed_at,
        }
    }
}

impl<'a> InstanceRecord<'a> {
    /// The record of `instance`.
    #[must_use]
    pub fn of(cluster: &'a str, instance: &'a Instance, observed_at: Timestamp) -> Self {
        Self {
            cluster,
            name: &instance.id,
            uid: &instance.id,
            ips: &instance.ips,
            az: instance.zone.name.as_deref(),
            az_id: instance.zone.id.as_deref(),
            instance_id: &instance.id,
            interface_ids: &instance.interface_ids,
            phase: &instance.state,
            start_time: instance.launch_time,
            end_time: instance.end_time,
            observed_at,
        }
    }
}

impl<'a> NodeRecord<'a> {
    /// The record of `node`.
    #[must_use]
    pub fn of(cluster: &'a str, node: &'a Node, observed_at: Timestamp) -> Self {
        Self {
            cluster,
            name: &node.metadata.name,
            uid: &node.metadata.uid,
            ips: node.internal_ips(),
            az: node.label(Node::ZONE),
            az_id: node.label(Node::ZONE_ID),
            instance_id: node.instance_id(),
            interface_ids: [],
            start_time: node.metadata.creation_timestamp,
            observed_at,
        }
    }
}

impl<'a> PodRecord<'a> {
    /// The record of `pod`, whose node is in `zone`.
    #[must_use]
    pub fn of(
        cluster: &'a str,
        pod: &'a Pod,
        zone: Option<&'a Zone>,
        grouping: &Grouping,
        observed_at: Timestamp,
    ) -> Self {
        let group = grouping.group(pod);
        Self {
            cluster,
            namespace: &pod.metadata.namespace,
            name: &pod.metadata.name,
            uid: &pod.metadata.uid,
            ips: pod.ips(),
            node: node_of(pod),
            interface_id: pod.interface_id(),
            az: zone.and_then(|zone| zone.name.as_deref()),
            az_id: zone.and_then(|zone| zone.id.as_deref()),
            host_network: pod.spec.host_network,
            phase: pod.status.phase,
            group_name: group.name,
            group_kind: group.kind,
            start_time: pod.start_time(),
            network_time: pod.network_time(),
            end_time: pod.end_time(),
            observed_at,
        }
    }
}

/// The node that a pod is bound to.
#[must_use]
pub fn node_of(pod: &Pod) -> Option<&str> {
    pod.spec
        .node_name
        .as_deref()
        .filter(|name| !name.is_empty())
}

/// Writes RFC 3339 in UTC, as Kubernetes does. Fractions of a second are cut off.
pub(crate) fn whole_seconds<S: Serializer>(
    time: &Timestamp,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&time.strftime("%Y-%m-%dT%H:%M:%SZ"))
}

fn optional_whole_seconds<S: Serializer>(
    time: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => whole_seconds(time, serializer),
        None => serializer.serialize_none(),
    }
}
