//! Groups that launch from an old version of their launch template, where the newest one has not
//! what is wrong.

use super::{limits, user_data};
use crate::judge::{Finding, Remedy};
use crate::observed::account::Account;
use crate::observed::group::Group;
use crate::observed::template::Template;

/// What EKS tags the group of a managed node group with. EKS chooses its version.
const NODE_GROUP: &str = "eks:nodegroup-name";

/// What does not fit of what the groups launch, with the newest version of a launch template before
/// all other remedies, if that has not what is found.
pub(super) fn findings(account: &Account) -> Vec<Finding> {
    let of = |account: &Account| {
        let mut found = limits::findings(account);
        found.extend(user_data::findings(account));
        found
    };
    let found = of(account);
    let is_old =
        |template: &Option<Template>| template.as_ref().is_some_and(|it| it.newest.is_some());
    if !account.templates.values().any(is_old) {
        return found;
    }
    let templates = account.templates.iter().map(|(reference, template)| {
        let newest = template.as_ref().and_then(|it| it.newest.as_ref());
        let newest = newest.map(|newest| newest.template.clone());
        (reference.clone(), newest.or_else(|| template.clone()))
    });
    let with_newest = of(&Account {
        templates: templates.collect(),
        ..account.clone()
    });
    let is_mended = |finding: &Finding| {
        let mut with_newest = with_newest.iter();
        with_newest.all(|it| (it.kind, &it.group) != (finding.kind, &finding.group))
    };
    let told = |mut finding: Finding| {
        let mut groups = account.groups.iter();
        let group = groups.find(|group| Some(&group.name) == finding.group.as_ref());
        let remedy = group
            .filter(|_| is_mended(&finding))
            .map(|group| remedy(account, group));
        finding.remedy.splice(0..0, remedy.into_iter().flatten());
        finding
    };
    found.into_iter().map(told).collect()
}

/// How a group launches from the newest version of its launch template; nothing if it does, or if
/// EKS decides it.
fn remedy(account: &Account, group: &Group) -> Vec<Remedy> {
    let reference = group.launches.template.as_ref();
    let template = reference.and_then(|it| account.templates.get(it)?.as_ref());
    let newest = template.and_then(|template| template.newest.as_ref());
    let (Some(reference), Some(newest), false) =
        (reference, newest, group.tags.contains_key(NODE_GROUP))
    else {
        return Vec::new();
    };
    let version = newest.version;
    let say = format!(
        "The group launches from {reference}, and the newest version, {version}, does not have this. Let the group launch \
         from it{}",
        match group.launches.overrides.is_empty() {
            true => ":",
            false => " (MixedInstancesPolicy), if that is meant.",
        }
    );
    let say = Remedy::say(say);
    if !group.launches.overrides.is_empty() {
        return vec![say];
    }
    let template = match (&reference.id, &reference.name) {
        (Some(id), _) => format!("LaunchTemplateId={id}"),
        (None, name) => format!("LaunchTemplateName={}", name.as_deref().unwrap_or_default()),
    };
    let run = Remedy::run([
        "aws",
        "autoscaling",
        "update-auto-scaling-group",
        "--auto-scaling-group-name",
        &group.name,
        "--launch-template",
        &format!("{template},Version={version}"),
    ]);
    let rest = Remedy::say(
        "If its stack or its tool chooses the version, change it there too. Nodes that run stay as they are. Otherwise:",
    );
    vec![say, run, rest]
}
