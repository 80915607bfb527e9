//! The roles that the CDK app gives to the functions, the state machines and the rules, in the fake
//! AWS.
//!
//! `tests/fixtures/roles` holds the roles of one configuration as they are synthesised; `npm run
//! generate` in `cdk/` writes them. Its profiles select the groups of the scenes, and name one
//! subnet and one security group. A scene has others: each statement about the one names those of
//! the scene instead, as the CDK names every subnet and security group of a profile.
//!
//! With a `networkLimit`, one role is another, and with `autoScalingGroupNamePatterns` those are that
//! complete hooks or pause groups. `limited-by-vpc.json`, `limited-by-tag.json` and `limited-by-names.json`
//! hold what differs. `traffic.json` and `traffic-of-others.json` hold the roles of the traffic stack.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use anyhow::{Context as _, Result, anyhow};
use hookline_domain::deployment::Deployment;
use hookline_local::LocalAws;
use hookline_local::iam::{Stack, TemplateRoles};
use serde_json::{Map, Value, json};

use crate::scene::Scene;

/// The template, reduced to what says who may do what.
const TEMPLATE: &str = include_str!("../../fixtures/roles/template.json");
const LIMITED_BY_VPC: &str = include_str!("../../fixtures/roles/limited-by-vpc.json");
const LIMITED_BY_TAG: &str = include_str!("../../fixtures/roles/limited-by-tag.json");
const LIMITED_BY_NAMES: &str = include_str!("../../fixtures/roles/limited-by-names.json");
const CONFIGURATION: &str = include_str!("../../fixtures/roles/hookline.config.json");
const TRAFFIC: &str = include_str!("../../fixtures/roles/traffic.json");
const TRAFFIC_OF_OTHERS: &str = include_str!("../../fixtures/roles/traffic-of-others.json");
/// The name of the stack, which is the prefix of the names of its functions and state machines, and
/// so the name of the deployment. In the fake AWS the functions are without it.
pub const STACK: &str = "hookline";
/// The account that shares subnets with the fixture's account.
pub const NETWORK_OWNER: &str = "210987654321";
/// The subnet of the fixture.
const SUBNET: &str = "subnet-00000000000000001";
/// The security group of the fixture.
const SECURITY_GROUP: &str = "sg-00000000000000001";

/// The VPC of the fixture, with a limit by VPC.
const VPC: &str = "vpc-00000000000000001";
/// The tag of the fixture's subnets and security groups, with a limit by tag.
pub const NETWORK_TAG: (&str, &str) = ("hookline-networks", "nodes");

/// How the configuration limits what the roles may use: the subnets and the security groups in which
/// interfaces may be created, and the groups whose hooks may be completed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RoleLimit {
    /// To the networks of the profiles, by their ids, and to the groups that carry the tags of a selector.
    #[default]
    Ids,
    /// `networkLimit.vpcIds`.
    Vpc,
    /// `networkLimit.tag`.
    Tag,
    /// `autoScalingGroupNamePatterns`, for the groups of profiles that select by tags.
    Names,
}

impl RoleLimit {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Ids, Self::Vpc, Self::Tag, Self::Names];

    /// The resources of the template that are others than with [`RoleLimit::Ids`].
    fn changed(self) -> Option<&'static str> {
        match self {
            Self::Ids => None,
            Self::Vpc => Some(LIMITED_BY_VPC),
            Self::Tag => Some(LIMITED_BY_TAG),
            Self::Names => Some(LIMITED_BY_NAMES),
        }
    }
}

/// What the traffic stack of the fixture reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traffic {
    /// A VPC, whose flow logs it makes, and one cluster.
    Own,
    /// Flow logs in another owner's bucket, with a key; a cluster of another account, too. The function
    /// that lists pods is in a VPC.
    OfOthers,
}

impl Traffic {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Own, Self::OfOthers];
}

/// The deployment of the fixture.
///
/// # Panics
/// Never: its name is a constant.
#[must_use]
pub fn deployment() -> Deployment {
    Deployment::read(STACK).unwrap_or_else(|error| unreachable!("{error}"))
}

/// The roles of the fixture in a partition.
///
/// # Errors
/// If the template cannot be read.
pub fn in_partition(partition: &str, limit: RoleLimit) -> Result<TemplateRoles> {
    let mut resources = read(TEMPLATE)?;
    if let Some(changed) = limit.changed() {
        resources.extend(read(changed)?);
    }
    let template = json!({ "Resources": resources });
    TemplateRoles::read(&template, &stack(STACK, partition)).context("tests/fixtures/roles")
}

/// The template of the fixture as CloudFormation has it, with the stack's own names.
///
/// # Errors
/// If it cannot be read.
pub(crate) fn template(limit: RoleLimit) -> Result<Value> {
    let read = |file| serde_json::from_str::<Value>(file).context("tests/fixtures/roles");
    let mut template = read(TEMPLATE)?;
    let changed = limit.changed().map(read).transpose()?;
    let changed = changed.as_ref().and_then(|it| it["Resources"].as_object());
    for (id, resource) in changed.into_iter().flatten() {
        template["Resources"][id] = resource.clone();
    }
    Ok(template)
}

