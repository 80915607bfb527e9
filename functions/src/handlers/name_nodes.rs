//! `NameNodes`: puts the profile's tags on the nodes that one event names, on their volumes and on
//! their interfaces.
//!
//! One invocation serves all nodes of the event with few calls: one DescribeInstances for the nodes
//! of which the event does not say enough, one DescribeTags for their volumes and interfaces, and
//! the fewest CreateTags calls. A failure of one node does not keep the others from their names. At
//! the end the function fails with the error that decides ([`invocation_error`]). A retry sees what
//! was done and does not do it again.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;
use tracing::{Span, info, warn};

use super::{Context, data_name, tagging, write};
use hookline_domain::error::{Error, Input, Result};
use hookline_domain::event::launched::{LaunchEvent, LaunchedInstance, Omitted};
use hookline_domain::naming::{
    Candidate, NamedNode, Namer, Naming, NamingFailure, NodeOutcome, invocation_error,
};
use hookline_domain::parse::from_value;
use hookline_domain::profile::NamingProfile;
use hookline_domain::tags::facts::GROUP_TAG;

#[derive(Debug, Deserialize)]
struct Payload {
    event: Value,
    profile: Value,
}

/// Reads the execution's input from a payload. Executions that began under release 0.1 give it as
/// `launch`.
fn read_input(mut payload: Value) -> Result<Payload> {
    let key = match payload.get("input") {
        Some(_) => "input",
        None => "launch",
    };
    let input = payload.get_mut(key).map_or(Value::Null, Value::take);
    from_value(Input::Payload, key, input)
}

/// Runs the function.
///
/// # Errors
/// `InvalidEvent`, `InvalidProfile`, `InvalidTemplate`, `InstanceNotFoundYet`,
/// `DevicesNotShownYet`, and the errors of every call. If several nodes fail, the message names all
/// of them.
pub async fn handle(context: Context, mut payload: Value) -> Result<Value> {
    let tried = payload.get_mut("tried").map(Value::take);
    let is_retry = from_value::<Option<u64>>(Input::Payload, "tried", tried.unwrap_or_default())?
        .is_some_and(|tried| tried > 0);
    let payload: Payload = read_input(payload)?;
    let profile = NamingProfile::read(payload.profile)?;
    let namer = Namer::new(&profile, is_retry);
    let naming = match LaunchEvent::read(payload.event)? {
        LaunchEvent::Other(what) => ignored(what),
        LaunchEvent::Launched(launched) => name(&context, launched, &profile, &namer).await?,
        LaunchEvent::Omitted(omitted) => {
            let launched = find(&context, &omitted).await?;
            name(&context, launched, &profile, &namer).await?
        }
    };
    write("NameNodes", &naming)
}

fn ignored(reason: String) -> Naming {
    info!(reason, "not for this profile");
    Naming::Ignored { reason }
}

/// The instances of a RunInstances call whose record is too large to contain them.
async fn find(context: &Context, omitted: &Omitted) -> Result<Vec<Result<LaunchedInstance>>> {
    let found = context
        .aws
        .instances_of_token(&omitted.client_token)
        .await?;
    if found.len() < omitted.at_least.max(1) {
        return Err(Error::AwsUnavailable {
            action: "DescribeInstances",
            detail: format!(
                "EC2 shows {} of {} instances for the ClientToken {} yet",
                found.len(),
                omitted.at_least,
                omitted.client_token
            ),
        });
    }
    // Auto Scaling puts a tag on each of its instances.
    let mut untagged = found.iter().filter(|instance| !instance.shows_tags());
    if let Some(instance) = untagged.next()
        && omitted.by_auto_scaling
    {
        return Err(Error::InstanceNotFoundYet(instance.id.clone()));
    }
    let of_groups = found.into_iter().filter_map(|instance| {
        Some(Ok(LaunchedInstance {
            group: Some(instance.tags.get(GROUP_TAG)?.clone()),
            id: instance.id,
            region: omitted.region.clone(),
            details: None,
        }))
    });
    Ok(of_groups.collect())
}

