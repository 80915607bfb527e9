//! What was observed of an account beside a configuration: before a launch, not of one.

use std::collections::{BTreeMap, BTreeSet};

use hookline_domain::ids::{SecurityGroupId, SubnetId};
use hookline_domain::instance_type::InstanceTypeLimits;
use hookline_domain::profile::{Profile, Selector, TokenBucket};
use hookline_domain::reconcile::ProfileInput;
use hookline_domain::reconcile::hooks::ExpectedHooks;
use hookline_domain::tags::facts::{CLUSTER_TAG, NODEGROUP_TAG};
use hookline_user_data::OnNode;
use ipnet::IpNet;

use super::deployment::Deployment;
use super::function::{Function, FunctionRef};
use super::group::{Group, Hook};
use super::network::{SeenInterface, SeenSubnet};
use super::role::SeenRole;
use super::rule::Rule;
use super::stack::UnknownNetwork;
use super::template::{Template, TemplateRef};
use super::uncovered::Uncovered;

/// A node group of a configuration, with what its nodes do with each network's interface.
#[derive(Clone, Debug, Default)]
pub(crate) struct WantedNodes {
    /// Its name.
    pub(crate) name: String,
    /// Its cluster, if the configuration names it.
    pub(crate) cluster: Option<String>,
    /// Its profile.
    pub(crate) profile: String,
    /// By the network's name.
    pub(crate) networks: BTreeMap<String, OnNode>,
}

impl WantedNodes {
    /// Whether this is its Auto Scaling group. That of a self-managed group has its name
    /// (`cdk/lib/nodegroup/multus-node-group.ts`). EKS gives that of a managed one another, and tags
    /// it (EKS User Guide, "Tag your Amazon EKS resources").
    pub(crate) fn has(&self, group: &Group) -> bool {
        let is = |tag: &str, value: &String| group.tags.get(tag) == Some(value);
        group.name == self.name
            || is(NODEGROUP_TAG, &self.name)
                && self.cluster.as_ref().is_none_or(|it| is(CLUSTER_TAG, it))
    }
}

/// What was observed. What is `None` could not be looked at, and [`Account::could_not_look`] says
/// why.
#[derive(Clone, Debug, Default)]
pub(crate) struct Account {
    /// The deployment; `None` before the first one.
    pub(crate) deployment: Option<Deployment>,
    /// The other rules of the Region that match launches, with their targets.
    pub(crate) others: Vec<Rule>,
    /// The profiles to check.
    pub(crate) profiles: Vec<ProfileInput>,
    /// Whether the profiles are those that are deployed. Otherwise they are of a file.
    pub(crate) deployed: bool,
    /// The hooks that a deployment of the file puts: the profile's name and the group's.
    pub(crate) to_be_put: Vec<(String, Option<String>)>,
    /// What the node groups of a configuration do with each network's interface.
    pub(crate) to_be_on_nodes: Vec<WantedNodes>,
    /// The account that a configuration names for its stack.
    pub(crate) of_configuration: Option<String>,
    /// Those that a configuration lists in `networkOwnerAccounts`; `None` where no configuration
    /// was given.
    pub(crate) network_owners: Option<BTreeSet<String>>,
    /// The network of a configuration, if its stack does not tell every id that the profiles take
    /// from it.
    pub(crate) unknown_network: Option<UnknownNetwork>,
    /// The groups of the profiles.
    pub(crate) groups: Vec<Group>,
    /// Other groups of the Region in which launches wait.
    pub(crate) uncovered: Uncovered,
    /// The launch hooks of each group.
    pub(crate) hooks: BTreeMap<String, Vec<Hook>>,
    /// The launch templates of the groups; `None`: EC2 does not have it.
    pub(crate) templates: BTreeMap<TemplateRef, Option<Template>>,
    /// The limits of instance types; `None`: EC2 does not know the type.
    pub(crate) limits: BTreeMap<String, Option<InstanceTypeLimits>>,
    /// Those of the profiles' subnets that exist.
    pub(crate) subnets: Option<BTreeMap<SubnetId, SeenSubnet>>,
    /// Those in which the groups launch their nodes, as far as they could be looked at.
    pub(crate) node_subnets: BTreeMap<SubnetId, SeenSubnet>,
    /// The CIDR reservations of the profiles' subnets in the groups' Availability Zones.
    pub(crate) reservations: BTreeMap<SubnetId, Vec<Reservation>>,
    /// Those of the profiles' security groups that exist, each with its VPC.
    pub(crate) security_groups: Option<BTreeMap<SecurityGroupId, String>>,
    /// All interfaces of the Region.
    pub(crate) interfaces: Option<Vec<SeenInterface>>,
    /// How many interfaces the Region may have.
    pub(crate) interface_quota: Option<u64>,
    /// How fast executions of Step Functions start.
    pub(crate) start_execution: Option<TokenBucket>,
    pub(crate) concurrency: Option<Concurrency>,
    /// The reserved concurrency of functions of the deployment that have one, by name.
    pub(crate) reserved: BTreeMap<String, u64>,
    /// What a configuration reserves, by the function's name without the stack's; `None` where no
    /// configuration was given.
    pub(crate) to_be_reserved: Option<BTreeMap<String, u64>>,
    /// What a configuration says of the launch hooks; `None` where no configuration was given.
    pub(crate) to_be_expected: Option<ExpectedHooks>,
    pub(crate) machine: Option<Machine>,
    /// The functions that the state machine and reconcile's rule name, with the versions that they
    /// name, and the newest code of each; `None`: there is no such function or version.
    pub(crate) functions: Option<BTreeMap<FunctionRef, Option<Function>>>,
    /// The roles of the deployment, by ARN.
    pub(crate) roles: Option<BTreeMap<String, SeenRole>>,
    pub(crate) could_not_look: Vec<CouldNotLook>,
}

