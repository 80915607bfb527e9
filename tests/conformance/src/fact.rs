//! A fact, what is expected of it, and what was observed.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::sources::Source;
use crate::stage::Stage;

/// A fact about AWS that the product or the fake AWS rests on.
#[derive(Clone, Copy)]
pub struct Fact {
    /// Its name, which is that of its assertion: subject, action, result.
    pub name: &'static str,
    /// The fact, in one sentence.
    pub says: &'static str,
    /// Where AWS, or an account of what AWS did, says so.
    pub source: Source,
    /// What it takes to try it.
    pub needs: Need,
    /// What must be observed.
    pub expected: Expected,
    /// Tries it.
    pub run: Run,
}

/// How a fact is tried.
pub type Run = for<'a> fn(&'a Stage) -> Pin<Box<dyn Future<Output = Result<Observed>> + 'a>>;

impl std::fmt::Debug for Fact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fact").field("name", &self.name).finish()
    }
}

/// What it takes to try a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// Nothing in the account.
    Nothing,
    /// A deployment of Hookline, which is only read.
    Deployment,
    /// Subnets, a security group and unattached interfaces, which cost nothing.
    Interfaces,
    /// A VPC with an IPv6 block.
    Ipv6,
    /// One running instance of the small type.
    Instance,
    /// One instance of the small type in an Auto Scaling group with a lifecycle hook, a rule and a
    /// queue.
    Group,
    /// One instance of a type with several network cards. Only on request: it is large.
    NetworkCards,
}

impl Need {
    /// What it takes, in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Nothing => "nothing in the account",
            Self::Deployment => "a deployment of Hookline, which they only read",
            Self::Interfaces => "interfaces",
            Self::Ipv6 => "interfaces in a VPC with an IPv6 block",
            Self::Instance => "an instance",
            Self::Group => "a group with one instance, a rule, a queue",
            Self::NetworkCards => "a large instance, on request",
        }
    }
}

/// What must be observed: the code and the wording of a refusal, values, or both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Expected {
    /// The error's code is one of these. Empty: there is no error.
    pub codes: &'static [&'static str],
    /// The error's message has one of these texts. Empty: any message will do.
    pub words: &'static [&'static str],
    /// These values, by name.
    pub fields: &'static [(&'static str, &'static str)],
}

impl Expected {
    /// A refusal with one of these codes, and any message.
    #[must_use]
    pub const fn refusal(codes: &'static [&'static str]) -> Self {
        Self {
            codes,
            words: &[],
            fields: &[],
        }
    }

    /// A success with these values.
    #[must_use]
    pub const fn values(fields: &'static [(&'static str, &'static str)]) -> Self {
        Self {
            codes: &[],
            words: &[],
            fields,
        }
    }

    /// The same, if the message has one of these texts.
    #[must_use]
    pub const fn with_words(self, words: &'static [&'static str]) -> Self {
        Self { words, ..self }
    }

    /// The same with these values.
    #[must_use]
    pub const fn with_values(self, fields: &'static [(&'static str, &'static str)]) -> Self {
        Self { fields, ..self }
    }

    /// What is expected, in one line.
    #[must_use]
    pub fn line(&self) -> String {
        let mut parts = Vec::new();
        if !self.codes.is_empty() {
            parts.push(self.codes.join(" or "));
        }
        if !self.words.is_empty() {
            let quoted: Vec<String> = self
                .words
                .iter()
                .map(|word| format!("\"{word}\""))
                .collect();
            parts.push(format!("a message with {}", quoted.join(" or ")));
        }
        parts.extend(
            self.fields
                .iter()
                .map(|(name, value)| format!("{name}: {value}")),
        );
        parts.join("; ")
    }

    /// What was observed and is not expected, a line for each.
    #[must_use]
    pub fn differences(&self, observed: &Observed) -> Vec<String> {
        let mut found = Vec::new();
        let code = observed.code.as_deref();
        if !code.map_or(self.codes.is_empty(), |code| self.codes.contains(&code)) {
            let wanted = match self.codes {
                [] => "no error".to_owned(),
                codes => codes.join(" or "),
            };
            found.push(format!(
                "{wanted} was expected, {} observed",
                observed.error()
            ));
        } else if !self.has_words(observed) {
            let message = observed.message.as_deref().unwrap_or_default();
            found.push(format!(
                "a message with {:?} was expected, {message:?} observed",
                self.words
            ));
        }
        for (name, wanted) in self.fields {
            let is = observed.fields.get(*name).map(String::as_str);
            if is != Some(*wanted) {
                let is = is.unwrap_or("nothing");
                found.push(format!("{name}: {wanted} was expected, {is} observed"));
            }
        }
        found
    }

    /// Whether the message is of the expected class.
    #[must_use]
    pub fn has_words(&self, observed: &Observed) -> bool {
        let message = observed.message.as_deref().unwrap_or_default();
        self.words.is_empty() || self.words.iter().any(|word| message.contains(word))
    }
}

/// What was observed when a fact was tried.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Observed {
    /// The error's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The error's message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Values that the fact is about.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
    /// Values that nothing is expected of, such as how long it took.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub measured: BTreeMap<String, String>,
}

impl Observed {
    /// Nothing yet: a success without values.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value that the fact is about.
    #[must_use]
    pub fn value(mut self, name: &str, value: impl ToString) -> Self {
        self.fields.insert(name.to_owned(), value.to_string());
        self
    }

    /// Adds a value that nothing is expected of.
    #[must_use]
    pub fn measure(mut self, name: &str, value: impl ToString) -> Self {
        self.measured.insert(name.to_owned(), value.to_string());
        self
    }

    /// The error, in words.
    #[must_use]
    pub fn error(&self) -> String {
        match (&self.code, &self.message) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (Some(code), None) => code.clone(),
            _ => "no error".to_owned(),
        }
    }
}

/// `yes` or `no`.
#[must_use]
pub const fn yes(is: bool) -> &'static str {
    match is {
        true => "yes",
        false => "no",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPECTED: Expected = Expected::refusal(&["A", "B"])
        .with_words(&["in use"])
        .with_values(&[("left", "0")]);

    fn observed(code: Option<&str>, message: &str, left: &str) -> Observed {
        Observed {
            code: code.map(str::to_owned),
            message: code.map(|_| message.to_owned()),
            ..Observed::new().value("left", left)
        }
    }

    #[test]
    fn another_code_wording_or_value_is_a_difference() {
        for (is, wanted) in [
            (observed(Some("B"), "It is in use.", "0"), vec![]),
            (
                observed(Some("C"), "It is in use.", "0"),
                vec!["A or B was expected, C: It is in use. observed"],
            ),
            (
                observed(None, "", "0"),
                vec!["A or B was expected, no error observed"],
            ),
            (
                observed(Some("A"), "It is taken.", "0"),
                vec!["a message with [\"in use\"] was expected, \"It is taken.\" observed"],
            ),
            (
                observed(Some("A"), "in use", "1"),
                vec!["left: 0 was expected, 1 observed"],
            ),
        ] {
            assert_eq!(EXPECTED.differences(&is), wanted);
        }
    }

    #[test]
    fn error_where_none_is_expected_is_a_difference() {
        let expected = Expected::values(&[("left", "0")]);
        assert_eq!(
            expected.differences(&observed(Some("A"), "m", "0")),
            ["no error was expected, A: m observed"]
        );
        assert_eq!(
            expected.differences(&Observed::new()),
            ["left: 0 was expected, nothing observed"]
        );
    }
}
