//! The Condition element of a statement (IAM User Guide, "IAM JSON policy elements: Condition
//! operators" and "Set operators for multivalued context keys").
//!
//! The operators are those that the deployed policies use (`tests/fixtures/roles/conditions.json`
//! lists them), with IAM's two set operators and `…IfExists`. Any other operator, and any condition key whose value the fake AWS does not put
//! into a request's context, is refused by name: a condition that cannot be evaluated must not be
//! taken as one that holds.

use std::collections::BTreeMap;

use serde_json::Value;

use super::pattern::{ArnPattern, Pattern};
use super::policy::{PolicyError, texts};

/// The condition keys of a request, by lower-case name, with their values.
///
/// The names of condition keys have no case, and neither have the tag keys in them (IAM User Guide,
/// "AWS global condition context keys").
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context(BTreeMap<String, Vec<String>>);

impl Context {
    /// Sets the values of a key. A key without a value is not in the context.
    pub fn set(&mut self, key: &str, values: impl IntoIterator<Item = String>) {
        let values: Vec<String> = values.into_iter().collect();
        if !values.is_empty() {
            self.0.insert(key.to_ascii_lowercase(), values);
        }
    }

    /// The values of a key; empty if the key is not in the context.
    #[must_use]
    pub fn get(&self, key: &str) -> &[String] {
        self.0
            .get(&key.to_ascii_lowercase())
            .map_or(&[], Vec::as_slice)
    }

    /// All keys with their values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0
            .iter()
            .map(|(key, values)| (key.as_str(), values.as_slice()))
    }
}

/// The key with the tag keys of a request, the only one here that has several values.
pub(super) const TAG_KEYS: &str = "aws:tagkeys";

/// The condition keys whose values the fake AWS knows, in lower case. Those below the line are of
/// calls to services that it does not have; a test that compares such a call gives their values.
const KEYS: [&str; 9] = [
    TAG_KEYS,
    "ec2:createaction",
    "ec2:subnet",
    "ec2:vpc",
    // ---
    "aws:securetransport",
    "aws:sourceaccount",
    "aws:sourcearn",
    "cloudwatch:namespace",
    "lambda:sourcefunctionarn",
];

/// The condition keys that end with a tag's key, in lower case.
const TAG_KEY_PREFIXES: [&str; 4] = [
    "aws:requesttag/",
    "aws:resourcetag/",
    "ec2:resourcetag/",
    "autoscaling:resourcetag/",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    /// Every value of the request matches a value of the policy. True without a value.
    ForAllValues,
    /// One value of the request matches a value of the policy. False without a value.
    ForAnyValue,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    /// A value of the policy matches.
    Matches {
        set: Option<Set>,
        if_exists: bool,
        values: Vec<Wanted>,
    },
    /// `Null`: whether the key must be absent.
    Absent(bool),
}

/// A value of the policy, as its operator reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wanted {
    /// `StringEquals`, `StringLike` and `Bool`.
    Text(Pattern),
    /// `ArnEquals` and `ArnLike`, which are the same: "Each of the six colon-delimited components of
    /// the ARN is checked separately and each can include multi-character match wildcards (*) or
    /// single-character match wildcards (?)" (IAM User Guide, "IAM JSON policy elements: Condition
    /// operators", "Amazon Resource Name (ARN) condition operators").
    Arn(ArnPattern),
}

impl Wanted {
    fn parse(operator: &str, value: &str) -> Option<Result<Self, PolicyError>> {
        Some(match (operator, value) {
            ("StringEquals", _) | ("Bool", "true" | "false") => {
                Pattern::literal(value).map(Self::Text)
            }
            ("StringLike", _) => Pattern::parse(value).map(Self::Text),
            ("ArnEquals" | "ArnLike", _) => ArnPattern::parse(value).map(Self::Arn),
            _ => return None,
        })
    }

    fn matches(&self, value: &str) -> bool {
        match self {
            Self::Text(pattern) => pattern.matches(value),
            Self::Arn(pattern) => pattern.matches(value),
        }
    }
}

/// One condition key under one operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    key: String,
    test: Test,
}

