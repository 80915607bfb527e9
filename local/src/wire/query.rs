//! The form-encoded parameters of the two query protocols.
//!
//! Getters mark the parameters that they read. [`Params::finish`] refuses the others. An action
//! reads all its parameters, calls `finish`, and only then changes any state. Lists are `Name.1`,
//! `Name.2` (EC2) or `Name.member.1` (the query protocol: read `"Name.member"`). Their numbers may
//! have gaps.

use std::collections::BTreeMap;
use std::str::FromStr;

use super::error::ApiError;

/// The family of error codes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// `MissingParameter`, `InvalidParameterValue`, `UnknownParameter`.
    #[default]
    Ec2,
    /// `ValidationError`, except for an unknown parameter.
    Query,
}

#[derive(Clone, Debug)]
struct Value {
    text: String,
    read: bool,
}

/// The parameters of one call, or of one structure within it.
#[derive(Clone, Debug, Default)]
pub struct Params {
    dialect: Dialect,
    /// The prefix of this structure's members in the request.
    prefix: String,
    values: BTreeMap<String, Value>,
}

/// Parameters of the protocol, not of an action.
const COMMON: [&str; 10] = [
    "Action",
    "Version",
    "AWSAccessKeyId",
    "Expires",
    "SecurityToken",
    "Signature",
    "SignatureMethod",
    "SignatureVersion",
    "Timestamp",
    "AUTHPARAMS",
];

impl Params {
    /// Reads a URI's query, then a form-encoded body. Bytes that are not UTF-8 become replacement
    /// characters. If a parameter occurs twice, the first counts.
    #[must_use]
    pub fn parse(dialect: Dialect, query: &str, body: &[u8]) -> Self {
        let pairs = form_urlencoded::parse(query.as_bytes()).chain(form_urlencoded::parse(body));
        let mut params = Self {
            dialect,
            ..Self::default()
        };
        for (name, text) in pairs {
            let read = COMMON.contains(&name.as_ref()) || name.starts_with("X-Amz-");
            params.values.entry(name.into_owned()).or_insert(Value {
                text: text.into_owned(),
                read,
            });
        }
        params
    }

    /// All parameters as they came.
    #[must_use]
    pub fn to_map(&self) -> BTreeMap<String, String> {
        self.values
            .iter()
            .map(|(name, value)| (name.clone(), value.text.clone()))
            .collect()
    }

    /// A parameter, if present.
    pub fn str(&mut self, name: &str) -> Option<String> {
        let value = self.values.get_mut(name)?;
        value.read = true;
        Some(value.text.clone())
    }

    /// A parameter that must be present and not empty.
    ///
    /// # Errors
    /// `MissingParameter`.
    pub fn required_str(&mut self, name: &str) -> Result<String, ApiError> {
        self.str(name)
            .filter(|text| !text.is_empty())
            .ok_or_else(|| self.missing(name))
    }

    /// A whole number, if present.
    ///
    /// # Errors
    /// `InvalidParameterValue`.
    pub fn u32(&mut self, name: &str) -> Result<Option<u32>, ApiError> {
        self.parsed(name, "an integer")
    }

    /// A whole number that must be present.
    ///
    /// # Errors
    /// `MissingParameter`, `InvalidParameterValue`.
    pub fn required_u32(&mut self, name: &str) -> Result<u32, ApiError> {
        self.u32(name)?.ok_or_else(|| self.missing(name))
    }

    /// A Boolean, if present.
    ///
    /// # Errors
    /// `InvalidParameterValue`.
    pub fn bool(&mut self, name: &str) -> Result<Option<bool>, ApiError> {
        match self.str(name) {
            None => Ok(None),
            Some(text) if text.eq_ignore_ascii_case("true") || text == "1" => Ok(Some(true)),
            Some(text) if text.eq_ignore_ascii_case("false") || text == "0" => Ok(Some(false)),
            Some(text) => Err(self.invalid(name, &text, "a Boolean (true or false)")),
        }
    }

    /// A value parsed from text, if present. `expected` names it in the error: "an IPv4 address".
    ///
    /// # Errors
    /// `InvalidParameterValue`.
    pub fn parsed<T: FromStr>(
        &mut self,
        name: &str,
        expected: &str,
    ) -> Result<Option<T>, ApiError> {
        let Some(text) = self.str(name) else {
            return Ok(None);
        };
        text.parse()
            .map(Some)
            .map_err(|_| self.invalid(name, &text, expected))
    }

    /// A list of texts, by number.
    pub fn list(&mut self, name: &str) -> Vec<String> {
        let mut found: Vec<(u32, String)> = Vec::new();
        for (index, rest, value) in members(&mut self.values, name) {
            if rest.is_empty() {
                value.read = true;
                found.push((index, value.text.clone()));
            }
        }
        found.sort_by_key(|(index, _)| *index);
        found.into_iter().map(|(_, text)| text).collect()
    }

    /// A list of structures, by number. Each must be [finished](Params::finish) on its own.
    pub fn structs(&mut self, name: &str) -> Vec<Params> {
        let mut found: BTreeMap<u32, Params> = BTreeMap::new();
        let (dialect, prefix) = (self.dialect, self.prefix.clone());
        for (index, rest, value) in members(&mut self.values, name) {
            if rest.is_empty() {
                continue;
            }
            value.read = true;
            let params = found.entry(index).or_insert_with(|| Params {
                dialect,
                prefix: format!("{prefix}{name}.{index}."),
                values: BTreeMap::new(),
            });
            params.values.insert(
                rest.to_owned(),
                Value {
                    text: value.text.clone(),
                    read: false,
                },
            );
        }
        found.into_values().collect()
    }

