//! A value with its recent past, so that Describe calls can show it as it was a while ago.

use std::collections::VecDeque;
use std::time::Duration;

use rand::RngExt;
use tokio::time::Instant;

use crate::kernel::Kernel;

/// The versions of a value, oldest first. `None`: it did not exist, or no longer.
#[derive(Clone, Debug)]
pub(crate) struct Lagged<T> {
    versions: VecDeque<(Instant, Option<T>)>,
}

impl<T: Clone> Lagged<T> {
    pub(crate) fn new(now: Instant, value: T) -> Self {
        Self {
            versions: VecDeque::from([(now, Some(value))]),
        }
    }

    /// The current value.
    pub(crate) fn current(&self) -> Option<&T> {
        self.versions.back()?.1.as_ref()
    }

    /// The value at an instant in the past.
    pub(crate) fn as_of(&self, at: Instant) -> Option<&T> {
        let (_, value) = self.versions.iter().rev().find(|(from, _)| *from <= at)?;
        value.as_ref()
    }

    /// Changes the value, if it exists. Drops versions that are older than the lag.
    pub(crate) fn edit<R>(
        &mut self,
        now: Instant,
        lag: Duration,
        change: impl FnOnce(&mut T) -> R,
    ) -> Option<R> {
        let mut value = self.current()?.clone();
        let result = change(&mut value);
        self.push(now, lag, Some(value));
        Some(result)
    }

    /// Removes the value. Lagging Describe calls still show it.
    pub(crate) fn remove(&mut self, now: Instant, lag: Duration) {
        self.push(now, lag, None);
    }

    /// Whether no Describe call can show it any more.
    pub(crate) fn is_gone(&self, horizon: Option<Instant>) -> bool {
        match (self.versions.back(), horizon) {
            (Some((from, None)), Some(horizon)) => *from <= horizon,
            (Some(_), _) => false,
            (None, _) => true,
        }
    }

    fn push(&mut self, now: Instant, lag: Duration, value: Option<T>) {
        if self.versions.back().is_some_and(|(from, _)| *from == now) {
            self.versions.pop_back();
        }
        self.versions.push_back((now, value));
        let Some(horizon) = now.checked_sub(lag) else {
            return;
        };
        // The last version from before the horizon is still what a lagging reader sees.
        while self
            .versions
            .get(1)
            .is_some_and(|(from, _)| *from <= horizon)
        {
            self.versions.pop_front();
        }
    }
}

/// The instant whose state a Describe call shows. `None` is before everything.
pub(crate) fn describe_time(kernel: &mut Kernel) -> Option<Instant> {
    let mut lag = kernel.settings.describe_lag;
    if kernel.settings.describe_lag_varies && !lag.is_zero() {
        lag = kernel.rng().random_range(Duration::ZERO..=lag);
    }
    kernel.now().checked_sub(lag)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const LAG: Duration = Duration::from_secs(2);

    #[tokio::test(start_paused = true)]
    async fn each_version_is_shown_at_its_time() {
        let start = Instant::now();
        let second = |n| start + Duration::from_secs(n);
        let mut value = Lagged::new(start, 'a');
        value.edit(second(3), LAG, |v| *v = 'b').unwrap();
        value.remove(second(4), LAG);
        assert_eq!(value.as_of(second(0)), Some(&'a'));
        assert_eq!(value.as_of(second(2)), Some(&'a'));
        assert_eq!(value.as_of(second(3)), Some(&'b'));
        assert_eq!(value.as_of(second(4)), None);
        assert_eq!(value.current(), None);
        assert!(value.edit(second(5), LAG, |_| ()).is_none());
        assert!(!value.is_gone(Some(second(3))));
        assert!(value.is_gone(Some(second(4))));
    }

    #[tokio::test(start_paused = true)]
    async fn versions_older_than_the_lag_are_dropped() {
        let start = Instant::now();
        let mut value = Lagged::new(start, 0);
        for n in 1..100 {
            value.edit(start + Duration::from_secs(n), LAG, |v| *v += 1);
        }
        assert!(value.versions.len() <= 4, "{}", value.versions.len());
        assert_eq!(value.as_of(start + Duration::from_secs(97)), Some(&97));
    }
}
