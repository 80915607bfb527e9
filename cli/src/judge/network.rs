//! What of a profile cannot be had: its subnets, their addresses, its security groups, and by
//! [`place`], room and device indexes on the instance.

mod security_groups;

use std::collections::BTreeMap;

use hookline_domain::addresses::{AddressRange, AllocatedInterface, Pool, RoomPlanner, Subnet};
use hookline_domain::ids::SubnetId;
use hookline_domain::interface::Interface;
use hookline_domain::profile::{Profile, Slot};
use hookline_domain::quotas::ADDRESSES_OF_A_PREFIX;
use hookline_domain::tags::own;

use super::interfaces::delete_unattached;
use super::place::is_of_vpc_cni;
use super::replay::{Replay, profile_has_changed};
use super::words::{count, list};
use super::{Finding, Kind, Remedy, place};
use crate::observed::case::Case;
use crate::observed::network::{SeenInterface, SeenSubnet};
pub(super) use security_groups::security_groups_that_do_not_fit;

/// The most interfaces that a remedy names.
const NAMED: usize = 3;

/// What of the profile cannot be had on this instance, now. Of the profile of an execution that is
/// not deployed any more, only the deployed one is to be corrected; what that one has beside it is
/// told too.
pub(crate) fn findings(case: &Case) -> Vec<Finding> {
    let found = of_profile(case);
    let deployed = case
        .deployed_profile()
        .filter(|_| profile_has_changed(case));
    let without_networks = |(_, finding): (Option<String>, Finding)| finding;
    let Some(deployed) = deployed else {
        return found.into_iter().map(without_networks).collect();
    };
    let now = of_profile(&Case {
        input: Some(deployed.clone()),
        ..case.clone()
    });
    // One subnet that is full in the place of another corrects nothing.
    let is_corrected = |network: &Option<String>, finding: &Finding| {
        let mut now = now.iter();
        now.all(|(of, it)| (it.kind, of) != (finding.kind, network))
    };
    let is_told = |new: &Finding| {
        let mut found = found.iter();
        found.any(|(_, it)| (it.kind, &it.problem) == (new.kind, &new.problem))
    };
    let new: Vec<Finding> = now
        .iter()
        .map(|(_, finding)| finding)
        .filter(|finding| !is_told(finding))
        .cloned()
        .collect();
    let told =
        |(network, finding): (Option<String>, Finding)| match is_corrected(&network, &finding) {
            true => Finding {
                remedy: vec![Remedy::say(corrected(case))],
                ..finding
            },
            false => finding,
        };
    let found: Vec<Finding> = found.into_iter().map(told).collect();
    found.into_iter().chain(new).collect()
}

/// What to do about a profile that was wrong.
fn corrected(case: &Case) -> String {
    format!(
        "The profile of this execution was wrong; the one that is deployed now does not have this. {}",
        match Replay::of(case).helps {
            true => "The replay below takes the deployed one.",
            false => "Launches that begin now take it.",
        }
    )
}

/// What of the case's profile cannot be had; of one network, with its name.
fn of_profile(case: &Case) -> Vec<(Option<String>, Finding)> {
    let Some(profile) = case.profile() else {
        return Vec::new();
    };
    let mut found = security_groups(case, profile);
    found.extend(place::room(case, profile));
    let mut found: Vec<_> = found.into_iter().map(|finding| (None, finding)).collect();
    let wanting = case.networks_without_interface();
    for (n, slot) in profile.slots.iter().enumerate() {
        // A slot that has its interface needs no address and no place.
        if !wanting.contains(&slot.network.as_str()) {
            continue;
        }
        let mut of_slot = subnets(case, profile, n, slot);
        of_slot.extend(place::device_index(case, n, slot));
        let of_slot = of_slot.into_iter();
        found.extend(of_slot.map(|finding| (Some(slot.network.clone()), finding)));
    }
    found
}

/// What to do about a profile that is wrong.
pub(super) fn correct(profile: &Profile, field: &str) -> String {
    format!(
        "Correct {field} of the profile {} in the configuration, and deploy.",
        profile.name
    )
}

