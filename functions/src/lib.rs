//! Hookline prepares an EC2 instance between the moment its Auto Scaling group launches it and the moment
//! the group puts it InService: it names and tags the node, gives it its secondary network interfaces,
//! proves that they are there, and only then completes the launch lifecycle hook.
//!
//! - [`domain`] is the pure part: the event, the profile, addresses, the plan. It knows no SDK and does no I/O.
//! - [`aws`] is the thin part: one function a call, SDK types in, domain types out, errors sorted by name.
//! - [`handlers`] holds one module a Lambda function. Each takes a payload and returns a value.
//! - [`metrics`] is what CloudWatch shows: measured by the handlers, written after each invocation.
//! - [`runtime`] is what every binary in `src/bin` shares: clients made once, JSON in and out, logs.

pub mod aws;
pub mod domain;
pub mod error;
pub mod handlers;
pub mod metrics;
pub mod runtime;

pub use error::{Error, Result};
