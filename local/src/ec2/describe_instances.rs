//! DescribeInstances.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;

use super::errors::Kind;
use super::filter::Filters;
use super::instance::{EndReason, Instance, InstanceState, write_state};
use super::interface::{NetworkInterface, dns_name};
use super::interface_xml::write_in_instance;
use super::lagged::{Lagged, describe_time};
use super::page::{Page, next_token};
use super::{Ec2, security_group, tags, volume, zones};
use crate::kernel::Kernel;
use crate::settings::Settings;
use crate::wire::error::ApiError;
use crate::wire::iso8601;
use crate::wire::query::Params;
use crate::wire::xml::Xml;

const FILTERS: [&str; 23] = [
    "availability-zone",
    "availability-zone-id",
    "client-token",
    "image-id",
    "instance-id",
    "instance-state-code",
    "instance-state-name",
    "instance-type",
    "instance.group-id",
    "network-interface.addresses.private-ip-address",
    "network-interface.attachment.attachment-id",
    "network-interface.attachment.device-index",
    "network-interface.attachment.status",
    "network-interface.description",
    "network-interface.network-interface-id",
    "network-interface.private-ip-address",
    "network-interface.subnet-id",
    "owner-id",
    "private-dns-name",
    "private-ip-address",
    "reservation-id",
    "subnet-id",
    "vpc-id",
];

pub(crate) fn describe(
    ec2: &mut Ec2,
    kernel: &mut Kernel,
    params: &mut Params,
) -> Result<String, ApiError> {
    let ids = params.list("InstanceId");
    let filters = Filters::parse(params, &FILTERS)?;
    params.bool("IncludeManagedResources")?;
    let page = Page::parse(params, 5..=1000, &ids)?;
    params.finish()?;
    let horizon = describe_time(kernel);
    let (ec2, kernel) = (&*ec2, &*kernel);
    let known_after = kernel.settings.instance_not_found_for;
    let known = |instance: &&Instance| {
        kernel.now().saturating_duration_since(instance.created_at) >= known_after
    };
    let seen = |versions| Lagged::as_of(versions, horizon?).filter(known);
    let candidates: Vec<&Instance> = if ids.is_empty() {
        ec2.instances.values().filter_map(seen).collect()
    } else {
        let mut named = Vec::new();
        let mut unknown = Vec::new();
        for id in ids.iter().collect::<BTreeSet<_>>() {
            Kind::Instance.check(id)?;
            match ec2.instances.get(id).and_then(seen) {
                Some(instance) => named.push(instance),
                None => unknown.push(id.as_str()),
            }
        }
        match unknown.as_slice() {
            [] => named,
            [id] => return Err(Kind::Instance.not_found(id)),
            ids => {
                return Err(ApiError::new(
                    "InvalidInstanceID.NotFound",
                    format!("The instance IDs '{}' do not exist", ids.join(", ")),
                ));
            }
        }
    };
    let passing = candidates.into_iter().filter(|instance| {
        filters.pass(&instance.tags, |name| {
            let interfaces = match name.starts_with("network-interface.") {
                true => interfaces_of(ec2, &instance.instance_id, horizon),
                false => Vec::new(),
            };
            values(&kernel.settings, instance, &interfaces, name)
        })
    });
    let (instances, token) = page.cut(passing.map(|instance| (&instance.instance_id, instance)));
    let mut reservations: BTreeMap<&str, Vec<&Instance>> = BTreeMap::new();
    for instance in instances {
        let together = reservations.entry(&instance.reservation_id).or_default();
        together.push(instance);
    }
    let mut xml = Xml::new();
    xml.items("reservationSet", reservations, |xml, (id, instances)| {
        xml.text("reservationId", id);
        xml.text("ownerId", &kernel.settings.account);
        xml.element("groupSet", |_| ());
        write_instances(xml, ec2, kernel, instances, horizon);
    });
    next_token(&mut xml, token);
    Ok(xml.into_string())
}

