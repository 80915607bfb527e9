//! Makes the calls of `timeline`: the activities of a group, the executions of its launches, and
//! their histories.

use std::collections::BTreeSet;
use std::future::ready;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use hookline_domain::ids::InstanceId;
use hookline_domain::instance::Instance;
use hookline_domain::tags::own;
use serde_json::Value;

use crate::aws::{self, Aws};
use crate::error::Result;
use crate::locate;
use crate::observe::{AT_ONCE, GROUP_TAG, now};
use crate::observed::deployment::Deployment;
use crate::observed::execution::{Execution, HistoryEvent, ListedExecution};
use crate::observed::network::SeenInstance;
use crate::observed::scale_out::{LeftOut, ScaleOut, Traced};

/// The most histories that are read, a call each: those of a scale-out of 500 nodes
/// (docs/performance.md), and of some that were replaced. More would only be throttled by Step
/// Functions.
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
    let noted = [own::EXECUTION.to_owned()];
    let ((activities, all_activities), instances, noted, (mut listed, all_listed)) = tokio::try_join!(
        aws.activities_since(name, since),
        aws.instances(&by_group, &names),
        aws.instances("tag-key", &noted),
        executions(aws, deployment, since),
    )?;
    leave_others(&mut listed, &noted, name);
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

/// Leaves out executions for instances of other groups, as far as these instances tell: each has
/// the name of its last execution as a tag, and some names tell an instance.
fn leave_others(listed: &mut Vec<ListedExecution>, noted: &[SeenInstance], group: &str) {
    let others = noted.iter().map(|seen| &seen.instance);
    let others: Vec<&Instance> = others
        .filter(|it| it.tags.get(GROUP_TAG).is_some_and(|of| of != group))
        .collect();
    let instances: BTreeSet<&InstanceId> = others.iter().map(|it| &it.id).collect();
    let names = others.iter().filter_map(|it| it.tags.get(own::EXECUTION));
    let names: BTreeSet<&String> = names.collect();
    listed.retain(|execution| {
        let of_another = |instance: InstanceId| instances.contains(&instance);
        !names.contains(&execution.name) && !execution.instance().is_some_and(of_another)
    });
}

/// The executions of a group with their histories, each with whether its history is whole; and how
/// many of these executions were not read. The name of an execution that an event started does not
/// tell its group: its first event does.
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
    use hookline_domain::execution::names::replay_name;
    use serde_json::json;

    use super::*;
    use crate::fixtures::{id, instance};

    #[test]
    fn no_execution_lasts_longer_than_the_state_machine_lets_it() {
        let machine = include_str!("../../statemachine/launch-node.asl.json");
        let machine: Value = serde_json::from_str(machine).unwrap();
        assert_eq!(machine["TimeoutSeconds"], MAX_EXECUTION_SECONDS);
    }

    #[test]
    fn executions_that_an_instance_of_another_group_tells_are_left_out() {
        let named = |name: String| ListedExecution {
            arn: format!("arn:{name}"),
            name,
            status: "SUCCEEDED".to_owned(),
            started: 0,
            stopped: Some(1),
        };
        let told = |n: u32, group: &str| {
            let mut seen = instance(n, 60);
            let tags = [
                (GROUP_TAG, group.to_owned()),
                (own::EXECUTION, format!("event-{n}")),
            ];
            let tags = tags.map(|(key, value)| (key.to_owned(), value));
            seen.instance.tags.extend(tags);
            seen
        };
        let noted = [told(1, "upf"), told(2, "smf")];
        let replayed = |n| replay_name(&id(n), "event", "{}");
        let names = [
            "event-1".to_owned(),
            "event-2".to_owned(),
            "event-3".to_owned(),
            replayed(1),
            replayed(2),
        ];
        let mut listed: Vec<_> = names.clone().map(named).into();
        leave_others(&mut listed, &noted, "upf");
        let left: Vec<_> = listed.into_iter().map(|it| it.name).collect();
        let kept = [0, 2, 3].map(|n: usize| names[n].clone());
        assert_eq!(left, kept);
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
