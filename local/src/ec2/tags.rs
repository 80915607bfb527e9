//! Tags of every kind of EC2 resource.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::Ec2;
use super::errors::{Kind, invalid_value};
use super::filter::Filters;
use super::page::{Page, next_token};
use crate::kernel::Kernel;
use crate::wire::error::ApiError;
use crate::wire::query::Params;
use crate::wire::xml::Xml;

/// Tags by key.
pub type Tags = BTreeMap<String, String>;

const MAX_TAGS: usize = 50;

/// Reads `TagSpecification.N`: the tags for each resource type. Refuses types that are not allowed.
fn specifications(
    params: &mut Params,
    allowed: &[Kind],
) -> Result<BTreeMap<&'static str, Tags>, ApiError> {
    let mut by_type = BTreeMap::new();
    for mut specification in params.structs("TagSpecification") {
        let resource_type = specification.required_str("ResourceType")?;
        let tags = pairs(&mut specification)?;
        specification.finish()?;
        let Some(kind) = allowed
            .iter()
            .find(|kind| kind.resource_type() == resource_type)
        else {
            return Err(invalid_value(format!(
                "'{resource_type}' is not a valid taggable resource type for this operation."
            )));
        };
        let known: &mut Tags = by_type.entry(kind.resource_type()).or_default();
        known.extend(tags);
    }
    Ok(by_type)
}

/// The tags that a launch or a launch template sets, by the type of the created resource.
pub(crate) struct LaunchTags {
    pub(crate) instance: Tags,
    pub(crate) interface: Tags,
    pub(crate) volume: Tags,
}

impl LaunchTags {
    /// Reads `TagSpecification.N`.
    pub(crate) fn parse(params: &mut Params) -> Result<Self, ApiError> {
        let kinds = [Kind::Instance, Kind::Interface, Kind::Volume];
        let mut by_type = specifications(params, &kinds)?;
        let mut take = |kind: Kind| by_type.remove(kind.resource_type()).unwrap_or_default();
        Ok(Self {
            instance: take(Kind::Instance),
            interface: take(Kind::Interface),
            volume: take(Kind::Volume),
        })
    }
}

/// The tags of [`specifications`] for one kind.
pub(crate) fn specification(params: &mut Params, kind: Kind) -> Result<Tags, ApiError> {
    Ok(specifications(params, &[kind])?
        .remove(kind.resource_type())
        .unwrap_or_default())
}

/// Reads `Tag.N.Key` and `Tag.N.Value`.
fn pairs(params: &mut Params) -> Result<Tags, ApiError> {
    let mut tags = Tags::new();
    for mut tag in params.structs("Tag") {
        let key = tag.required_str("Key")?;
        let value = tag.str("Value").unwrap_or_default();
        tag.finish()?;
        if key.chars().count() > 128 {
            return Err(invalid_value(
                "Tag key exceeds the maximum length of 128 characters",
            ));
        }
        if value.chars().count() > 256 {
            return Err(invalid_value(
                "Tag value exceeds the maximum length of 256 characters",
            ));
        }
        if key.starts_with("aws:") {
            return Err(invalid_value(
                "Tag keys starting with 'aws:' are reserved for internal use",
            ));
        }
        if tags.insert(key.clone(), value).is_some() {
            return Err(invalid_value(format!(
                "Duplicate tag key '{key}' specified."
            )));
        }
    }
    if tags.len() > MAX_TAGS {
        return Err(limit_exceeded());
    }
    Ok(tags)
}

fn limit_exceeded() -> ApiError {
    ApiError::new(
        "TagLimitExceeded",
        "Maximum number of tags (50) has been reached",
    )
}

/// `<tagSet>`.
pub(crate) fn write(xml: &mut Xml, tags: &Tags) {
    xml.items("tagSet", tags, |xml, (key, value)| {
        xml.text("key", key);
        xml.text("value", value);
    });
}

pub(crate) fn create(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    params: &mut Params,
) -> Result<String, ApiError> {
    let resources = resources(params)?;
    let tags = pairs(params)?;
    params.finish()?;
    if tags.is_empty() {
        return Err(params.missing("Tag"));
    }
    for id in &resources {
        match Kind::of(id) {
            Some(Kind::Interface) => drop(ec2.known_interface(kernel, id)?),
            Some(Kind::Instance) => ec2.check_known_instance(kernel, id)?,
            _ => {}
        }
        let mut merged = tags_of(ec2, id)?;
        merged.extend(tags.clone());
        let own = merged.keys().filter(|key| !key.starts_with("aws:")).count();
        if own > MAX_TAGS {
            return Err(limit_exceeded());
        }
    }
    for id in &resources {
        edit(ec2, kernel, id, |known| known.extend(tags.clone()));
    }
    Ok(super::done())
}

