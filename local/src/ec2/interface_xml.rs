//! The XML that shows an interface: in a listing of interfaces, and within an instance.

use super::interface::{Attachment, NetworkInterface, dns_name};
use super::{Ec2, security_group, tags, zones};
use crate::kernel::Kernel;
use crate::wire::iso8601;
use crate::wire::xml::{Written, Xml};

/// The XML of an interface, in a listing of interfaces and within an instance.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct WrittenForms {
    listed: Written,
    in_instance: Written,
}

/// The members of a `networkInterface`.
pub(crate) fn write(xml: &mut Xml, ec2: &Ec2, kernel: &Kernel, interface: &NetworkInterface) {
    let written = &interface.xml.listed;
    xml.once(written, |xml| write_listed(xml, ec2, kernel, interface));
}

fn write_listed(xml: &mut Xml, ec2: &Ec2, kernel: &Kernel, interface: &NetworkInterface) {
    write_common(xml, ec2, kernel, interface);
    xml.text("availabilityZone", &interface.availability_zone);
    xml.text(
        "availabilityZoneId",
        zones::zone_id(&kernel.settings, &interface.availability_zone),
    );
    xml.text("requesterManaged", interface.requester.is_some());
    if let Some(requester) = &interface.requester {
        xml.text("requesterId", &requester.requester_id);
        xml.element("attachment", |xml| {
            xml.text("attachmentId", &requester.attachment_id);
            xml.text("instanceOwnerId", "amazon-aws");
            xml.text("deviceIndex", 1);
            xml.text("status", "attached");
            xml.text("deleteOnTermination", false);
        });
    }
    tags::write(xml, &interface.tags);
    if let Some(attachment) = &interface.attachment {
        xml.element("attachment", |xml| {
            write_attachment(xml, kernel, attachment);
            xml.text("instanceId", &attachment.instance_id);
            xml.text("instanceOwnerId", &kernel.settings.account);
        });
    }
}

/// The members of an interface within a described instance.
pub(crate) fn write_in_instance(
    xml: &mut Xml,
    ec2: &Ec2,
    kernel: &Kernel,
    interface: &NetworkInterface,
) {
    let written = &interface.xml.in_instance;
    xml.once(written, |xml| {
        write_with_attachment(xml, ec2, kernel, interface);
    });
}

fn write_with_attachment(xml: &mut Xml, ec2: &Ec2, kernel: &Kernel, interface: &NetworkInterface) {
    write_common(xml, ec2, kernel, interface);
    if let Some(attachment) = &interface.attachment {
        xml.element("attachment", |xml| {
            write_attachment(xml, kernel, attachment)
        });
    }
}

fn write_common(xml: &mut Xml, ec2: &Ec2, kernel: &Kernel, interface: &NetworkInterface) {
    xml.text("networkInterfaceId", &interface.network_interface_id);
    xml.text("subnetId", &interface.subnet_id);
    xml.text("vpcId", &interface.vpc_id);
    xml.text("description", &interface.description);
    xml.text("ownerId", &kernel.settings.account);
    xml.text("status", interface.status());
    xml.text("macAddress", &interface.mac_address);
    xml.text("interfaceType", &interface.interface_type);
    xml.text("sourceDestCheck", interface.source_dest_check);
    xml.text("privateIpAddress", interface.private_ip_address);
    xml.text(
        "privateDnsName",
        dns_name(&kernel.settings, interface.private_ip_address),
    );
    security_group::write_set(xml, ec2, &interface.groups);
    xml.items(
        "privateIpAddressesSet",
        interface.private_ip_addresses(),
        |xml, address| {
            xml.text("privateIpAddress", address);
            xml.text("privateDnsName", dns_name(&kernel.settings, address));
            xml.text("primary", address == interface.private_ip_address);
        },
    );
    xml.items("ipv4PrefixSet", &interface.ipv4_prefixes, |xml, prefix| {
        xml.text("ipv4Prefix", prefix);
    });
    xml.items(
        "ipv6AddressesSet",
        &interface.ipv6_addresses,
        |xml, address| {
            xml.text("ipv6Address", address);
            xml.text("isPrimaryIpv6", false);
        },
    );
    xml.optional("ipv6Address", interface.ipv6_addresses.first());
}

pub(crate) fn write_attachment(xml: &mut Xml, kernel: &Kernel, attachment: &Attachment) {
    xml.text("attachmentId", &attachment.attachment_id);
    xml.text("deviceIndex", attachment.device_index);
    xml.text("networkCardIndex", attachment.network_card_index);
    xml.text("status", attachment.status.as_str());
    xml.text(
        "attachTime",
        iso8601(kernel.timestamp_at(attachment.attach_time)),
    );
    xml.text("deleteOnTermination", attachment.delete_on_termination);
}
