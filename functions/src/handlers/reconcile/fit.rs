//! What does not fit the profiles: launch hooks of their groups, and nodes that are InService and lack
//! interfaces. A round only reports it. `hookline status` decides by the same functions of the domain.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tracing::{info, warn};

use super::{Report, Round, log_list, work_deadline};
use hookline_domain::error::Result;
use hookline_domain::ids::InstanceId;
use hookline_domain::instance::Instance;
use hookline_domain::interface::Interface;
use hookline_domain::profile::Profile;
use hookline_domain::reconcile::Member;
use hookline_domain::reconcile::hooks::{ExpectedHooks, HookProblem, LaunchHook, hook_problems};
use hookline_domain::reconcile::nodes::{LackingNode, ProfiledGroup, lacking, may_select_lacking};

/// The most DescribeLifecycleHooks at once.
const AT_ONCE: usize = 10;
/// The most nodes of a group that the answer names.
const MAX_NAMED: usize = 20;

/// A launch hook that does not fit the profiles of its group.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnfitHook {
    /// The Auto Scaling group.
    pub group: String,
    /// The hook.
    pub hook: String,
    /// The hook's profile; for a hook that no profile answers, the first profile of the group.
    pub profile: String,
    /// What is wrong.
    pub problem: UnfitBecause,
    /// What a launch gets that nobody completes; null if the hook is missing.
    pub default_result: Option<String>,
    /// The heartbeat timeout, in seconds; null if the hook is missing.
    pub heartbeat_seconds: Option<i64>,
}

/// What is wrong with a launch hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum UnfitBecause {
    /// The group lacks the hook.
    Missing,
    /// Its default result is CONTINUE, or its timeout is too short, or another than the
    /// configuration's.
    Unsafe,
    /// No profile answers it.
    Unanswered,
}

impl UnfitBecause {
    /// The same in words, which follow the hook's name.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Missing => "is missing",
            Self::Unsafe => "is not as a launch needs it",
            Self::Unanswered => "is answered by no profile",
        }
    }
}

/// Nodes of a group that are InService and lack interfaces.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LackingNodes {
    /// The Auto Scaling group.
    pub group: String,
    /// The profile by which they lack some.
    pub profile: String,
    /// Whether they may be older than the profile, or than the network that they lack.
    pub may_be_older: bool,
    /// How many they are.
    pub count: usize,
    /// The first of them.
    pub instances: Vec<InstanceId>,
}

/// What a round holds against the profiles.
pub(super) struct Fit<'a> {
    pub(super) round: Round<'a>,
    pub(super) hooks: &'a ExpectedHooks,
    /// The groups that the profiles may cover.
    pub(super) groups: &'a [ProfiledGroup],
}

impl Fit<'_> {
    /// Looks at the launch hooks of each group that a profile covers.
    pub(super) async fn check_hooks(&self, report: &mut Report) -> Result<()> {
        let Round {
            context, profiles, ..
        } = self.round;
        let mut expected = self.hooks.clone();
        // What began with a retired profile still waits at its hook.
        let retired = profiles.retired.iter();
        let retired = retired.map(|input| input.profile.hook.name.clone());
        expected.others.extend(retired);
        let mut covered = Vec::new();
        for group in self.groups.iter().filter(|it| !it.is_being_deleted) {
            let active = profiles.active.iter().map(|input| &input.profile);
            let covers = |it: &&Profile| it.selector.covers(&group.name, &group.tags);
            let active: Vec<&Profile> = active.filter(covers).collect();
            if !active.is_empty() {
                covered.push((group, active));
            }
        }
        let end = work_deadline(context);
        let mut result = Ok(());
        for batch in covered.chunks(AT_ONCE) {
            if Instant::now() >= end {
                for (group, _) in batch {
                    report.skip(
                        &group.name,
                        "the time was used up; the next round looks at its hooks",
                    );
                }
                continue;
            }
            let calls = batch
                .iter()
                .map(|(group, _)| context.aws.launch_hooks(&group.name));
            for ((group, profiles), hooks) in batch.iter().zip(join_all(calls).await) {
                match hooks {
                    Ok(Some(hooks)) => {
                        let found = unfit_hooks(group, &hooks, profiles, &expected);
                        report.hook_problems.extend(found);
                    }
                    // The group is gone.
                    Ok(None) => {}
                    Err(error) => result = result.and(Err(error)),
                }
            }
        }
        result
    }

    /// Looks for nodes that are InService and lack interfaces. `listed` are all interfaces of
    /// Hookline, `in_progress` the instances of running executions, if the round has looked.
    ///
    /// If the listing has an interface for every slot of every node, it makes no call. Otherwise the
    /// nodes are looked at again: the listing is older than the list of the groups, and a launch may
    /// have ended between them.
    pub(super) async fn check_nodes(
        &self,
        listed: &[Interface],
        in_progress: Option<&BTreeSet<InstanceId>>,
        report: &mut Report,
    ) -> Result<()> {
        let Round {
            context,
            machine,
            profiles,
            ..
        } = self.round;
        let (aws, profiles) = (&context.aws, &profiles.active);
        let mut instances = BTreeMap::new();
        for selector in may_select_lacking(profiles, self.groups, listed) {
            let found = aws.instances_of(selector).await?;
            instances.extend(found.iter().map(|it| (it.id.clone(), it.clone())));
        }
        let members: Vec<Member> = self
            .groups
            .iter()
            .flat_map(|group| &group.in_service)
            .filter(|member| instances.contains_key(&member.instance))
            .cloned()
            .collect();
        let known = |id: &InstanceId| instances.get(id);
        let all: Vec<&Interface> = listed.iter().collect();
        let suspects: BTreeSet<InstanceId> =
            lacking(profiles, &members, known, &BTreeSet::new(), &all)
                .into_iter()
                .filter(|node| !self.is_young(node.instance))
                .map(|node| node.member.instance.clone())
                .collect();
        if suspects.is_empty() {
            return Ok(());
        }
        // Executions before interfaces: then the listing contains what an execution that has ended
        // since has attached.
        let looked_up;
        let in_progress = match in_progress {
            Some(known) => known,
            None => {
                let deadline = work_deadline(context);
                looked_up = aws.instances_in_progress(machine, None, deadline).await?;
                &looked_up
            }
        };
        let ids: Vec<&InstanceId> = suspects.iter().collect();
        let again = aws.interfaces_created_for_any(&ids).await?;
        let members: Vec<Member> = members
            .iter()
            .filter(|member| suspects.contains(&member.instance))
            .cloned()
            .collect();
        // The first listing also shows what other nodes of the groups have.
        let listed_again: BTreeSet<_> = again.iter().map(|it| &it.id).collect();
        let before = listed.iter().filter(|it| !listed_again.contains(&it.id));
        let interfaces: Vec<&Interface> = again.iter().chain(before).collect();
        let nodes = lacking(profiles, &members, known, in_progress, &interfaces);
        report.nodes_without_interfaces = by_group_and_profile(&nodes);
        Ok(())
    }

    /// Whether its execution may not have begun yet: that of a launch whose hook another owner
    /// completes at once, or of an adoption that has just been asked for.
    fn is_young(&self, instance: &Instance) -> bool {
        let Round {
            context, limits, ..
        } = self.round;
        let began_at = instance.adopted_at.max(Some(instance.launched_at));
        began_at.is_some_and(|at| context.now.saturating_sub(at) < limits.launch_age_seconds)
    }
}

