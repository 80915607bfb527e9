//! Finds the parts of a state machine that an execution reached, from the execution's history.
//!
//! The parts come from the definition, so a retrier, catcher or branch that is added later must be
//! reached by some test. The history names states and errors, but not which retrier or catcher was
//! used. That follows from the Amazon States Language: the first whose ErrorEquals has the error.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail, ensure};
use hookline_statemachine::state::State;
use hookline_statemachine::{StateMachine, States};
use serde_json::Value;

/// A state, a retrier, a catcher, or a branch of a choice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Part {
    /// The state's name.
    pub state: String,
    /// Which part of the state.
    pub what: What,
}

/// A part of a state.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// The state itself.
    State,
    /// The retrier with this index, if a retry follows.
    Retry(usize),
    /// The catcher with this index.
    Catch(usize),
    /// The choice rule with this index.
    Choice(usize),
    /// The default of a choice.
    Default,
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { state, what } = self;
        match what {
            What::State => f.write_str(state),
            What::Retry(n) => write!(f, "{state}.Retry[{n}]"),
            What::Catch(n) => write!(f, "{state}.Catch[{n}]"),
            What::Choice(n) => write!(f, "{state}.Choices[{n}]"),
            What::Default => write!(f, "{state}.Default"),
        }
    }
}

/// A state machine's definition.
#[derive(Debug)]
pub struct Definition {
    machine: StateMachine,
}

impl Definition {
    /// Reads a definition.
    ///
    /// # Errors
    /// If it is not a state machine, or a choice has two branches to one state: the history does
    /// not tell these apart.
    pub fn read(text: &str) -> Result<Self> {
        let machine = StateMachine::read(text)?;
        for (name, state) in &machine.states {
            let targets = branches(state);
            let different: BTreeSet<&str> = targets.iter().copied().collect();
            ensure!(
                targets.len() == different.len(),
                "{name}: two branches lead to the same state"
            );
        }
        Ok(Self { machine })
    }

    /// The states, by name.
    #[must_use]
    pub fn states(&self) -> &States {
        &self.machine.states
    }

    /// Every part.
    #[must_use]
    pub fn parts(&self) -> BTreeSet<Part> {
        let mut parts = BTreeSet::new();
        for (name, state) in self.states() {
            let numbered = |count: usize, what: fn(usize) -> What| (0..count).map(what);
            let whats = std::iter::once(What::State)
                .chain(numbered(state.retry().len(), What::Retry))
                .chain(numbered(state.catch().len(), What::Catch))
                .chain(numbered(state.choices().len(), What::Choice))
                .chain(state.default_choice().map(|_| What::Default));
            parts.extend(whats.map(|what| part(name, what)));
        }
        parts
    }

    /// The parts that an execution reached.
    ///
    /// # Errors
    /// If the history does not fit this definition.
    pub fn reached(&self, history: &[Value]) -> Result<BTreeSet<Part>> {
        let mut reached = BTreeSet::new();
        let mut current: Option<&str> = None;
        // The error of the last try, until it is known whether it was retried or caught.
        let mut error: Option<&str> = None;
        for event in history {
            let kind = event["type"].as_str().unwrap_or_default();
            if let Some(name) = event.pointer("/stateEnteredEventDetails/name") {
                let name = name.as_str().unwrap_or_default();
                if let Some(before) = current {
                    reached.extend(self.way(before, error.take(), name)?);
                }
                self.state(name)?;
                reached.insert(part(name, What::State));
                current = Some(name);
            } else if kind.ends_with("Scheduled")
                && let (Some(failed), Some(state)) = (error.take(), current)
            {
                let retrier = self.state(state)?.retrier(failed);
                let (retrier, _) =
                    retrier.with_context(|| format!("{state} was retried on {failed}"))?;
                reached.insert(part(state, What::Retry(retrier)));
            } else if let Some(failed) = failure(event, kind) {
                error = Some(failed);
            }
        }
        Ok(reached)
    }

