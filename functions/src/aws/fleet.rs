//! What reconcile and `adopt` observe: the members of groups, and every interface of Hookline's.

use std::collections::BTreeMap;

use aws_sdk_autoscaling::types::AutoScalingGroup;
use aws_sdk_ec2::types::Tag;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::classify::{classify, code};
use super::instances::FILTER_VALUES;
use super::{Aws, convert};
use hookline_domain::error::{Error, Result};
use hookline_domain::ids::{InstanceId, NetworkInterfaceId};
use hookline_domain::instance::Instance;
use hookline_domain::interface::Interface;
use hookline_domain::reconcile::orphans::ORPHANED_SINCE;
use hookline_domain::reconcile::{Groups, LaunchFacts, Member};
use hookline_domain::tags::own;

/// The most names that one DescribeAutoScalingGroups takes.
const MAX_GROUP_NAMES: usize = 50;
/// The most resources in one call. CreateTags and DeleteTags take 1,000; AWS advises fewer.
const MAX_RESOURCES: usize = 200;
/// After so many refused calls, a round leaves what else is refused to the next one: it is not about
/// one interface then.
const MAX_REFUSED_CALLS: usize = 30;

impl Aws {
    /// The instances in a lifecycle state, as `Pending:Wait`, of these groups
    /// (DescribeAutoScalingGroups).
    ///
    /// # Errors
    /// Those of every call.
    pub async fn members(&self, groups: Groups, lifecycle_state: &str) -> Result<Vec<Member>> {
        let groups = self.groups(groups).await?;
        let members = groups
            .iter()
            .flat_map(|group| convert::members(group, group.instances(), lifecycle_state));
        Ok(members.collect())
    }

    /// These groups, with their instances, but not those of their warm pools
    /// (DescribeAutoScalingGroups).
    ///
    /// # Errors
    /// Those of every call.
    pub(super) async fn groups(&self, groups: Groups) -> Result<Vec<AutoScalingGroup>> {
        let batches: Vec<Option<Vec<String>>> = match groups {
            Groups::None => Vec::new(),
            Groups::All => vec![None],
            Groups::Named(names) => {
                let names: Vec<String> = names.into_iter().collect();
                names
                    .chunks(MAX_GROUP_NAMES)
                    .map(|names| Some(names.to_vec()))
                    .collect()
            }
        };
        let mut found = Vec::new();
        for names in batches {
            let mut pages = self
                .autoscaling
                .describe_auto_scaling_groups()
                .set_auto_scaling_group_names(names)
                .max_records(100)
                .into_paginator()
                .send();
            while let Some(page) = pages.next().await {
                let page = page.map_err(|error| classify("DescribeAutoScalingGroups", &error))?;
                found.extend(page.auto_scaling_groups.unwrap_or_default());
            }
        }
        Ok(found)
    }

    /// The launch time and tags of those instances that EC2 knows (DescribeInstances).
    ///
    /// # Errors
    /// Those of every call.
    pub async fn facts(&self, ids: &[&InstanceId]) -> Result<BTreeMap<InstanceId, LaunchFacts>> {
        let facts = |instance: Instance| LaunchFacts {
            launched_at: instance.launched_at,
            tags: instance.tags,
        };
        let known = self.instances_by_id(ids).await?;
        Ok(known
            .into_iter()
            .map(|(id, instance)| (id, facts(instance)))
            .collect())
    }

    /// Puts [`own::ADOPTED_AT`] on instances whose executions are about to be started (CreateTags,
    /// one call for all; at most 200).
    ///
    /// # Errors
    /// Those of every call. EC2 refuses the whole call if it does not know one of the instances.
    pub async fn mark_adopted(&self, ids: &[&InstanceId], now: i64) -> Result<()> {
        let answer = self
            .ec2
            .create_tags()
            .set_resources(Some(ids.iter().map(ToString::to_string).collect()))
            .tags(time_tag(own::ADOPTED_AT, now))
            .send()
            .await;
        answer
            .map(drop)
            .map_err(|error| classify("CreateTags", &error))
    }

