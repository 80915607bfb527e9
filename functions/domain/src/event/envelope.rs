//! The envelope that EventBridge puts around every event.

use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, Input, Result};
use crate::parse::from_value;

/// The envelope that EventBridge puts around every event.
#[derive(Debug, Clone, Deserialize)]
pub struct Envelope {
    /// Unique for each event; a duplicate delivery has the same id.
    pub id: String,
    /// The service, as `aws.autoscaling`.
    pub source: String,
    /// The kind of event, as `EC2 Instance-launch Lifecycle Action`.
    #[serde(rename = "detail-type")]
    pub detail_type: String,
    /// The account that the event comes from, twelve digits.
    pub account: String,
    /// The Region that the event comes from.
    pub region: String,
    /// When the event happened, RFC 3339.
    pub time: String,
    /// What happened; its shape depends on the detail type.
    pub detail: Value,
}

impl Envelope {
    /// Reads the envelope of an event.
    ///
    /// # Errors
    /// [`Error::Invalid`] that names the field, or that says that this is the message of a lifecycle
    /// hook's notification target.
    pub fn read(event: Value) -> Result<Self> {
        if is_notification(&event) {
            return Err(Error::invalid(
                Input::Event,
                "event",
                "this is the message of a notification target (SNS or SQS) of a lifecycle hook, not an EventBridge event",
                "Start executions by an EventBridge rule (docs/deploy.md), and take the notification target off the hook",
            ));
        }
        from_value(Input::Event, "event", event)
    }
}

/// Whether this is what Auto Scaling sends to the notification target of a lifecycle hook (Amazon
/// EC2 Auto Scaling User Guide, "Prepare to add a lifecycle hook", notification targets): the
/// message itself, as SQS holds it, or in the JSON that SNS puts around it.
fn is_notification(event: &Value) -> bool {
    let text = |key: &str| event.get(key).and_then(Value::as_str);
    if text("detail-type").is_some() {
        return false;
    }
    let wrapped = text("Message").and_then(|message| serde_json::from_str::<Value>(message).ok());
    match wrapped {
        Some(message) => is_notification_message(&message),
        None => is_notification_message(event),
    }
}

fn is_notification_message(message: &Value) -> bool {
    let text = |key: &str| message.get(key).and_then(Value::as_str);
    text("Service") == Some("AWS Auto Scaling")
        || (text("LifecycleHookName").is_some() && text("LifecycleTransition").is_some())
}

/// A text of an event, short enough for a reason or an error.
pub(super) fn truncated(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn message_of_a_notification_target_is_told_from_an_event_that_lacks_a_field() {
        let hook = json!({"LifecycleHookName": "h", "LifecycleTransition": "t"});
        for (event, is_message) in [
            (json!({"Service": "AWS Auto Scaling", "Event": "e"}), true),
            (hook.clone(), true),
            (json!({"Message": hook.to_string()}), true),
            (json!({"LifecycleHookName": "h"}), false),
            (json!({"LifecycleTransition": "t"}), false),
            (json!({"Message": "not JSON"}), false),
            (
                json!({"detail-type": "d", "Service": "AWS Auto Scaling"}),
                false,
            ),
        ] {
            let error = Envelope::read(event.clone()).unwrap_err().to_string();
            assert_eq!(
                error.contains("the message of a notification target"),
                is_message,
                "{event}: {error}"
            );
        }
    }

    #[test]
    fn resources_in_any_form_refuse_nothing() {
        for resources in [json!("arn"), json!(null), json!({"a": 1}), json!([7])] {
            let event = json!({
                "id": "1", "source": "s", "detail-type": "d", "account": "123456789012",
                "region": "us-west-2", "time": "2026-01-02T03:04:05Z", "detail": {},
                "resources": resources,
            });
            assert_eq!(Envelope::read(event).unwrap().source, "s");
        }
    }
}