/// An observation that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CouldNotLook {
    /// As IAM names it.
    pub(crate) action: String,
    /// What AWS says.
    pub(crate) reason: String,
    /// What is not checked therefore.
    pub(crate) what: String,
    /// Whether a permission is missing.
    pub(crate) denied: bool,
}

/// A CIDR reservation of a subnet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reservation {
    pub(crate) range: IpNet,
    /// Whether it is of the type `prefix`, and not `explicit`.
    pub(crate) for_prefixes: bool,
}

/// How many invocations of Lambda functions may run at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Concurrency {
    /// In the account and Region.
    pub(crate) limit: u64,
    /// Of functions without a reserved concurrency.
    pub(crate) unreserved: u64,
}

/// The state machine, by its definition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Machine {
    pub(crate) role: String,
    /// The functions that it calls.
    pub(crate) functions: Vec<FunctionRef>,
    /// How long an execution may take, in seconds.
    pub(crate) timeout_seconds: Option<i64>,
}

/// A definition that a state machine has or had.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Revision {
    /// Each update gives another one; the first definition has none (Step Functions API Reference,
    /// DescribeStateMachineForExecution).
    pub(crate) id: Option<String>,
    /// The functions that it calls.
    pub(crate) functions: BTreeSet<FunctionRef>,
}

impl Account {
    /// What is said of the launch hooks: by the configuration, or by what is deployed. A timeout
    /// that the configuration changes is not held against the hook, as the deployment puts it.
    pub(crate) fn expected_hooks(&self) -> ExpectedHooks {
        let deployed = self.deployment.as_ref().map(Deployment::expected_hooks);
        let deployed = deployed.unwrap_or_default();
        let Some(mut expected) = self.to_be_expected.clone() else {
            return deployed;
        };
        expected
            .heartbeat_seconds
            .retain(|profile, seconds| deployed.heartbeat_seconds.get(profile) == Some(seconds));
        expected
    }

    /// The account of the stack: as the configuration names it, that of the state machine, or that
    /// of a group.
    pub(crate) fn id(&self) -> Option<&str> {
        let of_machine = self.deployment.as_ref().map(|it| it.machine.account());
        // arn:aws:autoscaling:REGION:ACCOUNT:autoScalingGroup:…
        let of_group = || self.groups.first()?.arn.split(':').nth(4);
        self.of_configuration
            .as_deref()
            .or(of_machine)
            .or_else(of_group)
    }

    /// Whether an id of a profile only stands in for one that the network's stack does not tell.
    pub(crate) fn stands_in(&self, id: &str) -> bool {
        let unknown = self.unknown_network.as_ref();
        unknown.is_some_and(|it| it.placeholders.contains(id))
    }

    /// Whether every subnet of a profile is known by its id.
    pub(crate) fn knows_subnets_of(&self, profile: &Profile) -> bool {
        let mut ids = profile.subnet_ids().into_iter();
        !ids.any(|id| self.stands_in(id.as_str()))
    }

    /// The groups that a profile selects, by their names or by the tags that their instances get.
    pub(crate) fn groups_of<'a>(
        &'a self,
        selector: &'a Selector,
    ) -> impl Iterator<Item = &'a Group> {
        let groups = self.groups.iter();
        groups.filter(|group| selector.covers(&group.name, &group.tags))
    }

    /// The launch hooks of a group; `None` if they could not be looked at.
    pub(crate) fn hooks_of(&self, group: &Group) -> Option<&[Hook]> {
        self.hooks.get(&group.name).map(Vec::as_slice)
    }

    /// What a group may launch: each instance type with its launch template.
    pub(crate) fn launches_of(&self, group: &Group) -> Vec<(String, Option<&Template>)> {
        let launches = &group.launches;
        let template = |reference: Option<&TemplateRef>| {
            self.templates.get(reference?).and_then(Option::as_ref)
        };
        let own = template(launches.template.as_ref());
        let present = || {
            let types = launches.present.iter();
            types.map(|name| (name.clone(), own)).collect()
        };
        if launches.overrides.is_empty() {
            return match own {
                Some(own) if !own.by_attributes => {
                    let types = own.instance_type.iter();
                    types.map(|name| (name.clone(), Some(own))).collect()
                }
                _ => present(),
            };
        }
        let overrides = launches.overrides.iter();
        let mut found: Vec<_> = overrides
            .filter_map(|it| {
                let template = template(it.template.as_ref()).or(own);
                let name = it.instance_type.clone();
                // An override of the launch template alone has the template's own type.
                let name = name.or_else(|| template?.instance_type.clone())?;
                Some((name, template))
            })
            .collect();
        if found.is_empty() {
            found = present();
        }
        found
    }
}
