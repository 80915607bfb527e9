//! Network interfaces: list, attach, modify, detach, delete. The refusals that a caller decides on
//! are values here, not errors.

use aws_sdk_ec2::operation::modify_network_interface_attribute::ModifyNetworkInterfaceAttributeError;
use aws_sdk_ec2::types::{AttributeBooleanValue, Filter, NetworkInterfaceAttachmentChanges};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;

use super::classify::{classify, code, message};
use super::{Aws, convert};
use hookline_domain::addresses::AllocatedInterface;
use hookline_domain::deployment::Owner;
use hookline_domain::error::{Error, Result};
use hookline_domain::ids::{InstanceId, NetworkInterfaceId, SubnetId};
use hookline_domain::instance::AttachmentPoint;
use hookline_domain::interface::Interface;
use hookline_domain::tags::own;

/// The outcome of an attach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttachOutcome {
    /// The interface is attaching, with this attachment id.
    Attaching(String),
    /// The interface or the device index is in use. A listing shows by what.
    Occupied,
    /// EC2 does not know the interface yet.
    InterfaceNotFoundYet,
    /// The instance is not running.
    InstanceNotRunning,
    /// EC2 did not allow it: [`Error::AccessDenied`]. As for [`RemovalOutcome::Denied`], this is also
    /// the answer if the interface is gone.
    Denied(Error),
}

/// EC2's code for a call that no policy of the role allows (EC2 Developer Guide, "Error codes").
const NOT_ALLOWED: &str = "UnauthorizedOperation";

/// The outcome of a detach or a delete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemovalOutcome {
    /// It is done, or was done before.
    Done,
    /// It cannot be done now: the interface is in use or changing.
    Busy,
    /// EC2 did not allow it: [`Error::AccessDenied`]. The role may select by tags only, and an
    /// interface or an instance that is gone has none. So EC2 answers this also if the interface
    /// has been detached or deleted before (as reported for DetachNetworkInterface in
    /// hashicorp/terraform-provider-aws, pull request 46211, and for TerminateInstances in
    /// aws/karpenter-provider-aws, issue 2100). A listing tells which it is.
    Denied(Error),
}

impl Aws {
    /// All interfaces in `subnets`, with their addresses (DescribeNetworkInterfaces, in pages of
    /// 1,000).
    ///
    /// # Errors
    /// Those of every call.
    pub async fn allocated_interfaces(
        &self,
        subnets: &[SubnetId],
    ) -> Result<Vec<AllocatedInterface>> {
        let ids = subnets.iter().map(ToString::to_string).collect();
        let interfaces = self.interfaces("subnet-id", ids).await?;
        Ok(interfaces
            .into_iter()
            .map(AllocatedInterface::from)
            .collect())
    }

