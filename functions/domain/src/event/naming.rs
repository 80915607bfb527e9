//! The events that start the state machine `name-node`.
//!
//! | event | delivered | contains |
//! |---|---|---|
//! | *EC2 Instance Launch Successful* (Amazon EC2 Auto Scaling User Guide, "EC2 Auto Scaling events") | when the instance is `InService` | group and instance only |
//! | *AWS API Call via CloudTrail*, RunInstances ([`super::cloudtrail`]) | seconds to minutes after the launch, and only if there is a trail | most of what EC2 knows of one or several instances |
//!
//! Both are delivered on a best-effort basis: an event may come twice, late, or never.

use serde::Deserialize;
use serde_json::Value;

use super::cloudtrail;
use super::envelope::{Envelope, truncated};
use super::launched::{LaunchEvent, LaunchedInstance};
use crate::error::{Input, Result};
use crate::ids::InstanceId;
use crate::parse::from_value;

const AUTO_SCALING: &str = "aws.autoscaling";
const LAUNCH_SUCCESSFUL: &str = "EC2 Instance Launch Successful";

/// *EC2 Instance Launch Successful*: `detail`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LaunchSuccessful {
    auto_scaling_group_name: String,
    #[serde(rename = "EC2InstanceId")]
    ec2_instance_id: InstanceId,
}

impl LaunchEvent {
    /// Reads an event.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] where the envelope or the detail of a launch is malformed.
    pub fn read(event: Value) -> Result<Self> {
        let envelope = Envelope::read(event)?;
        match (envelope.source.as_str(), envelope.detail_type.as_str()) {
            (AUTO_SCALING, LAUNCH_SUCCESSFUL) => {
                let detail: LaunchSuccessful =
                    from_value(Input::Event, "event.detail", envelope.detail)?;
                Ok(Self::Launched(vec![Ok(LaunchedInstance {
                    id: detail.ec2_instance_id,
                    group: Some(detail.auto_scaling_group_name),
                    region: envelope.region,
                    details: None,
                })]))
            }
            (cloudtrail::SOURCE, cloudtrail::DETAIL_TYPE) => {
                cloudtrail::read(&envelope.region, &envelope.detail)
            }
            (source, detail_type) => Ok(Self::Other(format!(
                "an event of source {:?} and detail-type {:?}",
                truncated(source),
                truncated(detail_type)
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn launch_successful() -> Value {
        json!({
            "version": "0",
            "id": "12345678-1234-1234-1234-123456789012",
            "detail-type": "EC2 Instance Launch Successful",
            "source": "aws.autoscaling",
            "account": "123456789012",
            "time": "2026-01-02T03:04:05Z",
            "region": "us-west-2",
            "resources": [],
            "detail": {
                "StatusCode": "InProgress",
                "AutoScalingGroupName": "plain",
                "EC2InstanceId": "i-0123456789abcdef0",
                "Details": {"Availability Zone": "us-west-2b", "Subnet ID": "subnet-12345678"},
                "Origin": "EC2",
                "Destination": "AutoScalingGroup"
            }
        })
    }

    #[test]
    fn launch_successful_event_gives_group_and_instance() {
        let LaunchEvent::Launched(launched) = LaunchEvent::read(launch_successful()).unwrap()
        else {
            panic!("a launch");
        };
        let instance = launched[0].as_ref().unwrap();
        assert_eq!(instance.id.as_str(), "i-0123456789abcdef0");
        assert_eq!(instance.group.as_deref(), Some("plain"));
        assert_eq!(instance.details, None);
    }

    #[test]
    fn other_events_are_reported_as_other() {
        for (field, value) in [
            ("detail-type", "EC2 Instance Launch Unsuccessful"),
            ("detail-type", "EC2 Instance-launch Lifecycle Action"),
            ("source", "acme.autoscaling"),
        ] {
            let mut event = launch_successful();
            event[field] = json!(value);
            match LaunchEvent::read(event).unwrap() {
                LaunchEvent::Other(what) => assert!(what.contains(value), "{what}"),
                event => panic!("{value} is no launch: {event:?}"),
            }
        }
    }

    #[test]
    fn malformed_events_name_the_field() {
        let mut event = launch_successful();
        event["detail"]["EC2InstanceId"] = json!("");
        let error = LaunchEvent::read(event).unwrap_err();
        assert_eq!(error.error_type(), "Hookline.InvalidEvent");
        assert!(
            error
                .to_string()
                .starts_with("event.detail.EC2InstanceId: expected an instance id"),
            "{error}"
        );
        assert!(LaunchEvent::read(json!([])).is_err());
    }
}
