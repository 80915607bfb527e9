//! How long to let the launches under way finish first.
//!
//! A timetable clears a backlog only slowly, as it uses the buckets at nearly their rate: once other
//! callers have emptied a bucket, the launches after that find it empty for long, and repeat their
//! calls. When all goes well, as many launches are being wired as begin in the time that one takes,
//! and at the start those of the burst besides. If there are so many more that they need what the
//! burst left in the bucket, the bucket is empty. A launch that comes then waits until there are no
//! more than when all goes well.

use super::demand::Demand;
use crate::profile::Profile;

/// How long a launch takes from its turn until it is seen to be wired, when all goes well.
const WIRING_MILLISECONDS: i64 = 8_000;
/// For this many seconds after their launch, those of a burst may be under way: EC2 has to start
/// their instances first.
const START_SECONDS: i64 = 30;

/// How long, in seconds, to let a backlog go first; 0 if there is none. `being_wired` are the
/// times, in seconds since the epoch, of the launches before this one that run and are not wired
/// yet.
#[must_use]
pub fn seconds_of_backlog(profile: &Profile, being_wired: &[i64], now: i64) -> u32 {
    let demands = Demand::of(profile);
    let (Some(demand), Some(oldest)) = (Demand::narrowest(&demands), being_wired.iter().min())
    else {
        return 0;
    };
    let count = i64::try_from(being_wired.len()).unwrap_or(i64::MAX);
    let under_way = demand.launches_coming_in(WIRING_MILLISECONDS);
    let burst = match now.saturating_sub(*oldest) <= START_SECONDS {
        true => demand.burst(),
        false => 0,
    };
    if count
        <= under_way
            .saturating_add(burst)
            .saturating_add(demand.reserve())
    {
        return 0;
    }
    let wait = count
        .saturating_sub(under_way)
        .saturating_mul(demand.emission_interval());
    u32::try_from(wait.saturating_add(999) / 1000).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{NOW, four_slots};

    /// The wait for so many before it that run and are not wired, launched so many seconds ago.
    fn wait_for(profile: &Profile, count: usize, seconds_ago: i64) -> u32 {
        seconds_of_backlog(profile, &vec![NOW - seconds_ago; count], NOW)
    }

    #[test]
    fn backlog_is_more_than_the_bucket_serves_and_is_waited_for_until_it_is_gone() {
        // A launch comes every 0.817 s. Ten begin in the time that one takes; five more empty
        // it.
        assert_eq!(wait_for(&four_slots(), 0, 60), 0);
        assert_eq!(wait_for(&four_slots(), 15, 60), 0);
        assert_eq!(wait_for(&four_slots(), 16, 60), 5);
        assert_eq!(wait_for(&four_slots(), 510, 60), 409);
    }

    #[test]
    fn launches_of_a_burst_are_no_backlog_at_the_start() {
        assert_eq!(wait_for(&four_slots(), 22, 20), 0);
        assert_eq!(wait_for(&four_slots(), 23, 20), 11);
        let mut one_is_old = vec![NOW - 20; 21];
        one_is_old.push(NOW - 31);
        assert_eq!(seconds_of_backlog(&four_slots(), &one_is_old, NOW), 10);
    }

    #[test]
    fn launch_may_go_beside_a_few_where_the_bucket_is_slower_than_a_launch() {
        let mut profile = four_slots();
        let bucket = &mut profile.request_rates.modify_network_interface_attribute;
        (bucket.capacity, bucket.refill_per_second) = (10, 1);
        assert_eq!(wait_for(&profile, 3, 60), 0);
        assert_eq!(wait_for(&profile, 4, 60), 9);
    }

    #[test]
    fn profile_without_slots_has_no_backlog() {
        let mut profile = four_slots();
        profile.slots.clear();
        assert_eq!(wait_for(&profile, 1000, 60), 0);
    }

    #[test]
    fn times_that_cannot_be_are_no_panic() {
        for since in [i64::MIN, 0, i64::MAX] {
            for now in [i64::MIN, 0, i64::MAX] {
                let _ = seconds_of_backlog(&four_slots(), &[since; 30], now);
            }
        }
    }
}
