//! Validation of the state machines: what Step Functions would refuse at deployment is refused here.

use std::process::Command;

use anyhow::Result;

use crate::workspace::Workspace;
use crate::{command, node};

/// Runs asl-validator over every state machine. It names what is wrong in which file.
pub(crate) fn validate(workspace: &Workspace) -> Result<()> {
    let machines = workspace.state_machines()?;
    let mut validate = Command::new(node::set_up(workspace)?.validator);
    for machine in &machines {
        validate
            .arg("--json-path")
            .arg(machine.strip_prefix(workspace.root()).unwrap_or(machine));
    }
    command::run(
        validate.current_dir(workspace.root()),
        "run `cargo xtask setup`",
    )
}