fn security_groups(case: &Case, profile: &Profile) -> Vec<Finding> {
    let vpc_of = |id: &SubnetId| {
        let seen = case.subnets.iter().find(|seen| seen.subnet.id == *id);
        Some(seen?.vpc.as_str())
    };
    let found = security_groups_that_do_not_fit(profile, &case.security_groups, vpc_of, |_| false);
    // One that is associated with the subnet's VPC fits.
    let is_proven = ec2_refused_security_group(case);
    let found = found.into_iter();
    found
        .filter(|finding| is_proven || finding.kind != Kind::SecurityGroupInAnotherVpc)
        .collect()
}

/// Whether EC2 has refused a security group of this launch for its VPC, as "Security group sg-… and
/// subnet subnet-… belong to different networks."
fn ec2_refused_security_group(case: &Case) -> bool {
    let of_function = case.last_failure().map(|(_, cause)| cause.as_str());
    let of_execution = case.execution().and_then(|it| it.cause.as_deref());
    let mut causes = of_function.into_iter().chain(of_execution);
    causes.any(|cause| cause.contains("belong to different networks"))
}

fn subnets(case: &Case, profile: &Profile, n: usize, slot: &Slot) -> Vec<Finding> {
    let field = format!("profile.slots[{n}].subnetIds");
    let known: BTreeMap<&SubnetId, &SeenSubnet> = case
        .subnets
        .iter()
        .map(|seen| (&seen.subnet.id, seen))
        .collect();
    let missing: Vec<&SubnetId> = slot
        .subnet_ids
        .iter()
        .filter(|id| !known.contains_key(id))
        .collect();
    let vpc = case.subnets.first().map(|seen| seen.vpc.as_str());
    let mut found: Vec<Finding> = missing
        .iter()
        .map(|id| missing_subnet(profile, &field, slot, id, vpc))
        .collect();
    let Some(zone) = case.zone() else {
        return found;
    };
    let here: Vec<&SeenSubnet> = slot
        .subnet_ids
        .iter()
        .filter_map(|id| known.get(id).copied())
        .filter(|seen| seen.subnet.availability_zone == zone)
        .collect();
    if here.is_empty() {
        if missing.is_empty() {
            let of_slot = slot.subnet_ids.iter().filter_map(|id| known.get(id));
            let zones = of_slot.map(|seen| seen.subnet.availability_zone.as_str());
            let zones: std::collections::BTreeSet<_> = zones.collect();
            found.push(
                Finding::new(
                    Kind::NoSubnetInZone,
                    format!("The network {} has no subnet in {zone}, where the instance is.", slot.network),
                )
                .shown_by(format!("The slot's subnets are in {}.", list(zones, 6)))
                .say(format!("Add a subnet of {zone} to {field}, and deploy; or keep the group out of {zone}.")),
            );
        }
        return found;
    }
    let free: Vec<(&SeenSubnet, Free)> = here
        .iter()
        .map(|seen| (*seen, Free::of(case, slot, seen)))
        .collect();
    let wanted = u128::try_from(slot.ipv4_addresses()).unwrap_or(u128::MAX);
    if free.iter().all(|(_, free)| free.addresses < wanted) {
        found.push(full(slot, &field, &free));
    } else if slot.prefixes > 0 && !has_block(case, profile, slot, &here, &zone) {
        found.push(without_block(slot, &field, &free));
    }
    found
}

