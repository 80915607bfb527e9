//! For how many more nodes the subnets of each group have addresses.

use std::collections::BTreeMap;

use hookline_domain::addresses::{AllocatedInterface, RoomPlanner, Shortage, Subnet};
use hookline_domain::ids::{InstanceId, SubnetId};
use hookline_domain::profile::Profile;
use hookline_domain::quotas::ADDRESSES_OF_A_PREFIX;
use hookline_domain::tags::own;
use ipnet::IpNet;
use serde::Serialize;

use crate::judge::interfaces::delete_unattached;
use crate::judge::network::holder;
use crate::judge::place::is_of_vpc_cni;
use crate::judge::words::{count, list};
use crate::judge::{Finding, Kind};
use crate::observed::account::Account;
use crate::observed::group::Group;
use crate::observed::network::SeenSubnet;

/// The most nodes that are counted: nobody asks for more at once.
pub(crate) const MAX_NODES: usize = 1_000;
/// The most subnets that a text lists.
const LISTED: usize = 3;

/// For how many more nodes of a group there is room in an Availability Zone.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RoomOfZone {
    pub(crate) group: String,
    pub(crate) profile: String,
    pub(crate) availability_zone: String,
    /// The group's instances there.
    pub(crate) nodes: usize,
    /// For how many more there are addresses, at most [`MAX_NODES`].
    pub(crate) more_nodes: usize,
    /// How many more may come, if the group grows to its maximum size and is balanced.
    pub(crate) may_grow_by: usize,
    /// The network that has no room for one more; null if there is room for [`MAX_NODES`].
    pub(crate) limited_by: Option<String>,
    /// Its subnets there.
    pub(crate) subnets: Vec<SubnetId>,
    #[serde(skip)]
    slot: usize,
}

/// The room of each group in each of its Availability Zones, for each profile. Groups that share
/// subnets share the room.
pub(crate) fn rooms(account: &Account) -> Vec<RoomOfZone> {
    let (Some(seen), Some(interfaces)) = (&account.subnets, &account.interfaces) else {
        return Vec::new();
    };
    let subnets: BTreeMap<SubnetId, Subnet> = seen
        .iter()
        .map(|(id, seen)| {
            let reservations = account.reservations.get(id).into_iter().flatten();
            let subnet = Subnet {
                reservations: reservations.map(|it| it.range).collect(),
                ..seen.subnet.clone()
            };
            (id.clone(), subnet)
        })
        .collect();
    let prefix_reservations: BTreeMap<SubnetId, Vec<IpNet>> = account
        .reservations
        .iter()
        .map(|(id, found)| {
            let found = found.iter().filter(|it| it.for_prefixes);
            (id.clone(), found.map(|it| it.range).collect())
        })
        .collect();
    let allocated: Vec<AllocatedInterface> = interfaces
        .iter()
        .filter(|it| subnets.contains_key(&it.interface.subnet_id))
        .map(|it| it.interface.clone().into())
        .collect();
    let available: BTreeMap<SubnetId, u32> = seen
        .iter()
        .map(|(id, seen)| (id.clone(), seen.available))
        .collect();
    let mut rooms = Vec::new();
    for input in &account.profiles {
        let profile = &input.profile;
        if profile.slots.is_empty() || !account.knows_subnets_of(profile) {
            continue;
        }
        for group in account.groups_of(&profile.selector) {
            for (zone, nodes) in &group.zones {
                let in_flight = in_flight(account, profile, zone);
                let room = RoomPlanner {
                    profile,
                    availability_zone: zone,
                    subnets: &subnets,
                    prefix_reservations: &prefix_reservations,
                    allocated: &allocated,
                    available: &available,
                    in_flight: &in_flight,
                }
                .room_for(MAX_NODES);
                let Shortage {
                    slot,
                    network,
                    subnets,
                } = match room.shortage {
                    Some(shortage) => shortage,
                    None => Shortage {
                        slot: 0,
                        network: String::new(),
                        subnets: Vec::new(),
                    },
                };
                rooms.push(RoomOfZone {
                    group: group.name.clone(),
                    profile: profile.name.clone(),
                    availability_zone: zone.clone(),
                    nodes: *nodes,
                    more_nodes: room.nodes,
                    may_grow_by: grows_by(group, *nodes),
                    limited_by: Some(network).filter(|network| !network.is_empty()),
                    subnets,
                    slot,
                });
            }
        }
    }
    rooms
}

