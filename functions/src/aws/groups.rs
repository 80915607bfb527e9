//! What reconcile reads and changes of an Auto Scaling group: its launch hooks; its process Launch, and
//! tags of its own.

use std::collections::BTreeMap;

use super::Aws;
use super::classify::{classify, code, message};
use super::convert::{self, tags_of_group};
use hookline_domain::error::Result;
use hookline_domain::reconcile::hooks::LaunchHook;

/// The process that launches instances (Auto Scaling User Guide, "Types of processes").
pub const LAUNCH: &str = "Launch";

/// What Auto Scaling says of a group that is gone.
pub(super) const GROUP_GONE: &str = "AutoScalingGroup name not found";

impl Aws {
    /// The hooks of a group that its launches wait at (DescribeLifecycleHooks, which has no pages);
    /// `None` if the group is gone.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn launch_hooks(&self, group: &str) -> Result<Option<Vec<LaunchHook>>> {
        let call = self
            .autoscaling
            .describe_lifecycle_hooks()
            .auto_scaling_group_name(group);
        match call.send().await {
            Ok(answer) => {
                let hooks = answer.lifecycle_hooks().iter();
                Ok(Some(hooks.filter_map(convert::launch_hook).collect()))
            }
            Err(error)
                if code(&error) == Some("ValidationError")
                    && message(&error).contains(GROUP_GONE) =>
            {
                Ok(None)
            }
            Err(error) => Err(classify("DescribeLifecycleHooks", &error)),
        }
    }

    /// Suspends the process Launch of a group (SuspendProcesses). It may be suspended already.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn suspend_launches(&self, group: &str) -> Result<()> {
        let call = self
            .autoscaling
            .suspend_processes()
            .auto_scaling_group_name(group)
            .scaling_processes(LAUNCH);
        match call.send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(classify("SuspendProcesses", &error)),
        }
    }

    /// Puts tags on a group, and not on the instances that it launches (CreateOrUpdateTags).
    ///
    /// # Errors
    /// Those of every call.
    pub async fn tag_group(&self, group: &str, tags: &BTreeMap<String, String>) -> Result<()> {
        let call = self.autoscaling.create_or_update_tags();
        let call = call.set_tags(Some(tags_of_group(group, tags)));
        match call.send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(classify("CreateOrUpdateTags", &error)),
        }
    }
}
