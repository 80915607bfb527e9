//! A role, and what its policies allow as far as that shows without a request: actions on
//! resources. Conditions are not evaluated. IAM's rule is that of "Policy evaluation logic" in the
//! IAM User Guide.

use serde_json::Value;

/// A role, as GetAccountAuthorizationDetails shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Role {
    /// The document of its trust policy; `None` if it was not told.
    pub(crate) trust: Option<Value>,
    /// The documents of its inline policies and of its customer managed policies.
    pub(crate) policies: Vec<Value>,
    /// The document of its permissions boundary, if it has one that is known.
    pub(crate) boundary: Option<Value>,
    /// Its policies of which the document is not known, by ARN or name: AWS's own.
    pub(crate) unknown: Vec<String>,
}

/// What was seen of a role that something names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SeenRole {
    Missing,
    /// It is there, and its policies were not read.
    Unread,
    Read(Role),
}

impl Role {
    /// Whether a statement allows an action, and none denies it whatever the request. Without
    /// resources, any resource will do; else one of these.
    pub(crate) fn allows(&self, action: &str, resources: &[String]) -> bool {
        let by = |documents: &mut dyn Iterator<Item = &Value>| {
            let statements: Vec<Statement<'_>> = documents.flat_map(statements).collect();
            let on = |resource: Option<&str>| {
                let mut applying = statements.iter().filter(|it| it.applies(action, resource));
                let allows = |it: &&Statement<'_>| !it.denies();
                applying.clone().any(|it| allows(&it))
                    && !applying.any(|it| it.denies_always(resource))
            };
            match resources {
                [] => on(None),
                resources => resources.iter().any(|resource| on(Some(resource))),
            }
        };
        by(&mut self.policies.iter())
            && self
                .boundary
                .as_ref()
                .is_none_or(|boundary| by(&mut std::iter::once(boundary)))
    }
}

impl Role {
    /// Whether its trust policy lets a service of AWS assume it, such as `states`, or is not known.
    /// IAM's services have names such as `states.amazonaws.com`, in some places with the Region or
    /// `.cn` (IAM User Guide, "AWS JSON policy elements: Principal").
    pub(crate) fn trusts(&self, service: &str) -> bool {
        let Some(document) = &self.trust else {
            return true;
        };
        let start = format!("{service}.");
        let is_it = |name: &str| name.starts_with(&start) && name.contains("amazonaws.com");
        let names = |statement: &Statement<'_>| match statement.0.get("Principal") {
            Some(Value::String(all)) => all == "*",
            Some(principal) => match principal.get("Service") {
                Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).any(is_it),
                Some(Value::String(name)) => is_it(name),
                _ => false,
            },
            None => false,
        };
        let assumes =
            |it: &Statement<'_>| it.matches("Action", |pattern| matches(pattern, ASSUME_ROLE));
        let about: Vec<Statement<'_>> = statements(document)
            .filter(|it| assumes(it) && names(it))
            .collect();
        let always_denies = |it: &Statement<'_>| it.denies() && it.0.get("Condition").is_none();
        about.iter().any(|it| !it.denies()) && !about.iter().any(always_denies)
    }
}

/// The action that a trust policy allows.
const ASSUME_ROLE: &str = "sts:AssumeRole";

/// A statement of a policy document.
struct Statement<'a>(&'a Value);

/// The statements of a document: one, or a list.
fn statements(document: &Value) -> impl Iterator<Item = Statement<'_>> {
    let (one, list) = match document.get("Statement") {
        Some(Value::Array(list)) => (None, list.as_slice()),
        one => (one, &[][..]),
    };
    one.into_iter().chain(list).map(Statement)
}

