//! When a launch's turn comes.
//!
//! Each of EC2's three narrow buckets has its own timetable: launches begin at nearly the rate at
//! which it refills, after a burst that uses what it holds when it is full ([`Demand`]). The latest of the
//! three times is the launch's turn.
//!
//! The buckets are followed from the times of the launches, not from the time of a look: looks come
//! minutes apart when hundreds of launches begin at once ([`tag_turn`]). This way all
//! launches compute one timetable, whenever they look.

use super::demand::Demand;
use super::queue::ObservedLaunch;
use super::tag_turn;
use crate::instance::LaunchOrder;
use crate::profile::Profile;

/// EC2's limit on the network interfaces of an account in a Region that has not raised it (Amazon VPC
/// quotas): no more launches than that can get one.
const MAX_LAUNCHES: usize = 5_000;

/// How long after the launches the timetable of attaches begins, in seconds. An instance is pending
/// for about ten seconds, and a launch creates its interfaces in five of these. All attaches whose
/// turn came before would come together when the instances run, and empty the bucket.
const LEAD_OF_ATTACHES: i64 = 5;

/// A launch whose turn was this many seconds ago and that still lacks an interface needs it now,
/// whatever was before.
const LATE_AFTER_SECONDS: i64 = 30;

/// How long until the turn of the launch at `me`, in seconds; 0 if its turn has come. `others` are
/// the launches in flight, in any order, before or after it. `now` is in seconds since the epoch.
#[must_use]
pub fn seconds_until_turn(
    profile: &Profile,
    me: &LaunchOrder,
    others: &[ObservedLaunch],
    now: i64,
) -> u32 {
    let demands = Demand::of(profile);
    // A launch that is not wired needs its calls now, however long ago it began, unless its turn is
    // just over.
    let due = now.saturating_sub(LATE_AFTER_SECONDS);
    let arrival_of = |order: &LaunchOrder| order.since.max(due);
    let my_arrival = arrival_of(me);
    let mut before: Vec<i64> = others
        .iter()
        // One that was adopted and is wired may have been so long before.
        .filter(|other| !(other.wired && other.adopted))
        .filter(|other| other.wired || other.order < *me)
        .map(|other| {
            if other.wired {
                other.order.since
            } else {
                arrival_of(&other.order)
            }
        })
        .filter(|arrival| *arrival <= my_arrival)
        .collect();
    before.sort_unstable();
    match turn(&demands, &before, my_arrival) {
        turn if turn == my_arrival => 0,
        turn => u32::try_from(turn.saturating_sub(now).max(0)).unwrap_or(u32::MAX),
    }
}

/// The turn of a launch that arrives at `arrival`, after those that arrived at `before`; `arrival`
/// itself for a launch of a burst.
fn turn(demands: &[Demand; 3], before: &[i64], arrival: i64) -> i64 {
    // In the order of the demands: creates, attaches, attributes.
    demands
        .iter()
        .zip([0, LEAD_OF_ATTACHES, 0])
        .map(
            |(demand, lead)| match demand.conforming_time(before, arrival) {
                conforms if conforms == arrival => arrival,
                conforms => conforms.saturating_add(lead),
            },
        )
        .fold(arrival, i64::max)
}

/// How long after so many launches that begin at once the turn of the last one comes, in seconds, and it is
/// tagged.
#[must_use]
pub fn seconds_until_last_turn(profile: &Profile, launches: usize) -> u32 {
    let demands = Demand::of(profile);
    let before = vec![0; launches.saturating_sub(1)];
    let tagged = tag_turn::demand(profile).conforming_time(&before, 0);
    u32::try_from(turn(&demands, &before, 0).max(tagged)).unwrap_or(u32::MAX)
}

