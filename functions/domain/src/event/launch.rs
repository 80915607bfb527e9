//! The EventBridge event that starts an execution of `launch-node`.
//!
//! Shape: Amazon EC2 Auto Scaling User Guide, "EC2 Auto Scaling events", *EC2 Instance-launch
//! Lifecycle Action*. Auto Scaling delivers events on a best-effort basis: one may come twice,
//! late, or never.
//!
//! One kind of event is Hookline's own: [`ADOPT`], for a node that is InService and waits at no
//! hook. The function `adopt` makes it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::envelope::{Envelope, truncated};
use crate::error::{Error, Input, Result};
use crate::ids::InstanceId;
use crate::parse::from_value;
use crate::profile::Profile;
use crate::quotas::MAX_NAME_LENGTH;
use crate::time::epoch_milliseconds;

const SOURCE: &str = "aws.autoscaling";
const DETAIL_TYPE: &str = "EC2 Instance-launch Lifecycle Action";
const LAUNCHING: &str = "autoscaling:EC2_INSTANCE_LAUNCHING";
/// The source of Hookline's own events.
pub const OWN_SOURCE: &str = "hookline";
/// The detail type of the event that adopts a node.
pub const ADOPT: &str = "Hookline Adopt Node";
/// The lifecycle state of an instance that waits at a launch hook of its group (Auto Scaling User
/// Guide, "Amazon EC2 Auto Scaling instance lifecycle").
pub const WAITS: &str = "Pending:Wait";
/// The lifecycle state of an instance that waits at a launch hook on its way into a warm pool. One
/// that returns to the pool waits in it at a *termination* hook (Auto Scaling User Guide, "Use
/// lifecycle hooks with a warm pool in Auto Scaling group").
pub const WAITS_FOR_POOL: &str = "Warmed:Pending:Wait";
const TEST_NOTIFICATION: &str = "autoscaling:TEST_NOTIFICATION";

/// Where an instance comes from or goes to: `Origin` and `Destination` of a lifecycle action.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum TransitionEndpoint {
    /// A new instance.
    EC2,
    /// The group's warm pool.
    WarmPool,
    /// The group itself.
    AutoScalingGroup,
    /// A value that AWS has added since.
    #[serde(untagged)]
    Other(String),
}

/// A launch that waits at a lifecycle hook: `detail` of the event, in AWS's own names.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct LifecycleAction {
    /// Identifies this lifecycle action. An event that reconcile makes has none, because no API
    /// returns a token. CompleteLifecycleAction also takes the instance's id.
    pub lifecycle_action_token: Option<String>,
    /// The group.
    pub auto_scaling_group_name: String,
    /// The hook that the launch waits at.
    pub lifecycle_hook_name: String,
    /// The instance.
    #[serde(rename = "EC2InstanceId")]
    pub ec2_instance_id: InstanceId,
    /// `autoscaling:EC2_INSTANCE_LAUNCHING`.
    pub lifecycle_transition: String,
    /// Free text set at the hook, at most 1,023 characters.
    pub notification_metadata: Option<String>,
    /// Where the instance comes from.
    pub origin: Option<TransitionEndpoint>,
    /// Where the instance goes.
    pub destination: Option<TransitionEndpoint>,
}

/// A running node: `detail` of Hookline's own event.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Adopted {
    auto_scaling_group_name: String,
    #[serde(rename = "EC2InstanceId")]
    ec2_instance_id: InstanceId,
}

/// An instance to prepare, with what the event says of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Launch {
    /// The instance.
    pub instance_id: InstanceId,
    /// Its Auto Scaling group.
    #[serde(rename = "autoScalingGroup")]
    pub group: String,
    /// The Region, from the envelope.
    pub region: String,
    /// When the event happened, from the envelope: RFC 3339 if the sender used that format.
    #[serde(rename = "eventTime")]
    pub time: String,
    /// The lifecycle action that it waits at. None for an adopted node: it is InService, so no
    /// action is completed and none of its interfaces are released.
    #[serde(rename = "lifecycleAction")]
    pub action: Option<LifecycleAction>,
}

impl Launch {
    /// Whether the instance goes into a warm pool. When it leaves the pool, it launches again, with
    /// another event.
    #[must_use]
    pub fn goes_to_warm_pool(&self) -> bool {
        let action = self.action.as_ref();
        action.and_then(|action| action.destination.as_ref()) == Some(&TransitionEndpoint::WarmPool)
    }

    /// Whether the instance goes into a warm pool, or leaves one. EC2 stops it on its way in, and
    /// starts it on its way out, unless the pool keeps its instances running.
    #[must_use]
    pub fn passes_warm_pool(&self) -> bool {
        self.goes_to_warm_pool() || self.leaves_warm_pool()
    }

