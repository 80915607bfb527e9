//! EC2's request rates: those that it publishes, or those that a profile gives for an account.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// More than EC2 grants to any account.
pub(super) const MAX_TOKENS: u32 = 1_000_000;
/// As many as any instance type has on one network card.
pub(super) const MAX_VPC_CNI_INTERFACES: u32 = 15;

/// A token bucket of EC2, for one action and all callers of an account in a Region (Amazon EC2
/// Developer Guide, "Request throttling for the Amazon EC2 API").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenBucket {
    /// How many calls it allows at once, when it is full.
    #[schemars(range(min = 1, max = MAX_TOKENS))]
    pub capacity: u32,
    /// How many more each second.
    #[schemars(range(min = 1, max = MAX_TOKENS))]
    pub refill_per_second: u32,
}

/// The token buckets that launches use most; by default those that EC2 gives every account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct RequestRates {
    /// The bucket of CreateNetworkInterface; by default 100, and 5 more each second.
    pub create_network_interface: TokenBucket,
    /// The bucket of AttachNetworkInterface; by default 50, and 5 more each second.
    pub attach_network_interface: TokenBucket,
    /// The bucket of ModifyNetworkInterfaceAttribute; by default 100, and 5 more each second.
    pub modify_network_interface_attribute: TokenBucket,
    /// The bucket of CreateTags; by default 100, and 10 more each second.
    pub create_tags: TokenBucket,
    /// How many interfaces the Amazon VPC CNI adds to a node when it starts; 0 on nodes without it.
    /// They take calls of the same buckets, so launches leave those to them.
    #[schemars(range(max = MAX_VPC_CNI_INTERFACES))]
    pub vpc_cni_interfaces: u32,
}

impl Default for RequestRates {
    fn default() -> Self {
        let bucket = |capacity, refill_per_second| TokenBucket {
            capacity,
            refill_per_second,
        };
        Self {
            create_network_interface: bucket(100, 5),
            attach_network_interface: bucket(50, 5),
            modify_network_interface_attribute: bucket(100, 5),
            create_tags: bucket(100, 10),
            // The default of its WARM_ENI_TARGET.
            vpc_cni_interfaces: 1,
        }
    }
}

impl RequestRates {
    /// Each bucket, by its field in a profile.
    pub(super) fn by_field(&self) -> [(&'static str, TokenBucket); 4] {
        [
            ("createNetworkInterface", self.create_network_interface),
            ("attachNetworkInterface", self.attach_network_interface),
            (
                "modifyNetworkInterfaceAttribute",
                self.modify_network_interface_attribute,
            ),
            ("createTags", self.create_tags),
        ]
    }
}
