//! What every service of the fake AWS runs on: the settings, the clock, the seeded randomness, the
//! timers and the events to deliver.
//!
//! The kernel knows no service. A service is its own state plus functions that take that state and
//! `&mut Kernel`; what a service does later it keeps in a [`TimerQueue`] of its own.
//! [`World`](crate::World) puts the services together and runs their timers in one order.

mod clock;
mod events;
mod random;
mod timers;

pub use clock::Clock;
pub use events::Event;
pub use random::Random;
pub use timers::{Due, TimerQueue};

use std::time::Duration;

use jiff::Timestamp;
use rand_chacha::ChaCha8Rng;
use tokio::time::Instant;

use crate::settings::{Latency, Settings};

/// The settings, the clock, the randomness, the order of the timers, and the events that wait to be
/// delivered.
pub struct Kernel {
    /// The settings at the start. A test may change them while the fake AWS runs.
    pub settings: Settings,
    clock: Clock,
    random: Random,
    timers_set: u64,
    outbox: Vec<Event>,
}

impl Kernel {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            clock: Clock::start(settings.started_at),
            random: Random::new(settings.seed),
            timers_set: 0,
            outbox: Vec::new(),
            settings,
        }
    }

    /// The current instant of the fake AWS.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// The time since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    /// The current date and time of the fake AWS.
    #[must_use]
    pub fn timestamp(&self) -> Timestamp {
        self.clock.timestamp_at(self.clock.now())
    }

    /// The date and time at an instant.
    #[must_use]
    pub fn timestamp_at(&self, at: Instant) -> Timestamp {
        self.clock.timestamp_at(at)
    }

    /// Moves the clock forward. The clock never goes back: an earlier instant changes nothing.
    pub(crate) fn advance_to(&mut self, instant: Instant) {
        self.clock.advance_to(instant);
    }

    /// Sets a timer in a service's queue. Timers for the same instant run in the order in which
    /// they were set, whatever queues they are in.
    pub fn schedule<T>(&mut self, queue: &mut TimerQueue<T>, after: Duration, timer: T) {
        let at = self.now().checked_add(after).unwrap_or(self.now());
        self.timers_set += 1;
        let due = Due {
            at,
            number: self.timers_set,
        };
        queue.insert(due, timer);
    }

    /// Puts an event on the bus.
    pub fn emit(
        &mut self,
        source: &str,
        detail_type: &str,
        resources: Vec<String>,
        detail: serde_json::Value,
    ) {
        let event = Event {
            id: self.new_uuid(),
            source: source.to_owned(),
            detail_type: detail_type.to_owned(),
            time: self.timestamp(),
            resources,
            detail,
        };
        self.outbox.push(event);
    }

    pub(crate) fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.outbox)
    }

    /// The one source of randomness.
    pub fn rng(&mut self) -> &mut ChaCha8Rng {
        self.random.rng()
    }

    /// A resource id as EC2 makes them: the prefix, `-0`, and sixteen hexadecimal digits.
    pub fn new_id(&mut self, prefix: &str) -> String {
        self.random.id(prefix)
    }

    /// A random (version 4) UUID.
    pub fn new_uuid(&mut self) -> String {
        self.random.uuid()
    }

    /// How long an instance of this type is `pending` this time.
    pub fn draw_pending(&mut self, instance_type: &str) -> Duration {
        let pending = self.settings.pending_of(instance_type);
        self.draw(pending)
    }

    /// A duration drawn evenly from a range.
    pub fn draw(&mut self, latency: Latency) -> Duration {
        self.random.duration(latency)
    }
}