/// How many launches can begin at once so that the turn of the last one comes within so many
/// seconds.
#[must_use]
pub fn launches_within(profile: &Profile, seconds: u32) -> usize {
    let comes_in_time = |launches: usize| seconds_until_last_turn(profile, launches) <= seconds;
    // The turn of the last one only grows with the number of launches.
    let (mut enough, mut too_many) = (1, MAX_LAUNCHES + 1);
    while enough + 1 < too_many {
        let middle = usize::midpoint(enough, too_many);
        match comes_in_time(middle) {
            true => enough = middle,
            false => too_many = middle,
        }
    }
    enough
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{NOW, four_slots, launches, me};

    /// The wait of a launch of just now that has so many others before it, of just now too.
    fn wait_behind(ahead: usize) -> u32 {
        seconds_until_turn(&four_slots(), &me(NOW), &launches(ahead, NOW, false), NOW)
    }

    #[test]
    fn first_launches_wait_for_nothing() {
        // Thirty tokens for four attaches each.
        for ahead in 0..7 {
            assert_eq!(wait_behind(ahead), 0, "{ahead}");
        }
    }

    #[test]
    fn first_launches_wait_for_nothing_if_the_clock_is_behind_that_of_ec2() {
        let seen = launches(6, NOW, false);
        assert_eq!(
            seconds_until_turn(&four_slots(), &me(NOW), &seen, NOW - 3),
            0
        );
    }

    #[test]
    fn later_launches_come_at_the_rate_of_the_narrowest_bucket() {
        // Attaches begin five seconds later, when the instances run.
        assert_eq!(wait_behind(7), 1 + 5);
        assert_eq!(wait_behind(46), 33 + 5);
        // 494 times four calls at 4.9 a second are 403.3 s, and each interval is rounded up.
        assert_eq!(wait_behind(500), 404 + 5);
    }

    #[test]
    fn timetable_of_other_calls_than_attaches_begins_at_once() {
        let mut profile = four_slots();
        let bucket = &mut profile.request_rates.attach_network_interface;
        (bucket.capacity, bucket.refill_per_second) = (400, 100);
        // Sixty tokens for four attributes each, and then one launch every 0.817 s.
        let wait =
            |ahead| seconds_until_turn(&profile, &me(NOW), &launches(ahead, NOW, false), NOW);
        assert_eq!([14, 15, 20].map(wait), [0, 1, 5]);
    }

    #[test]
    fn launch_waits_less_in_an_account_with_higher_rates() {
        let mut profile = four_slots();
        let bucket = &mut profile.request_rates.attach_network_interface;
        (bucket.capacity, bucket.refill_per_second) = (400, 20);
        // Creates and attributes are the narrowest now: four of each, of buckets of 100 tokens.
        let wait = seconds_until_turn(&profile, &me(NOW), &launches(46, NOW, false), NOW);
        assert_eq!(wait, (32_u32 * 817).div_ceil(1000));
    }

    #[test]
    fn turn_is_the_same_whenever_it_is_computed() {
        for all in [50, 200, 2000] {
            let turn = i64::from(wait_behind(all)) + NOW;
            // The interval, in milliseconds.
            let interval = 817;
            let first_turn = turn - i64::try_from(all).unwrap() * interval / 1000;
            for passed in [1, 10, 30, 60, 120, 300] {
                let now = NOW + passed;
                if now > turn {
                    continue;
                }
                // Those whose turn was 15 s ago are wired, and are seen to be.
                let wired = (now - first_turn - 15).max(0) * 1000 / interval;
                let wired = usize::try_from(wired).unwrap();
                let mut seen = launches(wired, NOW, true);
                seen.extend(launches(all - wired, NOW, false));
                let wait = seconds_until_turn(&four_slots(), &me(NOW), &seen, now);
                assert_eq!(now + i64::from(wait), turn, "{all} after {passed} s");
            }
        }
    }

    #[test]
    fn launch_that_looks_after_its_turn_waits_for_nothing() {
        let seen = launches(20, NOW, true);
        assert_eq!(
            seconds_until_turn(&four_slots(), &me(NOW), &seen, NOW + 40),
            0
        );
    }

    #[test]
    fn wired_launches_of_long_ago_delay_nobody() {
        let seen = launches(500, NOW - 1000, true);
        assert_eq!(
            seconds_until_turn(&four_slots(), &me(NOW), &seen, NOW + 5),
            0
        );
    }

    #[test]
    fn unwired_launches_of_long_ago_count_from_now() {
        // Something else takes the tokens: none of a hundred launches is wired after ten minutes.
        let seen = launches(100, NOW - 600, false);
        let wait = seconds_until_turn(&four_slots(), &me(NOW), &seen, NOW);
        // 94 times 0.817 s.
        let all = 76;
        assert!((all - 30..=all).contains(&wait), "{wait}");
    }

    #[test]
    fn launch_that_never_gets_wired_delays_nobody() {
        let mut seen = launches(500, NOW - 1000, true);
        seen.extend(launches(1, NOW - 2000, false));
        seen.extend(launches(5, NOW, false));
        assert_eq!(
            seconds_until_turn(&four_slots(), &me(NOW), &seen, NOW + 5),
            0
        );
    }

    #[test]
    fn later_launches_delay_nobody() {
        let mut seen = launches(60, NOW, true);
        seen.extend(launches(40, NOW + 1, false));
        assert_eq!(
            seconds_until_turn(&four_slots(), &me(NOW), &seen, NOW + 120),
            0
        );
    }

    #[test]
    fn adopted_node_counts_until_it_is_wired() {
        let adopted = |wired| {
            let mut all = launches(60, NOW, wired);
            for launch in &mut all {
                launch.adopted = true;
            }
            seconds_until_turn(&four_slots(), &me(NOW), &all, NOW)
        };
        assert_eq!(adopted(true), 0);
        assert_eq!(adopted(false), wait_behind(60));
    }

    #[test]
    fn times_that_cannot_be_are_no_panic() {
        let times = [i64::MIN, i64::MIN + 1, 0, i64::MAX];
        for since in times {
            for now in times {
                let seen = times
                    .into_iter()
                    .flat_map(|since| [false, true].map(|wired| launches(3, since, wired)));
                let seen: Vec<ObservedLaunch> = seen.flatten().collect();
                let _ = seconds_until_turn(&four_slots(), &me(since), &seen, now);
            }
        }
    }

    #[test]
    fn profile_without_slots_never_waits() {
        let mut profile = four_slots();
        profile.slots.clear();
        let seen = launches(1000, NOW, false);
        assert_eq!(seconds_until_turn(&profile, &me(NOW), &seen, NOW), 0);
    }

    #[test]
    fn largest_scale_out_is_the_one_whose_last_turn_still_comes_in_time() {
        let profile = four_slots();
        for seconds in [0, 1, 60, 840] {
            let largest = launches_within(&profile, seconds);
            assert!(wait_behind(largest - 1) <= seconds, "{seconds}");
            assert!(wait_behind(largest) > seconds, "{seconds}");
        }
        assert_eq!(launches_within(&profile, 0), 7);
        assert_eq!(seconds_until_last_turn(&profile, 8), wait_behind(7));
        assert_eq!(seconds_until_last_turn(&profile, 0), 0);
        let mut profile = four_slots();
        profile.slots.clear();
        // They are tagged one after the other, too.
        assert_eq!(launches_within(&profile, 0), 30);
        assert_eq!(launches_within(&profile, 10), 30 + 10 * 8);
        assert_eq!(launches_within(&profile, 840), MAX_LAUNCHES);
    }
}
