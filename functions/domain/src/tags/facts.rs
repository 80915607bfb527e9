//! The facts of a node that templates can use.

use serde::Serialize;

use super::own::Tags;
use crate::ids::InstanceId;

/// The cluster of an EKS node. EKS sets this tag on each instance of a managed node group (EKS User
/// Guide, "Tagging your resources").
pub const CLUSTER_TAG: &str = "eks:cluster-name";
/// The managed node group of an EKS node.
pub const NODEGROUP_TAG: &str = "eks:nodegroup-name";
/// The tags whose value is the name of a node's cluster, the first that is there counts: EKS's own
/// on managed node groups, the one that EKS generates for bills (EKS User Guide, "Tagging your
/// resources for billing"), and eksctl's on all of its node groups (eksctl
/// `pkg/apis/eksctl.io/v1alpha5`, `ClusterNameTag`).
pub const CLUSTER_TAGS: [&str; 3] = [
    CLUSTER_TAG,
    "aws:eks:cluster-name",
    "alpha.eksctl.io/cluster-name",
];
/// The tag that has the cluster's name in its key, with the value `owned` or `shared` (EKS User
/// Guide, "Launching self-managed Amazon Linux nodes"; the cloud provider of Kubernetes for AWS).
pub const CLUSTER_KEY_PREFIX: &str = "kubernetes.io/cluster/";
/// The tags whose value is the name of a node's group in the cluster: EKS's own and eksctl's
/// (`NodeGroupNameTag`).
pub const NODEGROUP_TAGS: [&str; 2] = [NODEGROUP_TAG, "alpha.eksctl.io/nodegroup-name"];
/// Auto Scaling's tag on each of its instances. Only AWS can set a tag that begins with `aws:`.
pub const GROUP_TAG: &str = "aws:autoscaling:groupName";
/// EC2 names no lifecycle for an On-Demand Instance (EC2 API Reference, Instance
/// `instanceLifecycle`).
pub const ON_DEMAND: &str = "on-demand";

/// The facts of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeFacts {
    /// The instance.
    pub instance_id: InstanceId,
    /// As `m5.4xlarge`.
    pub instance_type: String,
    /// The Availability Zone's name, as `us-west-2a`.
    pub az: String,
    /// The Region, as `us-west-2`.
    pub region: String,
    /// The Auto Scaling group's name.
    pub asg: String,
    /// The primary private IPv4 address; absent on an IPv6-only subnet.
    pub private_ip: Option<String>,
    /// The first IPv6 address of the primary interface.
    pub ipv6_address: Option<String>,
    /// The private DNS name.
    pub private_dns_name: Option<String>,
    /// `spot`, `on-demand`, or another value of EC2, as `capacity-block`.
    pub lifecycle: String,
    /// The instance's tags.
    pub tags: Tags,
}

/// A template's variables. A variable that is `None` is left out, so that it is undefined.
/// Otherwise the template would print `none`.
#[derive(Debug, Serialize)]
pub(super) struct Variables<'a> {
    instance_id: &'a str,
    instance_type: &'a str,
    az: &'a str,
    region: &'a str,
    asg: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    private_ip: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ipv6_address: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    private_dns_name: Option<&'a str>,
    lifecycle: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nodegroup: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    tags: &'a Tags,
}

/// Every variable of a node tag's template.
pub const VARIABLES: [&str; 13] = [
    "asg",
    "az",
    "cluster",
    "instance_id",
    "instance_type",
    "ip",
    "ipv6_address",
    "lifecycle",
    "nodegroup",
    "private_dns_name",
    "private_ip",
    "region",
    "tags",
];

/// The node's name, for the templates of its volumes and interfaces.
pub const NAME_VARIABLE: &str = "name";

impl NodeFacts {
    /// The variables of a template; `name` is the node's name, if it is known by then.
    pub(super) fn variables<'a>(&'a self, name: Option<&'a str>) -> Variables<'a> {
        Variables {
            instance_id: self.instance_id.as_str(),
            instance_type: &self.instance_type,
            az: &self.az,
            region: &self.region,
            asg: &self.asg,
            ip: self.ip(),
            private_ip: self.private_ip.as_deref(),
            ipv6_address: self.ipv6_address.as_deref(),
            private_dns_name: self.private_dns_name.as_deref(),
            lifecycle: &self.lifecycle,
            cluster: self.cluster(),
            nodegroup: self.nodegroup(),
            name,
            tags: &self.tags,
        }
    }

    /// The primary private IPv4 address; on an IPv6-only subnet, the first IPv6 address.
    #[must_use]
    pub fn ip(&self) -> Option<&str> {
        self.private_ip.as_deref().or(self.ipv6_address.as_deref())
    }

    /// The name of its cluster: the value of one of [`CLUSTER_TAGS`], or what follows
    /// [`CLUSTER_KEY_PREFIX`] in a key. Two such keys name no cluster.
    #[must_use]
    pub fn cluster(&self) -> Option<&str> {
        let in_a_key = || {
            let keys = self.tags.keys();
            let mut names = keys.filter_map(|key| key.strip_prefix(CLUSTER_KEY_PREFIX));
            let name = names.next().filter(|name| !name.is_empty())?;
            names.next().is_none().then_some(name)
        };
        self.value_of_one(&CLUSTER_TAGS).or_else(in_a_key)
    }

