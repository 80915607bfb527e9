//! Drawings of state machines: from Amazon States Language to a Mermaid state diagram, which GitHub
//! shows as a picture, and to a table of what each state does.
//!
//! States are drawn in the order that an execution meets them, the way without errors first, and
//! not in the order of the file: the same machine gives the same drawing however its JSON is
//! sorted.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use anyhow::{Context, Result};
use hookline_statemachine::retry::Catcher;
use hookline_statemachine::rule::{ChoiceRule, Condition, Operand, Relation, Test};
use hookline_statemachine::state::State;
use hookline_statemachine::{StateMachine, States};

/// Comments up to this many characters are shown in the drawing; all are shown in the table.
const NOTE_LENGTH: usize = 100;
/// Notes are broken into lines of about this many characters.
const NOTE_WIDTH: usize = 32;

/// The state machine as a fenced Mermaid block.
pub(crate) fn draw(machine: &StateMachine) -> Result<String> {
    let mut drawing = Drawing {
        ids: ids(machine),
        out: String::new(),
    };
    drawing.line(0, "```mermaid");
    drawing.line(0, "stateDiagram-v2");
    drawing.scope(machine, 1)?;
    drawing.line(0, "```");
    Ok(drawing.out)
}

/// The states as a Markdown table.
pub(crate) fn table(machine: &StateMachine) -> String {
    let mut out =
        "| State | Kind | What it does | Tried again on |\n|---|---|---|---|\n".to_owned();
    for (name, state) in all_states(machine) {
        let retriers = state.retry().iter();
        let retries: Vec<String> = retriers.map(|one| errors(&one.error_equals)).collect();
        let cells = [
            &format!("`{name}`"),
            state.kind(),
            state.comment(),
            &retries.join("; "),
        ];
        let cells = cells.map(|cell| cell.replace('|', "\\|").replace('\n', " "));
        out.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    out
}

/// A drawing in the making.
struct Drawing<'a> {
    /// Mermaid's name for each state.
    ids: BTreeMap<&'a str, String>,
    out: String,
}

impl<'a> Drawing<'a> {
    fn line(&mut self, depth: usize, line: &str) {
        self.out.push_str(&"    ".repeat(depth));
        self.out.push_str(line);
        self.out.push('\n');
    }

    fn id(&self, name: &str) -> Result<String> {
        self.ids
            .get(name)
            .cloned()
            .with_context(|| format!("there is no state {name:?}"))
    }

    /// A machine, or what a Map or a branch of a Parallel holds.
    fn scope(&mut self, scope: &'a StateMachine, depth: usize) -> Result<()> {
        let start = self.id(&scope.start_at)?;
        self.line(depth, &format!("[*] --> {start}"));
        for (name, state) in in_order(scope) {
            self.state(name, state, depth)
                .with_context(|| format!("state {name:?}"))?;
        }
        Ok(())
    }

    fn state(&mut self, name: &'a str, state: &'a State, depth: usize) -> Result<()> {
        let id = self.id(name)?;
        let shown = name.replace('"', "'");
        match (state, state.inner().as_slice()) {
            (_, [first, rest @ ..]) => {
                let each = match state {
                    State::Map(_) => " (for each)",
                    _ => "",
                };
                self.line(depth, &format!("state \"{shown}{each}\" as {id} {{"));
                self.scope(first, depth + 1)?;
                for branch in rest {
                    self.line(depth + 1, "--");
                    self.scope(branch, depth + 1)?;
                }
                self.line(depth, "}");
            }
            // Mermaid's own diamond shows no name, and the name says what is decided.
            (State::Choice(_), _) => self.line(depth, &format!("state \"◇ {shown}\" as {id}")),
            _ if id != name => self.line(depth, &format!("state \"{shown}\" as {id}")),
            _ => self.line(depth, &id),
        }

        let comment = state.comment();
        if !comment.is_empty() && comment.chars().count() <= NOTE_LENGTH {
            self.line(depth, &format!("note right of {id}"));
            for line in wrap(comment, NOTE_WIDTH) {
                self.line(depth + 1, &line);
            }
            self.line(depth, "end note");
        }

        for (target, label) in onward(state)
            .into_iter()
            .chain(state.catch().iter().map(caught))
        {
            let target = target.map_or(Ok("[*]".to_owned()), |target| self.id(target))?;
            let colon = if label.is_empty() { "" } else { " : " };
            self.line(depth, &format!("{id} --> {target}{colon}{}", plain(&label)));
        }
        Ok(())
    }
}

/// A way out of a state: where it leads (None is the end), and what is said on it.
type Way<'a> = (Option<&'a str>, String);

