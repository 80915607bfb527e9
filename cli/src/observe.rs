//! Makes the calls of `status`, and of `explain` for a group: as few as they can be, and several at
//! once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use hookline_domain::deployment::Deployment as Name;
use hookline_domain::ids::InstanceId;
use hookline_domain::profile::Selector;
use hookline_domain::tags::own;
use tokio::task::JoinSet;

use crate::aws::{self, Aws};
use crate::error::{Error, Result};
use crate::observed::deployment::Deployment;
use crate::observed::execution::{Execution, ListedExecution};
use crate::observed::fleet::Fleet;
use crate::observed::group::{Activity, Group, Hook};
use crate::observed::network::{SeenInstance, SeenInterface};

/// The most calls of a look at a deployment with few groups.
const MAX_CALLS: usize = 20;
/// The least executions that are described, so that there is a reason for a failure.
const MIN_DESCRIBED: usize = 2;
/// Up to so many groups have a call each for their activities. With more, one call is for all
/// groups of the Region.
const GROUPS_WITH_OWN_ACTIVITIES: usize = 3;
/// How far back an execution that failed still matters, in seconds.
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
    let names = deployment.named_groups();
    let tag = [own::INSTANCE_ID.to_owned()];
    let filters = [("tag-key", &tag[..])];
    let (instances, interfaces, (listed, _)) = tokio::try_join!(
        instances(aws, &deployment, &names),
        aws.interfaces(&filters),
        aws.executions(&deployment.machine, None),
    )?;
    let groups = groups(aws, &deployment, &names, &instances).await?;
    let (hooks, activities) = tokio::try_join!(hooks(aws, &groups), activities(aws, &groups))?;
    let name = deployment.name(&interfaces);
    let interfaces = of_deployment(&name, interfaces);
    let mut fleet = Fleet {
        now: now(),
        deployment,
        groups,
        hooks,
        activities,
        instances: instances
            .into_iter()
            .map(|seen| (seen.instance.id.clone(), seen))
            .collect(),
        interfaces,
        listed,
        described: Vec::new(),
    };
    let wanted = to_describe(
        &fleet,
        MAX_CALLS.saturating_sub(aws.calls()).max(MIN_DESCRIBED),
    );
    fleet.described = describe(aws, wanted).await?;
    // What was waited for has happened by then.
    fleet.now = now();
    Ok(fleet)
}

/// Those of these interfaces that this deployment created, or of which no tag says whose they are.
fn of_deployment(name: &Name, mut interfaces: Vec<SeenInterface>) -> Vec<SeenInterface> {
    interfaces.retain(|seen| name.may_use(&seen.interface.tags));
    interfaces
}

/// The instances of the groups that are named, and those that carry a selector's tag.
async fn instances(
    aws: &Aws,
    deployment: &Deployment,
    names: &[String],
) -> Result<Vec<SeenInstance>, aws::Error> {
    let mut found = aws.instances(&format!("tag:{GROUP_TAG}"), names).await?;
    let mut asked = BTreeSet::new();
    for input in &deployment.profiles {
        let Selector::Tag(tag) = &input.profile.selector else {
            continue;
        };
        if asked.insert((&tag.key, &tag.value)) {
            found.extend(match &tag.value {
                Some(value) => {
                    aws.instances(&format!("tag:{}", tag.key), std::slice::from_ref(value))
                        .await?
                }
                None => {
                    aws.instances("tag-key", std::slice::from_ref(&tag.key))
                        .await?
                }
            });
        }
    }
    Ok(found)
}

/// The tag that Auto Scaling puts on its instances (Auto Scaling User Guide, "Tag Auto Scaling
/// groups and instances").
pub(crate) const GROUP_TAG: &str = "aws:autoscaling:groupName";

/// The groups that are named, and those whose instances, or whose tags, a profile selects.
async fn groups(
    aws: &Aws,
    deployment: &Deployment,
    names: &[String],
    instances: &[SeenInstance],
) -> Result<Vec<Group>, aws::Error> {
    if !deployment.selects_by_tag() {
        return aws.groups(Some(names)).await;
    }
    let of_instances: BTreeSet<&String> = instances
        .iter()
        .filter_map(|seen| seen.instance.tags.get(GROUP_TAG))
        .collect();
    let mut groups = aws.groups(None).await?;
    groups.retain(|group| {
        let selects = |selector: &Selector| selector.covers(&group.name, &group.tags);
        names.contains(&group.name)
            || of_instances.contains(&group.name)
            || deployment
                .profiles
                .iter()
                .any(|input| selects(&input.profile.selector))
    });
    Ok(groups)
}

async fn hooks(aws: &Aws, groups: &[Group]) -> Result<BTreeMap<String, Vec<Hook>>> {
    let mut calls = JoinSet::new();
    for group in groups {
        let (aws, name) = (aws.clone(), group.name.clone());
        calls.spawn(async move { Ok::<_, Error>((aws.launch_hooks(&name).await?, name)) });
    }
    let mut hooks = BTreeMap::new();
    while let Some(done) = calls.join_next().await {
        let (found, group) = done.map_err(Error::of_task)??;
        hooks.insert(group, found);
    }
    Ok(hooks)
}

/// The newest activities, newest first.
async fn activities(aws: &Aws, groups: &[Group]) -> Result<Vec<Activity>> {
    if groups.len() > GROUPS_WITH_OWN_ACTIVITIES {
        return Ok(aws.activities(None).await?);
    }
    let mut found = Vec::new();
    for group in groups {
        found.extend(aws.activities(Some(&group.name)).await?);
    }
    found.sort_by_key(|activity| std::cmp::Reverse(activity.started));
    Ok(found)
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
    let mut calls = JoinSet::new();
    for (n, arn) in arns.into_iter().enumerate() {
        let aws = aws.clone();
        calls.spawn(async move { Ok::<_, Error>((n, aws.execution(&arn).await?)) });
    }
    let mut found = BTreeMap::new();
    while let Some(done) = calls.join_next().await {
        let (n, execution) = done.map_err(Error::of_task)??;
        found.extend(execution.map(|execution| (n, execution)));
    }
    Ok(found.into_values().collect())
}