/// The configuration of the fixture.
///
/// # Errors
/// If it cannot be read.
pub(crate) fn configuration() -> Result<Value> {
    serde_json::from_str(CONFIGURATION).context("tests/fixtures/roles")
}

/// The roles of the fixture, with the stack's own names, and with the subnets and the security group of a
/// scene.
///
/// # Errors
/// If the template cannot be read.
pub(crate) fn as_deployed(scene: &Scene, limit: RoleLimit) -> Result<TemplateRoles> {
    let roles = TemplateRoles::read(&template(limit)?, &stack(STACK, "aws"));
    let mut roles = roles.context("tests/fixtures/roles")?;
    name_networks(&mut roles, scene, &Value::Null)?;
    Ok(roles)
}

/// The template of the traffic stack of the fixture, and where it is deployed.
///
/// # Errors
/// If it cannot be read.
pub(crate) fn traffic_template(traffic: Traffic) -> Result<(Value, Stack)> {
    let template = match traffic {
        Traffic::Own => TRAFFIC,
        Traffic::OfOthers => TRAFFIC_OF_OTHERS,
    };
    let template = serde_json::from_str(template).context("tests/fixtures/roles")?;
    Ok((template, stack(&format!("{STACK}-traffic"), "aws")))
}

/// The roles of the traffic stack of the fixture. Functions, state machines and schedules are known by
/// their names without the prefix.
///
/// # Errors
/// If the template cannot be read.
pub fn of_traffic(traffic: Traffic) -> Result<TemplateRoles> {
    let (template, stack) = traffic_template(traffic)?;
    let mut roles = TemplateRoles::read(&template, &stack).context("tests/fixtures/roles")?;
    for names in [
        &mut roles.functions,
        &mut roles.state_machines,
        &mut roles.schedules,
    ] {
        let prefix = format!("{STACK}-");
        let short = |name: &str| name.strip_prefix(&prefix).unwrap_or(name).to_owned();
        let named = std::mem::take(names).into_iter();
        *names = named.map(|(name, role)| (short(&name), role)).collect();
    }
    Ok(roles)
}

pub(crate) fn stack(name: &str, partition: &str) -> Stack {
    Stack {
        name: name.to_owned(),
        partition: partition.to_owned(),
        region: "us-west-2".to_owned(),
        account: "123456789012".to_owned(),
    }
}

/// The resources of a file of the fixture.
fn read(file: &str) -> Result<Map<String, Value>> {
    // Only names of their own begin so. Names that CloudFormation makes get the prefix again.
    let text = file.replace(&format!("\"{STACK}-"), "\"");
    let mut template: Value = serde_json::from_str(&text).context("tests/fixtures/roles")?;
    serde_json::from_value(template["Resources"].take()).context("tests/fixtures/roles")
}

/// The roles of the fixture without a limit, read once, or why they cannot be read.
fn fixture() -> Result<&'static TemplateRoles> {
    static ROLES: LazyLock<Result<TemplateRoles>> =
        LazyLock::new(|| in_partition("aws", RoleLimit::Ids));
    ROLES.as_ref().map_err(|error| anyhow!("{error:#}"))
}

/// The ARN of a function's role.
#[must_use]
pub fn of_function(name: &str) -> Option<String> {
    fixture().ok()?.functions.get(name).cloned()
}

/// The ARN of a state machine's role. A machine that is not deployed by the app, such as one of an
/// older release, has that of `launch-node`.
#[must_use]
pub fn of_state_machine(name: &str) -> Option<String> {
    let machines = &fixture().ok()?.state_machines;
    machines.get(name).or(machines.get("launch-node")).cloned()
}

/// The ARN of the role with which a rule starts a state machine.
#[must_use]
pub fn of_rule_for(state_machine_arn: &str) -> Option<String> {
    let name = state_machine_arn.rsplit(':').next()?;
    let starters = &fixture().ok()?.starters;
    starters.get(name).or(starters.get("launch-node")).cloned()
}

/// The ARN of a role with a policy for people: `look`, `operate` or `repair`.
#[must_use]
pub fn of_person(policy: &str) -> Option<String> {
    person(fixture().ok()?, policy).cloned()
}

/// The name of the rule that may invoke `reconcile`, by a part of it: `Schedule` or `Ended`.
#[must_use]
pub fn rule_of_reconcile(part: &str) -> Option<String> {
    let permissions = &fixture().ok()?.invoke_permissions;
    permissions.iter().find_map(|permission| {
        let (_, name) = permission.source_arn.split_once(":rule/")?;
        name.contains(&format!("ReconcileRules{part}"))
            .then(|| name.to_owned())
    })
}

/// The roles with the VPC, the subnets and the security group of a scene, and of a profile that has
/// more.
///
/// # Errors
/// If the template cannot be read.
pub fn of_scene(scene: &Scene, profile: &Value, limit: RoleLimit) -> Result<TemplateRoles> {
    let mut roles = match limit {
        RoleLimit::Ids => fixture()?.clone(),
        limit => in_partition("aws", limit)?,
    };
    name_networks(&mut roles, scene, profile)?;
    Ok(roles)
}

