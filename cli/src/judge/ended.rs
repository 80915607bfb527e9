//! What ended a launch early: its instance, its hook, or its execution.

mod node;
mod reason;

use std::cmp::Ordering;

use hookline_domain::execution::{Completion, CompletionOutcome};
use hookline_domain::reconcile::hooks::MIN_HEARTBEAT;
use hookline_domain::reconcile::{LaunchAction, launch_action};
use hookline_domain::time::epoch_milliseconds;
use serde_json::Value;

use super::causes::{MEND_THE_HOOK, hook_name, is_retired, undelivered};
use super::finding::Call;
use super::launches::RETIRED;
use super::replay::{Replay, lacks_hook};
use super::story::part;
use super::words::ago;
use super::{Finding, Kind, hooks};
use crate::observed::case::Case;
use crate::observed::execution::message;
use crate::observed::group::Activity;
use crate::observed::network::SeenInstance;
pub(crate) use node::{EndedNode, node};
use reason::EndedBy;

/// The time at which the instance ended, by EC2, in milliseconds since the epoch.
fn ended_at(case: &Case) -> Option<i64> {
    let reason = &case.seen.as_ref()?.transition_reason;
    let (_, time) = reason.split_once('(')?;
    let time = time
        .trim_end_matches(')')
        .trim_end_matches(" GMT")
        .trim_end_matches('Z');
    epoch_milliseconds(&format!("{}Z", time.replace(' ', "T")))
}

/// Whether an instance in this state of EC2's does not run, or not for long.
fn has_ended(state: &str) -> bool {
    matches!(
        state,
        "shutting-down" | "terminated" | "stopping" | "stopped"
    )
}

/// An instance that ended before its launch was given up. Auto Scaling terminates the instance of
/// a launch that was given up, so the order of the two tells.
pub(super) fn instance(case: &Case) -> Option<Finding> {
    let Some(seen) = case.seen.as_ref() else {
        return forgotten(case);
    };
    let state = seen.instance.state.as_str();
    if !has_ended(state) {
        return None;
    }
    let by = EndedBy::of(seen);
    let ended = ended_at(case);
    let came_first = match (by, ended) {
        (_, Some(ended)) => came_first(case, ended),
        // EC2 gives no time for most of its own reasons. Had Auto Scaling ended the instance, its
        // call would be the reason.
        (EndedBy::Ec2 | EndedBy::Itself, None) => was_launching(case),
        (EndedBy::Call, None) => false,
    };
    if !came_first {
        return None;
    }
    let when = ended.map_or_else(String::new, |at| format!(" {}", ago(at / 1_000, case.now)));
    let id = &case.instance;
    let problem = format!(
        "{}{when}, before its launch was ready: it is {state}.",
        by.ended(id)
    );
    let finding = Finding::new(Kind::InstanceEnded, problem).shown_by(ec2_says(seen));
    Some(match (by, case.shrunk()) {
        (EndedBy::Call, Some(cause)) => finding
            .shown_by(format!("Auto Scaling says: {cause}"))
            .say("The group got smaller by this instance: nothing to do, if that was meant."),
        _ => Finding {
            remedy: reason::remedies(id.as_str(), &seen.reason_code),
            ..finding
        },
    })
}

/// An instance that EC2 does not show any more: it does for an hour, and Auto Scaling keeps the
/// reason for six weeks, as "Client.InternalError: Client error on launch" (Auto Scaling User Guide,
/// "Troubleshoot Amazon EC2 Auto Scaling: EC2 instance launch failures").
fn forgotten(case: &Case) -> Option<Finding> {
    let activity = case.activity()?;
    let code = reason::code_in(&activity.message)?;
    let by = EndedBy::by_code(code);
    if !was_launching(case) || matches!(by, EndedBy::Call) {
        return None;
    }
    let id = &case.instance;
    let problem = format!(
        "{} before its launch was ready, and EC2 does not show it any more.",
        by.ended(id)
    );
    let mut finding = Finding::new(Kind::InstanceEnded, problem)
        .shown_by(format!("Auto Scaling says: {}", activity.message));
    finding.remedy = reason::remedies(id.as_str(), code);
    Some(finding)
}

