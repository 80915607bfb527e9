//! Gathers all that is observed of a launch: its executions, its group, and what its profile needs.

mod executions;

use std::collections::{BTreeMap, BTreeSet};

use hookline_domain::ids::SubnetId;
use hookline_domain::profile::Profile;
use hookline_domain::reconcile::ProfileInput;
use tokio::task::JoinSet;

use crate::aws::{self, Aws};
use crate::error::{Error, Result};
use crate::judge::replay::profile_has_changed;
use crate::locate::{Known, not_found};
use crate::observe::{GROUP_TAG, describe, now};
use crate::observed::account::Reservation;
use crate::observed::case::{Case, Replacement};
use crate::observed::deployment::Deployment;
use crate::observed::execution::Execution;

use executions::Search;

/// How many executions are looked at for the profile of a group whose rule has no target.
const FOR_PROFILE: usize = 5;

/// Gathers what is observed of a launch.
///
/// # Errors
/// Returns why a call failed, or [`Error::NotFound`] if nothing is known of the instance.
pub(crate) async fn case(aws: &Aws, deployment: Deployment, known: Known) -> Result<Case> {
    gather(aws, deployment, known, Search::UntilFound).await
}

/// The same, with every execution for the launch that runs, or how many are not known.
///
/// # Errors
/// Those of [`case`].
pub(crate) async fn case_with_all_running(
    aws: &Aws,
    deployment: Deployment,
    known: Known,
) -> Result<Case> {
    gather(aws, deployment, known, Search::AllRunning).await
}

/// Looks for executions that run for the launch and were not looked at, and returns whether there
/// are any: then the newest one tells another story, and the launch must be gathered anew.
///
/// # Errors
/// Returns why a call failed.
pub(crate) async fn finds_running(aws: &Aws, case: &mut Case) -> Result<bool> {
    executions::add_running(aws, case).await
}

async fn gather(aws: &Aws, deployment: Deployment, known: Known, search: Search) -> Result<Case> {
    let Known {
        instance,
        seen,
        execution,
        ..
    } = known;
    let mut case = Case::new(now(), deployment, instance, seen);
    let of_tag = case
        .seen
        .as_ref()
        .and_then(|seen| seen.instance.tags.get(GROUP_TAG).cloned());
    let mut group = of_tag.or_else(|| execution.as_ref().and_then(Execution::group));
    // Of an instance that EC2 has forgotten, the activities of all groups tell the launch.
    case.activities = aws.activities(group.as_deref()).await?;
    if group.is_none() {
        group = case.activity().map(|activity| activity.group.clone());
    }
    let began = case
        .seen
        .as_ref()
        .map(|seen| seen.instance.launched_at)
        .or_else(|| case.activity().map(|activity| activity.started))
        // One that leaves a warm pool of running instances was launched long before.
        .max(case.launch_in_progress().map(|activity| activity.started));
    executions::find(aws, &mut case, began, execution, search).await?;
    if case.seen.is_none() && case.executions.is_empty() && case.activity().is_none() {
        return Err(not_found(aws, case.instance.as_str()));
    }
    group = group.or_else(|| case.execution().and_then(Execution::group));
    if let Some(arn) = case.execution().map(|execution| execution.arn.clone()) {
        case.history = aws.history(&arn).await?.0;
    }
    if let Some(group) = group {
        let (groups, hooks) = tokio::join!(
            aws.groups(Some(std::slice::from_ref(&group))),
            aws.hooks(&group)
        );
        case.group = groups?.pop();
        // A group that is gone has no hooks, and asking for them is an error.
        match &mut case.group {
            Some(found) => {
                let hooks = hooks?;
                found.ending_hooks = hooks.ending;
                case.hooks = hooks.launch;
            }
            None => case.gone_group = Some(group),
        }
        case.in_pool = in_pool(aws, &case).await?;
    }
    case.input = profile(aws, &case).await?;
    network(aws, &mut case).await?;
    case.replacement = replacement(aws, &case).await?;
    case.now = now();
    Ok(case)
}

/// The lifecycle state of the instance in the warm pool of its group. Asked only of a group that
/// has one and does not list the instance.
async fn in_pool(aws: &Aws, case: &Case) -> Result<Option<String>> {
    let has_warm_pool = case.group.as_ref().is_some_and(|group| group.has_warm_pool);
    if !has_warm_pool || case.lifecycle_state().is_some() {
        return Ok(None);
    }
    let members = aws.members(std::slice::from_ref(&case.instance)).await?;
    Ok(members
        .into_iter()
        .next()
        .map(|(_, member)| member.lifecycle_state))
}

/// The profile that the first execution was given; else the one that covers the instance; else that
/// of an earlier execution of the group.
async fn profile(aws: &Aws, case: &Case) -> Result<Option<ProfileInput>> {
    let read = |execution: &Execution| {
        let value = execution.profile()?;
        let profile = Profile::read(value.clone()).ok()?;
        Some(ProfileInput { value, profile })
    };
    if let Some(input) = case.execution().and_then(read) {
        return Ok(Some(input));
    }
    if let Some(input) = case.deployed_profile() {
        return Ok(Some(input.clone()));
    }
    let group = case.group_name();
    if group.is_empty() {
        return Ok(None);
    }
    let (listed, _) = aws.executions(&case.deployment.machine, None).await?;
    let newest = listed
        .into_iter()
        .take(FOR_PROFILE)
        .map(|execution| execution.arn);
    let described = describe(aws, newest.collect()).await?;
    let mut of_group = described
        .iter()
        .filter(|execution| execution.group().as_deref() == Some(group));
    Ok(of_group.find_map(read))
}