pub(crate) fn delete(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    params: &mut Params,
) -> Result<String, ApiError> {
    let resources = resources(params)?;
    let mut wanted: Vec<(String, Option<String>)> = Vec::new();
    for mut tag in params.structs("Tag") {
        wanted.push((tag.required_str("Key")?, tag.str("Value")));
        tag.finish()?;
    }
    params.finish()?;
    for id in &resources {
        tags_of(ec2, id)?;
    }
    for id in &resources {
        edit(ec2, kernel, id, |tags| {
            if wanted.is_empty() {
                tags.retain(|key, _| key.starts_with("aws:"));
            }
            for (key, value) in &wanted {
                let same = value
                    .as_ref()
                    .is_none_or(|value| tags.get(key) == Some(value));
                if same {
                    tags.remove(key);
                }
            }
        });
    }
    Ok(super::done())
}

pub(crate) fn describe(
    ec2: &mut Ec2,
    _: &mut Kernel,
    params: &mut Params,
) -> Result<String, ApiError> {
    const FILTERS: [&str; 4] = ["key", "resource-id", "resource-type", "value"];
    let filters = Filters::parse(params, &FILTERS)?;
    let page = Page::parse(params, 5..=1000, &[])?;
    params.finish()?;
    let mut all = Vec::new();
    for id in ec2.ids() {
        let tags = tags_of(ec2, &id).unwrap_or_default();
        let resource_type = Kind::of(&id).map(Kind::resource_type).unwrap_or_default();
        for (key, value) in &tags {
            let passes = filters.pass(&tags, |name| {
                vec![Cow::Borrowed(match name {
                    "key" => key.as_str(),
                    "resource-id" => id.as_str(),
                    "resource-type" => resource_type,
                    _ => value.as_str(),
                })]
            });
            if passes {
                let row = (id.clone(), resource_type, key.clone(), value.clone());
                all.push((format!("{id} {key}"), row));
            }
        }
    }
    all.sort();
    let (rows, token) = page.cut(all);
    let mut xml = Xml::new();
    xml.items("tagSet", rows, |xml, (id, resource_type, key, value)| {
        xml.text("resourceId", id);
        xml.text("resourceType", resource_type);
        xml.text("key", key);
        xml.text("value", value);
    });
    next_token(&mut xml, token);
    Ok(xml.into_string())
}

fn resources(params: &mut Params) -> Result<Vec<String>, ApiError> {
    let resources = params.list("ResourceId");
    if resources.is_empty() {
        return Err(params.missing("ResourceId"));
    }
    if resources.len() > 1000 {
        return Err(invalid_value("More than 1000 resource IDs"));
    }
    Ok(resources)
}

/// The tags of a resource that exists.
pub(crate) fn tags_of(ec2: &Ec2, id: &str) -> Result<Tags, ApiError> {
    let Some(kind) = Kind::of(id) else {
        return Err(ApiError::new(
            "InvalidID",
            format!("The ID '{id}' is not valid"),
        ));
    };
    let tags = match kind {
        Kind::Instance => ec2.instance(id).map(|i| &i.tags),
        Kind::Interface => ec2.network_interface(id).map(|i| &i.tags),
        Kind::LaunchTemplate => ec2.launch_templates.get(id).map(|t| &t.tags),
        Kind::Reservation => ec2.reservations.get(id).map(|r| &r.tags),
        Kind::SecurityGroup => ec2.security_groups.get(id).map(|g| &g.tags),
        Kind::Subnet => ec2.subnets.get(id).map(|s| &s.tags),
        Kind::Volume => ec2.volumes.get(id).map(|v| &v.tags),
        Kind::Vpc => ec2.vpcs.get(id).map(|v| &v.tags),
        Kind::Attachment => None,
    };
    tags.cloned().ok_or_else(|| kind.not_found(id))
}

fn edit(ec2: &mut Ec2, kernel: &mut Kernel, id: &str, change: impl FnOnce(&mut Tags)) {
    match Kind::of(id) {
        Some(Kind::Instance) => {
            ec2.edit_instance(kernel, id, |instance| change(&mut instance.tags));
        }
        Some(Kind::Interface) => {
            ec2.edit_interface(kernel, id, |interface| change(&mut interface.tags));
        }
        other => {
            let tags = match other {
                Some(Kind::LaunchTemplate) => ec2.launch_templates.get_mut(id).map(|t| &mut t.tags),
                Some(Kind::Reservation) => ec2.reservations.get_mut(id).map(|r| &mut r.tags),
                Some(Kind::SecurityGroup) => ec2.security_groups.get_mut(id).map(|g| &mut g.tags),
                Some(Kind::Subnet) => ec2.subnets.get_mut(id).map(|s| &mut s.tags),
                Some(Kind::Volume) => ec2.volumes.get_mut(id).map(|v| &mut v.tags),
                Some(Kind::Vpc) => ec2.vpcs.get_mut(id).map(|v| &mut v.tags),
                _ => None,
            };
            if let Some(tags) = tags {
                change(tags);
            }
        }
    }
}