    /// The members of a structure: `Name.Member`. It must be [finished](Params::finish) on its own.
    pub fn structure(&mut self, name: &str) -> Params {
        let start = format!("{name}.");
        let mut found = Params {
            dialect: self.dialect,
            prefix: format!("{}{start}", self.prefix),
            values: BTreeMap::new(),
        };
        for (key, value) in self.values.range_mut(start.clone()..format!("{name}/")) {
            value.read = true;
            if let Some(rest) = key.get(start.len()..) {
                let text = value.text.clone();
                let value = Value { text, read: false };
                found.values.insert(rest.to_owned(), value);
            }
        }
        found
    }

    /// Whether there are no parameters.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Accepts parameters without effect in the fake AWS, with all their members.
    pub fn ignore(&mut self, names: &[&str]) {
        for (key, value) in &mut self.values {
            let known = |name: &&str| {
                key.strip_prefix(*name)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            };
            if names.iter().any(known) {
                value.read = true;
            }
        }
    }

    /// Refuses parameters that no getter read.
    ///
    /// # Errors
    /// `UnknownParameter`, naming the first such parameter.
    pub fn finish(&self) -> Result<(), ApiError> {
        match self.values.iter().find(|(_, value)| !value.read) {
            None => Ok(()),
            Some((name, _)) => Err(ApiError::new(
                "UnknownParameter",
                format!("The parameter {}{name} is not recognized", self.prefix),
            )),
        }
    }

    /// The error for a missing parameter.
    #[must_use]
    pub fn missing(&self, name: &str) -> ApiError {
        let message = format!(
            "The request must contain the parameter {}{name}",
            self.prefix
        );
        match self.dialect {
            Dialect::Ec2 => ApiError::new("MissingParameter", message),
            Dialect::Query => ApiError::new("ValidationError", message),
        }
    }

    /// The error for an invalid value.
    #[must_use]
    pub fn invalid(&self, name: &str, value: &str, expected: &str) -> ApiError {
        let value: String = value.chars().take(256).collect();
        let message = format!(
            "Value ({value}) for parameter {}{name} is invalid. Expecting {expected}.",
            self.prefix
        );
        match self.dialect {
            Dialect::Ec2 => ApiError::new("InvalidParameterValue", message),
            Dialect::Query => ApiError::new("ValidationError", message),
        }
    }
}

/// The parameters `name.N` and `name.N.rest`: N, rest, value.
fn members<'a>(
    values: &'a mut BTreeMap<String, Value>,
    name: &str,
) -> impl Iterator<Item = (u32, &'a str, &'a mut Value)> {
    let prefix = format!("{name}.");
    // Keys with the same prefix are adjacent in the map.
    let end = format!("{name}/");
    values
        .range_mut(prefix.clone()..end)
        .filter_map(move |(key, value)| {
            let tail = key.get(prefix.len()..)?;
            let (index, rest) = tail.split_once('.').unwrap_or((tail, ""));
            if tail.ends_with('.') || index.starts_with('+') {
                return None;
            }
            Some((index.parse().ok().filter(|n| *n > 0)?, rest, value))
        })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn params(body: &str) -> Params {
        Params::parse(Dialect::Ec2, "", body.as_bytes())
    }

    #[test]
    fn lists_are_in_the_order_of_their_numbers() {
        let mut params = params("Action=X&Id.10=c&Id.2=b&Id.1=a");
        assert_eq!(params.list("Id"), ["a", "b", "c"]);
        params.finish().unwrap();
    }

    #[test]
    fn a_structure_refuses_its_own_unread_members() {
        let mut params =
            params("Filter.1.Name=n&Filter.1.Value.1=v&Filter.2.Name=m&Filter.2.Oops=1");
        let mut filters = params.structs("Filter");
        params.finish().unwrap();
        assert_eq!(filters.len(), 2);
        let mut second = filters.remove(1);
        let mut first = filters.remove(0);
        assert_eq!(first.str("Name").unwrap(), "n");
        assert_eq!(first.list("Value"), ["v"]);
        first.finish().unwrap();
        assert_eq!(second.str("Name").unwrap(), "m");
        let error = second.finish().unwrap_err();
        assert_eq!(error.code, "UnknownParameter");
        assert_eq!(
            error.message,
            "The parameter Filter.2.Oops is not recognized"
        );
    }

    #[test]
    fn absurd_indices_are_unknown_parameters() {
        for body in [
            "Id.0=a",
            "Id.99999999999999999999=a",
            "Id.=a",
            "Id.-1=a",
            "Id.+1=a",
            "Id.1.=a",
        ] {
            let mut params = params(body);
            assert!(params.list("Id").is_empty(), "{body}");
            assert!(params.structs("Id").is_empty(), "{body}");
            assert_eq!(
                params.finish().unwrap_err().code,
                "UnknownParameter",
                "{body}"
            );
        }
    }

    #[test]
    fn errors_name_bad_and_missing_values() {
        let mut params = params("Count=many&Flag=perhaps&Empty=");
        assert_eq!(
            params.u32("Count").unwrap_err().code,
            "InvalidParameterValue"
        );
        assert_eq!(
            params.bool("Flag").unwrap_err().code,
            "InvalidParameterValue"
        );
        let error = params.required_str("Empty").unwrap_err();
        assert_eq!(error.code, "MissingParameter");
        assert_eq!(
            error.message,
            "The request must contain the parameter Empty"
        );
    }

    #[test]
    fn bytes_that_are_not_utf8_are_replaced() {
        let mut params = Params::parse(Dialect::Query, "A=%ff", b"\xff\xfe=1&B=%zz");
        assert_eq!(params.str("A").unwrap(), "\u{fffd}");
        assert_eq!(params.str("B").unwrap(), "%zz");
        assert_eq!(params.finish().unwrap_err().code, "UnknownParameter");
    }
}
