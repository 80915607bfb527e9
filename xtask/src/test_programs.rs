//! The programs that `cargo test` builds, two at a time. Cargo runs them one after the other, and many
//! wait most of their time: for the Step Functions engine, for a process, for a timeout.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::{Context, Result, bail};
use fs_err as fs;
use serde_json::Value;

use crate::cargo::{artifacts, cargo};
use crate::tally::{ResultLines, Results};
use crate::workspace::Workspace;

/// How many run at once. Each runs as many of its tests at once as there are cores.
const AT_ONCE: usize = 2;

/// A program of tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TestProgram {
    /// The folder of its package. Its tests run there, as under cargo.
    package: PathBuf,
    /// What it tests: the source file that it begins with, as seen from the package.
    source: PathBuf,
    executable: PathBuf,
    /// Whether it is one of a folder `tests`. These take longest, so they begin first.
    is_integration: bool,
}

/// Builds the test programs of the workspace.
pub(crate) fn build(workspace: &Workspace) -> Result<Vec<TestProgram>> {
    let mut build = cargo(workspace);
    build.args(["test", "--workspace", "--locked", "--no-run"]);
    let mut programs = Vec::new();
    artifacts(build, |message| programs.extend(TestProgram::of(message)))?;
    if programs.is_empty() {
        bail!("cargo named no test program");
    }
    programs.sort_by_key(|program| !program.is_integration);
    Ok(programs)
}

