//! Everything that the simulated AWS knows, and the clock, randomness and timers that move it.
//!
//! The model never looks at the wall clock: time is tokio's, and while a timer runs it is exactly the
//! instant at which that timer was due, so a history does not depend on how promptly a task woke up.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::settings::{Latency, Settings};
use crate::{autoscaling, cloudtrail, ec2};

/// What is to happen later; each service module handles its own.
#[derive(Clone, Debug)]
pub enum Timer {
    /// Handled by [`ec2::fire`].
    Ec2(ec2::Timer),
    /// Handled by [`autoscaling::fire`].
    AutoScaling(autoscaling::Timer),
    /// The detail of an event that CloudTrail delivers.
    CloudTrail(Box<serde_json::Value>),
}

/// An EventBridge event, before it is wrapped with version, account and Region.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// A UUID, the same for every delivery of this event.
    pub id: String,
    /// `aws.autoscaling` and the like.
    pub source: String,
    /// `EC2 Instance-launch Lifecycle Action` and the like.
    pub detail_type: String,
    /// When it happened.
    pub time: OffsetDateTime,
    /// ARNs of what it is about.
    pub resources: Vec<String>,
    /// What the service says about it.
    pub detail: serde_json::Value,
}

/// The state of the simulated account.
pub struct World {
    /// What was asked for at the start; tests may change it on the way.
    pub settings: Settings,
    /// VPCs, subnets, instances and network interfaces.
    pub ec2: ec2::Ec2,
    /// Groups, hooks and lifecycle actions.
    pub autoscaling: autoscaling::AutoScaling,
    outbox: Vec<Event>,
    started: Instant,
    started_at: OffsetDateTime,
    now: Instant,
    rng: ChaCha8Rng,
    timers: BTreeMap<(Instant, u64), Timer>,
    timers_set: u64,
}

impl World {
    pub(crate) fn new(settings: Settings) -> Self {
        let now = Instant::now();
        let rng = ChaCha8Rng::seed_from_u64(settings.seed);
        Self {
            ec2: ec2::Ec2::default(),
            autoscaling: autoscaling::AutoScaling::default(),
            outbox: Vec::new(),
            started: now,
            started_at: settings.started_at.unwrap_or_else(OffsetDateTime::now_utc),
            now,
            rng,
            timers: BTreeMap::new(),
            timers_set: 0,
            settings,
        }
    }

    /// The instant that the model is at.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Time since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.now.duration_since(self.started)
    }

    /// The date and time that the model is at.
    #[must_use]
    pub fn timestamp(&self) -> OffsetDateTime {
        self.timestamp_at(self.now)
    }

    /// The date and time at an instant.
    #[must_use]
    pub fn timestamp_at(&self, at: Instant) -> OffsetDateTime {
        self.started_at
            .checked_add(
                time::Duration::try_from(at.duration_since(self.started)).unwrap_or_default(),
            )
            .unwrap_or(self.started_at)
    }

    /// Sets a timer. Timers for the same instant run in the order in which they were set.
    pub fn schedule(&mut self, after: Duration, timer: Timer) {
        let due = self.now.checked_add(after).unwrap_or(self.now);
        self.timers_set += 1;
        self.timers.insert((due, self.timers_set), timer);
    }

    /// When the next timer is due.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        self.timers.keys().next().map(|(due, _)| *due)
    }

    /// Runs the timers that are due by then, each at its own instant.
    pub(crate) fn advance_to(&mut self, instant: Instant) {
        while let Some(entry) = self.timers.first_entry() {
            let due = entry.key().0;
            if due > instant {
                break;
            }
            let timer = entry.remove();
            self.now = self.now.max(due);
            match timer {
                Timer::Ec2(timer) => ec2::fire(self, timer),
                Timer::AutoScaling(timer) => autoscaling::fire(self, timer),
                Timer::CloudTrail(detail) => cloudtrail::deliver(self, *detail),
            }
        }
        self.now = self.now.max(instant);
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
        &mut self.rng
    }

    /// EC2's resources, and randomness to choose among them with.
    pub(crate) fn ec2_and_rng(&mut self) -> (&mut ec2::Ec2, &mut ChaCha8Rng) {
        (&mut self.ec2, &mut self.rng)
    }

    /// A resource id as EC2 makes them: `eni-0` and sixteen hexadecimal digits.
    pub fn new_id(&mut self, prefix: &str) -> String {
        format!("{prefix}-0{:016x}", self.rng.next_u64())
    }

    /// A random (version 4) UUID.
    pub fn new_uuid(&mut self) -> String {
        let high = self.rng.next_u64();
        let low = self.rng.next_u64();
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            0x8000 | ((low >> 48) & 0x3fff),
            low & 0xffff_ffff_ffff,
        )
    }

    /// A duration drawn from a range.
    pub fn draw(&mut self, latency: Latency) -> Duration {
        if latency.max <= latency.min {
            latency.min
        } else {
            self.rng.random_range(latency.min..=latency.max)
        }
    }
}
