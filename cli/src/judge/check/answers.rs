//! Who answers the launches of the groups: rules, hooks, and nobody twice.

use std::collections::BTreeSet;

use hookline_domain::profile::Profile;
use hookline_domain::reconcile::ProfileInput;

use super::LISTED;
use crate::judge::words::list;
use crate::judge::{Finding, Kind, Remedy, hooks, rules};
use crate::observed::account::Account;
use crate::observed::deployment::{Deployment, Reconcile};
use crate::observed::group::{Group, Hook};
use crate::observed::rule::Rule;

/// Auto Scaling's limits of a wait at a hook: 100 heartbeat timeouts, and 48 hours (API Reference,
/// PutLifecycleHook).
const MAX_HEARTBEATS: i64 = 100;
const MAX_WAIT: i64 = 48 * 3_600;

pub(super) fn findings(account: &Account) -> Vec<Finding> {
    let mut found = Vec::new();
    for group in &account.groups {
        let covering: Vec<&ProfileInput> = account
            .profiles
            .iter()
            .filter(|input| input.profile.selector.covers(&group.name, &group.tags))
            .collect();
        for input in &covering {
            found.extend(of_rules(account, group, input));
            found.extend(answered_twice(account, group, &input.profile));
        }
        if let Some(hooks) = account.hooks_of(group) {
            found.extend(of_hooks(account, group, hooks, &covering));
        }
    }
    if account.deployed {
        let reconcile = account.deployment.iter();
        let reconcile = reconcile.flat_map(rules::reconcile_findings);
        found.extend(reconcile.map(|finding| finding.at("the schedule of reconcile")));
        found.extend(account.deployment.iter().flat_map(reconcile_differs));
    }
    found
}

/// Why the launches of a group start no execution. Before a deployment, its rules need not be there
/// yet; a rule that is there and disabled stays so.
fn of_rules(account: &Account, group: &Group, input: &ProfileInput) -> Vec<Finding> {
    let Some(deployment) = &account.deployment else {
        return Vec::new();
    };
    let hook = &input.profile.hook.name;
    let mut found = rules::findings(deployment, &group.name, hook, Some(input));
    if !account.deployed {
        found.retain(|finding| finding.kind != Kind::NoRule);
        let without = |it: &&mut Finding| it.kind == Kind::RuleWithoutTarget;
        for finding in found.iter_mut().filter(without) {
            // The command would put a profile that is not deployed.
            finding.remedy.clear();
            finding.remedy.push(Remedy::say(
                "Put the target back with the profile that is deployed: `hookline check` without a file gives the command.",
            ));
        }
    }
    let place = format!(
        "the event pattern's launches of {} at the hook {hook}",
        group.name
    );
    found
        .into_iter()
        .map(|finding| finding.at(&place))
        .collect()
}

fn of_hooks(
    account: &Account,
    group: &Group,
    hooks: &[Hook],
    covering: &[&ProfileInput],
) -> Vec<Finding> {
    let profiles: Vec<&Profile> = covering.iter().map(|input| &input.profile).collect();
    let deployment = account.deployment.as_ref();
    let expected = account.expected_hooks();
    let mut found = hooks::findings(group, hooks, &profiles, deployment, &expected, &[]);
    if !account.deployed {
        // The stack puts it.
        let is_put = profiles.iter().any(|profile| {
            let mut to_be_put = account.to_be_put.iter();
            to_be_put.any(|(name, of)| {
                *name == profile.name && of.as_ref().is_none_or(|of| *of == group.name)
            })
        });
        found.retain(|finding| !(is_put && finding.kind == Kind::HookMissing));
    }
    let seconds = account
        .machine
        .as_ref()
        .and_then(|machine| machine.timeout_seconds);
    let ours = |hook: &&Hook| {
        let mut profiles = profiles.iter();
        profiles.any(|profile| profile.hook.complete && profile.hook.name == hook.name)
    };
    for hook in hooks.iter().filter(ours) {
        let Some(finding) = seconds.and_then(|seconds| ends_first(group, hook, seconds)) else {
            continue;
        };
        // A timeout that is too short for other reasons too is one finding.
        let known = found
            .iter_mut()
            .find(|known| known.kind == Kind::HookUnsafe && known.problem.contains(&hook.name));
        match known {
            Some(known) => known.evidence.push(finding.problem),
            None => found.push(finding),
        }
    }
    let place = format!("the launch hooks of {}", group.name);
    found
        .into_iter()
        .map(|finding| finding.at(&place))
        .collect()
}

/// A hook that ends whatever heartbeats it gets, before an execution must have ended.
fn ends_first(group: &Group, hook: &Hook, execution: i64) -> Option<Finding> {
    let longest = hook
        .heartbeat_seconds
        .saturating_mul(MAX_HEARTBEATS)
        .min(MAX_WAIT);
    (longest <= execution).then(|| {
        Finding::new(
            Kind::HookUnsafe,
            format!(
                "Auto Scaling ends the wait at the hook {} after {longest} s, and an execution may take {execution} s.",
                hook.name
            ),
        )
        .of_group(&group.name)
        .say("Put the hook with a heartbeat timeout of 1800 s (docs/operations/hook.md).")
    })
}

