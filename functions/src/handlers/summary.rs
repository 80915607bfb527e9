//! What an operator looks for in the output of an execution: the node, its interfaces, and how long it took.

use serde::{Deserialize, Serialize};

use super::{Context, Node, Subject};
use crate::aws::fleet::epoch_milliseconds;
use hookline_domain::ids::InstanceId;
use hookline_domain::interface::Wired;

/// The summary: `$.wired`, and with the hook's completion the output of an execution that succeeded.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Summary {
    /// Which node.
    pub node: Which,
    /// Its interfaces as EC2 showed them when every one was as asked, in device-index order. None for a profile without
    /// slots.
    pub interfaces: Vec<Wired>,
    /// How long it took.
    pub seconds: Seconds,
}

/// Which node.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Which {
    /// The instance.
    pub instance_id: InstanceId,
    /// Its Name tag.
    pub name: Option<String>,
    /// Its group.
    pub auto_scaling_group: String,
    /// Its availability zone's name.
    pub availability_zone: String,
}

/// How long it took, in whole seconds since the event's time. None is what has not come about, or is not known because
/// the event's time is none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Seconds {
    /// Until the plan that was carried out: before that the node waited for its turn.
    pub event_to_turn: Option<u64>,
    /// Until every interface was seen as asked.
    pub event_to_wired: Option<u64>,
    /// Until Auto Scaling took CONTINUE.
    pub event_to_continue: Option<u64>,
}

impl Summary {
    /// Of a node that has these interfaces.
    pub(super) fn new(subject: &Subject, node: &Node, interfaces: Vec<Wired>) -> Self {
        Self {
            node: Which {
                instance_id: node.instance_id.clone(),
                name: node.name.clone(),
                auto_scaling_group: subject.launch.group.clone(),
                availability_zone: node.availability_zone.clone(),
            },
            interfaces,
            seconds: Seconds::default(),
        }
    }
}

impl Subject {
    /// Milliseconds since the event's time; `None` when it has none, or one that is to come.
    pub(super) fn milliseconds_since_event(&self, context: &Context) -> Option<u64> {
        let begun = epoch_milliseconds(&self.launch.time)?;
        u64::try_from(context.metrics.now().checked_sub(begun)?).ok()
    }

    /// The same in whole seconds.
    pub(super) fn seconds_since_event(&self, context: &Context) -> Option<u64> {
        Some(self.milliseconds_since_event(context)? / 1000)
    }
}
