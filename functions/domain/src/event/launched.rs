//! What an event that starts the state machine `name-node` says of launched instances.

use crate::error::Result;
use crate::ids::{InstanceId, NetworkInterfaceId};
use crate::tags::facts::NodeFacts;
use crate::tags::own::Tags;

/// An instance that was launched for an Auto Scaling group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaunchedInstance {
    /// The instance.
    pub id: InstanceId,
    /// Its Auto Scaling group.
    pub group: String,
    /// The region, from the envelope.
    pub region: String,
    /// What the event tells besides; nothing when it has to be looked up.
    pub details: Option<LaunchDetails>,
}

/// What RunInstances answered of an instance: how it was at its launch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaunchDetails {
    /// For the templates.
    pub facts: NodeFacts,
    /// The interfaces that it was launched with, and their tags.
    pub interfaces: Vec<(NetworkInterfaceId, Tags)>,
}

/// What an event is news of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LaunchEvent {
    /// Instances of Auto Scaling groups were launched. One that cannot be read does not hide the others.
    Launched(Vec<Result<LaunchedInstance>>),
    /// Instances were launched, and the record is too large to hold them: they have to be found.
    Omitted(Omitted),
    /// Something else that a rule may let through. Not an error, and not for us; the text says what it is.
    Other(String),
}

/// A call of RunInstances without its answer: CloudTrail leaves out a field that is too large.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Omitted {
    /// The region, from the envelope.
    pub region: String,
    /// The call's ClientToken, by which EC2 tells what it launched.
    pub client_token: String,
    /// How many instances it launched at least.
    pub at_least: usize,
}
