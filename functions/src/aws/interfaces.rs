//! Network interfaces: list, create, attach, modify, detach, delete. The refusals that a caller decides on are
//! values here, not errors.

use std::net::IpAddr;

use aws_sdk_ec2::operation::modify_network_interface_attribute::ModifyNetworkInterfaceAttributeError;
use aws_sdk_ec2::types::{
    AttributeBooleanValue, Filter, NetworkInterfaceAttachmentChanges,
    PrivateIpAddressSpecification, ResourceType, TagSpecification,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;

use super::classify::{classify, code, message};
use super::{Aws, convert};
use hookline_domain::addresses::AllocatedInterface;
use hookline_domain::create_network_interface::CreateNetworkInterface;
use hookline_domain::error::{Error, Result};
use hookline_domain::ids::{InstanceId, NetworkInterfaceId, SubnetId};
use hookline_domain::interface::Interface;
use hookline_domain::tags::own;

/// What came of a create.
#[derive(Debug, Clone)]
pub enum CreateOutcome {
    /// The interface is there, from this call or from the same one before.
    Created(Box<Interface>),
    /// Somebody else has the addresses: EC2 named these, or else all that were asked for.
    AddressTaken(Vec<IpAddr>),
    /// The subnet has no room.
    SubnetFull,
}

/// What came of an attach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttachOutcome {
    /// Under way, with this attachment id.
    Attaching(String),
    /// The interface is in use, or the device index is: look who has it.
    Occupied,
    /// EC2 does not know the interface yet, a moment after its creation.
    InterfaceNotFoundYet,
    /// The instance does not run yet, or no more.
    InstanceNotRunning,
}

/// What came of a detach or a delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemovalOutcome {
    /// It is done, or there was nothing to do.
    Done,
    /// Not now: it is in use, or changing.
    Busy,
}

impl Aws {
    /// All interfaces in `subnets`, with what they hold (DescribeNetworkInterfaces, in pages of 1,000).
    ///
    /// # Errors
    /// What every call can fail with.
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

    /// The interfaces that Hookline made for `instance`, attached or not.
    ///
    /// # Errors
    /// What every call can fail with.
    pub async fn interfaces_created_for(&self, instance: &InstanceId) -> Result<Vec<Interface>> {
        self.interfaces(
            &format!("tag:{}", own::INSTANCE_ID),
            vec![instance.to_string()],
        )
        .await
    }

    /// The interfaces that are attached to `instance`, whoever made them.
    ///
    /// # Errors
    /// What every call can fail with.
    pub async fn interfaces_attached_to(&self, instance: &InstanceId) -> Result<Vec<Interface>> {
        self.interfaces("attachment.instance-id", vec![instance.to_string()])
            .await
    }

