//! Whether a replay of a launch can help, and what it starts.

use hookline_domain::execution::names::replay_name;
use hookline_domain::reconcile::{LaunchActivity, Member, ProfileInput, Waiting, launch_event};
use hookline_domain::time::rfc3339;
use serde::Serialize;
use serde_json::{Value, json};

use super::words::count;
use super::{Remedy, wired};
use crate::observed::case::Case;
use crate::observed::execution::Execution;
use crate::observed::group::LAUNCH;

/// What a replay would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Replay {
    /// Whether it can help.
    pub(crate) helps: bool,
    /// Why, or why not.
    pub(crate) why: String,
    /// Its command, if it helps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) command: Option<Remedy>,
}

impl Replay {
    /// Judges whether a replay can help; its command is the one that would start it.
    pub(crate) fn of(case: &Case) -> Self {
        let wanted = Wanted {
            // What was wrong with the execution's profile may be mended in the one that is
            // deployed.
            deployed_profile: profile_has_changed(case),
            replace: false,
        };
        match decide(case, wanted) {
            Ok((why, _)) => {
                let mut words = vec!["hookline", "replay", named(case)];
                words.extend(wanted.deployed_profile.then_some("--deployed-profile"));
                words.push("--yes");
                Self {
                    helps: true,
                    why,
                    command: Some(Remedy::run(words)),
                }
            }
            Err(why) => Self {
                helps: false,
                why,
                command: None,
            },
        }
    }
}

/// What a replay is to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Whether the deployed profile takes the place of the execution's.
    pub(crate) deployed_profile: bool,
    /// Whether an execution that runs is replaced.
    pub(crate) replace: bool,
}

/// Decides whether a replay starts an execution: for `replay`, which starts it, and for `explain`,
/// which prints the command. Returns why it helps, and what it starts.
///
/// # Errors
/// Returns why it does not help, or why nothing can be started.
pub(crate) fn decide(case: &Case, wanted: Wanted) -> Result<(String, Start), String> {
    if case.runs() && !wanted.replace {
        return Err("An execution for the launch is running.".to_owned());
    }
    let why = reason(case)?;
    if let Some(refusal) = not_known(case) {
        return Err(refusal);
    }
    let deployed = case.deployed_profile().filter(|_| wanted.deployed_profile);
    if wanted.deployed_profile && deployed.is_none() {
        return Err("No deployed profile covers the instance.".to_owned());
    }
    let start = start(case, deployed)?;
    Ok((why, start))
}

/// Whether every execution for the launch that runs must be looked for before a replay is decided:
/// it would help, and one that was not looked at may run.
pub(crate) fn must_know_running(case: &Case) -> bool {
    !case.all_running_known && !case.runs() && reason(case).is_ok()
}

/// What the command calls the launch: by its execution if that is not the newest one, as `replay`
/// of an instance takes the newest.
fn named(case: &Case) -> &str {
    let newest = case.executions.iter().map(|it| it.started).max();
    match case.execution() {
        Some(execution) if Some(execution.started) != newest => &execution.arn,
        _ => case.instance.as_str(),
    }
}

/// Why a replay helps.
///
/// # Errors
/// Returns why it does not.
fn reason(case: &Case) -> Result<String, String> {
    let missing = case.networks_without_interface();
    if !case.without_tags().is_empty() {
        return Err(
            "Put the tags on first, as above: a replay takes an interface without them for one of somebody else."
                .to_owned(),
        );
    }
    match (case.waits(), case.is_in_service()) {
        (true, _) if case.ignored().is_some() => Err(
            "The execution found that its profile is not for this launch: a replay finds the same.".to_owned(),
        ),
        (true, _) if has_ended_well(case) => Err(
            "The execution has succeeded, and done with its hook: the launch waits at another one."
                .to_owned(),
        ),
        (true, _) => match lacks_hook(case) {
            Some(hook) => Err(format!(
                "The group has no launch hook {hook}: what a replay sends completes no hook at which the launch waits."
            )),
            None => Ok(
                "The launch waits at its hook: a replay continues from what exists, when the cause is mended."
                    .to_owned(),
            ),
        },
        (_, true) if !missing.is_empty() && case.executions.is_empty() => {
            Err("There is no execution to repeat: adopt the node, or replace it.".to_owned())
        }
        (_, true) if !missing.is_empty() => Ok(format!(
            "The node is InService and lacks {}: a replay creates and attaches what is missing, when the cause is \
             mended.",
            missing.join(", ")
        )),
        (_, true) if case.entered("StartupTaintLeft").is_some() => Ok(
            "The node keeps its startup taint: a replay removes it, when the cause is mended.".to_owned(),
        ),
        (_, true) if !wired::changed(case).is_empty() => Err(
            "The node is InService with all its interfaces: put back what was changed, as above.".to_owned(),
        ),
        (_, true) => Err(
            "The node is InService with all its interfaces: a replay changes nothing.".to_owned(),
        ),
        _ if case.group.is_none() => Err("The launch is over: its group is gone.".to_owned()),
        _ if case.group.as_ref().is_some_and(|it| it.suspended.contains_key(LAUNCH)) => Err(
            "The launch is over, and the process Launch of its group is suspended: nothing replaces the instance until \
             you resume it (hookline resume)."
                .to_owned(),
        ),
        _ if case.shrunk().is_some() => {
            Err("The launch is over: the group got smaller by this instance.".to_owned())
        }
        _ => Err(
            "The launch is over: Auto Scaling replaces the instance, and the replacement starts anew."
                .to_owned(),
        ),
    }
}

