//! The launched instances that an event of `name-node` reports.

use crate::error::Result;
use crate::ids::{InstanceId, NetworkInterfaceId};
use crate::tags::facts::NodeFacts;
use crate::tags::own::Tags;

/// An instance that was launched for an Auto Scaling group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaunchedInstance {
    /// The instance.
    pub id: InstanceId,
    /// Its Auto Scaling group. None if the record of its launch does not have its tags, which may
    /// come by a later CreateTags: the instance is then looked up until EC2 shows them.
    pub group: Option<String>,
    /// The Region, from the envelope.
    pub region: String,
    /// What else the event says of it. None if the event names the instance only.
    pub details: Option<LaunchDetails>,
}

/// What RunInstances returned for an instance: its state at the launch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaunchDetails {
    /// What templates can use.
    pub facts: NodeFacts,
    /// The interfaces that it was launched with, and their tags.
    pub interfaces: Vec<(NetworkInterfaceId, Tags)>,
}

/// What an event reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LaunchEvent {
    /// Instances of Auto Scaling groups were launched. A malformed entry does not hide the others.
    Launched(Vec<Result<LaunchedInstance>>),
    /// Instances were launched, but the record is too large to contain them. They must be looked up.
    Omitted(Omitted),
    /// Another event that a rule may match. This is no error; the text says what the event is.
    Other(String),
}

/// A RunInstances call without its response: CloudTrail omits a field that is too large.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Omitted {
    /// The Region, from the envelope.
    pub region: String,
    /// The call's ClientToken. DescribeInstances finds the instances by it.
    pub client_token: String,
    /// How many instances the call launched at least: its MinCount; 0 if the record does not say.
    pub at_least: usize,
    /// Whether Auto Scaling made the call, so that each instance gets Auto Scaling's tag.
    pub by_auto_scaling: bool,
}
