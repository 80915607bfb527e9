//! AttachNetworkInterface and DetachNetworkInterface, and the changes of state that follow.

use super::errors::{Kind, invalid_combination, invalid_value};
use super::instance::InstanceState;
use super::instance_type::{self, InstanceType};
use super::interface::{Attachment, AttachmentStatus, NetworkInterface};
use super::{Ec2, Timer, create_interface, requester_managed};
use crate::kernel::Kernel;
use crate::wire::error::ApiError;
use crate::wire::query::Params;
use crate::wire::xml::Xml;

/// Attaches a network interface to an instance, and returns the attachment's id.
///
/// # Errors
/// The errors of AttachNetworkInterface.
pub fn attach_network_interface(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    network_interface_id: &str,
    instance_id: &str,
    device_index: u32,
    network_card_index: u32,
) -> Result<String, ApiError> {
    let interface = ec2.known_interface(kernel, network_interface_id)?;
    let Some(instance) = ec2.instance(instance_id) else {
        Kind::Instance.check(instance_id)?;
        return Err(Kind::Instance.not_found(instance_id));
    };
    match instance.state {
        InstanceState::Running | InstanceState::Stopped => {}
        _ => {
            return Err(ApiError::new(
                "IncorrectInstanceState",
                format!("Instance '{instance_id}' is not 'running' or 'stopped'."),
            ));
        }
    }
    if instance.state == InstanceState::Running && interface.interface_type.starts_with("efa") {
        return Err(ApiError::new(
            "IncorrectInstanceState",
            format!(
                "An EFA can be attached to instance '{instance_id}' only while it is 'stopped'."
            ),
        ));
    }
    if instance.availability_zone != interface.availability_zone {
        return Err(invalid_combination(
            "You may not attach a network interface to an instance if they are not in the same availability zone",
        ));
    }
    if interface.is_in_use() {
        return Err(ApiError::new(
            "InvalidNetworkInterface.InUse",
            format!("Interface: [{network_interface_id}] in use."),
        ));
    }
    let kind = instance_type::find(&instance.instance_type)?;
    check_free_slot(ec2, instance_id, kind, device_index, network_card_index)?;
    check_addresses(kind, interface)?;
    Ok(begin_attachment(
        ec2,
        kernel,
        network_interface_id,
        instance_id,
        (device_index, network_card_index),
        false,
        AttachmentStatus::Attaching,
    ))
}

/// Checks that the device index is free and that the card and the instance type allow one more
/// interface.
///
/// Device indexes are counted on each card of its own. Only one place is reserved: "The primary
/// network interface must be assigned to network card index 0" (EC2 API Reference,
/// AttachNetworkInterface, `NetworkCardIndex`), at device index 0. There the primary interface
/// always is. Device index 0 of another card is like any other index; EC2's `NetworkInfo` names the
/// default card.
pub(crate) fn check_free_slot(
    ec2: &Ec2,
    instance_id: &str,
    kind: &InstanceType,
    device_index: u32,
    network_card_index: u32,
) -> Result<(), ApiError> {
    let Some(card_limit) = kind.interfaces_of_card(network_card_index) else {
        return Err(invalid_value(format!(
            "Network card index '{network_card_index}' is not valid for instance type '{}'.",
            kind.name
        )));
    };
    let attached: Vec<&Attachment> = ec2
        .interfaces_of(instance_id)
        .filter_map(|interface| interface.attachment.as_ref())
        .collect();
    let on_card = |a: &&&Attachment| a.network_card_index == network_card_index;
    if attached
        .iter()
        .filter(on_card)
        .any(|a| a.device_index == device_index)
    {
        return Err(invalid_value(format!(
            "Instance '{instance_id}' already has an interface attached at device index '{device_index}'."
        )));
    }
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).saturating_add(1);
    let in_all = count(attached.len());
    if in_all > kind.maximum_network_interfaces()
        || count(attached.iter().filter(on_card).count()) > card_limit
    {
        return Err(ApiError::new(
            "AttachmentLimitExceeded",
            format!(
                "Interface count {in_all} exceeds the limit for {}",
                kind.name
            ),
        ));
    }
    Ok(())
}

/// Checks that the instance type allows the interface's number of addresses.
pub(crate) fn check_addresses(
    kind: &InstanceType,
    interface: &NetworkInterface,
) -> Result<(), ApiError> {
    let fits = |n: usize, limit: u32| u32::try_from(n).is_ok_and(|n| n <= limit);
    if fits(interface.ipv4_slots(), kind.ipv4_per_interface)
        && fits(interface.ipv6_addresses.len(), kind.ipv4_per_interface)
    {
        return Ok(());
    }
    Err(ApiError::new(
        "PrivateIpAddressLimitExceeded",
        "Number of private addresses will exceed limit.",
    ))
}

/// Attaches the interface at (device index, card). The caller has checked that it may.
pub(crate) fn begin_attachment(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    network_interface_id: &str,
    instance_id: &str,
    (device_index, network_card_index): (u32, u32),
    delete_on_termination: bool,
    status: AttachmentStatus,
) -> String {
    let attachment_id = kernel.new_id("eni-attach");
    let attachment = Attachment {
        attachment_id: attachment_id.clone(),
        instance_id: instance_id.to_owned(),
        device_index,
        network_card_index,
        status,
        delete_on_termination,
        attach_time: kernel.now(),
    };
    ec2.edit_interface(kernel, network_interface_id, |interface| {
        interface.attachment = Some(attachment);
    });
    if status == AttachmentStatus::Attaching {
        let timer = Timer::Attached(attachment_ref(network_interface_id, &attachment_id));
        kernel.schedule(&mut ec2.timers, kernel.settings.attach_for, timer);
    }
    attachment_id
}

