//! `NameNodes`: puts the profile's tags on the nodes that one event tells of, on their volumes and their interfaces.
//!
//! One invocation serves all nodes of the event, with few calls: one DescribeInstances for those of which the event does not
//! tell enough, one DescribeTags for their volumes and interfaces, and as few CreateTags as can be. What fails for one node
//! is no reason not to name the others; at the end the function fails by the error that decides, and what was done is seen,
//! and not done again, when the state machine tries again.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::{info, warn};

use super::{Context, tagging, write};
use hookline_domain::error::{Error, Input, Result};
use hookline_domain::event::launched::{LaunchDetails, LaunchEvent, LaunchedInstance, Omitted};
use hookline_domain::ids::InstanceId;
use hookline_domain::instance::Instance;
use hookline_domain::parse::from_value;
use hookline_domain::profile::NamingProfile;
use hookline_domain::profile::Selector;
use hookline_domain::tags::calls::{Call, Target};
use hookline_domain::tags::facts::GROUP_TAG;
use hookline_domain::tags::rules::{self, NAME};
use hookline_domain::tags::{ExistingTags, TagRules, Tags};

#[derive(Debug, Deserialize)]
struct Payload {
    event: Value,
    profile: Value,
}

/// Reads the execution's input from a payload. Executions that began under release 0.1 give it as `launch`.
fn read_input(mut payload: Value) -> Result<Payload> {
    let key = match payload.get("input") {
        Some(_) => "input",
        None => "launch",
    };
    let input = payload.get_mut(key).map_or(Value::Null, Value::take);
    from_value(Input::Payload, key, input)
}

/// What became of the event: `$.naming`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "outcome", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Naming {
    /// Every node of the event that the profile is for, and that is still there, has its tags.
    Named {
        /// Each node.
        nodes: Vec<Named>,
    },
    /// Nothing was done: the event is not for this profile.
    Ignored {
        /// Why not, for people.
        reason: String,
    },
}

/// One node.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Named {
    /// The instance.
    pub instance_id: InstanceId,
    /// Its Name tag, when it has one.
    pub name: Option<String>,
    /// What was done.
    pub outcome: Outcome,
}

/// What was done for one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Outcome {
    /// Tags were put.
    Tagged,
    /// All was right already.
    Unchanged,
    /// The instance is shutting down or terminated.
    Gone,
}

/// A node that the event names, on its way through the steps below.
struct Candidate {
    launched: LaunchedInstance,
    found: Option<Instance>,
}

/// What is to be done for one node.
struct Work {
    instance: InstanceId,
    name: Option<String>,
    calls: Vec<Call>,
    /// What must be said once the calls are made: not all of it is shown yet.
    shown: Result<()>,
}

/// Runs the function.
///
/// # Errors
/// `InvalidEvent`, `InvalidProfile`, `InvalidTemplate`, `InstanceNotFoundYet`, `DevicesNotShownYet`, and what every call can fail
/// with. When several nodes fail, the message has all of them.
pub async fn handle(context: Context, mut payload: Value) -> Result<Value> {
    let tried = payload.get_mut("tried").map(Value::take);
    // Another try looks everything up: what the tries before have done is not in the event.
    let again = from_value::<Option<u64>>(Input::Payload, "tried", tried.unwrap_or_default())?
        .is_some_and(|tried| tried > 0);
    let payload: Payload = read_input(payload)?;
    let profile = NamingProfile::read(payload.profile)?;
    let naming = match LaunchEvent::read(payload.event)? {
        LaunchEvent::Other(what) => ignored(what),
        LaunchEvent::Launched(launched) => name(&context, launched, &profile, again).await?,
        LaunchEvent::Omitted(omitted) => {
            let launched = find(&context, &omitted).await?;
            name(&context, launched, &profile, again).await?
        }
    };
    write("NameNodes", &naming)
}

fn ignored(what: String) -> Naming {
    info!(reason = what, "not for this profile");
    Naming::Ignored { reason: what }
}

