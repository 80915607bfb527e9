//! Why a launch failed, waits, or left a node without its interfaces, by what was observed. AWS's
//! and the functions' own texts come last: where nothing else says why.

mod failed;

use super::check::answers;
use super::finding::Call;
use super::launches::{RETIRED, when_started};
use super::replay::{self, Replay};
use super::words::{count, duration, list};
use super::{Finding, Kind, ended, hooks, network, rules, waits, wired};
use crate::observed::case::Case;
use crate::observed::execution::Execution;

/// What is wrong, the first cause first.
pub(crate) fn findings(case: &Case) -> Vec<Finding> {
    let mut found = Vec::new();
    found.extend(gone_group(case));
    found.extend(ended::instance(case));
    let lost = no_execution(case);
    let of_hooks = of_hooks(case);
    found.extend(ended::hook(case, &lost, &of_hooks));
    found.extend(lost);
    found.extend(ended::execution(case));
    if is_in_trouble(case) {
        found.extend(network::findings(case));
        if case.execution().is_some() {
            let hook = hook_name(case);
            found.extend(rules::unreadable_for(
                &case.deployment,
                case.group_name(),
                &hook,
            ));
        }
    }
    found.extend(of_hooks);
    found.extend(answered_twice(case));
    found.extend(other_hook(case));
    found.extend(ignored(case));
    found.extend(wired::without_tags(case));
    found.extend(wired::changed(case));
    found.extend(waits::finding(case));
    found.extend(lacks_interfaces(case));
    found.extend(lacks_interfaces_on_standby(case));
    found.extend(failed::finding(case, &found));
    found.extend(left(case));
    found
}

/// The group of the launch is gone.
fn gone_group(case: &Case) -> Option<Finding> {
    let group = case.gone_group.as_ref()?;
    Some(
        Finding::new(
            Kind::GroupMissing,
            format!("There is no Auto Scaling group {group} any more: whoever deleted it ended its instances too."),
        )
        .of_group(group)
        .say("Nothing, if it was meant. Else create the group with its hook, or correct the profile's selector."),
    )
}

/// Two rules or profiles that start executions for the launch.
fn answered_twice(case: &Case) -> Option<Finding> {
    let (group, profile) = (case.group.as_ref()?, case.profile()?);
    let is_over = case.is_in_service() && !is_in_trouble(case);
    let finding = answers::twice(&case.deployment, group, profile);
    finding.filter(|_| !is_over)
}

/// Whether the launch has not reached what its profile asks for.
fn is_in_trouble(case: &Case) -> bool {
    let failed = case
        .execution()
        .is_some_and(|it| !it.is_running() && it.status != "SUCCEEDED");
    failed
        || case.waits()
        || (case.is_in_service() && !case.networks_without_interface().is_empty())
}