    pub(super) async fn interfaces(
        &self,
        filter: &str,
        values: Vec<String>,
    ) -> Result<Vec<Interface>> {
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
            interfaces.extend(
                page.network_interfaces()
                    .iter()
                    .filter_map(convert::interface),
            );
        }
        Ok(interfaces)
    }

    /// Creates an interface (CreateNetworkInterface).
    ///
    /// # Errors
    /// [`Error::ResourceNotFound`] for a subnet or security group, and what every call can fail with.
    pub async fn create_interface(
        &self,
        wanted: &CreateNetworkInterface,
        client_token: &str,
    ) -> Result<CreateOutcome> {
        let mut call = self
            .ec2
            .create_network_interface()
            .subnet_id(wanted.subnet_id.as_str())
            .set_groups(Some(
                wanted
                    .security_group_ids
                    .iter()
                    .map(ToString::to_string)
                    .collect(),
            ))
            .description(&wanted.description)
            .client_token(client_token)
            .tag_specifications(
                TagSpecification::builder()
                    .resource_type(ResourceType::NetworkInterface)
                    .set_tags(Some(convert::tags(&wanted.tags)))
                    .build(),
            );
        if let [only] = wanted.private_ip_addresses.as_slice() {
            call = call.private_ip_address(only.to_string());
        } else {
            for (n, address) in wanted.private_ip_addresses.iter().enumerate() {
                call = call.private_ip_addresses(
                    PrivateIpAddressSpecification::builder()
                        .private_ip_address(address.to_string())
                        .primary(n == 0)
                        .build(),
                );
            }
        }
        for address in &wanted.ipv6_addresses {
            call = call.ipv6_addresses(
                aws_sdk_ec2::types::InstanceIpv6Address::builder()
                    .ipv6_address(address.to_string())
                    .build(),
            );
        }
        let count = |count: u32| i32::try_from(count).ok().filter(|count| *count > 0);
        let answer = call
            .set_secondary_private_ip_address_count(count(wanted.secondary_count))
            .set_ipv4_prefix_count(count(wanted.prefix_count))
            .set_ipv6_address_count(count(wanted.ipv6_count))
            .send()
            .await;
        match answer {
            Ok(answer) => answer
                .network_interface()
                .and_then(convert::interface)
                .map(|interface| CreateOutcome::Created(Box::new(interface)))
                .ok_or_else(|| Error::AwsUnavailable {
                    action: "CreateNetworkInterface",
                    detail: "an answer without an interface".to_owned(),
                }),
            Err(error) => match code(&error) {
                // A token is a digest of the request, so a mismatch can only be with a token of another release. This launch
                // has an interface then: the next listing shows it, and until then its address is taken.
                Some("InvalidIPAddress.InUse" | "IdempotentParameterMismatch") => {
                    Ok(CreateOutcome::AddressTaken(taken(wanted, message(&error))))
                }
                Some("InsufficientFreeAddressesInSubnet" | "InsufficientCidrBlocks") => {
                    Ok(CreateOutcome::SubnetFull)
                }
                Some("InvalidParameterValue") if message(&error).contains("sufficient") => {
                    Ok(CreateOutcome::SubnetFull)
                }
                _ => Err(classify("CreateNetworkInterface", &error)),
            },
        }
    }

    /// Attaches an interface (AttachNetworkInterface).
    ///
    /// # Errors
    /// [`Error::InstanceTypeTooSmall`], and what every call can fail with.
    pub async fn attach_interface(
        &self,
        id: &NetworkInterfaceId,
        instance: &InstanceId,
        device_index: u32,
        network_card: u32,
    ) -> Result<AttachOutcome> {
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
    /// [`Error::NotYetAttached`], and what every call can fail with.
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

    /// Makes the interface go when its instance goes; it is false until somebody says so.
    ///
    /// # Errors
    /// [`Error::NotYetAttached`], and what every call can fail with.
    pub async fn set_delete_on_termination(
        &self,
        id: &NetworkInterfaceId,
        attachment: &str,
    ) -> Result<()> {
        self.ec2
            .modify_network_interface_attribute()
            .network_interface_id(id.as_str())
            .attachment(
                NetworkInterfaceAttachmentChanges::builder()
                    .attachment_id(attachment)
                    .delete_on_termination(true)
                    .build(),
            )
            .send()
            .await
            .map(drop)
            .map_err(|error| not_set(id, &error))
    }

    /// Detaches an interface (DetachNetworkInterface).
    ///
    /// # Errors
    /// What every call can fail with.
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
                _ => Err(classify("DetachNetworkInterface", &error)),
            },
        }
    }

    /// Deletes an interface (DeleteNetworkInterface); one that is not there is deleted.
    ///
    /// # Errors
    /// What every call can fail with.
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
                _ => Err(classify("DeleteNetworkInterface", &error)),
            },
        }
    }
}

/// Why an attribute was not set. Just after the attach EC2 may not know the interface, or its attachment, everywhere.
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

/// The addresses that EC2's words name, among those asked for; all of these when it names none.
fn taken(wanted: &CreateNetworkInterface, words: &str) -> Vec<IpAddr> {
    let asked = || {
        wanted
            .private_ip_addresses
            .iter()
            .chain(&wanted.ipv6_addresses)
            .copied()
    };
    let named: Vec<IpAddr> = words
        .split(|c: char| !(c.is_ascii_hexdigit() || c == '.' || c == ':'))
        .filter_map(|word| word.trim_end_matches(['.', ':']).parse().ok())
        .filter(|address| asked().any(|asked| asked == *address))
        .collect();
    if named.is_empty() {
        asked().collect()
    } else {
        named
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(addresses: &[&str]) -> CreateNetworkInterface {
        CreateNetworkInterface {
            subnet_id: "subnet-00000000".parse().unwrap(),
            security_group_ids: Vec::new(),
            private_ip_addresses: addresses.iter().map(|a| a.parse().unwrap()).collect(),
            secondary_count: 0,
            prefix_count: 0,
            ipv6_addresses: Vec::new(),
            ipv6_count: 0,
            description: String::new(),
            tags: std::collections::BTreeMap::new(),
        }
    }

    #[test]
    fn the_address_that_is_named_is_taken() {
        let found = taken(
            &wanted(&["10.0.0.4", "10.0.0.5"]),
            "Address 10.0.0.5 is in use.",
        );
        assert_eq!(found, ["10.0.0.5".parse::<IpAddr>().unwrap()]);
    }

    #[test]
    fn all_are_taken_when_none_is_named() {
        assert_eq!(
            taken(&wanted(&["10.0.0.4", "10.0.0.5"]), "In use.").len(),
            2
        );
    }
}