/// The interfaces of an instance as of an instant, by network card and device index. `None`: the
/// current state.
fn interfaces_of<'a>(
    ec2: &'a Ec2,
    instance_id: &'a str,
    horizon: Option<Instant>,
) -> Vec<&'a NetworkInterface> {
    let mut interfaces: Vec<_> = ec2.interfaces_of_at(instance_id, horizon).collect();
    interfaces.sort_by_key(|interface| {
        let attachment = interface.attachment.as_ref();
        attachment.map(|a| (a.network_card_index, a.device_index))
    });
    interfaces
}

/// `<instancesSet>` as of an instant. `None`: the current state.
pub(crate) fn write_instances<'a>(
    xml: &mut Xml,
    ec2: &Ec2,
    kernel: &Kernel,
    instances: impl IntoIterator<Item = &'a Instance>,
    horizon: Option<Instant>,
) {
    xml.items("instancesSet", instances, |xml, instance| {
        let interfaces = interfaces_of(ec2, &instance.instance_id, horizon);
        write(xml, ec2, kernel, instance, &interfaces);
    });
}

fn write(
    xml: &mut Xml,
    ec2: &Ec2,
    kernel: &Kernel,
    instance: &Instance,
    interfaces: &[&NetworkInterface],
) {
    xml.once(&instance.xml, |xml| {
        write_alone(xml, kernel, instance);
    });
    volume::write(xml, ec2, kernel, instance);
    let is_gone = is_gone(instance);
    let groups: &[String] = match is_gone {
        true => &[],
        false => &instance.security_groups,
    };
    security_group::write_set(xml, ec2, groups);
    if !is_gone {
        xml.text(
            "sourceDestCheck",
            primary(interfaces).is_none_or(|i| i.source_dest_check),
        );
    }
    tags::write(xml, shown_tags(kernel, instance));
    xml.items("networkInterfaceSet", interfaces, |xml, interface| {
        write_in_instance(xml, ec2, kernel, interface);
    });
}

/// EC2 no longer describes the network of a terminated instance.
fn is_gone(instance: &Instance) -> bool {
    instance.state == InstanceState::Terminated
}

/// What rests on the instance alone.
fn write_alone(xml: &mut Xml, kernel: &Kernel, instance: &Instance) {
    let is_gone = is_gone(instance);
    xml.text("instanceId", &instance.instance_id);
    xml.text("imageId", &instance.image_id);
    xml.element("instanceState", |xml| write_state(xml, instance.state));
    xml.text("instanceType", &instance.instance_type);
    xml.text(
        "launchTime",
        iso8601(kernel.timestamp_at(instance.launch_time)),
    );
    xml.text("amiLaunchIndex", 0);
    xml.element("placement", |xml| {
        xml.text("availabilityZone", &instance.availability_zone);
        xml.text(
            "availabilityZoneId",
            zones::zone_id(&kernel.settings, &instance.availability_zone),
        );
        xml.text("tenancy", "default");
    });
    xml.element("monitoring", |xml| xml.text("state", "disabled"));
    xml.text("architecture", "x86_64");
    xml.text("hypervisor", "xen");
    xml.text("virtualizationType", "hvm");
    xml.text("enaSupport", true);
    if instance.spot {
        xml.text("instanceLifecycle", "spot");
    }
    if let Some(token) = &instance.client_token {
        xml.text("clientToken", token);
    }
    if !is_gone {
        xml.text("subnetId", &instance.subnet_id);
        xml.text("vpcId", &instance.vpc_id);
        xml.text("privateIpAddress", instance.private_ip_address);
    }
    let name = (!is_gone).then(|| dns_name(&kernel.settings, instance.private_ip_address));
    xml.text("privateDnsName", name.unwrap_or_default());
    xml.text("dnsName", "");
    if let Some((at, why)) = instance.ended {
        xml.text("reason", transition_reason(kernel, at, why));
        xml.element("stateReason", |xml| {
            xml.text("code", why.code());
            xml.text("message", format!("{}: {}", why.code(), why.text()));
        });
    }
}