/// EC2's own words about the end of an instance.
fn ec2_says(seen: &SeenInstance) -> String {
    let texts = [&seen.transition_reason, &seen.state_reason].map(String::as_str);
    let says: Vec<&str> = texts.into_iter().filter(|text| !text.is_empty()).collect();
    match says.is_empty() {
        true => "EC2 says nothing of it.".to_owned(),
        false => format!("EC2 says: {}", says.join(". ")),
    }
}

/// Whether an instance that ended at this time, in milliseconds since the epoch, ended its launch.
fn came_first(case: &Case, ended: i64) -> bool {
    // EC2's time has no fraction of a second.
    let second = |at: i64| at.div_euclid(1_000);
    let sent = case.entered("AbandonLaunch");
    // Auto Scaling terminated the instance of a launch that its hook had ended.
    let of_others = |launch: &Activity| {
        hook_timed_out(launch) || (hook_ended(launch) && !abandoned_by_execution(case))
    };
    if case.activity().is_some_and(of_others) {
        return false;
    }
    let given_up = sent.or_else(|| case.entered("ReleaseInterfaces"));
    if let Some(given_up) = given_up {
        return match second(ended).cmp(&second(given_up)) {
            Ordering::Less => true,
            Ordering::Equal => !was_abandoned_for_another_cause(case),
            Ordering::Greater => false,
        };
    }
    // Reconcile abandons a launch whose execution was stopped.
    let stopped = case.execution().and_then(|it| it.stopped);
    was_launching(case) && stopped.is_none_or(|stopped| second(ended) < second(stopped))
}

/// Whether a function failed because the instance, or its launch, had ended before.
fn is_gone(error: &str) -> bool {
    matches!(error, "Hookline.InstanceGone" | "Hookline.LaunchGone")
}

/// Whether ABANDON ended the launch of an instance that no function had found ended before.
fn was_abandoned_for_another_cause(case: &Case) -> bool {
    let found_ended = case.last_failure().is_some_and(|(error, _)| is_gone(error));
    abandoned_by_execution(case) && !found_ended
}

/// Whether ABANDON of the execution ended the lifecycle action.
fn abandoned_by_execution(case: &Case) -> bool {
    let mut events = case.history.iter();
    let left = events.find(|event| event.left() == Some("AbandonLaunch"));
    let output = left.and_then(|event| serde_json::from_str(event.output.as_deref()?).ok());
    let completion: Option<Completion> = output.and_then(|data: Value| part(&data, "completion"));
    completion.is_some_and(|it| it.outcome == CompletionOutcome::Completed)
}

/// Whether the instance had not become a node when it ended, as far as its launch is known.
fn was_launching(case: &Case) -> bool {
    let succeeded = case.execution().map(|it| it.status == "SUCCEEDED");
    let successful = case.activity().map(|it| it.status == "Successful");
    let is_known = succeeded.is_some() || successful.is_some();
    is_known && succeeded != Some(true) && successful != Some(true)
}

/// Whether Auto Scaling says that a lifecycle action ended the launch: by ABANDON, or by its
/// timeout.
fn hook_ended(launch: &Activity) -> bool {
    launch
        .message
        .to_ascii_lowercase()
        .contains("lifecycle action")
}

/// What Auto Scaling says of a lifecycle action that was completed with ABANDON (Auto Scaling User
/// Guide, in its tutorials of lifecycle hooks).
const COMPLETED_WITH_ABANDON: &str = "Completed with ABANDON Result";

/// How long after a call the activity may end that it ends, in seconds, for a window that has it.
const MARGIN: i64 = 300;

/// Whether Auto Scaling says that a hook ended the launch by its timeout.
fn hook_timed_out(launch: &Activity) -> bool {
    launch.message.to_ascii_lowercase().contains("timeout")
}

