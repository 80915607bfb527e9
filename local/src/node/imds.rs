//! The instance metadata service, as far as the gate and the VPC CNI read it: the categories under
//! `network/interfaces/macs/` (EC2 User Guide, "Instance metadata categories"), and
//! `autoscaling/target-lifecycle-state` (Auto Scaling User Guide, "Retrieve the target lifecycle
//! state through instance metadata").
//!
//! It has no tags of interfaces. It is not consistent at once: an interface that is attached while
//! the instance runs has `device-number` 0 and no `network-card` for some time
//! (amazonlinux/amazon-ec2-net-utils, `lib/lib.sh`, waits for both).

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::time::Instant;

use super::{NodeSettings, Nodes};
use crate::ec2::{Attachment, AttachmentStatus, InstanceType};
use crate::local_aws::lock;
use crate::settings::Latency;
use crate::world::World;

/// What the metadata service of one instance shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imds {
    /// `mac`: the hardware address of the primary interface.
    pub mac: String,
    /// `network/interfaces/macs/`, by hardware address.
    pub macs: BTreeMap<String, ImdsInterface>,
    /// `autoscaling/target-lifecycle-state`: the steady state that the instance is in, or goes to, as
    /// `InService` or `Warmed:Stopped`. `None` is a 404: it is in no Auto Scaling group.
    pub target_lifecycle_state: Option<String>,
}

impl Imds {
    /// The warm pool's state, if the instance is in a warm pool or goes there.
    #[must_use]
    pub fn warm_pool_state(&self) -> Option<&str> {
        let state = self.target_lifecycle_state.as_deref()?;
        state.strip_prefix("Warmed:").map(|_| state)
    }
}

/// What is under one hardware address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImdsInterface {
    /// `device-number`. 0 until the real one is known.
    pub device_number: u32,
    /// `network-card`. `None` is a 404: the type has one card only, or it is not known yet.
    pub network_card: Option<u32>,
    /// `interface-id`.
    pub interface_id: String,
    /// `subnet-id`.
    pub subnet_id: String,
    /// `vpc-id`.
    pub vpc_id: String,
    /// `security-group-ids`.
    pub security_group_ids: Vec<String>,
    /// `local-ipv4s`: the primary address first.
    pub local_ipv4s: Vec<Ipv4Addr>,
    /// `ipv4-prefix`: the prefixes delegated to it. None is a 404.
    pub ipv4_prefixes: Vec<Ipv4Net>,
    /// `subnet-ipv4-cidr-block`. `None` is a 404: the subnet is gone.
    pub subnet_ipv4_cidr_block: Option<Ipv4Net>,
    /// `ipv6s`: its IPv6 addresses. None is a 404.
    pub ipv6s: Vec<Ipv6Addr>,
    /// `subnet-ipv6-cidr-blocks`, of which a subnet has one at most. `None` is a 404.
    pub subnet_ipv6_cidr_block: Option<Ipv6Net>,
}

impl ImdsInterface {
    /// The categories under its hardware address that a node reads, each with its text. A category
    /// that is not here is a 404. A list has one value a line.
    #[must_use]
    pub fn categories(&self) -> BTreeMap<&'static str, String> {
        let lines = |values: Vec<String>| (!values.is_empty()).then(|| values.join("\n"));
        let addresses = self.local_ipv4s.iter().map(Ipv4Addr::to_string).collect();
        let prefixes = self.ipv4_prefixes.iter().map(Ipv4Net::to_string).collect();
        let ipv6s = self.ipv6s.iter().map(Ipv6Addr::to_string).collect();
        [
            ("device-number", Some(self.device_number.to_string())),
            (
                "network-card",
                self.network_card.map(|card| card.to_string()),
            ),
            ("interface-id", Some(self.interface_id.clone())),
            ("subnet-id", Some(self.subnet_id.clone())),
            ("vpc-id", Some(self.vpc_id.clone())),
            ("security-group-ids", lines(self.security_group_ids.clone())),
            ("local-ipv4s", lines(addresses)),
            ("ipv4-prefix", lines(prefixes)),
            (
                "subnet-ipv4-cidr-block",
                self.subnet_ipv4_cidr_block.map(|block| block.to_string()),
            ),
            ("ipv6s", lines(ipv6s)),
            (
                "subnet-ipv6-cidr-blocks",
                self.subnet_ipv6_cidr_block.map(|block| block.to_string()),
            ),
        ]
        .into_iter()
        .filter_map(|(name, text)| Some((name, text?)))
        .collect()
    }
}

