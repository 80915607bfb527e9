//! A deployment in the account, as its stack and its rules show it: the roles of its functions, state
//! machines and rules, the policies for people, and what its profiles name. It only reads.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use hookline_domain::profile::{NamingProfile, Profile, Selector};
use hookline_testkit::attacks::deployed::{Attempted, Deployed, Group, Keys};
use hookline_testkit::attacks::{Attempt, Outcomes, TrafficThings, function_of_cdk};
use hookline_testkit::permissions::PEOPLE;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::clients::Clients;
use crate::simulator::Policies;

mod networks;
mod queues;
mod stack;
mod traffic;
mod trust;

pub use queues::QueuePolicy;
use stack::Stack;
pub use trust::expected as expected_trust;

/// A deployment: of launches and naming, or of the cross-AZ traffic.
#[derive(Clone, Debug, Default)]
pub struct Deployment {
    /// What it has in the place of the things of the tables.
    pub things: Deployed,
    /// The same of a traffic stack.
    pub traffic: Option<TrafficThings>,
    /// The policy of each dead-letter queue, by whom the tables say that it is of.
    pub queues: BTreeMap<&'static str, QueuePolicy>,
    /// The trust policy of each role, by its ARN.
    pub trust: BTreeMap<String, Value>,
    /// The policies of each function, state machine, rule and policy for people, by its name in the
    /// tables.
    /// There can be several: each rule has a role of its own.
    pub policies: BTreeMap<String, Vec<Policies>>,
}

/// One of the tables, with the things of a deployment.
pub type Tried = (Attempt, Attempted);

/// The profiles of the deployment's rules.
#[derive(Debug, Default)]
struct Profiles {
    launch: Vec<Profile>,
    naming: Vec<NamingProfile>,
}

impl Deployment {
    /// Reads the deployment of a stack.
    ///
    /// # Errors
    /// If the stack is not there or is not Hookline's, or a call is refused.
    pub async fn read(clients: &Clients, stack: &str) -> Result<Self> {
        let stack = Stack::read(clients, stack).await?;
        let machines = stack.of("AWS::StepFunctions::StateMachine");
        let found = machines.iter().find_map(|(_, arn)| prefix_of(arn));
        let (prefix, partition, is_traffic) = found.with_context(|| {
            format!(
                "the stack {} has no state machine launch-node or cross-az-traffic: is it Hookline's?",
                stack.name
            )
        })?;
        let mut deployment = Self::default();
        let things = &mut deployment.things;
        things.name = prefix.to_owned();
        things.partition = partition.to_owned();
        things.region.clone_from(&clients.region);
        things.account.clone_from(&clients.account);

        deployment.read_functions(clients, &stack).await?;
        deployment.read_queues(clients, &stack).await?;
        match is_traffic {
            true => deployment.read_traffic(clients, &stack).await?,
            false => deployment.read_launches(clients, &stack).await?,
        }
        deployment.read_trust(clients).await?;
        Ok(deployment)
    }

    /// Reads what launches and naming have.
    async fn read_launches(&mut self, clients: &Clients, stack: &Stack) -> Result<()> {
        let profiles = self.read_machines(clients, stack).await?;
        self.read_people(clients, stack).await?;
        let groups = match profiles.need_groups() {
            true => networks::groups(clients).await?,
            false => Vec::new(),
        };
        let things = &mut self.things;
        let mut patterns = stack.groups_by_name();
        patterns.retain(|pattern| !profiles.names(pattern));
        things.group_patterns = patterns.into_iter().collect();
        profiles.put_into(things, &groups);
        things.hooked_cluster = stack.hooked_cluster();
        let slot = profiles.launch.iter().flat_map(|profile| {
            let slots = profile.slots.iter();
            slots.map(move |slot| (slot, profile.security_groups(slot)))
        });
        let slots: Vec<_> = slot.collect();
        let subnet = slots.iter().flat_map(|(slot, _)| &slot.subnet_ids).next();
        if let Some(id) = subnet {
            things.subnet = Some(networks::subnet(clients, id.as_str()).await?);
        }
        let group = slots.iter().flat_map(|(_, groups)| groups.iter()).next();
        if let Some(id) = group {
            things.security_group = Some(networks::security_group(clients, id.as_str()).await?);
        }
        Ok(())
    }

