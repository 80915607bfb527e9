//! The domain depends on no SDK, runtime or executor, and its files have no circular dependencies.

// Tests may panic.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn domain_depends_on_no_sdk_runtime_or_executor() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let tree = Command::new(cargo)
        .args(["tree", "--package", "hookline-domain", "--edges", "normal"])
        .args(["--prefix", "none", "--offline", "--locked"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        tree.status.success(),
        "{}",
        String::from_utf8_lossy(&tree.stderr)
    );
    let tree = String::from_utf8(tree.stdout).unwrap();
    let crates: BTreeSet<&str> = tree
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(crates.contains("serde"), "{tree}");
    let forbidden: Vec<_> = crates
        .iter()
        .filter(|name| {
            name.starts_with("aws-") || ["tokio", "lambda_runtime", "hyper"].contains(*name)
        })
        .collect();
    assert!(forbidden.is_empty(), "{forbidden:?}");
}

/// The modules of the crate, each with its file.
fn modules() -> BTreeMap<Vec<String>, PathBuf> {
    fn read(folder: &Path, at: &[String], modules: &mut BTreeMap<Vec<String>, PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let mut module = at.to_vec();
            if name != "mod" && name != "lib" {
                module.push(name);
            }
            if path.is_dir() {
                read(&path, &module, modules);
            } else {
                modules.insert(module, path);
            }
        }
    }
    let mut modules = BTreeMap::new();
    read(&root().join("src"), &[], &mut modules);
    modules
}

/// The items that a `mod.rs` re-exports: name → module.
fn re_exports(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for statement in text.split("pub use ").skip(1) {
        let statement = statement.split(';').next().unwrap();
        let (module, items) = statement.split_once("::").unwrap();
        for item in items.trim_matches(['{', '}', '\n', ' ']).split(',') {
            found.insert(item.trim().to_owned(), module.trim().to_owned());
        }
    }
    found
}

/// The paths that `use crate::…` and `use super::…` name, without the unit tests.
fn used(text: &str) -> Vec<(bool, Vec<String>)> {
    let code = text.split("#[cfg(test)]").next().unwrap();
    let mut paths = Vec::new();
    for statement in code.split("\nuse ").skip(1) {
        let statement = statement.split(';').next().unwrap();
        let (is_super, rest) = match (
            statement.strip_prefix("crate::"),
            statement.strip_prefix("super::"),
        ) {
            (Some(rest), _) => (false, rest),
            (_, Some(rest)) => (true, rest),
            _ => continue,
        };
        let (head, items) = match rest.split_once('{') {
            None => (rest.to_owned(), vec![String::new()]),
            Some((head, items)) => (
                head.trim_end_matches("::").to_owned(),
                items
                    .trim_end_matches(['}', '\n', ' '])
                    .split(',')
                    .map(|item| item.trim().to_owned())
                    .collect(),
            ),
        };
        for item in items.iter().filter(|item| *item != "self") {
            let path = head.split("::").chain(item.split("::"));
            let path = path.filter(|part| !part.is_empty()).map(str::to_owned);
            paths.push((is_super, path.collect()));
        }
    }
    paths
}

/// The files that each file needs.
fn needs() -> BTreeMap<Vec<String>, BTreeSet<Vec<String>>> {
    let modules = modules();
    let texts: BTreeMap<_, _> = modules
        .iter()
        .map(|(module, path)| (module.clone(), fs::read_to_string(path).unwrap()))
        .collect();
    let mut needs = BTreeMap::new();
    for (module, text) in &texts {
        let file = modules[module].file_name().unwrap().to_str().unwrap();
        if file.ends_with("_tests.rs") || file == "fixtures.rs" || file == "lib.rs" {
            continue;
        }
        let mut needed = BTreeSet::new();
        for (is_super, path) in used(text) {
            let mut at: Vec<String> = match is_super {
                // `super` of a `mod.rs` is the folder above.
                true => module[..module.len().saturating_sub(1)].to_vec(),
                false => Vec::new(),
            };
            // Follow modules as far as they go, then a re-export of the item if there is one.
            for part in path {
                let mut deeper = at.clone();
                deeper.push(part.clone());
                if texts.contains_key(&deeper) {
                    at = deeper;
                } else {
                    if let Some(child) = re_exports(&texts[&at]).get(&part) {
                        at.push(child.clone());
                    }
                    break;
                }
            }
            if at != *module {
                needed.insert(at);
            }
        }
        needs.insert(module.clone(), needed);
    }
    needs
}

#[test]
fn domain_files_have_no_circular_dependencies() {
    let mut needs = needs();
    assert!(needs.len() > 30, "{} files", needs.len());
    // Remove the files that need none of the remaining ones, until nothing changes. Those that
    // remain are part of a circle, or need one.
    loop {
        let left: BTreeSet<_> = needs.keys().cloned().collect();
        let before = needs.len();
        needs.retain(|_, needed| needed.iter().any(|needed| left.contains(needed)));
        if needs.len() == before {
            break;
        }
    }
    let circle: Vec<String> = needs
        .iter()
        .map(|(module, needed)| {
            let needed: Vec<_> = needed
                .iter()
                .filter(|needed| needs.contains_key(*needed))
                .map(|needed| needed.join("::"))
                .collect();
            format!("{} needs {}", module.join("::"), needed.join(", "))
        })
        .collect();
    assert!(circle.is_empty(), "{}", circle.join("\n"));
}
