//! `SetDeleteOnTermination`: sets DeleteOnTermination on the interfaces of a node that is ready, when
//! no launch needs the calls any more. It fails no launch: what it does not set, reconcile sets.

use std::time::Duration;

use hookline_domain::admission::after_continue::Settling;
use hookline_domain::admission::{Queue, after_continue, jitter};
use hookline_domain::error::{Error, Input, Result};
use hookline_domain::execution::{
    DeleteOnTermination, DeleteOnTerminationStep, SetDeleteOnTerminationRequest, WiredInterface,
};
use hookline_domain::ids::NetworkInterfaceId;
use hookline_domain::instance::Instance;
use hookline_domain::parse::from_value;
use serde_json::Value;
use tracing::info;

use super::{Context, launch_order, write};

/// The maximal age of a listing of this process that a decision may rest on. In a large scale-out
/// every node looks at all others.
const MAX_LISTING_AGE: Duration = Duration::from_secs(after_continue::MAX_LISTING_AGE_SECONDS);

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
    let before = request.delete_on_termination.as_ref();
    // The node is ready since CONTINUE, and a state that removes its startup taint may come first.
    let taint = request.startup_taint.as_ref();
    let since = before
        .map(|before| before.since)
        .or(taint.map(|taint| taint.since))
        .unwrap_or(context.now);
    let mut set = before.map(|before| before.set.clone()).unwrap_or_default();
    let wanted = request.wired.lacking_delete_on_termination();
    let mut lacking: Vec<&WiredInterface> = wanted
        .filter(|interface| !set.contains(&interface.network_interface_id))
        .collect();

    let waited = context.now.saturating_sub(since);
    let mut settling = decide(&context, &request, waited).await?;
    if settling == Settling::Go {
        let throttled = set_each(&context, &mut lacking, &mut set).await?;
        if throttled {
            let jitter = jitter(&request.node.instance_id);
            settling = after_continue::after_throttling(jitter, waited);
        }
    }
    let step = match settling {
        Settling::Wait(seconds) => {
            info!(seconds, left = lacking.len(), "waiting");
            DeleteOnTerminationStep::Wait { seconds }
        }
        Settling::Go => DeleteOnTerminationStep::End { left: Vec::new() },
        Settling::Leave => {
            info!(left = lacking.len(), "left to reconcile");
            DeleteOnTerminationStep::End {
                left: lacking
                    .iter()
                    .map(|interface| interface.network_interface_id.clone())
                    .collect(),
            }
        }
    };
    Ok(DeleteOnTermination { step, since, set })
}

async fn decide(
    context: &Context,
    request: &SetDeleteOnTerminationRequest,
    waited: i64,
) -> Result<Settling> {
    let (profile, node) = (&request.profile, &request.node);
    let aws = &context.aws;
    let of = |instances: &[Instance], age: i64| {
        let me = launch_order(&request.launch, node);
        let queue = Queue::observe(profile, me, instances);
        if !queue.me_is_listed {
            info!("the instance is gone");
            return Settling::Leave;
        }
        after_continue::decide(profile, &queue, waited, age)
    };
    let seen = aws.instances_seen(&profile.selector, MAX_LISTING_AGE, &node.instance_id);
    if let Some((age, instances)) = seen.await {
        let age = i64::try_from(age.as_secs()).unwrap_or(i64::MAX);
        let settling = of(&instances, age);
        // A wait that is no longer than the listing is old may be over.
        let holds = match settling {
            Settling::Go => true,
            Settling::Wait(seconds) => i64::from(seconds) > age,
            Settling::Leave => false,
        };
        if holds {
            return Ok(settling);
        }
    }
    Ok(of(&aws.instances_of(&profile.selector).await?, 0))
}

/// Sets the attribute on one interface after the other, and moves those that have it from `lacking`
/// to `set`. Returns whether EC2 throttled a call, which ends the round: others need the bucket. Any
/// other failure ends it only after all interfaces.
async fn set_each(
    context: &Context,
    lacking: &mut Vec<&WiredInterface>,
    set: &mut Vec<NetworkInterfaceId>,
) -> Result<bool> {
    let aws = context.aws.throttled_once();
    let mut result = Ok(false);
    for interface in lacking.clone() {
        let id = &interface.network_interface_id;
        let call = aws.set_delete_on_termination(id, &interface.attachment_id);
        match call.await {
            Ok(()) => set.push(id.clone()),
            Err(Error::Throttled { .. }) => {
                result = result.map(|_| true);
                break;
            }
            Err(error) => result = result.and(Err(error)),
        }
    }
    lacking.retain(|interface| !set.contains(&interface.network_interface_id));
    result
}
