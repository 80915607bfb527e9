//! Event patterns: which events a rule wants.
//!
//! A pattern has the shape of an event. Its leaves are lists of alternatives; a field matches if any alternative
//! does, an object if all of its fields do. Where the event holds a list, one matching element is enough.

use serde_json::{Map, Number, Value};

/// A pattern that was found valid.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    root: Fields,
}

/// What is wrong with a pattern, in words for its author.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Event pattern is not valid. Reason: {0}")]
pub(crate) struct InvalidPattern(String);

#[derive(Clone, Debug)]
struct Fields {
    all: Vec<(String, Node)>,
    /// Every `$or`: one of its alternatives must match.
    any: Vec<Vec<Fields>>,
}

#[derive(Clone, Debug)]
enum Node {
    Object(Fields),
    Leaf(Vec<Matcher>),
}

#[derive(Clone, Debug)]
enum Matcher {
    Exact(Value),
    Exists(bool),
    Text(Text),
    Numeric(Vec<(Comparison, f64)>),
    Cidr(ipnet::IpNet),
    AnythingBut(Vec<Matcher>),
}

#[derive(Clone, Debug)]
enum Text {
    Prefix(String),
    Suffix(String),
    PrefixIgnoreCase(String),
    SuffixIgnoreCase(String),
    EqualsIgnoreCase(String),
    Wildcard(String),
}

#[derive(Clone, Copy, Debug)]
enum Comparison {
    Less,
    LessOrEqual,
    Equal,
    GreaterOrEqual,
    Greater,
}

impl Pattern {
    /// Reads a pattern as a rule has it: a JSON text.
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidPattern> {
        let value: Value =
            serde_json::from_str(text).map_err(|error| InvalidPattern(error.to_string()))?;
        let Value::Object(fields) = value else {
            return Err(InvalidPattern("Filter is not an object".to_owned()));
        };
        Ok(Self {
            root: parse_fields(&fields)?,
        })
    }

    /// Whether the rule wants this event.
    pub(crate) fn matches(&self, event: &Value) -> bool {
        self.root.matches(Some(event))
    }
}

fn invalid<T>(reason: impl Into<String>) -> Result<T, InvalidPattern> {
    Err(InvalidPattern(reason.into()))
}

fn parse_fields(fields: &Map<String, Value>) -> Result<Fields, InvalidPattern> {
    if fields.is_empty() {
        return invalid("Empty objects are not allowed");
    }
    let mut parsed = Fields {
        all: Vec::new(),
        any: Vec::new(),
    };
    for (name, value) in fields {
        match value {
            Value::Array(alternatives) if name == "$or" => {
                if alternatives.len() < 2 {
                    return invalid("$or needs at least two alternatives");
                }
                let alternatives = alternatives
                    .iter()
                    .map(|alternative| match alternative {
                        Value::Object(fields) => parse_fields(fields),
                        _ => invalid("An alternative of $or must be an object"),
                    })
                    .collect::<Result<_, _>>()?;
                parsed.any.push(alternatives);
            }
            Value::Object(fields) => parsed
                .all
                .push((name.clone(), Node::Object(parse_fields(fields)?))),
            Value::Array(alternatives) if alternatives.is_empty() => {
                return invalid("Empty arrays are not allowed");
            }
            Value::Array(alternatives) => {
                let matchers = alternatives
                    .iter()
                    .map(parse_matcher)
                    .collect::<Result<_, _>>()?;
                parsed.all.push((name.clone(), Node::Leaf(matchers)));
            }
            _ => return invalid(format!("\"{name}\" must be an object or an array")),
        }
    }
    Ok(parsed)
}

fn parse_matcher(value: &Value) -> Result<Matcher, InvalidPattern> {
    let Value::Object(fields) = value else {
        return match value {
            Value::Array(_) => invalid("Match value must be String, number, true, false, or null"),
            _ => Ok(Matcher::Exact(value.clone())),
        };
    };
    let mut entries = fields.iter();
    let (Some((name, argument)), None) = (entries.next(), entries.next()) else {
        return invalid("Only one key allowed in match expression");
    };
    match name.as_str() {
        "exists" => match argument {
            Value::Bool(exists) => Ok(Matcher::Exists(*exists)),
            _ => invalid("exists match pattern must be either true or false."),
        },
        "anything-but" => parse_anything_but(argument),
        "numeric" => parse_numeric(argument),
        "cidr" => match argument.as_str().map(|text| text.parse()) {
            Some(Ok(cidr)) => Ok(Matcher::Cidr(cidr)),
            _ => invalid("Malformed CIDR"),
        },
        _ => Ok(Matcher::Text(parse_text(name, argument)?)),
    }
}

