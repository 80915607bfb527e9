//! The program's options: an invalid one is named in the error, before anything runs.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing
)]

use std::path::Path;
use std::process::Command;

/// The error output of the program, which must fail with these arguments.
fn refusal(args: &[&str]) -> String {
    let program = Command::new(env!("CARGO_BIN_EXE_hookline-local"))
        .args(["--port", "0"])
        .args(args)
        .output()
        .unwrap();
    assert!(!program.status.success(), "{args:?}");
    String::from_utf8(program.stderr).unwrap()
}

#[test]
fn an_unreadable_cluster_is_named_with_its_file_and_field() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cluster-without-names.json");
    std::fs::write(&file, r#"{"nodes": [{"metadata": {}}], "pods": []}"#).unwrap();
    let option = format!("prod={}", file.display());
    let said = refusal(&["--cluster", &option]);
    for part in [&format!("--cluster {option}"), "nodes[0].metadata.name"] {
        assert!(said.contains(part), "{said}");
    }
    let said = refusal(&["--cluster", "prod=/nowhere/cluster.json"]);
    assert!(said.contains("could not read it"), "{said}");
    assert!(refusal(&["--cluster", "prod"]).contains("use NAME=FILE"));
}

#[test]
fn an_invalid_route_is_named() {
    let said = refusal(&["--forward", "s3,lambda=http://127.0.0.1:1"]);
    assert!(said.contains("lambda is part of the fake AWS"), "{said}");
    let route = "s3=http://127.0.0.1:1";
    let said = refusal(&["--forward", route, "--forward", route]);
    assert!(
        said.contains("--forward") && said.contains("s3 is already forwarded"),
        "{said}"
    );
}
