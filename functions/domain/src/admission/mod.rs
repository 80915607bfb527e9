//! When a launch's turn comes: EC2 gives each account so many calls a second, and a launch that knows how many are
//! before it can wait for its turn instead of being refused again and again.
//!
//! EC2's token buckets ([`crate::profile::request_rates`]) hold for all callers of an account and region. Launches begin at the rate at
//! which the narrowest bucket refills; the first of them use what it holds when full, but for four tenths. That is for
//! everybody else, and for launches themselves: one takes some seconds more or less than another, and what comes early then
//! finds a token instead of a refusal, whose repetition costs more time than the tokens would have saved
//! (docs/performance.md, "Scale-out").
//!
//! The bucket is followed from the times of the launches, not from the time of a look: looks are throttled too, and come up to a
//! minute apart when hundreds of launches begin at once. So all of them find one timetable, whenever they look.

use std::cmp::Reverse;

use crate::addresses::plan::InFlight;
use crate::profile::{Profile, TokenBucket};

/// A longer wait is cut to about this, so that the hook's heartbeat is extended in between.
const LONGEST_SECONDS: u32 = 300;

/// How long to wait, in parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// Now.
    pub wait_seconds: u32,
    /// After that.
    pub then_seconds: u32,
}

impl Turn {
    /// Cuts a wait. `spread`, any number that differs from launch to launch, keeps cut waits from ending together.
    #[must_use]
    pub fn new(seconds: u32, spread: u32) -> Self {
        let wait_seconds = if seconds > LONGEST_SECONDS {
            LONGEST_SECONDS - spread % (LONGEST_SECONDS / 3)
        } else {
            seconds
        };
        Self {
            wait_seconds,
            then_seconds: seconds - wait_seconds,
        }
    }
}

/// How much of a full bucket the first launches use at once, in tenths.
const FIRST_LAUNCHES_TENTHS: i64 = 6;
/// How much of it those may use that find their turn late, in tenths. The rest is for others, and for chance.
const LATE_LOOKS_TENTHS: i64 = 3;

/// The looks of launches (DescribeInstances): each asks for its own instance, and then for all of them. EC2's bucket for them.
const LOOKS_OF_A_LAUNCH: usize = 2;
const LOOKS_AT_ONCE: usize = 100;
const LOOKS_PER_SECOND: usize = 20;

/// Launches so near to one another, in seconds, come at once.
const AT_ONCE_SECONDS: u64 = 30;

/// A launch whose turn was so long ago and that still misses an interface needs it now, whatever was before.
const LATE_AFTER_SECONDS: i64 = 30;

/// How long a launch takes from its turn until it is seen to be wired, when all goes well.
const WIRING_MILLISECONDS: i64 = 8_000;
/// For so long after their launch, those that begin at once may be under way: EC2 has to start them first.
const START_SECONDS: i64 = 30;

/// A launch that draws on the same buckets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// Its place among the launches.
    pub launch: InFlight,
    /// Whether it has every interface, with its attributes.
    pub wired: bool,
}

/// How long until the turn of `launch`, in seconds; 0 when its turn has come. `others` are the launches in flight, in any
/// order, whether before or after this one; `now` is in seconds since the epoch.
#[must_use]
pub fn seconds_until_turn(
    profile: &Profile,
    launch: &InFlight,
    others: &[Queued],
    now: i64,
) -> u32 {
    let shares = shares(profile);
    let lead = narrowest(&shares).map_or(0, |share| lead_seconds(share.bucket, launch, others));
    // What is missing is needed now, however long ago the launch was, unless its turn is just over.
    let due = now.saturating_sub(lead).saturating_sub(LATE_AFTER_SECONDS);
    let missing_at = |launch: &InFlight| launch.since.max(due);
    let mine = missing_at(launch);
    let mut before: Vec<i64> = others
        .iter()
        .filter(|other| other.wired || other.launch < *launch)
        .map(|other| {
            if other.wired {
                other.launch.since
            } else {
                missing_at(&other.launch)
            }
        })
        .filter(|at| *at <= mine)
        .collect();
    before.sort_unstable();
    let begins = shares
        .iter()
        .map(|share| share.begins(&before, mine))
        .fold(mine, i64::max);
    if begins == mine {
        return 0;
    }
    let seconds = begins.saturating_add(lead).saturating_sub(now);
    u32::try_from(seconds.max(0)).unwrap_or(u32::MAX)
}

