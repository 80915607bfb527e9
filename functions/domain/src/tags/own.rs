//! The tags that are Hookline's own: by them, an interface says whose it is.

use std::collections::BTreeMap;

use crate::ids::InstanceId;

/// Tags by key.
pub type Tags = BTreeMap<String, String>;

/// Tags with this prefix are Hookline's own; a profile may not set them.
pub const PREFIX: &str = "hookline:";
/// The instance that the interface was made for.
pub const INSTANCE_ID: &str = "hookline:instance-id";
/// The logical network of its slot.
pub const NETWORK: &str = "hookline:network";
/// The name of the profile that asked for it.
pub const PROFILE: &str = "hookline:profile";
/// The Auto Scaling group of its instance.
pub const AUTO_SCALING_GROUP: &str = "hookline:auto-scaling-group";
/// On an instance: when `adopt` last took it up, in seconds since the epoch. By it, every launch knows that the node takes
/// part in the choice of addresses and in the use of EC2's rates.
pub const ADOPTED_AT: &str = "hookline:adopted-at";
/// Keeps the VPC CNI's hands off the interface. It counts from the moment that the CNI sees the interface,
/// so it must be there from creation (invariant I9).
pub const NO_MANAGE: &str = "node.k8s.amazonaws.com/no_manage";

/// The tags that Hookline puts on the interface of `network` for `instance`, at creation.
#[must_use]
pub fn tags(
    instance: &InstanceId,
    group: &str,
    profile: &str,
    network: &str,
) -> BTreeMap<String, String> {
    [
        (NO_MANAGE, "true"),
        (INSTANCE_ID, instance.as_str()),
        (AUTO_SCALING_GROUP, group),
        (PROFILE, profile),
        (NETWORK, network),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .collect()
}
