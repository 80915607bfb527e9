//! Security groups: names that interfaces belong to. The fake AWS has no rules for them.

use std::borrow::Cow;

use super::Ec2;
use super::errors::{Kind, invalid_value};
use super::filter::Filters;
use super::page::{Page, next_token};
use super::tags::{self, Tags};
use crate::kernel::Kernel;
use crate::settings::Settings;
use crate::wire::error::ApiError;
use crate::wire::query::Params;
use crate::wire::xml::Xml;

/// A security group.
#[derive(Clone, Debug)]
pub struct SecurityGroup {
    /// `sg-…`
    pub group_id: String,
    /// Its name, unique in its VPC.
    pub group_name: String,
    /// Its description.
    pub description: String,
    /// Its VPC.
    pub vpc_id: String,
    /// Its tags.
    pub tags: Tags,
}

pub(crate) fn create_default(ec2: &mut Ec2, kernel: &mut Kernel, vpc_id: &str) {
    let group = SecurityGroup {
        group_id: kernel.new_id("sg"),
        group_name: "default".to_owned(),
        description: "default VPC security group".to_owned(),
        vpc_id: vpc_id.to_owned(),
        tags: Tags::new(),
    };
    ec2.security_groups.insert(group.group_id.clone(), group);
}

/// Creates a security group, and returns its id.
///
/// # Errors
/// `InvalidVpcID.NotFound`, `InvalidGroup.Duplicate`.
pub fn create_security_group(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    vpc_id: &str,
    name: &str,
    description: &str,
    tags: Tags,
) -> Result<String, ApiError> {
    if !ec2.vpcs.contains_key(vpc_id) {
        Kind::Vpc.check(vpc_id)?;
        return Err(Kind::Vpc.not_found(vpc_id));
    }
    let mut groups = ec2.security_groups.values();
    if groups.any(|group| group.vpc_id == vpc_id && group.group_name == name) {
        return Err(ApiError::new(
            "InvalidGroup.Duplicate",
            format!("The security group '{name}' already exists for VPC '{vpc_id}'"),
        ));
    }
    let group_id = kernel.new_id("sg");
    let group = SecurityGroup {
        group_id: group_id.clone(),
        group_name: name.to_owned(),
        description: description.to_owned(),
        vpc_id: vpc_id.to_owned(),
        tags,
    };
    ec2.security_groups.insert(group_id.clone(), group);
    Ok(group_id)
}

/// The requested groups, which must all be in this VPC. If none is requested, the VPC's default
/// group.
pub(crate) fn resolve(
    ec2: &Ec2,
    groups: &[String],
    vpc_id: &str,
    subnet_id: &str,
) -> Result<Vec<String>, ApiError> {
    if groups.is_empty() {
        let known = &ec2.security_groups;
        let default = known
            .values()
            .find(|group| group.vpc_id == vpc_id && group.group_name == "default");
        return Ok(default
            .map(|group| group.group_id.clone())
            .into_iter()
            .collect());
    }
    if groups.len() > 16 {
        return Err(ApiError::new(
            "SecurityGroupsPerInterfaceLimitExceeded",
            "The maximum number of security groups per interface has been reached.",
        ));
    }
    let mut resolved: Vec<String> = Vec::new();
    for id in groups {
        let Some(group) = ec2.security_groups.get(id) else {
            if !id.starts_with("sg-") {
                Kind::SecurityGroup.check(id)?;
            }
            return Err(Kind::SecurityGroup.not_found(id));
        };
        if group.vpc_id != vpc_id {
            return Err(ApiError::new(
                "InvalidParameter",
                format!("Security group {id} and subnet {subnet_id} belong to different networks."),
            ));
        }
        if !resolved.contains(id) {
            resolved.push(id.clone());
        }
    }
    Ok(resolved)
}

/// `<groupSet>` of group ids.
pub(crate) fn write_set(xml: &mut Xml, ec2: &Ec2, ids: &[String]) {
    xml.items("groupSet", ids, |xml, id| {
        xml.text("groupId", id);
        let name = ec2.security_groups.get(id).map(|g| g.group_name.as_str());
        xml.text("groupName", name.unwrap_or_default());
    });
}

