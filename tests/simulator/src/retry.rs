//! Retriers and catchers, read from the state machine's own file.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::Value;

/// A retrier, in the Amazon States Language's own names.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Retrier {
    error_equals: Vec<String>,
    #[serde(default = "one")]
    interval_seconds: f64,
    #[serde(default = "three")]
    max_attempts: u32,
    #[serde(default = "two")]
    backoff_rate: f64,
    max_delay_seconds: Option<f64>,
    #[serde(default)]
    jitter_strategy: Jitter,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Jitter {
    Full,
    #[default]
    None,
}

fn one() -> f64 {
    1.0
}

fn two() -> f64 {
    2.0
}

fn three() -> u32 {
    3
}

/// The retriers of one visit of a state, with what they have been used.
#[derive(Debug)]
pub struct Retriers {
    retriers: Vec<(Retrier, u32)>,
}

impl Retriers {
    /// The retriers of a state.
    ///
    /// # Errors
    /// When they are not as the language has them.
    pub fn of(state: &Value) -> Result<Self> {
        let retriers = match state.get("Retry") {
            None => Vec::new(),
            Some(retry) => {
                serde_json::from_value::<Vec<Retrier>>(retry.clone()).context("Retry")?
            }
        };
        Ok(Self {
            retriers: retriers.into_iter().map(|retrier| (retrier, 0)).collect(),
        })
    }

    /// How long to wait before the state is tried again; `None` when it is not. `random` is from 0 to 1.
    pub fn next(&mut self, error: &str, random: f64) -> Option<Duration> {
        let (retrier, used) = self
            .retriers
            .iter_mut()
            .find(|(retrier, _)| matches(&retrier.error_equals, error))?;
        if *used >= retrier.max_attempts {
            return None;
        }
        let exponent = i32::try_from(*used).unwrap_or(i32::MAX);
        *used += 1;
        let delay = retrier.interval_seconds * retrier.backoff_rate.powi(exponent);
        let delay = retrier
            .max_delay_seconds
            .map_or(delay, |most| delay.min(most));
        let jittered = match retrier.jitter_strategy {
            Jitter::Full => delay * random,
            Jitter::None => delay,
        };
        Some(Duration::from_secs_f64(jittered))
    }
}

/// Whether an `ErrorEquals` list takes an error.
#[must_use]
pub fn matches(error_equals: &[String], error: &str) -> bool {
    error_equals.iter().any(|name| match name.as_str() {
        "States.ALL" => true,
        "States.TaskFailed" => error != "States.Timeout",
        name => name == error,
    })
}

/// A catcher.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Catcher {
    error_equals: Vec<String>,
    /// Where the error's output goes.
    pub result_path: Option<String>,
    /// The next state.
    pub next: String,
}

/// The catcher of a state that takes an error.
///
/// # Errors
/// When they are not as the language has them.
pub fn catcher(state: &Value, error: &str) -> Result<Option<Catcher>> {
    let Some(catch) = state.get("Catch") else {
        return Ok(None);
    };
    let catchers: Vec<Catcher> = serde_json::from_value(catch.clone()).context("Catch")?;
    Ok(catchers
        .into_iter()
        .find(|catcher| matches(&catcher.error_equals, error)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn delays_grow_to_their_cap_and_end() {
        let mut retriers = Retriers::of(&json!({"Retry": [{
            "ErrorEquals": ["A"], "IntervalSeconds": 2, "BackoffRate": 2, "MaxDelaySeconds": 5,
            "MaxAttempts": 3, "JitterStrategy": "FULL",
        }]}))
        .unwrap();
        let seconds: Vec<_> = (0..4)
            .map(|_| retriers.next("A", 1.0).map(|d| d.as_secs()))
            .collect();
        assert_eq!(seconds, [Some(2), Some(4), Some(5), None]);
        assert_eq!(retriers.next("B", 1.0), None);
    }

    #[test]
    fn the_first_catcher_that_takes_it() {
        let state = json!({"Catch": [
            {"ErrorEquals": ["A"], "Next": "One"},
            {"ErrorEquals": ["States.ALL"], "Next": "Two"},
        ]});
        assert_eq!(catcher(&state, "A").unwrap().unwrap().next, "One");
        assert_eq!(catcher(&state, "B").unwrap().unwrap().next, "Two");
    }
}