    /// The calls of the tables that must be allowed, or the attacks that must be denied, with the things of
    /// the deployment.
    ///
    /// # Errors
    /// If the tables cannot be built.
    pub async fn attempts(&self, are_attacks: bool) -> Result<Vec<Tried>> {
        if let Some(things) = &self.traffic {
            let wanted = things.attempts(are_attacks)?;
            return Ok(wanted
                .into_iter()
                .map(|(attempt, requests)| (attempt, Attempted::On(requests)))
                .collect());
        }
        let outcomes = Outcomes::of_all().await?;
        let wanted = match are_attacks {
            true => &outcomes.denied,
            false => &outcomes.allowed,
        };
        let tried = wanted.iter().map(|outcome| {
            let attempted = self.things.attempt(&outcomes, outcome, are_attacks);
            (outcome.attempt.clone(), attempted)
        });
        Ok(tried.collect())
    }

    /// Why the deployment need not have a role for this one of the tables.
    #[must_use]
    pub fn lacks(&self, by: &str) -> Option<&'static str> {
        match by {
            "custom resource" if self.things.hooked_cluster.is_none() => {
                Some("the stack puts no hook on a managed node group")
            }
            "name-nodes" | "name-node" | "rule of name-node" | "queue of naming"
                if self.things.naming.is_none() =>
            {
                Some("no node is named on launch")
            }
            _ => None,
        }
    }

    /// Adds policies that decide for one of the tables.
    fn add(&mut self, by: &str, policies: Policies) {
        let all = self.policies.entry(by.to_owned()).or_default();
        if !all.contains(&policies) {
            all.push(policies);
        }
    }

    /// The role of each function.
    async fn read_functions(&mut self, clients: &Clients, stack: &Stack) -> Result<()> {
        let prefix = format!("{}-", self.things.name);
        for (id, name) in stack.of("AWS::Lambda::Function") {
            let Some(by) = function_of_cdk(id).or(name.strip_prefix(&prefix)) else {
                continue;
            };
            let call = clients.lambda.get_function_configuration();
            let found = call.function_name(name).send().await;
            let found = found.with_context(|| format!("GetFunctionConfiguration {name}"))?;
            let role = found.role().context("a function without a role")?;
            self.add(by, Policies::OfRole(role.to_owned()));
        }
        Ok(())
    }

    /// The role of each state machine, and that of the rules which start it. Returns the profiles of the
    /// rules.
    async fn read_machines(&mut self, clients: &Clients, stack: &Stack) -> Result<Profiles> {
        let mut profiles = Profiles::default();
        let mut names = BTreeMap::new();
        for (_, arn) in stack.of("AWS::StepFunctions::StateMachine") {
            let call = clients.sfn.describe_state_machine();
            let found = call.state_machine_arn(arn).send().await;
            let found = found.with_context(|| format!("DescribeStateMachine {arn}"))?;
            let name = found.name().strip_prefix(&format!("{}-", self.things.name));
            let name = name.unwrap_or(found.name()).to_owned();
            self.add(&name, Policies::OfRole(found.role_arn().to_owned()));
            names.insert(arn, name);
        }
        for (_, rule) in stack.of("AWS::Events::Rule") {
            let call = clients.events.list_targets_by_rule();
            let found = call.rule(rule).send().await;
            let found = found.with_context(|| format!("ListTargetsByRule {rule}"))?;
            for target in found.targets() {
                // A target can be a version of a state machine.
                let machine = names
                    .iter()
                    .find(|(arn, _)| target.arn().starts_with(**arn));
                let (Some((_, machine)), Some(role)) = (machine, target.role_arn()) else {
                    continue;
                };
                let by = format!("rule of {machine}");
                self.add(&by, Policies::OfRole(role.to_owned()));
                let template = target.input_transformer().map(|it| it.input_template());
                let profile = template.and_then(profile_of);
                let profile = profile.with_context(|| format!("{rule} has no profile"))?;
                match machine.as_str() {
                    "name-node" => profiles.naming.push(NamingProfile::read(profile)?),
                    _ => profiles.launch.push(Profile::read(profile)?),
                }
            }
        }
        Ok(profiles)
    }

    /// The policies for people, which nobody need have.
    async fn read_people(&mut self, clients: &Clients, stack: &Stack) -> Result<()> {
        for (id, arn) in stack.of("AWS::IAM::ManagedPolicy") {
            let logical = id;
            let id = id.to_lowercase();
            let is_of = |policy: &&&str| id.contains("people") && id.contains(**policy);
            let Some(policy) = PEOPLE.iter().find(is_of) else {
                continue;
            };
            let found = clients.iam.get_policy().policy_arn(arn).send().await;
            let found = found.with_context(|| format!("GetPolicy {arn}"))?;
            let version = found.policy().and_then(|it| it.default_version_id());
            let call = clients.iam.get_policy_version().policy_arn(arn);
            let found = call.set_version_id(version.map(str::to_owned)).send().await;
            let found = found.with_context(|| format!("GetPolicyVersion {arn}"))?;
            let document = found.policy_version().and_then(|it| it.document());
            let document = document.context("a policy without a document")?;
            let document = percent_decode_str(document).decode_utf8()?.into_owned();
            self.add(policy, Policies::Documents(vec![document]));
            let actions = stack.actions(logical);
            self.things.people.insert((*policy).to_owned(), actions);
        }
        Ok(())
    }
}

