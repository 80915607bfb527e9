//! Instance types and their network limits (EC2 User Guide, "Maximum IP addresses per network
//! interface", and DescribeInstanceTypes).

use std::borrow::Cow;

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
#[derive(Clone, Copy, Debug)]
pub struct InstanceType {
    /// Its name.
    pub name: &'static str,
    /// How many virtual CPUs it has.
    pub vcpus: u32,
    /// Its memory in GiB.
    pub memory_gib: u32,
    /// How many private IPv4 addresses (and IPv6 ones) an interface can have.
    pub ipv4_per_interface: u32,
    /// How many interfaces each network card can have.
    pub network_cards: &'static [u32],
}

impl InstanceType {
    /// How many interfaces all cards can have together.
    #[must_use]
    pub fn maximum_network_interfaces(&self) -> u32 {
        self.network_cards.iter().sum()
    }

    /// The type with this name, if the fake AWS has it.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        TYPES.iter().find(|kind| kind.name == name)
    }
}

const fn kind(
    name: &'static str,
    vcpus: u32,
    memory_gib: u32,
    network_cards: &'static [u32],
    ipv4_per_interface: u32,
) -> InstanceType {
    InstanceType {
        name,
        vcpus,
        memory_gib,
        ipv4_per_interface,
        network_cards,
    }
}

/// In the order of their names.
const TYPES: [InstanceType; 62] = [
    kind("c5.12xlarge", 48, 96, &[8], 30),
    kind("c5.18xlarge", 72, 144, &[15], 50),
    kind("c5.24xlarge", 96, 192, &[15], 50),
    kind("c5.2xlarge", 8, 16, &[4], 15),
    kind("c5.4xlarge", 16, 32, &[8], 30),
    kind("c5.9xlarge", 36, 72, &[8], 30),
    kind("c5.large", 2, 4, &[3], 10),
    kind("c5.metal", 96, 192, &[15], 50),
    kind("c5.xlarge", 4, 8, &[4], 15),
    kind("c5n.18xlarge", 72, 192, &[15], 50),
    kind("c5n.2xlarge", 8, 21, &[4], 15),
    kind("c5n.4xlarge", 16, 42, &[8], 30),
    kind("c5n.9xlarge", 36, 96, &[8], 30),
    kind("c5n.large", 2, 5, &[3], 10),
    kind("c5n.metal", 72, 192, &[15], 50),
    kind("c5n.xlarge", 4, 10, &[4], 15),
    kind("c6i.16xlarge", 64, 128, &[15], 50),
    kind("c6i.2xlarge", 8, 16, &[4], 15),
    kind("c6i.32xlarge", 128, 256, &[15], 50),
    kind("c6i.4xlarge", 16, 32, &[8], 30),
    kind("c6i.8xlarge", 32, 64, &[8], 30),
    kind("c6i.large", 2, 4, &[3], 10),
    kind("c6i.xlarge", 4, 8, &[4], 15),
    kind("c6in.32xlarge", 128, 256, &[7, 7], 50),
    kind("m5.12xlarge", 48, 192, &[8], 30),
    kind("m5.16xlarge", 64, 256, &[15], 50),
    kind("m5.24xlarge", 96, 384, &[15], 50),
    kind("m5.2xlarge", 8, 32, &[4], 15),
    kind("m5.4xlarge", 16, 64, &[8], 30),
    kind("m5.8xlarge", 32, 128, &[8], 30),
    kind("m5.large", 2, 8, &[3], 10),
    kind("m5.metal", 96, 384, &[15], 50),
    kind("m5.xlarge", 4, 16, &[4], 15),
    kind("m5n.16xlarge", 64, 256, &[15], 50),
    kind("m5n.24xlarge", 96, 384, &[15], 50),
    kind("m5n.2xlarge", 8, 32, &[4], 15),
    kind("m5n.4xlarge", 16, 64, &[8], 30),
    kind("m5n.8xlarge", 32, 128, &[8], 30),
    kind("m5n.large", 2, 8, &[3], 10),
    kind("m5n.xlarge", 4, 16, &[4], 15),
    kind("m6i.16xlarge", 64, 256, &[15], 50),
    kind("m6i.2xlarge", 8, 32, &[4], 15),
    kind("m6i.32xlarge", 128, 512, &[15], 50),
    kind("m6i.4xlarge", 16, 64, &[8], 30),
    kind("m6i.8xlarge", 32, 128, &[8], 30),
    kind("m6i.large", 2, 8, &[3], 10),
    kind("m6i.xlarge", 4, 16, &[4], 15),
    kind("p4d.24xlarge", 96, 1152, &[15, 15, 15, 15], 50),
    kind("r5.12xlarge", 48, 384, &[8], 30),
    kind("r5.16xlarge", 64, 512, &[15], 50),
    kind("r5.24xlarge", 96, 768, &[15], 50),
    kind("r5.2xlarge", 8, 64, &[4], 15),
    kind("r5.4xlarge", 16, 128, &[8], 30),
    kind("r5.8xlarge", 32, 256, &[8], 30),
    kind("r5.large", 2, 16, &[3], 10),
    kind("r5.xlarge", 4, 32, &[4], 15),
    kind("t3.2xlarge", 8, 32, &[4], 15),
    kind("t3.large", 2, 8, &[3], 12),
    kind("t3.medium", 2, 4, &[3], 6),
    kind("t3.micro", 2, 1, &[2], 2),
    kind("t3.small", 2, 2, &[3], 4),
    kind("t3.xlarge", 4, 16, &[4], 15),
];

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
    const FILTERS: [&str; 8] = [
        "bare-metal",
        "current-generation",
        "instance-type",
        "network-info.efa-supported",
        "network-info.maximum-network-cards",
        "network-info.maximum-network-interfaces",
        "vcpu-info.default-vcpus",
        "hypervisor",
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
        asked && filters.pass(&Tags::new(), |name| vec![value(kind, name)])
    });
    let (kinds, token) = page.cut(passing.map(|kind| (kind.name.to_owned(), kind)));
    let mut xml = Xml::new();
    xml.items("instanceTypeSet", kinds, write);
    next_token(&mut xml, token);
    Ok(xml.into_string())
}

