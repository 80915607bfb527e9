//! Groups that launch from an old version of their launch template, where the newest one has not
//! what is wrong.

use hookline_domain::tags::facts::NODEGROUP_TAG;

use super::max_pods::is_followed;
use super::{limits, user_data};
use crate::judge::{Finding, Kind, Remedy};
use crate::observed::account::Account;
use crate::observed::group::Group;
use crate::observed::template::{Newest, TemplateRef};
use crate::observed::user_data::{MaxPods, UserData};

/// What does not fit of what the groups launch, with the newest version of a launch template before
/// all other remedies, if that has not what is found.
pub(super) fn findings(account: &Account) -> Vec<Finding> {
    let found = of(account);
    let told = |mut finding: Finding| {
        let mut groups = account.groups.iter();
        let group = groups.find(|group| Some(&group.name) == finding.group.as_ref());
        let remedy = group.and_then(|group| {
            let (reference, newest) = newest(account, group)?;
            let left = with_newest(account, group, reference, newest);
            let today = of_group(&found, group);
            // It brings nothing else, and the finding is gone.
            let is_mended = |it: &(Kind, String)| today.contains(it) && it.0 != finding.kind;
            let is_mended = left.iter().all(is_mended);
            is_mended.then(|| remedy(group, reference, newest.version))
        });
        finding.remedy.splice(0..0, remedy.into_iter().flatten());
        finding
    };
    found.iter().cloned().map(told).collect()
}

fn of(account: &Account) -> Vec<Finding> {
    let mut found = limits::findings(account);
    found.extend(user_data::findings(account));
    found
}

/// What is found of a group, whatever version it is of.
fn of_group(found: &[Finding], group: &Group) -> Vec<(Kind, String)> {
    let of_group = found
        .iter()
        .filter(|it| it.group.as_ref() == Some(&group.name));
    of_group.map(|it| (it.kind, it.problem.clone())).collect()
}

/// The newest version of the group's own launch template, if the group does not launch from it and
/// all of it is known; nothing if EKS decides the version.
fn newest<'a>(account: &'a Account, group: &'a Group) -> Option<(&'a TemplateRef, &'a Newest)> {
    let reference = group.launches.template.as_ref()?;
    let newest = account
        .templates
        .get(reference)?
        .as_ref()?
        .newest
        .as_ref()?;
    let template = &newest.template;
    let says_all = match &template.user_data {
        UserData::Absent => true,
        UserData::Unreadable(_) => false,
        UserData::Read(said) => match &said.max_pods {
            MaxPods::Unknown => false,
            MaxPods::Expression { expression, .. } => is_followed(expression),
            _ => true,
        },
    };
    let overrides = &group.launches.overrides;
    let has_types = !overrides.is_empty() && overrides.iter().all(|it| it.instance_type.is_some());
    let instance_type = template.instance_type.as_ref();
    let knows_type = has_types || instance_type.is_some_and(|it| account.limits.contains_key(it));
    // An override that names this version keeps it.
    let is_named = overrides
        .iter()
        .any(|it| it.template.as_ref() == Some(reference));
    let is_known = says_all && knows_type && !is_named;
    (is_known && !group.tags.contains_key(NODEGROUP_TAG)).then_some((reference, newest.as_ref()))
}

/// What is found of a group once its own launch template is the newest version.
fn with_newest(
    account: &Account,
    group: &Group,
    reference: &TemplateRef,
    newest: &Newest,
) -> Vec<(Kind, String)> {
    let mut account = account.clone();
    let template = newest.template.clone();
    account.templates.insert(reference.clone(), Some(template));
    of_group(&of(&account), group)
}

/// How a group launches from the newest version of its launch template.
fn remedy(group: &Group, reference: &TemplateRef, version: i64) -> Vec<Remedy> {
    let is_mixed = group.launches.is_mixed;
    let is_default = reference.version == "$Default";
    let how = match (is_mixed, is_default) {
        (_, true) => {
            "Make it the default version, for all that launch from that, if that is meant:"
        }
        // The option of a launch template would take the place of the policy.
        (true, false) => "Set it in the group's MixedInstancesPolicy, if that is meant.",
        (false, false) => "Let the group launch from it, if that is meant:",
    };
    let say = Remedy::say(format!(
        "The group launches from {reference}, and the newest version, {version}, does not have this. {how}"
    ));
    let number = version.to_string();
    let run = match is_default {
        true => {
            let (option, template) = match (&reference.id, &reference.name) {
                (Some(id), _) => ("--launch-template-id", id.as_str()),
                (None, name) => (
                    "--launch-template-name",
                    name.as_deref().unwrap_or_default(),
                ),
            };
            Remedy::run([
                "aws",
                "ec2",
                "modify-launch-template",
                option,
                template,
                "--default-version",
                &number,
            ])
        }
        false if is_mixed => return vec![say],
        false => {
            let template = match (&reference.id, &reference.name) {
                (Some(id), _) => format!("LaunchTemplateId={id}"),
                (None, name) => {
                    format!("LaunchTemplateName={}", name.as_deref().unwrap_or_default())
                }
            };
            Remedy::run([
                "aws",
                "autoscaling",
                "update-auto-scaling-group",
                "--auto-scaling-group-name",
                &group.name,
                "--launch-template",
                &format!("{template},Version={number}"),
            ])
        }
    };
    let rest = Remedy::say(
        "If its stack or its tool chooses the version, change it there too. Nodes that run stay as they are. Otherwise:",
    );
    vec![say, run, rest]
}
