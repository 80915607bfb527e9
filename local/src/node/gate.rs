//! The gate: it holds kubelet back until the interfaces of the profile's networks are there. This
//! is the model of it; docs/node.md is its contract.
//!
//! It reads the metadata service and its own list, and calls nothing. It never opens by itself,
//! however long an interface is missing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::imds::{Imds, ImdsInterface};

/// The list of a gate: the networks that it waits for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// The networks.
    pub gate: Vec<GateNetwork>,
}

/// A network that a gate waits for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GateNetwork {
    /// Its name.
    pub network: String,
    /// Its subnets, in all Availability Zones.
    pub subnet_ids: Vec<String>,
    /// The device index of its interface, if that is fixed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_index: Option<u32>,
    /// The network card of its interface.
    #[serde(default)]
    pub network_card: u32,
}

impl Gate {
    /// The gate as user data, in base64 as EC2 takes it.
    #[must_use]
    pub fn to_user_data(&self) -> String {
        STANDARD.encode(serde_json::to_string(self).unwrap_or_default())
    }

    /// Reads the gate in an instance's user data. `None`: there is none, and nothing holds kubelet
    /// back.
    ///
    /// # Errors
    /// What is wrong with its list. Such a gate stays closed.
    pub fn of_user_data(user_data: Option<&str>) -> Option<Result<Self, String>> {
        let text = STANDARD.decode(user_data?).ok()?;
        let value: serde_json::Value = serde_json::from_slice(&text).ok()?;
        value.get("gate")?;
        Some(serde_json::from_value(value).map_err(|error| format!("the gate's list: {error}")))
    }

    /// What the gate waits for. It opens when there is nothing.
    ///
    /// A node in a warm pool, or on its way there, must not join its cluster, whatever interfaces it
    /// has: it will be stopped, or wait.
    #[must_use]
    pub fn holds(&self, imds: &Imds) -> Vec<String> {
        match imds.warm_pool_state() {
            Some(state) => vec![format!("autoscaling/target-lifecycle-state is {state}")],
            None => self.missing(imds),
        }
    }

    /// The networks whose interfaces are not there.
    ///
    /// All networks must be there in one reading, each by an interface of its own. So an interface
    /// whose place is not known yet cannot stand for two networks.
    #[must_use]
    pub fn missing(&self, imds: &Imds) -> Vec<String> {
        let node_subnet = imds.macs.get(&imds.mac).map(|i| i.subnet_id.as_str());
        let mut left: Vec<&ImdsInterface> = imds
            .macs
            .iter()
            .filter(|(mac, _)| **mac != imds.mac)
            .map(|(_, interface)| interface)
            .collect();
        let mut missing = Vec::new();
        // Fixed places first: the others take what is left in their subnets.
        let (fixed, free): (Vec<_>, Vec<_>) = self
            .gate
            .iter()
            .partition(|network| network.device_index.is_some());
        for network in fixed.into_iter().chain(free) {
            let found = left
                .iter()
                .position(|interface| network.has(interface, node_subnet));
            match found {
                Some(position) => {
                    left.swap_remove(position);
                }
                None => missing.push(network.network.clone()),
            }
        }
        missing.sort();
        missing
    }
}

impl GateNetwork {
    /// Whether an interface is this network's.
    fn has(&self, interface: &ImdsInterface, node_subnet: Option<&str>) -> bool {
        if !self.subnet_ids.contains(&interface.subnet_id) {
            return false;
        }
        match self.device_index {
            // Card 0 is the only one whose number may be absent.
            Some(index) => {
                interface.device_number == index
                    && interface.network_card.unwrap_or(0) == self.network_card
            }
            // The VPC CNI's interfaces are in the node's subnet too, and no place tells them apart.
            None => node_subnet != Some(interface.subnet_id.as_str()),
        }
    }
}