/// The instances of the profile's groups that are being launched in a zone.
fn in_flight(account: &Account, profile: &Profile, zone: &str) -> Vec<InstanceId> {
    let members = account
        .groups_of(&profile.selector)
        .flat_map(|group| &group.members);
    members
        .filter(|member| member.is_launching() && member.availability_zone == zone)
        .map(|member| member.instance.clone())
        .collect()
}

/// How many more instances a zone of a group gets that grows to its maximum size. Auto Scaling
/// keeps the zones balanced (Auto Scaling User Guide, "Auto Scaling group Availability Zone
/// distribution").
fn grows_by(group: &Group, nodes: usize) -> usize {
    let most = usize::try_from(group.max).unwrap_or_default();
    most.div_ceil(group.zones.len().max(1))
        .saturating_sub(nodes)
}

/// The zones that have no room for one more node, or less than the group may grow.
pub(super) fn findings(account: &Account, rooms: &[RoomOfZone]) -> Vec<Finding> {
    let limited = rooms
        .iter()
        // A network without a subnet there is told elsewhere.
        .filter(|room| room.limited_by.is_some() && !room.subnets.is_empty());
    limited
        .filter(|room| room.more_nodes == 0 || room.more_nodes < room.may_grow_by)
        .filter_map(|room| of_zone(account, room))
        .collect()
}

fn of_zone(account: &Account, room: &RoomOfZone) -> Option<Finding> {
    let network = room.limited_by.as_deref()?;
    let profile = account
        .profiles
        .iter()
        .map(|input| &input.profile)
        .find(|profile| profile.name == room.profile)?;
    let slot = profile.slots.get(room.slot)?;
    let zone = &room.availability_zone;
    let needs = match slot.prefixes {
        0 => count(slot.ipv4_addresses(), "address", "addresses"),
        prefixes => format!(
            "{} and {}",
            count(slot.ipv4_addresses(), "address", "addresses"),
            count(
                usize::try_from(prefixes).unwrap_or_default(),
                "prefix of 16",
                "prefixes of 16"
            )
        ),
    };
    let (kind, problem) = match room.more_nodes {
        0 => (
            Kind::SubnetFull,
            format!(
                "The network {network} has no room in {zone} for one more node, which takes {needs}."
            ),
        ),
        more => (
            Kind::SubnetSmall,
            format!(
                "The network {network} has room in {zone} for {more} more {}, each with {needs}; to its maximum size, \
                 the group may grow there by {}.",
                match more {
                    1 => "node",
                    _ => "nodes",
                },
                room.may_grow_by
            ),
        ),
    };
    let field = format!("profile.slots[{}].subnetIds", room.slot);
    let mut finding = Finding::new(kind, problem)
        .of_group(&room.group)
        .about(&room.subnets)
        .at(format!("{field} of the profile {}", profile.name));
    let known = account.subnets.as_ref();
    let seen = room.subnets.iter().filter_map(|id| known?.get(id));
    let held = seen
        .take(LISTED)
        .map(|seen| held(account, Some(profile), seen));
    finding.evidence.extend(held);
    let launching = in_flight(account, profile, zone).len();
    if launching > 0 {
        finding = finding.shown_by(format!(
            "{}.",
            count(
                launching,
                "instance is being launched there and comes first",
                "instances are being launched there and come first"
            )
        ));
    }
    let unattached = unattached(account, &room.subnets);
    if !unattached.is_empty() {
        finding = delete_unattached(finding, &unattached);
    }
    let add = match unattached.is_empty() {
        true => "Add",
        false => "Otherwise add",
    };
    let finding = finding.say(format!("{add} a subnet of {zone} to {field}, and deploy."));
    Some(match kind {
        Kind::SubnetSmall => finding.say("Or lower the group's maximum size."),
        _ => finding,
    })
}