/// Other profiles and rules that start executions for the launches of a group at a profile's hook.
fn answered_twice(account: &Account, group: &Group, profile: &Profile) -> Vec<Finding> {
    let hook = &profile.hook.name;
    let mut found = Vec::new();
    let answers = |other: &Profile| {
        other.name != profile.name
            && other.hook.name == *hook
            && other.selector.covers(&group.name, &group.tags)
    };
    // One that only reconcile has is told as that.
    let of_rules = account.deployment.iter().flat_map(|it| &it.of_rules);
    let of_rules = of_rules.map(|(_, input)| input);
    let is_of = |input: &ProfileInput, name: &str| input.profile.name == name;
    let checked: Vec<&ProfileInput> = account
        .profiles
        .iter()
        .filter(|input| {
            let mut of_rules = of_rules.clone();
            !account.deployed || of_rules.any(|other| is_of(other, &input.profile.name))
        })
        .collect();
    if !checked.iter().any(|input| is_of(input, &profile.name)) {
        return found;
    }
    // Those of the file, and those that are deployed and not in it.
    let deployed = of_rules.filter(|input| {
        let mut own = account.profiles.iter();
        !own.any(|own| own.profile.name == input.profile.name)
    });
    let others: Vec<&str> = checked
        .into_iter()
        .chain(deployed)
        .map(|input| &input.profile)
        .filter(|other| answers(other))
        .map(|other| other.name.as_str())
        .collect();
    found.extend(twice_by_profiles(group, profile, &others));
    let own = account.deployment.iter();
    let own: Vec<&Rule> = own.flat_map(|it| reacting(it, group, hook)).collect();
    // Two rules of two profiles are told above.
    if own.len() > 1 && others.is_empty() {
        found.push(keep_one(group, hook, &own));
    }
    let foreign: Vec<String> = account
        .others
        .iter()
        .filter(|rule| rule.enabled && rule.lets_through(&group.name, hook))
        .filter_map(|rule| starts_executions(rule, hook))
        .collect();
    if !foreign.is_empty() {
        let rules: Vec<&str> = foreign.iter().map(String::as_str).collect();
        found.push(twice_by_rules(group, hook, &rules).say(
            "Let one deployment, or one program, answer the hook: correct the selector of the others.",
        ));
    }
    found
}

/// The enabled rules of a deployment that start its executions for the launches of a group at a
/// hook. One whose profile selects by tags matches the launches of every group, and its executions
/// ignore those of others.
fn reacting<'a>(
    deployment: &'a Deployment,
    group: &'a Group,
    hook: &'a str,
) -> impl Iterator<Item = &'a Rule> {
    let rules = deployment.rules.iter().filter(move |rule| {
        rule.enabled && rule.lets_through(&group.name, hook) && !rule.cannot_tell(&group.name, hook)
    });
    let covers = |rule: &&Rule| {
        let of_rule = deployment
            .of_rules
            .iter()
            .filter(|(name, _)| *name == rule.name);
        let mut selectors = of_rule.map(|(_, input)| &input.profile.selector).peekable();
        // Without a profile that can be read, it counts too.
        selectors.peek().is_none() || selectors.any(|it| it.covers(&group.name, &group.tags))
    };
    rules
        .filter(|rule| rule.targets_of(&deployment.machine).next().is_some())
        .filter(covers)
}

/// Two profiles or two rules of a deployment that start executions for the launches of a group at
/// the profile's hook.
pub(in crate::judge) fn twice(
    deployment: &Deployment,
    group: &Group,
    profile: &Profile,
) -> Option<Finding> {
    let hook = &profile.hook.name;
    let rules: Vec<&Rule> = reacting(deployment, group, hook).collect();
    let reacts = |name: &str| rules.iter().any(|rule| rule.name == name);
    let of_rules = deployment.of_rules.iter().filter(|(rule, _)| reacts(rule));
    let names: BTreeSet<&str> = of_rules
        .map(|(_, input)| &input.profile)
        .filter(|it| it.selector.covers(&group.name, &group.tags))
        .map(|it| it.name.as_str())
        .collect();
    let others = names.iter().copied().filter(|name| *name != profile.name);
    let others: Vec<&str> = others.collect();
    if !names.contains(profile.name.as_str()) {
        return None;
    }
    match (others.is_empty(), rules.len() > 1) {
        (false, _) => twice_by_profiles(group, profile, &others),
        (true, true) => Some(keep_one(group, hook, &rules)),
        (true, false) => None,
    }
}

