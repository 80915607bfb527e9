//! The addresses of a subnet: which are taken, reserved and free, and how EC2 picks one.
//!
//! EC2 reserves a subnet's first four addresses and its last (VPC User Guide, "Subnet CIDR
//! blocks"). It never picks an address from a CIDR reservation, but gives one that is requested by
//! name (VPC User Guide, "Subnet CIDR reservations"). A picked address is a random free one, so
//! that nothing relies on an order.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;

use super::errors::invalid_value;
use super::reservation::ReservationType;
use crate::wire::error::ApiError;

/// The size of an IPv4 prefix that an interface gets.
pub(crate) const PREFIX_LENGTH: u8 = 28;
const PREFIX_SIZE: u32 = 16;

/// The addresses of one subnet.
#[derive(Clone, Debug)]
pub(crate) struct Addresses {
    v4: Ipv4Net,
    v6: Option<Ipv6Net>,
    /// The interface of each address.
    taken: BTreeMap<IpAddr, String>,
    /// The interface of each /28.
    prefixes: BTreeMap<Ipv4Net, String>,
    /// Ranges of the subnet's CIDR reservations.
    reserved: Vec<(IpNet, ReservationType)>,
}

impl Addresses {
    pub(crate) fn new(v4: Ipv4Net, v6: Option<Ipv6Net>) -> Self {
        Self {
            v4,
            v6,
            taken: BTreeMap::new(),
            prefixes: BTreeMap::new(),
            reserved: Vec::new(),
        }
    }

    pub(crate) fn set_v6(&mut self, v6: Ipv6Net) {
        self.v6 = Some(v6);
    }

    pub(crate) fn set_reserved(&mut self, reserved: Vec<(IpNet, ReservationType)>) {
        self.reserved = reserved;
    }

    /// The interface of each address.
    pub(crate) fn taken(&self) -> &BTreeMap<IpAddr, String> {
        &self.taken
    }

    /// EC2's AvailableIpAddressCount: the IPv4 addresses without an interface. Addresses in CIDR
    /// reservations count as available, because a request can name them.
    pub(crate) fn available(&self) -> u32 {
        let last = u32::from(self.v4.broadcast());
        let size = (last - u32::from(self.v4.network())).saturating_add(1);
        let single = self
            .taken
            .keys()
            .filter(|address| address.is_ipv4())
            .count();
        size.saturating_sub(5)
            .saturating_sub(u32::try_from(single).unwrap_or(u32::MAX))
            .saturating_sub(
                u32::try_from(self.prefixes.len())
                    .unwrap_or(u32::MAX)
                    .saturating_mul(PREFIX_SIZE),
            )
    }

    /// Takes the requested address.
    pub(crate) fn take(&mut self, address: IpAddr, interface: &str) -> Result<(), ApiError> {
        let within = match address {
            IpAddr::V4(address) => self.v4.contains(&address),
            IpAddr::V6(address) => self.v6.is_some_and(|net| net.contains(&address)),
        };
        if !within {
            return Err(invalid_value(format!(
                "Address {address} does not fall within the subnet's address range"
            )));
        }
        if self.is_reserved_by_ec2(address) {
            return Err(invalid_value(format!(
                "Address {address} is in subnet's reserved address range"
            )));
        }
        if self.is_taken(address) {
            return Err(ApiError::new(
                "InvalidIPAddress.InUse",
                format!("Address {address} is in use."),
            ));
        }
        self.taken.insert(address, interface.to_owned());
        Ok(())
    }

    /// Takes a random free IPv4 address.
    pub(crate) fn pick_v4(
        &mut self,
        rng: &mut ChaCha8Rng,
        interface: &str,
    ) -> Result<Ipv4Addr, ApiError> {
        let first = u32::from(self.v4.network()).saturating_add(4);
        let last = u32::from(self.v4.broadcast()).saturating_sub(1);
        let start = rng.random_range(first..=last);
        let free = (start..=last)
            .chain(first..start)
            .map(Ipv4Addr::from)
            .find(|address| {
                let address = IpAddr::V4(*address);
                !self.is_taken(address) && !self.is_reserved(address)
            });
        let address = free.ok_or_else(no_free_addresses)?;
        self.taken.insert(address.into(), interface.to_owned());
        Ok(address)
    }

    /// Takes a random free IPv6 address.
    pub(crate) fn pick_v6(
        &mut self,
        rng: &mut ChaCha8Rng,
        interface: &str,
    ) -> Result<Ipv6Addr, ApiError> {
        let net = self.v6.ok_or_else(no_ipv6)?;
        let network = u128::from(net.network());
        // A /64 does not fill up. The limit ends the loop for a tiny range that is full.
        for _ in 0..1000 {
            let bits = u128::from(rng.next_u64()) & u128::from(net.hostmask());
            let address = Ipv6Addr::from(network | bits);
            let any = IpAddr::V6(address);
            if !self.is_taken(any) && !self.is_reserved(any) && !self.is_reserved_by_ec2(any) {
                self.taken.insert(any, interface.to_owned());
                return Ok(address);
            }
        }
        Err(no_free_addresses())
    }