/// A hook that ended the launch, as Auto Scaling says: another one, by a call of somebody, or by its
/// timeout. `lost` is why the launch had no execution, and `of_hooks` what is wrong with the hooks:
/// both are told below.
pub(super) fn hook(case: &Case, lost: &[Finding], of_hooks: &[Finding]) -> Option<Finding> {
    let activity = case.activity()?;
    let given_up = by_another_hook(case, activity).or_else(|| abandoned_by_others(case, activity));
    if given_up.is_some() {
        return given_up;
    }
    if hook_timed_out(activity) {
        let mut finding = Finding::new(
            Kind::HookUnsafe,
            format!(
                "The hook of {} ended by its timeout, before the launch was ready.",
                case.instance
            ),
        )
        .shown_by(format!("Auto Scaling says: {}", activity.message));
        finding.group = Some(activity.group.clone());
        let is_told = of_hooks.iter().any(|it| it.kind == Kind::HookUnsafe);
        let is_short = is_told
            && case.profile().is_some_and(|profile| {
                let mut hooks = case.hooks.iter();
                hooks.any(|it| it.name == profile.hook.name && it.heartbeat_seconds < MIN_HEARTBEAT)
            });
        return Some(match (case.execution(), lost.is_empty()) {
            (None, true) if is_retired(case) => finding
                .shown_by("No execution was started for it.")
                .say(RETIRED),
            (None, true) => undelivered(
                case,
                finding.shown_by("No execution was started for it: the event was lost, or could not be delivered."),
            ),
            (None, false) => finding
                .shown_by("No execution was started for it.")
                .say("Mend what is told below. Auto Scaling has replaced the instance."),
            (Some(_), _) if is_short => finding
                .say("Set the hook's timeout as below, or find what is slow in the story above."),
            (Some(_), _) => finding.say("Find what is slow in the story above."),
        });
    }
    None
}

/// A launch that somebody abandoned while its execution ran: by a call, or by deleting the hook.
/// "If there are any outstanding lifecycle actions, they are completed first (ABANDON for launching
/// instances, …)" (Auto Scaling API Reference, DeleteLifecycleHook). Reconcile abandons one whose
/// execution broke off.
fn abandoned_by_others(case: &Case, activity: &Activity) -> Option<Finding> {
    let [execution] = &case.executions[..] else {
        return None;
    };
    // Once the execution was about to send ABANDON, it may have been its own: a call that is retried
    // finds the launch completed.
    let sent = case.entered("AbandonLaunch");
    let may_be_own = sent.is_some_and(|sent| {
        let mut ended = activity.ended.into_iter();
        ended.all(|ended| sent.div_euclid(1_000) <= ended)
    });
    let by_others = activity.message.contains(COMPLETED_WITH_ABANDON) && !may_be_own;
    let is_over = execution.error.as_deref().is_some_and(is_gone) || execution.is_running();
    if !by_others || !is_over || case.waits() {
        return None;
    }
    let id = &case.instance;
    let problem = format!("Somebody abandoned the launch of {id} while its execution ran.");
    let finding = launch_abandoned(activity, problem);
    let (finding, event) = match lacks_hook(case) {
        Some(hook) => (
            finding.shown_by(format!(
                "The group has no launch hook {hook} any more: deleting a hook abandons the launches that wait at it."
            )),
            "DeleteLifecycleHook",
        ),
        None => (finding, "CompleteLifecycleAction"),
    };
    // Its event names the instance, or only a token of the lifecycle action.
    Some(finding.say("Who it was:").who_called(&Call {
        action: event,
        names: Some(&activity.group),
        after: Some(activity.started),
        before: activity.ended.map(|ended| ended + MARGIN),
    }))
}

fn launch_abandoned(activity: &Activity, problem: String) -> Finding {
    Finding::new(Kind::LaunchAbandoned, problem)
        .of_group(&activity.group)
        .shown_by(format!("Auto Scaling says: {}", activity.message))
}

