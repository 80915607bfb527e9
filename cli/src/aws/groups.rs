//! Auto Scaling groups, their hooks and their activities.

use std::collections::BTreeMap;

use aws_sdk_autoscaling::types::{
    Activity as SdkActivity, AutoScalingGroup, LaunchTemplateSpecification,
};
use hookline_domain::ids::InstanceId;
use hookline_domain::reconcile::LaunchActivity;
use hookline_domain::reconcile::brake::{Marks, resume_tags};
use hookline_functions::aws::convert::{group_tags, launch_hook, tags_of_group};
use hookline_runtime::aws_errors;

use super::pages::back_to;
use super::{Aws, Error};
use crate::observed::group::{Activity, Group, Hooks, LAUNCH, Launches, Member, Override};
use crate::observed::template::TemplateRef;

/// The most groups, and the most activities, of a page (Auto Scaling API Reference).
const PAGE: i32 = 100;
/// The most names that one DescribeAutoScalingGroups takes (API Reference).
const MAX_NAMES: usize = 50;
/// The most ids that one DescribeAutoScalingInstances takes (API Reference).
pub(crate) const MAX_IDS: usize = 50;
/// The most pages of activities that are read: enough to launch and terminate 1,000 instances.
const MAX_ACTIVITY_PAGES: usize = 20;

impl Aws {
    /// These groups, or all of them, without their hooks (DescribeAutoScalingGroups).
    ///
    /// # Errors
    /// Returns why a call failed.
    pub(crate) async fn groups(&self, names: Option<&[String]>) -> Result<Vec<Group>, Error> {
        let batches: Vec<Option<Vec<String>>> = match names {
            None => vec![None],
            Some(names) => names
                .chunks(MAX_NAMES)
                .map(|names| Some(names.to_vec()))
                .collect(),
        };
        let mut found = Vec::new();
        for names in batches {
            let mut token = None;
            loop {
                let call = self
                    .autoscaling
                    .describe_auto_scaling_groups()
                    .set_auto_scaling_group_names(names.clone())
                    .max_records(PAGE)
                    .set_next_token(token);
                let page =
                    self.answer("autoscaling:DescribeAutoScalingGroups", call.send().await)?;
                let groups = page.auto_scaling_groups.unwrap_or_default();
                found.extend(groups.into_iter().filter_map(group));
                token = page.next_token;
                if token.is_none() {
                    break;
                }
            }
        }
        Ok(found)
    }

    /// A page of the groups of the Region, a hundred at most, and the token of the next one
    /// (DescribeAutoScalingGroups). Without a token, the first page.
    ///
    /// # Errors
    /// Returns why the call failed.
    pub(crate) async fn page_of_groups(
        &self,
        token: Option<String>,
    ) -> Result<(Vec<Group>, Option<String>), Error> {
        let call = self.autoscaling.describe_auto_scaling_groups();
        let answer = call.max_records(PAGE).set_next_token(token).send().await;
        let page = self.answer("autoscaling:DescribeAutoScalingGroups", answer)?;
        let groups = page.auto_scaling_groups.unwrap_or_default();
        let groups = groups.into_iter().filter_map(group).collect();
        Ok((groups, page.next_token))
    }

    /// These instances, as Auto Scaling knows them in groups and in warm pools, each with its group
    /// (DescribeAutoScalingInstances). DescribeAutoScalingGroups lists none of a warm pool.
    ///
    /// # Errors
    /// Returns why a call failed.
    pub(crate) async fn members(&self, ids: &[InstanceId]) -> Result<Vec<(String, Member)>, Error> {
        let mut found = Vec::new();
        for ids in ids.chunks(MAX_IDS) {
            let ids = ids.iter().map(ToString::to_string).collect();
            let call = self
                .autoscaling
                .describe_auto_scaling_instances()
                .set_instance_ids(Some(ids));
            let answer = self.answer(
                "autoscaling:DescribeAutoScalingInstances",
                call.send().await,
            )?;
            let instances = answer.auto_scaling_instances.unwrap_or_default();
            found.extend(instances.into_iter().filter_map(|instance| {
                let member = Member {
                    instance: instance.instance_id?.parse().ok()?,
                    lifecycle_state: instance.lifecycle_state?,
                    availability_zone: instance.availability_zone.unwrap_or_default(),
                };
                Some((instance.auto_scaling_group_name?, member))
            }));
        }
        Ok(found)
    }

