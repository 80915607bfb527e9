//! The subnets and the security groups of a profile.

use std::collections::{BTreeMap, BTreeSet};

use hookline_domain::ids::{SecurityGroupId, SubnetId};
use hookline_domain::placement::check_open_slots;
use hookline_domain::profile::Profile;

use crate::judge::network::{missing_subnet, security_groups_that_do_not_fit};
use crate::judge::words::list;
use crate::judge::{Finding, Kind};
use crate::observed::account::Account;

/// The most Availability Zones that a text lists.
const LISTED: usize = 6;

pub(super) fn findings(account: &Account, profile: &Profile) -> Vec<Finding> {
    let mut found = security_groups(account, profile);
    // The notes have these.
    found.retain(|it| it.kind != Kind::SecurityGroupInAnotherVpc);
    found.extend(subnets(account, profile));
    found.extend(subnets_of_nodes(account, profile));
    found.extend(subnets_of_other_accounts(account, profile));
    found
}

/// What could not be judged: whether the roles allow the subnets of another account. Only a
/// configuration tells which accounts it lists.
pub(super) fn notes(account: &Account) -> Vec<String> {
    let mut notes = security_groups_of_other_vpcs(account);
    notes.extend(of_owners(account));
    notes
}

/// Security groups that EC2 takes only if they are associated with the subnet's VPC.
fn security_groups_of_other_vpcs(account: &Account) -> Vec<String> {
    let profiles = account.profiles.iter();
    let found = profiles.flat_map(|input| security_groups(account, &input.profile));
    let elsewhere = found.filter(|it| it.kind == Kind::SecurityGroupInAnotherVpc);
    let told: BTreeSet<String> = elsewhere
        .map(|finding| {
            format!(
                "{} EC2 refuses the create unless the security group is associated with that VPC, which is not looked at: \
                 aws ec2 describe-security-group-vpc-associations --filters Name=group-id,Values={}",
                finding.problem,
                finding.ids.join(",")
            )
        })
        .collect();
    told.into_iter().collect()
}

/// Subnets of other accounts, and networks whose ids are not known.
fn of_owners(account: &Account) -> Vec<String> {
    if account.network_owners.is_some() {
        return unknown_network(account).into_iter().collect();
    }
    let profiles = account.profiles.iter();
    let mut owners: BTreeMap<&str, BTreeSet<&SubnetId>> = BTreeMap::new();
    for (_, _, subnet, owner) in profiles.flat_map(|it| of_other_accounts(account, &it.profile)) {
        owners.entry(owner).or_default().insert(subnet);
    }
    let owners = owners.into_iter();
    owners
        .map(|(owner, subnets)| {
            format!(
                "The account {owner} shares {} with this one. Whether networkOwnerAccounts of the deployment lists it is \
                 not known: hookline check --config FILE says it.",
                list(&subnets, LISTED)
            )
        })
        .collect()
}

/// The networks whose ids their stack does not tell.
fn unknown_network(account: &Account) -> Option<String> {
    let unknown = account.unknown_network.as_ref()?;
    let mut denied = account.could_not_look.iter();
    // A finding tells that.
    if denied.any(|it| it.action == "cloudformation:DescribeStacks") {
        return None;
    }
    let networks: Vec<&String> = unknown.networks.iter().collect();
    let networks = list(&networks, LISTED);
    let stack = &unknown.stack;
    let what = match &unknown.status {
        None => format!("The stack {stack}, whose ids the profiles take, is not there yet"),
        Some(status) => format!(
            "The stack {stack} ({status}) does not tell all ids that the profiles take from it"
        ),
    };
    Some(format!(
        "{what}: subnets, security groups and room of {networks} are not checked. Deploy it first: npx cdk deploy {stack}"
    ))
}

/// The subnets of a profile that another account owns: the number of the slot, its network, the
/// subnet and the owner.
fn of_other_accounts<'a>(
    account: &'a Account,
    profile: &'a Profile,
) -> Vec<(usize, &'a str, &'a SubnetId, &'a str)> {
    let (Some(own), Some(known)) = (account.id(), &account.subnets) else {
        return Vec::new();
    };
    let slots = profile.slots.iter().enumerate();
    slots
        .flat_map(|(n, slot)| {
            slot.subnet_ids.iter().filter_map(move |id| {
                let owner = known.get(id)?.owner.as_deref()?;
                (owner != own).then_some((n, slot.network.as_str(), id, owner))
            })
        })
        .collect()
}

