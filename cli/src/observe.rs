//! Makes the calls of `status`, and of `explain` for a group: as few as they can be, and several at
//! once.

mod throttled;
mod uncovered;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use hookline_domain::deployment::Deployment as Name;
use hookline_domain::ids::InstanceId;
use hookline_domain::instance::Instance;
use hookline_domain::profile::{Selector, TagSelector};
use hookline_domain::reconcile::orphans;
use hookline_domain::tags::own;
use tokio::task::JoinSet;

use crate::aws::{self, Aws, MAX_IDS};
use crate::error::{Error, Result};
use crate::observed::deployment::Deployment;
use crate::observed::execution::{Execution, ListedExecution};
use crate::observed::fleet::Fleet;
use crate::observed::group::{Activity, Group, Hooks, Member};
use crate::observed::network::{SeenInstance, SeenInterface, created_for};
use crate::observed::uncovered::Uncovered;

pub(crate) use throttled::throttled;
pub(crate) use uncovered::{Others, uncovered};

/// The most calls of a look at a deployment with few groups. With that for throttled calls,
/// `status` makes 20.
pub(crate) const MAX_CALLS: usize = 19;
/// The least executions that are described, so that there is a reason for a failure.
const MIN_DESCRIBED: usize = 2;
/// The most executions that a search describes.
pub(crate) const MAX_DESCRIBED: usize = 300;
/// How many executions are described, or their histories read, at once.
pub(crate) const AT_ONCE: usize = 10;
/// Up to so many groups have a call each for their activities. With more, one call is for all
/// groups of the Region.
const GROUPS_WITH_OWN_ACTIVITIES: usize = 3;
/// The most pages of activities of a look at a scale-out: those of 1,000 launches.
const MAX_ACTIVITY_PAGES: usize = 10;
/// The most of the newest instances that run beside a group that are looked up for its warm pool.
const MAX_NEWEST_OF_POOLS: usize = 200;
/// How far back an execution or a launch that failed still matters, in seconds.
const RECENT: i64 = 3_600;

/// The time, in seconds since the epoch.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Looks at a deployment.
///
/// # Errors
/// Returns why a call failed.
pub(crate) async fn fleet(aws: &Aws, deployment: Deployment) -> Result<Fleet> {
    look_at(aws, deployment, Look::Whole).await
}

/// Looks at a scale-out: the same, with the launches of the last hour, also where a hundred are
/// under way.
///
/// # Errors
/// Returns why a call failed.
pub(crate) async fn scale_out(aws: &Aws, deployment: Deployment) -> Result<Fleet> {
    look_at(aws, deployment, Look::ScaleOut).await
}

/// Looks at a deployment for the sake of one of its groups: at no group that is not its own.
///
/// # Errors
/// Returns why a call failed.
pub(crate) async fn of_group(aws: &Aws, deployment: Deployment) -> Result<Fleet> {
    look_at(aws, deployment, Look::OfGroup).await
}

/// What a look is for: how many pages of activities it reads, where the launches of the last hour need
/// several, and how far it lists the groups of the Region, where no profile selects by tags.
#[derive(Clone, Copy, Debug)]
enum Look {
    /// `status`: as many as leave [`MAX_CALLS`] enough for the rest of the look, and groups with what
    /// is left then.
    Whole,
    /// `status --watch`, which looks again and again while launches need the account's calls: up to
    /// [`MAX_ACTIVITY_PAGES`] of each group, beside [`MAX_CALLS`], and one page of groups.
    ScaleOut,
    /// `explain GROUP`: as `status`, and no group of the Region.
    OfGroup,
}

