//! Subnets: parts of a VPC's range, each in one Availability Zone.

use std::borrow::Cow;

use ipnet::{Ipv4Net, Ipv6Net};

use super::address::Addresses;
use super::errors::{Kind, invalid_value};
use super::filter::Filters;
use super::page::{Page, next_token};
use super::tags::{self, Tags};
use super::{Ec2, vpc, zones};
use crate::kernel::Kernel;
use crate::settings::Settings;
use crate::wire::error::ApiError;
use crate::wire::query::Params;
use crate::wire::xml::Xml;

/// A subnet.
#[derive(Clone, Debug)]
pub struct Subnet {
    /// `subnet-…`
    pub subnet_id: String,
    /// Its VPC.
    pub vpc_id: String,
    /// The name of its zone.
    pub availability_zone: String,
    /// Its IPv4 range.
    pub cidr_block: Ipv4Net,
    /// Its IPv6 range, if it has one.
    pub ipv6_cidr_block: Option<Ipv6Net>,
    /// Whether a new interface gets an IPv6 address if the request says nothing of IPv6
    /// (ModifySubnetAttribute).
    pub assign_ipv6_address_on_creation: bool,
    /// Its tags.
    pub tags: Tags,
    pub(crate) addresses: Addresses,
}

impl Subnet {
    /// How many IPv4 addresses are free.
    #[must_use]
    pub fn available_ip_address_count(&self) -> u32 {
        self.addresses.available()
    }
}

/// The properties of a subnet to create.
#[derive(Clone, Debug)]
pub struct SubnetSpec {
    /// Its VPC.
    pub vpc_id: String,
    /// The name of its zone.
    pub availability_zone: String,
    /// Its IPv4 range.
    pub cidr_block: Ipv4Net,
    /// Its IPv6 range (a /64).
    pub ipv6_cidr_block: Option<Ipv6Net>,
    /// Its tags.
    pub tags: Tags,
}

/// Creates a subnet, and returns its id.
///
/// # Errors
/// `InvalidVpcID.NotFound`, `InvalidSubnet.Range`, `InvalidSubnet.Conflict`,
/// `InvalidParameterValue`.
pub fn create_subnet(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    spec: SubnetSpec,
) -> Result<String, ApiError> {
    let Some(vpc) = ec2.vpcs.get(&spec.vpc_id) else {
        Kind::Vpc.check(&spec.vpc_id)?;
        return Err(Kind::Vpc.not_found(&spec.vpc_id));
    };
    zones::resolve(&kernel.settings, Some(spec.availability_zone.clone()), None)?;
    let cidr = spec.cidr_block;
    if !(16..=28).contains(&cidr.prefix_len()) || !vpc.cidr_block.contains(&cidr) {
        return Err(range(&cidr));
    }
    if let Some(ipv6) = &spec.ipv6_cidr_block {
        check_ipv6(ec2, &spec.vpc_id, ipv6)?;
    }
    let conflicts = |other: &&Subnet| {
        other.vpc_id == spec.vpc_id
            && (other.cidr_block.contains(&cidr) || cidr.contains(&other.cidr_block))
    };
    if ec2.subnets.values().find(conflicts).is_some() {
        return Err(conflict(&cidr));
    }
    let subnet_id = kernel.new_id("subnet");
    let subnet = Subnet {
        subnet_id: subnet_id.clone(),
        vpc_id: spec.vpc_id,
        availability_zone: spec.availability_zone,
        cidr_block: cidr,
        ipv6_cidr_block: spec.ipv6_cidr_block,
        assign_ipv6_address_on_creation: false,
        tags: spec.tags,
        addresses: Addresses::new(cidr, spec.ipv6_cidr_block),
    };
    ec2.subnets.insert(subnet_id.clone(), subnet);
    Ok(subnet_id)
}

fn check_ipv6(ec2: &Ec2, vpc_id: &str, ipv6: &Ipv6Net) -> Result<(), ApiError> {
    let within = ec2
        .vpcs
        .get(vpc_id)
        .and_then(|vpc| vpc.ipv6_cidr_block)
        .is_some_and(|block| block.contains(ipv6));
    if ipv6.prefix_len() != 64 || ipv6.trunc() != *ipv6 || !within {
        return Err(range(ipv6));
    }
    let mut subnets = ec2.subnets.values();
    if subnets.any(|subnet| subnet.ipv6_cidr_block == Some(*ipv6)) {
        return Err(conflict(ipv6));
    }
    Ok(())
}

fn range(cidr: &impl std::fmt::Display) -> ApiError {
    ApiError::new(
        "InvalidSubnet.Range",
        format!("The CIDR '{cidr}' is invalid."),
    )
}

