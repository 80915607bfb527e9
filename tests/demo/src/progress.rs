//! Progress: a line each time that a node's state changes.

use std::collections::BTreeMap;
use std::time::Duration;

use hookline_domain::tags::own;
use hookline_local::node::{NodeStatus, Phase};
use hookline_local::{LocalAws, World};

/// With more nodes than this, one line sums them up.
const MAX_LINES: usize = 32;

/// The state that was last shown.
#[derive(Debug)]
pub(crate) struct Progress {
    nodes: usize,
    networks: usize,
    started: Duration,
    shown: BTreeMap<String, String>,
    summary: String,
}

impl Progress {
    /// Nothing has been shown yet. `started` is the time of the fake AWS at the start.
    #[must_use]
    pub(crate) fn new(nodes: usize, networks: usize, started: Duration) -> Self {
        Self {
            nodes,
            networks,
            started,
            shown: BTreeMap::new(),
            summary: String::new(),
        }
    }

    /// Prints what has changed.
    pub(crate) fn show(&mut self, local: &LocalAws, group: &str) {
        let phases = local.nodes().all();
        let (elapsed, states) =
            local.with_world(|world| (world.kernel.elapsed(), self.states(world, &phases, group)));
        let seconds = elapsed.saturating_sub(self.started).as_secs_f64();
        if self.nodes > MAX_LINES {
            let count = |what: &str| {
                states
                    .values()
                    .filter(|state| state.ends_with(what))
                    .count()
            };
            let summary = format!(
                "{} launched, {} InService, {} joined, {} waiting at the hook",
                states.len(),
                count("InService"),
                phases
                    .values()
                    .filter(|node| node.phase == Phase::Joined)
                    .count(),
                states
                    .values()
                    .filter(|state| state.contains("Pending"))
                    .count(),
            );
            if summary != self.summary {
                println!("{seconds:6.1} s  {summary}");
                self.summary = summary;
            }
            return;
        }
        for (instance, state) in states {
            if self.shown.get(&instance) != Some(&state) {
                println!("{seconds:6.1} s  {instance}  {state}");
                self.shown.insert(instance, state);
            }
        }
    }

    fn states(
        &self,
        world: &World,
        phases: &BTreeMap<String, NodeStatus>,
        group: &str,
    ) -> BTreeMap<String, String> {
        world
            .autoscaling
            .states(group)
            .into_iter()
            .map(|(id, lifecycle)| {
                let name = world
                    .ec2
                    .instance(&id)
                    .and_then(|instance| instance.tags.get("Name"))
                    .map_or("(no name yet)", String::as_str);
                let made = world
                    .ec2
                    .network_interfaces()
                    .filter(|interface| interface.tags.get(own::INSTANCE_ID) == Some(&id))
                    .count();
                let attached = world
                    .ec2
                    .interfaces_of(&id)
                    .filter(|interface| interface.tags.contains_key(own::INSTANCE_ID))
                    .count();
                let phase = phases.get(&id).map_or("", |node| node.phase.as_str());
                let state = format!(
                    "{name:<28} {made}/{n} made {attached}/{n} attached  node {phase:<8}  {lifecycle}",
                    n = self.networks
                );
                (id, state)
            })
            .collect()
    }
}
