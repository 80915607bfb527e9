//! The network limits of EC2's instance types.

use std::collections::BTreeMap;

use crate::expression::Variables;

/// The table that the CDK app and the fake AWS read, too.
const TABLE: &str = include_str!("../../../local/src/ec2/instance_types.tsv");

/// The network limits of an instance type (EC2 API, DescribeInstanceTypes, `NetworkInfo`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkLimits {
    /// The instance type.
    pub name: String,
    /// How many interfaces the default network card takes, the primary one included.
    pub default_card_interfaces: u32,
    /// How many IPv4 addresses an interface takes.
    pub addresses_per_interface: u32,
    /// The network card of the primary interface.
    pub default_card: u32,
    /// How many interfaces each network card takes.
    pub cards: BTreeMap<u32, u32>,
}

impl NetworkLimits {
    /// The limits of an instance type. `None` if it is not known.
    pub fn of(name: &str) -> Option<Self> {
        let row = TABLE
            .lines()
            .find(|line| line.split('\t').next() == Some(name))?;
        let mut columns = row.split('\t').skip(1);
        let mut number = || columns.next()?.parse().ok();
        let (interfaces, addresses, default_card) = (number()?, number()?, number()?);
        let cards = columns.next()?.split(',').filter_map(|card| {
            let (index, count) = card.split_once(':')?;
            Some((index.parse().ok()?, count.parse().ok()?))
        });
        Some(Self {
            name: name.to_owned(),
            default_card_interfaces: interfaces,
            addresses_per_interface: addresses,
            default_card,
            cards: cards.collect(),
        })
    }

    /// What `maxPodsExpression` may name.
    pub(crate) fn variables(&self) -> Variables {
        Variables {
            default_enis: self.default_card_interfaces,
            ips_per_eni: self.addresses_per_interface,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_those_of_the_table() {
        let limits = NetworkLimits::of("m5.4xlarge").unwrap();
        assert_eq!(
            (
                limits.default_card_interfaces,
                limits.addresses_per_interface
            ),
            (8, 30)
        );
        assert_eq!(limits.cards, BTreeMap::from([(0, 8)]));
        assert_eq!(NetworkLimits::of("m5.enormous"), None);
    }
}
