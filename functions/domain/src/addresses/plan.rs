//! Which addresses a launch asks for: a pure function from what is seen to what to create.
//!
//! EC2 refuses a taken address, so creation is the compare-and-swap and no plan can do harm; a good plan
//! only saves calls. Among the launches in flight that hold no interface yet, the r-th (by launch time, or that of
//! the adoption, then id) plans what is left over by the r − 1 before it. Each of those does the same sum over the same listing, so
//! no two plan the same address, and a stale view hides an address together with its owner.
//!
//! The plan is a state's output and so part of the execution: when the create that follows is killed or its
//! response lost, the same plan is carried out again, with the same ClientTokens.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::pool::Pool;
use super::range::AddressRange;
use crate::admission::Turn;
use crate::error::{Error, Input, Result};
use crate::ids::{InstanceId, NetworkInterfaceId, SubnetId};
use crate::profile::{Addressing, Ipv6, Profile, Slot};
use crate::tags::own::client_token;

/// After so many plans that all ended in a conflict something else is at work in the subnets.
pub const MOST_ROUNDS: u32 = 25;

/// A subnet, with what is never to be taken of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subnet {
    /// The subnet.
    pub id: SubnetId,
    /// Its availability zone's name.
    pub availability_zone: String,
    /// Its IPv4 block; none in an IPv6-only subnet.
    pub ipv4: Option<IpNet>,
    /// Its IPv6 block.
    pub ipv6: Option<IpNet>,
    /// Its CIDR reservations, `explicit` and `prefix` alike.
    pub reservations: Vec<IpNet>,
}

/// An interface in one of the subnets, with all that it takes there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// The interface.
    pub id: NetworkInterfaceId,
    /// Its subnet.
    pub subnet_id: SubnetId,
    /// Whether it is attached, or being attached, to an instance.
    pub attached: bool,
    /// The instance that Hookline made it for, if it did.
    pub owner: Option<InstanceId>,
    /// The network that Hookline made it for, if it did.
    pub network: Option<String>,
    /// All its private addresses and prefixes, of both families.
    pub addresses: Vec<AddressRange>,
}

/// A launch in flight, or a node that is being adopted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct InFlight {
    /// Since when, in seconds since the epoch.
    pub since: i64,
    /// The instance.
    pub instance_id: InstanceId,
}

/// All that a plan is made from.
#[derive(Debug, Clone)]
pub struct View<'a> {
    /// What the node must get.
    pub profile: &'a Profile,
    /// The node's launch.
    pub launch: &'a InFlight,
    /// The node's AZ.
    pub availability_zone: &'a str,
    /// Every subnet that the profile names.
    pub subnets: &'a BTreeMap<SubnetId, Subnet>,
    /// Every interface in those of the node's AZ.
    pub holdings: &'a [Holding],
    /// The launches of the same selector in the same AZ, in any order, with or without this one.
    pub in_flight: &'a [InFlight],
    /// What earlier rounds have learnt.
    pub lessons: Lessons,
    /// The number of this round, from 1.
    pub round: u32,
    /// Whether an interface that had been made for this launch was lost.
    pub lost: bool,
}

/// What earlier rounds have learnt that a listing may not show yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Lessons {
    /// Addresses that EC2 said are in use.
    #[serde(default)]
    pub taken_addresses: BTreeSet<IpAddr>,
    /// Network → subnets that EC2 said are full.
    #[serde(default)]
    pub full_subnets: BTreeMap<String, BTreeSet<SubnetId>>,
    /// Network → the interface that has been made for it.
    #[serde(default)]
    pub made: BTreeMap<String, NetworkInterfaceId>,
}

/// What to create, for each slot.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The number of this round, from 1.
    pub round: u32,
    /// How long to wait; after a wait there is a new plan. 0: carry this one out.
    pub wait_seconds: u32,
    /// How long to wait after that, when the wait is cut to extend the hook in between.
    pub then_seconds: u32,
    /// How many launches in flight, in all AZs, are before this one and not wired yet.
    pub ahead: usize,
    /// One for each slot of the profile, in its order; none while this launch is to wait.
    pub slots: Vec<SlotPlan>,
    /// Interfaces of this launch that no slot needs: a create that was done twice.
    pub surplus: Vec<NetworkInterfaceId>,
    /// What this round knew from the ones before.
    pub lessons: Lessons,
}

