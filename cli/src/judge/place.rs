//! Whether the instance has room for a profile, and its places free.

use hookline_domain::ids::InstanceId;
use hookline_domain::instance::AttachmentPoint;
use hookline_domain::instance_type::InstanceTypeLimits;
use hookline_domain::profile::{Profile, Slot};
use hookline_domain::tags::own;

use super::replay::Replay;
use super::words::duration;
use super::{Finding, Kind};
use crate::observed::case::Case;
use crate::observed::network::SeenInterface;

/// Within so many seconds after an instance's launch, its interfaces of the launch template are
/// attached (EC2 API Reference, RunInstances: the example's `attachTime` is its `launchTime`).
const WITH_LAUNCH: i64 = 1;

/// Whether the instance type has room for the profile, beside what is attached already.
pub(super) fn room(case: &Case, profile: &Profile) -> Option<Finding> {
    let limits = case.limits.as_ref()?;
    if let Err(error) = limits.check(profile) {
        let problem = error.to_string();
        let least =
            limits.interfaces_beside(profile, &[], profile.request_rates.vpc_cni_interfaces);
        return Some(with_types(
            Finding::new(
                Kind::InstanceTypeTooSmall,
                format!(
                    "The instance type {} is too small for the profile {}.",
                    limits.instance_type, profile.name
                ),
            )
            .shown_by(problem),
            limits,
            least,
        ));
    }
    let seen = case.seen.as_ref()?;
    let ours = case
        .created()
        .filter(|interface| interface.is_attached_to(&case.instance))
        .count();
    let others = seen.instance.attached.len().saturating_sub(ours);
    let most = usize::try_from(limits.maximum_network_interfaces).unwrap_or(usize::MAX);
    let missing = case.networks_without_interface().len();
    (missing > 0 && others + profile.slots.len() > most).then(|| {
        with_types(
            Finding::new(
                Kind::InstanceTypeTooSmall,
                format!(
                    "{} has room for {most} interfaces: {others} of others are attached, and the profile asks for {}.",
                    limits.instance_type,
                    profile.slots.len()
                ),
            )
            .shown_by(foreign(case).map(in_words).collect::<Vec<_>>().join("; ")),
            limits,
            others + profile.slots.len(),
        )
    })
}

/// The finding with how to get room. If the type has fewer interfaces than `least`, a command lists
/// types that have so many; a lack of addresses or of a network card has another cause.
pub(super) fn with_types(finding: Finding, limits: &InstanceTypeLimits, least: usize) -> Finding {
    let finding = finding
        .say("Use a larger instance type in the launch template, or ask for less in the profile.");
    let most = usize::try_from(limits.maximum_network_interfaces).unwrap_or(usize::MAX);
    if least <= most {
        return finding;
    }
    finding
        .say(format!("Types with room for {least} interfaces:"))
        .run([
            "aws",
            "ec2",
            "describe-instance-types",
            "--query",
            &format!(
                "InstanceTypes[?NetworkInfo.MaximumNetworkInterfaces>=`{least}`].[InstanceType,NetworkInfo.MaximumNetworkInterfaces]"
            ),
            "--output",
            "text",
        ])
}

/// The interfaces on the instance that Hookline did not create.
fn foreign(case: &Case) -> impl Iterator<Item = &SeenInterface> {
    case.interfaces.iter().filter(|seen| {
        seen.interface.is_attached_to(&case.instance)
            && !seen.interface.tags.contains_key(own::INSTANCE_ID)
    })
}

fn in_words(seen: &SeenInterface) -> String {
    let on = seen.interface.attachment.as_ref();
    let place = on.map_or_else(String::new, |on| {
        format!(
            " at device index {} of network card {}",
            on.device_index, on.network_card
        )
    });
    format!("{}{place}", seen.interface.in_words())
}

/// The slots whose place the launch template has, each with its number. The primary interface is
/// not told: no slot may have its place.
pub(super) fn taken_by_template<'a>(
    profile: &'a Profile,
    attached: &'a [AttachmentPoint],
    default_card: u32,
) -> impl Iterator<Item = (usize, &'a Slot, AttachmentPoint)> {
    let primary = AttachmentPoint {
        network_card: default_card,
        device_index: 0,
    };
    let slots = profile.slots.iter().enumerate();
    slots.filter_map(move |(n, slot)| {
        let place = AttachmentPoint::fixed(slot)?;
        (place != primary && attached.contains(&place)).then_some((n, slot, place))
    })
}

/// What takes the place of a slot.
pub(super) fn in_words_of_template(place: AttachmentPoint) -> String {
    format!(
        "The launch template attaches an interface at device index {} of network card {}",
        place.device_index, place.network_card
    )
}

