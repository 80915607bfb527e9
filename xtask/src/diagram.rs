//! Drawings of state machines: from Amazon States Language to a Mermaid state diagram, which GitHub
//! shows as a picture, and to a table of what each state does.
//!
//! States are drawn in the order that an execution meets them, the way without errors first, and
//! not in the order of the file: the same machine gives the same drawing however its JSON is sorted.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use anyhow::{Context, Result};
use serde_json::{Map, Value};

/// Comments up to this many characters are shown in the drawing; all are shown in the table.
const NOTE_LENGTH: usize = 100;
/// Notes are broken into lines of about this many characters.
const NOTE_WIDTH: usize = 32;

/// The state machine as a fenced Mermaid block.
pub(crate) fn draw(machine: &Value) -> Result<String> {
    let mut drawing = Drawing {
        ids: ids(machine)?,
        out: String::new(),
    };
    drawing.line(0, "```mermaid");
    drawing.line(0, "stateDiagram-v2");
    drawing.scope(machine, 1)?;
    drawing.line(0, "```");
    Ok(drawing.out)
}

/// The states as a Markdown table.
pub(crate) fn table(machine: &Value) -> Result<String> {
    let mut out =
        "| State | Kind | What it does | Tried again on |\n|---|---|---|---|\n".to_owned();
    for (state, name) in all_states(machine)?
        .iter()
        .map(|(name, state)| (state, name))
    {
        let retries: Vec<String> = items(state, "Retry").map(errors).collect();
        let cells = [
            &format!("`{name}`"),
            text(state, "Type"),
            text(state, "Comment"),
            &retries.join("; "),
        ];
        let cells = cells.map(|cell| cell.replace('|', "\\|").replace('\n', " "));
        out.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    Ok(out)
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
    fn scope(&mut self, scope: &'a Value, depth: usize) -> Result<()> {
        let start = self.id(text(scope, "StartAt"))?;
        self.line(depth, &format!("[*] --> {start}"));
        for (name, state) in in_order(scope)? {
            self.state(name, state, depth)
                .with_context(|| format!("state {name:?}"))?;
        }
        Ok(())
    }

    fn state(&mut self, name: &'a str, state: &'a Value, depth: usize) -> Result<()> {
        let id = self.id(name)?;
        let shown = name.replace('"', "'");
        match (text(state, "Type"), inner(state).as_slice()) {
            (_, [first, rest @ ..]) => {
                let each = if rest.is_empty() && text(state, "Type") == "Map" {
                    " (for each)"
                } else {
                    ""
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
            ("Choice", _) => self.line(depth, &format!("state \"◇ {shown}\" as {id}")),
            _ if id != name => self.line(depth, &format!("state \"{shown}\" as {id}")),
            _ => self.line(depth, &id),
        }

        let comment = text(state, "Comment");
        if !comment.is_empty() && comment.chars().count() <= NOTE_LENGTH {
            self.line(depth, &format!("note right of {id}"));
            for line in wrap(comment, NOTE_WIDTH) {
                self.line(depth + 1, &line);
            }
            self.line(depth, "end note");
        }

        for (target, label) in onward(state).into_iter().chain(caught(state)) {
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
fn onward(state: &Value) -> Vec<Way<'_>> {
    let mut ways = Vec::new();
    if let Some(next) = state.get("Next").and_then(Value::as_str) {
        ways.push((Some(next), String::new()));
    }
    for rule in items(state, "Choices") {
        let label = match text(rule, "Comment") {
            "" => condition(rule),
            comment => comment.to_owned(),
        };
        ways.push((Some(text(rule, "Next")), label));
    }
    if let Some(default) = state.get("Default").and_then(Value::as_str) {
        ways.push((Some(default), "otherwise".to_owned()));
    }
    if text(state, "Type") == "Fail" {
        let error = text(state, "Error");
        ways.push((
            None,
            if error.is_empty() { "fails" } else { error }.to_owned(),
        ));
    } else if state.get("End") == Some(&Value::Bool(true)) || text(state, "Type") == "Succeed" {
        ways.push((None, String::new()));
    }
    ways
}

/// Where a state leads on an error.
fn caught(state: &Value) -> impl Iterator<Item = Way<'_>> {
    items(state, "Catch").map(|catcher| {
        (
            Some(text(catcher, "Next")),
            format!("on {}", errors(catcher)),
        )
    })
}

/// A choice rule in words.
fn condition(rule: &Value) -> String {
    // JSONata: an expression between percent signs.
    if let Some(expression) = rule.get("Condition").and_then(Value::as_str) {
        return expression
            .trim_start_matches("{%")
            .trim_end_matches("%}")
            .trim()
            .to_owned();
    }
    for (key, word) in [("And", " and "), ("Or", " or ")] {
        let parts: Vec<String> = items(rule, key).map(condition).collect();
        if !parts.is_empty() {
            return parts.join(word);
        }
    }
    if let Some(negated) = rule.get("Not") {
        return format!("not ({})", condition(negated));
    }
    let comparison = rule
        .as_object()
        .into_iter()
        .flatten()
        .find(|(key, _)| is_operator(key));
    let Some((operator, value)) = comparison else {
        return String::new();
    };
    let variable = text(rule, "Variable");
    if let Some(quality) = operator.strip_prefix("Is") {
        let not = if value == &Value::Bool(false) {
            "not "
        } else {
            ""
        };
        return format!("{variable} is {not}{}", quality.to_lowercase());
    }
    // Longest first: "LessThanEquals" ends in "Equals" too.
    let words = [
        ("LessThanEquals", "at most"),
        ("GreaterThanEquals", "at least"),
        ("LessThan", "below"),
        ("GreaterThan", "above"),
        ("Matches", "like"),
        ("Equals", "="),
    ];
    let kind = operator.trim_end_matches("Path");
    let word = words
        .iter()
        .find(|(end, _)| kind.ends_with(end))
        .map_or(kind, |(_, word)| word);
    // A path is said bare, a value as JSON writes it.
    let value = match value.as_str() {
        Some(path) if operator.ends_with("Path") => path.to_owned(),
        _ => value.to_string(),
    };
    format!("{variable} {word} {value}")
}

fn is_operator(key: &str) -> bool {
    let comparison = ["String", "Numeric", "Boolean", "Timestamp"]
        .iter()
        .any(|kind| key.starts_with(kind));
    comparison || key.starts_with("Is")
}

/// The errors that a retrier or catcher names.
fn errors(rule: &Value) -> String {
    let names: Vec<&str> = items(rule, "ErrorEquals")
        .filter_map(Value::as_str)
        .collect();
    if names == ["States.ALL"] {
        "any error".to_owned()
    } else {
        names.join(", ")
    }
}

/// The machines inside a state: the item processor of a Map, the branches of a Parallel.
fn inner(state: &Value) -> Vec<&Value> {
    let processor = state.get("ItemProcessor").or_else(|| state.get("Iterator"));
    processor
        .into_iter()
        .chain(items(state, "Branches"))
        .collect()
}

/// The states of one scope: as the way without errors meets them, then those that errors lead to,
/// then, by name, those that nothing leads to.
fn in_order(scope: &Value) -> Result<Vec<(&str, &Value)>> {
    let states = scope
        .get("States")
        .and_then(Value::as_object)
        .context("there are no States")?;
    let mut names: Vec<&str> = Vec::new();
    follow(states, text(scope, "StartAt"), &mut names);
    let mut index = 0;
    while let Some(state) = names.get(index).and_then(|name| states.get(*name)) {
        for (target, _) in caught(state) {
            follow(states, target.unwrap_or_default(), &mut names);
        }
        index += 1;
    }
    let met: BTreeSet<&str> = names.iter().copied().collect();
    let rest: BTreeSet<&str> = states
        .keys()
        .map(String::as_str)
        .filter(|name| !met.contains(name))
        .collect();
    names.extend(rest);
    Ok(names
        .into_iter()
        .filter_map(|name| Some((name, states.get(name)?)))
        .collect())
}

/// Adds a state that was not met before, and those that it leads to without an error.
fn follow<'a>(states: &'a Map<String, Value>, name: &'a str, met: &mut Vec<&'a str>) {
    let Some(state) = states.get(name).filter(|_| !met.contains(&name)) else {
        return;
    };
    met.push(name);
    for (target, _) in onward(state) {
        follow(states, target.unwrap_or_default(), met);
    }
}

/// The states of a machine and, after each, those inside it.
fn all_states(scope: &Value) -> Result<Vec<(&str, &Value)>> {
    let mut all = Vec::new();
    for (name, state) in in_order(scope)? {
        all.push((name, state));
        for scope in inner(state) {
            all.extend(all_states(scope)?);
        }
    }
    Ok(all)
}

/// A name that Mermaid accepts for each state: letters and digits, no word of its own, no two alike.
fn ids(machine: &Value) -> Result<BTreeMap<&str, String>> {
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
    for (name, _) in all_states(machine)? {
        let mut id: String = name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
            .collect();
        while !taken.insert(id.to_lowercase()) {
            id.push('_');
        }
        ids.insert(name, id);
    }
    Ok(ids)
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

/// A field that is a string; the empty string if it is absent or something else.
fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The items of a field that is an array; none if it is absent or something else.
fn items<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

#[cfg(test)]
#[path = "diagram_tests.rs"]
mod tests;