/// Whether a subnet has a block for each prefix of the slot, beside its addresses.
fn has_block(
    case: &Case,
    profile: &Profile,
    slot: &Slot,
    here: &[&SeenSubnet],
    zone: &str,
) -> bool {
    let reserved = |id: &SubnetId| case.reservations.get(id).into_iter().flatten();
    let subnets = here.iter().map(|seen| {
        let reservations = reserved(&seen.subnet.id).map(|it| it.range).collect();
        let subnet = Subnet {
            reservations,
            ..seen.subnet.clone()
        };
        (subnet.id.clone(), subnet)
    });
    let for_prefixes = here.iter().map(|seen| {
        let ranges = reserved(&seen.subnet.id).filter(|it| it.for_prefixes);
        (seen.subnet.id.clone(), ranges.map(|it| it.range).collect())
    });
    let available = here
        .iter()
        .map(|seen| (seen.subnet.id.clone(), seen.available));
    let allocated: Vec<AllocatedInterface> = case
        .in_subnets
        .iter()
        .map(|it| it.interface.clone().into())
        .collect();
    let planner = RoomPlanner {
        profile,
        availability_zone: zone,
        subnets: &subnets.collect(),
        prefix_reservations: &for_prefixes.collect(),
        allocated: &allocated,
        available: &available.collect(),
        in_flight: &[],
    };
    planner.pools().place(slot).is_some()
}

/// A subnet of a slot that does not exist. `vpc` is that of the profile's other subnets.
pub(super) fn missing_subnet(
    profile: &Profile,
    field: &str,
    slot: &Slot,
    id: &SubnetId,
    vpc: Option<&str>,
) -> Finding {
    let finding = Finding::new(
        Kind::SubnetMissing,
        format!("There is no subnet {id} in this account and Region."),
    )
    .shown_by(format!(
        "{field} of the profile {} names it, for the network {}.",
        profile.name, slot.network
    ))
    .about([id])
    .say(correct(profile, field));
    let Some(vpc) = vpc else {
        return finding;
    };
    finding
        .say(format!("The subnets of {vpc}, with their free addresses:"))
        .run([
            "aws",
            "ec2",
            "describe-subnets",
            "--filters",
            &format!("Name=vpc-id,Values={vpc}"),
            "--query",
            "Subnets[].[SubnetId,AvailabilityZone,CidrBlock,AvailableIpAddressCount]",
            "--output",
            "text",
        ])
}

/// What is free in a subnet for a slot, and who holds the rest.
struct Free {
    addresses: u128,
    /// What holds addresses, and how many.
    holders: BTreeMap<String, usize>,
    /// Unattached interfaces of others than Hookline.
    unattached: Vec<Interface>,
}

impl Free {
    fn of(case: &Case, slot: &Slot, seen: &SeenSubnet) -> Self {
        let inside: Vec<&SeenInterface> = case
            .in_subnets
            .iter()
            .filter(|it| it.interface.subnet_id == seen.subnet.id)
            .collect();
        let mut holders = BTreeMap::new();
        for it in &inside {
            let held = it.interface.private_ip_addresses.len() + 16 * it.interface.prefixes.len();
            *holders.entry(holder(it)).or_default() += held;
        }
        let reserved = case.reservations.get(&seen.subnet.id).into_iter().flatten();
        let addresses = match (slot.has_named_addresses(), seen.subnet.ipv4) {
            (true, Some(block)) => {
                let mut pool = Pool::new(block);
                let before = pool.free();
                reserved.for_each(|it| pool.take(AddressRange::from(it.range)));
                slot.excluded_ranges
                    .iter()
                    .for_each(|range| pool.take(*range));
                let kept = usize::try_from(before - pool.free()).unwrap_or(usize::MAX);
                if kept > 0 {
                    holders.insert(
                        "the subnet's CIDR reservations and the slot's excludedRanges".to_owned(),
                        kept,
                    );
                }
                for it in &inside {
                    let held = AllocatedInterface::from(it.interface.clone());
                    held.addresses
                        .into_iter()
                        .for_each(|range| pool.take(range));
                }
                pool.free().min(seen.available.into())
            }
            _ => seen.available.into(),
        };
        let unattached = inside
            .iter()
            // The VPC CNI attaches what it has created; a service deletes its own.
            .filter(|it| !is_of_vpc_cni(it) && it.requester.is_none())
            .map(|it| &it.interface)
            .filter(|it| it.status == "available" && !it.tags.contains_key(own::INSTANCE_ID))
            .cloned()
            .collect();
        Self {
            addresses,
            holders,
            unattached,
        }
    }
}

