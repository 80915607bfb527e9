//! Nodes that are InService: which of them lack interfaces, and the executions that add these.
//!
//! Adoption cannot end an instance. Its event names no hook, so the execution completes no
//! lifecycle action and releases nothing if it fails.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::error::Error;
use crate::event::{ADOPT, OWN_SOURCE};
use crate::execution::names::StateMachine;
use crate::ids::InstanceId;
use crate::instance::{AttachmentPoint, Instance};
use crate::interface::Interface;
use crate::profile::{Profile, Slot};
use crate::reconcile::{Member, ProfileInput};
use crate::tags::own;

/// Whether a node has the interfaces of a profile that covers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdoptionStatus {
    /// Every slot has its interface, and Hookline created it.
    Wired,
    /// Some interfaces are missing, and their device indexes are free.
    Incomplete,
    /// Another interface has the device index of a slot. An execution would fail with this error.
    Occupied(Error),
}

/// Compares `instance` with `profile`. `attached` says where it has interfaces of any origin.
/// `ours` are the interfaces that Hookline created for it, attached or not.
#[must_use]
pub fn adoption_status(
    profile: &Profile,
    instance: &InstanceId,
    attached: &BTreeSet<AttachmentPoint>,
    ours: &[&Interface],
) -> AdoptionStatus {
    let mut status = AdoptionStatus::Wired;
    for slot in missing_slots(profile, instance, ours) {
        status = AdoptionStatus::Incomplete;
        let Some(place) = AttachmentPoint::fixed(slot) else {
            continue;
        };
        let mut of_node = ours.iter().filter(|it| it.is_attached_to(instance));
        let found = of_node.find(|interface| interface.is_at(place));
        if found.is_some() || attached.contains(&place) {
            return AdoptionStatus::Occupied(Error::DeviceIndexTaken {
                instance: instance.clone(),
                device_index: place.device_index,
                network_card: place.network_card,
                by: found.map_or_else(
                    || "an interface of somebody else".to_owned(),
                    |interface| interface.in_words(),
                ),
            });
        }
    }
    status
}

/// The slots of which `instance` lacks the interface: none of `ours`, which Hookline created for it,
/// is attached to it, at the slot's place if that is fixed.
pub fn missing_slots<'a>(
    profile: &'a Profile,
    instance: &InstanceId,
    ours: &[&Interface],
) -> impl Iterator<Item = &'a Slot> {
    profile.slots.iter().filter(move |slot| {
        let place = AttachmentPoint::fixed(slot);
        !ours.iter().any(|interface| {
            interface.is_attached_to(instance)
                && is_of(interface, slot)
                && place.is_none_or(|place| interface.is_at(place))
        })
    })
}

/// The interfaces that Hookline created, by the instance that each was created for.
#[derive(Debug, Clone, Default)]
pub struct CreatedInterfaces<'a>(BTreeMap<&'a str, Vec<&'a Interface>>);

impl<'a> CreatedInterfaces<'a> {
    /// Sorts interfaces by their tag. One without it is left out.
    #[must_use]
    pub fn of(interfaces: impl IntoIterator<Item = &'a Interface>) -> Self {
        let mut created = Self::default();
        for interface in interfaces {
            if let Some(owner) = interface.tags.get(own::INSTANCE_ID) {
                created.0.entry(owner).or_default().push(interface);
            }
        }
        created
    }

    /// Those that were created for an instance.
    #[must_use]
    pub fn of_instance(&self, instance: &InstanceId) -> &[&'a Interface] {
        self.0.get(instance.as_str()).map_or(&[], Vec::as_slice)
    }
}

fn is_of(interface: &Interface, slot: &Slot) -> bool {
    interface.tags.get(own::NETWORK) == Some(&slot.network)
}

/// What a member of a group gets from the profiles that cover it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Assessment<'a> {
    /// The profiles by which it lacks interfaces: each gets an execution.
    pub incomplete: Vec<&'a ProfileInput>,
    /// The profiles by which it lacks interfaces, also those of which another interface has the place.
    pub lacks: Vec<&'a ProfileInput>,
    /// Why it gets no execution, for each reason.
    pub skipped: Vec<String>,
    /// Whether it has an interface of Hookline's for every slot.
    pub wired: bool,
}

/// Decides what `member` gets. `instance` is what EC2 says of it, if EC2 knows it; `in_progress`
/// are the instances of running executions; `created` are the interfaces that Hookline created for
/// it.
///
/// All fields of the result are empty for an instance that no profile covers.
#[must_use]
pub fn assess<'a>(
    profiles: &'a [ProfileInput],
    member: &Member,
    instance: Option<&Instance>,
    in_progress: &BTreeSet<InstanceId>,
    created: &[&Interface],
) -> Assessment<'a> {
    let no_tags = BTreeMap::new();
    let tags = instance.map_or(&no_tags, |instance| &instance.tags);
    let mut covering = profiles
        .iter()
        .filter(|input| input.profile.selector.covers(&member.group, tags))
        .peekable();
    let mut assessment = Assessment::default();
    if covering.peek().is_none() {
        return assessment;
    }
    let Some(instance) = instance else {
        assessment.skipped.push("EC2 does not know it".to_owned());
        return assessment;
    };
    if in_progress.contains(&member.instance) {
        let reason = "an execution for it is running".to_owned();
        assessment.skipped.push(reason);
        return assessment;
    }
    if !instance.is_running() {
        let reason = format!("EC2 says that it is {}", instance.state);
        assessment.skipped.push(reason);
        return assessment;
    }
    let attached = instance.attached.keys().copied().collect();
    for input in covering {
        match adoption_status(&input.profile, &member.instance, &attached, created) {
            AdoptionStatus::Wired => continue,
            AdoptionStatus::Incomplete => assessment.incomplete.push(input),
            AdoptionStatus::Occupied(error) => assessment.skipped.push(error.to_string()),
        }
        assessment.lacks.push(input);
    }
    assessment.wired = assessment.incomplete.is_empty() && assessment.skipped.is_empty();
    assessment
}

/// The input of an execution: an event of Hookline's own, and the profile as the payload has it.
/// `name` is the name of the execution, `time` the time of the round as RFC 3339.
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
