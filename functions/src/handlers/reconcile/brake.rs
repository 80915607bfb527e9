//! Launch loops: groups whose launches fail by the same permanent error, generation after
//! generation. A round names each in its log and its metrics. If the profile has `brake`, it suspends
//! the group's process Launch, and tags of the group say since when and why.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use hookline_domain::error::{Error, Result};
use hookline_domain::reconcile::brake::{
    GroupState, brake_tags, counts, has_brake, is_watched, resume_tags,
};
use hookline_domain::reconcile::loops::{
    EndedExecution, EndedLaunch, LOOP_SECONDS, LaunchLoop, launch_loops, may_end_a_loop,
    to_describe,
};
use hookline_domain::time::rfc3339;
use tokio::time::Instant;
use tracing::{info, warn};

use super::{BrakedGroup, Report, Round, work_deadline};

/// The most executions that failed, and the most that succeeded, that one round describes. What it has
/// described it keeps, so a later round goes on from there. DescribeExecution has a bucket of at least
/// 250 calls, of which 10 come back in a second (Step Functions Developer Guide, "Quotas related to API
/// action throttling").
const DESCRIBED_PER_ROUND: usize = 100;
/// The most of these at once.
const AT_ONCE: usize = 10;

/// What the brake works with.
pub(super) struct Brake<'a> {
    pub(super) round: Round<'a>,
    /// The groups that the profiles may cover instances of.
    pub(super) groups: &'a [GroupState],
}