/// The reason of the last change of state. A call has its time, in EC2's own form, as in `User initiated
/// (2026-01-02 03:04:05 GMT)` (AWS CLI Command Reference, `terminate-instances` and
/// `describe-instances`). EC2's own reasons have none: `Server.InternalError` is all that Cloud
/// Custodian's tests of such instances have (`tests/test_ec2.py`).
fn transition_reason(kernel: &Kernel, at: Instant, why: EndReason) -> String {
    match why {
        EndReason::Call => {
            let at = kernel.timestamp_at(at).strftime("%Y-%m-%d %H:%M:%S GMT");
            format!("User initiated ({at})")
        }
        EndReason::SpotTermination | EndReason::ClientError => why.code().to_owned(),
    }
}

fn primary<'a>(interfaces: &[&'a NetworkInterface]) -> Option<&'a NetworkInterface> {
    interfaces.first().copied()
}

fn values<'a>(
    settings: &'a Settings,
    instance: &'a Instance,
    interfaces: &[&'a NetworkInterface],
    name: &str,
) -> Vec<Cow<'a, str>> {
    let attachments = || interfaces.iter().filter_map(|i| i.attachment.as_ref());
    let one: &'a str = match name {
        "network-interface.addresses.private-ip-address" => {
            let all = interfaces.iter().flat_map(|i| i.private_ip_addresses());
            return all.map(|address| Cow::Owned(address.to_string())).collect();
        }
        "network-interface.attachment.attachment-id" => {
            return attachments()
                .map(|a| Cow::Borrowed(a.attachment_id.as_str()))
                .collect();
        }
        "network-interface.attachment.device-index" => {
            return attachments()
                .map(|a| Cow::Owned(a.device_index.to_string()))
                .collect();
        }
        "network-interface.attachment.status" => {
            return attachments()
                .map(|a| Cow::Borrowed(a.status.as_str()))
                .collect();
        }
        "network-interface.description" => {
            return interfaces
                .iter()
                .map(|i| Cow::Borrowed(i.description.as_str()))
                .collect();
        }
        "network-interface.network-interface-id" => {
            let ids = interfaces.iter().map(|i| i.network_interface_id.as_str());
            return ids.map(Cow::Borrowed).collect();
        }
        "network-interface.private-ip-address" => {
            let all = interfaces.iter().map(|i| i.private_ip_address.to_string());
            return all.map(Cow::Owned).collect();
        }
        "network-interface.subnet-id" => {
            return interfaces
                .iter()
                .map(|i| Cow::Borrowed(i.subnet_id.as_str()))
                .collect();
        }
        "availability-zone-id" => {
            return vec![Cow::Owned(zones::zone_id(
                settings,
                &instance.availability_zone,
            ))];
        }
        "instance-state-code" => return vec![Cow::Owned(instance.state.code().to_string())],
        "instance.group-id" => {
            return instance
                .security_groups
                .iter()
                .map(|g| Cow::Borrowed(g.as_str()))
                .collect();
        }
        "private-dns-name" => {
            return vec![Cow::Owned(dns_name(settings, instance.private_ip_address))];
        }
        "private-ip-address" => return vec![Cow::Owned(instance.private_ip_address.to_string())],
        "availability-zone" => &instance.availability_zone,
        "client-token" => instance.client_token.as_deref().unwrap_or_default(),
        "image-id" => &instance.image_id,
        "instance-id" => &instance.instance_id,
        "instance-state-name" => instance.state.as_str(),
        "instance-type" => &instance.instance_type,
        "owner-id" => &settings.account,
        "reservation-id" => &instance.reservation_id,
        "subnet-id" => &instance.subnet_id,
        "vpc-id" => &instance.vpc_id,
        _ => return Vec::new(),
    };
    vec![Cow::Borrowed(one)]
}

/// The tags that DescribeInstances shows of an instance: none for some time after its launch.
fn shown_tags<'a>(kernel: &Kernel, instance: &'a Instance) -> &'a tags::Tags {
    static NONE: tags::Tags = tags::Tags::new();
    let shown_from = instance.created_at + kernel.settings.instance_tags_not_shown_for;
    match kernel.now() < shown_from {
        true => &NONE,
        false => &instance.tags,
    }
}
