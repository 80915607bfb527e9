//! The groups, the subnets and the security groups that the profiles of a deployment name.

use anyhow::{Context as _, Result};
use aws_sdk_ec2::types::Tag;
use hookline_testkit::attacks::deployed::{Group, Part};

use crate::clients::Clients;

/// The groups of the account and the Region, with their tags.
pub(super) async fn groups(clients: &Clients) -> Result<Vec<Group>> {
    let call = clients.autoscaling.describe_auto_scaling_groups();
    let mut pages = call.into_paginator().send();
    let mut groups = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.context("DescribeAutoScalingGroups")?;
        for group in page.auto_scaling_groups() {
            let tags = group.tags().iter().filter_map(|tag| {
                let (key, value) = (tag.key()?, tag.value().unwrap_or_default());
                Some((key.to_owned(), value.to_owned()))
            });
            groups.push(Group {
                name: group
                    .auto_scaling_group_name()
                    .unwrap_or_default()
                    .to_owned(),
                tags: tags.collect(),
                brake: false,
            });
        }
    }
    Ok(groups)
}

/// A subnet.
pub(super) async fn subnet(clients: &Clients, id: &str) -> Result<Part> {
    let found = clients.ec2.describe_subnets().subnet_ids(id).send().await;
    let found = found.with_context(|| format!("DescribeSubnets {id}"))?;
    let subnet = found.subnets().first().context("no subnet")?;
    Ok(part(
        id,
        subnet.owner_id(),
        subnet.vpc_id(),
        subnet.tags(),
        &clients.account,
    ))
}

/// A security group.
pub(super) async fn security_group(clients: &Clients, id: &str) -> Result<Part> {
    let call = clients.ec2.describe_security_groups().group_ids(id);
    let found = call.send().await;
    let found = found.with_context(|| format!("DescribeSecurityGroups {id}"))?;
    let group = found.security_groups().first().context("no group")?;
    Ok(part(
        id,
        group.owner_id(),
        group.vpc_id(),
        group.tags(),
        &clients.account,
    ))
}

fn part(id: &str, owner: Option<&str>, vpc: Option<&str>, tags: &[Tag], account: &str) -> Part {
    let tags = tags.iter().filter_map(|tag| {
        let (key, value) = (tag.key()?, tag.value().unwrap_or_default());
        Some((key.to_owned(), value.to_owned()))
    });
    Part {
        id: id.to_owned(),
        owner: owner.unwrap_or(account).to_owned(),
        vpc: vpc.unwrap_or_default().to_owned(),
        tags: tags.collect(),
    }
}
