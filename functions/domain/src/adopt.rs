//! Nodes that are in service already: which of them lack interfaces, and the executions that give them these.
//!
//! An adopted node is never in question. Its event names no hook, so nothing of it is completed, and a failed execution
//! leaves all as it is.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::error::Error;
use crate::event::{ADOPT, OWN_SOURCE};
use crate::ids::InstanceId;
use crate::interface::Interface;
use crate::profile::{Profile, Slot};
use crate::reconcile::{ADOPT_NAME, Given, Member, StateMachine, digest};
use crate::tags::own;

/// So many executions are started for a node and a profile in the 90 days for which Step Functions keeps a name.
pub const MOST_EXECUTIONS: u32 = 20;

/// How a node stands against a profile that covers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stand {
    /// It has an interface of Hookline's at each slot's place.
    Wired,
    /// Some are missing, and their places are free.
    Lacking,
    /// A place is another's: an execution would fail by this.
    Occupied(Error),
}

/// Where interfaces sit on an instance: network card and device index.
type Place = (u32, u32);

/// Looks how `instance` stands against `profile`. `attached` are the places where it has interfaces, whoever made them;
/// `ours` those that Hookline has made for it, wherever they hang.
#[must_use]
pub fn stand<'a>(
    profile: &Profile,
    instance: &InstanceId,
    attached: &BTreeSet<Place>,
    ours: impl IntoIterator<Item = &'a Interface>,
) -> Stand {
    let at_place: BTreeMap<Place, &Interface> = ours
        .into_iter()
        .filter(|interface| interface.is_on(instance))
        .filter_map(|interface| {
            let on = interface.attachment.as_ref()?;
            Some(((on.network_card, on.device_index), interface))
        })
        .collect();
    let mut lacking = false;
    for slot in &profile.slots {
        let place = (slot.network_card, slot.device_index);
        match at_place.get(&place) {
            Some(interface) if is_of(interface, slot) => {}
            None if !attached.contains(&place) => lacking = true,
            Some(_) | None => {
                return Stand::Occupied(Error::DeviceIndexTaken {
                    instance: instance.clone(),
                    device_index: slot.device_index,
                    network_card: slot.network_card,
                });
            }
        }
    }
    match lacking {
        true => Stand::Lacking,
        false => Stand::Wired,
    }
}

fn is_of(interface: &Interface, slot: &Slot) -> bool {
    interface.tags.get(own::NETWORK) == Some(&slot.network)
}

/// The name of the n-th execution for a node and a profile, from 1. Rounds at the same time come to the same name, and
/// Step Functions takes each only once.
#[must_use]
pub fn execution_name(instance: &InstanceId, given: &Given, n: u32) -> String {
    let of_profile = digest(&given.profile.name);
    format!("{ADOPT_NAME}{instance}-{of_profile}-{n}")
}

/// The input of an execution: an event of Hookline's own, and the profile as it was given. `name` is the execution's, `time`
/// the round's as RFC 3339.
#[must_use]
pub fn input(
    machine: &StateMachine,
    member: &Member,
    given: &Given,
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
        "profile": given.value,
    })
}

#[cfg(test)]
#[path = "adopt_tests.rs"]
mod tests;
