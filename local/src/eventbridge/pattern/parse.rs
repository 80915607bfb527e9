//! Reads an event pattern, and refuses what EventBridge refuses.

use serde_json::{Map, Value};

use super::{Comparison, Fields, InvalidPattern, Matcher, Node, Text};

fn invalid<T>(reason: impl Into<String>) -> Result<T, InvalidPattern> {
    Err(InvalidPattern(reason.into()))
}

pub(super) fn parse_fields(fields: &Map<String, Value>) -> Result<Fields, InvalidPattern> {
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
    /// The range of numbers that EventBridge compares.
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
