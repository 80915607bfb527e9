//! The seam to EC2: all calls from Auto Scaling to EC2 and CloudTrail. No other file of Auto
//! Scaling reads or changes EC2's state.

use super::group::Group;
use crate::cloudtrail::CloudTrail;
use crate::ec2::{self, Ec2, InstanceState, LaunchSpec, LaunchTemplateRef, Tags};
use crate::kernel::Kernel;
use crate::wire::error::ApiError;

/// EC2 as Auto Scaling uses it, with the trail that records its launches.
pub(crate) struct Machines<'a> {
    pub(crate) ec2: &'a mut Ec2,
    pub(crate) cloudtrail: &'a mut CloudTrail,
}

impl Machines<'_> {
    /// The Availability Zone of a subnet, if there is such a subnet.
    pub(super) fn subnet_zone(&self, subnet: &str) -> Option<String> {
        let subnet = self.ec2.subnet(subnet)?;
        Some(subnet.availability_zone.clone())
    }

    /// The id and name of the launch template that a call names by either.
    pub(super) fn find_launch_template(
        &self,
        id: Option<&str>,
        name: Option<&str>,
        version: Option<&str>,
    ) -> Result<(String, String), ApiError> {
        let reference = LaunchTemplateRef {
            launch_template_id: id.map(str::to_owned),
            launch_template_name: name.map(str::to_owned),
            version: version.map(str::to_owned),
        };
        ec2::resolve_launch_template(self.ec2, &reference)?;
        self.ec2
            .launch_templates()
            .find(|template| {
                id == Some(template.launch_template_id.as_str())
                    || name == Some(template.launch_template_name.as_str())
            })
            .map(|template| {
                (
                    template.launch_template_id.clone(),
                    template.launch_template_name.clone(),
                )
            })
            .ok_or_else(ApiError::internal)
    }

    /// Launches an instance of a group, and returns its id and type.
    pub(super) fn launch(
        &mut self,
        kernel: &mut Kernel,
        group: &Group,
        subnet: &str,
    ) -> Result<(String, String), ApiError> {
        let mut tags: Tags = group
            .tags
            .iter()
            .filter(|(_, tag)| tag.propagate_at_launch)
            .map(|(key, tag)| (key.clone(), tag.value.clone()))
            .collect();
        tags.insert("aws:autoscaling:groupName".to_owned(), group.name.clone());
        tags.insert(
            "aws:ec2launchtemplate:id".to_owned(),
            group.launch_template.id.clone(),
        );
        tags.insert("aws:ec2launchtemplate:version".to_owned(), "1".to_owned());
        let spec = LaunchSpec {
            subnet_id: subnet.to_owned(),
            tags,
            launch_template: Some(LaunchTemplateRef {
                launch_template_id: Some(group.launch_template.id.clone()),
                launch_template_name: None,
                version: Some(group.launch_template.version.clone()),
            }),
            ..LaunchSpec::default()
        };
        let id = ec2::launch(self.ec2, kernel, spec)?;
        let instance_type = self
            .ec2
            .instance(&id)
            .map(|instance| instance.instance_type.clone())
            .unwrap_or_default();
        Ok((id, instance_type))
    }

    /// Has CloudTrail record the instances that were launched together.
    pub(super) fn record_launch(&mut self, kernel: &mut Kernel, instances: &[String]) {
        self.cloudtrail.record_launch(kernel, self.ec2, instances);
    }

    /// Has CloudTrail record a launch that EC2 refused.
    pub(super) fn record_failure(&mut self, kernel: &mut Kernel, subnet: &str, error: &ApiError) {
        self.cloudtrail.record_failure(kernel, subnet, error);
    }

    /// Whether an instance is running. This is the current state, whatever Describe calls show.
    pub(super) fn is_running(&self, instance: &str) -> bool {
        self.ec2
            .instance(instance)
            .is_some_and(|instance| instance.state == InstanceState::Running)
    }

    /// The current state of an instance; `None` if EC2 does not know it.
    pub(super) fn state(&self, instance: &str) -> Option<InstanceState> {
        Some(self.ec2.instance(instance)?.state)
    }

    /// Whether an instance is terminated, or no longer known.
    pub(super) fn is_gone(&self, instance: &str) -> bool {
        self.ec2
            .instance(instance)
            .is_none_or(|instance| instance.state == InstanceState::Terminated)
    }
}
