//! `cargo xtask session`: a page of docs that shows an operator in ten broken scenes. It runs the tests
//! of these scenes, which write down the commands that they run and what these print.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use fs_err as fs;

use crate::cargo::{Programs, REMEDY, cargo};
use crate::programs::{DEVELOPMENT, FUNCTIONS_DIR, PYTHON};
use crate::workspace::Workspace;
use crate::{command, python};

/// The page.
const PAGE: &str = "docs/operations/session.md";
/// The folder by which the tests know that they are to write.
const SESSION: &str = "HOOKLINE_SESSION";
/// The most characters of a command that the page shows: a remedy can have a whole profile in it.
const COMMAND: usize = 200;
/// The most lines of a command's output that the page shows.
const LINES: usize = 90;

/// A scene: what is broken, the test that plays it, and what to say of it.
struct Scene {
    title: &'static str,
    test: &'static str,
    /// What was done to the deployment before.
    before: &'static str,
}

const SCENES: [Scene; 10] = [
    Scene {
        title: "A subnet is full",
        test: "addresses::full_subnet_is_explained_with_who_holds_it_and_deletes_make_room",
        before: "Somebody else's unattached interfaces hold the addresses of the first network's subnet. The group wants one node.",
    },
    Scene {
        title: "A security group does not exist",
        test: "profiles::missing_security_group_is_named_with_the_field_and_a_corrected_rule_ends_the_loop",
        before: "One slot names a security group that was deleted. After `pause`, the profile is corrected and deployed.",
    },
    Scene {
        title: "The instance type is too small",
        test: "profiles::instance_type_that_is_too_small_is_named_with_its_limit",
        before: "The launch template has m5.large, which takes three interfaces. The profile adds three.",
    },
    Scene {
        title: "The rule has no target",
        test: "hooks::rule_without_a_target_gets_it_back_and_the_launch_is_replayed",
        before: "Somebody removed the target of the rule, so no execution starts. A command of the finding lists the roles that EventBridge may assume: `ROLE_ARN` is the rule's.",
    },
    Scene {
        title: "A hook lets half-wired nodes in, and its rule is off",
        test: "hooks::disabled_rule_and_hook_with_continue_and_sixty_seconds_are_put_right",
        before: "Somebody put the hook by hand, with CONTINUE and a heartbeat timeout of 60 s, and the rule is disabled.",
    },
    Scene {
        title: "An instance ended midway",
        test: "executions::instance_that_ended_midway_is_told_from_one_that_was_given_up",
        before: "A person terminated the instance while its interfaces were attached. Auto Scaling has replaced it.",
    },
    Scene {
        title: "Something else is at the device index",
        test: "profiles::interface_at_the_device_index_is_named_and_its_detach_and_a_replay_mend_it",
        before: "While Hookline created interfaces, another program attached one at device index 1. The hook is not Hookline's to complete, so the launch still waits.",
    },
    Scene {
        title: "An execution was stopped",
        test: "executions::stopped_execution_is_told_and_a_replay_finishes_the_launch",
        before: "A person stopped the execution of a launch after its first attach.",
    },
    Scene {
        title: "An interface is left behind",
        test: "interfaces::leaked_interface_is_listed_with_its_time_and_can_be_deleted",
        before: "An interface of this deployment is attached to nothing, and its instance never existed.",
    },
    Scene {
        title: "A node is InService without its interfaces",
        test: "interfaces::node_without_interfaces_is_told_and_adopted",
        before: "The event of the launch was lost, and a person completed the hook.",
    },
];

/// Runs the scenes and writes the page.
pub(crate) fn run(workspace: &Workspace) -> Result<ExitCode> {
    let python = python::set_up(workspace)?;
    let programs = Programs::build(workspace, &DEVELOPMENT)?;
    let folder = workspace.target()?.join("session");
    crate::folder::make_empty(&folder)?;
    let mut test = cargo(workspace);
    test.args([
        "test",
        "--workspace",
        "--locked",
        "--test",
        "operator",
        "--",
        "--exact",
    ])
    .args(SCENES.map(|scene| scene.test))
    .env(SESSION, &folder)
    .env(FUNCTIONS_DIR, programs.folder(workspace, "functions")?)
    .env(PYTHON, python);
    command::run(&mut test, REMEDY)?;
    fs::write(workspace.path(PAGE), page(&folder)?)?;
    println!("wrote {PAGE}");
    Ok(ExitCode::SUCCESS)
}

fn page(folder: &Path) -> Result<String> {
    let mut page = String::from(
        "# Ten broken scenes\n\n\
         An operator with `hookline` on the fake AWS, with the real state machine and the real functions. In each scene, `status` shows that something\n\
         is wrong, and `explain` or `check` says why. Where a command can mend it, that is printed and run here; where the profile is wrong,\n\
         the test corrects it. `cargo xtask session` runs the scenes and writes this page; the tests `operator` hold it.\n",
    );
    for (
        n,
        Scene {
            title,
            test,
            before,
        },
    ) in SCENES.iter().enumerate()
    {
        let file = folder.join(test.replace("::", "."));
        let session = fs::read_to_string(&file)?;
        ensure!(!session.trim().is_empty(), "{}: empty", file.display());
        write!(page, "\n## {}. {title}\n\n{before}\n\n```console\n", n + 1)
            .and_then(|()| writeln!(page, "{}\n```", shown(&session)))
            .context("writing the page")?;
    }
    Ok(page)
}

/// A session as the page shows it: long commands and outputs are cut.
fn shown(session: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut of_output = 0;
    for line in session.trim().lines() {
        // One empty line is enough.
        if line.is_empty() && lines.last().is_some_and(String::is_empty) {
            continue;
        }
        if line.starts_with("$ ") {
            of_output = 0;
        } else {
            of_output += 1;
        }
        match of_output {
            n if n < LINES => lines.push(cut(line)),
            n if n == LINES => lines.push("…".to_owned()),
            _ => {}
        }
    }
    lines.join("\n")
}

fn cut(line: &str) -> String {
    match line.char_indices().nth(COMMAND) {
        None => line.trim_end().to_owned(),
        Some((end, _)) => format!("{} …", line.get(..end).unwrap_or(line).trim_end()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_commands_and_outputs_are_cut() {
        let session = format!(
            "$ aws {}\n{}\n$ hookline status\nfine\n\n",
            "x".repeat(500),
            "line\n".repeat(99)
        );
        let shown = shown(&session);
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(
            lines.first().map(|line| line.chars().count()),
            Some(COMMAND + 2)
        );
        assert_eq!(lines.len(), 1 + LINES + 2);
        assert_eq!(lines.get(LINES), Some(&"…"));
        assert_eq!(lines.last(), Some(&"fine"));
    }

    #[test]
    fn scene_that_was_not_written_is_an_error() -> Result<()> {
        let folder = tempfile::tempdir()?;
        assert!(page(folder.path()).is_err());
        for scene in SCENES {
            fs::write(
                folder.path().join(scene.test.replace("::", ".")),
                "$ hookline status\nfine\n",
            )?;
        }
        let page = page(folder.path())?;
        assert_eq!(page.matches("\n## ").count(), SCENES.len());
        Ok(())
    }
}
