//! What is to be said about user data.

use std::fmt;

use serde::Serialize;

use crate::show;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The node does not join, or not as the user data says.
    Problem,
    /// It may not be what was meant.
    Warning,
    /// Good to know.
    Note,
}

/// Something to say about user data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// A name that does not change: for programs. docs/user-data.md lists them.
    pub code: &'static str,
    /// Where, such as `part 2`. `None`: the whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// What it is, in a sentence.
    pub message: String,
}

/// Findings, in the order in which they were made.
#[derive(Debug, Default)]
pub(crate) struct Findings(Vec<Finding>);

impl Findings {
    pub(crate) fn problem(
        &mut self,
        code: &'static str,
        at: Option<&str>,
        what: impl fmt::Display,
    ) {
        self.add(Severity::Problem, code, at, &what);
    }

    pub(crate) fn warning(
        &mut self,
        code: &'static str,
        at: Option<&str>,
        what: impl fmt::Display,
    ) {
        self.add(Severity::Warning, code, at, &what);
    }

    pub(crate) fn note(&mut self, code: &'static str, at: Option<&str>, what: impl fmt::Display) {
        self.add(Severity::Note, code, at, &what);
    }

    fn add(
        &mut self,
        severity: Severity,
        code: &'static str,
        at: Option<&str>,
        what: &dyn fmt::Display,
    ) {
        // Hundreds of parts can be wrong in the same way.
        const MAX_FINDINGS: usize = 100;
        let finding = Finding {
            severity,
            code,
            at: at.map(show::text),
            message: what.to_string(),
        };
        if self.0.len() < MAX_FINDINGS && !self.0.contains(&finding) {
            self.0.push(finding);
        }
    }

    /// The findings, the worst first.
    pub(crate) fn into_sorted(mut self) -> Vec<Finding> {
        self.0.sort_by_key(|finding| finding.severity);
        self.0
    }
}
