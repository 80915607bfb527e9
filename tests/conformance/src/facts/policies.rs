//! IAM's own verdict on the policies of the roles that the CDK app deploys: the calls that they must
//! allow, and the attacks that they must deny.
//!
//! IAM's simulator gets the synthesised policies, and for each call the action, the resources and the
//! condition keys that the fake AWS authorises it by. So no role needs to be deployed. The account's
//! number is put into both.

use anyhow::Result;
use hookline_local::iam::{AuthorizationRequest, Context};
use hookline_testkit::attacks::{Attempt, Outcome, Outcomes, is_of_the_account};
use hookline_testkit::roles::Traffic;
use serde_json::Value;

use super::fact;
use crate::fact::{Expected, Fact, Observed};
use crate::simulator::{Asked, Policies, attempts_that};
use crate::stage::Stage;

/// The account of the synthesised policies.
const ACCOUNT: &str = "123456789012";

pub(super) const FACTS: &[Fact] = &[
    fact!(
        iam_allows_each_call_of_each_role,
        "IAM allows each call that a function, a state machine or a rule makes, by the policies of its role.",
        IAM_EVALUATION,
        Nothing,
        Expected::values(&[("denied", "none")])
    ),
    fact!(
        iam_denies_each_attack_with_a_role,
        "IAM denies each call of the table of attacks, by the policies of the role that makes it.",
        IAM_EVALUATION,
        Nothing,
        Expected::values(&[("allowed", "none")])
    ),
    fact!(
        iam_allows_each_call_of_the_traffic_stack,
        "IAM allows each call that the traffic stack makes, by the policies of its roles.",
        IAM_EVALUATION,
        Nothing,
        Expected::values(&[("denied", "none")])
    ),
    fact!(
        iam_denies_each_attack_with_a_role_of_the_traffic_stack,
        "IAM denies each call of the table of attacks with the roles of the traffic stack.",
        IAM_EVALUATION,
        Nothing,
        Expected::values(&[("allowed", "none")])
    ),
];

async fn iam_allows_each_call_of_each_role(stage: &Stage) -> Result<Observed> {
    calls_denied(stage, &[Outcomes::of_all().await?]).await
}

async fn iam_denies_each_attack_with_a_role(stage: &Stage) -> Result<Observed> {
    attacks_allowed(stage, &[Outcomes::of_all().await?]).await
}

async fn iam_allows_each_call_of_the_traffic_stack(stage: &Stage) -> Result<Observed> {
    calls_denied(stage, &of_traffic().await?).await
}

async fn iam_denies_each_attack_with_a_role_of_the_traffic_stack(
    stage: &Stage,
) -> Result<Observed> {
    attacks_allowed(stage, &of_traffic().await?).await
}

/// With flow logs and a cluster of the stack's account, and with those of others.
async fn of_traffic() -> Result<[Outcomes; 2]> {
    Ok([
        Outcomes::of_traffic(Traffic::Own).await?,
        Outcomes::of_traffic(Traffic::OfOthers).await?,
    ])
}

async fn calls_denied(stage: &Stage, all: &[Outcomes]) -> Result<Observed> {
    let attempts = all.iter().map(|of| (of, of.allowed.as_slice()));
    decide(stage, attempts, "denied").await
}

async fn attacks_allowed(stage: &Stage, all: &[Outcomes]) -> Result<Observed> {
    let attempts = all.iter().map(|of| (of, of.denied.as_slice()));
    decide(stage, attempts, "allowed").await
}

/// What is decided otherwise than it should be: `wrong`, and which attempts.
async fn decide<'a>(
    stage: &Stage,
    attempts: impl Iterator<Item = (&'a Outcomes, &'a [Outcome])>,
    wrong: &str,
) -> Result<Observed> {
    let mut asked = Vec::new();
    let attempts = attempts.flat_map(|(of, list)| list.iter().map(move |outcome| (of, outcome)));
    for (outcomes, outcome) in attempts {
        let document = |document: &Value| in_account(stage, &document.to_string());
        let policies = match (outcomes.policies(outcome)?, outcomes.queue_policy(outcome)?) {
            (Some(policies), _) => Policies::Documents(policies.iter().map(document).collect()),
            (None, Some(policy)) if outcome.requests.iter().all(is_of_the_account) => {
                Policies::OfResource {
                    document: document(policy),
                    account: stage.clients.account.clone(),
                }
            }
            // The simulator takes no service as the caller.
            _ => continue,
        };
        let requests = outcome.requests.iter();
        asked.push(Asked {
            line: line(&outcome.attempt),
            by: vec![policies],
            requests: requests.map(|one| request_in(stage, one)).collect(),
        });
    }
    let decisions = asked.len();
    let otherwise = attempts_that(wrong == "allowed", &stage.clients.iam, asked).await?;
    Ok(Observed::new()
        .value(wrong, found(&otherwise))
        .measure("decisions", decisions))
}

/// An attempt in one line.
pub(super) fn line(attempt: &Attempt) -> String {
    let line = attempt.line();
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The attempts that are decided otherwise than they should be.
pub(super) fn found(otherwise: &[String]) -> String {
    match otherwise {
        [] => "none".to_owned(),
        lines => lines.join("; "),
    }
}

fn in_account(stage: &Stage, text: &str) -> String {
    text.replace(ACCOUNT, &stage.clients.account)
}

fn request_in(stage: &Stage, request: &AuthorizationRequest) -> AuthorizationRequest {
    let mut context = Context::default();
    for (key, values) in request.context.iter() {
        context.set(key, values.iter().map(|value| in_account(stage, value)));
    }
    AuthorizationRequest {
        action: request.action.clone(),
        resource: in_account(stage, &request.resource),
        context,
    }
}
