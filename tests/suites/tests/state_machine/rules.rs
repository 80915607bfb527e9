//! Rules that the files follow, checked without running them.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use hookline_domain::Error;
use hookline_statemachine::retry::JitterStrategy;
use hookline_statemachine::state::{State, Task};
use hookline_statemachine::{LAUNCH_NODE, StateMachine};
use hookline_testkit::scene::HOOK_SECONDS;

use crate::{caught, retried, states};

/// The errors of AWS itself: Lambda's (Step Functions Developer Guide, "Handle transient Lambda
/// service exceptions"), how a function's environment ends (Lambda Developer Guide, "Runtime API"),
/// and the States language's.
const AWS_ERRORS: [&str; 11] = [
    "Lambda.AWSLambdaException",
    "Lambda.ClientExecutionTimeoutException",
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

/// The errors that a retry can mend. All others go to a catcher at once.
const TRANSIENT: [&str; 6] = [
    "Hookline.AwsUnavailable",
    "Hookline.DevicesNotShownYet",
    "Hookline.InstanceNotFoundYet",
    "Hookline.NotYetAttached",
    "Hookline.StillDetaching",
    "Hookline.Throttled",
];

fn tasks() -> Result<Vec<(String, Task)>> {
    let task = |(name, state)| match state {
        State::Task(task) => Some((name, task)),
        _ => None,
    };
    let tasks: Vec<_> = states()?.into_iter().filter_map(task).collect();
    ensure!(!tasks.is_empty(), "no task");
    Ok(tasks)
}

#[test]
fn every_error_name_is_one_of_hookline_or_of_aws() -> Result<()> {
    for (name, state) in states()? {
        for error in retried(state.retry()).chain(caught(state.catch())) {
            let known = Error::TYPES.contains(&error) || AWS_ERRORS.contains(&error);
            assert!(known, "{name}: nothing reports {error}");
        }
    }
    Ok(())
}

#[test]
fn function_error_is_retried_exactly_if_it_is_transient() -> Result<()> {
    let mut tried_again = BTreeSet::new();
    for (_, task) in tasks()? {
        tried_again.extend(retried(&task.retry).map(str::to_owned));
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
fn every_task_catches_all_errors() -> Result<()> {
    for (name, task) in tasks()? {
        let last = task.catch.last();
        let last = last.with_context(|| format!("{name}: no Catch"))?;
        assert_eq!(last.error_equals, ["States.ALL"], "{name}");
        for catcher in &task.catch {
            // Otherwise the event and the profile would be lost where they are needed.
            let path = catcher.result_path.path();
            let kept = path.is_some_and(|path| path.as_str().starts_with("$."));
            assert!(kept, "{name}: a catcher overwrites what was there");
        }
    }
    Ok(())
}

#[test]
fn every_task_retries_throttling_and_outages_with_bounded_jittered_delays() -> Result<()> {
    for (name, task) in tasks()? {
        for retrier in &task.retry {
            let default = || format!("{name}: a default is used in {retrier:?}");
            assert_eq!(
                retrier.jitter_strategy,
                Some(JitterStrategy::Full),
                "{name}"
            );
            assert!(
                retrier.max_delay_seconds.with_context(default)?
                    > retrier.interval_seconds.with_context(default)?,
                "{name}"
            );
            assert!(retrier.backoff_rate.with_context(default)? > 1.0, "{name}");
            assert!(retrier.max_attempts.with_context(default)? >= 1, "{name}");
        }
        let tried_again: Vec<&str> = retried(&task.retry).collect();
        // A function's errors have names. Those of an AWS service are taken together.
        let is_function = task.resource.starts_with("${");
        let of_functions = ["Hookline.Throttled", "Hookline.AwsUnavailable"]
            .into_iter()
            .chain(AWS_ERRORS)
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

/// Lambda's throttling is EC2's throttling to a launch, in every retrier and every catcher
/// (docs/errors.md).
#[test]
fn throttling_of_lambda_leads_where_throttling_of_ec2_leads() -> Result<()> {
    let mut catchers = 0;
    for (name, task) in tasks()? {
        let retriers = task.retry.iter().map(|retrier| &retrier.error_equals);
        let caught = task.catch.iter().map(|catcher| &catcher.error_equals);
        for names in retriers.chain(caught.clone()) {
            let has = |error: &str| names.iter().any(|name| name == error);
            assert_eq!(
                has("Hookline.Throttled"),
                has("Lambda.TooManyRequestsException"),
                "{name}: {names:?}"
            );
        }
        let throttled = |names: &&Vec<String>| names.iter().any(|n| n == "Hookline.Throttled");
        catchers += caught.filter(throttled).count();
    }
    assert!(catchers > 0, "no catcher of throttling");
    Ok(())
}

#[test]
fn execution_ends_before_the_global_timeout_of_its_hook() -> Result<()> {
    let limit = StateMachine::read(LAUNCH_NODE)?.timeout_seconds;
    let limit = limit.context("no TimeoutSeconds")?;
    let heartbeat = u64::try_from(HOOK_SECONDS)?;
    // The global timeout: a hundred heartbeat timeouts, but at most 48 hours.
    let global = (heartbeat * 100).min(48 * 3600);
    assert!(limit < global, "{limit} s");
    for (name, task) in tasks()? {
        let of_task = task.timeout_seconds;
        let of_task = of_task.with_context(|| format!("{name}: no TimeoutSeconds"))?;
        assert!(
            of_task < heartbeat,
            "{name}: {of_task} s without a heartbeat"
        );
    }
    Ok(())
}

/// The node is ready by then: nothing may end its launch or take its interfaces.
#[test]
fn no_state_after_continue_abandons_or_releases() -> Result<()> {
    let states = StateMachine::read(LAUNCH_NODE)?.states;
    let mut reached = BTreeSet::new();
    let mut next = match states.get("ContinueLaunch") {
        Some(State::Task(task)) => vec![task.next.clone().context("ContinueLaunch ends")?],
        _ => anyhow::bail!("ContinueLaunch is no Task"),
    };
    while let Some(name) = next.pop() {
        let state = states.get(&name).with_context(|| name.clone())?;
        if reached.insert(name) {
            next.extend(state.targets().map(str::to_owned));
        }
    }
    assert!(reached.contains("SetDeleteOnTermination"), "{reached:?}");
    for never in ["AbandonLaunch", "ReleaseInterfaces"] {
        assert!(!reached.contains(never), "{never}: {reached:?}");
    }
    let fails = |name: &&String| matches!(states.get(*name), Some(State::Fail(_)));
    let failing: Vec<&String> = reached.iter().filter(fails).collect();
    // The node is in service, and takes no pods: a person must know.
    assert_eq!(failing, ["StartupTaintLeft"]);
    Ok(())
}

#[test]
fn failed_execution_has_a_named_error_and_a_cause() -> Result<()> {
    let mut failing = 0;
    for (name, state) in states()? {
        let State::Fail(fail) = state else {
            continue;
        };
        failing += 1;
        assert!(fail.cause_path.is_some(), "{name}: no cause");
        match fail.error.as_deref() {
            // The state machine's own error. No function has the same, so that the two can be told
            // apart.
            Some(error) => {
                assert!(error.starts_with("Hookline."), "{name}: {error}");
                assert!(
                    !Error::TYPES.contains(&error),
                    "{name}: {error} is a function's"
                );
            }
            None => {
                let path = fail.error_path.map(String::from);
                assert_eq!(path.as_deref(), Some("$.failure.Error"), "{name}");
            }
        }
    }
    assert!(failing > 0);
    Ok(())
}
