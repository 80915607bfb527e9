//! The `hookline` command as its users run it: every command, with success and failure, as text and
//! as JSON.

// Tests say what must be by failing, and JSON is indexed by name here, which gives null where
// nothing is.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

mod adopt;
mod check;
mod check_file;
mod check_network;
mod check_parts;
mod deployed;
mod explain;
mod fake;
mod global;
mod migrate;
mod pause;
mod plan;
mod printed;
mod profile;
mod program;
mod reconcile;
mod release;
mod replay;
mod scale_out;
mod snapshots;
mod status;
mod timeline;
mod uncovered;
mod user_data;
mod versions;
mod watch;
mod whoami;

use std::path::{Path, PathBuf};

use assert_cmd::assert::Assert;
use serde_json::Value;

use crate::program::{hookline, stdout};

/// The widest line of text, in columns.
const WIDTH: usize = 100;

/// A file of functions/fixtures.
fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../functions/fixtures")
        .join(name)
}

fn stderr(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stderr.clone()).unwrap()
}

/// The error on stderr as JSON, if its exit code is that of the process.
fn json_error(assert: &Assert) -> Value {
    assert_eq!(stdout(assert), "");
    let value: Value = serde_json::from_str(&stderr(assert)).unwrap();
    let error = &value["error"];
    let code = assert.get_output().status.code();
    assert_eq!(error["exitCode"].as_i64(), code.map(i64::from), "{error}");
    for field in ["kind", "message", "remedy"] {
        assert!(error[field].as_str().is_some_and(|text| !text.is_empty()));
    }
    error.clone()
}

/// Fails if a line is wider than text may be, or holds a control character.
fn check_text(text: &str) {
    for line in text.lines() {
        assert!(line.chars().count() <= WIDTH, "{line}");
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
}

/// Checks a text, and that it has each of these lines.
fn check_lines(text: &str, lines: &[&str]) {
    check_text(text);
    for line in lines {
        assert!(
            text.lines().any(|found| found == *line),
            "no {line:?} in\n{text}"
        );
    }
}

/// The text of an error, in one line.
fn unwrapped(text: &str) -> String {
    check_text(text);
    let words: Vec<_> = text.split_whitespace().collect();
    words.join(" ")
}
