//! CreateTags: what it refuses, and that it tags all resources or none.

use anyhow::Result;

use super::fact;
use crate::clients::refusal;
use crate::fact::{Expected, Fact, Observed, yes};
use crate::stage::Stage;

pub(super) const FACTS: &[Fact] = &[
    fact!(
        tags_of_an_unknown_instance_are_refused,
        "CreateTags refuses an instance that EC2 does not know.",
        EC2_ERRORS,
        Interfaces,
        Expected::refusal(&["InvalidInstanceID.NotFound"])
    ),
    fact!(
        tags_of_an_unknown_volume_are_refused,
        "CreateTags refuses a volume that EC2 does not know.",
        EC2_ERRORS,
        Interfaces,
        Expected::refusal(&["InvalidVolume.NotFound"])
    ),
    fact!(
        tags_of_an_unknown_interface_are_refused,
        "CreateTags refuses an interface that EC2 does not know, and then tags none of the other resources.",
        CREATE_TAGS,
        Interfaces,
        Expected::refusal(&["InvalidNetworkInterfaceID.NotFound"])
            .with_values(&[("the other is tagged", "no")])
    ),
];

async fn tag(stage: &Stage, resources: &[&str]) -> Result<Observed> {
    let ids = resources.iter().map(|id| (*id).to_owned()).collect();
    let tag = aws_sdk_ec2::types::Tag::builder();
    let call = stage.clients.ec2.create_tags().set_resources(Some(ids));
    let call = call.tags(tag.key("conformance-test").value("1").build());
    refusal(call.send().await)
}

async fn tags_of_an_unknown_instance_are_refused(stage: &Stage) -> Result<Observed> {
    tag(stage, &["i-0123456789abcdef0"]).await
}

async fn tags_of_an_unknown_volume_are_refused(stage: &Stage) -> Result<Observed> {
    tag(stage, &["vol-0123456789abcdef0"]).await
}

async fn tags_of_an_unknown_interface_are_refused(stage: &Stage) -> Result<Observed> {
    let known = stage.interface_in(&stage.main).await?;
    let observed = tag(stage, &[&known, "eni-0123456789abcdef0"]).await?;
    let tags = stage.shown(&known).await?;
    let mut keys = tags.tag_set().iter().filter_map(|tag| tag.key());
    let is_tagged = keys.any(|key| key == "conformance-test");
    stage.discard(&known).await;
    Ok(observed.value("the other is tagged", yes(is_tagged)))
}
