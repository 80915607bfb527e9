//! What Auto Scaling asks of EC2.

use super::group::Group;
use crate::ec2::{self, InstanceState, LaunchSpec, LaunchTemplateRef, Tags};
use crate::wire::error::ApiError;
use crate::world::World;

/// The Availability Zone of a subnet, if there is such a subnet.
pub(super) fn subnet_zone(world: &World, subnet: &str) -> Option<String> {
    world
        .ec2
        .subnet(subnet)
        .map(|subnet| subnet.availability_zone.clone())
}

/// The id and name of the launch template that is meant.
pub(super) fn find_launch_template(
    world: &World,
    id: Option<&str>,
    name: Option<&str>,
    version: Option<&str>,
) -> Result<(String, String), ApiError> {
    let reference = LaunchTemplateRef {
        launch_template_id: id.map(str::to_owned),
        launch_template_name: name.map(str::to_owned),
        version: version.map(str::to_owned),
    };
    ec2::resolve_launch_template(world, &reference)?;
    world
        .ec2
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
    world: &mut World,
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
    let instance = ec2::launch(world, spec)?;
    let instance_type = world
        .ec2
        .instance(&instance)
        .map(|instance| instance.instance_type.clone())
        .unwrap_or_default();
    Ok((instance, instance_type))
}

/// Begins to terminate an instance.
pub(super) fn terminate(world: &mut World, instance: &str) -> Result<(), ApiError> {
    ec2::terminate(world, instance)
}

/// Whether an instance runs, in truth.
pub(super) fn is_running(world: &World, instance: &str) -> bool {
    world
        .ec2
        .instance(instance)
        .is_some_and(|instance| instance.state == InstanceState::Running)
}

/// Whether an instance is terminated, or forgotten.
pub(super) fn is_gone(world: &World, instance: &str) -> bool {
    world
        .ec2
        .instance(instance)
        .is_none_or(|instance| instance.state == InstanceState::Terminated)
}
