//! CloudTrail: the *AWS API Call via CloudTrail* events of Auto Scaling's RunInstances calls.
//!
//! There is a trail if [`Settings::trail_delivers_after`](crate::Settings) is set. Instances that
//! Auto Scaling launches in one subnet at one time are one call, so an event may name several
//! instances. A record shows the state at the call, written as CloudTrail writes it (CloudTrail
//! User Guide, "CloudTrail record contents"): a set without elements is `{}`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::ec2::{Ec2, Instance, NetworkInterface, Tags};
use crate::kernel::{Kernel, TimerQueue};
use crate::settings::Settings;
use crate::wire::error::ApiError;

/// The name of the calling service in a record.
const AUTO_SCALING: &str = "autoscaling.amazonaws.com";
/// The maximum size in bytes of a field. CloudTrail omits a larger one (CloudTrail User Guide,
/// "CloudTrail record contents").
const MAX_FIELD: usize = 100 * 1024;

/// The trail: events that are on their way to EventBridge.
#[derive(Debug, Default)]
pub(crate) struct CloudTrail {
    /// The details of the events.
    timers: TimerQueue<Value>,
}

impl CloudTrail {
    pub(crate) fn timers(&self) -> &TimerQueue<Value> {
        &self.timers
    }

    /// Records the launch of instances by Auto Scaling. The instances launched in one subnet are
    /// one call of RunInstances.
    pub(crate) fn record_launch(
        &mut self,
        kernel: &mut Kernel,
        ec2: &mut Ec2,
        instances: &[String],
    ) {
        if kernel.settings.trail_delivers_after.is_none() {
            return;
        }
        let mut by_subnet: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for id in instances {
            if let Some(instance) = ec2.instance(id) {
                let together = by_subnet.entry(instance.subnet_id.clone()).or_default();
                together.push(id.clone());
            }
        }
        for (subnet, ids) in by_subnet {
            let token = kernel.new_uuid();
            for id in &ids {
                ec2.edit_instance(kernel, id, |instance| {
                    instance.client_token = Some(token.clone());
                });
            }
            let mut response = response(ec2, &kernel.settings, &ids);
            let size = response.to_string().len();
            if size > MAX_FIELD {
                response = json!({"omitted": true, "originalSize": size, "reason": "responseElements too large"});
            }
            let call = Call {
                subnet: &subnet,
                count: ids.len(),
                token,
            };
            self.record(kernel, &call, response, None);
        }
    }

    /// Records a launch that EC2 refused.
    pub(crate) fn record_failure(&mut self, kernel: &mut Kernel, subnet: &str, error: &ApiError) {
        if kernel.settings.trail_delivers_after.is_some() {
            let error = (format!("Client.{}", error.code), error.message.clone());
            let token = kernel.new_uuid();
            let call = Call {
                subnet,
                count: 1,
                token,
            };
            self.record(kernel, &call, Value::Null, Some(error));
        }
    }

    /// Delivers the next event to EventBridge.
    pub(crate) fn run_next_timer(&mut self, kernel: &mut Kernel) {
        if let Some(detail) = self.timers.pop() {
            kernel.emit("aws.ec2", "AWS API Call via CloudTrail", Vec::new(), detail);
        }
    }

    fn record(
        &mut self,
        kernel: &mut Kernel,
        call: &Call<'_>,
        response: Value,
        error: Option<(String, String)>,
    ) {
        let Some(after) = kernel.settings.trail_delivers_after else {
            return;
        };
        let (request, event) = (kernel.new_uuid(), kernel.new_uuid());
        let settings = &kernel.settings;
        let account = &settings.account;
        let role = "AWSServiceRoleForAutoScaling";
        let mut detail = json!({
            "eventVersion": "1.08",
            "userIdentity": {
                "type": "AssumedRole",
                "arn": format!("arn:aws:sts::{account}:assumed-role/{role}/AutoScaling"),
                "accountId": account,
                "invokedBy": AUTO_SCALING,
            },
            "eventTime": crate::wire::iso8601(kernel.timestamp()),
            "eventSource": "ec2.amazonaws.com",
            "eventName": "RunInstances",
            "awsRegion": settings.region,
            "sourceIPAddress": AUTO_SCALING,
            "userAgent": AUTO_SCALING,
            "requestParameters": {
                "instancesSet": {"items": [{"minCount": call.count, "maxCount": call.count}]},
                "subnetId": call.subnet,
                "clientToken": call.token,
            },
            "responseElements": response,
            "requestID": request,
            "eventID": event,
            "readOnly": false,
            "eventType": "AwsApiCall",
            "managementEvent": true,
            "recipientAccountId": account,
            "eventCategory": "Management",
        });
        if let (Some((code, message)), Some(fields)) = (error, detail.as_object_mut()) {
            fields.insert("errorCode".to_owned(), json!(code));
            fields.insert("errorMessage".to_owned(), json!(message));
        }
        kernel.schedule(&mut self.timers, after, detail);
    }
}

