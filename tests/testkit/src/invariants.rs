//! Checks the invariants: compares the state of the fake AWS with the profile. It shares no code
//! with the functions' own checks, so that neither hides a fault of the other.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use hookline_domain::profile::{Addressing, Ipv6, Profile, Slot};
use hookline_domain::tags::own;
use hookline_local::autoscaling::LifecycleState;
use hookline_local::ec2::{Instance, NetworkInterface};
use hookline_local::{CallRecord, LocalAws, World};

/// A violation: the invariant's number, and what was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// `I1`, `I2`, …; `model` for a contradiction in the fake AWS itself.
    pub invariant: &'static str,
    /// What was found.
    pub found: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.invariant, self.found)
    }
}

/// What must always hold (I1, I3, I7, I9, and the consistency of the fake AWS itself).
#[must_use]
pub fn always(local: &LocalAws, profiles: &[Profile]) -> Vec<Violation> {
    let mut found = local.with_world(|world| {
        let mut found = model(world);
        for profile in profiles {
            found.extend(ready_is_wired(world, profile));
            found.extend(forbidden_addresses(world, profile));
        }
        found.extend(accepted_twice(world));
        found
    });
    found.extend(hooks_of_others(local, profiles));
    found.extend(no_manage_from_creation(local));
    found
}

/// What must hold once everything is at rest, besides what must always hold (I2). By then every
/// execution has ended, and reconcile has done what they left.
#[must_use]
pub fn at_rest(local: &LocalAws, profiles: &[Profile]) -> Vec<Violation> {
    let mut found = always(local, profiles);
    found.extend(local.with_world(|world| left_behind(world)));
    found.extend(local.with_world(would_be_left_behind));
    found
}

/// The interfaces of Hookline's that are attached, and that EC2 would not delete with the instance.
pub fn unsettled(world: &World) -> impl Iterator<Item = &NetworkInterface> {
    world.ec2.network_interfaces().filter(|interface| {
        let on = interface.attachment.as_ref();
        interface.tags.contains_key(own::INSTANCE_ID)
            && on.is_some_and(|on| !on.delete_on_termination)
    })
}

/// I2, of the instances that are still there.
fn would_be_left_behind(world: &mut World) -> Vec<Violation> {
    unsettled(world)
        .map(|interface| Violation {
            invariant: "I2",
            found: format!(
                "{} would outlive its instance: DeleteOnTermination is false",
                interface.network_interface_id
            ),
        })
        .collect()
}

fn model(world: &World) -> Vec<Violation> {
    world
        .ec2
        .contradictions()
        .into_iter()
        .map(|found| Violation {
            invariant: "model",
            found,
        })
        .collect()
}

/// I1, for every instance that the profile covers and that is InService, or ready in a warm pool.
fn ready_is_wired(world: &World, profile: &Profile) -> Vec<Violation> {
    let mut found = Vec::new();
    for (id, history) in world.autoscaling.histories() {
        let is_ready = matches!(
            history.states.last(),
            Some((
                _,
                LifecycleState::InService
                    | LifecycleState::WarmedStopped
                    | LifecycleState::WarmedRunning
                    | LifecycleState::WarmedHibernated
            ))
        );
        let Some(instance) = world.ec2.instance(id) else {
            continue;
        };
        let tags: BTreeMap<String, String> = instance.tags.clone().into_iter().collect();
        if is_ready && profile.selector.covers(&history.group, &tags) {
            found.extend(
                differences(world, profile, instance)
                    .into_iter()
                    .map(|found| Violation {
                        invariant: "I1",
                        found: format!("{id}: {found}"),
                    }),
            );
        }
    }
    found
}

/// Every difference between an instance and its profile (I1).
#[must_use]
pub fn differences(world: &World, profile: &Profile, instance: &Instance) -> Vec<String> {
    let id = &instance.instance_id;
    let mut found = Vec::new();
    for slot in &profile.slots {
        let at_slot = world.ec2.interfaces_of(id).find(|interface| {
            interface.attachment.as_ref().is_some_and(|on| {
                let is_at_place = match slot.device_index {
                    Some(index) => on.device_index == index,
                    // The one that the node finds by its subnet: see docs/node.md.
                    None => on.device_index != 0 && slot_has_subnet(slot, &interface.subnet_id),
                };
                is_at_place && on.network_card_index == slot.network_card
            })
        });
        match at_slot {
            None => found.push(format!(
                "nothing at device index {} (network {})",
                slot.device_index
                    .map_or_else(|| "any".to_owned(), |index| index.to_string()),
                slot.network
            )),
            Some(interface) => {
                found.extend(
                    slot_differences(profile, slot, instance, interface)
                        .into_iter()
                        .map(|what| {
                            format!(
                                "{} (network {}): {what}",
                                interface.network_interface_id, slot.network
                            )
                        }),
                );
            }
        }
    }
    found
}

