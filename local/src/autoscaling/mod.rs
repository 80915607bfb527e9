//! Auto Scaling: groups that keep a number of instances, and the lifecycle hooks between launch and
//! InService.
//!
//! - `group`: the types of a group, its hooks, its instances and their lifecycle actions;
//! - `capacity`: launches and terminates instances until the group has its desired capacity;
//! - `termination`: how an instance leaves its group;
//! - `machines`: the calls to EC2;
//! - `lifecycle`: the states of an instance, and what completes, prolongs or ends a lifecycle
//!   action;
//! - `activity`: scaling activities, and the events of Auto Scaling;
//! - `warm_pool`: instances that are launched ahead, and come back on scale-in;
//! - `groups_api`, `group_request`, `hooks_api`, `warm_pool_api`, `standby_api`, `tags_api`,
//!   `describe`: the calls.

mod activity;
mod capacity;
mod describe;
mod group;
mod group_request;
mod groups_api;
mod hooks_api;
mod lifecycle;
mod machines;
mod record;
mod standby_api;
mod tags_api;
mod termination;
mod warm_pool;
mod warm_pool_api;

pub use group::{LifecycleState, Transition};
pub(crate) use machines::Machines;
pub use record::{CompletedBy, Completion, InstanceHistory};

use std::collections::BTreeMap;
use std::time::Duration;

use crate::cloudtrail::CloudTrail;
use crate::ec2::{self, Ec2, EndReason};
use crate::kernel::{Kernel, TimerQueue};
use crate::wire::error::ApiError;
use crate::wire::query::Params;
use activity::Activity;
use group::{Group, Member};

/// The state of Auto Scaling.
#[derive(Debug, Default)]
pub struct AutoScaling {
    timers: TimerQueue<Timer>,
    groups: BTreeMap<String, Group>,
    /// Newest last. The activities of deleted groups stay.
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
    /// A lifecycle action times out, unless a heartbeat came since.
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
    /// An instance's hooks are completed: put it into service, or terminate it.
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
    pub(crate) fn timers(&self) -> &TimerQueue<Timer> {
        &self.timers
    }

    /// Every attempt to complete a lifecycle action, accepted or refused, and every timeout that
    /// completed one.
    #[must_use]
    pub fn completions(&self) -> &[Completion] {
        &self.completions
    }

    /// The history of every instance that was launched for a group, by instance id.
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

    /// What the metadata of an instance shows as `autoscaling/target-lifecycle-state`. `None`: it
    /// is in no group.
    #[must_use]
    pub fn target_lifecycle_state(&self, instance: &str) -> Option<LifecycleState> {
        let mut groups = self.groups.values();
        Some(groups.find_map(|group| group.member(instance))?.target())
    }

    /// How many instances of a group are InService.
    #[must_use]
    pub fn in_service(&self, group: &str) -> usize {
        self.states(group)
            .values()
            .filter(|state| **state == LifecycleState::InService)
            .count()
    }

    /// The ARN and the tags of a group.
    pub(crate) fn arn_and_tags(
        &self,
        group: &str,
    ) -> Option<(&str, impl Iterator<Item = (&str, &str)>)> {
        let group = self.groups.get(group)?;
        let tags = group.tags.iter();
        Some((
            &group.arn,
            tags.map(|(key, tag)| (key.as_str(), tag.value.as_str())),
        ))
    }

    /// The name of the group that an instance is in.
    pub(crate) fn group_of(&self, instance: &str) -> Option<&str> {
        let mut groups = self.groups.values();
        let group = groups.find(|group| group.member(instance).is_some())?;
        Some(&group.name)
    }

    /// An instance in its group.
    fn member(&self, group: &str, instance: &str) -> Option<&Member> {
        self.groups.get(group)?.member(instance)
    }

    fn member_mut(&mut self, group: &str, instance: &str) -> Option<&mut Member> {
        self.groups.get_mut(group)?.member_mut(instance)
    }

    fn group(&self, name: &str) -> Result<&Group, ApiError> {
        self.groups.get(name).ok_or_else(no_such_group)
    }

    fn group_mut(&mut self, name: &str) -> Result<&mut Group, ApiError> {
        self.groups.get_mut(name).ok_or_else(no_such_group)
    }
}

/// AWS's message names no group.
fn no_such_group() -> ApiError {
    invalid("AutoScalingGroup name not found - null")
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationError", message)
}

/// What Auto Scaling works with when it may launch or terminate instances: its own state, the
/// kernel, and EC2 behind [`Machines`].
pub(crate) struct Context<'a> {
    pub(crate) autoscaling: &'a mut AutoScaling,
    pub(crate) kernel: &'a mut Kernel,
    pub(crate) machines: Machines<'a>,
}

impl Context<'_> {
    /// Begins to terminate an instance. EC2 reports the change of state back at once.
    fn terminate(&mut self, instance: &str) -> Result<(), ApiError> {
        let mut observer = InstanceObserver {
            autoscaling: self.autoscaling,
            cloudtrail: self.machines.cloudtrail,
        };
        ec2::terminate(
            self.machines.ec2,
            self.kernel,
            &mut observer,
            instance,
            EndReason::Call,
        )
    }
}

