//! Whether the instance types of the groups have room: for the slots, for what the launch template
//! attaches, and for the VPC CNI.

use hookline_domain::error::Error;
use hookline_domain::instance::AttachmentPoint;
use hookline_domain::profile::Profile;

use crate::judge::place::{in_words_of_template, taken_by_template, with_types};
use crate::judge::{Finding, Kind};
use crate::observed::account::Account;
use crate::observed::group::Group;

/// What else mends a node without room for the VPC CNI's interfaces.
const WITHOUT_VPC_CNI: &str =
    "On nodes without the VPC CNI, say so in the profile: requestRates.vpcCniInterfaces is 0.";

pub(super) fn findings(account: &Account) -> Vec<Finding> {
    let mut found = missing_templates(account);
    for input in &account.profiles {
        let profile = &input.profile;
        if profile.slots.is_empty() {
            continue;
        }
        for group in account.groups_of(&profile.selector) {
            found.extend(of_group(account, profile, group));
        }
    }
    found
}

/// Where attributes choose the types, or a launch configuration does, and no instance shows one.
pub(super) fn notes(account: &Account) -> Vec<String> {
    let unknown = account.groups.iter().filter(|group| {
        let known = group.launches.template.iter().all(|reference| {
            // Otherwise it is told that it could not be looked at, or that it is missing.
            account
                .templates
                .get(reference)
                .is_some_and(Option::is_some)
        });
        known && account.launches_of(group).is_empty()
    });
    unknown
        .map(|group| {
            format!(
                "The instance types of {} are not checked: no launch template names one, and the group has no instance.",
                group.name
            )
        })
        .collect()
}

fn missing_templates(account: &Account) -> Vec<Finding> {
    let mut found = Vec::new();
    for group in &account.groups {
        for reference in group.launches.templates() {
            if account
                .templates
                .get(reference)
                .is_some_and(Option::is_none)
            {
                found.push(
                    Finding::new(
                        Kind::LaunchTemplateMissing,
                        format!("There is no launch template {reference}."),
                    )
                    .of_group(&group.name)
                    .at(format!("the launch template of the group {}", group.name))
                    .say("Create the version, or give the group another one."),
                );
            }
        }
    }
    found
}

fn of_group(account: &Account, profile: &Profile, group: &Group) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    for (name, template) in account.launches_of(group) {
        let attached = template.map_or(&[][..], |template| &template.interfaces);
        let place = format!("what the group {} launches: {name}", group.name);
        let of_type = match account.limits.get(&name) {
            None => continue,
            Some(None) => vec![
                Finding::new(
                    Kind::InstanceTypeUnknown,
                    format!("EC2 does not know the instance type {name} in this Region."),
                )
                .say("Correct the launch template, or the mixed instances policy."),
            ],
            Some(Some(limits)) => {
                let of_cni = profile.request_rates.vpc_cni_interfaces;
                let fits = limits
                    .check(profile)
                    .and_then(|()| limits.check_beside(profile, attached, 0));
                let fits_with_cni = limits.check_beside(profile, attached, of_cni);
                let room = match (fits, fits_with_cni) {
                    (Err(error), _) => Some(too_small(profile, &name, &error)),
                    (Ok(()), Err(error)) => Some(no_room_for_cni(profile, &name, &error)),
                    (Ok(()), Ok(())) => None,
                };
                let least = limits.interfaces_beside(profile, attached, of_cni);
                let room = room.map(|finding| with_types(finding, limits, least));
                let room = room.map(|finding| match finding.kind {
                    Kind::NoRoomForVpcCni => finding.say(WITHOUT_VPC_CNI),
                    _ => finding,
                });
                let mut found: Vec<Finding> = room.into_iter().collect();
                found.extend(taken(profile, attached, limits.default_network_card));
                found
            }
        };
        found.extend(of_type.into_iter().map(|finding| {
            let place = finding.place.clone().unwrap_or_else(|| place.clone());
            finding.of_group(&group.name).at(place)
        }));
    }
    found.dedup_by(|a, b| a.problem == b.problem);
    found
}

fn too_small(profile: &Profile, name: &str, error: &Error) -> Finding {
    Finding::new(
        Kind::InstanceTypeTooSmall,
        format!(
            "The instance type {name} is too small for the profile {}.",
            profile.name
        ),
    )
    .shown_by(error.to_string())
}

fn no_room_for_cni(profile: &Profile, name: &str, error: &Error) -> Finding {
    Finding::new(
        Kind::NoRoomForVpcCni,
        format!(
            "{name} has room for the profile {}, and none beside it for the VPC CNI's own interfaces.",
            profile.name
        ),
    )
    .shown_by(error.to_string())
}

/// Slots whose place the launch template has.
fn taken(profile: &Profile, attached: &[AttachmentPoint], default_card: u32) -> Vec<Finding> {
    taken_by_template(profile, attached, default_card)
        .map(|(n, slot, place)| {
            Finding::new(
                Kind::DeviceIndexTaken,
                format!(
                    "{}, where the network {} belongs.",
                    in_words_of_template(place),
                    slot.network
                ),
            )
            .at(format!("profile.slots[{n}].deviceIndex of the profile {}", profile.name))
            .say(format!(
                "Take the interface out of the launch template, or leave deviceIndex out of profile.slots[{n}], and deploy."
            ))
        })
        .collect()
}
