//! What came of a plan: `$.allocation`.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{NetworkInterfaceId, SubnetId};

/// What came of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Allocation {
    /// Whether every slot has its interface, and what stands in the way otherwise.
    pub outcome: AllocationOutcome,
    /// The interfaces, one for each slot that has one, ordered by network.
    pub interfaces: Vec<CreatedInterface>,
    /// The slots whose create EC2 refused, and why.
    pub refused: Vec<RefusedCreate>,
    /// The round of the plan that was carried out.
    pub round: u32,
}

/// How far a plan was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AllocationOutcome {
    /// Every slot has its interface.
    Complete,
    /// EC2 throttled some creates. The same plan goes on, for what is missing.
    Throttled,
    /// EC2 refused some creates. A new plan avoids what it refused.
    Refused,
}

/// An interface that was created for a slot, or that the slot had already.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreatedInterface {
    /// The slot's network.
    pub network: String,
    /// The interface.
    pub network_interface_id: NetworkInterfaceId,
}

/// A create that EC2 refused.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(
    tag = "reason",
    rename_all = "SCREAMING_SNAKE_CASE",
    rename_all_fields = "camelCase"
)]
pub enum RefusedCreate {
    /// Somebody else has these addresses.
    AddressTaken {
        /// The slot's network.
        network: String,
        /// The addresses.
        addresses: Vec<IpAddr>,
    },
    /// The subnet has no free address.
    SubnetFull {
        /// The slot's network.
        network: String,
        /// The subnet.
        subnet_id: SubnetId,
    },
}

impl Allocation {
    /// Of these interfaces and refusals, where `throttled` says whether EC2 throttled a create.
    #[must_use]
    pub fn new(
        round: u32,
        mut interfaces: Vec<CreatedInterface>,
        refused: Vec<RefusedCreate>,
        throttled: bool,
    ) -> Self {
        interfaces.sort_by(|a, b| a.network.cmp(&b.network));
        let outcome = match (refused.is_empty(), throttled) {
            (false, _) => AllocationOutcome::Refused,
            (true, true) => AllocationOutcome::Throttled,
            (true, false) => AllocationOutcome::Complete,
        };
        Self {
            outcome,
            interfaces,
            refused,
            round,
        }
    }

    /// Whether every slot has its interface.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.outcome == AllocationOutcome::Complete
    }

    /// Whether throttling alone stands between the plan and its end.
    #[must_use]
    pub fn is_throttled(&self) -> bool {
        self.outcome == AllocationOutcome::Throttled
    }

    /// Whether EC2 refused an address because somebody else has it.
    #[must_use]
    pub fn met_taken_address(&self) -> bool {
        self.refused
            .iter()
            .any(|refused| matches!(refused, RefusedCreate::AddressTaken { .. }))
    }

    /// The interface of a network.
    #[must_use]
    pub fn interface_of(&self, network: &str) -> Option<&NetworkInterfaceId> {
        self.interfaces
            .iter()
            .find(|created| created.network == network)
            .map(|created| &created.network_interface_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_refused_address_is_a_taken_address() {
        let met = |refused: Vec<RefusedCreate>| {
            Allocation::new(1, Vec::new(), refused, false).met_taken_address()
        };
        let taken = RefusedCreate::AddressTaken {
            network: "n".to_owned(),
            addresses: vec!["10.0.1.4".parse().unwrap()],
        };
        let full = RefusedCreate::SubnetFull {
            network: "n".to_owned(),
            subnet_id: "subnet-00000001".parse().unwrap(),
        };
        assert!(met(vec![full.clone(), taken]));
        assert!(!met(vec![full]));
        assert!(!met(Vec::new()));
    }

    #[test]
    fn interface_is_found_by_its_network() {
        let created = |network: &str, id: &str| CreatedInterface {
            network: network.to_owned(),
            network_interface_id: id.parse().unwrap(),
        };
        let interfaces = vec![created("b", "eni-00000002"), created("a", "eni-00000001")];
        let allocation = Allocation::new(1, interfaces, Vec::new(), false);
        let found = |network: &str| {
            let id = allocation.interface_of(network);
            id.map(NetworkInterfaceId::as_str)
        };
        assert_eq!(found("a"), Some("eni-00000001"));
        assert_eq!(found("b"), Some("eni-00000002"));
        assert_eq!(found("c"), None);
    }
}