/// The request of a RunInstances call.
struct Call<'a> {
    subnet: &'a str,
    count: usize,
    token: String,
}

fn response(ec2: &Ec2, settings: &Settings, ids: &[String]) -> Value {
    let instances: Vec<&Instance> = ids.iter().filter_map(|id| ec2.instance(id)).collect();
    let items: Vec<Value> = instances
        .iter()
        .enumerate()
        .map(|(n, instance)| self::instance(ec2, settings, n, instance))
        .collect();
    json!({
        "reservationId": instances.first().map(|instance| &instance.reservation_id),
        "ownerId": settings.account,
        "groupSet": {},
        "instancesSet": {"items": items},
    })
}

fn instance(ec2: &Ec2, settings: &Settings, launch_index: usize, instance: &Instance) -> Value {
    let mut interfaces: Vec<_> = ec2.interfaces_of(&instance.instance_id).collect();
    interfaces.sort_by_key(|interface| {
        let on = interface.attachment.as_ref();
        on.map(|on| (on.network_card_index, on.device_index))
    });
    let name = crate::ec2::dns_name(settings, instance.private_ip_address);
    let mut item = json!({
        "instanceId": instance.instance_id,
        "imageId": instance.image_id,
        "instanceState": {"code": 0, "name": "pending"},
        "privateDnsName": name,
        "amiLaunchIndex": launch_index,
        "instanceType": instance.instance_type,
        "placement": {"availabilityZone": instance.availability_zone, "tenancy": "default"},
        "subnetId": instance.subnet_id,
        "vpcId": instance.vpc_id,
        "privateIpAddress": instance.private_ip_address.to_string(),
        "rootDeviceType": "ebs",
        "rootDeviceName": "/dev/xvda",
        "blockDeviceMapping": {},
        "tagSet": tags(&instance.tags),
        "networkInterfaceSet": items(interfaces.iter().map(|one| interface(settings, one))),
    });
    if let (true, Some(fields)) = (instance.spot, item.as_object_mut()) {
        fields.insert("instanceLifecycle".to_owned(), json!("spot"));
    }
    item
}

fn interface(settings: &Settings, interface: &NetworkInterface) -> Value {
    let on = interface.attachment.as_ref();
    let v6 = interface
        .ipv6_addresses
        .iter()
        .map(|address| json!({"ipv6Address": address.to_string()}));
    json!({
        "networkInterfaceId": interface.network_interface_id,
        "subnetId": interface.subnet_id,
        "status": "in-use",
        "privateIpAddress": interface.private_ip_address.to_string(),
        "privateDnsName": crate::ec2::dns_name(settings, interface.private_ip_address),
        "attachment": {
            "attachmentId": on.map(|on| &on.attachment_id),
            "deviceIndex": on.map(|on| on.device_index),
            "networkCardIndex": on.map(|on| on.network_card_index),
            "status": "attaching",
            "deleteOnTermination": on.map(|on| on.delete_on_termination),
        },
        "ipv6AddressesSet": items(v6),
        "tagSet": tags(&interface.tags),
    })
}

fn tags(tags: &Tags) -> Value {
    items(
        tags.iter()
            .map(|(key, value)| json!({"key": key, "value": value})),
    )
}

/// A list as CloudTrail writes it.
fn items(all: impl Iterator<Item = Value>) -> Value {
    let all: Vec<Value> = all.collect();
    if all.is_empty() {
        json!({})
    } else {
        json!({"items": all})
    }
}