/// What to create for one slot.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SlotPlan {
    /// The slot's network.
    pub network: String,
    /// The interface that is already there for this slot; nothing is created then.
    pub existing: Option<NetworkInterfaceId>,
    /// The subnet to create it in.
    pub subnet_id: SubnetId,
    /// The IPv4 addresses to ask for, the primary one first; none where EC2 chooses.
    pub private_ip_addresses: Vec<IpAddr>,
    /// The IPv6 addresses to ask for; none where EC2 chooses, or none is wanted.
    pub ipv6_addresses: Vec<IpAddr>,
    /// See [`client_token`].
    pub client_token: String,
}

impl Plan {
    /// A plan to do nothing yet but wait.
    #[must_use]
    pub fn wait(round: u32, turn: Turn, ahead: usize, lessons: Lessons) -> Self {
        Self {
            round,
            wait_seconds: turn.wait_seconds,
            then_seconds: turn.then_seconds,
            ahead,
            slots: Vec::new(),
            surplus: Vec::new(),
            lessons,
        }
    }
}

impl View<'_> {
    /// Makes the plan.
    ///
    /// # Errors
    /// [`Error::Invalid`] when a slot has no fitting subnet in the node's AZ, [`Error::SubnetsFull`],
    /// [`Error::AddressContention`].
    pub fn plan(&self) -> Result<Plan> {
        self.plan_and_count().0
    }

    /// Makes the plan, and counts what is free then, whatever came of it: the IPv4 addresses of each of the profile's
    /// subnets in the node's AZ that nobody holds, that no launch before this one will take, nor this one, and that
    /// are neither reserved nor excluded. What EC2 chooses by itself counts once it is there.
    pub fn plan_and_count(&self) -> (Result<Plan>, BTreeMap<SubnetId, u64>) {
        if let Err(error) = check_subnets(self.profile, self.availability_zone, self.subnets) {
            return (Err(error), BTreeMap::new());
        }
        let candidates = self.candidates();
        let mut pools = self.pools(&candidates);
        let plan = self.plan_in(&candidates, &mut pools);
        let free = pools.iter().filter_map(|(subnet, pools)| {
            let free = pools.ipv4.as_ref()?.free();
            Some((subnet.clone(), u64::try_from(free).unwrap_or(u64::MAX)))
        });
        let full = self.lessons.full_subnets.values().flatten();
        // EC2's word that one is full counts for more than what is listed.
        let free = free.chain(full.map(|subnet| (subnet.clone(), 0)));
        (plan, free.collect())
    }

    fn plan_in(
        &self,
        candidates: &[Vec<&Subnet>],
        pools: &mut BTreeMap<SubnetId, Pools>,
    ) -> Result<Plan> {
        let me = &self.launch.instance_id;
        let held = self.held();

        let mut ahead: Vec<_> = self
            .in_flight
            .iter()
            .filter(|other| *other < self.launch)
            .collect();
        ahead.sort();
        for other in ahead {
            for (slot, subnets) in self.profile.slots.iter().zip(candidates) {
                if !held.contains_key(&(&other.instance_id, slot.network.as_str())) {
                    // Where nothing is left for that launch there is nothing to leave to it.
                    let _ = choose(slot, subnets, pools);
                }
            }
        }

        let mut slots = Vec::new();
        let mut surplus = Vec::new();
        for (slot, subnets) in self.profile.slots.iter().zip(candidates) {
            let mine = held
                .get(&(me, slot.network.as_str()))
                .map_or_else(Default::default, Vec::as_slice);
            let made = self.lessons.made.get(&slot.network);
            // The attached one, else the one with the lowest id: a second execution for the same launch
            // (a duplicate event) must come to the same answer.
            let existing = mine
                .iter()
                .find(|holding| holding.attached)
                .map(|holding| &holding.id)
                .or_else(|| mine.iter().map(|holding| &holding.id).chain(made).min())
                .cloned();
            if let Some(existing) = existing {
                let subnet_id = mine
                    .iter()
                    .find(|holding| holding.id == existing)
                    .map(|holding| holding.subnet_id.clone())
                    .or_else(|| subnets.first().map(|subnet| subnet.id.clone()));
                surplus.extend(
                    mine.iter()
                        .filter(|holding| holding.id != existing && !holding.attached)
                        .map(|holding| holding.id.clone()),
                );
                slots.extend(subnet_id.map(|subnet_id| SlotPlan {
                    network: slot.network.clone(),
                    existing: Some(existing),
                    subnet_id,
                    private_ip_addresses: Vec::new(),
                    ipv6_addresses: Vec::new(),
                    client_token: String::new(),
                }));
                continue;
            }
            if self.round > MOST_ROUNDS {
                return Err(Error::AddressContention {
                    network: slot.network.clone(),
                    rounds: MOST_ROUNDS,
                });
            }
            let choice = choose(slot, subnets, pools).ok_or_else(|| Error::SubnetsFull {
                network: slot.network.clone(),
                subnets: self.in_az(slot).map(|subnet| subnet.id.clone()).collect(),
            })?;
            let asked: Vec<IpAddr> = choice.ipv4.iter().chain(&choice.ipv6).copied().collect();
            let attempt = if asked.is_empty() || self.lost {
                self.round
            } else {
                0
            };
            slots.push(SlotPlan {
                network: slot.network.clone(),
                existing: None,
                client_token: client_token(me, &slot.network, &choice.subnet, &asked, attempt),
                subnet_id: choice.subnet,
                private_ip_addresses: choice.ipv4,
                ipv6_addresses: choice.ipv6,
            });
        }
        Ok(Plan {
            round: self.round,
            wait_seconds: 0,
            then_seconds: 0,
            ahead: 0,
            slots,
            surplus,
            lessons: self.lessons.clone(),
        })
    }

    /// The slot's subnets in the node's AZ, in the profile's order.
    fn in_az<'s>(&'s self, slot: &'s Slot) -> impl Iterator<Item = &'s Subnet> {
        in_az(slot, self.availability_zone, self.subnets)
    }

    /// For each slot the subnets that may still serve it.
    fn candidates(&self) -> Vec<Vec<&Subnet>> {
        self.profile
            .slots
            .iter()
            .map(|slot| {
                let full = self.lessons.full_subnets.get(&slot.network);
                self.in_az(slot)
                    .filter(|subnet| full.is_none_or(|full| !full.contains(&subnet.id)))
                    .collect()
            })
            .collect()
    }

    /// What is free in each subnet that may serve a slot.
    fn pools(&self, candidates: &[Vec<&Subnet>]) -> BTreeMap<SubnetId, Pools> {
        let mut pools: BTreeMap<SubnetId, Pools> = BTreeMap::new();
        for subnet in candidates.iter().flatten() {
            pools.entry(subnet.id.clone()).or_insert_with(|| {
                let mut both = Pools {
                    ipv4: subnet.ipv4.map(Pool::new),
                    ipv6: subnet.ipv6.map(Pool::new),
                };
                for reservation in &subnet.reservations {
                    both.take(AddressRange::from(*reservation));
                }
                for address in &self.lessons.taken_addresses {
                    both.take(AddressRange::from(*address));
                }
                both
            });
        }
        for holding in self.holdings {
            if let Some(both) = pools.get_mut(&holding.subnet_id) {
                for range in &holding.addresses {
                    both.take(*range);
                }
            }
        }
        // An excluded range of one slot is kept from every slot: two networks that share a subnet share
        // what somebody else uses in it.
        for slot in &self.profile.slots {
            for subnet in &slot.subnet_ids {
                if let Some(both) = pools.get_mut(subnet) {
                    for range in &slot.excluded_ranges {
                        both.take(*range);
                    }
                }
            }
        }
        pools
    }

    /// What Hookline made for the slots of launches, by instance and network.
    fn held(&self) -> BTreeMap<(&InstanceId, &str), Vec<&Holding>> {
        let mut held: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for holding in self.holdings {
            if let (Some(owner), Some(network)) = (&holding.owner, &holding.network) {
                held.entry((owner, network.as_str()))
                    .or_default()
                    .push(holding);
            }
        }
        held
    }
}

