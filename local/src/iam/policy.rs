//! Policy documents, and whether they allow a request.
//!
//! IAM's rule is short (IAM User Guide, "Policy evaluation logic"): a statement that denies wins;
//! else a statement that allows; else the request is denied. A statement applies if its action, its
//! resource and all its conditions match. The policies here are of one account, without a permissions
//! boundary, a session policy or a policy of the organisation. `resource_policy` has those of resources.

use serde_json::Value;

use super::condition::{Condition, Context};
use super::pattern::{Pattern, ResourcePattern};

/// Why a policy document cannot be evaluated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// The document does not have the form of one.
    #[error("{element} is not understood: {value}")]
    Form {
        /// The element.
        element: String,
        /// Its value.
        value: String,
    },
    /// An element that the evaluator does not know, or does not allow here.
    #[error("the element {0} is not known")]
    Element(String),
    /// An operator that the evaluator does not know, or not with this key.
    #[error("the condition operator {operator} is not known, or not with the key {key}")]
    Operator {
        /// The operator.
        operator: String,
        /// The condition key.
        key: String,
    },
    /// A condition key whose value the fake AWS does not know.
    #[error("the condition key {0} is not known")]
    ConditionKey(String),
    /// A policy variable that the evaluator does not know.
    #[error("the policy variable in {0} is not known")]
    Variable(String),
    /// A resource that is neither `*` nor an ARN, or a value of `ArnEquals` or `ArnLike` that is none.
    #[error("{0} is not an ARN")]
    Resource(String),
}

pub(super) fn form(element: &str, value: &Value) -> PolicyError {
    PolicyError::Form {
        element: element.to_owned(),
        value: value.to_string(),
    }
}

/// A value or a list of values, as texts. JSON's `true` and `false` are texts too.
pub(super) fn texts(element: &str, value: &Value) -> Result<Vec<String>, PolicyError> {
    let one = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(value) => Ok(value.to_string()),
        other => Err(form(element, other)),
    };
    match value {
        Value::Array(values) if values.is_empty() => Err(form(element, value)),
        Value::Array(values) => values.iter().map(one).collect(),
        other => Ok(vec![one(other)?]),
    }
}

/// One action on one resource, with the condition keys that IAM compares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationRequest {
    /// The action, as IAM names it: `ec2:CreateTags`.
    pub action: String,
    /// The resource's ARN; `*` for an action without resource-level permissions.
    pub resource: String,
    /// The condition keys.
    pub context: Context,
}

/// The verdict on a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A statement allows it, and none denies it.
    Allowed,
    /// No statement allows it.
    ImplicitlyDenied,
    /// A statement denies it.
    ExplicitlyDenied,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    Allow,
    Deny,
}

/// A statement without its principals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    effect: Effect,
    actions: Vec<Pattern>,
    resources: Vec<ResourcePattern>,
    conditions: Vec<Condition>,
}

impl Statement {
    pub(super) fn parse(statement: &Value) -> Result<Self, PolicyError> {
        let Value::Object(elements) = statement else {
            return Err(form("Statement", statement));
        };
        let known = ["Sid", "Effect", "Action", "Resource", "Condition"];
        if let Some(other) = elements.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(PolicyError::Element(other.clone()));
        }
        let element = |name: &str| {
            let value = elements.get(name).unwrap_or(&Value::Null);
            texts(name, value)
        };
        let effect = match element("Effect")?.as_slice() {
            [effect] if effect == "Allow" => Effect::Allow,
            [effect] if effect == "Deny" => Effect::Deny,
            _ => return Err(form("Effect", statement)),
        };
        let actions: Result<_, _> = element("Action")?
            .iter()
            .map(|action| Pattern::parse(action))
            .collect();
        let resources: Result<_, _> = element("Resource")?
            .iter()
            .map(|resource| ResourcePattern::parse(resource))
            .collect();
        let mut conditions = Vec::new();
        match elements.get("Condition") {
            None => {}
            Some(Value::Object(operators)) => {
                for (operator, keys) in operators {
                    let Value::Object(keys) = keys else {
                        return Err(form("Condition", keys));
                    };
                    for (key, value) in keys {
                        conditions.push(Condition::parse(operator, key, value)?);
                    }
                }
            }
            Some(other) => return Err(form("Condition", other)),
        }
        Ok(Self {
            effect,
            actions: actions?,
            resources: resources?,
            conditions,
        })
    }

    fn applies(&self, request: &AuthorizationRequest) -> bool {
        let acts = |action: &Pattern| action.matches_in_any_case(&request.action);
        self.actions.iter().any(acts)
            && self
                .resources
                .iter()
                .any(|resource| resource.matches(&request.resource))
            && self
                .conditions
                .iter()
                .all(|condition| condition.holds(&request.context))
    }
}

