//! What the next launches of a group get, and when: by the code that a launch runs.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use hookline_domain::addresses::{AddressPlan, AddressPlanner, RoomPlanner};
use hookline_domain::admission::bound::bound_seconds;
use hookline_domain::admission::timetable::seconds_until_turn;
use hookline_domain::admission::{Concurrency, ObservedLaunch, Queue, launches_within};
use hookline_domain::error::Error;
use hookline_domain::execution::{Observations, PlannedInterface as Planned};
use hookline_domain::ids::{InstanceId, SubnetId};
use hookline_domain::instance::{AttachmentPoint, Instance, LaunchOrder};
use hookline_domain::placement::place;
use hookline_domain::profile::{Ipv6, Profile, Slot};
use serde::Serialize;

use crate::judge::place::{in_words_of_template, taken_by_template};
use crate::observed::forecast::Forecast;
use crate::observed::group::{Group, LAUNCH};

/// EKS gives the nodes of an update so many seconds to join (docs/performance.md, "The largest
/// scale-out in time").
const JOIN_SECONDS: u32 = 15 * 60;
/// Of these, so many are for a launch after its turn and for the node's joining (the same).
const AFTER_TURN_SECONDS: u32 = 60;
/// How long one launch alone takes, in seconds (docs/performance.md, "Scale-out", `one_launch_s`).
const ONE_LAUNCH_SECONDS: u32 = 20;

/// What was found.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Plan {
    pub(crate) group: String,
    pub(crate) profile: String,
    pub(crate) instance_type: Option<String>,
    /// Launches in flight, which come first.
    pub(crate) in_flight: usize,
    pub(crate) launches: Vec<PlannedLaunch>,
    /// When the last node is ready, in seconds after all are launched at once.
    pub(crate) ready_after_seconds: u32,
    /// The least time in which EC2's token buckets serve the launches, if they are full at first
    /// and nobody else uses them, in seconds.
    pub(crate) bound_seconds: u32,
    /// So many nodes can be launched at once so that the last one is ready within 15 minutes.
    pub(crate) largest_in_time: usize,
    /// How many invocations of the functions there are at once.
    pub(crate) concurrency: Concurrency,
    /// Why the group does not launch so many nodes now.
    pub(crate) notes: Vec<String>,
}

/// One of the next launches. Which instance it is shows only then: the first one to be launched.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PlannedLaunch {
    /// From 1 on.
    pub(crate) number: usize,
    pub(crate) availability_zone: String,
    /// How long after its launch its turn comes, in seconds.
    pub(crate) turn_after_seconds: u32,
    /// One for each slot; none if the launch fails.
    pub(crate) interfaces: Vec<PlannedInterface>,
    /// Why the launch fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<String>,
}

/// One interface of a launch.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PlannedInterface {
    pub(crate) network: String,
    pub(crate) subnet_id: SubnetId,
    /// None where EC2 chooses.
    pub(crate) private_ip_addresses: Vec<IpAddr>,
    /// None where EC2 chooses, or where the slot has none.
    pub(crate) ipv6_addresses: Vec<IpAddr>,
    /// What EC2 chooses: `addresses`, `prefixes`, `ipv6`.
    pub(crate) chosen_by_ec2: Vec<&'static str>,
    pub(crate) network_card: u32,
    pub(crate) device_index: Option<u32>,
}

/// Foresees so many launches, all at once.
pub(crate) fn plan(seen: &Forecast, nodes: usize) -> Plan {
    let profile = &seen.input.profile;
    let zones = zones(seen, nodes);
    let orders: Vec<LaunchOrder> = (1..=nodes).map(|n| order(seen.now, n)).collect();
    // The first of them sees the queue as all of them do.
    let first = orders
        .first()
        .cloned()
        .unwrap_or_else(|| order(seen.now, 1));
    let queue = Queue::observe(profile, first, &seen.instances);
    let plans = plans(seen, &queue, &zones, &orders);
    let turns = turns(profile, &queue, &orders, seen.now);
    let launches = zones.into_iter().zip(plans).zip(turns).zip(1..);
    let launches: Vec<PlannedLaunch> = launches
        .map(|(((zone, plan), turn), number)| {
            let (interfaces, problem) = match plan {
                Ok(plan) => (interfaces(seen, plan), None),
                Err(problem) => (Vec::new(), Some(problem)),
            };
            PlannedLaunch {
                number,
                availability_zone: zone,
                turn_after_seconds: turn,
                interfaces,
                problem,
            }
        })
        .collect();
    let last_turn = launches
        .iter()
        .map(|launch| launch.turn_after_seconds)
        .max();
    Plan {
        group: seen.group.name.clone(),
        profile: profile.name.clone(),
        instance_type: seen.limits.as_ref().map(|it| it.instance_type.clone()),
        in_flight: queue.others.iter().filter(|other| !other.wired).count(),
        launches,
        ready_after_seconds: last_turn.unwrap_or_default() + ONE_LAUNCH_SECONDS,
        bound_seconds: whole(bound_seconds(profile, nodes)),
        largest_in_time: launches_within(profile, JOIN_SECONDS - AFTER_TURN_SECONDS),
        concurrency: Concurrency::of(profile, nodes),
        notes: notes(&seen.group, nodes),
    }
}