impl Brake<'_> {
    /// Looks for launch loops, and ends those whose profile has `brake`.
    pub(super) async fn run(&self, report: &mut Report) -> Result<()> {
        let released = self.note_releases(report).await;
        for group in self.groups {
            let Some(brake) = group.brake() else {
                continue;
            };
            if !is_watched(&brake.profile, self.round.profiles) {
                report.skip(
                    &group.name,
                    format!(
                        "it is braked for the profile {:?}, with which no launch begins any more: resume it (hookline resume)",
                        brake.profile
                    ),
                );
                continue;
            }
            warn!(
                auto_scaling_group = group.name,
                profile = brake.profile,
                error = brake.error,
                since = rfc3339(brake.at),
                "braked: it launches nothing until it is resumed (hookline resume)"
            );
            report.braked.push(BrakedGroup {
                group: group.name.clone(),
                profile: brake.profile.clone(),
                error: brake.error.clone(),
            });
        }
        // The launches of a fleet that has all its instances succeed.
        let in_question: BTreeSet<&str> = self
            .groups
            .iter()
            .filter(|group| group.may_lack_instances)
            .filter(|group| group.brake().is_none())
            .map(|group| group.name.as_str())
            .collect();
        if in_question.is_empty() {
            return released;
        }
        let loops = self.find_loops(report).await?;
        let mut result = released;
        for found in loops {
            if !in_question.contains(found.group.as_str())
                || !is_watched(&found.profile, self.round.profiles)
            {
                continue;
            }
            if let Err(error) = self.end_loop(found, report).await {
                result = result.and(Err(error));
            }
        }
        result
    }

    /// The tag of each group that launches again after a brake. A person may have resumed it without the
    /// command.
    async fn note_releases(&self, report: &mut Report) -> Result<()> {
        let Round {
            context, profiles, ..
        } = self.round;
        let mut result = Ok(());
        for group in self.groups {
            let Some(brake) = group.released() else {
                continue;
            };
            // The role may tag the groups of profiles with a brake only.
            if report.dry_run || !has_brake(&brake.profile, profiles) {
                continue;
            }
            let tags = resume_tags(context.now);
            match context.aws.tag_group(&group.name, &tags).await {
                Ok(()) => info!(
                    auto_scaling_group = group.name,
                    "launches again after a brake"
                ),
                Err(error) => {
                    report.skip(&group.name, &error);
                    result = Err(error);
                }
            }
        }
        result
    }

    async fn find_loops(&self, report: &mut Report) -> Result<Vec<LaunchLoop>> {
        let Round {
            context,
            machine,
            profiles,
            limits,
        } = self.round;
        let (aws, now) = (&context.aws, context.now);
        let since = now.saturating_sub(LOOP_SECONDS).saturating_mul(1_000);
        let listed = aws.ended_executions(machine, since).await?;
        let mut known = aws.known_launches(&listed).await;
        for launch in known.values_mut() {
            *launch = launch.take().filter(|it| counts(it, profiles));
        }
        let counts_from: BTreeMap<String, i64> = self
            .groups
            .iter()
            .filter_map(|group| Some((group.name.clone(), group.marks.counts_from()?)))
            .collect();
        let loops = |known: &Known| {
            let launches: Vec<EndedLaunch> = known.values().flatten().cloned().collect();
            launch_loops(&launches, &counts_from, limits, now)
        };
        let failed = to_describe(&listed, &arns(&known), DESCRIBED_PER_ROUND);
        self.describe(failed, &mut known).await?;
        let mut succeeded = may_end_a_loop(&listed, &arns(&known), &loops(&known));
        succeeded.truncate(DESCRIBED_PER_ROUND);
        self.describe(succeeded, &mut known).await?;
        // A loop that a success may end that is not known yet is none.
        let seen = arns(&known);
        let (decided, undecided): (Vec<_>, Vec<_>) = loops(&known).into_iter().partition(|found| {
            may_end_a_loop(&listed, &seen, std::slice::from_ref(found)).is_empty()
        });
        for found in undecided {
            report.skip(
                found.group,
                "it may be in a launch loop: the next round looks at more of its executions",
            );
        }
        Ok(decided)
    }

    /// Describes executions until the time is used up, and adds their launches to those that are
    /// `known`.
    async fn describe(&self, executions: Vec<EndedExecution>, known: &mut Known) -> Result<()> {
        let Round {
            context, profiles, ..
        } = self.round;
        let end = work_deadline(context);
        for batch in executions.chunks(AT_ONCE) {
            if Instant::now() >= end {
                break;
            }
            let calls = batch.iter().map(|it| context.aws.ended_launch(it));
            for (execution, launch) in batch.iter().zip(join_all(calls).await) {
                let launch = launch?.filter(|it| counts(it, profiles));
                known.insert(execution.arn.clone(), launch);
            }
        }
        Ok(())
    }

    /// Reports a launch loop, and ends it if its profile has `brake`.
    async fn end_loop(&self, found: LaunchLoop, report: &mut Report) -> Result<()> {
        let brakes = has_brake(&found.profile, self.round.profiles);
        let mut groups = self.groups.iter();
        // Somebody has ended it already.
        if !brakes && groups.any(|it| it.name == found.group && it.launch_is_suspended) {
            return Ok(());
        }
        warn!(
            auto_scaling_group = found.group,
            profile = found.profile,
            error = found.error,
            generations = found.generations,
            since = rfc3339(found.since),
            brake = brakes,
            "launch loop: every launch fails by the same error, and is replaced"
        );
        let mut result = Ok(());
        if brakes {
            if !report.dry_run {
                result = self.brake(&found).await;
            }
            match &result {
                Ok(()) => report.braked.push(BrakedGroup {
                    group: found.group.clone(),
                    profile: found.profile.clone(),
                    error: found.error.clone(),
                }),
                Err(error) => report.skip(&found.group, error),
            }
        }
        report.loops.push(found);
        result
    }

    /// Both calls can be repeated: a round that fails between them is followed by one that finds the
    /// same loop.
    async fn brake(&self, found: &LaunchLoop) -> Result<(), Error> {
        let context = self.round.context;
        let (aws, group) = (&context.aws, &found.group);
        aws.suspend_launches(group).await?;
        aws.tag_group(group, &brake_tags(found, context.now))
            .await?;
        warn!(
            auto_scaling_group = group,
            profile = found.profile,
            error = found.error,
            "braked: its process Launch is suspended until it is resumed (hookline resume)"
        );
        Ok(())
    }
}

/// The executions of which it is known whether their launches tell of a loop, by ARN; `None` of one that
/// does not.
type Known = BTreeMap<String, Option<EndedLaunch>>;

fn arns(known: &Known) -> BTreeSet<&str> {
    known.keys().map(String::as_str).collect()
}
