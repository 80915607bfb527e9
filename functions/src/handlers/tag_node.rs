//! `TagNode`: looks the instance up, puts the profile's tags on it, its volumes and its interfaces, and says what the launch
//! needs.
//!
//! Everything that a rule may let through and that is not for this profile ends here, without an error and, where
//! it can be, without a call.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::info;

use super::{Context, Node, read, tagging, write};
use hookline_domain::error::Result;
use hookline_domain::event::{Event, Launch};
use hookline_domain::profile::{Profile, Selector};
use hookline_domain::tags::rules::{self, NAME};

#[derive(Debug, Deserialize)]
struct Payload {
    event: Value,
    profile: Value,
}

/// What the launch needs next: `$.node`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "next", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Next {
    /// Interfaces, then the hook.
    Wire(Node),
    /// Only the hook: the profile has no slots, or the instance goes to a warm pool first.
    Continue(Node),
    /// No more: the same, and there is no hook that is Hookline's to complete.
    Done(Node),
    /// Nothing: the event is not for this profile.
    #[serde(rename_all = "camelCase")]
    Ignore {
        /// Why not, for people.
        reason: String,
    },
}

/// Runs the function.
///
/// # Errors
/// `InvalidEvent`, `InvalidProfile`, `InvalidTemplate`, `InstanceNotFoundYet`, `DevicesNotShownYet`, `InstanceGone`, and what every call can fail with.
pub async fn handle(context: Context, payload: Value) -> Result<Value> {
    let payload: Payload = read(payload)?;
    let profile = Profile::read(payload.profile)?;
    let next = match Event::read(payload.event)? {
        Event::Other(what) => ignore(what),
        Event::Launch(launch) => prepare(&context, &launch, &profile).await?,
    };
    write("TagNode", &next)
}

fn ignore(what: String) -> Next {
    info!(reason = what, "not for this profile");
    Next::Ignore { reason: what }
}

async fn prepare(context: &Context, launch: &Launch, profile: &Profile) -> Result<Next> {
    if let Some(action) = &launch.action
        && action.lifecycle_hook_name != profile.hook.name
    {
        return Ok(ignore(format!(
            "the hook {}; the profile {} is for the hook {}",
            action.lifecycle_hook_name, profile.name, profile.hook.name
        )));
    }
    let group = &launch.group;
    let not_covered = || {
        ignore(format!(
            "an instance of the Auto Scaling group {group}, which the selector of profile {} does not cover",
            profile.name
        ))
    };
    let by_name = matches!(profile.selector, Selector::AutoScalingGroupNames(_));
    if by_name && !profile.selector.covers(group, &BTreeMap::new()) {
        return Ok(not_covered());
    }
    let instance = context.aws.live_instance(&launch.instance_id).await?;
    if !profile.selector.covers(group, &instance.tags) {
        return Ok(not_covered());
    }

    let rules = profile.tag_rules();
    let wanted = rules.wanted(&instance.facts(&launch.region, group))?;
    let devices = tagging::devices(&instance, &rules);
    let device_tags = tagging::device_tags(&context.aws, &devices).await?;
    let targets = tagging::targets(&instance, &device_tags, &rules, &wanted);
    let calls = rules::calls(&targets)?;
    let made = calls.len();
    let ids = std::slice::from_ref(&instance.id);
    for result in tagging::make(&context.aws, ids, &[calls]).await {
        result?;
    }
    tagging::all_shown(&instance, &wanted)?;

    // What the profile calls it, unless another name was there and stays.
    let named = targets.first().and_then(|node| node.wanted.get(NAME));
    let name = named.or(instance.tags.get(NAME)).cloned();
    let node = Node::new(&instance, name);
    let to_warm_pool = launch.goes_to_warm_pool();
    info!(
        name = node.name,
        availability_zone = node.availability_zone,
        calls = made,
        to_warm_pool,
        "tagged"
    );
    Ok(if !to_warm_pool && !profile.slots.is_empty() {
        Next::Wire(node)
    } else if profile.hook.complete && launch.action.is_some() {
        Next::Continue(node)
    } else {
        Next::Done(node)
    })
}
