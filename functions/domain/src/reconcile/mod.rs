//! What reconcile decides: about launches that wait at their hook, and about interfaces that belong to no launch.

pub mod launches;
pub mod orphans;

pub use launches::*;