    /// The hooks of a group (DescribeLifecycleHooks).
    ///
    /// # Errors
    /// Returns why the call failed.
    pub(crate) async fn hooks(&self, group: &str) -> Result<Hooks, Error> {
        let call = self
            .autoscaling
            .describe_lifecycle_hooks()
            .auto_scaling_group_name(group);
        let answer = self.answer("autoscaling:DescribeLifecycleHooks", call.send().await)?;
        let hooks = answer.lifecycle_hooks();
        let ending = hooks.iter().filter(|hook| launch_hook(hook).is_none());
        Ok(Hooks {
            ending: ending
                .filter_map(|hook| hook.lifecycle_hook_name().map(str::to_owned))
                .collect(),
            launch: hooks.iter().filter_map(launch_hook).collect(),
        })
    }

    /// Suspends the process Launch of a group (SuspendProcesses). It may be suspended before.
    ///
    /// # Errors
    /// Returns why the call failed.
    pub(crate) async fn suspend_launches(&self, group: &str) -> Result<(), Error> {
        let call = self
            .autoscaling
            .suspend_processes()
            .auto_scaling_group_name(group)
            .scaling_processes(LAUNCH);
        self.answer("autoscaling:SuspendProcesses", call.send().await)?;
        Ok(())
    }

    /// Resumes the process Launch of a group (ResumeProcesses). It need not be suspended.
    ///
    /// # Errors
    /// Returns why the call failed.
    pub(crate) async fn resume_launches(&self, group: &str) -> Result<(), Error> {
        let call = self
            .autoscaling
            .resume_processes()
            .auto_scaling_group_name(group)
            .scaling_processes(LAUNCH);
        self.answer("autoscaling:ResumeProcesses", call.send().await)?;
        Ok(())
    }

    /// Notes on a group that its launches count anew from `now`, in seconds since the epoch: those
    /// before make no launch loop (CreateOrUpdateTags).
    ///
    /// # Errors
    /// Returns why the call failed.
    pub(crate) async fn tag_resumed(&self, group: &str, now: i64) -> Result<(), Error> {
        let call = self.autoscaling.create_or_update_tags();
        let call = call.set_tags(Some(tags_of_group(group, &resume_tags(now))));
        self.answer("autoscaling:CreateOrUpdateTags", call.send().await)?;
        Ok(())
    }

    /// The newest hundred activities of a group, or of all groups of the Region, newest first
    /// (DescribeScalingActivities).
    ///
    /// # Errors
    /// Returns why the call failed.
    pub(crate) async fn activities(&self, group: Option<&str>) -> Result<Vec<Activity>, Error> {
        Ok(self.page_of_activities(group, None).await?.0)
    }

    /// The activities of a group, or of all groups of the Region: those that go on, then the newest
    /// that have ended, at least back to those that began at `since`, in seconds since the epoch.
    /// At most so many pages of a hundred are read; and whether that was enough.
    ///
    /// # Errors
    /// Returns why a call failed.
    pub(crate) async fn activities_back_to(
        &self,
        group: Option<&str>,
        since: i64,
        pages: usize,
    ) -> Result<(Vec<Activity>, bool), Error> {
        // Those that go on come first, whenever they began (API Reference, the same).
        let reaches = |page: &[Activity]| {
            let mut ended = page.iter().filter(|activity| activity.ended.is_some());
            ended.any(|activity| activity.started < since)
        };
        let page = async |token| self.page_of_activities(group, token).await;
        back_to(pages, reaches, page).await
    }

    /// The activities of a group that began since then, in seconds since the epoch, or still go on;
    /// and whether these are all.
    ///
    /// # Errors
    /// Returns why a call failed.
    pub(crate) async fn activities_since(
        &self,
        group: &str,
        since: i64,
    ) -> Result<(Vec<Activity>, bool), Error> {
        let (mut found, all) = self
            .activities_back_to(Some(group), since, MAX_ACTIVITY_PAGES)
            .await?;
        found.retain(|it| it.ended.is_none() || it.started >= since);
        Ok((found, all))
    }

    async fn page_of_activities(
        &self,
        group: Option<&str>,
        token: Option<String>,
    ) -> Result<(Vec<Activity>, Option<String>), Error> {
        let call = self
            .autoscaling
            .describe_scaling_activities()
            .set_auto_scaling_group_name(group.map(str::to_owned))
            .set_next_token(token)
            .max_records(PAGE);
        let answer = call.send().await;
        // A group that is gone has no activities any more: "AutoScalingGroup name not found".
        if let Err(error) = &answer
            && group.is_some()
            && aws_errors::code(error) == Some("ValidationError")
            && aws_errors::message(error).contains("name not found")
        {
            return Ok((Vec::new(), None));
        }
        let answer = self.answer("autoscaling:DescribeScalingActivities", answer)?;
        let activities = answer.activities.unwrap_or_default().into_iter();
        Ok((activities.filter_map(activity).collect(), answer.next_token))
    }
}

