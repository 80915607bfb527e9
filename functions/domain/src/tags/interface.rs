//! The tags that the interface of a slot has from creation.

use super::own::{self, Tags};
use crate::event::Launch;
use crate::execution::Node;
use crate::profile::{Profile, Slot};
use crate::quotas::MAX_TAG_VALUE_LENGTH;

/// The tags of the interface of `slot`: those of the slot, a Name made from the node's name unless
/// the slot has one, and Hookline's own.
#[must_use]
pub fn interface_tags(launch: &Launch, profile: &Profile, node: &Node, slot: &Slot) -> Tags {
    let mut tags = slot.tags.clone();
    if let Some(name) = &node.name {
        let name = format!("{name}-{}", slot.network)
            .chars()
            .take(MAX_TAG_VALUE_LENGTH)
            .collect();
        tags.entry("Name".to_owned()).or_insert(name);
    }
    tags.extend(own::tags(
        &launch.instance_id,
        &launch.group,
        &profile.name,
        &slot.network,
    ));
    tags
}
