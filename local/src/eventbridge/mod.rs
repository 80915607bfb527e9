//! EventBridge: rules that match events, and targets that get what they match.
//!
//! - `pattern`: which events a rule wants;
//! - `input`: what a target is given;
//! - `rules`, `targets`, `put_events`: the calls, and the rules and targets that they change;
//! - `delivery`: from an event to its targets, with retries;
//! - `schedule`: rules that fire by the clock.
//!
//! Delivery is at least once and best effort on AWS. [`EventBridge::disturb`] makes it as bad as a test wants.

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

    /// What became of every event that matched a rule: one entry for each target, once it is settled.
    #[must_use]
    pub fn deliveries(&self) -> Vec<Delivery> {
        lock(&self.state).deliveries.clone()
    }

    /// A receiver of all events from now on, as targets would see them (late, twice or never when disturbed).
    #[must_use]
    pub fn subscribe(&self) -> mpsc::UnboundedReceiver<Value> {
        let (sender, receiver) = mpsc::unbounded_channel();
        lock(&self.state).subscribers.push(sender);
        receiver
    }
}

#[cfg(test)]
mod tests;