pub(crate) fn create(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    params: &mut Params,
) -> Result<String, ApiError> {
    let name = params.required_str("GroupName")?;
    let description = params.required_str("GroupDescription")?;
    let vpc_id = params.required_str("VpcId")?;
    let tags = tags::specification(params, Kind::SecurityGroup)?;
    params.finish()?;
    if name.chars().count() > 255 || name.starts_with("sg-") || name == "default" {
        return Err(invalid_value(format!(
            "Invalid value '{}' for groupName.",
            name.chars().take(255).collect::<String>()
        )));
    }
    let id = create_security_group(ec2, kernel, &vpc_id, &name, &description, tags.clone())?;
    let mut xml = Xml::new();
    xml.text("return", true);
    xml.text("groupId", &id);
    tags::write(&mut xml, &tags);
    xml.text("securityGroupArn", arn(&kernel.settings, &id));
    Ok(xml.into_string())
}

pub(crate) fn delete(
    ec2: &mut Ec2,
    _: &mut Kernel,
    params: &mut Params,
) -> Result<String, ApiError> {
    let id = params.required_str("GroupId")?;
    params.finish()?;
    let Some(group) = ec2.security_groups.get(&id) else {
        return Err(Kind::SecurityGroup.not_found(id));
    };
    if group.group_name == "default" {
        return Err(ApiError::new(
            "CannotDelete",
            format!("the specified group: \"{id}\" name: \"default\" cannot be deleted by a user"),
        ));
    }
    if ec2
        .network_interfaces()
        .any(|interface| interface.groups.contains(&id))
    {
        return Err(ApiError::new(
            "DependencyViolation",
            format!("resource {id} has a dependent object"),
        ));
    }
    ec2.security_groups.remove(&id);
    let mut xml = Xml::new();
    xml.text("return", true);
    xml.text("groupId", id);
    Ok(xml.into_string())
}

pub(crate) fn describe(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    params: &mut Params,
) -> Result<String, ApiError> {
    const FILTERS: [&str; 5] = [
        "description",
        "group-id",
        "group-name",
        "owner-id",
        "vpc-id",
    ];
    let mut ids = params.list("GroupId");
    let names = params.list("GroupName");
    let filters = Filters::parse(params, &FILTERS)?;
    let page = Page::parse(params, 5..=1000, &ids)?;
    params.finish()?;
    for name in names {
        let mut groups = ec2.security_groups.values();
        match groups.find(|group| group.group_name == name) {
            Some(group) => ids.push(group.group_id.clone()),
            None => return Err(Kind::SecurityGroup.not_found(name)),
        }
    }
    for id in &ids {
        if !ec2.security_groups.contains_key(id) {
            return Err(Kind::SecurityGroup.not_found(id));
        }
    }
    let account = kernel.settings.account.as_str();
    let passing = ec2.security_groups.values().filter(|group| {
        (ids.is_empty() || ids.contains(&group.group_id))
            && filters.pass(&group.tags, |name| {
                vec![Cow::Borrowed(match name {
                    "description" => group.description.as_str(),
                    "group-id" => group.group_id.as_str(),
                    "group-name" => group.group_name.as_str(),
                    "owner-id" => account,
                    _ => group.vpc_id.as_str(),
                })]
            })
    });
    let (groups, token) = page.cut(passing.map(|group| (group.group_id.clone(), group)));
    let mut xml = Xml::new();
    xml.items("securityGroupInfo", groups, |xml, group| {
        xml.text("groupId", &group.group_id);
        xml.text("groupName", &group.group_name);
        xml.text("groupDescription", &group.description);
        xml.text("ownerId", account);
        xml.text("vpcId", &group.vpc_id);
        xml.text("securityGroupArn", arn(&kernel.settings, &group.group_id));
        tags::write(xml, &group.tags);
    });
    next_token(&mut xml, token);
    Ok(xml.into_string())
}

fn arn(settings: &Settings, id: &str) -> String {
    format!(
        "arn:aws:ec2:{}:{}:security-group/{id}",
        settings.region, settings.account
    )
}
