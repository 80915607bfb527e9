//! IAM: the policies of roles, and whether they allow a call.
//!
//! - `pattern`: texts with wildcards;
//! - `condition`: the Condition element;
//! - `policy`: documents, statements, and the verdict.

mod condition;
mod pattern;
mod policy;

pub use condition::Context;
pub use pattern::{Pattern, ResourcePattern};
pub use policy::{AuthorizationRequest, Decision, Policy, PolicyError, decide};
