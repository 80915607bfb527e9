//! The call log, for tests and measurements.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It has not ended, or the caller left first.
    Pending,
    /// It succeeded.
    Ok,
    /// It was refused with this code.
    Error(String),
    /// The connection was reset.
    Reset,
}

/// One call, for tests and measurements.
#[derive(Clone, Debug)]
pub struct CallRecord {
    /// When it came, since the start.
    pub at: Duration,
    /// `ec2`, `autoscaling`, …
    pub service: String,
    /// `CreateNetworkInterface`, …
    pub action: String,
    /// How it ended.
    pub outcome: Outcome,
    /// The caller's User-Agent.
    pub user_agent: String,
    /// The ARN of the role with whose credentials it was made, if any.
    pub role: Option<String>,
    /// The parameters as they were on the wire. For JSON these are the top-level fields; for a
    /// Lambda call, what its path and headers say.
    pub params: BTreeMap<String, String>,
}

impl CallRecord {
    /// Whether it succeeded.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.outcome == Outcome::Ok
    }
}

/// The last calls, oldest first.
#[derive(Debug)]
pub(crate) struct CallLog {
    calls: VecDeque<CallRecord>,
    forgotten: usize,
    limit: usize,
}

impl CallLog {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            calls: VecDeque::new(),
            forgotten: 0,
            limit: limit.max(1),
        }
    }

    pub(crate) fn filtered(&self, wanted: impl Fn(&CallRecord) -> bool) -> Vec<CallRecord> {
        self.calls
            .iter()
            .filter(|call| wanted(call))
            .cloned()
            .collect()
    }

    /// Adds a call, and returns its number for [`CallLog::end`].
    pub(crate) fn begin(&mut self, call: CallRecord) -> usize {
        if self.calls.len() >= self.limit {
            self.calls.pop_front();
            self.forgotten += 1;
        }
        self.calls.push_back(call);
        self.forgotten + self.calls.len()
    }

    pub(crate) fn end(&mut self, number: usize, outcome: Outcome) {
        let index = number
            .checked_sub(self.forgotten)
            .and_then(|n| n.checked_sub(1));
        if let Some(call) = index.and_then(|index| self.calls.get_mut(index)) {
            call.outcome = outcome;
        }
    }
}
