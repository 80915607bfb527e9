//! How the programs of the tests end.

use std::process::ExitCode;

use anyhow::Result;

/// A program's exit code: success if all it checked was good. An error is written to standard
/// error, after its name.
pub fn exit_code(name: &str, outcome: Result<bool>) -> ExitCode {
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{name}: {error:#}");
            ExitCode::FAILURE
        }
    }
}
