//! The progress of a scale-out.

use std::fmt;
use std::time::Duration;

/// The progress of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Since the scale-out, in virtual time.
    pub elapsed: Duration,
    /// Nodes InService.
    pub in_service: usize,
    /// The nodes to launch.
    pub nodes: usize,
    /// Executions under way, and invocations of `reconcile`.
    pub running: usize,
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            elapsed,
            in_service,
            nodes,
            running,
        } = self;
        let seconds = elapsed.as_secs();
        write!(
            f,
            "after {seconds} s: {in_service} of {nodes} InService, {running} running"
        )
    }
}

/// Writes the progress of a run to standard error, each minute of virtual time.
pub fn each_minute() -> impl FnMut(Progress) {
    let mut said = None;
    move |progress: Progress| {
        let minute = progress.elapsed.as_secs() / 60;
        if said.replace(minute) != Some(minute) {
            eprintln!("{progress}");
        }
    }
}
