//! Auto Scaling groups, their hooks and their activities.

use aws_sdk_autoscaling::types::{
    Activity as SdkActivity, AutoScalingGroup, LifecycleHook as SdkHook,
};
use hookline_domain::reconcile::LaunchActivity;

use super::{Aws, Error};
use crate::observed::group::{Activity, Group, Hook, Member};

/// The most groups, and the most activities, of a page (Auto Scaling API Reference).
const PAGE: i32 = 100;
/// The most names that one DescribeAutoScalingGroups takes (API Reference).
const MAX_NAMES: usize = 50;

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

    /// The hooks of a group that its launches wait at (DescribeLifecycleHooks).
    ///
    /// # Errors
    /// Returns why the call failed.
    pub(crate) async fn launch_hooks(&self, group: &str) -> Result<Vec<Hook>, Error> {
        let call = self
            .autoscaling
            .describe_lifecycle_hooks()
            .auto_scaling_group_name(group);
        let answer = self.answer("autoscaling:DescribeLifecycleHooks", call.send().await)?;
        Ok(answer
            .lifecycle_hooks
            .unwrap_or_default()
            .into_iter()
            .filter_map(launch_hook)
            .collect())
    }

    /// The newest hundred activities of a group, or of all groups of the Region, newest first
    /// (DescribeScalingActivities).
    ///
    /// # Errors
    /// Returns why the call failed.
    pub(crate) async fn activities(&self, group: Option<&str>) -> Result<Vec<Activity>, Error> {
        let call = self
            .autoscaling
            .describe_scaling_activities()
            .set_auto_scaling_group_name(group.map(str::to_owned))
            .max_records(PAGE);
        let answer = self.answer("autoscaling:DescribeScalingActivities", call.send().await)?;
        Ok(answer
            .activities
            .unwrap_or_default()
            .into_iter()
            .filter_map(activity)
            .collect())
    }
}

fn group(group: AutoScalingGroup) -> Option<Group> {
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
                })
            })
            .collect(),
        suspended: group
            .suspended_processes
            .unwrap_or_default()
            .into_iter()
            .filter_map(|process| process.process_name)
            .collect(),
        tags: tags
            .filter(|tag| tag.propagate_at_launch == Some(true))
            .filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())))
            .collect(),
    })
}

fn launch_hook(hook: SdkHook) -> Option<Hook> {
    (hook.lifecycle_transition.as_deref() == Some("autoscaling:EC2_INSTANCE_LAUNCHING"))
        .then_some(())?;
    Some(Hook {
        name: hook.lifecycle_hook_name?,
        default_result: hook.default_result.unwrap_or_default(),
        heartbeat_seconds: hook.heartbeat_timeout.unwrap_or_default().into(),
    })
}

fn activity(activity: SdkActivity) -> Option<Activity> {
    let description = activity.description.unwrap_or_default();
    Some(Activity {
        group: activity.auto_scaling_group_name?,
        instance: LaunchActivity::read(&description).map(|(instance, _)| instance),
        is_launch: description.starts_with("Launching a new EC2 instance"),
        status: activity.status_code?.as_str().to_owned(),
        message: activity.status_message.unwrap_or_default(),
        started: activity.start_time?.secs(),
        ended: activity.end_time.map(|time| time.secs()),
    })
}
