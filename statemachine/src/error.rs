//! What goes wrong when a state machine is read, or a path or an expression is evaluated.

use std::fmt::{self, Display};

/// A state machine that cannot be read, or a path or an expression that cannot be evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(String);

impl Error {
    /// An error with this message.
    pub(crate) fn new(message: impl Display) -> Self {
        Self(message.to_string())
    }

    /// The same error, with where it happened.
    pub(crate) fn within(self, place: impl Display) -> Self {
        Self(format!("{place}: {}", self.0))
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}
