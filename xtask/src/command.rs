//! Running other programs, with errors that say which program it was and, if it is not there, what
//! to install.

use std::io::ErrorKind;
use std::process::{Command, Output};

use anyhow::{Error, Result, anyhow, bail};

/// Runs a command to its end. Its output goes where ours goes; an exit status other than zero is an
/// error. `remedy` is what to do if there is no such program.
pub(crate) fn run(command: &mut Command, remedy: &str) -> Result<()> {
    let status = command
        .status()
        .map_err(|error| start_error(command, error, remedy))?;
    if !status.success() {
        bail!("{} failed ({status})", name(command));
    }
    Ok(())
}

/// Runs a command to its end and returns what it wrote, whatever its exit status.
pub(crate) fn output(command: &mut Command, remedy: &str) -> Result<Output> {
    command
        .output()
        .map_err(|error| start_error(command, error, remedy))
}

/// The error of a command that could not be started.
pub(crate) fn start_error(command: &Command, error: std::io::Error, remedy: &str) -> Error {
    if error.kind() == ErrorKind::NotFound {
        anyhow!(
            "{} was not found: {remedy}",
            command.get_program().display()
        )
    } else {
        Error::new(error).context(format!("starting {}", name(command)))
    }
}

/// The program's file name and first argument, which is enough to know it by.
fn name(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let mut name = program
        .file_name()
        .unwrap_or(command.get_program())
        .to_string_lossy()
        .into_owned();
    if let Some(first) = command.get_args().next() {
        name.push(' ');
        name.push_str(&first.to_string_lossy());
    }
    name
}
