//! The gate, and the number of pods, in the user data of launch templates.

use std::collections::BTreeSet;

use hookline_domain::instance_type::InstanceTypeLimits;
use hookline_domain::profile::Profile;
use hookline_user_data::expression::{self, Pods, Variables};

use super::gate;
use crate::judge::words::list;
use crate::judge::{Finding, Kind};
use crate::observed::account::Account;
use crate::observed::group::Group;
use crate::observed::network::SeenInterface;
use crate::observed::template::TemplateRef;
use crate::observed::user_data::{MaxPods, Said, UserData};

/// The most networks that a text lists.
const LISTED: usize = 6;
pub(super) fn findings(account: &Account) -> Vec<Finding> {
    let mut found = Vec::new();
    for input in &account.profiles {
        let profile = &input.profile;
        let needs_gate = !profile.slots.is_empty();
        // The notes have what does not fit in a launch template that the deployment makes anew.
        let is_replaced = super::is_of_node_group(account, &profile.name);
        for group in account.groups_of(&profile.selector) {
            for (reference, user_data) in user_data_of(account, group) {
                let place = format!("the user data of the launch template {reference}");
                let of_template = match user_data {
                    UserData::Unreadable(_) => Vec::new(),
                    UserData::Absent if needs_gate => vec![gate::missing("has no user data")],
                    UserData::Absent => Vec::new(),
                    UserData::Read(said) => {
                        let mut found = match &said.gate {
                            None if needs_gate => {
                                vec![gate::missing("has user data without a gate")]
                            }
                            Some(it) if !is_replaced && account.knows_subnets_of(profile) => {
                                gate::findings(profile, group, it)
                            }
                            _ => Vec::new(),
                        };
                        found.extend(pods(account, profile, group, &said.max_pods));
                        found
                    }
                };
                found.extend(
                    of_template
                        .into_iter()
                        .map(|finding| finding.of_group(&group.name).at(&place)),
                );
            }
        }
    }
    found
}

/// User data that is not read, numbers of pods that are not known, and networks that no gate waits for.
pub(super) fn notes(account: &Account) -> Vec<String> {
    let templates = account.templates.iter();
    let user_data = templates
        .filter_map(|(reference, template)| Some((reference, &template.as_ref()?.user_data)));
    let of_user_data = user_data
        .filter_map(|(reference, user_data)| {
            let what = match user_data {
                UserData::Unreadable(refusal) => {
                    format!("is not read, because {refusal}: gate and number of pods are not checked")
                }
                UserData::Read(Said { max_pods: MaxPods::Expression { expression, .. }, .. }) if !is_followed(expression) => {
                    "has a maxPodsExpression with more of CEL than is followed here: the number of pods is not checked".to_owned()
                }
                UserData::Read(Said { max_pods: MaxPods::Unknown, .. }) => {
                    "does not tell how many pods the node takes: that is not checked. `hookline user-data explain` shows why"
                        .to_owned()
                }
                UserData::Read(_) | UserData::Absent => return None,
            };
            Some(format!("The user data of the launch template {reference} {what}."))
        });
    of_user_data.chain(gate::notes(account)).collect()
}

/// The launch templates of a group, with their user data.
pub(super) fn user_data_of<'a>(
    account: &'a Account,
    group: &'a Group,
) -> impl Iterator<Item = (&'a TemplateRef, &'a UserData)> {
    let all: BTreeSet<&TemplateRef> = group.launches.templates().collect();
    all.into_iter().filter_map(|reference| {
        let template = account.templates.get(reference)?.as_ref()?;
        Some((reference, &template.user_data))
    })
}

