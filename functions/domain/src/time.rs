//! Times of events: RFC 3339 to numbers and back.

use jiff::Timestamp;

/// Seconds since the epoch as RFC 3339 in UTC, as events have it; empty for a time beyond the year
/// 9999.
#[must_use]
pub fn rfc3339(seconds: i64) -> String {
    Timestamp::from_second(seconds).map_or_else(|_| String::new(), |time| time.to_string())
}

/// The time of an event in milliseconds since the epoch; `None` if the text is not RFC 3339.
#[must_use]
pub fn epoch_milliseconds(time: &str) -> Option<i64> {
    let time: Timestamp = time.parse().ok()?;
    Some(time.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_of_an_event_is_read_and_written() {
        assert_eq!(rfc3339(1_767_323_045), "2026-01-02T03:04:05Z");
        for (time, milliseconds) in [
            ("2026-01-02T03:04:05Z", Some(1_767_323_045_000)),
            ("2026-01-02T04:04:05.250+01:00", Some(1_767_323_045_250)),
            ("2026-01-02", None),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(epoch_milliseconds(time), milliseconds, "{time}");
        }
    }

    #[test]
    fn time_out_of_range_does_not_panic() {
        for seconds in [i64::MIN, -1, 0, i64::MAX] {
            let _ = rfc3339(seconds);
        }
    }
}
