//! When a launch of a burst is tagged.
//!
//! EC2 serves ten calls of CreateTags a second. If hundreds of launches called it as soon as they
//! begin, they would be served in any order, and a launch whose turn to get interfaces is among the
//! first would often be among the last. So they are tagged in the order of these turns. The first of
//! them then know their turn before it comes, and EC2's other buckets are used from the start.

use super::demand::Demand;
use crate::instance::LaunchOrder;
use crate::profile::{Profile, TokenBucket};

/// How many hundredths of what the bucket gets launches leave in it: for the tags of verdicts and of
/// the VPC CNI, which make a call each for every node.
const LEFT_HUNDREDTHS: u8 = 20;

/// The longest wait to be tagged, in seconds: the hook is not extended meanwhile.
const MAX_SECONDS: u32 = 600;

/// How long until the launch at `me` may be tagged, in seconds. `others` are the launches in flight,
/// in any order, before or after it. `now` is in seconds since the epoch.
#[must_use]
pub fn seconds_until_tag_turn(
    profile: &Profile,
    me: &LaunchOrder,
    others: impl IntoIterator<Item = LaunchOrder>,
    now: i64,
) -> u32 {
    let mut before: Vec<i64> = others
        .into_iter()
        .filter(|other| other < me)
        .map(|other| other.since)
        .collect();
    before.sort_unstable();
    let turn = demand(profile).conforming_time(&before, me.since);
    match turn == me.since {
        true => 0,
        false => u32::try_from(turn.saturating_sub(now).max(0))
            .unwrap_or(MAX_SECONDS)
            .min(MAX_SECONDS),
    }
}

/// What a launch takes of the bucket: a call for the instance, and one more each if its volumes or
/// interfaces get tags that the instance does not. Half of a full bucket is for those that are tagged
/// before they know of others.
pub(super) fn demand(profile: &Profile) -> Demand {
    let rules = profile.tag_rules();
    let bucket = profile.request_rates.create_tags;
    Demand {
        bucket: TokenBucket {
            capacity: bucket.capacity / 2,
            ..bucket
        },
        calls: 1
            + usize::from(!rules.volumes.is_empty())
            + usize::from(!rules.interfaces.is_empty()),
        left_hundredths: LEFT_HUNDREDTHS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{NOW, four_slots, launches, me};

    /// The wait of a launch of just now behind so many others of just now.
    fn wait_behind(profile: &Profile, ahead: usize) -> u32 {
        let others = launches(ahead, NOW, false);
        let others = others.into_iter().map(|launch| launch.order);
        seconds_until_tag_turn(profile, &me(NOW), others, NOW)
    }

    #[test]
    fn first_thirty_are_tagged_at_once_and_then_eight_a_second() {
        for (ahead, wanted) in [(0, 0), (29, 0), (30, 1), (37, 1), (38, 2), (499, 59)] {
            assert_eq!(wait_behind(&four_slots(), ahead), wanted, "{ahead}");
        }
    }

    #[test]
    fn launch_with_tags_of_volumes_takes_two_calls() {
        let mut profile = four_slots();
        profile.volume_tags = [("Team".to_owned(), "core".to_owned())].into();
        assert_eq!(wait_behind(&profile, 14), 0);
        assert_eq!(wait_behind(&profile, 18), 1);
    }

    #[test]
    fn launches_are_tagged_at_the_rate_of_the_account() {
        let mut profile = four_slots();
        profile.request_rates.create_tags = TokenBucket {
            capacity: 200,
            refill_per_second: 20,
        };
        for (ahead, wanted) in [(59, 0), (60, 1), (74, 1), (75, 2), (499, 28)] {
            assert_eq!(wait_behind(&profile, ahead), wanted, "{ahead}");
        }
    }

    #[test]
    fn turn_is_the_same_whenever_it_is_computed() {
        let others = || launches(499, NOW, false).into_iter().map(|it| it.order);
        let wait = |now| seconds_until_tag_turn(&four_slots(), &me(NOW), others(), now);
        assert_eq!(
            [0, 10, 59, 300].map(|passed| wait(NOW + passed)),
            [59, 49, 0, 0]
        );
    }

    #[test]
    fn no_launch_waits_for_longer_than_ten_minutes() {
        assert_eq!(wait_behind(&four_slots(), 4_829), 600);
        assert_eq!(wait_behind(&four_slots(), 50_000), 600);
    }

    #[test]
    fn launches_after_it_and_those_of_long_ago_delay_nobody() {
        let order = |count, since| launches(count, since, true).into_iter().map(|it| it.order);
        let others = order(500, NOW + 1).chain(order(500, NOW - 60));
        assert_eq!(
            seconds_until_tag_turn(&four_slots(), &me(NOW), others, NOW),
            0
        );
    }

    #[test]
    fn times_that_cannot_be_are_no_panic() {
        for since in [i64::MIN, 0, i64::MAX] {
            for now in [i64::MIN, 0, i64::MAX] {
                let others = launches(100, since, false).into_iter().map(|it| it.order);
                let _ = seconds_until_tag_turn(&four_slots(), &me(since), others, now);
            }
        }
    }
}
