//! The calls that describe groups, instances and activities.

use super::activity::Activity;
use super::group::{Group, LaunchTemplate, Member};
use super::warm_pool::WarmPool;
use super::{AutoScaling, invalid, tags_api};
use crate::wire::error::ApiError;
use crate::wire::query::Params;
use crate::wire::xml::Xml;
use crate::wire::{iso8601, iso8601_seconds};

/// A page of a list: its start and its length.
pub(super) struct Window {
    from: usize,
    limit: usize,
}

impl Window {
    /// Reads `NextToken` and `MaxRecords`, at most 100.
    pub(super) fn read(params: &mut Params) -> Result<Self, ApiError> {
        Self::read_up_to(100, params)
    }

    /// The same with another limit.
    pub(super) fn read_up_to(most: u32, params: &mut Params) -> Result<Self, ApiError> {
        let from = match params.str("NextToken") {
            Some(token) => token.parse().map_err(|_| {
                ApiError::new("InvalidNextToken", "The NextToken value is not valid.")
            })?,
            None => 0,
        };
        let limit = match params.u32("MaxRecords")? {
            None => 50,
            Some(limit) if (1..=most).contains(&limit) => usize::try_from(limit).unwrap_or(50),
            Some(other) => {
                return Err(invalid(format!(
                    "1 validation error detected: Value '{other}' at 'maxRecords' failed to satisfy constraint: \
                     Member must have value less than or equal to {most}"
                )));
            }
        };
        Ok(Self { from, limit })
    }

    /// Passes the page to `write`, and returns the token of the next one.
    pub(super) fn cut<T>(&self, all: Vec<T>, write: impl FnOnce(Vec<T>)) -> Option<String> {
        let end = self.from.saturating_add(self.limit);
        let next = (end < all.len()).then(|| end.to_string());
        write(all.into_iter().skip(self.from).take(self.limit).collect());
        next
    }
}

pub(super) fn groups(autoscaling: &AutoScaling, params: &mut Params) -> Result<String, ApiError> {
    let names = params.list("AutoScalingGroupNames.member");
    let mut filters = Vec::new();
    for mut filter in params.structs("Filters.member") {
        let name = filter.required_str("Name")?;
        let known = name.starts_with("tag:") || ["tag-key", "tag-value"].contains(&name.as_str());
        if !known {
            return Err(invalid(format!("Filter type {name} is not correct.")));
        }
        filters.push((name, filter.list("Values.member")));
        filter.finish()?;
    }
    // Accepted without effect: instances are always included.
    let _ = params.bool("IncludeInstances")?;
    let window = Window::read(params)?;
    params.finish()?;
    let passes = |group: &Group| {
        (names.is_empty() || names.contains(&group.name))
            && filters
                .iter()
                .all(|(name, values)| match name.strip_prefix("tag:") {
                    Some(key) => group
                        .tags
                        .get(key)
                        .is_some_and(|tag| values.contains(&tag.value)),
                    None if name == "tag-key" => group.tags.keys().any(|key| values.contains(key)),
                    None => group.tags.values().any(|tag| values.contains(&tag.value)),
                })
    };
    let all: Vec<_> = autoscaling
        .groups
        .values()
        .filter(|group| passes(group))
        .collect();
    let mut xml = Xml::new();
    let next = window.cut(all, |page| {
        xml.members("AutoScalingGroups", page, write_group)
    });
    xml.optional("NextToken", next);
    Ok(xml.into_string())
}

fn write_group(xml: &mut Xml, group: &Group) {
    xml.text("AutoScalingGroupName", &group.name);
    xml.text("AutoScalingGroupARN", &group.arn);
    xml.element("LaunchTemplate", |xml| {
        write_launch_template(xml, &group.launch_template)
    });
    xml.text("MinSize", group.min_size);
    xml.text("MaxSize", group.max_size);
    xml.text("DesiredCapacity", group.desired_capacity);
    xml.text("DefaultCooldown", group.default_cooldown);
    let mut zones: Vec<&str> = group
        .subnets
        .iter()
        .map(|(_, zone)| zone.as_str())
        .collect();
    zones.sort_unstable();
    zones.dedup();
    xml.texts("AvailabilityZones", "member", zones);
    xml.texts("LoadBalancerNames", "member", [""; 0]);
    xml.texts("TargetGroupARNs", "member", [""; 0]);
    xml.text("HealthCheckType", &group.health_check_type);
    xml.text("HealthCheckGracePeriod", group.health_check_grace_period);
    // "To retrieve information about the instances in a warm pool, you must call the
    // DescribeWarmPool API" (API Reference, DescribeAutoScalingGroups).
    let instances = group
        .members
        .iter()
        .filter(|member| !member.state.is_warm());
    xml.members("Instances", instances, |xml, member| {
        write_member(xml, member);
        xml.text("ProtectedFromScaleIn", member.protected);
        xml.text("HealthStatus", health(member));
    });
    if let Some(pool) = &group.warm_pool {
        xml.element("WarmPoolConfiguration", |xml| write_warm_pool(xml, pool));
        xml.text("WarmPoolSize", group.pooled().count());
    }
    xml.text("CreatedTime", iso8601(group.created));
    // As `User suspended at 2018-08-30T14:11:58Z`: the sample in the documentation of Ansible's module
    // `amazon.aws.autoscaling_group_info`.
    xml.members(
        "SuspendedProcesses",
        &group.suspended,
        |xml, (process, since)| {
            let since = iso8601_seconds(*since);
            xml.text("ProcessName", process);
            xml.text("SuspensionReason", format!("User suspended at {since}"));
        },
    );
    let subnets: Vec<&str> = group
        .subnets
        .iter()
        .map(|(subnet, _)| subnet.as_str())
        .collect();
    xml.text("VPCZoneIdentifier", subnets.join(","));
    xml.texts("EnabledMetrics", "member", [""; 0]);
    if group.deleting {
        xml.text("Status", "Delete in progress");
    }
    xml.members("Tags", &group.tags, |xml, (key, tag)| {
        tags_api::write(xml, &group.name, key, tag)
    });
    xml.texts("TerminationPolicies", "member", &group.termination_policies);
    xml.text(
        "NewInstancesProtectedFromScaleIn",
        group.protect_new_instances,
    );
    xml.text("ServiceLinkedRoleARN", &group.service_linked_role_arn);
    xml.element("TrafficSources", |_| {});
}