fn slot_has_subnet(slot: &Slot, subnet: &str) -> bool {
    slot.subnet_ids.iter().any(|id| id.as_str() == subnet)
}

fn slot_differences(
    profile: &Profile,
    slot: &Slot,
    instance: &Instance,
    interface: &NetworkInterface,
) -> Vec<&'static str> {
    let mut found = Vec::new();
    let mut must = |holds: bool, what: &'static str| {
        if !holds {
            found.push(what);
        }
    };
    if let Some(on) = &interface.attachment {
        must(on.status.as_str() == "attached", "not attached");
    }
    must(
        interface.availability_zone == instance.availability_zone,
        "in another AZ",
    );
    must(
        slot.subnet_ids
            .iter()
            .any(|id| id.as_str() == interface.subnet_id),
        "in another subnet",
    );
    let wanted: BTreeSet<&str> = profile
        .security_groups(slot)
        .iter()
        .map(|id| id.as_str())
        .collect();
    let groups: BTreeSet<&str> = interface.groups.iter().map(String::as_str).collect();
    must(groups == wanted, "other security groups");
    must(
        interface.source_dest_check == slot.source_dest_check,
        "SourceDestCheck",
    );
    must(
        interface.private_ip_addresses().count() >= slot.ipv4_addresses(),
        "number of private addresses",
    );
    must(
        interface.ipv4_prefixes.len() >= usize::try_from(slot.prefixes).unwrap_or(usize::MAX),
        "number of prefixes",
    );
    must(
        slot.ipv6 == Ipv6::None || !interface.ipv6_addresses.is_empty(),
        "number of IPv6 addresses",
    );
    let tag = |key: &str| interface.tags.get(key).map(String::as_str);
    must(tag(own::NO_MANAGE) == Some("true"), "no no_manage tag");
    must(
        tag(own::INSTANCE_ID) == Some(&instance.instance_id),
        "made for another instance",
    );
    must(
        tag(own::NETWORK) == Some(&slot.network),
        "made for another network",
    );
    must(
        slot.tags.iter().all(|(key, value)| tag(key) == Some(value)),
        "a tag of the profile is missing",
    );
    found
}

/// I2: an interface of Hookline's whose instance is gone.
#[must_use]
pub fn left_behind(world: &World) -> Vec<Violation> {
    world
        .ec2
        .network_interfaces()
        .filter_map(|interface| {
            let owner = interface.tags.get(own::INSTANCE_ID)?;
            let attached = interface
                .attachment
                .as_ref()
                .is_some_and(|on| on.instance_id == *owner);
            let instance = world.ec2.instance(owner);
            let lives = instance.is_some_and(|instance| !instance.state.is_ending());
            (!lives || !attached).then(|| Violation {
                invariant: "I2",
                found: format!(
                    "{} was made for {owner}, which {}",
                    interface.network_interface_id,
                    if lives { "does not have it" } else { "is gone" }
                ),
            })
        })
        .collect()
}

/// I3: one accepted completion for each lifecycle action, whoever sent it.
fn accepted_twice(world: &World) -> Vec<Violation> {
    let mut accepted: BTreeMap<&str, usize> = BTreeMap::new();
    for completion in world.autoscaling.completions() {
        if let (true, Some(token)) = (completion.accepted, &completion.token) {
            *accepted.entry(token).or_default() += 1;
        }
    }
    accepted
        .into_iter()
        .filter(|(_, times)| *times > 1)
        .map(|(token, times)| Violation {
            invariant: "I3",
            found: format!("{times} completions of {token} were accepted"),
        })
        .collect()
}

