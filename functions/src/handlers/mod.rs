//! One module a Lambda function. A handler takes its state's data as JSON and returns what the state machine
//! keeps; it can be run again at any point and finds what is already there.
//!
//! | function | state | does |
//! |---|---|---|
//! | [`tag_node`] | `TagNode` | looks the instance up, tags it, says what the launch needs |
//! | [`plan_interfaces`] | `PlanInterfaces` | chooses subnets and addresses, creates nothing |
//! | [`create_interfaces`] | `CreateInterfaces` | carries the plan out |
//! | [`attach_interfaces`] | `AttachInterfaces` | attaches, sets attributes, proves invariant I1 |
//! | [`complete_hook`] | `ContinueLaunch`, `AbandonLaunch` | completes the lifecycle action |
//! | [`release_interfaces`] | `ReleaseInterfaces` | removes what was made for the launch |
//! | [`name_nodes`] | `NameNodes`, of `name-node` | names and tags the nodes of one event |
//! | [`reconcile`] | none: a schedule and an event call it | finds lost launches and interfaces that nobody owns |
//! | [`adopt`] | none: a person calls it | starts executions for nodes that run already |

pub mod adopt;
pub mod attach_interfaces;
pub mod complete_hook;
pub mod create_interfaces;
pub mod name_nodes;
pub mod plan_interfaces;
pub mod reconcile;
pub mod release_interfaces;
pub mod summary;
pub mod tag_node;
mod tagging;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;

use crate::aws::Aws;
use crate::aws::instances::Instance;
use crate::metrics::{Metrics, Of};
use hookline_domain::error::{Error, Input, Result};
use hookline_domain::event::{Event, Launch};
use hookline_domain::ids::{InstanceId, NetworkInterfaceId, SubnetId};
use hookline_domain::parse::from_value;
use hookline_domain::profile::{Profile, Slot};
use hookline_domain::tags::own;

/// What a handler runs with.
#[derive(Debug, Clone)]
pub struct Context {
    /// The clients.
    pub aws: Aws,
    /// When Lambda ends the invocation.
    pub deadline: Instant,
    /// The time at the invocation's start, in seconds since the epoch.
    pub now: i64,
    /// What is measured in this invocation.
    pub metrics: Metrics,
}

/// What is known of the node, from `TagNode` on: `$.node`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Node {
    /// The instance.
    pub instance_id: InstanceId,
    /// Its Name tag, once it has one.
    pub name: Option<String>,
    /// As `m5.4xlarge`.
    pub instance_type: String,
    /// The availability zone's name.
    pub availability_zone: String,
    /// The primary private IPv4 address.
    pub private_ip_address: Option<String>,
    /// When it was launched, or adopted, in seconds since the epoch: launches are served in this order.
    pub launched_at: i64,
    /// Whether EC2 said that it runs; interfaces attach from then on.
    pub running: bool,
}

impl Node {
    fn new(instance: &Instance, name: Option<String>) -> Self {
        Self {
            instance_id: instance.id.clone(),
            name,
            instance_type: instance.instance_type.clone(),
            availability_zone: instance.availability_zone.clone(),
            private_ip_address: instance.private_ip.clone(),
            launched_at: instance.in_flight_since(),
            running: instance.is_running(),
        }
    }
}

/// An interface that has been made for a slot: an element of `$.allocation.interfaces`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Made {
    /// The slot's network.
    pub network: String,
    /// The interface.
    pub network_interface_id: NetworkInterfaceId,
}

/// A slot whose create was refused: an element of `$.allocation.refused`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", tag = "reason")]
pub enum Refused {
    /// Somebody else has these addresses.
    #[serde(rename = "ADDRESS_TAKEN", rename_all = "camelCase")]
    AddressTaken {
        /// The slot's network.
        network: String,
        /// The addresses.
        addresses: Vec<std::net::IpAddr>,
    },
    /// The subnet has no room.
    #[serde(rename = "SUBNET_FULL", rename_all = "camelCase")]
    SubnetFull {
        /// The slot's network.
        network: String,
        /// The subnet.
        subnet_id: SubnetId,
    },
}