fn health(member: &Member) -> &'static str {
    match member.healthy {
        true => "Healthy",
        false => "Unhealthy",
    }
}

fn write_warm_pool(xml: &mut Xml, pool: &WarmPool) {
    xml.optional("MaxGroupPreparedCapacity", pool.max_prepared);
    xml.text("MinSize", pool.min_size);
    xml.text("PoolState", pool.state.as_str());
    if pool.deleting {
        xml.text("Status", "PendingDelete");
    }
    if pool.reuse_on_scale_in {
        xml.element("InstanceReusePolicy", |xml| {
            xml.text("ReuseOnScaleIn", true);
        });
    }
}

/// Answers DescribeWarmPool: its configuration, if the group has one, and its instances.
pub(super) fn warm_pool(group: &Group, window: &Window) -> String {
    let mut xml = Xml::new();
    if let Some(pool) = &group.warm_pool {
        xml.element("WarmPoolConfiguration", |xml| write_warm_pool(xml, pool));
    }
    let next = window.cut(group.pooled().collect(), |page| {
        xml.members("Instances", page, |xml, member: &Member| {
            write_member(xml, member);
            xml.text("HealthStatus", health(member));
        });
    });
    xml.optional("NextToken", next);
    xml.into_string()
}

/// The fields that the calls share that list instances.
fn write_member(xml: &mut Xml, member: &Member) {
    xml.text("InstanceId", &member.instance_id);
    xml.text("InstanceType", &member.instance_type);
    xml.text("AvailabilityZone", &member.availability_zone);
    xml.text("LifecycleState", member.state);
    xml.element("LaunchTemplate", |xml| {
        write_launch_template(xml, &member.launch_template)
    });
}

fn write_launch_template(xml: &mut Xml, template: &LaunchTemplate) {
    xml.text("LaunchTemplateId", &template.id);
    xml.text("LaunchTemplateName", &template.name);
    xml.text("Version", &template.version);
}

pub(super) fn instances(
    autoscaling: &AutoScaling,
    params: &mut Params,
) -> Result<String, ApiError> {
    let ids = params.list("InstanceIds.member");
    let window = Window::read(params)?;
    params.finish()?;
    let all: Vec<_> = autoscaling
        .groups
        .values()
        .flat_map(|group| group.members.iter().map(move |member| (group, member)))
        .filter(|(_, member)| ids.is_empty() || ids.contains(&member.instance_id))
        .collect();
    let mut xml = Xml::new();
    let next = window.cut(all, |page| {
        xml.members("AutoScalingInstances", page, |xml, (group, member)| {
            xml.text("AutoScalingGroupName", &group.name);
            write_member(xml, member);
            xml.text("ProtectedFromScaleIn", member.protected);
            // As on AWS: upper case here, capitalised in the list of a group.
            xml.text("HealthStatus", health(member).to_uppercase());
        });
    });
    xml.optional("NextToken", next);
    Ok(xml.into_string())
}

pub(super) fn activities(
    autoscaling: &AutoScaling,
    params: &mut Params,
) -> Result<String, ApiError> {
    let ids = params.list("ActivityIds.member");
    let group = params.str("AutoScalingGroupName");
    let include_deleted = params.bool("IncludeDeletedGroups")?.unwrap_or(false);
    let window = Window::read(params)?;
    params.finish()?;
    if let Some(name) = group.as_ref().filter(|_| !include_deleted) {
        autoscaling.group(name)?;
    }
    let all: Vec<&Activity> = autoscaling
        .activities
        .iter()
        .rev()
        .filter(|activity| {
            (ids.is_empty() || ids.contains(&activity.id))
                && group.as_ref().is_none_or(|name| activity.group == *name)
                && (include_deleted || autoscaling.groups.contains_key(&activity.group))
        })
        .collect();
    let mut xml = Xml::new();
    let next = window.cut(all, |page| xml.members("Activities", page, write_activity));
    xml.optional("NextToken", next);
    Ok(xml.into_string())
}

/// Writes an `Activity`.
pub(super) fn write_activity(xml: &mut Xml, activity: &Activity) {
    xml.text("ActivityId", &activity.id);
    xml.text("AutoScalingGroupName", &activity.group);
    xml.text("Description", &activity.description);
    xml.text("Cause", &activity.cause);
    xml.text("StartTime", iso8601(activity.started));
    xml.optional("EndTime", activity.ended.map(iso8601));
    xml.text("StatusCode", activity.status.name());
    if !activity.message.is_empty() {
        xml.text("StatusMessage", &activity.message);
    }
    xml.text("Progress", activity.status.progress());
    xml.text("Details", activity.details.to_string());
    xml.text("AutoScalingGroupARN", &activity.group_arn);
}