/// Runs them with these variables, and writes what each wrote when it ends.
pub(crate) fn run(
    programs: &[TestProgram],
    environment: &[(&str, PathBuf)],
    output: impl Write + Send,
) -> Results {
    let left = Mutex::new(programs.iter());
    // One lock for both, so that the output of one program stays together.
    let told = Mutex::new((Results::default(), output));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(programs.len()) {
            scope.spawn(|| {
                loop {
                    // Taken in a statement of its own: in the head of a loop, the lock would be held
                    // until the program ends.
                    let next = lock(&left).next();
                    let Some(program) = next else { break };
                    let (results, written) = program.run(environment).unwrap_or_else(|error| {
                        let why = format!("{}: {error:#}", program.source.display());
                        (Results::failed(why), Vec::new())
                    });
                    let (total, output) = &mut *lock(&told);
                    total.add(results);
                    program.show(&written, output);
                }
            });
        }
    });
    let (total, _) = told.into_inner().unwrap_or_else(PoisonError::into_inner);
    total
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl TestProgram {
    /// The test program in one of cargo's messages, if there is one.
    fn of(message: &Value) -> Option<Self> {
        if message.pointer("/profile/test") != Some(&Value::Bool(true)) {
            return None;
        }
        let text = |pointer| message.pointer(pointer).and_then(Value::as_str);
        let package = Path::new(text("/manifest_path")?).parent()?;
        let source = Path::new(text("/target/src_path")?);
        Some(Self {
            package: package.to_owned(),
            source: source.strip_prefix(package).unwrap_or(source).to_owned(),
            executable: text("/executable")?.into(),
            is_integration: text("/target/kind/0") == Some("test"),
        })
    }

    /// Where its output is kept: a file, as what a program leaves running could hold a pipe open.
    fn log(&self) -> PathBuf {
        self.executable.with_extension("log")
    }

    /// Its results, and what it wrote.
    fn run(&self, environment: &[(&str, PathBuf)]) -> Result<(Results, Vec<u8>)> {
        let path = self.log();
        let log = File::create(&path).with_context(|| format!("creating {}", path.display()))?;
        let status = Command::new(&self.executable)
            .current_dir(&self.package)
            .envs(environment.iter().map(|(name, place)| (name, place)))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .status()
            .with_context(|| format!("starting {}", self.executable.display()))?;
        let mut lines = ResultLines::default();
        let written = fs::read(&path)?;
        lines.push(&written);
        let mut results = lines.finish();
        if !status.success() && results.tally.failed == 0 {
            // It ended before it said how many failed.
            results.add(Results::failed(format!(
                "{} of {} ended with {status}",
                self.source.display(),
                self.package.display()
            )));
        }
        Ok((results, written))
    }

    fn show(&self, written: &[u8], output: &mut impl Write) {
        // If this fails, the output is closed; the exit status still tells the result.
        let _ = writeln!(
            output,
            "     Ran {} of {}",
            self.source.display(),
            self.package.display()
        );
        let _ = output.write_all(written);
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::os::unix::fs::PermissionsExt;

    use serde_json::json;

    use super::*;
    use crate::tally::Tally;

    fn message(kind: &str, test: bool) -> Value {
        json!({
            "reason": "compiler-artifact",
            "manifest_path": "/w/cli/Cargo.toml",
            "target": { "kind": [kind], "src_path": "/w/cli/tests/command/main.rs" },
            "profile": { "test": test },
            "executable": "/w/target/debug/deps/command-0a1b",
        })
    }

    #[test]
    fn the_test_programs_of_a_build_are_known_by_cargos_messages() {
        let program = TestProgram::of(&message("test", true)).unwrap();
        assert_eq!(
            program,
            TestProgram {
                package: "/w/cli".into(),
                source: "tests/command/main.rs".into(),
                executable: "/w/target/debug/deps/command-0a1b".into(),
                is_integration: true,
            }
        );
        assert!(
            !TestProgram::of(&message("lib", true))
                .unwrap()
                .is_integration
        );
        assert_eq!(TestProgram::of(&message("bin", false)), None);
        assert_eq!(
            TestProgram::of(&json!({ "reason": "build-finished" })),
            None
        );
    }

    /// A script in the place of a test program.
    fn script(folder: &Path, name: &str, text: &str) -> TestProgram {
        let executable = folder.join(name);
        fs::write(&executable, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&executable, PermissionsExt::from_mode(0o755)).unwrap();
        TestProgram {
            package: folder.to_owned(),
            source: format!("tests/{name}.rs").into(),
            executable,
            is_integration: true,
        }
    }

    const OK: &str = "echo 'test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured'";

    #[test]
    fn the_results_of_all_programs_are_added_up() {
        let folder = tempfile::tempdir().unwrap();
        let programs = [
            script(folder.path(), "a", OK),
            script(
                folder.path(),
                "b",
                r#"test "$PLACE" = /there && test "$PWD" = "$(dirname "$0")" && echo 'test result: ok. 3 passed; 0 failed'"#,
            ),
            script(folder.path(), "c", OK),
        ];
        let mut output = Vec::new();
        let results = run(&programs, &[("PLACE", "/there".into())], &mut output);
        assert_eq!(
            String::from_utf8(output)
                .unwrap()
                .matches("2 passed")
                .count(),
            2
        );
        assert_eq!(
            results.tally,
            Tally {
                passed: 7,
                failed: 0,
                skipped: 0
            }
        );
        assert!(results.failures.is_empty());
    }

    #[test]
    fn two_programs_run_at_once() {
        let folder = tempfile::tempdir().unwrap();
        // Each ends well only if the other one begins before it ends.
        let meets = |mine: &str, other: &str| {
            let text = format!(
                "touch {mine}.began; for n in $(seq 600); do
    test -e {other}.began && {{ {OK}; exit 0; }}; sleep 0.05; done; exit 1"
            );
            script(folder.path(), mine, &text)
        };
        let results = run(&[meets("a", "b"), meets("b", "a")], &[], io::sink());
        assert_eq!((results.tally.passed, results.tally.failed), (4, 0));
    }

    #[test]
    fn a_program_that_ends_without_its_results_or_does_not_start_has_failed() {
        let folder = tempfile::tempdir().unwrap();
        let missing = script(folder.path(), "missing", OK);
        fs::remove_file(&missing.executable).unwrap();
        let results = run(
            &[script(folder.path(), "killed", "kill -9 $$"), missing],
            &[],
            io::sink(),
        );
        assert_eq!(results.tally.failed, 2);
        let failures = results.failures.join("\n");
        assert!(failures.contains("tests/killed.rs"), "{failures}");
        assert!(failures.contains("tests/missing.rs"), "{failures}");
    }

    #[test]
    fn a_failing_test_is_counted_once_with_what_the_program_said() {
        let folder = tempfile::tempdir().unwrap();
        let text = "printf 'failures:\\n\\n---- slow stdout ----\\nit took 9 s\\n\\n'
echo 'test result: FAILED. 1 passed; 1 failed; 0 ignored'
exit 101";
        let results = run(&[script(folder.path(), "slow", text)], &[], io::sink());
        assert_eq!(
            results.tally,
            Tally {
                passed: 1,
                failed: 1,
                skipped: 0
            }
        );
        assert!(results.failures.concat().contains("it took 9 s"));
    }
}
