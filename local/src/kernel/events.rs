//! The events that services put on the bus.

use jiff::Timestamp;

/// An EventBridge event, before EventBridge adds version, account and Region.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// A UUID, the same for every delivery of this event.
    pub id: String,
    /// The service: `aws.autoscaling` and the like.
    pub source: String,
    /// The kind of event: `EC2 Instance-launch Lifecycle Action` and the like.
    pub detail_type: String,
    /// When it happened.
    pub time: Timestamp,
    /// ARNs of the resources that it concerns.
    pub resources: Vec<String>,
    /// The service's own part of the event.
    pub detail: serde_json::Value,
}
