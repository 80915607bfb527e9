//! What the command prints: a result on stdout and an error on stderr, as text or as JSON.
//!
//! All text goes through [`Page`], which removes control characters, wraps lines and adds colours.
//! So a command need not know which of its texts come from outside.

mod page;
mod printable;
pub(crate) mod timeline;
pub(crate) mod watch;

use std::io::{self, Write as _};

use anstyle::{AnsiColor, Style};
use serde::{Serialize, Serializer};
use serde_json::json;

use crate::error::{Error, Result};
use crate::settings::{Colours, Format};

pub(crate) use page::Page;
#[cfg(test)]
pub(crate) use page::WIDTH;

/// A result with a form for people. Its form for programs is its `Serialize`.
pub(crate) trait Report: Serialize {
    /// Writes the result to `page`.
    fn write(&self, page: &mut Page);
}

/// How far a command that changes something has come. In JSON: whether it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It says what it would do, and does not do it.
    Proposed,
    /// It says what it does now.
    Begun,
    /// It is done.
    Done,
}

impl Serialize for Stage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(*self == Self::Done)
    }
}

/// Of what went well.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// Of what is wrong.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// Of what a line is about.
pub(crate) const STRONG: Style = Style::new().bold();
/// Of labels.
pub(crate) const LABEL: Style = AnsiColor::Cyan.on_default();

/// Where results and errors go.
#[derive(Debug)]
pub(crate) struct Output {
    format: Format,
    colours: Colours,
}

impl Output {
    pub(crate) fn new(format: Format, colours: Colours) -> Self {
        Self { format, colours }
    }

    /// Prints a result.
    pub(crate) fn report(&self, report: &impl Report) -> Result<()> {
        match self.format {
            Format::Text => {
                let mut page = Page::new(self.colours.stdout);
                report.write(&mut page);
                self.raw(page.into_text().as_bytes())
            }
            Format::Json => self.json(report),
        }
    }

    /// Prints what a command is about to do. JSON has it in the result, as it is one value.
    pub(crate) fn announce(&self, report: &impl Report) -> Result<()> {
        match self.format {
            Format::Text => self.report(report),
            Format::Json => Ok(()),
        }
    }

    /// Prints how far a long command has come, to stderr. JSON has it in the result.
    pub(crate) fn progress(&self, text: &str) {
        if self.format == Format::Text {
            let mut page = Page::new(self.colours.stderr);
            page.paragraph(&[(Style::new(), text)]);
            // If stderr is closed, the result still tells.
            let _ = io::stderr().write_all(page.into_text().as_bytes());
        }
    }

    /// Prints a result to stderr, because stdout has something else.
    pub(crate) fn report_aside(&self, report: &impl Report) {
        let text = match self.format {
            Format::Text => {
                let mut page = Page::new(self.colours.stderr);
                report.write(&mut page);
                page.into_text()
            }
            Format::Json => {
                let text = serde_json::to_string_pretty(report).unwrap_or_default();
                format!("{}\n", printable::json(&text))
            }
        };
        // If stderr is closed, stdout still has the result.
        let _ = io::stderr().write_all(text.as_bytes());
    }

    /// Prints a value as JSON, whatever the format is.
    pub(crate) fn json(&self, value: &impl Serialize) -> Result<()> {
        let text = serde_json::to_string_pretty(value).map_err(|error| Error::Internal {
            doing: "writing JSON",
            detail: error.to_string(),
        })?;
        self.raw(format!("{}\n", printable::json(&text)).as_bytes())
    }

    /// Prints what is in its final form: a manual page, the completions of a shell.
    pub(crate) fn raw(&self, bytes: &[u8]) -> Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(bytes)?;
        stdout.flush()?;
        Ok(())
    }

    /// Prints an error.
    pub(crate) fn error(&self, error: &Error) {
        let text = match self.format {
            Format::Text => {
                let mut page = Page::new(self.colours.stderr);
                page.paragraph(&[(BAD, "error:"), (Style::new(), &error.to_string())]);
                page.indented(&[(LABEL, "remedy:"), (Style::new(), &error.remedy())]);
                page.into_text()
            }
            Format::Json => {
                let value = json!({"error": {
                    "kind": error.exit_code().kind(),
                    "message": error.to_string(),
                    "remedy": error.remedy(),
                    "exitCode": error.exit_code() as u8,
                }});
                format!("{}\n", printable::json(&value.to_string()))
            }
        };
        // If stderr is closed, the exit code still tells.
        let _ = io::stderr().write_all(text.as_bytes());
    }
}
