//! `SetDeleteOnTermination`: sets DeleteOnTermination on the interfaces of a node that is ready, when
//! no launch needs the calls any more. It fails no launch: what it does not set, reconcile sets.

use hookline_domain::admission::after_continue::Settling;
use hookline_domain::admission::{Queue, after_continue};
use hookline_domain::error::{Input, Result};
use hookline_domain::execution::{
    DeleteOnTermination, DeleteOnTerminationStep, SetDeleteOnTerminationRequest, WiredInterface,
};
use hookline_domain::ids::NetworkInterfaceId;
use hookline_domain::parse::from_value;
use serde_json::Value;
use tokio::task::JoinSet;
use tracing::{Instrument, Span, info};

use super::{Context, MAX_LISTING_AGE, join_attribute_calls, launch_order, write};

/// Runs the function, which returns a [`DeleteOnTermination`].
///
/// # Errors
/// `InvalidPayload`, `NotYetAttached`, and those of every call.
pub async fn handle(context: Context, payload: Value) -> Result<Value> {
    // No execution of an earlier release has this state.
    let request = from_value(Input::Payload, "payload", payload)?;
    let returns = set_delete_on_termination(context, request).await?;
    write("returning the result", &returns)
}

async fn set_delete_on_termination(
    context: Context,
    request: SetDeleteOnTerminationRequest,
) -> Result<DeleteOnTermination> {
    let since = request
        .delete_on_termination
        .as_ref()
        .map_or(context.now, |before| before.since);
    let lacking = || request.wired.lacking_delete_on_termination();
    let step = match decide(&context, &request, since).await? {
        Settling::Wait(seconds) => {
            info!(seconds, "waiting for launches that are not ready");
            DeleteOnTerminationStep::Wait { seconds }
        }
        Settling::Go => {
            set_all(&context, lacking()).await?;
            DeleteOnTerminationStep::End {
                set: ids(lacking()),
                left: Vec::new(),
            }
        }
        Settling::Leave => {
            info!("left to reconcile");
            DeleteOnTerminationStep::End {
                set: Vec::new(),
                left: ids(lacking()),
            }
        }
    };
    Ok(DeleteOnTermination { step, since })
}

fn ids<'a>(interfaces: impl Iterator<Item = &'a WiredInterface>) -> Vec<NetworkInterfaceId> {
    interfaces
        .map(|interface| interface.network_interface_id.clone())
        .collect()
}

async fn decide(
    context: &Context,
    request: &SetDeleteOnTerminationRequest,
    since: i64,
) -> Result<Settling> {
    let (profile, node) = (&request.profile, &request.node);
    let aws = &context.aws;
    let seen = aws.instances_seen(&profile.selector, MAX_LISTING_AGE, &node.instance_id);
    let instances = match seen.await {
        Some(instances) => instances,
        None => aws.instances_of(&profile.selector).await?,
    };
    let me = launch_order(&request.launch, node);
    let queue = Queue::observe(profile, me, instances.iter());
    if !queue.me_is_listed {
        info!("the instance is gone");
        return Ok(Settling::Leave);
    }
    let waited = context.now.saturating_sub(since);
    Ok(after_continue::decide(profile, &queue, waited))
}

/// Sets the attribute on every interface. All calls end before this returns.
async fn set_all<'a>(
    context: &Context,
    interfaces: impl Iterator<Item = &'a WiredInterface>,
) -> Result<()> {
    let mut calls = JoinSet::new();
    for interface in interfaces {
        let aws = context.aws.clone();
        let id = interface.network_interface_id.clone();
        let attachment = interface.attachment_id.clone();
        calls.spawn(
            async move { aws.set_delete_on_termination(&id, &attachment).await }
                .instrument(Span::current()),
        );
    }
    join_attribute_calls(&mut calls).await
}
