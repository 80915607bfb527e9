//! IAM's own verdict on the roles of a deployment: the calls that they must allow, and the attacks
//! that they must deny.
//!
//! IAM's simulator gets the ARN of the deployed role, and decides by all policies that it has now
//! (SimulatePrincipalPolicy). A policy for people has no role of its own, so the simulator gets its
//! document. The calls and attacks are those of the tables, on what the deployment has.
//!
//! IAM's simulator takes only a user as the caller with a resource-based policy ("You cannot
//! specify the ARN of an assumed role, federated user, or a service principal", IAM API Reference,
//! SimulateCustomPolicy, CallerArn). So the policies of queues, which are about services, are read,
//! compared with the stack's template, and decided on by the evaluator of the fake AWS. What they
//! say to the queue's own account is asked for as well, with a user in the place of the role. Trust
//! policies are only read.

use anyhow::{Context as _, Result};
use hookline_local::iam::{AuthorizationRequest, ResourcePolicy};
use hookline_testkit::attacks::deployed::Attempted;
use hookline_testkit::attacks::{Attempt, is_of_the_account, queue_allows};
use serde_json::Value;

use super::fact;
use super::policies::{found, line};
use crate::deployment::{Deployment, expected_trust};
use crate::fact::{Expected, Fact, Observed};
use crate::simulator::{Asked, Policies, attempts_that};
use crate::stage::Stage;

pub(super) const FACTS: &[Fact] = &[
    fact!(
        deployed_roles_allow_each_call,
        "Each role of a deployment allows the calls that its function, state machine or rule makes.",
        SIMULATE_PRINCIPAL,
        Deployment,
        Expected::values(&[("denied", "none"), ("without a role", "none")])
    ),
    fact!(
        deployed_roles_deny_each_attack,
        "Each role of a deployment denies the calls of the table of attacks.",
        SIMULATE_PRINCIPAL,
        Deployment,
        Expected::values(&[("allowed", "none")])
    ),
    fact!(
        deployed_queue_policies_let_only_eventbridge_send,
        "The policy of each dead-letter queue of a deployment lets EventBridge send for the rules of the account and Region, and nobody without TLS. That of the traffic stack lets no service send. It has the statements of the stack's template, and no other.",
        SIMULATE_CUSTOM,
        Deployment,
        Expected::values(&[
            ("denied", "none"),
            ("allowed", "none"),
            ("otherwise", "none")
        ])
    ),
    fact!(
        deployed_roles_are_assumed_by_their_service_only,
        "Each role of a deployment is trusted by one service and nobody else, with the conditions that the CDK sets.",
        GET_ROLE,
        Deployment,
        Expected::values(&[("otherwise", "none")])
    ),
];

async fn deployed_roles_allow_each_call(stage: &Stage) -> Result<Observed> {
    decide(stage, "denied").await
}

async fn deployed_roles_deny_each_attack(stage: &Stage) -> Result<Observed> {
    decide(stage, "allowed").await
}

fn deployment(stage: &Stage) -> Result<&Deployment> {
    stage.deployment.as_ref().context("no deployment")
}

/// Whether the policy of a queue decides on an attempt, and not that of a role.
fn is_of_queue(attempt: &Attempt) -> bool {
    attempt.by.starts_with("queue of ")
}

/// What is decided otherwise than it should be: `wrong`, and which attempts.
async fn decide(stage: &Stage, wrong: &str) -> Result<Observed> {
    let deployment = deployment(stage)?;
    let is_attack = wrong == "allowed";
    let (mut asked, mut without_a_role) = (Vec::new(), Vec::new());
    let mut not_asked = Vec::new();
    for (attempt, attempted) in deployment.attempts(is_attack).await? {
        if is_of_queue(&attempt) {
            continue;
        }
        let by = attempt.by;
        let requests = match attempted {
            Attempted::On(requests) => requests,
            Attempted::NotAsked(reason) => {
                not_asked.push(reason);
                continue;
            }
        };
        let Some(policies) = deployment.policies.get(by) else {
            match deployment.lacks(by) {
                Some(reason) => not_asked.push(reason),
                None if without_a_role.iter().all(|known| known != by) => {
                    without_a_role.push(by.to_owned());
                }
                None => {}
            }
            continue;
        };
        asked.push(Asked {
            line: line(&attempt),
            by: policies.clone(),
            requests,
        });
    }
    let decisions = asked.len();
    let otherwise = attempts_that(is_attack, &stage.clients.iam, asked).await?;
    let mut observed = Observed::new()
        .value(wrong, found(&otherwise))
        .measure("decisions", decisions);
    if !is_attack {
        observed = observed.value("without a role", found(&without_a_role));
    }
    Ok(with_reasons(observed, not_asked))
}

