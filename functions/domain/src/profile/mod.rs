//! Profiles: what a node gets at its launch, and the tags of nodes that Hookline only names.
//!
//! [`types`] and [`naming`] are the types, [`validation`] has the rules, [`schema`] makes the JSON
//! Schema from the types.

pub mod naming;
pub mod request_rates;
pub mod schema;
pub mod types;
pub mod validation;

pub use naming::NamingProfile;
pub use request_rates::{RequestRates, TokenBucket};
pub use types::{Addressing, Hook, Ipv6, Profile, Selector, Slot, TagSelector};
pub use validation::Problems;