/// A launch without any execution: why the rules started none.
fn no_execution(case: &Case) -> Vec<Finding> {
    if !case.executions.is_empty() || case.group.is_none() {
        return Vec::new();
    }
    let (group, hook) = (case.group_name(), hook_name(case));
    let by_rules = match is_retired(case) {
        // No rule starts executions with it.
        true => Vec::new(),
        false => {
            let mut found = rules::findings(&case.deployment, group, &hook, case.input.as_ref());
            found.extend(rules::unreadable_for(&case.deployment, group, &hook));
            found
        }
    };
    if !case.waits() {
        // A node may have been launched before the profile was there; that it lacks interfaces is
        // told, and how a launch ended too.
        return by_rules;
    }
    let since = case.seen.as_ref().map_or_else(String::new, |seen| {
        format!(
            ", {} after its launch",
            duration(case.now - seen.instance.launched_at)
        )
    });
    let mut finding = Finding::new(
        Kind::NoExecution,
        format!("There is no execution for {}{since}.", case.instance),
    )
    .of_group(group);
    let lacks_hook = replay::lacks_hook(case);
    if let (Some(hook), false) = (lacks_hook, is_retired(case)) {
        let others: Vec<&str> = case.hooks.iter().map(|it| it.name.as_str()).collect();
        finding = finding.shown_by(match others.is_empty() {
            true => format!("The group has no launch hook {hook}: nothing sends the event of a launch at it."),
            false => format!(
                "The group has no launch hook {hook}; the launch waits at {}. No rule starts executions for that.",
                others.join(", ")
            ),
        });
    } else if by_rules.is_empty() && !is_retired(case) {
        let unsure = case
            .deployment
            .rules
            .iter()
            .find(|rule| rule.cannot_tell(group, &hook));
        finding = match unsure {
            Some(rule) => finding.shown_by(format!(
                "Whether the pattern of the rule {} lets the event of {group} at {hook} through cannot be told here: look at \
                 its content filters. If it does, the event was lost, or could not be delivered.",
                rule.name
            )),
            None => finding.shown_by(format!("An enabled rule with a target matches launches of {group} at {hook}: the event was lost, or could not be delivered.")),
        };
        finding = undelivered(case, finding)
            .say("To see whether the rule's role may start executions:")
            .run(["hookline", "check"]);
    }
    let rounds = case.deployment.rounds().filter(|_| {
        let input = case.input.as_ref();
        input.is_some_and(|input| case.deployment.reconcile_starts(input))
    });
    finding = match (rounds, Replay::of(case).helps) {
        // What starts would complete no hook.
        _ if lacks_hook.is_some() && !is_retired(case) => finding.say(MEND_THE_HOOK),
        (Some(rounds), true) => finding.say(format!(
            "Reconcile starts it {}; the replay below starts it now.",
            when_started(rounds)
        )),
        (Some(rounds), false) => {
            finding.say(format!("Reconcile starts it {}.", when_started(rounds)))
        }
        (None, true) => finding.say("The replay below starts it."),
        (None, false) if is_retired(case) => finding.say(RETIRED),
        (None, false) => finding.say(
            "Start it with its profile: docs/operations/replay.md, \"Without an old execution\".",
        ),
    };
    let mut found = by_rules;
    found.push(finding);
    found
}

/// The finding of a launch whose event started no execution, with what tells why.
pub(super) fn undelivered(case: &Case, finding: Finding) -> Finding {
    let launched = case.seen.as_ref().map(|seen| seen.instance.launched_at);
    let launched = launched.or_else(|| Some(case.activity()?.started));
    // The event comes at the launch; CloudWatch's periods are whole minutes.
    let since = launched.unwrap_or(case.now).min(case.now - 60);
    let at = (case.group_name(), hook_name(case));
    rules::undelivered(finding, &case.deployment, (at.0, &at.1), (since, case.now))
}

/// Whether no launch begins with the case's profile any more.
pub(super) fn is_retired(case: &Case) -> bool {
    let input = case.input.as_ref();
    input.is_some_and(|it| case.deployment.is_retired(it))
}

/// What to do for a launch that waits, where its group has lost the hook of the profile.
pub(super) const MEND_THE_HOOK: &str =
    "Mend the hook as below. The timeout of the hook at which it waits ends this launch.";

pub(super) fn hook_name(case: &Case) -> String {
    match case.profile() {
        Some(profile) => profile.hook.name.clone(),
        None => case
            .hooks
            .first()
            .map(|hook| hook.name.clone())
            .unwrap_or_default(),
    }
}

fn of_hooks(case: &Case) -> Vec<Finding> {
    let (Some(group), Some(profile)) = (&case.group, case.profile()) else {
        return Vec::new();
    };
    if is_retired(case) {
        return Vec::new();
    }
    let expected = case.deployment.expected_hooks();
    let deployment = Some(&case.deployment);
    let found = hooks::findings(group, &case.hooks, &[profile], deployment, &expected, &[]);
    let found = found.into_iter();
    // Another hook matters only to a launch that waits.
    found
        .filter(|finding| finding.kind != Kind::HookOfNobody)
        .collect()
}

