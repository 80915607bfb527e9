//! `TagNode`: looks up the instance, puts the profile's tags on it, its volumes and its interfaces,
//! and says what the launch needs next.
//!
//! An event that a rule matches but that is not for this profile ends here, without an error and,
//! where possible, without a call.

use std::collections::BTreeMap;

use hookline_domain::error::{Error, Result};
use hookline_domain::event::{Event, Launch};
use hookline_domain::execution::requests::ExecutionInput;
use hookline_domain::execution::{Execution, Node, TagNodeRequest};
use hookline_domain::profile::{Profile, Selector};
use hookline_domain::tags::rules::{self, NAME};
use hookline_domain::tags::targets;
use serde_json::Value;
use tracing::info;

use super::{Context, answer, tagging};

/// Runs the function.
///
/// # Errors
/// `InvalidEvent`, `InvalidProfile`, `InvalidTemplate`, `InstanceNotFoundYet`,
/// `DevicesNotShownYet`, `InstanceGone`, and those of every call.
pub async fn handle(context: Context, payload: Value) -> Result<Value> {
    answer(context, payload, tag_node).await
}

async fn tag_node(context: Context, request: TagNodeRequest) -> Result<Execution> {
    let ExecutionInput { event, profile } = request.input;
    let profile = Profile::read(profile)?;
    let launch = match Event::read(event.clone())? {
        Event::Other(what) => return Ok(ignore(event, profile, what)),
        Event::Launch(launch) => *launch,
    };
    match prepare(&context, &launch, &profile).await? {
        Prepared::NotCovered(reason) => Ok(ignore(event, profile, reason)),
        Prepared::Tagged(node) => Ok(Execution::tagged(event, profile, launch, node)),
    }
}

fn ignore(event: Value, profile: Profile, reason: String) -> Execution {
    info!(reason, "not for this profile");
    Execution::ignored(event, profile, reason)
}

enum Prepared {
    Tagged(Node),
    /// The profile is not for this launch, for this reason.
    NotCovered(String),
}

async fn prepare(context: &Context, launch: &Launch, profile: &Profile) -> Result<Prepared> {
    if let Some(action) = &launch.action
        && action.lifecycle_hook_name != profile.hook.name
    {
        return Ok(Prepared::NotCovered(format!(
            "the hook {}; the profile {} is for the hook {}",
            action.lifecycle_hook_name, profile.name, profile.hook.name
        )));
    }
    let group = &launch.group;
    let not_covered = || {
        Prepared::NotCovered(format!(
            "an instance of the Auto Scaling group {group}, which the selector of profile {} does not cover",
            profile.name
        ))
    };
    let by_name = matches!(profile.selector, Selector::AutoScalingGroupNames(_));
    if by_name && !profile.selector.covers(group, &BTreeMap::new()) {
        return Ok(not_covered());
    }
    let instance = context.aws.launching_instance(launch).await?;
    // Auto Scaling puts a tag on each of its instances, so EC2 does not show the tags yet. They
    // decide about the selector and about templates.
    if instance.tags.is_empty() {
        return Err(Error::InstanceNotFoundYet(instance.id));
    }
    if !profile.selector.covers(group, &instance.tags) {
        return Ok(not_covered());
    }

    let rules = profile.tag_rules();
    let wanted = rules.wanted(&instance.facts(&launch.region, group))?;
    let devices = targets::devices(&instance, &rules);
    let device_tags = tagging::device_tags(&context.aws, &devices).await?;
    let mut tag_targets = targets::targets(&instance, &device_tags, &rules, &wanted);
    // The node of an adoption has the mark of `adopt`. A node that has its interfaces, as one that
    // leaves a warm pool, makes no calls that other launches wait for.
    let is_marked = launch.action.is_some() && launch.gets_interfaces(profile);
    if is_marked && !(launch.passes_warm_pool() && instance.is_wired(profile)) {
        let began_at = launch.began_at(instance.launched_at);
        targets::mark_launch(&mut tag_targets, began_at);
    }
    let calls = rules::calls(&tag_targets)?;
    let made = calls.len();
    let ids = std::slice::from_ref(&instance.id);
    for result in tagging::create_tags(&context.aws, ids, &[calls]).await {
        result?;
    }
    targets::check_devices_shown(&instance, &wanted)?;

    // The profile's name for it, unless it keeps another name.
    let named = tag_targets.first().and_then(|node| node.wanted.get(NAME));
    let name = named.or(instance.tags.get(NAME)).cloned();
    let node = Node::new(&instance, name);
    info!(
        name = node.name,
        availability_zone = node.availability_zone,
        calls = made,
        to_warm_pool = launch.goes_to_warm_pool(),
        "tagged"
    );
    Ok(Prepared::Tagged(node))
}
