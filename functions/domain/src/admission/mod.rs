//! Admission: whether a launch goes ahead now, or waits.
//!
//! EC2 limits the calls of an account by token buckets (Amazon EC2 Developer Guide, "Request
//! throttling for the Amazon EC2 API"). Five hundred launches that begin at once would mostly be
//! refused, again and again. So a launch looks who is before it, and waits until the buckets serve
//! it. [`decide`] is the whole rule; `docs/admission.md` explains it with a drawing.
//!
//! | file | holds |
//! |---|---|
//! | [`queue`] | who is in flight, who comes first, who is wired |
//! | [`demand`] | one bucket and what a launch takes of it: the generic cell rate algorithm |
//! | [`tag_turn`] | when a launch of a burst is tagged |
//! | [`timetable`] | when a launch's turn comes |
//! | [`after_continue`] | when a launch sets DeleteOnTermination |
//! | [`bound`] | the least time that the buckets allow for a scale-out |
//! | [`concurrency`] | how many invocations of each function a scale-out has at once |
//! | [`backlog`] | how long to let the launches under way finish first |
//! | [`previous`] | the decision before this one |
//! | [`heartbeat`] | when a launch that waits extends its hook |
//! | [`wait`] | how long waits are cut, and pauses after a conflict |

pub mod after_continue;
pub mod backlog;
pub mod bound;
pub mod concurrency;
pub mod demand;
pub mod heartbeat;
pub mod previous;
pub mod queue;
pub mod tag_turn;
pub mod timetable;
pub mod wait;

pub use concurrency::Concurrency;
pub use heartbeat::Heartbeat;
pub use previous::Previous;
pub use queue::{ObservedLaunch, Queue};
pub use tag_turn::seconds_until_tag_turn;
pub use timetable::{launches_within, seconds_until_last_turn};
pub use wait::{MAX_PENDING_SECONDS, Wait, jitter};

use crate::execution::WaitReason;
use crate::profile::Profile;

/// Whether a launch goes ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Not now.
    Wait(Wait),
    /// Now.
    Go,
}

/// Decides for the launch of `queue`, at `now` in seconds since the epoch.
///
/// 1. A wait that was cut goes on.
/// 2. A launch that has its interfaces waits until its instance runs.
/// 3. At its first decision, a launch waits for its turn. The turn is computed once: a launch ahead
///    that is late uses its turn when it comes, and delays nobody.
/// 4. After an address conflict it pauses, a little longer each time.
/// 5. When its turn has come, it lets a backlog go first, as long as the backlog shrinks: launches
///    that are stuck delay nobody.
/// 6. Its hook is extended before it goes if that was long ago, as after a long wait to be tagged.
#[must_use]
pub fn decide(
    profile: &Profile,
    queue: &Queue,
    previous: &Previous,
    hook: &Heartbeat,
    now: i64,
) -> Decision {
    let jitter = jitter(&queue.me.instance_id);
    let wait = |seconds, reason| Decision::Wait(Wait::new(seconds, reason, jitter, hook));
    if let Some(wait) = previous.remaining_wait(jitter, hook) {
        return Decision::Wait(wait);
    }
    if previous.has_interfaces && !queue.me_is_running {
        let seconds = wait::until_next_look(now.saturating_sub(queue.me.since));
        return wait(seconds, WaitReason::Pending);
    }
    let (seconds, reason) = if previous.address_was_taken {
        (
            wait::pause_after_conflict(previous.round, jitter),
            WaitReason::AddressConflict,
        )
    } else if previous.is_first() && !queue.me_is_wired {
        (
            timetable::seconds_until_turn(profile, &queue.me, &queue.others, now),
            WaitReason::Turn,
        )
    } else {
        (0, WaitReason::Turn)
    };
    if seconds > 0 {
        return wait(seconds, reason);
    }
    let backlog = match queue.me_is_wired || !previous.backlog_shrinks(queue.ahead()) {
        true => 0,
        false => backlog::seconds_of_backlog(profile, &queue.being_wired(), now),
    };
    match backlog {
        0 if hook.may_go_on() => Decision::Go,
        0 => wait(1, WaitReason::Turn),
        seconds => wait(seconds, WaitReason::Backlog),
    }
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
