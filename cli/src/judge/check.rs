//! Configuration and account against one another, before a launch shows what does not fit.

pub(super) mod answers;
mod concurrency;
mod gate;
mod limits;
mod max_pods;
mod network;
mod newest;
mod parts;
mod rates;
mod roles;
mod room;
mod user_data;
mod versions;

use hookline_domain::profile::Selector;

use super::trouble::{no_group_with_tags, not_looked_at, uncovered};
use super::{Finding, Kind};
use crate::observed::account::{Account, CouldNotLook};

pub(crate) use room::{RoomOfZone, rooms};

/// The most names that a text lists.
const LISTED: usize = 4;

/// All that does not fit: with the deployment, then with each group, then with the account.
pub(crate) fn findings(account: &Account, rooms: &[RoomOfZone]) -> Vec<Finding> {
    let mut found = Vec::new();
    if account.deployed {
        let unreadable = account.deployment.iter();
        let unreadable = unreadable.flat_map(super::rules::unreadable);
        found.extend(
            unreadable.map(|finding| finding.at("the input template of the rule's target")),
        );
    }
    found.extend(missing_groups(account));
    if let Some(deployment) = &account.deployment {
        let uncovered = uncovered(deployment, &account.uncovered.groups).into_iter();
        found.extend(uncovered.map(|finding| finding.at("the selectors of the profiles")));
    }
    found.extend(answers::findings(account));
    for input in &account.profiles {
        found.extend(network::findings(account, &input.profile));
    }
    found.extend(room::findings(account, rooms));
    found.extend(room::of_nodes(account));
    found.extend(newest::findings(account));
    found.extend(parts::findings(account));
    found.extend(rates::findings(account));
    found.extend(versions::findings(account));
    found.extend(roles::findings(account));
    found.extend(concurrency::findings(account));
    found.extend(account.could_not_look.iter().map(could_not_look));
    // Two profiles of one group find the same of its launch template.
    let mut once: Vec<Finding> = Vec::new();
    for finding in found {
        if !once.contains(&finding) {
            once.push(finding);
        }
    }
    once.into_iter().map(explained).collect()
}

/// What could not be judged, without being wrong.
pub(crate) fn notes(account: &Account) -> Vec<String> {
    let mut notes = limits::notes(account);
    notes.extend(user_data::notes(account));
    notes.extend(network::notes(account));
    notes.extend(roles::notes(account));
    notes.extend(rates::notes(account));
    notes.extend(not_looked_at(&account.uncovered));
    let new = account.profiles.iter().filter(|input| {
        let mut groups = account.groups_of(&input.profile.selector);
        is_of_node_group(account, &input.profile.name) && groups.next().is_none()
    });
    notes.extend(new.map(|input| {
        format!(
            "The node group of the profile {} does not exist yet: its instances are not checked.",
            input.profile.name
        )
    }));
    if account.deployment.is_none() {
        notes.push(
            "No deployment was found: its rules, functions and roles are not checked.".to_owned(),
        );
    }
    notes
}

/// Whether the file makes a node group for a profile. The group need not be there yet.
fn is_of_node_group(account: &Account, profile: &str) -> bool {
    let mut to_be_put = account.to_be_put.iter();
    to_be_put.any(|(name, group)| name == profile && group.is_none())
}

/// Groups that a profile names and that do not exist.
fn missing_groups(account: &Account) -> Vec<Finding> {
    // Otherwise they were not looked for.
    let denied = |it: &CouldNotLook| it.action == "autoscaling:DescribeAutoScalingGroups";
    if account.could_not_look.iter().any(denied) {
        return Vec::new();
    }
    let mut found = Vec::new();
    let profiles = account.profiles.iter();
    for input in profiles.filter(|input| !is_of_node_group(account, &input.profile.name)) {
        let place = format!("selector of the profile {}", input.profile.name);
        match &input.profile.selector {
            Selector::AutoScalingGroupNames(names) => {
                let missing = names
                    .iter()
                    .filter(|name| !account.groups.iter().any(|group| group.name == **name));
                found.extend(missing.map(|name| {
                    Finding::new(
                        Kind::GroupMissing,
                        format!("There is no Auto Scaling group {name}."),
                    )
                    .of_group(name)
                    .at(&place)
                    .say("Correct the profile's selector, or create the group with its hook.")
                }));
            }
            Selector::Tag(_) | Selector::Tags(_) => {
                if account.groups_of(&input.profile.selector).next().is_none() {
                    found.push(no_group_with_tags(&input.profile.selector).at(&place));
                }
            }
        }
    }
    found
}

