//! What `PlanInterfaces` decides: `$.plan`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::allocation::{Allocation, RefusedCreate};
use super::delete_on_termination::DeleteOnTerminationTiming;
use crate::ids::{NetworkInterfaceId, SubnetId};

/// What to do next for a launch, and what the next plan must know.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// What to do.
    pub step: Step,
    /// The number of this round, from 1. A plan that only waits does not count.
    pub round: u32,
    /// How many launches, in all Availability Zones, come before this one and are not wired yet.
    pub ahead: usize,
    /// What earlier rounds have learned.
    pub observations: Observations,
    /// Whether EC2 showed the instance as running by the time of this plan.
    pub node_running: bool,
    /// When DeleteOnTermination is set on the interfaces.
    #[serde(default)]
    pub delete_on_termination: DeleteOnTerminationTiming,
    /// How long after the event the plan was made, in whole seconds; null if the event's time is
    /// not known.
    pub seconds_since_event: Option<u64>,
    /// How long after the event the hook was last extended by then, in whole seconds; null if it was not.
    #[serde(default)]
    pub extended_after: Option<u64>,
}

/// What a launch does next.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(
    tag = "action",
    rename_all = "SCREAMING_SNAKE_CASE",
    rename_all_fields = "camelCase"
)]
pub enum Step {
    /// Wait, and plan again.
    Wait {
        /// How long to wait, in seconds.
        seconds: u32,
        /// What the launch waits for.
        reason: WaitReason,
        /// How long to wait after that, in seconds: a long wait is cut, so that the hook is
        /// extended in between.
        then_seconds: u32,
        /// Whether the hook is extended after the wait.
        #[serde(default)]
        extend_hook: bool,
    },
    /// Create the interfaces.
    Create {
        /// One for each slot of the profile, in its order.
        slots: Vec<PlannedInterface>,
        /// Interfaces of this launch that no slot needs, as a create was carried out twice. They
        /// are deleted.
        surplus: Vec<NetworkInterfaceId>,
    },
}

/// What a launch waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum WaitReason {
    /// Its turn: EC2's request rates serve the launches before it first.
    Turn,
    /// Fewer launches under way: those before it use all that EC2's request rates give.
    Backlog,
    /// A pause: somebody else took an address that it had planned.
    AddressConflict,
    /// EC2 to show the instance as running: an interface cannot be attached before.
    Pending,
}

/// One interface of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlannedInterface {
    /// The slot's network.
    pub network: String,
    /// The interface that this slot has already; null if it is to be created.
    pub existing: Option<NetworkInterfaceId>,
    /// The subnet.
    pub subnet_id: SubnetId,
    /// The IPv4 addresses to ask for, the primary one first; none where EC2 chooses.
    pub private_ip_addresses: Vec<IpAddr>,
    /// The IPv6 addresses to ask for; none where EC2 chooses, or where the slot has none.
    pub ipv6_addresses: Vec<IpAddr>,
    /// The device index at which it is attached, unless another interface has that one and the slot
    /// leaves it open; null where the plan was made before this field was there.
    #[serde(default)]
    pub device_index: Option<u32>,
    /// Part of the create's ClientToken, for what the request does not tell apart: where EC2
    /// chooses the addresses, and after an interface was lost.
    #[serde(default)]
    pub attempt: u32,
}

/// What the rounds of one execution have learned and a listing may not show yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Observations {
    /// Addresses that EC2 refused as taken.
    #[serde(default)]
    pub taken_addresses: BTreeSet<IpAddr>,
    /// Network → subnets that EC2 refused as full.
    #[serde(default)]
    pub full_subnets: BTreeMap<String, BTreeSet<SubnetId>>,
    /// Network → the interface created for it.
    #[serde(default)]
    pub created: BTreeMap<String, NetworkInterfaceId>,
}

impl Observations {
    /// These, and what came of the last plan. After an interface was lost (`lost`), only a listing
    /// says which interfaces there are: it has caught up by then.
    #[must_use]
    pub fn and(mut self, allocation: Option<&Allocation>, lost: bool) -> Self {
        let Some(allocation) = allocation else {
            return self;
        };
        if lost {
            self.created.clear();
        } else {
            self.created
                .extend(allocation.interfaces.iter().map(|created| {
                    (
                        created.network.clone(),
                        created.network_interface_id.clone(),
                    )
                }));
        }
        for refused in &allocation.refused {
            match refused {
                RefusedCreate::AddressTaken { addresses, .. } => {
                    self.taken_addresses.extend(addresses);
                }
                RefusedCreate::SubnetFull { network, subnet_id } => {
                    self.full_subnets
                        .entry(network.clone())
                        .or_default()
                        .insert(subnet_id.clone());
                }
            }
        }
        self
    }
}