/// The attachment that a timer concerns. By then the interface may have another one.
#[derive(Clone, Debug)]
pub struct AttachmentRef {
    network_interface_id: String,
    attachment_id: String,
}

fn attachment_ref(network_interface_id: &str, attachment_id: &str) -> AttachmentRef {
    AttachmentRef {
        network_interface_id: network_interface_id.to_owned(),
        attachment_id: attachment_id.to_owned(),
    }
}

fn is_at(ec2: &Ec2, at: &AttachmentRef, status: AttachmentStatus) -> bool {
    ec2.network_interface(&at.network_interface_id)
        .and_then(|interface| interface.attachment.as_ref())
        .is_some_and(|a| a.attachment_id == at.attachment_id && a.status == status)
}

pub(crate) fn attached(ec2: &mut Ec2, kernel: &mut Kernel, at: &AttachmentRef) {
    if is_at(ec2, at, AttachmentStatus::Attaching) {
        set_status(
            ec2,
            kernel,
            &at.network_interface_id,
            AttachmentStatus::Attached,
        );
    }
}

pub(crate) fn detached(ec2: &mut Ec2, kernel: &mut Kernel, at: &AttachmentRef) {
    if is_at(ec2, at, AttachmentStatus::Detaching) {
        ec2.edit_interface(kernel, &at.network_interface_id, |interface| {
            interface.attachment = None;
        });
    }
}

fn set_status(ec2: &mut Ec2, kernel: &mut Kernel, id: &str, status: AttachmentStatus) {
    ec2.edit_interface(kernel, id, |interface| {
        if let Some(attachment) = &mut interface.attachment {
            attachment.status = status;
        }
    });
}

/// Deletes the interfaces of a terminated instance that have DeleteOnTermination, and detaches the
/// others.
pub(crate) fn release_from(ec2: &mut Ec2, kernel: &mut Kernel, instance_id: &str) {
    let all: Vec<(String, bool)> = ec2
        .interfaces_of(instance_id)
        .map(|interface| {
            let delete_with_instance = interface
                .attachment
                .as_ref()
                .is_some_and(|a| a.delete_on_termination);
            (interface.network_interface_id.clone(), delete_with_instance)
        })
        .collect();
    for (id, delete_with_instance) in all {
        if delete_with_instance {
            create_interface::remove(ec2, kernel, &id);
        } else {
            ec2.edit_interface(kernel, &id, |interface| interface.attachment = None);
        }
    }
}

/// Begins to detach a network interface.
///
/// # Errors
/// The errors of DetachNetworkInterface.
pub fn detach_network_interface(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    attachment_id: &str,
) -> Result<(), ApiError> {
    if attachment_id.starts_with("ela-attach-") {
        return Err(requester_managed::not_manageable());
    }
    Kind::Attachment.check(attachment_id)?;
    let Some((interface, attachment)) = ec2.attachment(attachment_id) else {
        return Err(Kind::Attachment.not_found(attachment_id));
    };
    let (id, attachment) = (interface.network_interface_id.clone(), attachment.clone());
    let kind = ec2
        .instance(&attachment.instance_id)
        .and_then(|instance| InstanceType::named(&instance.instance_type));
    let is_primary = kind
        .is_none_or(|kind| kind.is_primary(attachment.device_index, attachment.network_card_index));
    if is_primary {
        return Err(ApiError::new(
            "OperationNotPermitted",
            "The network interface at device index 0 cannot be detached.",
        ));
    }
    if attachment.status == AttachmentStatus::Detaching {
        return Err(ApiError::new(
            "IncorrectState",
            format!(
                "The network interface attachment '{attachment_id}' is already being detached."
            ),
        ));
    }
    set_status(ec2, kernel, &id, AttachmentStatus::Detaching);
    let timer = Timer::Detached(attachment_ref(&id, attachment_id));
    kernel.schedule(&mut ec2.timers, kernel.settings.detach_for, timer);
    Ok(())
}

pub(crate) fn attach(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    params: &mut Params,
) -> Result<String, ApiError> {
    let interface = params.required_str("NetworkInterfaceId")?;
    let instance = params.required_str("InstanceId")?;
    let device_index = params.required_u32("DeviceIndex")?;
    let card = params.u32("NetworkCardIndex")?.unwrap_or(0);
    params.finish()?;
    let id = attach_network_interface(ec2, kernel, &interface, &instance, device_index, card)?;
    let mut xml = Xml::new();
    xml.text("attachmentId", id);
    xml.text("networkCardIndex", card);
    Ok(xml.into_string())
}

pub(crate) fn detach(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    params: &mut Params,
) -> Result<String, ApiError> {
    let id = params.required_str("AttachmentId")?;
    params.bool("Force")?;
    params.finish()?;
    detach_network_interface(ec2, kernel, &id)?;
    Ok(super::done())
}
