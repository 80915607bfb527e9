//! The launches of a group: which wait without an execution, which fail again and again, and why
//! the group launches none.

use std::collections::{BTreeMap, BTreeSet};

use hookline_domain::ids::InstanceId;
use hookline_domain::reconcile::{Limits, Member, Waiting, overdue};
use hookline_domain::time::rfc3339;

use super::words::{ago, count, duration, list};
use super::{Finding, Kind, interfaces, tagging};
use crate::observed::execution::{Execution, message};
use crate::observed::fleet::Fleet;
use crate::observed::group::{Activity, Group, LAUNCH};

/// How long a launch may wait before it counts as one without an execution, in seconds. An event
/// takes a second or two.
pub(super) const EVENT_SECONDS: i64 = 15;
/// The same where it is not known which instances some running executions are for. Then the tag
/// that `TagNode` writes must tell, and it may retry for a while.
const TAG_SECONDS: i64 = 120;
/// How far back a launch that was abandoned still matters, in seconds.
const RECENT: i64 = 3_600;
/// The most ids that a text lists.
const LISTED: usize = 3;

/// What is wrong with the launches of a group.
pub(crate) fn findings(fleet: &Fleet, group: &Group) -> Vec<Finding> {
    let mut found = Vec::new();
    found.extend(braked(fleet, group).or_else(|| suspended(group)));
    found.extend(cannot_launch(fleet, group));
    found.extend(abandoned(fleet, group));
    let ended = ended_executions(fleet, group);
    let with_ended: BTreeSet<InstanceId> =
        ended.iter().map(|(instance, _)| instance.clone()).collect();
    found.extend(ended.into_iter().map(|(_, finding)| finding));
    let (begun, lost) = without_running(fleet, group, &with_ended);
    found.extend(ended_unseen(fleet, &begun));
    found.extend(without_execution(fleet, group, lost));
    found.extend(overdue_launches(fleet, group));
    found
        .into_iter()
        .map(|finding| finding.of_group(&group.name))
        .collect()
}

fn explain(what: impl ToString) -> Vec<String> {
    vec![
        "hookline".to_owned(),
        "explain".to_owned(),
        what.to_string(),
    ]
}

/// Reconcile has ended a launch loop.
fn braked(fleet: &Fleet, group: &Group) -> Option<Finding> {
    let brake = group.brake()?;
    let missing = match group.missing() {
        0 => String::new(),
        many => format!(" {} missing.", count(many, "instance is", "instances are")),
    };
    Some(
        Finding::new(
            Kind::GroupBraked,
            format!(
                "The group is braked since {} ({}): its launches failed by {}, again and again.{missing}",
                rfc3339(brake.at),
                ago(brake.at, fleet.now),
                brake.error,
            ),
        )
        .because("Its process Launch is suspended, so it launches nothing until you resume it.")
        .run(explain(&group.name))
        .say("When the cause is mended:")
        .run(["hookline", "resume", &group.name, "--yes"]),
    )
}

fn suspended(group: &Group) -> Option<Finding> {
    let missing = group.missing();
    (group.suspended.contains_key(LAUNCH) && missing > 0).then(|| {
        Finding::new(
            Kind::LaunchesSuspended,
            format!(
                "The process Launch is suspended, and {} missing.",
                count(missing, "instance is", "instances are")
            ),
        )
        .say("When the cause is mended:")
        .run(["hookline", "resume", &group.name, "--yes"])
    })
}

fn recent<'a>(fleet: &'a Fleet, group: &'a Group) -> impl Iterator<Item = &'a Activity> {
    let since = fleet.now - RECENT;
    let launches = fleet
        .activities
        .iter()
        .filter(|activity| activity.is_launch);
    launches
        .filter(|activity| activity.group == group.name)
        .filter(move |activity| activity.ended.unwrap_or(activity.started) >= since)
}

/// A launch that Auto Scaling or EC2 refused. Only the newest one counts: a later launch may have
/// succeeded.
fn cannot_launch(fleet: &Fleet, group: &Group) -> Option<Finding> {
    let newest = recent(fleet, group).find(|activity| activity.ended.is_some())?;
    (newest.status == "Failed" && newest.instance.is_none()).then(|| {
        let when = ago(newest.ended.unwrap_or(newest.started), fleet.now);
        Finding::new(
            Kind::CannotLaunch,
            format!("Auto Scaling could not launch an instance {when}. Hookline is not the cause."),
        )
        .shown_by(format!("Auto Scaling says: {}", newest.message))
        .say("Mend what Auto Scaling names: capacity, a quota, or the launch template. To see whether the launch template, \
              or the subnets of the nodes, are the cause:")
        .run(["hookline", "check"])
    })
}

