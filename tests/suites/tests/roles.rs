//! The roles that the app deploys, against the calls that must be allowed and the attacks that must
//! be denied.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};
use hookline_testkit::attacks::{Outcome, Outcomes, mutations};
use hookline_testkit::permissions::allowed;
use hookline_testkit::roles::{NETWORK_OWNER, RoleLimit, Traffic};

#[tokio::test(start_paused = true)]
async fn every_call_is_allowed_and_every_attack_is_denied() -> Result<()> {
    let mut tables = Vec::new();
    for limit in RoleLimit::ALL {
        let outcomes = Outcomes::of_all_limited_by(limit).await?;
        let wrong = outcomes.wrong();
        ensure!(wrong.is_empty(), "{limit:?}: {wrong:#?}");
        let (calls, attacks) = (outcomes.allowed.len(), outcomes.denied.len());
        ensure!(calls >= 50 && attacks >= 50, "only {calls} and {attacks}");
        let all = outcomes.allowed.iter().chain(&outcomes.denied);
        let all = all.map(|one| (one.attempt.by, one.attempt.what.clone()));
        tables.push((limit, all.collect::<BTreeSet<_>>()));
    }
    let (_, first) = tables.first().context("no limit")?;
    for (limit, table) in &tables {
        let lost: Vec<_> = first.difference(table).collect();
        ensure!(lost.is_empty(), "{limit:?} has not: {lost:?}");
        let more: Vec<_> = table.difference(first).collect();
        let only_of_patterns = more
            .iter()
            .all(|(_, what)| what.contains("that the patterns leave out"));
        ensure!(only_of_patterns, "{limit:?} has also: {more:?}");
        ensure!(more.is_empty() == (*limit != RoleLimit::Names), "{more:?}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn in_a_shared_vpc_the_same_is_allowed_and_denied() -> Result<()> {
    // The owner's tags of a shared subnet are not known, so no limit by tag.
    for limit in [RoleLimit::Ids, RoleLimit::Vpc] {
        let outcomes = Outcomes::of_all_in_vpc_of(NETWORK_OWNER, limit).await?;
        let subnet = format!(":{NETWORK_OWNER}:subnet/");
        let in_it = |outcome: &&Outcome| {
            let mut requests = outcome.requests.iter();
            requests.any(|request| request.resource.contains(&subnet))
        };
        let (creates, attacks) = (
            outcomes.allowed.iter().filter(in_it).count(),
            outcomes.denied.iter().filter(in_it).count(),
        );
        ensure!(
            creates == 1 && attacks > 5,
            "{limit:?}: {creates} {attacks}"
        );
        let wrong = outcomes.wrong();
        ensure!(wrong.is_empty(), "{limit:?}: {wrong:#?}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn interface_in_a_vpc_of_an_unnamed_account_is_denied() -> Result<()> {
    for limit in RoleLimit::ALL {
        let outcomes = Outcomes::of_all_in_vpc_of("111122223333", limit).await?;
        let denied = outcomes.allowed.iter().filter(|outcome| !outcome.allowed);
        let denied: Vec<_> = denied.map(|outcome| &outcome.attempt.what).collect();
        ensure!(
            denied == ["creates a tagged interface in a subnet of the profile"],
            "{limit:?}: {denied:?}"
        );
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn traffic_stack_can_do_its_work_and_nothing_else() -> Result<()> {
    for traffic in Traffic::ALL {
        let outcomes = Outcomes::of_traffic(traffic).await?;
        let wrong = outcomes.wrong();
        ensure!(wrong.is_empty(), "{traffic:?}: {wrong:#?}");
        let (calls, attacks) = (outcomes.allowed.len(), outcomes.denied.len());
        ensure!(calls >= 50 && attacks >= 30, "only {calls} and {attacks}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn no_two_attacks_are_the_same() -> Result<()> {
    for outcomes in [
        Outcomes::of_all().await?,
        Outcomes::of_traffic(Traffic::Own).await?,
        Outcomes::of_traffic(Traffic::OfOthers).await?,
    ] {
        none_is_the_same(&outcomes)?;
    }
    Ok(())
}

fn none_is_the_same(outcomes: &Outcomes) -> Result<()> {
    let mut seen = BTreeSet::new();
    for outcome in outcomes.allowed.iter().chain(&outcomes.denied) {
        let attempt = &outcome.attempt;
        ensure!(
            seen.insert((attempt.by, &attempt.what)),
            "twice: {}",
            attempt.line()
        );
    }
    Ok(())
}

/// The table of allowed calls has every action of `functions/permissions.json`, and only these besides
/// what Lambda and Step Functions call with the roles.
#[tokio::test(start_paused = true)]
async fn every_permission_is_used_by_a_call_that_must_be_allowed() -> Result<()> {
    let outcomes = Outcomes::of_all().await?;
    let mut used: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for outcome in &outcomes.allowed {
        let actions = outcome
            .requests
            .iter()
            .map(|request| request.action.clone())
            .filter(|action| {
                let service = action.split(':').next().unwrap_or_default();
                !["logs", "xray", "sqs"].contains(&service)
            });
        used.entry(outcome.attempt.by).or_default().extend(actions);
    }
    for (grantee, actions) in allowed()? {
        let used = used.get(grantee.as_str()).cloned().unwrap_or_default();
        ensure!(
            used == actions,
            "{grantee}: {used:?} instead of {actions:?}"
        );
    }
    Ok(())
}

/// What no call needs. AWS's policy `AWSLambdaBasicExecutionRole` allows to make log groups; the stack
/// makes the one of the custom resource itself.
const UNUSED: [(&str, &str); 1] = [("CustomResources", "logs:CreateLogGroup")];

/// The same policy, of the CDK's function that invokes the one which creates the tables.
const UNUSED_TRAFFIC: [(&str, &str); 1] = [("framework", "logs:CreateLogGroup")];

#[tokio::test(start_paused = true)]
async fn role_with_one_action_less_cannot_make_a_call_that_must_be_allowed() -> Result<()> {
    for limit in RoleLimit::ALL {
        let outcomes = Outcomes::of_all_limited_by(limit).await?;
        each_action_is_needed(&outcomes, &UNUSED).with_context(|| format!("{limit:?}"))?;
    }
    for traffic in Traffic::ALL {
        let outcomes = Outcomes::of_traffic(traffic).await?;
        each_action_is_needed(&outcomes, &UNUSED_TRAFFIC)
            .with_context(|| format!("{traffic:?}"))?;
    }
    Ok(())
}

fn each_action_is_needed(outcomes: &Outcomes, known: &[(&str, &str)]) -> Result<()> {
    let unused = mutations::unused_actions(outcomes)?;
    let is_known = |(role, action): &(String, String)| {
        let is = |(part, unused): &(&str, &str)| role.contains(part) && action == unused;
        known.iter().any(is)
    };
    let others: Vec<_> = unused.iter().filter(|one| !is_known(one)).collect();
    ensure!(others.is_empty(), "nothing needs {others:#?}");
    ensure!(unused.len() == known.len(), "not unused any more");
    Ok(())
}

/// Restrictions that deny nothing, because another one of the same statement or of EC2 denies it
/// already: in which role, the action, and the resource. A statement still needs a resource.
const REDUNDANT: [(&str, &str, &str); 16] = [
    // The subnet and the security groups of the call have no request tags, so the conditions deny
    // them.
    (
        "CreateInterfaces",
        "\"ec2:CreateNetworkInterface\"",
        "network-interface/*",
    ),
    // CreateNetworkInterface creates nothing but interfaces.
    (
        "CreateInterfaces",
        "\"ec2:CreateTags\"",
        "network-interface/*",
    ),
    // These actions are about groups only. A condition on the group's tags limits them.
    (
        "CompleteHook",
        "\"autoscaling:CompleteLifecycleAction\"",
        "autoScalingGroupName/*",
    ),
    (
        "LaunchNode",
        "\"autoscaling:RecordLifecycleActionHeartbeat\"",
        "autoScalingGroupName/*",
    ),
    (
        "Reconcile",
        "[\"autoscaling:CompleteLifecycleAction\"",
        "autoScalingGroupName/*",
    ),
    (
        "Reconcile",
        "\"autoscaling:CreateOrUpdateTags\"",
        "autoScalingGroupName/*",
    ),
    (
        "Operate",
        "[\"autoscaling:ResumeProcesses\"",
        "autoScalingGroupName/*",
    ),
    (
        "Repair",
        "[\"autoscaling:ResumeProcesses\"",
        "autoScalingGroupName/*",
    ),
    (
        "Operate",
        "\"autoscaling:CreateOrUpdateTags\"",
        "autoScalingGroupName/*",
    ),
    (
        "Repair",
        "\"autoscaling:CreateOrUpdateTags\"",
        "autoScalingGroupName/*",
    ),
    // ListTargetsByRule reads nothing but rules.
    ("Look", "\"events:ListTargetsByRule\"", "rule/*"),
    ("Operate", "\"events:ListTargetsByRule\"", "rule/*"),
    ("Repair", "\"events:ListTargetsByRule\"", "rule/*"),
    // The policy of a queue is about this queue only.
    ("DeadLetters", "\"sqs:SendMessage\"", "DeadLetters"),
    // DeleteNetworkInterface deletes nothing but interfaces.
    (
        "Repair",
        "\"ec2:DeleteNetworkInterface\"",
        "network-interface/*",
    ),
    (
        "Role",
        "\"ec2:DeleteNetworkInterface\"",
        "network-interface/*",
    ),
];

/// The same with a limit by VPC or by tag. The new interface has neither a VPC nor tags of its own, so
/// the condition denies it.
const REDUNDANT_LIMITED: (&str, &str, &str) = (
    "CreateInterfaces",
    "\"ec2:CreateNetworkInterface\"",
    "subnet/*",
);

#[tokio::test(start_paused = true)]
async fn policy_with_one_restriction_less_lets_an_attack_through() -> Result<()> {
    for limit in RoleLimit::ALL {
        let mut redundant = REDUNDANT.to_vec();
        match limit {
            RoleLimit::Ids => {}
            RoleLimit::Vpc | RoleLimit::Tag => redundant.push(REDUNDANT_LIMITED),
            // Then the names of the groups are all that limits them.
            RoleLimit::Names => redundant.retain(|(.., on)| *on != "autoScalingGroupName/*"),
        }
        let outcomes = Outcomes::of_all_limited_by(limit).await?;
        each_restriction_denies_something(&outcomes, &redundant)
            .with_context(|| format!("{limit:?}"))?;
    }
    for traffic in Traffic::ALL {
        let outcomes = Outcomes::of_traffic(traffic).await?;
        each_restriction_denies_something(&outcomes, &[])
            .with_context(|| format!("{traffic:?}"))?;
    }
    Ok(())
}

fn each_restriction_denies_something(
    outcomes: &Outcomes,
    redundant: &[(&str, &str, &str)],
) -> Result<()> {
    let mutations = mutations::of_all(outcomes)?;
    ensure!(mutations.len() > 20, "only {} mutations", mutations.len());
    let (mut survivors, mut found) = (Vec::new(), BTreeSet::new());
    for mutation in mutations {
        if !mutation.lets_through.is_empty() {
            continue;
        }
        let known = redundant.iter().position(|(role, action, resource)| {
            mutation.role.contains(role)
                && mutation.what.starts_with(action)
                && mutation.what.contains("on * instead of")
                && mutation.what.contains(resource)
        });
        match known {
            Some(n) => drop(found.insert(n)),
            None => survivors.push(format!("{} {}", mutation.role, mutation.what)),
        }
    }
    ensure!(survivors.is_empty(), "they deny nothing: {survivors:#?}");
    ensure!(found.len() == redundant.len(), "not redundant any more");
    Ok(())
}
