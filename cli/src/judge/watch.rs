//! A scale-out at one moment: how each launch stands, by what Describe calls show. No history of an
//! execution is read.

use std::collections::BTreeMap;

use hookline_domain::admission::Queue;
use hookline_domain::admission::timetable::seconds_until_turn;
use hookline_domain::ids::InstanceId;
use hookline_domain::profile::Profile;

use super::timeline::State;
use super::{Finding, tagging};
use crate::observed::fleet::Fleet;
use crate::observed::group::{Activity, Group, Member};
use crate::observed::network::created_for;

/// How long a launch that has ended is shown, in seconds.
const RECENT: i64 = 600;

/// A scale-out at one moment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Watched {
    /// In seconds since the epoch.
    pub(crate) at: i64,
    pub(crate) stack: String,
    pub(crate) groups: Vec<GroupNow>,
    /// Those under way, in the order of their turns; then those that ended, newest first.
    pub(crate) launches: Vec<LaunchNow>,
    /// What is wrong, a sentence each.
    pub(crate) trouble: Vec<String>,
}

/// A group at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GroupNow {
    pub(crate) name: String,
    pub(crate) wanted: usize,
    pub(crate) in_service: usize,
    /// On their way to InService.
    pub(crate) launching: usize,
    /// On their way into the warm pool.
    pub(crate) into_pool: usize,
}

/// A launch at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LaunchNow {
    pub(crate) group: String,
    /// Its Name tag, or its id.
    pub(crate) node: String,
    pub(crate) state: State,
    /// How many launches come before it, while it waits for its turn: of those that are not wired yet,
    /// or not tagged yet if it waits to be tagged.
    pub(crate) ahead: Option<usize>,
    /// How long until its turn, in seconds, by the queue as it is now.
    pub(crate) turn_in: Option<u32>,
    /// Since when it is under way, or when it ended, in seconds since the epoch.
    pub(crate) since: i64,
    /// When its hook ends at the earliest, in seconds since the epoch: its timeout after the launch
    /// began. No Describe call tells when the hook began, which is some seconds later, nor whether
    /// somebody has extended it.
    pub(crate) deadline: Option<i64>,
    /// How many of its interfaces are attached, and how many its profile asks for.
    pub(crate) interfaces: Option<(usize, usize)>,
    /// What Auto Scaling says of one that was abandoned.
    pub(crate) message: Option<String>,
}

/// How the launches of a deployment stand.
pub(crate) fn of(fleet: &Fleet, trouble: &[Finding]) -> Watched {
    let interfaces = interfaces(fleet);
    let mut launches = Vec::new();
    for group in &fleet.groups {
        let under_way = group.launching();
        let mut here: Vec<LaunchNow> = under_way
            .map(|member| launching(fleet, &interfaces, group, member))
            .collect();
        here.sort_by_key(|launch| {
            // Whoever is not tagged yet comes after those that are.
            let untagged = launch.state == State::Untagged;
            (untagged, launch.ahead.unwrap_or_default(), launch.since)
        });
        launches.extend(here);
    }
    let mut over: Vec<LaunchNow> = fleet
        .activities
        .iter()
        .filter(|activity| activity.is_launch)
        .filter_map(|activity| ended(fleet, activity))
        .collect();
    over.sort_by_key(|launch| std::cmp::Reverse(launch.since));
    launches.extend(over);
    let told = trouble.iter().map(|finding| match &finding.group {
        Some(group) => format!("{group}: {}", finding.problem),
        None => finding.problem.clone(),
    });
    let cut = "Launches that ended lately may be missing: too many are under way.";
    let cut = (!fleet.all_activities).then(|| cut.to_owned());
    Watched {
        at: fleet.now,
        stack: fleet.deployment.stack().to_owned(),
        groups: fleet.groups.iter().map(GroupNow::of).collect(),
        launches,
        trouble: cut.into_iter().chain(told).collect(),
    }
}

impl GroupNow {
    fn of(group: &Group) -> Self {
        Self {
            name: group.name.clone(),
            wanted: usize::try_from(group.desired).unwrap_or_default(),
            in_service: group.in_service().count(),
            launching: group.launching().count() - group.into_pool.len(),
            into_pool: group.into_pool.len(),
        }
    }
}

fn node(fleet: &Fleet, instance: &InstanceId) -> String {
    let seen = fleet.instances.get(instance);
    let name = seen.and_then(|seen| seen.instance.tags.get("Name"));
    name.map_or_else(|| instance.to_string(), Clone::clone)
}

/// How many interfaces were created for an instance, and how many of these are attached to it.
#[derive(Clone, Copy, Default)]
struct Interfaces {
    created: usize,
    attached: usize,
}

