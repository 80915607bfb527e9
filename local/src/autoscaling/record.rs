//! The record for tests: who completed which action, and the history of each instance.

use std::time::Duration;

use super::group::LifecycleState;

/// An attempt to complete a lifecycle action, or its timeout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// When, since the start.
    pub at: Duration,
    /// The group's name.
    pub group: String,
    /// The hook's name.
    pub hook: String,
    /// The instance, if known.
    pub instance: Option<String>,
    /// The lifecycle action's token, if known.
    pub token: Option<String>,
    /// `CONTINUE` or `ABANDON`.
    pub result: String,
    /// Whether there was such an action.
    pub accepted: bool,
    /// What completed it.
    pub by: CompletedBy,
}

/// What completed a lifecycle action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompletedBy {
    /// A `CompleteLifecycleAction` call.
    Call,
    /// The heartbeat timeout or the global timeout: the hook's default result.
    Timeout,
}

/// The history of an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstanceHistory {
    /// The group that it was launched for.
    pub group: String,
    /// Every state, and when it entered it, since the start.
    pub states: Vec<(Duration, LifecycleState)>,
    /// Every lifecycle action that began for it: when (which is the event's time), hook, token.
    pub actions: Vec<(Duration, String, String)>,
}

impl InstanceHistory {
    /// When it first entered a state.
    #[must_use]
    pub fn reached(&self, state: LifecycleState) -> Option<Duration> {
        self.states
            .iter()
            .find(|(_, reached)| *reached == state)
            .map(|(at, _)| *at)
    }
}
