//! The node as `TagNode` found it: `$.node`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::InstanceId;
use crate::instance::Instance;

/// The node as `TagNode` found it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Node {
    /// The instance.
    pub instance_id: InstanceId,
    /// Its Name tag; null if it has none.
    pub name: Option<String>,
    /// The instance type, as `m5.4xlarge`.
    pub instance_type: String,
    /// The name of its Availability Zone, as `us-west-2a`.
    pub availability_zone: String,
    /// Its primary private IPv4 address; null in an IPv6-only subnet.
    pub private_ip_address: Option<String>,
    /// When it was launched, or adopted, in seconds since the epoch. Launches are served in this
    /// order.
    pub launched_at: i64,
    /// Whether EC2 showed it as running. Interfaces attach from then on.
    pub running: bool,
    /// Why it lacks tags of the profile, for people; absent if it has all. The launch goes on
    /// without them, unless `tagFailure` of the profile says otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tag_failures: Vec<String>,
}

impl Node {
    /// The node of an instance that has this Name tag by now.
    #[must_use]
    pub fn new(instance: &Instance, name: Option<String>) -> Self {
        Self {
            instance_id: instance.id.clone(),
            name,
            instance_type: instance.instance_type.clone(),
            availability_zone: instance.availability_zone.clone(),
            private_ip_address: instance.private_ip.clone(),
            launched_at: instance.in_flight_since(),
            running: instance.is_running(),
            tag_failures: Vec::new(),
        }
    }
}
