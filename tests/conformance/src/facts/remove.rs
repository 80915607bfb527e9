//! Detach, delete, and what becomes of interfaces when their instance ends. These end the shared
//! instance.

use anyhow::{Context as _, Result};

use super::fact;
use crate::clients::refusal;
use crate::fact::{Expected, Fact, Observed};
use crate::stage::Stage;
use crate::wait::{SOON, until};

pub(super) const FACTS: &[Fact] = &[
    fact!(
        delete_of_an_attached_interface_is_refused,
        "DeleteNetworkInterface refuses an interface that is attached.",
        IN_USE_REPORT,
        Instance,
        Expected::refusal(&["InvalidParameterValue", "InvalidNetworkInterface.InUse"])
            .with_words(&["in use"])
    ),
    fact!(
        delete_of_a_deleted_interface_is_refused,
        "DeleteNetworkInterface refuses an interface that is deleted.",
        DELETE_INTERFACE,
        Interfaces,
        Expected::refusal(&["InvalidNetworkInterfaceID.NotFound"])
    ),
    fact!(
        detach_of_an_unknown_attachment_is_refused,
        "DetachNetworkInterface refuses an attachment that EC2 does not know.",
        EC2_ERRORS,
        Interfaces,
        Expected::refusal(&["InvalidAttachmentID.NotFound", "InvalidAttachment.NotFound"])
    ),
    fact!(
        detach_of_the_primary_interface_is_refused,
        "The primary interface of an instance cannot be detached.",
        ATTACHMENTS,
        Instance,
        Expected::refusal(&["OperationNotPermitted"])
    ),
    fact!(
        interface_goes_with_its_instance_if_delete_on_termination_is_set,
        "When an instance ends, EC2 deletes its interfaces with DeleteOnTermination and detaches the others.",
        TERMINATION,
        Instance,
        Expected::values(&[("set", "deleted"), ("not set", "available")])
    ),
    fact!(
        terminated_instance_is_still_described,
        "DescribeInstances shows a terminated instance for about an hour.",
        TERMINATION,
        Instance,
        Expected::values(&[("state", "terminated")])
    ),
];

async fn delete(stage: &Stage, interface: &str) -> Result<Observed> {
    let call = stage.clients.ec2.delete_network_interface();
    refusal(call.network_interface_id(interface).send().await)
}

async fn detach(stage: &Stage, attachment: &str) -> Result<Observed> {
    let call = stage.clients.ec2.detach_network_interface();
    refusal(call.attachment_id(attachment).send().await)
}

async fn delete_of_an_attached_interface_is_refused(stage: &Stage) -> Result<Observed> {
    let attached = &stage.wired().await?.second.interface;
    delete(stage, attached).await
}

async fn delete_of_a_deleted_interface_is_refused(stage: &Stage) -> Result<Observed> {
    let interface = stage.interface_in(&stage.main).await?;
    let first = delete(stage, &interface).await?;
    match first.code {
        None => delete(stage, &interface).await,
        Some(_) => Ok(first),
    }
}

async fn detach_of_an_unknown_attachment_is_refused(stage: &Stage) -> Result<Observed> {
    detach(stage, "eni-attach-0123456789abcdef0").await
}

async fn detach_of_the_primary_interface_is_refused(stage: &Stage) -> Result<Observed> {
    let instance = stage.instance().await?;
    let primary = stage.primary(&instance.id).await?;
    detach(stage, primary.attachment_id().unwrap_or_default()).await
}

async fn interface_goes_with_its_instance_if_delete_on_termination_is_set(
    stage: &Stage,
) -> Result<Observed> {
    let wired = stage.wired().await?;
    let call = stage.clients.ec2.terminate_instances();
    let call = call.instance_ids(&wired.instance);
    call.send().await.context("TerminateInstances")?;
    stage.in_state(&wired.instance, "terminated").await?;
    let settled = until(SOON, "the interfaces to be left alone", async || {
        let mut states = Vec::new();
        for attached in [&wired.first, &wired.second] {
            let found = stage.described(&attached.interface).await?;
            let status = found.first().and_then(|found| found.status());
            states.push(
                status
                    .map_or("deleted", |status| status.as_str())
                    .to_owned(),
            );
        }
        let is_settled = states.iter().all(|state| state != "in-use");
        Ok(is_settled.then_some(states))
    });
    let mut settled = settled.await?.into_iter();
    stage.discard(&wired.second.interface).await;
    Ok(Observed::new()
        .value("set", settled.next().unwrap_or_default())
        .value("not set", settled.next().unwrap_or_default()))
}

async fn terminated_instance_is_still_described(stage: &Stage) -> Result<Observed> {
    let instance = stage.instance().await?;
    let state = stage.state(&instance.id).await?;
    Ok(Observed::new().value("state", state.as_deref().unwrap_or("not shown")))
}