/// A launch that waits although its execution succeeded.
fn other_hook(case: &Case) -> Option<Finding> {
    let execution = case.execution()?;
    let waits = case.lifecycle_state() == Some("Pending:Wait");
    if execution.status != "SUCCEEDED" || !waits || case.ignored().is_some() {
        return None;
    }
    let ours = hook_name(case);
    let others: Vec<&str> = case
        .hooks
        .iter()
        .map(|hook| hook.name.as_str())
        .filter(|name| *name != ours)
        .collect();
    if others.is_empty() {
        return None;
    }
    let finding =
        Finding::new(
            Kind::OtherHook,
            format!(
                "The execution of {} has succeeded, and the launch still waits: the group has the {} {} too.",
                case.instance,
                match others.len() {
                    1 => "launch hook",
                    _ => "launch hooks",
                },
                others.join(", ")
            ),
        )
        .of_group(case.group_name())
        .say("The owner of that hook must complete it. If nobody does, complete it for this instance:");
    Some(others.iter().fold(finding, |finding, hook| {
        finding.run(hooks::complete(
            case.group_name(),
            hook,
            &case.instance,
            "CONTINUE",
        ))
    }))
}

/// A launch that waits, and whose execution was not for its profile: it completes no hook.
fn ignored(case: &Case) -> Option<Finding> {
    let reason = case.ignored().filter(|_| case.waits() && !case.runs())?;
    let name = case.profile().map_or("", |profile| &profile.name);
    let finding = Finding::new(
        Kind::LaunchIgnored,
        format!(
            "The execution of {} found that the profile {name} is not for this launch, and ended: nobody completes the \
             hook.",
            case.instance
        ),
    )
    .of_group(case.group_name())
    .shown_by(reason)
    .say("If the profile is for this group, correct its selector, and deploy. Else correct the rule that starts executions for it. Until then each launch waits for the hook's timeout. To end this one now:");
    // The hook of the event, which need not be the profile's.
    let hook = case.execution().and_then(Execution::hook);
    Some(finding.run(hooks::complete(
        case.group_name(),
        &hook.unwrap_or_else(|| hook_name(case)),
        &case.instance,
        "ABANDON",
    )))
}

/// A node that is in service without all its interfaces.
fn lacks_interfaces(case: &Case) -> Option<Finding> {
    let missing = case.networks_without_interface();
    if !case.is_in_service() || missing.is_empty() || case.runs() || is_older(case) {
        return None;
    }
    let finding = lacks(case, "InService", &missing);
    // Another profile than its own does not tell what it had.
    let is_own = case.execution().and_then(Execution::profile);
    let is_own = is_own.is_some_and(|own| case.input.as_ref().is_some_and(|it| it.value == own));
    let succeeded = case.execution().is_some_and(|it| it.status == "SUCCEEDED");
    let had_them = is_own && succeeded && case.ignored().is_none();
    let finding = match case.execution() {
        None => finding.shown_by("No execution for it is known: its event was lost, it was launched without the hook, or before the profile was there."),
        Some(_) if had_them => finding
            .shown_by("Its execution has succeeded, so the node had it: somebody detached or deleted it since."),
        Some(_) if succeeded && !is_own => finding
            .shown_by("Its execution has succeeded. The profile is not that of the execution, which cannot be read."),
        Some(execution) => finding.shown_by(format!("Its execution ended as {}.", execution.error())),
    };
    let finding = with_those_on_others(finding, case, &missing)
        .say("Adopt it: it gets an execution, and stays in service whatever becomes of that (docs/operations/adopt.md).")
        .run(["hookline", "adopt", case.instance.as_str(), "--yes"]);
    let finding = finding
        .say("Or replace the node, after its pods have left it (kubectl drain):")
        .run([
            "aws",
            "autoscaling",
            "terminate-instance-in-auto-scaling-group",
            "--instance-id",
            case.instance.as_str(),
            "--no-should-decrement-desired-capacity",
        ]);
    Some(match had_them {
        // The event names the attachment, not the instance.
        true => finding
            .say("To see who detached interfaces since then:")
            .who_called(&Call {
                action: "DetachNetworkInterface",
                after: case.execution().and_then(|it| Some(it.stopped? / 1_000)),
                before: Some(case.now),
                ..Call::default()
            }),
        false => finding,
    })
}

