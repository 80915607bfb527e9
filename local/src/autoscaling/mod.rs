//! Auto Scaling: groups that keep their number of instances, and the lifecycle hooks between an instance's launch
//! and its service.
//!
//! - `group`: what a group, its hooks, its instances and their lifecycle actions are;
//! - `capacity`: launching and ending instances until there are as many as are desired;
//! - `lifecycle`: an instance's way through its states, and what completes, prolongs or ends a lifecycle action;
//! - `activity`: scaling activities, and the events that Auto Scaling puts on the bus;
//! - `groups_api`, `hooks_api`, `tags_api`, `describe`: the calls.

mod activity;
mod capacity;
mod describe;
mod group;
mod groups_api;
mod hooks_api;
mod lifecycle;
mod machines;
mod record;
mod tags_api;

pub use group::{LifecycleState, Transition};
pub use record::{CompletedBy, Completion, InstanceHistory};

use std::collections::BTreeMap;
use std::time::Duration;

use crate::ec2;
use crate::wire::error::ApiError;
use crate::wire::query::Params;
use crate::world::World;
use activity::Activity;
use group::Group;

/// The state of Auto Scaling.
#[derive(Debug, Default)]
pub struct AutoScaling {
    groups: BTreeMap<String, Group>,
    /// Newest last; those of deleted groups stay.
    activities: Vec<Activity>,
    completions: Vec<Completion>,
    histories: BTreeMap<String, InstanceHistory>,
}

/// What Auto Scaling does later.
#[derive(Clone, Debug)]
pub enum Timer {
    /// Compare a group with its desired capacity.
    Evaluate {
        /// The group's name.
        group: String,
    },
    /// A lifecycle action ran out of time, unless a heartbeat came since.
    Timeout {
        /// The group's name.
        group: String,
        /// The instance's id.
        instance: String,
        /// The lifecycle action's token.
        token: String,
        /// How many heartbeats there were when this was set.
        heartbeats: u64,
    },
    /// An instance's hooks are done: take it into service, or terminate it.
    Proceed {
        /// The group's name.
        group: String,
        /// The instance's id.
        instance: String,
    },
    /// A health check finds that an instance is gone.
    HealthCheck {
        /// The group's name.
        group: String,
        /// The instance's id.
        instance: String,
    },
}

impl AutoScaling {
    /// Every attempt to complete a lifecycle action, accepted or refused, and every timeout that completed one.
    #[must_use]
    pub fn completions(&self) -> &[Completion] {
        &self.completions
    }

    /// What became of every instance that was ever launched for a group, by instance id.
    #[must_use]
    pub fn histories(&self) -> &BTreeMap<String, InstanceHistory> {
        &self.histories
    }

    /// The lifecycle states of a group's instances, by instance id.
    #[must_use]
    pub fn states(&self, group: &str) -> BTreeMap<String, LifecycleState> {
        self.groups
            .get(group)
            .map(|group| {
                group
                    .members
                    .iter()
                    .map(|member| (member.instance_id.clone(), member.state))
                    .collect()
            })
            .unwrap_or_default()
    }

    /// How many instances of a group are InService.
    #[must_use]
    pub fn in_service(&self, group: &str) -> usize {
        self.states(group)
            .values()
            .filter(|state| **state == LifecycleState::InService)
            .count()
    }

    fn group(&self, name: &str) -> Result<&Group, ApiError> {
        self.groups.get(name).ok_or_else(no_such_group)
    }

    fn group_mut(&mut self, name: &str) -> Result<&mut Group, ApiError> {
        self.groups.get_mut(name).ok_or_else(no_such_group)
    }
}

/// AWS's message says no more than this.
fn no_such_group() -> ApiError {
    invalid("AutoScalingGroup name not found - null")
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationError", message)
}

/// Answers one call with the inner XML of its result element.
pub(crate) fn act(
    world: &mut World,
    action: &str,
    params: &mut Params,
) -> Result<String, ApiError> {
    match action {
        "CreateAutoScalingGroup" => groups_api::create(world, params),
        "UpdateAutoScalingGroup" => groups_api::update(world, params),
        "DeleteAutoScalingGroup" => groups_api::delete(world, params),
        "SetDesiredCapacity" => groups_api::set_desired_capacity(world, params),
        "TerminateInstanceInAutoScalingGroup" => groups_api::terminate_instance(world, params),
        "SuspendProcesses" => groups_api::suspend(world, params, true),
        "ResumeProcesses" => groups_api::suspend(world, params, false),
        "PutLifecycleHook" => hooks_api::put(world, params),
        "DeleteLifecycleHook" => hooks_api::delete(world, params),
        "DescribeLifecycleHooks" => hooks_api::describe(world, params),
        "CompleteLifecycleAction" => hooks_api::complete(world, params),
        "RecordLifecycleActionHeartbeat" => hooks_api::heartbeat(world, params),
        "DescribeAutoScalingGroups" => describe::groups(world, params),
        "DescribeAutoScalingInstances" => describe::instances(world, params),
        "DescribeScalingActivities" => describe::activities(world, params),
        "CreateOrUpdateTags" => tags_api::create_or_update(world, params),
        "DeleteTags" => tags_api::delete(world, params),
        "DescribeTags" => tags_api::describe(world, params),
        _ => Err(ApiError::invalid_action(action)),
    }
}

/// Does what a timer was set for.
pub(crate) fn fire(world: &mut World, timer: Timer) {
    match timer {
        Timer::Evaluate { group } => capacity::evaluate(world, &group),
        Timer::Timeout {
            group,
            instance,
            token,
            heartbeats,
        } => {
            lifecycle::time_out(world, &group, &instance, &token, heartbeats);
        }
        Timer::Proceed { group, instance } => lifecycle::proceed(world, &group, &instance),
        Timer::HealthCheck { group, instance } => {
            capacity::replace_missing(world, &group, &instance)
        }
    }
}

/// Takes note of an instance whose EC2 state changed.
pub(crate) fn instance_changed(world: &mut World, instance: &str, state: ec2::InstanceState) {
    /// On AWS a health check can take minutes; nothing here depends on how long.
    const HEALTH_CHECK: Duration = Duration::from_secs(1);
    let Some(group) = world
        .autoscaling
        .groups
        .values()
        .find(|group| group.member(instance).is_some())
        .map(|group| group.name.clone())
    else {
        return;
    };
    match state {
        ec2::InstanceState::Running => lifecycle::proceed(world, &group, instance),
        ec2::InstanceState::Terminated => capacity::terminated(world, &group, instance),
        ec2::InstanceState::Pending => {}
        _ => {
            let timer = Timer::HealthCheck {
                group,
                instance: instance.to_owned(),
            };
            world.schedule(HEALTH_CHECK, crate::Timer::AutoScaling(timer));
        }
    }
}

#[cfg(test)]
mod tests;
