//! The clock.
//!
//! The fake AWS never reads the wall clock after its start. Its time is tokio's, and while a timer
//! runs, the time is exactly the instant at which that timer was due. So a history does not depend
//! on how promptly a task woke up.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

/// The current instant, and the date that belongs to it.
#[derive(Clone, Debug)]
pub struct Clock {
    started: Instant,
    started_at: Timestamp,
    now: Instant,
}

impl Clock {
    /// Starts a clock at this date and time; at the machine's own when `None`.
    pub(crate) fn start(started_at: Option<Timestamp>) -> Self {
        let now = Instant::now();
        Self {
            started: now,
            started_at: started_at.unwrap_or_else(Timestamp::now),
            now,
        }
    }

    pub(crate) fn now(&self) -> Instant {
        self.now
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.now.duration_since(self.started)
    }

    pub(crate) fn timestamp_at(&self, at: Instant) -> Timestamp {
        self.started_at
            .checked_add(at.duration_since(self.started))
            .unwrap_or(self.started_at)
    }

    pub(crate) fn advance_to(&mut self, instant: Instant) {
        self.now = self.now.max(instant);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_clock_never_goes_back() {
        let mut clock = Clock::start(Some(Timestamp::UNIX_EPOCH));
        let start = clock.now();
        clock.advance_to(start + Duration::from_secs(90));
        clock.advance_to(start + Duration::from_secs(60));
        assert_eq!(clock.elapsed(), Duration::from_secs(90));
        assert_eq!(clock.timestamp_at(clock.now()).as_second(), 90);
    }
}