    /// Whether the instance comes from a warm pool.
    #[must_use]
    pub fn leaves_warm_pool(&self) -> bool {
        self.origin() == Some(&TransitionEndpoint::WarmPool)
    }

    /// The lifecycle state of the instance while it waits at its launch hook.
    #[must_use]
    pub fn waits_in(&self) -> &'static str {
        match self.goes_to_warm_pool() {
            true => WAITS_FOR_POOL,
            false => WAITS,
        }
    }

    /// Whether the instance gets interfaces now.
    #[must_use]
    pub fn gets_interfaces(&self, profile: &Profile) -> bool {
        !profile.slots.is_empty()
    }

    /// Whether `TagNode` marks the instance as a launch in flight. The node of an adoption has the mark of
    /// `adopt`.
    #[must_use]
    pub fn is_marked(&self, profile: &Profile) -> bool {
        self.action.is_some() && self.gets_interfaces(profile)
    }

    fn origin(&self) -> Option<&TransitionEndpoint> {
        self.action.as_ref()?.origin.as_ref()
    }

    /// When the launch began, in seconds since the epoch, of an instance that EC2 launched at
    /// `launched_at`. An instance that comes from a warm pool may have run in it for long: its
    /// launch begins with the event.
    #[must_use]
    pub fn began_at(&self, launched_at: i64) -> i64 {
        match (self.origin(), epoch_milliseconds(&self.time)) {
            (Some(TransitionEndpoint::WarmPool), Some(time)) => launched_at.max(time / 1000),
            _ => launched_at,
        }
    }
}

/// What an event reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// An instance waits at a launch lifecycle hook, or is adopted.
    Launch(Box<Launch>),
    /// Another event that a rule may match. This is no error; the text says what the event is.
    Other(String),
}

impl Event {
    /// Reads an event.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the envelope, or the detail of a launch lifecycle action, is
    /// malformed.
    pub fn read(value: Value) -> Result<Self> {
        let envelope = Envelope::read(value)?;
        if envelope.source == OWN_SOURCE && envelope.detail_type == ADOPT {
            return Self::adopt(envelope);
        }
        if envelope.source != SOURCE || envelope.detail_type != DETAIL_TYPE {
            return Ok(Self::Other(format!(
                "an event of source {:?} and detail-type {:?}",
                truncated(&envelope.source),
                truncated(&envelope.detail_type)
            )));
        }
        // A test notification has no instance, so it is recognised before the typed reading.
        let transition = |key: &str| envelope.detail.get(key).and_then(Value::as_str);
        if transition("Event") == Some(TEST_NOTIFICATION)
            || transition("LifecycleTransition") == Some(TEST_NOTIFICATION)
        {
            return Ok(Self::Other("a test notification".to_owned()));
        }
        match transition("LifecycleTransition") {
            Some(LAUNCHING) | None => {}
            Some(other) => {
                return Ok(Self::Other(format!(
                    "the transition {:?}",
                    truncated(other)
                )));
            }
        }
        let action: LifecycleAction = from_value(Input::Event, "event.detail", envelope.detail)?;
        check_name("AutoScalingGroupName", &action.auto_scaling_group_name)?;
        check_name("LifecycleHookName", &action.lifecycle_hook_name)?;
        if let Some(token) = &action.lifecycle_action_token {
            check_name("LifecycleActionToken", token)?;
        }
        Ok(Self::Launch(Box::new(Launch {
            instance_id: action.ec2_instance_id.clone(),
            group: action.auto_scaling_group_name.clone(),
            region: envelope.region,
            time: envelope.time,
            action: Some(action),
        })))
    }

    fn adopt(envelope: Envelope) -> Result<Self> {
        let adopted: Adopted = from_value(Input::Event, "event.detail", envelope.detail)?;
        check_name("AutoScalingGroupName", &adopted.auto_scaling_group_name)?;
        Ok(Self::Launch(Box::new(Launch {
            instance_id: adopted.ec2_instance_id,
            group: adopted.auto_scaling_group_name,
            region: envelope.region,
            time: envelope.time,
            action: None,
        })))
    }

    /// Reads an event that must be a launch.
    ///
    /// # Errors
    /// [`Error::Invalid`] for any other event, besides the errors of [`Event::read`].
    pub fn read_launch(value: Value) -> Result<Launch> {
        match Self::read(value)? {
            Self::Launch(launch) => Ok(*launch),
            Self::Other(what) => Err(Error::invalid(
                Input::Event,
                "event",
                format!("this is {what}, not a launch lifecycle action"),
                "Run this state for launches only: TagNode tells them apart",
            )),
        }
    }
}

