//! What an operator sees in a scene, for docs: with `HOOKLINE_SESSION`, each test writes the commands
//! that it runs, and what they print, into that folder. `cargo xtask session` makes a page of it.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

/// Where the sessions are written to.
const FOLDER: &str = "HOOKLINE_SESSION";

/// Writes a command and its output into the session of this test, if sessions are kept.
pub(crate) fn keep(line: &str, output: &str) -> Result<()> {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return Ok(());
    };
    // libtest names the thread of a test after it.
    let thread = std::thread::current();
    let test = thread.name().context("a test without a name")?;
    let file = PathBuf::from(folder).join(test.replace("::", "."));
    let mut session = OpenOptions::new().create(true).append(true).open(&file)?;
    write!(session, "$ {line}\n{output}\n").with_context(|| file.display().to_string())
}
