//! When a launch sets DeleteOnTermination.
//!
//! ModifyNetworkInterfaceAttribute has one of EC2's lowest rates, and no node needs this attribute
//! to be ready. In a large scale-out the launches that are not ready come first; those that are set
//! it afterwards, in their order.

use super::demand::Demand;
use super::queue::Queue;
use super::wait::{MAX_SECONDS_AFTER_CONTINUE, growing_pause};
use crate::execution::DeleteOnTerminationTiming;
use crate::profile::Profile;

/// The oldest listing of instances that [`decide`] may rest on, in seconds. What it does not show are
/// launches younger than that, which need other calls first.
pub const MAX_LISTING_AGE_SECONDS: u64 = 60;

/// The shortest wait for launches that are not ready, in seconds: it grows from the first to the second
/// with the time that this launch has waited. One that is stuck, or pending for an hour, keeps all that
/// are ready waiting. Where all goes well, DeleteOnTermination is set later by as much.
const SHORTEST_WAITS: (i64, i64) = (5, 15);

/// The shortest wait after a call that EC2 throttled, in seconds.
const MIN_WAIT_SECONDS_AFTER_THROTTLING: u32 = 15;

/// When the launch of `queue` sets the attribute: at once, if what a burst takes of the bucket
/// serves every launch that is not ready.
#[must_use]
pub fn timing(profile: &Profile, queue: &Queue) -> DeleteOnTerminationTiming {
    match is_at_once(profile, queue.unready().saturating_add(1)) {
        true => DeleteOnTerminationTiming::AtOnce,
        false => DeleteOnTerminationTiming::AfterContinue,
    }
}

/// Whether launches set the attribute at once, of which so many are not ready.
pub(super) fn is_at_once(profile: &Profile, unready: i64) -> bool {
    Demand::of_all_attributes(profile).is_served_by_a_burst(unready)
}

/// What a launch whose node is ready does about the attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settling {
    /// Wait for so many seconds, and look again.
    Wait(u32),
    /// Set it now.
    Go,
    /// Leave it to reconcile.
    Leave,
}

/// Decides for the launch of `queue`, which has waited for `waited` seconds since CONTINUE. The queue
/// was listed `age` seconds ago.
///
/// The launches that are not ready take their time, whether before or after this one. Then come
/// those that are ready and were launched before this one, at the rate of the bucket. All of them
/// went on since the listing. But only a listing without launches that are not ready lets this one
/// go.
#[must_use]
pub fn decide(profile: &Profile, queue: &Queue, waited: i64, age: i64) -> Settling {
    let of_a_launch = Demand::narrowest(&Demand::of(profile)).map_or(0, Demand::emission_interval);
    let settling = Demand::of_delete_on_termination(profile);
    let turn = queue
        .unsettled_ahead()
        .saturating_sub(settling.burst().saturating_sub(1))
        .max(0)
        .saturating_mul(settling.emission_interval());
    let milliseconds = queue
        .unready()
        .saturating_mul(of_a_launch)
        .saturating_add(turn)
        .saturating_sub(age.max(0).saturating_mul(1000))
        .max(0);
    if milliseconds == 0 && queue.unready() == 0 {
        return Settling::Go;
    }
    let shortest = growing_pause(waited, SHORTEST_WAITS);
    let seconds = (milliseconds.saturating_add(999) / 1000).max(shortest);
    wait_or_leave(u32::try_from(seconds).unwrap_or(u32::MAX), waited)
}

/// Decides after EC2 throttled a call, for a launch that has waited for `waited` seconds since
/// CONTINUE. Somebody else empties the bucket, so the launch stands back for a while. `jitter`
/// differs from launch to launch, so that they do not come back together.
#[must_use]
pub fn after_throttling(jitter: u32, waited: i64) -> Settling {
    let seconds = MIN_WAIT_SECONDS_AFTER_THROTTLING + jitter % MIN_WAIT_SECONDS_AFTER_THROTTLING;
    wait_or_leave(seconds, waited)
}

