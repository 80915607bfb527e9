//! Retriers and catchers. ASL, "Errors"; Step Functions Developer Guide, "Handling errors in Step
//! Functions workflows".

use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};

use crate::path::PathField;

/// A retrier. A field that is absent has the default of the specification.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Retrier {
    /// The errors that it is for.
    pub error_equals: Vec<String>,
    /// The wait before the first retry, in seconds; 1 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval_seconds: Option<u32>,
    /// How many retries there are; 3 by default. 0 means that the errors are not retried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_attempts: Option<u32>,
    /// The factor by which each wait is longer than the one before; 2 by default.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "as_written"
    )]
    pub backoff_rate: Option<f64>,
    /// The longest wait, in seconds; without it, waits have no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_delay_seconds: Option<u32>,
    /// Whether waits are random; NONE by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter_strategy: Option<JitterStrategy>,
}

/// Whether waits are random.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum JitterStrategy {
    /// Each wait is between 0 and its full length.
    Full,
    /// Each wait has its full length.
    None,
}

impl Retrier {
    /// Whether it is for an error.
    #[must_use]
    pub fn takes(&self, error: &str) -> bool {
        takes(&self.error_equals, error)
    }

    /// The wait before the next retry, after so many; `None` if there is no other. `random` is from
    /// 0 to 1, and is what a random wait is of its full length.
    #[must_use]
    pub fn delay(&self, retries: u32, random: f64) -> Option<Duration> {
        let full = self.full_delay(retries)?;
        Some(match self.jitter_strategy {
            Some(JitterStrategy::Full) => full.mul_f64(random.clamp(0.0, 1.0)),
            Some(JitterStrategy::None) | None => full,
        })
    }

    /// The full length of the wait before the next retry, after so many; `None` if there is no
    /// other.
    #[must_use]
    pub fn full_delay(&self, retries: u32) -> Option<Duration> {
        if retries >= self.max_attempts.unwrap_or(3) {
            return None;
        }
        let exponent = i32::try_from(retries).unwrap_or(i32::MAX);
        let interval = f64::from(self.interval_seconds.unwrap_or(1));
        let delay = interval * self.backoff_rate.unwrap_or(2.0).powi(exponent);
        let delay = self
            .max_delay_seconds
            .map_or(delay, |limit| delay.min(f64::from(limit)));
        Some(Duration::try_from_secs_f64(delay).unwrap_or(Duration::MAX))
    }
}

/// A catcher.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Catcher {
    /// The errors that it is for.
    pub error_equals: Vec<String>,
    /// Where the error goes in the state's input: an object with `Error` and `Cause`.
    #[serde(default, skip_serializing_if = "PathField::is_absent")]
    pub result_path: PathField,
    /// The next state.
    pub next: String,
}

impl Catcher {
    /// Whether it is for an error.
    #[must_use]
    pub fn takes(&self, error: &str) -> bool {
        takes(&self.error_equals, error)
    }
}

/// Whether an `ErrorEquals` list has an error. `States.ALL` has all of them; `States.TaskFailed`
/// has all but `States.Timeout`.
fn takes(error_equals: &[String], error: &str) -> bool {
    error_equals.iter().any(|name| match name.as_str() {
        "States.ALL" => true,
        "States.TaskFailed" => error != "States.Timeout",
        name => name == error,
    })
}

/// A number that is whole without a fraction, as people write it.
fn as_written<S: Serializer>(number: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    match number {
        Some(number) if number.fract() == 0.0 && number.abs() < 1e9 => {
            // Whole and small enough, so nothing is lost.
            #[allow(clippy::cast_possible_truncation)]
            serializer.serialize_i64(*number as i64)
        }
        number => number.serialize(serializer),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn retrier(value: serde_json::Value) -> Retrier {
        serde_json::from_value(value).unwrap()
    }

    fn seconds(retrier: &Retrier) -> Vec<Option<u64>> {
        (0..4)
            .map(|n| retrier.full_delay(n).map(|delay| delay.as_secs()))
            .collect()
    }

    #[test]
    fn delays_grow_to_their_limit_and_end() {
        let retrier = retrier(json!({
            "ErrorEquals": ["A"], "IntervalSeconds": 2, "BackoffRate": 2, "MaxDelaySeconds": 5, "MaxAttempts": 3,
        }));
        assert_eq!(seconds(&retrier), [Some(2), Some(4), Some(5), None]);
    }

    #[test]
    fn absent_fields_have_the_defaults_of_the_specification() {
        let retrier = retrier(json!({"ErrorEquals": ["A"]}));
        assert_eq!(seconds(&retrier), [Some(1), Some(2), Some(4), None]);
    }

    #[test]
    fn jitter_shortens_a_delay_and_only_full_does() {
        for (strategy, expected) in [(json!("FULL"), 0.25), (json!("NONE"), 1.0)] {
            let retrier = retrier(json!({"ErrorEquals": ["A"], "JitterStrategy": strategy}));
            let delay = retrier.delay(0, 0.25).unwrap();
            assert_eq!(delay.as_secs_f64(), expected);
        }
    }

    #[test]
    fn the_wildcards_take_what_they_are_for() {
        let takes = |name: &str, error| retrier(json!({"ErrorEquals": [name]})).takes(error);
        assert!(takes("A", "A") && !takes("A", "B"));
        assert!(takes("States.ALL", "A") && takes("States.ALL", "States.Timeout"));
        assert!(takes("States.TaskFailed", "A") && !takes("States.TaskFailed", "States.Timeout"));
    }
}
