//! The queue that a launch is in: who is in flight, who comes first, who is wired.

use crate::instance::{Instance, LaunchOrder};
use crate::profile::Profile;

/// A launch older than this, in seconds, is not in flight: no hook waits longer without a heartbeat
/// (`HeartbeatTimeout` is at most 7,200 s; Auto Scaling API Reference, PutLifecycleHook).
const IN_FLIGHT_SECONDS: i64 = 7_200;

/// A launch in flight, as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedLaunch {
    /// Its place among the launches.
    pub order: LaunchOrder,
    /// Whether the instance runs. Interfaces attach from then on.
    pub running: bool,
    /// Whether it has every interface, with what the node needs of it.
    pub wired: bool,
    /// Whether EC2 deletes every interface with the instance.
    pub settled: bool,
    /// Whether the node was adopted. One that is wired may have been so long before.
    pub adopted: bool,
}

impl ObservedLaunch {
    fn of(profile: &Profile, instance: &Instance) -> Self {
        Self {
            order: instance.order(),
            running: instance.is_running(),
            wired: instance.is_wired(profile),
            settled: instance.is_settled(profile),
            adopted: instance.adopted_at.is_some(),
        }
    }
}

/// The launches in flight, seen from one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// The place of the launch that looks.
    pub me: LaunchOrder,
    /// Whether it needs no calls any more.
    pub me_is_wired: bool,
    /// Whether the listing shows it at all.
    pub me_is_listed: bool,
    /// Whether the listing shows it as running.
    pub me_is_running: bool,
    /// The other launches in flight, whether before or after it.
    pub others: Vec<ObservedLaunch>,
}

impl Queue {
    /// The queue as `instances` show it. `me` is the launch's place by what `TagNode` saw; the
    /// listing's word counts for more, as every other launch goes by it: the tag of an adoption may
    /// not have shown before.
    #[must_use]
    pub fn observe<'a>(
        profile: &Profile,
        me: LaunchOrder,
        instances: impl IntoIterator<Item = &'a Instance>,
    ) -> Self {
        let mut mine = None;
        let mut others = Vec::new();
        for instance in instances {
            let launch = ObservedLaunch::of(profile, instance);
            if instance.id == me.instance_id {
                mine = Some(launch);
            } else {
                others.push(launch);
            }
        }
        let me = mine.as_ref().map_or(me, |mine| mine.order.clone());
        let oldest = me.since.saturating_sub(IN_FLIGHT_SECONDS);
        others.retain(|other| other.order.since > oldest);
        Self {
            me_is_wired: mine.as_ref().is_some_and(|mine| mine.wired),
            me_is_listed: mine.is_some(),
            me_is_running: mine.as_ref().is_some_and(|mine| mine.running),
            me,
            others,
        }
    }

    /// How many launches come before this one and are not wired yet.
    #[must_use]
    pub fn ahead(&self) -> usize {
        self.unwired_ahead().count()
    }

    /// When the launches began that come before this one, run, and are not wired yet. Those that
    /// are pending need no calls that EC2 limits narrowly yet.
    #[must_use]
    pub fn being_wired(&self) -> Vec<i64> {
        self.unwired_ahead()
            .filter(|other| other.running)
            .map(|other| other.order.since)
            .collect()
    }

    fn unwired_ahead(&self) -> impl Iterator<Item = &ObservedLaunch> {
        self.others
            .iter()
            .filter(|other| !other.wired && other.order < self.me)
    }

    /// The launches that share addresses with this one if they are in the same Availability Zone.
    #[must_use]
    pub fn is_in_flight(&self, instance: &Instance) -> bool {
        instance.id == self.me.instance_id
            || instance.in_flight_since() > self.me.since.saturating_sub(IN_FLIGHT_SECONDS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{instance, profile};
    use crate::instance::{AttachedInterface, AttachmentPoint};

    fn the_profile() -> Profile {
        Profile::read(profile()).unwrap()
    }

    fn listed(n: u32, launched_at: i64) -> Instance {
        Instance {
            id: format!("i-{n:017x}").parse().unwrap(),
            launched_at,
            ..instance()
        }
    }

    fn wired(mut instance: Instance) -> Instance {
        for slot in &the_profile().slots {
            instance.attached.insert(
                AttachmentPoint::fixed(slot).unwrap(),
                AttachedInterface {
                    subnet_id: None,
                    delete_on_termination: true,
                    source_dest_check: slot.source_dest_check,
                },
            );
        }
        instance
    }

    fn me(since: i64) -> LaunchOrder {
        listed(5, since).order()
    }

    #[test]
    fn launches_before_this_one_are_ahead_until_they_are_wired() {
        let instances = [
            listed(1, 100),
            wired(listed(2, 100)),
            listed(4, 101),
            listed(6, 101),
            listed(7, 99),
        ];
        let queue = Queue::observe(&the_profile(), me(101), &instances);
        assert_eq!(queue.others.len(), 5);
        assert_eq!(queue.ahead(), 3);
    }

    #[test]
    fn pending_launch_is_ahead_and_is_not_being_wired() {
        let mut pending = listed(1, 100);
        pending.state = "pending".to_owned();
        let instances = [pending, listed(2, 99)];
        let queue = Queue::observe(&the_profile(), me(101), &instances);
        assert_eq!(queue.ahead(), 2);
        assert_eq!(queue.being_wired(), [99]);
    }

    #[test]
    fn node_that_lacks_one_attribute_is_not_wired() {
        let mut almost = wired(listed(1, 100));
        let observe = |instance: &Instance| Queue::observe(&the_profile(), me(101), [instance]);
        for attributes in almost.attached.values_mut() {
            attributes.delete_on_termination = false;
        }
        // The node does not need this one to be ready.
        let queue = observe(&almost);
        assert_eq!((queue.ahead(), queue.others[0].settled), (0, false));
        for attributes in almost.attached.values_mut() {
            (
                attributes.delete_on_termination,
                attributes.source_dest_check,
            ) = (true, true);
        }
        let queue = observe(&almost);
        assert_eq!((queue.ahead(), queue.others[0].settled), (1, true));
    }

    #[test]
    fn launch_older_than_any_hook_is_not_in_flight() {
        let instances = [listed(1, 1), listed(2, 2)];
        let queue = Queue::observe(&the_profile(), me(7201), &instances);
        assert_eq!(queue.ahead(), 1);
        assert!(!queue.is_in_flight(&instances[0]));
        assert!(queue.is_in_flight(&instances[1]));
    }

    #[test]
    fn listing_counts_for_more_than_what_was_seen_before() {
        let mut adopted = wired(listed(5, 100));
        adopted.adopted_at = Some(500);
        let instances = [adopted, listed(1, 300)];
        let queue = Queue::observe(&the_profile(), me(100), &instances);
        assert_eq!(queue.me.since, 500);
        assert!(queue.me_is_wired && queue.me_is_running);
        assert_eq!(queue.ahead(), 1);
        let unlisted = Queue::observe(&the_profile(), me(100), []);
        assert_eq!(unlisted.me, me(100));
        assert!(!unlisted.me_is_wired && !unlisted.me_is_running);
        assert!(queue.me_is_listed && !unlisted.me_is_listed);
    }
}
