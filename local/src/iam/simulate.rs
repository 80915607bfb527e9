//! SimulateCustomPolicy: the verdict of policies on actions and resources, without a role.
//!
//! Source: IAM API Reference, SimulateCustomPolicy. Of its parameters, it has those for
//! identity-based policies. A policy that the evaluator does not understand is refused, as IAM refuses
//! one that is not valid.

use serde_json::Value;

use super::condition::Context;
use super::policy::{AuthorizationRequest, Decision, Policy, decide};
use crate::wire::error::ApiError;
use crate::wire::query::Params;
use crate::wire::xml::Xml;

/// Answers SimulateCustomPolicy with the inner XML of its result element.
pub(crate) fn custom_policy(params: &mut Params) -> Result<String, ApiError> {
    let documents = params.list("PolicyInputList.member");
    let actions = params.list("ActionNames.member");
    let mut resources = params.list("ResourceArns.member");
    let mut context = Context::default();
    for mut entry in params.structs("ContextEntries.member") {
        let key = entry.required_str("ContextKeyName")?;
        let values = entry.list("ContextKeyValues.member");
        // Every key that the evaluator knows is a text or a list of texts.
        let kind = entry.str("ContextKeyType").unwrap_or_default();
        entry.finish()?;
        if !["string", "stringList"].contains(&kind.as_str()) {
            return Err(invalid(format!("{key} has the type {kind:?}")));
        }
        context.set(&key, values);
    }
    params.finish()?;
    if documents.is_empty() || actions.is_empty() {
        return Err(invalid("PolicyInputList and ActionNames are required"));
    }
    if resources.is_empty() {
        resources.push("*".to_owned());
    }
    let policies = documents
        .iter()
        .map(|text| {
            let document: Value = serde_json::from_str(text).map_err(invalid)?;
            Policy::parse(&document).map_err(invalid)
        })
        .collect::<Result<Vec<_>, _>>()?;
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
        let decision = match decide(&policies, request) {
            Decision::Allowed => "allowed",
            Decision::ImplicitlyDenied => "implicitDeny",
            Decision::ExplicitlyDenied => "explicitDeny",
        };
        xml.text("EvalDecision", decision);
    });
    Ok(xml.into_string())
}

fn invalid(problem: impl ToString) -> ApiError {
    ApiError::new("InvalidInput", problem.to_string())
}