/// Availability Zones of groups where no subnet of the nodes' own has a free address.
pub(super) fn of_nodes(account: &Account) -> Vec<Finding> {
    let zones = account
        .groups
        .iter()
        .flat_map(|group| group.zones.keys().map(move |zone| (group, zone)));
    zones
        .filter_map(|(group, zone)| {
            let known = group
                .subnets
                .iter()
                .filter_map(|id| account.node_subnets.get(id));
            let here: Vec<&SeenSubnet> = known
                .filter(|seen| seen.subnet.availability_zone == *zone)
                .collect();
            if here.is_empty() || here.iter().any(|seen| seen.available > 0) {
                return None;
            }
            let ids: Vec<SubnetId> = here.iter().map(|seen| seen.subnet.id.clone()).collect();
            let problem = format!(
                "No address is free in {zone} for the primary interface of one more node: {}.",
                list(&ids, LISTED)
            );
            let mut finding = Finding::new(Kind::SubnetFull, problem)
                .of_group(&group.name)
                .about(&ids)
                .at(format!("the subnets of the group {}", group.name))
                .because("Auto Scaling cannot launch an instance there.");
            let held = here
                .iter()
                .take(LISTED)
                .map(|seen| held(account, None, seen));
            finding.evidence.extend(held);
            let unattached = unattached(account, &ids);
            let finding = match unattached.is_empty() {
                true => finding,
                false => delete_unattached(finding, &unattached),
            };
            Some(finding.say(format!(
                "Free addresses there, or add a subnet of {zone} to the group."
            )))
        })
        .collect()
}

/// The unattached interfaces of others than Hookline in these subnets. The VPC CNI attaches what it
/// has created, and a service deletes its own.
fn unattached<'a>(account: &'a Account, subnets: &[SubnetId]) -> Vec<&'a str> {
    let inside = account.interfaces.iter().flatten();
    inside
        .filter(|seen| !is_of_vpc_cni(seen) && seen.requester.is_none())
        .map(|seen| &seen.interface)
        .filter(|it| subnets.contains(&it.subnet_id))
        .filter(|it| it.status == "available" && !it.tags.contains_key(own::INSTANCE_ID))
        .map(|it| it.id.as_str())
        .collect()
}

/// Who holds the addresses of a subnet.
fn held(account: &Account, profile: Option<&Profile>, seen: &SeenSubnet) -> String {
    let id = &seen.subnet.id;
    let mut holders: BTreeMap<String, usize> = BTreeMap::new();
    let inside = account.interfaces.iter().flatten();
    for it in inside.filter(|it| it.interface.subnet_id == *id) {
        let prefix = usize::try_from(ADDRESSES_OF_A_PREFIX).unwrap_or_default();
        let addresses = it.interface.private_ip_addresses.len();
        *holders.entry(holder(it)).or_default() += addresses + prefix * it.interface.prefixes.len();
    }
    let mut words: Vec<String> = holders
        .iter()
        .map(|(who, held)| format!("{held} by {who}"))
        .collect();
    let reserved = account.reservations.get(id).into_iter().flatten();
    let reserved: Vec<String> = reserved.map(|it| it.range.to_string()).collect();
    if !reserved.is_empty() {
        words.push(format!("CIDR reservations of {}", list(&reserved, LISTED)));
    }
    let slots = profile.into_iter().flat_map(|profile| &profile.slots);
    let excluded: usize = slots
        .filter(|slot| slot.subnet_ids.contains(id))
        .map(|slot| slot.excluded_ranges.len())
        .sum();
    if excluded > 0 {
        words.push("the profile's excludedRanges".to_owned());
    }
    let block = seen
        .subnet
        .ipv4
        .map_or_else(String::new, |block| format!(" ({block})"));
    let left = seen.available;
    if account.interfaces.is_none() {
        return format!("{id}{block} has {left} left. Who holds the rest could not be looked at.");
    }
    // Those of the profiles' subnets are read.
    let unread = match account.reservations.contains_key(id) || profile.is_some() {
        true => "",
        false => " Its CIDR reservations are not looked at.",
    };
    match words.is_empty() {
        true => format!(
            "{id}{block}: nobody holds an address. EC2 keeps 5 of each subnet, and has {left} left.{unread}"
        ),
        false => format!(
            "{id}{block} is held: {}. EC2 keeps 5 of each subnet, and has {left} left.{unread}",
            words.join(", ")
        ),
    }
}
