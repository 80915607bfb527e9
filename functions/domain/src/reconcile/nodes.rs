//! Nodes that are InService and lack interfaces of their profiles.

use std::collections::{BTreeMap, BTreeSet};

use super::launches::Member;
use super::profiles::ProfileInput;
use crate::adopt::{CreatedInterfaces, assess, missing_slots};
use crate::ids::InstanceId;
use crate::instance::Instance;
use crate::interface::Interface;
use crate::profile::{Profile, Selector, Slot};
use crate::tags::own;

/// An Auto Scaling group, as far as it is held against its profiles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfiledGroup {
    /// Its name.
    pub name: String,
    /// The tags that its instances get at launch.
    pub tags: BTreeMap<String, String>,
    /// Its instances that are InService. Those of its warm pool and those in Standby are not.
    pub in_service: Vec<Member>,
    /// Whether it is being deleted.
    pub is_being_deleted: bool,
}

/// A node that is InService and lacks interfaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LackingNode<'a> {
    /// The node, in its group.
    pub member: &'a Member,
    /// What EC2 says of it.
    pub instance: &'a Instance,
    /// The profiles by which it lacks some.
    pub profiles: Vec<&'a Profile>,
    /// Whether its launch may be older than the profile, or than the network that it lacks: no
    /// interface shows that its group had that network before.
    pub may_be_older: bool,
}

/// The `members`, all of them InService, that lack interfaces of a profile. `instance` says what EC2
/// knows of one; `in_progress` are the instances of running executions; `interfaces` are those that
/// Hookline created, for these and for other instances.
#[must_use]
pub fn lacking<'a>(
    profiles: &'a [ProfileInput],
    members: &'a [Member],
    instance: impl Fn(&InstanceId) -> Option<&'a Instance>,
    in_progress: &BTreeSet<InstanceId>,
    interfaces: &[&'a Interface],
) -> Vec<LackingNode<'a>> {
    let created = CreatedInterfaces::of(interfaces.iter().copied());
    let known_since = known_since(interfaces);
    let mut found = Vec::new();
    for member in members {
        let Some(instance) = instance(&member.instance) else {
            continue;
        };
        let ours = created.of_instance(&member.instance);
        let lacks = assess(profiles, member, Some(instance), in_progress, ours).lacks;
        if lacks.is_empty() {
            continue;
        }
        let profiles: Vec<&Profile> = lacks.into_iter().map(|input| &input.profile).collect();
        let was_there = |slot: &Slot| {
            known_since
                .get(&(member.group.as_str(), slot.network.as_str()))
                .is_some_and(|since| *since <= instance.launched_at)
        };
        let mut missing = profiles
            .iter()
            .flat_map(|profile| missing_slots(profile, &member.instance, ours));
        let may_be_older = !missing.any(was_there);
        found.push(LackingNode {
            member,
            instance,
            profiles,
            may_be_older,
        });
    }
    found
}

/// Since when each group is known to get each network, in seconds since the epoch: since the first
/// of the interfaces that its nodes have now was attached.
fn known_since<'a>(interfaces: &[&'a Interface]) -> BTreeMap<(&'a str, &'a str), i64> {
    let mut since = BTreeMap::new();
    for interface in interfaces {
        let tag = |key| interface.tags.get(key).map(String::as_str);
        let attached_at = interface.attachment.as_ref().and_then(|on| on.since);
        if let (Some(group), Some(network), Some(at)) =
            (tag(own::AUTO_SCALING_GROUP), tag(own::NETWORK), attached_at)
        {
            let first = since.entry((group, network)).or_insert(at);
            *first = at.min(*first);
        }
    }
    since
}

/// The selectors of the profiles by which some node that is InService may lack interfaces, as far
/// as a listing of Hookline's interfaces tells. Any group may be one of a selector by tags.
#[must_use]
pub fn may_select_lacking<'a>(
    profiles: &'a [ProfileInput],
    groups: &[ProfiledGroup],
    interfaces: &[Interface],
) -> Vec<&'a Selector> {
    let created = CreatedInterfaces::of(interfaces);
    let may_lack = |profile: &Profile| {
        let mut members = groups.iter().flat_map(|group| &group.in_service);
        members.any(|member| {
            let Selector::AutoScalingGroupNames(names) = &profile.selector else {
                return lacks(profile, member, &created);
            };
            names.contains(&member.group) && lacks(profile, member, &created)
        })
    };
    let mut found: Vec<&Selector> = Vec::new();
    for input in profiles {
        let selector = &input.profile.selector;
        if !found.contains(&selector) && may_lack(&input.profile) {
            found.push(selector);
        }
    }
    found
}

fn lacks(profile: &Profile, member: &Member, created: &CreatedInterfaces<'_>) -> bool {
    let ours = created.of_instance(&member.instance);
    missing_slots(profile, &member.instance, ours)
        .next()
        .is_some()
}

#[cfg(test)]
#[path = "nodes_tests.rs"]
mod tests;
