//! Subnet CIDR reservations: ranges that EC2 does not pick addresses from (VPC User Guide, "Subnet
//! CIDR reservations").

use std::borrow::Cow;

use ipnet::IpNet;

use super::Ec2;
use super::address::overlap;
use super::errors::{Kind, invalid_value};
use super::filter::Filters;
use super::page::{Page, next_token};
use super::tags::{self, Tags};
use crate::kernel::Kernel;
use crate::wire::error::ApiError;
use crate::wire::query::Params;
use crate::wire::xml::Xml;

/// The type of a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReservationType {
    /// For prefix delegation.
    Prefix,
    /// For addresses that requests name.
    Explicit,
}

impl ReservationType {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Prefix => "prefix",
            Self::Explicit => "explicit",
        }
    }
}

/// A subnet CIDR reservation.
#[derive(Clone, Debug)]
pub struct CidrReservation {
    /// `scr-…`
    pub reservation_id: String,
    /// The subnet of the range.
    pub subnet_id: String,
    /// The range.
    pub cidr: IpNet,
    /// Its type.
    pub reservation_type: ReservationType,
    /// Its description.
    pub description: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

/// Reserves a range of a subnet, and returns the reservation's id.
///
/// # Errors
/// `InvalidSubnetID.NotFound`, `InvalidParameterValue`, `InvalidCidr.InUse`.
pub fn reserve_cidr(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    subnet_id: &str,
    cidr: IpNet,
    reservation_type: ReservationType,
) -> Result<String, ApiError> {
    let reservation_id = kernel.new_id("scr");
    let reservation = CidrReservation {
        reservation_id: reservation_id.clone(),
        subnet_id: subnet_id.to_owned(),
        cidr,
        reservation_type,
        description: None,
        tags: Tags::new(),
    };
    insert(ec2, reservation)?;
    Ok(reservation_id)
}

fn insert(ec2: &mut Ec2, reservation: CidrReservation) -> Result<(), ApiError> {
    let id = &reservation.subnet_id;
    let Some(subnet) = ec2.subnets.get(id) else {
        Kind::Subnet.check(id)?;
        return Err(Kind::Subnet.not_found(id));
    };
    let cidr = reservation.cidr;
    let within = IpNet::V4(subnet.cidr_block).contains(&cidr)
        || subnet
            .ipv6_cidr_block
            .is_some_and(|ipv6| IpNet::V6(ipv6).contains(&cidr));
    if cidr.trunc() != cidr || !within {
        return Err(invalid_value(format!(
            "The CIDR '{cidr}' does not fall within the subnet's CIDR range"
        )));
    }
    let mut others = ec2.reservations.values().filter(|r| r.subnet_id == *id);
    if others.any(|other| overlap(&other.cidr, &cidr)) {
        return Err(ApiError::new(
            "InvalidCidr.InUse",
            format!("The CIDR '{cidr}' overlaps with another reservation of the subnet"),
        ));
    }
    let id = id.clone();
    ec2.reservations
        .insert(reservation.reservation_id.clone(), reservation);
    update_subnet(ec2, &id);
    Ok(())
}

/// Tells the subnet's addresses which ranges are reserved.
fn update_subnet(ec2: &mut Ec2, subnet_id: &str) {
    let reserved = ec2
        .reservations
        .values()
        .filter(|reservation| reservation.subnet_id == subnet_id)
        .map(|reservation| (reservation.cidr, reservation.reservation_type))
        .collect();
    if let Some(subnet) = ec2.subnets.get_mut(subnet_id) {
        subnet.addresses.set_reserved(reserved);
    }
}

pub(crate) fn create(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    params: &mut Params,
) -> Result<String, ApiError> {
    let subnet_id = params.required_str("SubnetId")?;
    let cidr: IpNet = params
        .parsed("Cidr", "a CIDR block")?
        .ok_or_else(|| params.missing("Cidr"))?;
    let kind = params.required_str("ReservationType")?;
    let description = params.str("Description");
    let tags = tags::specification(params, Kind::Reservation)?;
    params.finish()?;
    let reservation_type = match kind.as_str() {
        "prefix" => ReservationType::Prefix,
        "explicit" => ReservationType::Explicit,
        _ => return Err(params.invalid("ReservationType", &kind, "prefix or explicit")),
    };
    let reservation = CidrReservation {
        reservation_id: kernel.new_id("scr"),
        subnet_id,
        cidr,
        reservation_type,
        description,
        tags,
    };
    insert(ec2, reservation.clone())?;
    let mut xml = Xml::new();
    xml.element("subnetCidrReservation", |xml| {
        write(xml, kernel, &reservation)
    });
    Ok(xml.into_string())
}

pub(crate) fn get(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    params: &mut Params,
) -> Result<String, ApiError> {
    const FILTERS: [&str; 1] = ["reservationType"];
    let subnet_id = params.required_str("SubnetId")?;
    let filters = Filters::parse(params, &FILTERS)?;
    let page = Page::parse(params, 5..=1000, &[])?;
    params.finish()?;
    if !ec2.subnets.contains_key(&subnet_id) {
        Kind::Subnet.check(&subnet_id)?;
        return Err(Kind::Subnet.not_found(subnet_id));
    }
    let passing = ec2.reservations.values().filter(|reservation| {
        reservation.subnet_id == subnet_id
            && filters.pass(&reservation.tags, |_| {
                vec![Cow::Borrowed(reservation.reservation_type.as_str())]
            })
    });
    let (reservations, token) = page.cut(passing.map(|r| (r.reservation_id.clone(), r)));
    let (v4, v6): (Vec<_>, Vec<_>) = reservations
        .into_iter()
        .partition(|reservation| matches!(reservation.cidr, IpNet::V4(_)));
    let mut xml = Xml::new();
    xml.items("subnetIpv4CidrReservationSet", v4, |xml, r| {
        write(xml, kernel, r)
    });
    xml.items("subnetIpv6CidrReservationSet", v6, |xml, r| {
        write(xml, kernel, r)
    });
    next_token(&mut xml, token);
    Ok(xml.into_string())
}

pub(crate) fn delete(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    params: &mut Params,
) -> Result<String, ApiError> {
    let id = params.required_str("SubnetCidrReservationId")?;
    params.finish()?;
    let Some(reservation) = ec2.reservations.remove(&id) else {
        return Err(Kind::Reservation.not_found(id));
    };
    update_subnet(ec2, &reservation.subnet_id);
    let mut xml = Xml::new();
    xml.element("deletedSubnetCidrReservation", |xml| {
        write(xml, kernel, &reservation);
    });
    Ok(xml.into_string())
}

fn write(xml: &mut Xml, kernel: &Kernel, reservation: &CidrReservation) {
    xml.text("subnetCidrReservationId", &reservation.reservation_id);
    xml.text("subnetId", &reservation.subnet_id);
    xml.text("cidr", reservation.cidr);
    xml.text("reservationType", reservation.reservation_type.as_str());
    xml.text("ownerId", &kernel.settings.account);
    xml.optional("description", reservation.description.as_ref());
    tags::write(xml, &reservation.tags);
}
