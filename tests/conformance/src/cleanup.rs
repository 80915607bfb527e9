//! Removes what runs have made: one run's, or every run's, found by the tag and the names.
//!
//! It looks again and again until nothing is found, because a listing may not show yet what a
//! killed run made last, and because one thing holds another: a subnet is deleted after its
//! interfaces, and those after their instance.

use anyhow::{Context as _, Result, ensure};
use aws_sdk_ec2::types::{Filter, InstanceStateName, Tag};

use crate::clients::{Clients, refusal};
use crate::run::is_id;
use crate::stage::{NAME, TAG, filter};
use crate::wait::{LATER, until};

/// Which runs, and whether their VPCs too.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    run: Option<&'a str>,
    with_vpcs: bool,
}

impl<'a> Scope<'a> {
    /// The run with this id.
    #[must_use]
    pub const fn run(id: &'a str) -> Self {
        Self {
            run: Some(id),
            with_vpcs: false,
        }
    }

    /// Every run in the account and Region: what has the id of a run as the value of the tag or in
    /// its name. Another value or name is somebody's own.
    #[must_use]
    pub const fn every_run() -> Self {
        Self {
            run: None,
            with_vpcs: false,
        }
    }

    /// The same, with VPCs or without. A run makes one on a fake AWS only.
    #[must_use]
    pub const fn with_vpcs(self, with_vpcs: bool) -> Self {
        Self { with_vpcs, ..self }
    }

    fn filter(self) -> Filter {
        match self.run {
            Some(run) => filter(&format!("tag:{TAG}"), &[run]),
            None => filter("tag-key", &[TAG]),
        }
    }

    fn has(self, run: &str) -> bool {
        match self.run {
            Some(wanted) => run == wanted,
            None => is_id(run),
        }
    }
}

/// What is left of runs, a line for each thing: its kind and id, its run, and its name if it has
/// the tag `Name`, which no run sets.
///
/// # Errors
/// If a call fails.
pub async fn left(clients: &Clients, scope: Scope<'_>) -> Result<Vec<String>> {
    let mut refused = Vec::new();
    let found = find(clients, scope, &mut refused).await;
    ensure!(refused.is_empty(), "refused: {}", refused.join(", "));
    Ok(found.iter().map(Thing::line).collect())
}

/// Removes everything, and waits until it is gone. A call that fails is made again.
///
/// # Errors
/// If something is still there in the end, or could not be looked for.
pub async fn remove(clients: &Clients, scope: Scope<'_>) -> Result<()> {
    let (mut left, mut refused) = (Vec::new(), Vec::new());
    let mut empty = 0;
    let removed = until(LATER, "everything to be removed", async || {
        refused.clear();
        let found = find(clients, scope, &mut refused).await;
        left = found.iter().map(Thing::line).collect();
        if found.is_empty() && refused.is_empty() {
            empty += 1;
            // A call that was under way when the run was stopped may have made one thing more.
            return Ok((empty > 2).then_some(()));
        }
        empty = 0;
        for thing in &found {
            if let Err(error) = thing.remove(clients).await {
                refused.push(format!("{}: {error:#}", thing.id));
            }
        }
        Ok(None)
    })
    .await;
    removed.with_context(|| format!("left: {}; refused: {}", left.join(", "), refused.join(", ")))
}

/// The kinds of things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Group,
    Instance,
    Interface,
    LaunchTemplate,
    Rule,
    Queue,
    Subnet,
    SecurityGroup,
    Vpc,
}

/// A thing to remove.
#[derive(Clone, Debug)]
struct Thing {
    kind: Kind,
    /// Its id, name or URL.
    id: String,
    /// The run that made it.
    run: String,
    /// The value of its tag `Name`.
    name: Option<String>,
    /// Whether it is an instance that ends by itself now.
    is_ending: bool,
}

