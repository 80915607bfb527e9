//! What is known of one function: its configuration, what happened to it so far, and what it wrote to its log.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::time::Duration;

/// The configuration that a function is registered with.
#[derive(Clone, Debug)]
pub struct FunctionConfig {
    /// The function's name, unique in the account and region.
    pub name: String,
    /// The program: a custom runtime's `bootstrap`, under whatever file name.
    pub program: PathBuf,
    /// How long one invocation may take.
    pub timeout: Duration,
    /// How many invocations may run at once; `None` shares what the account has left.
    pub reserved_concurrency: Option<u32>,
    /// The memory size, which is told to the function but not enforced.
    pub memory_mb: u32,
    /// The function's own environment variables.
    pub environment: BTreeMap<String, String>,
}

impl FunctionConfig {
    /// A function with Lambda's own defaults: 3 seconds, 128 MB, no reserved concurrency.
    pub fn new(name: impl Into<String>, program: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            program: program.into(),
            timeout: Duration::from_secs(3),
            reserved_concurrency: None,
            memory_mb: 128,
            environment: BTreeMap::new(),
        }
    }
}

/// How often things happened to a function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Invocations that were begun.
    pub invocations: u64,
    /// Invocations for which a program had to be started first.
    pub cold_starts: u64,
    /// Invocations that ended in a function error, timeouts and crashes included.
    pub errors: u64,
    /// Of the errors, those that were timeouts.
    pub timeouts: u64,
    /// Invocations refused for lack of concurrency.
    pub throttles: u64,
    /// The most invocations that ever ran at once.
    pub max_concurrency: u32,
}

/// One line that a function wrote to its standard output or standard error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// The number of the sandbox (the process) that wrote it, counted from 1 over all functions.
    pub sandbox: u64,
    /// The invocation that was running then, if one was.
    pub request_id: Option<String>,
    /// The line, without its end.
    pub text: String,
}

/// The newest lines of a function's log.
#[derive(Debug, Default)]
pub(super) struct LogBuffer {
    lines: VecDeque<LogLine>,
}

impl LogBuffer {
    /// Enough for a demonstration's worth of JSON logs; a runaway function must not eat the machine.
    const MAX_LINES: usize = 10_000;

    pub(super) fn push(&mut self, line: LogLine) {
        if self.lines.len() == Self::MAX_LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    pub(super) fn lines(&self) -> Vec<LogLine> {
        self.lines.iter().cloned().collect()
    }
}
