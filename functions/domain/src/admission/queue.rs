//! The queue that a launch is in: who is in flight, who comes first, who is wired.

use crate::instance::{Instance, LaunchOrder};
use crate::profile::Profile;

/// A launch older than this, in seconds, is not in flight: no hook waits longer without a heartbeat
/// (`HeartbeatTimeout` is at most 7,200 s; Auto Scaling API Reference, PutLifecycleHook).
const IN_FLIGHT_SECONDS: i64 = 7_200;
/// An instance that was launched this many seconds before a launch, and has no mark of `TagNode`,
/// is not in flight: it was launched before the hook was put, or waits in a warm pool. `TagNode`
/// and EC2's listings may be late for a younger one. It counts from the launch that looks, not from
/// the time of the look, so that all launches of one burst see the same queue.
const UNMARKED_SECONDS: i64 = 120;

/// A launch of the last 7,200 seconds, wired or not, as a listing shows it.
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

/// The launches of the last 7,200 seconds, seen from one of them.
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
    /// The other launches of that time, wired or not, before or after it.
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
                others.push((instance, launch));
            }
        }
        let mut queue = Self {
            me_is_wired: mine.as_ref().is_some_and(|mine| mine.wired),
            me_is_listed: mine.is_some(),
            me_is_running: mine.as_ref().is_some_and(|mine| mine.running),
            me: mine.as_ref().map_or(me, |mine| mine.order.clone()),
            others: Vec::new(),
        };
        others.retain(|(instance, launch)| match launch.wired {
            // It has used EC2's request rates, whoever began it.
            true => queue.is_of_our_time(instance),
            false => queue.is_in_flight(instance) || queue.may_be_in_flight(instance),
        });
        queue.others = others.into_iter().map(|(_, launch)| launch).collect();
        queue
    }

    /// How many launches come before this one and are not wired yet.
    #[must_use]
    pub fn ahead(&self) -> usize {
        self.unwired_ahead().count()
    }

    /// How many other launches, whether before or after this one, are not wired yet.
    #[must_use]
    pub fn unready(&self) -> i64 {
        count(self.others.iter().filter(|other| !other.wired))
    }

    /// How many launches before this one are wired, and lack DeleteOnTermination.
    #[must_use]
    pub fn unsettled_ahead(&self) -> i64 {
        let wired = self.others.iter().filter(|other| other.wired);
        count(wired.filter(|other| !other.settled && other.order < self.me))
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

    /// Whether Hookline has marked the instance as a launch of the last 7,200 seconds, or it is
    /// this launch. Such launches of one Availability Zone share addresses.
    #[must_use]
    pub fn is_in_flight(&self, instance: &Instance) -> bool {
        instance.id == self.me.instance_id
            || (instance.is_marked() && self.is_of_our_time(instance))
    }

    /// Whether the instance has no mark and is younger than `UNMARKED_SECONDS`, so that its mark
    /// may still come. Such instances share addresses with this launch only as long as there are
    /// enough for all.
    #[must_use]
    pub fn may_be_in_flight(&self, instance: &Instance) -> bool {
        !self.is_in_flight(instance) && self.is_within(UNMARKED_SECONDS, instance)
    }

    fn is_of_our_time(&self, instance: &Instance) -> bool {
        self.is_within(IN_FLIGHT_SECONDS, instance)
    }

    fn is_within(&self, seconds: i64, instance: &Instance) -> bool {
        instance.in_flight_since() > self.me.since.saturating_sub(seconds)
    }
}

fn count<T>(items: impl Iterator<Item = T>) -> i64 {
    i64::try_from(items.count()).unwrap_or(i64::MAX)
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

    /// A launch for which `TagNode` has run.
    fn marked(n: u32, launched_at: i64) -> Instance {
        Instance {
            marked_at: Some(launched_at),
            ..listed(n, launched_at)
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
        let instances = [marked(1, 1), marked(2, 2)];
        let queue = Queue::observe(&the_profile(), me(7201), &instances);
        assert_eq!(queue.ahead(), 1);
        assert!(!queue.is_in_flight(&instances[0]));
        assert!(queue.is_in_flight(&instances[1]));
    }

    #[test]
    fn instance_without_a_mark_is_ahead_for_two_minutes_only() {
        let instances = [listed(1, 80), listed(2, 81), marked(3, 80)];
        let queue = Queue::observe(&the_profile(), me(200), &instances);
        assert_eq!(queue.ahead(), 2);
        let is = |n: usize| {
            let instance = &instances[n];
            let may_be = queue.may_be_in_flight(instance);
            (queue.is_in_flight(instance), may_be)
        };
        assert_eq!(is(0), (false, false));
        assert_eq!(is(1), (false, true));
        assert_eq!(is(2), (true, false));
    }

    #[test]
    fn wired_instance_without_a_mark_counts_as_before() {
        let instances = [wired(listed(1, 80))];
        let queue = Queue::observe(&the_profile(), me(200), &instances);
        assert_eq!(queue.others.len(), 1);
    }

    #[test]
    fn launch_from_a_warm_pool_begins_when_it_leaves_the_pool() {
        let mut leaves = listed(1, 10);
        leaves.marked_at = Some(9_000);
        let mut waits = listed(2, 10);
        waits.state = "running".to_owned();
        let queue = Queue::observe(&the_profile(), me(9_001), [&leaves, &waits]);
        assert_eq!(queue.ahead(), 1);
        assert_eq!(queue.others[0].order.since, 9_000);
    }

    #[test]
    fn burst_is_one_queue_for_all_whether_its_marks_show_or_not() {
        // Every launch of a burst sees the same launches before it, however late their marks are.
        let bare: Vec<Instance> = (1..=5).map(|n| listed(n, 100 + i64::from(n))).collect();
        let all: Vec<Instance> = (1..=5).map(|n| marked(n, 100 + i64::from(n))).collect();
        for (n, me) in bare.iter().enumerate() {
            for shown in 0..=5 {
                let listing = all[..shown].iter().chain(&bare[shown..]);
                let queue = Queue::observe(&the_profile(), me.order(), listing);
                assert_eq!(queue.ahead(), n, "{shown} marks show");
            }
        }
    }

    #[test]
    fn listing_counts_for_more_than_what_was_seen_before() {
        let mut adopted = wired(listed(5, 100));
        adopted.adopted_at = Some(500);
        let instances = [adopted, marked(1, 300)];
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
