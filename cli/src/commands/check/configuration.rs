//! The CDK app's configuration, as far as `check` needs it. `cdk synth` checks the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use hookline_domain::reconcile::hooks::ExpectedHooks;
use hookline_runtime::payload::{did_you_mean, suggestion};
use serde::Deserialize;
use serde_json::Value;

use crate::commands::profile::problems::Problem;
use crate::commands::profile::read as read_json;
use crate::error::{Error, Result};
use crate::judge::hooks::RECOMMENDED;
use crate::settings::Source;

/// The fields of a configuration (`cdk/lib/shared/config.schema.json`).
const FIELDS: [&str; 20] = [
    "$schema",
    "stackName",
    "account",
    "region",
    "functions",
    "architecture",
    "reservedConcurrency",
    "profiles",
    "retiredProfiles",
    "networkLimit",
    "networkOwnerAccounts",
    "hooks",
    "nodeGroups",
    "naming",
    "autoScalingGroupNamePatterns",
    "alarms",
    "logs",
    "reconcile",
    "traffic",
    "tags",
];

/// What a configuration says.
pub(super) struct Configuration {
    pub(super) profiles: Vec<Value>,
    /// The hooks that its deployment puts: the profile's name, and the group's where it is known.
    pub(super) hooks: Vec<(String, Option<String>)>,
    pub(super) rest: OfConfiguration,
}

