//! What reconcile changes of an Auto Scaling group: its process Launch, and tags of its own.

use std::collections::BTreeMap;

use super::Aws;
use super::classify::classify;
use super::convert::tags_of_group;
use hookline_domain::error::Result;

/// The process that launches instances (Auto Scaling User Guide, "Types of processes").
pub const LAUNCH: &str = "Launch";

impl Aws {
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
