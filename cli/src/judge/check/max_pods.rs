//! The number of pods that user data gives a node, on each instance type that is launched with it.

use std::collections::BTreeSet;

use hookline_domain::instance_type::InstanceTypeLimits;
use hookline_domain::profile::Profile;
use hookline_user_data::expression::{self, Mistake, Pods, Variables};

use crate::judge::words::{count, list};
use crate::judge::{Finding, Kind};
use crate::observed::account::Account;
use crate::observed::group::Group;
use crate::observed::network::SeenInterface;
use crate::observed::user_data::{MaxPods, UserData};

/// The most numbers, or instance types, that a text lists.
const LISTED: usize = 6;

/// What launches with this user data.
pub(super) struct Launched<'a> {
    pub(super) account: &'a Account,
    pub(super) profile: &'a Profile,
    pub(super) group: &'a Group,
    /// Of one of the group's launch templates.
    pub(super) user_data: &'a UserData,
}

/// An instance type on which kubelet takes more pods than the VPC CNI has addresses for.
struct TooMany<'a> {
    name: &'a str,
    /// What kubelet takes.
    number: u32,
    /// Why that is not what the expression says.
    why: Option<Mistake>,
    /// What the VPC CNI has addresses for.
    addresses: u32,
    /// The slots on the default network card.
    slots: usize,
    /// Whether these are the addresses of prefixes.
    of_prefixes: bool,
}

impl Launched<'_> {
    /// An expression that nodeadm does not take, and numbers of pods beyond the addresses of the
    /// VPC CNI.
    pub(super) fn findings(&self, max_pods: &MaxPods) -> Vec<Finding> {
        let types = self.types();
        let refused = match max_pods {
            MaxPods::Expression { expression, from } => refused(expression, from, &types),
            _ => None,
        };
        let prefixes = gives_prefixes(self.account, self.group);
        let mut found: Vec<TooMany<'_>> = types
            .into_iter()
            .filter_map(|limits| self.too_many(limits, max_pods, prefixes))
            .collect();
        // A number for all types must fit the least of them.
        found.sort_by_key(|it| it.addresses);
        let too_large = found.split_first().map(|(least, others)| {
            let cni = match (prefixes, least.of_prefixes) {
                (Some(true), _) => "The VPC CNI gives prefixes on the group's nodes.",
                (Some(false), _) => "The VPC CNI gives single addresses on the group's nodes.",
                (None, true) => "This holds also if the VPC CNI gives prefixes.",
                (None, false) => {
                    "The VPC CNI is taken to give single addresses, as by default: the group has no node that shows it."
                }
            };
            too_large(least, others, max_pods, cni)
        });
        refused.into_iter().chain(too_large).collect()
    }

    /// The limits of the instance types that are launched with this user data, each once.
    fn types(&self) -> Vec<&InstanceTypeLimits> {
        let launches = self.account.launches_of(self.group);
        let of_this = launches.iter().filter(|(_, template)| {
            template.is_some_and(|it| std::ptr::eq(&raw const it.user_data, self.user_data))
        });
        let mut names: BTreeSet<&String> = of_this.map(|(name, _)| name).collect();
        if names.is_empty() {
            // Auto Scaling chooses the types by attributes: any of them may come.
            names = launches.iter().map(|(name, _)| name).collect();
        }
        names
            .iter()
            .filter_map(|name| self.account.limits.get(*name)?.as_ref())
            // One that is too small has no nodes.
            .filter(|limits| limits.check(self.profile).is_ok())
            .collect()
    }

    fn too_many<'a>(
        &self,
        limits: &'a InstanceTypeLimits,
        max_pods: &MaxPods,
        prefixes: Option<bool>,
    ) -> Option<TooMany<'a>> {
        let slots = limits.slots_beside_the_vpc_cni(self.profile);
        let (number, why) = match max_pods {
            MaxPods::Unknown => return None,
            MaxPods::Set { pods, .. } => (*pods, None),
            MaxPods::ByInstanceType => (limits.pods(0, false), None),
            MaxPods::Expression { expression, .. } => {
                match expression::pods(expression, variables(limits)) {
                    Pods::Computed(pods) => (pods, None),
                    Pods::Standard { pods, why } => (pods, Some(why)),
                    Pods::NotFollowed => return None,
                }
            }
        };
        // Where no node shows it: whoever sets a number knows it. The number that an instance type has by itself,
        // also because an expression is refused, is for single addresses, as by default
        // (awslabs/amazon-eks-ami, `nodeadm/internal/kubelet/eni_max_pods.go`).
        let is_set = why.is_none() && !matches!(max_pods, MaxPods::ByInstanceType);
        let of_prefixes = prefixes.unwrap_or(is_set);
        let addresses = limits.pods(slots, of_prefixes);
        (slots > 0 && number > addresses).then_some(TooMany {
            name: &limits.instance_type,
            number,
            why,
            addresses,
            slots,
            of_prefixes,
        })
    }
}

