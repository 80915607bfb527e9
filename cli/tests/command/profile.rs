//! `hookline profile check`.

use std::fs;

use serde_json::{Value, json};

use crate::{check_text, fixture, hookline, json_error, stderr, stdout, unwrapped};

/// A profile with three mistakes. Its name and a key hold what would change a terminal.
fn wrong() -> String {
    json!({
        "name": "\u{1b}[31mupf\u{1b}[0m",
        "selector": {"autoScalingGroupNames": ["upf"]},
        "hook": {"name": "hold"},
        "nodeTags": {"aws:\u{1b}]0;title\u{7}\u{202e}x": "y"},
        "slots": [{"network": "n6", "deviceIndex": -1}],
    })
    .to_string()
}

#[test]
fn right_profile_is_accepted() {
    for (option, name) in [
        ("", "profiles/valid/everything-said.json"),
        ("--naming", "naming-profiles/valid/everything-said.json"),
    ] {
        let mut command = hookline(&format!("profile check {option}"));
        let text = stdout(&command.arg(fixture(name)).assert().success());
        assert!(
            unwrapped(&text).ends_with(" The profile is right."),
            "{text}"
        );

        let mut command = hookline(&format!("profile check --json {option}"));
        let assert = command.arg(fixture(name)).assert().success();
        let found: Value = serde_json::from_str(&stdout(&assert)).unwrap();
        let file = fixture(name).display().to_string();
        assert_eq!(found, json!({"file": file, "valid": true, "problems": []}));
    }
}

#[test]
fn every_problem_is_shown_with_its_remedy() {
    let mut command = hookline("profile check -");
    let assert = command.write_stdin(wrong()).assert().code(1);
    assert_eq!(stderr(&assert), "");
    let text = stdout(&assert);
    check_text(&text);
    let text = unwrapped(&text);
    for part in [
        "stdin 4 problems",
        "profile.name: the value has control characters remedy: Correct the field (docs/profile.md).",
        "]: control characters in the key remedy: Use printable characters.",
        "profile.slots[0]: missing field `subnetIds` remedy: Add the field (docs/profile.md).",
        "profile.slots[0].deviceIndex: invalid value: integer `-1`, expected u32 remedy: ",
    ] {
        assert!(text.contains(part), "no {part} in {text}");
    }
}

#[test]
fn every_problem_is_in_the_json() {
    let mut command = hookline("--json profile check -");
    let assert = command.write_stdin(wrong()).assert().code(1);
    let text = stdout(&assert);
    let raw: Vec<char> = text
        .chars()
        .filter(|c| c.is_control() && *c != '\n')
        .collect();
    assert!(raw.is_empty() && !text.contains('\u{202e}'), "{text:?}");
    let found: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(found["valid"], false);
    assert_eq!(found["file"], "stdin");
    let problems = found["problems"].as_array().unwrap();
    assert_eq!(problems.len(), 4, "{problems:#?}");
    for problem in problems {
        for field in ["field", "problem", "remedy"] {
            assert!(problem[field].as_str().is_some_and(|text| !text.is_empty()));
        }
    }
}

#[test]
fn kinds_of_profiles_are_told_apart() {
    let launch = fixture("profiles/valid/everything-said.json");
    let naming = fixture("naming-profiles/valid/everything-said.json");
    hookline("profile check --naming")
        .arg(launch)
        .assert()
        .code(1);
    hookline("profile check").arg(naming).assert().code(1);
}

#[test]
fn file_that_is_not_json_is_refused_with_the_place() {
    let mut command = hookline("profile check -");
    let assert = command.write_stdin("{\n  \"name\": }").assert().code(3);
    let text = unwrapped(&stderr(&assert));
    assert!(
        text.contains("stdin is not JSON: expected value at line 2"),
        "{text}"
    );

    let mut command = hookline("profile check --json -");
    let assert = command.write_stdin("").assert().code(3);
    assert_eq!(json_error(&assert)["kind"], "file");
}

#[test]
fn folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = hookline("profile check");
    let assert = command.arg(folder.path()).assert().code(3);
    assert!(unwrapped(&stderr(&assert)).contains("cannot read "));
}

#[test]
fn file_that_is_too_large_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large.json");
    fs::write(&file, vec![b' '; 1024 * 1024 + 1]).unwrap();
    let assert = hookline("profile check").arg(&file).assert().code(3);
    let text = unwrapped(&stderr(&assert));
    assert!(text.contains("more than 1048576 bytes"), "{text}");
}