/// Adds how many attempts are not asked for, and why.
fn with_reasons(observed: Observed, mut not_asked: Vec<&str>) -> Observed {
    let count = not_asked.len();
    if count == 0 {
        return observed;
    }
    not_asked.sort_unstable();
    not_asked.dedup();
    observed.measure("not asked", format!("{count}, as {}", not_asked.join("; ")))
}

async fn deployed_queue_policies_let_only_eventbridge_send(stage: &Stage) -> Result<Observed> {
    let deployment = deployment(stage)?;
    let mut observed = Observed::new();
    let (mut decisions, mut not_asked) = (0, Vec::new());
    for wrong in ["denied", "allowed"] {
        let is_attack = wrong == "allowed";
        let (mut otherwise, mut asked) = (Vec::new(), Vec::new());
        let attempts = deployment.attempts(is_attack).await?;
        for (attempt, attempted) in attempts.into_iter().filter(|(one, _)| is_of_queue(one)) {
            let policy = deployment.queues.get(attempt.by);
            let (policy, requests) = match (policy, attempted) {
                (Some(policy), Attempted::On(requests)) => (&policy.document, requests),
                (None, _) => {
                    let without = "the stack has no such queue";
                    not_asked.push(deployment.lacks(attempt.by).unwrap_or(without));
                    continue;
                }
                (_, Attempted::NotAsked(reason)) => {
                    not_asked.push(reason);
                    continue;
                }
            };
            decisions += 1;
            let allowed = is_allowed(policy, &requests);
            if allowed != Some(!is_attack) {
                otherwise.push(line(&attempt));
            }
            if allowed.is_some() && requests.iter().all(is_of_the_account) {
                asked.push(Asked {
                    line: format!("{}, as IAM decides", line(&attempt)),
                    by: vec![Policies::OfResource {
                        document: policy.to_string(),
                        account: stage.clients.account.clone(),
                    }],
                    requests,
                });
            }
        }
        otherwise.extend(attempts_that(is_attack, &stage.clients.iam, asked).await?);
        observed = observed.value(wrong, found(&otherwise));
    }
    // An attack is one call; what else a statement lets in, only a comparison tells.
    let of_others = deployment.queues.iter().filter_map(|(by, policy)| {
        let found = Value::from_iter(policy.otherwise()?.into_iter().cloned());
        Some(format!("the policy of the {by} says {found}"))
    });
    let of_others: Vec<String> = of_others.collect();
    let observed = observed
        .value("otherwise", found(&of_others))
        .measure("decisions", decisions);
    Ok(with_reasons(observed, not_asked))
}

/// Whether the policy of a queue allows all requests. `None` if it has what the stacks do not
/// write, which the evaluator does not know.
fn is_allowed(policy: &Value, requests: &[AuthorizationRequest]) -> Option<bool> {
    let policy = ResourcePolicy::parse(policy).ok()?;
    Some(
        requests
            .iter()
            .all(|request| queue_allows(&policy, request)),
    )
}

async fn deployed_roles_are_assumed_by_their_service_only(stage: &Stage) -> Result<Observed> {
    let deployment = deployment(stage)?;
    let mut otherwise = Vec::new();
    let mut roles = 0;
    for (by, policies) in &deployment.policies {
        for policies in policies {
            let Policies::OfRole(arn) = policies else {
                continue;
            };
            roles += 1;
            let trust = deployment.trust.get(arn);
            let statements = trust.and_then(|document| document.get("Statement"));
            let statement = match statements {
                Some(Value::Array(all)) if all.len() == 1 => all.first(),
                found => found,
            };
            if statement != Some(&expected_trust(by, deployment)) {
                let found = statements.map(Value::to_string).unwrap_or_default();
                otherwise.push(format!("the role of {by} is assumed by {found}"));
            }
        }
    }
    Ok(Observed::new()
        .value("otherwise", found(&otherwise))
        .measure("roles", roles))
}