    /// Takes the requested prefix.
    pub(crate) fn take_prefix(&mut self, prefix: Ipv4Net, interface: &str) -> Result<(), ApiError> {
        if prefix.prefix_len() != PREFIX_LENGTH || prefix.trunc() != prefix {
            return Err(invalid_value(format!(
                "The prefix {prefix} is not a valid /{PREFIX_LENGTH} block"
            )));
        }
        if !self.v4.contains(&prefix) {
            return Err(invalid_value(format!(
                "Prefix {prefix} does not fall within the subnet's address range"
            )));
        }
        if !self.is_prefix_free(prefix) {
            return Err(ApiError::new(
                "InvalidIPAddress.InUse",
                format!("Prefix {prefix} is in use."),
            ));
        }
        self.prefixes.insert(prefix, interface.to_owned());
        Ok(())
    }

    /// Takes a free prefix: from a `prefix` reservation first, else from the part of the subnet
    /// that is not reserved (VPC User Guide, "Subnet CIDR reservations").
    pub(crate) fn pick_prefix(
        &mut self,
        rng: &mut ChaCha8Rng,
        interface: &str,
    ) -> Result<Ipv4Net, ApiError> {
        let ours: Vec<Ipv4Net> = self
            .reserved
            .iter()
            .filter_map(|(range, kind)| match range {
                IpNet::V4(range) if *kind == ReservationType::Prefix => Some(*range),
                _ => None,
            })
            .collect();
        let reserved = ours
            .iter()
            .flat_map(blocks)
            .filter(|prefix| self.is_prefix_free(*prefix))
            .collect::<Vec<_>>();
        let candidates = if reserved.is_empty() {
            blocks(&self.v4)
                .filter(|prefix| {
                    self.is_prefix_free(*prefix)
                        && !self
                            .reserved
                            .iter()
                            .any(|(range, _)| overlap(range, &IpNet::V4(*prefix)))
                })
                .collect()
        } else {
            reserved
        };
        let index = rng.random_range(0..candidates.len().max(1));
        let prefix = *candidates.get(index).ok_or_else(|| {
            ApiError::new(
                "InsufficientCidrBlocks",
                "The specified subnet does not have enough free cidr blocks to satisfy the request.",
            )
        })?;
        self.prefixes.insert(prefix, interface.to_owned());
        Ok(prefix)
    }

    /// Releases one address.
    pub(crate) fn release(&mut self, address: IpAddr) {
        self.taken.remove(&address);
    }

    /// Releases one prefix.
    pub(crate) fn release_prefix(&mut self, prefix: &Ipv4Net) {
        self.prefixes.remove(prefix);
    }

    /// Releases all addresses and prefixes of an interface.
    pub(crate) fn release_all(&mut self, interface: &str) {
        self.taken.retain(|_, holder| holder != interface);
        self.prefixes.retain(|_, holder| holder != interface);
    }

    fn is_taken(&self, address: IpAddr) -> bool {
        let in_prefix = match address {
            IpAddr::V4(address) => Ipv4Net::new(address, PREFIX_LENGTH)
                .is_ok_and(|block| self.prefixes.contains_key(&block.trunc())),
            IpAddr::V6(_) => false,
        };
        in_prefix || self.taken.contains_key(&address)
    }

    fn is_reserved(&self, address: IpAddr) -> bool {
        self.reserved
            .iter()
            .any(|(range, _)| range.contains(&address))
    }

    /// Whether EC2 reserves the address: the first four and the last of a subnet.
    fn is_reserved_by_ec2(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => {
                let offset = u32::from(address).saturating_sub(u32::from(self.v4.network()));
                offset < 4 || address == self.v4.broadcast()
            }
            IpAddr::V6(address) => self.v6.is_some_and(|net| {
                let offset = u128::from(address).saturating_sub(u128::from(net.network()));
                offset < 4 || address == net.broadcast()
            }),
        }
    }

    fn is_prefix_free(&self, prefix: Ipv4Net) -> bool {
        let (first, last) = (IpAddr::V4(prefix.network()), IpAddr::V4(prefix.broadcast()));
        !self.is_reserved_by_ec2(first)
            && !self.is_reserved_by_ec2(last)
            && !self.prefixes.contains_key(&prefix)
            && self.taken.range(first..=last).next().is_none()
    }
}

fn blocks(range: &Ipv4Net) -> impl Iterator<Item = Ipv4Net> + use<> {
    // A range smaller than a block holds none.
    range.subnets(PREFIX_LENGTH).into_iter().flatten()
}

pub(crate) fn overlap(a: &IpNet, b: &IpNet) -> bool {
    a.contains(b) || b.contains(a)
}