/// The prefix of a deployment's names, the partition, and whether it is of the traffic, if the ARN is that of
/// its `launch-node` or `cross-az-traffic`.
fn prefix_of(arn: &str) -> Option<(&str, &str, bool)> {
    let (_, name) = arn.rsplit_once(':')?;
    let partition = arn.split(':').nth(1)?;
    match name.strip_suffix("-launch-node") {
        Some(prefix) => Some((prefix, partition, false)),
        None => Some((name.strip_suffix("-cross-az-traffic")?, partition, true)),
    }
}

/// The profile in the input template of a rule's target. The template is no JSON, as it has variables; the
/// profile is.
fn profile_of(template: &str) -> Option<Value> {
    let (_, rest) = template.split_once("\"profile\":")?;
    let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
    values.next()?.ok()
}

impl Profiles {
    /// Whether a profile selects groups by tags, so that the groups of the account tell which they are.
    fn need_groups(&self) -> bool {
        let launch = self.launch.iter().map(|profile| &profile.selector);
        let mut all = launch.chain(self.naming.iter().map(|profile| &profile.selector));
        all.any(Selector::is_by_tag)
    }

    /// Whether a profile with a hook selects a group by this name.
    fn names(&self, group: &str) -> bool {
        let mut selectors = self.launch.iter().map(|profile| &profile.selector);
        selectors.any(|selector| match selector {
            Selector::AutoScalingGroupNames(names) => names.iter().any(|name| *name == group),
            _ => false,
        })
    }

    /// The tags of groups that carry some of the tags of a selector, unless a profile selects such a group.
    fn partly(&self, group: &Group, selector: &Selector) -> [Option<Vec<(String, String)>>; 3] {
        let tags = &group.tags;
        let of_a_value = selector.tags().iter().find(|tag| tag.value.is_some());
        let others = of_a_value.map(|wanted| {
            let changed = tags.iter().map(|(key, value)| match *key == wanted.key {
                true => (key.clone(), format!("{value}-not")),
                false => (key.clone(), value.clone()),
            });
            changed.collect()
        });
        let all = [
            tags.split_last().map(|(_, rest)| rest.to_vec()),
            others,
            tags.split_first().map(|(_, rest)| rest.to_vec()),
        ];
        all.map(|tags: Option<Vec<(String, String)>>| {
            tags.filter(|tags| {
                let tags = tags.iter().cloned().collect();
                let launch = self.launch.iter().map(|profile| &profile.selector);
                let mut all = launch.chain(self.naming.iter().map(|profile| &profile.selector));
                // No selector by names selects a group of this name.
                !all.any(|selector| selector.is_by_tag() && selector.covers("", &tags))
            })
        })
    }