/// How long after the launches the timetable begins. Launches at once ask more often than EC2 answers, and so do not find
/// their turns in their order: those whose turn is early may find it late. Were the turns to begin at once, these would
/// begin together, as they find them, and need more tokens than a full bucket has.
///
/// With looks evenly spread over `all` seconds, and the turns from `lead` on, the late ones need refill × (all − lead)² ÷
/// (4 × all) tokens more than come in meanwhile. This is the lead with which they need three of the four tenths of a bucket
/// that the first launches leave.
fn lead_seconds(narrowest: TokenBucket, launch: &InFlight, others: &[Queued]) -> i64 {
    let at_once = others
        .iter()
        .filter(|other| other.launch.since.abs_diff(launch.since) <= AT_ONCE_SECONDS)
        .count();
    let looks = (at_once + 1) * LOOKS_OF_A_LAUNCH;
    let all = looks.saturating_sub(LOOKS_AT_ONCE) / LOOKS_PER_SECOND;
    let all = i64::try_from(all).unwrap_or(i64::MAX);
    // What is left for them, in the seconds in which as much is refilled.
    let left = i64::from(narrowest.capacity) * LATE_LOOKS_TENTHS
        / 10
        / i64::from(narrowest.refill_per_second.max(1));
    all.saturating_sub(all.saturating_mul(4 * left).isqrt())
        .max(0)
}

/// How long, in seconds, to let a backlog go first; 0 when there is none. `being_wired` are the times of the launches before
/// this one that run and are not wired yet; those that are pending need no tokens of the narrowest bucket yet.
///
/// A timetable does not get rid of a backlog by itself, as it uses the buckets at their rate: once others have emptied one, every
/// launch after that finds it empty, and asks again and again until the scale-out ends. When all goes well, as many launches
/// are being wired as begin in the time that one takes, and at the start those that begin at once. With so many more that they
/// need what these left in the bucket, it is empty; those that come then wait until there are no more than when all goes well.
#[must_use]
pub fn seconds_of_backlog(profile: &Profile, being_wired: &[i64], now: i64) -> u32 {
    let shares = shares(profile);
    let (Some(share), Some(oldest)) = (narrowest(&shares), being_wired.iter().min()) else {
        return 0;
    };
    let count = i64::try_from(being_wired.len()).unwrap_or(i64::MAX);
    let interval = share.interval();
    let under_way = WIRING_MILLISECONDS
        .checked_div(interval)
        .unwrap_or(i64::MAX);
    let at_once = match now.saturating_sub(*oldest) <= START_SECONDS {
        true => share.launches_of_tenths(FIRST_LAUNCHES_TENTHS),
        false => 0,
    };
    let left = share.launches_of_tenths(10 - FIRST_LAUNCHES_TENTHS);
    if count <= under_way.saturating_add(at_once).saturating_add(left) {
        return 0;
    }
    let wait = count.saturating_sub(under_way).saturating_mul(interval);
    u32::try_from(wait.saturating_add(999) / 1000).unwrap_or(u32::MAX)
}

/// What a launch takes of a token bucket.
#[derive(Debug, Clone, Copy)]
struct Share {
    bucket: TokenBucket,
    /// How many calls.
    calls: usize,
}

/// What a launch takes of the buckets that are narrow enough to matter.
fn shares(profile: &Profile) -> [Share; 3] {
    let interfaces = profile.slots.len();
    // DeleteOnTermination for each; SourceDestCheck where it is not as EC2 makes it.
    let attributes: usize = profile
        .slots
        .iter()
        .map(|slot| 1 + usize::from(!slot.source_dest_check))
        .sum();
    let rates = profile.request_rates;
    [
        (rates.create_network_interface, interfaces),
        (rates.attach_network_interface, interfaces),
        (rates.modify_network_interface_attribute, attributes),
    ]
    .map(|(bucket, calls)| Share { bucket, calls })
}

/// The one that takes longest for a launch's calls; of two alike the smaller one.
fn narrowest(shares: &[Share]) -> Option<&Share> {
    shares
        .iter()
        .max_by_key(|share| (share.interval(), Reverse(share.bucket.capacity)))
}

impl Share {
    fn calls(&self) -> i64 {
        i64::try_from(self.calls).unwrap_or(i64::MAX)
    }

    /// How long the bucket takes to refill by one launch's calls, in milliseconds, rounded up.
    fn interval(&self) -> i64 {
        let refill = i64::from(self.bucket.refill_per_second).max(1);
        milliseconds(self.calls()).saturating_add(refill - 1) / refill
    }

    /// How many launches so many tenths of a full bucket serve, at least one.
    fn launches_of_tenths(&self, tenths: i64) -> i64 {
        (i64::from(self.bucket.capacity) * tenths / 10)
            .checked_div(self.calls())
            .unwrap_or(i64::MAX)
            .max(1)
    }

