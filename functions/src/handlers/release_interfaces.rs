//! `ReleaseInterfaces`: detaches and deletes the interfaces of a launch that has ended.
//!
//! It finds interfaces by their tags and in the execution's data, because a listing may lag behind
//! a create. It does not touch an interface whose tags do not name this instance (invariant I4).

use std::collections::BTreeSet;

use hookline_domain::error::{Error, Input, Result};
use hookline_domain::event::Event;
use hookline_domain::execution::{Release, ReleaseRequest};
use hookline_domain::ids::{InstanceId, NetworkInterfaceId};
use hookline_domain::interface::Interface;
use serde_json::Value;
use tracing::{info, warn};

use super::{Backoff, Context, answer};
use crate::aws::interfaces::RemovalOutcome;

/// Runs the function.
///
/// # Errors
/// `InvalidEvent`, `InvalidPayload`, `StillDetaching`, and those of every call. `AccessDenied` for an
/// interface that is still listed at the end, and that the role may not remove.
pub async fn handle(context: Context, payload: Value) -> Result<Value> {
    answer(context, payload, release_interfaces).await
}

/// Removes the interfaces that were created for the launch.
///
/// # Errors
/// Those of [`handle`].
pub(super) async fn release_interfaces(
    context: Context,
    request: ReleaseRequest,
) -> Result<Release> {
    let launch = Event::read_launch(request.event)?;
    let instance = &launch.instance_id;
    if launch.action.is_none() {
        return Err(Error::invalid(
            Input::Event,
            "event",
            format!("{instance} was adopted: it is in service and uses its interfaces"),
            "Detach and delete single interfaces by hand (docs/operations/release-by-hand.md)",
        ));
    }

    // Created in this execution, although no listing may show them yet.
    let mut remembered: BTreeSet<NetworkInterfaceId> = BTreeSet::new();
    remembered.extend(
        request
            .plan
            .into_iter()
            .flat_map(|plan| plan.observations.created.into_values()),
    );
    remembered.extend(
        request
            .allocation
            .into_iter()
            .flat_map(|allocation| allocation.interfaces)
            .map(|created| created.network_interface_id),
    );

    let mut backoff = Backoff::new(&context);
    let mut released = BTreeSet::new();
    loop {
        let listed = context.aws.interfaces_created_for(instance).await?;
        let mut busy = Vec::new();
        // A denial counts only if it lasts: the interface may be gone, and the listing lag behind.
        let mut denied = None;
        for interface in &listed {
            if released.contains(&interface.id) || elsewhere(interface, instance) {
                continue;
            }
            match remove(&context, instance, interface).await? {
                RemovalOutcome::Done => drop(released.insert(interface.id.clone())),
                RemovalOutcome::Busy => busy.push(interface.id.clone()),
                RemovalOutcome::Denied(error) => {
                    busy.push(interface.id.clone());
                    denied = Some(error);
                }
            }
        }
        for id in &remembered {
            if released.contains(id) || listed.iter().any(|interface| interface.id == *id) {
                continue;
            }
            match context.aws.delete_interface(id).await? {
                // One that is denied and not listed is gone: EC2 knows the tags of a new interface
                // before a listing shows it.
                RemovalOutcome::Done | RemovalOutcome::Denied(_) => {
                    released.insert(id.clone());
                }
                // EC2 says that it is attached. The next listing shows where.
                RemovalOutcome::Busy => busy.push(id.clone()),
            }
        }
        if busy.is_empty() {
            break;
        }
        if !backoff.wait().await {
            return Err(denied.unwrap_or(Error::StillDetaching(busy)));
        }
    }
    info!(%instance, released = released.len(), "released");
    Ok(Release { released })
}

/// Detaches or deletes an interface. It is done when it is deleted.
async fn remove(
    context: &Context,
    instance: &InstanceId,
    interface: &Interface,
) -> Result<RemovalOutcome> {
    if let Some(on) = &interface.attachment
        && on.status != "detached"
    {
        if on.status != "detaching" {
            info!(%instance, interface = %interface.id, attachment = on.id, "detaching");
            let detached = context.aws.detach_interface(&on.id).await?;
            if let RemovalOutcome::Denied(_) = detached {
                return Ok(detached);
            }
        }
        return Ok(RemovalOutcome::Busy);
    }
    let deleted = context.aws.delete_interface(&interface.id).await?;
    if deleted == RemovalOutcome::Done {
        info!(%instance, interface = %interface.id, "deleted");
    }
    Ok(deleted)
}

/// Whether the interface was moved to another instance. Then it belongs to whoever moved it.
fn elsewhere(interface: &Interface, instance: &InstanceId) -> bool {
    let on = interface
        .attachment
        .as_ref()
        .and_then(|on| on.instance_id.as_ref());
    let elsewhere = on.is_some_and(|on| on != instance);
    if elsewhere {
        warn!(
            %instance,
            interface = %interface.id,
            attached_to = on.map(tracing::field::display),
            "attached to another instance: skipped"
        );
    }
    elsewhere
}
