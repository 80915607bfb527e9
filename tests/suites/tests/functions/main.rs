//! Every function against the fake AWS, in process and in virtual time: what it does, what it
//! calls, and how it fails.

// Tests may panic: that is how they fail.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod adopted;
mod any_answer;
mod any_input;
mod attach;
mod attach_failures;
mod aws_errors;
mod bad_input;
mod calls;
mod complete_hook;
mod create;
mod create_failures;
mod logs;
mod metrics;
mod name_nodes;
mod name_nodes_failures;
mod other_hooks;
mod plan;
mod plan_refusals;
mod release;
mod remove_startup_taint;
mod set_delete_on_termination;
mod tag_node;
mod tag_node_failures;
mod unknown_ids;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use hookline_local::{Fault, FaultKind};
use serde_json::Value;

/// Asserts that a function failed with this error name. Returns the message.
#[track_caller]
fn failed(result: hookline_domain::Result<Value>, name: &str) -> String {
    match result {
        Ok(value) => panic!("wanted {name}, but it went well: {value}"),
        Err(error) => {
            assert_eq!(error.error_type(), name, "{error}");
            error.to_string()
        }
    }
}

/// The number of calls of each action, for comparisons.
fn counts<const N: usize>(actions: [(&str, usize); N]) -> BTreeMap<String, usize> {
    actions
        .into_iter()
        .map(|(action, times)| (action.to_owned(), times))
        .collect()
}

/// A fault: AWS refuses `action` with this code.
fn refusal(action: &str, code: &str) -> Fault {
    let kind = FaultKind::Error {
        status: 400,
        code: code.to_owned(),
        message: format!("injected {code}"),
    };
    Fault::on(action, kind)
}

/// EC2's answer to a role that may not do this, or not to this resource.
fn not_allowed() -> FaultKind {
    FaultKind::Error {
        status: 403,
        code: "UnauthorizedOperation".to_owned(),
        message: "You are not authorized to perform this operation.".to_owned(),
    }
}

/// The addresses that a plan's slot asks for.
fn planned(plan: &Value, slot: usize) -> Vec<Ipv4Addr> {
    serde_json::from_value(plan["step"]["slots"][slot]["privateIpAddresses"].clone()).unwrap()
}

/// How long a plan waits, in seconds; 0 for a plan to create.
fn wait_seconds(plan: &Value) -> u64 {
    match plan["step"]["action"].as_str() {
        Some("CREATE") => 0,
        Some("WAIT") => plan["step"]["seconds"].as_u64().unwrap(),
        _ => panic!("neither wait nor create: {plan}"),
    }
}
