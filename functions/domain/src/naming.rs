//! What is done for the nodes that one event names: which of them the profile covers, which must be
//! looked up, the CreateTags calls of each, and what the function returns.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::event::launched::{LaunchDetails, LaunchedInstance};
use crate::ids::InstanceId;
use crate::instance::Instance;
use crate::profile::NamingProfile;
use crate::tags::calls::{Call, Target};
use crate::tags::facts::GROUP_TAG;
use crate::tags::own::Tags;
use crate::tags::rules::{self, ExistingTags, NAME, TagRules};
use crate::tags::targets;

/// What was done for an event: `$.naming`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "outcome", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Naming {
    /// Every node of the event that the profile covers, and that still exists, has its tags.
    Named {
        /// Each node.
        nodes: Vec<NamedNode>,
    },
    /// Nothing was done: the event is not for this profile.
    Ignored {
        /// Why not, for people.
        reason: String,
    },
}

/// One node of an event.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NamedNode {
    /// The instance.
    pub instance_id: InstanceId,
    /// Its Name tag, if it has one.
    pub name: Option<String>,
    /// What was done.
    pub outcome: NodeOutcome,
}

/// What was done for one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum NodeOutcome {
    /// Tags were created or replaced.
    Tagged,
    /// Every tag had the right value already.
    Unchanged,
    /// The instance is shutting down or terminated.
    Gone,
}

/// A node that the event names.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// What the event says of it.
    pub launched: LaunchedInstance,
    /// What EC2 says of it, if it was looked up and EC2 knows it.
    pub found: Option<Instance>,
}

/// The calls that are needed for one node.
#[derive(Debug, Clone)]
pub struct NodeTagging {
    /// The instance.
    pub instance: InstanceId,
    /// The Name tag that it has after the calls.
    pub name: Option<String>,
    /// The CreateTags calls; none if every tag is right.
    pub calls: Vec<Call>,
    /// The error to report after the calls, if EC2 does not show all volumes and interfaces yet.
    pub devices_shown: Result<()>,
}

impl NodeTagging {
    /// The node, once its calls have succeeded.
    #[must_use]
    pub fn done(self) -> NamedNode {
        NamedNode {
            instance_id: self.instance,
            name: self.name,
            outcome: match self.calls.is_empty() {
                true => NodeOutcome::Unchanged,
                false => NodeOutcome::Tagged,
            },
        }
    }
}

/// How one event is served by one profile.
#[derive(Debug)]
pub struct Namer<'a> {
    profile: &'a NamingProfile,
    rules: TagRules<'a>,
    variables: BTreeSet<String>,
    is_retry: bool,
}

impl<'a> Namer<'a> {
    /// `is_retry` says whether an earlier attempt failed. A retry looks every instance up, because
    /// the event does not contain what the earlier attempts did.
    #[must_use]
    pub fn new(profile: &'a NamingProfile, is_retry: bool) -> Self {
        let rules = profile.tag_rules();
        Self {
            profile,
            variables: rules.variables(),
            rules,
            is_retry,
        }
    }

    /// Whether the selector may cover an instance, as far as the event says. If the profile selects
    /// by tag, an event without tags leaves it open.
    #[must_use]
    pub fn may_cover(&self, launched: &LaunchedInstance) -> bool {
        let Some(group) = &launched.group else {
            return true;
        };
        match (&self.profile.selector, &launched.details) {
            (selector, None) if selector.is_by_tag() => true,
            (selector, details) => {
                let none = Tags::new();
                let tags = details
                    .as_ref()
                    .map_or(&none, |details| &details.facts.tags);
                selector.covers(group, tags)
            }
        }
    }

    /// Whether the selector covers a node, by what EC2 says of it if that is known. A node whose tags
    /// EC2 does not show yet may be covered.
    #[must_use]
    pub fn covers(&self, candidate: &Candidate) -> bool {
        candidate.found.as_ref().is_none_or(|found| {
            let by_event = candidate.launched.group.as_ref();
            let Some(group) = by_event.or_else(|| found.tags.get(GROUP_TAG)) else {
                return true;
            };
            let selector = &self.profile.selector;
            (selector.is_by_tag() && !found.shows_tags()) || selector.covers(group, &found.tags)
        })
    }

    /// Whether an instance must be looked up, because the event does not say enough of it.
    #[must_use]
    pub fn must_look_up(&self, details: Option<&LaunchDetails>) -> bool {
        let Some(details) = details else {
            return true;
        };
        self.is_retry
            // The tags that count are those of now, not those at the launch.
            || self.rules.existing == ExistingTags::Keep
            // An instance has its volumes later than its event.
            || !self.rules.volumes.is_empty()
            || (!self.rules.interfaces.is_empty() && details.interfaces.is_empty())
            || details.facts.lacks(&self.variables)
    }