/// The interfaces of each instance.
fn interfaces(fleet: &Fleet) -> BTreeMap<InstanceId, Interfaces> {
    let mut of = BTreeMap::<_, Interfaces>::new();
    for seen in &fleet.interfaces {
        if let Some(instance) = created_for(&seen.interface) {
            let attached = usize::from(seen.interface.is_attached_to(&instance));
            let counts = of.entry(instance).or_default();
            counts.created += 1;
            counts.attached += attached;
        }
    }
    of
}

fn launching(
    fleet: &Fleet,
    interfaces: &BTreeMap<InstanceId, Interfaces>,
    group: &Group,
    member: &Member,
) -> LaunchNow {
    let instance = &member.instance;
    let seen = fleet.instances.get(instance).map(|seen| &seen.instance);
    let mut activities = fleet.activities.iter().filter(|it| it.is_launch);
    let activity = activities.find(|it| it.instance.as_ref() == Some(instance));
    let began = activity
        .map(|activity| activity.started)
        .or(seen.map(|seen| seen.launched_at));
    let since = began.unwrap_or(fleet.now);
    let profile = fleet
        .profiles_of(group)
        .map(|input| &input.profile)
        .find(|profile| seen.is_none_or(|seen| profile.selector.covers(&group.name, &seen.tags)));
    let hooks = fleet.hooks_of(group).iter();
    let hook = profile.and_then(|profile| {
        let mut hooks = hooks.clone();
        hooks.find(|hook| hook.name == profile.hook.name)
    });
    let mut launch = LaunchNow {
        group: group.name.clone(),
        node: node(fleet, instance),
        state: match member.lifecycle_state.as_str() {
            "Pending:Proceed" | "Warmed:Pending:Proceed" => State::Proceeding,
            _ => State::Starting,
        },
        ahead: None,
        turn_in: None,
        since,
        deadline: hook
            .filter(|_| member.waits())
            .map(|hook| since.saturating_add(hook.heartbeat_seconds)),
        interfaces: None,
        message: None,
    };
    if let Some(profile) = profile {
        let interfaces = interfaces.get(instance).copied().unwrap_or_default();
        launch.of_profile(fleet, interfaces, member, profile);
        let is_new = matches!(
            launch.state,
            State::Waiting | State::Starting | State::Creating
        );
        let tagged = tagging::wait(fleet, profile, member, fleet.now);
        if let Some((seconds, ahead)) = tagged.filter(|_| is_new && member.waits()) {
            launch.state = State::Untagged;
            (launch.ahead, launch.turn_in) = (Some(ahead), Some(seconds));
        }
    }
    launch
}

impl LaunchNow {
    /// What the profile adds: how far the interfaces are, and the place in the queue.
    fn of_profile(
        &mut self,
        fleet: &Fleet,
        Interfaces { created, attached }: Interfaces,
        member: &Member,
        profile: &Profile,
    ) {
        let instance = &member.instance;
        let wanted = profile.slots.len();
        self.interfaces = Some((attached, wanted));
        let Some(seen) = fleet.instances.get(instance).map(|seen| &seen.instance) else {
            return;
        };
        if !member.waits() {
            return;
        }
        let covered = tagging::of_profile(fleet, profile);
        let queue = Queue::observe(profile, seen.order(), covered);
        let turn = seconds_until_turn(profile, &queue.me, &queue.others, fleet.now);
        self.state = match (seen.is_wired(profile), created, turn) {
            (true, _, _) => State::Proceeding,
            (false, 0, 1..) => State::Waiting,
            (false, 0, 0) if !seen.is_running() => State::Starting,
            (false, number, _) if number < wanted => State::Creating,
            _ => State::Attaching,
        };
        if self.state == State::Waiting {
            self.ahead = Some(queue.ahead());
            self.turn_in = Some(turn);
        }
    }
}

/// Whether a launch that succeeded went into the warm pool of its group, which does not list the
/// instance.
fn is_in_pool(fleet: &Fleet, activity: &Activity, instance: &InstanceId) -> bool {
    let group = fleet.groups.iter().find(|it| it.name == activity.group);
    group.is_some_and(|group| {
        let mut members = group.members.iter();
        group.has_warm_pool
            && !activity.from_warm_pool
            && !members.any(|member| member.instance == *instance)
    })
}

/// A launch that has ended lately.
fn ended(fleet: &Fleet, activity: &Activity) -> Option<LaunchNow> {
    let ended = activity.ended?;
    let instance = activity.instance.as_ref()?;
    if fleet.now.saturating_sub(ended) > RECENT {
        return None;
    }
    let succeeded = activity.status == "Successful";
    Some(LaunchNow {
        group: activity.group.clone(),
        node: node(fleet, instance),
        state: match succeeded {
            true if is_in_pool(fleet, activity, instance) => State::InWarmPool,
            true => State::InService,
            false => State::Abandoned,
        },
        ahead: None,
        turn_in: None,
        since: ended,
        deadline: None,
        interfaces: None,
        message: (!succeeded).then(|| activity.message.clone()),
    })
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
