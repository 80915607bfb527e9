//! The gate: it holds kubelet back until the interfaces of the profile's networks are there. This
//! is the model of it; docs/node.md is its contract, and the numbers of rules are those of its section
//! "How an interface is known". The program on a node is node/program/assign.jq; the cases of
//! node/tests/test_parts.py (`AnAssignment`) are this model's, too.
//!
//! It reads the metadata service and its own list, and calls nothing. It never opens by itself,
//! however long an interface is missing.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::imds::{Imds, ImdsInterface};

/// What a gate is told: the networks that it waits for, and the places that are no network's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// The networks.
    pub gate: Vec<GateNetwork>,
    /// Places of interfaces that the gate does not wait for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claimed: Vec<ClaimedPlace>,
}

/// A place of an interface that is no network's.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClaimedPlace {
    /// The subnets of the interface.
    pub subnet_ids: Vec<String>,
    /// Its device index.
    pub device_index: u32,
    /// Its network card.
    #[serde(default)]
    pub network_card: u32,
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
        let gate = serde_json::from_value::<Self>(value).map_err(|error| error.to_string());
        let checked = gate.and_then(|gate| gate.check_unique().map(|()| gate));
        Some(checked.map_err(|error| format!("the gate's list: {error}")))
    }

    /// The rules of node/program/settings.jq for several networks.
    fn check_unique(&self) -> Result<(), String> {
        let mut seen = BTreeSet::new();
        for network in &self.gate {
            if !seen.insert(("name", network.network.clone())) {
                return Err("two networks have the same network".to_owned());
            }
            match network.device_index {
                Some(index) => {
                    let place = format!("{} {index}", network.network_card);
                    if !seen.insert(("place", place)) {
                        return Err("two networks have the same place".to_owned());
                    }
                }
                None => {
                    let own: BTreeSet<&String> = network.subnet_ids.iter().collect();
                    for subnet in own {
                        if !seen.insert(("subnet", subnet.clone())) {
                            return Err("two networks without deviceIndex have a subnet in common"
                                .to_owned());
                        }
                    }
                }
            }
        }
        Ok(())
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
        let others = imds.macs.iter().filter(|(mac, _)| **mac != imds.mac);
        let mut left: Vec<&ImdsInterface> = others
            .map(|(_, interface)| interface)
            .filter(|interface| !self.claimed.iter().any(|place| place.is_of(interface)))
            .collect();
        let mut missing = Vec::new();
        // Fixed places first: the others take what is left in their subnets.
        let (fixed, free): (Vec<_>, Vec<_>) = self
            .gate
            .iter()
            .partition(|network| network.device_index.is_some());
        for network in fixed.into_iter().chain(free) {
            let mut fitting = (0..left.len()).filter(|&n| {
                left.get(n)
                    .is_some_and(|interface| self.fits(network, interface, node_subnet))
            });
            match (fitting.next(), fitting.next()) {
                (Some(one), None) => {
                    left.swap_remove(one);
                }
                // Rule 6: of two, nothing tells which.
                _ => missing.push(network.network.clone()),
            }
        }
        missing.sort();
        missing
    }

    /// Whether an interface at no claimed place can be a network's.
    fn fits(
        &self,
        network: &GateNetwork,
        interface: &ImdsInterface,
        node_subnet: Option<&str>,
    ) -> bool {
        if !network.subnet_ids.contains(&interface.subnet_id) {
            return false;
        }
        match network.device_index {
            // Rule 3: an absent card counts as card 0.
            Some(index) => {
                interface.device_number == index
                    && interface.network_card.unwrap_or(0) == network.network_card
            }
            // Rule 4: the VPC CNI's interfaces are in the node's subnet too, and no place tells them apart.
            None => {
                let mut claimed = self.claimed.iter();
                node_subnet.is_some_and(|subnet| subnet != interface.subnet_id)
                    // Rule 5: a number that still reads 0 can become that of a claimed place.
                    && (interface.device_number != 0
                        || !claimed.any(|place| place.subnet_ids.contains(&interface.subnet_id)))
            }
        }
    }
}

impl ClaimedPlace {
    /// Rule 5: while the card is absent, it can be any.
    fn is_of(&self, interface: &ImdsInterface) -> bool {
        let card = interface.network_card.unwrap_or(self.network_card);
        self.subnet_ids.contains(&interface.subnet_id)
            && interface.device_number == self.device_index
            && card == self.network_card
    }
}
