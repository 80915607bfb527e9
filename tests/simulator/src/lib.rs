//! The scale-out simulator: Hookline in virtual time. It runs the real function handlers and the
//! real AWS SDK against the fake AWS, on tokio's paused clock. Hours pass in seconds, and one seed
//! always gives the same history.
//!
//! Some parts are not real: [`walker`] takes the place of Step Functions (it reads the state
//! machine's own file, and a test compares it with the real engine), and [`lambda`] that of Lambda's
//! sandboxes. The nodes are those of the fake AWS (`hookline_local::node`): they boot, a gate holds
//! kubelet back, and the VPC CNI attaches interfaces of its own. [`tap`] injects faults into calls;
//! [`faults`] is the fault matrix.

// JSON is indexed by name, which gives null for an absent field.
#![allow(clippy::indexing_slicing)]

pub mod cells;
mod executions;
pub mod faults;
pub mod lambda;
mod listings;
pub mod minutes;
pub mod progress;
mod reconcile;
pub mod report;
pub mod run;
pub mod setting;
mod shared;
pub mod strategy;
pub mod tap;
pub mod walker;
