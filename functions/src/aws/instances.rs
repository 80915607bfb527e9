//! Instances: one by its id, and the launches in flight of a selector.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_ec2::types::Filter;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::classify::{classify, code};
use super::{Aws, convert};
use hookline_domain::addresses::plan::InFlight;
use hookline_domain::error::{Error, Result};
use hookline_domain::ids::{InstanceId, NetworkInterfaceId, VolumeId};
use hookline_domain::profile::{Selector, TagSelector};
use hookline_domain::tags::NodeFacts;

/// Auto Scaling's tag on each of its instances.
const GROUP_TAG: &str = "tag:aws:autoscaling:groupName";
/// EC2's limit of values in one filter (EC2 API Reference, "List and filter using the CLI and API").
pub(super) const FILTER_VALUES: usize = 200;

/// The last listing of a selector's instances, and when it was asked for.
pub(super) type Listing = Mutex<Option<(Instant, Selector, Arc<Vec<Instance>>)>>;

/// An instance as EC2 describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// When `adopt` last took it up, in seconds since the epoch: the tag [`ADOPTED_AT`](hookline_domain::tags::own::ADOPTED_AT).
    pub adopted_at: Option<i64>,
    /// The primary private IPv4 address.
    pub private_ip: Option<String>,
    /// The first IPv6 address of the primary interface.
    pub ipv6_address: Option<String>,
    /// The private DNS name.
    pub private_dns_name: Option<String>,
    /// `spot` or `on-demand`, or what else EC2 calls it.
    pub lifecycle: String,
    /// The volumes that go with the instance (`DeleteOnTermination`), as far as they are attached yet.
    pub volumes: Vec<VolumeId>,
    /// Whether its root volume, which it has, is not shown yet.
    pub root_volume_missing: bool,
    /// The interfaces that are attached, or being attached.
    pub interfaces: Vec<NetworkInterfaceId>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Where interfaces are attached, or being attached, by network card and device index, and what they have there.
    pub attached: BTreeMap<(u32, u32), Attributes>,
}

/// What EC2 sets on an interface once it is attached (ModifyNetworkInterfaceAttribute).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attributes {
    /// Whether it goes when the instance goes.
    pub delete_on_termination: bool,
    /// Whether EC2 checks source and destination.
    pub source_dest_check: bool,
}

impl Instance {
    /// Whether interfaces can be attached.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.state == "running"
    }

    /// Whether it is on its way out for good.
    #[must_use]
    pub fn is_ending(&self) -> bool {
        matches!(self.state.as_str(), "shutting-down" | "terminated")
    }

    /// What templates can speak of.
    #[must_use]
    pub fn facts(&self, region: &str, group: &str) -> NodeFacts {
        NodeFacts {
            instance_id: self.id.clone(),
            instance_type: self.instance_type.clone(),
            az: self.availability_zone.clone(),
            region: region.to_owned(),
            asg: group.to_owned(),
            private_ip: self.private_ip.clone(),
            ipv6_address: self.ipv6_address.clone(),
            private_dns_name: self.private_dns_name.clone(),
            lifecycle: self.lifecycle.clone(),
            tags: self.tags.clone(),
        }
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

    /// The instances of these ids that EC2 knows, in whatever state (DescribeInstances, filtered: an id that it does not know
    /// yet hides no other).
    ///
    /// # Errors
    /// What every call can fail with.
    pub async fn known_instances(&self, ids: &[InstanceId]) -> Result<Vec<Instance>> {
        let mut instances = Vec::new();
        for ids in ids.chunks(FILTER_VALUES) {
            let ids = ids.iter().map(ToString::to_string).collect();
            instances.extend(self.instances_by("instance-id", ids).await?);
        }
        Ok(instances)
    }

    /// The instances that a call of RunInstances with this ClientToken launched, as far as EC2 shows them yet
    /// (DescribeInstances).
    ///
    /// # Errors
    /// What every call can fail with.
    pub async fn instances_of_token(&self, client_token: &str) -> Result<Vec<Instance>> {
        let token = vec![client_token.to_owned()];
        self.instances_by("client-token", token).await
    }

    async fn instances_by(&self, filter: &str, values: Vec<String>) -> Result<Vec<Instance>> {
        let mut instances = Vec::new();
        let filter = Filter::builder()
            .name(filter)
            .set_values(Some(values))
            .build();
        let answer = self
            .ec2
            .describe_instances()
            .filters(filter)
            .max_results(1000);
        let mut pages = answer.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| classify("DescribeInstances", &error))?;
            let found = page.reservations().iter();
            instances.extend(
                found
                    .flat_map(|reservation| reservation.instances())
                    .filter_map(convert::instance),
            );
        }
        Ok(instances)
    }

    /// What [`instances_of`](Self::instances_of) last told this process of `selector`, if that is not longer ago than
    /// `within` and `instance` is among them.
    pub async fn instances_seen(
        &self,
        selector: &Selector,
        within: Duration,
        instance: &InstanceId,
    ) -> Option<Arc<Vec<Instance>>> {
        let listing = self.listing.lock().await;
        let (at, of, instances) = listing.as_ref()?;
        let is_told = at.elapsed() <= within
            && of == selector
            && instances.iter().any(|listed| listed.id == *instance);
        is_told.then(|| Arc::clone(instances))
    }

    /// The pending and running instances that `selector` covers (DescribeInstances, in pages of 1,000).
    ///
    /// # Errors
    /// What every call can fail with.
    pub async fn instances_of(&self, selector: &Selector) -> Result<Arc<Vec<Instance>>> {
        let at = Instant::now();
        let instances = Arc::new(self.list_instances_of(selector).await?);
        *self.listing.lock().await = Some((at, selector.clone(), Arc::clone(&instances)));
        Ok(instances)
    }

    async fn list_instances_of(&self, selector: &Selector) -> Result<Vec<Instance>> {
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
}

impl From<&Instance> for InFlight {
    fn from(instance: &Instance) -> Self {
        Self {
            since: instance.in_flight_since(),
            instance_id: instance.id.clone(),
        }
    }
}
