//! The commands: one file each.

mod explain;
mod man;
mod migrate;
mod profile;
mod schema;
mod status;
mod whoami;

use std::io::Cursor;

use clap::CommandFactory;

use crate::args::Args;
use crate::error::{Code, Error, Result};
use crate::output::Output;
use crate::settings::Command;

/// Runs `command`. Returns the exit code of a command that did its work.
pub(crate) fn run(command: Command, output: &Output) -> Result<Code> {
    match command {
        Command::CheckProfile { source, kind } => profile::check(&source, kind, output),
        Command::Schema { kind } => schema::print(kind, output),
        Command::WhoAmI { aws } => waiting(whoami::run(&aws, output)),
        Command::Status { aws, stack } => waiting(status::run(&aws, stack.as_deref(), output)),
        Command::Explain { aws, stack, what } => {
            waiting(explain::run(&aws, stack.as_deref(), &what, output))
        }
        Command::Migrate { aws, stack, yes } => {
            waiting(migrate::run(&aws, stack.as_deref(), yes, output))
        }
        Command::Completions { shell } => {
            let mut text = Cursor::new(Vec::new());
            clap_complete::generate(shell, &mut Args::command(), "hookline", &mut text);
            output.raw(text.get_ref())?;
            Ok(Code::Success)
        }
        Command::Man { dir } => man::write(dir.as_deref(), output),
    }
}

/// Runs a command that calls AWS.
fn waiting(work: impl Future<Output = Result<Code>>) -> Result<Code> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::Internal {
            doing: "starting the I/O of the process",
            detail: error.to_string(),
        })?;
    runtime.block_on(work)
}
