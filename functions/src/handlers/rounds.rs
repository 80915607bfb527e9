//! What the rounds of `reconcile` and `adopt` share: how they read their payloads, how much time
//! they have, and how they report what they skip.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;

use super::{Context, log_list};
use hookline_domain::error::{Input, Result};
use hookline_domain::parse::from_value;
use hookline_domain::profile::Profile;
use hookline_domain::reconcile::ProfileInput;

/// What a round looked at and did not act on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Skipped {
    /// The instance, interface, execution or profile.
    pub id: String,
    /// Why it was skipped.
    pub reason: String,
}

impl Skipped {
    pub(super) fn new(id: impl ToString, reason: impl ToString) -> Self {
        Self {
            id: id.to_string(),
            reason: reason.to_string(),
        }
    }
}

/// The reasons of what was skipped, for a log field.
pub(super) fn log_reasons<'a>(skipped: impl IntoIterator<Item = &'a Skipped>) -> Option<String> {
    let reasons = skipped.into_iter();
    log_list(reasons.map(|Skipped { id, reason }| format!("{id}: {reason}")))
}

/// Reads a payload that a person or a schedule wrote. `remedy` says where to correct it.
pub(super) fn read_payload<T: DeserializeOwned>(payload: Value, remedy: &str) -> Result<T> {
    from_value(Input::Payload, "payload", payload).map_err(|error| error.with_remedy(remedy))
}

/// Reads the profiles of a payload's `field`. An invalid profile does not stop the others: it is
/// reported.
pub(super) fn read_profiles(
    field: &str,
    values: Vec<Value>,
    refused: &mut Vec<Skipped>,
) -> Vec<ProfileInput> {
    let mut profiles = Vec::new();
    for (n, value) in values.into_iter().enumerate() {
        match Profile::read(value.clone()) {
            Ok(profile) => profiles.push(ProfileInput { value, profile }),
            Err(error) => refused.push(Skipped::new(format!("{field}[{n}]"), error)),
        }
    }
    profiles
}

/// When a round stops to begin new work, so that what it has begun ends within the invocation.
pub(super) fn work_deadline(context: &Context) -> Instant {
    const RESERVE: Duration = Duration::from_secs(15);
    context
        .deadline
        .checked_sub(RESERVE)
        .unwrap_or(context.deadline)
}
