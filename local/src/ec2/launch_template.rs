//! Launch templates: the properties of instances that an Auto Scaling group launches. The default
//! version is always the first one. A new version takes nothing over from another one: there is no
//! `SourceVersion`.
//!
//! Source: EC2 API Reference, CreateLaunchTemplate, CreateLaunchTemplateVersion and
//! DescribeLaunchTemplateVersions.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::Ec2;
use super::errors::{Kind, invalid_combination};
use super::filter::Filters;
use super::launch::InterfaceAtLaunch;
use super::page::{Page, next_token};
use super::run_instances::{IGNORED, parse_interfaces, parse_spot};
use super::tags::{self, LaunchTags, Tags};
use super::volume::{VolumeAtLaunch, parse_volumes};
use crate::kernel::Kernel;
use crate::wire::error::ApiError;
use crate::wire::iso8601;
use crate::wire::query::Params;
use crate::wire::xml::Xml;

/// A launch template.
#[derive(Clone, Debug)]
pub struct LaunchTemplate {
    /// `lt-…`
    pub launch_template_id: String,
    /// Its name.
    pub launch_template_name: String,
    /// Its versions, from number 1 on.
    pub versions: Vec<LaunchTemplateData>,
    /// Its own tags.
    pub tags: Tags,
    created_at: String,
}

/// The properties of instances that a launch template holds.
#[derive(Clone, Debug, Default)]
pub struct LaunchTemplateData {
    /// The image.
    pub image_id: String,
    /// The name of the instance type.
    pub instance_type: String,
    /// Ids of security groups.
    pub security_groups: Vec<String>,
    /// User data in base64.
    pub user_data: Option<String>,
    /// Tags of the instances.
    pub instance_tags: Tags,
    /// Tags of the interfaces created at launch.
    pub interface_tags: Tags,
    /// Tags of the volumes created at launch.
    pub volume_tags: Tags,
    /// Volumes created at launch.
    pub volumes: Vec<VolumeAtLaunch>,
    /// Whether the instances are Spot Instances.
    pub spot: bool,
    /// Interfaces created at launch.
    pub network_interfaces: Vec<InterfaceAtLaunch>,
}

/// A reference to a version of a launch template.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LaunchTemplateRef {
    /// Its id, or
    pub launch_template_id: Option<String>,
    /// its name.
    pub launch_template_name: Option<String>,
    /// A number, `$Default` or `$Latest`. `None`: the default version.
    pub version: Option<String>,
}

impl LaunchTemplateRef {
    /// The launch template that a call is about.
    fn of_call(params: &mut Params) -> Self {
        Self {
            launch_template_id: params.str("LaunchTemplateId"),
            launch_template_name: params.str("LaunchTemplateName"),
            version: None,
        }
    }

    /// Reads `LaunchTemplate.*`, if it is there.
    pub(crate) fn parse(params: &mut Params) -> Result<Option<Self>, ApiError> {
        let mut fields = params.structure("LaunchTemplate");
        if fields.is_empty() {
            return Ok(None);
        }
        let reference = Self {
            launch_template_id: fields.str("LaunchTemplateId"),
            launch_template_name: fields.str("LaunchTemplateName"),
            version: fields.str("Version"),
        };
        fields.finish()?;
        Ok(Some(reference))
    }
}

/// Creates a launch template, and returns its id.
///
/// # Errors
/// `InvalidLaunchTemplateName.AlreadyExistsException`.
pub fn create_launch_template(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    name: &str,
    data: LaunchTemplateData,
    tags: Tags,
) -> Result<String, ApiError> {
    let mut known = ec2.launch_templates.values();
    if known.any(|template| template.launch_template_name == name) {
        return Err(ApiError::new(
            "InvalidLaunchTemplateName.AlreadyExistsException",
            "Launch template name already in use.",
        ));
    }
    let id = kernel.new_id("lt");
    let template = LaunchTemplate {
        launch_template_id: id.clone(),
        launch_template_name: name.to_owned(),
        versions: vec![data],
        tags,
        created_at: iso8601(kernel.timestamp()),
    };
    ec2.launch_templates.insert(id.clone(), template);
    Ok(id)
}

/// The properties in the version that the reference names.
///
/// # Errors
/// `InvalidLaunchTemplateId.NotFound`, `InvalidLaunchTemplateName.NotFoundException`,
/// `InvalidLaunchTemplateId.VersionNotFound`.
pub fn resolve_launch_template<'a>(
    ec2: &'a Ec2,
    reference: &LaunchTemplateRef,
) -> Result<&'a LaunchTemplateData, ApiError> {
    let template = named(ec2, reference)?;
    let (_, data) = template.version(reference.version.as_deref())?;
    Ok(data)
}