fn conflict(cidr: &impl std::fmt::Display) -> ApiError {
    ApiError::new(
        "InvalidSubnet.Conflict",
        format!("The CIDR '{cidr}' conflicts with another subnet"),
    )
}

pub(crate) fn create(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    params: &mut Params,
) -> Result<String, ApiError> {
    let vpc_id = params.required_str("VpcId")?;
    let cidr_block = vpc::cidr(params, "CidrBlock")?;
    let ipv6_cidr_block = params.parsed("Ipv6CidrBlock", "an IPv6 CIDR block")?;
    let zone = params.str("AvailabilityZone");
    let zone_id = params.str("AvailabilityZoneId");
    let tags = tags::specification(params, Kind::Subnet)?;
    params.finish()?;
    let availability_zone = zones::resolve(&kernel.settings, zone, zone_id)?;
    let spec = SubnetSpec {
        vpc_id,
        availability_zone,
        cidr_block,
        ipv6_cidr_block,
        tags,
    };
    let id = create_subnet(ec2, kernel, spec)?;
    let mut xml = Xml::new();
    if let Some(subnet) = ec2.subnets.get(&id) {
        xml.element("subnet", |xml| write(xml, ec2, kernel, subnet));
    }
    Ok(xml.into_string())
}

/// ModifySubnetAttribute, of which it has `AssignIpv6AddressOnCreation` only. The attribute needs an
/// IPv6 block (EC2 API Reference, ModifySubnetAttribute).
pub(crate) fn modify(
    ec2: &mut Ec2,
    _: &mut Kernel,
    params: &mut Params,
) -> Result<String, ApiError> {
    const ATTRIBUTE: &str = "AssignIpv6AddressOnCreation.Value";
    let id = params.required_str("SubnetId")?;
    let assign = params
        .bool(ATTRIBUTE)?
        .ok_or_else(|| params.missing(ATTRIBUTE))?;
    params.finish()?;
    let Some(subnet) = ec2.subnets.get_mut(&id) else {
        Kind::Subnet.check(&id)?;
        return Err(Kind::Subnet.not_found(id));
    };
    if assign && subnet.ipv6_cidr_block.is_none() {
        return Err(invalid_value(format!(
            "The subnet '{id}' has no IPv6 CIDR block"
        )));
    }
    subnet.assign_ipv6_address_on_creation = assign;
    Ok(super::done())
}

pub(crate) fn associate_cidr(
    ec2: &mut Ec2,
    _: &mut Kernel,
    params: &mut Params,
) -> Result<String, ApiError> {
    let id = params.required_str("SubnetId")?;
    let ipv6: Ipv6Net = params
        .parsed("Ipv6CidrBlock", "an IPv6 CIDR block")?
        .ok_or_else(|| params.missing("Ipv6CidrBlock"))?;
    params.finish()?;
    let Some(subnet) = ec2.subnets.get(&id) else {
        return Err(Kind::Subnet.not_found(id));
    };
    if subnet.ipv6_cidr_block.is_some() {
        return Err(invalid_value(format!(
            "The subnet '{id}' already has an IPv6 CIDR block"
        )));
    }
    let vpc_id = subnet.vpc_id.clone();
    check_ipv6(ec2, &vpc_id, &ipv6)?;
    if let Some(subnet) = ec2.subnets.get_mut(&id) {
        subnet.ipv6_cidr_block = Some(ipv6);
        subnet.addresses.set_v6(ipv6);
    }
    let mut xml = Xml::new();
    xml.text("subnetId", &id);
    xml.element("ipv6CidrBlockAssociation", |xml| write_ipv6(xml, &id, ipv6));
    Ok(xml.into_string())
}

/// DeleteSubnet. A subnet with an interface in it stays: "You must terminate all running instances in
/// the subnet before you can delete the subnet" (EC2 API Reference, DeleteSubnet). Its CIDR
/// reservations go with it.
pub(crate) fn delete(
    ec2: &mut Ec2,
    _: &mut Kernel,
    params: &mut Params,
) -> Result<String, ApiError> {
    let id = params.required_str("SubnetId")?;
    params.finish()?;
    if !ec2.subnets.contains_key(&id) {
        Kind::Subnet.check(&id)?;
        return Err(Kind::Subnet.not_found(id));
    }
    if ec2.network_interfaces().any(|one| one.subnet_id == id) {
        return Err(ApiError::new(
            "DependencyViolation",
            format!("The subnet '{id}' has dependencies and cannot be deleted."),
        ));
    }
    ec2.subnets.remove(&id);
    ec2.reservations
        .retain(|_, reservation| reservation.subnet_id != id);
    Ok(super::done())
}