impl Condition {
    /// Reads one key of one operator, with its value or list of values.
    pub(super) fn parse(operator: &str, key: &str, value: &Value) -> Result<Self, PolicyError> {
        let lower = key.to_ascii_lowercase();
        let of_a_tag = TAG_KEY_PREFIXES.iter().any(|prefix| {
            lower
                .strip_prefix(prefix)
                .is_some_and(|tag| !tag.is_empty())
        });
        if !of_a_tag && !KEYS.contains(&lower.as_str()) {
            return Err(PolicyError::ConditionKey(key.to_owned()));
        }
        let unknown = || PolicyError::Operator {
            operator: operator.to_owned(),
            key: key.to_owned(),
        };
        let values = texts("Condition", value)?;
        let test = if operator == "Null" {
            match values.as_slice() {
                [value] if value == "true" => Test::Absent(true),
                [value] if value == "false" => Test::Absent(false),
                _ => return Err(unknown()),
            }
        } else {
            let (set, name) = match operator.split_once(':') {
                None => (None, operator),
                Some(("ForAllValues", name)) => (Some(Set::ForAllValues), name),
                Some(("ForAnyValue", name)) => (Some(Set::ForAnyValue), name),
                Some(_) => return Err(unknown()),
            };
            // IAM has no meaning for one without the other that could be relied on.
            if set.is_some() != (lower == TAG_KEYS) {
                return Err(unknown());
            }
            let (name, if_exists) = match name.strip_suffix("IfExists") {
                Some(name) => (name, true),
                None => (name, false),
            };
            let read =
                |value: &String| Wanted::parse(name, value).unwrap_or_else(|| Err(unknown()));
            let values: Result<_, _> = values.iter().map(read).collect();
            Test::Matches {
                set,
                if_exists,
                values: values?,
            }
        };
        Ok(Self { key: lower, test })
    }

