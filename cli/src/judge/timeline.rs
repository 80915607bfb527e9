//! A scale-out as people look at it: what each node did when, why one was abandoned, which
//! addresses each was given, and how Hookline's calls stand to EC2's buckets.

mod bars;
pub(crate) mod calls;
mod given;
mod node;

use std::collections::{BTreeMap, BTreeSet};

use hookline_domain::ids::InstanceId;
use serde::Serialize;

use self::calls::Calls;
use super::story::Step;
use super::words::count;
use crate::observed::scale_out::{LeftOut, ScaleOut, Traced};

/// A scale-out.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Timeline {
    pub(crate) group: String,
    pub(crate) region: String,
    /// When it was looked at, in seconds since the epoch.
    pub(crate) at: i64,
    /// What was over before is not here, in seconds since the epoch.
    pub(crate) since: i64,
    /// By when they began.
    pub(crate) nodes: Vec<Node>,
    pub(crate) calls: Vec<Calls>,
    /// What is not here, and why, a sentence each.
    pub(crate) left_out: Vec<String>,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Node {
    pub(crate) instance: String,
    /// Its Name tag.
    pub(crate) name: Option<String>,
    pub(crate) instance_type: Option<String>,
    pub(crate) availability_zone: Option<String>,
    pub(crate) state: State,
    /// Why it was abandoned, why it is stuck, or what is wrong with it though it is InService.
    pub(crate) why: Option<String>,
    /// What it did when, in order, without overlap.
    pub(crate) bars: Vec<Bar>,
    /// The addresses that it was given.
    pub(crate) addresses: Vec<AssignedInterface>,
    /// Its executions, oldest first.
    pub(crate) executions: Vec<String>,
    /// What their states did.
    #[serde(skip)]
    pub(crate) story: Vec<Step>,
}

/// How a node stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// It was not given interfaces, and is terminated.
    Abandoned,
    /// Nothing goes on for it, and it is not InService.
    Stuck,
    /// In one of these phases now.
    Starting,
    /// It waits for its turn to get its tags. Only a live view tells it from [`State::Waiting`].
    Untagged,
    Waiting,
    Creating,
    Attaching,
    Proceeding,
    InService,
    InWarmPool,
    /// It was InService, and is in the group no more.
    Gone,
}

impl State {
    /// As people say it.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Abandoned => "abandoned",
            Self::Stuck => "stuck",
            Self::Starting => "starting",
            Self::Untagged => "waiting to be tagged",
            Self::Waiting => "waiting for its turn",
            Self::Creating => "creating interfaces",
            Self::Attaching => "attaching interfaces",
            Self::Proceeding => "waiting for InService",
            Self::InService => "InService",
            Self::InWarmPool => "in the warm pool",
            Self::Gone => "left the group",
        }
    }
}

/// A stretch of time in which a node is in one phase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Bar {
    pub(crate) phase: Phase,
    /// In milliseconds since the epoch.
    pub(crate) from: i64,
    /// In milliseconds since the epoch; now, if it goes on.
    pub(crate) to: i64,
}

/// What a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Phase {
    /// EC2 launches it, its event comes, and it gets its tags.
    Starting,
    /// It waits for its turn, and its addresses are planned.
    Waiting,
    Creating,
    Attaching,
    /// Its interfaces are there. CONTINUE is sent, and Auto Scaling puts it InService.
    Proceeding,
    InService,
    InWarmPool,
    /// ABANDON is sent, and its interfaces are released.
    Abandoning,
}

impl Phase {
    /// All, in the order in which a node has them.
    pub(crate) const ALL: [Self; 8] = [
        Self::Starting,
        Self::Waiting,
        Self::Creating,
        Self::Attaching,
        Self::Proceeding,
        Self::InService,
        Self::InWarmPool,
        Self::Abandoning,
    ];

    /// As people say it: as of a node that is in it.
    pub(crate) fn words(self) -> &'static str {
        let state = match self {
            Self::Starting => State::Starting,
            Self::Waiting => State::Waiting,
            Self::Creating => State::Creating,
            Self::Attaching => State::Attaching,
            Self::Proceeding => State::Proceeding,
            Self::InService => State::InService,
            Self::InWarmPool => State::InWarmPool,
            Self::Abandoning => State::Abandoned,
        };
        state.words()
    }
}

