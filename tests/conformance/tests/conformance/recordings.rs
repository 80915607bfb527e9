//! Recordings, and the comparison of the fake AWS with one. The ones here are of a fake AWS: there
//! is none of AWS.

use std::path::Path;

use serde_json::{Value, json};

use crate::{command, stderr, stdout, text};

/// The facts of these tests, which are few.
const ONLY: &str = "create_in";

fn record(folder: &Path) {
    let output = command(&["--only", ONLY, "--record", text(folder)])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
}

#[test]
fn fake_aws_is_like_a_recording_of_itself() {
    let folder = tempfile::tempdir().unwrap();
    record(folder.path());
    let about = std::fs::read_to_string(folder.path().join("recording.json")).unwrap();
    let about: Value = serde_json::from_str(&about).unwrap();
    assert_eq!(about["target"], "a fake AWS");
    let file = folder
        .path()
        .join("create_in_an_unknown_subnet_is_refused.json");
    let recorded = std::fs::read_to_string(file).unwrap();
    assert!(recorded.contains("InvalidSubnetID.NotFound"), "{recorded}");
    let output = command(&["--only", ONLY, "--replay", text(folder.path())])
        .output()
        .unwrap();
    let said = stdout(&output);
    assert!(output.status.success(), "{said}{}", stderr(&output));
    assert!(said.starts_with("A recording of a fake AWS"), "{said}");
    assert!(
        said.ends_with("2 recorded facts, 0 differences of the fake AWS\n"),
        "{said}"
    );
}

#[test]
fn recording_with_another_answer_is_a_difference_of_the_fake_aws() {
    let folder = tempfile::tempdir().unwrap();
    record(folder.path());
    let file = folder
        .path()
        .join("create_in_a_full_subnet_is_refused.json");
    let other = json!({"code": "InsufficientFreeAddressesInSubnet", "message": "full", "fields": {"created": "10"}});
    std::fs::write(&file, other.to_string()).unwrap();
    let output = command(&["--only", ONLY, "--replay", text(folder.path())])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let said = stdout(&output);
    assert!(
        said.contains("created: observed 10, on the fake AWS 11"),
        "{said}"
    );
    assert!(
        said.ends_with("2 recorded facts, 1 differences of the fake AWS\n"),
        "{said}"
    );
}

#[test]
fn folder_without_a_recording_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let output = command(&["--replay", text(folder.path())])
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(
        stderr(&output).contains("recording.json"),
        "{}",
        stderr(&output)
    );
}
