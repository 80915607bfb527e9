//! CreateNetworkInterface and DeleteNetworkInterface.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::Ipv4Net;
use rand::Rng;

use super::Ec2;
use super::address::no_free_addresses;
use super::errors::{Kind, invalid_combination, invalid_value};
use super::interface::NetworkInterface;
use super::interface_xml::{WrittenForms, write};
use super::lagged::Lagged;
use super::requester_managed::Requester;
use super::security_group;
use super::tags::{self, Tags};
use crate::kernel::Kernel;
use crate::wire::error::ApiError;
use crate::wire::query::Params;
use crate::wire::xml::Xml;

/// More addresses than any instance type allows per interface.
const MAX_ADDRESSES: u32 = 256;

/// The properties of a network interface to create.
#[derive(Clone, Debug, Default)]
pub struct InterfaceSpec {
    /// Its id. `None`: EC2 picks one, as it does in every call.
    pub network_interface_id: Option<String>,
    /// Its subnet.
    pub subnet_id: String,
    /// Its description.
    pub description: String,
    /// Its primary private address. `None`: EC2 picks one.
    pub private_ip_address: Option<Ipv4Addr>,
    /// Secondary addresses, by name.
    pub secondary_private_ip_addresses: Vec<Ipv4Addr>,
    /// How many more secondary addresses EC2 picks.
    pub secondary_private_ip_address_count: u32,
    /// Prefixes, by name.
    pub ipv4_prefixes: Vec<Ipv4Net>,
    /// How many more prefixes EC2 picks.
    pub ipv4_prefix_count: u32,
    /// IPv6 addresses, by name.
    pub ipv6_addresses: Vec<Ipv6Addr>,
    /// How many more IPv6 addresses EC2 picks.
    pub ipv6_address_count: u32,
    /// Whether the request says nothing of IPv6, so that the subnet decides. A count of 0 says that
    /// there is to be no address (EC2 API Reference, CreateNetworkInterface, `Ipv6AddressCount`).
    pub ipv6_as_subnet: bool,
    /// Ids of its security groups. If empty, the VPC's default group.
    pub groups: Vec<String>,
    /// Its tags.
    pub tags: Tags,
    /// `interface` when empty.
    pub interface_type: String,
    /// The service that creates it.
    pub requester: Option<Requester>,
}

/// The request that a ClientToken was used for (EC2 Developer Guide, "Ensuring idempotency in
/// Amazon EC2 API requests").
#[derive(Clone, Debug)]
pub(crate) struct UsedToken {
    params: BTreeMap<String, String>,
    network_interface_id: String,
    /// The interface as it was created. The token outlives the interface, and a repeated request
    /// returns this.
    made: NetworkInterface,
}

/// Creates a network interface, and returns its id.
///
/// # Errors
/// The errors of CreateNetworkInterface.
pub fn create_network_interface(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    spec: InterfaceSpec,
) -> Result<String, ApiError> {
    let Some(subnet) = ec2.subnets.get(&spec.subnet_id) else {
        Kind::Subnet.check(&spec.subnet_id)?;
        return Err(Kind::Subnet.not_found(&spec.subnet_id));
    };
    let (vpc_id, zone) = (subnet.vpc_id.clone(), subnet.availability_zone.clone());
    let groups = security_group::resolve(ec2, &spec.groups, &vpc_id, &spec.subnet_id)?;
    if ec2.network_interfaces().count() >= kernel.settings.network_interface_limit {
        return Err(ApiError::new(
            "NetworkInterfaceLimitExceeded",
            "The maximum number of network interfaces has been reached.",
        ));
    }
    let id = match &spec.network_interface_id {
        Some(id) => id.clone(),
        None => kernel.new_id("eni"),
    };
    let mac = kernel.rng().next_u64().to_be_bytes();
    let [a, b, c, d, e, ..] = mac;
    let mut interface = NetworkInterface {
        network_interface_id: id.clone(),
        subnet_id: spec.subnet_id.clone(),
        vpc_id,
        availability_zone: zone,
        description: spec.description.clone(),
        mac_address: format!("02:{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}"),
        interface_type: if spec.interface_type.is_empty() {
            "interface".to_owned()
        } else {
            spec.interface_type.clone()
        },
        private_ip_address: Ipv4Addr::UNSPECIFIED,
        secondary_private_ip_addresses: Vec::new(),
        ipv4_prefixes: Vec::new(),
        ipv6_addresses: Vec::new(),
        groups,
        tags: spec.tags.clone(),
        source_dest_check: true,
        attachment: None,
        requester: spec.requester.clone(),
        created_at: kernel.now(),
        xml: WrittenForms::default(),
    };
    if let Err(error) = assign(ec2, kernel, &spec, &mut interface) {
        // All or nothing.
        if let Some(subnet) = ec2.subnets.get_mut(&spec.subnet_id) {
            subnet.addresses.release_all(&id);
        }
        return Err(error);
    }
    let now = kernel.now();
    ec2.forget(kernel.settings.describe_lag, now);
    ec2.interface_index.add(&interface);
    ec2.interfaces
        .insert(id.clone(), Lagged::new(now, interface));
    Ok(id)
}

