//! Makes the calls of `check`: what the account has beside what profiles ask for.
//!
//! A call that is denied ends nothing: what it would have shown is not checked, and
//! [`Account::could_not_look`] says so. So the calls are few, and each is paged.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt as _};
use hookline_domain::ids::SubnetId;
use hookline_domain::profile::{Profile, Selector};
use tokio::task::JoinSet;

use crate::aws::{self, Aws};
use crate::error::{Code, Error, Result};
use crate::observe::{self, MAX_CALLS, Others};
use crate::observed::account::{Account, Concurrency, CouldNotLook};
use crate::observed::deployment::{Deployment, Reconcile};
use crate::observed::function::FunctionRef;
use crate::observed::group::{Group, Hooks};
use crate::observed::role::SeenRole;
use crate::observed::stack::Stack;
use crate::observed::template::{Template, TemplateRef};

/// How many calls of one kind are made at once.
const AT_ONCE: usize = 10;

/// Looks at the groups of the account's profiles, and at what their launches need.
///
/// # Errors
/// Returns why a call failed that was not denied.
pub(crate) async fn account(aws: &Aws, account: &mut Account) -> Result<()> {
    let others = groups(aws, account).await?;
    let (hooks, templates) = tokio::join!(hooks(aws, account), templates(aws, account));
    let (hooks, hooks_denied) = hooks?;
    let (templates, templates_denied) = templates?;
    for group in &mut account.groups {
        if let Some(hooks) = hooks.get(&group.name) {
            group.ending_hooks.clone_from(&hooks.ending);
        }
    }
    let hooks = hooks.into_iter();
    account.hooks = hooks.map(|(name, hooks)| (name, hooks.launch)).collect();
    account.templates = templates;
    account.could_not_look.extend(hooks_denied);
    account.could_not_look.extend(templates_denied);
    network(aws, account).await?;
    parts(aws, account).await?;
    uncovered(aws, account, others).await
}

/// The groups of a Region that has more than a page of them, and their hooks, are looked at with what the rest of
/// the look leaves of [`MAX_CALLS`], or with so many calls if it leaves less.
const FOR_OTHER_GROUPS: usize = 5;

/// The groups that no profile covers.
async fn uncovered(aws: &Aws, account: &mut Account, others: Others) -> Result<()> {
    // A profile that is not deployed yet need not cover what the deployed ones do.
    let Some(deployment) = account.deployment.clone().filter(|_| account.deployed) else {
        return Ok(());
    };
    let most = MAX_CALLS.max(aws.calls() + FOR_OTHER_GROUPS);
    let (found, failed) = observe::uncovered(aws, &deployment, others, None, most).await;
    account.uncovered = found;
    // A policy is to be mended. Of another failure, as a throttled call, a note tells.
    if let Some(error) = failed.filter(is_denied_or_refused) {
        account.uncovered.failed = None;
        let what = "the launch hooks of groups that no profile covers";
        let looked = looked::<()>(Err(error), what)?;
        note(account, looked);
    }
    Ok(())
}

/// What was seen, or why it could not be.
type Looked<T> = std::result::Result<T, CouldNotLook>;

/// Passes an answer on. A call that AWS denies or refuses is no error here.
fn looked<T>(answer: Result<T, aws::Error>, what: &str) -> Result<Looked<T>> {
    match answer {
        Ok(seen) => Ok(Ok(seen)),
        Err(error) => match error.action().filter(|_| is_denied_or_refused(&error)) {
            Some(action) => Ok(Err(CouldNotLook {
                action: action.to_owned(),
                denied: error.exit_code() == Code::AccessDenied,
                reason: error.to_string(),
                what: what.to_owned(),
            })),
            None => Err(error.into()),
        },
    }
}

fn is_denied_or_refused(error: &aws::Error) -> bool {
    matches!(error.exit_code(), Code::AccessDenied | Code::AwsRefused)
}

/// What was seen, if it was. Otherwise that is noted, once for each action.
fn note<T>(account: &mut Account, looked: Looked<T>) -> Option<T> {
    match looked {
        Ok(seen) => Some(seen),
        Err(could_not) => {
            let known = account.could_not_look.iter();
            if !known.into_iter().any(|it| it.action == could_not.action) {
                account.could_not_look.push(could_not);
            }
            None
        }
    }
}

/// Notes that the deployment could not be looked for.
pub(crate) fn note_denied(account: &mut Account, error: Error) -> Result<()> {
    match error {
        Error::Aws(error) => {
            let what = "what is deployed already, and who else answers the launches";
            let looked = looked::<()>(Err(error), what)?;
            note(account, looked);
            Ok(())
        }
        other => Err(other),
    }
}