/// Whether the execution that was asked about, or the newest one, has succeeded for the launch that
/// waits. In a group with a warm pool, it may be that of an earlier launch.
fn has_ended_well(case: &Case) -> bool {
    let began = case
        .launch_in_progress()
        .map(|activity| 1_000 * activity.started);
    let mut succeeded = case
        .execution()
        .into_iter()
        .filter(|it| it.status == "SUCCEEDED");
    succeeded.any(|it| began.is_none_or(|began| it.started >= began))
}

/// The hook of the profile, if the group has it no more.
pub(super) fn lacks_hook(case: &Case) -> Option<&str> {
    case.group.as_ref()?;
    let hook = &case.profile()?.hook.name;
    let has = case.hooks.iter().any(|it| it.name == *hook);
    (!has).then_some(hook.as_str())
}

/// Why no execution may start, as far as the executions for the launch are not all known: one that
/// was not found may run beside it. `None` if one may.
fn not_known(case: &Case) -> Option<String> {
    if !case.all_running_known {
        return Some(
            "It is not known whether an execution for the launch runs: too many have started since then."
                .to_owned(),
        );
    }
    if case.running_for_unknown > 0 {
        return Some(format!(
            "It is not known whether an execution for the launch runs: {} for instances that are not known here. \
             Wait until fewer run.",
            count(case.running_for_unknown, "execution runs", "executions run")
        ));
    }
    (case.executions.is_empty() && !case.all_executions_known).then(|| {
        "It is not known whether the launch has had an execution: too many have started since then. Give the ARN of \
         its execution; if its event was lost, reconcile starts one (hookline reconcile)."
            .to_owned()
    })
}

/// The execution that a replay starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) name: String,
    pub(crate) input: String,
    /// The ARN of the execution whose input it has; `None` if there is none to repeat.
    pub(crate) repeats: Option<String>,
    /// Whose profile it has.
    pub(crate) profile: ProfileSource,
    /// Whether it is the one that reconcile would start.
    pub(crate) is_reconciles: bool,
}

/// Whose profile a replay has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ProfileSource {
    /// That of the execution which is repeated.
    Execution,
    /// The deployed one.
    Deployed,
    /// That of an earlier execution of the group: no deployed one covers the instance.
    EarlierExecution,
}

/// What a replay starts; with this profile, or with that of the execution.
///
/// # Errors
/// Returns why nothing can be started.
fn start(case: &Case, profile: Option<&ProfileInput>) -> Result<Start, &'static str> {
    let has_warm_pool = case.group.as_ref().is_some_and(|group| group.has_warm_pool);
    if case.waits() && has_warm_pool && case.launch_in_progress().is_none() {
        return Err(
            "No launch of it goes on among the newest activities of its group, which has a warm pool: it may wait on \
             its way back into the pool. If its event was lost, reconcile starts an execution (hookline reconcile).",
        );
    }
    match case.executions.is_empty() {
        false => from_execution(case, profile).ok_or("The input of its execution cannot be read."),
        true => from_nothing(case, profile),
    }
}

/// The input of the execution that was asked about, or of the newest one. The name is the same
/// until there is a newer execution, so that a replay that is repeated starts only one; and that of
/// the replacement if a command was interrupted before it stopped what it replaced.
fn from_execution(case: &Case, profile: Option<&ProfileInput>) -> Option<Start> {
    let execution = case.execution()?;
    let input = match profile {
        None => execution.input.clone(),
        Some(profile) => {
            let mut input: Value = serde_json::from_str(&execution.input).ok()?;
            let slot = input.as_object_mut()?;
            slot.insert("profile".to_owned(), profile.value.clone());
            input.to_string()
        }
    };
    let newest = case.executions.iter().max_by_key(|it| it.started)?;
    let replacement = replacement(case, &input);
    Some(Start {
        name: replacement.map_or_else(
            || replay_name(&case.instance, &newest.arn, &input),
            |replacement| replacement.name.clone(),
        ),
        input,
        repeats: Some(execution.arn.clone()),
        profile: match profile {
            Some(_) => ProfileSource::Deployed,
            None => ProfileSource::Execution,
        },
        is_reconciles: false,
    })
}