fn in_az<'a>(
    slot: &'a Slot,
    zone: &'a str,
    subnets: &'a BTreeMap<SubnetId, Subnet>,
) -> impl Iterator<Item = &'a Subnet> {
    slot.subnet_ids
        .iter()
        .filter_map(|id| subnets.get(id))
        .filter(move |subnet| subnet.availability_zone == zone)
}

/// Checks that every slot has subnets in the node's AZ, with the blocks that it needs.
///
/// # Errors
/// [`Error::Invalid`] that names the slot.
pub fn check_subnets(
    profile: &Profile,
    zone: &str,
    subnets: &BTreeMap<SubnetId, Subnet>,
) -> Result<()> {
    for (n, slot) in profile.slots.iter().enumerate() {
        let invalid = |problem: String, remedy: &str| {
            let field = format!("profile.slots[{n}].subnetIds");
            Err(Error::invalid(Input::Profile, field, problem, remedy))
        };
        if in_az(slot, zone, subnets).next().is_none() {
            let zones: BTreeSet<_> = slot
                .subnet_ids
                .iter()
                .filter_map(|id| subnets.get(id))
                .map(|subnet| subnet.availability_zone.as_str())
                .collect();
            return invalid(
                format!(
                    "no subnet of network {} in the node's AZ {zone}; its subnets are in {}",
                    slot.network,
                    zones.into_iter().collect::<Vec<_>>().join(", ")
                ),
                "Add a subnet of that AZ to the slot, or keep the group out of the AZ",
            );
        }
        for subnet in in_az(slot, zone, subnets) {
            if subnet.ipv4.is_none() {
                return invalid(
                    format!("{} has no IPv4 block", subnet.id),
                    "Name subnets with an IPv4 block",
                );
            }
            if slot.ipv6 != Ipv6::None && subnet.ipv6.is_none() {
                return invalid(
                    format!("ipv6 is asked for, and {} has no IPv6 block", subnet.id),
                    "Associate an IPv6 block with the subnet, or set ipv6 to none",
                );
            }
        }
    }
    Ok(())
}

