//! Which addresses a launch requests: a pure function from observations to a plan.
//!
//! EC2 refuses a taken address, so the create is the compare-and-swap. A bad plan does no harm, and
//! a good plan saves calls. The launches in flight without interfaces are ordered by the time of
//! their launch or adoption, then by id. Each launch plans what the launches before it leave. All
//! of them compute this from the same listing, so no two plan the same address. A stale listing
//! hides an address together with its owner.
//!
//! The plan is a state's output and so part of the execution. If the create that follows is killed,
//! or its response is lost, the same plan is carried out again with the same ClientTokens.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::pool::Pool;
use super::range::AddressRange;
use super::subnet::{AllocatedInterface, Subnet, check_subnets, in_az};
use crate::error::{Error, Result};
use crate::execution::{Observations, PlannedInterface, Step};
use crate::ids::{InstanceId, NetworkInterfaceId, SubnetId};
use crate::instance::LaunchOrder;
use crate::profile::{Ipv6, Profile, Slot};

/// The most plans of a launch. If all of them end in a conflict, something else takes addresses in
/// the subnets.
pub const MAX_ROUNDS: u32 = 25;

/// From this round on, a launch leaps over the addresses that EC2 refused and no listing shows. A
/// subnet that another account shares may have hundreds of them in a row, and one address a round
/// would not get past these. A launch of ours, which a late listing does not show yet, costs others
/// one round or two.
pub const LEAPS_FROM: u32 = 5;

/// A leap that finds no room is halved so many times, and then none is made. No IPv4 subnet has
/// more than 2^16 addresses.
const MAX_HALVINGS: u32 = 16;

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

/// Everything that a plan is made from.
#[derive(Debug, Clone)]
pub struct AddressPlanner<'a> {
    /// The profile.
    pub profile: &'a Profile,
    /// The node's launch.
    pub launch: &'a LaunchOrder,
    /// The node's AZ.
    pub availability_zone: &'a str,
    /// Every subnet that the profile names.
    pub subnets: &'a BTreeMap<SubnetId, Subnet>,
    /// Every interface in the profile's subnets of the node's AZ.
    pub allocated: &'a [AllocatedInterface],
    /// The launches of the same selector in the same AZ, in any order, with or without this one.
    pub in_flight: &'a [LaunchOrder],
    /// More instances of the same selector in the same AZ, which may be launches in flight or not.
    /// Addresses are left for them only as long as there are enough.
    pub may_be_in_flight: &'a [LaunchOrder],
    /// What earlier rounds have observed.
    pub observations: Observations,
    /// The number of this round, from 1.
    pub round: u32,
    /// Whether an interface that was created for this launch was lost.
    pub lost: bool,
}

/// The interfaces of each launch and network.
type Held<'a> = BTreeMap<(&'a InstanceId, &'a str), Vec<&'a AllocatedInterface>>;