    /// The interfaces that this deployment created for `instance`, attached or not. Also those of an
    /// earlier release, which have no tag of a deployment.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn interfaces_created_for(&self, instance: &InstanceId) -> Result<Vec<Interface>> {
        let filter = format!("tag:{}", own::INSTANCE_ID);
        self.own_interfaces(&filter, vec![instance.to_string()])
            .await
    }

    /// The interfaces that are attached to `instance`, of any origin.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn interfaces_attached_to(&self, instance: &InstanceId) -> Result<Vec<Interface>> {
        self.interfaces("attachment.instance-id", vec![instance.to_string()])
            .await
    }

    /// The interfaces that match `filter` and that this deployment may use. A filter of EC2's cannot
    /// ask for interfaces that lack a tag.
    pub(super) async fn own_interfaces(
        &self,
        filter: &str,
        values: Vec<String>,
    ) -> Result<Vec<Interface>> {
        let mut interfaces = self.interfaces(filter, values).await?;
        interfaces.retain(|interface| self.deployment.may_use(&interface.tags));
        Ok(interfaces)
    }

    /// The interfaces that match `filter`. Another deployment's are, for this one, somebody else's.
    async fn interfaces(&self, filter: &str, values: Vec<String>) -> Result<Vec<Interface>> {
        let mut pages = self
            .ec2
            .describe_network_interfaces()
            .filters(
                Filter::builder()
                    .name(filter)
                    .set_values(Some(values))
                    .build(),
            )
            .max_results(1000)
            .into_paginator()
            .send();
        let mut interfaces = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| classify("DescribeNetworkInterfaces", &error))?;
            let listed = page.network_interfaces().iter();
            interfaces.extend(listed.filter_map(convert::interface).map(|interface| {
                match self.deployment.owner(&interface.tags) {
                    Owner::Another => interface.of_others(),
                    _ => interface,
                }
            }));
        }
        Ok(interfaces)
    }

    /// Attaches an interface (AttachNetworkInterface).
    ///
    /// # Errors
    /// [`Error::InstanceTypeTooSmall`], and those of every call.
    pub async fn attach_interface(
        &self,
        id: &NetworkInterfaceId,
        instance: &InstanceId,
        place: AttachmentPoint,
    ) -> Result<AttachOutcome> {
        let AttachmentPoint {
            network_card,
            device_index,
        } = place;
        let number = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
        let answer = self
            .ec2
            .attach_network_interface()
            .network_interface_id(id.as_str())
            .instance_id(instance.as_str())
            .device_index(number(device_index))
            .network_card_index(number(network_card))
            .send()
            .await;
        match answer {
            Ok(answer) => Ok(AttachOutcome::Attaching(answer.attachment_id().unwrap_or_default().to_owned())),
            Err(error) => match code(&error) {
                Some("InvalidNetworkInterface.InUse") => Ok(AttachOutcome::Occupied),
                Some("InvalidParameterValue") if message(&error).contains("device index") => {
                    Ok(AttachOutcome::Occupied)
                }
                Some("InvalidNetworkInterfaceID.NotFound") => Ok(AttachOutcome::InterfaceNotFoundYet),
                Some("IncorrectInstanceState" | "IncorrectState") => Ok(AttachOutcome::InstanceNotRunning),
                Some(NOT_ALLOWED) => Ok(AttachOutcome::Denied(classify(
                    "AttachNetworkInterface",
                    &error,
                ))),
                Some("InvalidInstanceID.NotFound") => {
                    Err(Error::InstanceNotFoundYet(instance.clone()))
                }
                Some("AttachmentLimitExceeded") => Err(Error::InstanceTypeTooSmall {
                    field: "profile.slots".to_owned(),
                    problem: format!(
                        "at device index {device_index} of network card {network_card} EC2 said: {}",
                        message(&error)
                    ),
                    remedy: "Other interfaces on the node count too: ask for fewer slots, or use a larger instance type"
                        .to_owned(),
                }),
                _ => Err(classify("AttachNetworkInterface", &error)),
            },
        }
    }

    /// Sets SourceDestCheck (ModifyNetworkInterfaceAttribute takes one attribute a call).
    ///
    /// # Errors
    /// [`Error::NotYetAttached`], and those of every call.
    pub async fn set_source_dest_check(&self, id: &NetworkInterfaceId, check: bool) -> Result<()> {
        self.ec2
            .modify_network_interface_attribute()
            .network_interface_id(id.as_str())
            .source_dest_check(AttributeBooleanValue::builder().value(check).build())
            .send()
            .await
            .map(drop)
            .map_err(|error| not_set(id, &error))
    }

    /// Sets DeleteOnTermination, which is false after an attach (ModifyNetworkInterfaceAttribute).
    ///
    /// # Errors
    /// [`Error::NotYetAttached`], and those of every call.
    pub async fn set_delete_on_termination(
        &self,
        id: &NetworkInterfaceId,
        attachment: &str,
    ) -> Result<()> {
        let changes = NetworkInterfaceAttachmentChanges::builder()
            .attachment_id(attachment)
            .delete_on_termination(true)
            .build();
        self.ec2
            .modify_network_interface_attribute()
            .network_interface_id(id.as_str())
            .attachment(changes)
            .send()
            .await
            .map(drop)
            .map_err(|error| not_set(id, &error))
    }

    /// Detaches an interface (DetachNetworkInterface).
    ///
    /// # Errors
    /// Those of every call.
    pub async fn detach_interface(&self, attachment: &str) -> Result<RemovalOutcome> {
        match self
            .ec2
            .detach_network_interface()
            .attachment_id(attachment)
            .send()
            .await
        {
            Ok(_) => Ok(RemovalOutcome::Busy),
            Err(error) => match code(&error) {
                Some("InvalidAttachmentID.NotFound" | "InvalidAttachment.NotFound") => {
                    Ok(RemovalOutcome::Done)
                }
                Some("IncorrectState" | "IncorrectInstanceState" | "InvalidParameterValue") => {
                    Ok(RemovalOutcome::Busy)
                }
                Some(NOT_ALLOWED) => Ok(RemovalOutcome::Denied(classify(
                    "DetachNetworkInterface",
                    &error,
                ))),
                _ => Err(classify("DetachNetworkInterface", &error)),
            },
        }
    }

    /// Deletes an interface (DeleteNetworkInterface). One that does not exist counts as deleted.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn delete_interface(&self, id: &NetworkInterfaceId) -> Result<RemovalOutcome> {
        match self
            .ec2
            .delete_network_interface()
            .network_interface_id(id.as_str())
            .send()
            .await
        {
            Ok(_) => Ok(RemovalOutcome::Done),
            Err(error) => match code(&error) {
                Some("InvalidNetworkInterfaceID.NotFound") => Ok(RemovalOutcome::Done),
                Some(
                    "InvalidNetworkInterface.InUse"
                    | "InvalidParameterValue"
                    | "IncorrectState"
                    | "OperationNotPermitted",
                ) => Ok(RemovalOutcome::Busy),
                Some(NOT_ALLOWED) => Ok(RemovalOutcome::Denied(classify(
                    "DeleteNetworkInterface",
                    &error,
                ))),
                _ => Err(classify("DeleteNetworkInterface", &error)),
            },
        }
    }
}

/// The error of a call that did not set an attribute. Just after an attach, EC2 may not know the
/// interface or its attachment yet.
fn not_set(
    id: &NetworkInterfaceId,
    error: &SdkError<ModifyNetworkInterfaceAttributeError, HttpResponse>,
) -> Error {
    match code(error) {
        Some(
            code @ ("InvalidNetworkInterfaceID.NotFound"
            | "InvalidAttachmentID.NotFound"
            | "InvalidAttachment.NotFound"),
        ) => Error::NotYetAttached(vec![format!(
            "an attribute of {id} cannot be set yet ({code})"
        )]),
        _ => classify("ModifyNetworkInterfaceAttribute", error),
    }
}
