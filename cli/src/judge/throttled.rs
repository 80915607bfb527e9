//! Throttled calls in words.

use super::words::{duration, list};
use crate::observed::throttled::Throttled;

/// The most profiles that are named.
const MAX_NAMED: usize = 3;

impl Throttled {
    /// How many in how long, as `37 calls in 5 min`.
    pub(crate) fn number(&self) -> String {
        let number = match self.calls {
            0 => "no call".to_owned(),
            1 => "1 call".to_owned(),
            number => format!("{number} calls"),
        };
        format!("{number} in {}", duration(self.seconds))
    }

    /// Whose they are, most first, as `upf 30, reconcile and adopt 7`.
    pub(crate) fn whose(&self) -> String {
        let profiles = self.of_profiles.iter();
        let mut all: Vec<(&str, u64)> = profiles
            .map(|(name, number)| (name.as_str(), *number))
            .collect();
        all.push(("reconcile and adopt", self.of_reconcile_and_adopt));
        all.retain(|(_, number)| *number > 0);
        all.sort_by_key(|(_, number)| std::cmp::Reverse(*number));
        list(
            all.iter().map(|(name, number)| format!("{name} {number}")),
            MAX_NAMED,
        )
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn throttled(of_profiles: &[(&str, u64)], of_reconcile_and_adopt: u64) -> Throttled {
        let of_profiles: BTreeMap<String, u64> = of_profiles
            .iter()
            .map(|(name, number)| ((*name).to_owned(), *number))
            .collect();
        Throttled {
            at: 0,
            seconds: 300,
            calls: of_profiles.values().sum::<u64>() + of_reconcile_and_adopt,
            of_profiles,
            of_reconcile_and_adopt,
        }
    }

    #[test]
    fn number_is_told_with_its_time() {
        for (calls, text) in [
            (0, "no call in 5 min"),
            (1, "1 call in 5 min"),
            (37, "37 calls in 5 min"),
        ] {
            assert_eq!(throttled(&[("upf", calls)], 0).number(), text);
        }
    }

    #[test]
    fn profile_with_most_calls_is_named_first() {
        let several = throttled(&[("a", 1), ("smf", 40), ("upf", 30), ("z", 2)], 7);
        assert_eq!(
            several.whose(),
            "smf 40, upf 30, reconcile and adopt 7 and 2 more"
        );
        assert_eq!(throttled(&[("upf", 30)], 0).whose(), "upf 30");
        assert_eq!(throttled(&[], 0).whose(), "");
    }
}