/// A node in this state without an interface of these networks.
fn lacks(case: &Case, state: &str, networks: &[&str]) -> Finding {
    let networks = networks.join(", ");
    Finding::new(
        Kind::NodeLacksInterfaces,
        format!(
            "{} is {state} and has no interface of {networks}.",
            case.instance
        ),
    )
    .of_group(case.group_name())
}

/// Whether a node was there before its profile retired, and nothing of it is left to do.
fn is_older(case: &Case) -> bool {
    is_retired(case) && case.execution().is_none()
}

/// A node on standby without all its interfaces: neither reconcile nor `adopt` looks at it until it
/// is back.
fn lacks_interfaces_on_standby(case: &Case) -> Option<Finding> {
    let missing = case.networks_without_interface();
    let on_standby = case.lifecycle_state() == Some("Standby");
    if !on_standby || missing.is_empty() || case.runs() || is_retired(case) {
        return None;
    }
    let finding = lacks(case, "on standby", &missing)
        .shown_by("Neither reconcile nor adopt looks at an instance on standby.");
    let finding = with_those_on_others(finding, case, &missing)
        .say("Keep pods off the node (kubectl cordon), and put it back into service:")
        .run([
            "aws",
            "autoscaling",
            "exit-standby",
            "--auto-scaling-group-name",
            case.group_name(),
            "--instance-ids",
            case.instance.as_str(),
        ]);
    let finding = finding.say("Then adopt it:");
    Some(finding.run(["hookline", "adopt", case.instance.as_str(), "--yes"]))
}

/// The finding with each interface of these networks that was created for the instance and is on
/// another one, and the command that detaches it there.
fn with_those_on_others(finding: Finding, case: &Case, networks: &[&str]) -> Finding {
    let others = wired::on_others(case, networks).into_iter();
    others.fold(finding, |finding, (words, attachment)| {
        finding
            .shown_by(words)
            .say("Detach it there, if no pod of that node uses it:")
            .run([
                "aws",
                "ec2",
                "detach-network-interface",
                "--attachment-id",
                &attachment,
            ])
    })
}

/// Unattached interfaces of a launch that no execution works on.
fn left(case: &Case) -> Option<Finding> {
    if case.runs() || case.waits() {
        return None;
    }
    let left: Vec<&str> = case
        .created()
        .filter(|interface| interface.status == "available")
        .map(|interface| interface.id.as_str())
        .collect();
    left.first()?;
    let finding = Finding::new(
        Kind::InterfacesLeft,
        format!(
            "{} of the launch left unattached: {}.",
            count(left.len(), "interface is", "interfaces are"),
            list(&left, 5)
        ),
    )
    .about(&left);
    Some(
        match case.deployment.rounds() {
            Some((limits, every)) => finding.say(format!(
                "Reconcile marks them in a round, and deletes them {} later{}. To delete them now:",
                duration(limits.orphaned_seconds),
                every.map_or_else(String::new, |every| format!(
                    " (it runs every {})",
                    duration(every)
                ))
            )),
            None => finding.say("No round of reconcile deletes them. To delete them:"),
        }
        .run(["hookline", "release", case.instance.as_str(), "--yes"]),
    )
}

#[cfg(test)]
#[path = "causes_tests.rs"]
mod tests;