/// Waits for so many seconds, if the execution may go on for that long.
fn wait_or_leave(seconds: u32, waited: i64) -> Settling {
    match waited.saturating_add(seconds.into()) > MAX_SECONDS_AFTER_CONTINUE {
        true => Settling::Leave,
        false => Settling::Wait(seconds),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::ObservedLaunch;
    use crate::fixtures::{NOW, four_slots, launches, me};

    fn queue(others: Vec<ObservedLaunch>) -> Queue {
        Queue {
            me: me(NOW),
            me_is_wired: true,
            me_is_listed: true,
            me_is_running: true,
            others,
        }
    }

    fn settled(settled: bool, count: usize) -> Vec<ObservedLaunch> {
        let mut launches = launches(count, NOW, true);
        for launch in &mut launches {
            launch.settled = settled;
        }
        launches
    }

    #[test]
    fn few_launches_set_it_at_once_and_many_after_continue() {
        let timing = |others| timing(&four_slots(), &queue(others));
        // Sixty tokens for eight attributes each serve seven launches.
        assert_eq!(
            timing(launches(6, NOW, false)),
            DeleteOnTerminationTiming::AtOnce
        );
        assert_eq!(
            timing(launches(7, NOW, false)),
            DeleteOnTerminationTiming::AfterContinue
        );
        assert_eq!(
            timing(launches(500, NOW, true)),
            DeleteOnTerminationTiming::AtOnce
        );
    }

    #[test]
    fn bucket_too_small_for_one_launch_is_left_to_others_first() {
        let mut profile = four_slots();
        profile
            .request_rates
            .modify_network_interface_attribute
            .capacity = 13;
        let timing = timing(&profile, &queue(Vec::new()));
        assert_eq!(timing, DeleteOnTerminationTiming::AfterContinue);
        assert_eq!(decide(&profile, &queue(Vec::new()), 0, 0), Settling::Go);
    }

    #[test]
    fn launch_without_others_goes() {
        assert_eq!(
            decide(&four_slots(), &queue(Vec::new()), 0, 0),
            Settling::Go
        );
        assert_eq!(
            decide(&four_slots(), &queue(settled(true, 99)), 0, 0),
            Settling::Go
        );
    }

    #[test]
    fn launches_that_are_not_ready_come_first() {
        // Four attaches at 5 a second, of which two hundredths are left, are 0.817 s a launch.
        let behind = |unready| decide(&four_slots(), &queue(launches(unready, NOW, false)), 0, 0);
        assert_eq!(behind(1), Settling::Wait(5));
        assert_eq!(behind(100), Settling::Wait(82));
        // Those that were launched later, too.
        let later = launches(100, NOW + 60, false);
        assert_eq!(
            decide(&four_slots(), &queue(later), 0, 0),
            Settling::Wait(82)
        );
    }

    #[test]
    fn launch_that_is_never_ready_is_looked_at_less_and_less() {
        let after = |waited| decide(&four_slots(), &queue(launches(1, NOW, false)), waited, 0);
        assert_eq!(
            [0, 20, 40, 300].map(after),
            [5, 6, 12, 15].map(Settling::Wait)
        );
    }

    #[test]
    fn launches_that_are_ready_set_it_in_their_order() {
        // Sixty tokens for four attributes each serve fifteen launches at once, this one included.
        let behind = |before| decide(&four_slots(), &queue(settled(false, before)), 0, 0);
        assert_eq!(behind(14), Settling::Go);
        assert_eq!(behind(24), Settling::Wait(8));
        let mut later = settled(false, 99);
        for launch in &mut later {
            launch.order.since = NOW + 1;
        }
        assert_eq!(decide(&four_slots(), &queue(later), 0, 0), Settling::Go);
    }

    #[test]
    fn what_was_listed_a_while_ago_has_gone_on_since() {
        let behind = |before, age| decide(&four_slots(), &queue(settled(false, before)), 0, age);
        assert_eq!(behind(34, 0), Settling::Wait(16));
        assert_eq!(behind(34, 9), Settling::Wait(7));
        assert_eq!(behind(34, 60), Settling::Go);
        // A launch that was not ready may need the calls still.
        let unready = |age| decide(&four_slots(), &queue(launches(10, NOW, false)), 0, age);
        assert_eq!(unready(2), Settling::Wait(7));
        assert_eq!(unready(60), Settling::Wait(5));
    }

    #[test]
    fn throttled_launch_stands_back_until_its_time_is_over() {
        assert_eq!(after_throttling(0, 0), Settling::Wait(15));
        assert_eq!(after_throttling(29, 0), Settling::Wait(29));
        assert_eq!(after_throttling(30, 825), Settling::Wait(15));
        assert_eq!(after_throttling(31, 825), Settling::Leave);
    }

    #[test]
    fn launch_that_would_wait_too_long_leaves_it_to_reconcile() {
        let unready = |count| queue(launches(count, NOW, false));
        assert_eq!(
            decide(&four_slots(), &unready(1028), 0, 0),
            Settling::Wait(840)
        );
        assert_eq!(decide(&four_slots(), &unready(1029), 0, 0), Settling::Leave);
        assert_eq!(decide(&four_slots(), &unready(1), 836, 0), Settling::Leave);
        // Whoever's turn has come still goes.
        assert_eq!(decide(&four_slots(), &unready(0), 2000, 0), Settling::Go);
    }
}
