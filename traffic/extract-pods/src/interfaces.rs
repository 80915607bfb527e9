//! What else is in the cluster's VPC, as EC2 describes it: the network interfaces of AWS services,
//! and of instances that are not the cluster's. They have addresses that pods talk to.

use std::collections::HashSet;
use std::net::IpAddr;

use aws_config::SdkConfig;
use aws_sdk_ec2::types;
use hookline_runtime::aws_errors::AwsError;
use jiff::Timestamp;
use tokio::time::Instant;

use crate::described::in_time;
use crate::record::{Reason, Zone};
use crate::services::{Described, Service};

const ACTION: &str = "ec2:DescribeNetworkInterfaces";

/// How many interfaces an answer has at most. One of a node takes some 20 KB if it has many
/// addresses, and the function has 128 MB.
const PAGE_SIZE: i32 = 100;

/// A network interface that is in use, with the fields that a record needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Its ID.
    pub id: String,
    /// Its private addresses: IPv4, then IPv6.
    pub ips: Vec<IpAddr>,
    /// Its AZ.
    pub zone: Zone,
    /// Whose it is.
    pub service: Service,
    /// When it was attached, if EC2 tells it.
    pub attach_time: Option<Timestamp>,
}

/// The interfaces in the VPC that are in use and not the cluster's: not attached to an instance of
/// `own`, and not a pod's. `principal` is who asks.
///
/// # Errors
/// Why there are none, after a warning, if EC2 does not describe all of them in time.
pub async fn describe(
    config: &SdkConfig,
    principal: &str,
    vpc_id: &str,
    own: &HashSet<String>,
    until: Instant,
) -> Result<Vec<Interface>, Reason> {
    let lost = "no interfaces are described: traffic with services in the VPC has no names";
    in_time(ACTION, lost, until, all(config, principal, vpc_id, own)).await
}

async fn all(
    config: &SdkConfig,
    principal: &str,
    vpc_id: &str,
    own: &HashSet<String>,
) -> Result<Vec<Interface>, AwsError> {
    let filter = |name, value| types::Filter::builder().name(name).values(value).build();
    let mut pages = aws_sdk_ec2::Client::new(config)
        .describe_network_interfaces()
        .filters(filter("vpc-id", vpc_id))
        .filters(filter("status", "in-use"))
        .into_paginator()
        .page_size(PAGE_SIZE)
        .send();
    let mut interfaces = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| AwsError::of(ACTION, principal, &error))?;
        let described = page.network_interfaces().iter();
        interfaces.extend(described.filter_map(|interface| of(interface, own)));
    }
    Ok(interfaces)
}

/// Returns `None` if it is the cluster's, or lacks its ID, which every interface has.
fn of(described: &types::NetworkInterface, own: &HashSet<String>) -> Option<Interface> {
    let attachment = described.attachment();
    let instance_id = attachment.and_then(types::NetworkInterfaceAttachment::instance_id);
    if instance_id.is_some_and(|id| own.contains(id)) {
        return None;
    }
    let id = described.network_interface_id()?;
    let groups: Vec<&str> = described
        .groups()
        .iter()
        .filter_map(types::GroupIdentifier::group_name)
        .collect();
    let service = Service::of(&Described {
        id,
        interface_type: described
            .interface_type()
            .map_or("interface", |it| it.as_str()),
        description: described.description().unwrap_or_default(),
        groups: &groups,
        instance_id,
    })?;
    let ipv4 = described.private_ip_addresses().iter();
    let ipv6 = described.ipv6_addresses().iter();
    let ips = ipv4
        .filter_map(|of| of.private_ip_address())
        .chain(ipv6.filter_map(|of| of.ipv6_address()));
    Some(Interface {
        id: id.to_owned(),
        ips: ips.filter_map(|ip| ip.parse().ok()).collect(),
        zone: Zone {
            name: described.availability_zone().map(ToOwned::to_owned),
            id: described.availability_zone_id().map(ToOwned::to_owned),
        },
        service,
        attach_time: attachment
            .and_then(|of| Timestamp::from_second(of.attach_time()?.secs()).ok()),
    })
}
