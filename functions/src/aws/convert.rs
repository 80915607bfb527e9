//! SDK types to domain types. If EC2 omits a field that it always sends, the item is `None`, and so
//! skipped. The `hookline` command uses these too.

use std::collections::BTreeMap;
use std::net::IpAddr;

use aws_sdk_autoscaling::types::{self as autoscaling, AutoScalingGroup};
use aws_sdk_ec2::types;

use hookline_domain::addresses::Subnet;
use hookline_domain::ids::{InstanceId, VolumeId};
use hookline_domain::instance::{AttachedInterface, AttachmentPoint, Instance};
use hookline_domain::instance_type::{InstanceTypeLimits, NetworkCard};
use hookline_domain::interface::{Attachment, Interface};
use hookline_domain::reconcile::brake::{GroupState, Marks};
use hookline_domain::reconcile::hooks::LaunchHook;
use hookline_domain::reconcile::nodes::ProfiledGroup;
use hookline_domain::reconcile::{LaunchActivity, Member};
use hookline_domain::tags::facts::ON_DEMAND;
use hookline_domain::tags::own;

use super::groups::LAUNCH;

/// The lifecycle state of a node in service.
pub(crate) const IN_SERVICE: &str = "InService";

pub(super) fn tags(tags: &BTreeMap<String, String>) -> Vec<types::Tag> {
    tags.iter()
        .map(|(key, value)| types::Tag::builder().key(key).value(value).build())
        .collect()
}

fn tag_map(tags: &[types::Tag]) -> BTreeMap<String, String> {
    tags.iter()
        .filter_map(|tag| {
            Some((
                tag.key()?.to_owned(),
                tag.value().unwrap_or_default().to_owned(),
            ))
        })
        .collect()
}

/// The value of a tag that is a time, in seconds since the epoch.
fn time_tag(tags: &[types::Tag], key: &str) -> Option<i64> {
    let tag = tags.iter().find(|tag| tag.key() == Some(key))?;
    tag.value()?.parse().ok()
}

fn non_empty(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(str::to_owned)
}

/// EC2's counts are signed but never negative.
fn unsigned(number: Option<i32>) -> u32 {
    number
        .and_then(|number| u32::try_from(number).ok())
        .unwrap_or(0)
}

/// The volumes that EC2 deletes with an instance, and whether EC2 does not show its root volume
/// yet.
fn volumes(instance: &types::Instance) -> (Vec<VolumeId>, bool) {
    let root = instance.root_device_name();
    let on_ebs = instance
        .root_device_type()
        .is_some_and(|kind| kind.as_str() == "ebs");
    let devices = instance.block_device_mappings();
    let root_shown = devices.iter().any(|device| device.device_name() == root);
    let volumes = devices
        .iter()
        .filter_map(|device| device.ebs())
        .filter(|ebs| ebs.delete_on_termination() == Some(true))
        .filter_map(|ebs| ebs.volume_id()?.parse().ok())
        .collect();
    (volumes, on_ebs && root.is_some() && !root_shown)
}

/// An instance (EC2 API Reference, *Instance*).
#[must_use]
pub fn instance(instance: &types::Instance) -> Option<Instance> {
    let (volumes, root_volume_missing) = volumes(instance);
    let is_attached = |on: &types::InstanceNetworkInterfaceAttachment| {
        on.status()
            .is_some_and(|status| matches!(status.as_str(), "attaching" | "attached"))
    };
    let mut interfaces: Vec<_> = instance
        .network_interfaces()
        .iter()
        .filter_map(|interface| Some((interface.attachment()?, interface)))
        .filter(|(on, _)| is_attached(on))
        .collect();
    interfaces.sort_by_key(|(on, _)| {
        (
            unsigned(on.network_card_index()),
            unsigned(on.device_index()),
        )
    });
    Some(Instance {
        id: instance.instance_id()?.parse().ok()?,
        instance_type: instance.instance_type()?.as_str().to_owned(),
        availability_zone: instance.placement()?.availability_zone()?.to_owned(),
        state: instance.state()?.name()?.as_str().to_owned(),
        launched_at: instance.launch_time()?.secs(),
        private_ip: non_empty(instance.private_ip_address()),
        ipv6_address: non_empty(instance.ipv6_address()).or_else(|| {
            let (_, primary) = interfaces.first()?;
            non_empty(primary.ipv6_addresses().first()?.ipv6_address())
        }),
        private_dns_name: non_empty(instance.private_dns_name()),
        lifecycle: instance
            .instance_lifecycle()
            .map_or(ON_DEMAND, |lifecycle| lifecycle.as_str())
            .to_owned(),
        volumes,
        root_volume_missing,
        adopted_at: time_tag(instance.tags(), own::ADOPTED_AT),
        marked_at: time_tag(instance.tags(), own::LAUNCHED_AT),
        tags: tag_map(instance.tags()),
        attached: interfaces
            .iter()
            .map(|(on, interface)| {
                let point = AttachmentPoint {
                    network_card: unsigned(on.network_card_index()),
                    device_index: unsigned(on.device_index()),
                };
                let attached = AttachedInterface {
                    subnet_id: interface.subnet_id().and_then(|id| id.parse().ok()),
                    delete_on_termination: on.delete_on_termination() == Some(true),
                    source_dest_check: interface.source_dest_check() == Some(true),
                };
                (point, attached)
            })
            .collect(),
        interfaces: interfaces
            .iter()
            .filter_map(|(_, interface)| interface.network_interface_id()?.parse().ok())
            .collect(),
    })
}

