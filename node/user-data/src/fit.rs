//! Whether user data fits a profile: the gate and its networks, maxPods beside the slots, the
//! startup taint.

use std::collections::{BTreeMap, BTreeSet};

use hookline_domain::profile::{Profile, Slot};
use serde::{Deserialize, Serialize};

use crate::findings::Findings;
use crate::instance_types::NetworkLimits;
use crate::join::{BY_INSTANCE_TYPE, Bootstrap, Join};
use crate::shell::Shell;
use crate::show;

/// A network that the gate waits for (docs/node.md, "The settings").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GateNetwork {
    /// The network's name.
    pub network: String,
    /// The network's subnets.
    #[serde(default)]
    pub subnet_ids: Vec<String>,
    /// The device index, if it is fixed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_index: Option<u32>,
    /// The network card.
    #[serde(default)]
    pub network_card: u32,
}

/// What holds kubelet back until the interfaces are there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Gate {
    /// What has its settings.
    pub from: String,
    /// Whether kubelet needs it to start.
    pub holds_kubelet: bool,
    /// The networks that it waits for.
    pub networks: Vec<GateNetwork>,
}

/// The settings of the gate, of which the networks matter here.
#[derive(Deserialize)]
struct Settings {
    gate: Vec<GateNetwork>,
}

/// Finds the gate: its settings, in a document that a script gives to `install.sh`, in a file, or
/// in a bootstrap container's user data; and kubelet's drop-in.
pub(crate) fn gate(shell: &Shell, containers: &[(String, String)]) -> Option<Gate> {
    let settings = |text: &str| serde_json::from_str::<Settings>(text).ok();
    for (name, text) in containers {
        if let Some(settings) = settings(text) {
            return Some(Gate {
                from: show::text(&format!("the bootstrap container {name}")),
                holds_kubelet: true,
                networks: shown(settings.gate),
            });
        }
    }
    let files = shell.files.iter();
    let holds_kubelet = files.clone().any(|(path, file)| {
        path.starts_with("/etc/systemd/system/kubelet.service.d/")
            && file.content.contains("hookline-gate")
    });
    let inputs = shell
        .inputs
        .iter()
        .filter_map(|call| Some((call.place.clone(), call.arguments.first()?)));
    let files = files.filter(|(path, _)| *path == "/etc/hookline/node.json");
    let files = files.map(|(path, file)| (format!("{}, {path}", file.place), &file.content));
    let mut found = inputs
        .chain(files)
        .filter_map(|(from, text)| Some((from, settings(text)?)));
    let (from, settings) = found.next()?;
    Some(Gate {
        from: show::text(&from),
        holds_kubelet,
        networks: shown(settings.gate),
    })
}

fn shown(networks: Vec<GateNetwork>) -> Vec<GateNetwork> {
    let shown = networks.into_iter().take(64).map(|network| GateNetwork {
        network: show::text(&network.network),
        subnet_ids: network
            .subnet_ids
            .iter()
            .take(64)
            .map(|id| show::text(id))
            .collect(),
        ..network
    });
    shown.collect()
}

/// Says what does not fit.
pub(crate) fn check(
    profile: &Profile,
    join: &Join,
    gate: Option<&Gate>,
    limits: Option<&NetworkLimits>,
    findings: &mut Findings,
) {
    check_gate(profile, join, gate, findings);
    check_max_pods(profile, join, limits, findings);
    check_startup_taint(profile, join, findings);
}

fn check_gate(profile: &Profile, join: &Join, gate: Option<&Gate>, findings: &mut Findings) {
    let Some(gate) = gate else {
        if !profile.slots.is_empty() {
            let what = match join.bootstrap {
                Bootstrap::Bottlerocket => {
                    "no bootstrap container holds the boot until the interfaces are there: kubelet starts without them"
                }
                _ => {
                    "nothing in it installs the gate: unless the image has it, kubelet starts before the interfaces are there"
                }
            };
            findings.warning("no-gate", None, what);
        }
        return;
    };
    if !gate.holds_kubelet {
        let what = "it has settings for the gate, and no drop-in by which kubelet needs the gate";
        findings.problem("gate-without-drop-in", Some(&gate.from), what);
    }
    for network in &gate.networks {
        let Some(slot) = profile
            .slots
            .iter()
            .find(|slot| slot.network == network.network)
        else {
            findings.problem(
                "gate-waits-forever",
                Some(&gate.from),
                format_args!("the gate waits for the network {}, which the profile does not have: kubelet never starts", network.network),
            );
            continue;
        };
        check_network(network, slot, &gate.from, findings);
    }
    for slot in &profile.slots {
        if !gate
            .networks
            .iter()
            .any(|network| network.network == slot.network)
        {
            findings.note(
                "not-gated",
                Some(&gate.from),
                format_args!(
                    "the gate does not wait for the network {} of the profile",
                    show::text(&slot.network)
                ),
            );
        }
    }
}

