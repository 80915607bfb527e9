//! What the nodes' pods got, against the books of the fake EC2.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use comfy_table::{Table, presets};
use hookline_domain::tags::own;
use hookline_local::ec2::NetworkInterface;
use hookline_local::{LocalAws, World};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The last line of `node/tests/two_nodes.py`.
#[derive(Debug, Deserialize)]
pub(super) struct Outcome {
    /// By instance, then by the definition's name, which is the network's.
    pub(super) pods: BTreeMap<String, BTreeMap<String, PodInterface>>,
    /// The answered pings.
    pub(super) pings: Vec<Ping>,
}

/// An interface of a pod.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct PodInterface {
    /// Its name in the pod.
    interface: String,
    /// The CNI plugin.
    #[serde(rename = "type")]
    kind: String,
    /// Its address, with the prefix length.
    address: String,
    /// Its hardware address.
    mac: String,
    /// Its MTU.
    mtu: u32,
}

/// A ping that was answered.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Ping {
    /// The instance whose pod sent it.
    from: String,
    /// The instance whose pod answered.
    to: String,
    /// The network.
    definition: String,
    /// The address.
    address: String,
    /// How long the answer took.
    milliseconds: f64,
}

impl Outcome {
    /// What is wrong with the pods: an address or a hardware address that EC2 did not give to the
    /// interface of that instance and network, or a pod that was not reached.
    pub(super) fn against(&self, local: &LocalAws) -> Vec<String> {
        let mut wrong = Vec::new();
        for (instance, networks) in &self.pods {
            for (network, pod) in networks {
                let place = format!("{network} of the pod of {instance}");
                local.with_world(|world| match interface_of(world, instance, network) {
                    None => wrong.push(format!("{place}: there is no such interface")),
                    Some(interface) => {
                        if interface.mac_address != pod.mac {
                            let mac = &interface.mac_address;
                            wrong.push(format!("{place} has {}, its interface {mac}", pod.mac));
                        }
                        if !has_address(interface, &pod.address) {
                            let address = &pod.address;
                            wrong.push(format!("{place}: {address} is not its interface's"));
                        }
                    }
                });
                if self.ping_to(instance, network).is_none() {
                    wrong.push(format!("{place} was not reached"));
                }
            }
        }
        wrong
    }

    fn ping_to(&self, instance: &str, network: &str) -> Option<&Ping> {
        let mut pings = self.pings.iter();
        pings.find(|ping| ping.to == instance && ping.definition == network)
    }

    /// The pods' interfaces, for people.
    pub(super) fn table(&self, local: &LocalAws) -> String {
        let mut table = Table::new();
        table.load_style(presets::UTF8_HORIZONTAL_ONLY);
        table.set_header([
            "node",
            "network",
            "the node's interface",
            "plugin",
            "in the pod",
            "ping from the other pod",
        ]);
        for (instance, networks) in &self.pods {
            for (network, pod) in networks {
                let interface = local.with_world(|world| {
                    interface_of(world, instance, network)
                        .map(|interface| interface.network_interface_id.clone())
                });
                let ping = self
                    .ping_to(instance, network)
                    .map_or_else(String::new, |ping| format!("{} ms", ping.milliseconds));
                table.add_row([
                    instance.clone(),
                    network.clone(),
                    interface.unwrap_or_default(),
                    pod.kind.clone(),
                    format!("{} {} MTU {}", pod.interface, pod.address, pod.mtu),
                    ping,
                ]);
            }
        }
        table.to_string()
    }

    /// The same for programs.
    pub(super) fn report(
        &self,
        statuses: &BTreeMap<String, usize>,
        wrong: &[String],
        seconds: f64,
    ) -> Value {
        json!({
            "pods": self.pods,
            "pings": self.pings,
            "executions": statuses,
            "wrong": wrong,
            "seconds": seconds,
        })
    }
}

/// The interface of an instance in a network of its profile.
fn interface_of<'a>(
    world: &'a World,
    instance: &'a str,
    network: &str,
) -> Option<&'a NetworkInterface> {
    world
        .ec2
        .interfaces_of(instance)
        .find(|interface| interface.tags.get(own::NETWORK).map(String::as_str) == Some(network))
}

/// Whether EC2 gave an address, which has a prefix length, to an interface.
fn has_address(interface: &NetworkInterface, address: &str) -> bool {
    let address = address.split('/').next().unwrap_or_default();
    let Ok(address) = address.parse::<Ipv4Addr>() else {
        return false;
    };
    let mut addresses = interface.private_ip_addresses();
    addresses.any(|one| one == address)
        || interface
            .ipv4_prefixes
            .iter()
            .any(|prefix| prefix.contains(&address))
}
