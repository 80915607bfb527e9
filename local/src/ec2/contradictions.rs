//! A check of the fake AWS itself: contradictions between facts that it keeps in two places.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{Ec2, InstanceState};

impl Ec2 {
    /// Contradictions in EC2's state. There should never be any; tests check this at their end.
    #[must_use]
    pub fn contradictions(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut held: BTreeMap<(String, IpAddr), String> = BTreeMap::new();
        let mut places: BTreeMap<(String, u32, u32), String> = BTreeMap::new();
        for interface in self.network_interfaces() {
            let id = &interface.network_interface_id;
            let unindexed = self.interface_index.lacks(interface);
            found.extend(
                unindexed.map(|(name, value)| format!("{id} is not found by {name} {value}")),
            );
            let v4 = interface.private_ip_addresses().map(IpAddr::V4);
            let v6 = interface.ipv6_addresses.iter().copied().map(IpAddr::V6);
            for address in v4.chain(v6) {
                let key = (interface.subnet_id.clone(), address);
                if let Some(other) = held.insert(key, id.clone()) {
                    found.push(format!("{address} is on both {other} and {id}"));
                }
            }
            if let Some(attachment) = &interface.attachment {
                let place = (
                    attachment.instance_id.clone(),
                    attachment.network_card_index,
                    attachment.device_index,
                );
                if let Some(other) = places.insert(place.clone(), id.clone()) {
                    found.push(format!("{other} and {id} are both at {place:?}"));
                }
                let instance = self.instance(&attachment.instance_id);
                if instance.is_none_or(|i| i.state == InstanceState::Terminated) {
                    found.push(format!(
                        "{id} is on {}, which is gone",
                        attachment.instance_id
                    ));
                }
            }
        }
        for subnet in self.subnets() {
            for (address, id) in subnet.addresses.taken() {
                if held.remove(&(subnet.subnet_id.clone(), *address)).as_ref() != Some(id) {
                    found.push(format!("{address} of {} is not on {id}", subnet.subnet_id));
                }
            }
        }
        for ((subnet, address), id) in held {
            found.push(format!("{address} on {id} is not taken from {subnet}"));
        }
        found
    }
}
