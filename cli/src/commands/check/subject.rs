//! What `check` checks: the profiles of a file, or those that are deployed.

use anstyle::Style;
use hookline_domain::profile::Profile;
use hookline_domain::reconcile::ProfileInput;
use serde::Serialize;
use serde_json::Value;

use super::configuration::{self, OfConfiguration};
use super::network::OfNetwork;
use crate::commands::profile::problems::{self, Problem};
use crate::commands::profile::read as read_json;
use crate::error::Result;
use crate::judge::words::count;
use crate::output::{BAD, LABEL, Page, Report, STRONG};
use crate::settings::{ProfileKind, Source, Subject};

/// What was read.
pub(super) enum Read {
    /// Nothing: the deployed profiles are meant.
    Deployed,
    Profiles(Box<OfFile>),
    /// The file has a profile that breaks rules.
    Wrong(Problems),
}

/// The profiles of a file.
pub(super) struct OfFile {
    pub(super) file: String,
    pub(super) profiles: Vec<ProfileInput>,
    /// The hooks that its deployment puts: the profile's name, and the group's where it is known.
    pub(super) hooks: Vec<(String, Option<String>)>,
    /// What takes ids from the configuration's network: in `profiles`, others stand in for these.
    pub(super) network: Option<OfNetwork>,
    /// What only a configuration has.
    pub(super) configuration: Option<OfConfiguration>,
}

/// Problems of profiles or of a configuration, each with its place in the file.
#[derive(Debug, Serialize)]
pub(super) struct Problems {
    file: String,
    /// The stack whose ids are in the profiles, where the problems are with them.
    #[serde(skip_serializing_if = "Option::is_none")]
    stack: Option<String>,
    valid: bool,
    problems: Vec<Problem>,
}

impl Problems {
    fn of(file: String, problems: Vec<Problem>) -> Self {
        Self {
            file,
            stack: None,
            valid: false,
            problems,
        }
    }
}

/// Reads what is to be checked.
///
/// # Errors
/// Returns why the file cannot be read.
pub(super) fn read(subject: &Subject) -> Result<Read> {
    match subject {
        Subject::Deployed => Ok(Read::Deployed),
        Subject::Profile(source) => {
            let (file, value) = read_json(source)?;
            let path = |_, field| field;
            profiles(file, vec![value], path, Vec::new(), None, None)
        }
        Subject::Configuration(source) => of_configuration(source),
    }
}

fn of_configuration(source: &Source) -> Result<Read> {
    let (file, configuration) = match configuration::read(source)? {
        Ok(read) => read,
        Err((file, problems)) => return Ok(Read::Wrong(Problems::of(file, problems))),
    };
    let network = configuration.network;
    let problems = network.iter().flat_map(OfNetwork::problems);
    let problems: Vec<Problem> = problems.collect();
    if !problems.is_empty() {
        return Ok(Read::Wrong(Problems::of(file, problems)));
    }
    let values = match &network {
        Some(network) => network.complete("", None).profiles,
        None => configuration.profiles,
    };
    profiles(
        file,
        values,
        path_in_configuration,
        configuration.hooks,
        network,
        Some(configuration.rest),
    )
}

fn path_in_configuration(n: usize, field: String) -> String {
    match field.strip_prefix("profile") {
        Some(rest) => format!("profiles[{n}]{rest}"),
        None => field,
    }
}

/// Reads the profiles of a configuration with the ids that the stack of its network tells.
///
/// # Errors
/// Returns an error only for a fault of Hookline. What is wrong with a profile is in the problems.
pub(super) fn with_ids_of(
    stack: &str,
    file: &str,
    values: Vec<Value>,
) -> Result<std::result::Result<Vec<ProfileInput>, Problems>> {
    let read = read_all(values, path_in_configuration)?;
    Ok(read.map_err(|problems| {
        let problems = problems.into_iter().map(|it| Problem {
            remedy: format!(
                "{} The stack {stack} tells the ids that the file leaves out: correct its outputs, or give the ids in the file.",
                it.remedy
            ),
            ..it
        });
        Problems {
            stack: Some(stack.to_owned()),
            ..Problems::of(file.to_owned(), problems.collect())
        }
    }))
}

fn profiles(
    file: String,
    values: Vec<Value>,
    field: impl Fn(usize, String) -> String,
    hooks: Vec<(String, Option<String>)>,
    network: Option<OfNetwork>,
    configuration: Option<OfConfiguration>,
) -> Result<Read> {
    Ok(match read_all(values, field)? {
        Ok(profiles) => Read::Profiles(Box::new(OfFile {
            file,
            profiles,
            hooks,
            network,
            configuration,
        })),
        Err(problems) => Read::Wrong(Problems::of(file, problems)),
    })
}

/// The profiles, or all that is wrong with them.
fn read_all(
    values: Vec<Value>,
    field: impl Fn(usize, String) -> String,
) -> Result<std::result::Result<Vec<ProfileInput>, Vec<Problem>>> {
    let mut wrong = Vec::new();
    let mut read = Vec::new();
    for (n, value) in values.into_iter().enumerate() {
        let found = problems::of(ProfileKind::Launch, &value)?;
        wrong.extend(found.into_iter().map(|problem| Problem {
            field: field(n, problem.field.clone()),
            ..problem
        }));
        if let Ok(profile) = Profile::read(value.clone()) {
            read.push(ProfileInput { value, profile });
        }
    }
    Ok(match wrong.is_empty() {
        true => Ok(read),
        false => Err(wrong),
    })
}

impl Report for Problems {
    fn write(&self, page: &mut Page) {
        let count = count(self.problems.len(), "problem", "problems");
        let count = match &self.stack {
            None => format!("{count}, so the account was not looked at"),
            Some(stack) => {
                format!("{count} with the ids of the stack {stack}, so nothing else was looked at")
            }
        };
        page.paragraph(&[(STRONG, &self.file), (BAD, &count)]);
        for problem in &self.problems {
            let field = format!("{}:", problem.field);
            page.paragraph(&[(STRONG, &field), (Style::new(), &problem.problem)]);
            page.indented(&[(LABEL, "remedy:"), (Style::new(), &problem.remedy)]);
        }
    }
}
