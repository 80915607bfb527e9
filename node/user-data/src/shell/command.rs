//! A simple command of a script.

use super::word::Word;

/// How a command follows the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Joint {
    /// After it.
    Next,
    /// `&&`
    And,
    /// `||`
    Or,
    /// `|`
    Pipe,
}

/// A document in a script: `<<EOF`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Document {
    pub(crate) text: String,
    /// Whether variables in it count: its end is not quoted.
    pub(crate) is_filled: bool,
}

/// A simple command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) joint: Joint,
    pub(crate) words: Vec<Word>,
    /// The file that its output goes to, and whether it is appended.
    pub(crate) output: Option<(Word, bool)>,
    pub(crate) input: Option<Document>,
}

impl Command {
    /// One without words.
    pub(super) fn empty(joint: Joint) -> Self {
        Self {
            joint,
            words: Vec::new(),
            output: None,
            input: None,
        }
    }
}
