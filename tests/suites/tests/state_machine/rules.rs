//! Rules that the file keeps, checked without running it.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use hookline_domain::Error;
use hookline_testkit::coverage::items;
use hookline_testkit::deployment::LAUNCH_NODE;
use hookline_testkit::scene::HOOK_SECONDS;
use serde_json::{Value, json};

use crate::{errors, states};

/// What AWS reports by itself: Lambda's own errors (Step Functions Developer Guide, "Handle transient Lambda service
/// exceptions"), how a function's environment ends (Lambda Developer Guide, "Runtime API"), and the States language's.
const OF_AWS: [&str; 10] = [
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.ServiceException",
    "Lambda.TooManyRequestsException",
    "Lambda.Unknown",
    "Runtime.ExitError",
    "Sandbox.Timedout",
    "States.ALL",
    "States.TaskFailed",
    "States.Timeout",
];

/// What another try can mend. Everything else is for a catcher at once.
const TRANSIENT: [&str; 7] = [
    "Hookline.AwsUnavailable",
    "Hookline.DevicesNotShownYet",
    "Hookline.InstanceNotFoundYet",
    "Hookline.InstanceNotRunning",
    "Hookline.NotYetAttached",
    "Hookline.StillDetaching",
    "Hookline.Throttled",
];

fn tasks() -> Result<Vec<(String, Value)>> {
    let tasks: Vec<_> = states()?
        .into_iter()
        .filter(|(_, state)| state["Type"] == "Task")
        .collect();
    ensure!(!tasks.is_empty(), "no task");
    Ok(tasks)
}

#[test]
fn every_error_name_is_one_of_hookline_or_of_aws() -> Result<()> {
    for (name, state) in states()? {
        for error in errors(&state, "Retry")
            .into_iter()
            .chain(errors(&state, "Catch"))
        {
            let known = Error::TYPES.contains(&error) || OF_AWS.contains(&error);
            assert!(known, "{name}: nothing reports {error}");
        }
    }
    Ok(())
}

#[test]
fn every_error_of_the_functions_is_tried_again_exactly_if_that_can_mend_it() -> Result<()> {
    let mut tried_again = BTreeSet::new();
    for (_, state) in tasks()? {
        tried_again.extend(errors(&state, "Retry").into_iter().map(str::to_owned));
    }
    for error in Error::TYPES {
        assert_eq!(
            tried_again.contains(*error),
            TRANSIENT.contains(error),
            "{error}: is it one that another try can mend?"
        );
    }
    Ok(())
}

#[test]
fn every_task_catches_whatever_comes() -> Result<()> {
    for (name, task) in tasks()? {
        let last = items(&task, "Catch")
            .last()
            .with_context(|| format!("{name}: no Catch"))?;
        assert_eq!(last["ErrorEquals"], json!(["States.ALL"]), "{name}");
        for catcher in items(&task, "Catch") {
            // Else the event and the profile would be gone where they are needed.
            let kept = catcher["ResultPath"]
                .as_str()
                .is_some_and(|path| path.starts_with("$."));
            assert!(kept, "{name}: a catcher overwrites what was there");
        }
    }
    Ok(())
}

#[test]
fn every_task_tries_throttling_and_outages_again_with_a_bounded_and_jittered_pause() -> Result<()> {
    for (name, task) in tasks()? {
        for retrier in items(&task, "Retry") {
            let number = |key: &str| {
                let number = retrier[key].as_f64();
                number.with_context(|| format!("{name}: no {key} in {retrier}"))
            };
            assert_eq!(retrier["JitterStrategy"], "FULL", "{name}");
            assert!(
                number("MaxDelaySeconds")? > number("IntervalSeconds")?,
                "{name}"
            );
            assert!(number("BackoffRate")? > 1.0, "{name}");
            assert!(number("MaxAttempts")? >= 1.0, "{name}");
        }
        let tried_again = errors(&task, "Retry");
        // A function's errors have names of their own; those of an AWS service are taken together.
        let is_function = task["Resource"]
            .as_str()
            .is_some_and(|arn| arn.starts_with("${"));
        let of_functions = ["Hookline.Throttled", "Hookline.AwsUnavailable"]
            .into_iter()
            .chain(OF_AWS)
            .filter(|error| !["States.ALL", "States.TaskFailed"].contains(error));
        let of_services = ["States.TaskFailed", "States.Timeout"];
        let transient: Vec<&str> = if is_function {
            of_functions.collect()
        } else {
            of_services.to_vec()
        };
        for error in transient {
            assert!(
                tried_again.contains(&error),
                "{name}: {error} is not tried again"
            );
        }
        let different: BTreeSet<_> = tried_again.iter().collect();
        assert_eq!(
            different.len(),
            tried_again.len(),
            "{name}: two retriers for one error"
        );
    }
    Ok(())
}

#[test]
fn an_execution_ends_before_the_global_timeout_of_its_hook() -> Result<()> {
    let whole: Value = serde_json::from_str(LAUNCH_NODE)?;
    let limit = whole["TimeoutSeconds"].as_i64();
    let limit = limit.context("no TimeoutSeconds")?;
    // However many heartbeats come: a hundred heartbeat timeouts, but no more than 48 hours.
    let global = (i64::from(HOOK_SECONDS) * 100).min(48 * 3600);
    assert!(limit < global, "{limit} s");
    for (name, task) in tasks()? {
        let of_task = task["TimeoutSeconds"].as_i64();
        let of_task = of_task.with_context(|| format!("{name}: no TimeoutSeconds"))?;
        assert!(
            of_task < i64::from(HOOK_SECONDS),
            "{name}: {of_task} s without a heartbeat"
        );
    }
    Ok(())
}

#[test]
fn every_state_says_what_it_does() -> Result<()> {
    for (name, state) in states()? {
        let comment = state["Comment"].as_str().unwrap_or_default();
        assert!(
            comment.ends_with('.'),
            "{name}: its Comment is no sentence: {comment:?}"
        );
    }
    Ok(())
}

#[test]
fn a_failed_execution_has_a_named_error_and_a_cause() -> Result<()> {
    let states = states()?;
    let mut failing = states
        .iter()
        .filter(|(_, state)| state["Type"] == "Fail")
        .peekable();
    assert!(failing.peek().is_some());
    for (name, state) in failing {
        assert!(state["CausePath"].is_string(), "{name}: no cause");
        match state["Error"].as_str() {
            // The state machine's own; a function cannot report it, or nobody could tell the two apart.
            Some(error) => {
                assert!(error.starts_with("Hookline."), "{name}: {error}");
                assert!(
                    !Error::TYPES.contains(&error),
                    "{name}: {error} is a function's"
                );
            }
            None => assert_eq!(state["ErrorPath"], "$.failure.Error", "{name}"),
        }
    }
    Ok(())
}
