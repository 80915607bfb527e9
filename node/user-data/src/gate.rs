//! The gate in user data: what it waits for, and whether that fits a profile (docs/node.md).

use std::collections::BTreeSet;

use hookline_domain::ids::SubnetId;
use hookline_domain::profile::{Profile, Slot};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::findings::{Finding, Findings};
use crate::shell::Shell;
use crate::show;

/// The most networks, places and subnets that are kept of a list.
const MOST: usize = 64;

/// A network that the gate waits for (docs/node.md, "The settings").
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// What becomes of the interface. It is as somebody wrote it, and is shown where it differs
    /// only.
    #[serde(flatten, skip_serializing)]
    pub on_node: OnNode,
}

/// What becomes of a network's interface on a node: with what is absent, docs/node.md's defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct OnNode {
    /// The interface's name.
    pub interface_name: Option<Value>,
    /// Its MTU.
    pub mtu: Option<Value>,
    /// Whose it is: Multus's or the operating system's.
    pub mode: Option<Value>,
    /// The CNI configuration.
    pub cni: Option<Value>,
}

/// A place of an interface that the gate does not wait for, and that is no network's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimedPlace {
    /// The subnets of the interface's network.
    #[serde(default)]
    pub subnet_ids: Vec<String>,
    /// Its device index.
    pub device_index: u32,
    /// Its network card.
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
    /// The places of interfaces that are no network's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub claimed: Vec<ClaimedPlace>,
}

impl Gate {
    /// What does not fit a profile, the worst first. `node_subnets` are those of the nodes' primary
    /// interfaces, as far as they are known.
    #[must_use]
    pub fn misfits(&self, profile: &Profile, node_subnets: &[SubnetId]) -> Vec<Finding> {
        let mut findings = Findings::default();
        check(profile, self, &mut findings);
        check_beside_primary(profile, self, node_subnets, &mut findings);
        findings.into_sorted()
    }

    fn names(&self, slot: &Slot) -> bool {
        let name = show::text(&slot.network);
        self.networks.iter().any(|it| it.network == name)
    }

    /// The slot whose interface a network of the gate takes: that of its name, or one that the gate
    /// does not name, at its place. A name tells nothing of where an interface is.
    fn slot_of<'a>(&self, network: &GateNetwork, profile: &'a Profile) -> Option<&'a Slot> {
        let slots = || profile.slots.iter();
        let named = slots().find(|slot| show::text(&slot.network) == network.network);
        named.or_else(|| slots().find(|slot| !self.names(slot) && network.is_at(slot)))
    }

    /// Whether the place of a slot's interface in a subnet is claimed.
    fn claims(&self, slot: &Slot, subnet: &str) -> bool {
        self.claimed.iter().any(|place| {
            Some(place.device_index) == slot.device_index
                && place.network_card == slot.network_card
                && place.subnet_ids.iter().any(|id| id == subnet)
        })
    }
}

impl OnNode {
    /// The fields that `other` has otherwise, each with both values in JSON as they may be shown.
    #[must_use]
    pub fn differences(&self, other: &Self, network: &str) -> Vec<(&'static str, String, String)> {
        let both = self.fields(network).into_iter().zip(other.fields(network));
        let shown = |value: &Value| show::text(&value.to_string());
        both.filter(|((_, one), (_, other))| one != other)
            .map(|((field, one), (_, other))| (field, shown(&one), shown(&other)))
            .collect()
    }

    /// Each field with its value, and with its default if it is absent.
    fn fields(&self, network: &str) -> [(&'static str, Value); 4] {
        let or = |value: &Option<Value>, default: Value| value.clone().unwrap_or(default);
        [
            ("interfaceName", or(&self.interface_name, network.into())),
            ("mtu", or(&self.mtu, 9_001.into())),
            ("mode", or(&self.mode, "multus".into())),
            ("cni", or(&self.cni, Value::Null)),
        ]
    }

    /// Which addresses of its interface a node gives to pods.
    fn pod_addresses(&self) -> Option<&str> {
        let cni = self.cni.as_ref().filter(|cni| cni.is_object())?;
        let text = |name: &str| cni.get(name).and_then(Value::as_str);
        let default = match text("type") {
            Some("ipvlan") => "secondary",
            _ => "primary",
        };
        Some(text("addresses").unwrap_or(default))
    }
}

impl GateNetwork {
    /// The subnets that it has in common with a slot.
    fn shared_with(&self, slot: &Slot) -> Vec<String> {
        let ids = slot.subnet_ids.iter().map(ToString::to_string);
        ids.filter(|id| self.subnet_ids.contains(id)).collect()
    }