/// The stack of a configuration's network, if it is there and may be looked at.
///
/// # Errors
/// Returns why the call failed, unless it was denied.
pub(crate) async fn stack(aws: &Aws, account: &mut Account, name: &str) -> Result<Option<Stack>> {
    let what = "the subnets and security groups that the configuration takes from its network";
    let looked = looked(aws.stack(name).await, what)?;
    Ok(note(account, looked).flatten())
}

/// The groups of the profiles. Returns others of the Region.
async fn groups(aws: &Aws, account: &mut Account) -> Result<Others> {
    let mut names = BTreeSet::new();
    let mut by_tag = false;
    for input in &account.profiles {
        match &input.profile.selector {
            Selector::AutoScalingGroupNames(these) => names.extend(these.iter().cloned()),
            Selector::Tag(_) | Selector::Tags(_) => by_tag = true,
        }
    }
    let names: Vec<String> = names.into_iter().collect();
    let answer = match (by_tag, names.is_empty()) {
        (true, _) => aws.groups(None).await,
        // No name is every group.
        (false, true) => Ok(Vec::new()),
        (false, false) => aws.groups(Some(&names)).await,
    };
    let what = "the groups, what they launch, and how large they may be";
    let groups = looked(answer, what)?;
    let groups = note(account, groups).unwrap_or_default();
    let covers = |group: &Group| {
        let mut profiles = account.profiles.iter();
        profiles.any(|input| input.profile.selector.covers(&group.name, &group.tags))
    };
    let (groups, rest): (Vec<Group>, Vec<Group>) = groups.into_iter().partition(covers);
    account.groups = groups;
    if !account.deployed || by_tag {
        return Ok(Others::all(rest));
    }
    Ok(Others::first(aws).await)
}

async fn hooks(
    aws: &Aws,
    account: &Account,
) -> Result<(BTreeMap<String, Hooks>, Option<CouldNotLook>)> {
    let mut found = BTreeMap::new();
    let mut denied = None;
    for groups in account.groups.chunks(AT_ONCE) {
        let mut calls = JoinSet::new();
        for group in groups {
            let (aws, name) = (aws.clone(), group.name.clone());
            calls.spawn(async move { (aws.hooks(&name).await, name) });
        }
        while let Some(done) = calls.join_next().await {
            let (answer, group) = done.map_err(Error::of_task)?;
            match looked(answer, "the launch hooks of the groups")? {
                Ok(hooks) => drop(found.insert(group, hooks)),
                Err(could_not) => denied = Some(could_not),
            }
        }
    }
    Ok((found, denied))
}

async fn templates(
    aws: &Aws,
    account: &Account,
) -> Result<(
    BTreeMap<TemplateRef, Option<Template>>,
    Option<CouldNotLook>,
)> {
    let wanted: BTreeSet<&TemplateRef> = account
        .groups
        .iter()
        .flat_map(|group| group.launches.templates())
        .collect();
    let wanted: Vec<&TemplateRef> = wanted.into_iter().collect();
    let mut found = BTreeMap::new();
    let mut denied = None;
    for references in wanted.chunks(AT_ONCE) {
        let mut calls = JoinSet::new();
        for reference in references {
            let (aws, reference) = (aws.clone(), (*reference).clone());
            calls.spawn(async move { (aws.template(&reference).await, reference) });
        }
        while let Some(done) = calls.join_next().await {
            let (answer, reference) = done.map_err(Error::of_task)?;
            let what = "the instance types, interfaces and user data of the launch templates";
            match looked(answer, what)? {
                Ok(template) => drop(found.insert(reference, template)),
                Err(could_not) => denied = Some(could_not),
            }
        }
    }
    Ok((found, denied))
}

fn all_profiles(account: &Account) -> impl Iterator<Item = &Profile> {
    account.profiles.iter().map(|input| &input.profile)
}

