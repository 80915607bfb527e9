//! The launches of a group in a stretch of time, with the histories of their executions.

use std::collections::BTreeMap;

use hookline_domain::ids::InstanceId;

use super::execution::{Execution, HistoryEvent};
use super::group::{Activity, Group};
use super::network::SeenInstance;

/// What was observed of a group's launches.
#[derive(Clone, Debug)]
pub(crate) struct ScaleOut {
    /// When it was looked at, in seconds since the epoch.
    pub(crate) now: i64,
    /// What began and ended before is not looked at, in seconds since the epoch.
    pub(crate) since: i64,
    pub(crate) region: String,
    pub(crate) group: Group,
    /// The group's instances that EC2 shows.
    pub(crate) instances: BTreeMap<InstanceId, SeenInstance>,
    /// The group's activities.
    pub(crate) activities: Vec<Activity>,
    /// The group's executions.
    pub(crate) executions: Vec<Traced>,
    pub(crate) left_out: LeftOut,
}

/// An execution with its history.
#[derive(Clone, Debug)]
pub(crate) struct Traced {
    pub(crate) execution: Execution,
    pub(crate) history: Vec<HistoryEvent>,
}

/// What was not read.
#[derive(Clone, Debug, Default)]
pub(crate) struct LeftOut {
    /// How many executions of the deployment were listed whose history was not read: only a history
    /// tells an execution's group.
    pub(crate) histories: usize,
    /// How many histories of the group's executions have more events than were read.
    pub(crate) events: usize,
    /// Whether there are older executions than were listed.
    pub(crate) executions: bool,
    /// Whether there are older activities than were read.
    pub(crate) activities: bool,
}