    /// The name of its group in the cluster.
    #[must_use]
    pub fn nodegroup(&self) -> Option<&str> {
        self.value_of_one(&NODEGROUP_TAGS)
    }

    /// The value of the first of these tags that is there and not empty.
    fn value_of_one(&self, keys: &[&str]) -> Option<&str> {
        let mut values = keys.iter().filter_map(|key| self.tags.get(*key));
        values.find(|value| !value.is_empty()).map(String::as_str)
    }

    /// Whether one of these variables is an address or DNS name that is missing. An instance may
    /// get these after its event was written.
    #[must_use]
    pub fn lacks<'v>(&self, variables: impl IntoIterator<Item = &'v String>) -> bool {
        variables
            .into_iter()
            .any(|variable| match variable.as_str() {
                "ip" => self.ip().is_none(),
                "private_ip" => self.private_ip.is_none(),
                "ipv6_address" => self.ipv6_address.is_none(),
                "private_dns_name" => self.private_dns_name.is_none(),
                _ => false,
            })
    }
}

/// The tags that a variable is read from, in words, if it is read from tags.
pub(super) fn tags_behind(variable: &str) -> Option<String> {
    let quoted = |keys: &[&str]| {
        let keys: Vec<_> = keys.iter().map(|key| format!("{key:?}")).collect();
        keys.join(", ")
    };
    match variable {
        "cluster" => {
            let in_a_key = format!("{CLUSTER_KEY_PREFIX}NAME");
            Some(quoted(&[&CLUSTER_TAGS[..], &[&in_a_key]].concat()))
        }
        "nodegroup" => Some(quoted(&NODEGROUP_TAGS)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::facts;

    #[test]
    fn list_of_variables_is_complete() {
        let mut facts = facts();
        facts.ipv6_address = Some("2001:db8::1".to_owned());
        facts.private_dns_name = Some("x".to_owned());
        let written = serde_json::to_value(facts.variables(Some("n"))).unwrap();
        let mut found: Vec<_> = written.as_object().unwrap().keys().cloned().collect();
        found.retain(|variable| variable != NAME_VARIABLE);
        found.sort();
        assert_eq!(found, VARIABLES);
    }

    #[test]
    fn cluster_and_node_group_are_found_in_each_form_of_their_tags() {
        for (tags, cluster, nodegroup) in [
            (
                vec![("eks:cluster-name", "a"), ("eks:nodegroup-name", "n")],
                Some("a"),
                Some("n"),
            ),
            (vec![("aws:eks:cluster-name", "a")], Some("a"), None),
            (
                vec![
                    ("alpha.eksctl.io/cluster-name", "a"),
                    ("alpha.eksctl.io/nodegroup-name", "n"),
                ],
                Some("a"),
                Some("n"),
            ),
            (vec![("kubernetes.io/cluster/a", "owned")], Some("a"), None),
            // The value of a tag counts before the key of another.
            (
                vec![
                    ("kubernetes.io/cluster/b", "owned"),
                    ("eks:cluster-name", "a"),
                ],
                Some("a"),
                None,
            ),
            (
                vec![
                    ("kubernetes.io/cluster/b", "shared"),
                    ("eks:cluster-name", ""),
                ],
                Some("b"),
                None,
            ),
            // Nothing tells which of two clusters the node is of.
            (
                vec![
                    ("kubernetes.io/cluster/a", "shared"),
                    ("kubernetes.io/cluster/b", "shared"),
                ],
                None,
                None,
            ),
            (vec![("kubernetes.io/cluster/", "owned")], None, None),
            (vec![("kubernetes.io/clusters", "a")], None, None),
        ] {
            let mut node = facts();
            node.tags = tags
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect();
            assert_eq!(
                (node.cluster(), node.nodegroup()),
                (cluster, nodegroup),
                "{tags:?}"
            );
        }
    }

    #[test]
    fn ip_is_the_ipv4_address_and_on_an_ipv6_only_node_the_ipv6_address() {
        let mut node = facts();
        node.ipv6_address = Some("2001:db8::1".to_owned());
        assert_eq!(node.ip(), Some("10.0.22.100"));
        node.private_ip = None;
        assert_eq!(node.ip(), Some("2001:db8::1"));
        assert!(!node.lacks(&["ip".to_owned()]));
        node.ipv6_address = None;
        assert_eq!(node.ip(), None);
        assert!(node.lacks(&["ip".to_owned()]));
    }

    #[test]
    fn missing_fact_is_no_variable() {
        let facts = facts();
        let written = serde_json::to_value(facts.variables(None)).unwrap();
        assert_eq!(written.get("private_dns_name"), None);
        assert!(facts.lacks(&["private_dns_name".to_owned()]));
        assert!(facts.lacks(&["ipv6_address".to_owned()]));
        assert!(!facts.lacks(&["private_ip".to_owned(), "tags".to_owned()]));
    }
}
