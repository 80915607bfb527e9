//! Where in a VPC a run finds room: free blocks, and a zone that offers the instance types.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use aws_sdk_ec2::types::LocationType;
use ipnet::{Ipv4Net, Ipv6Net};

use crate::blocks::{self, Blocks};
use crate::clients::Clients;
use crate::stage::{INSTANCE_TYPE, LARGE_TYPE, filter};

/// What the facts of a run need beside interfaces.
#[derive(Clone, Copy, Debug)]
pub struct Needs {
    /// Whether a fact about a group is to be tried.
    pub group: bool,
    /// Whether a fact about network cards is to be tried, which needs a large instance.
    pub network_cards: bool,
}

impl Needs {
    /// The instance types that the run's zone must offer.
    pub(crate) fn types(self) -> &'static [&'static str] {
        match self.network_cards {
            true => &[INSTANCE_TYPE, LARGE_TYPE],
            false => &[INSTANCE_TYPE],
        }
    }
}

/// Where in a VPC a run finds room.
pub(crate) struct Room {
    pub(crate) blocks: Blocks,
    /// A free IPv6 block.
    pub(crate) ipv6: Option<Ipv6Net>,
    /// The zone of the instances: the first that offers their types.
    pub(crate) zone: String,
    /// Another one, if the Region shows one.
    pub(crate) other_zone: Option<String>,
}

impl Room {
    pub(crate) async fn of(clients: &Clients, vpc: &str, types: &[&str]) -> Result<Self> {
        let vpcs = clients.ec2.describe_vpcs().vpc_ids(vpc).send().await;
        let vpcs = vpcs.with_context(|| format!("DescribeVpcs {vpc}"))?;
        let found = vpcs.vpcs().first().context("no such VPC")?;
        let of_vpc: Vec<Ipv4Net> = found
            .cidr_block_association_set()
            .iter()
            .filter_map(|block| block.cidr_block()?.parse().ok())
            .collect();
        let ipv6_of_vpc: Vec<Ipv6Net> = found
            .ipv6_cidr_block_association_set()
            .iter()
            .filter_map(|block| block.ipv6_cidr_block()?.parse().ok())
            .collect();
        let mut taken: Vec<Ipv4Net> = Vec::new();
        let mut ipv6_taken: Vec<Ipv6Net> = Vec::new();
        let call = clients.ec2.describe_subnets();
        let mut pages = call
            .filters(filter("vpc-id", &[vpc]))
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            for subnet in page.context("DescribeSubnets")?.subnets() {
                taken.extend(
                    subnet
                        .cidr_block()
                        .and_then(|text| text.parse::<Ipv4Net>().ok()),
                );
                let ipv6 = subnet.ipv6_cidr_block_association_set().iter();
                ipv6_taken
                    .extend(ipv6.filter_map(|it| it.ipv6_cidr_block()?.parse::<Ipv6Net>().ok()));
            }
        }
        let zones = clients.ec2.describe_availability_zones();
        let zones = zones
            .filters(filter("zone-type", &["availability-zone"]))
            .send();
        let zones = zones.await.context("DescribeAvailabilityZones")?;
        let mut zones: Vec<String> = zones
            .availability_zones()
            .iter()
            .filter_map(|zone| zone.zone_name().map(str::to_owned))
            .collect();
        let offered = offering_zones(clients, types).await?;
        let is_offering = |zone: &String| offered.contains(zone);
        let position = zones.iter().position(is_offering);
        let position = position
            .with_context(|| format!("no zone of the Region offers {}", types.join(" and ")))?;
        let zone = zones.remove(position);
        Ok(Self {
            blocks: blocks::free(&of_vpc, &taken)?,
            ipv6: blocks::free_ipv6(&ipv6_of_vpc, &ipv6_taken),
            zone,
            other_zone: zones.into_iter().next(),
        })
    }
}

/// The zones that offer all of these instance types. Not every zone of a Region does (EC2 User Guide,
/// "Amazon EC2 instance types", and EC2 API Reference, DescribeInstanceTypeOfferings).
async fn offering_zones(clients: &Clients, types: &[&str]) -> Result<BTreeSet<String>> {
    let mut zones_of: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let call = clients.ec2.describe_instance_type_offerings();
    let mut pages = call
        .location_type(LocationType::AvailabilityZone)
        .filters(filter("instance-type", types))
        .into_paginator()
        .send();
    while let Some(page) = pages.next().await {
        let page = page.context("DescribeInstanceTypeOfferings")?;
        for offering in page.instance_type_offerings() {
            if let (Some(zone), Some(kind)) = (offering.location(), offering.instance_type()) {
                let kinds = zones_of.entry(zone.to_owned()).or_default();
                kinds.insert(kind.as_str().to_owned());
            }
        }
    }
    let offers_all = |kinds: &BTreeSet<String>| types.iter().all(|kind| kinds.contains(*kind));
    zones_of.retain(|_, kinds| offers_all(kinds));
    Ok(zones_of.into_keys().collect())
}
