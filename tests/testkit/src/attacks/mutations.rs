//! Policies with one restriction less: a condition removed, a resource widened to `*`, a queue's policy
//! that is for everyone, or a statement that denies removed. Each must let an attack through; else the
//! restriction denies nothing that the table knows of.

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{Outcomes, Policies, role_of};

/// A policy with one restriction less.
#[derive(Debug, Clone)]
pub struct Mutation {
    /// The ARN of the role, or of the queue.
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
    for (role, documents) in outcomes.documents() {
        for (n, document) in documents.iter().enumerate() {
            for (what, mutated) in of_document(document)? {
                let mut documents = documents.clone();
                if let Some(document) = documents.get_mut(n) {
                    *document = mutated;
                }
                let policies = Policies::parse(role, &documents)?;
                let mut lets_through = Vec::new();
                for attack in &outcomes.denied {
                    if role_of(&outcomes.roles, attack.attempt.by)? == *role
                        && attack
                            .requests
                            .iter()
                            .all(|request| policies.allow(request))
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

/// The actions of statements without which every call that must be allowed is allowed as before: the
/// ARN of the role or the queue, and the action.
///
/// # Errors
/// If a policy cannot be read.
pub fn unused_actions(outcomes: &Outcomes) -> Result<Vec<(String, String)>> {
    let mut unused = Vec::new();
    for (role, documents) in outcomes.documents() {
        for (n, document) in documents.iter().enumerate() {
            for (action, mutated) in without_each_action(document)? {
                let mut documents = documents.clone();
                if let Some(document) = documents.get_mut(n) {
                    *document = mutated;
                }
                let policies = Policies::parse(role, &documents)?;
                let mut needed = false;
                for call in &outcomes.allowed {
                    needed |= role_of(&outcomes.roles, call.attempt.by)? == *role
                        && !call.requests.iter().all(|request| policies.allow(request));
                }
                if !needed {
                    unused.push((role.clone(), action));
                }
            }
        }
    }
    Ok(unused)
}

fn without_each_action(document: &Value) -> Result<Vec<(String, Value)>> {
    let statements = document["Statement"].as_array().context("no statements")?;
    let mut mutations = Vec::new();
    for (n, statement) in statements.iter().enumerate() {
        if statement["Effect"] == "Deny" {
            continue;
        }
        let actions = match &statement["Action"] {
            Value::Array(actions) => actions.clone(),
            one => vec![one.clone()],
        };
        for action in &actions {
            let mut mutated = document.clone();
            // A statement needs an action.
            let others = actions.iter().filter(|other| *other != action).cloned();
            let others: Vec<Value> = others.chain(["none:None".into()]).collect();
            mutated["Statement"][n]["Action"] = others.into();
            mutations.push((action.as_str().unwrap_or_default().to_owned(), mutated));
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
        if statement["Effect"] == "Deny" {
            // Without a condition it denies more.
            without(
                "without the statement that denies".to_owned(),
                &|statement| {
                    statement["Effect"] = "Allow".into();
                    statement["Action"] = "none:None".into();
                },
            );
            continue;
        }
        if statement.get("Principal").is_some_and(|one| *one != "*") {
            without(
                format!("for everyone instead of {}", statement["Principal"]),
                &|statement| statement["Principal"] = "*".into(),
            );
        }
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
