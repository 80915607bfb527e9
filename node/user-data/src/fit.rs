//! Whether user data fits a profile: the gate ([`crate::gate`]), maxPods beside the slots, the
//! startup taint.

use std::collections::BTreeMap;

use hookline_domain::profile::Profile;

use crate::findings::Findings;
use crate::gate::{self, Gate};
use crate::instance_types::NetworkLimits;
use crate::join::{BY_INSTANCE_TYPE, Bootstrap, Join};
use crate::show;

/// Says what does not fit.
pub(crate) fn check(
    profile: &Profile,
    join: &Join,
    gate: Option<&Gate>,
    limits: Option<&NetworkLimits>,
    findings: &mut Findings,
) {
    match gate {
        Some(gate) => gate::check(profile, gate, findings),
        None => check_without_gate(profile, join, findings),
    }
    check_max_pods(profile, join, limits, findings);
    check_startup_taint(profile, join, findings);
}

fn check_without_gate(profile: &Profile, join: &Join, findings: &mut Findings) {
    if profile.slots.is_empty() {
        return;
    }
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
    let wanted = join
        .max_pods_on_type
        .map_or_else(|| max_pods.value.parse::<u32>(), Ok);
    let what = match wanted {
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