fn parse_text(name: &str, argument: &Value) -> Result<Text, InvalidPattern> {
    match (name, argument) {
        ("prefix", Value::String(text)) => Ok(Text::Prefix(text.clone())),
        ("suffix", Value::String(text)) => Ok(Text::Suffix(text.clone())),
        ("equals-ignore-case", Value::String(text)) => {
            Ok(Text::EqualsIgnoreCase(text.to_lowercase()))
        }
        ("wildcard", Value::String(text)) if text.contains("**") => {
            invalid("Consecutive wildcard characters")
        }
        ("wildcard", Value::String(text)) => Ok(Text::Wildcard(text.clone())),
        ("prefix" | "suffix", Value::Object(fields)) => {
            match (fields.len(), fields.get("equals-ignore-case")) {
                (1, Some(Value::String(text))) if name == "prefix" => {
                    Ok(Text::PrefixIgnoreCase(text.to_lowercase()))
                }
                (1, Some(Value::String(text))) => Ok(Text::SuffixIgnoreCase(text.to_lowercase())),
                _ => invalid(format!("{name} match pattern must be a string")),
            }
        }
        ("prefix" | "suffix" | "equals-ignore-case" | "wildcard", _) => {
            invalid(format!("{name} match pattern must be a string"))
        }
        _ => invalid(format!("Unrecognized match type {name}")),
    }
}

fn parse_anything_but(argument: &Value) -> Result<Matcher, InvalidPattern> {
    let excluded = match argument {
        Value::Object(fields) => {
            let mut entries = fields.iter();
            let (Some((name, argument)), None) = (entries.next(), entries.next()) else {
                return invalid("Only one key allowed in match expression");
            };
            let arguments = match argument {
                Value::Array(several) => several.clone(),
                one => vec![one.clone()],
            };
            arguments
                .iter()
                .map(|one| parse_text(name, one).map(Matcher::Text))
                .collect::<Result<Vec<_>, _>>()?
        }
        Value::Array(several) => several
            .iter()
            .map(|one| match one {
                Value::String(_) | Value::Number(_) => Ok(Matcher::Exact(one.clone())),
                _ => invalid("Inside anything but list, start|null|boolean is not supported."),
            })
            .collect::<Result<Vec<_>, _>>()?,
        Value::String(_) | Value::Number(_) => vec![Matcher::Exact(argument.clone())],
        _ => {
            return invalid(
                "Value of anything-but must be an array or single string/number value.",
            );
        }
    };
    if excluded.is_empty() {
        return invalid("Empty arrays are not allowed");
    }
    Ok(Matcher::AnythingBut(excluded))
}

fn parse_numeric(argument: &Value) -> Result<Matcher, InvalidPattern> {
    /// The range that EventBridge compares numbers in.
    const LIMIT: f64 = 5.0e9;
    let Some(parts) = argument.as_array() else {
        return invalid("Value of numeric must be an array.");
    };
    let mut comparisons = Vec::new();
    for pair in parts.chunks(2) {
        let [operator, operand] = pair else {
            return invalid("Value of numeric must be an array of operators and numbers");
        };
        let comparison = match operator.as_str() {
            Some("<") => Comparison::Less,
            Some("<=") => Comparison::LessOrEqual,
            Some("=") => Comparison::Equal,
            Some(">=") => Comparison::GreaterOrEqual,
            Some(">") => Comparison::Greater,
            _ => return invalid(format!("Unrecognized numeric range operator: {operator}")),
        };
        match operand.as_f64() {
            Some(number) if number.abs() <= LIMIT => comparisons.push((comparison, number)),
            _ => return invalid("Value of numeric must be a number between -5.0E9 and 5.0E9"),
        }
    }
    if comparisons.is_empty() || comparisons.len() > 2 {
        return invalid("Value of numeric must have one or two operators");
    }
    Ok(Matcher::Numeric(comparisons))
}

impl Fields {
    fn matches(&self, value: Option<&Value>) -> bool {
        if let Some(Value::Array(elements)) = value {
            return elements.iter().any(|element| self.matches(Some(element)));
        }
        self.all.iter().all(|(name, node)| {
            let field = value.and_then(|value| value.get(name));
            match node {
                Node::Object(fields) => fields.matches(field),
                Node::Leaf(matchers) => matchers.iter().any(|matcher| matcher.matches_field(field)),
            }
        }) && self
            .any
            .iter()
            .all(|alternatives| alternatives.iter().any(|fields| fields.matches(value)))
    }
}

