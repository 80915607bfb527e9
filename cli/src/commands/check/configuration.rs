//! The CDK app's configuration: held against the app's schema, and read as far as `check` needs it.
//! `cdk synth` checks what no schema can express.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use hookline_domain::reconcile::hooks::ExpectedHooks;
use hookline_runtime::payload::did_you_mean;
use hookline_user_data::OnNode;
use serde::Deserialize;
use serde_json::Value;

use super::network::{Network, OfNetwork};
use crate::commands::profile::problems::{MAX_PROBLEMS, Problem};
use crate::commands::profile::read as read_json;
use crate::commands::violations::{Violation, member, validator, violations};
use crate::error::{Error, Result};
use crate::judge::hooks::RECOMMENDED;
use crate::observed::account::WantedNodes;
use crate::settings::Source;

/// What the CDK app holds a configuration against. Profiles have rules of their own.
const SCHEMA: &str = include_str!("../../../../cdk/lib/shared/config.schema.json");

/// What a configuration says.
pub(super) struct Configuration {
    /// Without the ids that they leave to the network.
    pub(super) profiles: Vec<Value>,
    /// What takes ids from the network, if there is one.
    pub(super) network: Option<OfNetwork>,
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
    /// The Region, if it names one.
    pub(super) region: Option<String>,
    /// The accounts that share subnets with it.
    pub(super) network_owners: BTreeSet<String>,
    /// The reserved concurrency of functions, by their names without the stack's.
    pub(super) reserved_concurrency: BTreeMap<String, u64>,
    /// What each node group does with each network's interface.
    pub(super) on_nodes: Vec<WantedNodes>,
    /// The timeouts of the hooks that it puts, and the hooks of others.
    pub(super) expected_hooks: ExpectedHooks,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    stack_name: String,
    account: Option<String>,
    region: Option<String>,
    #[serde(default)]
    network_owner_accounts: BTreeSet<String>,
    #[serde(default)]
    reserved_concurrency: BTreeMap<String, u64>,
    network: Option<Network>,
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
    name: String,
    #[serde(default)]
    cluster: Cluster,
    profile: String,
    zones: Option<Vec<String>>,
    #[serde(default)]
    networks: BTreeMap<String, OnNode>,
    heartbeat_timeout_seconds: Option<i64>,
}

