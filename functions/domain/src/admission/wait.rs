//! Waits: how long ones are cut, how long an execution waits after its node is ready, and pauses after an
//! address conflict.

use super::heartbeat::Heartbeat;
use crate::execution::{Step, WaitReason};
use crate::ids::InstanceId;

/// The longest wait in one piece for anything but a turn, in seconds.
const MAX_SECONDS: u32 = 300;
/// The longest last piece of a wait for a turn that is cut, in seconds, after which the launch does not
/// extend its hook: if Auto Scaling throttled that, the launch would be late, and those after it would
/// take it for a backlog. The piece is long enough for the tries of the heartbeat before it.
const MAX_SECONDS_OF_LAST: u32 = 180;

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
    /// Whether the hook is extended at its end.
    pub extend_hook: bool,
}

impl Wait {
    /// Cuts a wait into pieces, between which the hook is extended. `jitter` keeps the cut waits of many
    /// launches from ending together.
    #[must_use]
    pub fn new(total_seconds: u32, reason: WaitReason, jitter: u32, hook: &Heartbeat) -> Self {
        let (seconds, extend_hook) = match reason {
            WaitReason::Turn => until_turn(total_seconds, jitter, hook),
            _ => {
                let longest = MAX_SECONDS - jitter % (MAX_SECONDS / 3);
                let seconds = match total_seconds > MAX_SECONDS {
                    true => longest,
                    false => total_seconds,
                };
                (seconds, !hook.lasts_for_a_look_after(seconds))
            }
        };
        Self {
            seconds,
            reason,
            then_seconds: total_seconds - seconds,
            extend_hook,
        }
    }
}

/// The first piece of a wait for a turn, and whether the hook is extended after it. It is extended after
/// each piece but the last.
fn until_turn(total_seconds: u32, jitter: u32, hook: &Heartbeat) -> (u32, bool) {
    let Some(until_due) = hook
        .until_due(jitter)
        .filter(|_| !hook.lasts(total_seconds))
    else {
        return (total_seconds, false);
    };
    let last = MAX_SECONDS_OF_LAST - jitter % (MAX_SECONDS_OF_LAST / 3);
    let before_last = total_seconds.saturating_sub(last).clamp(1, until_due);
    (before_last.min(total_seconds), true)
}

impl From<Wait> for Step {
    fn from(wait: Wait) -> Self {
        Self::Wait {
            seconds: wait.seconds,
            reason: wait.reason,
            then_seconds: wait.then_seconds,
            extend_hook: wait.extend_hook,
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

    /// A hook of ours that began, or was extended, so many seconds ago.
    fn hook(extended_after: Option<u64>, now: u64) -> Heartbeat {
        Heartbeat::Ours {
            extended_after,
            now: Some(now),
            just_now: None,
        }
    }

    /// Waits as an execution does that has waited for `since` seconds, and returns the pieces with whether
    /// the hook is extended after each, and how old the hook gets.
    fn pieces(total: u32, jitter: u32, since: u64) -> (Vec<(u32, bool)>, u64) {
        let (mut left, mut now, mut extended_after, mut oldest) = (total, since, None, 0);
        let mut pieces = Vec::new();
        while left > 0 {
            let wait = Wait::new(left, WaitReason::Turn, jitter, &hook(extended_after, now));
            assert_eq!(wait.seconds + wait.then_seconds, left);
            assert!(wait.seconds > 0, "{wait:?}");
            now += u64::from(wait.seconds);
            oldest = oldest.max(now - extended_after.unwrap_or(0));
            if wait.extend_hook {
                extended_after = Some(now);
            }
            pieces.push((wait.seconds, wait.extend_hook));
            left = wait.then_seconds;
        }
        (pieces, oldest)
    }

    #[test]
    fn hook_is_extended_seldom_and_shortly_before_the_turn() {
        assert_eq!(pieces(200, 0, 5).0, [(200, false)]);
        assert_eq!(pieces(400, 0, 5).0, [(220, true), (180, false)]);
        let all = [(895, true), (900, true), (525, true), (180, false)];
        assert_eq!(pieces(2_500, 0, 5).0, all);
    }

    #[test]
    fn first_extensions_of_many_are_spread_over_ten_minutes() {
        let first = |jitter| pieces(5_000, jitter, 0).0[0].0;
        assert_eq!([0, 300, 599].map(first), [900, 600, 301]);
    }

    #[test]
    fn hook_is_never_old_and_is_new_when_the_turn_comes() {
        for (total, jitter) in (1..6_000).zip((0..).step_by(7)) {
            let (pieces, oldest) = pieces(total, jitter, 30);
            assert!(oldest <= 900, "{total}: {pieces:?}");
            let (last, extended) = pieces.last().unwrap();
            let age = match pieces.len() {
                1 => last + 30,
                _ => *last,
            };
            assert!(*extended || age <= 210, "{total}: {pieces:?}");
        }
    }

    #[test]
    fn hook_that_should_have_been_extended_before_is_extended_soon() {
        for late in [hook(Some(100), 1_200), hook(None, 100_000)] {
            let wait = Wait::new(2_000, WaitReason::Turn, 0, &late);
            assert_eq!((wait.seconds, wait.extend_hook), (60, true));
        }
        let wait = Wait::new(20, WaitReason::Turn, 0, &hook(None, 400));
        assert_eq!(
            (wait.seconds, wait.then_seconds, wait.extend_hook),
            (1, 19, true)
        );
        let unknown = Heartbeat::Ours {
            extended_after: None,
            now: None,
            just_now: None,
        };
        assert!(Wait::new(20, WaitReason::Turn, 0, &unknown).extend_hook);
    }

    #[test]
    fn hook_of_nobody_is_never_extended() {
        let wait = Wait::new(5_000, WaitReason::Turn, 7, &Heartbeat::NotOurs);
        assert_eq!((wait.seconds, wait.extend_hook), (5_000, false));
        assert!(!Wait::new(60, WaitReason::Pending, 7, &Heartbeat::NotOurs).extend_hook);
    }

    #[test]
    fn launch_that_looks_often_extends_its_hook_seldom() {
        let extends = |reason, age| Wait::new(60, reason, 0, &hook(None, age)).extend_hook;
        for reason in [
            WaitReason::Pending,
            WaitReason::Backlog,
            WaitReason::AddressConflict,
        ] {
            assert_eq!(
                [0, 90, 91, 900].map(|age| extends(reason, age)),
                [false, false, true, true]
            );
        }
        let long = Wait::new(1_000, WaitReason::Backlog, 0, &hook(None, 0));
        assert_eq!((long.seconds, long.extend_hook), (300, true));
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
