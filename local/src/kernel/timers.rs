//! Timers: what a service does later.
//!
//! Each service has a queue of its own, of its own type.
//! [`Kernel::schedule`](super::Kernel::schedule) numbers the timers of all queues in one sequence,
//! so the timers of several services have one order.

use std::collections::BTreeMap;

use tokio::time::Instant;

/// When a timer is due. Timers for the same instant are ordered by the number of their setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due {
    /// The instant.
    pub at: Instant,
    /// The position among all timers ever set.
    pub number: u64,
}

/// One service's timers, the next one first.
#[derive(Debug)]
pub struct TimerQueue<T> {
    timers: BTreeMap<Due, T>,
}

impl<T> Default for TimerQueue<T> {
    fn default() -> Self {
        Self {
            timers: BTreeMap::new(),
        }
    }
}

impl<T> TimerQueue<T> {
    pub(super) fn insert(&mut self, due: Due, timer: T) {
        self.timers.insert(due, timer);
    }

    /// When the next timer is due.
    #[must_use]
    pub fn next_due(&self) -> Option<Due> {
        self.timers.keys().next().copied()
    }

    /// Takes the next timer out of the queue.
    pub(crate) fn pop(&mut self) -> Option<T> {
        self.timers.pop_first().map(|(_, timer)| timer)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::Kernel;
    use super::*;
    use crate::settings::Settings;

    #[tokio::test(start_paused = true)]
    async fn timers_run_by_instant_and_then_by_setting() {
        let mut kernel = Kernel::new(Settings::for_tests());
        let (mut first, mut second) = (TimerQueue::default(), TimerQueue::default());
        let seconds = Duration::from_secs;
        kernel.schedule(&mut first, seconds(2), "third");
        kernel.schedule(&mut second, seconds(1), "first");
        kernel.schedule(&mut first, seconds(1), "second");
        assert!(second.next_due() < first.next_due());
        assert_eq!(second.pop(), Some("first"));
        assert_eq!(first.pop(), Some("second"));
        assert_eq!(first.pop(), Some("third"));
        assert_eq!((first.next_due(), second.next_due()), (None, None));
    }
}
