//! Words of a shell, and what they come to.

use std::collections::BTreeMap;

/// A part of a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// As it is.
    Text(String),
    /// A variable.
    Variable {
        /// Its name.
        name: String,
        /// What follows the name in braces, as `:-default`.
        operator: String,
        /// Whether it is in double quotes, and so stays one word.
        is_quoted: bool,
    },
    /// What only the node knows: the output of a command.
    Unknown,
}

/// A word.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) pieces: Vec<Piece>,
    /// `NAME=(…)`: the words of an array.
    pub(crate) array: Option<Vec<Word>>,
}

/// Variables, by their names. An array is its words with spaces between them.
pub(crate) type Variables = BTreeMap<String, String>;

/// What stands for a value that only the node knows.
pub(crate) const UNKNOWN: &str = "$(…)";

/// The most that a word comes to, in bytes: values that contain themselves double each time.
pub(crate) const MAX_WORD: usize = 64 * 1024;

impl Word {
    /// The words that it comes to. A variable outside quotes can become several.
    pub(crate) fn expanded(&self, variables: &Variables) -> Vec<String> {
        let mut words = vec![String::new()];
        let mut has_text = false;
        for piece in &self.pieces {
            let (value, is_quoted) = match piece {
                Piece::Text(text) => {
                    has_text = true;
                    (text.clone(), true)
                }
                Piece::Unknown => (UNKNOWN.to_owned(), true),
                Piece::Variable {
                    name,
                    operator,
                    is_quoted,
                } => {
                    has_text |= *is_quoted;
                    (valued(name, operator, variables, 0), *is_quoted)
                }
            };
            if is_quoted {
                push(&mut words, &value);
                continue;
            }
            for (n, part) in value.split(char::is_whitespace).enumerate() {
                if n > 0 {
                    words.push(String::new());
                }
                push(&mut words, part);
            }
        }
        words.retain(|word| !word.is_empty());
        if words.is_empty() && has_text {
            words.push(String::new());
        }
        words
    }

    /// The text that it comes to, as one.
    pub(crate) fn joined(&self, variables: &Variables) -> String {
        match &self.array {
            Some(words) => {
                let words: Vec<_> = words
                    .iter()
                    .flat_map(|word| word.expanded(variables))
                    .collect();
                words.join(" ")
            }
            None => self.expanded(variables).join(" "),
        }
    }

    /// The name of an assignment, whether it is `+=`, and its value.
    pub(crate) fn assignment(&self) -> Option<(&str, bool, Word)> {
        let Some((Piece::Text(first), rest)) = self.pieces.split_first() else {
            return None;
        };
        let (name, value) = first.split_once('=')?;
        let (name, is_appended) = match name.strip_suffix('+') {
            Some(name) => (name, true),
            None => (name, false),
        };
        if !is_name(name) {
            return None;
        }
        let mut pieces = vec![Piece::Text(value.to_owned())];
        pieces.extend_from_slice(rest);
        let value = Word {
            pieces,
            array: self.array.clone(),
        };
        Some((name, is_appended, value))
    }
}

fn push(words: &mut [String], text: &str) {
    if let Some(last) = words.last_mut()
        && last.len() + text.len() <= MAX_WORD
    {
        last.push_str(text);
    }
}

/// Whether a text can be the name of a variable.
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|first: char| first.is_ascii_digit())
        && text
            .chars()
            .all(|one| one.is_ascii_alphanumeric() || one == '_')
}

/// A text with its variables, such as a document in a script.
pub(crate) fn filled(text: &str, variables: &Variables) -> String {
    filled_to(text, variables, 0)
}

