//! The functions and roles of the deployment, and the account's quota of interfaces.

use hookline_domain::profile::Profile;

use crate::judge::{Finding, Kind};
use crate::observed::account::Account;
use crate::observed::role::SeenRole;

/// What names functions.
pub(super) const CALLERS: &str =
    "the definition of the state machine, or the target of reconcile's rule";

pub(super) fn findings(account: &Account) -> Vec<Finding> {
    let mut found = functions(account);
    found.extend(roles(account));
    found.extend(interfaces(account));
    found
}

pub(super) fn stack(account: &Account) -> String {
    let deployment = account.deployment.as_ref();
    match deployment.map(|deployment| deployment.stack()) {
        None | Some("") => "the deployment".to_owned(),
        Some(stack) => format!("the stack {stack}"),
    }
}

fn functions(account: &Account) -> Vec<Finding> {
    let missing = account.functions.iter().flatten();
    let missing = missing.filter(|(of, function)| function.is_none() && of.qualifier.is_none());
    missing
        .map(|(name, _)| {
            Finding::new(
                Kind::FunctionMissing,
                format!("There is no Lambda function {name}."),
            )
            .about([name])
            .at(CALLERS)
            .say(format!(
                "Deploy {} again. If CloudFormation sees no change, delete the function from the stack and add it again.",
                stack(account)
            ))
        })
        .collect()
}

fn roles(account: &Account) -> Vec<Finding> {
    let missing = account.roles.iter().flatten();
    let missing = missing.filter(|(_, role)| **role == SeenRole::Missing);
    missing
        .map(|(arn, _)| {
            let users = users(account, arn);
            Finding::new(Kind::RoleMissing, format!("There is no role {arn}."))
                .about([arn])
                .at(format!("the role of {}", users.join(", ")))
                .say(format!(
                    "Create it again under the same name, with the trust policy and the policies that it has in {} \
                     (docs/iam.md).",
                    stack(account)
                ))
        })
        .collect()
}

/// What has a role.
pub(super) fn users(account: &Account, role: &str) -> Vec<String> {
    let mut users = Vec::new();
    if account.machine.as_ref().is_some_and(|it| it.role == role) {
        users.push("the state machine".to_owned());
    }
    let functions = account.functions.iter().flatten();
    let functions = functions.filter(|(of, function)| {
        let mut functions = function.iter();
        of.qualifier.is_none() && functions.any(|function| function.role == role)
    });
    users.extend(functions.map(|(name, _)| format!("the function {name}")));
    if let Some(deployment) = &account.deployment {
        let rules = deployment.rules.iter().filter(|rule| {
            let mut targets = rule.targets_of(&deployment.machine);
            targets.any(|target| target.role_arn.as_deref() == Some(role))
        });
        users.extend(rules.map(|rule| format!("the target of the rule {}", rule.name)));
    }
    users
}

/// The interfaces of a node: the primary one, the slots', and the VPC CNI's.
fn interfaces_of_a_node(profile: &Profile) -> u64 {
    let slots = u64::try_from(profile.slots.len()).unwrap_or(u64::MAX);
    slots
        .saturating_add(1)
        .saturating_add(profile.request_rates.vpc_cni_interfaces.into())
}

/// How many nodes more the groups of a profile have if they grow to their maximum sizes.
pub(super) fn growth(account: &Account, profile: &Profile) -> u64 {
    let groups = account.groups_of(&profile.selector);
    let growths = groups.map(|group| {
        let most = u64::try_from(group.max).unwrap_or_default();
        most.saturating_sub(u64::try_from(group.members.len()).unwrap_or_default())
    });
    growths.sum()
}

fn interfaces(account: &Account) -> Option<Finding> {
    let quota = account.interface_quota?;
    let used = u64::try_from(account.interfaces.as_ref()?.len()).ok()?;
    let profiles = account.profiles.iter().map(|input| &input.profile);
    let growth: u64 = profiles
        .map(|profile| growth(account, profile).saturating_mul(interfaces_of_a_node(profile)))
        .sum();
    (used.saturating_add(growth) > quota).then(|| {
        Finding::new(
            Kind::QuotaSmall,
            format!(
                "The Region may have {quota} network interfaces and has {used}. If the groups grow to their maximum sizes, \
                 they need {growth} more."
            ),
        )
        .at("the quota \"Network interfaces per Region\" of Amazon VPC")
        .say("Ask AWS for more, or lower the maximum sizes:")
        .run([
            "aws".to_owned(),
            "service-quotas".to_owned(),
            "request-service-quota-increase".to_owned(),
            "--service-code".to_owned(),
            "vpc".to_owned(),
            "--quota-code".to_owned(),
            "L-DF5E4CA3".to_owned(),
            "--desired-value".to_owned(),
            used.saturating_add(growth).to_string(),
        ])
    })
}
