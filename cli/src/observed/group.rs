//! Auto Scaling groups, their hooks and their activities. Times are in seconds since the epoch.

use std::collections::{BTreeMap, BTreeSet};

use hookline_domain::event::{WAITS, WAITS_FOR_POOL};
use hookline_domain::ids::{InstanceId, SubnetId};
use hookline_domain::reconcile::brake::{Brake, Marks};
pub(crate) use hookline_domain::reconcile::hooks::LaunchHook as Hook;
pub(crate) use hookline_functions::aws::groups::LAUNCH;

use super::template::TemplateRef;

/// A group, as DescribeAutoScalingGroups shows it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) desired: i32,
    pub(crate) members: Vec<Member>,
    /// The processes that are suspended, as [`LAUNCH`], each with the reason that Auto Scaling
    /// gives.
    pub(crate) suspended: BTreeMap<String, String>,
    /// The tags that its instances get at launch.
    pub(crate) tags: BTreeMap<String, String>,
    /// What its tags say of a brake.
    pub(crate) marks: Marks,
    /// The most instances that it may have.
    pub(crate) max: i32,
    /// Its Availability Zones, each with how many of its instances are there.
    pub(crate) zones: BTreeMap<String, usize>,
    /// The subnets of its instances' primary interfaces.
    pub(crate) subnets: Vec<SubnetId>,
    /// What it launches.
    pub(crate) launches: Launches,
    /// Whether it has a warm pool, whose instances are not among `members`.
    pub(crate) has_warm_pool: bool,
    /// Those that launch into its warm pool, where they were looked up.
    pub(crate) into_pool: Vec<Member>,
    /// The names of its hooks at which instances wait that terminate, where the hooks were looked
    /// up.
    pub(crate) ending_hooks: Vec<String>,
}

/// The hooks of a group. A hook is for one of the two transitions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hooks {
    /// Those that its launches wait at.
    pub(crate) launch: Vec<Hook>,
    /// The names of those that its terminations wait at.
    pub(crate) ending: Vec<String>,
}

/// What a group launches: its launch template, or its mixed instances policy.
#[derive(Clone, Debug, Default)]
pub(crate) struct Launches {
    /// The launch template; `None` for a group with a launch configuration.
    pub(crate) template: Option<TemplateRef>,
    /// Whether the launch template is that of a mixed instances policy.
    pub(crate) is_mixed: bool,
    /// The overrides of a mixed instances policy.
    pub(crate) overrides: Vec<Override>,
    /// The instance types of its instances.
    pub(crate) present: BTreeSet<String>,
}

impl Launches {
    /// Every launch template: those of the overrides, then the group's own.
    pub(crate) fn templates(&self) -> impl Iterator<Item = &TemplateRef> {
        let of_overrides = self.overrides.iter().filter_map(|it| it.template.as_ref());
        of_overrides.chain(&self.template)
    }
}

/// An override of a mixed instances policy.
#[derive(Clone, Debug, Default)]
pub(crate) struct Override {
    /// The instance type; `None` if attributes choose it.
    pub(crate) instance_type: Option<String>,
    /// A launch template of its own.
    pub(crate) template: Option<TemplateRef>,
}

/// An instance of a group.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) instance: InstanceId,
    pub(crate) lifecycle_state: String,
    pub(crate) availability_zone: String,
}

impl Member {
    /// Whether it waits at a launch hook: on its way to InService, or into a warm pool.
    pub(crate) fn waits(&self) -> bool {
        [WAITS, WAITS_FOR_POOL].contains(&self.lifecycle_state.as_str())
    }

    /// Whether it is on its way to InService, `Pending`, `Pending:Wait`, `Pending:Proceed`, or into
    /// a warm pool, `Warmed:Pending` and so on.
    pub(crate) fn is_launching(&self) -> bool {
        let state = &self.lifecycle_state;
        state
            .strip_prefix("Warmed:")
            .unwrap_or(state)
            .starts_with("Pending")
    }

    /// Whether it counts towards the group's desired capacity: one that leaves the group does not,
    /// nor one on standby (Auto Scaling User Guide, "Temporarily remove instances from your Auto
    /// Scaling group").
    fn counts(&self) -> bool {
        self.is_launching() || self.lifecycle_state == "InService"
    }

    /// Whether it is on standby, or goes there.
    pub(crate) fn is_on_standby(&self) -> bool {
        ["EnteringStandby", "Standby"].contains(&self.lifecycle_state.as_str())
    }
}

impl Group {
    /// How many instances it lacks.
    pub(crate) fn missing(&self) -> usize {
        let desired = usize::try_from(self.desired).unwrap_or_default();
        let members = self.members.iter();
        desired.saturating_sub(members.filter(|member| member.counts()).count())
    }

    /// The brake that holds: reconcile suspended the process Launch because of a launch loop.
    pub(crate) fn brake(&self) -> Option<&Brake> {
        self.marks.holds(self.suspended.contains_key(LAUNCH))
    }

    /// The instances in a lifecycle state.
    pub(crate) fn in_state(&self, state: &str) -> impl Iterator<Item = &InstanceId> {
        let members = self.members.iter();
        members
            .filter(move |member| member.lifecycle_state == state)
            .map(|member| &member.instance)
    }

    /// The instances that wait at a launch hook, those on their way into the warm pool too.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &InstanceId> {
        let waits = self.launching().filter(|member| member.waits());
        waits.map(|member| &member.instance)
    }

    /// The members that are launching, and those on their way into the warm pool.
    pub(crate) fn launching(&self) -> impl Iterator<Item = &Member> {
        let members = self.members.iter().filter(|member| member.is_launching());
        members.chain(&self.into_pool)
    }

    /// The instances that are in service.
    pub(crate) fn in_service(&self) -> impl Iterator<Item = &InstanceId> {
        self.in_state("InService")
    }
}

/// A scaling activity.
#[derive(Clone, Debug, Default)]
pub(crate) struct Activity {
    pub(crate) id: String,
    pub(crate) group: String,
    /// The instance that it launches, if it launches one and has it yet, or that it terminates.
    pub(crate) instance: Option<InstanceId>,
    pub(crate) is_launch: bool,
    /// Whether it launches an instance out of a warm pool.
    pub(crate) from_warm_pool: bool,
    /// `Successful`, `Cancelled`, `Failed`, …
    pub(crate) status: String,
    pub(crate) message: String,
    /// Why Auto Scaling did it, in its words.
    pub(crate) cause: String,
    pub(crate) started: i64,
    pub(crate) ended: Option<i64>,
}