impl AddressPlanner<'_> {
    /// Makes the plan.
    ///
    /// # Errors
    /// [`Error::Invalid`] when a slot has no fitting subnet in the node's AZ,
    /// [`Error::SubnetsFull`], [`Error::AddressContention`].
    pub fn plan(&self) -> Result<AddressPlan> {
        self.plan_and_count().0
    }

    /// Makes the plan, and counts the IPv4 addresses that remain free in each of the profile's
    /// subnets in the node's AZ. It counts them even if the plan fails. Not free are addresses that
    /// are in use, reserved or excluded, that this launch or one before it takes, or that it leaps
    /// over. An address that EC2 chooses counts once it is in use.
    pub fn plan_and_count(&self) -> (Result<AddressPlan>, BTreeMap<SubnetId, u64>) {
        if let Err(error) = check_subnets(self.profile, self.availability_zone, self.subnets) {
            return (Err(error), BTreeMap::new());
        }
        let candidates = self.candidates();
        let held = self.held();
        let may_leap = self.round >= LEAPS_FROM && self.meets_unseen();
        let mut leaps = 0..if may_leap { MAX_HALVINGS } else { 0 };
        let (mut pools, mut plan) = loop {
            let leap = leaps.next();
            let mut pools = self.pools(leap);
            let plan = self.plan_in(&candidates, &held, &mut pools, self.may_be_in_flight);
            if leap.is_none() || !matches!(plan, Err(Error::SubnetsFull { .. })) {
                break (pools, plan);
            }
        };
        if !self.may_be_in_flight.is_empty() && matches!(plan, Err(Error::SubnetsFull { .. })) {
            // If one of them is a launch after all, a conflict shows it. To abandon this launch for
            // nodes that take no address would end in a launch loop.
            pools = self.pools(None);
            plan = self.plan_in(&candidates, &held, &mut pools, &[]);
        }
        let free = pools.iter().filter_map(|(subnet, pools)| {
            let free = pools.ipv4.as_ref()?.free();
            Some((subnet.clone(), u64::try_from(free).unwrap_or(u64::MAX)))
        });
        // If EC2 said that a subnet is full, that overrides the listing. A subnet without room for
        // prefixes may have many free addresses.
        let asks_for_prefixes = |network: &String| {
            let mut slots = self.profile.slots.iter();
            slots.any(|slot| slot.network == *network && slot.prefixes > 0)
        };
        let full = self.observations.full_subnets.iter();
        let full = full
            .filter(|(network, _)| !asks_for_prefixes(network))
            .flat_map(|(_, subnets)| subnets);
        let free = free.chain(full.map(|subnet| (subnet.clone(), 0)));
        (plan, free.collect())
    }

    /// The plans of more launches, each of which is ahead of the next: what each would plan itself.
    /// All come after those in flight. The launch of `self` is not among them.
    ///
    /// # Errors
    /// Those of [`AddressPlanner::plan`], of each launch.
    pub fn plans_of<'l>(
        &self,
        launches: impl IntoIterator<Item = &'l LaunchOrder>,
    ) -> Vec<Result<AddressPlan>> {
        let launches = launches.into_iter();
        if let Err(error) = check_subnets(self.profile, self.availability_zone, self.subnets) {
            return launches.map(|_| Err(error.clone())).collect();
        }
        let candidates = self.candidates();
        let held = self.held();
        let leave_for = |others: &[&LaunchOrder]| {
            let mut pools = self.pools(None);
            let mut others = others.to_vec();
            others.sort();
            for other in others {
                self.leave_for(other, &held, &candidates, &mut pools);
            }
            pools
        };
        let in_flight: Vec<&LaunchOrder> = self.in_flight.iter().collect();
        let all: Vec<&LaunchOrder> = self.in_flight.iter().chain(self.may_be_in_flight).collect();
        let mut pools = leave_for(&all);
        // As in a plan: nothing is left for those that may be in flight if it is not enough.
        let mut more = (!self.may_be_in_flight.is_empty()).then(|| leave_for(&in_flight));
        launches
            .map(|launch| {
                let alone = AddressPlanner {
                    launch,
                    in_flight: &[],
                    ..self.clone()
                };
                let mut plan = alone.plan_in(&candidates, &held, &mut pools.clone(), &[]);
                if let (Err(Error::SubnetsFull { .. }), Some(more)) = (&plan, &more) {
                    plan = alone.plan_in(&candidates, &held, &mut more.clone(), &[]);
                }
                for pools in [Some(&mut pools), more.as_mut()].into_iter().flatten() {
                    self.leave_for(launch, &held, &candidates, pools);
                }
                plan
            })
            .collect()
    }

    /// Takes what a launch before this one will take. If there is no room for one of its slots, it
    /// takes nothing for that.
    fn leave_for(
        &self,
        other: &LaunchOrder,
        held: &Held<'_>,
        candidates: &[Vec<&Subnet>],
        pools: &mut BTreeMap<SubnetId, Pools>,
    ) {
        for (slot, subnets) in self.profile.slots.iter().zip(candidates) {
            if !held.contains_key(&(&other.instance_id, slot.network.as_str())) {
                let _ = choose(slot, subnets, pools);
            }
        }
    }

    fn plan_in(
        &self,
        candidates: &[Vec<&Subnet>],
        held: &Held<'_>,
        pools: &mut BTreeMap<SubnetId, Pools>,
        may_be_in_flight: &[LaunchOrder],
    ) -> Result<AddressPlan> {
        let me = &self.launch.instance_id;

        let mut ahead: Vec<_> = self
            .in_flight
            .iter()
            .chain(may_be_in_flight)
            .filter(|other| *other < self.launch)
            .collect();
        ahead.sort();
        for other in ahead {
            self.leave_for(other, held, candidates, pools);
        }

        let mut slots = Vec::new();
        let mut surplus = Vec::new();
        for (slot, subnets) in self.profile.slots.iter().zip(candidates) {
            let mine = held
                .get(&(me, slot.network.as_str()))
                .map_or_else(Default::default, Vec::as_slice);
            let made = self.observations.created.get(&slot.network);
            // The attached one, otherwise the one with the lowest id, so that a second execution
            // for the same launch (a duplicate event) chooses the same.
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
                    device_index: slot.device_index,
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
                prefixes: slot.prefixes,
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
                device_index: slot.device_index,
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

    /// Whether EC2 refused an address that no listing shows.
    fn meets_unseen(&self) -> bool {
        self.unseen().next().is_some()
    }

    /// The addresses that EC2 refused, and that no interface has which a listing shows.
    fn unseen(&self) -> impl Iterator<Item = IpAddr> {
        let refused = self.observations.taken_addresses.iter().copied();
        refused.filter(|address| {
            let mut seen = self.allocated.iter().flat_map(|seen| &seen.addresses);
            !seen.any(|range| range.contains(*address))
        })
    }

    /// What is free in each of the profile's subnets in the node's AZ. With a leap, as many
    /// addresses behind those that no listing shows are somebody else's too, halved so many times.
    fn pools(&self, leap: Option<u32>) -> BTreeMap<SubnetId, Pools> {
        let unseen: Vec<IpAddr> = leap.map(|_| self.unseen().collect()).unwrap_or_default();
        let mut pools: BTreeMap<SubnetId, Pools> = BTreeMap::new();
        for subnet in self.profile.slots.iter().flat_map(|slot| self.in_az(slot)) {
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
                if let Some(halvings) = leap {
                    for pool in [&mut both.ipv4, &mut both.ipv6].into_iter().flatten() {
                        pool.take_run_and_beyond(unseen.iter().copied(), halvings);
                    }
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
        // An excluded range of one slot counts for every slot. Two networks that share a subnet
        // share what others use in it.
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

    /// The interfaces that Hookline created, by instance and network.
    fn held(&self) -> Held<'_> {
        let mut held = Held::new();
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

#[derive(Clone)]
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
        let ipv4 = match slot.has_named_addresses() {
            false => Vec::new(),
            true => pools
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