/// An expression that nodeadm does not take on some of the types: it says so in the node's journal
/// only.
fn refused(expression: &str, from: &str, types: &[&InstanceTypeLimits]) -> Option<Finding> {
    let on = |limits: &&InstanceTypeLimits| match expression::pods(expression, variables(limits)) {
        Pods::Standard { pods, why } => Some((limits.instance_type.clone(), pods, why)),
        Pods::Computed(_) | Pods::NotFollowed => None,
    };
    let refused: Vec<_> = types.iter().filter_map(on).collect();
    let (first, ..) = refused.first()?;
    let names = list(refused.iter().map(|(name, ..)| name), LISTED);
    let where_it_is = match expression::mistake(expression) {
        Some(_) => "on any instance type".to_owned(),
        None => format!("on {names}"),
    };
    let finding = Finding::new(
        Kind::MaxPodsExpression,
        format!("nodeadm does not take maxPodsExpression of the user data {where_it_is}."),
    );
    let finding = refused
        .iter()
        .take(LISTED)
        .fold(finding, |finding, (name, pods, why)| {
            finding.shown_by(format!(
                "On {name}, {why}. The node takes {pods} pods, as its instance type has by itself."
            ))
        });
    let more = refused.len().saturating_sub(LISTED);
    let finding = match more {
        0 => finding,
        more => finding.shown_by(format!(
            "Nor does it on {}.",
            count(more, "instance type more", "instance types more")
        )),
    };
    Some(
        finding
            .shown_by(format!("The expression is from {from}."))
            .say(format!(
                "Correct the expression, or set maxPods in the user data, and deploy. `hookline user-data explain` with \
                 --instance-type {first} computes it before.",
            )),
    )
}

fn too_large(
    least: &TooMany<'_>,
    others: &[TooMany<'_>],
    max_pods: &MaxPods,
    cni: &str,
) -> Finding {
    let TooMany {
        name,
        number,
        addresses,
        slots,
        ..
    } = least;
    let (words, shown) = match max_pods {
        MaxPods::Expression { from, .. } => (
            match &least.why {
                None => format!(
                    "The number of pods by maxPodsExpression of the user data is {number} on {name}"
                ),
                Some(why) => format!(
                    "nodeadm does not take maxPodsExpression of the user data on {name}: {why}. The number of pods is {number}, \
                     which the instance type has by itself"
                ),
            },
            format!("The expression is from {from}."),
        ),
        MaxPods::Set { from, over, .. } => {
            let over = over.iter().map(|(pods, from)| format!("{pods} ({from})"));
            let over: Vec<String> = over.collect();
            let wins = match over.is_empty() {
                true => String::new(),
                false => format!("; it wins over {}", list(over, LISTED)),
            };
            (
                format!("The user data sets the number of pods to {number}"),
                format!("The number is from {from}{wins}."),
            )
        }
        MaxPods::ByInstanceType | MaxPods::Unknown => (
            format!("The user data sets no number of pods, and the image's own for {name} is {number}"),
            "Looked for: maxPods of a NodeConfig, max-pods of Bottlerocket, and kubelet's --max-pods."
                .to_owned(),
        ),
    };
    let finding = Finding::new(
        Kind::MaxPodsTooLarge,
        format!("{words}. Beside the slots, {name} has addresses for {addresses} pods."),
    )
    .shown_by(cni)
    .shown_by(shown);
    let finding = match others {
        [] => finding,
        others => {
            let others = others.iter();
            let each = others.map(|it| format!("{} ({} of {})", it.name, it.number, it.addresses));
            finding.shown_by(format!(
                "Other instance types have too few addresses for their pods too: {}.",
                list(each, LISTED)
            ))
        }
    };
    finding.say(match max_pods {
        MaxPods::Expression { .. } => format!(
            "Take the slots off in the expression, as ((default_enis - {slots}) * (ips_per_eni - 1)) + 2; or set maxPods to \
             {addresses} or less in the user data; and deploy."
        ),
        _ => format!("Set max-pods to {addresses} or less in the user data, and deploy."),
    })
}

/// What an expression may name, on an instance type.
fn variables(limits: &InstanceTypeLimits) -> Variables {
    let mut cards = limits.network_cards.iter();
    let card = cards.find(|card| card.index == limits.default_network_card);
    Variables {
        default_enis: card.map_or(limits.maximum_network_interfaces, |card| {
            card.maximum_network_interfaces
        }),
        ips_per_eni: limits.ipv4_addresses_per_interface,
    }
}

/// Whether an expression is one of those that are followed.
pub(super) fn is_followed(expression: &str) -> bool {
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
