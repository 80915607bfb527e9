//! What `check` checks: the profiles of a file, or those that are deployed.

use std::collections::{BTreeMap, BTreeSet};

use anstyle::Style;
use hookline_domain::profile::Profile;
use hookline_domain::reconcile::ProfileInput;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::commands::profile::problems::{self, Problem};
use crate::commands::profile::read as read_json;
use crate::error::{Error, Result};
use crate::output::{BAD, LABEL, Page, Report, STRONG};
use crate::settings::{ProfileKind, Source, Subject};

/// The `stackName` of a configuration that has none (docs/deploy.md).
const DEFAULT_STACK: &str = "hookline";

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
    /// What only a configuration has.
    pub(super) configuration: Option<OfConfiguration>,
}

/// What a configuration says beside its profiles and hooks.
pub(super) struct OfConfiguration {
    /// The stack that it is deployed as.
    pub(super) stack: String,
    /// The account that it is deployed to, if it names one.
    pub(super) account: Option<String>,
    /// The accounts that share subnets with it.
    pub(super) network_owners: BTreeSet<String>,
    /// The reserved concurrency of functions, by their names without the stack's.
    pub(super) reserved_concurrency: BTreeMap<String, u64>,
}

/// Problems of profiles, each with the profile's place in the file.
#[derive(Debug, Serialize)]
pub(super) struct Problems {
    file: String,
    valid: bool,
    problems: Vec<Problem>,
}

/// A configuration of the CDK app, as far as it is needed here. `cdk synth` checks the rest.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Configuration {
    stack_name: Option<String>,
    account: Option<String>,
    #[serde(default)]
    network_owner_accounts: BTreeSet<String>,
    #[serde(default)]
    reserved_concurrency: BTreeMap<String, u64>,
    #[serde(default)]
    profiles: Vec<Value>,
    #[serde(default)]
    hooks: Vec<HookOfConfiguration>,
    #[serde(default)]
    node_groups: Vec<NodeGroup>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HookOfConfiguration {
    profile: String,
    auto_scaling_group: Option<String>,
    #[serde(default)]
    observe_only: bool,
}

#[derive(Deserialize)]
struct NodeGroup {
    profile: String,
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
            profiles(file, vec![value], |_, field| field, Vec::new(), None)
        }
        Subject::Configuration(source) => configuration(source),
    }
}

fn configuration(source: &Source) -> Result<Read> {
    let (file, value) = read_json(source)?;
    let configuration: Configuration =
        serde_json::from_value(value).map_err(|source| Error::NotJson {
            name: file.clone(),
            source,
        })?;
    let of_hooks = configuration.hooks.into_iter();
    let hooks = of_hooks
        .filter(|hook| !hook.observe_only)
        .map(|hook| (hook.profile, hook.auto_scaling_group));
    let of_node_groups = configuration.node_groups.into_iter();
    let hooks = hooks.chain(of_node_groups.map(|group| (group.profile, None)));
    let stack = configuration.stack_name;
    let of_configuration = OfConfiguration {
        stack: stack.unwrap_or_else(|| DEFAULT_STACK.to_owned()),
        account: configuration.account,
        network_owners: configuration.network_owner_accounts,
        reserved_concurrency: configuration.reserved_concurrency,
    };
    profiles(
        file,
        configuration.profiles,
        // The path in the configuration.
        |n, field| match field.strip_prefix("profile") {
            Some(rest) => format!("profiles[{n}]{rest}"),
            None => field,
        },
        hooks.collect(),
        Some(of_configuration),
    )
}

fn profiles(
    file: String,
    values: Vec<Value>,
    field: impl Fn(usize, String) -> String,
    hooks: Vec<(String, Option<String>)>,
    configuration: Option<OfConfiguration>,
) -> Result<Read> {
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
        true => Read::Profiles(Box::new(OfFile {
            file,
            profiles: read,
            hooks,
            configuration,
        })),
        false => Read::Wrong(Problems {
            file,
            valid: false,
            problems: wrong,
        }),
    })
}

impl Report for Problems {
    fn write(&self, page: &mut Page) {
        let count = match self.problems.len() {
            1 => "1 problem, so the account was not looked at".to_owned(),
            count => format!("{count} problems, so the account was not looked at"),
        };
        page.paragraph(&[(STRONG, &self.file), (BAD, &count)]);
        for problem in &self.problems {
            let field = format!("{}:", problem.field);
            page.paragraph(&[(STRONG, &field), (Style::new(), &problem.problem)]);
            page.indented(&[(LABEL, "remedy:"), (Style::new(), &problem.remedy)]);
        }
    }
}