fn check_name(field: &str, name: &str) -> Result<()> {
    let length = name.chars().count();
    if (1..=MAX_NAME_LENGTH).contains(&length) {
        return Ok(());
    }
    Err(Error::invalid(
        Input::Event,
        format!("event.detail.{field}"),
        format!("{length} characters long, expected 1 to {MAX_NAME_LENGTH}"),
        "Start the execution with the EventBridge event as it was delivered, under `event`",
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures::launch_event;

    fn with(path: &str, value: Value) -> Value {
        let mut event = launch_event();
        *event.pointer_mut(path).unwrap() = value;
        event
    }

    #[test]
    fn launch_is_read_with_all_fields() {
        let launch = Event::read_launch(launch_event()).unwrap();
        assert_eq!(launch.group, "upf");
        assert_eq!(launch.instance_id.as_str(), "i-0123456789abcdef0");
        assert_eq!(launch.time, "2026-01-02T03:04:05Z");
        assert!(!launch.goes_to_warm_pool());
        let action = launch.action.unwrap();
        assert_eq!(
            action.destination,
            Some(TransitionEndpoint::AutoScalingGroup)
        );
        assert_eq!(
            action.notification_metadata.as_deref(),
            Some("additional-info")
        );
    }

    #[test]
    fn other_events_are_reported_as_other() {
        for (path, value, says) in [
            (
                "/detail-type",
                json!("EC2 Instance Launch Successful"),
                "Launch Successful",
            ),
            ("/source", json!("aws.ec2"), "aws.ec2"),
            (
                "/detail/LifecycleTransition",
                json!("autoscaling:EC2_INSTANCE_TERMINATING"),
                "TERMINATING",
            ),
            (
                "/detail",
                json!({"Event": "autoscaling:TEST_NOTIFICATION"}),
                "test notification",
            ),
        ] {
            match Event::read(with(path, value)).unwrap() {
                Event::Other(what) => assert!(what.contains(says), "{what}"),
                Event::Launch(_) => panic!("{path} should not be a launch"),
            }
        }
    }

    #[test]
    fn launch_from_a_warm_pool_begins_with_its_event() {
        // 2026-01-02T03:04:05Z
        let event_time = 1_767_323_045;
        let began_at = |path: &str, value: Value, launched_at| {
            Event::read_launch(with(path, value))
                .unwrap()
                .began_at(launched_at)
        };
        let origin = "/detail/Origin";
        assert_eq!(began_at(origin, json!("WarmPool"), 1_000), event_time);
        assert_eq!(
            began_at(origin, json!("WarmPool"), event_time + 1),
            event_time + 1
        );
        assert_eq!(began_at(origin, json!("EC2"), 1_000), 1_000);
        assert_eq!(began_at(origin, Value::Null, 1_000), 1_000);
        let mut odd = with(origin, json!("WarmPool"));
        odd["time"] = json!("yesterday");
        assert_eq!(Event::read_launch(odd).unwrap().began_at(1_000), 1_000);
    }

    #[test]
    fn message_of_a_notification_target_is_named() {
        let message = json!({
            "Service": "AWS Auto Scaling",
            "Time": "2026-01-02T03:04:05.000Z",
            "RequestId": "12345678-1234-1234-1234-123456789012",
            "LifecycleActionToken": "87654321-4321-4321-4321-210987654321",
            "AccountId": "123456789012",
            "AutoScalingGroupName": "upf",
            "LifecycleHookName": "hookline-launch",
            "EC2InstanceId": "i-0123456789abcdef0",
            "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
            "NotificationMetadata": null
        });
        let test = json!({"Service": "AWS Auto Scaling", "Event": "autoscaling:TEST_NOTIFICATION"});
        let by_sns = json!({"Type": "Notification", "Message": message.to_string()});
        let without_service = {
            let mut message = message.clone();
            message.as_object_mut().unwrap().remove("Service");
            message
        };
        for event in [message, test, by_sns, without_service] {
            let error = Event::read(event).unwrap_err();
            assert_eq!(error.error_type(), "Hookline.InvalidEvent");
            let says = error.to_string();
            assert!(
                says.starts_with("event: this is the message of a notification target"),
                "{says}"
            );
            assert!(says.contains("EventBridge rule"), "{says}");
        }
        let error = Event::read(json!({"Message": "not JSON"})).unwrap_err();
        assert!(error.to_string().contains("missing field"), "{error}");
    }

    #[test]
    fn launch_gets_interfaces_on_its_way_into_a_warm_pool_too() {
        let profile = Profile::read(crate::fixtures::profile()).unwrap();
        let mut without_slots = profile.clone();
        without_slots.slots.clear();
        for (destination, to_pool, waits_in) in [
            (json!("WarmPool"), true, "Warmed:Pending:Wait"),
            (json!("AutoScalingGroup"), false, "Pending:Wait"),
            (Value::Null, false, "Pending:Wait"),
        ] {
            let launch = Event::read_launch(with("/detail/Destination", destination)).unwrap();
            assert_eq!(launch.goes_to_warm_pool(), to_pool, "{launch:?}");
            assert_eq!(launch.passes_warm_pool(), to_pool, "{launch:?}");
            assert_eq!(launch.waits_in(), waits_in);
            assert!(launch.gets_interfaces(&profile), "{launch:?}");
            assert!(!launch.gets_interfaces(&without_slots), "{launch:?}");
        }
        let adopted = Event::read_launch(adopt_event()).unwrap();
        assert!(!adopted.passes_warm_pool() && adopted.gets_interfaces(&profile));
    }

    #[test]
    fn launch_out_of_a_warm_pool_waits_in_its_group() {
        let launch = Event::read_launch(with("/detail/Origin", json!("WarmPool"))).unwrap();
        assert!(launch.passes_warm_pool() && !launch.goes_to_warm_pool());
        assert!(launch.leaves_warm_pool());
        assert_eq!(launch.waits_in(), "Pending:Wait");
    }

    #[test]
    fn unknown_origin_is_accepted() {
        let launch = Event::read_launch(with("/detail/Origin", json!("Moon"))).unwrap();
        let origin = launch.action.unwrap().origin;
        assert_eq!(origin, Some(TransitionEndpoint::Other("Moon".to_owned())));
    }

    #[test]
    fn launch_without_token_is_accepted() {
        let mut event = launch_event();
        let detail = event["detail"].as_object_mut().unwrap();
        detail.remove("LifecycleActionToken");
        let launch = Event::read_launch(event).unwrap();
        assert_eq!(launch.action.unwrap().lifecycle_action_token, None);
    }

    /// The event that adopts a node.
    fn adopt_event() -> Value {
        json!({
            "version": "0",
            "id": "adopt-i-0123456789abcdef0-0123456789ab-1",
            "detail-type": "Hookline Adopt Node",
            "source": "hookline",
            "account": "123456789012",
            "time": "2026-01-02T03:04:05Z",
            "region": "us-west-2",
            "resources": [],
            "detail": {"EC2InstanceId": "i-0123456789abcdef0", "AutoScalingGroupName": "upf"}
        })
    }

    #[test]
    fn adopted_node_has_no_lifecycle_action() {
        let launch = Event::read_launch(adopt_event()).unwrap();
        assert_eq!(launch.instance_id.as_str(), "i-0123456789abcdef0");
        assert_eq!((launch.group.as_str(), launch.action), ("upf", None));
    }

    #[test]
    fn adopt_event_of_another_source_or_without_fields_is_refused() {
        let with = |path: &str, value: Value| {
            let mut event = adopt_event();
            *event.pointer_mut(path).unwrap() = value;
            Event::read(event)
        };
        for (path, value) in [
            ("/source", json!("aws.autoscaling")),
            ("/source", json!("com.example")),
            ("/detail-type", json!("Hookline Something Else")),
        ] {
            assert!(matches!(with(path, value), Ok(Event::Other(_))), "{path}");
        }
        for (path, value, says) in [
            (
                "/detail/EC2InstanceId",
                json!(7),
                "event.detail.EC2InstanceId: ",
            ),
            (
                "/detail/AutoScalingGroupName",
                json!(""),
                "event.detail.AutoScalingGroupName: 0 characters",
            ),
            ("/detail", json!({}), "event.detail: missing field"),
        ] {
            let error = with(path, value).unwrap_err().to_string();
            assert!(error.starts_with(says), "{error}");
        }
    }

    #[test]
    fn malformed_events_name_the_field() {
        for (path, value, says) in [
            (
                "/detail/EC2InstanceId",
                json!("42"),
                "event.detail.EC2InstanceId: expected an instance id",
            ),
            (
                "/detail/LifecycleHookName",
                json!(7),
                "event.detail.LifecycleHookName: invalid type",
            ),
            (
                "/detail/AutoScalingGroupName",
                json!(""),
                "event.detail.AutoScalingGroupName: 0 characters",
            ),
            (
                "/detail/AutoScalingGroupName",
                json!("g".repeat(9000)),
                "9000 characters",
            ),
            ("/detail", json!([]), "event.detail: "),
            ("/id", json!(null), "event.id: invalid type"),
        ] {
            let error = Event::read(with(path, value)).unwrap_err();
            assert_eq!(error.error_type(), "Hookline.InvalidEvent");
            assert!(
                error.to_string().starts_with(says) || error.to_string().contains(says),
                "{error}"
            );
        }
    }
}