/// The newest launch of the group that waits, if the instance does not run: what was in the way
/// there may be in the way here too, and can still be seen.
async fn replacement(aws: &Aws, case: &Case) -> Result<Option<Replacement>> {
    let runs = case
        .seen
        .as_ref()
        .is_some_and(|seen| seen.instance.is_running());
    let waiting = case.group.iter().flat_map(|group| group.waiting());
    let ids: Vec<String> = waiting.map(ToString::to_string).collect();
    if runs || ids.is_empty() {
        return Ok(None);
    }
    let seen = aws.instances("instance-id", &ids).await?;
    let Some(seen) = seen
        .into_iter()
        .max_by_key(|seen| seen.instance.launched_at)
    else {
        return Ok(None);
    };
    let id = [seen.instance.id.to_string()];
    let interfaces = aws.interfaces(&[("attachment.instance-id", &id)]).await?;
    Ok(Some(Replacement { seen, interfaces }))
}

/// Looks at what the profile needs: subnets, addresses, security groups, room on the instance.
async fn network(aws: &Aws, case: &mut Case) -> Result<()> {
    let id = [case.instance.to_string()];
    let attached = [("attachment.instance-id", &id[..])];
    let created = [(CREATED_FOR, &id[..])];
    let (attached, created) =
        tokio::try_join!(aws.interfaces(&attached), aws.interfaces(&created))?;
    let known: BTreeSet<_> = attached
        .iter()
        .map(|seen| seen.interface.id.clone())
        .collect();
    let created = created
        .into_iter()
        .filter(|seen| !known.contains(&seen.interface.id));
    case.interfaces = attached.into_iter().chain(created).collect();
    let Some(profile) = case.profile().cloned() else {
        return Ok(());
    };
    // A cause that the deployed profile does not have any more is told so.
    let deployed = case
        .deployed_profile()
        .filter(|_| profile_has_changed(case));
    let deployed = deployed.map(|it| it.profile.clone());
    let profiles = || std::iter::once(&profile).chain(&deployed);
    let groups: BTreeSet<_> = profiles()
        .flat_map(|profile| {
            profile
                .slots
                .iter()
                .flat_map(|slot| profile.security_groups(slot))
        })
        .cloned()
        .collect();
    let ids: BTreeSet<_> = profiles().flat_map(|it| it.subnet_ids()).collect();
    let ids = Vec::from_iter(ids);
    let instance_type = case.instance_type();
    let limits = async {
        match &instance_type {
            Some(instance_type) => aws.limits(instance_type).await,
            None => Ok(None),
        }
    };
    let (subnets, groups, limits) =
        tokio::try_join!(aws.subnets(&ids), aws.security_groups(&groups), limits)?;
    (case.subnets, case.limits, case.security_groups) = (subnets, limits, groups);
    let wanting = case.networks_without_interface();
    let zone = case.zone();
    let here: Vec<SubnetId> = case
        .subnets
        .iter()
        .map(|seen| &seen.subnet)
        .filter(|subnet| Some(&subnet.availability_zone) == zone.as_ref())
        .filter(|subnet| {
            let slots = profile
                .slots
                .iter()
                .filter(|slot| wanting.contains(&slot.network.as_str()));
            let mut slots = slots.chain(deployed.iter().flat_map(|it| &it.slots));
            slots.any(|slot| slot.subnet_ids.contains(&subnet.id))
        })
        .map(|subnet| subnet.id.clone())
        .collect();
    if here.is_empty() {
        return Ok(());
    }
    let ids: Vec<String> = here.iter().map(ToString::to_string).collect();
    let filters = [("subnet-id", &ids[..])];
    let (interfaces, reservations) = tokio::try_join!(
        async { Ok(aws.interfaces(&filters).await?) },
        reservations(aws, &here)
    )?;
    (case.in_subnets, case.reservations) = (interfaces, reservations);
    Ok(())
}

/// The filter for interfaces by the instance that Hookline created them for.
const CREATED_FOR: &str = "tag:hookline:instance-id";

async fn reservations(
    aws: &Aws,
    subnets: &[SubnetId],
) -> Result<BTreeMap<SubnetId, Vec<Reservation>>> {
    let mut calls = JoinSet::new();
    for subnet in subnets {
        let (aws, subnet) = (aws.clone(), subnet.clone());
        calls.spawn(
            async move { Ok::<_, aws::Error>((aws.cidr_reservations(&subnet).await?, subnet)) },
        );
    }
    let mut found = BTreeMap::new();
    while let Some(done) = calls.join_next().await {
        let (ranges, subnet) = done.map_err(Error::of_task)??;
        found.insert(subnet, ranges);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use hookline_domain::tags::own;

    use super::*;

    #[test]
    fn filter_has_the_tag_of_the_domain() {
        assert_eq!(CREATED_FOR, format!("tag:{}", own::INSTANCE_ID));
    }
}
