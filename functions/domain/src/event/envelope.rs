//! The envelope that EventBridge puts around every event.

use serde::Deserialize;
use serde_json::Value;

/// The envelope that EventBridge puts around every event.
#[derive(Debug, Clone, Deserialize)]
pub struct Envelope {
    /// Unique for each event; a duplicate delivery has the same id.
    pub id: String,
    /// The service, as `aws.autoscaling`.
    pub source: String,
    /// The kind of event, as `EC2 Instance-launch Lifecycle Action`.
    #[serde(rename = "detail-type")]
    pub detail_type: String,
    /// The account that the event comes from, twelve digits.
    pub account: String,
    /// The region that the event comes from.
    pub region: String,
    /// When the event happened, RFC 3339.
    pub time: String,
    /// The group's ARN.
    #[serde(default)]
    pub resources: Vec<String>,
    /// What happened; its shape depends on the detail type.
    pub detail: Value,
}

/// A text of an event, short enough for a reason or an error.
pub(super) fn truncated(text: &str) -> String {
    text.chars().take(80).collect()
}
