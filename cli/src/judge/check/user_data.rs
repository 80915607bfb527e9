//! The gate, and the number of pods, in the user data of launch templates.

use std::collections::BTreeSet;

use super::gate;
use super::max_pods::{Launched, is_followed};
use crate::judge::Finding;
use crate::observed::account::Account;
use crate::observed::group::Group;
use crate::observed::template::TemplateRef;
use crate::observed::user_data::{MaxPods, Said, UserData};

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
                        let launched = Launched {
                            account,
                            profile,
                            group,
                            user_data,
                        };
                        found.extend(launched.findings(&said.max_pods));
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

/// User data that is not read, numbers of pods that are not known, and networks that no gate waits
/// for.
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