    /// When a launch that needs its calls at the time `mine` has them, in seconds, rounded up: the generic cell rate
    /// algorithm, with one launch for a cell. `before` are the times of the launches that come first, in order.
    fn begins(&self, before: &[i64], mine: i64) -> i64 {
        let interval = self.interval();
        let at_once = self.launches_of_tenths(FIRST_LAUNCHES_TENTHS);
        let burst = interval.saturating_mul(at_once - 1);
        // When the bucket would be full again.
        let full_at = before.iter().fold(i64::MIN, |full_at, at| {
            full_at.max(milliseconds(*at)).saturating_add(interval)
        });
        let wait = full_at
            .saturating_sub(burst)
            .saturating_sub(milliseconds(mine));
        mine.saturating_add(wait.max(0).saturating_add(999) / 1000)
    }
}

const fn milliseconds(seconds: i64) -> i64 {
    seconds.saturating_mul(1000)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures::profile;
    use crate::ids::InstanceId;

    /// Four slots that need two attributes each: eight ModifyNetworkInterfaceAttribute calls a launch.
    fn four() -> Profile {
        let mut value = profile();
        let slot = value["slots"][1].clone();
        value["slots"] = (1..=4)
            .map(|n| {
                let mut slot = slot.clone();
                slot["deviceIndex"] = json!(n);
                slot["network"] = json!(format!("n{n}"));
                slot
            })
            .collect();
        Profile::read(value).unwrap()
    }

    const NOW: i64 = 1_800_000_000;

    /// The launch that looks: the last of those at its time.
    fn at(since: i64) -> InFlight {
        InFlight {
            since,
            instance_id: "i-ffffffffffffffff1".parse().unwrap(),
        }
    }

    /// So many other launches of that time.
    fn others(count: usize, since: i64, wired: bool) -> Vec<Queued> {
        let instance_id: InstanceId = "i-00000000000000001".parse().unwrap();
        let launch = InFlight { since, instance_id };
        vec![Queued { launch, wired }; count]
    }

    /// The wait of a launch of just now that has so many others before it, of just now too.
    fn wait_behind(ahead: usize) -> u32 {
        seconds_until_turn(&four(), &at(NOW), &others(ahead, NOW, false), NOW)
    }

    #[test]
    fn the_first_launches_wait_for_nothing() {
        // Sixty tokens for eight calls each.
        for ahead in 0..7 {
            assert_eq!(wait_behind(ahead), 0, "{ahead}");
        }
    }

    #[test]
    fn the_rest_come_at_the_rate_of_the_narrowest_bucket() {
        assert_eq!(wait_behind(7), 2);
        assert_eq!(wait_behind(46), 64);
        // 494 times eight calls at five a second are 790 s. 1,002 looks are answered after 45 s, and 30 tokens are left for
        // those that look late, which are 6 s: 45 - √(45 × 24).
        assert_eq!(wait_behind(500), 791 + 13);
    }

    #[test]
    fn an_account_with_higher_rates_waits_less() {
        let mut profile = four();
        let bucket = &mut profile.request_rates.modify_network_interface_attribute;
        (bucket.capacity, bucket.refill_per_second) = (400, 20);
        // Creates and attaches are the narrowest now: four of each.
        let wait = seconds_until_turn(&profile, &at(NOW), &others(46, NOW, false), NOW);
        assert_eq!(wait, 40 * 4 / 5);
    }

    #[test]
    fn the_turn_is_the_same_whenever_it_is_looked_for() {
        for all in [50, 200, 2000] {
            let turn = i64::from(wait_behind(all)) + NOW;
            let first_turn = turn - i64::try_from(all * 8 / 5).unwrap();
            for passed in [1, 10, 30, 60, 120, 300] {
                let now = NOW + passed;
                if now > turn {
                    continue;
                }
                // Those whose turn was 15 s ago are wired, and are seen to be.
                let wired = (now - first_turn - 15).max(0) * 5 / 8;
                let wired = usize::try_from(wired).unwrap();
                let mut seen = others(wired, NOW, true);
                seen.extend(others(all - wired, NOW, false));
                let wait = seconds_until_turn(&four(), &at(NOW), &seen, now);
                assert_eq!(now + i64::from(wait), turn, "{all} after {passed} s");
            }
        }
    }

    #[test]
    fn who_looks_after_its_turn_waits_for_nothing() {
        let seen = others(20, NOW, true);
        assert_eq!(seconds_until_turn(&four(), &at(NOW), &seen, NOW + 40), 0);
    }

    #[test]
    fn launches_of_long_ago_that_are_wired_hold_nobody_up() {
        let seen = others(500, NOW - 1000, true);
        assert_eq!(seconds_until_turn(&four(), &at(NOW), &seen, NOW + 5), 0);
    }

    #[test]
    fn launches_of_long_ago_that_are_not_wired_count_from_now() {
        // Something else takes the tokens: none of a hundred launches is wired after ten minutes.
        let seen = others(100, NOW - 600, false);
        let wait = seconds_until_turn(&four(), &at(NOW), &seen, NOW);
        let all = 94 * 8 / 5;
        assert!((all - 30..=all).contains(&wait), "{wait}");
    }

    #[test]
    fn one_that_never_gets_wired_holds_nobody_up() {
        let mut seen = others(500, NOW - 1000, true);
        seen.extend(others(1, NOW - 2000, false));
        seen.extend(others(5, NOW, false));
        assert_eq!(seconds_until_turn(&four(), &at(NOW), &seen, NOW + 5), 0);
    }

    #[test]
    fn those_behind_a_launch_are_none_of_its_business() {
        let mut seen = others(60, NOW, true);
        let mut behind = others(40, NOW + 1, false);
        seen.append(&mut behind);
        assert_eq!(seconds_until_turn(&four(), &at(NOW), &seen, NOW + 120), 0);
    }

    #[test]
    fn times_that_cannot_be_are_no_panic() {
        let times = [i64::MIN, i64::MIN + 1, 0, i64::MAX];
        for since in times {
            for now in times {
                let seen = times
                    .into_iter()
                    .flat_map(|since| [false, true].map(|wired| others(3, since, wired)));
                let seen: Vec<Queued> = seen.flatten().collect();
                let _ = seconds_until_turn(&four(), &at(since), &seen, now);
                let _ = seconds_of_backlog(&four(), &vec![since; 30], now);
            }
        }
    }

    #[test]
    fn long_waits_are_cut_and_spread_and_nothing_of_them_is_lost() {
        for spread in [0, 1, 99, 100, u32::MAX] {
            let turn = Turn::new(1000, spread);
            assert!((201..=300).contains(&turn.wait_seconds), "{turn:?}");
            assert_eq!(turn.wait_seconds + turn.then_seconds, 1000);
        }
        assert_eq!(
            Turn::new(300, 7),
            Turn {
                wait_seconds: 300,
                then_seconds: 0
            }
        );
    }

    /// The wait for so many before it that run and are not wired, launched so many seconds ago.
    fn wait_for_backlog(profile: &Profile, count: usize, seconds_ago: i64) -> u32 {
        seconds_of_backlog(profile, &vec![NOW - seconds_ago; count], NOW)
    }

    #[test]
    fn a_backlog_is_more_than_the_bucket_serves_and_waited_for_until_it_is_gone() {
        // A launch takes 1.6 s of the bucket. Five begin in the time that one takes; five more empty it.
        assert_eq!(wait_for_backlog(&four(), 0, 60), 0);
        assert_eq!(wait_for_backlog(&four(), 10, 60), 0);
        assert_eq!(wait_for_backlog(&four(), 11, 60), 10);
        assert_eq!(wait_for_backlog(&four(), 505, 60), 800);
    }

    #[test]
    fn those_that_begin_at_once_are_no_backlog_at_the_start() {
        assert_eq!(wait_for_backlog(&four(), 17, 20), 0);
        assert_eq!(wait_for_backlog(&four(), 18, 20), 21);
        let mut one_is_old = vec![NOW - 20; 16];
        one_is_old.push(NOW - 31);
        assert_eq!(seconds_of_backlog(&four(), &one_is_old, NOW), 20);
    }

    #[test]
    fn where_launches_take_longer_at_the_buckets_rate_than_by_themselves_a_few_may_still_be_wired()
    {
        let mut profile = four();
        let bucket = &mut profile.request_rates.modify_network_interface_attribute;
        (bucket.capacity, bucket.refill_per_second) = (10, 1);
        assert_eq!(wait_for_backlog(&profile, 2, 60), 0);
        assert_eq!(wait_for_backlog(&profile, 3, 60), 16);
    }

    #[test]
    fn no_slots_no_wait() {
        let mut profile = four();
        profile.slots.clear();
        let seen = others(1000, NOW, false);
        assert_eq!(seconds_until_turn(&profile, &at(NOW), &seen, NOW), 0);
        assert_eq!(wait_for_backlog(&profile, 1000, 60), 0);
    }
}