async fn name(
    context: &Context,
    launched: Vec<Result<LaunchedInstance>>,
    profile: &NamingProfile,
    namer: &Namer<'_>,
) -> Result<Naming> {
    // Then every line of this invocation is about it.
    if let [Ok(only)] = launched.as_slice() {
        let span = Span::current();
        span.record("instance_id", only.id.as_str());
        span.record("auto_scaling_group", only.group.as_deref());
    }
    let mut groups = BTreeSet::new();
    let mut failures: Vec<NamingFailure> = Vec::new();
    let mut candidates: Vec<Candidate> = Vec::new();
    for launched in launched {
        match launched {
            Ok(launched) => {
                groups.extend(launched.group.clone());
                if namer.may_cover(&launched) {
                    candidates.push(Candidate {
                        launched,
                        found: None,
                    });
                }
            }
            Err(error) => failures.push(NamingFailure {
                instance: None,
                error,
            }),
        }
    }
    look_up(context, &mut candidates, namer).await?;
    let found = candidates
        .iter()
        .filter_map(|candidate| candidate.found.as_ref());
    groups.extend(found.filter_map(|instance| instance.tags.get(GROUP_TAG).cloned()));
    candidates.retain(|candidate| namer.covers(candidate));
    if candidates.is_empty() && failures.is_empty() {
        let groups: Vec<_> = groups.into_iter().collect();
        return Ok(ignored(format!(
            "instances of {}, which the selector of profile {} does not cover",
            groups.join(", "),
            profile.name
        )));
    }

    let node_count = candidates.len() + failures.len();
    let mut nodes = Vec::new();
    let mut taggings = Vec::new();
    let device_tags = tagging::device_tags(&context.aws, &namer.devices(&candidates)).await?;
    for candidate in candidates {
        let instance_id = candidate.launched.id.clone();
        match namer.prepare(candidate, &device_tags) {
            Ok(Some(tagging)) => taggings.push(tagging),
            Ok(None) => nodes.push(NamedNode {
                instance_id,
                name: None,
                outcome: NodeOutcome::Gone,
            }),
            Err(error) => failures.push(NamingFailure {
                instance: Some(instance_id),
                error,
            }),
        }
    }
    let ids: Vec<_> = taggings.iter().map(|node| node.instance.clone()).collect();
    let calls: Vec<_> = taggings.iter().map(|node| node.calls.clone()).collect();
    let made = tagging::create_tags(&context.aws, &ids, &calls).await;
    for (tagging, made) in taggings.into_iter().zip(made) {
        match made.and(tagging.devices_shown.clone()) {
            Ok(()) => {
                let node = tagging.done();
                let outcome = data_name(&node.outcome);
                info!(instance_id = %node.instance_id, name = node.name, outcome, "tagged");
                nodes.push(node);
            }
            Err(error) => failures.push(NamingFailure {
                instance: Some(tagging.instance),
                error,
            }),
        }
    }
    // The error of an event's only node is that of the invocation, and logged as such.
    for NamingFailure { instance, error } in failures.iter().filter(|_| node_count > 1) {
        let instance_id = instance.as_ref().map(tracing::field::display);
        warn!(instance_id, error_type = error.error_type(), %error, "not named");
    }
    match invocation_error(&failures, node_count) {
        None => Ok(Naming::Named { nodes }),
        Some(error) => Err(error),
    }
}

/// Looks up the instances of which the event does not say enough, with one call.
async fn look_up(context: &Context, candidates: &mut [Candidate], namer: &Namer<'_>) -> Result<()> {
    let ids: Vec<_> = candidates
        .iter()
        .map(|candidate| &candidate.launched)
        .filter(|launched| namer.must_look_up(launched.details.as_ref()))
        .map(|launched| &launched.id)
        .collect();
    if ids.is_empty() {
        return Ok(());
    }
    let mut found = context.aws.instances_by_id(&ids).await?;
    for candidate in candidates {
        candidate.found = found.remove(&candidate.launched.id);
    }
    Ok(())
}