    /// The part that led an execution from one state to another.
    fn way(&self, from: &str, error: Option<&str>, to: &str) -> Result<Option<Part>> {
        let state = self.state(from)?;
        if let Some(error) = error {
            let (index, catcher) = state
                .catcher(error)
                .with_context(|| format!("{from} did not end on {error}"))?;
            ensure!(catcher.next == to, "{from} went to {to} on {error}");
            return Ok(Some(part(from, What::Catch(index))));
        }
        let State::Choice(choice) = state else {
            return Ok(None);
        };
        let rule = choice.choices.iter().position(|rule| rule.next == to);
        Ok(Some(match rule {
            Some(n) => part(from, What::Choice(n)),
            None if choice.default.as_deref() == Some(to) => part(from, What::Default),
            None => bail!("{from} went to {to}"),
        }))
    }

    fn state(&self, name: &str) -> Result<&State> {
        let state = self.states().get(name);
        state.with_context(|| format!("a state {name} is not in it"))
    }
}

/// The states that a choice leads to; none for another state.
fn branches(state: &State) -> Vec<&str> {
    let rules = state.choices().iter().map(|rule| rule.next.as_str());
    rules.chain(state.default_choice()).collect()
}

fn part(state: &str, what: What) -> Part {
    Part {
        state: state.to_owned(),
        what,
    }
}

/// The error in an event, if it is a task's.
fn failure<'a>(event: &'a Value, kind: &str) -> Option<&'a str> {
    if kind.starts_with("Execution") {
        return None;
    }
    event
        .as_object()?
        .values()
        .find_map(|details| details.get("error")?.as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn definition() -> Definition {
        let text = json!({"StartAt": "A", "States": {
            "A": {
                "Type": "Task", "Resource": "a",
                "Retry": [{"ErrorEquals": ["X"]}, {"ErrorEquals": ["Y", "Z"]}],
                "Catch": [{"ErrorEquals": ["X"], "Next": "C"}, {"ErrorEquals": ["States.ALL"], "Next": "B"}],
                "Next": "B"
            },
            "B": {"Type": "Choice", "Choices": [{"Variable": "$.a", "IsPresent": true, "Next": "A"}], "Default": "C"},
            "C": {"Type": "Succeed"}
        }});
        Definition::read(&text.to_string()).unwrap()
    }

    fn entered(name: &str) -> Value {
        json!({"type": "StateEntered", "stateEnteredEventDetails": {"name": name}})
    }

    fn tried(error: &str) -> [Value; 2] {
        [
            json!({"type": "LambdaFunctionScheduled"}),
            json!({"type": "LambdaFunctionFailed", "lambdaFunctionFailedEventDetails": {"error": error}}),
        ]
    }

    fn reached(events: &[&[Value]]) -> Vec<String> {
        let reached = definition().reached(&events.concat()).unwrap();
        reached.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_retrier_catcher_and_branch_is_a_part() {
        let parts: Vec<String> = definition()
            .parts()
            .iter()
            .map(ToString::to_string)
            .collect();
        let expected = "A A.Retry[0] A.Retry[1] A.Catch[0] A.Catch[1] B B.Choices[0] B.Default C";
        assert_eq!(parts.join(" "), expected);
    }

    #[test]
    fn retrier_counts_if_a_retry_follows() {
        let events = [
            &[entered("A")][..],
            &tried("Z"),
            &tried("X"),
            &[entered("C")],
        ];
        assert_eq!(reached(&events), ["A", "A.Retry[1]", "A.Catch[0]", "C"]);
    }

    #[test]
    fn branch_is_identified_by_its_target() {
        let events = [
            &[entered("A"), entered("B"), entered("A"), entered("B")][..],
            &[entered("C")],
        ];
        assert_eq!(
            reached(&events),
            ["A", "B", "B.Choices[0]", "B.Default", "C"]
        );
    }

    #[test]
    fn history_of_another_state_machine_is_refused() {
        let went = |from: &str, to: &str| definition().reached(&[entered(from), entered(to)]);
        assert!(went("A", "D").is_err());
        assert!(went("B", "B").is_err());
    }
}
