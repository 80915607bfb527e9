//! What a node of one group must get: the profile of a launch, and the profile of nodes that are only named.
//!
//! [`types`] and [`naming`] are the shapes, [`validation`] the rules, [`schema`] the JSON Schema made from the shapes.

pub mod naming;
pub mod request_rates;
pub mod schema;
pub mod types;
pub mod validation;

pub use naming::NamingProfile;
pub use request_rates::{RequestRates, TokenBucket};
pub use types::{Addressing, Hook, Ipv6, Profile, Selector, Slot, TagSelector};
