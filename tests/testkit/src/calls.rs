//! The calls of the functions in the log of the fake AWS, which has everybody's.

use std::collections::BTreeMap;

use hookline_local::{CallRecord, LocalAws};

/// What has a fake AWS that the functions call.
pub trait FunctionCalls {
    /// The fake AWS.
    fn local(&self) -> &LocalAws;

    /// A mark for [`FunctionCalls::calls_since`]: now.
    fn mark(&self) -> usize {
        self.local().calls().len()
    }

    /// The functions' calls since a mark.
    fn calls_since(&self, mark: usize) -> Vec<CallRecord> {
        let mut calls = self.local().calls().split_off(mark);
        calls.retain(|call| call.user_agent.contains("app/Hookline"));
        calls
    }

    /// How many of the functions' calls since a mark were of each action.
    fn actions_since(&self, mark: usize) -> BTreeMap<String, usize> {
        let mut actions = BTreeMap::new();
        for call in self.calls_since(mark) {
            *actions.entry(call.action).or_default() += 1;
        }
        actions
    }
}
