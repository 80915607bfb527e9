//! The files of `.github/`: the workflows, checked by actionlint and against their JSON Schema, and
//! Dependabot's file, checked against its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

use crate::workspace::Workspace;
use crate::{command, folder, node, python};

const WORKFLOWS: &str = ".github/workflows";
const DEPENDABOT: &str = ".github/dependabot.yml";

/// Checks them all. The tools name what is wrong in which file; they use no network.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let workflows: Vec<_> = folder::list(&workspace.path(WORKFLOWS))?
        .into_iter()
        .filter(|path| is_yaml(path))
        .collect();
    ensure!(!workflows.is_empty(), "there is no workflow in {WORKFLOWS}");
    let tools = node::set_up(workspace)?;
    let mut actionlint = Command::new("node");
    actionlint
        .current_dir(workspace.root())
        .arg(tools.actionlint);
    for path in &workflows {
        actionlint.arg(path.strip_prefix(workspace.root()).unwrap_or(path));
    }
    command::run(&mut actionlint, node::REMEDY)?;
    // actionlint's package knows less than GitHub's present schema, and more than a schema can say.
    let python = python::set_up(workspace)?;
    let program = python.with_file_name("check-jsonschema");
    let schema = |name: &str, files: &[PathBuf]| {
        command::run(
            Command::new(&program)
                .current_dir(workspace.root())
                .args(["--builtin-schema", name])
                .args(files),
            "run `cargo xtask setup`",
        )
    };
    schema("vendor.github-workflows", &workflows)?;
    schema("vendor.dependabot", &[workspace.path(DEPENDABOT)])
}

fn is_yaml(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "yml" || extension == "yaml")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workflow_is_a_yaml_file() {
        assert!(is_yaml(Path::new("a/test.yml")));
        assert!(is_yaml(Path::new("a/test.yaml")));
        assert!(!is_yaml(Path::new("a/README.md")));
        assert!(!is_yaml(Path::new("a/yml")));
    }
}
