//! docs/user-data.md has every code of a finding, and no other.

// Tests may panic.
#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let files = entries.flat_map(|path| match path.is_dir() {
        true => sources(&path),
        false => vec![path],
    });
    let is_test = |path: &PathBuf| path.to_string_lossy().ends_with("_tests.rs");
    files.filter(|path| !is_test(path)).collect()
}

/// The first argument of each call that makes a finding.
fn codes(code: &str) -> BTreeSet<String> {
    let calls = ["problem(", "warning(", "note(", "refuse(", "nodeadm_stops("];
    let calls = calls.iter().flat_map(|call| code.split(call).skip(1));
    let codes = calls.filter_map(|rest| {
        let (code, _) = rest.trim_start().strip_prefix('"')?.split_once('"')?;
        Some(code.to_owned())
    });
    codes.collect()
}

#[test]
fn document_has_every_code_of_a_finding_and_no_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut used = BTreeSet::new();
    for path in sources(&root.join("src")) {
        let text = fs::read_to_string(path).unwrap();
        used.extend(codes(text.split("#[cfg(test)]").next().unwrap()));
    }
    assert!(used.len() > 50, "{used:?}");
    let document = fs::read_to_string(root.join("../../docs/user-data.md")).unwrap();
    let (_, table) = document.split_once("\n## Findings\n").unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
    let told = rows.flat_map(|row| {
        let (codes, _) = row.split_once(" | ").unwrap();
        codes
            .split(", ")
            .map(|code| code.trim_matches('`').to_owned())
    });
    let told: BTreeSet<String> = told.collect();
    assert_eq!(used, told);
}
