//! Network interfaces: what one is, and how it is described.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::Ipv4Net;
use tokio::time::Instant;

use super::errors::Kind;
use super::filter::Filters;
use super::interface_xml::{WrittenForms, write};
use super::lagged::describe_time;
use super::page::{Page, next_token};
use super::requester_managed::Requester;
use super::tags::Tags;
use super::{Ec2, zones};
use crate::kernel::Kernel;
use crate::settings::Settings;
use crate::wire::error::ApiError;
use crate::wire::query::Params;
use crate::wire::xml::Xml;

/// A network interface.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkInterface {
    /// `eni-…`
    pub network_interface_id: String,
    /// Its subnet.
    pub subnet_id: String,
    /// Its VPC.
    pub vpc_id: String,
    /// The name of its zone.
    pub availability_zone: String,
    /// Its description.
    pub description: String,
    /// Its hardware address.
    pub mac_address: String,
    /// `interface`, `efa`, …
    pub interface_type: String,
    /// Its primary private address.
    pub private_ip_address: Ipv4Addr,
    /// Its secondary private addresses.
    pub secondary_private_ip_addresses: Vec<Ipv4Addr>,
    /// Its delegated prefixes.
    pub ipv4_prefixes: Vec<Ipv4Net>,
    /// Its IPv6 addresses.
    pub ipv6_addresses: Vec<Ipv6Addr>,
    /// Ids of its security groups.
    pub groups: Vec<String>,
    /// Its tags.
    pub tags: Tags,
    /// SourceDestCheck: whether it passes only packets from or to its own addresses.
    pub source_dest_check: bool,
    /// Its attachment to an instance.
    pub attachment: Option<Attachment>,
    /// The service that created it and has it in use, if one did.
    pub requester: Option<Requester>,
    /// When it was created.
    pub created_at: Instant,
    /// How listings show it.
    pub(crate) xml: WrittenForms,
}

/// The status of an attachment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttachmentStatus {
    /// Not usable yet.
    Attaching,
    /// Usable.
    Attached,
    /// Being detached.
    Detaching,
}

impl AttachmentStatus {
    /// EC2's name for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Attaching => "attaching",
            Self::Attached => "attached",
            Self::Detaching => "detaching",
        }
    }
}

/// A network interface's place on an instance.
#[derive(Clone, Debug, PartialEq)]
pub struct Attachment {
    /// `eni-attach-…`
    pub attachment_id: String,
    /// The instance.
    pub instance_id: String,
    /// The index of the device on its network card.
    pub device_index: u32,
    /// The network card.
    pub network_card_index: u32,
    /// Its status.
    pub status: AttachmentStatus,
    /// Whether the interface is deleted when the instance terminates.
    pub delete_on_termination: bool,
    /// When the attachment began.
    pub attach_time: Instant,
}

impl NetworkInterface {
    /// Whether an instance or a service has it.
    #[must_use]
    pub fn is_in_use(&self) -> bool {
        self.attachment.is_some() || self.requester.is_some()
    }

