//! The CDK app in `cdk/`: its npm packages, its lint (ESLint, Prettier, the TypeScript compiler),
//! and its tests.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use fs_err as fs;
use serde_json::Value;

use crate::tally::Tally;
use crate::workspace::Workspace;
use crate::{command, folder, node, stamp};

const REMEDY: &str = "install Node.js 20.19 or newer, which brings node and npm";

/// Node.js that ESLint and the CDK run on.
const OLDEST_NODE: (u32, u32) = (20, 19);

/// What decides which packages are installed.
const INPUTS: [&str; 2] = ["package-lock.json", ".npmrc"];

/// Installs the packages if they are not there or not of the present lock.
pub(crate) fn set_up(workspace: &Workspace) -> Result<()> {
    let _held = workspace.hold_tools()?;
    let folder = workspace.path("cdk");
    let mut inputs = Vec::new();
    for name in INPUTS {
        inputs.push(fs::read(folder.join(name))?);
    }
    let modules = folder.join("node_modules");
    let digest = stamp::digest(&inputs.iter().map(Vec::as_slice).collect::<Vec<_>>());
    if stamp::is_current(&modules, &digest) {
        return Ok(());
    }
    node::check_version(OLDEST_NODE, REMEDY)?;
    println!(
        "Installing the CDK app's packages in cdk/node_modules (the first time, and when their lock changes) …"
    );
    folder::make_empty(&modules)?;
    // What these packages would run when they are installed only looks for compilers: each platform
    // has a package.
    command::run(
        Command::new("npm")
            .args([
                "ci",
                "--no-audit",
                "--no-fund",
                "--ignore-scripts",
                "--loglevel=error",
            ])
            .current_dir(&folder),
        REMEDY,
    )
    .context("installing cdk/package-lock.json into cdk/node_modules")?;
    stamp::write(&modules, &digest)
}

/// Runs the lint and the tests. The lint counts as one.
pub(crate) fn test(workspace: &Workspace) -> Result<Tally> {
    set_up(workspace)?;
    let folder = workspace.path("cdk");
    let mut total = Tally::default();
    total.add(
        match command::run(npm(&folder).args(["run", "--silent", "lint"]), REMEDY) {
            Ok(()) => Tally::PASSED,
            Err(error) => {
                println!("error: {error:#}; `npm run format` in cdk/ mends the format");
                Tally::FAILED
            }
        },
    );
    let report = folder.join("node_modules").join("test-report.json");
    // A report of another run must not pass for one of this.
    if report.exists() {
        fs::remove_file(&report)?;
    }
    let ran = command::run(
        npm(&folder)
            .args(["test", "--silent", "--", "--json", "--outputFile"])
            .arg(&report),
        REMEDY,
    );
    let text = match fs::read(&report) {
        Ok(text) => text,
        Err(error) => {
            ran?;
            return Err(error.into());
        }
    };
    let mut results = of_report(&text)?;
    if ran.is_err() && results.failed == 0 {
        results.failed = 1;
    }
    total.add(results);
    Ok(total)
}

fn npm(folder: &Path) -> Command {
    let mut npm = Command::new("npm");
    npm.current_dir(folder);
    npm
}

/// The counts in Jest's report. A file of tests that could not be run has none in it, and is one
/// failure.
fn of_report(text: &[u8]) -> Result<Tally> {
    let report: Value = serde_json::from_slice(text).context("reading Jest's report")?;
    let count = |name: &str| {
        report
            .get(name)
            .and_then(Value::as_u64)
            .with_context(|| format!("Jest's report has no {name}"))
    };
    let tally = Tally {
        passed: count("numPassedTests")?,
        failed: count("numFailedTests")? + count("numRuntimeErrorTestSuites")?,
        skipped: count("numPendingTests")? + count("numTodoTests")?,
    };
    ensure!(count("numTotalTestSuites")? > 0, "Jest found no tests");
    if tally == Tally::default() {
        bail!("no test ran");
    }
    Ok(tally)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(passed: u64, failed: u64, broken: u64, suites: u64) -> Vec<u8> {
        format!(
            "{{\"numPassedTests\": {passed}, \"numFailedTests\": {failed}, \"numPendingTests\": 2, \"numTodoTests\": 1, \
             \"numRuntimeErrorTestSuites\": {broken}, \"numTotalTestSuites\": {suites}}}"
        )
        .into_bytes()
    }

    #[test]
    fn passed_failed_and_skipped_are_counted() -> Result<()> {
        let tally = of_report(&report(40, 1, 0, 5))?;
        assert_eq!((tally.passed, tally.failed, tally.skipped), (40, 1, 3));
        Ok(())
    }

    #[test]
    fn a_file_that_could_not_be_run_is_a_failure() -> Result<()> {
        assert_eq!(of_report(&report(40, 0, 1, 5))?.failed, 1);
        Ok(())
    }

    #[test]
    fn no_tests_and_no_report_are_errors() {
        assert!(of_report(&report(0, 0, 0, 0)).is_err());
        assert!(of_report(b"{}").is_err());
        assert!(of_report(b"").is_err());
    }
}
