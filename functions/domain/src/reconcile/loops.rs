//! Launch loops: a group whose launches fail by the same permanent error, generation after
//! generation.
//!
//! Auto Scaling replaces each abandoned launch (Auto Scaling User Guide, "Amazon EC2 Auto Scaling
//! lifecycle hooks"), and the replacement fails as the launch did. Nothing remembers the abandoned
//! launches but their executions, so the generations are counted from those. Launches of one
//! scale-out run side by side and are one generation; a launch is of a later generation only if it
//! began after one of the generation before had ended.
//!
//! Step Functions lists executions without their group and their error. Each must be described, so
//! a round describes a part of them ([`to_describe`]). A part never has more generations than the
//! whole, so a loop that is found is one.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::limits::Limits;
use crate::error::Error;
use crate::event::Event;
use crate::execution::NextStep;
use crate::time::epoch_milliseconds;

/// How far back executions count, in seconds.
pub const LOOP_SECONDS: i64 = 3_600;

/// How long ago the newest launch of a loop may have ended, in seconds: two rounds, and a launch. The
/// cause of one that fails no more may be mended.
const RECENT_SECONDS: i64 = 900;

/// What the cause of an execution says that ended in `LaunchAbandoned`, of
/// `statemachine/launch-node.asl.json`: ABANDON was accepted. An execution that refused its input, or
/// whose hook is of somebody else, has another cause, and the same errors.
const ABANDONED: &str = "was abandoned and its interfaces were released";
/// The same of `StartupTaintLeft` and `LaunchWentOn`: the node is in service.
const IN_SERVICE: [&str; 2] = [
    "is in service, and its node keeps the taint",
    "went InService without this execution",
];

/// An execution that has ended, as ListExecutions shows it. Times are in milliseconds since the
/// epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedExecution {
    /// Its ARN.
    pub arn: String,
    /// Whether its status is `SUCCEEDED`, and not `FAILED`. The others are of no matter here.
    pub succeeded: bool,
    /// When it started.
    pub started_at: i64,
    /// When it ended.
    pub ended_at: i64,
}

/// How a launch ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LaunchEnd {
    /// With CONTINUE: the node is in service, whatever failed after that.
    Continued,
    /// With ABANDON, by the error of this name.
    Abandoned(String),
}

/// A launch whose execution has ended. Times are in milliseconds since the epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedLaunch {
    /// Its Auto Scaling group.
    pub group: String,
    /// The name of its profile.
    pub profile: String,
    /// Its profile, as its input has it.
    pub profile_value: Value,
    /// When it began: the time of its event, which a replay repeats.
    pub began_at: i64,
    /// When its execution ended.
    pub ended_at: i64,
    /// How it ended.
    pub end: LaunchEnd,
}

impl EndedLaunch {
    /// Reads the launch of an execution from its input, and its end from the output, or from the error
    /// and the cause. `None` if it is no launch of the profile, or ended neither with CONTINUE nor with
    /// ABANDON.
    #[must_use]
    pub fn read(
        execution: &EndedExecution,
        input: &str,
        output: Option<&str>,
        error: Option<&str>,
        cause: Option<&str>,
    ) -> Option<Self> {
        let mut input: Value = serde_json::from_str(input).ok()?;
        let profile = input.pointer("/profile/name")?.as_str()?.to_owned();
        let Ok(Event::Launch(launch)) = Event::read(input.get_mut("event")?.take()) else {
            return None;
        };
        // An adopted node is in service, and nothing replaces it.
        launch.action.as_ref()?;
        let says = |words: &str| cause.is_some_and(|cause| cause.contains(words));
        let end = match error {
            _ if execution.succeeded && output.is_some_and(was_ignored) => return None,
            _ if execution.succeeded => LaunchEnd::Continued,
            Some(error) if says(ABANDONED) => LaunchEnd::Abandoned(error.to_owned()),
            Some(_) if IN_SERVICE.into_iter().any(says) => LaunchEnd::Continued,
            _ => return None,
        };
        let event_time = epoch_milliseconds(&launch.time).unwrap_or(execution.started_at);
        Some(Self {
            group: launch.group,
            profile,
            profile_value: input.get_mut("profile")?.take(),
            began_at: event_time.min(execution.started_at),
            ended_at: execution.ended_at,
            end,
        })
    }
}

/// Whether the event was not for the profile, by the output of an execution: then it is the data with
/// `next`, and no completion.
fn was_ignored(output: &str) -> bool {
    let output: Value = serde_json::from_str(output).unwrap_or_default();
    serde_json::from_value(output.get("next").cloned().unwrap_or_default())
        .is_ok_and(|next: NextStep| next == NextStep::Ignore)
}

/// A group in a launch loop.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LaunchLoop {
    /// The Auto Scaling group.
    pub group: String,
    /// The profile of its launches.
    pub profile: String,
    /// The error that all of them failed by, as `Hookline.ResourceNotFound`.
    pub error: String,
    /// How many generations are known.
    pub generations: usize,
    /// When the first of them began, in seconds since the epoch.
    pub since: i64,
    /// When the first of those began that make it a loop, in milliseconds since the epoch: a success
    /// that ended before does not matter.
    #[serde(skip)]
    pub decided_from: i64,
}

