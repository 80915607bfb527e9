//! Instance types and their network limits: all that `instance_types.tsv` has. Its first line names
//! its source.
//!
//! What the table does not say (vCPUs, memory, EFA, generation) is left out of the answers. EC2's
//! API model has these members as optional.

use std::borrow::Cow;
use std::sync::LazyLock;

use super::Ec2;
use super::errors::invalid_value;
use super::filter::Filters;
use super::page::{Page, next_token};
use super::tags::Tags;
use crate::kernel::Kernel;
use crate::wire::error::ApiError;
use crate::wire::query::Params;
use crate::wire::xml::Xml;

/// An instance type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceType {
    /// Its name.
    pub name: &'static str,
    /// How many private IPv4 addresses an interface can have.
    pub ipv4_per_interface: u32,
    /// How many interfaces each network card can have. A card's position is its index.
    pub network_cards: Vec<u32>,
    /// The card of the primary interface.
    pub default_network_card: u32,
    /// `nitro` or `xen`. `None`: the table does not say.
    pub hypervisor: Option<&'static str>,
    /// Whether it is a bare metal type.
    pub bare_metal: bool,
}

impl InstanceType {
    /// How many interfaces all cards can have together.
    #[must_use]
    pub fn maximum_network_interfaces(&self) -> u32 {
        self.network_cards.iter().sum()
    }

    /// How many interfaces a card can have. `None`: there is no such card.
    #[must_use]
    pub fn interfaces_of_card(&self, index: u32) -> Option<u32> {
        let index = usize::try_from(index).ok()?;
        self.network_cards.get(index).copied()
    }

    /// Whether this is the place of the primary interface (EC2 API Reference,
    /// `NetworkInfo.defaultNetworkCardIndex`: "The index of the default network card").
    #[must_use]
    pub fn is_primary(&self, device_index: u32, network_card: u32) -> bool {
        device_index == 0 && network_card == self.default_network_card
    }

    /// The type with this name, if the table has it.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        let position = TYPES.binary_search_by_key(&name, |kind| kind.name).ok()?;
        TYPES.get(position)
    }

    /// How many IPv6 addresses an interface can have: as many as IPv4 addresses (EC2 User Guide,
    /// "IP addresses per network interface"). `None` for Xen types: some of them have no IPv6, and
    /// the table does not say which.
    fn ipv6_per_interface(&self) -> Option<u32> {
        (self.hypervisor != Some("xen")).then_some(self.ipv4_per_interface)
    }

    /// Reads a line of the table. `None`: it is malformed.
    fn parse(line: &'static str) -> Option<Self> {
        let fields: Vec<&str> = line.split('\t').collect();
        let [
            name,
            interfaces,
            ipv4,
            default_card,
            cards,
            hypervisor,
            bare_metal,
        ] = fields.try_into().ok()?;
        let mut network_cards = Vec::new();
        for (position, card) in cards.split(',').enumerate() {
            let (index, interfaces) = card.split_once(':')?;
            if index.parse() != Ok(position) {
                return None;
            }
            network_cards.push(interfaces.parse().ok()?);
        }
        let kind = Self {
            name,
            ipv4_per_interface: ipv4.parse().ok()?,
            network_cards,
            default_network_card: default_card.parse().ok()?,
            hypervisor: match hypervisor {
                "nitro" | "xen" => Some(hypervisor),
                "unknown" => None,
                _ => return None,
            },
            bare_metal: bare_metal.parse().ok()?,
        };
        let on_default_card = kind.interfaces_of_card(kind.default_network_card)?;
        (interfaces.parse() == Ok(on_default_card)).then_some(kind)
    }
}

const TABLE: &str = include_str!("instance_types.tsv");

/// In the order of their names. A test refuses a malformed line of the table.
static TYPES: LazyLock<Vec<InstanceType>> =
    LazyLock::new(|| lines().filter_map(InstanceType::parse).collect());

/// The lines of the table, without its head.
fn lines() -> impl Iterator<Item = &'static str> {
    TABLE.lines().filter(|line| !line.starts_with('#'))
}

/// All types, in the order of their names.
pub(crate) fn all() -> impl Iterator<Item = &'static InstanceType> {
    TYPES.iter()
}

/// The type with this name.
pub(crate) fn find(name: &str) -> Result<&'static InstanceType, ApiError> {
    InstanceType::named(name).ok_or_else(|| {
        let name: String = name.chars().take(64).collect();
        invalid_value(format!("Invalid value '{name}' for InstanceType."))
    })
}

