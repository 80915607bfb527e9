//! The calls about a group's tags.

use super::group::Tag;
use super::{AutoScaling, invalid};
use crate::wire::error::ApiError;
use crate::wire::query::Params;
use crate::wire::xml::Xml;

/// One tag of a call: its group (if named), its key, and the tag.
pub(super) struct TagRequest {
    group: Option<String>,
    pub(super) key: String,
    pub(super) tag: Tag,
    has_value: bool,
}

/// Reads `Tags.member.N`.
pub(super) fn read(params: &mut Params) -> Result<Vec<TagRequest>, ApiError> {
    let mut tags = Vec::new();
    for mut tag in params.structs("Tags.member") {
        let resource_type = tag.str("ResourceType");
        if resource_type.is_some_and(|kind| kind != "auto-scaling-group") {
            return Err(invalid(
                "The resource type of a tag must be auto-scaling-group",
            ));
        }
        let value = tag.str("Value");
        let request = TagRequest {
            group: tag.str("ResourceId"),
            key: tag.required_str("Key")?,
            has_value: value.is_some(),
            tag: Tag {
                value: value.unwrap_or_default(),
                propagate_at_launch: tag.bool("PropagateAtLaunch")?.unwrap_or(false),
            },
        };
        tag.finish()?;
        if request.key.starts_with("aws:") {
            return Err(invalid(
                "Tag keys that start with aws: are reserved for system use",
            ));
        }
        tags.push(request);
    }
    Ok(tags)
}

fn checked(
    autoscaling: &AutoScaling,
    params: &mut Params,
) -> Result<Vec<(String, TagRequest)>, ApiError> {
    let tags = read(params)?;
    params.finish()?;
    if tags.is_empty() {
        return Err(params.missing("Tags"));
    }
    tags.into_iter()
        .map(|request| {
            let name = request
                .group
                .clone()
                .ok_or_else(|| invalid("ResourceId is required"))?;
            if !autoscaling.groups.contains_key(&name) {
                return Err(invalid(format!(
                    "AutoScalingGroup not found - AutoScaling Group {name} not found"
                )));
            }
            Ok((name, request))
        })
        .collect()
}

pub(super) fn create_or_update(
    autoscaling: &mut AutoScaling,
    params: &mut Params,
) -> Result<String, ApiError> {
    for (group, request) in checked(autoscaling, params)? {
        autoscaling
            .group_mut(&group)?
            .tags
            .insert(request.key, request.tag);
    }
    Ok(String::new())
}

pub(super) fn delete(
    autoscaling: &mut AutoScaling,
    params: &mut Params,
) -> Result<String, ApiError> {
    for (group, request) in checked(autoscaling, params)? {
        let tags = &mut autoscaling.group_mut(&group)?.tags;
        if !request.has_value
            || tags
                .get(&request.key)
                .is_some_and(|tag| tag.value == request.tag.value)
        {
            tags.remove(&request.key);
        }
    }
    Ok(String::new())
}

pub(super) fn describe(autoscaling: &AutoScaling, params: &mut Params) -> Result<String, ApiError> {
    let mut filters = Vec::new();
    for mut filter in params.structs("Filters.member") {
        let name = filter.required_str("Name")?;
        if !["auto-scaling-group", "key", "value", "propagate-at-launch"].contains(&name.as_str()) {
            return Err(invalid(format!(
                "Filter type {name} is not correct. Allowed Filter types are: auto-scaling-group key propagate-at-launch value"
            )));
        }
        filters.push((name, filter.list("Values.member")));
        filter.finish()?;
    }
    let window = super::describe::Window::read(params)?;
    params.finish()?;
    let all: Vec<_> = autoscaling
        .groups
        .values()
        .flat_map(|group| {
            group
                .tags
                .iter()
                .map(move |(key, tag)| (group.name.as_str(), key, tag))
        })
        .filter(|(group, key, tag)| {
            filters.iter().all(|(name, values)| {
                let actual = match name.as_str() {
                    "auto-scaling-group" => (*group).to_owned(),
                    "key" => (*key).clone(),
                    "value" => tag.value.clone(),
                    _ => tag.propagate_at_launch.to_string(),
                };
                values.contains(&actual)
            })
        })
        .collect();
    let mut xml = Xml::new();
    let next = window.cut(all, |page| {
        xml.members("Tags", page, |xml, (group, key, tag)| {
            write(xml, group, key, tag)
        });
    });
    xml.optional("NextToken", next);
    Ok(xml.into_string())
}

/// Writes a `TagDescription`.
pub(super) fn write(xml: &mut Xml, group: &str, key: &str, tag: &Tag) {
    xml.text("ResourceId", group);
    xml.text("ResourceType", "auto-scaling-group");
    xml.text("Key", key);
    xml.text("Value", &tag.value);
    xml.text("PropagateAtLaunch", tag.propagate_at_launch);
}
