//! The CDK app in `cdk/`: its npm packages, its lint (ESLint, Prettier, the TypeScript compiler),
//! and its tests.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail, ensure};
use fs_err as fs;
use serde_json::Value;

use crate::tally::{Results, Tally};
use crate::test::said;
use crate::workspace::Workspace;
use crate::{command, folder, node, stamp};

const REMEDY: &str = "install Node.js 20.19 or newer, which brings node and npm";

/// Node.js that ESLint and the CDK run on.
const OLDEST_NODE: (u32, u32) = (20, 19);

/// The most characters that are kept of what Jest says of the failures in a file.
const FAILURE_LENGTH: usize = 20_000;

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
    node::install(&folder, REMEDY)
        .context("installing cdk/package-lock.json into cdk/node_modules")?;
    stamp::write(&modules, &digest)
}

/// Runs the lint and the tests. The lint counts as one.
pub(crate) fn test(workspace: &Workspace) -> Result<Results> {
    set_up(workspace)?;
    let folder = workspace.path("cdk");
    let lint = command::run(npm(&folder).args(["run", "--silent", "lint"]), REMEDY);
    let mut total = match lint {
        Ok(()) => Results::passed(),
        Err(error) => said(&anyhow!(
            "{error:#}; `npm run format` in cdk/ mends the format"
        )),
    };
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
    if let Err(error) = ran
        && results.tally.failed == 0
    {
        results.add(Results::failed(format!("error: {error:#}")));
    }
    total.add(results);
    Ok(total)
}

fn npm(folder: &Path) -> Command {
    let mut npm = Command::new("npm");
    npm.current_dir(folder);
    npm
}

/// The counts in Jest's report, and what it says of the tests that failed. A file of tests that could
/// not be run has none in it, and is one failure.
fn of_report(text: &[u8]) -> Result<Results> {
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
    let files = report.get("testResults").and_then(Value::as_array);
    let failures = files
        .into_iter()
        .flatten()
        .filter(|file| file.get("status").is_some_and(|status| status == "failed"))
        .filter_map(|file| file.get("message")?.as_str())
        .map(|message| message.trim().chars().take(FAILURE_LENGTH).collect())
        .collect();
    Ok(Results { tally, failures })
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
        let tally = of_report(&report(40, 1, 0, 5))?.tally;
        assert_eq!((tally.passed, tally.failed, tally.skipped), (40, 1, 3));
        Ok(())
    }

    #[test]
    fn a_file_that_could_not_be_run_is_a_failure() -> Result<()> {
        assert_eq!(of_report(&report(40, 0, 1, 5))?.tally.failed, 1);
        Ok(())
    }

    #[test]
    fn what_is_said_of_a_failure_is_kept() -> Result<()> {
        let mut text: Value = serde_json::from_slice(&report(40, 1, 0, 5))?;
        text["testResults"] = serde_json::json!([
            {"status": "passed", "message": ""},
            {"status": "failed", "message": "  ● hooks › are put\n\n    expected 1"},
        ]);
        let failures = of_report(text.to_string().as_bytes())?.failures;
        assert_eq!(failures, ["● hooks › are put\n\n    expected 1"]);
        Ok(())
    }

    #[test]
    fn no_tests_and_no_report_are_errors() {
        assert!(of_report(&report(0, 0, 0, 0)).is_err());
        assert!(of_report(b"{}").is_err());
        assert!(of_report(b"").is_err());
    }
}