impl Matcher {
    fn matches_field(&self, field: Option<&Value>) -> bool {
        match (self, field) {
            (Self::Exists(wanted), _) => {
                // Only leaves exist: an object is known by its fields.
                let exists = field.is_some_and(|value| !value.is_object());
                exists == *wanted
            }
            (_, None) => false,
            (_, Some(Value::Array(elements))) => {
                elements.iter().any(|element| self.matches_value(element))
            }
            (_, Some(value)) => self.matches_value(value),
        }
    }

    fn matches_value(&self, value: &Value) -> bool {
        match self {
            Self::Exact(Value::Number(wanted)) => {
                value.as_number().is_some_and(|number| same(number, wanted))
            }
            Self::Exact(wanted) => value == wanted,
            Self::Exists(wanted) => *wanted,
            Self::Text(text) => value.as_str().is_some_and(|value| text.matches(value)),
            Self::Numeric(comparisons) => value
                .as_f64()
                .is_some_and(|number| comparisons.iter().all(|(how, to)| how.holds(number, *to))),
            Self::Cidr(cidr) => value
                .as_str()
                .and_then(|text| text.parse().ok())
                .is_some_and(|address: std::net::IpAddr| cidr.contains(&address)),
            Self::AnythingBut(excluded) => {
                !value.is_object() && !excluded.iter().any(|matcher| matcher.matches_value(value))
            }
        }
    }
}

impl Comparison {
    fn holds(self, number: f64, to: f64) -> bool {
        match self {
            Self::Less => number < to,
            Self::LessOrEqual => number <= to,
            Self::Equal => (number - to).abs() < f64::EPSILON,
            Self::GreaterOrEqual => number >= to,
            Self::Greater => number > to,
        }
    }
}

impl Text {
    fn matches(&self, value: &str) -> bool {
        match self {
            Self::Prefix(prefix) => value.starts_with(prefix),
            Self::Suffix(suffix) => value.ends_with(suffix),
            Self::PrefixIgnoreCase(prefix) => value.to_lowercase().starts_with(prefix),
            Self::SuffixIgnoreCase(suffix) => value.to_lowercase().ends_with(suffix),
            Self::EqualsIgnoreCase(wanted) => value.to_lowercase() == *wanted,
            Self::Wildcard(pattern) => wildcard(pattern, value),
        }
    }
}

/// Whether the numbers are equal, however they are written (`1`, `1.0`).
fn same(a: &Number, b: &Number) -> bool {
    a == b
        || a.as_f64()
            .zip(b.as_f64())
            .is_some_and(|(a, b)| (a - b).abs() < f64::EPSILON)
}