/// How a launch ended, in a word.
pub(crate) fn outcome(activity: &Activity) -> &'static str {
    match activity.status.as_str() {
        "Successful" => "IN SERVICE",
        // Auto Scaling or EC2 refused it: there was nothing to give up.
        _ if activity.instance.is_none() => "NO INSTANCE",
        _ => "GIVEN UP",
    }
}

/// Whether a launch ended because its hook was completed with ABANDON, or its hook or its instance
/// ended.
fn was_given_up(activity: &&Activity) -> bool {
    activity.instance.is_some() && matches!(activity.status.as_str(), "Cancelled" | "Failed")
}

fn abandoned(fleet: &Fleet, group: &Group) -> Option<Finding> {
    let given_up: Vec<&Activity> = recent(fleet, group).filter(was_given_up).collect();
    let newest = given_up.first()?;
    let ended = |activity: &Activity| activity.ended.unwrap_or(activity.started);
    let oldest = given_up.last().map_or(0, |activity| ended(activity));
    let errors = errors(fleet, &group.name, &given_up);
    let reasons = match errors.as_slice() {
        [] => vec![format!("Auto Scaling says: {}", newest.message)],
        _ => errors,
    };
    let instances = given_up
        .iter()
        .filter_map(|activity| activity.instance.as_ref());
    let when = ago(ended(newest), fleet.now);
    let finding = match given_up.len() {
        1 => Finding::new(
            Kind::LaunchAbandoned,
            format!("A launch was given up {when}."),
        ),
        times => Finding::new(
            Kind::RepeatedFailures,
            format!(
                "{}{times} launches were given up and replaced {}, the last one {when}.",
                match fleet.all_activities {
                    true => "",
                    false => "At least ",
                },
                match ended(newest) - oldest {
                    ..1 => "at once".to_owned(),
                    seconds => format!("within {}", duration(seconds)),
                }
            ),
        ),
    };
    let finding = reasons
        .into_iter()
        .fold(finding, Finding::shown_by)
        .about(instances)
        .run(explain(&group.name));
    // A node without its interfaces shows nothing: it went in past its hook.
    let lacking = interfaces::lacking(fleet, group);
    let is_right = |activity: &&Activity| {
        let mut lacking = lacking.iter();
        !lacking.any(|(instance, _)| activity.instance.as_ref() == Some(instance))
    };
    let since = recent(fleet, group)
        .filter(|activity| activity.status == "Successful" && ended(activity) > ended(newest))
        .filter(is_right)
        .map(ended)
        .min();
    Some(match (given_up.len(), since) {
        (times, Some(at)) => finding.say(format!(
            "A launch succeeded after that, {}: {} no more.",
            ago(at, fleet.now),
            match times {
                1 => "it fails",
                _ => "they fail",
            }
        )),
        (1, None) => finding,
        // The finding that Launch is suspended says how to go on.
        _ if group.suspended.contains_key(LAUNCH) => finding,
        _ => finding
            .say("To launch none until the cause is mended:")
            .run(["hookline", "pause", &group.name, "--yes"]),
    })
}

/// The errors of the described executions of the launches that were given up, each with how often
/// it was seen and the newest cause.
fn errors(fleet: &Fleet, group: &str, given_up: &[&Activity]) -> Vec<String> {
    let is_of_these = |execution: &&Execution| {
        let instance = execution.instance();
        instance.is_some()
            && given_up
                .iter()
                .any(|activity| activity.instance == instance)
    };
    let mut seen: BTreeMap<&str, (usize, String)> = BTreeMap::new();
    for execution in fleet.failed_of(group).filter(is_of_these) {
        let cause = message(execution.cause.as_deref().unwrap_or_default());
        let entry = seen.entry(execution.error()).or_insert((0, cause));
        entry.0 += 1;
    }
    let errors = seen.into_iter();
    errors
        .map(|(error, (times, cause))| match cause.is_empty() {
            true => format!("{error} ({times}×)"),
            false => format!("{error} ({times}×): {cause}"),
        })
        .collect()
}