fn unfit_hooks(
    group: &ProfiledGroup,
    hooks: &[LaunchHook],
    profiles: &[&Profile],
    expected: &ExpectedHooks,
) -> Vec<UnfitHook> {
    let mut found = Vec::new();
    for problem in hook_problems(hooks, profiles, expected) {
        let (profile, hook, problem) = match problem {
            HookProblem::Missing(profile) => (Some(profile), None, UnfitBecause::Missing),
            HookProblem::Unsafe(it) => (Some(it.profile), Some(it.hook), UnfitBecause::Unsafe),
            HookProblem::Unanswered(hook) => (
                profiles.first().copied(),
                Some(hook),
                UnfitBecause::Unanswered,
            ),
        };
        let Some(profile) = profile else {
            continue;
        };
        let unfit = UnfitHook {
            group: group.name.clone(),
            hook: hook.map_or(&profile.hook.name, |hook| &hook.name).clone(),
            profile: profile.name.clone(),
            problem,
            default_result: hook.map(|hook| hook.default_result.clone()),
            heartbeat_seconds: hook.map(|hook| hook.heartbeat_seconds),
        };
        warn!(
            auto_scaling_group = unfit.group,
            hook = unfit.hook,
            profile = unfit.profile,
            problem = problem.words(),
            default_result = unfit.default_result,
            heartbeat_seconds = unfit.heartbeat_seconds,
            "launch hook does not fit the profiles of its group"
        );
        found.push(unfit);
    }
    found
}

fn by_group_and_profile(nodes: &[LackingNode<'_>]) -> Vec<LackingNodes> {
    let mut sorted: BTreeMap<(&str, &str, bool), Vec<&InstanceId>> = BTreeMap::new();
    for node in nodes {
        for profile in &node.profiles {
            let of = (
                node.member.group.as_str(),
                profile.name.as_str(),
                node.may_be_older,
            );
            sorted.entry(of).or_default().push(&node.member.instance);
        }
    }
    let mut found = Vec::new();
    for ((group, profile, may_be_older), ids) in sorted {
        let instances = log_list(&ids);
        match may_be_older {
            false => warn!(
                auto_scaling_group = group,
                profile,
                count = ids.len(),
                instances,
                "nodes are InService without their interfaces"
            ),
            true => info!(
                auto_scaling_group = group,
                profile,
                count = ids.len(),
                instances,
                "nodes lack interfaces, and may be older than their profile (hookline adopt)"
            ),
        }
        found.push(LackingNodes {
            group: group.to_owned(),
            profile: profile.to_owned(),
            may_be_older,
            count: ids.len(),
            instances: ids.into_iter().take(MAX_NAMED).cloned().collect(),
        });
    }
    found
}
