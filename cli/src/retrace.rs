//! Makes the calls of `timeline`: the activities of a group, the executions of its launches, and their
//! histories.

use std::future::ready;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde_json::Value;

use crate::aws::{self, Aws};
use crate::error::Result;
use crate::locate;
use crate::observe::{AT_ONCE, GROUP_TAG, now};
use crate::observed::deployment::Deployment;
use crate::observed::execution::{Execution, HistoryEvent, ListedExecution};
use crate::observed::scale_out::{LeftOut, ScaleOut, Traced};

/// The most histories that are read, a call each: those of a scale-out of 500 nodes (docs/performance.md),
/// and of some that were replaced. More would only be throttled by Step Functions.
pub(crate) const MAX_HISTORIES: usize = 600;
/// The most pages of executions that are listed, each of 1,000.
const MAX_PAGES: usize = 5;
/// An execution ends within four hours: `TimeoutSeconds` of `statemachine/launch-node.asl.json`.
const MAX_EXECUTION_SECONDS: i64 = 14_400;
/// What is kept of the data of a state. The rest of it is as large, and the same in every state.
const KEPT: [&str; 10] = [
    "next",
    "reason",
    "node",
    "plan",
    "allocation",
    "wired",
    "completion",
    "release",
    "startupTaint",
    "deleteOnTermination",
];

/// Looks at the launches of a group in the last so many seconds.
///
/// # Errors
/// Returns why a call failed, or [`Error::NotFound`] if there is no such group.
pub(crate) async fn scale_out(
    aws: &Aws,
    deployment: &Deployment,
    name: &str,
    window: i64,
) -> Result<ScaleOut> {
    let group = locate::group(aws, name).await?;
    let since = now().saturating_sub(window);
    let names = [name.to_owned()];
    let by_group = format!("tag:{GROUP_TAG}");
    let ((activities, all_activities), instances, (listed, all_listed)) = tokio::try_join!(
        aws.activities_since(name, since),
        aws.instances(&by_group, &names),
        executions(aws, deployment, since),
    )?;
    let mut left_out = LeftOut {
        executions: !all_listed,
        activities: !all_activities,
        ..LeftOut::default()
    };
    let (executions, unread) = histories(aws, listed, name).await?;
    left_out.histories = unread;
    let mut traced = Vec::new();
    for (execution, whole) in executions {
        left_out.events += usize::from(!whole);
        traced.push(execution);
    }
    Ok(ScaleOut {
        // What was waited for has happened by then.
        now: now(),
        since,
        region: aws.region().to_owned(),
        group,
        instances: instances
            .into_iter()
            .map(|seen| (seen.instance.id.clone(), seen))
            .collect(),
        activities,
        executions: traced,
        left_out,
    })
}

/// The executions that ran since then, in seconds since the epoch, newest first; and whether these
/// are all.
async fn executions(
    aws: &Aws,
    deployment: &Deployment,
    since: i64,
) -> Result<(Vec<ListedExecution>, bool), aws::Error> {
    let since = since.saturating_mul(1_000);
    let oldest = since.saturating_sub(MAX_EXECUTION_SECONDS.saturating_mul(1_000));
    let (mut found, all) = aws
        .executions_back_to(&deployment.machine, oldest, MAX_PAGES)
        .await?;
    found.retain(|execution| execution.stopped.is_none_or(|stopped| stopped >= since));
    Ok((found, all))
}

/// The executions of a group with their histories, each with whether its history is whole; and how
/// many of these executions were not read. The name of an execution that an event started does not tell its group: its first
/// event does.
async fn histories(
    aws: &Aws,
    listed: Vec<ListedExecution>,
    group: &str,
) -> Result<(Vec<(Traced, bool)>, usize)> {
    let unread = listed.len().saturating_sub(MAX_HISTORIES);
    let calls = listed.into_iter().take(MAX_HISTORIES).map(|listed| async {
        let (history, whole) = aws.history(&listed.arn).await?;
        Ok::<_, aws::Error>((traced(listed, history), whole))
    });
    let of_group =
        |(traced, _): &(Traced, bool)| traced.execution.group().as_deref() == Some(group);
    let found = stream::iter(calls)
        .buffered(AT_ONCE)
        .try_filter(|found| ready(of_group(found)))
        .try_collect()
        .await?;
    Ok((found, unread))
}

/// The execution, by its history: its first event has the input, and the last its error.
fn traced(listed: ListedExecution, mut history: Vec<HistoryEvent>) -> Traced {
    let input = history.iter_mut().find_map(|event| event.input.take());
    let ends = |event: &&HistoryEvent| event.kind.starts_with("Execution");
    let failed = history.iter().rev().find(ends);
    let failed = failed.and_then(|event| event.failed.clone());
    for event in &mut history {
        event.output = event.output.take().map(|output| kept(&output));
    }
    let (error, cause) = failed.unzip();
    Traced {
        execution: Execution {
            arn: listed.arn,
            name: listed.name,
            status: listed.status,
            started: listed.started,
            stopped: listed.stopped,
            input: input.unwrap_or_default(),
            error,
            cause,
        },
        history,
    }
}

/// What is kept of the data of a state.
fn kept(output: &str) -> String {
    match serde_json::from_str(output) {
        Ok(Value::Object(mut data)) => {
            data.retain(|key, _| KEPT.contains(&key.as_str()));
            Value::Object(data).to_string()
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_execution_lasts_longer_than_the_state_machine_lets_it() {
        let machine = include_str!("../../statemachine/launch-node.asl.json");
        let machine: Value = serde_json::from_str(machine).unwrap();
        assert_eq!(machine["TimeoutSeconds"], MAX_EXECUTION_SECONDS);
    }

    #[test]
    fn event_and_profile_are_kept_once() {
        let data =
            json!({"event": {"a": 1}, "profile": {"b": 2}, "plan": {"round": 1}, "next": "WIRE"});
        let read: Value = serde_json::from_str(&kept(&data.to_string())).unwrap();
        assert_eq!(read, json!({"plan": {"round": 1}, "next": "WIRE"}));
        assert_eq!(kept("cut off {"), "");
    }

    #[test]
    fn execution_has_the_input_and_the_error_of_its_history() {
        let event = |kind: &str| HistoryEvent {
            at: 0,
            kind: kind.to_owned(),
            state: None,
            input: None,
            output: None,
            failed: None,
        };
        let input = json!({"event": {"detail": {"AutoScalingGroupName": "upf"}}}).to_string();
        let started = HistoryEvent {
            input: Some(input),
            ..event("ExecutionStarted")
        };
        let retried = HistoryEvent {
            failed: Some(("Hookline.Throttled".to_owned(), String::new())),
            ..event("LambdaFunctionFailed")
        };
        let failed = HistoryEvent {
            failed: Some(("Hookline.SubnetsFull".to_owned(), "full".to_owned())),
            ..event("ExecutionFailed")
        };
        let listed = ListedExecution {
            arn: "arn".to_owned(),
            name: "name".to_owned(),
            status: "FAILED".to_owned(),
            started: 0,
            stopped: Some(1),
        };
        let history = vec![started.clone(), retried.clone(), failed];
        let traced_one = traced(listed.clone(), history);
        assert_eq!(traced_one.execution.group().as_deref(), Some("upf"));
        assert_eq!(traced_one.execution.error(), "Hookline.SubnetsFull");
        // A state that was retried is no error of the execution.
        let running = traced(listed, vec![started, retried]);
        assert_eq!(running.execution.error, None);
    }
}