fn value(kind: &InstanceType, name: &str) -> Cow<'static, str> {
    match name {
        "bare-metal" => kind.is_metal().to_string().into(),
        "current-generation" => "true".into(),
        "hypervisor" => "nitro".into(),
        "instance-type" => kind.name.into(),
        "network-info.efa-supported" => kind.has_efa().to_string().into(),
        "network-info.maximum-network-cards" => kind.network_cards.len().to_string().into(),
        "network-info.maximum-network-interfaces" => {
            kind.maximum_network_interfaces().to_string().into()
        }
        _ => kind.vcpus.to_string().into(),
    }
}

impl InstanceType {
    fn is_metal(&self) -> bool {
        self.name.ends_with(".metal")
    }

    fn has_efa(&self) -> bool {
        matches!(
            self.name,
            "c5n.18xlarge"
                | "c5n.9xlarge"
                | "c5n.metal"
                | "c6i.32xlarge"
                | "c6in.32xlarge"
                | "m5n.24xlarge"
                | "m6i.32xlarge"
                | "p4d.24xlarge"
        )
    }
}

fn write(xml: &mut Xml, kind: &InstanceType) {
    xml.text("instanceType", kind.name);
    xml.text("currentGeneration", true);
    xml.text("freeTierEligible", false);
    xml.texts("supportedUsageClasses", "item", ["on-demand", "spot"]);
    xml.text("bareMetal", kind.is_metal());
    if !kind.is_metal() {
        xml.text("hypervisor", "nitro");
    }
    xml.element("processorInfo", |xml| {
        xml.texts("supportedArchitectures", "item", ["x86_64"]);
    });
    xml.element("vCpuInfo", |xml| {
        xml.text("defaultVCpus", kind.vcpus);
        xml.text("defaultCores", kind.vcpus.div_ceil(2));
        xml.text("defaultThreadsPerCore", 2);
    });
    xml.element("memoryInfo", |xml| {
        xml.text("sizeInMiB", kind.memory_gib * 1024)
    });
    xml.element("networkInfo", |xml| {
        xml.text(
            "maximumNetworkInterfaces",
            kind.maximum_network_interfaces(),
        );
        xml.text("maximumNetworkCards", kind.network_cards.len());
        xml.text("defaultNetworkCardIndex", 0);
        xml.items(
            "networkCards",
            kind.network_cards.iter().enumerate(),
            |xml, (index, max)| {
                xml.text("networkCardIndex", index);
                xml.text("maximumNetworkInterfaces", max);
            },
        );
        xml.text("ipv4AddressesPerInterface", kind.ipv4_per_interface);
        xml.text("ipv6AddressesPerInterface", kind.ipv4_per_interface);
        xml.text("ipv6Supported", true);
        xml.text("enaSupport", "required");
        xml.text("efaSupported", kind.has_efa());
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_types_is_sorted() {
        assert!(TYPES.is_sorted_by_key(|kind| kind.name));
    }
}