/// Names the VPC, the subnets and the security group of a scene, and of a profile that has more, in the
/// place of the fixture's.
fn name_networks(roles: &mut TemplateRoles, scene: &Scene, profile: &Value) -> Result<()> {
    let slots = profile["slots"].as_array().into_iter().flatten();
    let of_profile = slots.flat_map(|slot| slot["subnetIds"].as_array().into_iter().flatten());
    let subnets: BTreeSet<&str> = scene
        .networks
        .iter()
        .flat_map(|network| &network.subnets)
        .map(String::as_str)
        .chain(of_profile.filter_map(Value::as_str))
        .collect();
    let subnets: Vec<&str> = subnets.into_iter().collect();
    for documents in roles.documents.values_mut() {
        for document in documents {
            name_each(document, SUBNET, &subnets);
            name_each(document, SECURITY_GROUP, &[&scene.security_group]);
            let of_scene = document.to_string().replace(VPC, &scene.vpc);
            *document = serde_json::from_str(&of_scene)?;
        }
    }
    Ok(())
}

/// Replaces each resource that names the placeholder by one for each id.
fn name_each(document: &mut Value, placeholder: &str, ids: &[&str]) {
    let statements = document.get_mut("Statement").and_then(Value::as_array_mut);
    for statement in statements.into_iter().flatten() {
        let Some(resources) = statement.get_mut("Resource") else {
            continue;
        };
        if !resources.to_string().contains(placeholder) {
            continue;
        }
        let resources = resources.take();
        let resources = match resources {
            Value::Array(resources) => resources,
            one => vec![one],
        };
        let named = resources
            .into_iter()
            .flat_map(|resource| match resource.as_str() {
                Some(arn) if arn.contains(placeholder) => ids
                    .iter()
                    .map(|id| arn.replace(placeholder, id).into())
                    .collect(),
                _ => vec![resource],
            });
        let mut named: Vec<Value> = named.collect();
        // A statement needs a resource: without subnets there is nothing to create.
        if named.is_empty() {
            named.push(format!("arn:aws:ec2:us-west-2:123456789012:none/{placeholder}").into());
        }
        if let Some(resource) = statement.get_mut("Resource") {
            *resource = Value::Array(named);
        }
    }
}

/// The ARN of the role with a policy for people, among these roles.
pub(crate) fn person<'a>(roles: &'a TemplateRoles, policy: &str) -> Option<&'a String> {
    let mut people = roles.unattached.iter();
    people.find_map(|(id, role)| id.to_lowercase().contains(policy).then_some(role))
}

/// Gives the roles of a scene to the fake AWS. From now on, the calls of functions, state machines
/// and rules are authorised.
///
/// # Errors
/// If the template cannot be read, or has a policy that cannot be evaluated.
pub fn put(local: &LocalAws, scene: &Scene) -> Result<()> {
    put_for_profile(local, scene, &Value::Null)
}

/// The same for a profile with other subnets, as an update of the app does.
///
/// # Errors
/// As [`put`].
pub fn put_for_profile(local: &LocalAws, scene: &Scene, profile: &Value) -> Result<()> {
    give(local, of_scene(scene, profile, RoleLimit::Ids)?)
}

/// Gives roles to the fake AWS.
///
/// # Errors
/// If one has a policy that cannot be evaluated.
pub fn give(local: &LocalAws, roles: TemplateRoles) -> Result<()> {
    for role in roles.roles()? {
        local.iam().put_role(role);
    }
    for permission in roles.invoke_permissions {
        local.iam().add_permission(permission);
    }
    for (arn, document) in roles.trust {
        local.iam().put_trust(arn, document);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::permissions::of_programs;

    #[test]
    fn every_function_and_state_machine_has_a_role_of_its_own() -> Result<()> {
        let roles = in_partition("aws", RoleLimit::Ids)?;
        let mut arns = Vec::new();
        for name in of_programs()?.keys() {
            let role = roles.functions.get(name).or(roles.state_machines.get(name));
            arns.push(role.with_context(|| format!("{name} has no role"))?);
        }
        let count = arns.len();
        arns.sort();
        arns.dedup();
        assert_eq!(arns.len(), count);
        for rule in ["Schedule", "Ended"] {
            assert!(rule_of_reconcile(rule).is_some(), "{rule}");
        }
        Ok(())
    }

    #[test]
    fn roles_name_no_partition() -> Result<()> {
        let partitions = ["aws", "aws-cn", "aws-us-gov"].into_iter();
        for (partition, limit) in
            partitions.flat_map(|one| RoleLimit::ALL.map(|limit| (one, limit)))
        {
            let roles = in_partition(partition, limit)?;
            assert_eq!(roles.roles()?.len(), roles.documents.len());
            let text = serde_json::to_string(&roles.documents)?;
            for (at, _) in text.match_indices("arn:") {
                let arn = text.get(at..).unwrap_or_default();
                assert!(arn.starts_with(&format!("arn:{partition}:")), "{:.80}", arn);
            }
        }
        Ok(())
    }
}