async fn network(aws: &Aws, account: &mut Account) -> Result<()> {
    let types: BTreeSet<String> = account
        .groups
        .iter()
        .flat_map(|group| account.launches_of(group))
        .flat_map(|(name, template)| {
            let newest = template.and_then(|template| template.newest.as_ref());
            [
                Some(name),
                newest.and_then(|it| it.template.instance_type.clone()),
            ]
        })
        .flatten()
        .collect();
    let security_groups: BTreeSet<_> = all_profiles(account)
        .flat_map(|profile| profile.slots.iter().map(move |slot| (profile, slot)))
        .flat_map(|(profile, slot)| profile.security_groups(slot))
        .filter(|id| !account.stands_in(id.as_str()))
        .cloned()
        .collect();
    let subnets: BTreeSet<SubnetId> = all_profiles(account)
        .flat_map(Profile::subnet_ids)
        .filter(|id| !account.stands_in(id.as_str()))
        .cloned()
        .collect();
    let of_nodes: BTreeSet<SubnetId> = account
        .groups
        .iter()
        .flat_map(|group| group.subnets.clone())
        .collect();
    let ids: Vec<&SubnetId> = subnets.union(&of_nodes).collect();
    let (limits, seen_subnets, security_groups, interfaces) = tokio::join!(
        aws.limits_of(&types),
        aws.subnets(&ids),
        aws.security_groups(&security_groups),
        // All of them count towards the Region's quota.
        aws.interfaces(&[]),
    );
    let limits = looked(
        limits,
        "whether the instance types have room for the interfaces",
    )?;
    if let Some(known) = note(account, limits) {
        let mut limits: BTreeMap<_, _> = types.into_iter().map(|name| (name, None)).collect();
        limits.extend(
            known
                .into_iter()
                .map(|limits| (limits.instance_type.clone(), Some(limits))),
        );
        account.limits = limits;
    }
    let seen_subnets = looked(
        seen_subnets,
        "the subnets, and for how many nodes they have room",
    )?;
    if let Some(seen) = note(account, seen_subnets) {
        let seen = seen.into_iter();
        let seen: BTreeMap<_, _> = seen.map(|seen| (seen.subnet.id.clone(), seen)).collect();
        let of = |ids: &BTreeSet<SubnetId>| {
            let those = ids.iter().filter_map(|id| seen.get_key_value(id));
            those.map(|(id, seen)| (id.clone(), seen.clone())).collect()
        };
        account.subnets = Some(of(&subnets));
        account.node_subnets = of(&of_nodes);
    }
    let security_groups = looked(security_groups, "the security groups")?;
    account.security_groups = note(account, security_groups);
    let what =
        "for how many nodes the subnets have room, and how much is left of the quota of interfaces";
    let interfaces = looked(interfaces, what)?;
    account.interfaces = note(account, interfaces);
    reservations(aws, account).await
}

/// Those of the subnets in the groups' Availability Zones: EC2 tells them one subnet at a time.
async fn reservations(aws: &Aws, account: &mut Account) -> Result<()> {
    let zones: BTreeSet<&String> = account
        .groups
        .iter()
        .flat_map(|group| group.zones.keys())
        .collect();
    let wanted: Vec<SubnetId> = account
        .subnets
        .iter()
        .flatten()
        .filter(|(_, seen)| zones.contains(&seen.subnet.availability_zone))
        .map(|(id, _)| id.clone())
        .collect();
    for ids in wanted.chunks(AT_ONCE) {
        let mut calls = JoinSet::new();
        for id in ids {
            let (aws, id) = (aws.clone(), id.clone());
            calls.spawn(async move { (aws.cidr_reservations(&id).await, id) });
        }
        while let Some(done) = calls.join_next().await {
            let (answer, id) = done.map_err(Error::of_task)?;
            let what = "which addresses CIDR reservations keep from nodes";
            let looked = looked(answer, what)?;
            if let Some(found) = note(account, looked) {
                account.reservations.insert(id, found);
            }
        }
    }
    Ok(())
}

/// The quotas, and the parts of the deployment.
async fn parts(aws: &Aws, account: &mut Account) -> Result<()> {
    let (quota, concurrency, start_execution) = tokio::join!(
        aws.interface_quota(),
        aws.concurrency(),
        aws.start_execution_bucket()
    );
    let quota = looked(quota, "the quota of interfaces")?;
    account.interface_quota = note(account, quota).flatten();
    let concurrency = looked(concurrency, "how many functions may run at once")?;
    account.concurrency = note(account, concurrency).flatten();
    let start_execution = looked(start_execution, "how fast Step Functions starts executions")?;
    account.start_execution = note(account, start_execution).flatten();
    let Some(deployment) = account.deployment.clone() else {
        return Ok(());
    };
    let machine = aws.machine(&deployment.machine).await;
    let machine = looked(
        machine,
        "whether the state machine's functions and role are there",
    )?;
    account.machine = note(account, machine);
    functions(aws, account, &deployment).await?;
    reserved(aws, account).await?;
    roles(aws, account, &deployment).await
}

