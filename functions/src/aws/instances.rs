//! Instances: one by its id, and the launches in flight of a selector.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::Filter;
use serde::{Deserialize, Serialize};

use super::classify::{classify, code};
use super::{Aws, convert};
use crate::domain::ids::InstanceId;
use crate::domain::plan::InFlight;
use crate::domain::profile::{Selector, TagSelector};
use crate::error::{Error, Result};

/// Auto Scaling's tag on each of its instances.
const GROUP_TAG: &str = "tag:aws:autoscaling:groupName";

/// An instance as EC2 describes it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Instance {
    /// The instance.
    pub id: InstanceId,
    /// As `m5.4xlarge`.
    pub instance_type: String,
    /// The availability zone's name.
    pub availability_zone: String,
    /// `pending`, `running`, …
    pub state: String,
    /// Seconds since the epoch.
    pub launched_at: i64,
    /// When `adopt` last took it up, in seconds since the epoch: the tag [`ADOPTED_AT`](crate::domain::ownership::ADOPTED_AT).
    pub adopted_at: Option<i64>,
    /// The primary private IPv4 address.
    pub private_ip: Option<String>,
    /// The private DNS name.
    pub private_dns_name: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Where interfaces are attached, or being attached: network card and device index.
    pub attached: BTreeSet<(u32, u32)>,
}

impl Instance {
    /// Whether interfaces can be attached.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.state == "running"
    }

    /// Since when it is to be prepared: from its launch, or from when it was adopted. Launches are served in this order.
    #[must_use]
    pub fn in_flight_since(&self) -> i64 {
        self.launched_at.max(self.adopted_at.unwrap_or(i64::MIN))
    }

    /// # Errors
    /// [`Error::InstanceGone`] when it is on its way out. A stopped one counts: it was not stopped by a launch.
    fn must_live(self) -> Result<Self> {
        match self.state.as_str() {
            "pending" | "running" => Ok(self),
            _ => Err(Error::InstanceGone {
                instance: self.id,
                state: self.state,
            }),
        }
    }
}

impl Aws {
    /// Looks the instance up, which must be pending or running.
    ///
    /// # Errors
    /// [`Error::InstanceNotFoundYet`], [`Error::InstanceGone`], and what every call can fail with.
    pub async fn live_instance(&self, id: &InstanceId) -> Result<Instance> {
        self.instance(id).await?.must_live()
    }

    /// Looks the instance up (DescribeInstances), in whatever state it is: a terminated one is known for an hour.
    ///
    /// # Errors
    /// [`Error::InstanceNotFoundYet`], and what every call can fail with.
    pub async fn instance(&self, id: &InstanceId) -> Result<Instance> {
        let answer = self
            .ec2
            .describe_instances()
            .instance_ids(id.as_str())
            .send()
            .await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) if code(&error) == Some("InvalidInstanceID.NotFound") => {
                return Err(Error::InstanceNotFoundYet(id.clone()));
            }
            Err(error) => return Err(classify("DescribeInstances", &error)),
        };
        answer
            .reservations()
            .iter()
            .flat_map(|reservation| reservation.instances())
            .find_map(convert::instance)
            .ok_or_else(|| Error::InstanceNotFoundYet(id.clone()))
    }

    /// The pending and running instances that `selector` covers (DescribeInstances, in pages of 1,000).
    ///
    /// # Errors
    /// What every call can fail with.
    pub async fn instances_of(&self, selector: &Selector) -> Result<Vec<Instance>> {
        let filter = |name: &str, values: Vec<String>| {
            Filter::builder()
                .name(name)
                .set_values(Some(values))
                .build()
        };
        let selected = match selector {
            Selector::AutoScalingGroupNames(names) => {
                filter(GROUP_TAG, names.iter().cloned().collect())
            }
            Selector::Tag(TagSelector {
                key,
                value: Some(value),
            }) => filter(&format!("tag:{key}"), vec![value.clone()]),
            Selector::Tag(TagSelector { key, value: None }) => filter("tag-key", vec![key.clone()]),
        };
        let mut pages = self
            .ec2
            .describe_instances()
            .filters(selected)
            .filters(filter(
                "instance-state-name",
                vec!["pending".to_owned(), "running".to_owned()],
            ))
            .max_results(1000)
            .into_paginator()
            .send();
        let mut instances = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| classify("DescribeInstances", &error))?;
            instances.extend(
                page.reservations()
                    .iter()
                    .flat_map(|reservation| reservation.instances())
                    .filter_map(convert::instance),
            );
        }
        Ok(instances)
    }

    /// Puts tags on the instance (CreateTags); calls nothing when there are none.
    ///
    /// # Errors
    /// [`Error::InstanceNotFoundYet`] besides what every call can fail with.
    pub async fn tag_instance(
        &self,
        id: &InstanceId,
        tags: &BTreeMap<String, String>,
    ) -> Result<()> {
        if tags.is_empty() {
            return Ok(());
        }
        let answer = self
            .ec2
            .create_tags()
            .resources(id.as_str())
            .set_tags(Some(convert::tags(tags)))
            .send()
            .await;
        match answer {
            Ok(_) => Ok(()),
            Err(error) if code(&error) == Some("InvalidInstanceID.NotFound") => {
                Err(Error::InstanceNotFoundYet(id.clone()))
            }
            Err(error) => Err(classify("CreateTags", &error)),
        }
    }
}

impl From<&Instance> for InFlight {
    fn from(instance: &Instance) -> Self {
        Self {
            since: instance.in_flight_since(),
            instance_id: instance.id.clone(),
        }
    }
}