/// Where a state leads without an error.
fn onward(state: &State) -> Vec<Way<'_>> {
    let mut ways = Vec::new();
    if let Some(next) = state.next() {
        ways.push((Some(next), String::new()));
    }
    ways.extend(state.choices().iter().map(chosen));
    if let Some(default) = state.default_choice() {
        ways.push((Some(default), "otherwise".to_owned()));
    }
    match state {
        State::Fail(fail) => ways.push((None, fail.error.as_deref().unwrap_or("fails").to_owned())),
        state if state.is_end() => ways.push((None, String::new())),
        _ => {}
    }
    ways
}

/// Where a choice rule leads.
fn chosen(rule: &ChoiceRule) -> Way<'_> {
    let label = match &rule.comment {
        Some(comment) => comment.clone(),
        None => condition(&rule.condition),
    };
    (Some(&rule.next), label)
}

/// Where a state leads on an error.
fn caught(catcher: &Catcher) -> Way<'_> {
    let label = format!("on {}", errors(&catcher.error_equals));
    (Some(&catcher.next), label)
}

/// A condition in words.
fn condition(condition: &Condition) -> String {
    let joined = |conditions: &[Condition], word: &str| {
        let parts: Vec<String> = conditions.iter().map(self::condition).collect();
        parts.join(word)
    };
    let (variable, test) = match condition {
        Condition::And(all) => return joined(all, " and "),
        Condition::Or(any) => return joined(any, " or "),
        Condition::Not(one) => return format!("not ({})", self::condition(one)),
        Condition::Test { variable, test } => (variable, test),
    };
    match test {
        Test::Is { quality, wanted } => {
            let not = if *wanted { "" } else { "not " };
            format!("{variable} is {not}{}", quality.name().to_lowercase())
        }
        Test::Compare {
            relation, operand, ..
        } => {
            let word = match relation {
                Relation::Equals => "=",
                Relation::LessThan => "below",
                Relation::LessThanEquals => "at most",
                Relation::GreaterThan => "above",
                Relation::GreaterThanEquals => "at least",
                Relation::Matches => "like",
            };
            // A path is said bare, a value as JSON writes it.
            match operand {
                Operand::Path(path) => format!("{variable} {word} {path}"),
                Operand::Literal(value) => format!("{variable} {word} {value}"),
            }
        }
    }
}

/// The errors that a retrier or catcher names.
fn errors(names: &[String]) -> String {
    match names {
        [only] if only == "States.ALL" => "any error".to_owned(),
        names => names.join(", "),
    }
}

/// The states of one scope: as the way without errors meets them, then those that errors lead to,
/// then, by name, those that nothing leads to.
fn in_order(scope: &StateMachine) -> Vec<(&str, &State)> {
    let states = &scope.states;
    let mut names: Vec<&str> = Vec::new();
    follow(states, &scope.start_at, &mut names);
    let mut index = 0;
    while let Some(state) = names.get(index).and_then(|name| states.get(*name)) {
        for catcher in state.catch() {
            follow(states, &catcher.next, &mut names);
        }
        index += 1;
    }
    let met: BTreeSet<&str> = names.iter().copied().collect();
    let rest = states.keys().map(String::as_str);
    names.extend(rest.filter(|name| !met.contains(name)));
    let state = |name| Some((name, states.get(name)?));
    names.into_iter().filter_map(state).collect()
}

/// Adds a state that was not met before, and those that it leads to without an error.
fn follow<'a>(states: &'a States, name: &'a str, met: &mut Vec<&'a str>) {
    let Some(state) = states.get(name).filter(|_| !met.contains(&name)) else {
        return;
    };
    met.push(name);
    for (target, _) in onward(state) {
        follow(states, target.unwrap_or_default(), met);
    }
}

/// The states of a machine, as an execution meets them and, after each, those inside it.
fn all_states(scope: &StateMachine) -> Vec<(&str, &State)> {
    let mut all = Vec::new();
    for (name, state) in in_order(scope) {
        all.push((name, state));
        all.extend(state.inner().into_iter().flat_map(all_states));
    }
    all
}

/// A name that Mermaid accepts for each state: letters and digits, no word of its own, no two
/// alike.
fn ids(machine: &StateMachine) -> BTreeMap<&str, String> {
    const WORDS: [&str; 12] = [
        "as",
        "class",
        "classdef",
        "click",
        "default",
        "direction",
        "end",
        "href",
        "note",
        "scale",
        "state",
        "style",
    ];
    let mut taken: BTreeSet<String> = WORDS.iter().map(|word| (*word).to_owned()).collect();
    let mut ids = BTreeMap::new();
    for (name, _) in all_states(machine) {
        let mut id: String = name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
            .collect();
        while !taken.insert(id.to_lowercase()) {
            id.push('_');
        }
        ids.insert(name, id);
    }
    ids
}

/// A label without the characters that end one in Mermaid.
fn plain(label: &str) -> String {
    label.replace(':', "∶").replace(';', ",").replace('\n', " ")
}

/// The text in lines of about this many characters.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                let _ = write!(line, " {word}");
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
#[path = "diagram_tests.rs"]
mod tests;
