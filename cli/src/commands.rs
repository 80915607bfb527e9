//! The commands: one file each.

mod adopt;
mod check;
mod explain;
mod invoke;
mod man;
mod migrate;
mod pause;
mod plan;
mod profile;
mod reconcile;
mod release;
mod replay;
mod schema;
mod status;
mod timeline;
mod user_data;
mod versions;
mod violations;
mod watch;
mod whoami;

use std::io::Cursor;

use clap::CommandFactory;

use crate::args::Args;
use crate::error::{Code, Error, Result};
use crate::output::Output;
use crate::settings::{Act, Action, AwsSettings, Command, Question, Read};

/// Runs `command`. Returns the exit code of a command that did its work.
pub(crate) fn run(command: Command, output: &Output) -> Result<Code> {
    match command {
        Command::CheckProfile { source, kind } => profile::check(&source, kind, output),
        Command::Schema { kind } => schema::print(kind, output),
        Command::WhoAmI { aws } => waiting(whoami::run(&aws, output)),
        Command::Read { aws, read } => waiting(answer(&aws, read, output)),
        Command::Act { aws, act } => waiting(run_act(&aws, act, output)),
        Command::Migrate { aws, stack, yes } => {
            waiting(migrate::run(&aws, stack.as_deref(), yes, output))
        }
        Command::ExplainUserData {
            aws,
            source,
            profile,
            instance_type,
        } => waiting(user_data::run(
            &aws,
            &source,
            profile.as_ref(),
            instance_type.as_deref(),
            output,
        )),
        Command::Completions { shell } => {
            let mut text = Cursor::new(Vec::new());
            clap_complete::generate(shell, &mut Args::command(), "hookline", &mut text);
            output.raw(text.get_ref())?;
            Ok(Code::Success)
        }
        Command::Man { dir } => man::write(dir.as_deref(), output),
    }
}

/// Runs a command that looks at a deployment.
async fn answer(aws: &AwsSettings, read: Read, output: &Output) -> Result<Code> {
    let stack = read.stack.as_deref();
    match read.what {
        Question::Status => status::run(aws, stack, output).await,
        Question::Watch => watch::run(aws, stack).await,
        Question::Explain(what) => explain::run(aws, stack, &what, output).await,
        Question::Check(subject) => check::run(aws, stack, &subject, output).await,
        Question::Plan { group, nodes } => plan::run(aws, stack, &group, nodes, output).await,
        Question::Timeline {
            group,
            window,
            target,
        } => timeline::run(aws, stack, &group, window, &target, output).await,
    }
}

/// Runs a command that changes something.
async fn run_act(aws: &AwsSettings, act: Act, output: &Output) -> Result<Code> {
    let (stack, yes) = (act.stack.as_deref(), act.yes);
    match act.what {
        Action::Replay(wanted) => replay::run(aws, stack, &wanted, yes, output).await,
        Action::Release(what) => release::run(aws, stack, &what, yes, output).await,
        Action::Switch(wanted) => pause::run(aws, stack, &wanted, yes, output).await,
        Action::Reconcile => reconcile::run(aws, stack, yes, output).await,
        Action::Versions => versions::run(aws, stack, yes, output).await,
        Action::Adopt {
            instances,
            per_minute,
        } => adopt::run(aws, stack, &instances, per_minute, yes, output).await,
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
