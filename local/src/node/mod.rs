//! The software on the instances: what a machine does after EC2 says that it runs.
//!
//! ```text
//! pending ──▶ booting ──▶ held ──▶ starting ──▶ joined
//!                           ▲         │
//!                the gate, if there   kubelet, then the VPC CNI: it creates, attaches and
//!                is one, waits here   changes an interface of its own
//! ```
//!
//! Order and names are those of an EKS node with Amazon Linux 2023 (awslabs/amazon-eks-ami,
//! `templates/al2023/runtime/rootfs/etc/systemd/system`): what the user data installs runs before
//! `nodeadm-run.service`, which starts kubelet. kubelet starts `aws-node`, the VPC CNI.
//!
//! A node whose instance stops is off, whatever it did. After a stop it boots again; after a
//! hibernation it goes on where it was.
//!
//! A node knows what a machine can know: its instance metadata ([`imds`]) and its user data. The
//! VPC CNI calls EC2 as any client does: by [`LocalAws::handle`](crate::LocalAws::handle), with
//! latency, throttling and an entry in the call log. docs/node.md describes the gate.

mod cni;
mod ec2_client;
mod gate;
pub mod imds;
mod life;
mod settings;
#[cfg(test)]
mod tests;
mod xml;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

pub use ec2_client::{VPC_CNI, is_of_vpc_cni};
pub use gate::{ClaimedPlace, Gate, GateNetwork};
pub use imds::{Imds, ImdsInterface};
pub use settings::{CniSettings, NodeSettings};

use crate::kernel::Event;
use crate::local_aws::lock;
use crate::{LocalAws, WeakLocalAws};

/// How far a node has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// EC2 starts the instance.
    Pending,
    /// The machine boots.
    Booting,
    /// The gate holds kubelet back, because an interface is missing.
    Held,
    /// kubelet and the VPC CNI start.
    Starting,
    /// The node has joined its cluster and takes pods.
    Joined,
    /// The machine is off: its instance stops, or it has ended.
    Off,
}

impl Phase {
    /// A word for tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Booting => "booting",
            Self::Held => "held",
            Self::Starting => "starting",
            Self::Joined => "joined",
            Self::Off => "off",
        }
    }
}

/// A network whose interface the gate does not see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The network's name; or what is wrong with the gate's list; or that the instance is in a warm
    /// pool.
    pub network: String,
    /// Since when, counted from the start of the fake AWS.
    pub since: Duration,
}

/// What is known of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeStatus {
    /// Its phase.
    pub phase: Phase,
    /// When it reached each phase since its last start, counted from the start of the fake AWS.
    pub reached: BTreeMap<Phase, Duration>,
    /// What the gate waits for. Empty unless the node is held.
    pub missing: Vec<Missing>,
}

/// A node, and the task that is its machine.
struct Node {
    status: NodeStatus,
    imds: imds::Propagation,
    machine: Option<AbortHandle>,
    /// How far it had got when it was switched off last.
    was: Phase,
}

/// The nodes, by instance id.
#[derive(Default)]
pub struct Nodes {
    nodes: Mutex<BTreeMap<String, Node>>,
}

impl Nodes {
    /// What is known of a node. `None`: there is no such node, or the instances have no software.
    #[must_use]
    pub fn status(&self, instance_id: &str) -> Option<NodeStatus> {
        Some(lock(&self.nodes).get(instance_id)?.status.clone())
    }

    /// All nodes, those that are off included, by instance id.
    #[must_use]
    pub fn all(&self) -> BTreeMap<String, NodeStatus> {
        let nodes = lock(&self.nodes);
        nodes
            .iter()
            .map(|(id, node)| (id.clone(), node.status.clone()))
            .collect()
    }

    fn enter(&self, instance_id: &str, phase: Phase, at: Duration) {
        if let Some(node) = lock(&self.nodes).get_mut(instance_id) {
            node.status.phase = phase;
            node.status.reached.insert(phase, at);
            node.status.missing.clear();
        }
    }

    /// Notes what the gate misses. What it missed before keeps its time.
    fn note_missing(&self, instance_id: &str, missing: Vec<String>, at: Duration) {
        if let Some(node) = lock(&self.nodes).get_mut(instance_id) {
            let before = std::mem::take(&mut node.status.missing);
            let since = |network: &String| {
                let known = before.iter().find(|known| known.network == *network);
                known.map_or(at, |known| known.since)
            };
            node.status.missing = missing
                .into_iter()
                .map(|network| Missing {
                    since: since(&network),
                    network,
                })
                .collect();
        }
    }
}

/// An instance changed its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PowerChange {
    instance_id: String,
    state: String,
}

impl PowerChange {
    /// The change that an event tells.
    pub(crate) fn of(event: &Event) -> Option<Self> {
        if event.detail_type != "EC2 Instance State-change Notification" {
            return None;
        }
        let text = |name: &str| event.detail.get(name).and_then(Value::as_str);
        Some(Self {
            instance_id: text("instance-id")?.to_owned(),
            state: text("state")?.to_owned(),
        })
    }
}

/// Switches machines on and off with their instances, until the last handle of the fake AWS is
/// dropped.
pub(crate) fn start(local: WeakLocalAws, mut changes: mpsc::UnboundedReceiver<PowerChange>) {
    tokio::spawn(async move {
        while let Some(change) = changes.recv().await {
            let Some(local) = local.upgrade() else { return };
            switch(&local, &change);
        }
    });
}

fn switch(local: &LocalAws, change: &PowerChange) {
    let id = &change.instance_id;
    let (settings, at) = local.with_world(|world| {
        let settings = world.kernel.settings.node.clone();
        (settings, world.kernel.elapsed())
    });
    if change.state != "pending" && change.state != "running" {
        let machine = lock(&local.nodes().nodes).get_mut(id).and_then(|node| {
            if node.status.phase != Phase::Off {
                node.was = node.status.phase;
            }
            node.machine.take()
        });
        if let Some(machine) = machine {
            machine.abort();
        }
        local.nodes().enter(id, Phase::Off, at);
        return;
    }
    let Some(settings) = settings else { return };
    if change.state == "pending" {
        let was = lock(&local.nodes().nodes).get(id).map(|node| node.was);
        let node = Node {
            was: was.unwrap_or(Phase::Pending),
            status: NodeStatus {
                phase: Phase::Pending,
                reached: BTreeMap::from([(Phase::Pending, at)]),
                missing: Vec::new(),
            },
            imds: imds::Propagation::default(),
            machine: None,
        };
        lock(&local.nodes().nodes).insert(id.clone(), node);
        return;
    }
    // Each machine has a generator of its own, so that one node's draws do not change another's.
    let (seed, hibernated) = local.with_world(|world| {
        let instance = world.ec2.instance(id);
        let hibernated = instance.is_some_and(|instance| instance.hibernated);
        (world.kernel.rng().next_u64(), hibernated)
    });
    let rng = ChaCha8Rng::seed_from_u64(seed);
    let was = lock(&local.nodes().nodes).get(id).map(|node| node.was);
    let resumes = was.filter(|_| hibernated).unwrap_or(Phase::Pending);
    let machine = tokio::spawn(life::run(
        local.downgrade(),
        id.clone(),
        settings,
        rng,
        resumes,
    ));
    if let Some(node) = lock(&local.nodes().nodes).get_mut(id) {
        node.machine = Some(machine.abort_handle());
    }
}