/// Somebody else's interface at the place of a slot: on the instance, or, if that is gone, on the
/// one that replaces it.
pub(super) fn device_index(case: &Case, n: usize, slot: &Slot) -> Option<Finding> {
    let place = AttachmentPoint::fixed(slot)?;
    let launched_at = case.seen.as_ref().map(|seen| seen.instance.launched_at);
    let here = At {
        instance: &case.instance,
        launched_at,
        interfaces: &case.interfaces,
    };
    let replacement = case.replacement.as_ref().map(|it| At {
        instance: &it.seen.instance.id,
        launched_at: Some(it.seen.instance.launched_at),
        interfaces: &it.interfaces,
    });
    let on_replacement = || {
        let finding = taken(n, slot, place, &replacement?, false)?;
        Some(finding.shown_by(format!(
            "{} is gone; this is on its replacement.",
            case.instance
        )))
    };
    taken(n, slot, place, &here, Replay::of(case).helps).or_else(on_replacement)
}

/// Whether the interface is the VPC CNI's: its own (`aws-K8S-…`), or the trunk interface of
/// security groups for pods (`aws-k8s-trunk-eni`).
pub(super) fn is_of_vpc_cni(seen: &SeenInterface) -> bool {
    let description = seen.interface.description.to_ascii_lowercase();
    description.starts_with("aws-k8s-") || seen.kind == "trunk"
}

/// An instance with its interfaces.
struct At<'a> {
    instance: &'a InstanceId,
    launched_at: Option<i64>,
    interfaces: &'a [SeenInterface],
}

/// `helps`: whether a replay then helps the launch.
fn taken(
    n: usize,
    slot: &Slot,
    place: AttachmentPoint,
    at: &At<'_>,
    helps: bool,
) -> Option<Finding> {
    let holder = at.interfaces.iter().find(|seen| {
        seen.interface.is_at(place)
            && seen.interface.is_attached_to(at.instance)
            && !seen.interface.is_created_for(at.instance, &slot.network)
    })?;
    let on = holder.interface.attachment.as_ref()?;
    let after_launch = match (on.since, at.launched_at) {
        (Some(since), Some(launched)) => Some(since - launched),
        _ => None,
    };
    let with_launch = after_launch.is_some_and(|after| after <= WITH_LAUNCH);
    let is_cni = is_of_vpc_cni(holder);
    let from = match (is_cni, with_launch, after_launch) {
        (true, ..) => "The VPC CNI attached it: its description says so.".to_owned(),
        (_, true, _) => {
            "It came with the instance's launch, so the launch template names it.".to_owned()
        }
        (.., Some(after)) => {
            format!(
                "Somebody attached it {} after the instance's launch.",
                duration(after)
            )
        }
        _ => "Somebody attached it.".to_owned(),
    };
    let finding = Finding::new(
        Kind::DeviceIndexTaken,
        format!(
            "Device index {} of network card {} of {}, where the network {} belongs, has the interface {}.",
            place.device_index,
            place.network_card,
            at.instance,
            slot.network,
            holder.interface.in_words()
        ),
    )
    .shown_by(format!("{from} {}", owner(holder)))
    .about([holder.interface.id.to_string()]);
    let finding = match (is_cni, with_launch) {
        (true, _) => finding.say(format!(
            "Leave deviceIndex out of profile.slots[{n}]: Hookline then chooses one that the VPC CNI takes last. A \
             gate on the node (docs/node.md) also helps."
        )),
        (_, true) => finding.say(format!(
            "Take the interface out of the launch template, or leave deviceIndex out of profile.slots[{n}], and \
             deploy."
        )),
        _ => finding,
    };
    if is_cni {
        return Some(finding);
    }
    let finding = finding.say(match helps {
        true => "If nobody needs it, detach it, and then replay the launch as below:",
        false => "If nobody needs it, detach it:",
    });
    Some(finding.run([
        "aws",
        "ec2",
        "detach-network-interface",
        "--attachment-id",
        &on.id,
    ]))
}

/// Who has an interface, as far as EC2 tells.
fn owner(seen: &SeenInterface) -> String {
    let tag = |key: &str| seen.interface.tags.get(key).map(String::as_str);
    let requester = seen
        .requester
        .as_deref()
        .map(|requester| format!("Its requester is {requester}. "));
    let name = tag("Name").map(|name| format!("Its Name is {name:?}. "));
    format!(
        "{}{}It is in {}.",
        requester.unwrap_or_default(),
        name.unwrap_or_default(),
        seen.interface.subnet_id
    )
}
