//! The report of a scale-out: a table for people, and JSON for programs.

use std::collections::BTreeMap;

use comfy_table::{Table, presets};
use hookline_domain::profile::Profile;
use hookline_domain::tags::own;
use hookline_local::autoscaling::LifecycleState;
use hookline_local::node::{NodeStatus, Phase};
use hookline_local::{LocalAws, World};
use serde::Serialize;

use hookline_testkit::deployment::FUNCTIONS;

/// The report, in the form of `--report`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    /// The nodes that the group has at the end.
    pub(crate) nodes: Vec<Node>,
    /// Executions by status.
    pub(crate) executions: BTreeMap<String, usize>,
    /// Hookline's own API calls by action.
    pub(crate) api_calls: BTreeMap<String, usize>,
    /// The time from the scale-out to the end.
    pub(crate) seconds: f64,
}

/// One node.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Node {
    /// `i-…`
    pub(crate) instance_id: String,
    /// Its Name tag.
    pub(crate) name: Option<String>,
    /// Its AZ.
    pub(crate) availability_zone: String,
    /// Its lifecycle state, as Auto Scaling names it.
    pub(crate) lifecycle_state: String,
    /// The result that its hook was completed with, if it was.
    pub(crate) hook_result: Option<String>,
    /// The time from the lifecycle event to InService; `None` if it is not InService.
    pub(crate) seconds: Option<f64>,
    /// What its software does: `held`, `joined`, …
    pub(crate) node: String,
    /// How long the gate held kubelet back; `None` if it did not.
    pub(crate) held_seconds: Option<f64>,
    /// Its interfaces, without the primary one.
    pub(crate) interfaces: Vec<Interface>,
}

/// One interface.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Interface {
    /// Its device index.
    pub(crate) device_index: u32,
    /// The network of the slot at that index.
    pub(crate) network: String,
    /// Its subnet.
    pub(crate) subnet_id: String,
    /// Its primary private address.
    pub(crate) private_ip: String,
    /// `attached`, …
    pub(crate) status: String,
}

impl Report {
    /// Reads the result from the fake AWS.
    #[must_use]
    pub(crate) fn new(
        local: &LocalAws,
        group: &str,
        profile: &Profile,
        executions: BTreeMap<String, usize>,
        api_calls: BTreeMap<String, usize>,
        seconds: f64,
    ) -> Self {
        let phases = local.nodes().all();
        let nodes = local.with_world(|world| {
            world
                .autoscaling
                .states(group)
                .into_iter()
                .map(|(id, state)| node(world, profile, phases.get(&id), id, state))
                .collect()
        });
        Self {
            nodes,
            executions,
            api_calls,
            seconds,
        }
    }

    /// Whether all executions succeeded.
    #[must_use]
    pub(crate) fn all_succeeded(&self) -> bool {
        self.executions.keys().all(|status| status == "SUCCEEDED")
    }

    /// The table. `calls` has the number of API calls for each instance.
    #[must_use]
    pub(crate) fn table(&self, calls: &BTreeMap<String, u64>) -> String {
        let mut table = Table::new();
        table.load_style(presets::UTF8_HORIZONTAL_ONLY);
        table.set_header([
            "node",
            "AZ",
            "interfaces: device index, network, subnet, address",
            "hook",
            "s",
            "the node",
            "calls",
        ]);
        for node in &self.nodes {
            let name = node.name.as_deref().unwrap_or("(no name)");
            let interfaces: Vec<_> = node
                .interfaces
                .iter()
                .map(|i| {
                    format!(
                        "{}  {:<13} {}  {}",
                        i.device_index, i.network, i.subnet_id, i.private_ip
                    )
                })
                .collect();
            table.add_row([
                format!("{name}\n{}", node.instance_id),
                format!("{}\n{}", node.availability_zone, node.lifecycle_state),
                interfaces.join("\n"),
                node.hook_result.clone().unwrap_or_else(|| "-".to_owned()),
                node.seconds
                    .map_or_else(|| "-".to_owned(), |seconds| format!("{seconds:.1}")),
                match node.held_seconds {
                    Some(held) => format!("{}\nheld {held:.1} s", node.node),
                    None => node.node.clone(),
                },
                calls
                    .get(&node.instance_id)
                    .map_or_else(|| "-".to_owned(), ToString::to_string),
            ]);
        }
        table.to_string()
    }

    /// One line that sums it up.
    #[must_use]
    pub(crate) fn summary(&self) -> String {
        let calls: usize = self.api_calls.values().sum();
        let executions: Vec<_> = self
            .executions
            .iter()
            .map(|(status, n)| format!("{n} {status}"))
            .collect();
        format!(
            "{} nodes in {:.1} s; executions: {}; {calls} API calls",
            self.nodes.len(),
            self.seconds,
            executions.join(", ")
        )
    }
}

fn node(
    world: &World,
    profile: &Profile,
    software: Option<&NodeStatus>,
    id: String,
    state: LifecycleState,
) -> Node {
    let reached = |phase| software.and_then(|software| software.reached.get(&phase).copied());
    let instance = world.ec2.instance(&id);
    let history = world.autoscaling.histories().get(&id);
    let event = history
        .and_then(|history| history.actions.first())
        .map(|(at, ..)| *at);
    let in_service = history.and_then(|history| history.reached(LifecycleState::InService));
    let mut interfaces: Vec<Interface> = world
        .ec2
        .interfaces_of(&id)
        .filter_map(|interface| {
            let on = interface.attachment.as_ref()?;
            let network = interface.tags.get(own::NETWORK)?;
            let slot = profile.slots.iter().find(|slot| slot.network == *network)?;
            Some(Interface {
                device_index: on.device_index,
                network: slot.network.clone(),
                subnet_id: interface.subnet_id.clone(),
                private_ip: interface.private_ip_address.to_string(),
                status: on.status.as_str().to_owned(),
            })
        })
        .collect();
    interfaces.sort_by_key(|interface| interface.device_index);
    Node {
        name: instance
            .and_then(|instance| instance.tags.get("Name"))
            .cloned(),
        availability_zone: instance
            .map(|i| i.availability_zone.clone())
            .unwrap_or_default(),
        lifecycle_state: state.to_string(),
        hook_result: world
            .autoscaling
            .completions()
            .iter()
            .find(|completion| completion.accepted && completion.instance.as_deref() == Some(&id))
            .map(|completion| completion.result.clone()),
        seconds: event
            .zip(in_service)
            .map(|(event, done)| done.saturating_sub(event).as_secs_f64()),
        node: software
            .map(|software| software.phase.as_str())
            .unwrap_or_default()
            .to_owned(),
        held_seconds: reached(Phase::Held)
            .zip(reached(Phase::Starting))
            .map(|(held, open)| open.saturating_sub(held).as_secs_f64()),
        interfaces,
        instance_id: id,
    }
}

/// How many API calls the functions made for each instance: each invocation logs its own.
#[must_use]
pub(crate) fn calls_by_instance(local: &LocalAws) -> BTreeMap<String, u64> {
    let mut calls = BTreeMap::new();
    for (function, _) in FUNCTIONS {
        for line in local.lambda().logs(function) {
            let Ok(line) = serde_json::from_str::<serde_json::Value>(&line.text) else {
                continue;
            };
            let instance = line.get("instance_id").and_then(serde_json::Value::as_str);
            let made = line.get("api_calls").and_then(serde_json::Value::as_u64);
            if let (Some(instance), Some(made)) = (instance, made) {
                *calls.entry(instance.to_owned()).or_default() += made;
            }
        }
    }
    calls
}
