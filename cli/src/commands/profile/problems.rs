//! All that is wrong with a profile.
//!
//! The domain says every rule that a profile breaks, but it reads nothing of a profile in which one
//! field has the wrong shape. So three questions are put, and their answers are joined:
//!
//! 1. The domain reads the whole profile.
//! 2. The domain reads each slot alone, and each template alone. They have rules that no schema
//!    can express.
//! 3. The JSON Schema, which the domain makes, checks the shape of every field.
//!
//! Where two of them find the same, the domain's words are shown: they have a remedy.

use hookline_domain::Error as DomainError;
use hookline_domain::profile::{self, NamingProfile, Profile, schema};
use hookline_runtime::payload::{self, BadField, did_you_mean, shorten, suggestion};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::commands::violations::{TEMPLATES, Violation, validator, violations};
use crate::error::Result;
use crate::settings::ProfileKind;

/// The most characters of a text that a problem shows: the field may hold anything.
const MAX_CHARACTERS: usize = 300;

/// The most problems that are looked for. Nobody reads more at once, and a file of another kind may
/// have as many as it has fields.
pub(crate) const MAX_PROBLEMS: usize = 100;

/// A field that does not hold what it must.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    /// The path, as `profile.slots[2].deviceIndex`.
    pub(crate) field: String,
    /// What is wrong.
    pub(crate) problem: String,
    /// What to do, as a sentence.
    pub(crate) remedy: String,
}

/// The problems of `profile`, [`MAX_PROBLEMS`] at most. Empty if and only if the domain accepts the
/// profile.
pub(crate) fn of(kind: ProfileKind, profile: &Value) -> Result<Vec<Problem>> {
    let mut problems = read(kind, profile);
    if problems.is_empty() {
        return Ok(problems);
    }
    let parts = templates(kind, profile).chain(slots(kind, profile));
    for problem in parts.take(MAX_PROBLEMS) {
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }
    let schema = schema_of(kind);
    let validator = validator(&schema)?;
    let mut more: Vec<Problem> = Vec::new();
    let violations = validator
        .iter_errors(profile)
        .flat_map(|error| violations(&error, &schema, "profile"));
    for (field, violation) in violations {
        if problems.len() + more.len() >= MAX_PROBLEMS {
            break;
        }
        let is_known = |known: &Problem| violation.is_said_by(&field, known);
        if !problems.iter().any(is_known) {
            let problem = Problem::of_schema(kind, &field, violation);
            if !more.contains(&problem) {
                more.push(problem);
            }
        }
    }
    problems.extend(more);
    let unknown: Vec<String> = problems.iter().filter_map(Problem::unknown_field).collect();
    problems.retain(|problem| !problem.is_misspelt_as(&unknown));
    problems.truncate(MAX_PROBLEMS);
    Ok(problems)
}

/// What the domain says: of a profile with a wrong shape only the first field that has one.
fn read(kind: ProfileKind, profile: &Value) -> Vec<Problem> {
    match kind {
        ProfileKind::Launch => read_as(kind, profile, Profile::problems),
        ProfileKind::Naming => read_as(kind, profile, NamingProfile::problems),
    }
}

fn read_as<T: DeserializeOwned>(
    kind: ProfileKind,
    profile: &Value,
    problems: fn(&T) -> profile::Problems,
) -> Vec<Problem> {
    // The domain's remedy for a wrong shape speaks of the rule that holds the profile. Here the
    // profile is in a file.
    match payload::read::<T>(profile.clone()) {
        Err(bad) => vec![Problem::of_shape(kind, &bad)],
        Ok(profile) => problems(&profile)
            .into_iter()
            .map(Problem::of_domain)
            .collect(),
    }
}

fn schema_of(kind: ProfileKind) -> Value {
    match kind {
        ProfileKind::Launch => schema::profile().to_value(),
        ProfileKind::Naming => schema::naming_profile().to_value(),
    }
}

/// The problems of each template, read in a profile that has no other.
fn templates(kind: ProfileKind, profile: &Value) -> impl Iterator<Item = Problem> {
    TEMPLATES.into_iter().flat_map(move |field| {
        let tags = profile.get(field).and_then(Value::as_object);
        tags.into_iter().flatten().flat_map(move |(key, text)| {
            let tags = Map::from_iter([(key.clone(), text.clone())]);
            let alone = json!({
                "name": "alone",
                "selector": {"autoScalingGroupNames": ["alone"]},
                field: tags,
            });
            let mut problems = read_as(kind, &alone, NamingProfile::problems);
            // Anything else would be a problem of what was put around the template.
            problems.retain(|problem| problem.field.starts_with(&format!("profile.{field}")));
            problems
        })
    })
}

