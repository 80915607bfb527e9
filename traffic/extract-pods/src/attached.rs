//! The further network interfaces of a node, such as those for Multus, and their addresses.
//!
//! The first address of an interface is the host's, unless a pod has it. The other addresses and
//! the prefixes are there for pods. Interfaces of the VPC CNI are left out: their pods are listed
//! with their addresses.

use std::net::{IpAddr, Ipv4Addr};

use aws_sdk_ec2::types::{InstanceNetworkInterface, InstancePrivateIpAddress};
use jiff::Timestamp;
use serde::Serialize;

use crate::instances::Instance;

/// The shortest prefix whose addresses are listed. Those of EC2 have 28 bits (EC2 User Guide,
/// "Prefix delegation for Amazon EC2 network interfaces").
const SHORTEST_PREFIX: u32 = 24;

/// A network interface that is attached to an instance and is not its primary one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    /// Its ID.
    pub id: String,
    /// Its primary private address.
    pub primary: Vec<IpAddr>,
    /// Its other addresses, and those of its IPv4 prefixes. Addresses of IPv6 prefixes are too many
    /// to be listed.
    pub others: Vec<IpAddr>,
    /// When it was attached, if EC2 tells it.
    pub attach_time: Option<Timestamp>,
}

impl Attached {
    /// Returns `None` if it is for the VPC CNI: `aws-K8S-i-…`, a trunk interface or a branch
    /// interface.
    pub(crate) fn of(described: &InstanceNetworkInterface) -> Option<Self> {
        let kind = described.interface_type().unwrap_or_default();
        let text = described.description().unwrap_or_default().trim();
        if matches!(kind, "trunk" | "branch") || text.starts_with("aws-K8S-") {
            return None;
        }
        let is_primary = |of: &&InstancePrivateIpAddress| of.primary() == Some(true);
        let ipv4 = described.private_ip_addresses();
        let primary = ipv4.iter().find(is_primary);
        let others = ipv4.iter().filter(|of| !is_primary(of));
        let ipv6 = described.ipv6_addresses().iter();
        let prefixes = described.ipv4_prefixes().iter();
        Some(Self {
            id: described.network_interface_id()?.to_owned(),
            primary: parsed(primary.and_then(InstancePrivateIpAddress::private_ip_address)),
            others: parsed(others.filter_map(InstancePrivateIpAddress::private_ip_address))
                .into_iter()
                .chain(parsed(ipv6.filter_map(|of| of.ipv6_address())))
                .chain(prefixes.filter_map(|of| of.ipv4_prefix()).flat_map(within))
                .collect(),
            attach_time: described
                .attachment()
                .and_then(|of| Timestamp::from_second(of.attach_time()?.secs()).ok()),
        })
    }
}

fn parsed<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<IpAddr> {
    let ips = texts.into_iter().filter_map(|text| text.parse().ok());
    ips.collect()
}

/// The addresses of a prefix such as `10.0.1.16/28`. There are none if it cannot be read.
fn within(prefix: &str) -> Vec<IpAddr> {
    let read = || -> Option<(Ipv4Addr, u32)> {
        let (first, length) = prefix.split_once('/')?;
        Some((first.parse().ok()?, length.parse().ok()?))
    };
    let Some((first, length @ SHORTEST_PREFIX..=32)) = read() else {
        return Vec::new();
    };
    let first = first.to_bits();
    let numbers = (0..1_u32 << (32 - length)).filter_map(|number| first.checked_add(number));
    numbers
        .map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits)))
        .collect()
}

/// Addresses of a network interface of an instance of the cluster that is not its primary one. They
/// are at the node; whose they are, `group_kind` tells.
#[derive(Debug, Serialize)]
pub struct AttachedRecord<'a> {
    /// The EKS cluster's name.
    pub cluster: &'a str,
    /// The interface's ID.
    pub name: &'a str,
    /// The interface's ID.
    pub uid: &'a str,
    /// Its primary private address, or all others.
    pub ips: &'a [IpAddr],
    /// The name of the instance's AZ.
    pub az: Option<&'a str>,
    /// The ID of the instance's AZ.
    pub az_id: Option<&'a str>,
    /// The instance's ID.
    pub instance_id: &'a str,
    /// `(nodes)` or `(unknown)`
    pub group_name: &'static str,
    /// `Node` for the primary address, `Unknown` for those that are there for pods.
    pub group_kind: &'static str,
    /// When it was attached; if EC2 does not tell it, when the run started to list.
    #[serde(serialize_with = "crate::record::whole_seconds")]
    pub start_time: Timestamp,
    /// When the run started to list.
    #[serde(serialize_with = "crate::record::whole_seconds")]
    pub observed_at: Timestamp,
}

impl<'a> AttachedRecord<'a> {
    /// The records of what `instance` has besides its primary interface: none without an address.
    pub fn all(
        cluster: &'a str,
        instance: &'a Instance,
        observed_at: Timestamp,
    ) -> impl Iterator<Item = Self> {
        let of = move |(attached, (ips, group_kind, group_name)): (&'a Attached, _)| Self {
            cluster,
            name: &attached.id,
            uid: &attached.id,
            ips,
            az: instance.zone.name.as_deref(),
            az_id: instance.zone.id.as_deref(),
            instance_id: &instance.id,
            group_name,
            group_kind,
            start_time: attached.attach_time.unwrap_or(observed_at),
            observed_at,
        };
        let parts = instance.attached.iter().flat_map(|attached| {
            let primary = (attached.primary.as_slice(), "Node", "(nodes)");
            let others = (attached.others.as_slice(), "Unknown", "(unknown)");
            [primary, others].map(|part| (attached, part))
        });
        parts.map(of).filter(|record| !record.ips.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_has_its_addresses() {
        let ips = within("10.0.1.16/28");
        assert_eq!(ips.len(), 16);
        assert_eq!(
            [ips[0].to_string(), ips[15].to_string()],
            ["10.0.1.16", "10.0.1.31"]
        );
        assert_eq!(within("255.255.255.255/32").len(), 1);
    }

    #[test]
    fn a_prefix_that_cannot_be_read_has_none() {
        for prefix in [
            "",
            "10.0.1.16",
            "10.0.1.16/",
            "10.0.0.0/8",
            "10.0.0.0/33",
            "2600::/80",
        ] {
            assert_eq!(within(prefix), Vec::<IpAddr>::new(), "{prefix}");
        }
    }
}
