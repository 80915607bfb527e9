//! The critical path of a launch: the longest chain of calls that each need the result of the call
//! before. No order of the
//!
//! ```text
//! DescribeInstances          which instance, of which type, in which AZ
//!   → DescribeInstances          who else is launching; before the interfaces, or an address would count twice
//!   → DescribeNetworkInterfaces  which addresses are taken
//!   → CreateNetworkInterface     all side by side
//!   → AttachNetworkInterface     one after the other, in device-index order; not before EC2 shows that the instance runs
//!   → ModifyNetworkInterfaceAttribute  side by side, once attached
//!   → DescribeNetworkInterfaces  not before EC2 shows all this: the proof of invariant I1
//!   → CompleteLifecycleAction
//! ```
//!
//! CreateTags runs beside them. A warm function has cached subnets, reservations and instance
//! types, so there are no calls for them. There is no Lambda and no state machine on this path.

use std::time::Duration;

/// The delays of EC2, counted from the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delays {
    /// When DescribeInstances first returns the instance.
    pub known_after: Duration,
    /// When DescribeInstances first returns it as running.
    pub running_after: Duration,
    /// How far Describe calls lag.
    pub describe_lag: Duration,
    /// How long an attachment is `attaching`.
    pub attach_for: Duration,
}

/// What the launch has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Work {
    /// Interfaces.
    pub interfaces: usize,
    /// Attributes to set for each.
    pub attributes: usize,
}

/// A call, which takes effect half-way between its start and its response.
#[derive(Debug, Clone, Copy)]
struct Call {
    effect: Duration,
    answer: Duration,
}

/// The length of the path from the event to the response of CompleteLifecycleAction. `latency`
/// returns the latency of one call after the other.
pub fn critical_path(
    delays: Delays,
    work: Work,
    mut latency: impl FnMut() -> Duration,
) -> Duration {
    // A call that begins at `start`, and is of no use when it takes effect before `useful`.
    let mut call = |start: Duration, useful: Duration| {
        let half = latency() / 2;
        let effect = (start + half).max(useful);
        Call {
            effect,
            answer: effect + half,
        }
    };
    let no_wait = Duration::ZERO;

    let instance = call(no_wait, delays.known_after);
    let tags = call(instance.answer, no_wait);
    let others = call(instance.answer, no_wait);
    let taken = call(others.answer, no_wait);
    let created = (0..work.interfaces)
        .map(|_| call(taken.answer, no_wait).answer)
        .max()
        .unwrap_or(taken.answer);
    let attachable = if others.effect >= delays.running_after {
        created
    } else {
        created.max(call(others.answer, delays.running_after).answer)
    };

    let mut done = attachable;
    let mut visible = no_wait;
    for _ in 0..work.interfaces {
        let attach = call(done, no_wait);
        done = attach.answer;
        visible = visible.max(attach.effect + delays.attach_for);
        for _ in 0..work.attributes {
            visible = visible.max(call(attach.answer, no_wait).effect);
        }
    }
    let proof = call(done, visible + delays.describe_lag);
    call(proof.answer.max(tags.answer), no_wait).answer
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn seconds(count: f64) -> Duration {
        Duration::from_secs_f64(count)
    }

    fn delays(running_after: f64) -> Delays {
        Delays {
            known_after: Duration::ZERO,
            running_after: seconds(running_after),
            describe_lag: seconds(2.0),
            attach_for: seconds(1.0),
        }
    }

    const FOUR: Work = Work {
        interfaces: 4,
        attributes: 2,
    };

    #[test]
    fn calls_of_one_second_each_on_a_running_instance() {
        // Four calls to the last create, four attaches; the last takes effect at 7.5, is attached
        // at 8.5 (its attributes take effect then too) and seen from 10.5 on; the look is answered
        // at 11, the completion at 12.
        assert_eq!(critical_path(delays(0.0), FOUR, || SECOND), seconds(12.0));
    }

    #[test]
    fn attach_waits_until_the_instance_is_shown_running() {
        // Seen at 20, answered at 20.5; then as above from the creates on: 8 s more.
        assert_eq!(critical_path(delays(20.0), FOUR, || SECOND), seconds(28.5));
    }

    #[test]
    fn launch_without_interfaces_describes_and_completes_only() {
        let none = Work {
            interfaces: 0,
            attributes: 0,
        };
        // The proof waits for the lag even so, as nothing says that there is nothing to prove: 3 +
        // 1 + 1.
        assert_eq!(critical_path(delays(0.0), none, || SECOND), seconds(5.0));
    }

    #[test]
    fn slow_create_delays_everything_after_it() {
        let mut calls = 0;
        // The sixth call is one of the creates: instance, tags, others, taken, create, create.
        let path = critical_path(delays(0.0), FOUR, || {
            calls += 1;
            if calls == 6 { 5 * SECOND } else { SECOND }
        });
        assert_eq!(path, seconds(16.0));
    }
}
