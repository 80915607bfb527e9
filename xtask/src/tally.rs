//! Adding up the result lines of `cargo test`, which writes one for each test program, and keeping
//! what it says of the tests that failed.

use serde::{Deserialize, Serialize};

/// How many passed, failed and were skipped, so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tally {
    /// Passed.
    pub(crate) passed: u64,
    /// Failed.
    pub(crate) failed: u64,
    /// Marked `#[ignore]`.
    pub(crate) skipped: u64,
}

impl Tally {
    /// One check that passed.
    pub(crate) const PASSED: Self = Self {
        passed: 1,
        failed: 0,
        skipped: 0,
    };
    /// One check that failed.
    pub(crate) const FAILED: Self = Self {
        passed: 0,
        failed: 1,
        skipped: 0,
    };

    /// Adds another tally to this one.
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    /// Whether something ran and nothing failed.
    pub(crate) fn is_success(self) -> bool {
        self.passed > 0 && self.failed == 0
    }

    /// The counts in a line such as `test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0
    /// filtered out; finished in 0.01s`.
    fn of_result_line(line: &str) -> Option<Self> {
        let counts = line.strip_prefix("test result: ")?;
        let mut tally = Self::default();
        let mut number = None;
        for word in counts.split_whitespace() {
            match (number.take(), word.trim_end_matches(';')) {
                (Some(count), "passed") => tally.passed = count,
                (Some(count), "failed") => tally.failed = count,
                (Some(count), "ignored") => tally.skipped = count,
                (_, other) => number = other.parse().ok(),
            }
        }
        Some(tally)
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(f, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

/// How checks ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Results {
    /// How many passed, failed and were skipped.
    pub(crate) tally: Tally,
    /// What is known of those that failed, for people.
    pub(crate) failures: Vec<String>,
}

impl Results {
    /// One check that passed.
    pub(crate) fn passed() -> Self {
        Self {
            tally: Tally::PASSED,
            failures: Vec::new(),
        }
    }

    /// One check that failed.
    pub(crate) fn failed(why: impl Into<String>) -> Self {
        Self {
            tally: Tally::FAILED,
            failures: vec![why.into()],
        }
    }

    /// Adds other results to these.
    pub(crate) fn add(&mut self, other: Self) {
        self.tally.add(other.tally);
        self.failures.extend(other.failures);
    }
}

/// The most lines that are kept of what one program says of its failures.
const FAILURE_LINES: usize = 120;
/// The most characters that are kept of a line of these.
const FAILURE_WIDTH: usize = 400;

/// Reads the output of `cargo test` in the pieces that it comes in, or of Python's unittest with the
/// same result lines.
#[derive(Debug, Default)]
pub(crate) struct ResultLines {
    line: Vec<u8>,
    results: Results,
    /// What the present program says of its failures, from the line where it begins to.
    failures: Option<Vec<String>>,
}

impl ResultLines {
    /// Takes the next piece of output, which may end in the middle of a line.
    pub(crate) fn push(&mut self, piece: &[u8]) {
        for &byte in piece {
            if byte == b'\n' {
                self.end_line();
            } else {
                self.line.push(byte);
            }
        }
    }

    /// The sum over all result lines.
    pub(crate) fn finish(mut self) -> Results {
        self.end_line();
        self.end_program();
        self.results
    }

    fn end_line(&mut self) {
        let line = String::from_utf8_lossy(&self.line).trim_end().to_owned();
        self.line.clear();
        if let Some(tally) = Tally::of_result_line(&line) {
            self.results.tally.add(tally);
            self.end_program();
        } else if let Some(lines) = &mut self.failures {
            lines.push(line.chars().take(FAILURE_WIDTH).collect());
        } else if line == "failures:" || is_ruled(&line) {
            self.failures = Some(Vec::new());
        }
    }

    /// Keeps what the program said of its failures. The beginning of it has the messages, and its
    /// end the names.
    fn end_program(&mut self) {
        let Some(mut lines) = self.failures.take() else {
            return;
        };
        if let Some(more) = lines.len().checked_sub(FAILURE_LINES).filter(|n| *n > 0) {
            let end = FAILURE_LINES / 2;
            let left_out = format!("[{more} lines are left out]");
            lines.splice(end..end + more, [left_out]);
        }
        self.results
            .failures
            .push(lines.join("\n").trim().to_owned());
    }
}

/// Whether it is the line that unittest writes above each failure.
fn is_ruled(line: &str) -> bool {
    line.len() > 60 && line.bytes().all(|byte| byte == b'=')
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "
running 3 tests
test address::lowest_free ... ok
test address::reserved_five ... ok
test slow ... ignored

test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s

running 12 tests
test 9 passed; 9 failed ... ok
test slow ... FAILED

failures:

---- slow stdout ----
it took 9 s

failures:
    slow

test result: FAILED. 11 passed; 1 failed; 0 ignored; 0 measured; 7 filtered out; finished in 2.50s
";

    fn results(pieces: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Results {
        let mut lines = ResultLines::default();
        for piece in pieces {
            lines.push(piece.as_ref());
        }
        lines.finish()
    }

    #[test]
    fn the_result_lines_of_all_test_programs_are_added_up() {
        assert_eq!(
            results([OUTPUT]).tally,
            Tally {
                passed: 13,
                failed: 1,
                skipped: 1
            }
        );
    }

    #[test]
    fn it_does_not_matter_where_the_output_is_cut() {
        for size in 1..40 {
            assert_eq!(
                results(OUTPUT.as_bytes().chunks(size)),
                results([OUTPUT]),
                "pieces of {size}"
            );
        }
    }

    #[test]
    fn a_last_line_without_an_end_counts() {
        assert_eq!(
            results(["test result: ok. 4 passed; 0 failed; 0 ignored"])
                .tally
                .passed,
            4
        );
    }

    #[test]
    fn output_that_is_not_a_result_or_not_text_counts_for_nothing() {
        assert_eq!(
            results([&b"error: could not compile\n\xff\xfe 3 passed\n"[..]]),
            Results::default()
        );
    }

    #[test]
    fn the_last_line_names_the_skipped_only_if_there_are_some() {
        assert_eq!(
            Tally {
                passed: 3,
                failed: 0,
                skipped: 0
            }
            .to_string(),
            "3 passed, 0 failed"
        );
        assert_eq!(
            Tally {
                passed: 3,
                failed: 1,
                skipped: 2
            }
            .to_string(),
            "3 passed, 1 failed, 2 skipped"
        );
    }

    #[test]
    fn what_is_said_of_a_failure_is_kept() {
        let failure = "---- slow stdout ----\nit took 9 s\n\nfailures:\n    slow";
        assert_eq!(results([OUTPUT]).failures, [failure]);
        let rule = "=".repeat(70);
        let output = format!("{rule}\nFAIL: test_x\n{rule}\nERROR: test_y\nRan 2 tests in 1s\n");
        let line = "test result: FAILED. 0 passed; 2 failed; 0 ignored\n";
        assert_eq!(
            results([output.as_str(), line]).failures,
            [format!(
                "FAIL: test_x\n{rule}\nERROR: test_y\nRan 2 tests in 1s"
            )]
        );
        // A program that ended before its result line.
        assert_eq!(results([&output]).failures.len(), 1);
    }

    #[test]
    fn long_failures_are_cut_in_the_middle() {
        let lines: Vec<String> = (0..1000)
            .map(|n| format!("line {n}{}", "x".repeat(999)))
            .collect();
        let output = format!(
            "failures:\n{}\ntest result: FAILED. 0 passed; 1 failed\n",
            lines.join("\n")
        );
        let failures = results([output]).failures.join("\n");
        assert!(failures.len() < 130 * FAILURE_WIDTH, "{}", failures.len());
        assert!(failures.starts_with("line 0x"));
        assert!(failures.contains("[880 lines are left out]") && failures.contains("line 999x"));
    }

    #[test]
    fn nothing_run_is_no_success() {
        assert!(!Tally::default().is_success());
        assert!(Tally::PASSED.is_success());
        assert!(!Tally::FAILED.is_success());
    }
}
