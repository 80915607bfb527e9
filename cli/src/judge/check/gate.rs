//! The gate in the user data of launch templates: what of it does not fit a profile, or the file
//! that replaces it.

use hookline_domain::profile::Profile;
use hookline_user_data::{Gate, OnNode, Severity};

use super::user_data::user_data_of;
use crate::judge::{Finding, Kind};
use crate::observed::account::{Account, WantedNodes};
use crate::observed::group::Group;
use crate::observed::user_data::{Said, UserData};

/// What a gate shows by, in user data.
const LOOKED_FOR: &str = "Looked for: settings that a script gives to install.sh, /etc/hookline/node.json, and the user \
                          data of an essential bootstrap container of Bottlerocket. Another gate is not known.";

pub(super) fn missing(how: &str) -> Finding {
    Finding::new(Kind::GateMissing, format!("The launch template {how}: no gate holds kubelet back."))
        .shown_by(LOOKED_FOR)
        .say("Add the gate to the user data (docs/node.md, docs/node-groups.md), or bake it into the image.")
}

/// What of the gate does not fit the profile.
pub(super) fn findings(profile: &Profile, group: &Group, gate: &Gate) -> Vec<Finding> {
    let misfits = gate.misfits(profile, &group.subnets).into_iter();
    let problems = misfits.filter(|misfit| misfit.severity == Severity::Problem);
    problems
        .map(|misfit| {
            let finding = Finding::new(
                Kind::GateDiffers,
                format!(
                    "The gate does not fit the profile {}: {}.",
                    profile.name, misfit.message
                ),
            )
            .shown_by(format!("Its settings are in {}.", gate.from));
            match misfit.code {
                "gate-without-drop-in" => {
                    finding.say("Install the gate with node/install.sh, which writes the drop-in (docs/node.md).")
                }
                code => {
                    let finding = finding.say(
                        "Give the gate the places of the profile, in a new version of the launch template; or take the change \
                         of the profile back (docs/node.md, \"Changing a profile and its launch template\").",
                    );
                    match safe_order(code) {
                        Some(order) => finding.say(format!("The safe order of such a change: {order}.")),
                        None => finding,
                    }
                }
            }
        })
        .collect()
}

/// In which order a change holds no node back, in each direction: what is seen between two changes
/// does not tell which of them is meant (docs/node.md, "Changing a profile and its launch
/// template").
fn safe_order(code: &str) -> Option<&'static str> {
    Some(match code {
        "gate-waits-forever" => {
            "to add the network, first put it into the profile, then into the gate in the launch template; to remove it, \
             first take it out of the gate, then out of the profile"
        }
        "network-name" => {
            "first add a network of the new name to the profile and then to the gate; then take the old one out of the \
             gate, and then out of the profile"
        }
        "device-index" | "network-card" => {
            "first take deviceIndex and networkCard out of the gate, if no other network and no node has the subnet, then \
             change the profile; else change both while the group launches nothing"
        }
        "subnets" => {
            "first add the new subnets to the gate in the launch template, then to the profile; take old ones first out of \
             the profile, later out of the gate"
        }
        "ambiguous" => {
            "to add the network, first put its place into claimed of the launch template, then change the profile, later \
             move it to the gate; to remove it, first move its place from the gate to claimed, then change the profile, \
             later take it out of claimed"
        }
        "claimed" => {
            "to add the network, first change the profile, then move the place from claimed to the gate's network; to \
             remove it, first move the place from the gate to claimed, then change the profile"
        }
        "beside-primary" => {
            "give the network its deviceIndex in the gate, in a new version of the launch template, while the group \
             launches nothing"
        }
        "pod-addresses" => {
            "first give the slot addresses in the profile, then cni to the gate's network in the launch template; the \
             other way round to remove them"
        }
        _ => return None,
    })
}

/// What a deployment of the file changes of a network's interface on new nodes of a node group.
fn changes(gate: &Gate, of_file: &WantedNodes, place: &str) -> Vec<String> {
    let WantedNodes {
        name: node_group,
        networks: wanted,
        ..
    } = of_file;
    let mut found = Vec::new();
    for network in &gate.networks {
        let name = &network.network;
        let default = OnNode::default();
        let file = wanted.get(name).unwrap_or(&default);
        for (field, has, wants) in network.on_node.differences(file, name) {
            let order = match field {
                // A definition's MTU is at most the interface's.
                "mtu" => {
                    "Lower the MTU of the pods' definitions before, or raise it when all nodes are replaced"
                }
                "cni" => {
                    "Pods' definitions name the configuration: give a new one another name, and change the definitions when all nodes are \
                     replaced"
                }
                _ => "One deployment is enough",
            };
            found.push(format!(
                "{place} has {has} for {field} of {name}, and the node group {node_group} of the file {wants}: nodes that run keep theirs. {order} (docs/node-groups.md, \"Change a \
                 group\")."
            ));
        }
    }
    found
}

/// The networks that a gate does not wait for. Where a deployment of the file makes the launch
/// template anew, all that does not fit until then.
pub(super) fn notes(account: &Account) -> Vec<String> {
    let mut notes = Vec::new();
    for input in &account.profiles {
        let profile = &input.profile;
        if !account.knows_subnets_of(profile) {
            continue;
        }
        let is_replaced = super::is_of_node_group(account, &profile.name);
        for group in account.groups_of(&profile.selector) {
            for (reference, user_data) in user_data_of(account, group) {
                let UserData::Read(Said {
                    gate: Some(gate), ..
                }) = user_data
                else {
                    continue;
                };
                let mut of_file = account.to_be_on_nodes.iter();
                let of_file = of_file.find(|it| it.profile == profile.name && it.has(group));
                if let Some(of_file) = of_file {
                    let place = format!("The launch template {reference} of {}", group.name);
                    notes.extend(changes(gate, of_file, &place));
                }
                let misfits = gate.misfits(profile, &group.subnets).into_iter();
                let told = misfits.filter(|it| is_replaced || it.severity != Severity::Problem);
                notes.extend(told.map(|misfit| {
                    let place = format!("The launch template {reference} of {}", group.name);
                    let (name, what) = (&profile.name, misfit.message);
                    match is_replaced {
                        true => format!(
                            "{place} does not fit the profile {name} until the deployment has changed it: {what}. Deploy while the group \
                             launches nothing (docs/node-groups.md, \"Nodes between two changes\")."
                        ),
                        false => format!(
                            "{place} and the profile {name}: {what}. If the network is not to be ignored, add it to the gate in a new \
                             version of the launch template (docs/node.md)."
                        ),
                    }
                }));
            }
        }
    }
    notes
}
