//! What holds for every command: help, wrong command lines, colours, logs.

use crate::{check_text, fixture, hookline, stderr, stdout, unwrapped};

#[test]
fn help_names_every_command_and_fits_the_width() {
    let help = stdout(&hookline("--help").assert().success());
    check_text(&help);
    for command in ["profile", "schema", "whoami", "completions", "man"] {
        assert!(help.contains(&format!("\n  {command} ")), "{help}");
        let help = stdout(&hookline(&format!("help {command}")).assert().success());
        check_text(&help);
        check_text(&stdout(
            &hookline(&format!("{command} -h")).assert().success(),
        ));
    }
}

#[test]
fn version_is_the_workspaces() {
    let version = stdout(&hookline("--version").assert().success());
    assert_eq!(version, format!("hookline {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn wrong_command_line_has_exit_code_2() {
    for line in [
        "",
        "profile",
        "profile check",
        "nothing",
        "schema --wrong",
        "completions cmd",
    ] {
        let assert = hookline(line).assert().code(2);
        assert!(!stderr(&assert).is_empty(), "{line}");
        assert_eq!(stdout(&assert), "", "{line}");
    }
}

fn check_in(environment: &[(&str, &str)], line: &str) -> String {
    let mut command = hookline(line);
    command.envs(environment.iter().copied());
    stdout(
        &command
            .arg(fixture("profiles/valid/most-slots.json"))
            .assert()
            .success(),
    )
}

#[test]
fn pipe_gets_no_colours() {
    let text = check_in(&[("TERM", "xterm-256color")], "profile check");
    assert!(!text.contains('\u{1b}'), "{text:?}");
}

#[test]
fn forced_colours_are_there_unless_no_color_or_json_says_otherwise() {
    let forced = ("CLICOLOR_FORCE", "1");
    let text = check_in(&[forced], "profile check");
    assert!(
        text.contains("\u{1b}[32mThe profile is right.\u{1b}[0m"),
        "{text:?}"
    );
    let text = check_in(&[forced, ("NO_COLOR", "1")], "profile check");
    assert!(!text.contains('\u{1b}'), "{text:?}");
    let text = check_in(&[forced], "profile check --json");
    assert!(!text.contains('\u{1b}'), "{text:?}");
}

#[test]
fn error_names_what_failed_and_the_remedy() {
    let assert = hookline("profile check /nonexistent/file").assert().code(3);
    assert_eq!(stdout(&assert), "");
    let text = unwrapped(&stderr(&assert));
    assert!(
        text.starts_with("error: cannot read /nonexistent/file: No such file"),
        "{text}"
    );
    assert!(text.contains(" remedy: Give the path of a file"), "{text}");
}
