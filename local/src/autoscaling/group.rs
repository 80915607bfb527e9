//! The types of a group: its size, its hooks, its instances, and their lifecycle actions.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::activity::Route;
use super::warm_pool::{PoolState, WarmPool};

/// An Auto Scaling group.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) arn: String,
    pub(super) created: Timestamp,
    pub(super) launch_template: LaunchTemplate,
    pub(super) min_size: u32,
    pub(super) max_size: u32,
    pub(super) desired_capacity: u32,
    pub(super) default_cooldown: u32,
    pub(super) health_check_type: String,
    pub(super) health_check_grace_period: u32,
    pub(super) protect_new_instances: bool,
    pub(super) termination_policies: Vec<String>,
    pub(super) service_linked_role_arn: String,
    /// Each with its Availability Zone, in the order of `VPCZoneIdentifier`.
    pub(super) subnets: Vec<(String, String)>,
    pub(super) tags: BTreeMap<String, Tag>,
    pub(super) hooks: BTreeMap<String, Hook>,
    /// Oldest first, those of the warm pool included.
    pub(super) members: Vec<Member>,
    pub(super) warm_pool: Option<WarmPool>,
    /// The suspended processes, each with the time since when.
    pub(super) suspended: BTreeMap<String, Timestamp>,
    /// Whether it is being deleted, with its instances.
    pub(super) deleting: bool,
    /// The cause in the activity of the next launch or termination.
    pub(super) cause: String,
}

/// The launch template of a group.
#[derive(Clone, Debug)]
pub(super) struct LaunchTemplate {
    pub(super) id: String,
    pub(super) name: String,
    /// As in the request: a number, `$Latest` or `$Default`.
    pub(super) version: String,
}

/// A tag of a group.
#[derive(Clone, Debug)]
pub(super) struct Tag {
    pub(super) value: String,
    pub(super) propagate_at_launch: bool,
}

/// A lifecycle hook.
#[derive(Clone, Debug)]
pub(super) struct Hook {
    pub(super) transition: Transition,
    pub(super) default_result: Verdict,
    pub(super) heartbeat_timeout: Duration,
    pub(super) notification_metadata: Option<String>,
    pub(super) notification_target_arn: Option<String>,
    pub(super) role_arn: Option<String>,
}

impl Hook {
    /// An action ends after this time, however many heartbeats come: 100 times the heartbeat
    /// timeout, at most 48 hours (Auto Scaling API Reference, LifecycleHook, `GlobalTimeout`).
    pub(super) fn global_timeout(&self) -> Duration {
        (self.heartbeat_timeout * 100).min(Duration::from_secs(48 * 3600))
    }
}

/// The transition that a hook interrupts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    /// `autoscaling:EC2_INSTANCE_LAUNCHING`
    Launching,
    /// `autoscaling:EC2_INSTANCE_TERMINATING`
    Terminating,
}

impl Transition {
    pub(super) fn parse(text: &str) -> Option<Self> {
        [Self::Launching, Self::Terminating]
            .into_iter()
            .find(|transition| transition.to_string() == text)
    }
}

impl fmt::Display for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Launching => "autoscaling:EC2_INSTANCE_LAUNCHING",
            Self::Terminating => "autoscaling:EC2_INSTANCE_TERMINATING",
        })
    }
}

/// The result of a lifecycle action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Continue,
    Abandon,
}

impl Verdict {
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "CONTINUE" => Some(Self::Continue),
            "ABANDON" => Some(Self::Abandon),
            _ => None,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Continue => "CONTINUE",
            Self::Abandon => "ABANDON",
        })
    }
}

/// An instance of a group.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) instance_id: String,
    pub(super) instance_type: String,
    pub(super) availability_zone: String,
    pub(super) subnet_id: String,
    pub(super) launch_template: LaunchTemplate,
    pub(super) state: LifecycleState,
    pub(super) healthy: bool,
    pub(super) protected: bool,
    /// Lifecycle actions that wait to be completed.
    pub(super) actions: Vec<LifecycleAction>,
    /// The activity of its launch, or of its termination.
    pub(super) activity_id: String,
    /// Where this activity takes it.
    pub(super) route: Route,
    /// The state that it has, or gets, in the warm pool. A pool whose state changes leaves the
    /// instances that it has as they are.
    pub(super) pool_state: PoolState,
}

/// A hook that one instance waits for.
#[derive(Clone, Debug)]
pub(super) struct LifecycleAction {
    pub(super) token: String,
    pub(super) hook_name: String,
    /// The hook as it was when the action began. Later changes have no effect on the action.
    pub(super) hook: Hook,
    pub(super) global_deadline: Instant,
    pub(super) heartbeats: u64,
}

