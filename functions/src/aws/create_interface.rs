//! CreateNetworkInterface. The refusals that the caller decides on are values here, not errors.

use std::net::IpAddr;

use aws_sdk_ec2::types::{
    InstanceIpv6Address, PrivateIpAddressSpecification, ResourceType, TagSpecification,
};

use super::classify::{classify, code, message};
use super::{Aws, convert};
use hookline_domain::create_network_interface::CreateNetworkInterface;
use hookline_domain::error::{Error, Result};
use hookline_domain::interface::Interface;

/// The outcome of a create.
#[derive(Debug, Clone)]
pub enum CreateOutcome {
    /// The interface exists, from this call or from an earlier one with the same ClientToken.
    Created(Box<Interface>),
    /// Addresses are taken: those that EC2 named, or all requested ones.
    AddressTaken(Vec<IpAddr>),
    /// The subnet is full.
    SubnetFull,
}

impl Aws {
    /// Creates an interface (CreateNetworkInterface).
    ///
    /// # Errors
    /// [`Error::ResourceNotFound`] for a subnet or security group, and those of every call.
    pub async fn create_interface(
        &self,
        wanted: &CreateNetworkInterface,
        client_token: &str,
    ) -> Result<CreateOutcome> {
        let mut call = self
            .ec2
            .create_network_interface()
            .subnet_id(wanted.subnet_id.as_str())
            .set_groups(Some(
                wanted
                    .security_group_ids
                    .iter()
                    .map(ToString::to_string)
                    .collect(),
            ))
            .description(&wanted.description)
            .client_token(client_token)
            .tag_specifications(
                TagSpecification::builder()
                    .resource_type(ResourceType::NetworkInterface)
                    .set_tags(Some(convert::tags(&wanted.tags)))
                    .build(),
            );
        if let [only] = wanted.private_ip_addresses.as_slice() {
            call = call.private_ip_address(only.to_string());
        } else {
            for (n, address) in wanted.private_ip_addresses.iter().enumerate() {
                call = call.private_ip_addresses(
                    PrivateIpAddressSpecification::builder()
                        .private_ip_address(address.to_string())
                        .primary(n == 0)
                        .build(),
                );
            }
        }
        for address in &wanted.ipv6_addresses {
            call = call.ipv6_addresses(
                InstanceIpv6Address::builder()
                    .ipv6_address(address.to_string())
                    .build(),
            );
        }
        let count = |count: u32| i32::try_from(count).ok().filter(|count| *count > 0);
        let answer = call
            .set_secondary_private_ip_address_count(count(wanted.secondary_count))
            .set_ipv4_prefix_count(count(wanted.prefix_count))
            .set_ipv6_address_count(count(wanted.ipv6_count))
            .send()
            .await;
        match answer {
            Ok(answer) => answer
                .network_interface()
                .and_then(convert::interface)
                .map(|interface| CreateOutcome::Created(Box::new(interface)))
                .ok_or_else(|| Error::AwsUnavailable {
                    action: "CreateNetworkInterface",
                    detail: "an answer without an interface".to_owned(),
                }),
            Err(error) => match code(&error) {
                // A token is a digest of the request, so only a token of another release can
                // mismatch. Then this launch has an interface already. The next listing shows it,
                // and until then its address is taken.
                Some("InvalidIPAddress.InUse" | "IdempotentParameterMismatch") => {
                    Ok(CreateOutcome::AddressTaken(taken(wanted, message(&error))))
                }
                Some("InsufficientFreeAddressesInSubnet" | "InsufficientCidrBlocks") => {
                    Ok(CreateOutcome::SubnetFull)
                }
                Some("InvalidParameterValue") if message(&error).contains("sufficient") => {
                    Ok(CreateOutcome::SubnetFull)
                }
                _ => Err(classify("CreateNetworkInterface", &error)),
            },
        }
    }
}

/// The requested addresses that EC2's message names; all requested ones if it names none.
fn taken(wanted: &CreateNetworkInterface, words: &str) -> Vec<IpAddr> {
    let asked = || {
        wanted
            .private_ip_addresses
            .iter()
            .chain(&wanted.ipv6_addresses)
            .copied()
    };
    let named: Vec<IpAddr> = words
        .split(|c: char| !(c.is_ascii_hexdigit() || c == '.' || c == ':'))
        .filter_map(|word| word.trim_end_matches(['.', ':']).parse().ok())
        .filter(|address| asked().any(|asked| asked == *address))
        .collect();
    if named.is_empty() {
        asked().collect()
    } else {
        named
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(addresses: &[&str]) -> CreateNetworkInterface {
        CreateNetworkInterface {
            subnet_id: "subnet-00000000".parse().unwrap(),
            security_group_ids: Vec::new(),
            private_ip_addresses: addresses.iter().map(|a| a.parse().unwrap()).collect(),
            secondary_count: 0,
            prefix_count: 0,
            ipv6_addresses: Vec::new(),
            ipv6_count: 0,
            description: String::new(),
            tags: std::collections::BTreeMap::new(),
        }
    }

    #[test]
    fn address_in_the_message_is_taken() {
        let found = taken(
            &wanted(&["10.0.0.4", "10.0.0.5"]),
            "Address 10.0.0.5 is in use.",
        );
        assert_eq!(found, ["10.0.0.5".parse::<IpAddr>().unwrap()]);
    }

    #[test]
    fn all_addresses_are_taken_if_the_message_names_none() {
        assert_eq!(
            taken(&wanted(&["10.0.0.4", "10.0.0.5"]), "In use.").len(),
            2
        );
    }
}