fn check_network(network: &GateNetwork, slot: &Slot, from: &str, findings: &mut Findings) {
    let name = &network.network;
    let of = |index: Option<u32>| index.map_or("none".to_owned(), |index| index.to_string());
    if network.device_index.is_some() && network.device_index != slot.device_index {
        let (waits, has) = (of(network.device_index), of(slot.device_index));
        findings.problem(
            "device-index",
            Some(from),
            format_args!("for {name} the gate waits at device index {waits}, and the profile has {has}: kubelet may never start"),
        );
    }
    if network.device_index.is_some() && network.network_card != slot.network_card {
        let (waits, has) = (network.network_card, slot.network_card);
        findings.problem(
            "network-card",
            Some(from),
            format_args!("for {name} the gate waits on network card {waits}, and the profile has {has}: kubelet never starts"),
        );
    }
    let known: BTreeSet<&str> = network.subnet_ids.iter().map(String::as_str).collect();
    let unknown = slot
        .subnet_ids
        .iter()
        .map(ToString::to_string)
        .filter(|id| !known.contains(id.as_str()));
    let unknown: Vec<String> = unknown.collect();
    if !unknown.is_empty() {
        findings.problem(
            "subnets",
            Some(from),
            format_args!("for {name} the gate does not know {} of the profile: it does not take an interface there", unknown.join(", ")),
        );
    }
}

/// The interfaces of slots take places on the default network card that the VPC CNI cannot use
/// (docs/node-groups.md, "maxPods").
fn check_max_pods(
    profile: &Profile,
    join: &Join,
    limits: Option<&NetworkLimits>,
    findings: &mut Findings,
) {
    /// With prefixes, an address of the VPC CNI is a prefix of 16.
    const PREFIX: u32 = 16;
    let Some(limits) = limits.filter(|_| !profile.slots.is_empty()) else {
        return;
    };
    let mut slots: BTreeMap<u32, u32> = BTreeMap::new();
    for slot in &profile.slots {
        *slots.entry(slot.network_card).or_default() += 1;
    }
    for (card, count) in &slots {
        let places = limits.cards.get(card).copied().unwrap_or_default();
        let places = places.saturating_sub(u32::from(*card == limits.default_card));
        if *count > places {
            findings.problem(
                "no-room",
                None,
                format_args!("{} has room for {places} interfaces of the profile on network card {card}, which has {count} there", limits.name),
            );
            return;
        }
    }
    let taken = slots.get(&limits.default_card).copied().unwrap_or_default();
    let interfaces = limits.default_card_interfaces.saturating_sub(taken);
    let addresses = interfaces * limits.addresses_per_interface.saturating_sub(1);
    let (pods, with_prefixes) = (addresses + 2, addresses * PREFIX + 2);
    let Some(max_pods) = &join.max_pods else {
        return;
    };
    let what = match max_pods.value.parse::<u32>() {
        Ok(wanted) if wanted > with_prefixes => {
            findings.problem(
                "max-pods-above-addresses",
                Some(&max_pods.from),
                format_args!("maxPods is {wanted}; beside the interfaces of the profile, {} has addresses for {with_prefixes}, with prefixes", limits.name),
            );
            return;
        }
        Ok(wanted) if wanted > pods => format!("maxPods is {wanted}"),
        Err(_) if taken > 0 && max_pods.value == BY_INSTANCE_TYPE => {
            "maxPods is what the instance type has without the profile's interfaces".to_owned()
        }
        _ => return,
    };
    findings.warning(
        "max-pods-above-addresses",
        Some(&max_pods.from),
        format_args!("{what}; beside them, {} has addresses for {pods}, unless the VPC CNI gives out prefixes", limits.name),
    );
}

fn check_startup_taint(profile: &Profile, join: &Join, findings: &mut Findings) {
    let Some(wanted) = &profile.startup_taint else {
        return;
    };
    let key = show::text(&wanted.key);
    let found = join.taints.iter().find(|taint| taint.key == key);
    match found {
        None => findings.problem(
            "startup-taint",
            None,
            format_args!("the profile has the startup taint {key}, and kubelet does not register with it: pods can start too early"),
        ),
        Some(taint) if taint.effect == "PreferNoSchedule" => {
            findings.warning("startup-taint", Some(&taint.from), format_args!("the startup taint {key} has the effect PreferNoSchedule, which holds no pod back"));
        }
        Some(_) => {}
    }
    if let Some(cluster) = join
        .cluster
        .as_ref()
        .filter(|cluster| cluster.value != show::text(&wanted.cluster))
    {
        findings.problem(
            "startup-taint-cluster",
            Some(&cluster.from),
            format_args!(
                "the node joins {}, and the profile removes its startup taint in {}",
                cluster.value,
                show::text(&wanted.cluster)
            ),
        );
    }
}