/// `*` stands for any run of characters, `\*` for an asterisk, `\\` for a backslash.
fn wildcard(pattern: &str, value: &str) -> bool {
    let mut pieces = vec![String::new()];
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match character {
            '*' => pieces.push(String::new()),
            other => {
                let literal = if other == '\\' {
                    characters.next().unwrap_or('\\')
                } else {
                    other
                };
                if let Some(piece) = pieces.last_mut() {
                    piece.push(literal);
                }
            }
        }
    }
    let Some((first, rest)) = pieces.split_first() else {
        return value.is_empty();
    };
    let Some((last, middle)) = rest.split_last() else {
        return value == first;
    };
    let Some(mut left) = value.strip_prefix(first.as_str()) else {
        return false;
    };
    for piece in middle {
        match left.split_once(piece.as_str()) {
            Some((_, after)) => left = after,
            None => return false,
        }
    }
    left.ends_with(last.as_str())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn matches(pattern: Value, event: Value) -> bool {
        Pattern::parse(&pattern.to_string())
            .unwrap()
            .matches(&event)
    }

    #[test]
    fn exact_values_are_alternatives_and_all_fields_must_match() {
        let pattern =
            json!({ "source": ["aws.ec2", "aws.autoscaling"], "detail": { "n": [1, null, true] } });
        assert!(matches(
            pattern.clone(),
            json!({ "source": "aws.autoscaling", "detail": { "n": 1.0 }, "x": 1 })
        ));
        assert!(matches(
            pattern.clone(),
            json!({ "source": "aws.ec2", "detail": { "n": null } })
        ));
        assert!(matches(
            pattern.clone(),
            json!({ "source": "aws.ec2", "detail": { "n": [7, true] } })
        ));
        assert!(!matches(
            pattern.clone(),
            json!({ "source": "aws.ec2", "detail": { "n": "1" } })
        ));
        assert!(!matches(
            pattern.clone(),
            json!({ "source": "aws.ec2", "detail": {} })
        ));
        assert!(!matches(pattern, json!({ "source": "aws.ec2" })));
    }

    #[test]
    fn text_matchers() {
        let one =
            |matcher: Value, value: &str| matches(json!({ "a": [matcher] }), json!({ "a": value }));
        assert!(one(json!({ "prefix": "eks-" }), "eks-blue"));
        assert!(!one(json!({ "prefix": "eks-" }), "EKS-blue"));
        assert!(one(
            json!({ "prefix": { "equals-ignore-case": "eks-" } }),
            "EKS-blue"
        ));
        assert!(one(json!({ "suffix": ".png" }), "a.png"));
        assert!(one(
            json!({ "suffix": { "equals-ignore-case": ".png" } }),
            "a.PNG"
        ));
        assert!(one(json!({ "equals-ignore-case": "Alice" }), "aLICE"));
        assert!(one(json!({ "wildcard": "eks-*-ng-*" }), "eks-blue-ng-1"));
        assert!(!one(json!({ "wildcard": "eks-*-ng" }), "eks-blue-ng-1"));
        assert!(one(json!({ "wildcard": "a\\*b" }), "a*b"));
        assert!(!one(json!({ "wildcard": "a*a" }), "a"));
    }

    #[test]
    fn anything_but_wants_a_value() {
        let one = |matcher: Value, event: Value| {
            matches(json!({ "a": [{ "anything-but": matcher }] }), event)
        };
        assert!(one(json!("x"), json!({ "a": "y" })));
        assert!(!one(json!(["x", "y"]), json!({ "a": "y" })));
        assert!(!one(json!({ "prefix": "te" }), json!({ "a": "test" })));
        assert!(one(json!({ "suffix": ["a", "b"] }), json!({ "a": "test" })));
        assert!(!one(json!({ "wildcard": "t*t" }), json!({ "a": "test" })));
        assert!(!one(json!(1), json!({ "b": "y" })));
    }

    #[test]
    fn exists_looks_at_leaves() {
        let exists = |wanted: bool, event: Value| {
            matches(json!({ "a": { "b": [{ "exists": wanted }] } }), event)
        };
        assert!(exists(true, json!({ "a": { "b": null } })));
        assert!(!exists(true, json!({ "a": {} })));
        assert!(exists(false, json!({})));
        assert!(exists(false, json!({ "a": { "b": { "c": 1 } } })));
    }

    #[test]
    fn numeric_ranges_and_cidr() {
        let range = json!({ "a": [{ "numeric": [">", 0, "<=", 5] }] });
        assert!(matches(range.clone(), json!({ "a": 5 })));
        assert!(!matches(range.clone(), json!({ "a": 0 })));
        assert!(!matches(range, json!({ "a": "3" })));
        assert!(matches(
            json!({ "a": [{ "cidr": "10.0.0.0/24" }] }),
            json!({ "a": "10.0.0.255" })
        ));
    }

    #[test]
    fn or_is_one_of_several() {
        let pattern = json!({ "source": ["s"], "$or": [{ "a": [1] }, { "b": { "c": [2] } }] });
        assert!(matches(pattern.clone(), json!({ "source": "s", "a": 1 })));
        assert!(matches(
            pattern.clone(),
            json!({ "source": "s", "b": { "c": 2 } })
        ));
        assert!(!matches(pattern, json!({ "source": "s" })));
    }

    #[test]
    fn lists_of_objects_match_by_element() {
        let pattern = json!({ "a": { "b": [1] } });
        assert!(matches(
            pattern.clone(),
            json!({ "a": [{ "b": 2 }, { "b": 1 }] })
        ));
        assert!(!matches(pattern, json!({ "a": [] })));
    }

    #[test]
    fn bad_patterns_are_refused() {
        for bad in [
            "",
            "[]",
            "{}",
            r#"{"a":1}"#,
            r#"{"a":[]}"#,
            r#"{"a":{}}"#,
            r#"{"a":[[1]]}"#,
            r#"{"a":[{"glob":"x"}]}"#,
            r#"{"a":[{"prefix":1}]}"#,
            r#"{"a":[{"numeric":[">"]}]}"#,
            r#"{"a":[{"numeric":["~",1]}]}"#,
            r#"{"a":[{"exists":"yes"}]}"#,
            r#"{"$or":[{"a":[1]}]}"#,
            r#"{"a":[{"anything-but":[]}]}"#,
            r#"{"a":[{"cidr":"x"}]}"#,
            r#"{"a":[{"prefix":"a","suffix":"b"}]}"#,
        ] {
            assert!(Pattern::parse(bad).is_err(), "{bad}");
        }
    }
}