/// Takes the addresses. Those requested by name come first, so that EC2 does not pick one of them.
fn assign(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    spec: &InterfaceSpec,
    interface: &mut NetworkInterface,
) -> Result<(), ApiError> {
    let id = interface.network_interface_id.clone();
    let Some(subnet) = ec2.subnets.get_mut(&spec.subnet_id) else {
        return Err(Kind::Subnet.not_found(&spec.subnet_id));
    };
    let of_subnet = spec.ipv6_as_subnet && subnet.assign_ipv6_address_on_creation;
    let (addresses, rng) = (&mut subnet.addresses, kernel.rng());
    if let Some(primary) = spec.private_ip_address {
        addresses.take(IpAddr::V4(primary), &id)?;
        interface.private_ip_address = primary;
    }
    for address in &spec.secondary_private_ip_addresses {
        addresses.take(IpAddr::V4(*address), &id)?;
        interface.secondary_private_ip_addresses.push(*address);
    }
    for address in &spec.ipv6_addresses {
        addresses.take(IpAddr::V6(*address), &id)?;
        interface.ipv6_addresses.push(*address);
    }
    for prefix in &spec.ipv4_prefixes {
        addresses.take_prefix(*prefix, &id)?;
        interface.ipv4_prefixes.push(*prefix);
    }
    if spec.secondary_private_ip_address_count > addresses.available() {
        return Err(no_free_addresses());
    }
    if spec.private_ip_address.is_none() {
        interface.private_ip_address = addresses.pick_v4(rng, &id)?;
    }
    for _ in 0..spec.secondary_private_ip_address_count {
        let address = addresses.pick_v4(rng, &id)?;
        interface.secondary_private_ip_addresses.push(address);
    }
    for _ in 0..spec.ipv4_prefix_count {
        let prefix = addresses.pick_prefix(rng, &id)?;
        interface.ipv4_prefixes.push(prefix);
    }
    for _ in 0..spec.ipv6_address_count + u32::from(of_subnet) {
        let address = addresses.pick_v6(rng, &id)?;
        interface.ipv6_addresses.push(address);
    }
    Ok(())
}

/// Refuses a number of addresses that no interface allows, before any is taken.
pub(crate) fn limited_count(params: &mut Params, name: &str) -> Result<u32, ApiError> {
    Ok(optional_count(params, name)?.unwrap_or(0))
}

fn optional_count(params: &mut Params, name: &str) -> Result<Option<u32>, ApiError> {
    let count = params.u32(name)?;
    if count.is_some_and(|count| count > MAX_ADDRESSES) {
        return Err(ApiError::new(
            "PrivateIpAddressLimitExceeded",
            "Number of private addresses will exceed limit.",
        ));
    }
    Ok(count)
}

