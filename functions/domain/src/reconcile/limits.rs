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
    /// How many generations of replacements that fail by the same permanent error are a launch loop, at
    /// least two.
    pub loop_generations: usize,
    /// How long such a loop must have gone on, in seconds. Auto Scaling launches the instances of one
    /// scale-out over a minute or two: those that fail at once would be several generations before the
    /// first of the others is ready.
    pub loop_seconds: i64,
}

impl Limits {
    /// The least generations of a launch loop. A single one is no loop.
    #[must_use]
    pub fn generations(&self) -> usize {
        self.loop_generations.max(2)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            launch_age_seconds: 120,
            orphaned_seconds: 600,
            deletes_per_round: 50,
            attributes_per_round: 1_000,
            overdue_seconds: 1800,
            loop_generations: 3,
            loop_seconds: 300,
        }
    }
}
