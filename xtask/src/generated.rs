//! Files that programs of the workspace make, because these have the Rust types: the JSON Schemas
//! of profiles, `docs/states.md` and `docs/facts.md`.

use std::process::{Command, ExitCode};

use anyhow::{Result, bail};
use fs_err as fs;

use crate::cargo::Programs;
use crate::command;
use crate::programs::DEVELOPMENT;
use crate::workspace::Workspace;

/// A file that a program writes to its standard output.
pub(crate) struct Generated {
    /// From the root of the workspace.
    file: &'static str,
    /// The folder of the program's package.
    package: &'static str,
    program: &'static str,
    arguments: &'static [&'static str],
    /// The command that writes the file.
    remedy: &'static str,
}

/// The folder of the test kit.
const TESTKIT: &str = "tests/testkit";

/// The JSON Schemas of profiles, from the types in `functions/domain/src/profile`.
pub(crate) const SCHEMAS: &[Generated] = &[
    Generated {
        file: "functions/profile.schema.json",
        package: TESTKIT,
        program: "profile-schema",
        arguments: &[],
        remedy: "cargo xtask schema",
    },
    Generated {
        file: "functions/naming-profile.schema.json",
        package: TESTKIT,
        program: "profile-schema",
        arguments: &["naming"],
        remedy: "cargo xtask schema",
    },
];

/// `docs/states.md`, from the types in `functions/domain/src/execution`, the state machine, and
/// runs.
pub(crate) const STATES: &[Generated] = &[Generated {
    file: "docs/states.md",
    package: TESTKIT,
    program: "states",
    arguments: &[],
    remedy: "cargo xtask states",
}];

/// `docs/facts.md`, from the facts in `tests/conformance`.
pub(crate) const FACTS: &[Generated] = &[Generated {
    file: "docs/facts.md",
    package: "tests/conformance",
    program: "conformance",
    arguments: &["--page"],
    remedy: "cargo xtask facts",
}];

/// Writes the files that are not current.
pub(crate) fn write(workspace: &Workspace, files: &[Generated]) -> Result<ExitCode> {
    let programs = Programs::build(workspace, &DEVELOPMENT)?;
    for generated in files {
        let wanted = generated.make(workspace, &programs)?;
        let path = workspace.path(generated.file);
        if fs::read(&path).ok().as_ref() != Some(&wanted) {
            fs::write(&path, &wanted)?;
            println!("wrote {}", generated.file);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Fails if a file is not current.
pub(crate) fn check(workspace: &Workspace, files: &[Generated]) -> Result<ExitCode> {
    let programs = Programs::build(workspace, &DEVELOPMENT)?;
    for generated in files {
        let Generated { file, remedy, .. } = generated;
        if fs::read(workspace.path(file))? != generated.make(workspace, &programs)? {
            bail!("{file}: not current; run `{remedy}`");
        }
        println!("{file} is current");
    }
    Ok(ExitCode::SUCCESS)
}

impl Generated {
    /// The file, as it must be.
    fn make(&self, workspace: &Workspace, programs: &Programs) -> Result<Vec<u8>> {
        let Self {
            package,
            program,
            arguments,
            ..
        } = self;
        let mut run = Command::new(programs.path(workspace, package, program)?);
        run.args(*arguments);
        let output = command::output(&mut run, "run the command again")?;
        if !output.status.success() {
            bail!(
                "{program} failed ({}): {}",
                output.status,
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        Ok(output.stdout)
    }
}