/// Parses a list of addresses or prefixes.
pub(crate) fn parse_all<T: std::str::FromStr>(texts: Vec<String>) -> Result<Vec<T>, ApiError> {
    if texts.len() > usize::try_from(MAX_ADDRESSES).unwrap_or(usize::MAX) {
        return Err(ApiError::new(
            "PrivateIpAddressLimitExceeded",
            "Number of private addresses will exceed limit.",
        ));
    }
    texts
        .into_iter()
        .map(|text| {
            text.parse().map_err(|_| {
                let text: String = text.chars().take(64).collect();
                invalid_value(format!("invalid value for parameter address: {text}"))
            })
        })
        .collect()
}

/// Reads the address parameters that CreateNetworkInterface and a launch's `NetworkInterface.N`
/// share.
///
/// Neither prefixes nor a number of them go together with "specific private IPv4 addresses" (EC2 API
/// Reference, CreateNetworkInterface, `Ipv4Prefix.N` and `Ipv4PrefixCount`). The reference does not say
/// whether `PrivateIpAddress` is one of these. Here it is: what passes here is right either way.
pub(crate) fn parse_addresses(
    params: &mut Params,
    spec: &mut InterfaceSpec,
) -> Result<(), ApiError> {
    let single = params.str("PrivateIpAddress").into_iter().collect();
    let mut primary: Vec<Ipv4Addr> = parse_all(single)?;
    let mut secondary = Vec::new();
    for mut entry in params.structs("PrivateIpAddresses") {
        let address = entry.required_str("PrivateIpAddress")?;
        let is_primary = entry.bool("Primary")?.unwrap_or(false);
        entry.finish()?;
        if is_primary {
            &mut primary
        } else {
            &mut secondary
        }
        .extend(parse_all::<Ipv4Addr>(vec![address])?);
    }
    primary.dedup();
    if primary.len() > 1 {
        return Err(invalid_combination(
            "Only one primary private IP address can be specified.",
        ));
    }
    spec.private_ip_address = primary.pop();
    spec.secondary_private_ip_addresses = secondary;
    spec.secondary_private_ip_address_count =
        limited_count(params, "SecondaryPrivateIpAddressCount")?;
    spec.ipv4_prefixes = params
        .structs("Ipv4Prefix")
        .into_iter()
        .map(|mut prefix| {
            let text = prefix.required_str("Ipv4Prefix")?;
            prefix.finish()?;
            parse_all(vec![text])
        })
        .collect::<Result<Vec<_>, _>>()?
        .concat();
    spec.ipv4_prefixes
        .extend(parse_all::<Ipv4Net>(params.list("Ipv4Prefix"))?);
    spec.ipv4_prefix_count = limited_count(params, "Ipv4PrefixCount")?;
    for mut entry in params.structs("Ipv6Addresses") {
        let address = entry.required_str("Ipv6Address")?;
        entry.bool("IsPrimaryIpv6")?;
        entry.finish()?;
        spec.ipv6_addresses
            .extend(parse_all::<Ipv6Addr>(vec![address])?);
    }
    let ipv6_address_count = optional_count(params, "Ipv6AddressCount")?;
    spec.ipv6_address_count = ipv6_address_count.unwrap_or(0);
    spec.ipv6_as_subnet = ipv6_address_count.is_none() && spec.ipv6_addresses.is_empty();
    let has_secondary = !spec.secondary_private_ip_addresses.is_empty();
    let has_primary = spec.private_ip_address.is_some();
    let has_count = spec.secondary_private_ip_address_count > 0;
    let has_prefixes = !spec.ipv4_prefixes.is_empty();
    let prefix_count = spec.ipv4_prefix_count > 0;
    if (has_secondary && has_count)
        || (has_prefixes && prefix_count)
        || ((has_prefixes || prefix_count) && (has_primary || has_secondary || has_count))
        || (!spec.ipv6_addresses.is_empty() && spec.ipv6_address_count > 0)
    {
        return Err(invalid_combination(
            "You can specify either addresses, or a number of addresses, or prefixes, or a number of prefixes.",
        ));
    }
    Ok(())
}