    fn is_at(&self, slot: &Slot) -> bool {
        let has_place =
            self.device_index == slot.device_index && self.network_card == slot.network_card;
        (self.device_index.is_none() || has_place) && !self.shared_with(slot).is_empty()
    }
}

/// The settings of the gate, of which the places of interfaces matter here.
#[derive(Deserialize)]
struct Settings {
    gate: Vec<GateNetwork>,
    #[serde(default)]
    claimed: Vec<ClaimedPlace>,
}

impl Settings {
    fn into_gate(self, from: &str, holds_kubelet: bool) -> Gate {
        let shown_ids = |ids: &[String]| ids.iter().take(MOST).map(|id| show::text(id)).collect();
        let networks = self.gate.into_iter().take(MOST).map(|it| GateNetwork {
            network: show::text(&it.network),
            subnet_ids: shown_ids(&it.subnet_ids),
            ..it
        });
        let claimed = self.claimed.into_iter().take(MOST).map(|it| ClaimedPlace {
            subnet_ids: shown_ids(&it.subnet_ids),
            ..it
        });
        Gate {
            from: show::text(from),
            holds_kubelet,
            networks: networks.collect(),
            claimed: claimed.collect(),
        }
    }
}

/// Finds the gate: its settings, in a document that a script gives to `install.sh`, in a file, or
/// in a bootstrap container's user data; and kubelet's drop-in.
pub(crate) fn find(shell: &Shell, containers: &[(String, String)]) -> Option<Gate> {
    let settings = |text: &str| serde_json::from_str::<Settings>(text).ok();
    for (name, text) in containers {
        if let Some(settings) = settings(text) {
            return Some(settings.into_gate(&format!("the bootstrap container {name}"), true));
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
    Some(settings.into_gate(&from, holds_kubelet))
}

/// Says what of a gate does not fit the profile.
pub(crate) fn check(profile: &Profile, gate: &Gate, findings: &mut Findings) {
    if !gate.holds_kubelet {
        let what = "it has settings for the gate, and no drop-in by which kubelet needs the gate";
        findings.problem("gate-without-drop-in", Some(&gate.from), what);
    }
    for network in &gate.networks {
        match gate.slot_of(network, profile) {
            None => findings.problem(
                "gate-waits-forever",
                Some(&gate.from),
                format_args!("the gate waits for the network {}, which the profile does not have: kubelet never starts", network.network),
            ),
            Some(slot) => check_network(network, slot, &gate.from, findings),
        }
    }
    let of_gate = gate
        .networks
        .iter()
        .filter_map(|it| gate.slot_of(it, profile));
    let of_gate: Vec<&Slot> = of_gate.collect();
    for slot in &profile.slots {
        if !of_gate.contains(&slot) {
            findings.note(
                "not-gated",
                Some(&gate.from),
                format_args!(
                    "the gate does not wait for the network {} of the profile: kubelet starts without it, and the node does not configure its interface",
                    show::text(&slot.network)
                ),
            );
        }
    }
    check_ambiguous(profile, gate, findings);
    check_claimed(profile, gate, findings);
}

fn check_network(network: &GateNetwork, slot: &Slot, from: &str, findings: &mut Findings) {
    let name = &network.network;
    if *name != show::text(&slot.network) {
        findings.problem(
            "network-name",
            Some(from),
            format_args!(
                "the gate takes the interface of {} for that of {name}, which the profile does not have: the node's configurations for pods \
                 have that name",
                show::text(&slot.network)
            ),
        );
    }
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
    let has_none = slot.secondary_private_addresses == 0 && slot.prefixes == 0;
    if has_none && network.on_node.pod_addresses() == Some("secondary") {
        findings.problem(
            "pod-addresses",
            Some(from),
            format_args!(
                "for {name} the node gives pods the interface's secondary addresses, and the profile has secondaryPrivateAddresses 0 and \
                 prefixes 0: no pod gets one"
            ),
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
            format_args!(
                "for {name} the gate does not know {} of the profile, and knows {}: it does not take an interface there",
                unknown.join(", "),
                network.subnet_ids.join(", ")
            ),
        );
    }
}

/// A network without a device index is told by its subnets. An interface of another slot there must
/// be told by its own place.
fn check_ambiguous(profile: &Profile, gate: &Gate, findings: &mut Findings) {
    let free = gate.networks.iter().filter(|it| it.device_index.is_none());
    for network in free {
        let own = gate.slot_of(network, profile);
        for slot in profile.slots.iter().filter(|slot| Some(*slot) != own) {
            // Networks with a place choose first.
            let mut placed = gate.networks.iter().filter(|it| it.device_index.is_some());
            if placed.any(|it| gate.slot_of(it, profile) == Some(slot)) {
                continue;
            }
            let shared = network.shared_with(slot);
            let Some(subnet) = shared.iter().find(|subnet| !gate.claims(slot, subnet)) else {
                continue;
            };
            findings.problem(
                "ambiguous",
                Some(&gate.from),
                format_args!(
                    "the gate knows {} by its subnet {subnet} alone, where the profile has {} too: it takes neither of two interfaces \
                     there, and kubelet never starts",
                    network.network,
                    show::text(&slot.network)
                ),
            );
        }
    }
}

/// In the subnet of its primary interface, a node tells an interface by its device index only.
fn check_beside_primary(
    profile: &Profile,
    gate: &Gate,
    node_subnets: &[SubnetId],
    findings: &mut Findings,
) {
    let free = gate.networks.iter().filter(|it| it.device_index.is_none());
    for network in free {
        // A slot without a device index is refused there, whatever the gate is told.
        let slot = gate.slot_of(network, profile);
        let slot = slot.filter(|slot| slot.device_index.is_some());
        let mut subnets = slot.into_iter().flat_map(|slot| &slot.subnet_ids);
        if let Some(subnet) = subnets.find(|id| node_subnets.contains(id)) {
            findings.problem(
                "beside-primary",
                Some(&gate.from),
                format_args!(
                    "the gate knows {} by its subnet alone, and {subnet} has the nodes' primary interfaces too: it takes no interface there, and \
                     kubelet never starts",
                    network.network
                ),
            );
        }
    }
}

/// An interface at a claimed place is no network's.
fn check_claimed(profile: &Profile, gate: &Gate, findings: &mut Findings) {
    for network in &gate.networks {
        let Some(slot) = gate.slot_of(network, profile) else {
            continue;
        };
        let shared = network.shared_with(slot);
        if shared.iter().any(|subnet| gate.claims(slot, subnet)) {
            findings.problem(
                "claimed",
                Some(&gate.from),
                format_args!(
                    "the gate waits for {}, and that place of the profile is claimed, so it is no network's: kubelet never starts",
                    network.network
                ),
            );
        }
    }
}
