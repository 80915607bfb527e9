//! Values, and whose value wins.

use serde::Serialize;

use crate::show;

/// A value with its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sourced {
    /// The value, in a form that may be shown.
    pub value: String,
    /// Where it is from.
    pub from: String,
}

/// A value that wins over others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// The value, in a form that may be shown.
    pub value: String,
    /// Where it is from.
    pub from: String,
    /// Other values that have no effect, the one that would win next first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<Sourced>,
}

/// The values of a setting, each winning over those before it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Candidates(Vec<(String, String)>);

impl Candidates {
    /// Adds a value that wins over those before it.
    pub(crate) fn add(&mut self, value: &str, from: &str) {
        if !value.is_empty() {
            self.0.push((value.to_owned(), from.to_owned()));
        }
    }

    /// The value that wins.
    pub(crate) fn winner(&self) -> Option<&str> {
        self.0.last().map(|(value, _)| value.as_str())
    }

    /// Whether there are different values.
    pub(crate) fn differ(&self) -> bool {
        self.0
            .windows(2)
            .any(|two| two.first().map(|one| &one.0) != two.last().map(|one| &one.0))
    }

    /// The setting. `shown` makes a value fit to be shown.
    pub(crate) fn setting(&self, shown: fn(&str) -> String) -> Option<Setting> {
        let ((value, from), others) = self.0.split_last()?;
        let mut overrides: Vec<Sourced> = Vec::new();
        for (other, from) in others.iter().rev().filter(|(other, _)| other != value) {
            let other = Sourced {
                value: shown(other),
                from: show::text(from),
            };
            if !overrides.contains(&other) {
                overrides.push(other);
            }
        }
        Some(Setting {
            value: shown(value),
            from: show::text(from),
            overrides,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_value_wins_and_equal_ones_do_not_count() {
        let mut candidates = Candidates::default();
        for (value, from) in [
            ("1", "a"),
            ("2", "b"),
            ("", "c"),
            ("3", "d"),
            ("2", "e"),
            ("3", "f"),
        ] {
            candidates.add(value, from);
        }
        let setting = candidates.setting(show::text).unwrap();
        assert_eq!((setting.value.as_str(), setting.from.as_str()), ("3", "f"));
        let others: Vec<_> = setting
            .overrides
            .iter()
            .map(|one| (one.value.as_str(), one.from.as_str()))
            .collect();
        assert_eq!(others, [("2", "e"), ("2", "b"), ("1", "a")]);
        assert!(candidates.differ());
    }
}
