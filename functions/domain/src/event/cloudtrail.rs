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

/// Who Auto Scaling is in a record: `sourceIPAddress` and `userIdentity.invokedBy` of a call that it
/// makes (CloudTrail User Guide, "CloudTrail record contents").
const AUTO_SCALING: &str = "autoscaling.amazonaws.com";

/// The field of `detail` that says what the record is. The others are read only where they are
/// needed: a form that nobody expects in one that is not needed refuses nothing.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    event_name: String,
}

/// A list of the API, as CloudTrail writes it.
#[derive(Debug, Deserialize)]
struct Items<T> {
    #[serde(default = "Vec::new", alias = "item")]
    items: Vec<T>,
}

/// The entries of a list of the API, in whatever form it is: `{"items": […]}`, one entry without
/// its list, `null`, or absent.
fn entries(list: &Value) -> &[Value] {
    let items = list.get("items").or_else(|| list.get("item"));
    match items {
        None | Some(Value::Null) => &[],
        Some(Value::Array(entries)) => entries,
        Some(entry) => std::slice::from_ref(entry),
    }
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
pub(super) fn read(region: &str, detail: &Value) -> Result<LaunchEvent> {
    let record: Record = from_value(Input::Event, "event.detail", detail.clone())?;
    if record.event_name != RUN_INSTANCES {
        let name = truncated(&record.event_name);
        return Ok(LaunchEvent::Other(format!("a call of {name:?}")));
    }
    let response = &detail["responseElements"];
    if response.is_null() {
        let code = truncated(detail["errorCode"].as_str().unwrap_or("no error code"));
        return Ok(LaunchEvent::Other(format!("a launch that failed ({code})")));
    }
    if response["omitted"] == Value::Bool(true) {
        let request = &detail["requestParameters"];
        let minimum = |entry: &Value| entry["minCount"].as_u64().unwrap_or(0);
        let at_least = entries(&request["instancesSet"]).iter().map(minimum).sum();
        return omitted(region, detail, at_least).map(LaunchEvent::Omitted);
    }
    let by_auto_scaling = is_by_auto_scaling(detail);
    let launched: Vec<_> = entries(&response["instancesSet"])
        .iter()
        .enumerate()
        .filter_map(|(n, entry)| {
            let at = format!("event.detail.responseElements.instancesSet.items[{n}]");
            launched(region, &at, entry, by_auto_scaling).transpose()
        })
        .collect();
    Ok(if launched.is_empty() {
        LaunchEvent::Other("a launch for no Auto Scaling group".to_owned())
    } else {
        LaunchEvent::Launched(launched)
    })
}

/// Whether Auto Scaling made the call. Only it can, with these names.
fn is_by_auto_scaling(detail: &Value) -> bool {
    ["/sourceIPAddress", "/userIdentity/invokedBy"]
        .iter()
        .filter_map(|pointer| detail.pointer(pointer))
        .any(|caller| caller == AUTO_SCALING)
}

/// What is needed to look the instances up.
fn omitted(region: &str, detail: &Value, at_least: u64) -> Result<Omitted> {
    let client_token = detail.pointer("/requestParameters/clientToken");
    let client_token = client_token.and_then(Value::as_str);
    let client_token = non_empty(client_token.map(str::to_owned)).ok_or_else(|| {
        Error::invalid(
            Input::Event,
            "event.detail.responseElements",
            "CloudTrail left out the instances, and the request has no clientToken to look them up by",
            "Name these nodes by EC2 Instance Launch Successful (docs/naming.md)",
        )
    })?;
    Ok(Omitted {
        region: region.to_owned(),
        client_token,
        at_least: usize::try_from(at_least).unwrap_or(usize::MAX),
        by_auto_scaling: is_by_auto_scaling(detail),
    })
}

/// What is needed of an element of `instancesSet`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NeededOfInstance {
    instance_id: InstanceId,
}

/// An instance, if Auto Scaling launched it. Only Auto Scaling can set its tag, and it may set it by a
/// later CreateTags: then the record of its call has no group. If the rest cannot be read, the
/// instance has no details, and so is looked up.
fn launched(
    region: &str,
    at: &str,
    entry: &Value,
    by_auto_scaling: bool,
) -> Result<Option<LaunchedInstance>> {
    let needed: NeededOfInstance = from_value(Input::Event, at, entry.clone())?;
    let is_group = |tag: &&Value| tag["key"] == GROUP_TAG;
    let group = entries(&entry["tagSet"]).iter().find(is_group);
    let Some(group) = group.and_then(|tag| tag["value"].as_str()) else {
        return Ok(by_auto_scaling.then(|| LaunchedInstance {
            id: needed.instance_id,
            group: None,
            region: region.to_owned(),
            details: None,
        }));
    };
    let details: Result<Instance> = from_value(Input::Event, at, entry.clone());
    Ok(Some(LaunchedInstance {
        id: needed.instance_id,
        group: Some(group.to_owned()),
        region: region.to_owned(),
        details: details.ok().map(|instance| facts(region, group, instance)),
    }))
}

fn facts(region: &str, group: &str, instance: Instance) -> LaunchDetails {
    let tags_at_launch = tags(instance.tag_set);
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
        instance_id: instance.instance_id,
        instance_type: instance.instance_type,
        az: instance.placement.availability_zone,
        region: region.to_owned(),
        asg: group.to_owned(),
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
    LaunchDetails {
        facts,
        interfaces: interfaces
            .into_iter()
            .map(|interface| (interface.network_interface_id, tags(interface.tag_set)))
            .collect(),
    }
}

#[cfg(test)]
#[path = "cloudtrail_tests.rs"]
mod tests;
