//! EventBridge: rules that match events, and targets that receive them.
//!
//! - `pattern`: event patterns;
//! - `input`, `json_path`: the input of a target;
//! - `rules`, `targets`, `put_events`: the calls, and the rules and targets that they change;
//! - `delivery`: the delivery of an event to its targets, with retries;
//! - `disturbance`: faults of the delivery, for tests;
//! - `schedule`: rules with a schedule.
//!
//! On AWS, delivery is at least once and best effort. [`EventBridge::disturb`] drops, delays and
//! duplicates events as a test needs.

mod delivery;
mod disturbance;
mod input;
mod json_path;
mod pattern;
mod put_events;
mod rules;
mod schedule;
mod targets;

pub(crate) use delivery::start;
pub use delivery::{Delivery, DeliveryOutcome};
pub use disturbance::Disturbance;
pub(crate) use rules::act;

use std::sync::Mutex;

use serde_json::Value;
use tokio::sync::mpsc;

use crate::local_aws::lock;

/// The default event bus of the account.
#[derive(Debug, Default)]
pub struct EventBridge {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    rules: rules::Rules,
    disturbances: Vec<Disturbance>,
    events: Vec<Value>,
    deliveries: Vec<Delivery>,
    subscribers: Vec<mpsc::UnboundedSender<Value>>,
}

impl EventBridge {
    /// Disturbs the delivery of some of the coming events.
    pub fn disturb(&self, disturbance: Disturbance) {
        lock(&self.state).disturbances.push(disturbance);
    }

    /// Ends all disturbances.
    pub fn clear_disturbances(&self) {
        lock(&self.state).disturbances.clear();
    }

    /// Every event that was put on the bus, dropped ones included, in order.
    #[must_use]
    pub fn events(&self) -> Vec<Value> {
        lock(&self.state).events.clone()
    }

    /// The result of each delivery: one entry for each event and target, once it has ended.
    #[must_use]
    pub fn deliveries(&self) -> Vec<Delivery> {
        lock(&self.state).deliveries.clone()
    }

    /// A receiver of all events from now on, as targets see them: late, twice or never if
    /// disturbed.
    #[must_use]
    pub fn subscribe(&self) -> mpsc::UnboundedReceiver<Value> {
        let (sender, receiver) = mpsc::unbounded_channel();
        lock(&self.state).subscribers.push(sender);
        receiver
    }
}

#[cfg(test)]
mod tests;
