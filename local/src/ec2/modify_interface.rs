//! Changes to a network interface: one attribute a call, and its addresses.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::Ipv4Net;

use super::attach::check_addresses;
use super::create_interface::{limited_count, parse_all};
use super::errors::{Kind, invalid_combination, invalid_value};
use super::interface::NetworkInterface;
use super::interface_xml::write_attachment;
use super::lagged::describe_time;
use super::{Ec2, instance_type, security_group};
use crate::kernel::Kernel;
use crate::wire::error::ApiError;
use crate::wire::query::Params;
use crate::wire::xml::Xml;

enum Change {
    Description(String),
    SourceDestCheck(bool),
    Groups(Vec<String>),
    DeleteOnTermination(bool),
}

pub(crate) fn modify(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    params: &mut Params,
) -> Result<String, ApiError> {
    let id = params.required_str("NetworkInterfaceId")?;
    let mut changes = Vec::new();
    if let Some(text) = params
        .str("Description.Value")
        .or_else(|| params.str("Description"))
    {
        changes.push(Change::Description(text));
    }
    if let Some(check) = params.bool("SourceDestCheck.Value")? {
        changes.push(Change::SourceDestCheck(check));
    }
    let groups = params.list("SecurityGroupId");
    if !groups.is_empty() {
        changes.push(Change::Groups(groups));
    }
    let attachment_id = params.str("Attachment.AttachmentId");
    let delete = params.bool("Attachment.DeleteOnTermination")?;
    params.finish()?;
    if attachment_id.is_some() || delete.is_some() {
        let delete = delete.ok_or_else(|| params.missing("Attachment.DeleteOnTermination"))?;
        changes.push(Change::DeleteOnTermination(delete));
    }
    let interface = ec2.known_interface(kernel, &id)?;
    let Some(change) = changes.pop() else {
        return Err(invalid_combination("No attributes specified."));
    };
    if !changes.is_empty() {
        return Err(invalid_combination(
            "Fields for multiple attribute types specified",
        ));
    }
    let change = match change {
        Change::DeleteOnTermination(_) => {
            let requested =
                attachment_id.ok_or_else(|| params.missing("Attachment.AttachmentId"))?;
            Kind::Attachment.check(&requested)?;
            if interface
                .attachment
                .as_ref()
                .is_none_or(|a| a.attachment_id != requested)
            {
                return Err(Kind::Attachment.not_found(requested));
            }
            change
        }
        Change::Groups(groups) => Change::Groups(security_group::resolve(
            ec2,
            &groups,
            &interface.vpc_id,
            &interface.subnet_id,
        )?),
        Change::Description(text) if text.chars().count() > 255 => {
            return Err(invalid_value(
                "Invalid value for parameter description: more than 255 characters",
            ));
        }
        other => other,
    };
    ec2.edit_interface(kernel, &id, |interface| match change {
        Change::Description(text) => interface.description = text,
        Change::SourceDestCheck(check) => interface.source_dest_check = check,
        Change::Groups(groups) => interface.groups = groups,
        Change::DeleteOnTermination(delete) => {
            if let Some(attachment) = &mut interface.attachment {
                attachment.delete_on_termination = delete;
            }
        }
    });
    Ok(super::done())
}

pub(crate) fn describe_attribute(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    params: &mut Params,
) -> Result<String, ApiError> {
    let id = params.required_str("NetworkInterfaceId")?;
    let attribute = params.required_str("Attribute")?;
    params.finish()?;
    Kind::Interface.check(&id)?;
    let horizon = describe_time(kernel);
    let (ec2, kernel) = (&*ec2, &*kernel);
    let interface = ec2
        .interfaces
        .get(&id)
        .and_then(|interface| interface.as_of(horizon?))
        .ok_or_else(|| Kind::Interface.not_found(&id))?;
    let mut xml = Xml::new();
    xml.text("networkInterfaceId", &id);
    match attribute.as_str() {
        "description" => {
            xml.element("description", |xml| {
                xml.text("value", &interface.description)
            });
        }
        "sourceDestCheck" => xml.element("sourceDestCheck", |xml| {
            xml.text("value", interface.source_dest_check);
        }),
        "groupSet" => security_group::write_set(&mut xml, ec2, &interface.groups),
        "attachment" => {
            if let Some(attachment) = &interface.attachment {
                xml.element("attachment", |xml| {
                    write_attachment(xml, kernel, attachment);
                    xml.text("instanceId", &attachment.instance_id);
                    xml.text("instanceOwnerId", &kernel.settings.account);
                });
            }
        }
        _ => {
            let expected = "description, sourceDestCheck, groupSet or attachment";
            return Err(params.invalid("Attribute", &attribute, expected));
        }
    }
    Ok(xml.into_string())
}

