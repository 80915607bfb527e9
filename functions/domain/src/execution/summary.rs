//! What an operator looks for in the output of an execution: the node, its interfaces, and how long
//! it took.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::node::Node;
use crate::ids::{InstanceId, NetworkInterfaceId, SubnetId};

/// The node, its interfaces, and how long it took: `$.wired`, and part of the output of an
/// execution that succeeded.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct Summary {
    /// The node.
    pub node: NodeRef,
    /// Its interfaces as EC2 showed them when all were as the profile asks, in device-index order.
    /// None for a profile without slots.
    pub interfaces: Vec<WiredInterface>,
    /// How long it took.
    pub seconds: Seconds,
}

/// Which node.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeRef {
    /// The instance.
    pub instance_id: InstanceId,
    /// Its Name tag.
    pub name: Option<String>,
    /// Its Auto Scaling group.
    pub auto_scaling_group: String,
    /// The name of its Availability Zone.
    pub availability_zone: String,
}

/// An interface that is as its slot asks.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WiredInterface {
    /// The slot's network.
    pub network: String,
    /// The device index at which it is attached.
    pub device_index: Option<u32>,
    /// The slot's network card.
    pub network_card: u32,
    /// The interface.
    pub network_interface_id: NetworkInterfaceId,
    /// Its attachment: `eni-attach-…`.
    #[serde(default)]
    pub attachment_id: String,
    /// Whether EC2 deletes it with the instance. An execution that began before this field was there
    /// has set it.
    #[serde(default = "yes")]
    pub delete_on_termination: bool,
    /// Its subnet.
    pub subnet_id: SubnetId,
    /// Its private IPv4 addresses, the primary one first.
    pub private_ip_addresses: Vec<IpAddr>,
    /// Its IPv6 addresses.
    pub ipv6_addresses: Vec<IpAddr>,
}

/// How long it took, in whole seconds since the event's time. Null for what has not happened, and
/// where the event's time is not known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Seconds {
    /// Until the plan that was carried out. The node waited for its turn until then.
    pub event_to_turn: Option<u64>,
    /// Until EC2 showed every interface as the profile asks.
    pub event_to_wired: Option<u64>,
    /// Until Auto Scaling accepted CONTINUE.
    pub event_to_continue: Option<u64>,
}

fn yes() -> bool {
    true
}

impl Summary {
    /// The interfaces that EC2 does not delete with the instance yet.
    pub fn lacking_delete_on_termination(&self) -> impl Iterator<Item = &WiredInterface> {
        self.interfaces
            .iter()
            .filter(|interface| !interface.delete_on_termination)
    }

    /// Of a node of `group` that has these interfaces.
    #[must_use]
    pub fn new(group: &str, node: &Node, interfaces: Vec<WiredInterface>) -> Self {
        Self {
            node: NodeRef {
                instance_id: node.instance_id.clone(),
                name: node.name.clone(),
                auto_scaling_group: group.to_owned(),
                availability_zone: node.availability_zone.clone(),
            },
            interfaces,
            seconds: Seconds::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{interface, node, profile};
    use crate::profile::Profile;

    #[test]
    fn interface_lacks_delete_on_termination_only_if_it_says_so() {
        let profile = Profile::read(profile()).unwrap();
        let slot = &profile.slots[0];
        let set = interface().wired_for(slot);
        let mut lacking = set.clone();
        lacking.network_interface_id = "eni-0fedcba9876543210".parse().unwrap();
        lacking.delete_on_termination = false;
        // As an execution wrote it before the field was there.
        let mut old = serde_json::to_value(&set).unwrap();
        old.as_object_mut().unwrap().remove("deleteOnTermination");
        let old = serde_json::from_value(old).unwrap();

        let summary = Summary::new("upf", &node(), vec![set, lacking.clone(), old]);
        let found: Vec<_> = summary.lacking_delete_on_termination().collect();
        assert_eq!(found, [&lacking]);
    }
}
