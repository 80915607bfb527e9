//! `RemoveStartupTaint`: removes the taint with which a node registered in its cluster, when it is
//! ready for pods. It runs after CONTINUE, so no failure of it ends the launch: the node stays
//! tainted, and the execution fails with the reason.

use hookline_domain::admission::jitter;
use hookline_domain::error::{Error, Input, Result};
use hookline_domain::execution::{
    RemoveStartupTaintRequest, StartupTaintRemoval, StartupTaintStep,
};
use hookline_domain::parse::from_value;
use hookline_domain::startup_taint::{MAX_WAIT_SECONDS, StartupTaint, until_next_look};
use serde_json::Value;
use tracing::info;

use super::{Context, write};
use crate::aws::cluster::TaintedNode;

/// Runs the function, which returns a [`StartupTaintRemoval`].
///
/// # Errors
/// `InvalidPayload`, `InvalidProfile`, `NodeNotRegistered`, `ResourceNotFound` for a cluster that
/// does not exist, and those of every call.
pub async fn handle(context: Context, payload: Value) -> Result<Value> {
    // No execution of an earlier release has this state.
    let request = from_value(Input::Payload, "payload", payload)?;
    let returns = remove_startup_taint(context, request).await?;
    write("returning the result", &returns)
}

async fn remove_startup_taint(
    context: Context,
    request: RemoveStartupTaintRequest,
) -> Result<StartupTaintRemoval> {
    let RemoveStartupTaintRequest {
        launch,
        profile,
        wired,
        startup_taint: before,
    } = request;
    let Some(StartupTaint { cluster, key }) = &profile.startup_taint else {
        return Err(Error::invalid(
            Input::Profile,
            "profile.startupTaint",
            "absent, and the execution is at the state that removes it",
            "Start a new execution with the same event",
        ));
    };
    let instance = &launch.instance_id;
    let since = before.map_or(context.now, |before| before.since);
    let Some(names) = context.aws.node_names(instance).await? else {
        info!("the instance is gone, and its node with it");
        return Ok(StartupTaintRemoval {
            step: StartupTaintStep::End,
            since,
            node_name: None,
            removed: false,
        });
    };
    let cluster = context.aws.cluster(cluster, context.deadline).await?;
    let Some(node) = cluster.node_of(instance, &names).await? else {
        let waited = context.now.saturating_sub(since);
        let Some(seconds) = until_next_look(waited, jitter(instance)) else {
            return Err(Error::NodeNotRegistered {
                instance: instance.clone(),
                cluster: cluster.name().to_owned(),
                minutes: MAX_WAIT_SECONDS / 60,
            });
        };
        info!(seconds, "waiting for the node to register");
        return Ok(StartupTaintRemoval {
            step: StartupTaintStep::Wait { seconds },
            since,
            node_name: None,
            removed: false,
        });
    };
    let removed = cluster.remove_taint(&node, key).await?;
    let TaintedNode { name, .. } = node;
    match removed {
        true => info!(node = name, key, "taint removed"),
        false => info!(node = name, key, "the node does not have the taint"),
    }
    let left = wired.is_some_and(|wired| wired.lacking_delete_on_termination().next().is_some());
    Ok(StartupTaintRemoval {
        step: match left {
            true => StartupTaintStep::SetDeleteOnTermination,
            false => StartupTaintStep::End,
        },
        since,
        node_name: Some(name),
        removed,
    })
}
