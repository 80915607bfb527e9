//! The EC2 instances of a cluster, as EC2 describes them. EC2 knows a node that came and went
//! between two listings: it describes a terminated instance for about an hour (EC2 User Guide,
//! "Terminate Amazon EC2 instances").

use std::net::IpAddr;

use aws_config::SdkConfig;
use aws_sdk_ec2::types;
use hookline_runtime::aws_errors::AwsError;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use tokio::time::Instant;

use crate::attached::Attached;
use crate::described::in_time;
use crate::record::{Reason, Zone};

const ACTION: &str = "ec2:DescribeInstances";

/// How many instances an answer has at most. One takes some 10 KB, and the function has 128 MB.
const PAGE_SIZE: i32 = 100;

/// An instance, with the fields that a record needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Its ID.
    pub id: String,
    /// The addresses of its primary interface, which are the node's own: the primary IPv4 address
    /// and the first IPv6 address. Empty if it is terminated.
    pub ips: Vec<IpAddr>,
    /// Its AZ.
    pub zone: Zone,
    /// The IDs of its network interfaces. Empty if it is terminated.
    pub interface_ids: Vec<String>,
    /// Those of its network interfaces that have addresses of the node and of Multus. Empty if it is
    /// terminated.
    pub attached: Vec<Attached>,
    /// Its state, for example `running`.
    pub state: String,
    /// When it was launched.
    pub launch_time: Timestamp,
    /// When its termination began, if EC2 tells it.
    pub end_time: Option<Timestamp>,
}

/// The instances with the tag `kubernetes.io/cluster/NAME`, which EKS, Karpenter and eksctl give to
/// nodes, and which self-managed nodes need (EKS User Guide, "Launching self-managed Amazon Linux
/// nodes"). `principal` is who asks.
///
/// # Errors
/// Why there are none, after a warning, if EC2 does not describe all of them in time.
pub async fn describe(
    config: &SdkConfig,
    principal: &str,
    cluster: &str,
    until: Instant,
) -> Result<Vec<Instance>, Reason> {
    let lost = "no instances are described: nodes that no listing has cannot be known";
    in_time(ACTION, lost, until, all(config, principal, cluster)).await
}

async fn all(
    config: &SdkConfig,
    principal: &str,
    cluster: &str,
) -> Result<Vec<Instance>, AwsError> {
    let tagged = types::Filter::builder()
        .name("tag-key")
        .values(format!("kubernetes.io/cluster/{cluster}"))
        .build();
    let mut pages = aws_sdk_ec2::Client::new(config)
        .describe_instances()
        .filters(tagged)
        .into_paginator()
        .page_size(PAGE_SIZE)
        .send();
    let mut instances = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| AwsError::of(ACTION, principal, &error))?;
        let described = page.reservations().iter().flat_map(|of| of.instances());
        instances.extend(described.filter_map(of));
    }
    Ok(instances)
}

/// Returns `None` if it lacks its ID, state or launch time, which every instance has.
fn of(described: &types::Instance) -> Option<Instance> {
    let placement = described.placement();
    let state = described.state()?.name()?.as_str();
    let interfaces = described.network_interfaces();
    let is_primary = |interface: &&types::InstanceNetworkInterface| {
        let attachment = interface.attachment();
        attachment.is_some_and(|attachment| {
            attachment.device_index() == Some(0)
                && attachment.network_card_index().unwrap_or(0) == 0
        })
    };
    let primary = interfaces.iter().find(is_primary);
    let further = interfaces.iter().filter(|interface| !is_primary(interface));
    let ipv6 = primary.and_then(|interface| interface.ipv6_addresses().first()?.ipv6_address());
    let ipv4 = primary.and_then(types::InstanceNetworkInterface::private_ip_address);
    let ending = matches!(state, "shutting-down" | "terminated");
    Some(Instance {
        id: described.instance_id()?.to_owned(),
        ips: [ipv4, ipv6]
            .into_iter()
            .flatten()
            .filter_map(|ip| ip.parse().ok())
            .collect(),
        zone: Zone {
            name: placement.and_then(|of| of.availability_zone().map(ToOwned::to_owned)),
            id: placement.and_then(|of| of.availability_zone_id().map(ToOwned::to_owned)),
        },
        interface_ids: interfaces
            .iter()
            .filter_map(|interface| interface.network_interface_id().map(ToOwned::to_owned))
            .collect(),
        attached: further.filter_map(Attached::of).collect(),
        state: state.to_owned(),
        launch_time: Timestamp::from_second(described.launch_time()?.secs()).ok()?,
        end_time: described
            .state_transition_reason()
            .filter(|_| ending)
            .and_then(time_of),
    })
}

/// The time in a reason such as `User initiated (2026-05-04 10:15:00 GMT)` (EC2 API Reference,
/// `Instance`, `reason`). Returns `None` if it has none: the reason may be an empty text.
fn time_of(reason: &str) -> Option<Timestamp> {
    let (_, time) = reason.split_once('(')?;
    let (time, _) = time.split_once(" GMT)")?;
    let time: DateTime = time.parse().ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_in_the_reason_of_a_termination_is_read() {
        let time = |reason: &str| time_of(reason).map(|time| time.to_string());
        assert_eq!(
            time("User initiated (2026-05-04 10:15:00 GMT)").as_deref(),
            Some("2026-05-04T10:15:00Z")
        );
        for reason in [
            "",
            "User initiated",
            "User initiated (yesterday GMT)",
            "User initiated (2026-05-04 10:15:00)",
            "Server.SpotInstanceTermination: Spot instance termination",
        ] {
            assert_eq!(time(reason), None, "{reason}");
        }
    }
}
