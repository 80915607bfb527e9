//! IAM's own verdict on the policies of the roles that the CDK app deploys: the calls that they must
//! allow, and the attacks that they must deny.
//!
//! IAM's simulator gets the synthesised policies, and for each call the action, the resources and the
//! condition keys that the fake AWS authorises it by. So no role needs to be deployed. The account's
//! number is put into both.

use anyhow::{Context as _, Result};
use aws_sdk_iam::types::{ContextEntry, ContextKeyTypeEnum, PolicyEvaluationDecisionType};
use hookline_local::iam::AuthorizationRequest;
use hookline_testkit::attacks::{Outcome, Outcomes};
use hookline_testkit::roles::Traffic;

use super::fact;
use crate::fact::{Expected, Fact, Observed};
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
    let (mut otherwise, mut decisions) = (Vec::new(), 0_usize);
    let attempts = attempts.flat_map(|(of, list)| list.iter().map(move |outcome| (of, outcome)));
    for (outcomes, outcome) in attempts {
        // The simulator does not take a queue's policy for a service.
        let Some(policies) = outcomes.policies(outcome)? else {
            continue;
        };
        decisions += 1;
        let policies: Vec<String> = policies
            .iter()
            .map(|document| in_account(stage, &document.to_string()))
            .collect();
        let mut allowed = true;
        for request in &outcome.requests {
            allowed = allowed && is_allowed(stage, &policies, request).await?;
        }
        if allowed == (wrong == "allowed") {
            let line = outcome.attempt.line();
            otherwise.push(line.split_whitespace().collect::<Vec<_>>().join(" "));
        }
    }
    let found = match otherwise.is_empty() {
        true => "none".to_owned(),
        false => otherwise.join("; "),
    };
    Ok(Observed::new()
        .value(wrong, found)
        .measure("decisions", decisions))
}

fn in_account(stage: &Stage, text: &str) -> String {
    text.replace(ACCOUNT, &stage.clients.account)
}

/// IAM's verdict on one action and one resource (SimulateCustomPolicy).
async fn is_allowed(
    stage: &Stage,
    policies: &[String],
    request: &AuthorizationRequest,
) -> Result<bool> {
    let context = request.context.iter().map(|(key, values)| {
        // The tag keys of a request are the only list, even if there is one of them.
        let kind = match key {
            "aws:tagkeys" => ContextKeyTypeEnum::StringList,
            _ => ContextKeyTypeEnum::String,
        };
        let values = values.iter().map(|value| in_account(stage, value));
        ContextEntry::builder()
            .context_key_name(key)
            .context_key_type(kind)
            .set_context_key_values(Some(values.collect()))
            .build()
    });
    let context: Vec<ContextEntry> = context.collect();
    let answer = stage
        .clients
        .iam
        .simulate_custom_policy()
        .set_policy_input_list(Some(policies.to_vec()))
        .action_names(&request.action)
        .resource_arns(in_account(stage, &request.resource))
        .set_context_entries((!context.is_empty()).then_some(context))
        .send()
        .await
        .with_context(|| format!("SimulateCustomPolicy {}", request.action))?;
    let result = answer.evaluation_results().first().context("no verdict")?;
    Ok(*result.eval_decision() == PolicyEvaluationDecisionType::Allowed)
}