/// An instance's state in its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LifecycleState {
    /// Launched, without hooks, and not running yet.
    Pending,
    /// Waits for its hooks.
    PendingWait,
    /// All hooks were completed with CONTINUE.
    PendingProceed,
    /// In service.
    InService,
    /// Taken out of service by a call. It stays in the group, and does not count.
    Standby,
    /// Being terminated, without hooks.
    Terminating,
    /// Being terminated, and waits for its hooks.
    TerminatingWait,
    /// Being terminated; its hooks are completed.
    TerminatingProceed,
    /// Gone.
    Terminated,
    /// On its way into the warm pool, without hooks.
    WarmedPending,
    /// On its way into the warm pool, and waits for its hooks: launch hooks if it is new,
    /// termination hooks if it returns from the group.
    WarmedPendingWait,
    /// On its way into the warm pool; its hooks are completed.
    WarmedPendingProceed,
    /// Ready in a warm pool of stopped instances.
    WarmedStopped,
    /// Ready in a warm pool of running instances.
    WarmedRunning,
    /// Ready in a warm pool of hibernated instances.
    WarmedHibernated,
    /// Being terminated out of the warm pool, without hooks.
    WarmedTerminating,
    /// Being terminated out of the warm pool, and waits for its hooks.
    WarmedTerminatingWait,
    /// Being terminated out of the warm pool; its hooks are completed.
    WarmedTerminatingProceed,
    /// Gone out of the warm pool.
    WarmedTerminated,
}

impl LifecycleState {
    /// Whether it counts towards the capacity: pending or in service.
    pub(super) fn counts(self) -> bool {
        matches!(
            self,
            Self::Pending | Self::PendingWait | Self::PendingProceed | Self::InService
        )
    }

    /// Whether it is in the warm pool and stays there: on its way into it, or ready.
    pub(super) fn stays_warm(self) -> bool {
        matches!(
            self,
            Self::WarmedPending | Self::WarmedPendingWait | Self::WarmedPendingProceed
        ) || self.is_ready_in_pool()
    }

    /// Whether it is ready in the warm pool.
    #[must_use]
    pub fn is_ready_in_pool(self) -> bool {
        matches!(
            self,
            Self::WarmedStopped | Self::WarmedRunning | Self::WarmedHibernated
        )
    }

    /// Whether it is in the warm pool, in whichever state.
    #[must_use]
    pub fn is_warm(self) -> bool {
        self.stays_warm()
            || matches!(
                self,
                Self::WarmedTerminating
                    | Self::WarmedTerminatingWait
                    | Self::WarmedTerminatingProceed
                    | Self::WarmedTerminated
            )
    }
}

impl fmt::Display for LifecycleState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => "Pending",
            Self::PendingWait => "Pending:Wait",
            Self::PendingProceed => "Pending:Proceed",
            Self::InService => "InService",
            Self::Standby => "Standby",
            Self::Terminating => "Terminating",
            Self::TerminatingWait => "Terminating:Wait",
            Self::TerminatingProceed => "Terminating:Proceed",
            Self::Terminated => "Terminated",
            Self::WarmedPending => "Warmed:Pending",
            Self::WarmedPendingWait => "Warmed:Pending:Wait",
            Self::WarmedPendingProceed => "Warmed:Pending:Proceed",
            Self::WarmedStopped => "Warmed:Stopped",
            Self::WarmedRunning => "Warmed:Running",
            Self::WarmedHibernated => "Warmed:Hibernated",
            Self::WarmedTerminating => "Warmed:Terminating",
            Self::WarmedTerminatingWait => "Warmed:Terminating:Wait",
            Self::WarmedTerminatingProceed => "Warmed:Terminating:Proceed",
            Self::WarmedTerminated => "Warmed:Terminated",
        })
    }
}

impl Member {
    /// The steady state that it is in, or goes to: what `autoscaling/target-lifecycle-state` of its
    /// metadata shows (Auto Scaling User Guide, "Retrieve the target lifecycle state through
    /// instance metadata").
    pub(super) fn target(&self) -> LifecycleState {
        match self.state {
            LifecycleState::Pending
            | LifecycleState::PendingWait
            | LifecycleState::PendingProceed
            | LifecycleState::InService => LifecycleState::InService,
            LifecycleState::Standby => LifecycleState::Standby,
            LifecycleState::Terminating
            | LifecycleState::TerminatingWait
            | LifecycleState::TerminatingProceed
            | LifecycleState::Terminated => LifecycleState::Terminated,
            LifecycleState::WarmedTerminating
            | LifecycleState::WarmedTerminatingWait
            | LifecycleState::WarmedTerminatingProceed
            | LifecycleState::WarmedTerminated => LifecycleState::WarmedTerminated,
            LifecycleState::WarmedPending
            | LifecycleState::WarmedPendingWait
            | LifecycleState::WarmedPendingProceed
            | LifecycleState::WarmedStopped
            | LifecycleState::WarmedRunning
            | LifecycleState::WarmedHibernated => self.pool_state.ready(),
        }
    }
}

impl Group {
    pub(super) fn member(&self, instance: &str) -> Option<&Member> {
        self.members
            .iter()
            .find(|member| member.instance_id == instance)
    }

    pub(super) fn member_mut(&mut self, instance: &str) -> Option<&mut Member> {
        self.members
            .iter_mut()
            .find(|member| member.instance_id == instance)
    }

    /// How many instances count towards the desired capacity.
    pub(super) fn capacity(&self) -> u32 {
        u32::try_from(
            self.members
                .iter()
                .filter(|member| member.state.counts())
                .count(),
        )
        .unwrap_or(u32::MAX)
    }
}