/// A launch that was given up after its execution had sent CONTINUE.
fn by_another_hook(case: &Case, activity: &Activity) -> Option<Finding> {
    let was_given_up = matches!(activity.status.as_str(), "Cancelled" | "Failed");
    if !was_given_up || case.execution()?.status != "SUCCEEDED" || case.ignored().is_some() {
        return None;
    }
    let ours = hook_name(case);
    let others = case.hooks.iter().map(|hook| hook.name.as_str());
    let others: Vec<&str> = others.filter(|name| *name != ours).collect();
    let id = &case.instance;
    let problem = format!("The launch of {id} was given up although its execution has succeeded.");
    let finding = launch_abandoned(activity, problem);
    Some(match others.is_empty() {
        false => finding
            .shown_by(format!("The group has another launch hook: {}.", others.join(", ")))
            .say("Ask its owner: it was completed with ABANDON, or nobody completed it in time."),
        true => finding.say(
            "Another launch hook ended it, by ABANDON, by its timeout, or when it was deleted; or the instance was terminated. \
             CloudTrail has the call: CompleteLifecycleAction, DeleteLifecycleHook, or TerminateInstances.",
        ),
    })
}

/// An execution that was stopped, or ran out of its time.
pub(super) fn execution(case: &Case) -> Option<Finding> {
    let execution = case.execution()?;
    let mut entered = case.history.iter().rev();
    let last = entered.find(|event| event.entered().is_some());
    let how = match execution.status.as_str() {
        "ABORTED" => "was stopped",
        "TIMED_OUT" => "reached the state machine's timeout",
        // As by States.Runtime, which no state catches.
        "FAILED" if last.is_some_and(|event| event.kind != "FailStateEntered") => "broke off",
        _ => return None,
    };
    let when = execution
        .stopped
        .map_or_else(String::new, |at| format!(" {}", ago(at / 1_000, case.now)));
    let state = last.and_then(|event| event.state.as_deref());
    let mut finding = Finding::new(
        Kind::ExecutionEnded,
        format!(
            "The execution of {} {how}{when}{}: it sent no ABANDON and released nothing.",
            case.instance,
            state.map_or_else(String::new, |state| format!(", in {state}"))
        ),
    )
    .about([&execution.arn]);
    if let Some(error) = &execution.error {
        finding = finding.shown_by(format!("Its error is {error}."));
    }
    if let Some(cause) = &execution.cause {
        finding = finding.shown_by(format!("Its cause: {}", message(cause)));
    }
    if !case.waits() {
        return Some(finding.say("Nothing: the launch is over."));
    }
    Some(with_end(case, finding))
}

/// The finding of a launch that waits although its execution has failed, with what becomes of it,
/// and what ends it or goes on with it.
pub(super) fn with_end(case: &Case, finding: Finding) -> Finding {
    if lacks_hook(case).is_some() {
        let others = case.hooks.iter().map(|hook| hook.name.as_str());
        let finding = finding.say(match others.len() {
            0 => "Mend the hook as below.".to_owned(),
            1 => format!("{MEND_THE_HOOK} To end it now:"),
            _ => format!("{MEND_THE_HOOK} To end it now, at the one at which it waits:"),
        });
        return others.fold(finding, |finding, hook| finding.run(abandon(case, hook)));
    }
    let helps = Replay::of(case).helps;
    let is_ours = case.profile().is_none_or(|profile| profile.hook.complete);
    if !is_ours {
        let finding =
            finding.say("The hook's owner completes it: neither an execution nor reconcile does.");
        return match helps {
            true => finding.say("A replay, as below, makes what is missing before that."),
            false => finding,
        };
    }
    let action = case
        .execution()
        .map(|it| launch_action(&it.status, it.error.as_deref()));
    match (case.deployment.rounds(), action) {
        (Some(_), Some(LaunchAction::Abandon)) => finding.say(match helps {
            true => format!("{BY_RECONCILE} To keep this instance, replay at once, as below."),
            false => BY_RECONCILE.to_owned(),
        }),
        _ => finding
            .say(match helps {
                true => "Nothing else ends the launch before its hook's timeout. Replay it as below, or end it:",
                false => "Nothing else ends the launch before its hook's timeout. To end it now:",
            })
            .run(abandon(case, &hook_name(case))),
    }
}

/// What becomes of a launch that waits, and whose execution failed.
const BY_RECONCILE: &str = "Reconcile abandons the launch in one of its next rounds, and Auto Scaling replaces the instance.";

/// The command that abandons the launch at a hook.
fn abandon(case: &Case, hook: &str) -> Vec<String> {
    hooks::complete(case.group_name(), hook, &case.instance, "ABANDON")
}
