//! Network interfaces that an AWS service creates in a VPC of the account: of a load balancer, a NAT
//! gateway, a database (EC2 User Guide, "Requester-managed network interfaces").

use std::net::Ipv4Addr;
use std::path::Path;

use serde::Deserialize;

use super::Ec2;
use super::create_interface::{InterfaceSpec, create_network_interface};
use super::errors::invalid_value;
use crate::kernel::Kernel;
use crate::wire::error::ApiError;

/// The properties of a requester-managed interface, by the names of DescribeNetworkInterfaces.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RequesterManagedSpec {
    /// `eni-…`. The service created it before the fake's time, so its ID may be in flow logs.
    pub network_interface_id: String,
    /// What the service writes, for example `ELB net/shop/50dc6c495c0c9188`.
    pub description: String,
    /// `interface`, `nat_gateway`, `network_load_balancer`, …
    pub interface_type: String,
    /// The alias or the account ID of the service, for example `amazon-elb`.
    pub requester_id: String,
    /// Its private address. The interface is in the VPC's subnet that has it.
    pub private_ip_address: Ipv4Addr,
}

/// Why a file is not a list of interfaces.
#[derive(Debug, thiserror::Error)]
pub enum RequesterManagedError {
    /// It cannot be read.
    #[error("could not read it: {0}")]
    Unreadable(#[from] std::io::Error),
    /// It is not JSON, or has other fields.
    #[error(
        "{0}; it is a list of objects with networkInterfaceId, description, interfaceType, requesterId and privateIpAddress, as DescribeNetworkInterfaces has them"
    )]
    Form(#[from] serde_json::Error),
}

impl RequesterManagedSpec {
    /// Reads a file: a JSON list.
    ///
    /// # Errors
    /// [`RequesterManagedError`]
    pub fn read(file: &Path) -> Result<Vec<Self>, RequesterManagedError> {
        Ok(serde_json::from_slice(&std::fs::read(file)?)?)
    }
}

/// The service that created an interface and has it in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requester {
    /// The alias or the account ID of the service.
    pub requester_id: String,
    /// `ela-attach-…`
    pub attachment_id: String,
}

/// Creates a requester-managed interface in a VPC, and returns its id. It is in use, by an attachment
/// to nothing of the account: `ela-attach-…`, device index 1, an `instanceOwnerId` of `amazon-aws`, no
/// `attachTime` (openshift/installer, pull request 2498, for a load balancer). The account can neither
/// detach nor delete it (there, and boto/boto3, issue 2218).
///
/// # Errors
/// `InvalidParameterValue` if no subnet of the VPC has the address; the errors of
/// CreateNetworkInterface.
pub fn create_requester_managed_interface(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    vpc_id: &str,
    spec: &RequesterManagedSpec,
) -> Result<String, ApiError> {
    let address = spec.private_ip_address;
    let mut subnets = ec2.subnets.values();
    let subnet = subnets
        .find(|subnet| subnet.vpc_id == vpc_id && subnet.cidr_block.contains(&address))
        .ok_or_else(|| invalid_value(format!("No subnet of {vpc_id} has the address {address}")))?;
    let subnet_id = subnet.subnet_id.clone();
    let requester = Requester {
        requester_id: spec.requester_id.clone(),
        attachment_id: kernel.new_id("ela-attach"),
    };
    let spec = InterfaceSpec {
        network_interface_id: Some(spec.network_interface_id.clone()),
        subnet_id,
        description: spec.description.clone(),
        private_ip_address: Some(address),
        interface_type: spec.interface_type.clone(),
        requester: Some(requester),
        ..InterfaceSpec::default()
    };
    create_network_interface(ec2, kernel, spec)
}

/// The error of a call that names an attachment of a service.
pub(super) fn not_manageable() -> ApiError {
    ApiError::new(
        "OperationNotPermitted",
        "You are not allowed to manage 'ela-attach' attachments.",
    )
}
