//! The hooks of a group, beside what its profiles need: what the domain finds, in words.

use hookline_domain::ids::InstanceId;
use hookline_domain::profile::{Profile, Selector};
use hookline_domain::reconcile::hooks::{
    ExpectedHooks, HookProblem, MIN_HEARTBEAT, UnsafeHook, hook_problems,
};

use super::words::{count, list};
use super::{Finding, Kind, Remedy};
use crate::judge::rules;
use crate::observed::deployment::Deployment;
use crate::observed::group::{Group, Hook};

/// The HeartbeatTimeout that docs/operations/hook.md recommends, in seconds. A hook that gives none
/// gets it (`DEFAULT_HEARTBEAT` of `cdk/lib/launch/hook-timeouts.ts`).
pub(crate) const RECOMMENDED: i64 = 1_800;
/// The most timeouts that a text lists.
const LISTED: usize = 3;

/// What is wrong with the hooks of a group that these profiles cover, by what is `expected` of
/// them. Without a deployment, nothing answers a hook. The launches of `wired` wait, and their
/// executions have sent CONTINUE.
pub(crate) fn findings(
    group: &Group,
    hooks: &[Hook],
    profiles: &[&Profile],
    deployment: Option<&Deployment>,
    expected: &ExpectedHooks,
    wired: &[&InstanceId],
) -> Vec<Finding> {
    let put = |hook: &str, seconds: i64| {
        let is_answered = deployment.is_some_and(|it| rules::answer(it, &group.name, hook));
        match is_answered {
            true => Remedy::Run(put(group, hook, seconds)),
            // Otherwise each launch waits until the hook's timeout, and is abandoned.
            false => Remedy::say(DEPLOY_FIRST),
        }
    };
    let problems = hook_problems(hooks, profiles, expected).into_iter();
    let finding = |problem: HookProblem<'_>| match problem {
        HookProblem::Missing(profile) => {
            let configured = expected.heartbeat_seconds.get(&profile.name);
            let seconds = configured.and_then(|it| it.first()).copied();
            let put = put(&profile.hook.name, seconds.unwrap_or(RECOMMENDED));
            missing(group, profile, put)
        }
        HookProblem::Unsafe(found) => {
            let seconds = match found.configured.and_then(|it| it.first()) {
                Some(configured) => *configured,
                None => found.hook.heartbeat_seconds.max(RECOMMENDED),
            };
            let put = put(&found.hook.name, seconds);
            unsafe_hook(group, &found, put)
        }
        HookProblem::Unanswered(hook) => of_nobody(group, hook, wired),
    };
    problems.map(finding).collect()
}

/// What comes before a hook that no rule answers.
const DEPLOY_FIRST: &str = "No enabled rule with a target answers this hook yet. Deploy first, and mend the rule; the hook comes \
                            last. `hookline check` then gives its command.";

/// The command that puts a hook with this heartbeat timeout.
fn put(group: &Group, hook: &str, seconds: i64) -> Vec<String> {
    let words = [
        "aws",
        "autoscaling",
        "put-lifecycle-hook",
        "--auto-scaling-group-name",
        &group.name,
        "--lifecycle-hook-name",
        hook,
        "--lifecycle-transition",
        "autoscaling:EC2_INSTANCE_LAUNCHING",
        "--heartbeat-timeout",
        &seconds.to_string(),
        "--default-result",
        "ABANDON",
    ];
    words.map(str::to_owned).to_vec()
}

fn missing(group: &Group, profile: &Profile, put: Remedy) -> Finding {
    let hook = &profile.hook.name;
    let mut finding = Finding::new(
        Kind::HookMissing,
        format!("The group has no launch hook {hook}: its instances go InService without their interfaces."),
    )
    .of_group(&group.name)
    .shown_by(format!("The profile {} expects this hook.", profile.name));
    if group.ending_hooks.contains(hook) {
        finding = finding.shown_by(format!(
            "The group has a hook {hook} for instances that terminate. A hook is for one transition: no launch waits at it."
        ));
        if profile.hook.complete {
            finding = finding
                .say(
                    "Names of hooks are unique in a group, so delete that hook first. Instances that wait at it then go on \
                     terminating. If somebody needs it, put it again by another name.",
                )
                .run(delete(&group.name, hook));
        }
    }
    match profile.hook.complete {
        true => finding.remedy.push(put),
        false => finding = finding.say("The hook's owner must put it on the group again."),
    }
    finding
}

fn unsafe_hook(group: &Group, found: &UnsafeHook<'_>, put: Remedy) -> Finding {
    let name = &found.hook.name;
    let seconds = found.hook.heartbeat_seconds;
    let configured = found.configured.map(|it| {
        let seconds = it.iter().map(|seconds| format!("{seconds} s"));
        format!(
            "The configuration of the profile {} says {}.",
            found.profile.name,
            list(seconds, LISTED)
        )
    });
    let problem = match (found.continues, found.is_short) {
        (false, false) => format!(
            "The hook {name} has a heartbeat timeout of {seconds} s, and not that of the configuration."
        ),
        (true, true) => format!(
            "The hook {name} has the default result CONTINUE and a heartbeat timeout of {seconds} s: a launch that \
             takes longer goes InService without its interfaces."
        ),
        (true, false) => format!(
            "The hook {name} has the default result CONTINUE: a launch whose event is lost, or that takes longer than \
             {seconds} s, goes InService without its interfaces."
        ),
        (false, true) => format!(
            "The hook {name} has a heartbeat timeout of {seconds} s: a launch that takes longer is abandoned. \
             A launch may take {MIN_HEARTBEAT} s between two heartbeats when EC2 throttles."
        ),
    };
    let mut finding = Finding::new(Kind::HookUnsafe, problem).of_group(&group.name);
    finding.evidence.extend(configured);
    finding.remedy.push(put);
    finding.say("If the stack puts the hook, correct its configuration and deploy too.")
}