/// The execution that runs as a replay with this input, beside an older one that still runs. To
/// start it again starts nothing.
fn replacement<'a>(case: &'a Case, input: &str) -> Option<&'a Execution> {
    let running = || case.executions.iter().filter(|it| it.is_running());
    let is_replay = |execution: &Execution| {
        let mut others = case.executions.iter().filter(|it| it.arn != execution.arn);
        others.any(|other| replay_name(&case.instance, &other.arn, input) == execution.name)
    };
    running().find(|execution| {
        let mut others = running().filter(|it| it.arn != execution.arn);
        is_replay(execution) && others.any(|other| other.started <= execution.started)
    })
}

/// An execution for a launch whose event was lost. It has the name and the input that reconcile's
/// would have, so that there is only one of the two.
fn from_nothing(case: &Case, profile: Option<&ProfileInput>) -> Result<Start, &'static str> {
    let input = profile.or(case.input.as_ref()).ok_or(
        "Nothing says with which profile: the deployment has none that covers the instance, and there is no \
         execution to repeat.",
    )?;
    let (Some(group), Some(seen)) = (&case.group, &case.seen) else {
        return Err("EC2 does not know the instance any more, or its group is gone.");
    };
    if case.deployment.is_retired(input) {
        return Err(
            "There is no execution to repeat, and the profile that covers the instance is retired: no launch begins \
             with it any more. The timeout of the hook ends the launch.",
        );
    }
    // As reconcile does, which has the activity in a group with a warm pool only.
    let activity = case.launch_in_progress().filter(|_| group.has_warm_pool);
    let waiting = Waiting {
        member: Member {
            instance: case.instance.clone(),
            group: group.name.clone(),
            group_arn: group.arn.clone(),
        },
        to_warm_pool: case
            .lifecycle_state()
            .is_some_and(|state| state.starts_with("Warmed:")),
        activity: activity.map(|activity| LaunchActivity {
            id: activity.id.clone(),
            started_at: activity.started,
            from_warm_pool: activity.from_warm_pool,
        }),
    };
    let hook = &input.profile.hook.name;
    let time = rfc3339(waiting.began_at(seen.instance.launched_at));
    let event = launch_event(&case.deployment.machine, &waiting, hook, &time);
    let is_deployed = case
        .deployed_profile()
        .is_some_and(|it| it.value == input.value);
    Ok(Start {
        name: waiting.execution_name(hook),
        input: json!({"event": event, "profile": input.value}).to_string(),
        repeats: None,
        profile: match is_deployed {
            true => ProfileSource::Deployed,
            false => ProfileSource::EarlierExecution,
        },
        is_reconciles: case.deployment.reconcile_starts(input),
    })
}

/// What to say where Step Functions does not take the name of a replay: it takes each name once in
/// 90 days, and again only while the execution of that name runs with the same input (API
/// Reference, StartExecution). `of_name` is that execution, if Step Functions still shows it.
pub(crate) fn name_is_used(name: &str, of_name: Option<&Execution>) -> String {
    let Some(execution) = of_name else {
        return format!(
            "The name {name} was used before, and Step Functions does not show its execution. A name is free again \
             after 90 days."
        );
    };
    let who = match name.starts_with("reconcile-") {
        true => "reconcile, or a replay,",
        false => "another replay",
    };
    match execution.is_running() {
        true => format!(
            "The execution {name} runs already, with another input: {who} has started it. Look at it before you \
             replace it with --replace."
        ),
        false => format!(
            "The execution {name} has ended already ({}): {who} has started it. Look at the launch again.",
            execution.error()
        ),
    }
}

/// Whether the deployed profile is another one than that of the execution.
pub(crate) fn profile_has_changed(case: &Case) -> bool {
    let of_execution = case.execution().and_then(|execution| execution.profile());
    match (of_execution, case.deployed_profile()) {
        (Some(of_execution), Some(deployed)) => of_execution != deployed.value,
        _ => false,
    }
}

#[cfg(test)]
#[path = "replay_tests.rs"]
mod tests;
