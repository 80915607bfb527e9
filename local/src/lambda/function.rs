//! One function: its configuration, its counters, and its log.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::time::Duration;

/// The configuration that a function is registered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionConfig {
    /// The function's name, unique in the account and Region.
    pub name: String,
    /// The program: a custom runtime's `bootstrap`, under any file name.
    pub program: PathBuf,
    /// How long one invocation may take.
    pub timeout: Duration,
    /// How many invocations may run at once. `None`: it shares the account's unreserved
    /// concurrency.
    pub reserved_concurrency: Option<u32>,
    /// The memory size in MB. The function sees it; it is not enforced.
    pub memory_mb: u32,
    /// The ARN of its execution role. `None`: its calls are not restricted.
    pub role: Option<String>,
    /// The function's own environment variables.
    pub environment: BTreeMap<String, String>,
    /// What it is for, in words.
    pub description: String,
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
            role: None,
            environment: BTreeMap::new(),
            description: String::new(),
        }
    }
}

/// The versions of a function that were published.
#[derive(Debug, Default)]
pub(super) struct Versions {
    /// The number of the last one. A number is not used again.
    last: u32,
    /// Code and settings, by number.
    pub(super) published: BTreeMap<u32, FunctionConfig>,
}

impl Versions {
    /// Publishes a version, and returns its number. If neither code nor settings have changed since
    /// the last one, that one is the answer (Lambda API Reference, PublishVersion).
    pub(super) fn publish(&mut self, config: &FunctionConfig) -> u32 {
        if self.published.get(&self.last) != Some(config) {
            self.last += 1;
            self.published.insert(self.last, config.clone());
        }
        self.last
    }
}

/// The counters of a function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Started invocations.
    pub invocations: u64,
    /// Invocations that started a new program.
    pub cold_starts: u64,
    /// Invocations that ended in a function error, including timeouts and crashes.
    pub errors: u64,
    /// Function errors that were timeouts.
    pub timeouts: u64,
    /// Invocations refused for lack of concurrency.
    pub throttles: u64,
    /// The highest number of concurrent invocations.
    pub max_concurrency: u32,
}

/// One line that a function wrote to its standard output or standard error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// The number of the sandbox (the process) that wrote it, from 1 over all functions.
    pub sandbox: u64,
    /// The invocation that was running, if any.
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
    /// Enough for the logs of a demo. The limit protects the machine from a function that logs
    /// without end.
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
