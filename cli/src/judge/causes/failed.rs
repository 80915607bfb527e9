//! An error that nothing that was observed explains.

use super::with_those_on_others;
use crate::judge::{Finding, Kind, ended};
use crate::observed::case::Case;
use crate::observed::execution::message;

/// An error that nothing that was observed explains: in its own words.
pub(super) fn finding(case: &Case, found: &[Finding]) -> Option<Finding> {
    let explained = [
        Kind::SubnetMissing,
        Kind::NoSubnetInZone,
        Kind::SubnetFull,
        Kind::SecurityGroupMissing,
        Kind::SecurityGroupInAnotherVpc,
        Kind::InstanceTypeTooSmall,
        Kind::DeviceIndexTaken,
        Kind::InstanceEnded,
        Kind::ExecutionEnded,
        Kind::LaunchAbandoned,
    ];
    if found
        .iter()
        .any(|finding| explained.contains(&finding.kind))
    {
        return None;
    }
    let execution = case.execution()?;
    if execution.is_running() || execution.status == "SUCCEEDED" {
        return None;
    }
    let (error, cause) = match case.last_failure() {
        Some((error, cause)) => (error.as_str(), message(cause)),
        None => (
            execution.error(),
            message(execution.cause.as_deref().unwrap_or_default()),
        ),
    };
    let missing = case.networks_without_interface();
    let finding = Finding::new(Kind::Failed, format!("The execution failed with {error}."))
        .shown_by(cause.as_str());
    let told = finding.evidence.len();
    let finding = with_those_on_others(finding, case, &missing);
    // Of an interface that is on another instance, the function says only that it is not as it
    // should be.
    let finding = match finding.evidence.len() > told {
        true => finding,
        false => finding.shown_by(unseen(error, &cause, found)),
    };
    let finding = match cause.contains(LIMIT_EXCEEDED) {
        true => finding
            .say("Delete interfaces that nobody needs, or ask for a higher quota. What it is:")
            .run([
                "aws",
                "service-quotas",
                "get-service-quota",
                "--service-code",
                "vpc",
                "--quota-code",
                "L-DF5E4CA3",
            ]),
        false => finding,
    };
    let finding = match error.starts_with("Hookline.") {
        true => finding.say(format!(
            "docs/errors.md has the remedy of {error}. To see what the next launch would fail by:"
        )),
        false => finding.say("To see what the next launch would fail by:"),
    };
    let finding = finding.run(["hookline", "check"]);
    Some(match case.waits() {
        true => ended::with_end(case, finding),
        false => finding,
    })
}

/// What EC2 answers when the Region may have no more interfaces (Amazon EC2 API Reference, "Error
/// codes").
const LIMIT_EXCEEDED: &str = "NetworkInterfaceLimitExceeded";

/// What AWS says where a policy denies a call, or a role's trust policy its use. Step Functions gives
/// such an answer of Lambda's the name Lambda.AWSLambdaException, and EC2's own code is
/// UnauthorizedOperation (IAM User Guide, "Troubleshoot access denied error messages"; AWS Lambda
/// API Reference, Invoke).
const DENIED: [&str; 4] = [
    "not authorized to perform",
    "cannot be assumed by",
    "unable to assume",
    "AccessDenied",
];

/// Why nothing that was observed explains an error.
fn unseen(error: &str, cause: &str, found: &[Finding]) -> &'static str {
    let is_unreadable = |finding: &Finding| finding.kind == Kind::ProfileUnreadable;
    if found.iter().any(is_unreadable) {
        return "The profile of its rule cannot be read, as told above.";
    }
    // A policy stays as it is.
    if error == "Hookline.AccessDenied" || DENIED.iter().any(|words| cause.contains(words)) {
        return "`explain` reads no policies: `check` does.";
    }
    if error == "Lambda.ResourceNotFoundException" || cause.contains("Function not found: ") {
        return "The function, or its version, is not there: `check` names it.";
    }
    if cause.contains(LIMIT_EXCEEDED) {
        return "The quota of interfaces in the Region was reached: `explain` does not read it.";
    }
    "Nothing that is observed now explains it: what was in the way may be gone."
}
