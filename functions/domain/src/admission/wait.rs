//! Waits: how long ones are cut, how long an execution waits after its node is ready, and pauses after an
//! address conflict.

use crate::execution::{Step, WaitReason};
use crate::ids::InstanceId;

/// The longest wait in one piece, in seconds. The state machine extends the hook between two
/// pieces.
const MAX_SECONDS: u32 = 300;
/// The longest last piece of a wait that is cut, in seconds, after which a launch whose turn has come
/// does not extend its hook: if Auto Scaling throttled that, the launch would be late, and those after
/// it would take it for a backlog. The piece is long enough for the tries of the heartbeat before it.
const MAX_SECONDS_OF_LAST: u32 = 60;

/// The longest that an execution goes on after its node is ready, in seconds, less the time for its
/// last calls. What is not set by then, reconcile sets.
pub const MAX_SECONDS_AFTER_CONTINUE: i64 = 840;

/// How long to wait, and for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// How long to wait now, in seconds.
    pub seconds: u32,
    /// What for.
    pub reason: WaitReason,
    /// How long to wait after that, in seconds.
    pub then_seconds: u32,
}

impl Wait {
    /// Cuts a wait into pieces. `jitter` keeps the cut waits of many launches from ending together.
    #[must_use]
    pub fn new(total_seconds: u32, reason: WaitReason, jitter: u32) -> Self {
        let longest = MAX_SECONDS - jitter % (MAX_SECONDS / 3);
        let last = MAX_SECONDS_OF_LAST - jitter % (MAX_SECONDS_OF_LAST / 2);
        let seconds = match reason {
            WaitReason::Turn if total_seconds > MAX_SECONDS_OF_LAST => {
                longest.min(total_seconds - last)
            }
            _ if total_seconds > MAX_SECONDS => longest,
            _ => total_seconds,
        };
        Self {
            seconds,
            reason,
            then_seconds: total_seconds - seconds,
        }
    }
}

impl From<Wait> for Step {
    fn from(wait: Wait) -> Self {
        Self::Wait {
            seconds: wait.seconds,
            reason: wait.reason,
            then_seconds: wait.then_seconds,
        }
    }
}

/// A number that differs from launch to launch, and is always the same for one.
#[must_use]
pub fn jitter(instance: &InstanceId) -> u32 {
    instance.as_str().bytes().fold(0, |sum: u32, byte| {
        sum.wrapping_mul(31).wrapping_add(byte.into())
    })
}

/// An instance that has been pending for so many seconds will not run: EC2 ends a launch that fails,
/// and an instance of bare metal takes about ten minutes.
pub const MAX_PENDING_SECONDS: i64 = 3_600;

/// A pause that grows: three tenths of what was waited so far, within these bounds, all in seconds. So the
/// number of looks grows with the logarithm of the wait.
pub(crate) fn growing_pause(waited: i64, (shortest, longest): (i64, i64)) -> i64 {
    (waited.saturating_mul(3) / 10).clamp(shortest, longest)
}

/// How long a launch waits until it looks again whether its instance runs, in seconds, if EC2
/// launched that so many seconds ago. No node waits for long after its instance runs.
pub(super) fn until_next_look(pending_seconds: i64) -> u32 {
    u32::try_from(growing_pause(pending_seconds, (5, 60))).unwrap_or(0)
}

/// How long to pause, in seconds, after somebody else took an address that this launch had planned.
///
/// That may be another execution for this launch (a duplicate event), whose interfaces a listing
/// shows only after a while; or something else that takes addresses. A pause that grows and differs
/// from launch to launch lets either finish.
#[must_use]
pub fn pause_after_conflict(round: u32, jitter: u32) -> u32 {
    2 + jitter.wrapping_add(round) % (1 << round.clamp(2, 5))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_wait_is_cut_and_spread_and_its_pieces_add_up() {
        for jitter in [0, 1, 99, 100, u32::MAX] {
            let wait = Wait::new(1000, WaitReason::Turn, jitter);
            assert!((201..=300).contains(&wait.seconds), "{wait:?}");
            assert_eq!(wait.seconds + wait.then_seconds, 1000);
            let nearly = Wait::new(200, WaitReason::Turn, jitter);
            assert!((31..=60).contains(&nearly.then_seconds), "{nearly:?}");
            assert_eq!(nearly.seconds + nearly.then_seconds, 200);
        }
        for (total, reason) in [(60, WaitReason::Turn), (300, WaitReason::Backlog)] {
            let whole = Wait::new(total, reason, 7);
            assert_eq!((whole.seconds, whole.then_seconds), (total, 0));
        }
    }

    #[test]
    fn every_wait_that_is_cut_ends_in_a_short_piece() {
        for (total, jitter) in (61..2_000).zip((0..).step_by(7)) {
            let mut wait = Wait::new(total, WaitReason::Turn, jitter);
            while wait.then_seconds > 0 {
                assert!(wait.seconds > 0 && wait.seconds <= 300, "{wait:?}");
                wait = Wait::new(wait.then_seconds, WaitReason::Turn, jitter);
            }
            assert!((31..=60).contains(&wait.seconds), "{total}: {wait:?}");
        }
    }

    #[test]
    fn pause_after_a_conflict_grows_with_the_rounds_and_is_bounded() {
        for (round, longest) in [(1, 5), (2, 5), (3, 9), (4, 17), (5, 33), (25, 33)] {
            let pauses: Vec<u32> = (0..64)
                .map(|jitter| pause_after_conflict(round, jitter))
                .collect();
            assert_eq!(pauses.iter().min(), Some(&2), "{round}");
            assert_eq!(pauses.iter().max(), Some(&longest), "{round}");
        }
    }

    #[test]
    fn jitter_tells_instances_apart() {
        let of = |id: &str| jitter(&id.parse().unwrap());
        assert_eq!(of("i-0000000000000000a"), of("i-0000000000000000a"));
        assert_ne!(of("i-0000000000000000a"), of("i-0000000000000000b"));
    }
}
