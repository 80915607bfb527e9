//! The pure part: no SDK, no clock, no I/O. What is decided here is tested without an AWS, real or simulated.

pub mod addresses;
pub mod adopt;
pub mod event;
pub mod ids;
pub mod limits;
pub mod naming;
pub mod ownership;
pub mod pace;
pub mod parse;
pub mod plan;
pub mod profile;
pub mod ranges;
pub mod rates;
pub mod reconcile;
pub mod schema;
pub mod unowned;
pub mod validate;
pub mod wiring;
