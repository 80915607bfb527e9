//! How to see whether an event could not be delivered, and why.

use hookline_domain::time::rfc3339;

use super::that_answers;
use crate::chosen::with_options;
use crate::judge::finding::{command_line, quoted};
use crate::judge::{Finding, Remedy};
use crate::observed::deployment::Deployment;

/// How long EventBridge tries to deliver an event, in seconds, where the target does not say it
/// (EventBridge User Guide, "How EventBridge retries delivering events").
const EVENT_AGE: i64 = 24 * 3_600;
/// For a metric that comes late, in seconds.
const MARGIN: i64 = 300;
/// The most points that GetMetricStatistics returns; it refuses a call for more (CloudWatch API
/// Reference).
const MAX_POINTS: i64 = 1_440;
const DAY: i64 = 86_400;

/// The shortest period of a metric that CloudWatch still has and tells in one answer: it keeps
/// periods of a minute for 15 days, of five minutes for 63 (CloudWatch API Reference,
/// GetMetricStatistics).
fn period(since: i64, until: i64, now: i64) -> i64 {
    let is_told = |(period, days): &(i64, i64)| {
        now - since < days * DAY && until - since <= period * MAX_POINTS
    };
    let periods = [(60, 15), (300, 63)];
    periods
        .into_iter()
        .find(is_told)
        .map_or(3_600, |(period, _)| period)
}

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
    // EventBridge has given up on the event by then.
    let ages = rule.targets.iter().map(|target| {
        let age = target.retry.and_then(|retry| retry.event_age);
        age.map_or(EVENT_AGE, i64::from)
    });
    let until = now.min(since + ages.max().unwrap_or(EVENT_AGE) + MARGIN);
    let finding = finding
        .say("If this is above 0, EventBridge could not start an execution, of this launch or of another one of then:")
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
            &period(since, until, now).to_string(),
            "--start-time",
            &rfc3339(since),
            "--end-time",
            &rfc3339(until),
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
        "The event is then in the dead-letter queue {arn}, with the error: look for the instance id in the messages."
    ));
    finding
        .remedy
        .push(Remedy::Shell(words.map(str::to_owned).to_vec()));
    finding
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn period_is_one_that_cloudwatch_keeps_and_tells_in_one_answer() {
        for (ago, span, expected) in [
            (3_600, 3_600, 60),
            (DAY, DAY, 60),
            (2 * DAY, DAY + MARGIN, 300),
            (20 * DAY, 3_600, 300),
            (70 * DAY, DAY, 3_600),
        ] {
            let now = 1_800_000_000;
            let since = now - ago;
            assert_eq!(period(since, since + span, now), expected, "{ago}");
        }
    }
}