pub(crate) fn no_free_addresses() -> ApiError {
    ApiError::new(
        "InsufficientFreeAddressesInSubnet",
        "The specified subnet does not have enough free addresses to satisfy the request.",
    )
}

fn no_ipv6() -> ApiError {
    invalid_value("The specified subnet does not have an IPv6 CIDR block")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use rand::SeedableRng;

    fn small() -> (Addresses, ChaCha8Rng) {
        let net = "10.0.0.0/28".parse().unwrap();
        (Addresses::new(net, None), ChaCha8Rng::seed_from_u64(1))
    }

    fn code(result: Result<(), ApiError>) -> String {
        result.unwrap_err().code.into_owned()
    }

    #[test]
    fn reserved_foreign_and_taken_addresses_are_refused() {
        let (mut addresses, _) = small();
        let mut take = |text: &str| addresses.take(text.parse().unwrap(), "eni-1");
        for kept in ["10.0.0.0", "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.15"] {
            let error = take(kept).unwrap_err();
            assert_eq!(error.code, "InvalidParameterValue");
            assert!(error.message.contains("reserved address range"), "{kept}");
        }
        assert!(
            take("10.0.0.16")
                .unwrap_err()
                .message
                .contains("does not fall within")
        );
        assert!(
            take("2001:db8::5")
                .unwrap_err()
                .message
                .contains("does not fall within")
        );
        take("10.0.0.4").unwrap();
        assert_eq!(code(take("10.0.0.4")), "InvalidIPAddress.InUse");
    }

    #[test]
    fn every_free_address_is_picked_once_and_no_reserved_one() {
        let (mut addresses, mut rng) = small();
        addresses.set_reserved(vec![(
            "10.0.0.8/30".parse().unwrap(),
            ReservationType::Explicit,
        )]);
        assert_eq!(addresses.available(), 11);
        let mut picked: Vec<Ipv4Addr> =
            std::iter::from_fn(|| addresses.pick_v4(&mut rng, "eni-1").ok()).collect();
        let in_order = {
            let mut sorted = picked.clone();
            sorted.sort();
            sorted
        };
        assert_ne!(picked, in_order, "the order is not that of the addresses");
        picked.sort();
        let expected: Vec<Ipv4Addr> = [4, 5, 6, 7, 12, 13, 14]
            .map(|n| Ipv4Addr::new(10, 0, 0, n))
            .to_vec();
        assert_eq!(picked, expected);
        assert_eq!(addresses.available(), 4);
        let full = addresses.pick_v4(&mut rng, "eni-1").map(drop);
        assert_eq!(code(full), "InsufficientFreeAddressesInSubnet");
        addresses
            .take("10.0.0.9".parse().unwrap(), "eni-2")
            .unwrap();
        addresses.release_all("eni-1");
        assert_eq!(addresses.available(), 10);
    }

    #[test]
    fn prefixes_come_from_prefix_reservations_first() {
        let net = "10.0.0.0/25".parse().unwrap();
        let mut addresses = Addresses::new(net, None);
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        addresses.set_reserved(vec![
            ("10.0.0.64/27".parse().unwrap(), ReservationType::Prefix),
            ("10.0.0.32/28".parse().unwrap(), ReservationType::Explicit),
        ]);
        addresses
            .take("10.0.0.20".parse().unwrap(), "eni-1")
            .unwrap();
        let mut picks: Vec<String> = Vec::new();
        while let Ok(prefix) = addresses.pick_prefix(&mut rng, "eni-2") {
            picks.push(prefix.to_string());
        }
        let (reserved, other) = picks.split_at(2);
        assert!(
            reserved
                .iter()
                .all(|p| p == "10.0.0.64/28" || p == "10.0.0.80/28"),
            "{picks:?}"
        );
        // Not the first (EC2's four), 16 (taken), 32 (explicit) or the last (EC2's one).
        let mut other = other.to_vec();
        other.sort();
        assert_eq!(other, ["10.0.0.48/28", "10.0.0.96/28"]);
        let error = addresses.pick_prefix(&mut rng, "eni-2").unwrap_err();
        assert_eq!(error.code, "InsufficientCidrBlocks");
        let in_prefix = addresses.take("10.0.0.66".parse().unwrap(), "eni-3");
        assert_eq!(code(in_prefix), "InvalidIPAddress.InUse");
    }

    #[test]
    fn ipv6_addresses_are_of_the_subnet() {
        let (mut addresses, mut rng) = small();
        assert!(addresses.pick_v6(&mut rng, "eni-1").is_err());
        let net: Ipv6Net = "2001:db8:0:1::/64".parse().unwrap();
        addresses.set_v6(net);
        let address = addresses.pick_v6(&mut rng, "eni-1").unwrap();
        assert!(net.contains(&address));
        assert_eq!(
            code(addresses.take(address.into(), "eni-2")),
            "InvalidIPAddress.InUse"
        );
        assert!(
            addresses
                .take("2001:db8:0:1::3".parse().unwrap(), "eni-1")
                .is_err()
        );
    }
}
