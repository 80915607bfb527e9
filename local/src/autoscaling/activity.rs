//! Scaling activities, and the events of Auto Scaling (Auto Scaling User Guide, "Amazon EC2 Auto
//! Scaling event reference").

use jiff::Timestamp;
use serde_json::{Value, json};

use super::AutoScaling;
use super::group::{LifecycleAction, Transition};
use crate::kernel::Kernel;
use crate::wire::iso8601;

const SOURCE: &str = "aws.autoscaling";

/// A scaling activity: one launch or one termination.
#[derive(Clone, Debug)]
pub(super) struct Activity {
    pub(super) id: String,
    pub(super) group: String,
    pub(super) group_arn: String,
    pub(super) instance: Option<String>,
    pub(super) transition: Transition,
    pub(super) route: Route,
    pub(super) description: String,
    pub(super) cause: String,
    pub(super) started: Timestamp,
    pub(super) ended: Option<Timestamp>,
    pub(super) status: Status,
    pub(super) message: String,
    pub(super) details: Value,
}

/// Where an activity takes its instance from and to: `Origin` and `Destination` of its events (Auto
/// Scaling User Guide, "Warm pool example events and patterns").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Route {
    origin: &'static str,
    destination: &'static str,
}

impl Route {
    /// A new instance, into the group.
    pub(super) const LAUNCH: Self = Self::new("EC2", "AutoScalingGroup");
    /// Out of the group, and terminated.
    pub(super) const TERMINATION: Self = Self::new("AutoScalingGroup", "EC2");
    /// A new instance, into the warm pool.
    pub(super) const INTO_POOL: Self = Self::new("EC2", "WarmPool");
    /// Out of the warm pool, into the group.
    pub(super) const OUT_OF_POOL: Self = Self::new("WarmPool", "AutoScalingGroup");
    /// Out of the group, into the warm pool.
    pub(super) const BACK_TO_POOL: Self = Self::new("AutoScalingGroup", "WarmPool");
    /// Out of the warm pool, and terminated.
    pub(super) const TERMINATION_IN_POOL: Self = Self::new("WarmPool", "EC2");

    const fn new(origin: &'static str, destination: &'static str) -> Self {
        Self {
            origin,
            destination,
        }
    }
}

/// The status of an activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    InProgress,
    MidLifecycleAction,
    Successful,
    Failed,
    Cancelled,
}

impl Status {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::InProgress => "InProgress",
            Self::MidLifecycleAction => "MidLifecycleAction",
            Self::Successful => "Successful",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
        }
    }

    pub(super) fn progress(self) -> u32 {
        match self {
            Self::InProgress => 30,
            Self::MidLifecycleAction => 60,
            Self::Successful | Self::Failed | Self::Cancelled => 100,
        }
    }
}

/// The data of a new activity.
pub(super) struct Begin<'a> {
    pub(super) group: &'a str,
    pub(super) group_arn: &'a str,
    pub(super) instance: Option<&'a str>,
    pub(super) transition: Transition,
    pub(super) route: Route,
    pub(super) cause: String,
    pub(super) subnet: &'a str,
    pub(super) availability_zone: &'a str,
}

/// Begins an activity and returns its id.
pub(super) fn begin(
    autoscaling: &mut AutoScaling,
    kernel: &mut Kernel,
    activity: Begin<'_>,
) -> String {
    let id = kernel.new_uuid();
    // The words for launches are AWS's, those of warm pools included (AWS's workshop "Efficient and
    // Resilient Workloads with Amazon EC2 Auto Scaling", "Enable warm pool").
    let what = match (activity.transition, activity.route) {
        (Transition::Launching, Route::INTO_POOL) => "Launching a new EC2 instance into warm pool",
        (Transition::Launching, Route::OUT_OF_POOL) => {
            "Launching a new EC2 instance from warm pool"
        }
        (Transition::Launching, _) => "Launching a new EC2 instance",
        (Transition::Terminating, Route::BACK_TO_POOL) => "Returning EC2 instance to warm pool",
        (Transition::Terminating, _) => "Terminating EC2 instance",
    };
    let description = match activity.instance {
        Some(instance) => format!("{what}: {instance}"),
        None => what.to_owned(),
    };
    let started = kernel.timestamp();
    autoscaling.activities.push(Activity {
        id: id.clone(),
        group: activity.group.to_owned(),
        group_arn: activity.group_arn.to_owned(),
        instance: activity.instance.map(str::to_owned),
        transition: activity.transition,
        route: activity.route,
        description,
        cause: activity.cause,
        started,
        ended: None,
        status: Status::InProgress,
        message: String::new(),
        details: json!({ "Subnet ID": activity.subnet, "Availability Zone": activity.availability_zone }),
    });
    id
}

/// An instance that a call takes out of service, or back.
pub(super) struct Moved<'a> {
    pub(super) group: &'a str,
    pub(super) instance: &'a str,
    pub(super) description: String,
    pub(super) cause: String,
    pub(super) into_service: bool,
}

