//! Hookline's own tags. They say which deployment created an interface, and for which instance.

use std::collections::BTreeMap;

use crate::ids::InstanceId;

/// Tags by key.
pub type Tags = BTreeMap<String, String>;

/// Tags with this prefix are Hookline's own; a profile may not set them.
pub const PREFIX: &str = "hookline:";
/// The instance that the interface was created for.
pub const INSTANCE_ID: &str = "hookline:instance-id";
/// The deployment that created the interface.
pub const DEPLOYMENT: &str = "hookline:deployment";
/// The logical network of its slot.
pub const NETWORK: &str = "hookline:network";
/// The name of the profile of its slot.
pub const PROFILE: &str = "hookline:profile";
/// The Auto Scaling group of its instance.
pub const AUTO_SCALING_GROUP: &str = "hookline:auto-scaling-group";
/// On an instance: when `adopt` last started an execution for it, in seconds since the epoch. By
/// this tag, launches count the node when they choose addresses and share EC2's request rates.
pub const ADOPTED_AT: &str = "hookline:adopted-at";
/// On an instance: when the launch began for which it gets interfaces, in seconds since the epoch.
/// `TagNode` writes it. An instance without it waits at no hook of Hookline's, or `TagNode` has not
/// run for it yet. It is empty if the node runs on without its interfaces.
pub const LAUNCHED_AT: &str = "hookline:launched-at";
/// On an instance: the name of the execution that decided about its launch last.
pub const EXECUTION: &str = "hookline:execution";
/// On an instance: what that execution decided ([`verdict_tags`](crate::execution::verdict_tags)).
pub const VERDICT: &str = "hookline:verdict";
/// On an Auto Scaling group: when reconcile suspended its process Launch because of a launch loop, in
/// seconds since the epoch.
pub const BRAKED_AT: &str = "hookline:braked-at";
/// On an Auto Scaling group: the error by which its launches failed then.
pub const BRAKED_BY: &str = "hookline:braked-by";
/// On an Auto Scaling group: the profile of these launches.
pub const BRAKED_PROFILE: &str = "hookline:braked-profile";
/// On an Auto Scaling group: when it was resumed, or found to be resumed, in seconds since the epoch.
/// Launches before do not count as generations of a launch loop.
pub const RESUMED_AT: &str = "hookline:resumed-at";
/// Tells the VPC CNI not to manage the interface. The CNI reads it when it first sees the
/// interface, so the interface must have it from creation (invariant I9).
pub const NO_MANAGE: &str = "node.k8s.amazonaws.com/no_manage";

/// The tags of an interface by which it is the one of a network of its node, and the VPC CNI's no more.
/// They stay right when the profile changes.
pub const OF_WIRING: [&str; 3] = [NO_MANAGE, INSTANCE_ID, NETWORK];

/// The tags that Hookline puts on the interface of `network` for `instance` at creation.
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
