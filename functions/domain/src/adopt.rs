//! Nodes that are in service already: which of them lack interfaces, and the executions that give them these.
//!
//! An adopted node is never in question. Its event names no hook, so nothing of it is completed, and a failed execution
//! leaves all as it is.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::error::Error;
use crate::event::{ADOPT, OWN_SOURCE};
use crate::execution::names::StateMachine;
use crate::ids::InstanceId;
use crate::instance::AttachmentPoint;
use crate::interface::Interface;
use crate::profile::{Profile, Slot};
use crate::reconcile::{Member, ProfileInput};
use crate::tags::own;

/// How a node stands against a profile that covers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdoptionStatus {
    /// It has an interface of Hookline's at each slot's place.
    Wired,
    /// Some are missing, and their places are free.
    Incomplete,
    /// A place is another's: an execution would fail by this.
    Occupied(Error),
}

/// Looks how `instance` stands against `profile`. `attached` are the places where it has interfaces, whoever made them;
/// `ours` those that Hookline has made for it, wherever they hang.
#[must_use]
pub fn adoption_status<'a>(
    profile: &Profile,
    instance: &InstanceId,
    attached: &BTreeSet<AttachmentPoint>,
    ours: impl IntoIterator<Item = &'a Interface>,
) -> AdoptionStatus {
    let at_place: BTreeMap<AttachmentPoint, &Interface> = ours
        .into_iter()
        .filter(|interface| interface.is_attached_to(instance))
        .filter_map(|interface| {
            let on = interface.attachment.as_ref()?;
            Some((
                AttachmentPoint {
                    network_card: on.network_card,
                    device_index: on.device_index,
                },
                interface,
            ))
        })
        .collect();
    let mut lacking = false;
    for slot in &profile.slots {
        let place = AttachmentPoint::of(slot);
        match at_place.get(&place) {
            Some(interface) if is_of(interface, slot) => {}
            None if !attached.contains(&place) => lacking = true,
            Some(_) | None => {
                return AdoptionStatus::Occupied(Error::DeviceIndexTaken {
                    instance: instance.clone(),
                    device_index: slot.device_index,
                    network_card: slot.network_card,
                });
            }
        }
    }
    match lacking {
        true => AdoptionStatus::Incomplete,
        false => AdoptionStatus::Wired,
    }
}

fn is_of(interface: &Interface, slot: &Slot) -> bool {
    interface.tags.get(own::NETWORK) == Some(&slot.network)
}

/// The input of an execution: an event of Hookline's own, and the profile as it was given. `name` is the execution's, `time`
/// the round's as RFC 3339.
#[must_use]
pub fn execution_input(
    machine: &StateMachine,
    member: &Member,
    input: &ProfileInput,
    name: &str,
    time: &str,
) -> Value {
    json!({
        "event": {
            "version": "0",
            "id": name,
            "detail-type": ADOPT,
            "source": OWN_SOURCE,
            "account": machine.account(),
            "time": time,
            "region": machine.region(),
            "resources": [member.group_arn],
            "detail": {
                "AutoScalingGroupName": member.group,
                "EC2InstanceId": member.instance,
            },
        },
        "profile": input.value,
    })
}

#[cfg(test)]
#[path = "adopt_tests.rs"]
mod tests;
