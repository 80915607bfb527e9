//! For how many more nodes the subnets of an Availability Zone have addresses.
//!
//! The nodes are placed one after the other, as launches are: each slot takes what it needs of the
//! first of its subnets that has it. Here also what EC2 chooses takes room: the addresses of
//! `subnet-assigned` slots, and prefixes.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use super::pool::Pool;
use super::range::AddressRange;
use super::subnet::{AllocatedInterface, Subnet, in_az};
use crate::ids::{InstanceId, SubnetId};
use crate::profile::{Profile, Slot};
use crate::quotas::ADDRESSES_OF_A_PREFIX;

/// What the room is computed from.
#[derive(Debug, Clone, Copy)]
pub struct RoomPlanner<'a> {
    /// The profile.
    pub profile: &'a Profile,
    /// The Availability Zone.
    pub availability_zone: &'a str,
    /// The profile's subnets, with their CIDR reservations.
    pub subnets: &'a BTreeMap<SubnetId, Subnet>,
    /// Of the CIDR reservations, those of the type `prefix`: EC2 takes prefixes of them, and no
    /// address (VPC User Guide, "Subnet CIDR reservations").
    pub prefix_reservations: &'a BTreeMap<SubnetId, Vec<IpNet>>,
    /// Every interface in the subnets.
    pub allocated: &'a [AllocatedInterface],
    /// How many IPv4 addresses EC2 has left in each subnet (EC2 API Reference, *Subnet*,
    /// `AvailableIpAddressCount`): the room is never more. A subnet may be absent.
    pub available: &'a BTreeMap<SubnetId, u32>,
    /// The launches in flight in the Availability Zone, which come first.
    pub in_flight: &'a [InstanceId],
}

/// For how many nodes there is room, and what the next one would lack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// The nodes.
    pub nodes: usize,
    /// What the next node lacks; `None` if there is room for as many nodes as were asked for.
    pub shortage: Option<Shortage>,
}

/// The network whose interface has no room, and its subnets in the Availability Zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortage {
    /// The slot's place in the profile.
    pub slot: usize,
    /// The network.
    pub network: String,
    /// The subnets; none if the network has none in the Availability Zone.
    pub subnets: Vec<SubnetId>,
}

impl<'a> RoomPlanner<'a> {
    /// The room for at most so many nodes, beside the launches in flight. IPv6 addresses do not count:
    /// a subnet has 2⁶⁴ of them.
    #[must_use]
    pub fn room_for(&self, nodes: usize) -> Room {
        let mut pools = self.pools();
        pools.place_in_flight();
        for placed in 0..nodes {
            for (n, slot) in self.profile.slots.iter().enumerate() {
                if pools.place(slot).is_none() {
                    let subnets = self.subnets_of(slot);
                    return Room {
                        nodes: placed,
                        shortage: Some(Shortage {
                            slot: n,
                            network: slot.network.clone(),
                            subnets: subnets.map(|subnet| subnet.id.clone()).collect(),
                        }),
                    };
                }
            }
        }
        Room {
            nodes,
            shortage: None,
        }
    }

    /// The subnets of a slot in the Availability Zone, in the profile's order.
    pub fn subnets_of<'s>(&'s self, slot: &'s Slot) -> impl Iterator<Item = &'s Subnet> {
        in_az(slot, self.availability_zone, self.subnets)
    }

    /// What is free now, before the launches in flight take theirs.
    #[must_use]
    pub fn pools(&self) -> RoomPools<'a> {
        RoomPools {
            planner: *self,
            free: self.free(),
        }
    }

    /// What is free in each subnet of the zone that has an IPv4 block.
    fn free(&self) -> BTreeMap<SubnetId, Free> {
        let in_zone = self.subnets.values().filter_map(|subnet| {
            let here = subnet.availability_zone == self.availability_zone;
            Some((subnet, Pool::new(subnet.ipv4.filter(|_| here)?)))
        });
        let mut free: BTreeMap<SubnetId, Free> = in_zone
            .map(|(subnet, pool)| {
                let for_prefixes = self.prefix_reservations.get(&subnet.id);
                let mut free = Free {
                    assigned: pool.clone(),
                    chosen: pool.clone(),
                    blocks: pool,
                    for_prefixes: for_prefixes.cloned().unwrap_or_default(),
                    available: self.available.get(&subnet.id).copied(),
                };
                for reservation in &subnet.reservations {
                    free.assigned.take(*reservation);
                    free.chosen.take(*reservation);
                    if !free.for_prefixes.contains(reservation) {
                        free.blocks.take(*reservation);
                    }
                }
                (subnet.id.clone(), free)
            })
            .collect();
        for interface in self.allocated {
            if let Some(free) = free.get_mut(&interface.subnet_id) {
                interface
                    .addresses
                    .iter()
                    .for_each(|range| free.hold(*range));
            }
        }
        // As in a plan: an excluded range of one slot counts for every slot whose addresses Hookline
        // chooses.
        for slot in &self.profile.slots {
            for subnet in &slot.subnet_ids {
                if let Some(free) = free.get_mut(subnet) {
                    slot.excluded_ranges
                        .iter()
                        .for_each(|range| free.chosen.take(*range));
                }
            }
        }
        free
    }
}

