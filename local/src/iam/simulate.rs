//! SimulateCustomPolicy: the verdict of policies on actions and resources, without a role.
//! SimulatePrincipalPolicy: the verdict of the policies that a role has.
//!
//! Source: IAM API Reference, SimulateCustomPolicy and SimulatePrincipalPolicy. They have the
//! parameters for identity-based policies, and `ResourcePolicy` with `CallerArn`, which is required
//! then and must be the ARN of an IAM user: "You cannot specify the ARN of an assumed role,
//! federated user, or a service principal." Both are of one account: `ResourceOwner` and
//! permissions boundaries are refused as unknown. A policy that the evaluator does not understand
//! is refused, as IAM refuses one that is not valid.

use serde_json::Value;

use super::condition::Context;
use super::policy::{AuthorizationRequest, Decision, Policy, decide};
use super::resource_policy::ResourcePolicy;
use super::roles::Iam;
use crate::wire::error::ApiError;
use crate::wire::query::Params;
use crate::wire::xml::Xml;

/// Answers SimulateCustomPolicy with the inner XML of its result element.
pub(crate) fn custom_policy(params: &mut Params) -> Result<String, ApiError> {
    let documents = params.list("PolicyInputList.member");
    if documents.is_empty() {
        return Err(invalid("PolicyInputList is required"));
    }
    verdicts(&parsed(&documents)?, params)
}

/// Answers SimulatePrincipalPolicy with the inner XML of its result element. The policies of the
/// request are added to those of the role.
///
/// `PolicySourceArn` must be the ARN of a user, a group or a role; that of a session is
/// `InvalidInput` (newrelic/newrelic-lambda-cli, issue 96). A role that does not exist is
/// `NoSuchEntity`. The fake AWS has no users and groups.
pub(crate) fn principal_policy(iam: &Iam, params: &mut Params) -> Result<String, ApiError> {
    let source = params.required_str("PolicySourceArn")?;
    let mut of_iam = source.splitn(6, ':').skip(2);
    let (service, resource) = (of_iam.next(), of_iam.nth(2).unwrap_or_default());
    let (kind, name) = match (service, resource.split_once('/')) {
        (Some("iam"), Some((kind @ ("role" | "user" | "group"), name))) => (kind, name),
        _ => {
            return Err(invalid(format!(
                "Invalid Entity Arn: {source} does not clearly define entity type and name."
            )));
        }
    };
    let role = iam.role(&source).ok_or_else(|| {
        ApiError::with_status(
            404,
            "NoSuchEntity",
            format!("The {kind} with name {name} cannot be found."),
        )
    })?;
    let mut policies = role.policies.clone();
    policies.extend(parsed(&params.list("PolicyInputList.member"))?);
    verdicts(&policies, params)
}

fn parsed(documents: &[String]) -> Result<Vec<Policy>, ApiError> {
    let parse = |text: &String| {
        let document: Value = serde_json::from_str(text).map_err(invalid)?;
        Policy::parse(&document).map_err(invalid)
    };
    documents.iter().map(parse).collect()
}

/// The verdicts of policies on each action and each resource of a request.
fn verdicts(policies: &[Policy], params: &mut Params) -> Result<String, ApiError> {
    let actions = params.list("ActionNames.member");
    let mut resources = params.list("ResourceArns.member");
    let mut context = Context::default();
    for mut entry in params.structs("ContextEntries.member") {
        let key = entry.required_str("ContextKeyName")?;
        let values = entry.list("ContextKeyValues.member");
        // Every key that the evaluator knows is a text, a list of texts, or yes or no.
        let kind = entry.str("ContextKeyType").unwrap_or_default();
        entry.finish()?;
        let is_boolean = |value: &String| ["true", "false"].contains(&value.as_str());
        match kind.as_str() {
            "string" | "stringList" => {}
            "boolean" if values.iter().all(is_boolean) => {}
            _ => return Err(invalid(format!("{key} has the type {kind:?}"))),
        }
        context.set(&key, values);
    }
    let resource_policy = resource_policy(params)?;
    params.finish()?;
    if actions.is_empty() {
        return Err(invalid("ActionNames is required"));
    }
    if resources.is_empty() {
        resources.push("*".to_owned());
    }
    let mut requests = Vec::new();
    for action in &actions {
        for resource in &resources {
            requests.push(AuthorizationRequest {
                action: action.clone(),
                resource: resource.clone(),
                context: context.clone(),
            });
        }
    }
    let mut xml = Xml::new();
    xml.text("IsTruncated", false);
    xml.members("EvaluationResults", &requests, |xml, request| {
        xml.text("EvalActionName", &request.action);
        xml.text("EvalResourceName", &request.resource);
        let of_resource = resource_policy
            .as_ref()
            .map(|policy| policy.decide(request));
        let decision = match of_both(decide(policies, request), of_resource) {
            Decision::Allowed => "allowed",
            Decision::ImplicitlyDenied => "implicitDeny",
            Decision::ExplicitlyDenied => "explicitDeny",
        };
        xml.text("EvalDecision", decision);
    });
    Ok(xml.into_string())
}

/// The resource-based policy of a request, with a user as the caller.
fn resource_policy(params: &mut Params) -> Result<Option<ResourcePolicy>, ApiError> {
    let (policy, caller) = (params.str("ResourcePolicy"), params.str("CallerArn"));
    let is_user =
        |arn: &String| arn.starts_with("arn:") && arn.contains(":iam::") && arn.contains(":user/");
    match (policy, caller) {
        (_, Some(caller)) if !is_user(&caller) => {
            Err(invalid(format!("{caller} is not the ARN of a user")))
        }
        (Some(_), None) => Err(invalid("CallerArn is required with a ResourcePolicy")),
        (None, _) => Ok(None),
        (Some(text), Some(_)) => {
            let document: Value = serde_json::from_str(&text).map_err(invalid)?;
            ResourcePolicy::parse(&document).map(Some).map_err(invalid)
        }
    }
}

/// Within one account, it suffices that the caller's policies or that of the resource allows, and
/// that none denies (IAM User Guide, "Policy evaluation logic").
fn of_both(of_caller: Decision, of_resource: Option<Decision>) -> Decision {
    let all = [Some(of_caller), of_resource];
    let first = [Decision::ExplicitlyDenied, Decision::Allowed];
    first
        .into_iter()
        .find(|decision| all.contains(&Some(*decision)))
        .unwrap_or(Decision::ImplicitlyDenied)
}

fn invalid(problem: impl ToString) -> ApiError {
    ApiError::new("InvalidInput", problem.to_string())
}
