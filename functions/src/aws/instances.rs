//! Instances: one by its id, and the launches in flight of a selector.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_ec2::types::Filter;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::classify::{classify, code};
use super::{Aws, convert};
use hookline_domain::error::{Error, Result};
use hookline_domain::event::Launch;
use hookline_domain::ids::InstanceId;
use hookline_domain::instance::Instance;
use hookline_domain::profile::Selector;

/// Auto Scaling's tag on each of its instances.
const GROUP_TAG: &str = "tag:aws:autoscaling:groupName";
/// The most values of one filter (EC2 API Reference, "List and filter using the CLI and API").
pub(super) const FILTER_VALUES: usize = 200;

/// The last listing of a selector's instances, and when it was requested.
pub(super) type Listing = Mutex<Option<(Instant, Selector, Arc<Vec<Instance>>)>>;

/// When this process last looked up the instance of a launch, and which.
pub(super) type LastLook = Mutex<Option<(Instant, InstanceId)>>;
/// After so long without a look, launches do not come at once.
const OF_ONE_BURST: Duration = Duration::from_secs(10);

impl Aws {
    /// Whether this process has looked up the instance of another launch within the last ten seconds. It
    /// looks up this one now.
    pub async fn looked_up_another_lately(&self, instance: &InstanceId) -> bool {
        let now = Instant::now();
        let last = self.last_look.lock().await.replace((now, instance.clone()));
        last.is_some_and(|(at, other)| other != *instance && now.duration_since(at) <= OF_ONE_BURST)
    }

    /// Looks up the instance of a launch, which must be pending or running, or at least not ending
    /// if the launch passes a warm pool.
    ///
    /// # Errors
    /// [`Error::InstanceNotFoundYet`], [`Error::InstanceGone`], and those of every call.
    pub async fn launching_instance(&self, launch: &Launch) -> Result<Instance> {
        let instance = self.instance(&launch.instance_id).await?;
        match launch.passes_warm_pool() {
            true => instance.ensure_not_ending(),
            false => instance.ensure_live(),
        }
    }

    /// Looks up the instance in any state (DescribeInstances). EC2 shows a terminated one for an
    /// hour.
    ///
    /// # Errors
    /// [`Error::InstanceNotFoundYet`], and those of every call.
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

    /// The instances by these ids that EC2 knows, in any state (DescribeInstances).
    ///
    /// It filters: if a call names its instances by id, EC2 refuses it for one id that it does not
    /// know.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn instances_by_id(
        &self,
        ids: &[&InstanceId],
    ) -> Result<BTreeMap<InstanceId, Instance>> {
        let mut instances = BTreeMap::new();
        for ids in ids.chunks(FILTER_VALUES) {
            let ids = ids.iter().map(ToString::to_string).collect();
            let found = self
                .describe_instances(vec![filter("instance-id", ids)])
                .await?;
            instances.extend(found.into_iter().map(|found| (found.id.clone(), found)));
        }
        Ok(instances)
    }

    /// The instances that a RunInstances call with this ClientToken launched, as far as EC2 shows
    /// them yet (DescribeInstances).
    ///
    /// # Errors
    /// Those of every call.
    pub async fn instances_of_token(&self, client_token: &str) -> Result<Vec<Instance>> {
        let token = vec![client_token.to_owned()];
        self.describe_instances(vec![filter("client-token", token)])
            .await
    }

    /// Every page of DescribeInstances.
    async fn describe_instances(&self, filters: Vec<Filter>) -> Result<Vec<Instance>> {
        let mut pages = self
            .ec2
            .describe_instances()
            .set_filters(Some(filters))
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

    /// The last result of [`instances_of`](Self::instances_of) for `selector` in this process, and
    /// its age, if it is not older than `within` and contains `instance`.
    pub async fn instances_seen(
        &self,
        selector: &Selector,
        within: Duration,
        instance: &InstanceId,
    ) -> Option<(Duration, Arc<Vec<Instance>>)> {
        let listing = self.listing.lock().await;
        let (at, of, instances) = listing.as_ref()?;
        let age = at.elapsed();
        let is_usable = age <= within
            && of == selector
            && instances.iter().any(|listed| listed.id == *instance);
        is_usable.then(|| (age, Arc::clone(instances)))
    }

    /// The pending and running instances that `selector` covers (DescribeInstances, in pages of
    /// 1,000).
    ///
    /// # Errors
    /// Those of every call.
    pub async fn instances_of(&self, selector: &Selector) -> Result<Arc<Vec<Instance>>> {
        let at = Instant::now();
        let instances = Arc::new(self.list_instances_of(selector).await?);
        *self.listing.lock().await = Some((at, selector.clone(), Arc::clone(&instances)));
        Ok(instances)
    }

    async fn list_instances_of(&self, selector: &Selector) -> Result<Vec<Instance>> {
        let mut filters: Vec<Filter> = match selector {
            Selector::AutoScalingGroupNames(names) => {
                vec![filter(GROUP_TAG, names.iter().cloned().collect())]
            }
            // EC2 returns the instances that pass all filters. It takes a filter's name once, so
            // the tags that may have any value share one, and are told apart below.
            Selector::Tag(_) | Selector::Tags(_) => {
                let (valued, any): (Vec<_>, Vec<_>) =
                    selector.tags().iter().partition(|tag| tag.value.is_some());
                let keys: Vec<String> = any.iter().map(|tag| tag.key.clone()).collect();
                let valued = valued.into_iter().map(|tag| {
                    filter(
                        &format!("tag:{}", tag.key),
                        tag.value.iter().cloned().collect(),
                    )
                });
                valued
                    .chain((!keys.is_empty()).then(|| filter("tag-key", keys)))
                    .collect()
            }
        };
        let states = vec!["pending".to_owned(), "running".to_owned()];
        filters.push(filter("instance-state-name", states));
        let mut found = self.describe_instances(filters).await?;
        if selector.is_by_tag() {
            found.retain(|instance| selector.covers("", &instance.tags));
        }
        Ok(found)
    }
}

/// A filter for exactly these values.
fn filter(name: &str, values: Vec<String>) -> Filter {
    let literal = values.iter().map(|value| literal(value)).collect();
    Filter::builder()
        .name(name)
        .set_values(Some(literal))
        .build()
}

/// The filter value that matches this text only: `*` and `?` are wildcards, and `\` makes the next
/// character literal (Amazon EC2 User Guide, "Find your Amazon EC2 resources", filters).
fn literal(text: &str) -> String {
    let mut literal = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '*' | '?' | '\\') {
            literal.push('\\');
        }
        literal.push(character);
    }
    literal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_of_a_filter_value_are_escaped() {
        for (text, wanted) in [
            ("upf", "upf"),
            ("a b/c", "a b/c"),
            ("upf-*", r"upf-\*"),
            ("upf?", r"upf\?"),
            (r"a\b", r"a\\b"),
            ("", ""),
        ] {
            assert_eq!(literal(text), wanted);
        }
    }
}
