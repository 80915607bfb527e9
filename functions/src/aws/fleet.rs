//! What reconcile and `adopt` look at: who is in which group, what EC2 knows of them, and every interface of Hookline's.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{Filter, Tag};

use super::classify::{classify, code};
use super::{Aws, convert};
use hookline_domain::error::Result;
use hookline_domain::ids::{InstanceId, NetworkInterfaceId};
use hookline_domain::instance::Instance;
use hookline_domain::interface::Interface;
use hookline_domain::reconcile::orphans::ORPHANED_SINCE;
use hookline_domain::reconcile::{LaunchFacts, Member};
use hookline_domain::tags::own;

/// DescribeAutoScalingGroups takes so many names.
const NAMES: usize = 50;
/// A filter takes so many values.
const VALUES: usize = 200;
/// CreateTags and DeleteTags take 1,000 resources; AWS advises less.
const RESOURCES: usize = 200;

impl Aws {
    /// The instances in a lifecycle state, as `Pending:Wait`, of the groups by these names or, without names, of all
    /// (DescribeAutoScalingGroups).
    ///
    /// # Errors
    /// What every call can fail with.
    pub async fn members(
        &self,
        groups: Option<&BTreeSet<String>>,
        lifecycle_state: &str,
    ) -> Result<Vec<Member>> {
        let batches: Vec<Option<Vec<String>>> = match groups {
            None => vec![None],
            Some(names) => {
                let names: Vec<String> = names.iter().cloned().collect();
                names
                    .chunks(NAMES)
                    .map(|names| Some(names.to_vec()))
                    .collect()
            }
        };
        let mut members = Vec::new();
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
                let groups = page.auto_scaling_groups().iter();
                members.extend(groups.flat_map(|group| convert::members(group, lifecycle_state)));
            }
        }
        Ok(members)
    }

    /// Those of the instances that EC2 knows (DescribeInstances).
    ///
    /// # Errors
    /// What every call can fail with.
    pub async fn known(&self, ids: &[&InstanceId]) -> Result<BTreeMap<InstanceId, Instance>> {
        let mut known = BTreeMap::new();
        for ids in ids.chunks(VALUES) {
            // By a filter: asked by id, EC2 refuses the whole call for one that it does not know.
            let filter = Filter::builder()
                .name("instance-id")
                .set_values(Some(ids.iter().map(ToString::to_string).collect()))
                .build();
            let mut pages = self
                .ec2
                .describe_instances()
                .filters(filter)
                .max_results(1000)
                .into_paginator()
                .send();
            while let Some(page) = pages.next().await {
                let page = page.map_err(|error| classify("DescribeInstances", &error))?;
                known.extend(
                    page.reservations()
                        .iter()
                        .flat_map(|reservation| reservation.instances())
                        .filter_map(convert::instance)
                        .map(|instance| (instance.id.clone(), instance)),
                );
            }
        }
        Ok(known)
    }

    /// What EC2 says of those of the instances that it knows (DescribeInstances).
    ///
    /// # Errors
    /// What every call can fail with.
    pub async fn facts(&self, ids: &[&InstanceId]) -> Result<BTreeMap<InstanceId, LaunchFacts>> {
        let facts = |instance: Instance| LaunchFacts {
            launched_at: instance.launched_at,
            tags: instance.tags,
        };
        let known = self.known(ids).await?;
        Ok(known
            .into_iter()
            .map(|(id, instance)| (id, facts(instance)))
            .collect())
    }

    /// Puts the tag on instances that are adopted now (CreateTags, one call for all; at most 200).
    ///
    /// # Errors
    /// What every call can fail with; EC2 refuses the whole call when one of them is gone meanwhile.
    pub async fn mark_adopted(&self, ids: &[&InstanceId], now: i64) -> Result<()> {
        let answer = self
            .ec2
            .create_tags()
            .set_resources(Some(ids.iter().map(ToString::to_string).collect()))
            .tags(
                Tag::builder()
                    .key(own::ADOPTED_AT)
                    .value(now.to_string())
                    .build(),
            )
            .send()
            .await;
        answer
            .map(drop)
            .map_err(|error| classify("CreateTags", &error))
    }

    /// Every interface that carries Hookline's tag, whoever it was made for (DescribeNetworkInterfaces).
    ///
    /// # Errors
    /// What every call can fail with.
    pub async fn hookline_interfaces(&self) -> Result<Vec<Interface>> {
        self.interfaces("tag-key", vec![own::INSTANCE_ID.to_owned()])
            .await
    }

    /// Puts the tag on interfaces that were seen without an owner (CreateTags, one call for many); gives those that have
    /// it now. One that is gone meanwhile makes EC2 refuse its whole call: the next round tries the others again.
    ///
    /// # Errors
    /// What every call can fail with.
    pub async fn mark_orphaned(
        &self,
        ids: &[NetworkInterfaceId],
        now: i64,
    ) -> Result<Vec<NetworkInterfaceId>> {
        let mut done = Vec::new();
        for ids in ids.chunks(RESOURCES) {
            let answer = self
                .ec2
                .create_tags()
                .set_resources(Some(ids.iter().map(ToString::to_string).collect()))
                .tags(
                    Tag::builder()
                        .key(ORPHANED_SINCE)
                        .value(now.to_string())
                        .build(),
                )
                .send()
                .await;
            match answer {
                Ok(_) => done.extend_from_slice(ids),
                Err(error) if code(&error) == Some("InvalidNetworkInterfaceID.NotFound") => {}
                Err(error) => return Err(classify("CreateTags", &error)),
            }
        }
        Ok(done)
    }

    /// Takes the tag off interfaces that are owned again (DeleteTags); gives those that have lost it.
    ///
    /// # Errors
    /// What every call can fail with.
    pub async fn unmark(&self, ids: &[NetworkInterfaceId]) -> Result<Vec<NetworkInterfaceId>> {
        let mut done = Vec::new();
        for ids in ids.chunks(RESOURCES) {
            let answer = self
                .ec2
                .delete_tags()
                .set_resources(Some(ids.iter().map(ToString::to_string).collect()))
                // Without a value the tag goes whatever its value is.
                .tags(Tag::builder().key(ORPHANED_SINCE).build())
                .send()
                .await;
            match answer {
                Ok(_) => done.extend_from_slice(ids),
                Err(error) if code(&error) == Some("InvalidNetworkInterfaceID.NotFound") => {}
                Err(error) => return Err(classify("DeleteTags", &error)),
            }
        }
        Ok(done)
    }
}