    /// Whether the condition holds. Without the key, only `Null: true`, `ForAllValues` and
    /// `…IfExists` hold.
    pub(super) fn holds(&self, context: &Context) -> bool {
        let values = context.get(&self.key);
        match &self.test {
            Test::Absent(absent) => values.is_empty() == *absent,
            Test::Matches {
                set,
                if_exists,
                values: wanted,
            } => {
                let matches = |value: &String| wanted.iter().any(|one| one.matches(value));
                match set {
                    _ if values.is_empty() && *if_exists => true,
                    Some(Set::ForAllValues) => values.iter().all(matches),
                    None | Some(Set::ForAnyValue) => values.iter().any(matches),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn context(keys: &[(&str, &[&str])]) -> Context {
        let mut context = Context::default();
        for (key, values) in keys {
            context.set(key, values.iter().map(|value| (*value).to_owned()));
        }
        context
    }

    fn holds(operator: &str, key: &str, value: Value, keys: &[(&str, &[&str])]) -> bool {
        let condition = Condition::parse(operator, key, &value).unwrap();
        condition.holds(&context(keys))
    }

    #[test]
    fn string_equals_compares_with_each_value_of_the_policy() {
        let key = "aws:ResourceTag/aws:autoscaling:groupName";
        let tagged = |group| holds("StringEquals", key, json!(["a", "b*"]), &[(key, &[group])]);
        assert!(tagged("a") && tagged("b*"));
        assert!(!tagged("A") && !tagged("bx") && !tagged(""));
        assert!(!holds("StringEquals", key, json!("a"), &[]));
    }

    #[test]
    fn string_like_takes_wildcards() {
        let key = "aws:RequestTag/hookline:instance-id";
        let like = |value| holds("StringLike", key, json!("i-*"), &[(key, &[value])]);
        assert!(like("i-1"));
        assert!(!like("1") && !like(""));
        assert!(!holds("StringLike", key, json!("*"), &[]));
    }

    #[test]
    fn names_of_keys_have_no_case() {
        let keys: &[(&str, &[&str])] = &[("AWS:resourcetag/Name", &["x"])];
        assert!(holds(
            "StringEquals",
            "aws:ResourceTag/name",
            json!("x"),
            keys
        ));
    }

    #[test]
    fn null_tells_whether_a_key_is_there() {
        let keys: &[(&str, &[&str])] = &[("aws:TagKeys", &["a"])];
        assert!(holds("Null", "aws:TagKeys", json!("false"), keys));
        assert!(!holds("Null", "aws:TagKeys", json!("true"), keys));
        assert!(!holds("Null", "aws:TagKeys", json!(false), &[]));
        assert!(holds("Null", "aws:TagKeys", json!("true"), &[]));
    }

    #[test]
    fn for_all_values_holds_without_a_value_and_for_any_value_does_not() {
        let of = |operator, keys: &[&str]| {
            holds(
                operator,
                "aws:TagKeys",
                json!(["a", "b"]),
                &[("aws:TagKeys", keys)],
            )
        };
        let (all, any) = ("ForAllValues:StringEquals", "ForAnyValue:StringEquals");
        assert!(of(all, &["a", "b"]) && of(all, &["b"]) && of(all, &[]));
        assert!(!of(all, &["a", "c"]) && !of(all, &["A"]));
        assert!(of(any, &["a", "c"]));
        assert!(!of(any, &["c"]) && !of(any, &[]));
    }

    #[test]
    fn if_exists_holds_without_the_key() {
        let key = "aws:ResourceTag/Name";
        let of = |keys: &[(&str, &[&str])]| holds("StringEqualsIfExists", key, json!("x"), keys);
        assert!(of(&[]) && of(&[(key, &["x"])]));
        assert!(!of(&[(key, &["y"])]));
    }

    #[test]
    fn arn_operators_compare_each_segment_with_wildcards() {
        let vpc = "arn:aws:ec2:us-west-2:123456789012:vpc/vpc-1";
        for operator in ["ArnEquals", "ArnLike"] {
            let of =
                |wanted: &str| holds(operator, "ec2:Vpc", json!(wanted), &[("ec2:Vpc", &[vpc])]);
            assert!(of(vpc) && of("arn:*:ec2:*:*:vpc/vpc-?"));
            assert!(of("arn:aws:ec2:us-west-2:123456789012:*"));
            assert!(!of("arn:aws:ec2:us-west-2:123456789012:vpc/vpc-2"));
            assert!(!of("arn:aws:ec2:us-west-2:123456789012:vpc/VPC-1"));
            assert!(!of("arn:aws:ec2:us-west-2:210987654321:vpc/vpc-1"));
            // A wildcard does not reach over a colon.
            assert!(!of("arn:aws:ec2:*:x:vpc/vpc-1") && !of("arn:*:x:x:x:vpc/vpc-1"));
            assert!(!holds(operator, "ec2:Vpc", json!(vpc), &[]), "no VPC");
            assert!(!holds(
                operator,
                "ec2:Vpc",
                json!(vpc),
                &[("ec2:Vpc", &["vpc-1"])]
            ));
            let several = json!(["arn:aws:ec2:us-west-2:1:vpc/vpc-9", vpc]);
            assert!(holds(operator, "ec2:Vpc", several, &[("ec2:Vpc", &[vpc])]));
            for no_arn in ["vpc-1", "*", "arn:aws:ec2"] {
                let error = Condition::parse(operator, "ec2:Vpc", &json!(no_arn)).unwrap_err();
                assert!(error.to_string().contains(no_arn), "{error}");
            }
        }
    }

    #[test]
    fn bool_is_true_or_false() {
        let key = "aws:SecureTransport";
        let of = |wanted: Value, keys: &[(&str, &[&str])]| holds("Bool", key, wanted, keys);
        assert!(of(json!(false), &[(key, &["false"])]));
        assert!(of(json!("false"), &[(key, &["false"])]));
        assert!(!of(json!("false"), &[(key, &["true"])]));
        assert!(!of(json!("false"), &[]));
        assert!(Condition::parse("Bool", key, &json!("no")).is_err());
    }

    #[test]
    fn unknown_operators_are_refused_by_name() {
        for operator in [
            "StringNotEquals",
            "StringEqualsIgnoreCase",
            "NumericEquals",
            "ForAllValues:NumericEquals",
            "ForNoValues:StringEquals",
            "stringequals",
            "ArnNotEquals",
            "ArnNotLike",
            "NullIfExists",
        ] {
            let key = if operator.contains(':') {
                "aws:TagKeys"
            } else {
                "ec2:Vpc"
            };
            let error = Condition::parse(operator, key, &json!("x")).unwrap_err();
            assert!(error.to_string().contains(operator), "{error}");
        }
    }

    #[test]
    fn set_operator_goes_with_the_key_of_many_values_only() {
        for (operator, key) in [
            ("StringEquals", "aws:TagKeys"),
            ("ForAllValues:StringEquals", "aws:ResourceTag/Name"),
        ] {
            assert!(
                Condition::parse(operator, key, &json!("x")).is_err(),
                "{operator} {key}"
            );
        }
    }

    /// The CDK's tests compare the list with every statement that they synthesise.
    #[test]
    fn every_condition_of_the_templates_is_known() {
        let list: Value = serde_json::from_str(include_str!(
            "../../../tests/fixtures/roles/conditions.json"
        ))
        .unwrap();
        // Of the policies of buckets and keys, which are not evaluated, only the operators are known.
        let elsewhere = ["kms:EncryptionContext:aws:logs:arn", "s3:x-amz-acl"];
        let mut operators = 0;
        for (operator, keys) in ["roles", "resources"]
            .iter()
            .flat_map(|kind| list[kind].as_object().unwrap())
        {
            operators += 1;
            for key in keys
                .as_array()
                .unwrap()
                .iter()
                .map(|key| key.as_str().unwrap())
            {
                let key = match elsewhere.contains(&key) {
                    true => "aws:SourceArn",
                    false => key,
                };
                let value = match operator.as_str() {
                    "ArnEquals" | "ArnLike" => "arn:aws:ec2:us-west-2:123456789012:vpc/vpc-1",
                    _ => "true",
                };
                Condition::parse(operator, key, &json!(value))
                    .unwrap_or_else(|error| panic!("{operator} {key}: {error}"));
            }
        }
        assert!(operators > 5, "only {operators}");
    }

    #[test]
    fn unknown_condition_keys_are_refused_by_name() {
        for key in [
            "aws:SourceIp",
            "ec2:Attribute/Attachment",
            "aws:RequestTag/",
            "Name",
        ] {
            let error = Condition::parse("StringEquals", key, &json!("x")).unwrap_err();
            assert!(error.to_string().contains(key), "{error}");
        }
    }
}