struct Pools {
    ipv4: Option<Pool>,
    ipv6: Option<Pool>,
}

impl Pools {
    fn take(&mut self, range: AddressRange) {
        for pool in [&mut self.ipv4, &mut self.ipv6].into_iter().flatten() {
            pool.take(range);
        }
    }
}

struct Choice {
    subnet: SubnetId,
    ipv4: Vec<IpAddr>,
    ipv6: Vec<IpAddr>,
}

/// Takes what `slot` needs from the first of `subnets` that has it.
fn choose(
    slot: &Slot,
    subnets: &[&Subnet],
    pools: &mut BTreeMap<SubnetId, Pools>,
) -> Option<Choice> {
    subnets.iter().find_map(|subnet| {
        let pools = pools.get_mut(&subnet.id)?;
        let ipv4 = match slot.addressing {
            Addressing::SubnetAssigned => Vec::new(),
            Addressing::LowestFree => pools
                .ipv4
                .as_mut()?
                .take_lowest_many(slot.ipv4_addresses())?,
        };
        let ipv6 = match slot.ipv6 {
            Ipv6::None | Ipv6::SubnetAssigned => Vec::new(),
            Ipv6::LowestFree => pools.ipv6.as_mut()?.take_lowest_many(1)?,
        };
        Some(Choice {
            subnet: subnet.id.clone(),
            ipv4,
            ipv6,
        })
    })
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
