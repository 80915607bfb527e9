//! What the demo shows: progress while it runs, and what came of it.

pub mod naming;
pub mod progress;
pub mod report;
