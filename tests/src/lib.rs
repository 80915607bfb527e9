//! What the end-to-end tests and the demo share.
//!
//! - [`connector`] puts the simulated AWS behind the real SDK, in process.
//! - [`scene`] builds a VPC, subnets, networks and a group with ordinary AWS calls, and the profile for them.
//! - [`deployment`] is Hookline deployed on one machine: the real state machine in a real engine, the real function
//!   binaries over the real Runtime API, and a rule that starts an execution for each launch.
//! - [`invariants`] looks at the simulated AWS from outside and says which promises are broken.

pub mod connector;
pub mod demo;
pub mod deployment;
pub mod invariants;
pub mod scene;