/// A policy document, read once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    statements: Vec<Statement>,
    document: Value,
}

impl Policy {
    /// Reads a document of version 2012-10-17, the only one with policy variables.
    ///
    /// # Errors
    /// [`PolicyError`], naming what is not known.
    pub fn parse(document: &Value) -> Result<Self, PolicyError> {
        Ok(Self {
            statements: parse_document(document, Statement::parse)?,
            document: document.clone(),
        })
    }

    /// The document, as it was read.
    #[must_use]
    pub fn document(&self) -> &Value {
        &self.document
    }
}

/// Reads the statements of a document.
pub(super) fn parse_document<T>(
    document: &Value,
    statement: impl Fn(&Value) -> Result<T, PolicyError>,
) -> Result<Vec<T>, PolicyError> {
    let Value::Object(elements) = document else {
        return Err(form("the policy", document));
    };
    let known = ["Version", "Id", "Statement"];
    if let Some(other) = elements.keys().find(|key| !known.contains(&key.as_str())) {
        return Err(PolicyError::Element(other.clone()));
    }
    match elements.get("Version") {
        Some(Value::String(version)) if version == "2012-10-17" => {}
        other => return Err(form("Version", other.unwrap_or(&Value::Null))),
    }
    match elements.get("Statement") {
        Some(Value::Array(statements)) => statements.iter().map(statement).collect(),
        Some(one @ Value::Object(_)) => Ok(vec![statement(one)?]),
        other => Err(form("Statement", other.unwrap_or(&Value::Null))),
    }
}

/// The verdict of all policies of a role on a request.
#[must_use]
pub fn decide(policies: &[Policy], request: &AuthorizationRequest) -> Decision {
    let statements = policies.iter().flat_map(|policy| &policy.statements);
    decision(statements, request)
}