/// What `CreateInterfaces` returns: `$.allocation`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Allocation {
    /// Whether every slot has its interface.
    pub complete: bool,
    /// The interfaces, one for each slot that has one.
    pub interfaces: Vec<Made>,
    /// The slots that have none, and why.
    pub refused: Vec<Refused>,
    /// Whether the only thing that some slots lack is their create, for which EC2 had no token left. The same plan goes on
    /// then, and asks only for what is missing.
    #[serde(default)]
    pub throttled: bool,
    /// The round of the plan that was carried out; 0 where that was not recorded.
    #[serde(default)]
    pub round: u32,
}

/// `$.event` and `$.profile`, read and checked.
struct Subject {
    launch: Launch,
    profile: Profile,
}

impl Subject {
    fn read(event: Value, profile: Value) -> Result<Self> {
        Ok(Self {
            launch: Event::read_launch(event)?,
            profile: Profile::read(profile)?,
        })
    }

    /// What the launch is measured as.
    fn measured(&self) -> Of {
        Of::profile(&self.profile.name)
    }

    fn instance(&self) -> &InstanceId {
        &self.launch.instance_id
    }

    /// The tags that the interface of `slot` has from creation.
    fn interface_tags(&self, slot: &Slot, node: &Node) -> BTreeMap<String, String> {
        let mut tags = slot.tags.clone();
        if let Some(name) = &node.name {
            // As many characters as EC2 takes in a tag.
            let name = format!("{name}-{}", slot.network)
                .chars()
                .take(256)
                .collect();
            tags.entry("Name".to_owned()).or_insert(name);
        }
        tags.extend(own::tags(
            self.instance(),
            &self.launch.group,
            &self.profile.name,
            &slot.network,
        ));
        tags
    }

    /// The slot of `network`; a payload that names another does not fit its profile.
    fn slot(&self, field: &str, network: &str) -> Result<&Slot> {
        self.profile
            .slots
            .iter()
            .find(|slot| slot.network == network)
            .ok_or_else(|| {
                Error::invalid(
                    Input::Payload,
                    field,
                    format!("the profile has no network {network:?}"),
                    "Start the execution again: its profile was changed half-way",
                )
            })
    }
}

/// Reads what a function needs of `$.launch`: the data of the execution so far. The rest of the payload is the
/// execution's name, for the logs, and what a state adds.
fn read<T: serde::de::DeserializeOwned>(mut payload: Value) -> Result<T> {
    let launch = payload.get_mut("launch").map_or(Value::Null, Value::take);
    from_value(Input::Payload, "launch", launch)
}

/// Writes a result.
fn write<T: Serialize>(action: &'static str, value: &T) -> Result<Value> {
    serde_json::to_value(value).map_err(|error| Error::AwsUnavailable {
        action,
        detail: error.to_string(),
    })
}

/// Patience with what EC2 shows late: growing pauses, until the function's time is used up.
#[derive(Debug)]
struct Patience {
    until: Instant,
    pause: Duration,
}

impl Patience {
    const FIRST: Duration = Duration::from_millis(500);
    const LONGEST: Duration = Duration::from_secs(4);
    /// What one invocation waits at most: a retrier of the state machine waits longer, and costs nothing.
    const MOST: Duration = Duration::from_secs(20);
    /// Kept for the calls that follow the last pause.
    const RESERVE: Duration = Duration::from_secs(10);

    fn new(context: &Context) -> Self {
        let now = Instant::now();
        let reserved = context.deadline.checked_sub(Self::RESERVE).unwrap_or(now);
        Self {
            until: reserved.min(now + Self::MOST),
            pause: Self::FIRST,
        }
    }

    /// Waits a little; `false` when there is no time left.
    async fn wait(&mut self) -> bool {
        if Instant::now() + self.pause > self.until {
            return false;
        }
        tokio::time::sleep(self.pause).await;
        self.pause = self.pause.mul_f32(1.6).min(Self::LONGEST);
        true
    }
}