/// Why a group does not launch so many nodes now.
fn notes(group: &Group, nodes: usize) -> Vec<String> {
    let suspended = group.suspended.contains_key(LAUNCH).then(|| {
        format!(
            "The process Launch of {} is suspended: it launches nothing until `hookline resume {}`.",
            group.name, group.name
        )
    });
    let left = group.max.saturating_sub(group.desired);
    let left = usize::try_from(left).unwrap_or_default();
    let too_many = (left < nodes).then(|| {
        format!(
            "{} wants {} nodes and may have {}: it launches {} more at most.",
            group.name, group.desired, group.max, left
        )
    });
    suspended.into_iter().chain(too_many).collect()
}

/// The Availability Zones of the next launches. Auto Scaling launches where the group has the
/// fewest instances (Auto Scaling User Guide, "Auto Scaling group Availability Zone distribution");
/// of several such zones, this takes the first by name.
fn zones(seen: &Forecast, nodes: usize) -> Vec<String> {
    let mut counts: BTreeMap<String, usize> = seen.group.zones.clone();
    let mut zones = Vec::new();
    for _ in 0..nodes {
        let least = counts.iter().min_by_key(|(_, count)| **count);
        let Some(zone) = least.map(|(zone, _)| zone.clone()) else {
            break;
        };
        *counts.entry(zone.clone()).or_default() += 1;
        zones.push(zone);
    }
    zones
}

/// The n-th launch of now: it comes after every launch that there is.
fn order(now: i64, n: usize) -> LaunchOrder {
    let id = format!("i-fffff{n:012x}").parse::<InstanceId>();
    LaunchOrder {
        since: now,
        instance_id: id.unwrap_or_else(|error| unreachable!("{error}")),
    }
}

/// What each launch plans, in the order of the launches: those of one zone share its subnets.
fn plans(
    seen: &Forecast,
    queue: &Queue,
    zones: &[String],
    orders: &[LaunchOrder],
) -> Vec<Result<AddressPlan, String>> {
    let mut by_zone: BTreeMap<&str, Vec<&LaunchOrder>> = BTreeMap::new();
    for (zone, order) in zones.iter().zip(orders) {
        by_zone.entry(zone).or_default().push(order);
    }
    let mut planned: BTreeMap<&LaunchOrder, Result<AddressPlan, Error>> = BTreeMap::new();
    for (zone, launches) in by_zone {
        let in_zone = |of: &dyn Fn(&Instance) -> bool| -> Vec<LaunchOrder> {
            let here = seen.instances.iter();
            let here = here.filter(|it| it.availability_zone == zone && of(it));
            here.map(Instance::order).collect()
        };
        let in_flight = in_zone(&|it| queue.is_in_flight(it));
        let may_be_in_flight = in_zone(&|it| queue.may_be_in_flight(it));
        let planner = AddressPlanner {
            profile: &seen.input.profile,
            launch: &queue.me,
            availability_zone: zone,
            subnets: &seen.subnets,
            allocated: &seen.allocated,
            in_flight: &in_flight,
            may_be_in_flight: &may_be_in_flight,
            observations: Observations::default(),
            round: 1,
            lost: false,
        };
        let plans = planner.plans_of(launches.iter().copied());
        let in_flight: Vec<InstanceId> = in_flight.into_iter().map(|it| it.instance_id).collect();
        let room = RoomPlanner {
            profile: &seen.input.profile,
            availability_zone: zone,
            subnets: &seen.subnets,
            prefix_reservations: &seen.prefix_reservations,
            allocated: &seen.allocated,
            available: &seen.available,
            in_flight: &in_flight,
        };
        let plans = with_room(&room, plans);
        planned.extend(launches.into_iter().zip(plans));
    }
    let checked = check_instance(seen);
    planned
        .into_values()
        // Before anything else, a launch checks that its instance has room.
        .map(|plan| checked.clone().and(plan.map_err(|error| error.to_string())))
        .collect()
}

/// Whether an instance has room for the slots, and their places free, beside what its launch
/// template attaches.
fn check_instance(seen: &Forecast) -> Result<(), String> {
    let (profile, attached) = (&seen.input.profile, &seen.attached);
    let Some(limits) = &seen.limits else {
        return Ok(());
    };
    limits
        .check(profile)
        .and_then(|()| limits.check_beside(profile, attached, 0))
        .map_err(|error| error.to_string())?;
    match taken_by_template(profile, attached, limits.default_network_card).next() {
        None => Ok(()),
        Some((_, slot, place)) => Err(format!(
            "network {}: {}",
            slot.network,
            in_words_of_template(place)
        )),
    }
}