    /// The volumes and interfaces whose current tags are needed.
    #[must_use]
    pub fn devices(&self, candidates: &[Candidate]) -> Vec<String> {
        candidates
            .iter()
            .filter_map(|candidate| candidate.found.as_ref())
            .filter(|instance| !instance.is_ending())
            .flat_map(|instance| targets::devices(instance, &self.rules))
            .collect()
    }

    /// The calls for a node; `None` if its instance is shutting down or terminated.
    ///
    /// # Errors
    /// [`Error::InstanceNotFoundYet`] if EC2 must know the instance, or its tags, and does not,
    /// [`Error::Invalid`] if a template fails or a resource has no room for its tags.
    pub fn prepare(
        &self,
        candidate: Candidate,
        device_tags: &BTreeMap<String, Tags>,
    ) -> Result<Option<NodeTagging>> {
        let LaunchedInstance {
            id,
            group,
            region,
            details,
        } = candidate.launched;
        let rules = &self.rules;
        let (targets, devices_shown, current_name) = match (candidate.found, details) {
            (Some(instance), _) if instance.is_ending() => return Ok(None),
            // Selector and templates are about the tags.
            (Some(instance), _) if !instance.shows_tags() => {
                return Err(Error::InstanceNotFoundYet(id));
            }
            (Some(instance), _) => {
                let group = group.or_else(|| instance.tags.get(GROUP_TAG).cloned());
                let group = group.unwrap_or_default();
                let wanted = rules.wanted(&instance.facts(&region, &group))?;
                let targets = targets::targets(&instance, device_tags, rules, &wanted);
                let shown = targets::check_devices_shown(&instance, &wanted);
                (targets, shown, instance.tags.get(NAME).cloned())
            }
            (None, Some(details)) if !self.must_look_up(Some(&details)) => {
                let targets = self.targets_at_launch(&details)?;
                (targets, Ok(()), details.facts.tags.get(NAME).cloned())
            }
            (None, _) => return Err(Error::InstanceNotFoundYet(id)),
        };
        let new_name = targets.first().and_then(|node| node.wanted.get(NAME));
        Ok(Some(NodeTagging {
            name: new_name.cloned().or(current_name),
            calls: rules::calls(&targets)?,
            instance: id,
            devices_shown,
        }))
    }

    /// What gets tags, by the event alone.
    fn targets_at_launch(&self, details: &LaunchDetails) -> Result<Vec<Target>> {
        let wanted = self.rules.wanted(&details.facts)?;
        let id = details.facts.instance_id.as_str();
        let node = self
            .rules
            .target(id, details.facts.tags.clone(), &wanted.node);
        let interfaces = details.interfaces.iter().map(|(id, tags)| {
            self.rules
                .target(id.as_str(), tags.clone(), &wanted.interfaces)
        });
        Ok(std::iter::once(node).chain(interfaces).collect())
    }
}

/// Why a node was not named. An entry of the event that cannot be read has no instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamingFailure {
    /// The node.
    pub instance: Option<InstanceId>,
    /// What failed.
    pub error: Error,
}

/// Whether a retry may succeed.
fn is_transient(error: &Error) -> bool {
    matches!(
        error,
        Error::InstanceNotFoundYet(_)
            | Error::DevicesNotShownYet { .. }
            | Error::Throttled { .. }
            | Error::AwsUnavailable { .. }
    )
}

/// The error of the invocation, if any of its `nodes` failed. An error that a retry can mend goes
/// first, so that the state machine retries.
#[must_use]
pub fn invocation_error(failures: &[NamingFailure], nodes: usize) -> Option<Error> {
    /// A cause has at most 32,768 characters (Step Functions API Reference, SendTaskFailure).
    const MAX_REPORTED: usize = 20;
    let decisive = failures
        .iter()
        .find(|failure| is_transient(&failure.error))
        .or(failures.first())
        .map(|failure| failure.error.clone())?;
    if nodes == 1 {
        return Some(decisive);
    }
    Some(Error::NodesNotNamed {
        decisive: Box::new(decisive),
        of: nodes,
        failures: failures
            .iter()
            .take(MAX_REPORTED)
            .map(|NamingFailure { instance, error }| match instance {
                Some(instance) => format!("{instance}: {}: {error}", error.error_type()),
                None => format!("{}: {error}", error.error_type()),
            })
            .collect(),
    })
}

#[cfg(test)]
#[path = "naming_tests.rs"]
mod tests;
