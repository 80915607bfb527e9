//! # Introduction
//!
//! `hookline` is the command of the people who operate Hookline. A run goes through these files:
//!
//! ```text
//! args (as written) ──▶ settings (as meant) ──▶ commands/* ──▶ output: text or JSON
//!                                                  │    └────▶ error: what, remedy, exit code
//!                                                  ├─ discover, observe, locate, gather, survey, foresee, retrace: which calls
//!                                                  │      └─ aws: the calls, one function each
//!                                                  └─ judge: what is wrong, by what was observed
//! ```
//!
//! To add a command: describe it in [`args`], resolve it in [`settings`], and do it in a file of
//! `commands/`. It returns what it found as a type with two forms: `serde::Serialize` for `--json`,
//! and [`output::Report`] for people. docs/cli.md has a section for each command.

mod args;
mod aws;
mod chosen;
mod commands;
mod discover;
mod error;
#[cfg(test)]
mod fixtures;
mod foresee;
mod gather;
mod judge;
mod locate;
mod logs;
mod observe;
mod observed;
mod output;
mod retrace;
mod settings;
mod survey;

use std::io::ErrorKind;
use std::process::ExitCode;

use clap::Parser;

use crate::args::Args;
use crate::error::Error;
use crate::output::Output;
use crate::settings::{Settings, Surroundings};

fn main() -> ExitCode {
    // On an error, clap prints it and ends the process with exit code 2.
    let args = Args::parse();
    let settings = Settings::of(args, &Surroundings::of_this_process());
    logs::start(settings.verbosity);
    settings.command.chosen().remember();
    let output = Output::new(settings.format, settings.colours);
    match commands::run(settings.command, &output) {
        Ok(code) => code.into(),
        // The reader of a pipe, such as `head`, has seen enough.
        Err(Error::Write { source }) if source.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            output.error(&error);
            error.exit_code().into()
        }
    }
}
