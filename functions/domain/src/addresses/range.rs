//! A range of addresses as a profile writes it: `10.0.1.0/28`, `10.0.1.20-10.0.1.40`, or one
//! address.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Addresses from `first` to `last`, both included, of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(
    description = "Addresses of one family: `10.0.1.0/28`, `10.0.1.20-10.0.1.40`, or one address.",
    // A text that matches may still be invalid: 10.0.0.999, or a last address before the first.
    extend("pattern" = r"^\s*[0-9A-Fa-f:.]+(/[0-9]{1,3}|\s*-\s*[0-9A-Fa-f:.]+\s*)?$")
)]
pub struct AddressRange {
    first: IpAddr,
    last: IpAddr,
}

/// Why a text is not a range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a range of addresses such as 10.0.1.0/28, 10.0.1.20-10.0.1.40 or 10.0.1.7, found {0:?}"
)]
pub struct InvalidRange(String);

impl AddressRange {
    /// The addresses from `first` to `last`, which are of one family and in this order.
    #[must_use]
    pub(super) fn between(first: IpAddr, last: IpAddr) -> Self {
        Self { first, last }
    }

    /// The first address.
    #[must_use]
    pub fn first(&self) -> IpAddr {
        self.first
    }

    /// The last address.
    #[must_use]
    pub fn last(&self) -> IpAddr {
        self.last
    }

    /// Whether `address` is one of them.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        // `IpAddr` orders every IPv4 address before every IPv6 address.
        (self.first..=self.last).contains(&address)
    }
}

impl From<IpNet> for AddressRange {
    fn from(net: IpNet) -> Self {
        Self {
            first: net.network(),
            last: net.broadcast(),
        }
    }
}

impl From<IpAddr> for AddressRange {
    fn from(address: IpAddr) -> Self {
        Self {
            first: address,
            last: address,
        }
    }
}

impl TryFrom<String> for AddressRange {
    type Error = InvalidRange;

    fn try_from(text: String) -> Result<Self, InvalidRange> {
        text.parse()
    }
}

impl std::str::FromStr for AddressRange {
    type Err = InvalidRange;

    fn from_str(text: &str) -> Result<Self, InvalidRange> {
        let invalid = || InvalidRange(text.chars().take(100).collect());
        if let Ok(net) = text.parse::<IpNet>() {
            return Ok(net.into());
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(address.into());
        }
        let (first, last) = text.split_once('-').ok_or_else(invalid)?;
        let first: IpAddr = first.trim().parse().map_err(|_| invalid())?;
        let last: IpAddr = last.trim().parse().map_err(|_| invalid())?;
        if first.is_ipv4() != last.is_ipv4() || last < first {
            return Err(invalid());
        }
        Ok(Self { first, last })
    }
}

impl From<AddressRange> for String {
    fn from(range: AddressRange) -> Self {
        range.to_string()
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            return write!(f, "{}", self.first);
        }
        write!(f, "{}-{}", self.first, self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_pair_and_single_address_are_ranges() {
        for (text, means) in [
            ("10.0.1.0/28", "10.0.1.0-10.0.1.15"),
            ("10.0.1.20-10.0.1.40", "10.0.1.20-10.0.1.40"),
            ("10.0.1.7", "10.0.1.7"),
            ("2001:db8::/126", "2001:db8::-2001:db8::3"),
        ] {
            assert_eq!(text.parse::<AddressRange>().unwrap().to_string(), means);
        }
    }

    #[test]
    fn range_contains_its_ends_and_what_is_between_them() {
        let range: AddressRange = "10.0.1.20-10.0.1.22".parse().unwrap();
        for (address, is_in) in [
            ("10.0.1.19", false),
            ("10.0.1.20", true),
            ("10.0.1.21", true),
            ("10.0.1.22", true),
            ("10.0.1.23", false),
            ("::a00:114", false),
        ] {
            assert_eq!(range.contains(address.parse().unwrap()), is_in, "{address}");
        }
    }

    #[test]
    fn invalid_range_is_refused() {
        for text in [
            "",
            "-",
            "10.0.1.0/33",
            "10.0.1.9-10.0.1.8",
            "10.0.0.1-::1",
            "ten",
        ] {
            assert!(text.parse::<AddressRange>().is_err(), "{text}");
        }
    }

    #[test]
    fn written_range_is_read_again() {
        for text in ["10.0.1.20-10.0.1.40", "2001:db8::7"] {
            let range: AddressRange = text.parse().unwrap();
            let written = serde_json::to_value(range).unwrap();
            assert_eq!(written, text);
            let read: AddressRange = serde_json::from_value(written).unwrap();
            assert_eq!(read, range);
        }
    }
}
