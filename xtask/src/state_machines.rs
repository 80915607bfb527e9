//! Validation of the state machines: what Step Functions would refuse at deployment is refused here.

use std::process::Command;

use anyhow::{Context as _, Result};
use fs_err as fs;

use crate::workspace::Workspace;
use crate::{command, node};

/// Runs asl-validator over every state machine. It names what is wrong in which file.
///
/// The files are copies with a partition for its placeholder, as asl-validator knows integrations by
/// their whole ARN. A function's placeholder may stay.
pub(crate) fn validate(workspace: &Workspace) -> Result<()> {
    let folder = workspace.target()?.join("state-machines");
    fs::create_dir_all(&folder)?;
    let mut validate = Command::new(node::set_up(workspace)?.validator);
    for machine in workspace.state_machines()? {
        let definition = fs::read_to_string(&machine)?.replace("${Partition}", "aws");
        let copy = folder.join(machine.file_name().context("a file has a name")?);
        fs::write(&copy, definition)?;
        validate.arg("--json-path").arg(copy);
    }
    command::run(
        validate.current_dir(workspace.root()),
        "run `cargo xtask setup`",
    )
}