/// The launch template that the reference names.
fn named<'a>(ec2: &'a Ec2, reference: &LaunchTemplateRef) -> Result<&'a LaunchTemplate, ApiError> {
    let known = &ec2.launch_templates;
    match (
        &reference.launch_template_id,
        &reference.launch_template_name,
    ) {
        (Some(_), Some(_)) => Err(invalid_combination(
            "You cannot specify both launch template ID and launch template name.",
        )),
        (Some(id), None) => known.get(id).ok_or_else(|| {
            let code = "InvalidLaunchTemplateId.NotFound";
            ApiError::new(
                code,
                format!("The specified launch template, with template ID {id}, does not exist."),
            )
        }),
        (None, Some(name)) => known
            .values()
            .find(|template| template.launch_template_name == *name)
            .ok_or_else(|| not_found_by_name(name)),
        (None, None) => Err(ApiError::new(
            "MissingParameter",
            "Either launch template ID or launch template name must be specified.",
        )),
    }
}

impl LaunchTemplate {
    /// A version, with its number.
    fn version(&self, version: Option<&str>) -> Result<(usize, &LaunchTemplateData), ApiError> {
        let version = version.unwrap_or_default();
        let number = match version {
            "" | "$Default" => Some(1),
            "$Latest" => Some(self.versions.len()),
            number => number.parse().ok(),
        };
        let found = number.and_then(|number: usize| {
            let data = self.versions.get(number.checked_sub(1)?)?;
            Some((number, data))
        });
        found.ok_or_else(|| {
            ApiError::new(
                "InvalidLaunchTemplateId.VersionNotFound",
                format!("Could not find launch template version {version}."),
            )
        })
    }
}

fn not_found_by_name(name: &str) -> ApiError {
    ApiError::new(
        "InvalidLaunchTemplateName.NotFoundException",
        format!("The specified launch template, with template name {name}, does not exist."),
    )
}

pub(crate) fn create(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    params: &mut Params,
) -> Result<String, ApiError> {
    let name = params.required_str("LaunchTemplateName")?;
    let data = parse_data(params)?;
    params.ignore(&["ClientToken", "VersionDescription"]);
    let tags = tags::specification(params, Kind::LaunchTemplate)?;
    params.finish()?;
    let id = create_launch_template(ec2, kernel, &name, data, tags)?;
    let mut xml = Xml::new();
    if let Some(template) = ec2.launch_templates.get(&id) {
        xml.element("launchTemplate", |xml| write(xml, template));
    }
    Ok(xml.into_string())
}

fn parse_data(params: &mut Params) -> Result<LaunchTemplateData, ApiError> {
    let mut fields = params.structure("LaunchTemplateData");
    if fields.is_empty() {
        return Err(params.missing("LaunchTemplateData"));
    }
    let launch_tags = LaunchTags::parse(&mut fields)?;
    let data = LaunchTemplateData {
        image_id: fields.str("ImageId").unwrap_or_default(),
        instance_type: fields.str("InstanceType").unwrap_or_default(),
        security_groups: fields.list("SecurityGroupId"),
        user_data: fields.str("UserData"),
        instance_tags: launch_tags.instance,
        interface_tags: launch_tags.interface,
        volume_tags: launch_tags.volume,
        volumes: parse_volumes(&mut fields)?,
        spot: parse_spot(&mut fields)?,
        network_interfaces: parse_interfaces(&mut fields)?,
    };
    fields.ignore(&IGNORED);
    fields.finish()?;
    Ok(data)
}

/// CreateLaunchTemplateVersion, by id or by name.
pub(crate) fn create_version(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    params: &mut Params,
) -> Result<String, ApiError> {
    let reference = LaunchTemplateRef::of_call(params);
    let data = parse_data(params)?;
    params.ignore(&["ClientToken", "VersionDescription"]);
    params.finish()?;
    let id = named(ec2, &reference)?.launch_template_id.clone();
    let mut xml = Xml::new();
    if let Some(template) = ec2.launch_templates.get_mut(&id) {
        template.versions.push(data);
        let (number, data) = template.version(Some("$Latest"))?;
        xml.element("launchTemplateVersion", |xml| {
            write_version(xml, kernel, template, number, data);
        });
    }
    Ok(xml.into_string())
}

/// DeleteLaunchTemplate, by id or by name. Instances that were launched from the template stay.
pub(crate) fn delete(
    ec2: &mut Ec2,
    _: &mut Kernel,
    params: &mut Params,
) -> Result<String, ApiError> {
    let id = params.str("LaunchTemplateId");
    let name = params.str("LaunchTemplateName");
    params.finish()?;
    let id = match (id, name) {
        (Some(id), None) => id,
        (None, Some(name)) => {
            let known = ec2.launch_templates.values();
            let mut named = known.filter(|template| template.launch_template_name == name);
            let found = named.next().ok_or_else(|| not_found_by_name(&name))?;
            found.launch_template_id.clone()
        }
        _ => {
            return Err(invalid_combination(
                "Specify either the launch template ID or the launch template name.",
            ));
        }
    };
    let Some(template) = ec2.launch_templates.remove(&id) else {
        return Err(Kind::LaunchTemplate.not_found(id));
    };
    let mut xml = Xml::new();
    xml.element("launchTemplate", |xml| write(xml, &template));
    Ok(xml.into_string())
}

