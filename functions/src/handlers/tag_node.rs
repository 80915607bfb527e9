//! `TagNode`: looks up the instance, puts the profile's tags on it, its volumes and its interfaces,
//! and says what the launch needs next.
//!
//! An event that a rule matches but that is not for this profile ends here, without an error and,
//! where possible, without a call.

mod turn;

use std::collections::BTreeMap;

use hookline_domain::error::{Error, Result};
use hookline_domain::event::{Event, Launch};
use hookline_domain::execution::requests::ExecutionInput;
use hookline_domain::execution::{Execution, Node, TagNodeRequest};
use hookline_domain::instance::Instance;
use hookline_domain::profile::Profile;
use hookline_domain::tags::Tags;
use hookline_domain::tags::calls::{Call, Target};
use hookline_domain::tags::rules::{self, NAME, TagRules};
use hookline_domain::tags::targets;
use serde_json::Value;
use tracing::{info, warn};

use super::{Context, answer, tagging};
use crate::metrics::{Metric, Subject};
use turn::Turn;

/// Runs the function.
///
/// # Errors
/// `InvalidEvent`, `InvalidProfile`, `InvalidTemplate`, `InstanceNotFoundYet`,
/// `DevicesNotShownYet`, `InstanceGone`, and those of every call.
pub async fn handle(context: Context, payload: Value) -> Result<Value> {
    answer(context, payload, tag_node).await
}

async fn tag_node(context: Context, request: TagNodeRequest) -> Result<Execution> {
    let may_wait = turn::may_wait(&request);
    let TagNodeRequest { input, tried } = request;
    let ExecutionInput { event, profile, .. } = input;
    let profile = Profile::read(profile)?;
    let launch = match Event::read(event.clone())? {
        Event::Other(what) => return Ok(ignore(event, profile, what)),
        Event::Launch(launch) => *launch,
    };
    match prepare(&context, &launch, &profile, tried, may_wait).await? {
        Prepared::NotCovered(reason) => Ok(ignore(event, profile, reason)),
        Prepared::Later(seconds) => {
            info!(wait_seconds = seconds, "waiting for its turn to be tagged");
            Ok(Execution::waiting(event, profile, &launch, seconds))
        }
        Prepared::Tagged(node) => Ok(Execution::tagged(event, profile, launch, node)),
    }
}

fn ignore(event: Value, profile: Profile, reason: String) -> Execution {
    info!(reason, "not for this profile");
    Execution::ignored(event, profile, reason)
}

enum Prepared {
    Tagged(Node),
    /// Its turn to be tagged comes in so many seconds.
    Later(u32),
    /// The profile is not for this launch, for this reason.
    NotCovered(String),
}

/// How often the state is retried until a launch no longer waits for volumes or interfaces that are
/// to have tags. The state machine retries twelve times.
const RETRIES_FOR_DEVICES: u64 = 10;

async fn prepare(
    context: &Context,
    launch: &Launch,
    profile: &Profile,
    tried: Option<u64>,
    may_wait: bool,
) -> Result<Prepared> {
    if let Some(action) = &launch.action
        && action.lifecycle_hook_name != profile.hook.name
    {
        return Ok(Prepared::NotCovered(format!(
            "the hook {}; the profile {} is for the hook {}",
            action.lifecycle_hook_name, profile.name, profile.hook.name
        )));
    }
    let group = &launch.group;
    if !profile.selector.is_by_tag() && !profile.selector.covers(group, &BTreeMap::new()) {
        return Ok(not_covered(group, profile));
    }
    let turn = match may_wait {
        true => turn::turn(context, launch, profile, tried).await?,
        false => Turn::Now(None),
    };
    let instance = match turn {
        Turn::Later(seconds) => return Ok(Prepared::Later(seconds)),
        Turn::Now(Some(listed)) => *listed,
        Turn::Now(None) => {
            context
                .aws
                .throttled_once()
                .launching_instance(launch)
                .await?
        }
    };
    // Auto Scaling puts a tag on each of its instances, so EC2 does not show the tags yet. They
    // decide about the selector and about templates.
    if !instance.shows_tags() {
        return Err(Error::InstanceNotFoundYet(instance.id));
    }
    if !profile.selector.covers(group, &instance.tags) {
        return Ok(not_covered(group, profile));
    }

    let rules = profile.tag_rules();
    let mut failures = Failures::new(profile, tried);
    let (wanted, left_out) = rules.rendered(&instance.facts(&launch.region, group));
    failures.all(left_out)?;
    let devices = targets::devices(&instance, &rules);
    let device_tags = match tagging::device_tags(&context.aws, &devices).await {
        Ok(device_tags) => device_tags,
        Err(error) => {
            failures.one(error)?;
            BTreeMap::new()
        }
    };
    let mut tag_targets = targets::targets(&instance, &device_tags, &rules, &wanted);
    // A node that has its interfaces, as one that leaves a warm pool, makes no calls that other launches
    // wait for.
    let mark = (launch.is_marked(profile)
        && !(launch.passes_warm_pool() && instance.is_wired(profile)))
    .then(|| launch.began_at(instance.launched_at));
    if let Some(began_at) = mark {
        targets::mark_launch(&mut tag_targets, began_at);
    }
    let mut made = 0;
    let refused = match rules::calls(&tag_targets) {
        Ok(calls) => {
            made += calls.len();
            create_tags(context, &instance, calls, &mut failures).await?
        }
        Err(error) => {
            failures.one(error)?;
            tag_targets.iter().map(all_tags).collect()
        }
    };
    let of_node = |call: &&Call| call.resources.iter().any(|id| *id == instance.id.as_str());
    let refused_of_node: Vec<&Call> = refused.iter().filter(of_node).collect();
    if !refused_of_node.is_empty() {
        made += mark_alone(context, &instance, &rules, mark).await?;
    }
    if let Err(error) = targets::check_devices_shown(&instance, &wanted) {
        failures.one(error)?;
    }

    if !failures.found.is_empty() {
        let of = Subject::profile(&profile.name);
        context.metrics.add(Metric::NodesWithoutTags, of, 1);
    }
    let name = name_of(&instance, tag_targets.first(), &refused_of_node);
    let mut node = Node::new(&instance, name);
    node.tag_failures = failures.found;
    info!(
        name = node.name,
        availability_zone = node.availability_zone,
        calls = made,
        tag_failures = node.tag_failures.len(),
        to_warm_pool = launch.goes_to_warm_pool(),
        "tagged"
    );
    Ok(Prepared::Tagged(node))
}