/// Adds an activity that is neither a launch nor a termination, and returns it: it has ended, and
/// no event tells it (Auto Scaling User Guide, "Amazon EC2 Auto Scaling event reference", has
/// none).
pub(super) fn moved(
    autoscaling: &mut AutoScaling,
    kernel: &mut Kernel,
    moved: Moved<'_>,
) -> Option<Activity> {
    let group = autoscaling.groups.get(moved.group)?;
    let member = group.member(moved.instance)?;
    let now = kernel.timestamp();
    let activity = Activity {
        id: kernel.new_uuid(),
        group: group.name.clone(),
        group_arn: group.arn.clone(),
        instance: Some(moved.instance.to_owned()),
        transition: match moved.into_service {
            true => Transition::Launching,
            false => Transition::Terminating,
        },
        route: member.route,
        description: moved.description,
        cause: moved.cause,
        started: now,
        ended: Some(now),
        status: Status::Successful,
        message: String::new(),
        details: json!({ "Subnet ID": member.subnet_id, "Availability Zone": member.availability_zone }),
    };
    autoscaling.activities.push(activity.clone());
    Some(activity)
}

/// Sets an activity to MidLifecycleAction: it waits for hooks.
pub(super) fn wait(autoscaling: &mut AutoScaling, id: &str) {
    if let Some(activity) = find(autoscaling, id) {
        activity.status = Status::MidLifecycleAction;
    }
}

/// Ends an activity, and puts its event on the bus.
pub(super) fn end(
    autoscaling: &mut AutoScaling,
    kernel: &mut Kernel,
    id: &str,
    status: Status,
    message: &str,
) {
    let now = kernel.timestamp();
    let Some(activity) = find(autoscaling, id) else {
        return;
    };
    if activity.ended.is_some() {
        return;
    }
    activity.status = status;
    activity.message = message.to_owned();
    activity.ended = Some(now);
    let activity = activity.clone();
    announce(kernel, &activity);
}

fn find<'a>(autoscaling: &'a mut AutoScaling, id: &str) -> Option<&'a mut Activity> {
    // The activity is nearly always among the newest.
    autoscaling
        .activities
        .iter_mut()
        .rev()
        .find(|activity| activity.id == id)
}

/// Puts "EC2 Instance Launch Successful" or one of the three like it on the bus.
fn announce(kernel: &mut Kernel, activity: &Activity) {
    let detail_type = match (activity.transition, activity.status) {
        (Transition::Launching, Status::Successful) => "EC2 Instance Launch Successful",
        (Transition::Launching, _) => "EC2 Instance Launch Unsuccessful",
        (Transition::Terminating, Status::Successful) => "EC2 Instance Terminate Successful",
        (Transition::Terminating, _) => "EC2 Instance Terminate Unsuccessful",
    };
    let Route {
        origin,
        destination,
    } = activity.route;
    let instance = activity.instance.as_deref().unwrap_or_default();
    let mut resources = vec![activity.group_arn.clone()];
    if !instance.is_empty() {
        let settings = &kernel.settings;
        resources.push(format!(
            "arn:aws:ec2:{}:{}:instance/{instance}",
            settings.region, settings.account
        ));
    }
    let detail = json!({
        "StatusCode": if activity.status == Status::Successful { "InProgress" } else { activity.status.name() },
        "Description": activity.description,
        "AutoScalingGroupName": activity.group,
        "ActivityId": activity.id,
        "Details": activity.details,
        "RequestId": activity.id,
        "StatusMessage": activity.message,
        "EndTime": activity.ended.map(iso8601),
        "EC2InstanceId": instance,
        "StartTime": iso8601(activity.started),
        "Cause": activity.cause,
        "Origin": origin,
        "Destination": destination,
    });
    kernel.emit(SOURCE, detail_type, resources, detail);
}

/// Puts "EC2 Instance-launch Lifecycle Action" or "EC2 Instance-terminate Lifecycle Action" on the
/// bus.
pub(super) fn announce_action(
    kernel: &mut Kernel,
    group: &str,
    group_arn: &str,
    instance: &str,
    route: Route,
    action: &LifecycleAction,
) {
    let detail_type = match action.hook.transition {
        Transition::Launching => "EC2 Instance-launch Lifecycle Action",
        Transition::Terminating => "EC2 Instance-terminate Lifecycle Action",
    };
    let Route {
        origin,
        destination,
    } = route;
    let mut detail = json!({
        "LifecycleActionToken": action.token,
        "AutoScalingGroupName": group,
        "LifecycleHookName": action.hook_name,
        "EC2InstanceId": instance,
        "LifecycleTransition": action.hook.transition.to_string(),
        "Origin": origin,
        "Destination": destination,
    });
    if let (Some(metadata), Some(fields)) =
        (&action.hook.notification_metadata, detail.as_object_mut())
    {
        fields.insert(
            "NotificationMetadata".to_owned(),
            Value::from(metadata.as_str()),
        );
    }
    kernel.emit(SOURCE, detail_type, vec![group_arn.to_owned()], detail);
}
