//! Where instance types are offered: DescribeInstanceTypeOfferings (EC2 API Reference), by
//! [`Settings::types_not_offered`].

use std::borrow::Cow;

use super::Ec2;
use super::errors::invalid_value;
use super::filter::Filters;
use super::instance_type;
use super::page::{Page, next_token};
use super::tags::Tags;
use super::zones::zone_id;
use crate::kernel::Kernel;
use crate::settings::Settings;
use crate::wire::error::ApiError;
use crate::wire::query::Params;
use crate::wire::xml::Xml;

/// Lists the types that each location offers. Without a location type, the location is the Region:
/// it offers what one of its zones offers. There are no Outposts.
pub(crate) fn describe(
    _: &mut Ec2,
    kernel: &mut Kernel,
    params: &mut Params,
) -> Result<String, ApiError> {
    const FILTERS: [&str; 2] = ["instance-type", "location"];
    let location_type = params.str("LocationType");
    let location_type = location_type.unwrap_or_else(|| "region".to_owned());
    let filters = Filters::parse(params, &FILTERS)?;
    let page = Page::parse(params, 5..=1000, &[])?;
    params.finish()?;
    let settings = &kernel.settings;
    let mut offerings = Vec::new();
    for (location, zones) in locations(settings, &location_type)? {
        for kind in instance_type::all() {
            let is_offered = zones.iter().any(|zone| settings.offers(zone, kind.name));
            let passes = filters.pass(&Tags::new(), |name| {
                vec![match name {
                    "location" => Cow::Borrowed(location.as_str()),
                    _ => Cow::Borrowed(kind.name),
                }]
            });
            if is_offered && passes {
                offerings.push((
                    format!("{location} {}", kind.name),
                    (location.clone(), kind),
                ));
            }
        }
    }
    let (offerings, token) = page.cut(offerings);
    let mut xml = Xml::new();
    xml.items(
        "instanceTypeOfferingSet",
        offerings,
        |xml, (location, kind)| {
            xml.text("instanceType", kind.name);
            xml.text("locationType", &location_type);
            xml.text("location", location);
        },
    );
    next_token(&mut xml, token);
    Ok(xml.into_string())
}

/// The locations of a type, in the order of their names, each with its zones.
fn locations<'a>(
    settings: &'a Settings,
    location_type: &str,
) -> Result<Vec<(String, Vec<&'a String>)>, ApiError> {
    let zones = settings.availability_zones.iter();
    let mut locations: Vec<_> = match location_type {
        "region" => vec![(settings.region.clone(), zones.collect())],
        "availability-zone" => zones.map(|zone| (zone.clone(), vec![zone])).collect(),
        "availability-zone-id" => zones
            .map(|zone| (zone_id(settings, zone), vec![zone]))
            .collect(),
        "outpost" => Vec::new(),
        other => {
            let other: String = other.chars().take(64).collect();
            return Err(invalid_value(format!(
                "Value ({other}) for parameter locationType is invalid."
            )));
        }
    };
    locations.sort();
    Ok(locations)
}