pub(crate) fn describe(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    params: &mut Params,
) -> Result<String, ApiError> {
    const FILTERS: [&str; 10] = [
        "availability-zone",
        "availability-zone-id",
        "available-ip-address-count",
        "cidr",
        "cidr-block",
        "default-for-az",
        "owner-id",
        "state",
        "subnet-id",
        "vpc-id",
    ];
    let ids = params.list("SubnetId");
    let filters = Filters::parse(params, &FILTERS)?;
    let page = Page::parse(params, 5..=1000, &ids)?;
    params.finish()?;
    for id in &ids {
        if !ec2.subnets.contains_key(id) {
            Kind::Subnet.check(id)?;
            return Err(Kind::Subnet.not_found(id));
        }
    }
    let (ec2, settings) = (&*ec2, &kernel.settings);
    let passing = ec2.subnets.values().filter(|subnet| {
        (ids.is_empty() || ids.contains(&subnet.subnet_id))
            && filters.pass(&shown_tags(ec2, settings, subnet), |name| {
                vec![match name {
                    "availability-zone" => Cow::Borrowed(subnet.availability_zone.as_str()),
                    "availability-zone-id" => {
                        Cow::Owned(zones::zone_id(settings, &subnet.availability_zone))
                    }
                    "available-ip-address-count" => {
                        Cow::Owned(subnet.available_ip_address_count().to_string())
                    }
                    "cidr" | "cidr-block" => Cow::Owned(subnet.cidr_block.to_string()),
                    "default-for-az" => Cow::Borrowed("false"),
                    "owner-id" => Cow::Borrowed(owner(ec2, settings, subnet)),
                    "state" => Cow::Borrowed("available"),
                    "subnet-id" => Cow::Borrowed(subnet.subnet_id.as_str()),
                    _ => Cow::Borrowed(subnet.vpc_id.as_str()),
                }]
            })
    });
    let (subnets, token) = page.cut(passing.map(|subnet| (subnet.subnet_id.clone(), subnet)));
    let mut xml = Xml::new();
    xml.items("subnetSet", subnets, |xml, subnet| {
        write(xml, ec2, kernel, subnet)
    });
    next_token(&mut xml, token);
    Ok(xml.into_string())
}

/// The account that owns a subnet: that of its VPC.
fn owner<'a>(ec2: &'a Ec2, settings: &'a Settings, subnet: &Subnet) -> &'a str {
    let vpc = ec2.vpcs.get(&subnet.vpc_id);
    vpc.map_or(settings.account.as_str(), |vpc| vpc.owner_id.as_str())
}

/// The tags of a subnet that the fake's account sees.
fn shown_tags<'a>(ec2: &Ec2, settings: &Settings, subnet: &'a Subnet) -> Cow<'a, Tags> {
    match ec2.vpcs.get(&subnet.vpc_id) {
        Some(vpc) => vpc.shown_tags(&subnet.tags, &settings.account),
        None => Cow::Borrowed(&subnet.tags),
    }
}

fn write(xml: &mut Xml, ec2: &Ec2, kernel: &Kernel, subnet: &Subnet) {
    let settings = &kernel.settings;
    let owner = owner(ec2, settings, subnet);
    xml.text("subnetId", &subnet.subnet_id);
    xml.text(
        "subnetArn",
        format!(
            "arn:aws:ec2:{}:{}:subnet/{}",
            settings.region, owner, subnet.subnet_id
        ),
    );
    xml.text("state", "available");
    xml.text("ownerId", owner);
    xml.text("vpcId", &subnet.vpc_id);
    xml.text("cidrBlock", subnet.cidr_block);
    xml.items(
        "ipv6CidrBlockAssociationSet",
        subnet.ipv6_cidr_block,
        |xml, ipv6| {
            write_ipv6(xml, &subnet.subnet_id, ipv6);
        },
    );
    xml.text(
        "availableIpAddressCount",
        subnet.available_ip_address_count(),
    );
    xml.text("availabilityZone", &subnet.availability_zone);
    xml.text(
        "availabilityZoneId",
        zones::zone_id(settings, &subnet.availability_zone),
    );
    xml.text("defaultForAz", false);
    xml.text("mapPublicIpOnLaunch", false);
    xml.text(
        "assignIpv6AddressOnCreation",
        subnet.assign_ipv6_address_on_creation,
    );
    xml.text("ipv6Native", false);
    tags::write(xml, &shown_tags(ec2, settings, subnet));
}

fn write_ipv6(xml: &mut Xml, subnet_id: &str, ipv6: Ipv6Net) {
    xml.text(
        "associationId",
        subnet_id.replace("subnet-", "subnet-cidr-assoc-"),
    );
    xml.text("ipv6CidrBlock", ipv6);
    xml.element("ipv6CidrBlockState", |xml| xml.text("state", "associated"));
}