/// The plans with the subnets where EC2 finds room for what it chooses itself: a plan names none of
/// these addresses. What launches name is taken first.
fn with_room(
    room: &RoomPlanner<'_>,
    plans: Vec<Result<AddressPlan, Error>>,
) -> Vec<Result<AddressPlan, Error>> {
    let mut pools = room.pools();
    for planned in plans.iter().flatten().flat_map(|plan| &plan.slots) {
        for address in &planned.private_ip_addresses {
            pools.hold(&planned.subnet_id, *address);
        }
    }
    pools.place_in_flight();
    plans
        .into_iter()
        .map(|plan| {
            let mut plan = plan?;
            // An abandoned launch gives back what it took.
            let mut left = pools.clone();
            for planned in &mut plan.slots {
                let mut slots = room.profile.slots.iter();
                let slot = slots.find(|slot| slot.network == planned.network);
                let Some(slot) = slot.filter(|slot| !slot.has_named_addresses()) else {
                    continue;
                };
                let full = || Error::SubnetsFull {
                    network: slot.network.clone(),
                    prefixes: slot.prefixes,
                    subnets: room.subnets_of(slot).map(|it| it.id.clone()).collect(),
                };
                planned.subnet_id = left.place(slot).ok_or_else(full)?;
            }
            pools = left;
            Ok(plan)
        })
        .collect()
}

/// How long after the launches the turn of each comes, in seconds.
fn turns(profile: &Profile, queue: &Queue, orders: &[LaunchOrder], now: i64) -> Vec<u32> {
    let launch = |order: &LaunchOrder| ObservedLaunch {
        order: order.clone(),
        running: false,
        wired: false,
        settled: false,
        adopted: false,
    };
    // All of them are there when each looks, but itself.
    let before = queue.others.len();
    let mut others = queue.others.clone();
    others.extend(orders.iter().skip(1).map(launch));
    let mut turns = Vec::new();
    for (n, me) in orders.iter().enumerate() {
        turns.push(seconds_until_turn(profile, me, &others, now));
        // In the place of the next one, which does not see itself.
        if let Some(place) = others.get_mut(before + n) {
            *place = launch(me);
        }
    }
    turns
}

fn interfaces(seen: &Forecast, plan: AddressPlan) -> Vec<PlannedInterface> {
    let profile = &seen.input.profile;
    let mut slots = plan.slots;
    if let Some(limits) = &seen.limits {
        place(profile, limits, &mut slots);
        around_template(profile, &seen.attached, &mut slots);
    }
    let slot_of = |network: &str| profile.slots.iter().find(|slot| slot.network == network);
    slots
        .into_iter()
        .map(|planned| {
            let slot = slot_of(&planned.network);
            PlannedInterface {
                chosen_by_ec2: slot.map_or_else(Vec::new, |slot| {
                    chosen_by_ec2(slot, planned.private_ip_addresses.is_empty())
                }),
                network_card: slot.map_or(0, |slot| slot.network_card),
                network: planned.network,
                subnet_id: planned.subnet_id,
                private_ip_addresses: planned.private_ip_addresses,
                ipv6_addresses: planned.ipv6_addresses,
                device_index: planned.device_index,
            }
        })
        .collect()
}

/// Moves the slots without a `deviceIndex` of their own down from the places of the launch
/// template, as an attach does that finds its place taken.
fn around_template(profile: &Profile, attached: &[AttachmentPoint], slots: &mut [Planned]) {
    let mut taken: BTreeSet<AttachmentPoint> = attached.iter().copied().collect();
    let fixed = profile.slots.iter().filter_map(AttachmentPoint::fixed);
    taken.extend(fixed);
    for planned in slots.iter_mut().rev() {
        let mut of_profile = profile.slots.iter();
        let slot = of_profile.find(|slot| slot.network == planned.network);
        let Some(slot) = slot.filter(|slot| slot.device_index.is_none()) else {
            continue;
        };
        let place = |device_index| AttachmentPoint {
            network_card: slot.network_card,
            device_index,
        };
        let highest = planned.device_index;
        let free = highest.and_then(|highest| {
            let mut lower = (0..=highest).rev();
            lower.find(|index| !taken.contains(&place(*index)))
        });
        planned.device_index = free;
        taken.extend(free.map(place));
    }
}

fn chosen_by_ec2(slot: &Slot, addresses: bool) -> Vec<&'static str> {
    let parts = [
        (addresses, "addresses"),
        (slot.prefixes > 0, "prefixes"),
        (slot.ipv6 == Ipv6::SubnetAssigned, "ipv6"),
    ];
    let parts = parts.into_iter().filter(|(is, _)| *is);
    parts.map(|(_, part)| part).collect()
}

/// Seconds, rounded up.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // `as` stays within the bounds
fn whole(seconds: f64) -> u32 {
    seconds.ceil() as u32
}

#[cfg(test)]
#[path = "forecast_tests.rs"]
mod tests;