fn group(group: AutoScalingGroup) -> Option<Group> {
    let zones = zones(&group);
    let marks = Marks::read(&group_tags(&group));
    let subnets = group.vpc_zone_identifier().unwrap_or_default().split(',');
    let subnets = subnets.filter_map(|id| id.trim().parse().ok()).collect();
    let launches = launches(&group);
    let members = group.instances.unwrap_or_default().into_iter();
    let tags = group.tags.unwrap_or_default().into_iter();
    Some(Group {
        name: group.auto_scaling_group_name?,
        arn: group.auto_scaling_group_arn.unwrap_or_default(),
        desired: group.desired_capacity.unwrap_or_default(),
        members: members
            .filter_map(|member| {
                Some(Member {
                    instance: member.instance_id?.parse().ok()?,
                    lifecycle_state: member.lifecycle_state?.as_str().to_owned(),
                    availability_zone: member.availability_zone.unwrap_or_default(),
                })
            })
            .collect(),
        suspended: group
            .suspended_processes
            .unwrap_or_default()
            .into_iter()
            .filter_map(|process| {
                Some((
                    process.process_name?,
                    process.suspension_reason.unwrap_or_default(),
                ))
            })
            .collect(),
        tags: tags
            .filter(|tag| tag.propagate_at_launch == Some(true))
            .filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())))
            .collect(),
        marks,
        max: group.max_size.unwrap_or_default(),
        zones,
        subnets,
        launches,
        has_warm_pool: group.warm_pool_configuration.is_some(),
        into_pool: Vec::new(),
        ending_hooks: Vec::new(),
    })
}

fn zones(group: &AutoScalingGroup) -> BTreeMap<String, usize> {
    let mut zones: BTreeMap<String, usize> = group
        .availability_zones()
        .iter()
        .map(|zone| (zone.clone(), 0))
        .collect();
    for zone in group
        .instances()
        .iter()
        .filter_map(|it| it.availability_zone())
    {
        *zones.entry(zone.to_owned()).or_default() += 1;
    }
    zones
}

fn launches(group: &AutoScalingGroup) -> Launches {
    let present = group.instances().iter();
    let present = present.filter_map(|it| it.instance_type().map(str::to_owned));
    let policy = group
        .mixed_instances_policy()
        .and_then(|policy| policy.launch_template());
    let template = group
        .launch_template()
        .or_else(|| policy?.launch_template_specification());
    let overrides = policy.map_or(&[][..], |policy| policy.overrides());
    Launches {
        template: template.map(reference),
        is_mixed: policy.is_some(),
        overrides: overrides
            .iter()
            .map(|it| Override {
                instance_type: it.instance_type().map(str::to_owned),
                template: it.launch_template_specification().map(reference),
            })
            .collect(),
        present: present.collect(),
    }
}

/// Without a version, Auto Scaling uses the default one (API Reference,
/// LaunchTemplateSpecification).
fn reference(template: &LaunchTemplateSpecification) -> TemplateRef {
    TemplateRef {
        id: template.launch_template_id().map(str::to_owned),
        name: template.launch_template_name().map(str::to_owned),
        version: template.version().unwrap_or("$Default").to_owned(),
    }
}

/// The instance that an activity terminates, by its description, as `Terminating EC2 instance: i-…`
/// (Auto Scaling User Guide, "Verify a scaling activity for an Auto Scaling group").
fn terminated(description: &str) -> Option<InstanceId> {
    let instance = description.strip_prefix("Terminating EC2 instance: ")?;
    instance.split(' ').next()?.parse().ok()
}

fn activity(activity: SdkActivity) -> Option<Activity> {
    let description = activity.description.unwrap_or_default();
    let launched = LaunchActivity::read(&description);
    Some(Activity {
        id: activity.activity_id.unwrap_or_default(),
        group: activity.auto_scaling_group_name?,
        from_warm_pool: launched
            .as_ref()
            .is_some_and(|(_, from_warm_pool)| *from_warm_pool),
        instance: match launched {
            Some((instance, _)) => Some(instance),
            None => terminated(&description),
        },
        is_launch: description.starts_with("Launching a new EC2 instance"),
        status: activity.status_code?.as_str().to_owned(),
        message: activity.status_message.unwrap_or_default(),
        cause: activity.cause.unwrap_or_default(),
        started: activity.start_time?.secs(),
        ended: activity.end_time.map(|time| time.secs()),
    })
}