pub(crate) fn create(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    params: &mut Params,
) -> Result<String, ApiError> {
    let mut request = params.to_map();
    let token = params.str("ClientToken").filter(|token| !token.is_empty());
    let mut spec = InterfaceSpec {
        subnet_id: params.required_str("SubnetId")?,
        description: params.str("Description").unwrap_or_default(),
        groups: params.list("SecurityGroupId"),
        tags: tags::specification(params, Kind::Interface)?,
        interface_type: params.str("InterfaceType").unwrap_or_default(),
        ..InterfaceSpec::default()
    };
    parse_addresses(params, &mut spec)?;
    params.finish()?;
    if spec.description.chars().count() > 255 {
        return Err(invalid_value(
            "Invalid value for parameter description: more than 255 characters",
        ));
    }
    if !["", "interface", "efa", "efa-only", "branch", "trunk"]
        .contains(&spec.interface_type.as_str())
    {
        return Err(params.invalid(
            "InterfaceType",
            &spec.interface_type,
            "a valid interface type",
        ));
    }
    let Some(token) = token else {
        let id = create_network_interface(ec2, kernel, spec)?;
        return Ok(answer(ec2, kernel, ec2.network_interface(&id), None));
    };
    if token.len() > 64 || !token.is_ascii() {
        return Err(invalid_value(
            "Value for parameter clientToken is invalid. Expecting at most 64 ASCII characters.",
        ));
    }
    for protocol in ["Action", "Version", "ClientToken"] {
        request.remove(protocol);
    }
    if let Some(used) = ec2.tokens.get(&token) {
        if used.params != request {
            return Err(ApiError::new(
                "IdempotentParameterMismatch",
                format!("The client token '{token}' was already used with different parameters."),
            ));
        }
        let current = ec2.network_interface(&used.network_interface_id);
        return Ok(answer(
            ec2,
            kernel,
            current.or(Some(&used.made)),
            Some(&token),
        ));
    }
    let id = create_network_interface(ec2, kernel, spec)?;
    if let Some(made) = ec2.network_interface(&id).cloned() {
        let used = UsedToken {
            params: request,
            network_interface_id: id.clone(),
            made,
        };
        ec2.tokens.insert(token.clone(), used);
    }
    Ok(answer(
        ec2,
        kernel,
        ec2.network_interface(&id),
        Some(&token),
    ))
}

fn answer(
    ec2: &Ec2,
    kernel: &Kernel,
    interface: Option<&NetworkInterface>,
    token: Option<&str>,
) -> String {
    let mut xml = Xml::new();
    if let Some(interface) = interface {
        xml.element("networkInterface", |xml| write(xml, ec2, kernel, interface));
    }
    xml.optional("clientToken", token);
    xml.into_string()
}

pub(crate) fn delete(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    params: &mut Params,
) -> Result<String, ApiError> {
    let id = params.required_str("NetworkInterfaceId")?;
    params.finish()?;
    if ec2.known_interface(kernel, &id)?.is_in_use() {
        return Err(invalid_value(format!(
            "Network interface '{id}' is currently in use."
        )));
    }
    remove(ec2, kernel, &id);
    Ok(super::done())
}

/// Deletes an interface and releases its addresses.
pub(crate) fn remove(ec2: &mut Ec2, kernel: &mut Kernel, id: &str) {
    let (now, lag) = (kernel.now(), kernel.settings.describe_lag);
    let Some(interface) = ec2.network_interface(id) else {
        return;
    };
    let subnet_id = interface.subnet_id.clone();
    if let Some(lagged) = ec2.interfaces.get_mut(id) {
        lagged.remove(now, lag);
        ec2.removed.push_back((now, id.to_owned()));
    }
    if let Some(subnet) = ec2.subnets.get_mut(&subnet_id) {
        subnet.addresses.release_all(id);
    }
    ec2.forget(lag, now);
}