pub(crate) fn describe(
    _: &mut Ec2,
    _: &mut Kernel,
    params: &mut Params,
) -> Result<String, ApiError> {
    const FILTERS: [&str; 5] = [
        "bare-metal",
        "hypervisor",
        "instance-type",
        "network-info.maximum-network-cards",
        "network-info.maximum-network-interfaces",
    ];
    let names = params.list("InstanceType");
    let filters = Filters::parse(params, &FILTERS)?;
    let page = Page::parse(params, 5..=100, &names)?;
    params.finish()?;
    let unknown: Vec<&str> = names
        .iter()
        .map(String::as_str)
        .filter(|name| InstanceType::named(name).is_none())
        .collect();
    if !unknown.is_empty() {
        return Err(ApiError::new(
            "InvalidInstanceType",
            format!(
                "The following supplied instance types do not exist: [{}]",
                unknown.join(", ")
            ),
        ));
    }
    let passing = TYPES.iter().filter(|kind| {
        let asked = names.is_empty() || names.iter().any(|name| name == kind.name);
        asked && filters.pass(&Tags::new(), |name| value(kind, name))
    });
    let (kinds, token) = page.cut(passing.map(|kind| (kind.name.to_owned(), kind)));
    let mut xml = Xml::new();
    xml.items("instanceTypeSet", kinds, write);
    next_token(&mut xml, token);
    Ok(xml.into_string())
}

fn value(kind: &InstanceType, name: &str) -> Vec<Cow<'static, str>> {
    vec![match name {
        "bare-metal" => kind.bare_metal.to_string().into(),
        "hypervisor" => return kind.hypervisor.into_iter().map(Cow::Borrowed).collect(),
        "network-info.maximum-network-cards" => kind.network_cards.len().to_string().into(),
        "network-info.maximum-network-interfaces" => {
            kind.maximum_network_interfaces().to_string().into()
        }
        _ => kind.name.into(),
    }]
}

fn write(xml: &mut Xml, kind: &InstanceType) {
    xml.text("instanceType", kind.name);
    xml.text("bareMetal", kind.bare_metal);
    xml.optional("hypervisor", kind.hypervisor);
    xml.element("networkInfo", |xml| {
        xml.text(
            "maximumNetworkInterfaces",
            kind.maximum_network_interfaces(),
        );
        xml.text("maximumNetworkCards", kind.network_cards.len());
        xml.text("defaultNetworkCardIndex", kind.default_network_card);
        xml.items(
            "networkCards",
            kind.network_cards.iter().enumerate(),
            |xml, (index, max)| {
                xml.text("networkCardIndex", index);
                xml.text("maximumNetworkInterfaces", max);
            },
        );
        xml.text("ipv4AddressesPerInterface", kind.ipv4_per_interface);
        if let Some(ipv6) = kind.ipv6_per_interface() {
            xml.text("ipv6AddressesPerInterface", ipv6);
            xml.text("ipv6Supported", true);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_read() {
        for line in lines() {
            assert!(InstanceType::parse(line).is_some(), "malformed: {line}");
        }
        assert!(TYPES.len() > 1300, "{} types", TYPES.len());
    }

    #[test]
    fn the_table_of_types_is_sorted() {
        assert!(TYPES.is_sorted_by(|a, b| a.name < b.name));
    }

    #[test]
    fn malformed_lines_are_refused() {
        let good = "x1.big\t4\t15\t0\t0:4,1:2\tnitro\tfalse";
        let kind = InstanceType::parse(good).expect("a type");
        assert_eq!(kind.network_cards, [4, 2]);
        assert_eq!(kind.maximum_network_interfaces(), 6);
        for bad in [
            "",
            "x1.big\t4\t15\t0\t0:4\tnitro",
            "x1.big\t4\t15\t0\t0:4\tnitro\tfalse\tmore",
            "x1.big\t4\t15\t1\t0:4\tnitro\tfalse",
            "x1.big\t3\t15\t0\t0:4\tnitro\tfalse",
            "x1.big\t4\t15\t0\t1:4\tnitro\tfalse",
            "x1.big\t4\tmany\t0\t0:4\tnitro\tfalse",
            "x1.big\t4\t15\t0\t0:4\tkvm\tfalse",
            "x1.big\t4\t15\t0\t0:4\tnitro\tno",
        ] {
            assert_eq!(InstanceType::parse(bad), None, "{bad}");
        }
    }
}
