//! `ReleaseInterfaces`: removes what was made for a launch that is over, attached or not.
//!
//! It finds interfaces by their ownership tags and by the execution's own memory, as a listing may lag behind a
//! create. What is not tagged as made for this instance is not touched (invariant I4).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::{info, warn};

use super::plan_interfaces::Planned;
use super::{Allocation, Context, Patience, read, write};
use crate::aws::interfaces::Undone;
use hookline_domain::error::{Error, Input, Result};
use hookline_domain::event::Event;
use hookline_domain::ids::{InstanceId, NetworkInterfaceId};
use hookline_domain::interface::Interface;

#[derive(Debug, Deserialize)]
struct Payload {
    event: Value,
    #[serde(default)]
    plan: Option<Planned>,
    #[serde(default)]
    allocation: Option<Allocation>,
}

/// What the function returns: `$.release`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Output {
    /// The interfaces that are gone now.
    pub released: BTreeSet<NetworkInterfaceId>,
}

/// Runs the function.
///
/// # Errors
/// `InvalidEvent`, `InvalidPayload`, `StillDetaching`, and what every call can fail with.
pub async fn handle(context: Context, payload: Value) -> Result<Value> {
    let payload: Payload = read(payload)?;
    let launch = Event::read_launch(payload.event)?;
    let instance = &launch.instance_id;
    if launch.action.is_none() {
        return Err(Error::invalid(
            Input::Event,
            "event",
            format!("{instance} was adopted: it is in service and uses its interfaces"),
            "Detach and delete one by one what is to go (docs/operations.md)",
        ));
    }

    // The execution's memory: made in this execution, so ours, though no listing may show it yet.
    let mut remembered: BTreeSet<NetworkInterfaceId> = BTreeSet::new();
    remembered.extend(
        payload
            .plan
            .into_iter()
            .flat_map(|plan| plan.plan.lessons.made.into_values()),
    );
    remembered.extend(
        payload
            .allocation
            .into_iter()
            .flat_map(|allocation| allocation.interfaces)
            .map(|made| made.network_interface_id),
    );

    let mut patience = Patience::new(&context);
    let mut released = BTreeSet::new();
    loop {
        let listed = context.aws.interfaces_made_for(instance).await?;
        let mut busy = Vec::new();
        for interface in &listed {
            if released.contains(&interface.id) || elsewhere(interface, instance) {
                continue;
            }
            if remove(&context, interface).await? {
                released.insert(interface.id.clone());
            } else {
                busy.push(interface.id.clone());
            }
        }
        for id in &remembered {
            if released.contains(id) || listed.iter().any(|interface| interface.id == *id) {
                continue;
            }
            match context.aws.delete_interface(id).await? {
                Undone::Done => drop(released.insert(id.clone())),
                // Attached, says EC2: the next listing shows how.
                Undone::Busy => busy.push(id.clone()),
            }
        }
        if busy.is_empty() {
            break;
        }
        if !patience.wait().await {
            return Err(Error::StillDetaching(busy));
        }
    }
    info!(released = released.len(), "released");
    write("ReleaseInterfaces", &Output { released })
}

/// Takes one step with an interface; `true` when it is gone.
async fn remove(context: &Context, interface: &Interface) -> Result<bool> {
    if let Some(on) = &interface.attachment
        && on.status != "detached"
    {
        if on.status != "detaching" {
            info!(interface = %interface.id, attachment = on.id, "detaching");
            context.aws.detach_interface(&on.id).await?;
        }
        return Ok(false);
    }
    let gone = context.aws.delete_interface(&interface.id).await? == Undone::Done;
    if gone {
        info!(interface = %interface.id, "deleted");
    }
    Ok(gone)
}

/// Whether somebody has moved the interface to another instance: then it is theirs now.
fn elsewhere(interface: &Interface, instance: &InstanceId) -> bool {
    let on = interface
        .attachment
        .as_ref()
        .and_then(|on| on.instance_id.as_ref());
    let elsewhere = on.is_some_and(|on| on != instance);
    if elsewhere {
        warn!(interface = %interface.id, attached_to = on.map(tracing::field::display), "attached to another instance: left alone");
    }
    elsewhere
}