    /// Every interface that this deployment created, whichever instance it was created for
    /// (DescribeNetworkInterfaces). Also those of an earlier release, which have no tag of a
    /// deployment.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn hookline_interfaces(&self) -> Result<Vec<Interface>> {
        self.own_interfaces("tag-key", vec![own::INSTANCE_ID.to_owned()])
            .await
    }

    /// Those of them that were created for one of these instances (DescribeNetworkInterfaces, one call
    /// for 200 instances).
    ///
    /// # Errors
    /// Those of every call.
    pub async fn interfaces_created_for_any(&self, ids: &[&InstanceId]) -> Result<Vec<Interface>> {
        let filter = format!("tag:{}", own::INSTANCE_ID);
        let mut found = Vec::new();
        for ids in ids.chunks(FILTER_VALUES) {
            let ids = ids.iter().map(ToString::to_string).collect();
            found.append(&mut self.own_interfaces(&filter, ids).await?);
        }
        Ok(found)
    }

    /// Puts [`ORPHANED_SINCE`] on interfaces (CreateTags, one call for many).
    ///
    /// # Errors
    /// Those of every call, but for [`Error::AccessDenied`], which is in the result.
    pub async fn mark_orphaned(&self, ids: &[NetworkInterfaceId], now: i64) -> Result<Tagged> {
        tag_together(ids, async |ids| {
            let answer = self
                .ec2
                .create_tags()
                .set_resources(Some(ids.iter().map(ToString::to_string).collect()))
                .tags(time_tag(ORPHANED_SINCE, now))
                .send()
                .await;
            refusal("CreateTags", answer)
        })
        .await
    }

    /// Removes [`ORPHANED_SINCE`] from interfaces (DeleteTags, one call for many).
    ///
    /// # Errors
    /// Those of every call, but for [`Error::AccessDenied`], which is in the result.
    pub async fn unmark(&self, ids: &[NetworkInterfaceId]) -> Result<Tagged> {
        tag_together(ids, async |ids| {
            let answer = self
                .ec2
                .delete_tags()
                .set_resources(Some(ids.iter().map(ToString::to_string).collect()))
                // Without a value, DeleteTags removes the tag whatever its value is.
                .tags(Tag::builder().key(ORPHANED_SINCE).build())
                .send()
                .await;
            refusal("DeleteTags", answer)
        })
        .await
    }
}

/// What became of interfaces whose tag was to change.
#[derive(Debug, Default)]
pub struct Tagged {
    /// Their tag is changed.
    pub done: Vec<NetworkInterfaceId>,
    /// EC2 refused these, and why. They are gone since the listing, or the role may not tag them.
    pub refused: Vec<(NetworkInterfaceId, String)>,
}

/// Tags interfaces with few calls. If EC2 refuses one interface of a call, it refuses the whole call:
/// then each half is tried by itself, so that one interface does not hold back the others.
async fn tag_together(
    ids: &[NetworkInterfaceId],
    tag: impl AsyncFn(&[NetworkInterfaceId]) -> Result<Option<String>>,
) -> Result<Tagged> {
    let mut tagged = Tagged::default();
    let mut left: Vec<&[NetworkInterfaceId]> = ids.chunks(MAX_RESOURCES).rev().collect();
    let mut refused_calls = 0;
    while let Some(ids) = left.pop() {
        let Some(reason) = tag(ids).await? else {
            tagged.done.extend_from_slice(ids);
            continue;
        };
        refused_calls += 1;
        if ids.len() > 1 && refused_calls < MAX_REFUSED_CALLS {
            let (first, second) = ids.split_at(ids.len() / 2);
            left.extend([second, first]);
        } else {
            let refused = ids.iter().map(|id| (id.clone(), reason.clone()));
            tagged.refused.extend(refused);
        }
    }
    Ok(tagged)
}

/// A tag whose value is a time, in seconds since the epoch.
fn time_tag(key: &str, seconds: i64) -> Tag {
    Tag::builder().key(key).value(seconds.to_string()).build()
}

/// Why EC2 refused a call for one of its interfaces. A role that may select by tags only gets
/// [`Error::AccessDenied`] for an interface that is gone, as that has no tags.
fn refusal<T, E>(
    action: &'static str,
    answer: Result<T, SdkError<E, HttpResponse>>,
) -> Result<Option<String>>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let error = match answer {
        Ok(_) => return Ok(None),
        Err(error) => error,
    };
    if code(&error) == Some("InvalidNetworkInterfaceID.NotFound") {
        return Ok(Some("it is gone".to_owned()));
    }
    match classify(action, &error) {
        denied @ Error::AccessDenied { .. } => Ok(Some(denied.to_string())),
        error => Err(error),
    }
}
