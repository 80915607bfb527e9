//! Which parts of a state machine an execution has been through, from the execution's history.
//!
//! The parts are derived from the definition, so that a retrier, catcher or branch that is added later is one that
//! some test must reach. The history names states and errors, not the rule that was applied; which one it was follows
//! from the definition, as the Amazon States Language says: the first whose ErrorEquals has the error.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

/// A state, a retrier, a catcher, or a branch of a choice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Part {
    /// The state's name.
    pub state: String,
    /// What of the state.
    pub what: What,
}

/// What of a state.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// The state itself.
    State,
    /// The retrier with this index, followed by another try.
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
    states: BTreeMap<String, Value>,
}

impl Definition {
    /// Reads a definition.
    ///
    /// # Errors
    /// When it is no JSON object with States, or a choice has two branches to one state: the history does not tell
    /// these apart.
    pub fn read(text: &str) -> Result<Self> {
        let whole: Value = serde_json::from_str(text)?;
        let states: BTreeMap<String, Value> = whole["States"]
            .as_object()
            .context("no States")?
            .clone()
            .into_iter()
            .collect();
        for (name, state) in &states {
            let targets: Vec<&Value> = items(state, "Choices")
                .map(|choice| &choice["Next"])
                .chain(state.get("Default"))
                .collect();
            let different: BTreeSet<String> = targets.iter().map(ToString::to_string).collect();
            ensure!(
                targets.len() == different.len(),
                "{name}: two branches lead to the same state"
            );
        }
        Ok(Self { states })
    }

    /// The states, by name.
    #[must_use]
    pub fn states(&self) -> &BTreeMap<String, Value> {
        &self.states
    }

    /// Every part.
    #[must_use]
    pub fn parts(&self) -> BTreeSet<Part> {
        let mut parts = BTreeSet::new();
        for (name, state) in &self.states {
            let numbered = |key: &'static str, what: fn(usize) -> What| {
                (0..items(state, key).count()).map(what)
            };
            let whats = std::iter::once(What::State)
                .chain(numbered("Retry", What::Retry))
                .chain(numbered("Catch", What::Catch))
                .chain(numbered("Choices", What::Choice))
                .chain(state.get("Default").map(|_| What::Default));
            parts.extend(whats.map(|what| part(name, what)));
        }
        parts
    }

    /// The parts that an execution has been through.
    ///
    /// # Errors
    /// When its history is not one of this definition.
    pub fn reached(&self, history: &[Value]) -> Result<BTreeSet<Part>> {
        let mut reached = BTreeSet::new();
        let mut current: Option<&str> = None;
        // The error of the try before, until it is known what was made of it.
        let mut error: Option<&str> = None;
        for event in history {
            let kind = event["type"].as_str().unwrap_or_default();
            if let Some(name) = event.pointer("/stateEnteredEventDetails/name") {
                let name = name.as_str().unwrap_or_default();
                if let Some(before) = current {
                    reached.extend(self.way(before, error.take(), name)?);
                }
                ensure!(
                    self.states.contains_key(name),
                    "a state {name} is not in it"
                );
                reached.insert(part(name, What::State));
                current = Some(name);
            } else if kind.ends_with("Scheduled")
                && let (Some(failed), Some(state)) = (error.take(), current)
            {
                let retrier = self.first("Retry", state, failed);
                let retrier =
                    retrier.with_context(|| format!("{state} was tried again on {failed}"))?;
                reached.insert(part(state, What::Retry(retrier)));
            } else if let Some(failed) = failure(event, kind) {
                error = Some(failed);
            }
        }
        Ok(reached)
    }

    /// By which part an execution came from one state to another.
    fn way(&self, from: &str, error: Option<&str>, to: &str) -> Result<Option<Part>> {
        let state = self.states.get(from).context("a state is not in it")?;
        if let Some(error) = error {
            let catcher = self.first("Catch", from, error);
            let catcher = catcher.with_context(|| format!("{from} did not end on {error}"))?;
            let next = items(state, "Catch")
                .nth(catcher)
                .map(|catcher| &catcher["Next"]);
            ensure!(
                next.and_then(Value::as_str) == Some(to),
                "{from} went to {to} on {error}"
            );
            return Ok(Some(part(from, What::Catch(catcher))));
        }
        if state["Type"] != "Choice" {
            return Ok(None);
        }
        let choice = items(state, "Choices").position(|choice| choice["Next"] == to);
        Ok(Some(match choice {
            Some(n) => part(from, What::Choice(n)),
            None if state["Default"] == to => part(from, What::Default),
            None => bail!("{from} went to {to}"),
        }))
    }

    /// The first retrier or catcher of a state that is for an error.
    fn first(&self, key: &str, state: &str, error: &str) -> Option<usize> {
        items(self.states.get(state)?, key).position(|rule| {
            items(rule, "ErrorEquals").any(|name| {
                name == error
                    || name == "States.ALL"
                    || (name == "States.TaskFailed" && error != "States.Timeout")
            })
        })
    }
}

fn part(state: &str, what: What) -> Part {
    Part {
        state: state.to_owned(),
        what,
    }
}

/// The items of an array in an object; none when it is not there.
pub fn items<'a>(object: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    object
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// The error that an event tells of, if it is one of a task.
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
                "Type": "Task",
                "Retry": [{"ErrorEquals": ["X"]}, {"ErrorEquals": ["Y", "Z"]}],
                "Catch": [{"ErrorEquals": ["X"], "Next": "C"}, {"ErrorEquals": ["States.ALL"], "Next": "B"}],
                "Next": "B"
            },
            "B": {"Type": "Choice", "Choices": [{"Next": "A"}], "Default": "C"},
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
    fn every_rule_is_a_part() {
        let parts: Vec<String> = definition()
            .parts()
            .iter()
            .map(ToString::to_string)
            .collect();
        let expected = "A A.Retry[0] A.Retry[1] A.Catch[0] A.Catch[1] B B.Choices[0] B.Default C";
        assert_eq!(parts.join(" "), expected);
    }

    #[test]
    fn a_retrier_counts_when_another_try_follows() {
        let events = [
            &[entered("A")][..],
            &tried("Z"),
            &tried("X"),
            &[entered("C")],
        ];
        assert_eq!(reached(&events), ["A", "A.Retry[1]", "A.Catch[0]", "C"]);
    }

    #[test]
    fn a_branch_is_known_by_where_it_leads() {
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
    fn another_state_machines_history_is_refused() {
        let went = |from: &str, to: &str| definition().reached(&[entered(from), entered(to)]);
        assert!(went("A", "D").is_err());
        assert!(went("B", "B").is_err());
    }
}