fn could_not_look(it: &CouldNotLook) -> Finding {
    let finding = Finding::new(
        Kind::CouldNotLook,
        format!("Could not look: {}. Not checked: {}.", it.action, it.what),
    )
    .at("the permissions of the identity that runs the command")
    .shown_by(it.reason.clone());
    match it.denied {
        true => finding.say(format!(
            "Allow {} for the identity that runs the command (docs/iam.md), and run it again.",
            it.action
        )),
        false => finding.say("Read AWS's message: the same call is refused again."),
    }
}

/// The finding with why it matters, where its problem does not say that.
fn explained(finding: Finding) -> Finding {
    let why = match finding.kind {
        Kind::NoRule | Kind::RuleDisabled | Kind::RuleWithoutTarget => {
            "A launch starts no execution. It waits until reconcile finds it, or until its hook ends."
        }
        Kind::ProfileUnreadable => "An execution refuses its input, so its launch is abandoned.",
        Kind::HookMissing => "Nodes are InService without interfaces, and pods start on them.",
        Kind::HookUnsafe => "A large scale-out takes longer than that, and EC2 throttles.",
        Kind::ReconcileNotScheduled => "Nothing mends a lost event or a stopped execution.",
        Kind::GroupMissing => "The profile is for no node.",
        Kind::NoSubnetInZone => {
            "Every launch in that zone is abandoned, replaced, and abandoned again."
        }
        Kind::SubnetMissing | Kind::SecurityGroupMissing => {
            "EC2 refuses the create, so every launch is abandoned, replaced, and abandoned again."
        }
        Kind::SubnetOfAnotherAccount => {
            "IAM denies the create, so every launch is abandoned, replaced, and abandoned again."
        }
        Kind::SubnetOfNodes => {
            "Every launch is refused: the node could not tell which interface is of which network."
        }
        Kind::SubnetFull => "The next launch is abandoned, replaced, and abandoned again.",
        Kind::SubnetSmall | Kind::QuotaSmall => {
            "A scale-out beyond that is abandoned, replaced, and abandoned again."
        }
        Kind::InstanceTypeTooSmall | Kind::InstanceTypeUnknown => {
            "Every launch of this type is abandoned, replaced, and abandoned again."
        }
        Kind::DeviceIndexTaken => {
            "The slot's place is taken from the launch on, so every launch is abandoned."
        }
        Kind::LaunchTemplateMissing => "Auto Scaling cannot launch an instance.",
        Kind::NoRoomForVpcCni => {
            "The VPC CNI finds no place for its interfaces, so pods get fewer addresses than kubelet counts on."
        }
        Kind::GateMissing => {
            "Kubelet does not wait for the interfaces: pods may start without them, and the VPC CNI may take \
             their places."
        }
        Kind::GateDiffers => {
            "A node that is launched now is held for ever, or has its interfaces otherwise than its pods expect."
        }
        Kind::MaxPodsTooLarge => {
            "The scheduler puts pods on the node that get no address. They stay in ContainerCreating."
        }
        Kind::MaxPodsExpression => {
            "The node takes another number of pods than was meant, and only its journal says so."
        }
        Kind::ConcurrencySmall => {
            "Launches wait for one another. If that lasts, they are abandoned, or a hook times out."
        }
        Kind::FunctionMissing | Kind::FunctionVersionMissing | Kind::RoleMissing => {
            "The call fails, so launches are abandoned, or wait until their hook ends."
        }
        Kind::RoleLacksPermission => {
            "AWS denies the call, so launches are abandoned, or wait until their hook ends."
        }
        Kind::RoleLacksTrust => {
            "The service cannot use the role, so a launch starts no execution, or its execution fails."
        }
        Kind::ReconcileDiffers => {
            "A launch that reconcile starts gets another profile than one that its event starts."
        }
        Kind::HookAnsweredTwice => {
            "Two executions run for one launch. One of them abandons it, or makes it wrong."
        }
        Kind::HookOfNobody => "Each launch waits there until the hook's timeout.",
        Kind::CouldNotLook => "What was not looked at may be wrong.",
        _ => return finding,
    };
    match finding.why {
        None => finding.because(why),
        Some(_) => finding,
    }
}

#[cfg(test)]
mod tests;
