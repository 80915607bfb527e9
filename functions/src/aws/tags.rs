//! Tags of instances, volumes and interfaces.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_ec2::config::retry::RetryConfig;
use aws_sdk_ec2::types::Filter;

use super::classify::{classify, code};
use super::instances::FILTER_VALUES;
use super::{Aws, convert};
use hookline_domain::error::{Error, Result};
use hookline_domain::ids::InstanceId;
use hookline_domain::tags::Tags;

/// How often CreateTags is tried. `TagNode` begins every launch with it, so in a large scale-out hundreds of
/// nodes wait for its bucket at once: longer pauses than those of other calls leave it to more of them.
const ATTEMPTS: u32 = 3;
/// The longest pause before the second attempt. That before the third is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(5);

impl Aws {
    /// Puts tags on an instance, its volumes and its interfaces (CreateTags). Resources of several
    /// instances may share a call, which then tags all or none.
    ///
    /// # Errors
    /// [`Error::InstanceNotFoundYet`] and [`Error::DevicesNotShownYet`], which name `instance`
    /// whichever of the instances it was, and those of every call.
    pub async fn create_tags(
        &self,
        instance: &InstanceId,
        resources: &[String],
        tags: &Tags,
    ) -> Result<()> {
        let retries = RetryConfig::standard()
            .with_max_attempts(ATTEMPTS)
            .with_initial_backoff(FIRST_PAUSE);
        let retries = aws_sdk_ec2::config::Builder::new().retry_config(retries);
        let answer = self
            .ec2
            .create_tags()
            .set_resources(Some(resources.to_vec()))
            .set_tags(Some(convert::tags(tags)))
            .customize()
            .config_override(retries)
            .send()
            .await;
        match answer {
            Ok(_) => Ok(()),
            Err(error) => Err(match code(&error) {
                Some("InvalidInstanceID.NotFound") => Error::InstanceNotFoundYet(instance.clone()),
                Some("InvalidVolume.NotFound") => Error::DevicesNotShownYet {
                    instance: instance.clone(),
                    what: "a volume".to_owned(),
                },
                Some("InvalidNetworkInterfaceID.NotFound") => Error::DevicesNotShownYet {
                    instance: instance.clone(),
                    what: "an interface".to_owned(),
                },
                _ => classify("CreateTags", &error),
            }),
        }
    }

    /// The tags of these resources (DescribeTags). A resource without tags has an empty entry.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn tags_of(&self, resources: &[String]) -> Result<BTreeMap<String, Tags>> {
        let mut found: BTreeMap<String, Tags> = resources
            .iter()
            .map(|id| (id.clone(), Tags::new()))
            .collect();
        for ids in resources.chunks(FILTER_VALUES) {
            let filter = Filter::builder()
                .name("resource-id")
                .set_values(Some(ids.to_vec()))
                .build();
            let asked = self.ec2.describe_tags().filters(filter).max_results(1000);
            let mut pages = asked.into_paginator().send();
            while let Some(page) = pages.next().await {
                let page = page.map_err(|error| classify("DescribeTags", &error))?;
                for tag in page.tags() {
                    let (Some(id), Some(key)) = (tag.resource_id(), tag.key()) else {
                        continue;
                    };
                    let tags = found.entry(id.to_owned()).or_default();
                    tags.insert(key.to_owned(), tag.value().unwrap_or_default().to_owned());
                }
            }
        }
        Ok(found)
    }
}