async fn look_at(aws: &Aws, deployment: Deployment, look: Look) -> Result<Fleet> {
    let names = deployment.named_groups();
    let tag = [own::INSTANCE_ID.to_owned()];
    let filters = [("tag-key", &tag[..])];
    let (instances, interfaces, (listed, _)) = tokio::try_join!(
        instances(aws, &deployment, &names),
        aws.interfaces(&filters),
        aws.executions(&deployment.machine, None),
    )?;
    let (mut groups, mut others) = groups(aws, &deployment, &names, &instances, look).await?;
    let name = deployment.name(&interfaces);
    let interfaces = of_deployment(&name, interfaces);
    let of_activities = match groups.len() > GROUPS_WITH_OWN_ACTIVITIES {
        true => vec![None],
        false => groups.iter().map(|it| Some(it.name.as_str())).collect(),
    };
    let most = match look {
        // A page for each, the hooks of each group, who enters their pools, and some executions.
        Look::Whole | Look::OfGroup => MAX_CALLS
            .saturating_sub(aws.calls() + groups.len() + calls_of_pools(&groups) + MIN_DESCRIBED)
            .max(of_activities.len()),
        Look::ScaleOut => MAX_ACTIVITY_PAGES * of_activities.len(),
    };
    let before = aws.calls();
    let (activities, all_activities) = activities(aws, &of_activities, most).await?;
    let further = match look {
        Look::Whole | Look::OfGroup => 0,
        Look::ScaleOut => (aws.calls() - before).saturating_sub(of_activities.len()),
    };
    let (hooks, entering) = tokio::try_join!(
        hooks(aws, &groups),
        entering_pools(aws, &groups, &instances, &interfaces)
    )?;
    launching_into_pools(&mut groups, &entering, &activities);
    for group in &mut groups {
        if let Some(hooks) = hooks.get(&group.name) {
            group.ending_hooks.clone_from(&hooks.ending);
        }
    }
    let hooks = hooks.into_iter();
    let hooks = hooks.map(|(name, hooks)| (name, hooks.launch)).collect();
    let mut fleet = Fleet {
        now: now(),
        deployment,
        groups,
        hooks,
        uncovered: Uncovered::default(),
        activities,
        all_activities,
        instances: instances
            .iter()
            .map(|seen| (seen.instance.id.clone(), seen.clone()))
            .collect(),
        entering_pools: entering
            .into_iter()
            .map(|(_, member)| member.instance)
            .collect(),
        interfaces,
        listed,
        described: Vec::new(),
    };
    let most = MAX_CALLS + further;
    let kept = others.calls(&fleet.deployment);
    let budget = most.saturating_sub(aws.calls() + kept);
    let wanted = to_describe(&fleet, budget.max(MIN_DESCRIBED));
    fleet.described = describe(aws, wanted).await?;
    // With what is left: the others of a Region can be many.
    let found = uncovered(aws, &fleet.deployment, others, Some(&instances), most);
    (fleet.uncovered, _) = found.await;
    // What was waited for has happened by then.
    fleet.now = now();
    Ok(fleet)
}

/// Those of these interfaces that this deployment created, or of which no tag says whose they are.
fn of_deployment(name: &Name, mut interfaces: Vec<SeenInterface>) -> Vec<SeenInterface> {
    interfaces.retain(|seen| name.may_use(&seen.interface.tags));
    interfaces
}

/// How many calls look for who enters the warm pools of these groups.
fn calls_of_pools(groups: &[Group]) -> usize {
    match groups.iter().any(|group| group.has_warm_pool) {
        true => MAX_NEWEST_OF_POOLS.div_ceil(MAX_IDS),
        false => 0,
    }
}

/// Those that are on their way into the warm pool of a group, with its name. A group does not list
/// them. They are looked for among the owners of unattached interfaces, which are no leak then, and
/// among the newest instances that run.
async fn entering_pools(
    aws: &Aws,
    groups: &[Group],
    instances: &[SeenInstance],
    interfaces: &[SeenInterface],
) -> Result<Vec<(String, Member)>> {
    let pools: Vec<&String> = groups
        .iter()
        .filter(|group| group.has_warm_pool)
        .map(|group| &group.name)
        .collect();
    if pools.is_empty() {
        return Ok(Vec::new());
    }
    let is_member = |owner: &InstanceId| {
        let mut members = groups.iter().flat_map(|group| &group.members);
        members.any(|member| member.instance == *owner)
    };
    let interfaces = interfaces.iter().map(|seen| &seen.interface);
    let owners: BTreeSet<InstanceId> = interfaces
        .filter(|interface| orphans::may_be_orphaned(interface))
        .filter_map(created_for)
        .filter(|owner| !is_member(owner))
        .collect();
    let mut newest: Vec<&Instance> = instances
        .iter()
        .map(|seen| &seen.instance)
        .filter(|it| {
            let of_pool = it.tags.get(GROUP_TAG).is_some_and(|it| pools.contains(&it));
            // One that is stopped is in the pool.
            of_pool && ["pending", "running"].contains(&it.state.as_str()) && !is_member(&it.id)
        })
        .collect();
    newest.sort_by_key(|it| std::cmp::Reverse(it.launched_at));
    let newest = newest.into_iter().take(MAX_NEWEST_OF_POOLS);
    let asked: BTreeSet<InstanceId> = newest.map(|it| it.id.clone()).chain(owners).collect();
    let asked: Vec<InstanceId> = asked.into_iter().collect();
    let mut found = aws.members(&asked).await?;
    found.retain(|(_, member)| member.is_launching());
    Ok(found)
}

