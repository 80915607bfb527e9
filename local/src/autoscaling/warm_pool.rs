//! The warm pool of a group: how many instances it has, and how instances come into it and leave it.
//!
//! ```text
//! launch ─▶ Warmed:Pending ─▶ Warmed:Pending:Wait ─▶ Warmed:Pending:Proceed ─▶ Warmed:Stopped ─▶ Pending ─▶ Pending:Wait ─▶ …
//!                                      ▲               (EC2 stops it)          (or Running,       (EC2 starts it)
//!           InService, on scale-in, if instances are reused                     or Hibernated)
//! ```
//!
//! Sources, all of the Amazon EC2 Auto Scaling User Guide: "Decrease latency for applications with
//! long boot times using warm pools" (size, state, reuse), "Use lifecycle hooks with a warm pool in
//! Auto Scaling group" (states; a returning instance waits at the *termination* hook in
//! `Warmed:Pending:Wait`), "Warm pool example events and patterns" (`Origin` and `Destination`), and
//! "Retrieve the target lifecycle state through instance metadata". Of the API Reference:
//! PutWarmPool.
//!
//! Not in those: the conditions of hibernation are not checked, a warm pool chooses instances by
//! zone as a launch does, and nobody can tell how long `Warmed:Pending:Proceed` lasts beyond the
//! stop.

use super::activity::{self, Begin, Route, Status};
use super::capacity;
use super::group::{Group, LifecycleState, Member, Transition};
use super::{Context, lifecycle, termination};
use crate::ec2::InstanceState;
use crate::wire::error::ApiError;
use crate::wire::iso8601;

/// The state that a warm pool keeps its instances in: `PoolState`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum PoolState {
    #[default]
    Stopped,
    Running,
    Hibernated,
}

impl PoolState {
    pub(super) fn parse(text: &str) -> Option<Self> {
        [Self::Stopped, Self::Running, Self::Hibernated]
            .into_iter()
            .find(|state| state.as_str() == text)
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Stopped => "Stopped",
            Self::Running => "Running",
            Self::Hibernated => "Hibernated",
        }
    }

    /// The lifecycle state of an instance that is ready in the pool.
    pub(super) fn ready(self) -> LifecycleState {
        match self {
            Self::Stopped => LifecycleState::WarmedStopped,
            Self::Running => LifecycleState::WarmedRunning,
            Self::Hibernated => LifecycleState::WarmedHibernated,
        }
    }
}

/// The warm pool of a group: `WarmPoolConfiguration`.
#[derive(Clone, Debug, Default)]
pub(super) struct WarmPool {
    pub(super) min_size: u32,
    /// `MaxGroupPreparedCapacity`. `None`: the group's maximum size.
    pub(super) max_prepared: Option<u32>,
    pub(super) state: PoolState,
    pub(super) reuse_on_scale_in: bool,
    /// Whether it is being deleted, with its instances.
    pub(super) deleting: bool,
}

impl Group {
    /// How many instances the pool should have: "the difference between the
    /// MaxGroupPreparedCapacity and the desired capacity", at least the minimum size (API
    /// Reference, PutWarmPool).
    pub(super) fn wanted_in_pool(&self) -> u32 {
        match &self.warm_pool {
            Some(pool) if !pool.deleting => {
                let prepared = pool.max_prepared.unwrap_or(self.max_size);
                let dynamic = prepared.saturating_sub(self.desired_capacity);
                dynamic.max(pool.min_size)
            }
            _ => 0,
        }
    }

    /// The instances of the pool, in any state.
    pub(super) fn pooled(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| member.state.is_warm())
    }

    /// How many instances are in the pool, or on their way into it.
    pub(super) fn in_pool(&self) -> u32 {
        let staying = self.pooled().filter(|member| member.state.stays_warm());
        u32::try_from(staying.count()).unwrap_or(u32::MAX)
    }

    /// Whether an instance that leaves the group on scale-in goes to the pool.
    pub(super) fn reuses(&self) -> bool {
        let reuse = self
            .warm_pool
            .as_ref()
            .is_some_and(|pool| pool.reuse_on_scale_in);
        reuse && self.in_pool() < self.wanted_in_pool()
    }
}

/// Launches into the pool, or terminates there, until it has its size.
pub(super) fn fill(context: &mut Context<'_>, name: &str, launched: &mut Vec<String>) {
    while let Some(group) = context.autoscaling.groups.get(name) {
        let (has, wanted) = (group.in_pool(), group.wanted_in_pool());
        if has < wanted && !group.suspended.contains_key("Launch") {
            match capacity::launch(context, name, Route::INTO_POOL) {
                Ok(instance) => launched.push(instance),
                Err(_) => {
                    capacity::retry_launch(context, name);
                    return;
                }
            }
        } else if has > wanted && !group.suspended.contains_key("Terminate") {
            let surplus = group.pooled().find(|member| member.state.stays_warm());
            let Some(surplus) = surplus.map(|member| member.instance_id.clone()) else {
                return;
            };
            let now = iso8601(context.kernel.timestamp());
            let cause = format!(
                "At {now} instance {surplus} was taken out of the warm pool, which has {has} instances and needs \
                 {wanted}."
            );
            termination::begin_termination(context, name, &surplus, cause);
        } else {
            return;
        }
    }
}

