//! All that is wrong with a deployment, as `status` shows it.

use super::interfaces::{self, Leaked};
use super::{Finding, Kind, hooks, launches, rules};
use crate::observed::fleet::Fleet;
use crate::observed::group::Group;

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

/// All that is wrong, with these interfaces that no launch needs: with the deployment, then with each group, then what is left behind.
pub(crate) fn with_leaked(fleet: &Fleet, leaked: &[Leaked]) -> Vec<Finding> {
    let deployment = &fleet.deployment;
    let mut found = rules::unreadable(deployment);
    found.extend(missing_groups(fleet));
    for group in &fleet.groups {
        found.extend(of_group(fleet, group));
    }
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
    found.extend(hooks::findings(
        group, hooks, &profiles, deployment, &expected,
    ));
    found.extend(launches::findings(fleet, group));
    found.extend(interfaces::nodes_that_lack(fleet, group));
    found
}

/// Groups that a profile or a rule names and that do not exist.
fn missing_groups(fleet: &Fleet) -> Vec<Finding> {
    let named = fleet.deployment.active_groups().into_iter();
    let missing = named.filter(|name| !fleet.groups.iter().any(|group| group.name == *name));
    missing
        .map(|name| {
            Finding::new(
                Kind::GroupMissing,
                format!("There is no Auto Scaling group {name}."),
            )
            .of_group(&name)
            .say("Correct the profile's selector, or create the group with its hook.")
        })
        .collect()
}

#[cfg(test)]
#[path = "trouble_tests.rs"]
mod tests;