/// When the metadata service knows the place of each attachment: its device number, and its card.
#[derive(Debug, Default)]
pub(super) struct Propagation {
    known_at: BTreeMap<String, (Instant, Instant)>,
}

impl Nodes {
    /// What the metadata service of an instance shows now, for a node outside the fake AWS. `None`:
    /// the instance is gone, or it has no software (`Settings::node`).
    #[must_use]
    pub fn metadata(&self, world: &mut World, instance_id: &str) -> Option<Imds> {
        let settings = world.kernel.settings.node.clone()?;
        let mut rng = ChaCha8Rng::seed_from_u64(world.kernel.rng().next_u64());
        self.imds(world, &settings, instance_id, &mut rng)
    }

    /// What the metadata service of an instance shows now. `None`: the instance is gone, or it has
    /// no software that could read it. The random generator gives the lag of what is new.
    pub(super) fn imds(
        &self,
        world: &World,
        settings: &NodeSettings,
        instance_id: &str,
        rng: &mut ChaCha8Rng,
    ) -> Option<Imds> {
        let mut nodes = lock(&self.nodes);
        let propagation = &mut nodes.get_mut(instance_id)?.imds;
        let instance = world.ec2.instance(instance_id)?;
        let kind = InstanceType::named(&instance.instance_type)?;
        let now = world.kernel.now();
        let mut mac = String::new();
        let mut macs = BTreeMap::new();
        for interface in world.ec2.interfaces_of(instance_id) {
            let Some(attachment) = &interface.attachment else {
                continue;
            };
            if attachment.status == AttachmentStatus::Attaching {
                continue;
            }
            if kind.is_primary(attachment.device_index, attachment.network_card_index) {
                mac.clone_from(&interface.mac_address);
            }
            let hot_plugged = attachment.attach_time > instance.launch_time;
            let attached_at = attachment.attach_time + world.kernel.settings.attach_for;
            let lag = hot_plugged.then_some((attached_at, settings.imds_lag));
            let (number_at, card_at) = propagation.of(attachment, lag, now, rng);
            let subnet = world.ec2.subnet(&interface.subnet_id);
            let shown = ImdsInterface {
                device_number: if now < number_at {
                    0
                } else {
                    attachment.device_index
                },
                network_card: (kind.network_cards.len() > 1 && now >= card_at)
                    .then_some(attachment.network_card_index),
                interface_id: interface.network_interface_id.clone(),
                subnet_id: interface.subnet_id.clone(),
                vpc_id: interface.vpc_id.clone(),
                security_group_ids: interface.groups.clone(),
                local_ipv4s: interface.private_ip_addresses().collect(),
                ipv4_prefixes: interface.ipv4_prefixes.clone(),
                subnet_ipv4_cidr_block: subnet.map(|subnet| subnet.cidr_block),
                ipv6s: interface.ipv6_addresses.clone(),
                subnet_ipv6_cidr_block: subnet.and_then(|subnet| subnet.ipv6_cidr_block),
            };
            macs.insert(interface.mac_address.clone(), shown);
        }
        let target = world.autoscaling.target_lifecycle_state(instance_id);
        Some(Imds {
            mac,
            macs,
            target_lifecycle_state: target.map(|state| state.to_string()),
        })
    }
}

impl Propagation {
    /// When device number and card of an attachment are known; drawn at the first sight of it.
    fn of(
        &mut self,
        attachment: &Attachment,
        lag: Option<(Instant, Latency)>,
        now: Instant,
        rng: &mut ChaCha8Rng,
    ) -> (Instant, Instant) {
        if let Some(known) = self.known_at.get(&attachment.attachment_id) {
            return *known;
        }
        let known = match lag {
            None => (now, now),
            Some((from, lag)) => (from + draw(rng, lag), from + draw(rng, lag)),
        };
        self.known_at
            .insert(attachment.attachment_id.clone(), known);
        known
    }
}

/// A duration drawn evenly from a range. A fixed one costs no draw.
pub(super) fn draw(rng: &mut impl Rng, latency: Latency) -> std::time::Duration {
    if latency.max <= latency.min {
        latency.min
    } else {
        rng.random_range(latency.min..=latency.max)
    }
}