    /// Puts what the profiles name. `groups` are those of the account.
    fn put_into(&self, things: &mut Deployed, groups: &[Group]) {
        // Hooks that another owner completes are not touched.
        let own = || self.launch.iter().filter(|profile| profile.hook.complete);
        let by_name = own().filter(|profile| !profile.selector.is_by_tag());
        let by_name = by_name.max_by_key(|profile| profile.brake);
        things.by_name = by_name.and_then(|profile| {
            let Selector::AutoScalingGroupNames(names) = &profile.selector else {
                return None;
            };
            Some(Group {
                name: names.first()?.clone(),
                tags: Vec::new(),
                brake: profile.brake,
            })
        });
        // With patterns, no other group's hook may be completed.
        let in_reach = groups.iter().filter(|group| {
            things.group_patterns.is_empty() || things.has_pattern_for(&group.name)
        });
        let in_reach: Vec<Group> = in_reach.cloned().collect();
        let by_tags = |several: bool| {
            let mut profiles =
                own().filter(|profile| (profile.selector.tags().len() > 1) == several);
            profiles.find_map(|profile| {
                let group = selected(&profile.selector, &in_reach)?;
                let brake = profile.brake;
                Some((Group { brake, ..group }, &profile.selector))
            })
        };
        things.by_tag = by_tags(false).map(|(group, _)| group);
        if let Some((group, selector)) = by_tags(true) {
            things.partly = self.partly(&group, selector);
            things.by_tags = Some(group);
        }
        let of_launch = |group: &Group| {
            let tags = group.tags.iter().cloned().collect();
            let mut selectors = self.launch.iter().map(|profile| &profile.selector);
            selectors.any(|selector| selector.covers(&group.name, &tags))
        };
        let named_only = self.naming.iter().find_map(|profile| {
            let found = match &profile.selector {
                Selector::AutoScalingGroupNames(names) => Group {
                    name: names.first()?.clone(),
                    ..Group::default()
                },
                selector => selected(selector, groups)?,
            };
            (!of_launch(&found)).then_some(found)
        });
        things.named_only = named_only;
        things.keys = keys_of(self.launch.iter().map(|it| TagsOf {
            node: it.node_tags.keys().collect(),
            volume: it.volume_tags.keys().collect(),
            interface: it.interface_tags.keys().collect(),
            has_name: it.name_preset.is_some(),
        }));
        let naming = self.naming.iter().map(|it| TagsOf {
            node: it.node_tags.keys().collect(),
            volume: it.volume_tags.keys().collect(),
            interface: it.interface_tags.keys().collect(),
            has_name: it.name_preset.is_some(),
        });
        things.naming = (!self.naming.is_empty()).then(|| keys_of(naming));
        let taints = self
            .launch
            .iter()
            .filter_map(|it| it.startup_taint.as_ref());
        things.tainted_cluster = taints.map(|taint| taint.cluster.to_string()).next();
    }
}

/// The keys of the tags that a profile sets.
struct TagsOf<'a> {
    node: Vec<&'a String>,
    volume: Vec<&'a String>,
    interface: Vec<&'a String>,
    /// Whether it sets the tag Name of a node by a preset.
    has_name: bool,
}

/// The keys of all profiles.
fn keys_of<'a>(profiles: impl Iterator<Item = TagsOf<'a>>) -> Keys {
    let mut keys = Keys::default();
    let mut has_name = false;
    for profile in profiles {
        keys.node.extend(profile.node.into_iter().cloned());
        keys.volume.extend(profile.volume.into_iter().cloned());
        keys.interface
            .extend(profile.interface.into_iter().cloned());
        has_name |= profile.has_name;
    }
    if has_name {
        keys.node.push("Name".to_owned());
    }
    keys
}

/// The first group that a selector by tags selects, with the tags that it requires.
fn selected(selector: &Selector, groups: &[Group]) -> Option<Group> {
    let covers = |group: &&Group| {
        let tags = group.tags.iter().cloned().collect();
        selector.covers(&group.name, &tags)
    };
    let mut group = groups.iter().find(covers)?.clone();
    let required = selector.tags();
    group
        .tags
        .retain(|(key, _)| required.iter().any(|tag| tag.key == *key));
    Some(group)
}
