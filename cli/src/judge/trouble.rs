//! All that is wrong with a deployment, as `status` shows it.

use hookline_domain::ids::InstanceId;
use hookline_domain::profile::Selector;
use hookline_domain::tags::own;

use super::check::answers;
use super::interfaces::{self, Leaked};
use super::words::{count, list};
use super::{Finding, Kind, hooks, launches, rules};
use crate::observed::deployment::Deployment;
use crate::observed::fleet::Fleet;
use crate::observed::group::{Group, Hook};
use crate::observed::rule::Rule;
use crate::observed::uncovered::Uncovered;

/// All that is wrong with a deployment.
pub(crate) fn of(fleet: &Fleet) -> Vec<Finding> {
    with_leaked(fleet, &leaked(fleet))
}

/// The interfaces that no launch needs.
pub(crate) fn leaked(fleet: &Fleet) -> Vec<Leaked> {
    let mut in_progress = fleet.in_progress();
    // The interfaces of a launch that waits are not left yet, whatever became of its execution.
    in_progress.extend(fleet.groups.iter().flat_map(Group::waiting).cloned());
    in_progress.extend(fleet.entering_pools.iter().cloned());
    interfaces::leaked(fleet, &in_progress)
}

/// All that is wrong, with these interfaces that no launch needs: with the deployment, then with
/// each group, then what is left behind.
pub(crate) fn with_leaked(fleet: &Fleet, leaked: &[Leaked]) -> Vec<Finding> {
    let deployment = &fleet.deployment;
    let mut found = rules::unreadable(deployment);
    found.extend(missing_groups(fleet));
    for group in &fleet.groups {
        found.extend(of_group(fleet, group));
    }
    found.extend(uncovered(deployment, &fleet.uncovered.groups));
    found.extend(interfaces::interfaces_left(
        leaked,
        fleet.running_for_unknown(),
    ));
    found.extend(rules::reconcile_findings(deployment));
    found
}

/// What is wrong with a group.
pub(crate) fn of_group(fleet: &Fleet, group: &Group) -> Vec<Finding> {
    let covering: Vec<_> = fleet.profiles_of(group).collect();
    // No launch begins with a retired profile, so it needs neither a rule nor a hook.
    let active = covering.iter().copied();
    let inputs: Vec<_> = active
        .filter(|input| !fleet.deployment.is_retired(input))
        .collect();
    let profiles: Vec<_> = inputs.iter().map(|input| &input.profile).collect();
    let mut found = Vec::new();
    for input in &inputs {
        let hook = &input.profile.hook.name;
        found.extend(rules::findings(
            &fleet.deployment,
            &group.name,
            hook,
            Some(input),
        ));
        found.extend(answers::twice(&fleet.deployment, group, &input.profile));
    }
    if covering.is_empty() {
        // Only a rule without a target names the group.
        for hook in fleet.hooks_of(group) {
            found.extend(rules::findings(
                &fleet.deployment,
                &group.name,
                &hook.name,
                None,
            ));
        }
    }
    let hooks = fleet.hooks_of(group);
    let deployment = Some(&fleet.deployment);
    let expected = fleet.deployment.expected_hooks();
    let wired = wired(fleet, group);
    found.extend(hooks::findings(
        group, hooks, &profiles, deployment, &expected, &wired,
    ));
    found.extend(launches::findings(fleet, group));
    found.extend(interfaces::nodes_that_lack(fleet, group));
    found
}

/// Groups that no profile covers, and whose launches wait at a hook that one completes: nobody
/// answers them. Another hook is somebody else's, such as that of EKS, and a group may be of another
/// deployment.
pub(super) fn uncovered(deployment: &Deployment, groups: &[(Group, Vec<Hook>)]) -> Vec<Finding> {
    let is_ours = |group: &str, hook: &Hook| {
        let mut active = deployment.active();
        // Of another deployment, whether or not its rule works now.
        let answers = |rule: &Rule| {
            let works = rule.enabled && !rule.targets.is_empty();
            (works || rule.of_another) && rule.lets_through(group, &hook.name)
        };
        active.any(|input| input.profile.hook.complete && input.profile.hook.name == hook.name)
            && !deployment.elsewhere.iter().any(answers)
    };
    let mut found = Vec::new();
    for (group, hooks) in groups {
        if hooks.iter().any(|hook| is_ours(&group.name, hook)) {
            let of_group = hooks::of_uncovered(deployment, &group.name, hooks).into_iter();
            let waiting: Vec<&InstanceId> = group.waiting().collect();
            found.extend(of_group.map(|finding| {
                finding
                    .of_group(&group.name)
                    .shown_by(format!(
                        "{} now, at this hook or at another.",
                        count(waiting.len(), "launch waits", "launches wait")
                    ))
                    .about(&waiting)
            }));
        }
    }
    found
}