impl Statement<'_> {
    /// Whether it is about an action, and about a resource if one is given.
    fn applies(&self, action: &str, resource: Option<&str>) -> bool {
        let action = action.to_ascii_lowercase();
        let acts = self.matches("Action", |pattern| {
            matches(&pattern.to_ascii_lowercase(), &action)
        });
        acts && resource
            .is_none_or(|resource| self.matches("Resource", |pattern| matches(pattern, resource)))
    }

    fn denies(&self) -> bool {
        self.0.get("Effect").and_then(Value::as_str) == Some("Deny")
    }

    /// Whether it denies each request that it applies to. About any resource, only if it is for all
    /// of them.
    fn denies_always(&self, resource: Option<&str>) -> bool {
        let on_all = || self.matches("Resource", |pattern| pattern == "*");
        self.denies() && self.0.get("Condition").is_none() && (resource.is_some() || on_all())
    }

    /// Whether an element of the statement, or its `Not…`, takes something.
    fn matches(&self, element: &str, is: impl Fn(&str) -> bool) -> bool {
        let any = |value: &Value| match value {
            Value::Array(patterns) => patterns.iter().filter_map(Value::as_str).any(&is),
            one => one.as_str().is_some_and(&is),
        };
        match (self.0.get(element), self.0.get(format!("Not{element}"))) {
            (Some(value), _) => any(value),
            (None, Some(value)) => !any(value),
            (None, None) => false,
        }
    }
}

/// A character of a pattern, or what it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// `*`: any characters. A policy variable is taken for that, too.
    Any,
    /// `?`: one character.
    One,
    Is(char),
}

/// Whether a pattern of an action or of an ARN matches a text. `${*}`, `${?}` and `${$}` stand for
/// the characters themselves (IAM User Guide, "IAM policy elements: Variables and tags").
fn matches(pattern: &str, text: &str) -> bool {
    let parts = parts(pattern);
    // After each character, which ends of the pattern are reached: without backtracking.
    let mut reached = vec![false; parts.len() + 1];
    let skip = |reached: &mut Vec<bool>| {
        for (n, part) in parts.iter().enumerate() {
            if *part == Part::Any && reached.get(n) == Some(&true) {
                set(reached, n + 1);
            }
        }
    };
    set(&mut reached, 0);
    skip(&mut reached);
    for character in text.chars() {
        let mut next = vec![false; parts.len() + 1];
        for (n, part) in parts.iter().enumerate() {
            if reached.get(n) != Some(&true) {
                continue;
            }
            match part {
                Part::Any => set(&mut next, n),
                Part::One => set(&mut next, n + 1),
                Part::Is(wanted) if *wanted == character => set(&mut next, n + 1),
                Part::Is(_) => {}
            }
        }
        skip(&mut next);
        reached = next;
    }
    reached.last() == Some(&true)
}

fn set(reached: &mut [bool], n: usize) {
    if let Some(one) = reached.get_mut(n) {
        *one = true;
    }
}

