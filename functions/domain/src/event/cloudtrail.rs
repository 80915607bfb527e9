//! The CloudTrail record of RunInstances: *AWS API Call via CloudTrail*.
//!
//! EventBridge delivers it only where a trail logs management events (EventBridge User Guide, "AWS
//! service events delivered via AWS CloudTrail"). The record contains the call's request and
//! response (CloudTrail User Guide, "CloudTrail record contents"); an empty set is `{}`. One call
//! may launch several instances. `responseElements` is null if the call failed. If it is too large
//! (100 KB, about 20 instances), CloudTrail replaces its content by `omitted`.

use serde::Deserialize;
use serde_json::Value;

use super::envelope::truncated;
use super::launched::{LaunchDetails, LaunchEvent, LaunchedInstance, Omitted};
use crate::error::{Error, Input, Result};
use crate::ids::{InstanceId, NetworkInterfaceId};
use crate::parse::from_value;
use crate::tags::facts::NodeFacts;
use crate::tags::facts::{GROUP_TAG, ON_DEMAND};
use crate::tags::own::Tags;

pub(super) const SOURCE: &str = "aws.ec2";
pub(super) const DETAIL_TYPE: &str = "AWS API Call via CloudTrail";
const RUN_INSTANCES: &str = "RunInstances";

/// The fields of `detail` that are used.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    event_name: String,
    error_code: Option<String>,
    request_parameters: Option<Request>,
    response_elements: Option<Response>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    client_token: Option<String>,
    #[serde(default)]
    instances_set: Items<Count>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Count {
    min_count: usize,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    #[serde(default)]
    omitted: bool,
    #[serde(default)]
    instances_set: Items<Value>,
}

/// A list of the API, as CloudTrail writes it.
#[derive(Debug, Deserialize)]
struct Items<T> {
    #[serde(default = "Vec::new", alias = "item")]
    items: Vec<T>,
}

impl<T> Default for Items<T> {
    fn default() -> Self {
        Self { items: Vec::new() }
    }
}

/// An element of `instancesSet`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Instance {
    instance_id: InstanceId,
    instance_type: String,
    placement: Placement,
    private_ip_address: Option<String>,
    private_dns_name: Option<String>,
    instance_lifecycle: Option<String>,
    #[serde(default)]
    tag_set: Items<Tag>,
    #[serde(default)]
    network_interface_set: Items<Interface>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Placement {
    availability_zone: String,
}

#[derive(Debug, Deserialize)]
struct Tag {
    key: String,
    value: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Interface {
    network_interface_id: NetworkInterfaceId,
    private_ip_address: Option<String>,
    private_dns_name: Option<String>,
    attachment: Option<Attachment>,
    #[serde(default)]
    ipv6_addresses_set: Items<Ipv6Address>,
    #[serde(default)]
    tag_set: Items<Tag>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attachment {
    device_index: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ipv6Address {
    ipv6_address: String,
}

fn tags(set: Items<Tag>) -> Tags {
    set.items
        .into_iter()
        .map(|tag| (tag.key, tag.value.unwrap_or_default()))
        .collect()
}

/// EC2 writes an empty text for an absent value.
fn non_empty(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// Reads the record of a call.
pub(super) fn read(region: &str, detail: Value) -> Result<LaunchEvent> {
    let record: Record = from_value(Input::Event, "event.detail", detail)?;
    if record.event_name != RUN_INSTANCES {
        let name = truncated(&record.event_name);
        return Ok(LaunchEvent::Other(format!("a call of {name:?}")));
    }
    let Some(response) = record.response_elements else {
        let code = truncated(record.error_code.as_deref().unwrap_or("no error code"));
        return Ok(LaunchEvent::Other(format!("a launch that failed ({code})")));
    };
    if response.omitted {
        return omitted(region, record.request_parameters.unwrap_or_default())
            .map(LaunchEvent::Omitted);
    }
    let launched: Vec<_> = response
        .instances_set
        .items
        .into_iter()
        .enumerate()
        .filter_map(|(n, item)| {
            let at = format!("event.detail.responseElements.instancesSet.items[{n}]");
            from_value(Input::Event, &at, item)
                .map(|instance| launched(region, instance))
                .transpose()
        })
        .collect();
    Ok(if launched.is_empty() {
        LaunchEvent::Other("a launch for no Auto Scaling group".to_owned())
    } else {
        LaunchEvent::Launched(launched)
    })
}

/// What is needed to look the instances up.
fn omitted(region: &str, request: Request) -> Result<Omitted> {
    let client_token = non_empty(request.client_token).ok_or_else(|| {
        Error::invalid(
            Input::Event,
            "event.detail.responseElements",
            "CloudTrail left out the instances, and the request has no clientToken to look them up by",
            "Name these nodes by EC2 Instance Launch Successful (docs/naming.md)",
        )
    })?;
    let counts = request.instances_set.items.iter();
    Ok(Omitted {
        region: region.to_owned(),
        client_token,
        at_least: counts.map(|count| count.min_count).sum(),
    })
}

/// An instance, if Auto Scaling launched it. Only Auto Scaling can set its tag.
fn launched(region: &str, instance: Instance) -> Option<LaunchedInstance> {
    let tags_at_launch = tags(instance.tag_set);
    let group = tags_at_launch.get(GROUP_TAG)?.clone();
    let mut interfaces = instance.network_interface_set.items;
    interfaces.sort_by_key(|interface| {
        interface
            .attachment
            .as_ref()
            .and_then(|on| on.device_index)
            .unwrap_or(u32::MAX)
    });
    let primary = interfaces.first();
    let of_primary = |get: fn(&Interface) -> Option<String>| non_empty(primary.and_then(get));
    let facts = NodeFacts {
        instance_id: instance.instance_id.clone(),
        instance_type: instance.instance_type,
        az: instance.placement.availability_zone,
        region: region.to_owned(),
        asg: group.clone(),
        private_ip: non_empty(instance.private_ip_address)
            .or_else(|| of_primary(|interface| interface.private_ip_address.clone())),
        ipv6_address: of_primary(|interface| {
            let first = interface.ipv6_addresses_set.items.first();
            first.map(|address| address.ipv6_address.clone())
        }),
        private_dns_name: non_empty(instance.private_dns_name)
            .or_else(|| of_primary(|interface| interface.private_dns_name.clone())),
        lifecycle: non_empty(instance.instance_lifecycle).unwrap_or_else(|| ON_DEMAND.to_owned()),
        tags: tags_at_launch,
    };
    Some(LaunchedInstance {
        id: instance.instance_id,
        group,
        region: region.to_owned(),
        details: Some(LaunchDetails {
            facts,
            interfaces: interfaces
                .into_iter()
                .map(|interface| (interface.network_interface_id, tags(interface.tag_set)))
                .collect(),
        }),
    })
}

#[cfg(test)]
#[path = "cloudtrail_tests.rs"]
mod tests;
