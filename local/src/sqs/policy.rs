//! Whether a queue's policy lets EventBridge send for a rule.

use crate::iam::{AuthorizationRequest, Context, Decision, PolicyError, ResourcePolicy, SERVICE};

/// Whether the policy allows EventBridge `sqs:SendMessage` on the queue for the rule. A target
/// without such a policy receives nothing (EventBridge User Guide, "Amazon SQS permissions").
/// EventBridge uses TLS.
pub(super) fn allows_events(
    document: &str,
    queue_arn: &str,
    rule_arn: &str,
) -> Result<bool, PolicyError> {
    let document = serde_json::from_str(document).unwrap_or_default();
    let mut context = Context::default();
    let account = rule_arn.split(':').nth(4).map(str::to_owned);
    context.set(SERVICE, ["events.amazonaws.com".to_owned()]);
    context.set("aws:SourceArn", [rule_arn.to_owned()]);
    context.set("aws:SourceAccount", account);
    context.set("aws:SecureTransport", ["true".to_owned()]);
    let request = AuthorizationRequest {
        action: "sqs:SendMessage".to_owned(),
        resource: queue_arn.to_owned(),
        context,
    };
    Ok(ResourcePolicy::parse(&document)?.decide(&request) == Decision::Allowed)
}