/// What was not looked at of the groups that no profile covers, in words.
pub(crate) fn not_looked_at(uncovered: &Uncovered) -> Vec<String> {
    let names = &uncovered.not_looked_at;
    let hooks = (!names.is_empty()).then(|| {
        format!(
            "Launches wait in groups that no profile covers, and it was not looked at which hooks: {}. `hookline explain GROUP` \
             does.",
            list(names, 5)
        )
    });
    let groups = uncovered.listed_of_more.map(|listed| {
        let than = match listed {
            0 => "Auto Scaling groups that were not".to_owned(),
            _ => format!("more Auto Scaling groups than the {listed} that were"),
        };
        format!(
            "The Region has {than} looked at for launches that wait at a hook which nobody answers. `hookline explain GROUP` \
             looks at one."
        )
    });
    let failed = uncovered.failed.as_ref();
    let failed =
        failed.map(|why| format!("The look at groups that no profile covers broke off: {why}"));
    hooks.into_iter().chain(groups).chain(failed).collect()
}

/// The launches that wait although their execution has sent CONTINUE, as their tags say. An
/// instance out of a warm pool may have the tag of its launch into the pool.
fn wired<'a>(fleet: &Fleet, group: &'a Group) -> Vec<&'a InstanceId> {
    let has_sent = |instance: &&InstanceId| {
        let seen = fleet.instances.get(*instance);
        let verdict = seen.and_then(|seen| seen.instance.tags.get(own::VERDICT));
        verdict.is_some_and(|it| it == "CONTINUE")
    };
    let waiting = group.waiting().filter(|_| !group.has_warm_pool);
    waiting.filter(has_sent).collect()
}

/// Groups that a profile or a rule names and that do not exist, and profiles whose tags no group
/// gives.
fn missing_groups(fleet: &Fleet) -> Vec<Finding> {
    let named = fleet.deployment.active_groups().into_iter();
    let missing = named.filter(|name| !fleet.groups.iter().any(|group| group.name == *name));
    let mut found: Vec<Finding> = missing
        .map(|name| {
            Finding::new(
                Kind::GroupMissing,
                format!("There is no Auto Scaling group {name}."),
            )
            .of_group(&name)
            .say("Correct the profile's selector, or create the group with its hook.")
        })
        .collect();
    for input in fleet.deployment.active() {
        let selector = &input.profile.selector;
        let covers = |group: &Group| {
            let mut covering = fleet.profiles_of(group);
            covering.any(|it| it.profile == input.profile)
        };
        if selector.is_by_tag() && !fleet.groups.iter().any(covers) {
            let place = format!("selector of the profile {}", input.profile.name);
            found.push(no_group_with_tags(selector).at(place));
        }
    }
    found
}

/// A selector whose tags no group gives to its instances.
pub(super) fn no_group_with_tags(selector: &Selector) -> Finding {
    let tags = selector.tags().iter();
    let tags: Vec<String> = tags
        .map(|tag| match &tag.value {
            Some(value) => format!("{} with the value {value}", tag.key),
            None => tag.key.clone(),
        })
        .collect();
    Finding::new(
        Kind::GroupMissing,
        format!(
            "No Auto Scaling group gives its instances the tag {}.",
            tags.join(" and the tag ")
        ),
    )
    .say("Put the tag on the group with PropagateAtLaunch, or correct the selector.")
}

#[cfg(test)]
#[path = "trouble_tests.rs"]
mod tests;
