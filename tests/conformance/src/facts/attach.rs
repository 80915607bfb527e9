//! AttachNetworkInterface: what it refuses, and two at once.

use anyhow::{Context as _, Result};

use super::fact;
use crate::fact::{Expected, Fact, Observed};
use crate::stage::Stage;

pub(super) const FACTS: &[Fact] = &[
    fact!(
        attach_to_a_pending_instance_is_refused,
        "An interface cannot be attached to an instance that is pending.",
        ATTACHMENTS,
        Instance,
        Expected::refusal(&["IncorrectInstanceState", "IncorrectState"])
    ),
    fact!(
        attach_of_an_unknown_interface_is_refused,
        "AttachNetworkInterface refuses an interface that EC2 does not know, as one that was just created.",
        EC2_ERRORS,
        Instance,
        Expected::refusal(&["InvalidNetworkInterfaceID.NotFound"])
    ),
    fact!(
        attach_to_an_unknown_instance_is_refused,
        "AttachNetworkInterface refuses an instance that EC2 does not know.",
        EC2_ERRORS,
        Instance,
        Expected::refusal(&["InvalidInstanceID.NotFound"])
    ),
    fact!(
        attach_at_a_device_index_in_use_is_refused,
        "AttachNetworkInterface refuses a device index that another interface of the instance has.",
        DEVICE_INDEX_REPORT,
        Instance,
        Expected::refusal(&["InvalidParameterValue"]).with_words(&["device index"])
    ),
    fact!(
        attach_at_a_network_card_that_the_type_lacks_is_refused,
        "AttachNetworkInterface refuses a network card that the instance type does not have.",
        ATTACH_INTERFACE,
        Instance,
        Expected::refusal(&["InvalidParameterValue", "InvalidParameterCombination"])
    ),
    fact!(
        attach_to_an_instance_of_another_zone_is_refused,
        "The interface and the instance must be in the same Availability Zone.",
        ATTACHMENTS,
        Instance,
        Expected::refusal(&["InvalidParameterCombination"])
    ),
    fact!(
        two_attaches_side_by_side_are_accepted,
        "Two interfaces can be attached to one instance at the same time, at different device indexes.",
        ATTACH_INTERFACE,
        Instance,
        Expected::values(&[("accepted", "2")])
    ),
    fact!(
        attach_of_an_attached_interface_is_refused,
        "AttachNetworkInterface refuses an interface that is attached.",
        ATTACHED_REPORT,
        Instance,
        Expected::refusal(&["InvalidNetworkInterface.InUse"])
    ),
    fact!(
        attach_beyond_the_limit_of_the_type_is_refused,
        "AttachNetworkInterface refuses more interfaces than the instance type allows.",
        EC2_ERRORS,
        Instance,
        Expected::refusal(&["AttachmentLimitExceeded"])
    ),
];

/// Tries to attach a new interface, and deletes it.
async fn try_new(stage: &Stage, device_index: i32, card: i32) -> Result<Observed> {
    let instance = stage.instance().await?;
    let interface = stage.interface_in(&stage.main).await?;
    let answer = stage
        .attach(&interface, &instance.id, device_index, card)
        .await;
    stage.discard(&interface).await;
    answer
}

async fn attach_to_a_pending_instance_is_refused(stage: &Stage) -> Result<Observed> {
    Ok(stage.instance().await?.attach_while_pending.clone())
}

async fn attach_of_an_unknown_interface_is_refused(stage: &Stage) -> Result<Observed> {
    let instance = stage.instance().await?;
    let unknown = "eni-0123456789abcdef0";
    stage.attach(unknown, &instance.id, 1, 0).await
}

async fn attach_to_an_unknown_instance_is_refused(stage: &Stage) -> Result<Observed> {
    let interface = stage.interface_in(&stage.main).await?;
    let unknown = "i-0123456789abcdef0";
    let answer = stage.attach(&interface, unknown, 1, 0).await;
    stage.discard(&interface).await;
    answer
}

async fn attach_at_a_device_index_in_use_is_refused(stage: &Stage) -> Result<Observed> {
    try_new(stage, 0, 0).await
}

async fn attach_at_a_network_card_that_the_type_lacks_is_refused(
    stage: &Stage,
) -> Result<Observed> {
    try_new(stage, 1, 1).await
}

async fn attach_to_an_instance_of_another_zone_is_refused(stage: &Stage) -> Result<Observed> {
    let instance = stage.instance().await?;
    let subnet = stage.other.as_ref().context("the Region shows one zone")?;
    let interface = stage.interface_in(subnet).await?;
    let answer = stage.attach(&interface, &instance.id, 1, 0).await;
    stage.discard(&interface).await;
    answer
}

async fn two_attaches_side_by_side_are_accepted(stage: &Stage) -> Result<Observed> {
    Ok(stage.wired().await?.attaches.clone())
}

async fn attach_of_an_attached_interface_is_refused(stage: &Stage) -> Result<Observed> {
    let wired = stage.wired().await?;
    let attached = &wired.first.interface;
    stage.attach(attached, &wired.instance, 3, 0).await
}

async fn attach_beyond_the_limit_of_the_type_is_refused(stage: &Stage) -> Result<Observed> {
    stage.wired().await?;
    try_new(stage, 3, 0).await
}