fn parts(pattern: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = pattern;
    while let Some(character) = rest.chars().next() {
        if let Some((inside, after)) = rest
            .strip_prefix("${")
            .and_then(|rest| rest.split_once('}'))
        {
            parts.push(match inside {
                "*" | "?" | "$" => Part::Is(inside.chars().next().unwrap_or_default()),
                _ => Part::Any,
            });
            rest = after;
            continue;
        }
        parts.push(match character {
            '*' => Part::Any,
            '?' => Part::One,
            other => Part::Is(other),
        });
        rest = rest.get(character.len_utf8()..).unwrap_or_default();
    }
    parts
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SUBNET: &str = "arn:aws:ec2:us-west-2:123456789012:subnet/subnet-00000001";

    #[test]
    fn role_trusts_the_services_that_its_trust_policy_names() {
        let trusts = |statements: Value| {
            let role = Role {
                trust: Some(json!({"Statement": statements})),
                ..Role::default()
            };
            role.trusts("states")
        };
        let statement = |effect: &str, service: Value| json!({"Effect": effect, "Action": "sts:AssumeRole", "Principal": {"Service": service}});
        let right = statement("Allow", json!("states.amazonaws.com"));
        for names in [
            json!("states.amazonaws.com"),
            json!(["events.amazonaws.com", "states.us-west-2.amazonaws.com"]),
            json!("states.cn-north-1.amazonaws.com.cn"),
        ] {
            assert!(trusts(json!([statement("Allow", names)])));
        }
        assert!(trusts(
            json!({"Effect": "Allow", "Action": "sts:*", "Principal": "*"})
        ));
        for names in [
            json!("events.amazonaws.com"),
            json!("states.example.com"),
            json!([]),
        ] {
            assert!(!trusts(json!([statement("Allow", names)])));
        }
        assert!(!trusts(json!([])));
        assert!(!trusts(json!([
            right,
            statement("Deny", json!("states.amazonaws.com"))
        ])));
        let other = json!({"Effect": "Allow", "Action": "sts:TagSession", "Principal": {"Service": "states.amazonaws.com"}});
        assert!(!trusts(json!([other])));
        assert!(Role::default().trusts("states"));
    }

    fn role(statements: Value) -> Role {
        Role {
            policies: vec![json!({"Version": "2012-10-17", "Statement": statements})],
            ..Role::default()
        }
    }

    fn on(resource: &str) -> Vec<String> {
        vec![resource.to_owned()]
    }

    #[test]
    fn pattern_matches_as_iams() {
        for (pattern, text, is) in [
            ("*", "", true),
            ("ec2:*", "ec2:createtags", true),
            ("ec2:describe*s", "ec2:describeinstances", true),
            ("ec2:describe*s", "ec2:describeinstance", false),
            ("ec2:get?", "ec2:gets", true),
            ("ec2:get?", "ec2:get", false),
            ("a${*}b", "a*b", true),
            ("a${*}b", "axb", false),
            ("a${$}b", "a$b", true),
            ("user/${aws:username}/x", "user/me/x", true),
            ("", "a", false),
            ("a*b*c", "a-b-b-c", true),
        ] {
            assert_eq!(matches(pattern, text), is, "{pattern} {text}");
        }
    }

    #[test]
    fn action_is_allowed_by_a_statement_for_its_resource() {
        let role = role(json!([
            {"Effect": "Allow", "Action": "ec2:DescribeInstances", "Resource": "*"},
            {
                "Effect": "Allow",
                "Action": ["EC2:createnetwork*", "ec2:CreateTags"],
                "Resource": [SUBNET],
                "Condition": {"StringEquals": {"a": "b"}},
            },
        ]));
        assert!(role.allows("ec2:DescribeInstances", &[]));
        assert!(role.allows("ec2:CreateNetworkInterface", &on(SUBNET)));
        assert!(role.allows("ec2:CreateNetworkInterface", &[]));
        let other = SUBNET.replace('1', "2");
        assert!(!role.allows("ec2:CreateNetworkInterface", &on(&other)));
        let either = [other, SUBNET.to_owned()];
        assert!(role.allows("ec2:CreateNetworkInterface", &either));
        assert!(!role.allows("ec2:DeleteNetworkInterface", &[]));
        assert!(!Role::default().allows("ec2:DescribeInstances", &[]));
    }

    #[test]
    fn deny_wins_if_it_holds_for_each_request() {
        let allow = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
        let denied = |deny: Value| {
            let role = role(json!([allow, deny]));
            !role.allows("ec2:CreateTags", &on(SUBNET))
        };
        let deny = json!({"Effect": "Deny", "Action": "ec2:*", "Resource": "*"});
        assert!(denied(deny.clone()));
        assert!(!role(json!([allow, deny])).allows("ec2:CreateTags", &[]));
        let but = json!({"Effect": "Deny", "NotAction": "ec2:Create*", "Resource": "*"});
        assert!(!denied(but));
        let on_others = json!({"Effect": "Deny", "Action": "*", "NotResource": SUBNET});
        assert!(!denied(on_others));
        let mut sometimes = deny;
        sometimes["Condition"] = json!({"Bool": {"aws:SecureTransport": "false"}});
        assert!(!denied(sometimes));
    }

    #[test]
    fn permissions_boundary_must_allow_it_too() {
        let all = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
        let mut role = role(all);
        let boundary = json!({"Effect": "Allow", "Action": "ec2:*", "Resource": "*"});
        role.boundary = Some(json!({"Statement": boundary}));
        assert!(role.allows("ec2:CreateTags", &[]));
        assert!(!role.allows("states:StartExecution", &[]));
    }
}