/// What a configuration says beside its profiles and what puts their hooks.
pub(super) struct OfConfiguration {
    /// The stack that it is deployed as.
    pub(super) stack: String,
    /// The account that it is deployed to, if it names one.
    pub(super) account: Option<String>,
    /// The accounts that share subnets with it.
    pub(super) network_owners: BTreeSet<String>,
    /// The reserved concurrency of functions, by their names without the stack's.
    pub(super) reserved_concurrency: BTreeMap<String, u64>,
    /// The timeouts of the hooks that it puts, and the hooks of others.
    pub(super) expected_hooks: ExpectedHooks,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    stack_name: String,
    account: Option<String>,
    #[serde(default)]
    network_owner_accounts: BTreeSet<String>,
    #[serde(default)]
    reserved_concurrency: BTreeMap<String, u64>,
    #[serde(default)]
    profiles: Vec<Value>,
    #[serde(default)]
    retired_profiles: Vec<Value>,
    #[serde(default)]
    hooks: Vec<Hook>,
    #[serde(default)]
    node_groups: Vec<NodeGroup>,
    #[serde(default)]
    reconcile: Reconcile,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Hook {
    profile: String,
    auto_scaling_group: Option<String>,
    heartbeat_timeout_seconds: Option<i64>,
    #[serde(default)]
    observe_only: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NodeGroup {
    profile: String,
    heartbeat_timeout_seconds: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reconcile {
    #[serde(default)]
    other_hooks: BTreeSet<String>,
}

/// The name of the file and what it says, or what is wrong in it.
type Found = std::result::Result<(String, Configuration), (String, Vec<Problem>)>;

/// Reads a configuration.
///
/// # Errors
/// Returns why the file cannot be read.
pub(super) fn read(source: &Source) -> Result<Found> {
    if let Source::File(path) = source
        && is_code(path)
    {
        return Err(Error::NotPrinted { path: path.clone() });
    }
    let (file, value) = read_json(source)?;
    let problems = problems(&value);
    if !problems.is_empty() {
        return Ok(Err((file, problems)));
    }
    match serde_json::from_value(value) {
        Ok(read) => Ok(Ok((file, Configuration::of(read)))),
        Err(source) => Err(Error::NotJson { name: file, source }),
    }
}

/// Whether a file is one of TypeScript or JavaScript.
fn is_code(path: &Path) -> bool {
    let extension = path.extension().and_then(|it| it.to_str());
    extension.is_some_and(|it| matches!(it, "ts" | "mts" | "cts" | "js" | "mjs" | "cjs"))
}

/// The fields without which another stack, or less, would be checked than is meant.
fn problems(value: &Value) -> Vec<Problem> {
    let Some(fields) = value.as_object() else {
        return Vec::new();
    };
    let unknown = fields.keys().filter(|it| !FIELDS.contains(&it.as_str()));
    let mut problems: Vec<Problem> = unknown
        .map(|field| Problem {
            field: field.clone(),
            problem: "is not a field of the configuration".to_owned(),
            remedy: format!(
                "{}Correct it, or remove it.",
                did_you_mean(suggestion(field, FIELDS))
            ),
        })
        .collect();
    if !fields.contains_key("stackName") {
        problems.push(Problem {
            field: "stackName".to_owned(),
            problem: "is missing".to_owned(),
            remedy: "Give the name of the stack that the configuration is deployed as.".to_owned(),
        });
    }
    problems
}

impl Configuration {
    fn of(file: File) -> Self {
        let of_hooks = file.hooks.into_iter().filter(|hook| !hook.observe_only);
        let of_hooks = of_hooks.map(|hook| {
            let seconds = hook.heartbeat_timeout_seconds;
            (hook.profile, hook.auto_scaling_group, seconds)
        });
        let of_node_groups = file.node_groups.into_iter();
        let of_node_groups =
            of_node_groups.map(|group| (group.profile, None, group.heartbeat_timeout_seconds));
        let mut expected = ExpectedHooks {
            others: file.reconcile.other_hooks,
            ..ExpectedHooks::default()
        };
        // What began with a retired profile still waits at its hook, as reconcile has it.
        let retired = file.retired_profiles.iter();
        let retired = retired.filter_map(|it| it.pointer("/hook/name")?.as_str());
        expected.others.extend(retired.map(str::to_owned));
        let mut hooks = Vec::new();
        for (profile, group, seconds) in of_hooks.chain(of_node_groups) {
            let known = expected.heartbeat_seconds.entry(profile.clone());
            known.or_default().insert(seconds.unwrap_or(RECOMMENDED));
            hooks.push((profile, group));
        }
        Self {
            profiles: file.profiles,
            hooks,
            rest: OfConfiguration {
                stack: file.stack_name,
                account: file.account,
                network_owners: file.network_owner_accounts,
                reserved_concurrency: file.reserved_concurrency,
                expected_hooks: expected,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_those_of_the_apps_schema() {
        let schema = include_str!("../../../../cdk/lib/shared/config.schema.json");
        let schema: Value = serde_json::from_str(schema).unwrap();
        let fields = schema["properties"].as_object().unwrap();
        let mut known = FIELDS.to_vec();
        known.sort_unstable();
        let mut fields: Vec<&str> = fields.keys().map(String::as_str).collect();
        fields.sort_unstable();
        assert_eq!(known, fields);
    }

    #[test]
    fn stack_name_that_is_missing_or_misspelt_is_a_problem() {
        let fields = |value: &Value| {
            let found = problems(value).into_iter();
            found.map(|it| it.field).collect::<Vec<_>>()
        };
        assert_eq!(fields(&json!({"stackName": "a", "profiles": []})), [""; 0]);
        assert_eq!(fields(&json!({"profiles": []})), ["stackName"]);
        let misspelt = json!({"stackname": "a", "profiles": []});
        assert_eq!(fields(&misspelt), ["stackname", "stackName"]);
        let remedy = &problems(&misspelt)[0].remedy;
        assert!(remedy.starts_with("Did you mean `stackName`?"), "{remedy}");
    }

    #[test]
    fn hooks_are_expected_as_the_configuration_says() {
        let file = json!({
            "stackName": "a",
            "hooks": [
                {"profile": "upf", "autoScalingGroup": "upf", "heartbeatTimeoutSeconds": 2_400},
                {"profile": "upf", "autoScalingGroup": "upf-2"},
                {"profile": "amf", "autoScalingGroup": "amf", "observeOnly": true},
            ],
            "nodeGroups": [{"profile": "smf", "heartbeatTimeoutSeconds": 3_600}],
            "retiredProfiles": [{"hook": {"name": "before"}}],
            "reconcile": {"otherHooks": ["drain"]},
        });
        let read = Configuration::of(serde_json::from_value(file).unwrap());
        let expected = json!({
            "heartbeatSeconds": {"upf": [1_800, 2_400], "smf": [3_600]},
            "others": ["before", "drain"],
        });
        let expected: ExpectedHooks = serde_json::from_value(expected).unwrap();
        assert_eq!(read.rest.expected_hooks, expected);
        assert_eq!(read.hooks.len(), 3);
    }
}
