//! How far back a command looks.

use std::str::FromStr;

/// Step Functions keeps the history of an execution for 90 days (Step Functions quotas, "Execution
/// history retention time").
const MAX_DAYS: i64 = 90;

/// A time until now, as `30m`, `1h` or `2d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Age(i64);

impl Age {
    /// In seconds.
    pub(crate) fn seconds(self) -> i64 {
        self.0
    }
}

impl FromStr for Age {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
            let seconds = match unit {
                "m" => 60,
                "h" => 3_600,
                "d" => 86_400,
                _ => return None,
            };
            if !number.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            number.parse::<i64>().ok()?.checked_mul(seconds)
        };
        match read() {
            Some(seconds) if (1..=MAX_DAYS * 86_400).contains(&seconds) => Ok(Self(seconds)),
            _ => Err(format!("give it as 30m, 1h or 2d, at most {MAX_DAYS}d")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn age_has_a_number_and_a_unit() {
        for (text, seconds) in [
            ("30m", 1_800),
            ("1h", 3_600),
            ("2d", 172_800),
            ("90d", 7_776_000),
        ] {
            assert_eq!(text.parse(), Ok(Age(seconds)), "{text}");
        }
        for text in [
            "",
            "h",
            "5",
            "0m",
            "-1h",
            "+1h",
            "1.5h",
            "1 h",
            "1w",
            "91d",
            "2161h",
            "99999999999999999999h",
            "9223372036854775807d",
            "1é",
        ] {
            let error = text.parse::<Age>().unwrap_err();
            assert!(error.contains("30m, 1h or 2d"), "{text}: {error}");
        }
    }
}
