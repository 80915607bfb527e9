//! Adding up the result lines of `cargo test`, which writes one for each test program.

/// How many passed, failed and were skipped, so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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

/// Reads the output of `cargo test` in the pieces that it comes in.
#[derive(Debug, Default)]
pub(crate) struct ResultLines {
    line: Vec<u8>,
    tally: Tally,
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
    pub(crate) fn finish(mut self) -> Tally {
        self.end_line();
        self.tally
    }

    fn end_line(&mut self) {
        if let Some(tally) = Tally::of_result_line(&String::from_utf8_lossy(&self.line)) {
            self.tally.add(tally);
        }
        self.line.clear();
    }
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

test result: FAILED. 11 passed; 1 failed; 0 ignored; 0 measured; 7 filtered out; finished in 2.50s
";

    fn tally(pieces: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Tally {
        let mut lines = ResultLines::default();
        for piece in pieces {
            lines.push(piece.as_ref());
        }
        lines.finish()
    }

    #[test]
    fn the_result_lines_of_all_test_programs_are_added_up() {
        assert_eq!(
            tally([OUTPUT]),
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
                tally(OUTPUT.as_bytes().chunks(size)),
                tally([OUTPUT]),
                "pieces of {size}"
            );
        }
    }

    #[test]
    fn a_last_line_without_an_end_counts() {
        assert_eq!(
            tally(["test result: ok. 4 passed; 0 failed; 0 ignored"]).passed,
            4
        );
    }

    #[test]
    fn output_that_is_not_a_result_or_not_text_counts_for_nothing() {
        assert_eq!(
            tally([&b"error: could not compile\n\xff\xfe 3 passed\n"[..]]),
            Tally::default()
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
    fn nothing_run_is_no_success() {
        assert!(!Tally::default().is_success());
        assert!(Tally::PASSED.is_success());
        assert!(!Tally::FAILED.is_success());
    }
}
