//! The state machines, and the Amazon States Language (ASL) as types.
//!
//! Everything that reads a state machine reads it here: the walker of the scale-out simulator, the
//! coverage check, the tests of the documentation, and the drawings. Only what the project uses of
//! the language is known; an unknown field is an error, so that no reader passes over what it does
//! not understand.
//!
//! - [`state`]: the states, and where they lead.
//! - [`retry`]: retriers and catchers.
//! - [`rule`]: the rules of a Choice state.
//! - [`path`]: paths, and the fields that hold one.
//! - [`template`]: payload templates (`Parameters`) and intrinsic functions.
//!
//! Sources: the *Amazon States Language* specification (states-language.net), whose section names
//! the comments give; AWS Step Functions Developer Guide, for what the service does beyond it.

mod error;
pub mod path;
pub mod retry;
pub mod rule;
pub mod state;
pub mod template;

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

pub use error::Error;
use state::State;

/// `launch-node.asl.json`: prepares one instance between its launch and InService.
pub const LAUNCH_NODE: &str = include_str!("../launch-node.asl.json");

/// `name-node.asl.json`: names the nodes of groups without a launch hook.
pub const NAME_NODE: &str = include_str!("../name-node.asl.json");

/// `cross-az-traffic.asl.json`: computes the pods' traffic across Availability Zones.
pub const CROSS_AZ_TRAFFIC: &str = include_str!("../cross-az-traffic.asl.json");

/// The states of one scope, by name.
pub type States = BTreeMap<String, State>;

/// A state machine; also the `ItemProcessor` of a Map state, and a branch of a Parallel state. ASL,
/// "Top-level fields".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct StateMachine {
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The name of the first state.
    pub start_at: String,
    /// The states.
    #[serde(deserialize_with = "named_states")]
    pub states: States,
    /// The longest that an execution may take, in seconds. Of a whole state machine only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u64>,
    /// How a Map state runs its items. Of an `ItemProcessor` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processor_config: Option<ProcessorConfig>,
}

/// How a Map state runs its items. Step Functions Developer Guide, "Using Map state in Inline
/// mode".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ProcessorConfig {
    /// Where the items are run.
    pub mode: Mode,
}

/// Where a Map state's items are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Mode {
    /// In the execution itself, in its history.
    Inline,
}

impl StateMachine {
    /// Reads a state machine from JSON.
    ///
    /// # Errors
    /// If the text is not a state machine, has a field that is not known here, or has a state that
    /// leads nowhere. The error names the state.
    pub fn read(text: &str) -> Result<Self, Error> {
        let machine: Self = serde_json::from_str(text).map_err(Error::new)?;
        machine.check()?;
        Ok(machine)
    }

    /// The state machine as JSON, as [`StateMachine::read`] reads it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        // Maps have texts as keys here, and numbers are finite: that is all that could fail.
        serde_json::to_value(self).unwrap_or_default()
    }

    /// Checks what the types leave open.
    fn check(&self) -> Result<(), Error> {
        self.has(&self.start_at)?;
        for (name, state) in &self.states {
            self.check_state(state)
                .map_err(|error| error.within(format!("state {name:?}")))?;
        }
        Ok(())
    }

    fn check_state(&self, state: &State) -> Result<(), Error> {
        state.check()?;
        for target in state.targets() {
            self.has(target)?;
        }
        state.inner().into_iter().try_for_each(Self::check)
    }

    fn has(&self, name: &str) -> Result<(), Error> {
        if self.states.contains_key(name) {
            return Ok(());
        }
        Err(Error::new(format!("there is no state {name:?}")))
    }
}

/// Reads states one by one, so that an error names the state.
fn named_states<'de, D: Deserializer<'de>>(deserializer: D) -> Result<States, D::Error> {
    let states = BTreeMap::<String, Value>::deserialize(deserializer)?;
    let read = |(name, value): (String, Value)| match State::deserialize(value) {
        Ok(state) => Ok((name, state)),
        Err(error) => Err(serde::de::Error::custom(format!("state {name:?}: {error}"))),
    };
    states.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests;
