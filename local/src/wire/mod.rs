//! The wire formats of the AWS protocols: form-encoded requests, XML answers, and errors in the form
//! that each service gives them.

pub mod error;
pub mod query;
pub mod xml;

use time::OffsetDateTime;

/// A date and time as EC2 and Auto Scaling write them: UTC, to the millisecond.
#[must_use]
pub fn iso8601(at: OffsetDateTime) -> String {
    let at = at.to_offset(time::UtcOffset::UTC);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second(),
        at.millisecond()
    )
}
