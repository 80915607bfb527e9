//! Whether a queue's policy lets EventBridge send for a rule.

use serde_json::Value;

/// EventBridge's name as a principal.
const EVENTS: &str = "events.amazonaws.com";

/// Whether a statement allows EventBridge `sqs:SendMessage` on the queue for the rule. A target
/// without such a statement receives nothing (EventBridge User Guide, "Amazon SQS permissions").
/// Of conditions, it knows `aws:SourceArn`. A statement with any other allows nothing.
pub(super) fn allows_events(document: &str, queue_arn: &str, rule_arn: &str) -> bool {
    let Ok(document) = serde_json::from_str::<Value>(document) else {
        return false;
    };
    let statements = document.get("Statement").map(each).unwrap_or_default();
    statements.iter().any(|statement| {
        let has = |element: &str, wanted: &[&str]| {
            let found = statement.pointer(element).map(each).unwrap_or_default();
            found
                .iter()
                .any(|value| value.as_str().is_some_and(|value| wanted.contains(&value)))
        };
        has("/Effect", &["Allow"])
            && has("/Principal/Service", &[EVENTS])
            && has("/Action", &["sqs:SendMessage", "sqs:*"])
            && has("/Resource", &[queue_arn])
            && statement
                .get("Condition")
                .is_none_or(|conditions| hold(conditions, rule_arn))
    })
}

fn hold(conditions: &Value, rule_arn: &str) -> bool {
    let Some(operators) = conditions.as_object() else {
        return false;
    };
    operators.iter().all(|(operator, keys)| {
        let known = ["ArnEquals", "ArnLike", "StringEquals"].contains(&operator.as_str());
        let mut keys = keys.as_object().into_iter().flatten();
        known
            && keys.all(|(key, value)| {
                key.eq_ignore_ascii_case("aws:SourceArn")
                    && each(value).iter().any(|arn| arn.as_str() == Some(rule_arn))
            })
    })
}

/// A value, or each of a list.
fn each(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(values) => values.iter().collect(),
        other => vec![other],
    }
}
