//! The facts of a node that templates can use.

use serde::Serialize;

use super::own::Tags;
use crate::ids::InstanceId;

/// The cluster of an EKS node. EKS sets this tag on each instance of a managed node group (EKS User
/// Guide, "Tagging your resources").
pub const CLUSTER_TAG: &str = "eks:cluster-name";
/// The managed node group of an EKS node.
pub const NODEGROUP_TAG: &str = "eks:nodegroup-name";
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
    /// The availability zone's name, as `us-west-2a`.
    pub az: String,
    /// The region, as `us-west-2`.
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
pub const VARIABLES: [&str; 12] = [
    "asg",
    "az",
    "cluster",
    "instance_id",
    "instance_type",
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
        let tag = |key: &str| self.tags.get(key).map(String::as_str);
        Variables {
            instance_id: self.instance_id.as_str(),
            instance_type: &self.instance_type,
            az: &self.az,
            region: &self.region,
            asg: &self.asg,
            private_ip: self.private_ip.as_deref(),
            ipv6_address: self.ipv6_address.as_deref(),
            private_dns_name: self.private_dns_name.as_deref(),
            lifecycle: &self.lifecycle,
            cluster: tag(CLUSTER_TAG),
            nodegroup: tag(NODEGROUP_TAG),
            name,
            tags: &self.tags,
        }
    }

    /// Whether one of these variables is an address or DNS name that is missing. An instance may
    /// get these after its event was written.
    #[must_use]
    pub fn lacks<'v>(&self, variables: impl IntoIterator<Item = &'v String>) -> bool {
        variables
            .into_iter()
            .any(|variable| match variable.as_str() {
                "private_ip" => self.private_ip.is_none(),
                "ipv6_address" => self.ipv6_address.is_none(),
                "private_dns_name" => self.private_dns_name.is_none(),
                _ => false,
            })
    }
}

/// The tag that a variable is read from, if it is one.
pub(super) fn tag_behind(variable: &str) -> Option<&'static str> {
    match variable {
        "cluster" => Some(CLUSTER_TAG),
        "nodegroup" => Some(NODEGROUP_TAG),
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
    fn missing_fact_is_no_variable() {
        let facts = facts();
        let written = serde_json::to_value(facts.variables(None)).unwrap();
        assert_eq!(written.get("private_dns_name"), None);
        assert!(facts.lacks(&["private_dns_name".to_owned()]));
        assert!(facts.lacks(&["ipv6_address".to_owned()]));
        assert!(!facts.lacks(&["private_ip".to_owned(), "tags".to_owned()]));
    }
}
