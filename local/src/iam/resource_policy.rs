//! Resource-based policies: who may do what with a queue.
//!
//! A statement of one names its principals, and else has the form of an identity-based one (IAM User
//! Guide, "AWS JSON policy elements: Principal"). Who calls is in the context, under the keys that AWS
//! sets: `aws:PrincipalServiceName` for a service, `aws:PrincipalArn` for a role (IAM User Guide, "AWS
//! global condition context keys").

use serde_json::Value;

use super::policy::{
    AuthorizationRequest, Decision, PolicyError, Statement, decision, form, parse_document, texts,
};

/// The context key with the service that calls.
pub const SERVICE: &str = "aws:PrincipalServiceName";

/// Whom a statement is about.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Principals {
    /// `*` and `{"AWS": "*"}`.
    Everyone,
    /// `{"Service": …}`.
    Services(Vec<String>),
}

impl Principals {
    fn parse(value: &Value) -> Result<Self, PolicyError> {
        if value == "*" {
            return Ok(Self::Everyone);
        }
        let members = value.as_object().filter(|members| members.len() == 1);
        match members.and_then(|members| members.iter().next()) {
            Some((kind, who)) if kind == "AWS" && who == "*" => Ok(Self::Everyone),
            Some((kind, who)) if kind == "Service" => texts("Principal", who).map(Self::Services),
            _ => Err(form("Principal", value)),
        }
    }

    fn include(&self, request: &AuthorizationRequest) -> bool {
        match self {
            Self::Everyone => true,
            Self::Services(services) => {
                let mut callers = request.context.get(SERVICE).iter();
                callers.any(|caller| services.contains(caller))
            }
        }
    }
}

/// A resource-based policy, read once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourcePolicy(Vec<(Principals, Statement)>);

impl ResourcePolicy {
    /// Reads a document of version 2012-10-17.
    ///
    /// # Errors
    /// [`PolicyError`], naming what is not known.
    pub fn parse(document: &Value) -> Result<Self, PolicyError> {
        parse_document(document, |statement| {
            let mut rest = statement.clone();
            let principal = rest
                .as_object_mut()
                .and_then(|elements| elements.remove("Principal"))
                .ok_or_else(|| form("Principal", statement))?;
            Ok((Principals::parse(&principal)?, Statement::parse(&rest)?))
        })
        .map(Self)
    }

    /// The verdict on a request of whoever its context names.
    #[must_use]
    pub fn decide(&self, request: &AuthorizationRequest) -> Decision {
        let of_caller = self.0.iter().filter(|(who, _)| who.include(request));
        decision(of_caller.map(|(_, statement)| statement), request)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Context;
    use super::*;

    const QUEUE: &str = "arn:aws:sqs:us-west-2:123456789012:q";
    const RULE: &str = "arn:aws:events:us-west-2:123456789012:rule/r";

    fn policy() -> Value {
        json!({"Version": "2012-10-17", "Statement": [
            {
                "Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "sqs:*", "Resource": QUEUE,
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            },
            {
                "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sqs:SendMessage", "Resource": QUEUE,
                "Condition": {"ArnEquals": {"aws:SourceArn": RULE}},
            },
        ]})
    }

    fn decide(keys: &[(&str, &str)]) -> Decision {
        let mut context = Context::default();
        for (key, value) in keys {
            context.set(key, [(*value).to_owned()]);
        }
        ResourcePolicy::parse(&policy())
            .unwrap()
            .decide(&AuthorizationRequest {
                action: "sqs:SendMessage".to_owned(),
                resource: QUEUE.to_owned(),
                context,
            })
    }

    #[test]
    fn only_its_principal_is_allowed_and_everyone_is_denied_without_tls() {
        let events = (SERVICE, "events.amazonaws.com");
        let rule = ("aws:SourceArn", RULE);
        assert_eq!(decide(&[events, rule]), Decision::Allowed);
        assert_eq!(
            decide(&[events, rule, ("aws:SecureTransport", "false")]),
            Decision::ExplicitlyDenied
        );
        for keys in [
            vec![events],
            vec![rule],
            vec![(SERVICE, "s3.amazonaws.com"), rule],
        ] {
            assert_eq!(decide(&keys), Decision::ImplicitlyDenied, "{keys:?}");
        }
    }

    #[test]
    fn principal_that_is_not_known_is_refused() {
        for principal in [
            json!({"AWS": "arn:aws:iam::123456789012:root"}),
            json!({"Federated": "x"}),
            json!({"Service": []}),
            json!("events.amazonaws.com"),
            Value::Null,
        ] {
            let mut document = policy();
            document["Statement"][0]["Principal"] = principal;
            let error = ResourcePolicy::parse(&document).unwrap_err().to_string();
            assert!(error.contains("Principal"), "{error}");
        }
        let mut document = policy();
        let statement = document["Statement"][0].as_object_mut().unwrap();
        statement.remove("Principal");
        assert!(ResourcePolicy::parse(&document).is_err());
    }
}