/// The reserved concurrency of the functions. Nothing to look at where the account reserves none.
async fn reserved(aws: &Aws, account: &mut Account) -> Result<()> {
    let reserves = |it: &Concurrency| it.unreserved < it.limit;
    if !account.concurrency.as_ref().is_some_and(reserves) {
        return Ok(());
    }
    let functions = account.functions.iter().flatten();
    let there = functions.filter(|(of, function)| of.qualifier.is_none() && function.is_some());
    let names: Vec<String> = there.map(|(of, _)| of.name.clone()).collect();
    let mut calls = JoinSet::new();
    for name in names {
        let aws = aws.clone();
        calls.spawn(async move { (aws.reserved_concurrency(&name).await, name) });
    }
    while let Some(done) = calls.join_next().await {
        let (answer, name) = done.map_err(Error::of_task)?;
        let looked = looked(answer, "how much concurrency the functions have reserved")?;
        if let Some(Some(reserved)) = note(account, looked) {
            account.reserved.insert(name, reserved);
        }
    }
    Ok(())
}

async fn functions(aws: &Aws, account: &mut Account, deployment: &Deployment) -> Result<()> {
    let of_machine = account.machine.iter().flat_map(|it| it.functions.clone());
    let of_reconcile = deployment.reconcile.iter().filter_map(Reconcile::function);
    let wanted: BTreeSet<FunctionRef> = of_machine
        .chain(of_reconcile)
        .flat_map(|it| [it.newest(), it])
        .collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let what = "whether the functions and their versions are there";
    let listed = looked(aws.functions().await, what)?;
    let Some((listed, all)) = note(account, listed) else {
        return Ok(());
    };
    let is_known = |of: &FunctionRef| listed.contains_key(of) || (all && !of.is_alias());
    let (known, others): (Vec<_>, Vec<_>) = wanted.into_iter().partition(is_known);
    let mut found: BTreeMap<_, _> = known
        .into_iter()
        .map(|of| (of.clone(), listed.get(&of).cloned()))
        .collect();
    let calls = others
        .into_iter()
        .map(|of| async move { (aws.function(&of).await, of) });
    let answers: Vec<_> = stream::iter(calls).buffered(AT_ONCE).collect().await;
    for (answer, of) in answers {
        let looked = looked(answer, what)?;
        if let Some(function) = note(account, looked) {
            found.insert(of, function);
        }
    }
    account.functions = Some(found);
    Ok(())
}

async fn roles(aws: &Aws, account: &mut Account, deployment: &Deployment) -> Result<()> {
    let of_functions = account.functions.iter().flat_map(BTreeMap::values);
    let of_functions = of_functions.flatten().map(|it| it.role.clone());
    let of_machine = account.machine.iter().map(|machine| machine.role.clone());
    let targets = deployment
        .rules
        .iter()
        .flat_map(|rule| rule.targets_of(&deployment.machine));
    let of_rules = targets.filter_map(|target| target.role_arn.clone());
    let wanted: BTreeSet<String> = of_functions
        .chain(of_machine)
        .chain(of_rules)
        .filter(|arn| !arn.is_empty())
        .collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let what = "what the policies of the deployment's roles allow";
    let listed = looked(aws.roles().await, what)?;
    let what = "whether the roles are there";
    let (listed, all) = match note(account, listed) {
        Some((roles, all)) => {
            let roles = roles
                .into_iter()
                .map(|(arn, role)| (arn, SeenRole::Read(role)));
            (roles.collect::<BTreeMap<_, _>>(), all)
        }
        None => {
            let listed = looked(aws.role_arns().await, what)?;
            let Some((arns, all)) = note(account, listed) else {
                return Ok(());
            };
            let roles = arns.into_iter().map(|arn| (arn, SeenRole::Unread));
            (roles.collect(), all)
        }
    };
    let mut found = BTreeMap::new();
    for arn in wanted {
        let role = match (listed.get(&arn), all) {
            (Some(role), _) => role.clone(),
            (None, true) => SeenRole::Missing,
            (None, false) => {
                let name = arn.rsplit('/').next().unwrap_or_default();
                let looked = looked(aws.has_role(name).await, what)?;
                match note(account, looked) {
                    Some(true) => SeenRole::Unread,
                    Some(false) => SeenRole::Missing,
                    None => continue,
                }
            }
        };
        found.insert(arn, role);
    }
    account.roles = Some(found);
    Ok(())
}