/// Launches that still wait although their execution has ended.
fn ended_executions(fleet: &Fleet, group: &Group) -> Vec<(InstanceId, Finding)> {
    let in_progress = fleet.in_progress();
    let waiting: BTreeSet<&InstanceId> = group.waiting().collect();
    let mut found: BTreeMap<InstanceId, Finding> = BTreeMap::new();
    for execution in fleet.failed_of(&group.name) {
        let Some(instance) = execution.instance() else {
            continue;
        };
        if !waiting.contains(&instance) || in_progress.contains(&instance) {
            continue;
        }
        let when = execution
            .stopped
            .map_or_else(String::new, |at| format!(" {}", ago(at / 1_000, fleet.now)));
        let how = match execution.status.as_str() {
            "ABORTED" => "was stopped",
            "TIMED_OUT" => "timed out",
            _ => "failed",
        };
        found.entry(instance.clone()).or_insert_with(|| {
            Finding::new(
                Kind::ExecutionEnded,
                format!("The execution of {instance} {how}{when}, and the launch still waits at its hook."),
            )
            .about([instance.to_string(), execution.arn.clone()])
            .run(explain(&instance))
        });
    }
    found.into_iter().collect()
}

/// The waiting launches of a group without an execution, as far as this can be known.
pub(crate) fn waiting_without_execution(fleet: &Fleet, group: &Group) -> Vec<InstanceId> {
    let in_progress = fleet.in_progress();
    let all_known = fleet.running_for_unknown() == 0;
    let lacks = |instance: &&InstanceId| {
        let Some(seen) = fleet.instances.get(*instance) else {
            return false;
        };
        let waited = fleet.now - seen.instance.launched_at;
        !in_progress.contains(*instance)
            && match all_known {
                true => waited >= EVENT_SECONDS,
                false => {
                    waited >= TAG_SECONDS
                        && !seen.instance.is_marked()
                        && had_turn(fleet, group, instance)
                }
            }
    };
    group.waiting().filter(lacks).cloned().collect()
}

/// Whether a launch that is not tagged had its turn to be tagged [`TAG_SECONDS`] ago. In a large
/// scale-out, the last wait for minutes.
fn had_turn(fleet: &Fleet, group: &Group, instance: &InstanceId) -> bool {
    let Some(member) = group.launching().find(|it| it.instance == *instance) else {
        return true;
    };
    let at = fleet.now - TAG_SECONDS;
    let mut profiles = fleet.profiles_of(group).map(|input| &input.profile);
    !profiles.any(|profile| tagging::wait(fleet, profile, member, at).is_some())
}

/// When reconcile starts a lost launch, by its limits and its schedule.
pub(super) fn when_started((limits, every): (Limits, Option<i64>)) -> String {
    format!(
        "when the launch is {} old{}",
        duration(limits.launch_age_seconds),
        every.map_or_else(String::new, |every| format!(", within {}", duration(every)))
    )
}

/// What becomes of a launch without an execution whose profile is retired.
pub(super) const RETIRED: &str = "Reconcile does not start it: its profile is retired, so no launch begins with it any more. \
     The timeout of the hook ends the launch. To launch with the profile again, move it back to `profiles`, and deploy.";

/// The other waiting launches that nothing runs for: those that had an execution, as their instance
/// is marked, and those that had none. Of many executions that ended, only the newest are
/// described.
fn without_running(
    fleet: &Fleet,
    group: &Group,
    with_ended: &BTreeSet<InstanceId>,
) -> (Vec<InstanceId>, Vec<InstanceId>) {
    // The mark of an instance out of a warm pool may be that of its launch into the pool.
    let had_one = |instance: &InstanceId| {
        let seen = fleet.instances.get(instance);
        !group.has_warm_pool
            && seen.is_some_and(|seen| seen.instance.is_marked())
            // Otherwise its execution succeeds and leaves the hook to its owner.
            && fleet.profiles_of(group).any(|input| input.profile.hook.complete)
    };
    waiting_without_execution(fleet, group)
        .into_iter()
        .filter(|instance| !with_ended.contains(instance))
        .partition(had_one)
}

