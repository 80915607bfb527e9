//! Auto Scaling groups, their hooks and their activities. Times are in seconds since the epoch.

use std::collections::{BTreeMap, BTreeSet};

use hookline_domain::event::WAITS;
use hookline_domain::ids::InstanceId;

/// A group, as DescribeAutoScalingGroups shows it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) desired: i32,
    pub(crate) members: Vec<Member>,
    /// The processes that are suspended, as `Launch`.
    pub(crate) suspended: BTreeSet<String>,
    /// The tags that its instances get at launch.
    pub(crate) tags: BTreeMap<String, String>,
}

/// An instance of a group.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) instance: InstanceId,
    pub(crate) lifecycle_state: String,
}

impl Group {
    /// The instances in a lifecycle state.
    pub(crate) fn in_state(&self, state: &str) -> impl Iterator<Item = &InstanceId> {
        let members = self.members.iter();
        members
            .filter(move |member| member.lifecycle_state == state)
            .map(|member| &member.instance)
    }

    /// The instances that wait at a launch hook.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &InstanceId> {
        self.in_state(WAITS)
    }

    /// The instances that are in service.
    pub(crate) fn in_service(&self) -> impl Iterator<Item = &InstanceId> {
        self.in_state("InService")
    }
}

/// A lifecycle hook that launches wait at.
#[derive(Clone, Debug)]
pub(crate) struct Hook {
    pub(crate) name: String,
    /// `ABANDON` or `CONTINUE`.
    pub(crate) default_result: String,
    pub(crate) heartbeat_seconds: i64,
}

/// A scaling activity.
#[derive(Clone, Debug)]
pub(crate) struct Activity {
    pub(crate) group: String,
    /// The instance that it launches, if it launches one and has it yet.
    pub(crate) instance: Option<InstanceId>,
    pub(crate) is_launch: bool,
    /// `Successful`, `Cancelled`, `Failed`, …
    pub(crate) status: String,
    pub(crate) message: String,
    pub(crate) started: i64,
    pub(crate) ended: Option<i64>,
}