/// A number of pods that is larger than what the VPC CNI has addresses for.
fn pods(
    account: &Account,
    profile: &Profile,
    group: &Group,
    max_pods: &MaxPods,
) -> Option<Finding> {
    let types = account.launches_of(group).into_iter();
    let limits = types
        .filter_map(|(name, _)| account.limits.get(&name)?.as_ref())
        // One that is too small has no nodes.
        .filter(|limits| limits.check(profile).is_ok());
    let prefixes = gives_prefixes(account, group);
    // Where no node shows it: whoever sets a number knows it; otherwise it is as by default.
    let assumed = prefixes.unwrap_or(matches!(
        max_pods,
        MaxPods::Set { .. } | MaxPods::Expression { .. }
    ));
    let capacity = |limits: &InstanceTypeLimits| {
        let slots = limits.slots_beside_the_vpc_cni(profile);
        (limits.pods(slots, assumed), limits.pods(0, false), slots)
    };
    // An expression gives each type a number of its own.
    let fits = |limits: &InstanceTypeLimits, pods: u32| match max_pods {
        MaxPods::Expression { expression, .. } => {
            computed(expression, limits).is_none_or(|number| number <= pods)
        }
        _ => false,
    };
    let (limits, (pods, default, slots)) = limits
        .map(|limits| (limits, capacity(limits)))
        .filter(|(limits, (pods, ..))| !fits(limits, *pods))
        .min_by_key(|(_, (pods, ..))| *pods)?;
    let (number, words, shown) = match max_pods {
        MaxPods::Expression { expression, from } => {
            let number = computed(expression, limits)?;
            (
                number,
                format!("The number of pods by maxPodsExpression of the user data is {number} on {}", limits.instance_type),
                format!("The expression is from {from}."),
            )
        }
        MaxPods::Unknown => return None,
        MaxPods::Set { pods, from, over } => {
            let over: Vec<String> = over
                .iter()
                .map(|(pods, from)| format!("{pods} ({from})"))
                .collect();
            let wins = match over.is_empty() {
                true => String::new(),
                false => format!("; it wins over {}", list(over, LISTED)),
            };
            (
                *pods,
                format!("The user data sets the number of pods to {pods}"),
                format!("The number is from {from}{wins}."),
            )
        }
        MaxPods::ByInstanceType => (
            default,
            format!(
                "The user data sets no number of pods, and the image's own for {} is {default}",
                limits.instance_type
            ),
            "Looked for: maxPods of a NodeConfig, max-pods of Bottlerocket, and kubelet's --max-pods."
                .to_owned(),
        ),
    };
    (slots > 0 && number > pods).then(|| {
        Finding::new(
            Kind::MaxPodsTooLarge,
            format!(
                "{words}. Beside the slots, {} has addresses for {pods} pods.",
                limits.instance_type
            ),
        )
        .shown_by(match (prefixes, assumed) {
            (Some(true), _) => "The VPC CNI gives prefixes on the group's nodes.",
            (Some(false), _) => "The VPC CNI gives single addresses on the group's nodes.",
            (None, true) => "This holds also if the VPC CNI gives prefixes.",
            (None, false) => "The VPC CNI is taken to give single addresses, as by default: the group has no node that shows it.",
        })
        .shown_by(shown)
        .say(match max_pods {
            MaxPods::Expression { .. } => format!(
                "Take the slots off in the expression, as ((default_enis - {slots}) * (ips_per_eni - 1)) + 2; or set maxPods to \
                 {pods} or less in the user data; and deploy."
            ),
            _ => format!("Set max-pods to {pods} or less in the user data, and deploy."),
        })
    })
}

/// The number of pods that nodeadm takes on an instance type; `None` if the expression has more of CEL than is followed.
fn computed(expression: &str, limits: &InstanceTypeLimits) -> Option<u32> {
    let mut cards = limits.network_cards.iter();
    let card = cards.find(|card| card.index == limits.default_network_card);
    let variables = Variables {
        default_enis: card.map_or(limits.maximum_network_interfaces, |card| {
            card.maximum_network_interfaces
        }),
        ips_per_eni: limits.ipv4_addresses_per_interface,
    };
    match expression::pods(expression, variables) {
        Pods::Computed(pods) | Pods::Standard { pods, .. } => Some(pods),
        Pods::NotFollowed => None,
    }
}

/// Whether an expression is one of those that are followed.
fn is_followed(expression: &str) -> bool {
    let variables = Variables {
        default_enis: 2,
        ips_per_eni: 2,
    };
    expression::pods(expression, variables) != Pods::NotFollowed
}

/// Whether the VPC CNI gives prefixes on the nodes of a group; `None` if no node shows it.
fn gives_prefixes(account: &Account, group: &Group) -> Option<bool> {
    let nodes: BTreeSet<_> = group
        .members
        .iter()
        .map(|member| &member.instance)
        .collect();
    let mut of_cni = account.interfaces.iter().flatten().filter(|seen| {
        let on = seen.interface.attachment.as_ref();
        let instance = on.and_then(|on| on.instance_id.as_ref());
        instance.is_some_and(|instance| nodes.contains(instance))
            && crate::judge::place::is_of_vpc_cni(seen)
    });
    let first = of_cni.next()?;
    let has = |seen: &SeenInterface| !seen.interface.prefixes.is_empty();
    Some(has(first) || of_cni.any(has))
}
