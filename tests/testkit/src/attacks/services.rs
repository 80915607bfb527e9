//! What Lambda and Step Functions call with the roles themselves. The fake AWS does not make these calls,
//! so they are only compared with the policies.

use super::call::{ACCOUNT, compared};
use super::denied::attack as call;
use super::target::Target;
use super::{Attempt, CUSTOM_RESOURCE};
use crate::deployment::FUNCTIONS;
use crate::roles::STACK;

/// The functions that rules and people invoke, which have a queue for failed invocations.
const INVOKED: [&str; 2] = ["reconcile", "adopt"];

/// All of them.
pub(super) fn allowed(target: &Target) -> Vec<Attempt> {
    [
        functions(target),
        state_machine("launch-node"),
        state_machine("name-node"),
        custom_resource(),
    ]
    .concat()
}

/// Logs (Lambda Developer Guide, "Sending Lambda function logs to CloudWatch Logs"), traces ("Visualize
/// Lambda function invocations using AWS X-Ray") and failed invocations ("Capturing records of Lambda
/// asynchronous invocations").
fn functions(target: &Target) -> Vec<Attempt> {
    let mut calls = Vec::new();
    for by in FUNCTIONS.iter().map(|(name, _)| *name).chain(INVOKED) {
        let stream =
            format!("arn:aws:logs:{ACCOUNT}:log-group:/aws/lambda/{STACK}-{by}:log-stream:one");
        calls.extend(writes_log(by, &stream));
        calls.extend(of_all(by, "Lambda traces", &TRACES));
    }
    if let Some((_, queue)) = target.queues().first() {
        let send = |by| {
            let what = "sends a message to its dead-letter queue";
            let sent = compared("sqs:SendMessage", *queue);
            call(by, what, "a failed invocation", sent)
        };
        calls.extend(INVOKED.map(send));
    }
    calls
}

pub(super) fn writes_log(by: &'static str, stream: &str) -> [Attempt; 2] {
    [
        ("makes a log stream", "logs:CreateLogStream"),
        ("writes its log", "logs:PutLogEvents"),
    ]
    .map(|(what, action)| call(by, what, "Lambda logs", compared(action, stream)))
}

/// Actions that have no resource-level permissions.
pub(super) fn of_all(
    by: &'static str,
    why: &'static str,
    actions: &[&'static str],
) -> Vec<Attempt> {
    let one =
        |action: &&'static str| call(by, format!("calls {action}"), why, compared(action, "*"));
    actions.iter().map(one).collect()
}

pub(super) const TRACES: [&str; 2] = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"];

/// Logs and traces (Step Functions Developer Guide, "Using CloudWatch Logs to log execution history",
/// "IAM policies for logging to CloudWatch Logs", and "Trace Step Functions request data in AWS
/// X-Ray").
pub(super) fn state_machine(by: &'static str) -> Vec<Attempt> {
    [
        of_all(
            by,
            "Step Functions logs",
            &[
                "logs:CreateLogDelivery",
                "logs:DeleteLogDelivery",
                "logs:DescribeLogGroups",
                "logs:DescribeResourcePolicies",
                "logs:GetLogDelivery",
                "logs:ListLogDeliveries",
                "logs:PutResourcePolicy",
                "logs:UpdateLogDelivery",
            ],
        ),
        of_all(by, "Step Functions traces", &TRACES),
        of_all(
            by,
            "Step Functions traces",
            &["xray:GetSamplingRules", "xray:GetSamplingTargets"],
        ),
    ]
    .concat()
}

/// The policy `AWSLambdaBasicExecutionRole`, and a node group of the configuration's cluster.
fn custom_resource() -> Vec<Attempt> {
    let by = CUSTOM_RESOURCE;
    let group = format!("arn:aws:logs:{ACCOUNT}:log-group:/aws/lambda/{STACK}-custom-resources");
    let stream = format!("{group}:log-stream:one");
    let nodegroup = format!("arn:aws:eks:{ACCOUNT}:nodegroup/core/smf/0");
    let [makes_stream, writes] = writes_log(by, &stream);
    vec![
        makes_stream,
        writes,
        call(
            by,
            "reads a node group of its cluster",
            "whose group gets the hook",
            compared("eks:DescribeNodegroup", nodegroup),
        ),
    ]
}