fn not_covered(group: &str, profile: &Profile) -> Prepared {
    Prepared::NotCovered(format!(
        "an instance of the Auto Scaling group {group}, which the selector of profile {} does not cover",
        profile.name
    ))
}

/// Marks the launch without any tag of the profile, of which the node cannot have all: other
/// launches count on the mark. Returns the number of calls.
async fn mark_alone(
    context: &Context,
    instance: &Instance,
    rules: &TagRules<'_>,
    mark: Option<i64>,
) -> Result<usize> {
    let mut node = vec![rules.target(instance.id.as_str(), instance.tags.clone(), &Tags::new())];
    if let Some(began_at) = mark {
        targets::mark_launch(&mut node, began_at);
    }
    let calls = rules::calls(&node)?;
    let made = calls.len();
    let ids = std::slice::from_ref(&instance.id);
    let marked = tagging::create_tags(&context.aws, ids, &[calls]).await;
    marked.into_iter().collect::<Result<()>>()?;
    Ok(made)
}

/// The profile's name for a node, unless the node keeps another one because its tags were refused.
fn name_of(instance: &Instance, node: Option<&Target>, refused: &[&Call]) -> Option<String> {
    let is_named = !refused.iter().any(|call| call.tags.contains_key(NAME));
    let named = node.and_then(|node| node.wanted.get(NAME));
    named
        .filter(|_| is_named)
        .or(instance.tags.get(NAME))
        .cloned()
}

/// Makes the calls, and returns those that were refused. A refusal does not stop the other calls.
async fn create_tags(
    context: &Context,
    instance: &Instance,
    calls: Vec<Call>,
    failures: &mut Failures,
) -> Result<Vec<Call>> {
    let mut refused = Vec::new();
    let mut errors = Vec::new();
    for call in calls {
        let made = context
            .aws
            .create_tags(&instance.id, &call.resources, &call.tags)
            .await;
        match made {
            Ok(()) => {}
            // EC2 would refuse the other calls as well.
            Err(error @ Error::Throttled { .. }) => return Err(error),
            Err(error) => {
                errors.push(error);
                refused.push(call);
            }
        }
    }
    failures.all(errors)?;
    Ok(refused)
}

/// All tags of a target, as one call.
fn all_tags(target: &Target) -> Call {
    Call {
        resources: vec![target.resource.clone()],
        tags: target.wanted.clone(),
    }
}

/// Errors that say that a node cannot have a tag, and nothing else of it.
const ABOUT_TAGS: [&str; 4] = [
    "Hookline.InvalidTemplate",
    "Hookline.DevicesNotShownYet",
    "Hookline.AccessDenied",
    "Hookline.AwsRefused",
];

/// The tags of the profile that a node cannot have.
struct Failures {
    /// Whether the launch goes on without them.
    go_on: bool,
    /// Whether the state is retried until EC2 shows the volumes and interfaces.
    waits_for_devices: bool,
    found: Vec<String>,
}

impl Failures {
    fn new(profile: &Profile, tried: Option<u64>) -> Self {
        Self {
            go_on: profile.tag_failure.is_continue(),
            waits_for_devices: tried.is_none_or(|tried| tried < RETRIES_FOR_DEVICES),
            found: Vec::new(),
        }
    }

    /// Notes a failure, if it is about the tags alone. Other errors, and those that a retry can
    /// mend, fail the state.
    fn one(&mut self, error: Error) -> Result<()> {
        let is_waited_for =
            self.waits_for_devices && matches!(error, Error::DevicesNotShownYet { .. });
        if is_waited_for || !self.go_on || !ABOUT_TAGS.contains(&error.error_type()) {
            return Err(error);
        }
        warn!(error_type = error.error_type(), %error, "left without a tag");
        self.found.push(format!("{}: {error}", error.error_type()));
        Ok(())
    }

    fn all(&mut self, errors: Vec<Error>) -> Result<()> {
        errors.into_iter().try_for_each(|error| self.one(error))
    }
}
