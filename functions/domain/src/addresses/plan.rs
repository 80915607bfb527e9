//! Which addresses a launch asks for: a pure function from what is seen to what to create.
//!
//! EC2 refuses a taken address, so creation is the compare-and-swap and no plan can do harm; a good plan
//! only saves calls. Among the launches in flight that hold no interface yet, the r-th (by launch time, or that of
//! the adoption, then id) plans what is left over by the r − 1 before it. Each of those does the same sum over the same listing, so
//! no two plan the same address, and a stale view hides an address together with its owner.
//!
//! The plan is a state's output and so part of the execution: when the create that follows is killed or its
//! response lost, the same plan is carried out again, with the same ClientTokens.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::pool::Pool;
use super::range::AddressRange;
use super::subnet::{AllocatedInterface, Subnet, check_subnets, in_az};
use crate::error::{Error, Result};
use crate::execution::{Observations, PlannedInterface, Step};
use crate::ids::{InstanceId, NetworkInterfaceId, SubnetId};
use crate::instance::LaunchOrder;
use crate::profile::{Addressing, Ipv6, Profile, Slot};

/// After so many plans that all ended in a conflict something else is at work in the subnets.
pub const MAX_ROUNDS: u32 = 25;

/// Which interfaces a launch creates, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressPlan {
    /// One for each slot of the profile, in its order.
    pub slots: Vec<PlannedInterface>,
    /// Interfaces of this launch that no slot needs.
    pub surplus: Vec<NetworkInterfaceId>,
}

impl From<AddressPlan> for Step {
    fn from(AddressPlan { slots, surplus }: AddressPlan) -> Self {
        Self::Create { slots, surplus }
    }
}

/// All that a plan is made from.
#[derive(Debug, Clone)]
pub struct AddressPlanner<'a> {
    /// What the node must get.
    pub profile: &'a Profile,
    /// The node's launch.
    pub launch: &'a LaunchOrder,
    /// The node's AZ.
    pub availability_zone: &'a str,
    /// Every subnet that the profile names.
    pub subnets: &'a BTreeMap<SubnetId, Subnet>,
    /// Every interface in those of the node's AZ.
    pub allocated: &'a [AllocatedInterface],
    /// The launches of the same selector in the same AZ, in any order, with or without this one.
    pub in_flight: &'a [LaunchOrder],
    /// What earlier rounds have learned.
    pub observations: Observations,
    /// The number of this round, from 1.
    pub round: u32,
    /// Whether an interface that had been made for this launch was lost.
    pub lost: bool,
}

impl AddressPlanner<'_> {
    /// Makes the plan.
    ///
    /// # Errors
    /// [`Error::Invalid`] when a slot has no fitting subnet in the node's AZ, [`Error::SubnetsFull`],
    /// [`Error::AddressContention`].
    pub fn plan(&self) -> Result<AddressPlan> {
        self.plan_and_count().0
    }

    /// Makes the plan, and counts what is free then, whatever came of it: the IPv4 addresses of each of the profile's
    /// subnets in the node's AZ that nobody holds, that no launch before this one will take, nor this one, and that
    /// are neither reserved nor excluded. What EC2 chooses by itself counts once it is there.
    pub fn plan_and_count(&self) -> (Result<AddressPlan>, BTreeMap<SubnetId, u64>) {
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
        let full = self.observations.full_subnets.values().flatten();
        // EC2's word that one is full counts for more than what is listed.
        let free = free.chain(full.map(|subnet| (subnet.clone(), 0)));
        (plan, free.collect())
    }

    fn plan_in(
        &self,
        candidates: &[Vec<&Subnet>],
        pools: &mut BTreeMap<SubnetId, Pools>,
    ) -> Result<AddressPlan> {
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
            let made = self.observations.created.get(&slot.network);
            // The attached one, else the one with the lowest id: a second execution for the same launch
            // (a duplicate event) must come to the same answer.
            let existing = mine
                .iter()
                .find(|interface| interface.attached)
                .map(|interface| &interface.id)
                .or_else(|| mine.iter().map(|interface| &interface.id).chain(made).min())
                .cloned();
            if let Some(existing) = existing {
                let subnet_id = mine
                    .iter()
                    .find(|interface| interface.id == existing)
                    .map(|interface| interface.subnet_id.clone())
                    .or_else(|| subnets.first().map(|subnet| subnet.id.clone()));
                surplus.extend(
                    mine.iter()
                        .filter(|interface| interface.id != existing && !interface.attached)
                        .map(|interface| interface.id.clone()),
                );
                slots.extend(subnet_id.map(|subnet_id| PlannedInterface {
                    network: slot.network.clone(),
                    existing: Some(existing),
                    subnet_id,
                    private_ip_addresses: Vec::new(),
                    ipv6_addresses: Vec::new(),
                    attempt: 0,
                }));
                continue;
            }
            if self.round > MAX_ROUNDS {
                return Err(Error::AddressContention {
                    network: slot.network.clone(),
                    rounds: MAX_ROUNDS,
                });
            }
            let choice = choose(slot, subnets, pools).ok_or_else(|| Error::SubnetsFull {
                network: slot.network.clone(),
                subnets: self.in_az(slot).map(|subnet| subnet.id.clone()).collect(),
            })?;
            let ec2_chooses = choice.ipv4.is_empty() && choice.ipv6.is_empty();
            let attempt = if ec2_chooses || self.lost {
                self.round
            } else {
                0
            };
            slots.push(PlannedInterface {
                network: slot.network.clone(),
                existing: None,
                attempt,
                subnet_id: choice.subnet,
                private_ip_addresses: choice.ipv4,
                ipv6_addresses: choice.ipv6,
            });
        }
        Ok(AddressPlan { slots, surplus })
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
                let full = self.observations.full_subnets.get(&slot.network);
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
                for address in &self.observations.taken_addresses {
                    both.take(AddressRange::from(*address));
                }
                both
            });
        }
        for interface in self.allocated {
            if let Some(both) = pools.get_mut(&interface.subnet_id) {
                for range in &interface.addresses {
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
    fn held(&self) -> BTreeMap<(&InstanceId, &str), Vec<&AllocatedInterface>> {
        let mut held: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for interface in self.allocated {
            if let (Some(owner), Some(network)) = (&interface.owner, &interface.network) {
                held.entry((owner, network.as_str()))
                    .or_default()
                    .push(interface);
            }
        }
        held
    }
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
