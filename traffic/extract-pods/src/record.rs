//! The lines of an object, by the schema `traffic/schema/pods.schema.json`. They are also the columns of a Glue table.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::grouping::Grouping;
use crate::objects::{Node, Phase, Pod};

/// An Availability Zone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Zone {
    /// As `us-east-2a`: another place in another account.
    pub name: Option<String>,
    /// As `use2-az1`: the same place in every account.
    pub id: Option<String>,
}

impl Zone {
    /// Where a node is.
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
}

/// A node, as one run saw it.
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
    /// The AZ's name.
    pub az: Option<&'a str>,
    /// The AZ's id.
    pub az_id: Option<&'a str>,
    /// The EC2 instance.
    pub instance_id: Option<&'a str>,
    /// When it joined.
    #[serde(serialize_with = "whole_seconds")]
    pub start_time: Timestamp,
    /// When the run began to list.
    #[serde(serialize_with = "whole_seconds")]
    pub observed_at: Timestamp,
}

/// A pod, as one run saw it.
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
    /// Every address; with `host_network` the node's.
    pub ips: Vec<IpAddr>,
    /// `spec.nodeName`
    pub node: Option<&'a str>,
    /// The AZ's name of its node.
    pub az: Option<&'a str>,
    /// The AZ's id of its node.
    pub az_id: Option<&'a str>,
    /// `spec.hostNetwork`
    pub host_network: bool,
    /// `status.phase`
    pub phase: Phase,
    /// What it is counted under.
    pub group_name: String,
    /// Where that name is from.
    pub group_kind: String,
    /// From when on it may have held its addresses.
    #[serde(serialize_with = "whole_seconds")]
    pub start_time: Timestamp,
    /// When it let go of them, if that is over and known.
    #[serde(serialize_with = "maybe_whole_seconds")]
    pub end_time: Option<Timestamp>,
    /// When the run began to list.
    #[serde(serialize_with = "whole_seconds")]
    pub observed_at: Timestamp,
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
            az: zone.and_then(|zone| zone.name.as_deref()),
            az_id: zone.and_then(|zone| zone.id.as_deref()),
            host_network: pod.spec.host_network,
            phase: pod.status.phase,
            group_name: group.name,
            group_kind: group.kind,
            start_time: pod.start_time(),
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

/// RFC 3339 in UTC, as Kubernetes writes it: fractions are cut off.
fn whole_seconds<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&time.strftime("%Y-%m-%dT%H:%M:%SZ"))
}

fn maybe_whole_seconds<S: Serializer>(
    time: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => whole_seconds(time, serializer),
        None => serializer.serialize_none(),
    }
}
