//! Hookline in virtual time: the real function handlers and the real AWS SDK against the model of the fake AWS, on
//! tokio's paused clock. Hours pass in seconds, and one seed gives one history.
//!
//! What is not real here says so: [`walker`] stands in for Step Functions (it reads the state machine's own file, and a
//! test holds it against the real engine), [`lambda`] for Lambda's sandboxes, [`others`] for who else calls EC2, [`tap`] is where
//! faults strike calls.

// JSON is indexed by name here, which gives null where nothing is.
#![allow(clippy::indexing_slicing)]

pub mod cells;
mod executions;
pub mod faults;
pub mod lambda;
pub mod others;
pub mod progress;
mod reconcile;
pub mod report;
pub mod run;
mod shared;
pub mod strategy;
pub mod tap;
pub mod walker;