impl Context<'_> {
    /// Begins to stop an instance of a warm pool, or to hibernate it.
    fn stop(&mut self, instance: &str, hibernates: bool) -> Result<(), ApiError> {
        let mut observer = InstanceObserver {
            autoscaling: self.autoscaling,
            cloudtrail: self.machines.cloudtrail,
        };
        let ec2 = &mut *self.machines.ec2;
        ec2::stop(ec2, self.kernel, &mut observer, instance, hibernates)
    }

    /// Begins to start an instance of a warm pool.
    fn start(&mut self, instance: &str) -> Result<(), ApiError> {
        let mut observer = InstanceObserver {
            autoscaling: self.autoscaling,
            cloudtrail: self.machines.cloudtrail,
        };
        ec2::start(self.machines.ec2, self.kernel, &mut observer, instance)
    }
}

/// Auto Scaling as the observer of EC2's instances.
pub(crate) struct InstanceObserver<'a> {
    pub(crate) autoscaling: &'a mut AutoScaling,
    pub(crate) cloudtrail: &'a mut CloudTrail,
}

impl ec2::StateObserver for InstanceObserver<'_> {
    fn instance_changed(
        &mut self,
        ec2: &mut Ec2,
        kernel: &mut Kernel,
        instance: &str,
        state: ec2::InstanceState,
    ) {
        let mut context = Context {
            autoscaling: self.autoscaling,
            kernel,
            machines: Machines {
                ec2,
                cloudtrail: self.cloudtrail,
            },
        };
        instance_changed(&mut context, instance, state);
    }
}

/// Answers one call with the inner XML of its result element.
pub(crate) fn act(
    context: &mut Context<'_>,
    action: &str,
    params: &mut Params,
) -> Result<String, ApiError> {
    let autoscaling = &mut *context.autoscaling;
    match action {
        "CreateAutoScalingGroup" => groups_api::create(context, params),
        "UpdateAutoScalingGroup" => groups_api::update(context, params),
        "DeleteAutoScalingGroup" => groups_api::delete(context, params),
        "SetDesiredCapacity" => groups_api::set_desired_capacity(context, params),
        "TerminateInstanceInAutoScalingGroup" => groups_api::terminate_instance(context, params),
        "EnterStandby" => standby_api::enter(context, params),
        "ExitStandby" => standby_api::exit(context, params),
        "SuspendProcesses" => groups_api::suspend(context, params, true),
        "ResumeProcesses" => groups_api::suspend(context, params, false),
        "PutLifecycleHook" => hooks_api::put(autoscaling, params),
        "DeleteLifecycleHook" => hooks_api::delete(context, params),
        "DescribeLifecycleHooks" => hooks_api::describe(autoscaling, params),
        "CompleteLifecycleAction" => hooks_api::complete(context, params),
        "RecordLifecycleActionHeartbeat" => {
            hooks_api::heartbeat(autoscaling, context.kernel, params)
        }
        "DescribeAutoScalingGroups" => describe::groups(autoscaling, params),
        "DescribeAutoScalingInstances" => describe::instances(autoscaling, params),
        "DescribeScalingActivities" => describe::activities(autoscaling, params),
        "PutWarmPool" => warm_pool_api::put(context, params),
        "DescribeWarmPool" => warm_pool_api::describe(autoscaling, params),
        "DeleteWarmPool" => warm_pool_api::delete(context, params),
        "CreateOrUpdateTags" => tags_api::create_or_update(autoscaling, params),
        "DeleteTags" => tags_api::delete(autoscaling, params),
        "DescribeTags" => tags_api::describe(autoscaling, params),
        _ => Err(ApiError::invalid_action(action)),
    }
}

/// Runs Auto Scaling's next timer.
pub(crate) fn run_next_timer(context: &mut Context<'_>) {
    match context.autoscaling.timers.pop() {
        None => {}
        Some(Timer::Evaluate { group }) => capacity::evaluate(context, &group),
        Some(Timer::Timeout {
            group,
            instance,
            token,
            heartbeats,
        }) => {
            lifecycle::time_out(context, &group, &instance, &token, heartbeats);
        }
        Some(Timer::Proceed { group, instance }) => lifecycle::proceed(context, &group, &instance),
        Some(Timer::HealthCheck { group, instance }) => {
            termination::replace_missing(context, &group, &instance);
        }
    }
}

/// Reacts to an instance whose EC2 state changed.
fn instance_changed(context: &mut Context<'_>, instance: &str, state: ec2::InstanceState) {
    /// On AWS a health check can take minutes; nothing here depends on how long.
    const HEALTH_CHECK: Duration = Duration::from_secs(1);
    let Some((group, lifecycle_state)) = context
        .autoscaling
        .groups
        .values()
        .find_map(|group| Some((group.name.clone(), group.member(instance)?.state)))
    else {
        return;
    };
    let into_pool = matches!(
        lifecycle_state,
        LifecycleState::WarmedPending | LifecycleState::WarmedPendingProceed
    );
    match state {
        // The group itself stops an instance on its way into the warm pool.
        ec2::InstanceState::Stopping if into_pool => {}
        ec2::InstanceState::Stopped if into_pool => warm_pool::settle(context, &group, instance),
        ec2::InstanceState::Running => lifecycle::proceed(context, &group, instance),
        ec2::InstanceState::Terminated => termination::terminated(context, &group, instance),
        ec2::InstanceState::Pending => {}
        _ => {
            let timer = Timer::HealthCheck {
                group,
                instance: instance.to_owned(),
            };
            let timers = &mut context.autoscaling.timers;
            context.kernel.schedule(timers, HEALTH_CHECK, timer);
        }
    }
}

#[cfg(test)]
mod tests;