#[derive(Default, Deserialize)]
struct Cluster {
    name: Option<String>,
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
    let problems = problems(&value)?;
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

/// What of a configuration the CDK app would refuse by its schema.
fn problems(value: &Value) -> Result<Vec<Problem>> {
    let internal = |error: serde_json::Error| Error::Internal {
        doing: "reading the schema of the configuration",
        detail: error.to_string(),
    };
    let schema: Value = serde_json::from_str(SCHEMA).map_err(internal)?;
    let validator = validator(&schema)?;
    let errors = validator.iter_errors(value);
    let found = errors.flat_map(|error| violations(&error, &schema, ""));
    Ok(found
        .take(MAX_PROBLEMS)
        .map(|(at, violation)| problem(&at, violation))
        .collect())
}

fn problem(at: &str, violation: Violation) -> Problem {
    const PAGES: &str = "docs/deploy.md, docs/node-groups.md";
    let correct = |meant: Option<String>| {
        let meant = did_you_mean(meant.as_deref());
        format!("{meant}Correct it ({PAGES}).")
    };
    let (field, problem, remedy) = match violation {
        Violation::Missing(name) => {
            let remedy = match name.as_str() {
                "stackName" => {
                    "Give the name of the stack that the configuration is deployed as.".to_owned()
                }
                _ => format!("Add it ({PAGES})."),
            };
            (member(at, &name), "is missing".to_owned(), remedy)
        }
        Violation::Unknown { meant } => (
            at.to_owned(),
            "is not a field of the configuration".to_owned(),
            format!(
                "{}Correct it, or remove it.",
                did_you_mean(meant.as_deref())
            ),
        ),
        Violation::OfGroup(text) => (at.to_owned(), text, correct(None)),
        Violation::OfField { text, meant } => (at.to_owned(), text, correct(meant)),
    };
    Problem {
        field: match field.is_empty() {
            true => "the configuration".to_owned(),
            false => field,
        },
        problem,
        remedy,
    }
}

impl Configuration {
    fn of(file: File) -> Self {
        let on_nodes = file.node_groups.iter().map(|group| WantedNodes {
            name: group.name.clone(),
            cluster: group.cluster.name.clone(),
            profile: group.profile.clone(),
            networks: group.networks.clone(),
        });
        let on_nodes = on_nodes.collect();
        let zones = file.node_groups.iter();
        let zones = zones.map(|group| (group.profile.clone(), group.zones.clone()));
        let network = file.network.map(|network| OfNetwork {
            network,
            profiles: file.profiles.clone(),
            groups: zones.collect(),
        });
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
            network,
            hooks,
            rest: OfConfiguration {
                stack: file.stack_name,
                account: file.account,
                region: file.region,
                network_owners: file.network_owner_accounts,
                reserved_concurrency: file.reserved_concurrency,
                on_nodes,
                expected_hooks: expected,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The fields that have a problem, each with its remedy.
    fn found(value: &Value) -> Vec<(String, String)> {
        let found = problems(value).unwrap().into_iter();
        found.map(|it| (it.field, it.remedy)).collect()
    }

    fn fields(value: &Value) -> Vec<String> {
        found(value).into_iter().map(|(field, _)| field).collect()
    }

    #[test]
    fn examples_have_no_problem() {
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cdk/examples");
        let mut read = 0;
        for entry in std::fs::read_dir(examples).unwrap() {
            let file = entry.unwrap().path().join("hookline.config.json");
            let Ok(text) = std::fs::read_to_string(&file) else {
                continue;
            };
            assert_eq!(found(&serde_json::from_str(&text).unwrap()), [], "{file:?}");
            read += 1;
        }
        assert!(read > 1);
    }

    #[test]
    fn stack_name_that_is_missing_or_misspelt_is_a_problem() {
        let profiles = json!([{}]);
        assert_eq!(
            fields(&json!({"stackName": "a", "profiles": profiles})),
            [""; 0]
        );
        assert_eq!(fields(&json!({"profiles": profiles})), ["stackName"]);
        let misspelt = found(&json!({"stackname": "a", "profiles": profiles}));
        let remedy = |field: &str| {
            let mut fields = misspelt.iter();
            fields
                .find(|(it, _)| it == field)
                .map(|(_, remedy)| remedy.as_str())
        };
        assert_eq!(misspelt.len(), 2, "{misspelt:?}");
        assert!(remedy("stackName").is_some());
        let meant = remedy("stackname").unwrap();
        assert!(meant.starts_with("Did you mean `stackName`?"), "{meant}");
    }

    #[test]
    fn field_below_the_top_that_the_app_refuses_is_told_with_its_path() {
        let with = |field: &str, value: Value| {
            let mut file = json!({"stackName": "a", "profiles": [{}]});
            file[field] = value;
            found(&file)
        };
        let group = json!({"profile": "upf", "networks": {"user-plane": {"interfacename": "up0"}}});
        for (field, value, path, meant) in [
            (
                "hooks",
                json!([{"profile": "upf", "heartbeatTimeoutSecond": 60}]),
                "hooks[0].heartbeatTimeoutSecond",
                "heartbeatTimeoutSeconds",
            ),
            (
                "reconcile",
                json!({"otherHook": ["drain"]}),
                "reconcile.otherHook",
                "otherHooks",
            ),
            (
                "nodeGroups",
                json!([group]),
                "nodeGroups[0].networks.user-plane.interfacename",
                "interfaceName",
            ),
            (
                "reservedConcurrency",
                json!({"tag-nodes": 1}),
                "reservedConcurrency.tag-nodes",
                "tag-node",
            ),
        ] {
            let found = with(field, value);
            let says = found.iter().find(|(it, _)| it == path);
            let (_, remedy) = says.unwrap_or_else(|| panic!("no {path} in {found:?}"));
            assert!(
                remedy.starts_with(&format!("Did you mean `{meant}`?")),
                "{remedy}"
            );
        }
        let wrong = with("reservedConcurrency", json!({"tag-node": "1"}));
        assert_eq!(wrong[0].0, "reservedConcurrency.tag-node");
        assert_eq!(fields(&json!([])), ["the configuration"]);
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
            "nodeGroups": [{"name": "smf", "profile": "smf", "heartbeatTimeoutSeconds": 3_600}],
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