/// The instances of a call whose record is too large to hold them.
async fn find(context: &Context, omitted: &Omitted) -> Result<Vec<Result<LaunchedInstance>>> {
    let found = context
        .aws
        .instances_of_token(&omitted.client_token)
        .await?;
    if found.len() < omitted.at_least.max(1) {
        return Err(Error::AwsUnavailable {
            action: "DescribeInstances",
            detail: format!(
                "{} of {} instances are shown yet for the ClientToken {}",
                found.len(),
                omitted.at_least,
                omitted.client_token
            ),
        });
    }
    let of_groups = found.into_iter().filter_map(|instance| {
        Some(Ok(LaunchedInstance {
            group: instance.tags.get(GROUP_TAG)?.clone(),
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
    again: bool,
) -> Result<Naming> {
    let rules = profile.tag_rules();
    let variables = rules.variables();
    let mut groups = BTreeSet::new();
    let mut failures: Vec<(Option<InstanceId>, Error)> = Vec::new();
    let mut candidates: Vec<Candidate> = Vec::new();
    for launched in launched {
        match launched {
            Ok(launched) => {
                groups.insert(launched.group.clone());
                if may_cover(&profile.selector, &launched) {
                    candidates.push(Candidate {
                        launched,
                        found: None,
                    });
                }
            }
            Err(error) => failures.push((None, error)),
        }
    }
    look_up(context, &mut candidates, &rules, &variables, again).await?;
    candidates.retain(|candidate| {
        let LaunchedInstance { group, .. } = &candidate.launched;
        let found = candidate.found.as_ref();
        found.is_none_or(|found| profile.selector.covers(group, &found.tags))
    });
    if candidates.is_empty() && failures.is_empty() {
        let groups: Vec<_> = groups.into_iter().collect();
        return Ok(ignored(format!(
            "instances of {}, which the selector of profile {} does not cover",
            groups.join(", "),
            profile.name
        )));
    }

    let of = candidates.len() + failures.len();
    let mut nodes = Vec::new();
    let mut work = Vec::new();
    let device_tags = device_tags(context, &candidates, &rules).await?;
    for candidate in candidates {
        let instance = candidate.launched.id.clone();
        match prepare(candidate, &rules, &variables, &device_tags, again) {
            Ok(Some(prepared)) => work.push(prepared),
            Ok(None) => nodes.push(Named {
                instance_id: instance,
                name: None,
                outcome: Outcome::Gone,
            }),
            Err(error) => failures.push((Some(instance), error)),
        }
    }
    let ids: Vec<_> = work.iter().map(|work| work.instance.clone()).collect();
    let calls: Vec<_> = work.iter().map(|work| work.calls.clone()).collect();
    let made = tagging::create_tags(&context.aws, &ids, &calls).await;
    for (work, made) in work.into_iter().zip(made) {
        let instance_id = work.instance;
        match made.and(work.shown) {
            Ok(()) => {
                let outcome = if work.calls.is_empty() {
                    Outcome::Unchanged
                } else {
                    Outcome::Tagged
                };
                info!(instance = %instance_id, name = work.name, ?outcome, "tagged");
                nodes.push(Named {
                    instance_id,
                    name: work.name,
                    outcome,
                });
            }
            Err(error) => failures.push((Some(instance_id), error)),
        }
    }
    match decide(failures, of) {
        None => Ok(Naming::Named { nodes }),
        Some(error) => Err(error),
    }
}

/// Whether a selector may cover an instance, by what the event tells: with a selector by tag, an event without tags leaves it
/// open.
fn may_cover(selector: &Selector, launched: &LaunchedInstance) -> bool {
    match (selector, &launched.details) {
        (Selector::Tag(_), None) => true,
        (_, details) => {
            let none = Tags::new();
            let tags = details
                .as_ref()
                .map_or(&none, |details| &details.facts.tags);
            selector.covers(&launched.group, tags)
        }
    }
}

/// Whether the event does not tell enough of an instance.
fn must_look_up(
    details: Option<&LaunchDetails>,
    rules: &TagRules<'_>,
    variables: &BTreeSet<String>,
    again: bool,
) -> bool {
    let Some(details) = details else {
        return true;
    };
    again
        // What is there now, and not at the launch, is kept.
        || rules.existing == ExistingTags::Keep
        // A launch has its volumes later than its event.
        || !rules.volumes.is_empty()
        || (!rules.interfaces.is_empty() && details.interfaces.is_empty())
        || details.facts.lacks(variables)
}

/// Looks up the instances of which the event does not tell enough, all with one call.
async fn look_up(
    context: &Context,
    candidates: &mut [Candidate],
    rules: &TagRules<'_>,
    variables: &BTreeSet<String>,
    again: bool,
) -> Result<()> {
    let ids: Vec<_> = candidates
        .iter()
        .map(|candidate| &candidate.launched)
        .filter(|launched| must_look_up(launched.details.as_ref(), rules, variables, again))
        .map(|launched| launched.id.clone())
        .collect();
    if ids.is_empty() {
        return Ok(());
    }
    let found = context.aws.known_instances(&ids).await?;
    let mut found: BTreeMap<_, _> = found
        .into_iter()
        .map(|instance| (instance.id.clone(), instance))
        .collect();
    for candidate in candidates {
        candidate.found = found.remove(&candidate.launched.id);
    }
    Ok(())
}

/// The tags of all volumes and interfaces that are to have any, with one call.
async fn device_tags(
    context: &Context,
    candidates: &[Candidate],
    rules: &TagRules<'_>,
) -> Result<BTreeMap<String, Tags>> {
    let devices: Vec<_> = candidates
        .iter()
        .filter_map(|candidate| candidate.found.as_ref())
        .filter(|instance| !instance.is_ending())
        .flat_map(|instance| tagging::devices(instance, rules))
        .collect();
    tagging::device_tags(&context.aws, &devices).await
}

/// What is to be done for a node; nothing for one that is on its way out.
fn prepare(
    candidate: Candidate,
    rules: &TagRules<'_>,
    variables: &BTreeSet<String>,
    device_tags: &BTreeMap<String, Tags>,
    again: bool,
) -> Result<Option<Work>> {
    let LaunchedInstance {
        id,
        group,
        region,
        details,
    } = candidate.launched;
    let (targets, shown, name) = match (candidate.found, details) {
        (Some(instance), _) if instance.is_ending() => return Ok(None),
        (Some(instance), _) => {
            let wanted = rules.wanted(&instance.facts(&region, &group))?;
            let targets = tagging::targets(&instance, device_tags, rules, &wanted);
            let shown = tagging::check_devices_shown(&instance, &wanted);
            (targets, shown, instance.tags.get(NAME).cloned())
        }
        (None, Some(details)) if !must_look_up(Some(&details), rules, variables, again) => {
            let targets = at_launch(&details, rules)?;
            (targets, Ok(()), details.facts.tags.get(NAME).cloned())
        }
        (None, _) => return Err(Error::InstanceNotFoundYet(id)),
    };
    let named = targets.first().and_then(|node| node.wanted.get(NAME));
    Ok(Some(Work {
        name: named.cloned().or(name),
        calls: rules::calls(&targets)?,
        instance: id,
        shown,
    }))
}

/// What is to have tags, by the event alone.
fn at_launch(details: &LaunchDetails, rules: &TagRules<'_>) -> Result<Vec<Target>> {
    let wanted = rules.wanted(&details.facts)?;
    let id = details.facts.instance_id.as_str();
    let node = rules.target(id, details.facts.tags.clone(), &wanted.node);
    let interfaces = details
        .interfaces
        .iter()
        .map(|(id, tags)| rules.target(id.as_str(), tags.clone(), &wanted.interfaces));
    Ok(std::iter::once(node).chain(interfaces).collect())
}

/// Whether another try can mend it.
fn is_transient(error: &Error) -> bool {
    matches!(
        error,
        Error::InstanceNotFoundYet(_)
            | Error::DevicesNotShownYet { .. }
            | Error::Throttled { .. }
            | Error::AwsUnavailable { .. }
    )
}

/// The error of the invocation, if any node failed: one that another try can mend goes first, so that there is one.
fn decide(failures: Vec<(Option<InstanceId>, Error)>, of: usize) -> Option<Error> {
    /// A cause has at most 32,768 characters (Step Functions API Reference, SendTaskFailure).
    const MAX_REPORTED: usize = 20;
    for (instance, error) in &failures {
        let instance = instance.as_ref().map(InstanceId::as_str);
        warn!(instance, error_type = error.error_type(), %error, "not named");
    }
    let decisive = failures
        .iter()
        .find(|(_, error)| is_transient(error))
        .or(failures.first())
        .map(|(_, error)| error.clone())?;
    if of == 1 {
        return Some(decisive);
    }
    Some(Error::NodesNotNamed {
        decisive: Box::new(decisive),
        of,
        failures: failures
            .into_iter()
            .take(MAX_REPORTED)
            .map(|(instance, error)| match instance {
                Some(instance) => format!("{instance}: {}: {error}", error.error_type()),
                None => format!("{}: {error}", error.error_type()),
            })
            .collect(),
    })
}
