//! The wire formats of the AWS protocols: form-encoded requests, XML answers, CBOR, and the errors of
//! each service.

pub mod cbor;
pub mod error;
pub mod query;
pub mod xml;

use jiff::Timestamp;

/// A date and time as EC2 and Auto Scaling write it: UTC, to the millisecond.
#[must_use]
pub fn iso8601(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// A date and time as EventBridge writes an event's, and Auto Scaling the time in a reason: UTC, to
/// the second.
pub(crate) fn iso8601_seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn times_are_cut_to_the_millisecond() {
        let at = |text: &str| iso8601(text.parse().unwrap());
        assert_eq!(at("2026-03-04T05:06:07Z"), "2026-03-04T05:06:07.000Z");
        assert_eq!(
            at("2026-12-31T23:59:59.999999999Z"),
            "2026-12-31T23:59:59.999Z"
        );
        assert_eq!(at("1970-01-01T00:00:00.0409Z"), "1970-01-01T00:00:00.040Z");
    }
}