/// The verdict of statements on a request.
pub(super) fn decision<'a>(
    statements: impl Iterator<Item = &'a Statement>,
    request: &AuthorizationRequest,
) -> Decision {
    let mut allowed = false;
    for statement in statements.filter(|statement| statement.applies(request)) {
        match statement.effect {
            Effect::Deny => return Decision::ExplicitlyDenied,
            Effect::Allow => allowed = true,
        }
    }
    match allowed {
        true => Decision::Allowed,
        false => Decision::ImplicitlyDenied,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const INTERFACE: &str = "arn:aws:ec2:us-west-2:123456789012:network-interface/eni-1";

    fn policy(statements: &Value) -> Policy {
        Policy::parse(&json!({"Version": "2012-10-17", "Statement": statements})).unwrap()
    }

    fn request(action: &str, resource: &str, tag: Option<&str>) -> AuthorizationRequest {
        let mut context = Context::default();
        context.set("aws:ResourceTag/owner", tag.map(str::to_owned));
        AuthorizationRequest {
            action: action.to_owned(),
            resource: resource.to_owned(),
            context,
        }
    }

    fn own_interfaces() -> Value {
        json!({
            "Effect": "Allow",
            "Action": ["ec2:Delete*", "ec2:DetachNetworkInterface"],
            "Resource": "arn:aws:ec2:us-west-2:123456789012:network-interface/*",
            "Condition": {"StringEquals": {"aws:ResourceTag/owner": "us"}},
        })
    }

    #[test]
    fn statement_allows_only_its_actions_resources_and_conditions() {
        let policies = [policy(&json!([own_interfaces()]))];
        let decide = |action, resource, tag| decide(&policies, &request(action, resource, tag));
        let ours = Some("us");
        assert_eq!(
            decide("ec2:DeleteNetworkInterface", INTERFACE, ours),
            Decision::Allowed
        );
        // Names of actions have no case.
        assert_eq!(
            decide("EC2:deletenetworkinterface", INTERFACE, ours),
            Decision::Allowed
        );
        for (action, resource, tag) in [
            ("ec2:DeleteNetworkInterface", INTERFACE, Some("them")),
            ("ec2:DeleteNetworkInterface", INTERFACE, None),
            ("ec2:DeleteNetworkInterface", "*", ours),
            (
                "ec2:DeleteVolume",
                "arn:aws:ec2:us-west-2:123456789012:volume/vol-1",
                ours,
            ),
            ("ec2:AttachNetworkInterface", INTERFACE, ours),
            ("autoscaling:DeleteTags", INTERFACE, ours),
        ] {
            let denied = Decision::ImplicitlyDenied;
            assert_eq!(
                decide(action, resource, tag),
                denied,
                "{action} {resource} {tag:?}"
            );
        }
    }

    #[test]
    fn deny_of_any_policy_wins() {
        let deny = json!({"Effect": "Deny", "Action": "*", "Resource": "*"});
        let policies = [policy(&json!([own_interfaces()])), policy(&deny)];
        let request = request("ec2:DeleteNetworkInterface", INTERFACE, Some("us"));
        assert_eq!(decide(&policies, &request), Decision::ExplicitlyDenied);
    }

    #[test]
    fn role_without_policies_may_do_nothing() {
        let request = request("ec2:DescribeInstances", "*", None);
        assert_eq!(decide(&[], &request), Decision::ImplicitlyDenied);
    }

    #[test]
    fn all_conditions_must_hold() {
        let mut statement = own_interfaces();
        statement["Condition"]["Null"] = json!({"aws:TagKeys": "false"});
        let policies = [policy(&statement)];
        let mut request = request("ec2:DeleteTags", INTERFACE, Some("us"));
        assert_eq!(decide(&policies, &request), Decision::ImplicitlyDenied);
        request.context.set("aws:TagKeys", ["a".to_owned()]);
        assert_eq!(decide(&policies, &request), Decision::Allowed);
    }

    #[test]
    fn what_is_not_known_is_refused_by_name() {
        let mut statements = Vec::new();
        for element in ["NotAction", "NotResource", "Principal", "NotPrincipal"] {
            let mut statement = own_interfaces();
            statement[element] = json!("*");
            statements.push((element, statement));
        }
        let mut statement = own_interfaces();
        statement["Condition"] = json!({"IpAddress": {"ec2:Vpc": "10.0.0.0/8"}});
        statements.push(("IpAddress", statement));
        for (name, value) in [
            ("Effect", json!("allow")),
            ("Resource", json!([])),
            ("Action", json!(7)),
        ] {
            let mut statement = own_interfaces();
            statement[name] = value;
            statements.push((name, statement));
        }
        let mut statement = own_interfaces();
        statement["Resource"] = json!({"Fn::GetAtt": ["Machine", "Arn"]});
        statements.push(("Resource", statement));
        for (name, statement) in statements {
            let document = json!({"Version": "2012-10-17", "Statement": [statement]});
            let error = Policy::parse(&document).unwrap_err().to_string();
            assert!(error.contains(name), "{name}: {error}");
        }
        for document in [
            json!({"Version": "2008-10-17", "Statement": []}),
            json!({"Statement": []}),
            json!({"Version": "2012-10-17"}),
            json!({"Version": "2012-10-17", "Statement": [], "Other": 1}),
            json!([]),
        ] {
            assert!(Policy::parse(&document).is_err(), "{document}");
        }
    }
}