/// Those of a group's instances, or of its warm pool's, that are in a lifecycle state.
pub(super) fn members(
    group: &AutoScalingGroup,
    instances: &[autoscaling::Instance],
    lifecycle_state: &str,
) -> Vec<Member> {
    instances
        .iter()
        .filter(|instance| {
            instance
                .lifecycle_state()
                .is_some_and(|state| state.as_str() == lifecycle_state)
        })
        .filter_map(|instance| {
            Some(Member {
                instance: instance.instance_id()?.parse().ok()?,
                group: group.auto_scaling_group_name()?.to_owned(),
                group_arn: group
                    .auto_scaling_group_arn()
                    .unwrap_or_default()
                    .to_owned(),
            })
        })
        .collect()
}

/// A group, as far as the brake looks at it.
pub(super) fn group_state(group: &AutoScalingGroup) -> Option<GroupState> {
    let in_service = group
        .instances()
        .iter()
        .filter_map(|instance| instance.lifecycle_state())
        .filter(|state| **state == autoscaling::LifecycleState::InService)
        .count();
    let desired = usize::try_from(group.desired_capacity().unwrap_or_default()).unwrap_or_default();
    let mut suspended = group.suspended_processes().iter();
    Some(GroupState {
        name: group.auto_scaling_group_name()?.to_owned(),
        may_lack_instances: in_service < desired || group.warm_pool_configuration().is_some(),
        launch_is_suspended: suspended.any(|it| it.process_name() == Some(LAUNCH)),
        marks: Marks::read(&group_tags(group)),
    })
}

/// A group, as far as it is held against its profiles.
#[must_use]
pub fn profiled_group(group: &AutoScalingGroup) -> Option<ProfiledGroup> {
    let tags = group.tags().iter();
    Some(ProfiledGroup {
        name: group.auto_scaling_group_name()?.to_owned(),
        tags: by_key(tags.filter(|tag| tag.propagate_at_launch() == Some(true))),
        in_service: members(group, group.instances(), IN_SERVICE),
        is_being_deleted: group.status().is_some(),
    })
}

/// A lifecycle hook that launches wait at; `None` for one of another transition.
#[must_use]
pub fn launch_hook(hook: &autoscaling::LifecycleHook) -> Option<LaunchHook> {
    if hook.lifecycle_transition() != Some("autoscaling:EC2_INSTANCE_LAUNCHING") {
        return None;
    }
    Some(LaunchHook {
        name: hook.lifecycle_hook_name()?.to_owned(),
        default_result: hook.default_result().unwrap_or_default().to_owned(),
        heartbeat_seconds: hook.heartbeat_timeout().unwrap_or_default().into(),
    })
}

/// Tags of a group that its instances do not get, as CreateOrUpdateTags takes them.
#[must_use]
pub fn tags_of_group(group: &str, tags: &BTreeMap<String, String>) -> Vec<autoscaling::Tag> {
    let tag = |(key, value): (&String, &String)| {
        autoscaling::Tag::builder()
            .resource_id(group)
            .resource_type("auto-scaling-group")
            .key(key)
            .value(value)
            .propagate_at_launch(false)
            .build()
    };
    tags.iter().map(tag).collect()
}

/// The tags of a group, those that its instances do not get included.
#[must_use]
pub fn group_tags(group: &AutoScalingGroup) -> BTreeMap<String, String> {
    by_key(group.tags().iter())
}

