//! Hookline prepares an EC2 instance between the moment its Auto Scaling group launches it and the moment the group puts it
//! InService: it names and tags the node, gives it its secondary network interfaces, proves that they are there, and only then
//! completes the launch lifecycle hook.
//!
//! What is decided, and why, is in [`hookline_domain`]. Here is what surrounds it:
//!
//! - [`aws`]: one function a call. SDK types in, domain types out, errors sorted by name.
//! - [`handlers`]: one module a Lambda function. Each observes, lets the domain decide, and writes.
//! - [`metrics`]: what CloudWatch shows. Handlers measure, and the runtime writes after each invocation.
//! - [`runtime`]: what every binary in `src/bin` shares: clients made once, JSON in and out, logs.

pub mod aws;
pub mod handlers;
pub mod metrics;
pub mod runtime;