/// The things of a kind in all pages of a Describe call of EC2, as a result.
macro_rules! described {
    ($scope:expr, $kind:expr, $call:expr, $list:ident, $id:ident, $tags:ident) => {
        async {
            let mut things = Vec::new();
            let mut pages = $call.filters($scope.filter()).into_paginator().send();
            while let Some(page) = pages.next().await {
                let page = page.context(concat!("describe ", stringify!($list)))?;
                let things_of_page = page.$list().iter();
                things.extend(
                    things_of_page
                        .filter_map(|it| Thing::tagged($scope, $kind, it.$id(), it.$tags())),
                );
            }
            anyhow::Ok(things)
        }
        .await
    };
}

/// What there is to remove, in the order of its removal. Notes what could not be looked for.
async fn find(clients: &Clients, scope: Scope<'_>, refused: &mut Vec<String>) -> Vec<Thing> {
    let ec2 = &clients.ec2;
    let vpcs = match scope.with_vpcs {
        true => described!(scope, Kind::Vpc, ec2.describe_vpcs(), vpcs, vpc_id, tags),
        false => Ok(Vec::new()),
    };
    let kinds = [
        groups(clients, scope).await,
        instances(clients, scope).await,
        described!(
            scope,
            Kind::Interface,
            ec2.describe_network_interfaces(),
            network_interfaces,
            network_interface_id,
            tag_set
        ),
        described!(
            scope,
            Kind::LaunchTemplate,
            ec2.describe_launch_templates(),
            launch_templates,
            launch_template_id,
            tags
        ),
        rules(clients, scope).await,
        queues(clients, scope).await,
        described!(
            scope,
            Kind::Subnet,
            ec2.describe_subnets(),
            subnets,
            subnet_id,
            tags
        ),
        described!(
            scope,
            Kind::SecurityGroup,
            ec2.describe_security_groups(),
            security_groups,
            group_id,
            tags
        ),
        vpcs,
    ];
    let mut found = Vec::new();
    for kind in kinds {
        match kind {
            Ok(things) => found.extend(things),
            Err(error) => refused.push(format!("{error:#}")),
        }
    }
    found
}

async fn groups(clients: &Clients, scope: Scope<'_>) -> Result<Vec<Thing>> {
    let mut things = Vec::new();
    let call = clients.autoscaling.describe_auto_scaling_groups();
    let mut pages = call.into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.context("DescribeAutoScalingGroups")?;
        let names = page.auto_scaling_groups().iter();
        let names = names.filter_map(|it| it.auto_scaling_group_name());
        things.extend(names.filter_map(|name| Thing::named(scope, Kind::Group, name)));
    }
    Ok(things)
}

async fn instances(clients: &Clients, scope: Scope<'_>) -> Result<Vec<Thing>> {
    let running = filter(
        "instance-state-name",
        &["pending", "running", "shutting-down", "stopping", "stopped"],
    );
    let mut things = Vec::new();
    let call = clients.ec2.describe_instances().filters(scope.filter());
    let mut pages = call.filters(running).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.context("DescribeInstances")?;
        for instance in page.reservations().iter().flat_map(|of| of.instances()) {
            let state = instance.state().and_then(|state| state.name());
            let thing = Thing::tagged(
                scope,
                Kind::Instance,
                instance.instance_id(),
                instance.tags(),
            );
            things.extend(thing.map(|thing| Thing {
                is_ending: state == Some(&InstanceStateName::ShuttingDown),
                ..thing
            }));
        }
    }
    Ok(things)
}

async fn rules(clients: &Clients, scope: Scope<'_>) -> Result<Vec<Thing>> {
    let rules = clients.events.list_rules().name_prefix(NAME).send().await;
    let rules = rules.context("ListRules")?;
    let names = rules.rules().iter().filter_map(|rule| rule.name());
    Ok(names
        .filter_map(|name| Thing::named(scope, Kind::Rule, name))
        .collect())
}