pub(crate) fn describe(
    ec2: &mut Ec2,
    _: &mut Kernel,
    params: &mut Params,
) -> Result<String, ApiError> {
    let ids = params.list("LaunchTemplateId");
    let names = params.list("LaunchTemplateName");
    let filters = Filters::parse(params, &["create-time", "launch-template-name"])?;
    let named = [ids.clone(), names.clone()].concat();
    let page = Page::parse(params, 1..=200, &named)?;
    params.finish()?;
    for id in &ids {
        if !ec2.launch_templates.contains_key(id) {
            return Err(Kind::LaunchTemplate.not_found(id));
        }
    }
    let known = || ec2.launch_templates.values();
    for name in &names {
        if !known().any(|template| template.launch_template_name == *name) {
            return Err(not_found_by_name(name));
        }
    }
    let passing = known().filter(|template| {
        (named.is_empty()
            || ids.contains(&template.launch_template_id)
            || names.contains(&template.launch_template_name))
            && filters.pass(&template.tags, |name| {
                vec![Cow::Borrowed(match name {
                    "create-time" => template.created_at.as_str(),
                    _ => template.launch_template_name.as_str(),
                })]
            })
    });
    let (templates, token) = page.cut(passing.map(|t| (t.launch_template_id.clone(), t)));
    let mut xml = Xml::new();
    xml.items("launchTemplates", templates, write);
    next_token(&mut xml, token);
    Ok(xml.into_string())
}

fn write(xml: &mut Xml, template: &LaunchTemplate) {
    xml.text("launchTemplateId", &template.launch_template_id);
    xml.text("launchTemplateName", &template.launch_template_name);
    xml.text("createTime", &template.created_at);
    xml.text("defaultVersionNumber", 1);
    xml.text("latestVersionNumber", template.versions.len());
    tags::write(xml, &template.tags);
}

/// The versions that the call asks for; without any, all of them ("You can describe all versions,
/// individual versions, or a range of versions", EC2 API Reference,
/// DescribeLaunchTemplateVersions).
///
/// The newest first, as in the example of an answer in the AWS CLI Command Reference
/// (describe-launch-template-versions: versions 3, 2, 1); the API reference promises no order. That
/// one comes once that is asked for twice, as by its number and by `$Latest`, is an assumption.
pub(crate) fn describe_versions(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    params: &mut Params,
) -> Result<String, ApiError> {
    let reference = LaunchTemplateRef::of_call(params);
    let asked = params.list("LaunchTemplateVersion");
    params.ignore(&["MaxResults", "ResolveAlias"]);
    params.finish()?;
    let template = named(ec2, &reference)?;
    let mut versions = BTreeMap::new();
    for version in &asked {
        let (number, data) = template.version(Some(version))?;
        versions.insert(number, data);
    }
    if asked.is_empty() {
        versions.extend((1..).zip(&template.versions));
    }
    let mut xml = Xml::new();
    xml.items(
        "launchTemplateVersionSet",
        versions.into_iter().rev(),
        |xml, (number, data)| write_version(xml, kernel, template, number, data),
    );
    Ok(xml.into_string())
}

/// LaunchTemplateVersion.
fn write_version(
    xml: &mut Xml,
    kernel: &Kernel,
    template: &LaunchTemplate,
    number: usize,
    data: &LaunchTemplateData,
) {
    let account = kernel.settings.account.as_str();
    xml.text("launchTemplateId", &template.launch_template_id);
    xml.text("launchTemplateName", &template.launch_template_name);
    xml.text("versionNumber", number);
    xml.text("createTime", &template.created_at);
    xml.text(
        "createdBy",
        format_args!("arn:aws:iam::{account}:user/local"),
    );
    xml.text("defaultVersion", number == 1);
    xml.element("launchTemplateData", |xml| write_data(xml, data));
}

/// ResponseLaunchTemplateData, as far as the fake AWS keeps it. What is not set is absent.
fn write_data(xml: &mut Xml, data: &LaunchTemplateData) {
    let set = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    xml.optional("imageId", set(&data.image_id));
    xml.optional("instanceType", set(&data.instance_type));
    xml.optional("userData", data.user_data.as_ref());
    xml.texts("securityGroupIdSet", "item", &data.security_groups);
    xml.items(
        "networkInterfaceSet",
        &data.network_interfaces,
        |xml, it| {
            xml.text("deviceIndex", it.device_index);
            xml.text("networkCardIndex", it.network_card_index);
            xml.optional("deleteOnTermination", it.delete_on_termination);
            xml.optional("description", set(&it.spec.description));
            xml.optional("subnetId", set(&it.spec.subnet_id));
            xml.optional("interfaceType", set(&it.spec.interface_type));
            xml.texts("groupSet", "groupId", &it.spec.groups);
        },
    );
}
