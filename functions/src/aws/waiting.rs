//! The instances that wait at a launch hook, in their groups and in the groups' warm pools.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_autoscaling::types::AutoScalingGroup;

use super::classify::classify;
use super::{Aws, convert};
use hookline_domain::error::Result;
use hookline_domain::event::{WAITS, WAITS_FOR_POOL};
use hookline_domain::ids::InstanceId;
use hookline_domain::reconcile::brake::GroupState;
use hookline_domain::reconcile::nodes::ProfiledGroup;
use hookline_domain::reconcile::{Groups, Member, Waiting};

/// The most activities in one page (DescribeScalingActivities, `MaxRecords`).
const MAX_ACTIVITIES: i32 = 100;
/// The most pages of activities that are read of a group. The newest come first, and a launch that
/// waits began a while ago, not weeks.
const MAX_PAGES: usize = 20;

/// Groups, as one listing shows them.
#[derive(Debug, Clone, Default)]
pub struct ListedGroups {
    /// All of them.
    pub all: Vec<ProfiledGroup>,
    /// Those whose hook Hookline completes.
    pub ours: Vec<GroupState>,
    /// The instances that wait in these.
    pub waiting: Vec<Waiting>,
}

impl Aws {
    /// The instances of these groups that wait at a launch hook, and those of their warm pools that
    /// wait on their way in (DescribeAutoScalingGroups; for each group with a warm pool that has
    /// instances DescribeWarmPool, and DescribeScalingActivities if any of its instances waits).
    ///
    /// # Errors
    /// Those of every call.
    pub async fn waiting(&self, groups: Groups) -> Result<Vec<Waiting>> {
        let only = groups.clone();
        Ok(self.listed_groups(groups, &only).await?.waiting)
    }

    /// These groups. In those whose hook is `ours`, also the instances that wait, and whether launches
    /// may repeat there.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn listed_groups(&self, groups: Groups, ours: &Groups) -> Result<ListedGroups> {
        let groups = self.groups(groups).await?;
        let mut listed = ListedGroups {
            all: groups.iter().filter_map(convert::profiled_group).collect(),
            ..ListedGroups::default()
        };
        let is_ours = |group: &AutoScalingGroup| {
            let name = group.auto_scaling_group_name();
            name.is_some_and(|name| ours.contain(name))
        };
        for group in groups.into_iter().filter(is_ours) {
            listed.ours.extend(convert::group_state(&group));
            let in_group = convert::members(&group, group.instances(), WAITS);
            let mut waiting: Vec<Waiting> = in_group
                .into_iter()
                .map(|member| without_activity(member, false))
                .collect();
            if group.warm_pool_configuration().is_some() {
                if group.warm_pool_size() != Some(0) {
                    let in_pool = self.waiting_for_pool(&group).await?;
                    waiting.extend(in_pool.into_iter().map(|it| without_activity(it, true)));
                }
                self.find_activities(&group, &mut waiting).await?;
            }
            listed.waiting.append(&mut waiting);
        }
        Ok(listed)
    }

    async fn waiting_for_pool(&self, group: &AutoScalingGroup) -> Result<Vec<Member>> {
        let mut members = Vec::new();
        let mut pages = self
            .autoscaling
            .describe_warm_pool()
            .set_auto_scaling_group_name(group.auto_scaling_group_name.clone())
            .max_records(50)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| classify("DescribeWarmPool", &error))?;
            members.extend(convert::members(group, page.instances(), WAITS_FOR_POOL));
        }
        Ok(members)
    }

    /// Adds the activity of each launch, as far as it is found.
    async fn find_activities(
        &self,
        group: &AutoScalingGroup,
        waiting: &mut [Waiting],
    ) -> Result<()> {
        let mut missing: BTreeSet<InstanceId> = waiting
            .iter()
            .map(|waiting| waiting.member.instance.clone())
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let mut found = BTreeMap::new();
        let mut pages = self
            .autoscaling
            .describe_scaling_activities()
            .set_auto_scaling_group_name(group.auto_scaling_group_name.clone())
            .max_records(MAX_ACTIVITIES)
            .into_paginator()
            .send();
        for _ in 0..MAX_PAGES {
            let Some(page) = pages.next().await else {
                break;
            };
            let page = page.map_err(|error| classify("DescribeScalingActivities", &error))?;
            for activity in page.activities() {
                if let Some((instance, activity)) = convert::launch_activity(activity) {
                    // The newest first: an older one of the same instance has ended.
                    missing.remove(&instance);
                    found.entry(instance).or_insert(activity);
                }
            }
            if missing.is_empty() {
                break;
            }
        }
        for waiting in waiting {
            waiting.activity = found.remove(&waiting.member.instance);
        }
        Ok(())
    }
}

fn without_activity(member: Member, to_warm_pool: bool) -> Waiting {
    Waiting {
        member,
        to_warm_pool,
        activity: None,
    }
}