/// Notes on each group who launches into its warm pool: Auto Scaling has an activity for that. Who
/// comes back from the group waits in the same lifecycle state, at a termination hook.
fn launching_into_pools(
    groups: &mut [Group],
    entering: &[(String, Member)],
    activities: &[Activity],
) {
    let launches = |instance: &InstanceId| {
        let mut activities = activities.iter().filter(|it| it.is_launch);
        activities.any(|it| it.ended.is_none() && it.instance.as_ref() == Some(instance))
    };
    for group in groups {
        let here = entering.iter().filter(|(name, _)| *name == group.name);
        let launching = here.filter(|(_, member)| launches(&member.instance));
        group.into_pool = launching.map(|(_, member)| member.clone()).collect();
    }
}

/// The instances that a profile selects.
///
/// # Errors
/// Returns why a call failed.
pub(crate) async fn instances_of(
    aws: &Aws,
    selector: &Selector,
) -> Result<Vec<SeenInstance>, aws::Error> {
    match selector {
        Selector::AutoScalingGroupNames(names) => {
            let names: Vec<String> = names.iter().cloned().collect();
            aws.instances(&format!("tag:{GROUP_TAG}"), &names).await
        }
        Selector::Tag(_) | Selector::Tags(_) => {
            let Some(first) = selector.tags().first() else {
                return Ok(Vec::new());
            };
            let mut found = carrying(aws, first).await?;
            found.retain(|seen| selector.covers("", &seen.instance.tags));
            Ok(found)
        }
    }
}

/// The instances that carry a tag. Of a selector of several, EC2 finds those with the first, and
/// the selector decides about the others.
async fn carrying(aws: &Aws, tag: &TagSelector) -> Result<Vec<SeenInstance>, aws::Error> {
    match &tag.value {
        Some(value) => {
            let values = std::slice::from_ref(value);
            aws.instances(&format!("tag:{}", tag.key), values).await
        }
        None => {
            aws.instances("tag-key", std::slice::from_ref(&tag.key))
                .await
        }
    }
}

/// The instances of the groups that are named, and those that a profile selects by tags.
async fn instances(
    aws: &Aws,
    deployment: &Deployment,
    names: &[String],
) -> Result<Vec<SeenInstance>, aws::Error> {
    let selectors = deployment.profiles.iter().map(|it| &it.profile.selector);
    let mut found = aws.instances(&format!("tag:{GROUP_TAG}"), names).await?;
    let mut asked = BTreeSet::new();
    for tag in selectors.filter_map(|selector| selector.tags().first()) {
        // Profiles may have the first tag in common.
        if asked.insert((&tag.key, &tag.value)) {
            let mut more = carrying(aws, tag).await?;
            more.retain(|seen| deployment.selects("", &seen.instance.tags));
            found.extend(more);
        }
    }
    Ok(found)
}

/// The tag that Auto Scaling puts on its instances (Auto Scaling User Guide, "Tag Auto Scaling
/// groups and instances").
pub(crate) const GROUP_TAG: &str = "aws:autoscaling:groupName";

/// The groups that are named, and those whose instances, or whose tags, a profile selects; and
/// others of the Region, as far as the look is for them: all where a profile selects by tags, else those of
/// a first page.
async fn groups(
    aws: &Aws,
    deployment: &Deployment,
    names: &[String],
    instances: &[SeenInstance],
    look: Look,
) -> Result<(Vec<Group>, Others), aws::Error> {
    if deployment.selects_by_tag() {
        let selected = selected_groups(deployment, instances);
        let groups = aws.groups(None).await?.into_iter();
        let (groups, others) = groups
            .partition(|group| deployment.covers(group) || selected.contains(group.name.as_str()));
        let others = match look {
            Look::Whole | Look::ScaleOut => Others::all(others),
            Look::OfGroup => Others::default(),
        };
        return Ok((groups, others));
    }
    let others = async {
        Ok(match look {
            Look::Whole => Others::first(aws).await,
            Look::ScaleOut => Others::first(aws).await.cut(),
            Look::OfGroup => Others::default(),
        })
    };
    tokio::try_join!(aws.groups(Some(names)), others)
}

/// The groups of the instances that a profile selects by the instance's own tags.
fn selected_groups<'a>(
    deployment: &Deployment,
    instances: &'a [SeenInstance],
) -> BTreeSet<&'a str> {
    let selected = instances.iter().filter_map(|seen| {
        let tags = &seen.instance.tags;
        let group = tags.get(GROUP_TAG)?;
        deployment.selects(group, tags).then_some(group.as_str())
    });
    selected.collect()
}

/// Whether the deployment prepares instances of a group: a profile or a rule names it, or a profile
/// selects it or one of its instances by tags.
///
/// # Errors
/// Returns why a call failed.
pub(crate) async fn covers(
    aws: &Aws,
    deployment: &Deployment,
    group: &Group,
) -> Result<bool, aws::Error> {
    if deployment.covers(group) {
        return Ok(true);
    }
    if !deployment.selects_by_tag() {
        return Ok(false);
    }
    let name = std::slice::from_ref(&group.name);
    let instances = aws.instances(&format!("tag:{GROUP_TAG}"), name).await?;
    Ok(!selected_groups(deployment, &instances).is_empty())
}

