//! Whether the policies of the deployed roles allow what functions, state machine and rules call.
//! What only a condition denies is not seen.

use std::collections::{BTreeMap, BTreeSet};

use hookline_domain::profile::Profile;
use serde_json::{Value, json};

use super::{LISTED, parts};
use crate::judge::words::list;
use crate::judge::{Finding, Kind};
use crate::observed::account::{Account, CouldNotLook};
use crate::observed::deployment::Deployment;
use crate::observed::function::FunctionRef;
use crate::observed::role::{Role, SeenRole};

/// The actions of each function and state machine of this release.
const PERMISSIONS: &str = include_str!("../../../../functions/permissions.json");
/// The release of this command.
const RELEASE: &str = env!("CARGO_PKG_VERSION");
/// The state machine, among the names of `permissions.json`.
const MACHINE: &str = "launch-node";

/// A call that a role must allow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Need {
    action: String,
    /// A resource that it is for, by its name; empty if that shows only in a launch.
    on: String,
    /// The ARNs that the resource may have.
    arns: Vec<String>,
}

pub(super) fn findings(account: &Account) -> Vec<Finding> {
    let Some(deployment) = judged(account) else {
        return Vec::new();
    };
    let mut found = without_trust(account, deployment);
    for (arn, needs) in needs(account, deployment) {
        let role = account.roles.as_ref().and_then(|roles| roles.get(&arn));
        let Some(SeenRole::Read(role)) = role else {
            continue;
        };
        let lacks: Vec<&Need> = needs
            .iter()
            .filter(|need| !role.allows(&need.action, &need.arns))
            .collect();
        // What is lacking may be in a policy that is not known.
        if !lacks.is_empty() && role.unknown.is_empty() {
            found.push(lacking(account, &arn, &lacks));
        }
    }
    found
}

/// The roles that the service which uses them may not assume.
fn without_trust(account: &Account, deployment: &Deployment) -> Vec<Finding> {
    let mut services: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let functions = account.functions.iter().flat_map(BTreeMap::values);
    let of_functions = functions.flatten().map(|it| (it.role.as_str(), "lambda"));
    let of_machine = account
        .machine
        .iter()
        .map(|it| (it.role.as_str(), "states"));
    let targets = deployment.rules.iter();
    let targets = targets.flat_map(|rule| rule.targets_of(&deployment.machine));
    let of_rules = targets.filter_map(|it| Some((it.role_arn.as_deref()?, "events")));
    for (role, service) in of_functions.chain(of_machine).chain(of_rules) {
        services.entry(role).or_default().insert(service);
    }
    let mut found = Vec::new();
    for (arn, services) in services {
        let role = account.roles.as_ref().and_then(|roles| roles.get(arn));
        let Some(SeenRole::Read(role)) = role else {
            continue;
        };
        let lacks = services.into_iter().filter(|service| !role.trusts(service));
        found.extend(lacks.map(|service| lacking_trust(account, arn, role, service)));
    }
    found
}

fn lacking_trust(account: &Account, arn: &str, role: &Role, service: &str) -> Finding {
    let users = parts::users(account, arn);
    let principal = format!("{service}.amazonaws.com");
    let statement = json!({
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": principal},
    });
    // UpdateAssumeRolePolicy replaces the document (IAM API Reference).
    let before = match role.trust.as_ref().and_then(|it| it.get("Statement")) {
        Some(Value::Array(list)) => list.clone(),
        Some(one) => vec![one.clone()],
        None => Vec::new(),
    };
    let statements: Vec<Value> = before.into_iter().chain([statement]).collect();
    let document = json!({"Version": "2012-10-17", "Statement": statements});
    let name = arn.rsplit('/').next().unwrap_or(arn);
    Finding::new(
        Kind::RoleLacksTrust,
        format!(
            "The trust policy of the role of {} does not let {principal} assume it.",
            list(&users, LISTED)
        ),
    )
    .about([arn])
    .at(format!("the trust policy of {arn}"))
    .say("A deployment does not put it back if CloudFormation sees no change. Add the service; if a statement denies it, remove that:")
    .run([
        "aws",
        "iam",
        "update-assume-role-policy",
        "--role-name",
        name,
        "--policy-document",
        &document.to_string(),
    ])
}

