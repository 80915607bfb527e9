//! When a launch's turn comes: EC2 gives each account so many calls a second, and a launch that knows how many are
//! before it can wait for its turn instead of being refused again and again.
//!
//! EC2's token buckets (Amazon EC2 Developer Guide, "Request throttling for the Amazon EC2 API") hold for all callers
//! of an account and region. Launches begin at the rate at which the narrowest bucket refills; half of what it
//! holds when full is left to everybody else.

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

/// A longer wait is cut to about this, so that the hook's heartbeat is extended in between and a queue that moves
/// faster than it looked is noticed.
const LONGEST_SECONDS: usize = 300;

/// How long to wait before this launch makes its calls when `ahead` launches are before it, in seconds; 0 when its turn
/// has come. `spread`, any number that differs from launch to launch, keeps cut waits from ending together.
#[must_use]
pub fn wait_seconds(profile: &Profile, ahead: usize, spread: u32) -> u32 {
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
        let at_once = (bucket.capacity / 2)
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
    let seconds = if seconds > LONGEST_SECONDS {
        let spread = usize::try_from(spread).unwrap_or(0) % (LONGEST_SECONDS / 3);
        LONGEST_SECONDS - spread
    } else {
        seconds
    };
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
        for ahead in 0..6 {
            assert_eq!(wait_seconds(&four(), ahead, 0), 0, "{ahead}");
        }
    }

    #[test]
    fn the_rest_come_at_the_rate_of_the_narrowest_bucket() {
        assert_eq!(wait_seconds(&four(), 6, 0), 2);
        // 100 launches of eight calls at five a second are 160 s.
        assert_eq!(wait_seconds(&four(), 105, 0), 160);
    }

    #[test]
    fn long_waits_are_cut_and_spread() {
        for spread in [0, 1, 99, 100, u32::MAX] {
            let seconds = wait_seconds(&four(), 100_000, spread);
            assert!((201..=300).contains(&seconds), "{seconds}");
        }
    }

    #[test]
    fn no_slots_no_wait() {
        let mut profile = four();
        profile.slots.clear();
        assert_eq!(wait_seconds(&profile, 1000, 0), 0);
    }
}