fn filled_to(text: &str, variables: &Variables, depth: usize) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['$', '\\', '`']) {
        let (before, from) = rest.split_at(at);
        filled.push_str(before);
        let mut characters = from.chars();
        let first = characters.next().unwrap_or_default();
        let after = characters.as_str();
        if filled.len() > MAX_WORD {
            break;
        }
        if first == '\\' {
            let next = characters.next().unwrap_or_default();
            match next {
                '$' | '`' | '\\' => filled.push(next),
                '\n' => {}
                next => filled.extend(['\\', next]),
            }
            rest = characters.as_str();
            continue;
        }
        if first == '`' {
            filled.push_str(UNKNOWN);
            rest = after.split_once('`').map_or("", |(_, rest)| rest);
            continue;
        }
        let (piece, remaining) = variable(after, true);
        match piece {
            Some(Piece::Variable { name, operator, .. }) => {
                filled.push_str(&valued(&name, &operator, variables, depth + 1));
            }
            Some(_) => filled.push_str(UNKNOWN),
            None => filled.push('$'),
        }
        rest = remaining;
    }
    filled.push_str(rest);
    filled
}

/// Reads what follows a `$`: a variable, or the output of a command. `None` if the `$` is one.
pub(crate) fn variable(after: &str, is_quoted: bool) -> (Option<Piece>, &str) {
    if let Some(inner) = after.strip_prefix('{') {
        let (inner, rest) = until(inner, '{', '}');
        let end = inner.find(|one: char| !(one.is_ascii_alphanumeric() || one == '_'));
        let (name, operator) = inner.split_at(end.unwrap_or(inner.len()));
        let piece = match is_name(name) {
            true => Piece::Variable {
                name: name.to_owned(),
                operator: operator.to_owned(),
                is_quoted,
            },
            false => Piece::Unknown,
        };
        return (Some(piece), rest);
    }
    if let Some(inner) = after.strip_prefix('(') {
        return (Some(Piece::Unknown), until(inner, '(', ')').1);
    }
    let end = after.find(|one: char| !(one.is_ascii_alphanumeric() || one == '_'));
    let (name, rest) = after.split_at(end.unwrap_or(after.len()));
    if is_name(name) {
        let piece = Piece::Variable {
            name: name.to_owned(),
            operator: String::new(),
            is_quoted,
        };
        return (Some(piece), rest);
    }
    // `$?`, `$1`, `$@`.
    let mut characters = after.chars();
    match characters.next() {
        Some(one) if one.is_ascii_digit() || "?@*#!$-".contains(one) => {
            (Some(Piece::Unknown), characters.as_str())
        }
        _ => (None, after),
    }
}

/// What is before the closing bracket, and what is after it.
fn until(text: &str, open: char, close: char) -> (&str, &str) {
    let mut depth = 0_usize;
    let mut is_escaped = false;
    for (at, one) in text.char_indices() {
        if is_escaped {
            is_escaped = false;
        } else if one == '\\' {
            is_escaped = true;
        } else if one == open {
            depth += 1;
        } else if one == close {
            if depth == 0 {
                let (inner, rest) = text.split_at(at);
                return (inner, rest.strip_prefix(close).unwrap_or(rest));
            }
            depth -= 1;
        }
    }
    (text, "")
}

/// What a variable comes to.
fn valued(name: &str, operator: &str, variables: &Variables, depth: usize) -> String {
    /// Defaults in defaults.
    const MAX_NESTED: usize = 4;
    let value = variables.get(name);
    let other = |text: &str| match depth > MAX_NESTED {
        true => UNKNOWN.to_owned(),
        false => filled_to(text.trim_matches('"'), variables, depth + 1),
    };
    let set = value.filter(|value| !value.is_empty());
    if let Some(default) = operator
        .strip_prefix(":-")
        .or_else(|| operator.strip_prefix(":="))
    {
        return set.cloned().unwrap_or_else(|| other(default));
    }
    if let Some(default) = operator
        .strip_prefix('-')
        .or_else(|| operator.strip_prefix('='))
    {
        return value.cloned().unwrap_or_else(|| other(default));
    }
    if let Some(alternative) = operator
        .strip_prefix(":+")
        .or_else(|| operator.strip_prefix('+'))
    {
        return set.map(|_| other(alternative)).unwrap_or_default();
    }
    match (operator, value) {
        ("" | "[@]" | "[*]", Some(value)) => value.clone(),
        // Not set in the script: an environment, or an argument, may set it.
        ("", None) => format!("${name}"),
        _ => UNKNOWN.to_owned(),
    }
}
