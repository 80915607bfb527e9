//! IAM's policy simulator: what policies, or those of a deployed role, say to one request.

use anyhow::{Context as _, Result};
use aws_sdk_iam::types::{
    ContextEntry, ContextKeyTypeEnum, EvaluationResult, PolicyEvaluationDecisionType,
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use hookline_local::iam::AuthorizationRequest;

/// How many attempts are asked for at once. There are some 2,000 in a run, which one after the
/// other are not done within its limit.
const AT_ONCE: usize = 8;

/// An attempt that IAM is asked about.
#[derive(Clone, Debug)]
pub struct Asked {
    /// What it is, in one line.
    pub line: String,
    /// The policies of each role that may make it.
    pub by: Vec<Policies>,
    /// What it is authorised on.
    pub requests: Vec<AuthorizationRequest>,
}

/// The lines of the attempts that a role allows (`allows`), or that one does not, in their order.
///
/// # Errors
/// If IAM refuses a simulation.
pub async fn attempts_that(
    allows: bool,
    iam: &aws_sdk_iam::Client,
    attempts: Vec<Asked>,
) -> Result<Vec<String>> {
    let verdicts = attempts.into_iter().map(async |asked: Asked| {
        for policies in &asked.by {
            if policies.allow(iam, &asked.requests).await? == allows {
                return anyhow::Ok(Some(asked.line));
            }
        }
        Ok(None)
    });
    let verdicts = stream::iter(verdicts).buffered(AT_ONCE);
    let found = verdicts.try_filter_map(async |line| Ok(line));
    found.try_collect().await
}

/// Whose policies decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Policies {
    /// These documents (SimulateCustomPolicy).
    Documents(Vec<String>),
    /// Those of the role with this ARN, as it is now (SimulatePrincipalPolicy).
    OfRole(String),
    /// That of a resource, for a user of its account who may do everything (SimulateCustomPolicy):
    /// IAM takes only a user as the caller, and no role or service.
    OfResource {
        /// The document.
        document: String,
        /// The account.
        account: String,
    },
}

/// What such a user has.
const EVERYTHING: &str = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}"#;

impl Policies {
    /// Whether they allow every one of these requests.
    ///
    /// # Errors
    /// If IAM refuses the simulation.
    pub async fn allow(
        &self,
        iam: &aws_sdk_iam::Client,
        requests: &[AuthorizationRequest],
    ) -> Result<bool> {
        for request in requests {
            let results = self.decide(iam, request).await?;
            let result = results.first().context("no verdict")?;
            if *result.eval_decision() != PolicyEvaluationDecisionType::Allowed {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn decide(
        &self,
        iam: &aws_sdk_iam::Client,
        request: &AuthorizationRequest,
    ) -> Result<Vec<EvaluationResult>> {
        let context = entries(request, matches!(self, Self::OfResource { .. }));
        let custom = iam
            .simulate_custom_policy()
            .action_names(&request.action)
            .resource_arns(&request.resource)
            .set_context_entries(context.clone());
        let custom = match self {
            Self::Documents(documents) => custom.set_policy_input_list(Some(documents.clone())),
            Self::OfResource { document, account } => custom
                .policy_input_list(EVERYTHING)
                .resource_policy(document)
                .caller_arn(caller(&request.resource, account)),
            Self::OfRole(_) => custom,
        };
        let results = match self {
            Self::Documents(_) | Self::OfResource { .. } => {
                custom
                    .send()
                    .await
                    .with_context(|| format!("SimulateCustomPolicy {}", request.action))?
                    .evaluation_results
            }
            Self::OfRole(arn) => {
                iam.simulate_principal_policy()
                    .policy_source_arn(arn)
                    .action_names(&request.action)
                    .resource_arns(&request.resource)
                    .set_context_entries(context)
                    .send()
                    .await
                    .with_context(|| format!("SimulatePrincipalPolicy {} {arn}", request.action))?
                    .evaluation_results
            }
        };
        Ok(results.unwrap_or_default())
    }
}

/// A user who calls for a resource of an account. The simulator decides without making the call.
fn caller(resource: &str, account: &str) -> String {
    let partition = resource.split(':').nth(1).unwrap_or("aws");
    format!("arn:{partition}:iam::{account}:user/hookline-conformance")
}

/// The condition keys of a request; `None` if it has none. With a caller, who calls is told by the
/// parameter, and not by the key.
fn entries(request: &AuthorizationRequest, has_caller: bool) -> Option<Vec<ContextEntry>> {
    let keys = request.context.iter();
    let keys = keys.filter(|(key, _)| !has_caller || *key != "aws:principalarn");
    let entries = keys.map(|(key, values)| {
        // The tag keys of a request are the only list, even if there is one of them.
        let kind = match key {
            "aws:tagkeys" => ContextKeyTypeEnum::StringList,
            "aws:securetransport" => ContextKeyTypeEnum::Boolean,
            _ => ContextKeyTypeEnum::String,
        };
        ContextEntry::builder()
            .context_key_name(key)
            .context_key_type(kind)
            .set_context_key_values(Some(values.to_vec()))
            .build()
    });
    let entries: Vec<ContextEntry> = entries.collect();
    (!entries.is_empty()).then_some(entries)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use hookline_local::iam::Context;

    use super::*;

    #[test]
    fn only_a_caller_takes_the_place_of_the_key_with_the_principal() {
        let mut context = Context::default();
        let role = "arn:aws:iam::123456789012:role/one".to_owned();
        context.set("aws:PrincipalArn", [role.clone()]);
        let request = AuthorizationRequest {
            action: "sqs:SendMessage".to_owned(),
            resource: "*".to_owned(),
            context,
        };
        assert!(entries(&request, true).is_none());
        let entries = entries(&request, false).unwrap();
        let [entry] = entries.as_slice() else {
            panic!("{entries:?}");
        };
        assert_eq!(entry.context_key_name(), Some("aws:principalarn"));
        assert_eq!(entry.context_key_values(), [role]);
    }
}