/// An interface that a node was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AssignedInterface {
    pub(crate) network: String,
    /// Its addresses, IPv4 first; empty if EC2 chooses them and has not yet.
    pub(crate) addresses: Vec<String>,
    /// The interface; null if it is only planned.
    pub(crate) network_interface_id: Option<String>,
    /// Whether it is attached, as EC2 showed it.
    pub(crate) attached: bool,
}

/// The scale-out of what was observed.
pub(crate) fn of(seen: &ScaleOut) -> Timeline {
    let mut executions: BTreeMap<InstanceId, Vec<&Traced>> = BTreeMap::new();
    for traced in seen.executions.iter().filter(|it| !was_ignored(it)) {
        if let Some(instance) = traced.execution.instance() {
            executions.entry(instance).or_default().push(traced);
        }
    }
    let launched = seen.activities.iter().filter(|it| it.is_launch);
    let launched = launched.filter_map(|activity| activity.instance.clone());
    let instances: BTreeSet<InstanceId> = executions.keys().cloned().chain(launched).collect();
    let mut nodes: Vec<Node> = instances
        .into_iter()
        .map(|instance| {
            let mut traced = executions.remove(&instance).unwrap_or_default();
            traced.sort_by_key(|traced| traced.execution.started);
            node::of(seen, &instance, &traced)
        })
        .collect();
    nodes.sort_by_cached_key(|node| {
        let began = node.bars.first().map_or(i64::MAX, |bar| bar.from / 1_000);
        let turn = node.bars.iter().find(|bar| bar.phase > Phase::Waiting);
        (
            began,
            turn.map_or(i64::MAX, |bar| bar.from),
            node.instance.clone(),
        )
    });
    Timeline {
        group: seen.group.name.clone(),
        region: seen.region.clone(),
        at: seen.now,
        since: seen.since,
        nodes,
        calls: calls::of(&seen.executions),
        left_out: left_out(&seen.left_out),
    }
}

/// Whether the execution's event is for another profile.
fn was_ignored(traced: &Traced) -> bool {
    let mut events = traced.history.iter();
    events.any(|event| event.state.as_deref() == Some("NotForThisProfile"))
}

impl Timeline {
    /// How many nodes there are in each state.
    pub(crate) fn counts(&self) -> Vec<(State, usize)> {
        let mut counts: BTreeMap<State, usize> = BTreeMap::new();
        for node in &self.nodes {
            *counts.entry(node.state).or_default() += 1;
        }
        counts.into_iter().collect()
    }

    /// The networks, in the order in which nodes have them.
    pub(crate) fn networks(&self) -> Vec<&str> {
        let mut networks: Vec<&str> = Vec::new();
        for given in self.nodes.iter().flat_map(|node| &node.addresses) {
            if !networks.contains(&given.network.as_str()) {
                networks.push(&given.network);
            }
        }
        networks
    }
}

fn left_out(left_out: &LeftOut) -> Vec<String> {
    let mut told = Vec::new();
    if left_out.histories > 0 {
        told.push(format!(
            "{} of this deployment, the oldest, {} not read: the command reads {} histories at most. \
             Give a shorter --since.",
            count(left_out.histories, "execution", "executions"),
            if left_out.histories == 1 { "is" } else { "are" },
            crate::retrace::MAX_HISTORIES,
        ));
    }
    if left_out.executions {
        told.push(
            "Executions older than the newest 5,000 are not listed. Give a shorter --since."
                .to_owned(),
        );
    }
    if left_out.activities {
        told.push(
            "Activities older than the newest 2,000 of the group are not read: when nodes of before \
             were launched or went InService is not known."
                .to_owned(),
        );
    }
    if left_out.events > 0 {
        told.push(format!(
            "{} has more than 10,000 events: its newest are not read.",
            count(left_out.events, "execution", "executions"),
        ));
    }
    told
}

#[cfg(test)]
#[path = "timeline_tests.rs"]
mod tests;
