//! When a launch's turn comes: EC2 gives each account so many calls a second, and a launch that knows how many are
//! before it can wait for its turn instead of being refused again and again.
//!
//! EC2's token buckets (Amazon EC2 Developer Guide, "Request throttling for the Amazon EC2 API") hold for all callers
//! of an account and region. Launches begin at the rate at which the narrowest bucket refills; the first of them use
//! what it holds when full, but for four tenths. That is for everybody else, and for launches themselves: one takes some seconds
//! more or less than another, and what comes early then finds a token instead of a refusal, whose repetition costs more
//! time than the tokens would have saved (docs/performance.md, "Scale-out").

use super::profile::Profile;

/// A token bucket: how much it holds, and how fast it refills.
struct Bucket {
    capacity: usize,
    refill_per_second: usize,
}

const CREATE: Bucket = Bucket {
    capacity: 100,
    refill_per_second: 5,
};
const ATTACH: Bucket = Bucket {
    capacity: 50,
    refill_per_second: 5,
};
const MODIFY: Bucket = Bucket {
    capacity: 100,
    refill_per_second: 5,
};

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

/// How long until this launch's turn, in seconds, when `ahead` launches are before it; 0 when its turn has come.
#[must_use]
pub fn seconds_until_turn(profile: &Profile, ahead: usize) -> u32 {
    let interfaces = profile.slots.len();
    // DeleteOnTermination for each; SourceDestCheck where it is not as EC2 makes it.
    let attributes: usize = profile
        .slots
        .iter()
        .map(|slot| 1 + usize::from(!slot.source_dest_check))
        .sum();
    let seconds = [
        (CREATE, interfaces),
        (ATTACH, interfaces),
        (MODIFY, attributes),
    ]
    .into_iter()
    .map(|(bucket, calls)| {
        let at_once = (bucket.capacity * 6 / 10)
            .checked_div(calls)
            .unwrap_or(usize::MAX)
            .max(1);
        let behind = (ahead.saturating_add(1)).saturating_sub(at_once);
        behind
            .saturating_mul(calls)
            .div_ceil(bucket.refill_per_second)
    })
    .max()
    .unwrap_or(0);
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::profile::tests::profile;

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

    #[test]
    fn the_first_launches_wait_for_nothing() {
        // Sixty tokens for eight calls each.
        for ahead in 0..7 {
            assert_eq!(seconds_until_turn(&four(), ahead), 0, "{ahead}");
        }
    }

    #[test]
    fn the_rest_come_at_the_rate_of_the_narrowest_bucket() {
        assert_eq!(seconds_until_turn(&four(), 7), 2);
        // 100 launches of eight calls at five a second are 160 s.
        assert_eq!(seconds_until_turn(&four(), 106), 160);
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

    #[test]
    fn no_slots_no_wait() {
        let mut profile = four();
        profile.slots.clear();
        assert_eq!(seconds_until_turn(&profile, 1000), 0);
    }
}
