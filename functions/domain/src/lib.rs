//! What Hookline decides, as pure functions: no SDK, no clock, no I/O. Unit tests need no AWS,
//! neither real nor fake.

pub mod addresses;
pub mod admission;
pub mod adopt;
pub mod create_network_interface;
pub mod deployment;
pub mod error;
pub mod event;
pub mod execution;
#[cfg(test)]
mod fixtures;
pub mod ids;
pub mod instance;
pub mod instance_type;
pub mod interface;
mod json_schema;
pub mod lifecycle;
pub mod naming;
pub mod parse;
pub mod placement;
pub mod profile;
pub mod quotas;
pub mod reconcile;
pub mod startup_taint;
pub mod tags;
pub mod time;
pub mod wiring;

pub use error::{Error, Result};
