//! Each function may call exactly the actions that it calls. This compares
//! `functions/permissions.json` with the calls of the functions in virtual time, in launches with
//! and without faults. `simulation` checks that no fault at any call leads to another action.

// JSON is indexed by name, which gives null for an absent field.
#![allow(clippy::indexing_slicing)]

mod iam_md;
mod scenes;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};
use hookline_local::Outcome;
use hookline_simulator::run::{Run, on_paused_clock};
use hookline_statemachine::state::State;
use hookline_statemachine::{LAUNCH_NODE, NAME_NODE, StateMachine};
use hookline_testkit::permissions::{allowed, difference, needed, of_programs};
use hookline_testkit::roles;

use scenes::{called, scenario, until};

#[test]
fn each_call_carries_the_role_of_its_caller_and_is_allowed() -> Result<()> {
    on_paused_clock(async {
        let mut run = Run::new(scenario(1)).await?;
        let report = run.to_rest().await?;
        ensure!(report.in_service == 1, "{report:?}");
        let a_round = |run: &Run| !run.reconcile_reports().is_empty();
        until(&run, "a round of reconcile", a_round).await?;
        let mut roles = BTreeSet::new();
        for call in run.local.calls() {
            let by_hookline = ["app/Hookline", "states.amazonaws.com"]
                .iter()
                .any(|agent| call.user_agent.contains(agent));
            ensure!(
                by_hookline == call.role.is_some() || call.service == "states",
                "{call:?}"
            );
            if let Outcome::Error(code) = &call.outcome {
                ensure!(
                    !code.contains("Unauthorized") && !code.contains("Denied"),
                    "{call:?}"
                );
            }
            roles.extend(call.role);
        }
        for name in [
            "tag-node",
            "plan-interfaces",
            "create-interfaces",
            "attach-interfaces",
            "complete-hook",
            "reconcile",
        ] {
            let role = roles::of_function(name).context("no role")?;
            ensure!(roles.contains(&role), "{role} is not in {roles:?}");
        }
        let role = roles::of_rule_for(hookline_simulator::run::MACHINE_ARN);
        ensure!(roles.contains(&role.context("no role")?), "{roles:?}");
        Ok(())
    })
}

#[test]
fn each_function_may_call_what_it_calls_and_nothing_else() -> Result<()> {
    let (mut allowed, needed) = (of_programs()?, needed(called()?));
    // A state machine calls no other API action. The test below compares it with its file.
    allowed.remove("name-node");
    let (lacking, idle) = (difference(&needed, &allowed), difference(&allowed, &needed));
    ensure!(
        lacking.is_empty() && idle.is_empty(),
        "functions/permissions.json lacks {lacking:#?}, and has what nothing calls: {idle:#?}"
    );
    Ok(())
}

#[test]
fn missing_and_unused_permissions_are_found() -> Result<()> {
    let whole = allowed()?;
    for (caller, actions) in &whole {
        for action in actions {
            let mut less = whole.clone();
            less.entry(caller.clone()).or_default().remove(action);
            assert_eq!(
                (difference(&whole, &less), difference(&less, &whole)),
                (vec![format!("{caller}: {action}")], Vec::new())
            );
        }
    }
    let create = BTreeSet::from(["ec2:CreateNetworkInterface".to_owned()]);
    let needed = needed(BTreeMap::from([("a".to_owned(), create)]));
    assert!(needed["a"].contains("ec2:CreateTags"));
    Ok(())
}

/// The state machines' own calls are those of their files.
#[test]
fn state_machines_may_call_what_their_states_call() -> Result<()> {
    for (name, file) in [("launch-node", LAUNCH_NODE), ("name-node", NAME_NODE)] {
        assert_eq!(allowed()?.remove(name), Some(calls_of(file)?), "{name}");
    }
    Ok(())
}

fn calls_of(file: &str) -> Result<BTreeSet<String>> {
    let machine = StateMachine::read(file)?;
    let mut found = BTreeSet::new();
    for state in machine.states.values() {
        let State::Task(task) = state else {
            continue;
        };
        found.insert(
            match task
                .resource
                .strip_prefix("arn:${Partition}:states:::aws-sdk:")
            {
                Some(integration) => {
                    let (service, action) = integration.split_once(':').context("no action")?;
                    let first = action.get(..1).unwrap_or_default().to_uppercase();
                    format!("{service}:{first}{}", action.get(1..).unwrap_or_default())
                }
                None => "lambda:InvokeFunction".to_owned(),
            },
        );
    }
    Ok(found)
}
