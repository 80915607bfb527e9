//! `ReleaseInterfaces`: detaches and deletes the interfaces of a launch that has ended.
//!
//! It finds interfaces by their tags and in the execution's data, because a listing may lag behind
//! a create. It does not touch an interface whose tags do not name this instance (invariant I4).
//!
//! Unless this execution is known to have abandoned the launch, the node may have taken work, and may
//! still do: a late duplicate or a replay meets it as it drains, or after it was detached from its
//! group. It keeps what is attached for as long as it runs, and EC2 or reconcile deletes that
//! afterwards.

use std::collections::BTreeSet;

use hookline_domain::error::{Error, Input, Result};
use hookline_domain::event::Event;
use hookline_domain::execution::{LaunchOutcome, Release, ReleaseRequest};
use hookline_domain::ids::{InstanceId, NetworkInterfaceId};
use hookline_domain::instance::Instance;
use hookline_domain::interface::Interface;
use serde_json::Value;
use tracing::{info, warn};

use super::{Backoff, Context, answer};
use crate::aws::interfaces::RemovalOutcome;

/// Runs the function.
///
/// # Errors
/// `InvalidEvent`, `InvalidPayload`, `StillDetaching`, and those of every call. `AccessDenied` for an
/// interface that is still listed at the end, and that the role may not remove; not for a detach from
/// an instance that is on its way out, as its end detaches the interface.
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

    let mut may_detach = matches!(request.outcome, None | Some(LaunchOutcome::Completed));
    let mut backoff = Backoff::new(&context);
    let mut released = BTreeSet::new();
    let kept = loop {
        let listed = context.aws.interfaces_created_for(instance).await?;
        if !may_detach && listed.iter().any(is_attached) {
            may_detach = is_ending(&context, instance).await?;
        }
        let (mut busy, mut kept) = (Vec::new(), BTreeSet::new());
        // A denial counts only if it lasts: the interface may be gone, and the listing lag behind.
        let (mut denied, mut not_detached) = (None, None);
        for interface in &listed {
            if released.contains(&interface.id) || elsewhere(interface, instance) {
                continue;
            }
            if is_attached(interface) && !may_detach {
                kept.insert(interface.id.clone());
                continue;
            }
            match remove(&context, interface).await? {
                RemovalOutcome::Done => drop(released.insert(interface.id.clone())),
                RemovalOutcome::Busy => busy.push(interface.id.clone()),
                RemovalOutcome::Denied(error) => {
                    busy.push(interface.id.clone());
                    match is_attached(interface) {
                        true => not_detached = Some(error),
                        false => denied = Some(error),
                    }
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
        if busy.is_empty() && kept.is_empty() {
            break kept;
        }
        if !backoff.wait().await {
            if busy.is_empty() {
                info!(
                    kept = kept.len(),
                    "the instance runs on: it keeps its interfaces"
                );
                break kept;
            }
            // The role knows an instance by its tags. One that is on its way out may have lost them.
            let waits = match (&denied, &not_detached) {
                (None, Some(_)) => is_ending(&context, instance).await?,
                _ => false,
            };
            if waits {
                info!("the role may not detach: waiting for the instance's end");
            }
            let refusal = denied.or(not_detached).filter(|_| !waits);
            return Err(refusal.unwrap_or(Error::StillDetaching(busy)));
        }
    };
    info!(released = released.len(), "released");
    Ok(Release { released, kept })
}

/// The interfaces that a release of the launch of `instance` would remove, as far as EC2 lists them.
///
/// # Errors
/// Those of DescribeNetworkInterfaces.
pub(super) async fn to_release(
    context: &Context,
    instance: &InstanceId,
) -> Result<Vec<NetworkInterfaceId>> {
    let listed = context.aws.interfaces_created_for(instance).await?;
    let listed = listed.into_iter();
    Ok(listed
        .filter(|interface| !elsewhere(interface, instance))
        .map(|interface| interface.id)
        .collect())
}

/// Detaches or deletes an interface. It is done when it is deleted.
async fn remove(context: &Context, interface: &Interface) -> Result<RemovalOutcome> {
    if let Some(on) = &interface.attachment
        && is_attached(interface)
    {
        if on.status != "detaching" {
            info!(interface = %interface.id, attachment = on.id, "detaching");
            let detached = context.aws.detach_interface(&on.id).await?;
            if let RemovalOutcome::Denied(_) = detached {
                return Ok(detached);
            }
        }
        return Ok(RemovalOutcome::Busy);
    }
    let deleted = context.aws.delete_interface(&interface.id).await?;
    if deleted == RemovalOutcome::Done {
        info!(interface = %interface.id, "deleted");
    }
    Ok(deleted)
}

fn is_attached(interface: &Interface) -> bool {
    let attachment = interface.attachment.as_ref();
    attachment.is_some_and(|on| on.status != "detached")
}

/// Whether the instance is on its way out, or gone.
async fn is_ending(context: &Context, instance: &InstanceId) -> Result<bool> {
    let found = context.aws.instances_by_id(&[instance]).await?;
    Ok(found.get(instance).is_none_or(Instance::is_ending))
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
            interface = %interface.id,
            attached_to = on.map(tracing::field::display),
            "attached to another instance: skipped"
        );
    }
    elsewhere
}
