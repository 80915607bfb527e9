//! How to see whether an event could not be delivered, and why.

use hookline_domain::time::rfc3339;

use super::that_answers;
use crate::chosen::with_options;
use crate::judge::finding::{command_line, quoted};
use crate::judge::{Finding, Remedy};
use crate::observed::deployment::Deployment;

/// The finding of an event that was lost, or could not be delivered to the target of its rule: with
/// the commands that tell which, and why. The event came after `since`, in seconds since the epoch.
pub(in crate::judge) fn undelivered(
    finding: Finding,
    deployment: &Deployment,
    (group, hook): (&str, &str),
    (since, now): (i64, i64),
) -> Finding {
    let Some(rule) = that_answers(deployment, group, hook) else {
        return finding.say("Look at FailedInvocations of the rule, and at the dead-letter queue (docs/operations/no-execution.md).");
    };
    let finding = finding
        .say("If this is above 0, EventBridge could not start the execution:")
        .run([
            "aws",
            "cloudwatch",
            "get-metric-statistics",
            "--namespace",
            "AWS/Events",
            "--metric-name",
            "FailedInvocations",
            "--dimensions",
            &format!("Name=RuleName,Value={}", rule.name),
            "--statistics",
            "Sum",
            "--period",
            "60",
            "--start-time",
            &rfc3339(since),
            "--end-time",
            &rfc3339(now),
        ]);
    let mut queues = rule
        .targets
        .iter()
        .filter_map(|it| it.dead_letter_queue.as_deref());
    let queue = queues
        .next()
        .and_then(|arn| Some((arn, arn.rsplit(':').next()?)));
    let Some((arn, queue)) = queue else {
        return finding.say("The target has no dead-letter queue: the event is gone.");
    };
    let url = with_options(
        &[
            "aws",
            "sqs",
            "get-queue-url",
            "--queue-name",
            queue,
            "--query",
            "QueueUrl",
            "--output",
            "text",
        ]
        .map(str::to_owned),
    );
    let words = [
        "aws",
        "sqs",
        "receive-message",
        "--queue-url",
        &format!("\"$({})\"", command_line(&url)),
        "--max-number-of-messages",
        "10",
        "--visibility-timeout",
        "0",
        "--message-attribute-names",
        "All",
        "--query",
        &quoted("Messages[].[MessageAttributes.ERROR_MESSAGE.StringValue,Body]"),
    ];
    let mut finding = finding.say(format!(
        "The event is then in the dead-letter queue {arn}, with the error:"
    ));
    finding
        .remedy
        .push(Remedy::Shell(words.map(str::to_owned).to_vec()));
    finding
}