    /// EC2's name for its state: `available` or `in-use`.
    #[must_use]
    pub fn status(&self) -> &'static str {
        if self.is_in_use() {
            "in-use"
        } else {
            "available"
        }
    }

    /// Its primary address, then its secondary ones.
    pub fn private_ip_addresses(&self) -> impl Iterator<Item = Ipv4Addr> + '_ {
        std::iter::once(self.private_ip_address)
            .chain(self.secondary_private_ip_addresses.iter().copied())
    }

    /// How many of the instance type's addresses per interface it uses. A prefix counts as one (EC2
    /// User Guide, "Prefix delegation for Amazon EC2 network interfaces").
    pub(crate) fn ipv4_slots(&self) -> usize {
        1 + self.secondary_private_ip_addresses.len() + self.ipv4_prefixes.len()
    }

    fn values<'a>(&'a self, ec2: &'a Ec2, kernel: &'a Kernel, name: &str) -> Vec<Cow<'a, str>> {
        let attachment = self.attachment.as_ref();
        let of_attachment = |value: fn(&Attachment) -> String| -> Vec<Cow<'a, str>> {
            attachment
                .map(|a| Cow::Owned(value(a)))
                .into_iter()
                .collect()
        };
        let one: &'a str = match name {
            "attachment.attachment-id" => return of_attachment(|a| a.attachment_id.clone()),
            "attachment.delete-on-termination" => {
                return of_attachment(|a| a.delete_on_termination.to_string());
            }
            "attachment.device-index" => return of_attachment(|a| a.device_index.to_string()),
            "attachment.instance-id" => return of_attachment(|a| a.instance_id.clone()),
            "attachment.network-card-index" => {
                return of_attachment(|a| a.network_card_index.to_string());
            }
            "attachment.status" => return of_attachment(|a| a.status.as_str().to_owned()),
            "addresses.private-ip-address" => {
                return self
                    .private_ip_addresses()
                    .map(|address| Cow::Owned(address.to_string()))
                    .collect();
            }
            "addresses.primary" => {
                let secondary = !self.secondary_private_ip_addresses.is_empty();
                return [Some("true"), secondary.then_some("false")]
                    .into_iter()
                    .flatten()
                    .map(Cow::Borrowed)
                    .collect();
            }
            "availability-zone-id" => {
                return vec![Cow::Owned(zones::zone_id(
                    &kernel.settings,
                    &self.availability_zone,
                ))];
            }
            "group-id" => {
                return self
                    .groups
                    .iter()
                    .map(|g| Cow::Borrowed(g.as_str()))
                    .collect();
            }
            "group-name" => {
                return self
                    .groups
                    .iter()
                    .filter_map(|id| ec2.security_groups.get(id))
                    .map(|group| Cow::Borrowed(group.group_name.as_str()))
                    .collect();
            }
            "ipv6-addresses.ipv6-address" => {
                return self
                    .ipv6_addresses
                    .iter()
                    .map(|a| Cow::Owned(a.to_string()))
                    .collect();
            }
            "private-ip-address" => return vec![Cow::Owned(self.private_ip_address.to_string())],
            "private-dns-name" => {
                return vec![Cow::Owned(dns_name(
                    &kernel.settings,
                    self.private_ip_address,
                ))];
            }
            "source-dest-check" if self.source_dest_check => "true",
            "requester-managed" if self.requester.is_some() => "true",
            "source-dest-check" | "requester-managed" => "false",
            "availability-zone" => &self.availability_zone,
            "description" => &self.description,
            "interface-type" => &self.interface_type,
            "mac-address" => &self.mac_address,
            "network-interface-id" => &self.network_interface_id,
            "owner-id" | "attachment.instance-owner-id" => &kernel.settings.account,
            "status" => self.status(),
            "subnet-id" => &self.subnet_id,
            "vpc-id" => &self.vpc_id,
            _ => return Vec::new(),
        };
        vec![Cow::Borrowed(one)]
    }
}

const FILTERS: [&str; 26] = [
    "addresses.primary",
    "addresses.private-ip-address",
    "attachment.attachment-id",
    "attachment.delete-on-termination",
    "attachment.device-index",
    "attachment.instance-id",
    "attachment.instance-owner-id",
    "attachment.network-card-index",
    "attachment.status",
    "availability-zone",
    "availability-zone-id",
    "description",
    "group-id",
    "group-name",
    "interface-type",
    "ipv6-addresses.ipv6-address",
    "mac-address",
    "network-interface-id",
    "owner-id",
    "private-dns-name",
    "private-ip-address",
    "requester-managed",
    "source-dest-check",
    "status",
    "subnet-id",
    "vpc-id",
];

/// `ip-10-0-0-5.us-west-2.compute.internal`
pub(crate) fn dns_name(settings: &Settings, address: Ipv4Addr) -> String {
    let host = address.to_string().replace('.', "-");
    match settings.region.as_str() {
        "us-east-1" => format!("ip-{host}.ec2.internal"),
        region => format!("ip-{host}.{region}.compute.internal"),
    }
}

pub(crate) fn describe(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    params: &mut Params,
) -> Result<String, ApiError> {
    let ids = params.list("NetworkInterfaceId");
    let filters = Filters::parse(params, &FILTERS)?;
    params.bool("IncludeManagedResources")?;
    let page = Page::parse(params, 5..=1000, &ids)?;
    params.finish()?;
    let horizon = describe_time(kernel);
    let (ec2, kernel) = (&*ec2, &*kernel);
    let seen = |id: &str| ec2.interfaces.get(id)?.as_of(horizon?);
    let candidates: Vec<&NetworkInterface> = if ids.is_empty() {
        match ec2.interface_index.candidates(&filters) {
            Some(ids) => ids.into_iter().filter_map(seen).collect(),
            None => ec2.interfaces.keys().filter_map(|id| seen(id)).collect(),
        }
    } else {
        let ids: BTreeSet<&String> = ids.iter().collect();
        let mut named = Vec::new();
        for id in ids {
            Kind::Interface.check(id)?;
            named.push(seen(id).ok_or_else(|| Kind::Interface.not_found(id))?);
        }
        named
    };
    let passing = candidates.into_iter().filter(|interface| {
        filters.pass(&interface.tags, |name| interface.values(ec2, kernel, name))
    });
    let (interfaces, token) =
        page.cut(passing.map(|interface| (&interface.network_interface_id, interface)));
    let mut xml = Xml::new();
    xml.items("networkInterfaceSet", interfaces, |xml, interface| {
        write(xml, ec2, kernel, interface);
    });
    next_token(&mut xml, token);
    Ok(xml.into_string())
}