/// I3, from the log of calls: Hookline completes only the hooks of its profiles. Other hooks are
/// completed by their owners.
fn hooks_of_others(local: &LocalAws, profiles: &[Profile]) -> Vec<Violation> {
    let is_ours = |hook: &String| {
        let mut completed = profiles.iter().filter(|profile| profile.hook.complete);
        completed.any(|profile| profile.hook.name == *hook)
    };
    let hook_of = |call: &CallRecord| call.params.get("LifecycleHookName").cloned();
    local
        .calls_where(|call| {
            call.action == "CompleteLifecycleAction"
                && call.user_agent.contains("app/Hookline")
                && hook_of(call).is_some_and(|hook| !is_ours(&hook))
        })
        .iter()
        .filter_map(hook_of)
        .map(|hook| Violation {
            invariant: "I3",
            found: format!("the hook {hook} is not ours"),
        })
        .collect()
}

/// I7: the five addresses that EC2 reserves, CIDR reservations, and excluded ranges are not used.
fn forbidden_addresses(world: &World, profile: &Profile) -> Vec<Violation> {
    let mut found = Vec::new();
    for interface in world.ec2.network_interfaces() {
        let network = interface.tags.get(own::NETWORK);
        let Some(slot) = profile.slots.iter().find(|slot| {
            Some(&slot.network) == network
                && slot
                    .subnet_ids
                    .iter()
                    .any(|id| id.as_str() == interface.subnet_id)
        }) else {
            continue;
        };
        if slot.addressing != Addressing::LowestFree {
            continue;
        }
        for address in interface.private_ip_addresses() {
            let excluded = slot
                .excluded_ranges
                .iter()
                .any(|range| (range.first()..=range.last()).contains(&IpAddr::V4(address)));
            let reserved = world.ec2.reservations().any(|r| {
                r.subnet_id == interface.subnet_id && r.cidr.contains(&IpAddr::V4(address))
            });
            let own = world
                .ec2
                .subnet(&interface.subnet_id)
                .is_some_and(|subnet| {
                    let (first, last) = (
                        u32::from(subnet.cidr_block.network()),
                        u32::from(subnet.cidr_block.broadcast()),
                    );
                    let address = u32::from(address);
                    address < first + 4 || address >= last
                });
            if excluded || reserved || own {
                found.push(Violation {
                    invariant: "I7",
                    found: format!("{} has {address}", interface.network_interface_id),
                });
            }
        }
    }
    found
}

/// I9, from the log of calls: the call that creates an interface tags it.
fn no_manage_from_creation(local: &LocalAws) -> Vec<Violation> {
    let is_tagged = |call: &CallRecord| {
        let mut params = call.params.iter();
        params.any(|(name, value)| name.starts_with("TagSpecification") && value == own::NO_MANAGE)
    };
    local
        .calls_where(|call| {
            call.action == "CreateNetworkInterface"
                && call.user_agent.contains("app/Hookline")
                && !is_tagged(call)
        })
        .iter()
        .map(|call| Violation {
            invariant: "I9",
            found: format!(
                "an interface was created without {} at {:?}",
                own::NO_MANAGE,
                call.at
            ),
        })
        .collect()
}

/// The addresses of a subnet's interfaces, in order, for I8.
#[must_use]
pub fn addresses_in(world: &World, subnet: &str) -> Vec<Ipv4Addr> {
    let mut addresses: Vec<_> = world
        .ec2
        .network_interfaces()
        .filter(|interface| interface.subnet_id == subnet)
        .flat_map(NetworkInterface::private_ip_addresses)
        .collect();
    addresses.sort();
    addresses
}

/// I8: how many addresses below the highest one in use are free, in the subnets of a profile.
/// Only for subnets that nothing else uses, and that have no reservations.
#[must_use]
pub fn holes(world: &World, profile: &Profile) -> usize {
    profile
        .subnet_ids()
        .into_iter()
        .map(|subnet| {
            let used = addresses_in(world, subnet.as_str());
            let first = world
                .ec2
                .subnet(subnet.as_str())
                .map_or(0, |subnet| u32::from(subnet.cidr_block.network()) + 4);
            used.last().map_or(0, |last| {
                let span = usize::try_from(u32::from(*last).saturating_sub(first) + 1).unwrap_or(0);
                span.saturating_sub(used.len())
            })
        })
        .sum()
}