fn by_key<'a>(
    tags: impl Iterator<Item = &'a autoscaling::TagDescription>,
) -> BTreeMap<String, String> {
    tags.filter_map(|tag| {
        let value = tag.value().unwrap_or_default();
        Some((tag.key()?.to_owned(), value.to_owned()))
    })
    .collect()
}

/// The launch of a scaling activity that has not ended, and its instance.
pub(super) fn launch_activity(
    activity: &autoscaling::Activity,
) -> Option<(InstanceId, LaunchActivity)> {
    if activity.end_time().is_some() {
        return None;
    }
    let (instance, from_warm_pool) = LaunchActivity::read(activity.description()?)?;
    let launch = LaunchActivity {
        id: activity.activity_id()?.to_owned(),
        started_at: activity.start_time()?.secs(),
        from_warm_pool,
    };
    Some((instance, launch))
}

/// A subnet, without its CIDR reservations (EC2 API Reference, *Subnet*).
#[must_use]
pub fn subnet(subnet: &types::Subnet) -> Option<Subnet> {
    Some(Subnet {
        id: subnet.subnet_id()?.parse().ok()?,
        availability_zone: subnet.availability_zone()?.to_owned(),
        ipv4: subnet.cidr_block().and_then(|block| block.parse().ok()),
        ipv6: subnet
            .ipv6_cidr_block_association_set()
            .iter()
            .find_map(|association| association.ipv6_cidr_block()?.parse().ok()),
        reservations: Vec::new(),
    })
}

/// The limits of an instance type (EC2 API Reference, *NetworkInfo*).
#[must_use]
pub fn limits(instance_type: &str, info: &types::InstanceTypeInfo) -> Option<InstanceTypeLimits> {
    let network = info.network_info()?;
    Some(InstanceTypeLimits {
        instance_type: instance_type.to_owned(),
        maximum_network_interfaces: unsigned(network.maximum_network_interfaces()),
        ipv4_addresses_per_interface: unsigned(network.ipv4_addresses_per_interface()),
        ipv6_addresses_per_interface: unsigned(network.ipv6_addresses_per_interface()),
        default_network_card: unsigned(network.default_network_card_index()),
        network_cards: network
            .network_cards()
            .iter()
            .map(|card| NetworkCard {
                index: unsigned(card.network_card_index()),
                maximum_network_interfaces: unsigned(card.maximum_network_interfaces()),
            })
            .collect(),
    })
}

fn addresses(interface: &types::NetworkInterface) -> Vec<IpAddr> {
    let mut addresses: Vec<_> = interface.private_ip_addresses().iter().collect();
    // The primary one first; the order of the rest is EC2's.
    addresses.sort_by_key(|address| address.primary() != Some(true));
    addresses
        .into_iter()
        .filter_map(|address| address.private_ip_address()?.parse().ok())
        .collect()
}

/// A network interface (EC2 API Reference, *NetworkInterface*).
#[must_use]
pub fn interface(interface: &types::NetworkInterface) -> Option<Interface> {
    Some(Interface {
        id: interface.network_interface_id()?.parse().ok()?,
        subnet_id: interface.subnet_id()?.parse().ok()?,
        availability_zone: interface.availability_zone()?.to_owned(),
        status: interface.status()?.as_str().to_owned(),
        attachment: interface.attachment().and_then(|on| {
            Some(Attachment {
                id: on.attachment_id()?.to_owned(),
                instance_id: on.instance_id().and_then(|id| id.parse().ok()),
                device_index: unsigned(on.device_index()),
                network_card: unsigned(on.network_card_index()),
                status: on.status()?.as_str().to_owned(),
                delete_on_termination: on.delete_on_termination() == Some(true),
                since: on.attach_time().map(|time| time.secs()),
            })
        }),
        security_group_ids: interface
            .groups()
            .iter()
            .filter_map(|group| group.group_id()?.parse().ok())
            .collect(),
        private_ip_addresses: addresses(interface),
        prefixes: interface
            .ipv4_prefixes()
            .iter()
            .filter_map(|prefix| prefix.ipv4_prefix()?.parse().ok())
            .collect(),
        ipv6_addresses: interface
            .ipv6_addresses()
            .iter()
            .filter_map(|address| address.ipv6_address()?.parse().ok())
            .collect(),
        ipv6_prefixes: interface
            .ipv6_prefixes()
            .iter()
            .filter_map(|prefix| prefix.ipv6_prefix()?.parse().ok())
            .collect(),
        source_dest_check: interface.source_dest_check() == Some(true),
        description: interface.description().unwrap_or_default().to_owned(),
        tags: tag_map(interface.tag_set()),
    })
}
