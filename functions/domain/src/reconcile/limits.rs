//! The limits within which reconcile works.

use serde::Deserialize;

/// The limits within which reconcile works: `limits` of its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Limits {
    /// How long after the launch its event may take to start an execution.
    pub launch_age_seconds: i64,
    /// How long an interface must have been orphaned before it is deleted.
    #[serde(rename = "unownedSeconds")]
    pub orphaned_seconds: i64,
    /// The most interfaces that one round deletes.
    pub deletes_per_round: usize,
    /// The most interfaces on which one round sets DeleteOnTermination.
    pub attributes_per_round: usize,
    /// The age at which a waiting launch is overdue: the HeartbeatTimeout of the hook. After that
    /// it would have ended unless a heartbeat had extended it.
    pub overdue_seconds: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            launch_age_seconds: 120,
            orphaned_seconds: 600,
            deletes_per_round: 50,
            attributes_per_round: 200,
            overdue_seconds: 1800,
        }
    }
}
