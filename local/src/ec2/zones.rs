//! Availability Zones.

use std::borrow::Cow;

use super::Ec2;
use super::errors::invalid_value;
use super::filter::Filters;
use super::tags::Tags;
use crate::kernel::Kernel;
use crate::settings::Settings;
use crate::wire::error::ApiError;
use crate::wire::query::Params;
use crate::wire::xml::Xml;

/// The id of a zone: `usw2-az1` for the first zone of us-west-2.
#[must_use]
pub fn zone_id(settings: &Settings, zone: &str) -> String {
    let position = settings
        .availability_zones
        .iter()
        .position(|name| name == zone)
        .unwrap_or_default();
    let mut parts = settings.region.split('-');
    let area = parts.next().unwrap_or_default();
    let direction: String = match parts.next().unwrap_or_default() {
        "northeast" => "ne".to_owned(),
        "northwest" => "nw".to_owned(),
        "southeast" => "se".to_owned(),
        "southwest" => "sw".to_owned(),
        other => other.chars().take(1).collect(),
    };
    let number = parts.next().unwrap_or_default();
    format!("{area}{direction}{number}-az{}", position + 1)
}

/// The zone that a request names, or the first.
pub(crate) fn resolve(
    settings: &Settings,
    name: Option<String>,
    id: Option<String>,
) -> Result<String, ApiError> {
    let zones = &settings.availability_zones;
    let found = match (&name, &id) {
        (Some(name), _) => zones.iter().find(|zone| *zone == name),
        (None, Some(id)) => zones.iter().find(|zone| zone_id(settings, zone) == *id),
        (None, None) => zones.first(),
    };
    found.cloned().ok_or_else(|| {
        invalid_value(format!(
            "Value ({}) for parameter availabilityZone is invalid. Subnets can currently only be created in the following availability zones: {}.",
            name.or(id).unwrap_or_default(),
            zones.join(", ")
        ))
    })
}

pub(crate) fn describe(
    _: &mut Ec2,
    kernel: &mut Kernel,
    params: &mut Params,
) -> Result<String, ApiError> {
    const FILTERS: [&str; 5] = ["region-name", "state", "zone-id", "zone-name", "zone-type"];
    let names = params.list("ZoneName");
    let ids = params.list("ZoneId");
    params.bool("AllAvailabilityZones")?;
    let filters = Filters::parse(params, &FILTERS)?;
    params.finish()?;
    let settings = &kernel.settings;
    let zones: Vec<(&String, String)> = settings
        .availability_zones
        .iter()
        .map(|zone| (zone, zone_id(settings, zone)))
        .collect();
    for name in &names {
        if !zones.iter().any(|(zone, _)| *zone == name) {
            return Err(invalid_value(format!(
                "Invalid availability zone: [{name}]"
            )));
        }
    }
    let mut xml = Xml::new();
    let wanted = zones.iter().filter(|(zone, id)| {
        (names.is_empty() || names.contains(zone))
            && (ids.is_empty() || ids.contains(id))
            && filters.pass(&Tags::new(), |name| {
                vec![Cow::Borrowed(match name {
                    "region-name" => settings.region.as_str(),
                    "state" => "available",
                    "zone-id" => id.as_str(),
                    "zone-name" => zone.as_str(),
                    _ => "availability-zone",
                })]
            })
    });
    xml.items("availabilityZoneInfo", wanted, |xml, (zone, id)| {
        xml.text("optInStatus", "opt-in-not-required");
        xml.element("messageSet", |_| ());
        xml.text("regionName", &settings.region);
        xml.text("zoneName", zone);
        xml.text("zoneId", id);
        xml.text("groupName", &settings.region);
        xml.text("networkBorderGroup", &settings.region);
        xml.text("zoneType", "availability-zone");
        xml.text("zoneState", "available");
    });
    Ok(xml.into_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zone_ids_have_the_form_of_aws() {
        let mut settings = Settings::for_tests();
        assert_eq!(zone_id(&settings, "us-west-2b"), "usw2-az2");
        settings.region = "ap-southeast-1".to_owned();
        settings.availability_zones = vec!["ap-southeast-1a".to_owned()];
        assert_eq!(zone_id(&settings, "ap-southeast-1a"), "apse1-az1");
    }
}