pub(crate) fn assign_addresses(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    params: &mut Params,
) -> Result<String, ApiError> {
    let id = params.required_str("NetworkInterfaceId")?;
    let requested: Vec<Ipv4Addr> = parse_all(params.list("PrivateIpAddress"))?;
    let count = limited_count(params, "SecondaryPrivateIpAddressCount")?;
    let requested_prefixes: Vec<Ipv4Net> = parse_all(params.list("Ipv4Prefix"))?;
    let prefix_count = limited_count(params, "Ipv4PrefixCount")?;
    if params.bool("AllowReassignment")? == Some(true) {
        return Err(ApiError::new(
            "UnsupportedOperation",
            "The fake AWS does not reassign private IP addresses.",
        ));
    }
    params.finish()?;
    let kinds = [
        !requested.is_empty(),
        count > 0,
        !requested_prefixes.is_empty(),
        prefix_count > 0,
    ];
    match kinds.into_iter().filter(|given| *given).count() {
        0 => return Err(params.missing("SecondaryPrivateIpAddressCount")),
        1 => {}
        _ => {
            return Err(invalid_combination(
                "You can specify either addresses, or a number of addresses, or prefixes, or a number of prefixes.",
            ));
        }
    }
    let before = ec2.known_interface(kernel, &id)?.clone();
    let mut after = before.clone();
    let result = take_addresses(
        ec2,
        kernel,
        &mut after,
        (&requested, count),
        (&requested_prefixes, prefix_count),
    )
    .and_then(|()| check_limit(ec2, &after));
    if let Err(error) = result {
        release_new_addresses(ec2, &before, &after);
        return Err(error);
    }
    let known = before.secondary_private_ip_addresses.len();
    let known_prefixes = before.ipv4_prefixes.len();
    let mut xml = Xml::new();
    xml.text("return", true);
    xml.text("networkInterfaceId", &id);
    let new = after.secondary_private_ip_addresses.iter().skip(known);
    xml.items("assignedPrivateIpAddressesSet", new, |xml, address| {
        xml.text("privateIpAddress", address);
    });
    let new = after.ipv4_prefixes.iter().skip(known_prefixes);
    xml.items("assignedIpv4PrefixSet", new, |xml, prefix| {
        xml.text("ipv4Prefix", prefix);
    });
    ec2.edit_interface(kernel, &id, |interface| *interface = after);
    Ok(xml.into_string())
}

fn take_addresses(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    interface: &mut NetworkInterface,
    (requested, count): (&[Ipv4Addr], u32),
    (requested_prefixes, prefix_count): (&[Ipv4Net], u32),
) -> Result<(), ApiError> {
    let id = interface.network_interface_id.clone();
    let Some(subnet) = ec2.subnets.get_mut(&interface.subnet_id) else {
        return Err(Kind::Subnet.not_found(&interface.subnet_id));
    };
    let rng = kernel.rng();
    for address in requested {
        subnet.addresses.take(IpAddr::V4(*address), &id)?;
        interface.secondary_private_ip_addresses.push(*address);
    }
    for _ in 0..count {
        let address = subnet.addresses.pick_v4(rng, &id)?;
        interface.secondary_private_ip_addresses.push(address);
    }
    for prefix in requested_prefixes {
        subnet.addresses.take_prefix(*prefix, &id)?;
        interface.ipv4_prefixes.push(*prefix);
    }
    for _ in 0..prefix_count {
        let prefix = subnet.addresses.pick_prefix(rng, &id)?;
        interface.ipv4_prefixes.push(prefix);
    }
    Ok(())
}

/// Checks an attached interface against the limit of the instance type.
fn check_limit(ec2: &Ec2, interface: &NetworkInterface) -> Result<(), ApiError> {
    let instance = interface
        .attachment
        .as_ref()
        .and_then(|attachment| ec2.instance(&attachment.instance_id));
    match instance {
        Some(instance) => check_addresses(instance_type::find(&instance.instance_type)?, interface),
        None => Ok(()),
    }
}

fn release_new_addresses(ec2: &mut Ec2, before: &NetworkInterface, after: &NetworkInterface) {
    let Some(subnet) = ec2.subnets.get_mut(&before.subnet_id) else {
        return;
    };
    let known = before.secondary_private_ip_addresses.len();
    for address in after.secondary_private_ip_addresses.iter().skip(known) {
        subnet.addresses.release(IpAddr::V4(*address));
    }
    for prefix in after.ipv4_prefixes.iter().skip(before.ipv4_prefixes.len()) {
        subnet.addresses.release_prefix(prefix);
    }
}

pub(crate) fn unassign_addresses(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    params: &mut Params,
) -> Result<String, ApiError> {
    let id = params.required_str("NetworkInterfaceId")?;
    let addresses: Vec<Ipv4Addr> = parse_all(params.list("PrivateIpAddress"))?;
    let prefixes: Vec<Ipv4Net> = parse_all(params.list("Ipv4Prefix"))?;
    params.finish()?;
    if addresses.is_empty() && prefixes.is_empty() {
        return Err(params.missing("PrivateIpAddress"));
    }
    let interface = ec2.known_interface(kernel, &id)?;
    for address in &addresses {
        if !interface.secondary_private_ip_addresses.contains(address) {
            return Err(invalid_value(format!(
                "Some of [{address}] are not assigned to interface {id}"
            )));
        }
    }
    for prefix in &prefixes {
        if !interface.ipv4_prefixes.contains(prefix) {
            return Err(invalid_value(format!(
                "Some of [{prefix}] are not assigned to interface {id}"
            )));
        }
    }
    let subnet_id = interface.subnet_id.clone();
    if let Some(subnet) = ec2.subnets.get_mut(&subnet_id) {
        for address in &addresses {
            subnet.addresses.release(IpAddr::V4(*address));
        }
        for prefix in &prefixes {
            subnet.addresses.release_prefix(prefix);
        }
    }
    ec2.edit_interface(kernel, &id, |interface| {
        interface
            .secondary_private_ip_addresses
            .retain(|a| !addresses.contains(a));
        interface.ipv4_prefixes.retain(|p| !prefixes.contains(p));
    });
    Ok(super::done())
}