impl Plan {
    /// The same plan again, for what EC2 throttled of it; `None` where the allocation is of another
    /// plan, or anything else than throttling stands in the way.
    ///
    /// It is the same down to the ClientTokens: a throttled create may follow one that took effect
    /// and whose response was lost.
    #[must_use]
    pub fn resumed(&self, allocation: &Allocation, round: u32) -> Option<Self> {
        let Step::Create { slots, .. } = &self.step else {
            return None;
        };
        if !allocation.is_throttled() || allocation.round != self.round {
            return None;
        }
        let mut slots = slots.clone();
        for slot in &mut slots {
            if let Some(id) = allocation.interface_of(&slot.network) {
                slot.existing = Some(id.clone());
            }
        }
        Some(Self {
            step: Step::Create {
                slots,
                surplus: Vec::new(), // deleted by then
            },
            round,
            ..self.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execution::CreatedInterface;

    fn created(network: &str, id: &str) -> CreatedInterface {
        CreatedInterface {
            network: network.to_owned(),
            network_interface_id: id.parse().unwrap(),
        }
    }

    fn planned(network: &str) -> PlannedInterface {
        PlannedInterface {
            network: network.to_owned(),
            existing: None,
            subnet_id: "subnet-00000001".parse().unwrap(),
            private_ip_addresses: vec!["10.0.1.4".parse().unwrap()],
            ipv6_addresses: Vec::new(),
            device_index: Some(1),
            attempt: 2,
        }
    }

    fn plan(step: Step) -> Plan {
        Plan {
            step,
            round: 2,
            ahead: 3,
            observations: Observations {
                taken_addresses: ["10.0.1.5".parse().unwrap()].into(),
                ..Observations::default()
            },
            node_running: true,
            delete_on_termination: DeleteOnTerminationTiming::default(),
            seconds_since_event: Some(7),
            extended_after: None,
        }
    }

    fn plan_to_create() -> Plan {
        plan(Step::Create {
            slots: vec![planned("signaling"), planned("user-plane")],
            surplus: vec!["eni-00000009".parse().unwrap()],
        })
    }

    #[test]
    fn observations_gain_what_was_created_and_what_was_refused() {
        let before = Observations {
            taken_addresses: ["10.0.1.4".parse().unwrap()].into(),
            full_subnets: [("n3".to_owned(), ["subnet-00000001".parse().unwrap()].into())].into(),
            created: [("n2".to_owned(), "eni-00000002".parse().unwrap())].into(),
        };
        assert_eq!(before.clone().and(None, true), before);
        let refused = vec![
            RefusedCreate::AddressTaken {
                network: "n4".to_owned(),
                addresses: vec!["10.0.1.5".parse().unwrap()],
            },
            RefusedCreate::SubnetFull {
                network: "n3".to_owned(),
                subnet_id: "subnet-00000002".parse().unwrap(),
            },
        ];
        let interfaces = vec![created("n6", "eni-00000006")];
        let allocation = Allocation::new(1, interfaces, refused, false);
        let mut expected = Observations {
            taken_addresses: ["10.0.1.4", "10.0.1.5"]
                .map(|address| address.parse().unwrap())
                .into(),
            full_subnets: [(
                "n3".to_owned(),
                ["subnet-00000001", "subnet-00000002"]
                    .map(|id| id.parse().unwrap())
                    .into(),
            )]
            .into(),
            created: [("n2", "eni-00000002"), ("n6", "eni-00000006")]
                .map(|(network, id)| (network.to_owned(), id.parse().unwrap()))
                .into(),
        };
        assert_eq!(before.clone().and(Some(&allocation), false), expected);
        // Only a listing says which interfaces there are.
        expected.created.clear();
        assert_eq!(before.and(Some(&allocation), true), expected);
    }

    #[test]
    fn throttled_plan_is_resumed_with_the_interfaces_that_it_has() {
        let interfaces = vec![created("user-plane", "eni-00000001")];
        let throttled = Allocation::new(2, interfaces, Vec::new(), true);
        let mut has_interface = planned("user-plane");
        has_interface.existing = Some("eni-00000001".parse().unwrap());
        let mut expected = plan(Step::Create {
            slots: vec![planned("signaling"), has_interface],
            surplus: Vec::new(),
        });
        expected.round = 5;
        assert_eq!(plan_to_create().resumed(&throttled, 5), Some(expected));
    }

    #[test]
    fn plan_is_not_resumed_for_another_round_or_without_throttling() {
        let plan_to_create = plan_to_create();
        let throttled = |round| Allocation::new(round, Vec::new(), Vec::new(), true);
        assert!(plan_to_create.resumed(&throttled(2), 3).is_some());
        assert_eq!(plan_to_create.resumed(&throttled(1), 3), None);
        let complete = Allocation::new(2, Vec::new(), Vec::new(), false);
        assert_eq!(plan_to_create.resumed(&complete, 3), None);
        let wait = plan(Step::Wait {
            seconds: 1,
            reason: WaitReason::Turn,
            then_seconds: 0,
            extend_hook: false,
        });
        assert_eq!(wait.resumed(&throttled(2), 3), None);
    }
}
