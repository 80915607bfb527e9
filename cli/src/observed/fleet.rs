//! A deployment's groups with all that was observed of them at one moment.

use std::collections::{BTreeMap, BTreeSet};

use hookline_domain::ids::InstanceId;
use hookline_domain::reconcile::ProfileInput;

use super::deployment::Deployment;
use super::execution::{Execution, ListedExecution};
use super::group::{Activity, Group, Hook};
use super::network::{SeenInstance, SeenInterface};
use super::uncovered::Uncovered;

/// What was observed.
#[derive(Clone, Debug)]
pub(crate) struct Fleet {
    /// In seconds since the epoch.
    pub(crate) now: i64,
    pub(crate) deployment: Deployment,
    pub(crate) groups: Vec<Group>,
    /// The launch hooks of each group.
    pub(crate) hooks: BTreeMap<String, Vec<Hook>>,
    /// Groups of the Region that no profile covers, and in which launches wait.
    pub(crate) uncovered: Uncovered,
    /// The newest activities, newest first.
    pub(crate) activities: Vec<Activity>,
    /// Whether these are all of the last hour.
    pub(crate) all_activities: bool,
    pub(crate) instances: BTreeMap<InstanceId, SeenInstance>,
    /// Those that are on their way into a warm pool, by a launch or back from their group.
    pub(crate) entering_pools: BTreeSet<InstanceId>,
    /// The interfaces that Hookline created.
    pub(crate) interfaces: Vec<SeenInterface>,
    /// The newest executions, newest first.
    pub(crate) listed: Vec<ListedExecution>,
    /// Those of them that were described.
    pub(crate) described: Vec<Execution>,
}

impl Fleet {
    /// The profiles that cover instances of a group.
    pub(crate) fn profiles_of<'a>(
        &'a self,
        group: &'a Group,
    ) -> impl Iterator<Item = &'a ProfileInput> {
        let covers = move |input: &&ProfileInput| {
            let selector = &input.profile.selector;
            let members = group
                .members
                .iter()
                .filter_map(|member| self.instances.get(&member.instance));
            selector.covers(&group.name, &group.tags)
                || members
                    .into_iter()
                    .any(|seen| selector.covers(&group.name, &seen.instance.tags))
        };
        self.deployment.profiles.iter().filter(covers)
    }

    /// The hooks of a group that its launches wait at.
    pub(crate) fn hooks_of(&self, group: &Group) -> &[Hook] {
        self.hooks.get(&group.name).map_or(&[], Vec::as_slice)
    }

    /// The instance of a listed execution, if its name tells it or it was described.
    fn instance_of(&self, listed: &ListedExecution) -> Option<InstanceId> {
        listed.instance().or_else(|| {
            let described = self
                .described
                .iter()
                .find(|execution| execution.arn == listed.arn);
            described?.instance()
        })
    }

    /// The instances that a running execution is known to be for.
    pub(crate) fn in_progress(&self) -> BTreeSet<InstanceId> {
        let running = self
            .listed
            .iter()
            .filter(|execution| execution.is_running());
        running
            .filter_map(|execution| self.instance_of(execution))
            .collect()
    }

    /// How many executions run of which it is not known which instance they are for.
    pub(crate) fn running_for_unknown(&self) -> usize {
        let running = self
            .listed
            .iter()
            .filter(|execution| execution.is_running());
        running
            .filter(|execution| self.instance_of(execution).is_none())
            .count()
    }

    /// Whether an execution for the same instance was started after this one, and succeeded, as a
    /// replay.
    fn was_mended(&self, failed: &Execution) -> bool {
        let Some(instance) = failed.instance() else {
            return false;
        };
        // One that was stopped may have been replaced while it ran. Else one that ran beside it was
        // no replay.
        let after = match (failed.status.as_str(), failed.stopped) {
            ("ABORTED", _) | (_, None) => failed.started,
            (_, Some(stopped)) => stopped,
        };
        let mut later = self.listed.iter().filter(|it| it.started > after);
        later.any(|it| it.status == "SUCCEEDED" && self.instance_of(it).as_ref() == Some(&instance))
    }

    /// The described executions of a group that ended without success, newest first, without those
    /// that a later one for the same instance mended.
    pub(crate) fn failed_of<'a>(&'a self, group: &'a str) -> impl Iterator<Item = &'a Execution> {
        let failed = self.described.iter().filter(|execution| {
            matches!(
                execution.status.as_str(),
                "FAILED" | "TIMED_OUT" | "ABORTED"
            )
        });
        failed
            .filter(move |execution| execution.group().as_deref() == Some(group))
            .filter(|execution| !self.was_mended(execution))
    }
}
