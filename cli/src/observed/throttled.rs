//! Calls of the deployment that AWS throttled, as its functions counted them.

use std::collections::BTreeMap;

use serde::Serialize;

/// How many calls were throttled in a stretch of time. Each attempt counts, the SDK's own retries
/// too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Throttled {
    /// When it was looked at, in seconds since the epoch. Calls of the last minute or two may be
    /// missing: CloudWatch does not have them yet.
    pub(crate) at: i64,
    /// How far it looks back from there, in seconds.
    pub(crate) seconds: i64,
    /// All of them.
    pub(crate) calls: u64,
    /// Those of the launches of each profile that has any.
    pub(crate) of_profiles: BTreeMap<String, u64>,
    /// Those of `reconcile` and `adopt`, which are for all profiles.
    pub(crate) of_reconcile_and_adopt: u64,
}

/// What was seen of them, or why nothing was.
pub(crate) type Look = Result<Throttled, String>;