/// Profiles that answer the same hook of a group. They are told once, by the first name.
fn twice_by_profiles(group: &Group, profile: &Profile, others: &[&str]) -> Option<Finding> {
    let first = others.iter().min()?;
    (profile.name.as_str() < *first).then(|| {
        Finding::new(
            Kind::HookAnsweredTwice,
            format!(
                "The profiles {} and {} answer the hook {} of the same group.",
                profile.name,
                list(others, LISTED),
                profile.hook.name
            ),
        )
        .of_group(&group.name)
        .at(format!("selector and hook of the profile {}", profile.name))
        .say("Let one profile select the group, or give each profile a hook of its own.")
    })
}

/// Rules of this deployment for one hook, of which one must stay: that of a stack.
fn keep_one(group: &Group, hook: &str, own: &[&Rule]) -> Finding {
    let names: Vec<&str> = own.iter().map(|rule| rule.name.as_str()).collect();
    let finding = twice_by_rules(group, hook, &names);
    let of_stack = own.iter().filter(|rule| rule.is_of_a_stack());
    let [keep] = of_stack.collect::<Vec<_>>()[..] else {
        return finding.say(
            "Find out which of them belongs to the stack, in CloudFormation's list of its resources. Keep that one \
             enabled, and disable the others.",
        );
    };
    let others = names.into_iter().filter(|name| *name != keep.name);
    others.fold(
        finding.say(format!(
            "Keep the rule {}, which the CDK app has made, and disable the others:",
            keep.name
        )),
        |finding, name| finding.run(["aws", "events", "disable-rule", "--name", name]),
    )
}

fn twice_by_rules(group: &Group, hook: &str, rules: &[&str]) -> Finding {
    Finding::new(
        Kind::HookAnsweredTwice,
        format!(
            "More than one rule reacts to the hook {hook} of this group: {}.",
            list(rules, LISTED)
        ),
    )
    .of_group(&group.name)
    .at("the rules of EventBridge's default bus")
}

/// The rule with its target, if that may complete the hook: another deployment's state machine, or
/// anything that runs for this very hook.
fn starts_executions(rule: &Rule, hook: &str) -> Option<String> {
    let names_hook = rule
        .wanted("LifecycleHookName")
        .is_some_and(|wanted| wanted.contains(&hook));
    let target = rule.targets.iter().find(|target| {
        let of_hookline =
            target.arn.contains(":stateMachine:") && Deployment::stack_of(&target.arn).is_some();
        let runs = target.arn.contains(":stateMachine:") || target.arn.contains(":function:");
        of_hookline || (names_hook && runs)
    })?;
    Some(format!("{} with the target {}", rule.name, target.arn))
}

/// Profiles of which the rule and reconcile have different versions. The profiles of a large
/// deployment are split over several targets of reconcile, in several rules.
fn reconcile_differs(deployment: &Deployment) -> Vec<Finding> {
    let mut reconcile: Vec<&str> = deployment
        .reconcile
        .iter()
        .map(|it| it.rule.as_str())
        .collect();
    reconcile.dedup();
    if reconcile.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (rule, input) in &deployment.of_rules {
        let name = &input.profile.name;
        let known: Vec<(&Reconcile, &ProfileInput)> = deployment
            .reconcile
            .iter()
            .flat_map(|it| it.profiles.iter().map(move |other| (it, other)))
            .filter(|(_, other)| other.profile.name == *name)
            .collect();
        let has_it = |(_, other): &(&Reconcile, &ProfileInput)| other.profile == input.profile;
        let (problem, rules) = match known.first() {
            _ if known.iter().any(has_it) => continue,
            Some((reconcile, other)) => (
                format!(
                    "The rule {rule} and reconcile's rule {} have different versions of the profile {name}: {} differ.",
                    reconcile.rule,
                    list(differences(&input.value, &other.value), LISTED)
                ),
                reconcile.rule.clone(),
            ),
            // The rule that has lost its target may have had the profile: that is a finding of its
            // own.
            None if !deployment.reconcile_without_target.is_empty() => continue,
            None => {
                let rules = list(&reconcile, LISTED);
                let (of, do_not) = match reconcile.len() {
                    1 => ("reconcile's rule", "does not"),
                    _ => ("reconcile's rules", "do not"),
                };
                (
                    format!("The rule {rule} has the profile {name}, and {of} {rules} {do_not}."),
                    rules,
                )
            }
        };
        found.push(
            Finding::new(Kind::ReconcileDiffers, problem)
                .at(format!("the input templates of the rules {rule} and {rules}"))
                .say("Deploy the configuration again. If a rule was changed by hand, put the same profile into both."),
        );
    }
    found
}

/// The fields of two profiles that differ.
fn differences(one: &serde_json::Value, other: &serde_json::Value) -> Vec<String> {
    let fields = |value: &serde_json::Value| value.as_object().cloned().unwrap_or_default();
    let (one, other) = (fields(one), fields(other));
    let mut names: Vec<&String> = one.keys().chain(other.keys()).collect();
    names.sort();
    names.dedup();
    names
        .into_iter()
        .filter(|name| one.get(*name) != other.get(*name))
        .cloned()
        .collect()
}