/// Subnets whose ARNs the roles of the configuration do not allow: they have the owner's account
/// (docs/deploy.md, "Shared subnets").
fn subnets_of_other_accounts(account: &Account, profile: &Profile) -> Vec<Finding> {
    let Some(listed) = &account.network_owners else {
        return Vec::new();
    };
    let mut by_slot: BTreeMap<(usize, &str, &str), Vec<&SubnetId>> = BTreeMap::new();
    for (n, network, subnet, owner) in of_other_accounts(account, profile) {
        if !listed.contains(owner) {
            by_slot.entry((n, network, owner)).or_default().push(subnet);
        }
    }
    let by_slot = by_slot.into_iter();
    by_slot
        .map(|((n, network, owner), subnets)| {
            Finding::new(
                Kind::SubnetOfAnotherAccount,
                format!(
                    "The network {network} has subnets of the account {owner}, which networkOwnerAccounts of the \
                     configuration does not list: {}.",
                    list(&subnets, LISTED)
                ),
            )
            .about(subnets)
            .at(format!(
                "profile.slots[{n}].subnetIds of the profile {}",
                profile.name
            ))
            .say(format!(
                "Add \"{owner}\" to networkOwnerAccounts of the configuration, and deploy (docs/deploy.md, Shared \
                 subnets); or name subnets of your account."
            ))
        })
        .collect()
}

/// Slots that a launch refuses, because their subnet is that of the node's primary interface.
fn subnets_of_nodes(account: &Account, profile: &Profile) -> Vec<Finding> {
    let mut found = Vec::new();
    for group in account.groups_of(&profile.selector) {
        let refused = group
            .subnets
            .iter()
            .find_map(|subnet| check_open_slots(profile, subnet).err());
        found.extend(refused.map(|error| {
            Finding::new(Kind::SubnetOfNodes, error.to_string())
                .of_group(&group.name)
                .at(format!("slots of the profile {}", profile.name))
                .say("Correct the slot in the configuration, and deploy.")
        }));
    }
    found
}

fn security_groups(account: &Account, profile: &Profile) -> Vec<Finding> {
    let Some(known) = &account.security_groups else {
        return Vec::new();
    };
    let vpc_of = |id: &SubnetId| Some(account.subnets.as_ref()?.get(id)?.vpc.as_str());
    let stands_in = |id: &SecurityGroupId| account.stands_in(id.as_str());
    let found = security_groups_that_do_not_fit(profile, known, vpc_of, stands_in);
    let place = format!("securityGroupIds of the profile {}", profile.name);
    let at = |finding: Finding| match finding.place {
        Some(_) => finding,
        None => finding.at(&place),
    };
    found.into_iter().map(at).collect()
}

/// Subnets that do not exist, and Availability Zones of the groups in which a network has none.
fn subnets(account: &Account, profile: &Profile) -> Vec<Finding> {
    let Some(known) = &account.subnets else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let vpc = profile
        .subnet_ids()
        .into_iter()
        .find_map(|id| known.get(id));
    let vpc = vpc.map(|seen| seen.vpc.as_str());
    for (n, slot) in profile.slots.iter().enumerate() {
        let field = format!("profile.slots[{n}].subnetIds");
        let place = format!("{field} of the profile {}", profile.name);
        let missing = slot.subnet_ids.iter().filter(|id| !known.contains_key(id));
        let stands_in = |id: &&SubnetId| account.stands_in(id.as_str());
        let is_known = !slot.subnet_ids.iter().any(|id| stands_in(&id));
        let missing: Vec<Finding> = missing
            .filter(|id| !stands_in(id))
            .map(|id| missing_subnet(profile, &field, slot, id, vpc).at(&place))
            .collect();
        let all_known = missing.is_empty() && is_known;
        found.extend(missing);
        let zones: BTreeSet<&str> = slot
            .subnet_ids
            .iter()
            .filter_map(|id| known.get(id))
            .map(|seen| seen.subnet.availability_zone.as_str())
            .collect();
        for group in account.groups_of(&profile.selector) {
            let lacking: Vec<&String> = group
                .zones
                .keys()
                .filter(|zone| !zones.contains(zone.as_str()))
                .collect();
            // A subnet that does not exist may be the one.
            if lacking.is_empty() || !all_known {
                continue;
            }
            let lacking = list(&lacking, LISTED);
            found.push(
                Finding::new(
                    Kind::NoSubnetInZone,
                    format!(
                        "The network {} has no subnet in {lacking}, where the group launches instances.",
                        slot.network
                    ),
                )
                .of_group(&group.name)
                .at(&place)
                .shown_by(format!("Its subnets are in {}.", list(&zones, LISTED)))
                .say(format!(
                    "Add a subnet of {lacking} to {field}, and deploy; or keep the group out of there."
                )),
            );
        }
    }
    found
}