/// Roles of which too little is known.
pub(super) fn notes(account: &Account) -> Vec<String> {
    let mut notes = Vec::new();
    if !account.deployed || account.deployment.is_none() {
        return notes;
    }
    if let Some(release) = other_release(account) {
        notes.push(format!(
            "The policies of the roles are not checked: what is deployed is of the release {release}, and this command of {RELEASE}."
        ));
        return notes;
    }
    // Otherwise it is told that none could be read.
    let denied = |it: &CouldNotLook| it.action == "iam:GetAccountAuthorizationDetails";
    let all_denied = account.could_not_look.iter().any(denied);
    for (arn, role) in account.roles.iter().flatten() {
        match role {
            SeenRole::Unread if !all_denied => notes.push(format!(
                "The policies of {arn} are not checked: the account has more roles than were read."
            )),
            SeenRole::Read(role) if !role.unknown.is_empty() => notes.push(format!(
                "The policies of {arn} are checked without {}, whose statements were not read: a permission that the others lack is not told.",
                list(&role.unknown, LISTED)
            )),
            _ => {}
        }
    }
    notes
}

/// The deployment, if its roles can be judged: it is what is checked, and of this release.
fn judged(account: &Account) -> Option<&Deployment> {
    let deployment = account.deployment.as_ref().filter(|_| account.deployed)?;
    other_release(account).is_none().then_some(deployment)
}

/// A release of the functions that is another than this one.
fn other_release(account: &Account) -> Option<&str> {
    let functions = account.functions.iter().flat_map(BTreeMap::values);
    let mut releases = functions.flatten().filter_map(|it| it.release.as_deref());
    releases.find(|release| *release != RELEASE)
}

/// What each role must allow, by its ARN.
fn needs(account: &Account, deployment: &Deployment) -> BTreeMap<String, BTreeSet<Need>> {
    let permissions: BTreeMap<String, Vec<String>> =
        serde_json::from_str(PERMISSIONS).unwrap_or_default();
    let mut needs: BTreeMap<String, BTreeSet<Need>> = BTreeMap::new();
    let mut of = |role: &str, name: &str| {
        let actions = permissions.get(name).into_iter().flatten();
        let actions = actions.filter(|action| is_needed(deployment, name, action));
        let all = actions.flat_map(|action| on_resources(account, deployment, action));
        needs.entry(role.to_owned()).or_default().extend(all);
    };
    for name in permissions.keys().filter(|name| *name != MACHINE) {
        let reference = FunctionRef::new(&deployment.function(name), None);
        let function = account
            .functions
            .as_ref()
            .and_then(|all| all.get(&reference));
        if let Some(Some(function)) = function {
            of(&function.role, name);
        }
    }
    if let Some(machine) = &account.machine {
        of(&machine.role, MACHINE);
    }
    for rule in &deployment.rules {
        for target in rule.targets_of(&deployment.machine) {
            let start = Need {
                action: "states:StartExecution".to_owned(),
                on: "the state machine".to_owned(),
                arns: vec![target.arn.clone()],
            };
            if let Some(role) = &target.role_arn {
                needs.entry(role.clone()).or_default().insert(start);
            }
        }
    }
    needs
}

/// Whether the stack gives an action to a role for these profiles.
fn is_needed(deployment: &Deployment, name: &str, action: &str) -> bool {
    let mut profiles = deployment.profiles.iter().map(|input| &input.profile);
    let completes = |profile: &Profile| profile.hook.complete;
    match action {
        "autoscaling:CompleteLifecycleAction" | "autoscaling:RecordLifecycleActionHeartbeat" => {
            profiles.any(completes)
        }
        "autoscaling:SuspendProcesses" | "autoscaling:CreateOrUpdateTags" => {
            profiles.any(|profile| profile.brake)
        }
        "eks:DescribeCluster" => profiles.any(|profile| profile.startup_taint.is_some()),
        "ec2:CreateTags" if name == "tag-node" => profiles.any(|profile| {
            let tags = [
                &profile.node_tags,
                &profile.volume_tags,
                &profile.interface_tags,
            ];
            !profile.slots.is_empty()
                || profile.name_preset.is_some()
                || tags.iter().any(|tags| !tags.is_empty())
        }),
        _ => true,
    }
}