async fn hooks(aws: &Aws, groups: &[Group]) -> Result<BTreeMap<String, Hooks>> {
    let mut calls = JoinSet::new();
    for group in groups {
        let (aws, name) = (aws.clone(), group.name.clone());
        calls.spawn(async move { Ok::<_, Error>((aws.hooks(&name).await?, name)) });
    }
    let mut hooks = BTreeMap::new();
    while let Some(done) = calls.join_next().await {
        let (found, group) = done.map_err(Error::of_task)??;
        hooks.insert(group, found);
    }
    Ok(hooks)
}

/// The newest activities of these groups, or of all, newest first, in at most so many pages; and
/// whether they reach back for an hour. What one group does not need of its share is left to the
/// next.
async fn activities(
    aws: &Aws,
    groups: &[Option<&str>],
    most: usize,
) -> Result<(Vec<Activity>, bool)> {
    let since = now() - RECENT;
    let (mut found, mut all, mut pages) = (Vec::new(), true, most);
    for (n, name) in groups.iter().enumerate() {
        let share = pages / (groups.len() - n);
        let before = aws.calls();
        let (more, these_all) = aws.activities_back_to(*name, since, share).await?;
        pages = pages.saturating_sub(aws.calls() - before);
        found.extend(more);
        all &= these_all;
    }
    found.sort_by_key(|activity| std::cmp::Reverse(activity.started));
    Ok((found, all))
}

/// The executions to describe, at most `budget`: the newest failures first, as they have the
/// reasons; then all that run, if it can be known so which launches have one; then more failures.
fn to_describe(fleet: &Fleet, budget: usize) -> Vec<String> {
    let waiting: BTreeSet<&InstanceId> = fleet.groups.iter().flat_map(Group::waiting).collect();
    let waits_since = waiting
        .iter()
        .filter_map(|instance| Some(fleet.instances.get(*instance)?.instance.launched_at))
        .min()
        .unwrap_or(fleet.now);
    let since = 1_000 * (fleet.now - RECENT).min(waits_since);
    let failed =
        |execution: &&ListedExecution| execution.has_failed() && execution.stopped >= Some(since);
    let mut failed = fleet
        .listed
        .iter()
        .filter(failed)
        .map(|execution| execution.arn.clone());
    // Also where no launch of a group waits: one into a warm pool is no member of its group.
    let running: Vec<String> = fleet
        .listed
        .iter()
        .filter(|execution| execution.is_running() && execution.instance().is_none())
        .map(|execution| execution.arn.clone())
        .collect();
    let mut wanted: Vec<String> = failed.by_ref().take(MIN_DESCRIBED).collect();
    if wanted.len() + running.len() <= budget {
        wanted.extend(running);
    }
    let left = budget.saturating_sub(wanted.len());
    wanted.extend(failed.take(left));
    wanted
}

/// Describes executions, several at once. Returns them in this order.
///
/// # Errors
/// Returns why a call failed.
pub(crate) async fn describe(aws: &Aws, arns: Vec<String>) -> Result<Vec<Execution>> {
    let calls = arns
        .into_iter()
        .map(|arn| async move { aws.execution(&arn).await });
    let found: Vec<_> = stream::iter(calls).buffered(AT_ONCE).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

/// The same for the first [`MAX_DESCRIBED`]; and how many are left.
///
/// # Errors
/// Returns why a call failed.
pub(crate) async fn describe_at_most(
    aws: &Aws,
    mut arns: Vec<String>,
) -> Result<(Vec<Execution>, usize)> {
    let left = arns.len().saturating_sub(MAX_DESCRIBED);
    arns.truncate(MAX_DESCRIBED);
    Ok((describe(aws, arns).await?, left))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{ZONE, fleet, id};

    #[test]
    fn who_comes_back_from_the_group_launches_nothing() {
        let mut fleet = fleet()
            .with_launch(1, "InProgress", 5)
            .with_launch(2, "Successful", 5);
        fleet.activities[0].ended = None;
        let entering = [1, 2].map(|n| {
            let member = Member {
                instance: id(n),
                lifecycle_state: "Warmed:Pending:Wait".to_owned(),
                availability_zone: ZONE.to_owned(),
            };
            ("upf".to_owned(), member)
        });
        launching_into_pools(&mut fleet.groups, &entering, &fleet.activities);
        let launching = fleet.groups[0].into_pool.iter();
        let launching: Vec<_> = launching.map(|member| &member.instance).collect();
        assert_eq!(launching, [&id(1)]);
    }
}