/// What is free in the subnets of an Availability Zone, and gets less with each interface.
#[derive(Debug, Clone)]
pub struct RoomPools<'a> {
    planner: RoomPlanner<'a>,
    free: BTreeMap<SubnetId, Free>,
}

impl RoomPools<'_> {
    /// Takes what the launches in flight will take. If there is no room for a slot of one, nothing is
    /// taken for that.
    pub fn place_in_flight(&mut self) {
        let allocated = self.planner.allocated;
        for launch in self.planner.in_flight {
            for slot in &self.planner.profile.slots {
                let is_there = allocated.iter().any(|it| {
                    it.owner.as_ref() == Some(launch)
                        && it.network.as_deref() == Some(slot.network.as_str())
                });
                if !is_there {
                    self.place(slot);
                }
            }
        }
    }

    /// Takes what an interface of a slot needs from the first of the slot's subnets that has it;
    /// `None` if none has.
    pub fn place(&mut self, slot: &Slot) -> Option<SubnetId> {
        let RoomPlanner {
            availability_zone,
            subnets,
            ..
        } = self.planner;
        let mut subnets = in_az(slot, availability_zone, subnets);
        let subnet = subnets.find(|subnet| {
            let free = self.free.get_mut(&subnet.id);
            free.is_some_and(|free| free.take(slot))
        });
        subnet.map(|subnet| subnet.id.clone())
    }

    /// Takes an IPv4 address that a launch names.
    pub fn hold(&mut self, subnet: &SubnetId, address: IpAddr) {
        if let Some(free) = self.free.get_mut(subnet) {
            free.hold(address.into());
            free.available = free.available.map(|available| available.saturating_sub(1));
        }
    }
}

/// What is free in a subnet.
#[derive(Debug, Clone)]
struct Free {
    /// For addresses that EC2 chooses.
    assigned: Pool,
    /// For addresses that Hookline chooses.
    chosen: Pool,
    /// For prefixes.
    blocks: Pool,
    /// The CIDR reservations for prefixes.
    for_prefixes: Vec<IpNet>,
    /// How many addresses EC2 says it has; `None` if that is not known.
    available: Option<u32>,
}

impl Free {
    /// Marks addresses as taken for everybody.
    fn hold(&mut self, range: AddressRange) {
        for pool in [&mut self.assigned, &mut self.chosen, &mut self.blocks] {
            pool.take(range);
        }
    }

    /// Takes what a slot needs; if there is too little, nothing.
    fn take(&mut self, slot: &Slot) -> bool {
        match self.after(slot) {
            Some(left) => {
                *self = left;
                true
            }
            None => false,
        }
    }

    /// What is left after an interface of a slot; `None` if there is too little for it.
    fn after(&self, slot: &Slot) -> Option<Self> {
        let mut left = self.clone();
        let from = match slot.has_named_addresses() {
            true => &mut left.chosen,
            false => &mut left.assigned,
        };
        let addresses = from.take_lowest_many(slot.ipv4_addresses())?;
        let mut taken = u32::try_from(addresses.len()).ok()?;
        addresses
            .into_iter()
            .for_each(|address| left.hold(address.into()));
        for _ in 0..slot.prefixes {
            let block = left.blocks.take_block(ADDRESSES_OF_A_PREFIX)?;
            left.hold(block);
            let mut reserved = left.for_prefixes.iter();
            // No source says whether EC2's number counts what is reserved for prefixes.
            if !reserved.any(|range| range.contains(&block.first())) {
                taken = taken.saturating_add(ADDRESSES_OF_A_PREFIX);
            }
        }
        left.available = match left.available {
            Some(available) => Some(available.checked_sub(taken)?),
            None => None,
        };
        Some(left)
    }
}

#[cfg(test)]
#[path = "room_tests.rs"]
mod tests;