/// An action on each of the resources that it is for, as far as they are known before a launch.
fn on_resources(account: &Account, deployment: &Deployment, action: &str) -> Vec<Need> {
    let need = |on: String, arns: Vec<String>| Need {
        action: action.to_owned(),
        on,
        arns,
    };
    let machine = &deployment.machine;
    let partition = machine.arn().split(':').nth(1).unwrap_or("aws");
    let arn = |service: &str, owner: &str, resource: String| {
        let region = machine.region();
        format!("arn:{partition}:{service}:{region}:{owner}:{resource}")
    };
    let found: Vec<Need> = match action {
        "ec2:CreateNetworkInterface" => {
            let subnets = account.subnets.iter().flatten();
            let subnets = subnets.map(|(id, seen)| {
                let owner = seen.owner.as_deref().unwrap_or(machine.account());
                need(
                    id.to_string(),
                    vec![arn("ec2", owner, format!("subnet/{id}"))],
                )
            });
            // A group in a shared VPC is of its owner, or of this account.
            let seen = account.subnets.iter().flat_map(BTreeMap::values);
            let owners = seen.filter_map(|seen| seen.owner.as_deref());
            let owners: BTreeSet<&str> = owners.chain([machine.account()]).collect();
            let groups = account.security_groups.iter().flat_map(BTreeMap::keys);
            let groups = groups.map(|id| {
                let arns = owners
                    .iter()
                    .map(|owner| arn("ec2", owner, format!("security-group/{id}")));
                need(id.to_string(), arns.collect())
            });
            subnets.chain(groups).collect()
        }
        "autoscaling:CompleteLifecycleAction" | "autoscaling:RecordLifecycleActionHeartbeat" => {
            let profiles = || deployment.profiles.iter().map(|input| &input.profile);
            let groups = account.groups.iter().filter(|group| {
                profiles().any(|profile| {
                    profile.hook.complete && profile.selector.covers(&group.name, &group.tags)
                })
            });
            groups
                .map(|group| need(group.name.clone(), vec![group.arn.clone()]))
                .collect()
        }
        "lambda:InvokeFunction" => {
            let functions = account.machine.iter().flat_map(|it| &it.functions);
            functions
                .map(|of| {
                    let arn = arn("lambda", machine.account(), format!("function:{of}"));
                    need(of.to_string(), vec![arn])
                })
                .collect()
        }
        "states:StartExecution" | "states:ListExecutions" => {
            vec![need(
                "the state machine".to_owned(),
                vec![machine.arn().to_owned()],
            )]
        }
        _ => Vec::new(),
    };
    match found.is_empty() {
        true => vec![need(String::new(), Vec::new())],
        false => found,
    }
}

fn lacking(account: &Account, arn: &str, lacks: &[&Need]) -> Finding {
    let actions: BTreeSet<&str> = lacks.iter().map(|need| need.action.as_str()).collect();
    let users = parts::users(account, arn);
    let mut finding = Finding::new(
        Kind::RoleLacksPermission,
        format!(
            "The role of {} does not allow {}.",
            list(&users, LISTED),
            list(&actions, LISTED)
        ),
    )
    .about([arn])
    .at(format!("the policies of {arn}"));
    for action in actions {
        let on = lacks.iter().filter(|need| need.action == action);
        let on: Vec<&str> = on.map(|need| need.on.as_str()).collect();
        if on.iter().any(|on| !on.is_empty()) {
            finding = finding.shown_by(format!("{action} on {}.", list(on, LISTED)));
        }
    }
    finding
        .say(format!("Deploy {} again.", parts::stack(account)))
        .say(
            "If CloudFormation sees no change, somebody changed the role, or the profile in a rule, by hand. Put the \
             policies back as they are in the template, or put the profile into the configuration and deploy.",
        )
}