async fn queues(clients: &Clients, scope: Scope<'_>) -> Result<Vec<Thing>> {
    let queues = clients.sqs.list_queues().queue_name_prefix(NAME).send();
    let queues = queues.await.context("ListQueues")?;
    let things = queues.queue_urls().iter().filter_map(|url| {
        let name = url.rsplit('/').next()?;
        let thing = Thing::named(scope, Kind::Queue, name)?;
        Some(Thing {
            id: url.clone(),
            ..thing
        })
    });
    Ok(things.collect())
}

impl Thing {
    /// A thing of EC2, if its tag has a run of the scope.
    fn tagged(scope: Scope<'_>, kind: Kind, id: Option<&str>, tags: &[Tag]) -> Option<Self> {
        let value = |key: &str| tags.iter().find(|tag| tag.key() == Some(key))?.value();
        let run = value(TAG).filter(|run| scope.has(run))?;
        Some(Self {
            kind,
            id: id?.to_owned(),
            run: run.to_owned(),
            name: value("Name").map(str::to_owned),
            is_ending: false,
        })
    }

    /// A thing with a name, if this has a run of the scope.
    fn named(scope: Scope<'_>, kind: Kind, name: &str) -> Option<Self> {
        let run = name.strip_prefix(NAME).filter(|run| scope.has(run))?;
        Some(Self {
            kind,
            id: name.to_owned(),
            run: run.to_owned(),
            name: None,
            is_ending: false,
        })
    }

    fn line(&self) -> String {
        let kind = match self.kind {
            Kind::Group => "Auto Scaling group",
            Kind::Instance => "instance",
            Kind::Interface => "interface",
            Kind::LaunchTemplate => "launch template",
            Kind::Rule => "rule",
            Kind::Queue => "queue",
            Kind::Subnet => "subnet",
            Kind::SecurityGroup => "security group",
            Kind::Vpc => "VPC",
        };
        let name = self.name.as_ref();
        let name = name.map_or_else(String::new, |name| format!(", Name {name}"));
        format!("{kind} {} of run {}{name}", self.id, self.run)
    }

    /// Asks for its removal. Fails if that is refused, as it is as long as another thing holds this
    /// one.
    async fn remove(&self, clients: &Clients) -> Result<()> {
        let (ec2, id) = (&clients.ec2, self.id.as_str());
        let answer = match self.kind {
            Kind::Group => {
                let call = clients.autoscaling.delete_auto_scaling_group();
                let call = call.auto_scaling_group_name(id).force_delete(true);
                refusal(call.send().await)
            }
            Kind::Instance if self.is_ending => return Ok(()),
            Kind::Instance => refusal(ec2.terminate_instances().instance_ids(id).send().await),
            Kind::Interface => {
                // One that is attached goes with its instance, or is deleted once that has ended.
                let call = ec2.delete_network_interface().network_interface_id(id);
                refusal(call.send().await)
            }
            Kind::LaunchTemplate => {
                let call = ec2.delete_launch_template().launch_template_id(id);
                refusal(call.send().await)
            }
            Kind::Rule => {
                let targets = clients.events.list_targets_by_rule().rule(id);
                let targets = targets.send().await.context("ListTargetsByRule")?;
                let targets: Vec<String> =
                    targets.targets().iter().map(|it| it.id.clone()).collect();
                if !targets.is_empty() {
                    let call = clients.events.remove_targets().rule(id);
                    let call = call.set_ids(Some(targets)).send().await;
                    call.context("RemoveTargets")?;
                }
                refusal(clients.events.delete_rule().name(id).send().await)
            }
            Kind::Queue => refusal(clients.sqs.delete_queue().queue_url(id).send().await),
            // A subnet's CIDR reservations go with it.
            Kind::Subnet => refusal(ec2.delete_subnet().subnet_id(id).send().await),
            Kind::SecurityGroup => refusal(ec2.delete_security_group().group_id(id).send().await),
            Kind::Vpc => refusal(ec2.delete_vpc().vpc_id(id).send().await),
        }?;
        ensure!(answer.code.is_none(), "{}", answer.error());
        Ok(())
    }
}
