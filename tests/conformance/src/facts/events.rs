//! The events of a launch, as a rule delivers them to a queue.

use anyhow::Result;
use serde_json::Value;

use super::fact;
use crate::fact::{Expected, Fact, Observed, yes};
use crate::group::METADATA;
use crate::stage::Stage;

pub(super) const FACTS: &[Fact] = &[
    fact!(
        launch_event_has_what_a_completion_needs,
        "The event of a launch hook names the group, the hook, the instance, the token and the transition, and has the hook's metadata.",
        EVENTS,
        Group,
        Expected::values(&[
            ("source", "aws.autoscaling"),
            ("detail-type", "EC2 Instance-launch Lifecycle Action"),
            (
                "detail",
                "AutoScalingGroupName, Destination, EC2InstanceId, LifecycleActionToken, LifecycleHookName, LifecycleTransition, NotificationMetadata, Origin"
            ),
            ("LifecycleTransition", "autoscaling:EC2_INSTANCE_LAUNCHING"),
            ("Origin", "EC2"),
            ("Destination", "AutoScalingGroup"),
            ("metadata of the hook", "yes"),
            ("token of 36 characters", "yes")
        ])
    ),
    fact!(
        event_of_a_successful_launch_has_the_subnet_and_the_zone,
        "The event EC2 Instance Launch Successful names the group and the instance, and in Details the subnet and the zone.",
        EVENTS,
        Group,
        Expected::values(&[
            ("source", "aws.autoscaling"),
            ("Details", "Availability Zone, Subnet ID"),
            ("same instance", "yes"),
            ("StatusCode", "InProgress")
        ])
    ),
];

fn text<'a>(event: &'a Value, pointer: &str) -> &'a str {
    let value = event.pointer(pointer).and_then(Value::as_str);
    value.unwrap_or("none")
}

/// The keys of an object, in order.
fn keys(event: &Value, pointer: &str) -> String {
    let object = event.pointer(pointer).and_then(Value::as_object);
    let mut keys: Vec<&str> = object
        .into_iter()
        .flat_map(|object| object.keys().map(String::as_str))
        .collect();
    keys.sort_unstable();
    keys.join(", ")
}

async fn launch_event_has_what_a_completion_needs(stage: &Stage) -> Result<Observed> {
    let event = &stage.story().await?.event;
    let metadata = text(event, "/detail/NotificationMetadata");
    let token = text(event, "/detail/LifecycleActionToken");
    Ok(Observed::new()
        .value("source", text(event, "/source"))
        .value("detail-type", text(event, "/detail-type"))
        .value("detail", keys(event, "/detail"))
        .value(
            "LifecycleTransition",
            text(event, "/detail/LifecycleTransition"),
        )
        .value("Origin", text(event, "/detail/Origin"))
        .value("Destination", text(event, "/detail/Destination"))
        .value("metadata of the hook", yes(metadata == METADATA))
        .value("token of 36 characters", yes(token.len() == 36)))
}

async fn event_of_a_successful_launch_has_the_subnet_and_the_zone(
    stage: &Stage,
) -> Result<Observed> {
    let story = stage.story().await?;
    let instance = text(&story.event, "/detail/EC2InstanceId");
    let same = text(&story.launched, "/detail/EC2InstanceId") == instance;
    Ok(Observed::new()
        .value("source", text(&story.launched, "/source"))
        .value("Details", keys(&story.launched, "/detail/Details"))
        .value("same instance", yes(same))
        .value("StatusCode", text(&story.launched, "/detail/StatusCode"))
        .measure("detail", keys(&story.launched, "/detail")))
}
