//! The settings of the software on the instances.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::settings::Latency;

/// The settings of the software on the instances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSettings {
    /// How long a machine boots after its instance is `running`.
    pub boot: Latency,
    /// Other times for single instance types, by name. Bare metal "can take 20 minutes from the
    /// time the instance enters the running state until it becomes available over the network" (EC2
    /// User Guide, "Amazon EC2 bare metal instances").
    pub boot_for_type: BTreeMap<String, Latency>,
    /// From the start of kubelet to the first call of the VPC CNI.
    pub kubelet_start: Latency,
    /// How long after a hot-plug the metadata service shows `device-number` 0 instead of the real
    /// one, and has no `network-card` (amazonlinux/amazon-ec2-net-utils, `lib/lib.sh`: it polls for
    /// the first 60 × 0.1 s, for the second 8 × 0.5 s).
    pub imds_lag: Latency,
    /// How often the gate reads the metadata service.
    pub gate_poll: Duration,
    /// The VPC CNI. `None`: the node has none that calls EC2.
    pub cni: Option<CniSettings>,
}

impl Default for NodeSettings {
    fn default() -> Self {
        Self {
            boot: Latency::millis(20_000, 40_000),
            boot_for_type: BTreeMap::new(),
            kubelet_start: Latency::millis(2_000, 5_000),
            imds_lag: Latency::millis(100, 3_000),
            gate_poll: Duration::from_secs(1),
            cni: Some(CniSettings::default()),
        }
    }
}

impl NodeSettings {
    pub(super) fn boot_of(&self, instance_type: &str) -> Latency {
        let of_type = self.boot_for_type.get(instance_type).copied();
        of_type.unwrap_or(self.boot)
    }
}

/// The settings of the VPC CNI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CniSettings {
    /// `CLUSTER_NAME`. With it, interfaces get the tags of their cluster.
    pub cluster_name: Option<String>,
    /// `WARM_ENI_TARGET`: how many unused interfaces it keeps.
    pub warm_interfaces: u32,
    /// How many secondary addresses each of its interfaces gets, the primary one too. The real one
    /// takes as many as the instance type allows. This number is smaller, so that the subnets of a
    /// test have room for thousands of nodes.
    pub secondary_addresses: u32,
}

impl CniSettings {
    /// How many calls of an action the VPC CNI makes on a node until its warm interface is there,
    /// if none is refused.
    #[must_use]
    pub fn calls_per_node(&self, action: &str) -> usize {
        let warm = usize::try_from(self.warm_interfaces).unwrap_or(usize::MAX);
        match action {
            "CreateTags" | "DescribeNetworkInterfaces" => 1,
            "AssignPrivateIpAddresses" => usize::from(self.secondary_addresses > 0),
            // The security groups of the primary interface, and DeleteOnTermination.
            "ModifyNetworkInterfaceAttribute" => 1 + warm,
            "DescribeSubnets"
            | "CreateNetworkInterface"
            | "DescribeInstances"
            | "AttachNetworkInterface" => warm,
            _ => 0,
        }
    }
}

impl Default for CniSettings {
    fn default() -> Self {
        Self {
            cluster_name: Some("eks".to_owned()),
            warm_interfaces: 1,
            secondary_addresses: 1,
        }
    }
}