/// Launches whose execution has ended, and was not described.
fn ended_unseen(fleet: &Fleet, launches: &[InstanceId]) -> Option<Finding> {
    let first = launches.first()?;
    let finding = Finding::new(
        Kind::ExecutionEnded,
        format!(
            "{} at the hook, and no execution runs for {}: {}.",
            count(launches.len(), "more launch waits", "more launches wait"),
            match launches.len() {
                1 => "it",
                _ => "them",
            },
            list(launches, LISTED)
        ),
    )
    .shown_by("Each had an execution, which has ended: it has marked the instance.")
    .about(launches)
    .run(explain(first));
    Some(match fleet.deployment.rounds() {
        Some(_) => finding.say(
            "Reconcile abandons those whose execution failed or was stopped, and Auto Scaling replaces their instances. \
             To keep one, replay its launch before, if `explain` says that this helps. One whose execution succeeded waits at another hook.",
        ),
        None => finding,
    })
}

fn without_execution(fleet: &Fleet, group: &Group, lacking: Vec<InstanceId>) -> Vec<Finding> {
    let mut by_end: BTreeMap<LostLaunch, Vec<InstanceId>> = BTreeMap::new();
    for instance in lacking {
        let end = LostLaunch::of(fleet, group, &instance);
        by_end.entry(end).or_default().push(instance);
    }
    let by_end = by_end.into_iter();
    by_end
        .filter_map(|(end, lacking)| {
            let what = match lacking.len() {
                1 => "1 launch waits".to_owned(),
                many => format!("{many} launches wait"),
            };
            let finding = Finding::new(
                Kind::NoExecution,
                format!(
                    "{what} without a running execution: {}.",
                    list(&lacking, LISTED)
                ),
            )
            .run(explain(lacking.first()?))
            .about(&lacking);
            Some(match (end, fleet.deployment.rounds()) {
                (LostLaunch::Started, Some(rounds)) => finding.say(format!(
                    "Reconcile starts a lost launch itself, {}.",
                    when_started(rounds)
                )),
                (LostLaunch::Retired, _) => finding.say(RETIRED),
                _ => finding,
            })
        })
        .collect()
}

/// What becomes of a launch without an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum LostLaunch {
    /// Reconcile starts it.
    Started,
    /// Reconcile starts none with its profile, which is retired.
    Retired,
    /// Reconcile does not have its profile, or another owner completes the hook.
    LeftToItself,
}

impl LostLaunch {
    fn of(fleet: &Fleet, group: &Group, instance: &InstanceId) -> Self {
        let mut tags = group.tags.clone();
        let seen = fleet.instances.get(instance).into_iter();
        tags.extend(seen.flat_map(|seen| seen.instance.tags.clone()));
        let covering = || {
            let profiles = fleet.deployment.profiles.iter();
            profiles.filter(|it| it.profile.selector.covers(&group.name, &tags))
        };
        if covering().any(|input| fleet.deployment.reconcile_starts(input)) {
            return Self::Started;
        }
        match covering().any(|input| fleet.deployment.is_retired(input)) {
            true => Self::Retired,
            false => Self::LeftToItself,
        }
    }
}

fn overdue_launches(fleet: &Fleet, group: &Group) -> Option<Finding> {
    let limits = fleet
        .deployment
        .rounds()
        .map_or_else(Limits::default, |(limits, _)| limits);
    let waiting: Vec<Waiting> = group
        .waiting()
        .map(|instance| Waiting {
            member: Member {
                instance: instance.clone(),
                group: group.name.clone(),
                group_arn: group.arn.clone(),
            },
            // One that comes back from the group is none of these.
            to_warm_pool: false,
            activity: None,
        })
        .collect();
    let facts = fleet
        .instances
        .iter()
        .map(|(id, seen)| (id.clone(), seen.launch_facts()));
    let late = overdue(
        &waiting,
        &facts.collect(),
        &fleet.deployment.profiles,
        fleet.now,
        limits,
    );
    let first = late.first()?;
    Some(
        Finding::new(
            Kind::Overdue,
            format!(
                "{} for more than {}: {}.",
                match late.len() {
                    1 => "1 launch waits".to_owned(),
                    many => format!("{many} launches wait"),
                },
                duration(limits.overdue_seconds),
                list(&late, LISTED)
            ),
        )
        .run(explain(first))
        .about(&late),
    )
}

#[cfg(test)]
#[path = "launches_tests.rs"]
mod tests;
