//! Disturbances: faults that a test injects into the delivery of events.

use std::time::Duration;

use serde_json::Value;

/// A fault in the delivery of events.
#[derive(Clone, Debug)]
pub struct Disturbance {
    detail_type: Option<String>,
    contains: Option<String>,
    skip: u32,
    times: u32,
    chance: f64,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Drop,
    Delay(Duration),
    Duplicate(u32, Duration),
}

impl Disturbance {
    fn new(kind: Kind) -> Self {
        Self {
            detail_type: None,
            contains: None,
            skip: 0,
            times: u32::MAX,
            chance: 1.0,
            kind,
        }
    }

    /// The event is lost.
    #[must_use]
    pub fn drop() -> Self {
        Self::new(Kind::Drop)
    }

    /// The event comes later by this duration.
    #[must_use]
    pub fn delay(by: Duration) -> Self {
        Self::new(Kind::Delay(by))
    }

    /// The event comes `more` additional times with the same id, each `apart` after the one before.
    #[must_use]
    pub fn duplicate(more: u32, apart: Duration) -> Self {
        Self::new(Kind::Duplicate(more, apart))
    }

    /// Only events of this detail type.
    #[must_use]
    pub fn detail_type(mut self, detail_type: impl Into<String>) -> Self {
        self.detail_type = Some(detail_type.into());
        self
    }

    /// Only events whose JSON contains this text: a hook's name, an instance's id.
    #[must_use]
    pub fn containing(mut self, text: impl Into<String>) -> Self {
        self.contains = Some(text.into());
        self
    }

    /// Lets this many matching events pass first.
    #[must_use]
    pub fn skip(mut self, events: u32) -> Self {
        self.skip = events;
        self
    }

    /// Disturbs this many matching events; without this, all.
    #[must_use]
    pub fn times(mut self, events: u32) -> Self {
        self.times = events;
        self
    }

    /// Disturbs a matching event with this probability (0 to 1).
    #[must_use]
    pub fn chance(mut self, probability: f64) -> Self {
        self.chance = probability.clamp(0.0, 1.0);
        self
    }

    fn matches(&self, event: &Value) -> bool {
        self.detail_type
            .as_ref()
            .is_none_or(|wanted| event.get("detail-type").and_then(Value::as_str) == Some(wanted))
            && self
                .contains
                .as_ref()
                .is_none_or(|text| event.to_string().contains(text.as_str()))
    }

    /// Whether this event is disturbed, and counts it if so. `chance` is a number drawn for it,
    /// from 0 to 1.
    pub(super) fn applies(&mut self, event: &Value, chance: f64) -> bool {
        if !self.matches(event) {
            return false;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        if self.times == 0 || chance >= self.chance {
            return false;
        }
        if self.times < u32::MAX {
            self.times -= 1;
        }
        true
    }
}
