//! `hookline schema`, `completions` and `man`: they print what is made from the types.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::{hookline, json_error, stderr, stdout, unwrapped};

#[test]
fn schema_is_the_one_in_the_repository() {
    for (line, written) in [
        (
            "schema",
            include_str!("../../../functions/profile.schema.json"),
        ),
        (
            "schema --naming",
            include_str!("../../../functions/naming-profile.schema.json"),
        ),
    ] {
        for form in ["", " --json"] {
            let printed = stdout(&hookline(&format!("{line}{form}")).assert().success());
            assert_eq!(printed, written, "{line}{form}");
            serde_json::from_str::<Value>(&printed).unwrap();
        }
    }
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = stdout(&hookline(&format!("completions {shell}")).assert().success());
        for word in ["whoami", "--naming", "--aws-profile"] {
            let word = match shell {
                "fish" => word.trim_start_matches('-'),
                _ => word,
            };
            assert!(script.contains(word), "{shell}: no {word}");
        }
    }
}

#[test]
fn completions_of_bash_are_valid() {
    let script = stdout(&hookline("completions bash").assert().success());
    assert_cmd::Command::new("bash")
        .arg("-n")
        .write_stdin(script)
        .assert()
        .success();
}

#[test]
fn manual_page_names_the_commands() {
    let page = stdout(&hookline("man").assert().success());
    assert!(page.contains(".TH hookline 1"), "{page}");
    for text in ["hookline\\-whoami(1)", "Exit status:", "aws\\-profile"] {
        assert!(page.contains(text), "no {text} in {page}");
    }
}

#[test]
fn manual_has_a_page_for_each_command() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = hookline("man --dir");
    let assert = command.arg(folder.path()).assert().success();
    assert_eq!(stdout(&assert), "");
    for name in ["hookline", "hookline-profile-check", "hookline-whoami"] {
        let page = fs::read_to_string(folder.path().join(format!("{name}.1"))).unwrap();
        assert!(page.contains(".SH SYNOPSIS"), "{page}");
    }
}

#[test]
fn manual_in_a_folder_that_is_not_there_is_refused() {
    let assert = hookline("man --dir /nonexistent/folder").assert().code(3);
    let text = unwrapped(&stderr(&assert));
    assert!(
        text.starts_with("error: cannot write manual pages to /nonexistent/folder: "),
        "{text}"
    );
    let assert = hookline("man --json --dir /nonexistent/folder")
        .assert()
        .code(3);
    assert_eq!(json_error(&assert)["kind"], "file");
}

/// The exit code when stdout is this.
fn exit_code(stdout: impl Into<Stdio>) -> Option<i32> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookline"));
    let command = command.arg("schema").stdout(stdout).stderr(Stdio::null());
    command.status().unwrap().code()
}

#[test]
fn reader_that_stops_to_read_is_no_failure() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    assert_eq!(exit_code(writer), Some(0));
}

#[cfg(target_os = "linux")]
#[test]
fn full_disk_is_a_failure() {
    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    assert_eq!(exit_code(full), Some(10));
}
