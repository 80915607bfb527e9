//! ModifyNetworkInterfaceAttribute: DeleteOnTermination and SourceDestCheck.

use anyhow::Result;
use aws_sdk_ec2::types::{AttributeBooleanValue, NetworkInterfaceAttachmentChanges};

use super::fact;
use crate::clients::refusal;
use crate::fact::{Expected, Fact, Observed, yes};
use crate::stage::Stage;
use crate::wait::{SOON, until};

pub(super) const FACTS: &[Fact] = &[
    fact!(
        delete_on_termination_is_false_after_an_attach,
        "An interface that is attached to a running instance is not deleted with it by default. The primary one, created at launch, is.",
        TERMINATION,
        Instance,
        Expected::values(&[("attached later", "no"), ("primary", "yes")])
    ),
    fact!(
        delete_on_termination_is_set_by_the_attachment_id,
        "DeleteOnTermination is set with the id of the attachment.",
        MODIFY_INTERFACE,
        Instance,
        Expected::values(&[("DeleteOnTermination", "yes")])
    ),
    fact!(
        change_of_an_unknown_attachment_is_refused,
        "ModifyNetworkInterfaceAttribute refuses an attachment that the interface does not have.",
        EC2_ERRORS,
        Instance,
        Expected::refusal(&["InvalidAttachmentID.NotFound", "InvalidAttachment.NotFound"])
    ),
    fact!(
        change_of_two_attributes_in_one_call_is_refused,
        "ModifyNetworkInterfaceAttribute takes one attribute a call.",
        MODIFY_INTERFACE,
        Interfaces,
        Expected::refusal(&["InvalidParameterCombination"])
    ),
    fact!(
        source_dest_check_is_true_until_it_is_set,
        "SourceDestCheck is true at creation, and can be set to false.",
        MODIFY_INTERFACE,
        Interfaces,
        Expected::values(&[("at creation", "yes"), ("after the change", "no")])
    ),
];

fn off() -> AttributeBooleanValue {
    AttributeBooleanValue::builder().value(false).build()
}

async fn delete_on_termination_is_false_after_an_attach(stage: &Stage) -> Result<Observed> {
    let wired = stage.wired().await?;
    let primary = stage.primary(&wired.instance).await?;
    let second = &wired.second.attachment;
    Ok(Observed::new()
        .value(
            "attached later",
            yes(second.delete_on_termination() == Some(true)),
        )
        .value(
            "primary",
            yes(primary.delete_on_termination() == Some(true)),
        ))
}

async fn delete_on_termination_is_set_by_the_attachment_id(stage: &Stage) -> Result<Observed> {
    let first = &stage.wired().await?.first;
    let changes = NetworkInterfaceAttachmentChanges::builder()
        .attachment_id(first.attachment_id())
        .delete_on_termination(true)
        .build();
    let call = stage.clients.ec2.modify_network_interface_attribute();
    let call = call.network_interface_id(&first.interface);
    let answer = refusal(call.attachment(changes).send().await)?;
    if answer.code.is_some() {
        return Ok(answer);
    }
    let is_set = until(SOON, "DeleteOnTermination to be shown", async || {
        let attachment = stage.attachment(&first.interface).await?;
        Ok(attachment.delete_on_termination().filter(|set| *set))
    });
    Ok(answer.value("DeleteOnTermination", yes(is_set.await?)))
}

async fn change_of_an_unknown_attachment_is_refused(stage: &Stage) -> Result<Observed> {
    let changes = NetworkInterfaceAttachmentChanges::builder()
        .attachment_id("eni-attach-0123456789abcdef0")
        .delete_on_termination(true)
        .build();
    let attached = &stage.wired().await?.second.interface;
    let call = stage.clients.ec2.modify_network_interface_attribute();
    let call = call.network_interface_id(attached).attachment(changes);
    refusal(call.send().await)
}

async fn change_of_two_attributes_in_one_call_is_refused(stage: &Stage) -> Result<Observed> {
    let interface = stage.interface_in(&stage.main).await?;
    let call = stage.clients.ec2.modify_network_interface_attribute();
    let call = call
        .network_interface_id(&interface)
        .source_dest_check(off());
    let answer = call.groups(&stage.security_group).send().await;
    stage.discard(&interface).await;
    refusal(answer)
}

async fn source_dest_check_is_true_until_it_is_set(stage: &Stage) -> Result<Observed> {
    let interface = stage.interface_in(&stage.main).await?;
    let before = stage.shown(&interface).await?.source_dest_check();
    let call = stage.clients.ec2.modify_network_interface_attribute();
    let call = call.network_interface_id(&interface);
    let answer = refusal(call.source_dest_check(off()).send().await)?;
    if answer.code.is_some() {
        return Ok(answer);
    }
    let after = until(SOON, "SourceDestCheck to be shown", async || {
        let check = stage.shown(&interface).await?.source_dest_check();
        Ok(check.filter(|check| !check))
    });
    let after = after.await?;
    stage.discard(&interface).await;
    Ok(answer
        .value("at creation", yes(before == Some(true)))
        .value("after the change", yes(after)))
}
