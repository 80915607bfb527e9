//! The security groups of a profile that are not there, or not where its subnets are.

use std::collections::BTreeMap;

use hookline_domain::ids::{SecurityGroupId, SubnetId};
use hookline_domain::profile::{Profile, Slot};

use super::correct;
use crate::judge::{Finding, Kind};

/// The security groups of a profile that do not exist, or that are in another VPC than a subnet of
/// their slot. `known` are those that exist, each with its VPC; `stands_in` tells an id that is none
/// yet.
pub(in crate::judge) fn security_groups_that_do_not_fit<'a>(
    profile: &'a Profile,
    known: &'a BTreeMap<SecurityGroupId, String>,
    vpc_of: impl Fn(&SubnetId) -> Option<&'a str>,
    stands_in: impl Fn(&SecurityGroupId) -> bool,
) -> Vec<Finding> {
    let mut missing = BTreeMap::<_, Vec<(&str, Option<&str>)>>::new();
    let mut elsewhere = BTreeMap::new();
    for (n, slot) in profile.slots.iter().enumerate() {
        let field = match slot.security_group_ids {
            Some(_) => format!("profile.slots[{n}].securityGroupIds"),
            None => "profile.securityGroupIds".to_owned(),
        };
        let subnets = || {
            slot.subnet_ids
                .iter()
                .filter_map(|id| Some((id, vpc_of(id)?)))
        };
        for id in profile.security_groups(slot) {
            let Some(vpc) = known.get(id) else {
                if !stands_in(id) {
                    let of_slot = subnets().next().map(|(_, vpc)| vpc);
                    let missing = missing.entry((id, field.clone())).or_default();
                    missing.push((slot.network.as_str(), of_slot));
                }
                continue;
            };
            for (subnet, subnet_vpc) in subnets().filter(|(_, it)| it != vpc) {
                let words =
                    || in_another_vpc(profile, &field, id, vpc, (n, slot, subnet, subnet_vpc));
                elsewhere.entry((id, subnet_vpc)).or_insert_with(words);
            }
        }
    }
    let missing = missing.into_iter();
    let missing = missing.map(|((id, field), of)| missing_security_group(profile, &field, id, &of));
    missing.chain(elsewhere.into_values()).collect()
}

/// A security group that does not exist, and the networks that it is for, each with the VPC of its
/// subnets.
fn missing_security_group(
    profile: &Profile,
    field: &str,
    id: &SecurityGroupId,
    of: &[(&str, Option<&str>)],
) -> Finding {
    let networks: Vec<&str> = of.iter().map(|(network, _)| *network).collect();
    let finding = Finding::new(
        Kind::SecurityGroupMissing,
        format!("There is no security group {id} in this account and Region."),
    )
    .shown_by(format!(
        "{field} of the profile {} names it, for {} {}.",
        profile.name,
        match networks.len() {
            1 => "the network",
            _ => "the networks",
        },
        networks.join(", ")
    ))
    .about([id])
    .say(correct(profile, field));
    match of.iter().find_map(|(_, vpc)| *vpc) {
        Some(vpc) => with_groups_of(finding, vpc),
        None => finding,
    }
}

/// A security group that is in another VPC than a subnet of a slot: EC2 creates no interface with
/// both.
fn in_another_vpc(
    profile: &Profile,
    field: &str,
    id: &SecurityGroupId,
    vpc: &str,
    (n, slot, subnet, subnet_vpc): (usize, &Slot, &SubnetId, &str),
) -> Finding {
    let finding = Finding::new(
        Kind::SecurityGroupInAnotherVpc,
        format!(
            "The security group {id} is in {vpc}, and the subnet {subnet} of the network {} is in {subnet_vpc}.",
            slot.network
        ),
    )
    .about([id])
    .at(format!("{field} of the profile {}", profile.name))
    .say(correct(profile, field));
    with_groups_of(finding, subnet_vpc)
        .say(format!("Or let {id} serve {subnet_vpc} too (AssociateSecurityGroupVpc), if neither is a default one:"))
        .run([
            "aws",
            "ec2",
            "associate-security-group-vpc",
            "--group-id",
            id.as_str(),
            "--vpc-id",
            subnet_vpc,
        ])
        .say(format!(
            "If the subnet is the wrong one, correct profile.slots[{n}].subnetIds instead."
        ))
}

/// The finding with the command that lists the security groups to choose from.
fn with_groups_of(finding: Finding, vpc: &str) -> Finding {
    finding.say(format!("The security groups of {vpc}:")).run([
        "aws",
        "ec2",
        "describe-security-groups",
        "--filters",
        &format!("Name=vpc-id,Values={vpc}"),
        "--query",
        "SecurityGroups[].[GroupId,GroupName]",
        "--output",
        "text",
    ])
}