/// The groups in a launch loop at `now`, in seconds since the epoch, by group and profile.
/// `counts_from` has the time, in seconds too, for groups whose earlier launches do not count.
///
/// Launches of a group that began before its last success ended do not count either, and of a loop that
/// has ended by itself none does.
#[must_use]
pub fn launch_loops(
    launches: &[EndedLaunch],
    counts_from: &BTreeMap<String, i64>,
    limits: Limits,
    now: i64,
) -> Vec<LaunchLoop> {
    let mut succeeded_at: BTreeMap<&str, i64> = BTreeMap::new();
    let mut failed: BTreeMap<(&str, &str, &str), Vec<&EndedLaunch>> = BTreeMap::new();
    for launch in launches {
        let group = launch.group.as_str();
        match &launch.end {
            LaunchEnd::Continued => {
                let last = succeeded_at.entry(group).or_insert(launch.ended_at);
                *last = launch.ended_at.max(*last);
            }
            LaunchEnd::Abandoned(error) if Error::is_permanent(error) => {
                let of = (group, launch.profile.as_str(), error.as_str());
                failed.entry(of).or_default().push(launch);
            }
            LaunchEnd::Abandoned(_) => {}
        }
    }
    let mut found: BTreeMap<(&str, &str), LaunchLoop> = BTreeMap::new();
    for ((group, profile, error), mut launches) in failed {
        let from = counts_from
            .get(group)
            .map_or(i64::MIN, |at| at.saturating_mul(1_000));
        let from = succeeded_at.get(group).map_or(from, |at| from.max(*at));
        launches.retain(|launch| launch.began_at >= from);
        let Some(one) = loop_of(error, &launches, limits, now) else {
            continue;
        };
        let known = found.get(&(group, profile));
        if known.is_none_or(|known| known.generations < one.generations) {
            found.insert((group, profile), one);
        }
    }
    found.into_values().collect()
}

/// The loop that launches of one group and one profile are in, all of which failed by one error; `None`
/// if they are in none.
fn loop_of(error: &str, launches: &[&EndedLaunch], limits: Limits, now: i64) -> Option<LaunchLoop> {
    let newest = launches.iter().max_by_key(|launch| launch.ended_at)?;
    if newest.ended_at < now.saturating_sub(RECENT_SECONDS).saturating_mul(1_000) {
        return None;
    }
    let began = generations(launches);
    let lasts = limits.loop_seconds.saturating_mul(1_000);
    let mut enough = began.iter().skip(limits.generations().saturating_sub(1));
    let decided_from = enough.find(|began_at| newest.ended_at - **began_at >= lasts)?;
    Some(LaunchLoop {
        group: newest.group.clone(),
        profile: newest.profile.clone(),
        error: error.to_owned(),
        generations: began.len(),
        since: began.last()?.div_euclid(1_000),
        decided_from: *decided_from,
    })
}

/// When each generation began, the newest first: the longest chain of launches of which each began
/// after the one before had ended.
fn generations(launches: &[&EndedLaunch]) -> Vec<i64> {
    let mut newest_first: Vec<(i64, i64)> = launches
        .iter()
        .map(|launch| (launch.began_at, launch.ended_at))
        .collect();
    newest_first.sort_unstable_by(|a, b| b.cmp(a));
    let mut began = Vec::new();
    for (began_at, ended_at) in newest_first {
        if began.last().is_none_or(|later| ended_at <= *later) {
            began.push(began_at);
        }
    }
    began
}

/// The failed executions to describe, at most so many: one of each minute, the newest first, then
/// a second one of each, and so on. So a few show the generations of a large scale-out. Those that
/// are known already are not among them, and count as described.
#[must_use]
pub fn to_describe(
    executions: &[EndedExecution],
    known: &BTreeSet<&str>,
    most: usize,
) -> Vec<EndedExecution> {
    let mut failed: Vec<&EndedExecution> = executions.iter().filter(|it| !it.succeeded).collect();
    failed.sort_by_key(|it| (!known.contains(it.arn.as_str()), -it.started_at));
    let mut in_minute: BTreeMap<i64, usize> = BTreeMap::new();
    let mut wanted = Vec::new();
    for execution in failed {
        let minute = execution.started_at.div_euclid(60_000);
        let place = in_minute.entry(minute).or_default();
        if !known.contains(execution.arn.as_str()) {
            wanted.push((*place, -minute, execution));
        }
        *place += 1;
    }
    wanted.sort_by_key(|(place, minute, _)| (*place, *minute));
    let wanted = wanted.into_iter().take(most);
    wanted.map(|(_, _, execution)| execution.clone()).collect()
}

/// The executions that succeeded and may end a loop, the newest first: each must be described, as any
/// of them may be of the loop's group.
#[must_use]
pub fn may_end_a_loop(
    executions: &[EndedExecution],
    known: &BTreeSet<&str>,
    loops: &[LaunchLoop],
) -> Vec<EndedExecution> {
    let Some(from) = loops.iter().map(|found| found.decided_from).min() else {
        return Vec::new();
    };
    let mut wanted: Vec<EndedExecution> = executions
        .iter()
        .filter(|it| it.succeeded && it.ended_at >= from && !known.contains(it.arn.as_str()))
        .cloned()
        .collect();
    wanted.sort_by_key(|it| -it.ended_at);
    wanted
}

#[cfg(test)]
#[path = "loops_tests.rs"]
mod tests;