/// The problems of each slot, read in a profile that has no other.
fn slots(kind: ProfileKind, profile: &Value) -> impl Iterator<Item = Problem> {
    let slots = profile.get("slots").and_then(Value::as_array);
    let no_groups = json!([]);
    let slots = slots.filter(|_| kind == ProfileKind::Launch);
    slots
        .into_iter()
        .flatten()
        .enumerate()
        .flat_map(move |(n, slot)| {
            let groups = profile.get("securityGroupIds");
            let alone = json!({
                "name": "alone",
                "selector": {"autoScalingGroupNames": ["alone"]},
                "hook": {"name": "alone"},
                "securityGroupIds": groups.unwrap_or(&no_groups),
                "slots": [slot],
            });
            let problems = read(kind, &alone).into_iter();
            problems.filter_map(move |problem| {
                let rest = problem.field.strip_prefix("profile.slots[0]")?;
                Some(Problem {
                    field: format!("profile.slots[{n}]{rest}"),
                    ..problem
                })
            })
        })
}

impl Problem {
    fn of_domain(error: DomainError) -> Self {
        match error {
            DomainError::Invalid {
                field,
                problem,
                remedy,
                ..
            } => Self {
                field: shorten(&field, MAX_CHARACTERS),
                problem: shorten(&problem, MAX_CHARACTERS),
                remedy: format!("{remedy}."),
            },
            // The rules return no other error. If one does one day, its text is shown whole.
            other => Self {
                field: "profile".to_owned(),
                problem: shorten(&other.to_string(), MAX_CHARACTERS),
                remedy: String::new(),
            },
        }
    }

    fn of_shape(kind: ProfileKind, bad: &BadField) -> Self {
        let field = match bad.path.is_empty() {
            true => "profile".to_owned(),
            false => format!("profile.{}", bad.path),
        };
        let remedy = if bad.problem.starts_with(MISSING) {
            Remedy::Add
        } else if bad.problem.starts_with(UNKNOWN) {
            Remedy::Remove
        } else {
            Remedy::Correct
        };
        Self {
            field: shorten(&field, MAX_CHARACTERS),
            problem: bad.problem.clone(),
            remedy: remedy.text(kind, bad.meant.as_deref()),
        }
    }

    fn of_schema(kind: ProfileKind, field: &str, violation: Violation) -> Self {
        let (problem, remedy, meant) = match violation {
            Violation::Missing(name) => (missing(&name), Remedy::Add, None),
            Violation::Unknown { meant } => (UNKNOWN.to_owned(), Remedy::Remove, meant),
            Violation::OfGroup(text) => (text, Remedy::Correct, None),
            Violation::OfField { text, meant } => (text, Remedy::Correct, meant),
        };
        Self {
            field: shorten(field, MAX_CHARACTERS),
            problem: shorten(&problem, MAX_CHARACTERS),
            remedy: remedy.text(kind, meant.as_deref()),
        }
    }

    /// The path of the field, if it is an unknown one.
    fn unknown_field(&self) -> Option<String> {
        self.problem
            .starts_with(UNKNOWN)
            .then(|| self.field.clone())
    }

    /// Whether a field is missing only because it is misspelt: one of the unknown fields beside it
    /// was meant to be it.
    fn is_misspelt_as(&self, unknown: &[String]) -> bool {
        let missing = self.problem.strip_prefix(MISSING);
        let Some(missing) = missing.map(|name| name.trim_matches([' ', '`'])) else {
            return false;
        };
        let is_meant = |path: &String| {
            let name = path.strip_prefix(&self.field)?.strip_prefix('.')?;
            suggestion(name, [missing])
        };
        unknown.iter().any(|path| is_meant(path).is_some())
    }
}

/// What to do about a field with a wrong shape.
#[derive(Clone, Copy, Debug)]
enum Remedy {
    Add,
    Remove,
    Correct,
}

impl Remedy {
    fn text(self, kind: ProfileKind, meant: Option<&str>) -> String {
        let meant = did_you_mean(meant);
        let page = match kind {
            ProfileKind::Launch => "docs/profile.md",
            ProfileKind::Naming => "docs/naming.md",
        };
        match self {
            Self::Add => format!("Add the field ({page})."),
            Self::Remove => format!("{meant}Remove the field, or correct its name ({page})."),
            Self::Correct => format!("{meant}Correct the field ({page})."),
        }
    }
}

/// serde's words, and those of this file, of a field that a profile lacks.
const MISSING: &str = "missing field";
/// The same of a field that there is not.
const UNKNOWN: &str = "unknown field";

fn missing(name: &str) -> String {
    format!("{MISSING} `{name}`")
}

impl Violation {
    /// Returns `true` if `known` says the same of `field`.
    fn is_said_by(&self, field: &str, known: &Problem) -> bool {
        let (here, there) = (plain(field), plain(&known.field));
        let known_missing = known.problem.starts_with(MISSING);
        match self {
            Self::Missing(name) => here == there && known.problem == missing(name),
            // A known problem of the whole field is also one of each part.
            _ if is_within(&here, &there) => !known_missing,
            Self::OfGroup(_) => is_within(&there, &here),
            _ => false,
        }
    }
}

/// A path in one form: the domain writes `nodeTags["k"]`, and serde `nodeTags.k`.
fn plain(path: &str) -> String {
    path.replace("[\"", ".").replace("\"]", "")
}

/// Returns `true` if `path` is `outer` or below it.
fn is_within(path: &str, outer: &str) -> bool {
    let rest = path.strip_prefix(outer);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

#[cfg(test)]
#[path = "problems_tests.rs"]
mod tests;
