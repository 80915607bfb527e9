//! Policies with one restriction less: a condition removed, or a resource widened to `*`. Each must
//! let an attack through; else the restriction denies nothing that the table knows of.

use anyhow::{Context as _, Result};
use hookline_local::iam::{Decision, Policy, decide};
use serde_json::Value;

use super::{Outcomes, role_of};

/// A policy with one restriction less.
#[derive(Debug, Clone)]
pub struct Mutation {
    /// The ARN of the role.
    pub role: String,
    /// The actions of the statement, and what is missing.
    pub what: String,
    /// The attacks that it lets through.
    pub lets_through: Vec<String>,
}

/// Every policy with one restriction less, and the attacks that it lets through.
///
/// # Errors
/// If a policy cannot be read.
pub fn of_all(outcomes: &Outcomes) -> Result<Vec<Mutation>> {
    let mut mutations = Vec::new();
    for (role, documents) in &outcomes.roles.documents {
        for (n, document) in documents.iter().enumerate() {
            for (what, mutated) in of_document(document)? {
                let mut policies = Vec::new();
                for (m, other) in documents.iter().enumerate() {
                    policies.push(Policy::parse(if m == n { &mutated } else { other })?);
                }
                let mut lets_through = Vec::new();
                for attack in &outcomes.denied {
                    if role_of(&outcomes.roles, attack.attempt.by)? == *role
                        && attack
                            .requests
                            .iter()
                            .all(|request| decide(&policies, request) == Decision::Allowed)
                    {
                        lets_through.push(attack.attempt.what.clone());
                    }
                }
                mutations.push(Mutation {
                    role: role.clone(),
                    what,
                    lets_through,
                });
            }
        }
    }
    Ok(mutations)
}

fn of_document(document: &Value) -> Result<Vec<(String, Value)>> {
    let statements = document["Statement"].as_array().context("no statements")?;
    let mut mutations = Vec::new();
    for (n, statement) in statements.iter().enumerate() {
        let mut without = |what: String, change: &dyn Fn(&mut Value)| {
            let mut mutated = document.clone();
            if let Some(statement) = mutated["Statement"].get_mut(n) {
                change(statement);
            }
            mutations.push((format!("{}: {what}", statement["Action"]), mutated));
        };
        for (operator, keys) in statement["Condition"].as_object().into_iter().flatten() {
            for key in keys.as_object().into_iter().flatten().map(|(key, _)| key) {
                without(format!("without {operator} {key}"), &|statement| {
                    if let Some(keys) = statement["Condition"][operator].as_object_mut() {
                        keys.remove(key);
                    }
                });
            }
        }
        if statement["Resource"] != "*" {
            let resource = &statement["Resource"];
            without(format!("on * instead of {resource}"), &|statement| {
                statement["Resource"] = "*".into();
            });
        }
    }
    Ok(mutations)
}
