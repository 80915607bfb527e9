//! The interfaces of a node beside their slots: tags that are gone, settings that were changed, and
//! interfaces that are on another instance.

use std::collections::BTreeSet;

use hookline_domain::ids::SecurityGroupId;
use hookline_domain::interface::Interface;
use hookline_domain::profile::{Profile, Slot};
use hookline_domain::tags::own;
use serde_json::json;

use super::words::list;
use super::{Finding, Kind};
use crate::observed::case::Case;

/// The most security groups that a text lists.
const LISTED: usize = 5;

/// The finding for each attached interface that has lost its tags, with the command that puts them
/// on.
pub(super) fn without_tags(case: &Case) -> Vec<Finding> {
    let Some(profile) = case.profile() else {
        return Vec::new();
    };
    let deployment = case.deployment.name(&case.interfaces);
    let finding = |(slot, interface): (&Slot, &Interface)| {
        let group = case.group_name();
        let mut wanted = own::tags(&case.instance, group, &profile.name, &slot.network);
        let deployment = deployment.as_str().to_owned();
        wanted.insert(own::DEPLOYMENT.to_owned(), deployment);
        wanted.retain(|key, value| interface.tags.get(key) != Some(value));
        let keys: Vec<&str> = wanted.keys().map(String::as_str).collect();
        let tags = wanted.iter();
        let tags: Vec<_> = tags
            .map(|(key, value)| json!({"Key": key, "Value": value}))
            .collect();
        Finding::new(
            Kind::TagsMissing,
            format!(
                "{} is the interface of the network {} of {}, and lacks the {} {}.",
                interface.in_words(),
                slot.network,
                case.instance,
                match keys.len() {
                    1 => "tag",
                    _ => "tags",
                },
                keys.join(", ")
            ),
        )
        .of_group(group)
        .about([interface.id.to_string()])
        .because("Without them it counts as an interface of somebody else: the node as one that lacks it.")
        .shown_by("It is attached, at the slot's place and in the slot's subnet: the node works. Do not detach it.")
        .say("Put the tags on again:")
        .run([
            "aws",
            "ec2",
            "create-tags",
            "--resources",
            interface.id.as_str(),
            "--tags",
            &json!(tags).to_string(),
        ])
    };
    case.without_tags().into_iter().map(finding).collect()
}

/// What of an interface differs from a slot.
struct Settings<'a> {
    check: bool,
    groups: BTreeSet<&'a SecurityGroupId>,
}

impl<'a> Settings<'a> {
    fn of_slot(profile: &'a Profile, network: &str) -> Option<Self> {
        let mut slots = profile.slots.iter();
        let slot = slots.find(|slot| slot.network == network)?;
        Some(Self {
            check: slot.source_dest_check,
            groups: profile.security_groups(slot).iter().collect(),
        })
    }
}

/// The finding for each setting of a node's interfaces that is neither as the profile of its
/// execution has it, nor as the deployed one does.
pub(super) fn changed(case: &Case) -> Vec<Finding> {
    let Some(profile) = case.profile() else {
        return Vec::new();
    };
    if !case.is_in_service() || case.runs() {
        return Vec::new();
    }
    let deployed = case.deployed_profile().map(|input| &input.profile);
    let profiles = [deployed.unwrap_or(profile), profile];
    let mut found = Vec::new();
    for slot in &profile.slots {
        let Some(interface) = case.attached_for(slot) else {
            continue;
        };
        let wanted: Vec<Settings<'_>> = profiles
            .into_iter()
            .filter_map(|profile| Settings::of_slot(profile, &slot.network))
            .collect();
        let Some(first) = wanted.first() else {
            continue;
        };
        let finding = |what: &str, is: &str, should: &str, put: &[&str]| {
            let id = interface.id.as_str();
            let words = [
                "aws",
                "ec2",
                "modify-network-interface-attribute",
                "--network-interface-id",
                id,
            ];
            Finding::new(
                Kind::InterfaceDiffers,
                format!(
                    "{what} of {id}, the interface of the network {} of {}, is {is}. The profile {} has {should}.",
                    slot.network, case.instance, profile.name
                ),
            )
            .of_group(case.group_name())
            .about([id])
            .because("Somebody changed it after the launch: no round of reconcile looks at it.")
            .run(words.into_iter().chain(put.iter().copied()))
        };
        let check = interface.source_dest_check;
        if !wanted.iter().any(|it| it.check == check) {
            let put = match first.check {
                true => "--source-dest-check",
                false => "--no-source-dest-check",
            };
            let (is, should) = (check.to_string(), first.check.to_string());
            found.push(finding("SourceDestCheck", &is, &should, &[put]));
        }
        let groups: BTreeSet<_> = interface.security_group_ids.iter().collect();
        if !wanted.iter().any(|it| it.groups == groups) {
            let ids = first.groups.iter().map(|id| id.as_str());
            let put: Vec<&str> = ["--groups"].into_iter().chain(ids).collect();
            let (is, should) = (list(&groups, LISTED), list(&first.groups, LISTED));
            found.push(finding("The security groups", &is, &should, &put));
        }
    }
    found
}

/// The interfaces of these networks that Hookline created for the node and that are attached to
/// another instance: in words, and the id of the attachment.
pub(super) fn on_others(case: &Case, networks: &[&str]) -> Vec<(String, String)> {
    let interfaces = case.created().filter(|interface| {
        let mut networks = networks.iter();
        networks.any(|network| interface.is_created_for(&case.instance, network))
    });
    let elsewhere = interfaces.filter_map(|interface| {
        let on = interface.attachment.as_ref()?;
        let other = on.instance_id.as_ref().filter(|id| **id != case.instance)?;
        Some((
            format!(
                "{} was created for it, and is attached to {other} at device index {} of network card {}.",
                interface.in_words(),
                on.device_index,
                on.network_card
            ),
            on.id.clone(),
        ))
    });
    elsewhere.collect()
}

#[cfg(test)]
#[path = "wired_tests.rs"]
mod tests;