/// Who holds the addresses of an interface, in words that group like ones.
pub(super) fn holder(seen: &SeenInterface) -> String {
    let interface = &seen.interface;
    let attached = interface.attachment.is_some();
    let described = match interface.description.as_str() {
        "" => "without a description".to_owned(),
        text => format!("described {text:?}"),
    };
    match (
        interface.tags.contains_key(own::INSTANCE_ID),
        seen.kind.as_str(),
        &seen.requester,
    ) {
        (true, ..) if attached => "interfaces of Hookline on nodes".to_owned(),
        (true, ..) => "unattached interfaces of Hookline".to_owned(),
        (_, "interface", None) if !attached => {
            format!("unattached interfaces of others, {described}")
        }
        (_, "interface", None) if interface.description.starts_with("aws-K8S-") => {
            "interfaces of the VPC CNI".to_owned()
        }
        (_, "interface", None) => "interfaces of others on instances".to_owned(),
        (_, kind, None) => format!("interfaces of the type {kind}"),
        (_, kind, Some(requester)) => {
            format!("interfaces of the type {kind}, requested by {requester}")
        }
    }
}

fn full(slot: &Slot, field: &str, free: &[(&SeenSubnet, Free)]) -> Finding {
    let ids = free.iter().map(|(seen, _)| &seen.subnet.id);
    let most = free
        .iter()
        .map(|(_, free)| free.addresses)
        .max()
        .unwrap_or_default();
    let problem = format!(
        "The network {} has {} free for its interface in {}, and needs {}.",
        slot.network,
        count(
            usize::try_from(most).unwrap_or(usize::MAX),
            "address",
            "addresses"
        ),
        list(ids.clone(), NAMED),
        slot.ipv4_addresses()
    );
    held(
        Finding::new(Kind::SubnetFull, problem).about(ids),
        field,
        free,
    )
}

/// Subnets with addresses enough, none of which has a whole block for a prefix.
fn without_block(slot: &Slot, field: &str, free: &[(&SeenSubnet, Free)]) -> Finding {
    let ids = free.iter().map(|(seen, _)| &seen.subnet.id);
    let problem = format!(
        "The network {} has no free block of {ADDRESSES_OF_A_PREFIX} addresses for {} of its interface in {}: what is \
         free is in pieces.",
        slot.network,
        match slot.prefixes {
            1 => "the prefix".to_owned(),
            many => format!("each of the {many} prefixes"),
        },
        list(ids.clone(), NAMED)
    );
    let finding = Finding::new(Kind::SubnetFull, problem).about(ids);
    held(finding, field, free).say(
        "To keep blocks whole in a subnet, make a CIDR reservation of the type `prefix` there (VPC User Guide, \
         \"Subnet CIDR reservations\").",
    )
}

/// The finding with who holds the addresses of the subnets, and what gives some free.
fn held(mut finding: Finding, field: &str, free: &[(&SeenSubnet, Free)]) -> Finding {
    for (seen, free) in free {
        let block = seen
            .subnet
            .ipv4
            .map_or_else(String::new, |block| format!(" ({block})"));
        let holders: Vec<String> = free
            .holders
            .iter()
            .map(|(who, held)| format!("{held} by {who}"))
            .collect();
        let held = match holders.is_empty() {
            true => String::new(),
            false => format!(" The rest is held: {}.", holders.join(", ")),
        };
        finding = finding.shown_by(format!(
            "{}{block} in {} has {} free addresses.{held} EC2 keeps 5 of each subnet.",
            seen.subnet.id, seen.subnet.availability_zone, free.addresses
        ));
    }
    let unattached = free.iter().flat_map(|(_, free)| &free.unattached);
    let unattached: Vec<&str> = unattached.map(|it| it.id.as_str()).collect();
    if !unattached.is_empty() {
        finding = delete_unattached(finding, &unattached);
    }
    finding.say(format!(
        "Otherwise add a subnet of this Availability Zone to {field}, and deploy."
    ))
}

#[cfg(test)]
#[path = "network_tests.rs"]
mod tests;