/// The instance that leaves the pool next: one that is ready, in the zone with the fewest
/// instances.
pub(super) fn next_to_leave(context: &Context<'_>, name: &str) -> Option<String> {
    let group = context.autoscaling.groups.get(name)?;
    let in_zone = |zone: &str| {
        group
            .members
            .iter()
            .filter(|member| member.state.counts() && member.availability_zone == zone)
            .count()
    };
    group
        .pooled()
        .filter(|member| member.state == member.pool_state.ready())
        .filter(|member| {
            let state = context.machines.state(&member.instance_id);
            match member.pool_state {
                PoolState::Running => state == Some(InstanceState::Running),
                PoolState::Stopped | PoolState::Hibernated => state == Some(InstanceState::Stopped),
            }
        })
        .min_by_key(|member| in_zone(&member.availability_zone))
        .map(|member| member.instance_id.clone())
}

/// Takes an instance out of the pool, into the group: starts it, and lets it pass the launch hooks
/// again.
pub(super) fn leave(context: &mut Context<'_>, name: &str, instance: &str) -> Result<(), ApiError> {
    let group = context.autoscaling.group(name)?;
    let Some(member) = group.member(instance) else {
        return Ok(());
    };
    let group_cause = group.cause.clone();
    if member.pool_state != PoolState::Running {
        context.start(instance)?;
    }
    let now = iso8601(context.kernel.timestamp());
    let cause = format!("{group_cause} At {now} an instance was taken out of the warm pool.");
    move_member(context, name, instance, Route::OUT_OF_POOL, cause);
    Ok(())
}

/// Returns an instance that is InService to the pool. It passes the termination hooks.
pub(super) fn return_to(context: &mut Context<'_>, name: &str, instance: &str, cause: String) {
    let pool = context.autoscaling.groups.get(name);
    let pool_state = pool.and_then(|group| Some(group.warm_pool.as_ref()?.state));
    if let Some(member) = context.autoscaling.member_mut(name, instance) {
        member.pool_state = pool_state.unwrap_or_default();
        move_member(context, name, instance, Route::BACK_TO_POOL, cause);
    }
}

/// Lets a member begin its way out of the pool, or back to it: with an activity, in a pending
/// state, and then waiting for its hooks or going on at once.
fn move_member(context: &mut Context<'_>, name: &str, instance: &str, route: Route, cause: String) {
    let (state, transition) = match route {
        Route::BACK_TO_POOL => (LifecycleState::WarmedPending, Transition::Terminating),
        _ => (LifecycleState::Pending, Transition::Launching),
    };
    let Some(group) = context.autoscaling.groups.get(name) else {
        return;
    };
    let Some(member) = group.member(instance) else {
        return;
    };
    let group_arn = group.arn.clone();
    let (subnet, zone) = (member.subnet_id.clone(), member.availability_zone.clone());
    let (autoscaling, kernel) = (&mut *context.autoscaling, &mut *context.kernel);
    let activity_id = activity::begin(
        autoscaling,
        kernel,
        Begin {
            group: name,
            group_arn: &group_arn,
            instance: Some(instance),
            transition,
            route,
            cause,
            subnet: &subnet,
            availability_zone: &zone,
        },
    );
    if let Some(member) = autoscaling.member_mut(name, instance) {
        member.activity_id = activity_id;
        member.route = route;
    }
    lifecycle::enter(autoscaling, kernel, name, instance, state);
    if !lifecycle::begin_actions(autoscaling, kernel, name, instance, transition) {
        lifecycle::proceed(context, name, instance);
    }
}

/// Puts an instance whose hooks are completed into the state of the pool. EC2 stops it first,
/// unless the pool keeps its instances running.
pub(super) fn settle(context: &mut Context<'_>, name: &str, instance: &str) {
    let Some(member) = context.autoscaling.member(name, instance) else {
        return;
    };
    let (pool_state, activity_id) = (member.pool_state, member.activity_id.clone());
    let stops = pool_state != PoolState::Running;
    if stops && context.machines.state(instance) == Some(InstanceState::Running) {
        let hibernates = pool_state == PoolState::Hibernated;
        // A refusal shows as an instance that never gets ready.
        let _ = context.stop(instance, hibernates);
        return;
    }
    let ready = pool_state.ready();
    lifecycle::enter(context.autoscaling, context.kernel, name, instance, ready);
    let (autoscaling, kernel) = (&mut *context.autoscaling, &mut *context.kernel);
    activity::end(autoscaling, kernel, &activity_id, Status::Successful, "");
    // The size may have changed while it was on its way.
    capacity::schedule_evaluation(autoscaling, kernel, name, std::time::Duration::ZERO);
}
