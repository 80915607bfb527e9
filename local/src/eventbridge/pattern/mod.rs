//! Event patterns: which events a rule matches (EventBridge User Guide, "Amazon EventBridge event
//! patterns").
//!
//! A pattern has the shape of an event. Its leaves are lists of alternatives. A field matches if
//! one alternative does, an object if all of its fields do. If the event holds a list, one matching
//! element is enough.

mod parse;
#[cfg(test)]
mod tests;

use serde_json::{Number, Value};

use parse::parse_fields;

/// A valid pattern.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    root: Fields,
}

/// Why a pattern is not valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Event pattern is not valid. Reason: {0}")]
pub(crate) struct InvalidPattern(String);

#[derive(Clone, Debug)]
struct Fields {
    all: Vec<(String, Node)>,
    /// The `$or` fields. One alternative of each must match.
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
    /// Reads a pattern: a JSON text.
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

    /// Whether the event matches.
    pub(crate) fn matches(&self, event: &Value) -> bool {
        self.root.matches(Some(event))
    }
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
                // Only leaves exist. An object does not count (EventBridge User Guide, "Comparison
                // operators").
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

/// Whether the numbers are equal, in any notation (`1`, `1.0`).
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