fn of_nobody(group: &Group, hook: &Hook, wired: &[&InstanceId]) -> Finding {
    let waiting = match group.waiting().count() {
        0 => String::new(),
        number => format!(
            " {} now, at this hook or at another.",
            count(number, "instance waits", "instances wait")
        ),
    };
    let finding = Finding::new(
        Kind::HookOfNobody,
        format!(
            "No profile answers the launch hook {}. If its owner does not complete it, each launch waits {} s there, \
             and then {}.{waiting}",
            hook.name,
            hook.heartbeat_seconds,
            end_of(hook)
        ),
    )
    .of_group(&group.name)
    .say("If its owner completes it, name it in `reconcile.otherHooks` of the configuration, and deploy.");
    let finding = match waiting.is_empty() {
        true => finding.say("If nobody completes it, delete it:"),
        // Auto Scaling API Reference, DeleteLifecycleHook.
        false => {
            let finding = finding.say(
                "If nobody completes it, delete it. That abandons the launches that wait at it, and Auto Scaling replaces \
                 their instances.",
            );
            let finding = match wired.is_empty() {
                true => finding,
                false => finding.say(format!(
                    "So complete it first for those whose execution has succeeded{}:",
                    match wired.len().saturating_sub(LISTED) {
                        0 => String::new(),
                        more => format!(", and for {more} more likewise"),
                    }
                )),
            };
            let finding = wired
                .iter()
                .take(LISTED)
                .fold(finding, |finding, instance| {
                    finding.run(complete(&group.name, &hook.name, instance, "CONTINUE"))
                });
            finding.say("Then:")
        }
    };
    finding.run(delete(&group.name, &hook.name))
}

/// The command that deletes a hook.
fn delete<'a>(group: &'a str, hook: &'a str) -> [&'a str; 7] {
    [
        "aws",
        "autoscaling",
        "delete-lifecycle-hook",
        "--auto-scaling-group-name",
        group,
        "--lifecycle-hook-name",
        hook,
    ]
}

/// What is wrong with a group that no profile covers: its launches may wait at a hook that nobody
/// completes. `hooks` are its launch hooks, if there is such a group.
pub(crate) fn of_uncovered(deployment: &Deployment, group: &str, hooks: &[Hook]) -> Vec<Finding> {
    let active: Vec<&Profile> = deployment.active().map(|input| &input.profile).collect();
    let of_profile = |hook: &Hook| {
        let mut active = active.iter().copied();
        active.find(|it| it.hook.complete && it.hook.name == hook.name)
    };
    let found: Vec<Finding> = hooks
        .iter()
        .filter_map(|hook| Some((hook, of_profile(hook)?)))
        .map(|(hook, profile)| {
            let place = match &profile.selector {
                Selector::AutoScalingGroupNames(_) => "autoScalingGroupNames of the selector",
                Selector::Tag(_) | Selector::Tags(_) => "the tags of the selector",
            };
            Finding::new(
                Kind::NoRule,
                format!(
                    "No profile of the deployment covers the group {group}, and the group has the launch hook {} of the \
                     profile {}: nobody answers it. Each launch waits {} s there, and then {}.",
                    hook.name,
                    profile.name,
                    hook.heartbeat_seconds,
                    end_of(hook)
                ),
            )
            .say(format!(
                "If its nodes need interfaces, make {place} of the profile {} cover the group, and deploy.",
                profile.name
            ))
            .say("If they need none, delete the hook. That abandons the launches that wait at it:")
            .run(delete(group, &hook.name))
        })
        .collect();
    if !found.is_empty() {
        return found;
    }
    let finding = Finding::new(
        Kind::NoRule,
        format!("No profile of the deployment covers the group {group}, and no rule names it."),
    );
    vec![finding.say("Add the group to a profile's selector, and deploy.")]
}

/// How a launch ends that nobody completes.
fn end_of(hook: &Hook) -> &'static str {
    match hook.default_result.as_str() {
        "CONTINUE" => "goes on",
        _ => "is abandoned",
    }
}

/// The command that completes the lifecycle action of an instance at a hook.
pub(super) fn complete(
    group: &str,
    hook: &str,
    instance: &InstanceId,
    result: &str,
) -> Vec<String> {
    let words = [
        "aws",
        "autoscaling",
        "complete-lifecycle-action",
        "--auto-scaling-group-name",
        group,
        "--lifecycle-hook-name",
        hook,
        "--instance-id",
        instance.as_str(),
        "--lifecycle-action-result",
        result,
    ];
    words.map(str::to_owned).to_vec()
}

#[cfg(test)]
#[path = "hooks_tests.rs"]
mod tests;
