//! IAM's own verdict on the roles of a deployment: the calls that they must allow, and the attacks that
//! they must deny.
//!
//! IAM's simulator gets the ARN of the deployed role, and decides by all policies that it has now
//! (SimulatePrincipalPolicy). A policy for people has no role of its own, so the simulator gets its
//! document. The calls and attacks are those of the tables, on what the deployment has.

use anyhow::{Context as _, Result};
use hookline_testkit::attacks::deployed::Attempted;
use hookline_testkit::attacks::{Outcome, Outcomes};

use super::fact;
use super::policies::{found, line};
use crate::fact::{Expected, Fact, Observed};
use crate::simulator::{Asked, attempts_that};
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
];

async fn deployed_roles_allow_each_call(stage: &Stage) -> Result<Observed> {
    let outcomes = Outcomes::of_all().await?;
    decide(stage, &outcomes, &outcomes.allowed, "denied").await
}

async fn deployed_roles_deny_each_attack(stage: &Stage) -> Result<Observed> {
    let outcomes = Outcomes::of_all().await?;
    decide(stage, &outcomes, &outcomes.denied, "allowed").await
}

/// What is decided otherwise than it should be: `wrong`, and which attempts.
async fn decide(
    stage: &Stage,
    outcomes: &Outcomes,
    attempts: &[Outcome],
    wrong: &str,
) -> Result<Observed> {
    let deployment = stage.deployment.as_ref().context("no deployment")?;
    let is_attack = wrong == "allowed";
    let (mut asked, mut without_a_role) = (Vec::new(), Vec::new());
    let mut not_asked = Vec::new();
    for outcome in attempts {
        // The simulator does not take a queue's policy for a service.
        if outcomes.policies(outcome)?.is_none() {
            continue;
        }
        let by = outcome.attempt.by;
        let requests = match deployment.things.attempt(outcomes, outcome, is_attack) {
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
            line: line(outcome),
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
    let count = not_asked.len();
    not_asked.sort_unstable();
    not_asked.dedup();
    if count > 0 {
        let reasons = format!("{count}, as {}", not_asked.join("; "));
        observed = observed.measure("not asked", reasons);
    }
    Ok(observed)
}
