//! Hookline prepares an EC2 instance after its Auto Scaling group launches it and before the group
//! puts it InService. It names and tags the node, attaches its secondary network interfaces,
//! verifies them, and then completes the launch lifecycle hook.
//!
//! The decisions are in [`hookline_domain`]. This crate has what surrounds them:
//!
//! - [`aws`]: one function for each API call. It returns domain types and named errors.
//! - [`handlers`]: one module for each Lambda function. Each observes, lets the domain decide, and
//!   writes.
//! - [`metrics`]: the metrics in CloudWatch. Handlers measure, and the runtime writes after each
//!   invocation.
//! - [`runtime`]: what every program in `src/bin` shares: clients, JSON in and out, logs.

pub mod aws;
pub mod handlers;
pub mod metrics;
pub mod runtime;
